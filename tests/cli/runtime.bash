# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2034,SC2119,SC2120 # bats, and try, set status, output, stderr and their lines; tests
# give arguments
#
# What tests of ruche-runtime have in common: a bundle of busybox, a root of their own, and a teardown that fails what leaves
# something behind. Load with `load runtime`.

load containers

RUNTIME=$(dirname "$RUCHE")/ruche-runtime

runtime() {
    "$RUNTIME" --root "$ROOT" "$@"
}

# bundle_make [JQ]: a bundle that sleeps, changed by a jq program
bundle_make() {
    local applet
    BUNDLE=$BATS_TEST_TMPDIR/bundle
    if [[ ! -d $BUNDLE/rootfs ]]; then
        mkdir -p "$BUNDLE"/rootfs/{bin,proc,sys,dev,etc,tmp}
        cp /bin/busybox "$BUNDLE/rootfs/bin/busybox"
        for applet in sh true false sleep cat echo ls id tty stty kill env touch; do
            ln -s busybox "$BUNDLE/rootfs/bin/$applet"
        done
    fi
    rm -f "$BUNDLE/config.json"
    runtime spec --bundle "$BUNDLE"
    jq ".process.terminal = false | .process.args = [\"sleep\", \"10000\"] | ${1:-.}" \
        "$BUNDLE/config.json" >"$BUNDLE/new"
    mv "$BUNDLE/new" "$BUNDLE/config.json"
}

# The container's id is the test's own, and its cgroup's name.
runtime_setup() {
    [[ -x $RUNTIME ]] || fail "there is no program $RUNTIME: build it"
    ROOT=$BATS_TEST_TMPDIR/root
    ID=$(random_name)
    cd "$BATS_TEST_TMPDIR" || return 1
    bundle_make
}

# shellcheck disable=SC2317 # called by eventually
runtime_cgroups_gone() {
    [[ -z $(find /sys/fs/cgroup -maxdepth 4 -name "*$ID*" 2>/dev/null) ]]
}

# In teardown a command that fails ends nothing: its result is that of the last.
runtime_teardown() {
    local id result=0
    for id in $(runtime list -q 2>/dev/null); do
        runtime delete -f "$id" || result=1
    done
    eventually runtime_cgroups_gone || fail "control groups are left:" "$(find /sys/fs/cgroup -maxdepth 4 -name "*$ID*")" || result=1
    [[ -z $(find "$ROOT" -mindepth 1 ! -name '~cgroups' 2>/dev/null) ]] || fail "something is left in the root" "$(find "$ROOT")" || result=1
    ! grep -qF -- "$BATS_TEST_TMPDIR/bundle" /proc/self/mountinfo || fail "a mount is left" || result=1
    return "$result"
}

status_is() {
    [[ $(runtime state "$1" | jq -r .status) == "$2" ]]
}

# Creates in the background's stead: the streams are nobody's.
create() {
    runtime create --bundle "$BUNDLE" "$@" </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1 || {
        cat "$BATS_TEST_TMPDIR/out" >&2
        return 1
    }
}

# An error: its status, nothing on standard output, one line that is like the pattern.
assert_runtime_error() {
    assert_status "$1"
    assert_output ''
    [[ $stderr == *"$2"* ]] || fail "the error has no \"$2\":" "$stderr"
    [[ $stderr != *$'\n'* ]] || fail "more than one line:" "$stderr"
}
