#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # bats sets stderr; what is in single quotes is for the shell inside
#
# ENTRYPOINT and CMD of the image, the command line's own, and all they can be together; and the rest of an image's configuration.

load images

# Programs of the file system, which print what they were called with.
setup_file() {
    need_all busybox
    cd "$BATS_FILE_TMPDIR" || return 1
    make_rootfs rootfs
    for program in entry other; do
        printf '#!/bin/sh\nprintf "%s"\nfor word; do printf " <%%s>" "$word"; done\necho\n' "$program" >"rootfs/bin/$program"
    done
    chmod 755 rootfs/bin/entry rootfs/bin/other
    make_tar layer.tar rootfs
}

# image NAME CONFIG: loads an image of that configuration
image() {
    make_layout "$BATS_TEST_TMPDIR/$1" "localhost/$1:latest" "$2" "$BATS_FILE_TMPDIR/layer.tar"
    ruche load -q -i "$BATS_TEST_TMPDIR/$1"
}

# says EXPECTED ARGUMENT...
says() {
    local expected=$1
    shift
    try ruche run --rm "$@"
    assert_status 0
    assert_output "$expected"
}

@test "CMD alone is what is run, unless there is a command" {
    image one '{"Cmd":["entry","a","b c"]}'
    says 'entry <a> <b c>' localhost/one
    says 'other <x>' localhost/one other x
}

@test "ENTRYPOINT alone gets the command as its arguments" {
    image one '{"Entrypoint":["entry","a"]}'
    says 'entry <a>' localhost/one
    says 'entry <a> <x> <y>' localhost/one x y
}

@test "ENTRYPOINT with CMD: CMD is what the command stands in for" {
    image one '{"Entrypoint":["entry","a"],"Cmd":["b"]}'
    says 'entry <a> <b>' localhost/one
    says 'entry <a> <x>' localhost/one x
}

@test "--entrypoint stands in for the image's, and drops its CMD" {
    image one '{"Entrypoint":["entry","a"],"Cmd":["b"]}'
    says 'other' --entrypoint other localhost/one
    says 'other <x>' --entrypoint other localhost/one x
}

@test "--entrypoint '' drops it, and a command is needed then" {
    image one '{"Entrypoint":["entry","a"],"Cmd":["b"]}'
    says 'other <x>' --entrypoint '' localhost/one other x
    try ruche run --rm --entrypoint '' localhost/one
    assert_error 125 '*command*'
}

@test "neither of them, and no command, is an error" {
    image one '{}'
    try ruche run --rm localhost/one
    assert_error 125 '*command*'
    says 'entry <x>' localhost/one entry x
}

@test "user, environment, directory, stop signal and labels are the image's" {
    image one '{"User":"bee","Env":["A=image","B=kept","PATH=/bin"],"WorkingDir":"/srv/made","StopSignal":"SIGUSR1","Labels":{"one":"1","two":"2"},"Cmd":["sh","-c","id -u; echo $A $B; pwd"]}'
    try ruche run --rm -e A=ours localhost/one sh -c 'id -u; echo $A $B $PATH; cd .; echo $PWD'
    assert_output $'1000\nours kept /bin\n/srv/made'
    ruche create --name box -l two=ours localhost/one
    [[ $(ruche inspect box | jq -r '.[0].Config.StopSignal') == *USR1 ]]
    [[ $(ruche inspect box | jq -cS '.[0].Config.Labels') == '{"one":"1","two":"ours"}' ]]
}

@test "options after the image are the command's" {
    image one '{"Entrypoint":["entry"]}'
    says 'entry <--rm> <-d> <--help>' localhost/one --rm -d --help
}
