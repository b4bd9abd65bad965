# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2034 # bats, and try, set status, output, stderr and their lines
#
# What tests of other engines on ruche-runtime have in common. Each file has its engine once, in a machine of its own: mount,
# network, pid, ipc and uts namespaces, an empty /run and an /etc of its own, whose first process takes everything in it along when it ends. What a
# test leaves in there fails it all the same. Load with `load engines`.

load images

RUNTIME=$(dirname "$RUCHE")/ruche-runtime

# ---- machines ----

# machine_open [NAME]: a machine; the control groups of what runs in it are below $GROUPS_TOP
machine_open() {
    local name=${1:-machine} children pid='' i
    [[ -x $RUNTIME ]] || fail "there is no program $RUNTIME: build it"
    unshare --mount --propagation private --net --pid --ipc --uts --fork --kill-child --mount-proc bash -c '
        mount -t tmpfs -o mode=755 tmpfs /run && mkdir -p /run/lock /run/etc/{upper,work} &&
            mount -t overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work overlay /etc &&
            ip link set lo up && hostname "$0" || exit 90
        sleep infinity &
        wait' "$name" </dev/null >"$BATS_FILE_TMPDIR/$name.log" 2>&1 3>&- 4>&- 5>&- &
    children=/proc/$!/task/$!/children
    for ((i = 0; i < 100; i++)); do
        read -r pid <"$children" 2>/dev/null || true # it has no end of line
        [[ $pid ]] && break
        sleep 0.02
    done
    [[ $pid ]] || skip "no namespaces can be made here: $(<"$BATS_FILE_TMPDIR/$name.log")"
    echo "$pid" >"$BATS_FILE_TMPDIR/$name.pid"
    # Its last preparation is its name.
    for ((i = 0; i < 100; i++)); do
        [[ $(machine_in "$name" hostname 2>/dev/null) == "$name" ]] && return 0
        sleep 0.02
    done
    skip "no machine can be made here: $(<"$BATS_FILE_TMPDIR/$name.log")"
}

# machine_in NAME COMMAND...: there, as root
machine_in() {
    local pid
    pid=$(<"$BATS_FILE_TMPDIR/$1.pid") || return 1
    shift
    nsenter --target "$pid" --mount --net --pid --ipc --uts --wdns="$PWD" -- "$@"
}

# machine_daemon NAME LOG COMMAND...: in the background
machine_daemon() {
    local name=$1 log=$2
    shift 2
    machine_in "$name" "$@" </dev/null >"$log" 2>&1 3>&- 4>&- 5>&- &
}

machine_close() {
    local name=${1:-machine} pid i
    pid=$(cat "$BATS_FILE_TMPDIR/$name.pid" 2>/dev/null) || return 0
    kill -KILL "$pid" 2>/dev/null
    for ((i = 0; i < 100; i++)); do
        [[ -d /proc/$pid ]] || break
        sleep 0.05
    done
    rm "$BATS_FILE_TMPDIR/$name.pid"
}

# The names of the processes of a machine, as they are now.
machine_processes() {
    machine_in "${1:-machine}" ps -e -o comm=
}

# no_process NAME COMMAND...: none of that name is in the machine
no_process() {
    local command processes
    processes=$(machine_processes "$1")
    shift
    for command in "$@"; do
        # The kernel's names have 15 characters.
        grep -qxF -- "${command:0:15}" <<<"$processes" && return 1
    done
    return 0
}

# ---- control groups ----

# A name for a file's groups: below it are all that its engine makes.
groups_top() {
    printf 'ruche-bats-%d-%04x' "$BATS_SUITE_TEST_NUMBER" "$RANDOM$RANDOM"
}

# Groups below the top, of whatever hierarchy; the top itself is the engine's.
groups_below() {
    find /sys/fs/cgroup -mindepth 2 -maxdepth 5 -type d -path "*/$GROUPS_TOP/*" "$@" 2>/dev/null
}

no_groups_below() {
    [[ -z $(groups_below "$@") ]]
}

# For teardown_file, when nothing runs any more; what fits the conditions for `find` must have gone before.
groups_remove() {
    local left
    [[ ${GROUPS_TOP-} ]] || return 0
    left=$(groups_below "$@")
    find /sys/fs/cgroup -maxdepth 6 -depth -type d \( -path "*/$GROUPS_TOP" -o -path "*/$GROUPS_TOP/*" \) -exec rmdir {} + 2>/dev/null || true
    # podman writes into what is only named like a hierarchy as well; of a real one's files none can be removed.
    rm -rf /sys/fs/cgroup/*/"$GROUPS_TOP" 2>/dev/null || true
    [[ -z $left ]] || fail "control groups were left:" "$left"
}

# ---- the end ----

# ends_well: that neither a process of the names nor a group is left, and the state's directory has none; for teardown, where
# a command that fails ends nothing. ends_well STATE NAMES [FIND'S CONDITIONS...]
ends_well() {
    local state=$1 names=$2 result=0
    shift 2
    # shellcheck disable=SC2086 # names
    eventually no_process machine $names || result=1
    eventually no_groups_below "$@" || result=1
    [[ -z $(machine_in machine find "$state" -mindepth 1 -name state.json 2>/dev/null) ]] || result=1
    ((result == 0)) || fail "something is left:" "$(machine_processes)" "$(groups_below "$@")" "$(machine_in machine find "$state" 2>/dev/null)"
}

# For teardown_file: the same at last, and the machine goes. closes_well NAMES [FIND'S CONDITIONS...]
closes_well() {
    local result=0 names=$1
    shift
    [[ -e $BATS_FILE_TMPDIR/machine.pid ]] || return 0
    # shellcheck disable=SC2086 # names
    no_process machine $names || fail "a process is left in the machine:" "$(machine_processes)" || result=1
    machine_close
    groups_remove "$@" || result=1
    return "$result"
}

# ---- what is looked at inside of a container ----

# A shell's words that print a limit, by the name that cgroup v1 or v2 has for it.
MEMORY_LIMIT='cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max'
PIDS_LIMIT='cat /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids.max'
CPU_LIMIT='if [ -e /sys/fs/cgroup/cpu.max ]; then cat /sys/fs/cgroup/cpu.max; else cd /sys/fs/cgroup/cpu && echo $(cat cpu.cfs_quota_us cpu.cfs_period_us); fi'

# ---- images ----

# layer_make FILE: the root file system of the built-in image as a tar archive
layer_make() {
    local archive manifest layer
    archive=$(dirname "$RUCHE")/busybox.tar
    manifest=$(tar -xOf "$archive" ./index.json | jq -r '.manifests[0].digest')
    layer=$(tar -xOf "$archive" "./blobs/${manifest/://}" | jq -r '.layers[0].digest')
    tar -xOf "$archive" "./blobs/${layer/://}" >"$1"
}

# On a terminal: on_terminal COMMAND..., whose output is what the terminal shows. Sets status, output and lines.
on_terminal() {
    local line
    printf -v line '%q ' "$@"
    [[ $(type -t "$1") != function ]] || export -f "${1?}"
    status=0
    output=$(SHELL=$BASH script -qec "$line" /dev/null </dev/null 2>&1) || status=$?
    output=${output//$'\r'/}
    mapfile -t lines <<<"$output"
}
