#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# ruche-runtime: what engines ask of it by options, and what it tells them.

load runtime

setup() {
    runtime_setup
}

teardown() {
    runtime_teardown
}

# receive SOCKET FILE: takes a terminal as an engine does, and writes down its name and what is said on it
receive() {
    python3 - "$1" "$2" 3>&- <<'PYTHON' &
import array, os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1] + ".new")
listener.listen(1)
os.rename(sys.argv[1] + ".new", sys.argv[1])
connection, _ = listener.accept()
name, control, _, _ = connection.recvmsg(64, socket.CMSG_SPACE(4))
master = array.array("i", control[0][2][:4])[0]
said = b""
try:
    while (part := os.read(master, 1000)):
        said += part
except OSError:
    pass
with open(sys.argv[2], "w") as out:
    out.write(name.decode() + "\n" + said.decode().replace("\r", ""))
PYTHON
    RECEIVER=$!
    eventually test -S "$1"
}

@test "the terminal is handed over, with the size that was asked for" {
    bundle_make '.process.terminal = true | .process.consoleSize = {height: 33, width: 99} | .process.args = ["sh", "-c", "tty; stty size"]'
    receive console said
    create --console-socket console "$ID"
    runtime start "$ID"
    wait "$RECEIVER"
    [[ $(<said) == $'/dev/ptmx\n/dev/pts/0\n33 99' ]] || fail "$(<said)"
}

# Half a second is waited for the socket: on a busy machine more may pass before it is in its place, and it is tried again.
creates_before_it_listens() {
    local result=0
    create --console-socket console "$ID" &
    sleep 0.1
    mv later console
    wait "$!" || result=1
    ((result == 0)) || mv console later
    return "$result"
}

@test "who takes the terminal may begin to listen a little later" {
    bundle_make '.process.terminal = true | .process.args = ["tty"]'
    receive later said
    eventually creates_before_it_listens
    runtime start "$ID"
    wait "$RECEIVER"
    [[ $(<said) == $'/dev/ptmx\n/dev/pts/0' ]] || fail "$(<said)"
    runtime delete --force "$ID"
    try runtime create --console-socket never --bundle "$BUNDLE" "$ID"
    assert_runtime_error 1 never
}

@test "a terminal and nobody to take it is an error, as is a socket for none" {
    bundle_make '.process.terminal = true'
    try runtime create --bundle "$BUNDLE" "$ID"
    assert_runtime_error 1 --console-socket
    try runtime run --detach --bundle "$BUNDLE" "$ID"
    assert_runtime_error 1 --console-socket
    bundle_make
    try runtime create --console-socket /none --bundle "$BUNDLE" "$ID"
    assert_runtime_error 1 --console-socket
}

@test "in the foreground the terminal is ours" {
    bundle_make '.process.terminal = true | .process.args = ["sh", "-c", "tty; exit 5"]'
    run script -qec "$RUNTIME --root $ROOT run --bundle $BUNDLE $ID" /dev/null </dev/null
    assert_status 5
    assert_match '*/dev/pts/0*'
    try runtime run --bundle "$BUNDLE" "$ID" </dev/null
    assert_runtime_error 1 terminal
}

@test "exec has its own terminal, directory, variables, user and groups" {
    create "$ID"
    runtime start "$ID"
    run runtime exec --cwd /tmp --env A=1 --env B=2 --user 5:6 -g 7 -g 8 "$ID" sh -c 'pwd; echo $A$B; id -u; id -g; id -G'
    assert_output $'/tmp\n12\n5\n6\n6 7 8'
    run script -qec "$RUNTIME --root $ROOT exec --tty $ID tty" /dev/null </dev/null
    assert_match '*/dev/pts/*'
    run runtime exec --no-new-privs "$ID" sh -c 'exit 9'
    assert_status 9
    run runtime exec "$ID" echo --cwd -e x
    assert_output '--cwd -e x'
    try runtime exec --user name "$ID" true
    assert_runtime_error 255 --user
    try runtime exec "$ID"
    assert_runtime_error 255 'args'
    try runtime exec "$ID" nothing-there
    assert_runtime_error 255 'executable file not found in $PATH'
}

@test "exec takes a process as JSON, detaches, and writes its pid" {
    create "$ID"
    runtime start "$ID"
    jq '.process | .args = ["sleep", "9999"]' "$BUNDLE/config.json" >process.json
    runtime exec --detach --process process.json --pid-file pid "$ID" </dev/null >/dev/null 2>&1
    [[ $(tr '\0' ' ' <"/proc/$(<pid)/cmdline") == 'sleep 9999 ' ]]
    [[ $(runtime ps -f json "$ID" | jq length) == 2 ]]
    try runtime exec --process none.json "$ID"
    assert_runtime_error 255 none.json
}

@test "exec in a container that has ended" {
    create "$ID"
    runtime kill "$ID" KILL
    eventually status_is "$ID" stopped
    try runtime exec "$ID" true
    assert_runtime_error 255 stopped
}

@test "descriptors are kept that are asked for, and no others" {
    bundle_make '.process.args = ["sh", "-c", "cat <&3; ls /proc/self/fd"]'
    echo data >data
    run --separate-stderr bash -c '"$0" --root "$1" run --preserve-fds 1 --bundle "$2" "$3" 3<data 4<data' "$RUNTIME" "$ROOT" "$BUNDLE" "$ID"
    assert_status 0
    assert_output $'data\n0\n1\n2\n3\n4' # 4 is the directory that ls reads
    try runtime run --preserve-fds 200 --bundle "$BUNDLE" "$ID"
    assert_runtime_error 1 'descriptor'
}

@test "systemd's socket activation is passed on" {
    bundle_make '.process.args = ["sh", "-c", "cat <&3; echo $LISTEN_FDS $LISTEN_PID"]'
    echo data >data
    run bash -c 'exec 3<data; export LISTEN_FDS=1; LISTEN_PID=$$ exec "$0" --root "$1" run --bundle "$2" "$3"' "$RUNTIME" "$ROOT" "$BUNDLE" "$ID"
    assert_output $'data\n1 1'
    run bash -c 'exec 3<data; LISTEN_FDS=1 LISTEN_PID=1 exec "$0" --root "$1" run --bundle "$2" "$3"' "$RUNTIME" "$ROOT" "$BUNDLE" "$ID"
    [[ $output != *data* ]]
}

@test "the log has the errors, as JSON or text" {
    try runtime --log log --log-format json state "$ID"
    assert_status 1
    [[ $(tail -1 log | jq -r .level) == error ]]
    [[ $(tail -1 log | jq -r .msg) == "container \"$ID\" does not exist" ]]
    date -d "$(tail -1 log | jq -r .time)"
    [[ $stderr == "container \"$ID\" does not exist" ]]
    rm log
    try runtime --log log state "$ID"
    [[ $(<log) == time=\"*\"\ level=error\ msg=\"*"$ID"*\" ]]
    try runtime state "$ID"
    assert_stderr 'time="*" level=error msg="*"'
    runtime --debug --log debug --log-format json run --bundle "$BUNDLE" --detach "$ID" </dev/null >/dev/null 2>&1
    [[ $(jq -r 'select(.level == "debug") | .msg' debug) == *execute* ]]
}

@test "update writes limits, from options and from JSON" {
    local file
    file=$(find /sys/fs/cgroup -maxdepth 2 -name pids.max -path '*/init.scope/*' -o -path '/sys/fs/cgroup/pids' | head -1)
    [[ $file ]] || skip "there is no pids controller"
    create "$ID"
    runtime start "$ID"
    runtime update --pids-limit 33 "$ID"
    [[ $(find /sys/fs/cgroup -path "*/$ID/pids.max" -exec cat {} +) == 33 ]]
    echo '{"pids": {"limit": 44}}' | runtime update --resources - "$ID"
    [[ $(find /sys/fs/cgroup -path "*/$ID/pids.max" -exec cat {} +) == 44 ]]
    runtime update --memory 64m "$ID"
    [[ $(find /sys/fs/cgroup \( -path "*/$ID/memory.limit_in_bytes" -o -path "*/$ID/memory.max" \) -exec cat {} +) == 67108864 ]]
    try runtime update --memory lots "$ID"
    assert_status 1
    echo '{"memory": {"limit": "x"}}' >wrong.json
    try runtime update -r wrong.json "$ID"
    assert_runtime_error 1 '/memory/limit'
    try runtime update --l3-cache-schema 'L3:0=f' "$ID"
    assert_runtime_error 1 --l3-cache-schema
}

@test "events tells what is used, once and every so often" {
    create "$ID"
    runtime start "$ID"
    run runtime events --stats "$ID"
    [[ $(jq -r .type <<<"$output") == stats ]]
    [[ $(jq -c '.data | keys' <<<"$output") == '["blkio","cpu","cpuset","hugetlb","intel_rdt","memory","network_interfaces","pids"]' ]]
    (($(jq .data.pids.current <<<"$output") == 1))
    (($(jq .data.memory.usage.usage <<<"$output") > 0))
    runtime events --interval 100ms "$ID" >events 3>&- &
    local reader=$!
    eventually test -s events
    runtime delete -f "$ID"
    wait "$reader"
    [[ $(head -1 events | jq -r .id) == "$ID" ]]
}

@test "events tells when memory ran out" {
    # A child of its first process takes too much: with that one the container would have ended before it can be told.
    bundle_make '.linux.resources.memory = {limit: 8388608, swap: 8388608} | .process.args = ["sh", "-c", "busybox tail /dev/zero; sleep 10000"]'
    create "$ID"
    runtime events --interval 100ms "$ID" >events 3>&- &
    local reader=$!
    eventually test -s events
    runtime start "$ID"
    eventually grep -q '"type":"oom"' events
    runtime delete -f "$ID"
    wait "$reader"
}

@test "features is what the specification says it is" {
    run runtime features
    assert_status 0
    [[ $(jq -r .ociVersionMin <<<"$output") == 1.0.0 ]]
    jq -e '.hooks | index("startContainer")' <<<"$output"
    jq -e '.mountOptions | index("rro") and index("rbind") and (index("size") | not)' <<<"$output"
    jq -e '.linux.namespaces | index("time")' <<<"$output"
    jq -e '.linux.capabilities | index("CAP_BPF")' <<<"$output"
    jq -e '.linux.seccomp.archs | index("SCMP_ARCH_X86_64")' <<<"$output"
    jq -e '.linux.cgroup | .v1 and .v2' <<<"$output"
}

@test "spec writes what run takes, once" {
    mkdir -p new/rootfs
    cd new || return 1
    runtime spec
    [[ $(jq -r '.process.args[0]' config.json) == sh ]]
    try runtime spec
    assert_runtime_error 1 'config.json exists'
    rm config.json
    runtime spec --rootless
    jq -e '.linux.namespaces | map(.type) | index("user") and (index("network") | not)' config.json
    jq -e '.linux.uidMappings[0].size == 1' config.json
}

@test "what cannot be honoured is an error that says so" {
    try runtime --systemd-cgroup run --bundle "$BUNDLE" "$ID"
    assert_runtime_error 1 systemd
    try runtime --cgroup-manager systemd run --bundle "$BUNDLE" "$ID"
    assert_runtime_error 1 systemd
    try runtime restore --bundle "$BUNDLE" "$ID"
    assert_runtime_error 1 criu
    bundle_make '.linux.cgroupsPath = "system.slice:a:b"'
    try runtime run --bundle "$BUNDLE" "$ID"
    assert_runtime_error 1 systemd
    bundle_make
    create "$ID"
    runtime start "$ID"
    try runtime checkpoint "$ID"
    assert_runtime_error 1 criu
}

@test "crun's options: another configuration, no cgroups" {
    jq '.process.args = ["echo", "other"]' "$BUNDLE/config.json" >other.json
    try runtime --cgroup-manager disabled run --config other.json --bundle "$BUNDLE" "$ID"
    assert_status 0
    assert_output other
}

# groups_of ID: its directories in all hierarchies
groups_of() {
    find /sys/fs/cgroup -maxdepth 4 -type d -name "$1"
}

@test "exec --cgroup: below the container's group, wherever it has one" {
    local group names
    need_root
    create "$ID"
    runtime start "$ID"
    try runtime exec --cgroup sub "$ID" true
    assert_runtime_error 255 'sub'
    try runtime exec --cgroup ../"$ID" "$ID" true
    assert_runtime_error 255 'is not a sub cgroup path'
    try runtime exec --cgroup nosuch:sub "$ID" true
    assert_runtime_error 255 'unknown controller nosuch'
    try runtime exec --cgroup a --cgroup b "$ID" true
    assert_runtime_error 255 'missing <controller>: prefix'
    try runtime exec --cgroup / "$ID" cat /proc/self/cgroup
    assert_status 0
    groups_of "$ID" | sed 's|$|/sub|' | tac | xargs mkdir
    # A cpuset of v1 begins empty, and lets nobody in.
    for group in $(groups_of "$ID"); do
        [[ -e $group/cpuset.sched_load_balance ]] || continue
        cat "$group/cpuset.cpus" >"$group/sub/cpuset.cpus"
        cat "$group/cpuset.mems" >"$group/sub/cpuset.mems"
    done
    # One that is missing in one hierarchy: nowhere is the process let out of the container's.
    group=$(groups_of "$ID" | grep -v cpuset | head -1)
    rmdir "$group/sub"
    try runtime exec --cgroup sub "$ID" true
    assert_runtime_error 255 "$group/sub"
    mkdir "$group/sub"
    try runtime exec --cgroup sub "$ID" cat /proc/self/cgroup
    assert_status 0
    names=$(groups_of "$ID" | wc -l)
    [[ $(grep -c "/$ID/sub\$" <<<"$output") == "$names" ]] || fail "$output"
    if [[ -e /sys/fs/cgroup/pids/pids.max || -d /sys/fs/cgroup/pids/$ID ]]; then
        try runtime exec --cgroup pids:sub "$ID" cat /proc/self/cgroup
        assert_status 0
        [[ $(grep -c "/$ID/sub\$" <<<"$output") == 1 && $(grep -c "/$ID\$" <<<"$output") == $((names - 1)) ]] || fail "$output"
        try runtime exec --cgroup pids,pids:sub "$ID" true
        assert_runtime_error 255 'controller pids specified multiple times'
    fi
    groups_of "$ID" | sed 's|$|/sub|' | tac | xargs rmdir
}

@test "a relative cgroup path begins below the caller's own groups" {
    local own
    need_root
    own=$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)
    [[ $own ]] || skip "memory is not a hierarchy of v1"
    mkdir -p "/sys/fs/cgroup/memory/own-$ID"
    bundle_make ".linux.cgroupsPath = \"part-$ID/$ID\""
    (
        echo 0 >"/sys/fs/cgroup/memory/own-$ID/cgroup.procs"
        create "$ID"
    )
    runtime start "$ID"
    # From another group: it is written down where the container's is.
    try runtime exec "$ID" cat /proc/self/cgroup
    assert_match "*:memory:/own-$ID/part-$ID/$ID"$'\n'*
    [[ $(runtime events --stats "$ID" | jq .data.memory.usage.usage) -gt 0 ]]
    runtime pause "$ID"
    status_is "$ID" paused
    runtime delete -f "$ID"
    eventually rmdir "/sys/fs/cgroup/memory/own-$ID"
    [[ -z $(find /sys/fs/cgroup -maxdepth 3 -name "part-$ID" 2>/dev/null) ]]
}

@test "a file and a directory below a file system of the container's own" {
    bundle_make '.mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"},
        {destination: "/tmp/file", type: "bind", source: "/etc/hostname", options: ["bind", "ro"]},
        {destination: "/tmp/directory", type: "bind", source: "/etc", options: ["bind", "ro"]},
        {destination: "/tmp/memory", type: "tmpfs", source: "tmpfs"}] |
        .process.args = ["sh", "-c", "cat /tmp/file /tmp/directory/hostname; grep -c /tmp/memory /proc/mounts; pwd"]'
    try runtime run --bundle "$BUNDLE" "$ID"
    assert_status 0
    assert_output "$(cat /etc/hostname /etc/hostname; echo 1; echo /)"
}

@test "update gives a group in a hierarchy where run made none, and run removes it" {
    need_root
    runtime run --bundle "$BUNDLE" "$ID" </dev/null >/dev/null 2>&1 3>&- &
    eventually status_is "$ID" running
    runtime update --cpu-share 512 "$ID"
    [[ -n $(find /sys/fs/cgroup \( -path "*/$ID/cpu.shares" -o -path "*/$ID/cpu.weight" \)) ]]
    runtime kill "$ID" KILL
    wait || :
    runtime_cgroups_gone
}

@test "help and version, and words nobody knows" {
    run runtime --version
    assert_match 'ruche-runtime version *spec: 1.*'
    run runtime help
    assert_match '*checkpoint*create*update*'
    run runtime help exec
    assert_match '*--process*'
    run runtime kill --help
    assert_match '*--all*'
    try runtime strat "$ID"
    assert_runtime_error 1 'did you mean start'
    try runtime kill
    assert_runtime_error 1 'usage: ruche-runtime kill'
    try runtime state --nonsense "$ID"
    assert_runtime_error 1 '--nonsense'
}

@test "hooks run when they should" {
    local kind hooks='{}'
    for kind in prestart createRuntime createContainer poststart poststop; do
        hooks=$(jq --arg kind $kind --arg out "$BATS_TEST_TMPDIR/hooks" \
            '.[$kind] = [{path: "/bin/sh", args: ["sh", "-c", ("cat >/dev/null; echo " + $kind + " >>" + $out)]}]' <<<"$hooks")
    done
    bundle_make ".hooks = $hooks"
    create "$ID"
    [[ $(<hooks) == $'prestart\ncreateRuntime\ncreateContainer' ]] || fail "$(<hooks)"
    runtime start "$ID"
    [[ $(tail -1 hooks) == poststart ]]
    runtime delete -f "$ID"
    [[ $(tail -1 hooks) == poststop ]]
    rm hooks
    bundle_make ".hooks = $hooks | .process.args = [\"true\"]"
    runtime run --bundle "$BUNDLE" "$ID"
    (($(wc -l <hooks) == 5))
}

@test "a log that cannot be opened is an error before anything is done" {
    try runtime --log "$PWD/none/log" run --bundle "$BUNDLE" "$ID"
    assert_status 1
    [[ $stderr == *"open $PWD/none/log: No such file or directory"* ]] || fail "$stderr"
    [[ -z $(runtime list -q) ]]
    runtime --log "$PWD/log" list
    [[ -e log && ! -s log ]]
}
