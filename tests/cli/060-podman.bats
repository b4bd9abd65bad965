#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2164 # what is in single quotes is for other shells; bats ends at a cd that fails
#
# podman with `--runtime ruche-runtime`: conmon executes it, and no daemon is between.

load engines

setup_file() {
    engine_file podman_begin
}

# What the package may be configured with is of no interest.
podman_begin() {
    engine_needs podman conmon && machine_open || return 1
    machine_in machine sh -c 'mkdir -p /etc/containers && echo "{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}" >/etc/containers/policy.json'
    podman load -q -i "$(dirname "$RUCHE")/busybox.tar" >/dev/null 2>"$BATS_FILE_TMPDIR/podman.log" ||
        unavailable "podman does not work here: $(tail -n 1 "$BATS_FILE_TMPDIR/podman.log")"
}

teardown_file() {
    closes_well 'conmon ruche-runtime' ! -name conmon
}

setup() {
    engine_setup
}

# Whatever a test made goes, and then there is nothing of it.
teardown() {
    [[ ! -e $BATS_FILE_TMPDIR/unavailable ]] || return 0
    podman pod rm -af >/dev/null 2>&1
    podman rm -af -t 0 >/dev/null
    # podman's own group stays: that of the conmons.
    ends_well /run/ruche-runtime 'conmon ruche-runtime' ! -name conmon
}

podman() {
    machine_in machine podman --root "$BATS_FILE_TMPDIR/root" --runroot "$BATS_FILE_TMPDIR/runroot" --tmpdir "$BATS_FILE_TMPDIR/tmp" \
        --cgroup-manager cgroupfs --events-backend none --runtime "$RUNTIME" "$@"
}

# container run|create [OPTION...]: without a network, and with limits on resources that a user without CAP_SYS_RESOURCE may set
container() {
    local verb=$1
    shift
    podman "$verb" --network none --cgroup-parent "/$GROUPS_TOP" --ulimit nofile=1024:20000 --ulimit nproc=1024:1024 "$@"
}

# run_in OPTION... -- COMMAND...: tries it in a container that goes
run_in() {
    local options=()
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    shift
    try container run --rm "${options[@]}" busybox "$@"
}

# stay [OPTION...]: the test's container, until it is removed
stay() {
    container run -d --name "$NAME" "$@" busybox sleep 10000 >/dev/null
}

look_at() {
    podman inspect -f "$1" "$NAME"
}

is() {
    [[ $(look_at "$1") == "$2" ]]
}

@test "podman run: streams, status, and which runtime it was" {
    run_typed() {
        container run -i --name "$NAME" busybox sh -c 'cat; echo to-err >&2; exit 7' <<<typed
    }
    try run_typed
    assert_status 7
    assert_output typed
    assert_stderr to-err
    is '{{.OCIRuntime}}' "$RUNTIME"
    is '{{.State.ExitCode}}' 7
}

@test "podman run: a command that is not there is 127, one that cannot be executed 126" {
    run_in -- nosuch
    assert_status 127
    run_in -- /nosuch/at/all
    assert_status 127
    run_in -- /etc
    assert_status 126
}

@test "podman run: user, directory, environment, read-only, tmpfs, binds, host name, sysctl" {
    mkdir data
    echo outside >data/file
    run_in -u 33:44 --group-add 55 -w /tmp -e BEE=honey -h cell --read-only --tmpfs /scratch:size=1m -v "$PWD/data:/data:ro" -v /volume \
        --sysctl kernel.msgmax=1234 -- sh -c '
        id -u; id -g; id -G; pwd; echo $BEE; hostname; cat /data/file; echo x >/scratch/file && echo scratched; (echo x >/root-file) 2>/dev/null || echo no
        (echo x >/data/file) 2>/dev/null || echo no; cat /proc/sys/kernel/msgmax; ulimit -n; grep -c " /volume " /proc/mounts'
    assert_status 0
    assert_output '33
44
44 55
/tmp
honey
cell
outside
scratched
no
no
1234
1024
1'
}

@test "podman run --init: the command is a child of the first process" {
    local init
    init=$(command -v catatonit || command -v tini-static || echo "$(dirname "$RUCHE")/ruche-init")
    [[ -x $init ]] || skip "there is no init to be had"
    run_in --init --init-path "$init" -- sh -c 'echo $$; cat /proc/1/cmdline | tr "\0" " "'
    assert_status 0
    ((lines[0] > 1)) || fail "$output"
}

@test "podman run: limits are seen inside" {
    run_in -m 48m --pids-limit 60 --cpus 0.5 --cpuset-cpus 0 -- sh -c "$MEMORY_LIMIT; $PIDS_LIMIT; $CPU_LIMIT; grep Cpus_allowed_list /proc/self/status"
    assert_line $((48 << 20))
    assert_line 60
    assert_line '50000 100000'
    assert_line $'Cpus_allowed_list:\t0'
}

@test "podman run: one that takes too much memory is killed" {
    container run -d --name "$NAME" -m 16m --memory-swap 16m busybox tail /dev/zero >/dev/null
    eventually is '{{.State.Status}} {{.State.ExitCode}}' 'exited 137'
}

@test "podman run: capabilities, seccomp, new privileges, devices, privileged, masks" {
    run_in --cap-drop ALL --cap-add CHOWN --security-opt no-new-privileges -- grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status
    assert_output $'CapEff:\t0000000000000001\nNoNewPrivs:\t1\nSeccomp:\t2'
    run_in --security-opt seccomp=unconfined -- grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status
    assert_output $'NoNewPrivs:\t0\nSeccomp:\t0'
    run_in --device /dev/null:/dev/nothing:rw -- sh -c 'echo x >/dev/nothing && stat -c %t:%T /dev/nothing'
    assert_output 1:3
    run_in --privileged -- sh -c 'mount -t tmpfs none /tmp && echo mounted'
    assert_output mounted
    run_in --security-opt mask=/etc/passwd -- cat /etc/passwd
    assert_output ''
}

@test "podman run -t: a terminal" {
    on_a_terminal() {
        container run --rm -it --name "$NAME" busybox sh -c 'tty; exit 5'
    }
    on_terminal on_a_terminal
    ((status == 5)) || fail "$output"
    [[ $output == */dev/pts/0* ]] || fail "$output"
}

@test "podman run -d, logs, exec, top, stats, kill, stop, start, wait" {
    container run -d --name "$NAME" busybox sh -c 'trap "exit 4" TERM; trap "echo heard" USR1; echo one; echo two >&2; while :; do sleep 0.05; done' >/dev/null
    eventually eval '[[ $(podman logs "$NAME" 2>/dev/null) == one && $(podman logs "$NAME" 2>&1 >/dev/null) == two ]]'
    exec_typed() {
        podman exec -i -u 33 -e BEE=honey -w /tmp "$NAME" sh -c 'id -u; echo $BEE; pwd; cat; echo to-err >&2; exit 9' <<<typed
    }
    try exec_typed
    assert_status 9
    assert_output $'33\nhoney\n/tmp\ntyped'
    assert_stderr to-err
    try podman exec "$NAME" nosuch
    assert_status 127
    podman kill -s USR1 "$NAME" >/dev/null
    eventually eval '[[ $(podman logs "$NAME" 2>/dev/null) == *heard ]]'
    podman top "$NAME" pid comm | grep -q '^1  *sh'
    try podman stats --no-stream --format '{{.Name}} {{.PIDs}}' "$NAME"
    [[ $output == "$NAME "[12] ]] || fail "$output"
    podman stop -t 300 "$NAME" >/dev/null
    [[ $(podman wait "$NAME") == 4 ]]
    podman start "$NAME" >/dev/null
    podman kill "$NAME" >/dev/null
    [[ $(podman wait "$NAME") == 137 ]]
    podman start "$NAME" >/dev/null
    podman rm -f -t 0 "$NAME" >/dev/null
    [[ -z $(podman ps -aq) ]]
}

@test "podman exec: a terminal, and in the background" {
    stay
    on_a_terminal() {
        podman exec -it "$NAME" sh -c 'tty; exit 6'
    }
    on_terminal on_a_terminal
    ((status == 6)) || fail "$output"
    [[ $output == */dev/pts/* ]] || fail "$output"
    podman exec -d "$NAME" touch /tmp/in-background >/dev/null
    eventually podman exec "$NAME" test -e /tmp/in-background
}

@test "podman pause and unpause: its processes stand still" {
    stay
    podman pause "$NAME" >/dev/null
    is '{{.State.Status}}' paused
    try podman exec "$NAME" true
    ((status != 0))
    podman unpause "$NAME" >/dev/null
    podman exec "$NAME" true
    podman pause "$NAME" >/dev/null
    podman rm -f -t 0 "$NAME" >/dev/null
}

@test "podman update: new limits are those inside" {
    podman update --help >/dev/null 2>&1 || skip "this podman has no update"
    stay -m 64m --memory-swap 64m
    podman update --memory 50m --memory-swap 50m --cpus 0.25 "$NAME" >/dev/null
    try podman exec "$NAME" sh -c "$MEMORY_LIMIT; $CPU_LIMIT"
    assert_output $((50 << 20))$'\n25000 100000'
}

@test "podman pod: a network name space that is shared" {
    podman pod create --name "$NAME" --network none --cgroup-parent "/$GROUPS_TOP" --infra-image busybox --infra-command 'sleep 10000' >/dev/null
    in_pod() {
        podman run --pod "$NAME" --ulimit nofile=1024:20000 --ulimit nproc=1024:1024 "$@"
    }
    in_pod -d busybox sh -c 'mkdir /tmp/www && echo honey >/tmp/www/index.html && exec httpd -f -p 127.0.0.1:8080 -h /tmp/www' >/dev/null
    asks() {
        try in_pod --rm busybox wget -qO- http://127.0.0.1:8080/
        [[ $output == honey ]]
    }
    eventually asks
    local id
    id=$(podman pod inspect -f '{{.ID}}' "$NAME")
    podman pod rm -f -t 0 "$NAME" >/dev/null
    # podman itself leaves its pod's group in the hierarchies without a controller.
    groups_below -depth -name "$id" -exec rmdir {} +
}

@test "podman run --userns: ids of its own, and a root file system that has them" {
    run_in --uidmap 0:100000:65536 --gidmap 0:100000:65536 -- sh -c 'id -u; cat /proc/self/uid_map; stat -c %u /bin/busybox; touch /mine && stat -c %u /mine'
    assert_status 0
    [[ ${lines[0]} == 0 && ${lines[1]} =~ ^\ +0\ +100000\ +65536$ && ${lines[2]} == 0 && ${lines[3]} == 0 ]] || fail "$output"
}

@test "podman healthcheck" {
    stay --health-cmd 'test -e /tmp/well' --health-interval disable
    try podman healthcheck run "$NAME"
    assert_status 1
    podman exec "$NAME" touch /tmp/well
    podman healthcheck run "$NAME"
}

@test "podman run --restart: on-failure so often" {
    container run -d --name "$NAME" --restart on-failure:2 busybox sh -c 'echo run; exit 3' >/dev/null
    eventually eval '[[ $(podman logs "$NAME" | grep -c run) == 3 ]]'
}

@test "podman cp, diff, commit, mount" {
    stay
    echo honey >file
    podman cp "$PWD/file" "$NAME:/tmp/file"
    [[ $(podman exec "$NAME" cat /tmp/file) == honey ]]
    [[ $(podman diff "$NAME") == *'A /tmp/file'* ]]
    podman commit -q "$NAME" "localhost/$NAME" >/dev/null
    try container run --rm "localhost/$NAME" cat /tmp/file
    podman rmi -f "localhost/$NAME" >/dev/null
    assert_output honey
}

@test "podman build: RUN by the runtime" {
    printf 'FROM busybox\nRUN echo built >/built && test $(id -u) = 0\nUSER 33\nRUN id -u >/tmp/uid\nCMD ["cat", "/built", "/tmp/uid"]\n' >Containerfile
    podman build -q --network none --isolation oci --cgroup-parent "/$GROUPS_TOP" --ulimit nofile=1024:20000 --ulimit nproc=1024:1024 \
        -t "localhost/$NAME" . >/dev/null
    try container run --rm "localhost/$NAME"
    podman rmi -f "localhost/$NAME" >/dev/null
    assert_output $'built\n33'
}

@test "podman container checkpoint: refused by one line" {
    command -v criu >/dev/null && criu check >/dev/null 2>&1 && skip "criu works here"
    stay
    try podman container checkpoint "$NAME"
    ((status != 0))
    [[ $stderr == *riu* || $stderr == *checkpoint* ]] || fail "$stderr"
    is '{{.State.Status}}' running
}

# An ordinary user of the machine, whose files and programs are in its /run.
bee_make() {
    need newuidmap
    cp "$RUNTIME" "$(dirname "$RUCHE")/busybox.tar" "$BATS_FILE_TMPDIR"
    machine_in machine bash -c 'set -e
        grep -q ^bee: /etc/passwd && exit
        echo "bee:x:1234:1234::/run/bee:/bin/sh" >>/etc/passwd
        echo bee:300000:65536 >/etc/subuid
        echo bee:300000:65536 >/etc/subgid
        mkdir -p /run/bee/run /run/bee/tmp
        chmod 700 /run/bee/run
        install -m 755 "$0/ruche-runtime" "$0/busybox.tar" /run/bee
        chown -R 1234:1234 /run/bee' "$BATS_FILE_TMPDIR"
    rm "$BATS_FILE_TMPDIR"/{ruche-runtime,busybox.tar}
    bee unshare -U true 2>/dev/null || skip "users cannot make user namespaces here"
    bee_podman load -q -i /run/bee/busybox.tar >/dev/null 2>&1 || skip "podman does not work for users here"
}

bee() {
    (cd / && machine_in machine setpriv --reuid 1234 --regid 1234 --clear-groups env -i PATH="$PATH" HOME=/run/bee XDG_RUNTIME_DIR=/run/bee/run \
        TMPDIR=/run/bee/tmp TERM=dumb "$@")
}

bee_podman() {
    bee podman --cgroup-manager cgroupfs --events-backend none --storage-driver vfs --runtime /run/bee/ruche-runtime "$@"
}

@test "podman without root: run, exec, logs, stop, rm" {
    bee_make
    local options=(--network none --ulimit nofile=1024:20000 --ulimit nproc=1024:1024)
    try bee_podman run --rm -v /run/bee:/data "${options[@]}" busybox sh -c 'id -u; cat /proc/self/uid_map; stat -c %u:%t:%T /bin/busybox /data /dev/null
        echo x >/dev/null && touch /data/mine && (mount -t tmpfs none /mnt 2>/dev/null || echo no); exit 7'
    assert_status 7
    [[ ${lines[1]} =~ ^\ +0\ +1234\ +1$ && ${lines[2]} =~ ^\ +1\ +300000\ +65536$ ]] || fail "$output" "$stderr"
    [[ ${lines[0]} == 0 && "${lines[*]:3}" == '0:0:0 0:0:0 65534:1:3 no' ]] || fail "$output" "$stderr"
    [[ $(machine_in machine stat -c %u /run/bee/mine) == 1234 ]]
    bee_podman run -d --name "$NAME" "${options[@]}" busybox sh -c 'trap "exit 4" TERM; echo ready; while :; do sleep 0.05; done' >/dev/null
    eventually eval '[[ $(bee_podman logs "$NAME") == ready ]]'
    try bee_podman exec -u 33 "$NAME" sh -c 'id -u; echo to-err >&2; exit 9'
    assert_status 9
    assert_output 33
    assert_stderr to-err
    bee_podman stop -t 300 "$NAME" >/dev/null
    [[ $(bee_podman wait "$NAME") == 4 ]]
    bee_podman start "$NAME" >/dev/null
    bee_podman rm -f -t 0 "$NAME" >/dev/null
    [[ -z $(machine_in machine find /run/bee/run/ruche-runtime -mindepth 1 ! -name '~cgroups') ]] || fail "state of a container is left"
    # The process that holds the user's namespace is podman's own.
    bee podman system migrate >/dev/null 2>&1 || true
}

@test "many at once" {
    local i pids=()
    for ((i = 0; i < 8; i++)); do
        container run --rm busybox sh -c "exit $i" >/dev/null 2>"err.$i" 3>&- &
        pids+=($!)
    done
    for ((i = 0; i < 8; i++)); do
        status=0
        wait "${pids[i]}" || status=$?
        ((status == i)) || fail "$i ended with $status" "$(<err.$i)"
    done
}
