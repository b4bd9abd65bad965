# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2034 # bats, and try, set status, output, stderr and their lines
#
# What tests of other engines on ruche-runtime have in common. Each file has its engine once, in a machine of its own: mount,
# network, pid, ipc and uts namespaces, an empty /run and an /etc of its own, whose first process takes everything in it along
# when it ends. What a test leaves in there fails it all the same. Load with `load engines`.

load images

RUNTIME=$(dirname "$RUCHE")/ruche-runtime

# ---- where it cannot be ----

# In setup_file bats cannot skip (1.8): the reason is noted there, and each test is skipped for it.
unavailable() {
    echo "$*" | tee "$BATS_FILE_TMPDIR/unavailable" >&2
    return 1
}

# engine_needs PROGRAM...: root, a build, and all of the programs
engine_needs() {
    local program
    ((EUID == 0)) || unavailable "needs root" || return 1
    [[ -x $RUNTIME ]] || fail "there is no program $RUNTIME: build it" || return 1
    for program in jq nsenter ps script setpriv unshare "$@"; do
        command -v "$program" >/dev/null || [[ -x /usr/sbin/$program ]] || unavailable "there is no $program" || return 1
    done
}

# engine_file COMMAND...: for setup_file. What the command does not manage, every step having to say so, is noted or an error.
engine_file() {
    GROUPS_TOP=$(printf 'ruche-bats-%04x%04x' "$RANDOM" "$RANDOM")
    export GROUPS_TOP
    "$@" || [[ -e $BATS_FILE_TMPDIR/unavailable ]]
}

# For setup.
engine_setup() {
    [[ ! -e $BATS_FILE_TMPDIR/unavailable ]] || skip "$(<"$BATS_FILE_TMPDIR/unavailable")"
    common_setup
    NAME=$(random_name)
    cd "$BATS_TEST_TMPDIR" || return 1
}

# ---- machines ----

# What its first process does. Among the hierarchies of v1 may lie directories that only look like some, into which engines
# write: here are none.
MACHINE_START='
    set -e
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir -p /run/lock /run/etc/{upper,work}
    mount -t overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work overlay /etc
    if [[ $(stat -f -c %T /sys/fs/cgroup) == tmpfs ]]; then
        mkdir /run/cgroup
        mount -t tmpfs -o mode=755 tmpfs /run/cgroup
        for hierarchy in /sys/fs/cgroup/*; do
            if [[ -L $hierarchy ]]; then
                cp -P "$hierarchy" /run/cgroup
            elif mountpoint -q "$hierarchy"; then
                mkdir "/run/cgroup/${hierarchy##*/}"
                mount --bind "$hierarchy" "/run/cgroup/${hierarchy##*/}"
            fi
        done
        mount --move /run/cgroup /sys/fs/cgroup
    fi
    ip link set lo up
    hostname "$0"
    sleep infinity &
    wait'

# machine_open [NAME]: a machine; the control groups of what runs in it are below $GROUPS_TOP
machine_open() {
    local name=${1:-machine} process children pid='' end=$((SECONDS + 60))
    # It ends with the file, however that ends.
    setpriv --pdeathsig KILL unshare --mount --propagation private --net --pid --ipc --uts --fork --kill-child --mount-proc \
        bash -c "$MACHINE_START" "$name" </dev/null >"$BATS_FILE_TMPDIR/$name.log" 2>&1 3>&- 4>&- 5>&- &
    process=$!
    children=/proc/$process/task/$process/children
    while ((SECONDS < end)) && kill -0 "$process" 2>/dev/null; do
        read -r pid 2>/dev/null <"$children" || true # it has no end of line
        [[ $pid ]] && break
        sleep 0.02
    done
    [[ $pid ]] || unavailable "no namespaces can be made here: $(<"$BATS_FILE_TMPDIR/$name.log")" || return 1
    mkdir -p "$BATS_FILE_TMPDIR/machines"
    echo "$pid $(readlink "/proc/$pid/ns/pid")" >"$BATS_FILE_TMPDIR/machines/$name"
    # Its last preparation is its name.
    while ((SECONDS < end)) && kill -0 "$process" 2>/dev/null; do
        [[ $(machine_in "$name" hostname 2>/dev/null) == "$name" ]] && return 0
        sleep 0.02
    done
    unavailable "no machine can be made here: $(<"$BATS_FILE_TMPDIR/$name.log")"
}

# Its first process, if that is still the one that was made.
machine_pid() {
    local pid namespace
    read -r pid namespace 2>/dev/null <"$BATS_FILE_TMPDIR/machines/$1" || return 1
    [[ $(readlink "/proc/$pid/ns/pid") == "$namespace" ]] && echo "$pid"
}

# The names of the machines that there are.
machines() {
    ls "$BATS_FILE_TMPDIR/machines" 2>/dev/null || true
}

# machine_in NAME COMMAND...: there, as root
machine_in() {
    local pid
    pid=$(machine_pid "$1") || return 1
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
    local name=${1:-machine} pid
    if pid=$(machine_pid "$name"); then
        kill -KILL "$pid"
        eventually machine_is_gone "$name"
    fi
    rm -f "$BATS_FILE_TMPDIR/machines/$name"
}

machine_is_gone() {
    ! machine_pid "$1" >/dev/null
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

# Groups below the file's own, of whatever hierarchy; the top itself is the engine's.
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
    [[ -z $left ]] || fail "control groups were left:" "$left"
}

# ---- the end ----

# machine_is_clean NAME STATE PROCESSES: none of these is there, and no container's state is in the directory
machine_is_clean() {
    # shellcheck disable=SC2086 # names
    eventually no_process "$1" $3 || fail "a process is left in $1:" "$(machine_processes "$1")" || return 1
    [[ -z $(machine_in "$1" find "$2" -mindepth 1 -name state.json 2>/dev/null) ]] ||
        fail "state of a container is left in $1:" "$(machine_in "$1" find "$2" 2>/dev/null)"
}

# ends_well STATE PROCESSES [FIND'S CONDITIONS...]: the machine is clean, and no groups are left. In teardown a command that
# fails ends nothing: this is its last.
ends_well() {
    local result=0
    machine_is_clean machine "$1" "$2" || result=1
    shift 2
    eventually no_groups_below "$@" || fail "groups are left:" "$(groups_below "$@")" || result=1
    return "$result"
}

# For teardown_file: closes_well PROCESSES [FIND'S CONDITIONS...]. None of these is in any machine, which go, and no groups.
closes_well() {
    local result=0 names=$1 machine
    shift
    for machine in $(machines); do
        # shellcheck disable=SC2086 # names
        eventually no_process "$machine" $names || fail "a process is left in $machine:" "$(machine_processes "$machine")" || result=1
        machine_close "$machine"
    done
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

# On a terminal: on_terminal COMMAND..., a function too, whose output is what the terminal shows. Sets status, output and lines.
on_terminal() {
    local line
    printf -v line '%q ' "$@"
    status=0
    # shellcheck disable=SC2046 # names of functions have no blanks
    output=$(
        export -f $(compgen -A function)
        export NAME RUNTIME
        SHELL=$BASH script -qec "$line" /dev/null </dev/null 2>&1
    ) || status=$?
    output=${output//$'\r'/}
    mapfile -t lines <<<"$output"
}
