#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2164 # what is in single quotes is for other shells; bats ends at a cd that fails
#
# Docker's daemon with ruche-runtime as its default runtime, and as one that is asked for by name.

load daemons

setup_file() {
    engine_file hive_begin
}

hive_begin() {
    docker_begin --live-restore && docker network create hive >/dev/null
}

teardown_file() {
    docker_closes_well
}

setup() {
    engine_setup
}

# Whatever a test made goes, and then there is nothing of it: no shim, no group, no state of the runtime.
teardown() {
    [[ ! -e $BATS_FILE_TMPDIR/unavailable ]] || return 0
    local ids
    ids=$(docker ps -aq)
    # shellcheck disable=SC2086 # ids have no blanks
    [[ -z $ids ]] || docker rm -f $ids >/dev/null
    docker_ends_well
}

# run_in OPTION... -- COMMAND...: tries it in a container that goes
run_in() {
    local options=()
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    shift
    try docker run --rm "${options[@]}" bee "$@"
}

# stay [OPTION...]: the test's container, until it is removed
stay() {
    docker run -d --name "$NAME" "$@" bee sleep 10000 >/dev/null
}

# look_at FORMAT: of the test's container
look_at() {
    docker inspect -f "$1" "$NAME"
}

# is FORMAT VALUE
is() {
    [[ $(look_at "$1") == "$2" ]]
}

@test "docker run: streams, status, and which runtime it was" {
    try docker run -i --name "$NAME" --network none bee sh -c 'cat; echo to-err >&2; exit 7' <<<typed
    assert_status 7
    assert_output typed
    assert_stderr to-err
    is '{{.HostConfig.Runtime}} {{.State.ExitCode}}' 'ruche 7'
    run_in --network none --runtime ruche -- echo by-name
    assert_output by-name
}

@test "docker run: a command that is not there is 127, one that cannot be executed 126" {
    run_in --network none -- nosuch
    assert_status 127
    assert_stderr '*executable file not found in $PATH*'
    run_in --network none -- /nosuch/at/all
    assert_status 127
    run_in --network none -- /etc
    assert_status 126
    assert_stderr '*permission denied*'
}

@test "docker run: user, directory, environment, init, read-only, tmpfs, binds, host name, sysctl" {
    mkdir data
    echo outside >data/file
    run_in --network none -u 33:44 --group-add 55 -w /tmp -e BEE=honey -h cell --read-only --tmpfs /scratch:size=1m -v "$PWD/data:/data:ro" \
        -v /volume --sysctl kernel.msgmax=1234 --ulimit nofile=100:200 --init -- sh -c '
        id; pwd; echo $BEE; hostname; cat /data/file; echo x >/scratch/file && echo scratched; (echo x >/root-file) 2>/dev/null || echo no
        (echo x >/data/file) 2>/dev/null || echo no; cat /proc/sys/kernel/msgmax; ulimit -n; grep -c " /volume " /proc/mounts
        cat /proc/1/comm'
    assert_status 0
    assert_output 'uid=33(www-data) gid=44 groups=44,55
/tmp
honey
cell
outside
scratched
no
no
1234
100
1
docker-init'
}

@test "docker run: limits are seen inside" {
    run_in --network none -m 48m --pids-limit 60 --cpus 0.5 --cpuset-cpus 0 -- sh -c "$MEMORY_LIMIT; $PIDS_LIMIT; $CPU_LIMIT; grep Cpus_allowed_list /proc/self/status"
    assert_line $((48 << 20))
    assert_line 60
    assert_line '50000 100000'
    assert_line $'Cpus_allowed_list:\t0'
}

@test "docker run: one that takes too much memory is killed, and Docker knows why" {
    local begin
    begin=$(date +%s)
    mkdir door
    docker run -d --name "$NAME" --network none -m 16m --memory-swap 16m -v "$PWD/door:/door:ro" bee \
        sh -c 'tail /dev/zero; until [ -e /door/open ]; do sleep 0.1; done; exit 3' >/dev/null
    # It ends once the daemon was told.
    knows() {
        [[ $(docker events --since "$begin" --until "$(date +%s.%N)" --filter "container=$NAME" --filter event=oom) ]]
    }
    eventually knows
    : >door/open
    eventually is '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}' 'exited 3 true'
}

@test "docker run: capabilities, seccomp, new privileges, devices, privileged" {
    run_in --network none -- sh -c 'grep -E "^(CapEff|NoNewPrivs|Seccomp):" /proc/self/status; ls /sys/firmware; mount -t tmpfs none /tmp 2>/dev/null || echo no'
    assert_output $'CapEff:\t00000000a80425fb\nNoNewPrivs:\t0\nSeccomp:\t2\nno'
    run_in --network none --cap-drop ALL --cap-add CHOWN --security-opt no-new-privileges --security-opt seccomp=unconfined -- \
        grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status
    assert_output $'CapEff:\t0000000000000001\nNoNewPrivs:\t1\nSeccomp:\t0'
    run_in --network none -u 33 -- grep -E '^Cap(Prm|Eff|Amb):' /proc/self/status
    assert_output $'CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000'
    run_in --network none --device /dev/null:/dev/nothing:rw -- sh -c 'echo x >/dev/nothing && stat -c %t:%T /dev/nothing'
    assert_output 1:3
    run_in --network none --privileged -- sh -c 'mount -t tmpfs none /tmp && echo mounted'
    assert_output mounted
}

@test "docker run -t: a terminal" {
    on_terminal docker run --rm -it --network none bee sh -c 'tty; test -t 0 && test -t 2 && echo is-one; exit 5'
    ((status == 5)) || fail "$output"
    [[ $output == *'/dev/pts/0'*'is-one'* ]] || fail "$output"
}

@test "docker exec: user, environment, directory, streams, status, terminal, background" {
    stay --network none
    try docker exec -i -u 33 -e BEE=honey -w /tmp "$NAME" sh -c 'id -u; echo $BEE; pwd; cat; echo to-err >&2; exit 9' <<<typed
    assert_status 9
    assert_output $'33\nhoney\n/tmp\ntyped'
    assert_stderr to-err
    try docker exec "$NAME" nosuch
    ((status == 126 || status == 127)) || fail "$status"
    on_terminal docker exec -it "$NAME" sh -c 'tty; exit 6'
    ((status == 6)) || fail "$output"
    [[ $output == *'/dev/pts/'* ]] || fail "$output"
    docker exec -d "$NAME" touch /tmp/in-background
    eventually docker exec "$NAME" test -e /tmp/in-background
    try docker exec --privileged "$NAME" grep CapEff /proc/self/status
    [[ $output != *a80425fb ]]
    eventually is '{{len .ExecIDs}}' 0
}

@test "docker logs, top, stats, wait, stop, kill" {
    docker run -d --name "$NAME" --network none bee sh -c 'trap "exit 4" TERM; trap "echo heard" USR1; echo one; echo two >&2; while :; do sleep 0.05; done' >/dev/null
    eventually eval '[[ $(docker logs "$NAME" 2>/dev/null) == one ]]'
    [[ $(docker logs "$NAME" 2>&1 >/dev/null) == two ]]
    docker kill -s USR1 "$NAME" >/dev/null
    eventually eval '[[ $(docker logs "$NAME" 2>/dev/null) == *heard ]]'
    docker top "$NAME" -o pid,comm | grep -q ' sh$'
    run docker stats --no-stream --format '{{.Name}} {{.PIDs}} {{.MemUsage}}' "$NAME"
    [[ $output =~ ^"$NAME "[12]" "[0-9.]+[kKM]i?B\ /\  ]] || fail "$output"
    docker stop -t 300 "$NAME" >/dev/null
    [[ $(docker wait "$NAME") == 4 ]]
    docker start "$NAME" >/dev/null
    docker kill "$NAME" >/dev/null
    [[ $(docker wait "$NAME") == 137 ]]
}

@test "docker pause and unpause: its processes stand still" {
    stay --network none
    docker pause "$NAME" >/dev/null
    is '{{.State.Status}}' paused
    try docker exec "$NAME" true
    assert_stderr '*paused*'
    docker unpause "$NAME" >/dev/null
    docker exec "$NAME" true
    docker pause "$NAME" >/dev/null
    docker rm -f "$NAME" >/dev/null
}

@test "docker update: new limits are those inside" {
    stay --network none -m 64m --memory-swap 64m
    docker update --memory 50m --memory-swap 50m --pids-limit 77 --cpus 0.25 "$NAME" >/dev/null
    try docker exec "$NAME" sh -c "$MEMORY_LIMIT; $PIDS_LIMIT; $CPU_LIMIT"
    assert_output $((50 << 20))$'\n77\n25000 100000'
}

@test "restart policies: on-failure so often, always for ever" {
    docker run -d --name "$NAME" --restart on-failure:2 --network none bee sh -c 'exit 3' >/dev/null
    docker run -d --name "$NAME-2" --restart always --network none bee sleep 10000 >/dev/null
    local before
    before=$(docker inspect -f '{{.State.Pid}}' "$NAME-2")
    machine_in machine kill -KILL "$before"
    restarted() {
        local pid
        pid=$(docker inspect -f '{{.State.Pid}}' "$NAME-2")
        ((pid > 0 && pid != before))
    }
    eventually restarted
    docker exec "$NAME-2" true
    eventually is '{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}' '2 exited 3'
    docker restart -t 0 "$NAME-2" >/dev/null
    docker exec "$NAME-2" true
}

@test "a health check goes from bad to good" {
    stay --network none --health-cmd 'test -e /tmp/well' --health-interval 0.2s --health-retries 2
    eventually is '{{.State.Health.Status}}' unhealthy
    docker exec "$NAME" touch /tmp/well
    eventually is '{{.State.Health.Status}}' healthy
}

@test "docker cp, diff, commit" {
    stay --network none
    echo honey >file
    docker cp -q file "$NAME:/tmp/file" 2>/dev/null || docker cp file "$NAME:/tmp/file"
    docker exec "$NAME" sh -c 'cat /tmp/file; echo more >>/tmp/file'
    docker cp "$NAME:/tmp/file" back >/dev/null 2>&1
    [[ $(<back) == $'honey\nmore' ]]
    [[ $(docker diff "$NAME") == *'A /tmp/file'* ]]
    docker commit "$NAME" "$NAME" >/dev/null
    try docker run --rm --network none "$NAME" cat /tmp/file
    docker rmi -f "$NAME" >/dev/null
    assert_output $'honey\nmore'
}

@test "docker build: RUN as root and as a user" {
    printf 'FROM bee\nRUN echo built >/built && test $(id -u) = 0\nUSER 33\nWORKDIR /tmp\nRUN id -u >uid\nCMD ["cat", "/built", "uid"]\n' >Dockerfile
    DOCKER_BUILDKIT=0 docker build -q --network none -t "$NAME" . >/dev/null
    try docker run --rm --network none "$NAME"
    docker rmi -f "$NAME" >/dev/null
    assert_output $'built\n33'
    printf 'FROM bee\nRUN exit 9\n' >Dockerfile
    DOCKER_BUILDKIT=0 try docker build -q --network none .
    ((status != 0))
    [[ $stderr == *'code: 9'* ]]
}

@test "docker build by BuildKit" {
    local client
    for client in docker /usr/bin/docker ''; do
        [[ $client ]] && DOCKER_BUILDKIT=1 DOCKER=$client docker build --help 2>/dev/null | grep -q -- --secret && break
    done
    [[ $client ]] || skip "no client of docker here has it without a plug-in"
    printf 'FROM bee\nRUN --mount=type=tmpfs,target=/mnt touch /mnt/file && echo built >/built\nUSER 33\nRUN id -u >/tmp/uid\nCMD ["cat", "/built", "/tmp/uid"]\n' >Dockerfile
    DOCKER_BUILDKIT=1 DOCKER=$client docker build -q --network none -t "$NAME" . >/dev/null
    try docker run --rm --network none "$NAME"
    docker rmi -f "$NAME" >/dev/null
    assert_output $'built\n33'
}

@test "networks: two containers by name on one, another's stack, none" {
    docker run -d --name "$NAME" --network hive bee sh -c 'mkdir /tmp/www && echo honey >/tmp/www/index.html && exec httpd -f -p 80 -h /tmp/www' >/dev/null
    asks() {
        run_in --network hive -- wget -qO- "http://$NAME/"
        [[ $output == honey ]]
    }
    eventually asks
    run_in --network "container:$NAME" -- wget -qO- http://127.0.0.1/
    assert_output honey
    run_in --network none -- sh -c 'ls /sys/class/net'
    assert_output lo
    # By the daemon's own bridge, as one who is a process of the other as well.
    run_in --pid "container:$NAME" -- sh -c 'ps -o comm | grep httpd; ls /sys/class/net'
    assert_output $'httpd\neth0\nlo'
}

@test "many at once" {
    local i pids=()
    for ((i = 0; i < 12; i++)); do
        docker run --rm --network none bee sh -c "exit $i" >/dev/null 2>err.$i &
        pids+=($!)
    done
    for ((i = 0; i < 12; i++)); do
        status=0
        wait "${pids[i]}" || status=$?
        ((status == i)) || fail "$i ended with $status" "$(<err.$i)"
    done
}

@test "a daemon that ends and comes back finds its containers running" {
    local pid
    stay --network none
    pid=$(look_at '{{.State.Pid}}')
    machine_in machine kill -KILL "$(<"$BATS_FILE_TMPDIR/docker.pid")"
    eventually no_process machine dockerd
    rm -f "$BATS_FILE_TMPDIR/docker.pid"
    docker_start machine "$BATS_FILE_TMPDIR" --live-restore
    is '{{.State.Status}} {{.State.Pid}}' "running $pid"
    try docker exec "$NAME" echo still
    assert_output still
    docker stop -t 0 "$NAME" >/dev/null
    [[ $(docker wait "$NAME") == 137 ]]
}

@test "a daemon with --userns-remap: root inside is nobody outside" {
    local directory=$BATS_FILE_TMPDIR/remapped
    machine_in machine sh -c 'echo "bee:x:1234:1234::/:/bin/sh" >>/etc/passwd; echo "bee:x:1234:" >>/etc/group
        echo bee:300000:65536 >/etc/subuid; echo bee:300000:65536 >/etc/subgid'
    # Every user may pass through there, which Docker insists on.
    docker_start machine "$directory" --userns-remap bee --bridge none --data-root /run/remapped
    docker_import "$directory"
    mkdir data
    try docker_of "$directory" run --name "$NAME" --network none -v "$PWD/data:/data" bee sh -c 'id -u; cat /proc/self/uid_map; touch /mine && stat -c %u /mine /bin/busybox
        (touch /data/file) 2>/dev/null || echo no; ls /sys/kernel >/dev/null && mount -t tmpfs none /tmp 2>/dev/null || echo no'
    assert_status 0
    [[ ${lines[0]} == 0 && ${lines[1]} =~ ^\ +0\ +300000\ +65536$ && "${lines[*]:2}" == '0 0 no no' ]] || fail "$output" "$stderr"
    docker_of "$directory" start "$NAME" >/dev/null
    docker_of "$directory" rm -f "$NAME" >/dev/null
    docker_of "$directory" run --rm --network none --userns host bee cat /proc/self/uid_map | grep -q ' 0 *4294967295$'
    machine_in machine kill "$(<"$directory/docker.pid")"
    eventually test ! -e "$directory/docker.pid"
}
