#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # bats sets status and stderr; what is in single quotes is for the shell inside
#
# Between a container and who started it: output whose reader has gone, descriptors and a umask that are the caller's own, and
# records and ranges of ids that a crash left half-way.

load containers

setup() {
    common_setup
    BOX=$(random_name)
    DATA=$BATS_TEST_TMPDIR/data
}

# piped COMMAND...: ruche's status when its output's reader goes away after a line; what would never end ends as 137.
piped() {
    try bash -c 'timeout -s KILL 60 "$RUCHE" --root "$ROOT" --run "$RUN" "$@" | head -n 1 >"$0"; exit "${PIPESTATUS[0]}"' "$DATA" "$@"
}

monitor_of() {
    jq -er .state.monitor_pid "$RUN/containers/$(ruche inspect "$1" | jq -r '.[0].Id')/state.json"
}

sleeps() {
    [[ $(<"/proc/$1/comm") == ruche-sleep ]]
}

# The program itself, where the shell's function runs it in a subshell.
client_of() {
    local child
    child=$(pgrep -P "$1" -x ruche || true)
    printf '%s' "${child:-$1}"
}

# ---- output that nobody takes ----

@test "run --rm ends with its reader, by SIGPIPE, and the container with it" {
    piped run --rm --name "$BOX" busybox yes
    assert_status 141
    [[ $(<"$DATA") == y ]]
    [[ -z $(ruche ps -aq) ]] || fail "the container is there still"
    piped run --rm -t busybox yes
    assert_status 141
    [[ -z $(ruche ps -aq) ]] || fail "the container is there still"
}

@test "one that takes no notice is stopped" {
    piped run --rm --stop-timeout 0 busybox sh -c 'trap "" PIPE TERM; while :; do echo on; done 2>/dev/null'
    assert_status 141
    [[ -z $(ruche ps -aq) ]] || fail "the container is there still"
}

@test "without --rm the container goes on, and is logged" {
    piped run --name "$BOX" busybox sh -c 'while :; do echo on; sleep 0.01; done'
    assert_status 141
    has_status "$BOX" running
    before=$(ruche logs "$BOX" | wc -l)
    more() {
        (($(ruche logs "$BOX" | wc -l) > before))
    }
    eventually more
    [[ $(readlink "/proc/$(monitor_of "$BOX")/fd/2") == /dev/null ]] || fail "its monitor has our streams still"
}

@test "exec ends with its reader, too, with a terminal as well" {
    stay "$BOX"
    piped exec "$BOX" yes
    assert_status 141
    piped exec -t "$BOX" yes
    assert_status 141
    piped exec "$BOX" sh -c 'trap "" PIPE; for i in $(seq 100000); do echo on; done 2>/dev/null'
    assert_status 141
    has_status "$BOX" running
}

@test "a full disk under the output is told of" {
    try bash -c 'timeout -s KILL 60 "$RUCHE" --root "$ROOT" --run "$RUN" run --rm busybox yes >/dev/full'
    assert_error 125 'write to the standard output or error: No space left on device'
    stay "$BOX"
    try bash -c 'timeout -s KILL 60 "$RUCHE" --root "$ROOT" --run "$RUN" exec "$1" yes >/dev/full' bash "$BOX"
    assert_error 125 'write to the standard output or error: No space left on device'
}

@test "the command line is killed: its streams are free" {
    ruche run --name "$BOX" busybox sh -c 'echo ready; while :; do sleep 0.1; echo on; done' >"$DATA" &
    eventually grep -q ready "$DATA"
    monitor=$(monitor_of "$BOX")
    kill -KILL "$(client_of $!)"
    wait $! || true
    free() {
        [[ $(readlink "/proc/$monitor/fd/1") == /dev/null ]]
    }
    eventually free
    has_status "$BOX" running
}

@test "what is written to a process that has ended ends nothing, without signals either" {
    try bash -c 'head -c 1000000 /dev/zero | "$RUCHE" --root "$ROOT" --run "$RUN" run --rm -i --sig-proxy=false busybox true
        exit "${PIPESTATUS[1]}"'
    assert_status 0
}

# Or has ended.
has_taken_signals() {
    ! grep -qs '^ShdPnd:.*[1-9a-f]' "/proc/$1/status"
}

@test "the third SIGINT or SIGTERM leaves the container" {
    ruche run --name "$BOX" busybox sh -c 'trap "" INT TERM; echo ready; sleep 10000' >"$DATA" 2>"$DATA.err" &
    eventually grep -q ready "$DATA"
    client=$(client_of $!)
    for signal in INT TERM INT; do
        kill -"$signal" "$client"
        eventually has_taken_signals "$client" # of one kind only one waits
    done
    left() {
        ! readlink "/proc/$client/exe" >/dev/null
    }
    eventually left
    wait $! && code=0 || code=$?
    ((code == 1)) || fail "it ended with $code"
    [[ $(<"$DATA.err") == "ruche: got 3 SIGTERM/SIGINTs, forcefully exiting; container $BOX goes on; end it with \"ruche kill $BOX\"" ]] ||
        fail "$(<"$DATA.err")"
    has_status "$BOX" running
}

# ---- what is the caller's own ----

@test "no descriptor of the caller stays open" {
    (
        exec 9>"$DATA.lock"
        flock 9
        ruche run -d --name "$BOX" busybox sleep 10000 >/dev/null
    )
    flock -n "$DATA.lock" true || fail "a lock of the caller's is held still"
    timeout -s KILL 60 bash -c '"$RUCHE" --root "$ROOT" --run "$RUN" run -d busybox sleep 10000 200>&1 3>&1 | cat >/dev/null'
    monitor=$(monitor_of "$BOX")
    eventually sleeps "$monitor"
    for fd in "/proc/$monitor/fd/"*; do
        [[ $(readlink "$fd") =~ ^(/dev/null|pipe:.*|anon_inode:\[pidfd\]|$RUN/containers/.*|.*/ruche)$ ]] || fail "$fd is $(readlink "$fd")"
    done
}

@test "nor in the monitor of a container in the foreground" {
    exec 9>"$DATA.lock"
    flock 9
    ruche run --name "$BOX" busybox sh -c 'echo ready; sleep 10000' >"$DATA" &
    exec 9>&-
    eventually grep -q ready "$DATA"
    kill -KILL "$(client_of $!)"
    wait $! || true
    eventually flock -n "$DATA.lock" true
}

# Sets count to the descriptors of a monitor that sleeps, before they were counted and afterwards.
counts_asleep() {
    sleeps "$1" && count=$(find "/proc/$1/fd" -mindepth 1 | wc -l) && sleeps "$1"
}

@test "a monitor that sleeps and wakes has no more descriptors each time" {
    ruche run -d --name "$BOX" busybox sh -c 'while :; do sleep 2; echo on; done' >/dev/null
    monitor=$(monitor_of "$BOX")
    eventually counts_asleep "$monitor"
    before=$count
    for _ in 1 2 3; do
        lines_before=$(ruche logs "$BOX" | wc -l)
        woken() {
            (($(ruche logs "$BOX" | wc -l) > lines_before)) && sleeps "$monitor"
        }
        eventually woken
    done
    eventually counts_asleep "$monitor"
    ((count == before)) || fail "there were $before, now $count"
}

@test "the caller's umask is not the container's" {
    umask 077
    box -u 1000 -w /new/directory -- sh -c 'cat /etc/hosts /etc/hostname /etc/resolv.conf >/dev/null && cd /new/directory && umask'
    assert_status 0
    assert_output 0022
}

@test "groups of root come without -u" {
    box -- id -G
    assert_output '0 10'
    stay "$BOX"
    try ruche exec "$BOX" id -G
    assert_output '0 10'
}

@test "a group of root's that the user namespace has not is left out, one that was asked for is not" {
    printf 'root:x:0:\nfar:x:70000:root\n' >"$DATA"
    box -v "$DATA:/etc/group:ro" -- id -G
    assert_status 0
    assert_output 0
    box -v "$DATA:/etc/group:ro" --group-add far -- id -G
    assert_error 125 '*set the groups*'
}

# ---- ranges of ids ----

# with_ids SUBIDS COMMAND: with this text as /etc/subuid and /etc/subgid.
with_ids() {
    need_root
    [[ -e /etc/subuid && -e /etc/subgid ]] || skip "there is no /etc/subuid to stand in for"
    printf '%s\n' "$1" >"$BATS_TEST_TMPDIR/ids"
    try unshare -m bash -c 'mount --bind "$1" /etc/subuid && mount --bind "$1" /etc/subgid || exit 99
        ruche() { "$RUCHE" --root "$ROOT" --run "$RUN" "$@"; }
        '"$2" bash "$BATS_TEST_TMPDIR/ids"
    ((status != 99)) || skip "no mounts here"
}

# The first id of each range in use, in a row.
ranges() {
    find "$RUN/subids" -type l -printf '%f\n' | sort -n | tr '\n' ' '
}

@test "one range of root's is left to others" {
    with_ids root:100000:65536 'for i in 1 2 3; do ruche run -d busybox sleep 10000 || exit; done'
    assert_status 0
    [[ " $(ranges)" != *' 100000 '* ]] || fail "$(ranges)"
}

@test "sixteen ranges of root's are used, and then others" {
    with_ids root:1000000:1048576 'for i in $(seq 17); do ruche run -d busybox sleep 10000 || exit; done'
    assert_status 0
    read -ra first <<<"$(ranges)"
    ((${#first[@]} == 17 && first[0] == 1000000 && first[15] == 1983040 && first[16] >= 1879048192)) || fail "${first[*]}"
}

@test "ranges of ruche's are all there are" {
    with_ids $'root:1000000:1048576\nruche:500000000:131072' 'for i in 1 2; do ruche run -d busybox sleep 10000 || exit; done
        ruche run -d busybox sleep 10000'
    assert_status 125
    assert_stderr '*no range of user ids is free: all 2 are in use*'
    [[ $(ranges) == '500000000 500065536 ' ]] || fail "$(ranges)"
}

@test "ranges of containers that are gone are free again" {
    local gone
    gone=$(printf 'a%.0s' {1..64})
    ruche run --rm busybox true
    ln -s "$gone" "$RUN/subids/500000000"
    with_ids ruche:500000000:65536 'ruche run --rm busybox true'
    assert_status 0
    ln -s "$gone" "$RUN/subids/500000000"
    ruche ps -a >/dev/null
    is_empty "$RUN/subids" || fail "a list leaves them"
}

@test "a range of one that is being made is not taken" {
    local other
    other=$(printf 'b%.0s' {1..64})
    ruche run --rm busybox true
    mkdir -p "$RUN/containers/$other"
    ln -s "$other" "$RUN/subids/500000000"
    exec 9<"$RUN/containers/$other"
    flock 9
    with_ids ruche:500000000:65536 'ruche run --rm busybox true'
    exec 9<&-
    assert_status 125
    ruche ps -a >/dev/null
    is_empty "$RUN/subids" || fail "its range is left"
}

@test "a monitor that was killed before it told what it had: rm -f gives the range back" {
    id=$(ruche create --name "$BOX" busybox true)
    mkdir -p "$RUN/subids" "$RUN/containers/$id"
    : >"$RUN/containers/$id/exit"
    ln -s "$id" "$RUN/subids/2000000000"
    ruche ps -a >/dev/null
    [[ -L $RUN/subids/2000000000 ]] || fail "a list took it from a container that is there"
    ruche rm -f "$BOX"
    is_empty "$RUN/subids" || fail "its range is left"
}

@test "a limit of the file size is an error, and leaves nothing" {
    try bash -c '(ulimit -f 0; "$RUCHE" --root "$ROOT" --run "$RUN" run --rm busybox true) 2>&1 | cat; exit "${PIPESTATUS[0]}"'
    assert_status 125
    assert_match 'ruche: *: File too large'
    is_empty "$RUN/subids" || fail "a range is left"
    [[ -z $(ruche ps -aq) ]] || fail "a record is left"
}

# ---- damaged records ----

@test "a record that is cut off is not started, and stays as it is" {
    local config size at
    id=$(ruche create --name "$BOX" busybox sleep 10000)
    config=$ROOT/containers/$id/config.json
    cp "$config" "$DATA"
    size=$(($(stat -c %s "$config") - 2))
    for at in 0 1 9 $((RANDOM % size)) $((size / 2)) "$size"; do
        head -c "$at" "$DATA" >"$config"
        for command in start 'start -a'; do
            # shellcheck disable=SC2086 # words
            try ruche $command "$BOX"
            [[ $stderr == *"the record of container $BOX is damaged"* ]] || fail "cut at $at:" "$stderr"
            ((status != 0)) || fail "cut at $at it is started"
        done
        cmp -n "$at" "$DATA" "$config"
        [[ ! -e $ROOT/containers/$id/state.json ]] || fail "a state was written over it"
    done
    [[ $(ruche ps -a --format '{{.Image}} {{.Status}}') == '<unknown> Damaged record' ]] || fail "$(ruche ps -a)"
    cp "$DATA" "$config"
    ruche start "$BOX"
}

@test "nor one of a version that is not known; nothing joins it" {
    stay "$BOX"
    id=$(ruche inspect "$BOX" | jq -r '.[0].Id')
    sed -i 's/"version":1/"version":99/' "$ROOT/containers/$id/config.json"
    for command in "exec $BOX true" "run --rm --pid container:$BOX busybox true" "run --rm --network container:$BOX busybox true"; do
        # shellcheck disable=SC2086 # words
        try ruche $command
        assert_error 125 "*the record of container $BOX is damaged*version 99*"
    done
    ruche stop -t 0 "$BOX"
    cp "$ROOT/containers/$id/state.json" "$DATA"
    try ruche start "$BOX"
    assert_stderr "*the record of container $BOX is damaged*version 99*"
    cmp "$DATA" "$ROOT/containers/$id/state.json"
}

@test "a record whose making was cut off is listed, and removed" {
    id=$(ruche create busybox true)
    rm "$ROOT/containers/$id/config.json"
    touch -d '10 seconds ago' "$ROOT/containers/$id"
    [[ $(ruche ps -aq --no-trunc) == "$id" ]] || fail "$(ruche ps -a)"
    ruche rm "$id"
    [[ -z $(ruche ps -aq) ]]
}

# ---- what messages say ----

@test "a container that is paused has its namespaces" {
    stay "$BOX"
    ruche pause "$BOX" || skip "nothing can be paused here"
    box --pid "container:$BOX" -- sh -c 'ps | grep -c "[s]leep 10000"'
    assert_status 0
    assert_output 1
    ruche unpause "$BOX"
}

@test "what runs already is called by its name" {
    stay "$BOX"
    try ruche start -a "$BOX"
    assert_error 125 "container $BOX is already running"
}
