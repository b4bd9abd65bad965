#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # bats sets stderr; what is in single quotes is for a shell further in
#
# An ordinary user, with subordinate ids and without. It exists in a mount namespace of each command only, whose /etc/passwd and
# /etc/subuid name it: nothing of the machine is changed.

load containers

setup() {
    need_root
    need setpriv
    unshare -m true 2>/dev/null || skip "no mount namespace can be made"
    common_setup
    USER_ID=$((50000 + RANDOM % 10000))
    SUB_FIRST=$((USER_ID * 65536))
    HERE=$BATS_TEST_TMPDIR
    export HERE USER_ID
    mkdir "$HERE/user" "$HERE/user/home" "$HERE/user/run" "$HERE/user/bin"
    chown -R "$USER_ID:$USER_ID" "$HERE/user"
    chmod 700 "$HERE/user/run"
    printf 'root:x:0:0::/root:/bin/sh\nbee:x:%d:%d::/mnt/home:/bin/sh\n' "$USER_ID" "$USER_ID" >"$HERE/passwd"
    subids "bee:$SUB_FIRST:65536"
    # Where namespaces are forbidden to users there is nothing to test.
    bee unshare -U true 2>/dev/null || skip "users cannot make user namespaces here"
}

subids() {
    command -v newuidmap >/dev/null || skip "newuidmap is missing"
    printf '%s\n' "$@" >"$HERE/subuid"
    cp "$HERE/subuid" "$HERE/subgid"
}

no_subids() {
    : >"$HERE/subuid"
    : >"$HERE/subgid"
}

# Runs a command as that user, whose home and programs are below /mnt.
bee() {
    unshare -m --propagation private bash -c '
        mount --bind "$HERE/passwd" /etc/passwd && mount --bind "$HERE/user" /mnt && mount --bind "${RUCHE%/*}" /mnt/bin || exit 90
        for file in subuid subgid; do
            [[ -e /etc/$file ]] || continue
            mount --bind "$HERE/$file" "/etc/$file" || exit 90
        done
        cd /mnt/home
        exec setpriv --reuid "$USER_ID" --regid "$USER_ID" --clear-groups env -i PATH="$PATH" HOME=/mnt/home \
            XDG_RUNTIME_DIR=/mnt/run TERM=dumb "$@"' bash "$@"
}

# The program as that user, on its own state.
ruche() {
    bee /mnt/bin/ruche "$@"
}

no_processes_of_bee() {
    # By cat, as awk may end at the first process that is gone meanwhile.
    ! cat /proc/[0-9]*/status 2>/dev/null | awk -v id="$USER_ID" -v first="$SUB_FIRST" \
        '$1 == "Uid:" && ($2 == id || ($2 >= first && $2 < first + 65536)) { found = 1 } END { exit !found }'
}

teardown() {
    [[ -n ${SUB_FIRST-} ]] || return 0
    remove_all || true
    eventually no_processes_of_bee || fail "a process is left"
    is_empty "$HERE/user/home/.local/share/ruche/containers" || fail "a container is left"
    is_empty "$HERE/user/home/.local/share/ruche/trash" || fail "trash is left"
    is_empty "$HERE/user/run/ruche/containers" || fail "a run directory is left"
    common_teardown
}

@test "run says what its command says, and ends as it" {
    box -- sh -c 'echo hello; echo err >&2; exit 7'
    assert_status 7
    assert_output hello
    assert_stderr err
    [[ -d $HERE/user/home/.local/share/ruche ]]
}

@test "root inside is the user, the others are its subordinate ids" {
    box -- sh -c 'cat /proc/self/uid_map; id -u'
    read -r inside outside count <<<"${lines[0]}"
    ((inside == 0 && outside == USER_ID && count == 1)) || fail "$output"
    read -r inside outside count <<<"${lines[1]}"
    ((inside == 1 && outside == SUB_FIRST && count >= 65535)) || fail "$output"
    assert_line 0
}

@test "isolation is the same as for root" {
    box -- sh -c 'sed -En "s/^(CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):[[:space:]]*/\1 /p" /proc/self/status
        ls -A /sys/kernel /sys/firmware; ls -d /..; for ns in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$ns; done'
    assert_line 'CapEff 00000000800405fb'
    assert_line 'CapBnd 00000000800405fb'
    assert_line 'CapAmb 0000000000000000'
    assert_line 'NoNewPrivs 1'
    assert_line 'Seccomp 2'
    for ns in ipc mnt net pid time user uts; do
        [[ $output != *"$(readlink "/proc/self/ns/$ns")"* ]] || fail "$ns is the host's"
    done
}

@test "users inside, and what they own on disk" {
    name=$(random_name)
    ruche run --name "$name" busybox sh -c 'touch /of-root; mkdir /of-33; chown 33:33 /of-33; touch /of-33/file; chmod 700 /of-33; chown 33 /of-33/file' \
        >/dev/null
    file=$(find "$HERE/user/home/.local/share/ruche/containers" -name of-33)
    [[ $(stat -c %u "$file") == $((SUB_FIRST + 32)) ]] || fail "$(stat -c %u "$file")"
    file=$(find "$HERE/user/home/.local/share/ruche/containers" -name of-root)
    [[ $(stat -c %u "$file") == "$USER_ID" ]]
    box -u 33 -- id -u
    assert_output 33
    box -u www-data -- id -un
    assert_output www-data
    # What only the subordinate id may delete is deleted.
    run ruche rm "$name"
    assert_status 0
    [[ -z $(find "$HERE/user/home/.local/share/ruche" -name 'of-*') ]]
}

@test "detached: logs, exec, stop, wait, rm" {
    name=$(random_name)
    run ruche run -d --name "$name" busybox sh -c 'trap "exit 6" TERM; echo ready; while :; do sleep 0.05; done'
    [[ $output =~ ^[0-9a-f]{64}$ ]] || fail "$output"
    eventually said "$name" ready
    try ruche exec "$name" sh -c 'id -u; echo err >&2; exit 5'
    assert_status 5
    assert_output 0
    assert_stderr err
    try ruche exec -i -u 33 "$name" cat <<<'through'
    assert_output through
    run ruche ps
    [[ $output == *"$name"* ]]
    ruche stop "$name"
    [[ $(ruche wait "$name") == 6 ]]
    ruche start "$name"
    ruche rm -f "$name"
    [[ -z $(ruche ps -aq) ]]
}

said() {
    [[ $(ruche logs "$1" 2>&1) == *"$2"* ]]
}

@test "-v: what is the user's is root's inside" {
    mkdir "$HERE/user/home/data"
    echo mine >"$HERE/user/home/data/file"
    chown -R "$USER_ID:$USER_ID" "$HERE/user/home/data"
    box -v /mnt/home/data:/data -- sh -c 'stat -c %u /data/file; echo more >>/data/file; echo new >/data/new'
    assert_status 0
    assert_output 0
    [[ $(<"$HERE/user/home/data/file") == $'mine\nmore' ]]
    [[ $(stat -c %u "$HERE/user/home/data/new") == "$USER_ID" ]]
    box -v /mnt/home/data:/data:ro -- sh -c 'echo x >/data/x'
    assert_status 1
    box -v /etc:/host -- sh -c 'cat /host/shadow; echo x >/host/new'
    assert_status 1
    assert_output ''
}

@test "a limit that it has no group for is an error with its remedy" {
    bee test -w /sys/fs/cgroup && skip "groups are delegated to it"
    for option in '-m 64m' '--cpus 0.5' '--pids-limit 50' '--cpuset-cpus 0'; do
        # shellcheck disable=SC2086 # an option and its value
        try ruche run --rm $option busybox true
        assert_error 125 '*deleg*'
    done
    # The default limit, which nobody asked for, is no error.
    box -- true
    assert_status 0
}

@test "pause needs a group, and says so" {
    bee test -w /sys/fs/cgroup && skip "groups are delegated to it"
    name=$(random_name)
    ruche run -d --name "$name" busybox sleep 10000
    try ruche pause "$name"
    assert_status 1
    assert_stderr 'ruche: *control group*'
}

@test "without subordinate ids there is one id, and that works" {
    no_subids
    box -- sh -c 'cat /proc/self/uid_map; id -u; echo x >/file; cat /file'
    assert_status 0
    read -r inside outside count <<<"${lines[0]}"
    ((inside == 0 && outside == USER_ID && count == 1)) || fail "$output"
    assert_line x
    name=$(random_name)
    ruche run -d --name "$name" busybox sleep 10000 >/dev/null
    try ruche exec "$name" id -u
    assert_output 0
    ruche rm -f "$name"
}

@test "without subordinate ids another user is an error with its remedy" {
    no_subids
    try ruche run --rm -u 33 busybox true
    assert_error 125 '*'
    [[ $stderr == *subuid* || $stderr == *'range of the user namespace'* ]] || fail "$stderr"
}

@test "a broken /etc/subuid does no harm" {
    subids 'bee:abc:65536' 'bee' ':::' "bee:$SUB_FIRST:99999999999999" '# comment'
    try ruche run --rm busybox echo fine
    [[ $output == fine || $stderr == 'ruche: '* ]] || fail "$output" "$stderr"
}

@test "--network host, --pid host, --ipc host" {
    box --network host -- readlink /proc/self/ns/net
    assert_output "$(readlink /proc/self/ns/net)"
    box --pid host -- readlink /proc/self/ns/pid
    assert_output "$(readlink /proc/self/ns/pid)"
    box --ipc host -- readlink /proc/self/ns/ipc
    assert_output "$(readlink /proc/self/ns/ipc)"
}

@test "namespaces are shared with the user's other containers" {
    BOX=$(random_name)
    stay "$BOX"
    pid=$(pid_of "$BOX")
    ruche exec "$BOX" sh -c 'echo first >/dev/shm/one'
    box --network "container:$BOX" --pid "container:$BOX" --ipc "container:$BOX" -- \
        sh -c 'for ns in net pid ipc user; do readlink /proc/self/ns/$ns; done; cat /dev/shm/one; ps'
    assert_status 0
    for ns in net pid ipc user; do
        assert_line "$(readlink "/proc/$pid/ns/$ns")"
    done
    assert_line first
    [[ $output == *'sleep 10000'* ]] || fail "$output"
}

@test "what has to do with the host's user namespace is refused by name" {
    try ruche run --rm --userns host --network host busybox true
    assert_error 125 "the host's user namespace takes root: *; leave --userns out"
}

@test "--privileged is the user's own privilege at most" {
    box --privileged -- sh -c 'id -u; mount -t tmpfs none /tmp && echo mounted; ( echo 1 >/proc/sys/vm/drop_caches ) 2>/dev/null || echo no'
    assert_status 0
    assert_line 0
    assert_line mounted
    assert_line no
}

@test "a device node of its own opens nothing" {
    box --cap-add MKNOD -- sh -c 'mknod /tmp/null c 1 3 || echo no'
    assert_output no
}

@test "root's containers and the user's do not see each other" {
    name=$(random_name)
    ruche create --name "$name" busybox true
    [[ -z $("$RUCHE" --root "$ROOT" --run "$RUN" ps -aq) ]]
    "$RUCHE" --root "$ROOT" --run "$RUN" create --name "$name" busybox true
    [[ $(ruche ps -aq | wc -l) == 1 ]]
    "$RUCHE" --root "$ROOT" --run "$RUN" rm "$name"
}

@test "two users do not see each other's state" {
    box -- true
    run bee ls -ld /mnt/home/.local/share/ruche /mnt/run/ruche
    for line in "${lines[@]}"; do
        [[ $line == drwx------* || $line == drwx--x--x* ]] || fail "$line"
    done
}

@test "an image is loaded by the user" {
    run --separate-stderr bee /mnt/bin/ruche load -q -i /mnt/bin/busybox.tar
    assert_status 0
    run ruche images
    [[ $output == *busybox* ]]
}

@test "the machine's own root is root's to run" {
    run --separate-stderr ruche run --rm --rootfs /:O true
    assert_error 125 'open "/": Invalid argument; other file systems are mounted below it, and only root*'
}
