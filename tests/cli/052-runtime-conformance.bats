#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# ruche-runtime: what other people's conformance suites found missing.

load runtime

setup() {
    runtime_setup
}

teardown() {
    runtime_teardown
}

# said WORDS...: what the bundle prints, and its status
said() {
    try runtime run --bundle "$BUNDLE" "$ID"
    assert_status 0
    printf '%s\n' "$output"
}

@test "mounts are told in the configuration's order, /dev among them" {
    # Kernels before 6.15 cannot copy a mount that is not attached: there the order is another.
    [[ $(printf '%s\n' 6.15 "$(uname -r)" | sort -V | head -n 1) == 6.15 ]] || skip "kernel $(uname -r) cannot copy what is not attached"
    bundle_make '.process.args = ["cat", "/proc/self/mountinfo"]'
    [[ $(said | awk '$5 ~ "^/(proc|dev|dev/pts|dev/shm|sys)$" { print $5 }' | tr '\n' ' ') == '/proc /dev /dev/pts /dev/shm /sys ' ]]
    [[ $EUID -eq 0 ]] || return 0
    # What is bound has its place among the others, whatever it shares with the host.
    bundle_make '["shared", "slave", "private", "unbindable"] as $words
        | .mounts += [{destination: "/m/0", type: "tmpfs", source: "tmpfs"}]
        | .mounts += [range(8) | {destination: "/m/\(. + 1)", source: "/etc", options: [(if . < 4 then "bind" else "rbind" end), $words[. % 4]]}]
        | .mounts += [{destination: "/m/9", type: "tmpfs", source: "tmpfs"}] | .process.args = ["cat", "/proc/self/mountinfo"]'
    [[ $(said | awk '$5 ~ "^/(proc|sys|m/[0-9])$" { print $5 }' | tr '\n' ' ') == '/proc /sys /m/0 /m/1 /m/2 /m/3 /m/4 /m/5 /m/6 /m/7 /m/8 /m/9 ' ]] ||
        fail "$output"
}

@test "without a mount namespace the root is the container's alone" {
    need_root
    bundle_make 'del(.hostname) | .linux.namespaces = [] | .mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"}]'
    local before after inside
    before=$(sort /proc/self/mountinfo)
    create "$ID"
    runtime start "$ID"
    inside=$(runtime state "$ID" | jq .pid)
    for kind in mnt pid net ipc uts cgroup user; do
        [[ $(readlink "/proc/$inside/ns/$kind") == "$(readlink "/proc/self/ns/$kind")" ]] || fail "$kind"
    done
    after=$(sort /proc/self/mountinfo)
    [[ $before == "$after" ]] || fail "the host's mounts are others: $(diff <(echo "$before") <(echo "$after"))"
    # Its own root, with its mounts and masks, and nothing above it.
    run runtime exec "$ID" sh -c 'cd ..; cd ../../..; pwd; busybox ls -d bin proc/self/fd dev/null sys/kernel
        touch tmp/x && echo written; touch /x; echo >/proc/sys/kernel/hostname'
    assert_match $'/\nbin\ndev/null\nproc/self/fd\nsys/kernel\nwritten*'
    [[ $output == *"/x: Read-only"* && $output == *"hostname: Read-only"* ]] || fail "$output"
    [[ ! -e $BUNDLE/rootfs/tmp/x ]]
    run runtime exec "$ID" busybox umount /tmp
    assert_status 1
    # Who is given the way out hears of it.
    try runtime exec "$ID" true
    assert_status 0
    [[ ! $stderr ]] || fail "$stderr"
    try runtime exec --cap CAP_SYS_ADMIN "$ID" true
    assert_status 0
    [[ $stderr == *"CAP_SYS_ADMIN inside leads to the host's files"* ]] || fail "$stderr"
    runtime delete --force "$ID"
    [[ $(sort /proc/self/mountinfo) == "$before" ]]
    # Who is root of a user namespace of his own cannot.
    bundle_make 'del(.hostname) | .linux.namespaces = [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1000}]
        | .linux.gidMappings = .linux.uidMappings'
    try runtime create --bundle "$BUNDLE" "$ID"
    assert_runtime_error 1 'without a mount namespace'
}

@test "a filter may refuse what a start itself has to call" {
    local refused='["openat2", "fchdir", "setresuid", "setresgid", "setgroups", "accept4", "poll", "prctl", "setsid", "dup2", "close_range"]'
    bundle_make ".process.noNewPrivileges = false | .process.args = [\"sh\", \"-c\", \"grep -e Seccomp: -e CapEff /proc/self/status\"]
        | .linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", architectures: [\"SCMP_ARCH_X86_64\"],
            syscalls: [{names: $refused, action: \"SCMP_ACT_ERRNO\"}]}"
    ln -sf busybox "$BUNDLE/rootfs/bin/grep"
    said
    [[ $output == *$'Seccomp:\t2'* ]]
    # KILL, NET_BIND_SERVICE and AUDIT_WRITE, and not what it took to load the filter.
    [[ $output == *$'CapEff:\t0000000020000420'* ]]
}

@test "a hook inside runs behind the filter" {
    bundle_make '.hooks.startContainer = [{path: "/bin/touch", args: ["touch", "/dev/shm/hook"]}] | .process.args = ["ls", "/dev/shm"]'
    said
    assert_output hook
    bundle_make '.hooks.startContainer = [{path: "/bin/touch", args: ["touch", "/dev/shm/hook"]}]
        | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["utimensat", "utimes", "open", "openat"], action: "SCMP_ACT_KILL"}]}'
    try runtime run --bundle "$BUNDLE" "$ID"
    assert_runtime_error 1 'startContainer hook #0: error running hook /bin/touch: signal: bad system call'
}

@test "hooks behind the end run whatever those before them do" {
    bundle_make ".process.args = [\"true\"] | .hooks.poststop = [{path: \"/bin/false\"}, {path: \"/bin/touch\", args: [\"touch\", \"$BATS_TEST_TMPDIR/behind\"]},
        {path: \"/bin/no/such\"}]"
    try runtime run --bundle "$BUNDLE" "$ID"
    assert_status 0
    [[ -e $BATS_TEST_TMPDIR/behind ]]
    [[ $stderr == *warning*'poststop hook #0'*'poststop hook #2'* ]] || fail "$stderr"
}

@test "what scripts look for in runc's errors is in ours" {
    try runtime frob
    assert_runtime_error 1 "No help topic for 'frob'"
    create "$ID"
    runtime start "$ID"
    try runtime exec --cgroup none "$ID" true
    assert_runtime_error 255 ' adding pid '
    [[ $stderr == *'/none/cgroup.procs: no such file '* ]]
    runtime delete --force "$ID"
    [[ -d /sys/fs/cgroup/memory && -w /sys/fs/cgroup/memory ]] || return 0
    bundle_make '.linux.resources.unified = {"memory.high": "10000000"}'
    try runtime create --bundle "$BUNDLE" "$ID"
    assert_runtime_error 1 'invalid configuration'
}

@test "a user begins where the configuration says, be it root's directory" {
    need_root
    bundle_make '.process.user = {uid: 42, gid: 42} | .process.cwd = "/closed" | .process.args = ["id", "-u"]'
    mkdir -m 700 "$BUNDLE/rootfs/closed"
    said
    assert_output 42
    chown 42 "$BUNDLE/rootfs/closed"
    bundle_make '.process.user = {uid: 42, gid: 42} | .process.cwd = "/closed"'
    create "$ID"
    runtime start "$ID"
    runtime exec --user 0 "$ID" true
}

@test "a terminal is the session's where the streams are none" {
    bundle_make '.process.terminal = true | .process.args = ["tty"]'
    # Of a session without one it is an error.
    try setsid --wait "$RUNTIME" --root "$ROOT" run --bundle "$BUNDLE" "$ID" </dev/null
    assert_runtime_error 1 'here is none'
    export RUNTIME ROOT BUNDLE ID
    script -qec '"$RUNTIME" --root "$ROOT" run --bundle "$BUNDLE" "$ID" </dev/null >said 2>&1' /dev/null </dev/null >/dev/null
    grep -q '^/dev/pts/0' said || fail "$(<said)"
}

@test "signal 0 asks, of one that has ended as well; delete waits for one that was killed" {
    create "$ID"
    runtime start "$ID"
    runtime kill "$ID" 0
    runtime kill "$ID" KILL
    eventually status_is "$ID" stopped
    runtime kill --all "$ID" 0
    try runtime kill "$ID" 0
    assert_runtime_error 1 'not running'
    runtime delete "$ID"
    for _ in {1..10}; do
        create "$ID"
        runtime start "$ID"
        runtime kill "$ID" KILL
        runtime delete "$ID"
    done
    create "$ID"
    runtime start "$ID"
    try runtime delete "$ID"
    assert_runtime_error 1 'not stopped'
}

@test "a frozen cgroup is whose it is" {
    need_root
    local freezer=/sys/fs/cgroup/freezer/$ID frozen=freezer.state word=FROZEN
    [[ -d /sys/fs/cgroup/freezer ]] || freezer=/sys/fs/cgroup/$ID frozen=cgroup.freeze word=1
    mkdir "$freezer" || skip "no cgroup can be made here"
    echo "$word" >"$freezer/$frozen"
    bundle_make ".linux.cgroupsPath = \"/$ID\""
    for command in create "run --detach"; do
        # shellcheck disable=SC2086 # a command and its option
        try runtime $command --bundle "$BUNDLE" "$ID"
        assert_runtime_error 1 'unexpectedly frozen'
        [[ $(<"$freezer/$frozen") == "$word" ]]
    done
    rmdir "$freezer"
}

@test "what a bind mount cannot have is passed over with a word about it" {
    bundle_make '.mounts += [{destination: "/tmp", type: "bind", source: "/etc", options: ["bind", "ro", "mode=755"]}] | .process.args = ["true"]'
    try runtime run --bundle "$BUNDLE" "$ID"
    assert_status 0
    [[ $stderr == *warning*mode=755* ]]
}

@test "a root that is not to be pivoted is moved, and hides the host's as well" {
    bundle_make '.process.args = ["sh", "-c", "ls /.. /proc/1/root; cd ../../..; pwd; ls; cat /proc/self/mountinfo | busybox wc -l"]'
    try runtime run --bundle "$BUNDLE" "$ID"
    local pivoted=$output
    try runtime run --no-pivot --bundle "$BUNDLE" "$ID"
    assert_status 0
    assert_output "$pivoted"
    [[ $stderr == *warning*--no-pivot* ]]
}

@test "a root that is not to be pivoted leaves no way to a proc or sysfs without masks" {
    need_root
    local words='["busybox", "unshare", "-mrpf", "sh", "-c", "busybox mount -t proc none /proc && echo proc made; busybox mount -t sysfs none /sys && echo sys made"]'
    for option in "" --no-pivot; do
        # A second proc on the first one, and one elsewhere, are no way either.
        for hook in false true; do
            bundle_make ".process.args = $words
                | .process.capabilities.bounding += [\"CAP_SETFCAP\"] | .process.capabilities.permitted += [\"CAP_SETFCAP\"]
                | if $hook then .hooks.createContainer = [{path: \"/bin/true\"}] else . end"
            mkdir -p "$BATS_TEST_TMPDIR/a proc"
            option=$option BUNDLE=$BUNDLE ID=$ID place="$BATS_TEST_TMPDIR/a proc" RUNTIME=$RUNTIME ROOT=$ROOT \
                unshare --mount sh -c 'mount -t proc proc /proc; mount -t proc proc "$place"; mount -t sysfs sysfs "$place"
                    exec "$RUNTIME" --root "$ROOT" run $option --bundle "$BUNDLE" "$ID"' >said 2>&1 || true
            ! grep made said || fail "$option, hook $hook: $(<said)"
            [[ $(grep -ci 'permission denied' said) == 2 ]] || fail "$option, hook $hook: $(<said)"
        done
    done
}

@test "hooks of creation are told how far it is" {
    cat >"$BATS_TEST_TMPDIR/hook" <<'HOOK'
#!/bin/sh
cat >"$1"
HOOK
    chmod +x "$BATS_TEST_TMPDIR/hook"
    bundle_make ".process.args = [\"true\"] | .hooks.prestart = [{path: \"$BATS_TEST_TMPDIR/hook\", args: [\"hook\", \"$BATS_TEST_TMPDIR/prestart\"]}]
        | .hooks.createRuntime = [{path: \"$BATS_TEST_TMPDIR/hook\", args: [\"hook\", \"$BATS_TEST_TMPDIR/runtime\"]}]"
    said
    [[ $(jq -r .status "$BATS_TEST_TMPDIR/prestart") == created ]]
    [[ $(jq -r .status "$BATS_TEST_TMPDIR/runtime") == creating ]]
}

@test "exec stays within the container's cgroup, and tells its steps" {
    create "$ID"
    runtime start "$ID"
    for path in .. ../.. a/../../b; do
        try runtime exec --cgroup "$path" "$ID" true
        assert_runtime_error 255 'is not a sub cgroup path'
    done
    try runtime --debug --log log exec "$ID" true
    assert_status 0
    grep -q 'level=debug msg="child: join' log
}

@test "a link that leads nowhere is no place for /proc" {
    rm -rf "$BUNDLE/rootfs/proc"
    ln -s /nowhere "$BUNDLE/rootfs/proc"
    try runtime run --bundle "$BUNDLE" "$ID"
    assert_runtime_error 1 'must be mounted on ordinary directory'
    [[ ! -e $BUNDLE/rootfs/nowhere ]]
}

@test "a configuration to begin with has a cgroup namespace where there is v2 alone" {
    local expected=false
    [[ $(stat -fc %t /sys/fs/cgroup) != 63677270 ]] || expected=true
    jq -e ".linux.namespaces | any(.type == \"cgroup\") == $expected" "$BUNDLE/config.json"
}

@test "who names a cgroup that is in use joins those in it, and takes nobody along" {
    need_root
    bundle_make ".linux.cgroupsPath = \"/$ID\""
    create "$ID"
    runtime start "$ID"
    create "$ID-2"
    grep -q "warning.*container's cgroup is not empty" "$BATS_TEST_TMPDIR/out"
    runtime start "$ID-2"
    runtime delete --force "$ID-2"
    status_is "$ID" running
    runtime delete --force "$ID"
}
