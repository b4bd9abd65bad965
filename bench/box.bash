# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The box in which bench/start and bench/runtime measure: mount and process namespaces, a directory and control groups of its
# own, all gone in the end; and the list of tools for rr. A measurement defines usage and sources this, then calls box_open.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")

say() {
    printf 'bench: %s\n' "$*" >&2
}

die() {
    say "$@"
    exit 1
}

# options_parse OWN ARGUMENT...: sets rounds, in_memory, tsv, inside, and own, which are those of the words OWN that were given
options_parse() {
    local known=" $1 "
    shift
    rounds=30 in_memory='' tsv='' inside='' own=()
    while [ $# -gt 0 ]; do
        case $1 in
        -n)
            rounds=${2:-}
            [[ $rounds =~ ^[1-9][0-9]*$ ]] || die "-n needs a number"
            shift
            ;;
        --tmpfs) in_memory=1 ;;
        --tsv) tsv=1 ;;
        --inside) # by ourselves: in the namespaces, with a directory to work in
            inside=$2
            shift
            ;;
        -h | --help)
            usage
            exit
            ;;
        *)
            [[ $known = *" $1 "* ]] || die "$1? --help tells what there is"
            own+=("$1")
            ;;
        esac
        shift
    done
}

# box_open SCRIPT OWN ARGUMENT...: goes on with the script in the namespaces, in the empty directory $work. OWN: options_parse.
box_open() {
    local script=$1 status=0
    options_parse "${@:2}"
    [ "$(id -u)" -eq 0 ] || die "needs root: the peers' runtimes do"
    if [ -z "$inside" ]; then
        work=$(mktemp -d /var/tmp/ruche-bench.XXXXXX)
        unshare --mount --pid --fork --mount-proc --propagation private --kill-child \
            "$here/$script" "${@:3}" --inside "$work" </dev/null || status=$?
        rm -rf --one-file-system "$work"
        exit "$status"
    fi

    work=$inside
    [ -z "$in_memory" ] || mount -t tmpfs -o mode=755 bench "$work"
    cd "$work"
    cgroup=${work##*/} # part of the name of every control group that is made
    errors=$work/errors
    : >"$errors"
    trap box_close EXIT
    trap 'exit 1' HUP INT TERM
    rootfs_make
}

# The measurement's clean_up, and the control groups that are left.
# shellcheck disable=SC2317 # called by the trap
box_close() {
    clean_up >/dev/null 2>&1 || :
    sleep .2
    find /sys/fs/cgroup -depth -type d -path "*$cgroup*" -exec rmdir {} + 2>/dev/null || :
}

# The root file system that all execute: a static busybox.
rootfs_make() {
    local name
    mkdir -p rootfs/{bin,dev,etc,proc,sys,tmp}
    cp "$(command -v busybox)" rootfs/bin/busybox
    for name in true sleep sh; do ln -s busybox "rootfs/bin/$name"; done
}

# --- the peers ----------------------------------------------------------------------------------

# A mount namespace that shows only the v1 hierarchies, where they are mixed with v2; "-" where they are not. Sets v1_view.
v1_view=-
v1_view_open() {
    [ -e /sys/fs/cgroup/unified/cgroup.procs ] || return 0
    export -f v1_view_make
    coproc holder { exec unshare --mount --propagation private bash -ec v1_view_make; }
    # shellcheck disable=SC2154 # of coproc
    read -r -t 10 <&"${holder[0]}" || die "cannot make a view of the v1 hierarchies"
    # shellcheck disable=SC2154,SC2034 # of coproc; used by what sources this
    v1_view=/proc/$holder_PID/ns/mnt
}

v1_view_make() {
    mkdir hierarchies
    mount -t tmpfs -o mode=755 tmpfs hierarchies
    local target targets
    mapfile -t targets < <(awk '$3 == "cgroup" { print $2 }' /proc/self/mounts)
    for target in "${targets[@]}"; do
        mkdir "hierarchies/${target##*/}"
        mount --bind "$target" "hierarchies/${target##*/}"
    done
    mount --move hierarchies /sys/fs/cgroup
    echo ready
    exec sleep infinity
}

# bundle_make DIRECTORY SED-SCRIPT: the field's own example of a configuration, for a command without a terminal
bundle_make() {
    mkdir "$1"
    (
        cd "$1"
        runc spec
        sed -i -e 's/"terminal": true/"terminal": false/' -e "s|\"path\": \"rootfs\"|\"path\": \"$work/rootfs\"|" -e "$2" config.json
    )
}

# --- tools --------------------------------------------------------------------------------------

tools=()
tool() { # NAME MOUNT-NAMESPACE STEP...
    local IFS=$'\t'
    tools+=("$*")
}

# Prints a section, by the measurement's function table from rr's lines, and keeps these in $work/lines.
measure() { # SECTION PAUSE_MS
    local lines
    lines=$(printf '%s\n' "${tools[@]}" | "$root/build/bench/rr" -n "$rounds" -p "$2" -e "$errors")
    printf '%s\n' "$lines" >>"$work/lines"
    if [ -n "$tsv" ]; then
        awk -v section="$1" '{ print section "\t" $0 }' <<<"$lines"
    else
        printf '\n%s\n\n' "$1"
        table <<<"$lines"
    fi
}

# One number that is not a time.
number() { # NAME VALUE UNIT
    if [ -n "$tsv" ]; then
        printf 'number\t%s\t%s\t%s\n' "$1" "$2" "$3"
    else
        printf '%-48s %9s %s\n' "$1" "$2" "$3"
    fi
}

# What the figures depend on.
surroundings() {
    echo "kernel $(uname -r), $(nproc) CPUs, load $(cut -d ' ' -f 1 /proc/loadavg), stores on $(stat -f -c %T "$work"), $rounds rounds"
}

complaints() {
    [ ! -s "$errors" ] || say "what the commands said on standard error:" "$(tail -n 5 "$errors")"
}
