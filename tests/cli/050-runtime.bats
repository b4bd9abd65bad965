#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# ruche-runtime: the life of a container by runc's commands.

load runtime

setup() {
    runtime_setup
}

teardown() {
    runtime_teardown
}

@test "run gives the program's streams and status" {
    bundle_make '.process.args = ["sh", "-c", "cat; echo to-err >&2; exit 7"]'
    run --separate-stderr bash -c 'echo typed | "$0" --root "$1" run --bundle "$2" "$3"' "$RUNTIME" "$ROOT" "$BUNDLE" "$ID"
    assert_status 7
    assert_output typed
    assert_stderr to-err
}

@test "run ends as a shell does when a signal ended the program" {
    bundle_make '.process.args = ["sh", "-c", "kill -KILL $$; sleep 1"] | .linux.namespaces |= map(select(.type != "pid"))'
    try runtime run --bundle "$BUNDLE" "$ID"
    assert_status 137
}

@test "runc's own configuration works unchanged" {
    command -v runc >/dev/null || skip "there is no runc"
    rm "$BUNDLE/config.json"
    runc spec --bundle "$BUNDLE"
    sed -i 's/"terminal": true/"terminal": false/; s/"sh"/"id"/' "$BUNDLE/config.json"
    try runtime run --bundle "$BUNDLE" "$ID"
    assert_status 0
    assert_match 'uid=0*'
}

@test "create waits, start executes, kill ends, delete removes" {
    bundle_make '.process.args = ["sh", "-c", "touch /tmp/ran; sleep 10000"] | .root.readonly = false'
    create --pid-file "$BATS_TEST_TMPDIR/pid" "$ID"
    status_is "$ID" created
    [[ $(<"$BATS_TEST_TMPDIR/pid") == $(runtime state "$ID" | jq .pid) ]]
    [[ ! -e $BUNDLE/rootfs/tmp/ran ]]
    runtime start "$ID"
    status_is "$ID" running
    eventually test -e "$BUNDLE/rootfs/tmp/ran"
    runtime kill "$ID" KILL
    eventually status_is "$ID" stopped
    [[ $(runtime state "$ID" | jq .pid) == 0 ]]
    runtime delete "$ID"
    try runtime state "$ID"
    assert_runtime_error 1 'does not exist'
}

@test "the state is as runc prints it" {
    bundle_make '.annotations = {"org.example.a": "b\nc"}'
    create "$ID"
    run runtime state "$ID"
    assert_status 0
    [[ $(jq -c '[keys_unsorted]' <<<"$output") == '[["ociVersion","id","pid","status","bundle","rootfs","created","annotations","owner"]]' ]]
    [[ $(jq -r '.annotations["org.example.a"]' <<<"$output") == $'b\nc' ]]
    [[ $(jq -r .bundle <<<"$output") == "$BUNDLE" ]]
    [[ $(jq -r .rootfs <<<"$output") == "$BUNDLE/rootfs" ]]
    [[ $(jq -r .id <<<"$output") == "$ID" ]]
    date -d "$(jq -r .created <<<"$output")"
}

@test "list has a table, JSON and ids" {
    [[ $(runtime list -f json) == null ]]
    [[ -z $(runtime list -q) ]]
    create "$ID"
    create "$ID.2"
    [[ $(runtime list -q) == "$ID"$'\n'"$ID.2" ]]
    [[ $(runtime list --format json | jq -r '.[1].id') == "$ID.2" ]]
    run runtime list
    assert_match "ID*PID*STATUS*BUNDLE*CREATED*OWNER*$ID*created*$BUNDLE*root*"
    ((${#lines[@]} == 3))
}

@test "an id is letters, digits and _ + - ." {
    local id long
    long=$(printf 'a%.0s' {1..1025})
    for id in . .. a/b ../x 'a b' $'a\nb' 'a:b' '' "$long" 'ä'; do
        try runtime create --bundle "$BUNDLE" "$id"
        assert_runtime_error 1 'invalid id'
        try runtime state "$id"
        assert_runtime_error 1 'invalid id'
        try runtime delete --force "$id"
        assert_runtime_error 1 'invalid id'
    done
}

@test "an id is taken once, also by two at a time" {
    create "$ID"
    try runtime create --bundle "$BUNDLE" "$ID"
    assert_runtime_error 1 'container with id exists'
    try runtime run --bundle "$BUNDLE" "$ID"
    assert_runtime_error 1 'container with id exists'
    runtime delete -f "$ID"
    local i won=0 pids=()
    for i in 1 2 3 4; do
        runtime create --bundle "$BUNDLE" "$ID" </dev/null >/dev/null 2>&1 &
        pids+=($!)
    done
    for i in "${pids[@]}"; do
        wait "$i" && ((++won))
    done
    ((won == 1)) || fail "$won have made it"
}

@test "a bundle that is not there, or is none, makes nothing" {
    try runtime run --bundle "$BATS_TEST_TMPDIR/no" "$ID"
    assert_runtime_error 1 "$BATS_TEST_TMPDIR/no"
    mkdir empty
    try runtime run --bundle empty "$ID"
    assert_runtime_error 1 'config.json: no such file or directory'
    mkfifo empty/config.json
    for place in empty "$PWD/empty"; do
        try runtime run --bundle "$place" "$ID"
        assert_runtime_error 1 config.json
    done
    rm empty/config.json
    echo '{' >empty/config.json
    try runtime create --bundle empty "$ID"
    assert_runtime_error 1 config.json
    [[ -z $(runtime list -q) ]]
}

@test "a configuration truncated anywhere is one line, and nothing is made" {
    local size step
    size=$(stat -c %s "$BUNDLE/config.json")
    mkdir cut
    for ((step = 0; step < size - 2; step += 61)); do
        head -c "$step" "$BUNDLE/config.json" >cut/config.json
        try runtime create --bundle cut "$ID"
        assert_runtime_error 1 ''
    done
    [[ -z $(runtime list -q) ]]
}

@test "start twice, start of a stopped one" {
    create "$ID"
    runtime start "$ID"
    try runtime start "$ID"
    assert_runtime_error 1 'already running'
    runtime kill "$ID" 9
    eventually status_is "$ID" stopped
    try runtime start "$ID"
    assert_runtime_error 1 'has stopped'
}

@test "create tells that the program is not there" {
    bundle_make '.process.args = ["no-such-program"]'
    try runtime create --bundle "$BUNDLE" "$ID"
    assert_runtime_error 1 'executable file not found in $PATH'
    bundle_make '.process.args = ["/etc/no-such-program"]'
    try runtime run --bundle "$BUNDLE" "$ID"
    assert_runtime_error 1 'no such file or directory'
    [[ -z $(runtime list -q) ]]
}

@test "start tells why the program could not be executed" {
    printf 'no program' >"$BUNDLE/rootfs/bin/broken"
    chmod +x "$BUNDLE/rootfs/bin/broken"
    bundle_make '.process.args = ["/bin/broken"]'
    create "$ID"
    try runtime start "$ID"
    assert_runtime_error 1 broken
    eventually status_is "$ID" stopped
}

@test "a signal ends a container that waits to be started" {
    create "$ID"
    runtime kill "$ID"
    eventually status_is "$ID" stopped
    try runtime start "$ID"
    assert_runtime_error 1 'has stopped'
}

@test "kill takes names and numbers, and knows who has ended" {
    bundle_make '.process.args = ["sh", "-c", "trap \"exit 3\" USR1; touch /tmp/ready; while :; do sleep 0.1; done"] | .root.readonly = false'
    runtime run --detach --bundle "$BUNDLE" "$ID" </dev/null >/dev/null 2>&1
    eventually test -e "$BUNDLE/rootfs/tmp/ready"
    try runtime kill "$ID" NOSUCH
    assert_status 1
    runtime kill "$ID" SIGUSR1
    eventually status_is "$ID" stopped
    try runtime kill "$ID" 15
    assert_runtime_error 1 'container not running'
    runtime kill --all "$ID" 15
}

@test "kill --all reaches those whose first process has ended" {
    bundle_make '.linux.namespaces |= map(select(.type != "pid")) | .process.args = ["sh", "-c", "sleep 10000 & exit 0"]'
    runtime run --detach --bundle "$BUNDLE" "$ID" </dev/null >/dev/null 2>&1
    eventually status_is "$ID" stopped
    [[ $(runtime ps --format json "$ID") != '[]' ]]
    runtime kill --all "$ID" KILL
    eventually eval '[[ $(runtime ps --format json "$ID") == "[]" ]]'
}

@test "delete refuses what runs, unless by force" {
    create "$ID"
    runtime start "$ID"
    try runtime delete "$ID"
    assert_runtime_error 1 'not stopped: running'
    runtime delete --force "$ID"
    runtime delete -f "$ID"
    try runtime delete "$ID"
    assert_runtime_error 1 'does not exist'
}

@test "options stand before and behind the id" {
    create "$ID"
    runtime start "$ID"
    runtime kill "$ID" KILL --all
    runtime delete "$ID" --force
}

@test "pause, resume, and exec in between" {
    create "$ID"
    runtime start "$ID"
    try runtime resume "$ID"
    assert_runtime_error 1 'not paused'
    runtime pause "$ID"
    status_is "$ID" paused
    try runtime exec "$ID" true
    assert_runtime_error 255 paused
    try runtime delete "$ID"
    assert_runtime_error 1 paused
    runtime resume "$ID"
    status_is "$ID" running
    runtime exec "$ID" true
    runtime pause "$ID"
    runtime delete --force "$ID"
}

@test "ps has ps's lines of the container, or pids" {
    create "$ID"
    runtime start "$ID"
    [[ $(runtime ps --format json "$ID") == "[$(runtime state "$ID" | jq .pid)]" ]]
    run runtime ps "$ID"
    assert_match 'UID*PID*sleep 10000'
    ((${#lines[@]} == 2))
    run runtime ps "$ID" -o pid,args
    assert_match '*PID*sleep 10000'
    try runtime ps "$ID" -o args
    assert_runtime_error 1 PID
}

@test "the configuration is the one it was made from" {
    create "$ID"
    mv "$BUNDLE/config.json" config.away
    runtime start "$ID"
    run runtime exec "$ID" echo inside
    assert_output inside
    runtime delete -f "$ID"
}

@test "a create killed at any moment leaves what delete --force removes" {
    command -v strace >/dev/null || skip "there is no strace"
    local call
    for call in 20 40 60 90 120 150 180 220; do
        # By -D it is a child of ours, and not the tracer's, which goes on with the container's process.
        strace -D -f -qq -o /dev/null -e inject=all:signal=KILL:when=$call \
            "$RUNTIME" --root "$ROOT" create --bundle "$BUNDLE" "$ID" </dev/null >/dev/null 2>&1 3>&- || true
        runtime delete --force "$ID"
        [[ ! -e $ROOT/$ID ]] || fail "killed at call $call it is left"
        eventually runtime_cgroups_gone
    done
}

@test "parents of a cgroup go with the last that needs them, others stay" {
    local memory parent parents
    memory=$(awk '$3 == "cgroup" && $4 ~ /memory/ {print $2} $3 == "cgroup2" {print $2}' /proc/mounts | head -1)
    # In every hierarchy: how many there were before is one number.
    parents=$(awk -v id="$ID" '$3 == "cgroup" || $3 == "cgroup2" {print $2 "/" id "-a"}' /proc/mounts)
    bundle_make ".linux.cgroupsPath = \"/$ID-a/b/c\""
    for parent in $parents; do
        mkdir "$parent"
    done
    create "$ID"
    [[ -d $memory/$ID-a/b/c ]]
    runtime delete -f "$ID"
    for parent in $parents; do
        [[ -d $parent && ! -d $parent/b ]]
        rmdir "$parent"
    done
}

@test "parents of a cgroup go where they were made, and stay where they were" {
    local first others
    bundle_make ".linux.cgroupsPath = \"/$ID-a/b\""
    others=$(awk -v id="$ID" '$3 == "cgroup" || $3 == "cgroup2" {print $2 "/" id "-a"}' /proc/mounts)
    first=$(head -1 <<<"$others")
    [[ $others != "$first" ]] || skip "there is one hierarchy here"
    for first in "$first" "$(awk -v id="$ID" '$4 ~ /memory/ && $3 == "cgroup" {print $2 "/" id "-a"}' /proc/mounts)"; do
        [[ $first == /* ]] || continue
        mkdir "$first"
        create "$ID"
        runtime delete -f "$ID"
        [[ -d $first ]] || fail "$first has been there before"
        rmdir "$first"
        runtime_cgroups_gone || fail "left:" "$(find /sys/fs/cgroup -maxdepth 4 -name "*$ID*")"
    done
}

# Those of the group's namespace with CAP_SYS_PTRACE in the host's user namespace see whoever comes, hidden or not.
@test "who comes into a pid namespace of others has nothing of the host" {
    local trace=$BATS_TEST_TMPDIR/trace look canary=$BATS_TEST_TMPDIR/canary call pid
    command -v strace >/dev/null || skip "there is no strace"
    bundle_make '.process.capabilities |= map_values(. + ["CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH"])'
    create "$ID"
    runtime start "$ID"
    pid=$(runtime state "$ID" | jq .pid)
    : >"$canary"
    # shellcheck disable=SC2016 # the inner shell's
    look='for p in /proc/[0-9]*; do
        [ ! -e $p/root'$canary' ] || echo "its root is the host'\''s"
        for f in $p/fd/*; do [ ! -e $f/~cgroups -a ! -e $f/state.json ] || echo "it holds $f"; done
    done'
    bundle_make ".process.args = [\"true\"] | .linux.namespaces |= map(if .type == \"pid\" then .path = \"/proc/$pid/ns/pid\" else . end)"
    for call in pivot_root mount; do
        strace -D -f -qq -o "$trace" -e "inject=$call:delay_enter=1500000:when=1" \
            "$RUNTIME" --root "$ROOT" run --bundle "$BUNDLE" "$ID-2" </dev/null 3>&- &
        sleep 0.8
        try runtime exec --cap CAP_SYS_PTRACE "$ID" sh -c "$look"
        assert_status 0
        assert_output ''
        wait $!
    done
    # It is seen there, when it has nothing any more.
    # shellcheck disable=SC2016 # the inner shell's
    bundle_make '.process.args = ["sh", "-c", "kill -0 1 && echo $$"]
        | .linux.namespaces |= map(if .type == "pid" then .path = "/proc/'"$pid"'/ns/pid" else . end)'
    try runtime run --bundle "$BUNDLE" "$ID-2"
    assert_status 0
    [[ $output -gt 1 ]]
}

@test "what the caller has open is closed before anything is made" {
    local held=$BATS_TEST_TMPDIR/held pid seen=''
    command -v strace >/dev/null || skip "there is no strace"
    mkdir "$held"
    bundle_make '.process.args = ["true"]'
    strace -D -f -qq -o /dev/null -e inject=pivot_root:delay_enter=1500000:when=1 \
        "$RUNTIME" --root "$ROOT" run --bundle "$BUNDLE" "$ID" </dev/null 3>&- 99<"$held" &
    sleep 0.8
    for pid in $(pgrep -x ruche-runtime); do
        grep -qzF -- "$ROOT" "/proc/$pid/cmdline" 2>/dev/null || continue
        seen=1
        ! find "/proc/$pid/fd" -lname "$held" 2>/dev/null | grep . || fail "$held is open in $pid"
    done
    wait $!
    [[ $seen ]] || fail "nobody was seen at work"
    # What the command line names may be one of them.
    # shellcheck disable=SC2016 # the inner shell's
    run --separate-stderr bash -c '"$0" --root "$1" run --config <(cat "$2/config.json") --bundle "$2" "$3"' "$RUNTIME" "$ROOT" "$BUNDLE" "$ID"
    assert_status 0
}

# /run is a link of the image's to a name that procfs has as well, and procfs is mounted later: then the same name leads to
# what the caller has open.
@test "no link of an image leads to what the caller has open" {
    local held=$BATS_TEST_TMPDIR/held own='options: ["mode=755"]'
    bundle_make ".process.args = [\"true\"] | .mounts = [{destination: \"/run\", type: \"tmpfs\", $own},
        {destination: \"/proc\", type: \"proc\"}, {destination: \"/run/x\", type: \"tmpfs\", $own}]"
    mkdir -p "$held" "$BUNDLE/rootfs/proc/self/fd/99"
    ln -s proc/self/fd/99 "$BUNDLE/rootfs/run"
    try runtime run --bundle "$BUNDLE" "$ID" 99<"$held"
    assert_runtime_error 1 'run/x'
    [[ -z $(ls -A "$held") ]] || fail "something was made on the host:" "$(ls -lA "$held")"
}

@test "no file system is mounted by the name of a place" {
    local trace=$BATS_TEST_TMPDIR/trace
    command -v strace >/dev/null || skip "there is no strace"
    bundle_make '.process.args = ["true"]'
    strace -f -qq -o "$trace" -e trace=mount,move_mount "$RUNTIME" --root "$ROOT" run --bundle "$BUNDLE" "$ID"
    grep -q 'move_mount(' "$trace"
    grep -q ' mount(' "$trace"
    ! grep ' mount(' "$trace" | grep -v ' mount("[a-z0-9]*", "\.", "' || fail "mount(2) with a path"
}

@test "a device lies where it is said to, be it below another dev" {
    bundle_make '.process.args = ["ls", "/dev/dev/null", "/dev/dev/more/null"] |
        .linux.devices = [{path: "/dev/dev/null", type: "c", major: 1, minor: 3}, {path: "/dev/dev/more/null", type: "c", major: 1, minor: 3}]'
    try runtime run --bundle "$BUNDLE" "$ID"
    assert_status 0
}

@test "a mount that is unbindable is there without a mount namespace too" {
    bundle_make '.process.args = ["sh", "-c", "echo /there/*"] | .linux.namespaces |= map(select(.type != "mount")) |
        .mounts += [{destination: "/there", type: "tmpfs", options: ["unbindable"]}]'
    mkdir -p "$BUNDLE/rootfs/there/covered"
    try runtime run --bundle "$BUNDLE" "$ID"
    assert_status 0
    assert_output '/there/*'
}

@test "the process that makes the network namespace is killed: one line, and nothing is left" {
    command -v strace >/dev/null || skip "there is no strace"
    bundle_make '.process.args = ["true"]'
    run --separate-stderr strace -f -qq -o /dev/null -e inject=socket:signal=KILL:when=1 \
        "$RUNTIME" --root "$ROOT" run --bundle "$BUNDLE" "$ID"
    assert_runtime_error 1 'was to make the network namespace was killed'
}

@test "a network namespace that cannot be had is named" {
    unshare -Ur true 2>/dev/null || skip "there are no user namespaces here"
    bundle_make '.process.args = ["true"] | .linux.uidMappings = [{containerID: 0, hostID: 0, size: 1}] |
        .linux.gidMappings = .linux.uidMappings | .linux.namespaces += [{type: "user"}] | del(.linux.resources) |
        .mounts |= map(if .options then .options -= ["gid=5"] else . end)'
    # shellcheck disable=SC2016 # the inner shell's
    run --separate-stderr unshare -Ur -m sh -c \
        'echo 0 >/proc/sys/user/max_net_namespaces; "$@"' sh "$RUNTIME" --root "$ROOT" run --bundle "$BUNDLE" "$ID"
    assert_runtime_error 1 'make a network namespace: No space left on device'
    run unshare -Ur -m "$RUNTIME" --root "$ROOT" run --bundle "$BUNDLE" "$ID"
    assert_status 0
}
