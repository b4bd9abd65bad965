# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2013,SC2034 # words are wanted, and variables are read by the suites
# What the suites have in common. Called by guest.sh as: suite.sh SUITE FUNCTION, where prepare comes before the tests and clean
# after one that failed.

v2=/sys/fs/cgroup
SRV=/srv
BUNDLE=$SRV/bundle
ROOTFS=$SRV/rootfs

fail() {
    echo "$*"
    exit 1
}

skip() {
    echo "$*"
    exit 77
}

# same WHAT IT-IS WANTED
same() {
    [ "$2" = "$3" ] || fail "$1 is \"$2\", not \"$3\""
}

# like WHAT IT-IS PATTERN
like() {
    # shellcheck disable=SC2254 # a pattern
    case $2 in $3) return 0 ;; esac
    fail "$1 is \"$2\", not like \"$3\""
}

# Waits up to a minute for a command to succeed: an interpreted machine on a busy one is slow.
eventually() {
    tried=0
    until "$@" >/dev/null 2>&1; do
        tried=$((tried + 1))
        [ $tried -lt 600 ] || fail "in a minute not once: $*"
        sleep 0.1
    done
}

refuse() {
    if "$@" >/tmp/refused 2>&1; then
        cat /tmp/refused
        fail "it was not refused: $*"
    fi
}

value() {
    cat "$v2$group/$1"
}

is() {
    same "$1" "$(value "$1")" "$2"
}

# --- the engine ---------------------------------------------------------------------------------

# stay FLAG...: a container that stays; sets id and group
stay() {
    id=$(ruche run -d "$@" busybox sleep 1000)
    group=/ruche/$id
}

gone() {
    ruche rm -f "$id" >/dev/null
}

pid_of() {
    ruche inspect "$1" | sed -n 's/^ *"Pid": \([0-9]*\),*$/\1/p' | head -n 1
}

# --- the runtime --------------------------------------------------------------------------------

rt() {
    ruche-runtime --root "$SRV/runtime" "$@"
}

# bundle RESOURCES [ARGS [CGROUPSPATH [CAPABILITIES]]]: JSON; by default it sleeps in the group /box
bundle() {
    mkdir -p "$BUNDLE"
    group=${3-/box}
    cat >"$BUNDLE/config.json" <<EOF
{"ociVersion":"1.0.2","hostname":"box","root":{"path":"$ROOTFS"},
 "process":{"cwd":"/","env":["PATH=/bin"],"user":{"uid":0,"gid":0},"args":${2:-[\"sleep\",\"1000\"]},
  "capabilities":{"bounding":[${4:-}],"effective":[${4:-}],"permitted":[${4:-}]}},
 "mounts":[
  {"destination":"/proc","type":"proc","source":"proc"},
  {"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","mode=755"]},
  {"destination":"/tmp","type":"tmpfs","source":"tmpfs"},
  {"destination":"/sys","type":"sysfs","source":"sysfs","options":["ro"]},
  {"destination":"/sys/fs/cgroup","type":"cgroup","source":"cgroup","options":["nosuid","nodev","noexec","relatime","${cgroup_mode:-ro}"]}],
 "linux":{"cgroupsPath":"$group","resources":$1,
  "namespaces":[{"type":"pid"},{"type":"ipc"},{"type":"uts"},{"type":"mount"},{"type":"cgroup"},{"type":"network"}]}}
EOF
}

# box RESOURCES [ARGS [CGROUPSPATH]]: such a container, running, by the name box
box() {
    bundle "$@"
    rt run --detach --bundle "$BUNDLE" box </dev/null >/tmp/box 2>&1 || fail "run: $(cat /tmp/box)"
    pid=$(rt state box | sed -n 's/^ *"pid": \([0-9]*\),*$/\1/p')
}

box_gone() {
    rt delete --force box
}

state() {
    rt state box | sed -n 's/^ *"status": "\([a-z]*\)".*/\1/p'
}

state_is() {
    [ "$(state)" = "$1" ]
}

# --- our unit tests -----------------------------------------------------------------------------

# unit FOLDER PATTERN [WORDS REASON]: skipped for that reason where a failure has these words
unit() {
    [ -x "/tests/unit-$1" ] || skip "unit-$1 was not built"
    code=0
    RUCHE_TRANSFER=/ruche/ruche-transfer "/tests/unit-$1" --tap --filter "$2" >/tmp/unit 2>&1 || code=$?
    [ -z "${3-}" ] || ! grep -qE "$3" /tmp/unit || skip "$4"
    grep -E -A 9 '^not ok' /tmp/unit || :
    grep -qE '^ok' /tmp/unit || fail "$(tail -n 5 /tmp/unit)"
    [ $code -eq 0 ] || fail "status $code"
}

# --- before and after ---------------------------------------------------------------------------

prepare_common() {
    mkdir -p "$ROOTFS/bin" "$ROOTFS/proc" "$ROOTFS/sys" "$ROOTFS/dev" "$ROOTFS/etc" "$ROOTFS/tmp"
    cp /bin/busybox "$ROOTFS/bin/"
    for applet in sh sleep cat echo grep head tail dd mknod mkdir nproc true wc ls; do
        ln -sf busybox "$ROOTFS/bin/$applet"
    done
    # The image, and the file that remembers the layout; neither is what is tested.
    ruche run --rm busybox true
    mkdir -p "$SRV/runtime"
}

clean() {
    # shellcheck disable=SC2046 # words
    ruche rm -f $(ruche ps -aq)
    for name in $(rt list -q); do
        rt delete --force "$name"
    done
    for file in $(grep -lE '^sleep' /proc/[0-9]*/cmdline); do
        kill -9 "$(basename "${file%/cmdline}")"
    done
    # Deepest first.
    find /sys/fs/cgroup -mindepth 1 -depth -type d -exec rmdir {} \;
}

prepare() {
    prepare_common
}

suite=$1
# shellcheck source=/dev/null
. "/tests/$suite.sh"
"$2"
