# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # bats sets status, output, stderr and their lines
#
# What all command-line tests have in common. Each test has a root and a run directory of its own, which `ruche` below hands on;
# each leaves nothing behind: teardown fails it otherwise. Load with `load helpers`.

bats_require_minimum_version 1.5.0

PROJECT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
RUCHE=${RUCHE:-build/ruche}
[[ $RUCHE == /* ]] || RUCHE=$PROJECT/$RUCHE

# The program, on the test's own state.
ruche() {
    "$RUCHE" --root "$ROOT" --run "$RUN" "$@"
}

# A name that no other test has.
random_name() {
    printf 'bats-%s-%04x%04x' "$BATS_TEST_NUMBER" "$RANDOM" "$RANDOM"
}

# Waits up to a minute for a command to succeed: longer than a busy machine can take, and no time is lost where it is less.
eventually() {
    local end=$((SECONDS + 60))
    until "$@"; do
        ((SECONDS < end)) || fail "in a minute not once: $*" || return 1
        sleep 0.1
    done
}

# ---- what is expected of the last `run` ----

fail() {
    printf '%s\n' "$@" >&2
    return 1
}

assert_status() {
    ((status == $1)) || fail "the status is $status, not $1" "$output" "${stderr-}"
}

assert_output() {
    [[ $output == "$1" ]] || fail "the output is not \"$1\", but" "$output"
}

# A glob pattern for all of the output.
assert_match() {
    # shellcheck disable=SC2053 # the pattern is one
    [[ $output == $1 ]] || fail "the output is not like $1, but" "$output"
}

# The same for standard error, of `run --separate-stderr`.
assert_stderr() {
    # shellcheck disable=SC2053
    [[ $stderr == $1 ]] || fail "the standard error is not like $1, but" "$stderr"
}

# One of the output's lines is exactly that.
assert_line() {
    local line
    for line in "${lines[@]}"; do
        [[ $line == "$1" ]] && return 0
    done
    fail "no line is \"$1\" in" "$output"
}

# A usage error: 125, nothing on standard output, one line that fits the pattern on standard error. Nothing was made.
assert_usage_error() {
    assert_status 125
    assert_output ''
    assert_stderr "ruche: $1"
    [[ $stderr != *$'\n'* ]] || fail "more than one line:" "$stderr"
    [[ ! -e $ROOT && ! -e $RUN ]] || fail "it made something all the same"
}

# ---- leftovers ----

cgroups_list() {
    find /sys/fs/cgroup -maxdepth 6 -type d -path '*/ruche/*' 2>/dev/null | sort
}

no_processes() {
    ! grep -slzxF -- "$ROOT" /proc/[0-9]*/cmdline >/dev/null
}

no_mounts() {
    ! grep -qF -- "$BATS_TEST_TMPDIR" /proc/self/mountinfo
}

# Others on the machine make their own meanwhile: those with processes that know nothing of this test are theirs.
cgroup_is_ours() {
    local pid pids
    pids=$(cat "$1/cgroup.procs" 2>/dev/null) || return 1 # it has gone
    [[ $pids ]] || return 0
    for pid in $pids; do
        grep -qsF -- "$BATS_TEST_TMPDIR" "/proc/$pid/mountinfo" && return 0
    done
    return 1
}

cgroups_left() {
    local directory
    while read -r directory; do
        cgroup_is_ours "$directory" && echo "$directory"
    done < <(comm -13 "$BATS_TEST_TMPDIR/cgroups" <(cgroups_list))
    return 0
}

no_cgroups() {
    [[ -z $(cgroups_left) ]]
}

is_empty() {
    [[ ! -d $1 || -z $(ls -A "$1") ]]
}

leftovers() {
    no_processes || echo "a process is left"
    no_mounts || echo "a mount is left"
    no_cgroups || echo "a control group is left:" "$(cgroups_left)"
    is_empty "$RUN/containers" || echo "a run directory is left"
    is_empty "$ROOT/containers" || echo "a container is left"
    is_empty "$ROOT/names" || echo "a name is left"
    is_empty "$ROOT/trash" || echo "trash is left"
}

nothing_left() {
    [[ -z $(leftovers) ]]
}

common_setup() {
    [[ -x $RUCHE ]] || fail "there is no program $RUCHE: build it, or name it by RUCHE"
    ROOT=$BATS_TEST_TMPDIR/root
    RUN=$BATS_TEST_TMPDIR/run
    export RUCHE ROOT RUN
    cgroups_list >"$BATS_TEST_TMPDIR/cgroups"
}

# What ends in the background has its time. Then what is left is named, and removed for the sake of those that follow.
common_teardown() {
    local found
    eventually nothing_left 2>/dev/null && return 0
    found=$(leftovers)
    # shellcheck disable=SC2046 # ids have no blanks
    ruche rm -f $(ruche ps -aq) >/dev/null 2>&1 || true
    fail "$found"
}

setup() {
    common_setup
}

teardown() {
    common_teardown
}
