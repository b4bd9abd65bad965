#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2094,SC2154 # bats sets stderr; what is in single quotes is for the shell inside
#
# exec: one more process in a container that runs.

load containers

setup() {
    common_setup
    BOX=$(random_name)
}

# inside [OPTION...] -- COMMAND...
inside() {
    local options=()
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    shift
    try ruche exec "${options[@]}" "$BOX" "$@"
}

@test "exec says what its command says, and ends as it" {
    stay "$BOX"
    inside -- sh -c 'echo out; echo err >&2; exit 11'
    assert_status 11
    assert_output out
    assert_stderr err
    for code in 0 1 125 126 127 255; do
        inside -- sh -c "exit $code"
        assert_status "$code"
    done
    inside -- sh -c 'kill -KILL $$'
    assert_status 137
}

@test "arguments arrive as they are" {
    stay "$BOX"
    inside -- sh -c 'for word; do printf "<%s>" "$word"; done' sh 'a b' '' -x --rm $'l\nl'
    assert_output $'<a b><><-x><--rm><l\nl>'
}

@test "user, environment and directory are the container's" {
    stay "$BOX" -u 1000:100 -e A=container -w /tmp -h cell
    inside -- sh -c 'id -u; id -g; echo $A; pwd; hostname; umask'
    assert_output $'1000\n100\ncontainer\n/tmp\ncell\n0022'
}

@test "or as asked for" {
    stay "$BOX" -u 1000 -e A=container -e B=kept
    printf 'C=of a file\n' >"$BATS_TEST_TMPDIR/env"
    VARIABLE=ours export VARIABLE
    inside -u www-data:users -e A=exec -e VARIABLE --env-file "$BATS_TEST_TMPDIR/env" -w /etc -- \
        sh -c 'id -un; id -gn; echo $A $B $C $VARIABLE $HOME; pwd'
    assert_output $'www-data\nusers\nexec kept of a file ours /var/www\n/etc'
    inside -u 0 -- sh -c 'id -u; echo $HOME'
    assert_output $'0\n/root'
}

@test "-i passes standard input on, without it there is none" {
    stay "$BOX"
    try ruche exec -i "$BOX" cat <<<'through'
    assert_output through
    try ruche exec "$BOX" cat <<<'not through'
    assert_status 0
    assert_output ''
    head -c 3000000 /dev/urandom >"$BATS_TEST_TMPDIR/data"
    ruche exec -i "$BOX" cat <"$BATS_TEST_TMPDIR/data" | cmp - "$BATS_TEST_TMPDIR/data"
}

@test "a reader that goes away does not end the container" {
    stay "$BOX"
    try bash -c '"$RUCHE" --root "$ROOT" --run "$RUN" exec "$1" sh -c "yes | head -c 10000000" | head -n 1' bash "$BOX"
    assert_output y
    has_status "$BOX" running
}

@test "-d leaves it running" {
    stay "$BOX"
    inside -d -- sh -c 'sleep 0.3; echo done >/file'
    assert_status 0
    assert_output ''
    eventually ruche exec "$BOX" test -s /file
    inside -d -- nosuch-command
    assert_status 127
}

@test "all namespaces, the group and the root are the container's" {
    stay "$BOX"
    pid=$(pid_of "$BOX")
    inside -- sh -c 'for ns in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$ns; done; grep -v ":/$" /proc/self/cgroup'
    assert_status 1
    for ns in cgroup ipc mnt net pid time user uts; do
        assert_line "$(readlink "/proc/$pid/ns/$ns")"
    done
    ruche exec -d "$BOX" sleep 4321
    eventually ruche exec "$BOX" sh -c 'ps | grep -q "[s]leep 4321"'
    for candidate in $(pgrep -fx 'sleep 4321'); do
        [[ $(readlink "/proc/$candidate/ns/pid") == "$(readlink "/proc/$pid/ns/pid")" ]] || continue
        diff "/proc/$candidate/cgroup" "/proc/$pid/cgroup"
        found=1
    done
    ((found))
}

@test "whatever is written down of hierarchies, a process is in the container's groups" {
    need_root
    stay "$BOX"
    state=$RUN/containers/$(ruche inspect --type container "$BOX" | jq -r '.[0].Id')/state.json
    grep -q '"hierarchies":[1-9]' "$state" || skip "no groups are made here"
    for wrong in 0 1 1023 4096 2147483648; do
        sed -i "s/\"hierarchies\":[0-9]*/\"hierarchies\":$wrong/" "$state"
        inside -- diff /proc/1/cgroup /proc/self/cgroup
        assert_status 0
    done
}

@test "what the container may not, exec may not" {
    stay "$BOX" --cap-drop CHOWN
    inside -- sed -En 's/^(CapPrm|CapEff|CapBnd|CapInh|CapAmb|NoNewPrivs|Seccomp):[[:space:]]*/\1 /p' /proc/self/status
    assert_line 'CapInh 0000000000000000'
    assert_line 'CapPrm 00000000800405fa'
    assert_line 'CapEff 00000000800405fa'
    assert_line 'CapBnd 00000000800405fa'
    assert_line 'CapAmb 0000000000000000'
    assert_line 'NoNewPrivs 1'
    assert_line 'Seccomp 2'
}

@test "--privileged gives all capabilities, in the container's namespace" {
    need_root
    stay "$BOX"
    inside --privileged -- sed -En 's/^(CapEff|Seccomp|NoNewPrivs):[[:space:]]*/\1 /p' /proc/self/status
    last=$(</proc/sys/kernel/cap_last_cap)
    assert_line "$(printf 'CapEff %016x' "$(((1 << (last + 1)) - 1))")"
    inside --privileged -- readlink /proc/self/ns/user
    assert_output "$(readlink "/proc/$(pid_of "$BOX")/ns/user")"
}

@test "limits of the container hold" {
    need_root
    stay "$BOX" --ulimit nofile=100:200 --pids-limit 77
    inside -- sh -c 'ulimit -n; ulimit -Hn; cat /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids.max'
    assert_output $'100\n200\n77'
}

@test "exec cannot be traced or looked into before its program runs" {
    # A process inside, as root there, tries to open /proc/PID/exe, root and mem of whatever comes along.
    ruche run -d --name "$BOX" busybox sh -c '
        while :; do
            for process in /proc/[0-9]*; do
                link=$(readlink $process/exe) || continue
                case $link in /bin/busybox) ;; *) echo "$process/exe $link" >>/caught ;; esac
                for fd in $process/fd/*; do
                    link=$(readlink $fd) || continue
                    case $link in /dev/null | pipe:* | socket:* | /bin/* | /proc* | /caught | / | "") ;; *) echo "$fd $link" >>/caught ;; esac
                done
            done
        done' >/dev/null
    for _ in {1..20}; do
        ruche exec "$BOX" true
    done
    inside -- sh -c 'cat /caught 2>/dev/null; true'
    assert_output ''
}

@test "descriptors of the caller do not get in" {
    stay "$BOX"
    exec 7<"$BATS_TEST_DIRNAME" 8</etc/passwd
    # Into no pipe and no file, of which the shell would have something open for the moment.
    inside -- sh -c 'for fd in /proc/self/fd/*; do readlink $fd; done; echo open:; ls /proc/$$/fd; :'
    exec 7<&- 8<&-
    [[ $output != *"$BATS_TEST_DIRNAME"* && $output != */etc/passwd* ]] || fail "$output"
    [[ $output == *$'open:\n0\n1\n2' ]] || fail "$output"
}

@test "errors of exec" {
    stay "$BOX"
    inside -- nosuch-command
    assert_error 127 '*nosuch-command*'
    inside -- /etc
    assert_error 126 '*/etc*'
    inside -u nosuch -- true
    assert_error 125 '*nosuch*'
    inside -w relative -- true
    assert_error 125 '*--workdir*'
    inside -w /nosuch -- true
    [[ $status == 12[567] && $stderr == 'ruche: '*/nosuch* ]] || fail "$status" "$stderr"
    try ruche exec nosuch-container true
    [[ $status == 1 || $status == 125 ]] || fail "$status"
    assert_stderr 'ruche: no such container: nosuch-container'
    has_status "$BOX" running
}

@test "a container that does not run, or stands still" {
    ruche create --name "$BOX" busybox sleep 10000
    inside -- true
    [[ $status == 1 || $status == 125 ]] || fail "$status"
    assert_stderr "ruche: *$BOX*not running*"
    ruche start "$BOX"
    ruche pause "$BOX"
    inside -- true
    [[ $status == 1 || $status == 125 ]] || fail "$status"
    assert_stderr "ruche: *$BOX*paused*"
    ruche unpause "$BOX"
    inside -- true
    assert_status 0
    ruche kill "$BOX"
    inside -- true
    assert_stderr "ruche: *$BOX*not running*"
}

@test "exec ends when its container is killed" {
    stay "$BOX"
    ruche exec "$BOX" sleep 9999 &
    client=$!
    eventually ruche exec "$BOX" sh -c 'ps | grep -q "[s]leep 9999"'
    ruche kill "$BOX"
    wait "$client" && code=0 || code=$?
    ((code == 137)) || fail "it ended with $code"
}

@test "signals to exec are passed on" {
    stay "$BOX"
    ruche exec "$BOX" sh -c 'trap "exit 44" TERM; echo ready; while :; do sleep 0.05; done' >"$BATS_TEST_TMPDIR/out" &
    client=$!
    eventually grep -q ready "$BATS_TEST_TMPDIR/out"
    child=$(pgrep -P "$client" -x ruche || true)
    kill -TERM "${child:-$client}"
    wait "$client" && code=0 || code=$?
    ((code == 44)) || fail "it ended with $code"
    has_status "$BOX" running
}

@test "ten at once" {
    stay "$BOX"
    for i in {1..10}; do
        ruche exec "$BOX" sh -c "echo $i; exit $i" >"$BATS_TEST_TMPDIR/out.$i" 2>&1 &
        pids[i]=$!
    done
    for i in {1..10}; do
        wait "${pids[i]}" && code=0 || code=$?
        ((code == i)) || fail "$i ended with $code" "$(<"$BATS_TEST_TMPDIR/out.$i")"
    done
}
