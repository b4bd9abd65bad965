#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2164 # what is in single quotes is for other shells; bats ends at a cd that fails
#
# containerd and its client ctr, whose shims execute ruche-runtime.

load daemons

setup_file() {
    engine_file containerd_begin
    [[ -e $BATS_FILE_TMPDIR/unavailable ]] || IMAGE=$(ctr images list -q | head -n 1)
    export IMAGE
}

containerd_begin() {
    engine_needs containerd ctr containerd-shim-runc-v2 && machine_open && containerd_start machine "$BATS_FILE_TMPDIR" &&
        ctr images import "$(dirname "$RUCHE")/busybox.tar" >/dev/null
}

teardown_file() {
    closes_well 'containerd-shim-runc-v2 ruche-runtime'
}

setup() {
    engine_setup
}

# Whatever a test made goes, and then there is nothing of it.
teardown() {
    [[ ! -e $BATS_FILE_TMPDIR/unavailable ]] || return 0
    local id
    for id in $(ctr tasks list -q); do
        ctr tasks resume "$id" 2>/dev/null || true
        ctr tasks kill -s KILL -a "$id" 2>/dev/null || true
        eventually stopped "$id"
        ctr tasks delete -f "$id" >/dev/null 2>&1 || true
    done
    for id in $(ctr containers list -q); do
        ctr containers delete "$id"
    done
    ends_well /run/containerd/runc 'containerd-shim-runc-v2 ruche-runtime'
}

ctr() {
    ctr_of machine "$BATS_FILE_TMPDIR" "$@"
}

# run_ctr [OPTION...] -- ID COMMAND...
run_ctr() {
    local options=()
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    shift
    ctr run --runc-binary "$RUNTIME" "${options[@]}" "$IMAGE" "$@"
}

task_status() {
    ctr tasks list | awk -v id="$1" '$1 == id { print $3 }'
}

is() {
    [[ $(task_status "$NAME") == "$1" ]]
}

# Or gone.
stopped() {
    [[ $(task_status "$1") == @(STOPPED|) ]]
}

# listen FILE: all that is told of from now on, in the background. What is told of an image shows that it has begun.
listen() {
    ctr events >"$1" 2>&1 3>&- &
    LISTENER=$!
    eventually hears "$1"
}

hears() {
    ctr images label "$IMAGE" "heard=$RANDOM" >/dev/null
    grep -q /images/update "$1"
}

listen_no_more() {
    kill "$LISTENER"
    wait "$LISTENER" 2>/dev/null || true
}

# ctr does not pass on the end of its standard input: a line is read.
@test "ctr run: streams and status" {
    run_typed() {
        run_ctr --rm -- "$NAME" sh -c 'head -n 1; echo to-err >&2; exit 7' <<<typed
    }
    try run_typed
    assert_status 7
    assert_output typed
    assert_stderr to-err
}

@test "ctr run: what cannot be executed is told, and leaves nothing" {
    try run_ctr --rm -- "$NAME" nosuch
    ((status != 0))
    assert_stderr '*executable file not found in $PATH*'
}

@test "ctr run --tty: a terminal" {
    on_terminal_ctr() {
        run_ctr --rm --tty -- "$NAME" sh -c 'tty; exit 5'
    }
    on_terminal on_terminal_ctr
    ((status == 5)) || fail "$output"
    [[ $output == */dev/pts/0* ]] || fail "$output"
}

@test "ctr run: directory, environment, mounts, limits, privileged" {
    mkdir data
    echo honey >data/file
    try run_ctr --rm --cwd /tmp --env BEE=maja --mount "type=bind,src=$PWD/data,dst=/mnt,options=rbind:ro" --memory-limit 50331648 \
        --mount type=cgroup,src=cgroup,dst=/sys/fs/cgroup,options=ro:nosuid:nodev:noexec \
        -- "$NAME" sh -c "pwd; echo \$BEE; cat /mnt/file; (echo x >/mnt/file) 2>/dev/null || echo no; $MEMORY_LIMIT"
    assert_status 0
    assert_output $'/tmp\nmaja\nhoney\nno\n'$((48 << 20))
    try run_ctr --rm --privileged -- "$NAME" sh -c 'mount -t tmpfs none /tmp && echo mounted'
    assert_output mounted
}

@test "ctr tasks: exec, ps, pause, resume, metrics, kill, delete" {
    run_ctr -d -- "$NAME" sh -c 'trap "exit 4" TERM; while :; do sleep 0.05; done'
    eventually is RUNNING
    exec_typed() {
        ctr tasks exec --exec-id one --user 33 --cwd /tmp "$NAME" sh -c 'id -u; pwd; head -n 1; exit 9' <<<typed
    }
    try exec_typed
    assert_status 9
    assert_output $'33\n/tmp\ntyped'
    exec_on_terminal() {
        ctr tasks exec --exec-id two --tty "$NAME" tty
    }
    on_terminal exec_on_terminal
    [[ $output == */dev/pts/* ]] || fail "$output"
    ctr tasks ps "$NAME" | grep -q "^$(ctr tasks list | awk -v id="$NAME" '$1 == id { print $2 }')"
    ctr tasks pause "$NAME"
    is PAUSED
    ctr tasks resume "$NAME"
    is RUNNING
    # A table of what the shim read of the group.
    ctr tasks metrics "$NAME" | grep -Eq '^(memory.usage_in_bytes|memory.usage) +[1-9]'
    ctr tasks metrics "$NAME" | grep -Eq '^pids.current +[12]'
    ctr tasks kill "$NAME"
    eventually is STOPPED
    try ctr tasks delete "$NAME"
    assert_stderr '*exit code 4*'
    ctr containers delete "$NAME"
}

@test "ctr events: a task's life in its order" {
    listen events
    try run_ctr --rm -- "$NAME" sh -c 'exit 3'
    assert_status 3
    eventually grep -q /tasks/delete events
    listen_no_more
    [[ $(grep -o '/tasks/[a-z]*' events | uniq | tr '\n' ' ') == '/tasks/create /tasks/start /tasks/exit /tasks/delete ' ]] || fail "$(<events)"
    grep /tasks/exit events | grep -q '"exit_status":3'
}

@test "ctr: one that took too much memory is an event" {
    local client result=0
    listen events
    mkdir door
    # It ends once that was told.
    run_ctr --rm --memory-limit 16777216 --mount "type=bind,src=$PWD/door,dst=/mnt,options=rbind:ro" -- "$NAME" \
        sh -c 'tail /dev/zero; until [ -e /mnt/open ]; do sleep 0.1; done; exit 3' </dev/null >said 2>&1 3>&- &
    client=$!
    eventually grep -q '/tasks/oom' events || result=1
    : >door/open
    status=0
    wait "$client" || status=$?
    listen_no_more
    ((result == 0 && status == 3)) || fail "$status" "$(<said)" "$(<events)"
}

@test "ctr tasks kill -a: all of a container without a pid namespace of its own" {
    run_ctr -d --with-ns "pid:/proc/1/ns/pid" -- "$NAME" sh -c 'sleep 10000 & sleep 10000'
    eventually is RUNNING
    eventually eval '[[ $(machine_processes | grep -cx sleep) -ge 3 ]]'
    ctr tasks kill -s KILL -a "$NAME"
    eventually is STOPPED
    # But for the machine's own.
    eventually eval '[[ $(machine_processes | grep -cx sleep) == 1 ]]'
}

@test "ctr tasks checkpoint: refused by one line" {
    command -v criu >/dev/null && criu check >/dev/null 2>&1 && skip "criu works here"
    run_ctr -d -- "$NAME" sleep 10000
    try ctr tasks checkpoint --image-path "$PWD/image" "$NAME"
    ((status != 0))
    [[ $stderr == *criu* ]] || fail "$stderr"
    is RUNNING
}

@test "many at once" {
    local i pids=()
    for ((i = 1; i <= 12; i++)); do
        run_ctr --rm -- "$NAME-$i" sh -c "exit $i" </dev/null >/dev/null 2>"err.$i" 3>&- &
        pids+=($!)
    done
    for ((i = 1; i <= 12; i++)); do
        status=0
        wait "${pids[i - 1]}" || status=$?
        ((status == i)) || fail "$i ended with $status" "$(<err.$i)"
    done
}
