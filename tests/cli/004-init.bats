#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # what is in single quotes is for the shell under init
#
# ruche-init by itself: process 1 of a pid namespace made by unshare(1).

load helpers

setup() {
    common_setup
    INIT=$(dirname "$RUCHE")/ruche-init
    [[ -x $INIT ]] || skip "ruche-init is not built"
    NEW=(unshare --user --map-root-user --pid --fork --mount-proc)
    "${NEW[@]}" true 2>/dev/null || skip "no user namespaces"
}

@test "init is small, static, and has nothing to relocate" {
    (($(stat -c %s "$INIT") < 16384))
    command -v readelf >/dev/null || skip "readelf is missing"
    run readelf -rl "$INIT"
    assert_match '*no relocations*'
    [[ $output != *INTERP* ]]
}

@test "init ends as its command" {
    run "$INIT" -- true
    assert_status 0
    run "$INIT" -- sh -c 'exit 7'
    assert_status 7
    run "$INIT" -- sh -c 'kill -KILL $$'
    assert_status 137
}

@test "init passes arguments and environment on" {
    VARIABLE='two words' run "$INIT" -- sh -c 'printf "%s,%s,%s\n" "$VARIABLE" "$1" "$2"' sh 'a b' ''
    assert_output 'two words,a b,'
}

@test "init says what it cannot execute" {
    run -127 "$INIT" -- nosuch-command
    assert_output 'ruche-init: nosuch-command: command not found'
    run -127 "$INIT" -- /nosuch/command
    run "$INIT" -- /
    assert_status 126
    assert_output 'ruche-init: /: permission denied'
    echo text >"$BATS_TEST_TMPDIR/file"
    chmod +x "$BATS_TEST_TMPDIR/file"
    run "$INIT" -- "$BATS_TEST_TMPDIR/file"
    assert_status 126
    run "$INIT"
    assert_status 125
    run "$INIT" sh
    assert_status 125
}

@test "init searches PATH" {
    mkdir "$BATS_TEST_TMPDIR/first" "$BATS_TEST_TMPDIR/second"
    printf '#!/bin/sh\necho second\n' >"$BATS_TEST_TMPDIR/second/tool"
    echo 'not executable' >"$BATS_TEST_TMPDIR/first/tool"
    chmod +x "$BATS_TEST_TMPDIR/second/tool"
    run env PATH="/nosuch:$BATS_TEST_TMPDIR/first:$BATS_TEST_TMPDIR/second" "$INIT" -- tool
    assert_output second
    run env PATH="$BATS_TEST_TMPDIR/first" "$INIT" -- tool
    assert_status 126
    run -127 env PATH= "$INIT" -- tool
    run env -u PATH "$INIT" -- true
    assert_status 0
}

@test "init is process 1, and reaps orphans" {
    run "${NEW[@]}" "$INIT" -- sh -c '
        read -r name </proc/1/comm
        (sh -c "exit 3" &)
        sleep 0.3
        i=0 # a busy machine has its time
        while [ $i -lt 300 ] && grep -qs "^State:.Z" /proc/[0-9]*/status; do sleep 0.1; i=$((i + 1)); done
        grep -ls "^State:.Z" /proc/[0-9]*/status
        echo "$name $$"'
    assert_output 'ruche-init 2'
}

@test "init hands signals on" {
    run "${NEW[@]}" "$INIT" -- sh -c '
        trap "echo term; exit 6" TERM
        kill -TERM 1
        while :; do sleep 0.05; done'
    assert_status 6
    assert_output term
}

@test "init leaves no signal blocked or ignored" {
    run "$INIT" -- grep -E '^Sig(Blk|Ign)' /proc/self/status
    [[ ${lines[0]} == SigBlk*0000000000000000 ]]
    # Whoever runs the tests may ignore the signal.
    run env --default-signal "${NEW[@]}" "$INIT" -- sh -c 'kill -HUP 1; sleep 100'
    assert_status 129
}

@test "init ends with its command, whatever others do" {
    run timeout 300 "${NEW[@]}" "$INIT" -- sh -c 'sleep 10000 & exit 4'
    assert_status 4
}

@test "init gives the command the terminal's foreground" {
    command -v script >/dev/null || skip "script is missing"
    run timeout 300 script -qec "$INIT -- sh -c 'ps -o pid=,pgid=,tpgid= -p \$\$'" /dev/null
    read -r pid group foreground <<<"${output//$'\r'/}"
    [[ -n $pid && $pid == "$group" && $pid == "$foreground" ]] || fail "$output"
}
