#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # bats sets stderr; what is in single quotes is for the shell inside
#
# SIGKILL to each of the processes that take part: the others go on, ps answers, an exit status is never invented, and rm -f
# cleans up.

load containers

setup() {
    common_setup
    BOX=$(random_name)
}

monitor_of() {
    jq -er .state.monitor_pid "$RUN/containers/$(ruche ps -aq --no-trunc)/state.json"
}

is_gone() {
    ! grep -qs '^State:.[^ZX]' "/proc/$1/status"
}

sleeps() {
    [[ $(<"/proc/$1/comm") == ruche-sleep ]]
}

is_awake() {
    ! sleeps "$1"
}

@test "a monitor that is stopped holds up no rm -f, stop or kill" {
    local monitor
    for command in 'rm -f' 'stop -t 0' 'kill'; do
        BOX=$(random_name)
        stay "$BOX"
        monitor=$(monitor_of)
        kill -STOP "$monitor"
        # Once it is let go on it records the end; it is not killed, and nobody waits for it for ever.
        # shellcheck disable=SC2086 # words
        timeout -s KILL 60 "$RUCHE" --root "$ROOT" --run "$RUN" $command "$BOX"
        if [[ $command != rm* ]]; then
            [[ $(ruche inspect "$BOX" | jq -r '.[0].State.ExitCode') == 137 ]] || fail "$command: its end is not known"
            ruche rm "$BOX"
        fi
    done
}

# A list is never held up.
assert_ps() {
    run timeout -s KILL 60 "$RUCHE" --root "$ROOT" --run "$RUN" ps -a
    assert_status 0
}

# After its monitor has gone: what is said of a container that may still run.
assert_unknown() {
    assert_ps
    ruche inspect "$BOX" >"$BATS_TEST_TMPDIR/json"
    [[ $(jq -r '.[0].State.ExitCode' "$BATS_TEST_TMPDIR/json") != 0 ]] || [[ $(jq -r '.[0].State.Running' "$BATS_TEST_TMPDIR/json") == true ]] ||
        fail "an exit status was invented" "$(jq '.[0].State' "$BATS_TEST_TMPDIR/json")"
}

@test "the command line: its container goes on, and is logged" {
    mkdir "$BATS_TEST_TMPDIR/door"
    ruche run --name "$BOX" -v "$BATS_TEST_TMPDIR/door:/door" busybox \
        sh -c 'echo ready; until [ -e /door/open ]; do sleep 0.05; done; echo after; exit 3' >"$BATS_TEST_TMPDIR/out" &
    eventually grep -q ready "$BATS_TEST_TMPDIR/out"
    child=$(pgrep -P $! -x ruche || true)
    kill -KILL "${child:-$!}"
    wait $! || true
    : >"$BATS_TEST_TMPDIR/door/open"
    assert_ps
    [[ $(ruche wait "$BOX") == 3 ]]
    [[ $(ruche logs "$BOX") == $'ready\nafter' ]]
}

@test "the monitor, awake" {
    ruche run -d --name "$BOX" busybox sh -c 'while :; do echo tick; sleep 0.2; done' >/dev/null
    pid=$(pid_of "$BOX")
    monitor=$(monitor_of)
    [[ $monitor =~ ^[0-9]+$ ]]
    eventually is_awake "$monitor"
    kill -KILL "$monitor"
    eventually is_gone "$monitor"
    assert_ps
    assert_unknown
    ruche rm -f "$BOX"
    is_gone "$pid"
}

@test "the monitor, asleep" {
    stay "$BOX"
    pid=$(pid_of "$BOX")
    monitor=$(monitor_of)
    eventually sleeps "$monitor"
    kill -KILL "$monitor"
    eventually is_gone "$monitor"
    assert_ps
    assert_unknown
    ruche rm -f "$BOX"
    is_gone "$pid"
}

@test "the monitor, then the container ends by itself: nobody knows how" {
    mkdir "$BATS_TEST_TMPDIR/door"
    ruche run -d --name "$BOX" -v "$BATS_TEST_TMPDIR/door:/door" busybox sh -c 'until [ -e /door/open ]; do sleep 0.05; done; exit 5' \
        >/dev/null
    pid=$(pid_of "$BOX")
    kill -KILL "$(monitor_of)"
    : >"$BATS_TEST_TMPDIR/door/open"
    eventually is_gone "$pid"
    assert_unknown
    [[ $output == *'nobody knows'* ]] || fail "$output"
    try ruche wait "$BOX"
    assert_status 1
    assert_stderr '*nobody knows*'
    ruche rm "$BOX"
}

@test "the monitor: what runs on can be stopped and killed, and started again" {
    stay "$BOX"
    pid=$(pid_of "$BOX")
    kill -KILL "$(monitor_of)"
    run timeout -s KILL 60 "$RUCHE" --root "$ROOT" --run "$RUN" stop -t 0 "$BOX"
    eventually is_gone "$pid"
    assert_ps
    run timeout -s KILL 60 "$RUCHE" --root "$ROOT" --run "$RUN" start "$BOX"
    assert_status 0
    has_status "$BOX" running
}

@test "the monitor of an attached one: the command line ends, and does not invent" {
    ruche run --name "$BOX" busybox sh -c 'echo ready; sleep 10000' >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" &
    client=$!
    eventually grep -q ready "$BATS_TEST_TMPDIR/out"
    kill -KILL "$(monitor_of)"
    ruche rm -f "$BOX" >/dev/null
    wait "$client" && code=0 || code=$?
    ((code != 0)) || fail "it ended with success"
}

@test "the container's first process: 137" {
    need_root
    stay "$BOX"
    kill -KILL "$(pid_of "$BOX")"
    [[ $(timeout -s KILL 60 "$RUCHE" --root "$ROOT" --run "$RUN" wait "$BOX") == 137 ]]
    assert_ps
    has_status "$BOX" exited
    no_process_inside
}

@test "the monitor of one that removes itself" {
    stay "$BOX" --rm
    pid=$(pid_of "$BOX")
    kill -KILL "$(monitor_of)"
    kill -KILL "$pid"
    eventually is_gone "$pid"
    assert_ps
    ruche rm -f "$BOX" 2>/dev/null
    [[ -z $(ruche ps -aq) ]]
}

@test "a run that is killed at any moment leaves nothing that rm -f cannot remove" {
    ruche images >/dev/null
    box -- true
    for delay in 0.001 0.002 0.004 0.006 0.008 0.010 0.012 0.015 0.020 0.030; do
        timeout -s KILL "$delay" "$RUCHE" --root "$ROOT" --run "$RUN" run --name "k-$delay" busybox sleep 10000 >/dev/null 2>&1 || true
        assert_ps
    done
    remove_all
    [[ -z $(ruche ps -aq) ]]
    run ruche ps -q # sweeps what has no record
    assert_output ''
    box -- echo fine
    assert_output fine
}

@test "an rm that is killed is completed by the next command" {
    for delay in 0.001 0.002 0.003 0.005 0.008; do
        name=$(random_name)
        stay "$name"
        timeout -s KILL "$delay" "$RUCHE" --root "$ROOT" --run "$RUN" rm -f "$name" >/dev/null 2>&1 || true
        assert_ps
        ruche rm -f "$name" >/dev/null 2>&1
    done
    [[ -z $(ruche ps -aq) ]]
}

@test "the run directory is wiped, as by a reboot" {
    ruche run --name "$BOX" busybox true
    rm -rf "$RUN"
    assert_ps
    has_status "$BOX" exited
    [[ $(ruche wait "$BOX") == 0 ]]
    ruche start "$BOX"
    [[ $(ruche wait "$BOX") == 0 ]]
}
