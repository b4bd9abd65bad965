#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # bats sets stderr; what is in single quotes is for another shell
#
# --explain tells each step of a start, --dry-run what they would be.

load containers

@test "--explain shows the steps on standard error, and the output stays the command's" {
    box --explain -- echo hello
    assert_status 0
    assert_output hello
    for step in 'make a process in new namespaces' 'map user and group ids' 'change to the root file system' \
        'restrict by Landlock' 'filter system calls' 'execute echo'; do
        assert_stderr "*$step*"
    done
    [[ $(grep -cE '^ *[0-9]+\.[0-9] +[0-9.]* +(parent|child) ' <<<"$stderr") == $(wc -l <<<"$stderr") ]] || fail "$stderr"
}

@test "--explain=json is one object a line, in order, with times" {
    need jq
    box --explain=json -- true
    assert_status 0
    jq -es 'length > 20 and all(.[]; (.side == "parent" or .side == "child") and (.step | length > 0) and (.call | type == "string"))' \
        <<<"$stderr" >/dev/null
    jq -es '[.[] | select(.side == "child") | .at_ns] | . == sort and all(. > 0)' <<<"$stderr" >/dev/null
    jq -es 'all(.[:-1][]; .done == true and .took_ns >= 0)' <<<"$stderr" >/dev/null
    jq -es '.[-1].step | startswith("execute")' <<<"$stderr" >/dev/null
}

@test "--explain shows which step failed" {
    try ruche run --rm --explain=json -u nosuch busybox true
    assert_status 125
    grep '^{' <<<"$stderr" | jq -es '.[-1] | (.step | startswith("find the user")) and .done == false and .took_ns >= 0' >/dev/null
    assert_stderr '*ruche: no such user*'
}

@test "start --explain" {
    name=$(random_name)
    ruche create --name "$name" busybox true
    try ruche start --explain "$name"
    assert_status 0
    assert_output "$name"
    assert_stderr '*execute true*'
    try timeout -s KILL 60 bash -c '"$RUCHE" --root "$ROOT" --run "$RUN" run -d --explain busybox sh -c "while :; do echo; sleep 0.1; done" 2>&1 | cat'
    assert_match '*execute sh*'
}

@test "an unknown format is an error" {
    try ruche run --rm --explain=xml busybox true
    assert_error 125 '*--explain*json*'
}

# All that is kept; a directory's time may change, where something was leased and given back.
state_of() {
    find "$ROOT" "$RUN" \( -type d -printf '%p %i\n' \) -o -printf '%p %i %s %T@\n' | sort
}

mounts_nothing() {
    local before
    before=$(cat /proc/self/mountinfo)
    ruche run --dry-run -v "$BATS_TEST_TMPDIR/missing:/data" busybox true >/dev/null 2>&1
    [[ $(cat /proc/self/mountinfo) == "$before" ]]
}

@test "--dry-run prints the steps, and does nothing" {
    ruche images >/dev/null
    ruche run --rm busybox true
    eventually no_processes # its monitor deletes last
    before=$(state_of)
    name=$(random_name)
    try ruche run --dry-run --name "$name" -v "$BATS_TEST_TMPDIR/missing:/data" busybox sh -c 'echo hel""lo'
    assert_status 0
    assert_output ''
    assert_stderr '*make a process in new namespaces*/data*execute sh*'
    [[ $stderr != *hello* ]]
    [[ ! -e $BATS_TEST_TMPDIR/missing ]]
    [[ $(state_of) == "$before" ]]
    eventually mounts_nothing # somebody else may do so meanwhile
    [[ -z $(ruche ps -aq) ]]
    try ruche create --dry-run busybox true
    assert_status 0
    [[ -z $(ruche ps -aq) ]]
}

@test "--dry-run --explain=json parses, without times" {
    need jq
    try ruche run --dry-run --explain=json busybox true
    assert_status 0
    jq -es 'length > 20 and all(.[]; has("step") and (has("at_ns") | not))' <<<"$stderr" >/dev/null
}

@test "--dry-run finds what is wrong" {
    try ruche run --dry-run localhost/nosuch
    assert_error 125 '*nosuch*'
    try ruche run --dry-run -m 1x busybox true
    assert_error 125 '*--memory*'
}

@test "an option more is a step more" {
    ruche run --dry-run busybox true 2>"$BATS_TEST_TMPDIR/plain"
    ruche run --dry-run --sysctl net.ipv4.ip_forward=1 --ulimit nofile=100 --security-opt seccomp=unconfined busybox true \
        2>"$BATS_TEST_TMPDIR/more"
    grep -q ip_forward "$BATS_TEST_TMPDIR/more"
    grep -qi nofile "$BATS_TEST_TMPDIR/more"
    grep -q 'filter system calls' "$BATS_TEST_TMPDIR/plain"
    run ! grep -q 'filter system calls' "$BATS_TEST_TMPDIR/more"
}
