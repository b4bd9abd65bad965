# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2034 # bats, and try, set status, output, stderr and their lines
#
# What tests of running containers have in common, on top of helpers.bash. Teardown removes whatever a test has made, so that
# each one tests removal too; only then nothing may be left.

load helpers

# As bats's run --separate-stderr, for commands that may well end with 127.
try() {
    status=0
    output=$("$@" 2>"$BATS_TEST_TMPDIR/stderr") || status=$?
    stderr=$(<"$BATS_TEST_TMPDIR/stderr")
    mapfile -t lines <<<"$output"
}

# Tries a command of the built-in image: box [OPTION...] -- COMMAND...
box() {
    local options=()
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    shift
    try ruche run --rm "${options[@]}" busybox "$@"
}

# A container that stays: stay NAME [OPTION...]
stay() {
    local name=$1
    shift
    ruche run -d --name "$name" "$@" busybox sleep 10000 >/dev/null
}

# The process of a container, as the host counts.
pid_of() {
    ruche inspect --type container "$1" | jq -r '.[0].State.Pid'
}

# status_of NAME: created, running, paused, exited
status_of() {
    ruche inspect --type container "$1" | jq -r '.[0].State.Status'
}

has_status() {
    [[ $(status_of "$1") == "$2" ]]
}

# An error of ruche itself or of the command's start: one line that fits the pattern, and nothing is left of the container.
assert_error() {
    assert_status "$1"
    assert_output ''
    assert_stderr "ruche: $2"
    [[ $stderr != *$'\n'* ]] || fail "more than one line:" "$stderr"
}

need() {
    command -v "$1" >/dev/null || skip "there is no $1"
}

need_root() {
    ((EUID == 0)) || skip "it takes root"
}

# Where a container's group of a controller lies: cgroup_of ID CONTROLLER, the directory of v2 if it is not on v1.
cgroup_of() {
    local directory
    for directory in "/sys/fs/cgroup/$2/ruche/$1" "/sys/fs/cgroup/ruche/$1" "/sys/fs/cgroup/unified/ruche/$1"; do
        [[ -d $directory ]] && printf '%s' "$directory" && return 0
    done
    return 1
}

no_process_inside() {
    ! grep -slF -- "$BATS_TEST_TMPDIR/" /proc/[0-9]*/mountinfo >/dev/null
}

remove_all() {
    local ids
    ids=$(ruche ps -aq)
    [[ -z $ids ]] && return 0
    # shellcheck disable=SC2086 # ids have no blanks
    ruche rm -f $ids >/dev/null
}

containers_teardown() {
    local result=0
    remove_all || result=1
    common_teardown || result=1
    eventually no_process_inside || fail "a process is left inside" || result=1
    is_empty "$RUN/subids" || fail "a range of ids is left" || result=1
    return "$result"
}

teardown() {
    containers_teardown
}
