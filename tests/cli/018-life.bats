#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # bats sets stderr; what is in single quotes is for the shell inside
#
# A container's life: created, started, stopped, killed, paused, waited for, removed.

load containers

# What ps tells of one container: ps_status NAME
ps_status() {
    ruche ps -a --no-trunc | awk -F '   +' -v name="$1" '$NF == name { print $(NF - 1) }'
}

@test "create, start, wait, rm" {
    name=$(random_name)
    id=$(ruche create --name "$name" busybox sh -c 'echo said; exit 6')
    [[ $id =~ ^[0-9a-f]{64}$ ]]
    [[ $(status_of "$name") == created && $(ps_status "$name") == Created ]]
    [[ -z $(ruche ps -q) && $(ruche ps -aq --no-trunc) == "$id" ]]
    run ruche start "$name"
    assert_status 0
    assert_output "$name"
    run ruche wait "$name"
    assert_output 6
    [[ $(ps_status "$name") == 'Exited (6) '*' ago' ]]
    [[ $(ruche logs "$name") == said ]]
    run ruche rm "$name"
    assert_output "$name"
    [[ -z $(ruche ps -aq) ]]
}

@test "start -a shows what it says, and ends as it ends" {
    name=$(random_name)
    ruche create --name "$name" busybox sh -c 'echo out; echo err >&2; exit 9' >/dev/null
    try ruche start -a "$name"
    assert_status 9
    assert_output out
    assert_stderr err
}

@test "start -i passes standard input on" {
    name=$(random_name)
    ruche create -i --name "$name" busybox cat >/dev/null
    try ruche start -i "$name" <<<'through'
    assert_status 0
    assert_output through
}

@test "one started again keeps what it wrote" {
    name=$(random_name)
    ruche run --name "$name" busybox sh -c 'echo line >>/file; cat /file'
    try ruche start -a "$name"
    assert_output $'line\nline'
    try ruche start -a "$name"
    assert_output $'line\nline\nline'
    run ruche logs "$name"
    ((${#lines[@]} == 6)) || fail "$output"
    [[ $(stat -c %u "$ROOT"/containers/*/upper/file 2>/dev/null || echo 0) == 0 ]]
}

@test "start of what runs is fine" {
    name=$(random_name)
    stay "$name"
    pid=$(pid_of "$name")
    run ruche start "$name"
    assert_status 0
    [[ $(pid_of "$name") == "$pid" ]]
}

@test "run -d prints the id, and the container runs" {
    name=$(random_name)
    run ruche run -d --name "$name" busybox sleep 10000
    assert_status 0
    [[ $output =~ ^[0-9a-f]{64}$ ]]
    has_status "$name" running
    [[ $(ps_status "$name") == 'Up '* ]]
    kill -0 "$(pid_of "$name")"
}

@test "a container is found by its name, its id, and the id's beginning" {
    name=$(random_name)
    id=$(ruche create --name "$name" busybox true)
    for word in "$name" "$id" "${id:0:12}" "${id:0:4}"; do
        [[ $(ruche inspect "$word" | jq -r '.[0].Id') == "$id" ]]
    done
    try ruche inspect "${id:1:12}"
    assert_status 1
}

@test "a name is taken once, and free again after rm" {
    name=$(random_name)
    first=$(ruche create --name "$name" busybox true)
    try ruche create --name "$name" busybox true
    assert_error 125 "*$name*"
    try ruche run --rm --name "$name" busybox true
    assert_error 125 "*$name*"
    [[ $(ruche ps -aq --no-trunc) == "$first" ]]
    ruche rm "$name"
    ruche create --name "$name" busybox true
}

@test "names are checked" {
    for name in /x .. a -x 'a b' $'a\nb' 'ü' "$(printf 'x%.0s' {1..300})"; do
        try ruche create --name="$name" busybox true
        assert_status 125
    done
    [[ -z $(ruche ps -aq) ]]
}

@test "a container without a name gets one" {
    ruche create busybox true
    run ruche inspect "$(ruche ps -aq)"
    [[ $(jq -r '.[0].Name' <<<"$output") =~ ^/?[a-z]+_[a-z]+ ]] || fail "$output"
}

@test "stop sends SIGTERM, and waits until it has ended" {
    name=$(random_name)
    ruche run -d --name "$name" busybox sh -c 'trap "echo stopping; exit 4" TERM; echo ready; while :; do sleep 0.05; done'
    eventually said "$name" ready
    run ruche stop "$name"
    assert_status 0
    assert_output "$name"
    has_status "$name" exited
    run ruche logs "$name"
    assert_line stopping
    [[ $(ruche wait "$name") == 4 ]]
}

said() {
    [[ $(ruche logs "$1" 2>&1) == *"$2"* ]]
}

@test "stop kills what does not obey, after its time" {
    name=$(random_name)
    stay "$name" # process 1 ignores what it does not handle
    ruche stop -t 0 "$name"
    [[ $(ruche wait "$name") == 137 ]]
    other=$(random_name)
    stay "$other" --stop-timeout 1
    ruche stop "$other"
    [[ $(ruche wait "$other") == 137 ]]
}

@test "stop sends the signal that was asked for" {
    name=$(random_name)
    ruche run -d --name "$name" --stop-signal USR1 busybox sh -c 'trap "exit 33" USR1; echo ready; while :; do sleep 0.05; done'
    eventually said "$name" ready
    ruche stop "$name"
    [[ $(ruche wait "$name") == 33 ]]
}

@test "stop of what does not run is fine, of what is not there an error" {
    name=$(random_name)
    ruche create --name "$name" busybox true >/dev/null
    run ruche stop "$name"
    assert_status 0
    try ruche stop "$name" nosuch
    assert_status 1
    assert_output "$name"
    assert_stderr 'ruche: no such container: nosuch'
}

@test "several are stopped at once" {
    first=$(random_name)
    second=$(random_name)
    stay "$first"
    stay "$second"
    run ruche stop -t 0 "$first" "$second"
    assert_status 0
    assert_line "$first"
    assert_line "$second"
    [[ -z $(ruche ps -q) ]]
}

@test "kill sends SIGKILL, or any other" {
    name=$(random_name)
    stay "$name"
    run ruche kill "$name"
    assert_output "$name"
    [[ $(ruche wait "$name") == 137 ]]
    has_status "$name" exited
    other=$(random_name)
    ruche run -d --name "$other" busybox sh -c 'trap "echo hup" HUP; trap "exit 5" USR2; echo ready; while :; do sleep 0.05; done'
    eventually said "$other" ready
    ruche kill -s HUP "$other"
    eventually said "$other" hup
    ruche kill -s SIGUSR2 "$other"
    [[ $(ruche wait "$other") == 5 ]]
    try ruche kill "$other"
    assert_status 1
    assert_stderr "ruche: *$other*not running*"
}

@test "all processes of a container end with its first" {
    name=$(random_name)
    ruche run -d --name "$name" busybox sh -c 'sleep 9876 & setsid sleep 9877 & sleep 0.3'
    ruche wait "$name"
    no_process_inside
}

@test "rm refuses what runs, rm -f does not" {
    name=$(random_name)
    stay "$name"
    try ruche rm "$name"
    assert_status 1
    assert_stderr "ruche: *$name*running*"
    has_status "$name" running
    pid=$(pid_of "$name")
    run ruche rm -f "$name"
    assert_output "$name"
    [[ ! -e /proc/$pid ]]
    no_process_inside
}

@test "--rm removes at the end, also of a detached one" {
    name=$(random_name)
    ruche run -d --rm --name "$name" busybox sh -c 'sleep 0.2' >/dev/null
    eventually gone "$name"
    other=$(random_name)
    stay "$other" --rm
    ruche stop -t 0 "$other"
    eventually gone "$other"
}

gone() {
    ! ruche inspect --type container "$1" >/dev/null 2>&1
}

# Its log gets no longer, in the time of ten of its lines.
stands_still() {
    local before
    before=$(ruche logs "$1" | wc -l)
    sleep 0.5
    (($(ruche logs "$1" | wc -l) == before))
}

@test "pause freezes, unpause lets go" {
    name=$(random_name)
    ruche run -d --name "$name" busybox sh -c 'i=0; while :; do echo $i; i=$((i + 1)); sleep 0.05; done'
    eventually said "$name" 1
    run ruche pause "$name"
    assert_status 0
    assert_output "$name"
    has_status "$name" paused
    [[ $(ps_status "$name") == 'Up '*'(Paused)' ]]
    # What it had said is on its way to the log yet.
    eventually stands_still "$name"
    before=$(ruche logs "$name" | wc -l)
    try ruche pause "$name"
    assert_status 1
    assert_stderr '*paused already*'
    run ruche unpause "$name"
    assert_output "$name"
    has_status "$name" running
    eventually said "$name" "$before"
    try ruche unpause "$name"
    assert_status 1
    assert_stderr '*not paused*'
}

@test "what is paused can be stopped, killed, removed" {
    for how in 'stop -t 0' kill 'rm -f'; do
        name=$(random_name)
        stay "$name"
        ruche pause "$name"
        # shellcheck disable=SC2086 # a command and its option
        run ruche $how "$name"
        assert_status 0
        [[ $how == 'rm -f' ]] || has_status "$name" exited
    done
}

@test "wait prints each status, in the order asked for" {
    names=("$(random_name)" "$(random_name)" "$(random_name)")
    ruche run -d --name "${names[0]}" busybox sh -c 'sleep 0.4; exit 1'
    ruche run -d --name "${names[1]}" busybox sh -c 'exit 2'
    ruche run -d --name "${names[2]}" busybox sh -c 'sleep 0.2; exit 3'
    run ruche wait "${names[@]}"
    assert_status 0
    assert_output $'1\n2\n3'
    run ruche wait "${names[1]}"
    assert_output 2
}

@test "ps lists the newest first, and its options choose" {
    first=$(ruche create --name "$(random_name)-1" busybox sh -c 'echo a long command line that does not fit')
    second=$(ruche create --name "$(random_name)-2" busybox true)
    run ruche ps -aq --no-trunc
    assert_output "$second"$'\n'"$first"
    run ruche ps -lq
    assert_output "${second:0:12}"
    run ruche ps -n 1 -q
    assert_output "${second:0:12}"
    run ruche ps -a
    [[ ${lines[2]} == "${first:0:12} "*'busybox '*'…'*Created* || ${lines[2]} == *'...'* ]] || fail "$output"
    run ruche ps -a --no-trunc
    [[ ${lines[2]} == *'that does not fit'* ]] || fail "$output"
}

@test "inspect tells what it was asked to be, and what it is" {
    name=$(random_name)
    ruche run -d --name "$name" -e A=b -w /tmp -u 1000 -m 64m --pids-limit 55 -h cell --stop-signal INT busybox sleep 10000
    ruche inspect "$name" >"$BATS_TEST_TMPDIR/json"
    run jq -r '.[0] | .State.Status, .State.Running, .State.ExitCode, .Config.WorkingDir, .Config.User, .Config.Hostname,
        .Config.StopSignal, .HostConfig.Memory, .HostConfig.PidsLimit, .Path, .Args[0], (.Config.Env | index("A=b") != null)' \
        "$BATS_TEST_TMPDIR/json"
    assert_output $'running\ntrue\n0\n/tmp\n1000\ncell\nSIGINT\n67108864\n55\nsleep\n10000\ntrue' ||
        assert_output $'running\ntrue\n0\n/tmp\n1000\ncell\nINT\n67108864\n55\nsleep\n10000\ntrue'
    [[ $(jq -r '.[0].State.StartedAt' "$BATS_TEST_TMPDIR/json") =~ ^20[0-9-]+T[0-9:.]+Z$ ]]
}

@test "signals to run are passed on" {
    name=$(random_name)
    ruche run --name "$name" busybox sh -c 'trap "echo int; exit 3" INT; trap "echo usr" USR1; echo ready; while :; do sleep 0.05; done' \
        >"$BATS_TEST_TMPDIR/out" &
    client=$!
    eventually grep -q ready "$BATS_TEST_TMPDIR/out"
    client=$(client_of "$client")
    kill -USR1 "$client"
    eventually grep -q usr "$BATS_TEST_TMPDIR/out"
    kill -INT "$client"
    wait $! && code=0 || code=$?
    ((code == 3)) || fail "it ended with $code"
    grep -q int "$BATS_TEST_TMPDIR/out"
}

# The program itself, where the shell's function runs it in a subshell.
client_of() {
    local child
    child=$(pgrep -P "$1" -x ruche || true)
    printf '%s' "${child:-$1}"
}

@test "--sig-proxy=false: a signal ends run, and not the container" {
    name=$(random_name)
    ruche run --sig-proxy=false --name "$name" busybox sh -c 'echo ready; sleep 10000' >"$BATS_TEST_TMPDIR/out" &
    eventually grep -q ready "$BATS_TEST_TMPDIR/out"
    kill -TERM "$(client_of $!)"
    wait $! && code=0 || code=$?
    ((code == 143)) || fail "it ended with $code"
    has_status "$name" running
}

@test "a container outlives the session that started it" {
    name=$(random_name)
    setsid --wait bash -c '"$RUCHE" --root "$ROOT" --run "$RUN" run -d --name "$1" busybox sleep 10000; kill -HUP 0' bash "$name" \
        >/dev/null 2>&1 || true
    has_status "$name" running
}

@test "eight removers of one container: one wins, nobody hangs" {
    name=$(random_name)
    stay "$name"
    for i in {1..8}; do
        ruche rm -f "$name" >"$BATS_TEST_TMPDIR/out.$i" 2>&1 &
    done
    wait
    gone "$name"
    (($(cat "$BATS_TEST_TMPDIR"/out.* | grep -cx "$name") >= 1)) || fail "$(cat "$BATS_TEST_TMPDIR"/out.*)"
}
