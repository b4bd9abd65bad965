#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helpers

@test "--version prints one line" {
    run ruche --version
    assert_status 0
    assert_match 'ruche version [0-9]*.[0-9]*.[0-9]*'
    ((${#lines[@]} == 1))
}

@test "-v is --version, before any command" {
    run ruche -v ps
    assert_status 0
    assert_match 'ruche version *'
}

@test "version tells what it speaks, and where it runs" {
    run ruche version
    assert_status 0
    assert_match "Version:*OCI runtime:*OCI image:*Kernel:*$(uname -r)*Architecture:*$(uname -m)"
    number=$(ruche --version)
    [[ ${lines[0]} == *" ${number##* }" ]]
}

@test "the version makes no directory" {
    ruche version >"$BATS_TEST_TMPDIR/out"
    [[ ! -e $ROOT && ! -e $RUN ]]
}

@test "a full disk is not success" {
    [[ -c /dev/full ]] || skip "there is no /dev/full"
    # shellcheck disable=SC2016
    run --separate-stderr bash -c '"$RUCHE" version >/dev/full'
    assert_status 125
    assert_stderr 'ruche: write to the standard output: *'
}
