#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # what is in single quotes is for other shells
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets stderr, has each test in a shell of its own, and ends at a cd that fails
#
# export: a container's file system as a tar archive, which tar, podman and ourselves read.

load images
load podman

# rootfs.tar of the root file system rootfs, with what an archive can hold of it.
setup_file() {
    need_all busybox tar
    cd "$BATS_FILE_TMPDIR"
    make_rootfs rootfs
    cd rootfs
    for command in chown ln mkfifo rm touch; do
        ln -s busybox "bin/$command"
    done
    mkdir -p data gone opaque owned
    echo low >gone/low
    echo low >opaque/low
    echo one >data/one
    ln data/one data/other
    mkfifo data/fifo
    truncate -s 20M data/holes
    echo middle | dd of=data/holes bs=1M seek=10 conv=notrunc status=none
    touch -d '2001-02-03 04:05:06' data/one
    chmod 1777 tmp
    chmod 4755 bin/busybox
    tar --sparse --sort=name -cf ../rootfs.tar .
}

setup() {
    common_setup
    cd "$BATS_TEST_TMPDIR"
    F=$BATS_FILE_TMPDIR
}

changes='
    rm -r /gone /opaque /data/other
    mkdir /opaque /new
    echo new >/opaque/new
    chown 5:6 /owned
    echo two >/data/two
    ln /data/two /data/three
    ln -s /etc/passwd /new/link'

# make_changed NAME [OPTION...]: a container that has changed its image, and ended
make_changed() {
    local name=$1
    shift
    ruche import -q "$F/rootfs.tar" changed >/dev/null
    ruche run "$@" --name "$name" changed /bin/sh -ec "$changes"
}

# assert_changed DIRECTORY: it is what the container has
assert_changed() {
    [[ ! -e $1/gone && ! -e $1/opaque/low && ! -e $1/data/other ]] || fail "what was removed is there"
    [[ $(cat "$1/opaque/new" "$1/data/one" "$1/data/three") == $'new\none\ntwo' ]]
    [[ $(stat -c %u:%g "$1/owned" "$1/bin") == $'5:6\n0:0' ]] || fail "$(stat -c '%n %u:%g' "$1/owned" "$1/bin")"
    [[ $(stat -c %i "$1/data/two") == $(stat -c %i "$1/data/three") ]] || fail "no hard link"
    [[ $(readlink "$1/new/link") == /etc/passwd ]]
    [[ $(stat -c %a "$1/tmp" "$1/bin/busybox") == $'1777\n4755' ]]
    [[ $(stat -c %Y "$1/data/one") == $(stat -c %Y "$F/rootfs/data/one") ]]
    [[ -p $1/data/fifo ]]
    cmp "$1/data/holes" "$F/rootfs/data/holes"
}

unpack() {
    mkdir "$2"
    tar -C "$2" --numeric-owner -xpf "$1"
}

# ---- what is in it ----

@test "an ended container, as tar reads it" {
    need_root
    make_changed one
    try ruche export -o c.tar one
    assert_status 0
    assert_output ''
    unpack c.tar out
    assert_changed out
    [[ $(stat -c %s c.tar) -lt 10000000 ]] || fail "holes are written out"
    [[ $(stat -c %h out/data/one) == 1 ]]
    ruche rm one >/dev/null
}

@test "layers that are directories give the same archive as files" {
    need_root
    make_changed one
    ruche export one >files.tar
    "$RUCHE" --root "$BATS_TEST_TMPDIR/root2" --run "$RUN" --storage-driver overlay import -q "$F/rootfs.tar" changed >/dev/null
    "$RUCHE" --root "$BATS_TEST_TMPDIR/root2" --run "$RUN" run --name two changed /bin/sh -ec "$changes"
    "$RUCHE" --root "$BATS_TEST_TMPDIR/root2" --run "$RUN" export two >directories.tar
    unpack files.tar files
    unpack directories.tar directories
    diff -r --no-dereference files/bin directories/bin
    assert_changed directories
    diff <(tar -tf files.tar) <(tar -tf directories.tar)
    ruche rm one >/dev/null
    "$RUCHE" --root "$BATS_TEST_TMPDIR/root2" --run "$RUN" rm two >/dev/null
}

@test "a container that was never started, and one that runs" {
    ruche create --name made busybox true >/dev/null
    ruche export made | tar -t >list
    grep -qx bin/busybox list
    ruche run -d --name runs busybox sleep 1000 >/dev/null
    ruche exec runs sh -c 'echo live >/live'
    ruche export runs | tar -xOf - live >seen
    [[ $(cat seen) == live ]]
    [[ $(ruche inspect --format '{{.State.Running}}' runs) == true ]]
    ruche rm -f made runs >/dev/null
}

@test "what is mounted is not in it" {
    mkdir volume
    echo secret >volume/secret
    ruche run --name one -v "$PWD/volume:/mnt/volume" --tmpfs /mnt/memory busybox sh -c 'echo x >/mnt/memory/x; echo x >/dev/shm/x'
    ruche export one | tar -tv >list
    grep -q ' mnt/volume/$' list
    grep -q ' proc/$' list
    ! grep -qE 'secret|/x$|dev/null|proc/.' list || fail "$(cat list)"
    ! ruche export one | tar -xOf - etc/hosts | grep -q "$(ruche ps -alq)" || fail "the container's own hosts are in it"
    ruche rm one >/dev/null
}

@test "attributes are kept, overlay's own and sockets are not" {
    need_root
    need_all setcap getcap setfattr getfattr python3
    make_changed one
    local upper
    upper=$(echo "$ROOT"/containers/*/upper)
    cp "$F/rootfs/bin/busybox" "$upper/capable"
    setcap cap_net_bind_service+ep "$upper/capable"
    setfattr -n user.bee -v hum "$upper/capable"
    setfattr -n user.hive -v full "$upper/new"
    (cd "$upper" && python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("s")')
    [[ -S $upper/s ]]
    ruche export -o c.tar one
    mkdir out
    tar -C out --xattrs --xattrs-include='*' -xpf c.tar
    [[ $(getcap out/capable) == *cap_net_bind_service=ep ]]
    [[ $(getfattr --only-values -n user.bee out/capable) == hum ]]
    [[ $(getfattr --only-values -n user.hive out/new) == full ]]
    [[ ! -e out/s ]]
    ! grep -qa overlay c.tar || fail "overlay's attributes are in it"
    ruche rm one >/dev/null
}

@test "names of any bytes and any length" {
    need_root
    make_changed one
    local upper long
    upper=$(echo "$ROOT"/containers/*/upper)
    long=$(printf 'l%.0s' {1..200})
    mkdir -p "$upper/$long/$long"
    echo 1 >"$upper/$long/$long/$long"
    echo 2 >"$upper/"$'caf\xc3\xa9'
    echo 3 >"$upper/"$'bad\xff'
    echo 4 >"$upper/"$'new\nline'
    ruche export one | ruche import -q - again >/dev/null
    ruche run --name two again true
    ruche export -o d.tar two
    unpack d.tar out 2>/dev/null
    [[ $(cat "out/$long/$long/$long" "out/"$'caf\xc3\xa9' "out/"$'bad\xff' "out/"$'new\nline') == $'1\n2\n3\n4' ]]
    ruche rm one two >/dev/null
}

@test "as many attributes as are read again, others not counted" {
    need_root
    need_all setfattr getfattr
    ruche create --name one busybox true >/dev/null
    local upper i
    upper=$(echo "$ROOT"/containers/*/upper)
    echo x >"$upper/file"
    for i in {1..64}; do
        setfattr -n "user.bee$i" -v "$i" "$upper/file"
    done
    setfattr -n security.swarm -v 1 "$upper/file" 2>/dev/null || skip "no other attribute can be set here"
    ruche export -o c.tar one
    mkdir out
    tar -C out --xattrs --xattrs-include='*' -xpf c.tar
    [[ $(getfattr -d out/file | grep -c ^user.bee) == 64 ]]
    ruche import -q c.tar again >/dev/null
    setfattr -n user.last -v 65 "$upper/file"
    try ruche export -o d.tar one
    assert_error 125 'export one: /file: it has more than 64 attributes'
    ruche rm one >/dev/null
}

@test "what lies deeper than any path reaches" {
    need_root
    need_all python3
    ruche create --name one busybox true >/dev/null
    (cd "$ROOT"/containers/*/upper && python3 -c '
import os
for i in range(20):
    os.mkdir("l" * 240)
    os.chdir("l" * 240)')
    try ruche export -o c.tar one
    assert_error 125 "export one: a path that begins with /$(printf 'l%.0s' {1..80}) is longer than the 4095 bytes of an archive's"
    ruche rm one >/dev/null
}

# Only a file system in memory has files of any size. Whoever looks at each block of them does not come to an end.
@test "64 PiB of which little is there" {
    need_root
    mkdir huge
    try unshare -m bash -ec 'mount -t tmpfs huge huge && mkdir huge/top && cd huge/top
        truncate -s 64P end; echo last >>end; truncate -s 64P hole
        "$RUCHE" --root "$ROOT" --run "$RUN" create --name one --rootfs "$PWD" /none >/dev/null
        "$RUCHE" --root "$ROOT" --run "$RUN" export one | tar -tv --full-time'
    assert_status 0
    [[ $output == *' 72057594037927941 '*' end'* && $output == *' 72057594037927936 '*' hole'* ]] || fail "$output"
    ruche rm one >/dev/null
}

# ---- who reads it ----

@test "import makes an image of it that exports the same" {
    need_root
    make_changed one
    ruche export -o c.tar one
    ruche import -q -c 'CMD ["/bin/cat","/data/three"]' c.tar flat >/dev/null
    try ruche run --name two flat
    assert_status 0
    assert_output two
    ruche export -o d.tar two
    diff <(tar -tvf c.tar) <(tar -tvf d.tar)
    unpack d.tar out
    assert_changed out
    ruche rm one two >/dev/null
}

@test "podman imports it" {
    need_root
    need_all podman
    make_changed one
    ruche export one | podman import -q - there >/dev/null
    local mounted
    mounted=$(podman image mount there)
    assert_changed "$mounted"
    podman image umount there >/dev/null
    podman rmi -f there >/dev/null
    ruche rm one >/dev/null
}

# ---- where it goes ----

@test "a file is there once it is whole, or as it was" {
    ruche create --name one busybox true >/dev/null
    mkdir here
    cd here
    echo before >c.tar
    try ruche export -o c.tar one
    assert_status 0
    tar -tf c.tar >/dev/null
    [[ $(ls) == c.tar ]] || fail "something is beside it: $(ls)"
    try ruche export -o missing/c.tar one
    assert_error 125 'write missing/c.tar: No such file or directory'
    mkdir directory
    try ruche export -o directory one
    assert_error 125 'directory is a directory*'
    ruche rm one >/dev/null
}

@test "where there is no room, the old file stays" {
    need_root
    ruche create --name one busybox true >/dev/null
    mkdir small
    try unshare -m bash -c 'mount -t tmpfs -o size=256k small small && cd small && echo before >c.tar &&
        "$RUCHE" --root "$ROOT" --run "$RUN" export -o c.tar one; echo "$?"; ls -A; cat c.tar'
    assert_status 0
    assert_output $'125\nc.tar\nbefore'
    assert_stderr 'ruche: export one: write the archive: No space left on device'
    ruche rm one >/dev/null
}

@test "a reader that goes, a terminal" {
    ruche create --name one busybox true >/dev/null
    try bash -o pipefail -c '"$RUCHE" --root "$ROOT" --run "$RUN" export one | true'
    assert_error 125 'export one: write the archive: Broken pipe'
    need_all script
    run script -qec "'$RUCHE' --root '$ROOT' --run '$RUN' export one" /dev/null
    assert_status 125
    [[ $output == 'ruche: standard output is a terminal; name a file by --output'* ]] || fail "$output"
    ruche rm one >/dev/null
}

@test "what cannot be exported" {
    try ruche export missing
    assert_error 125 'no such container: missing*'
    try ruche export
    assert_status 125
    try ruche container export a b
    assert_status 125
}

@test "a root file system of the user's own" {
    need_root
    ruche run --name one --rootfs "$F/rootfs" /bin/touch /data/touched
    ruche export one | tar -t >list
    grep -qx data/touched list
    rm "$F/rootfs/data/touched"
    ruche rm one >/dev/null
}

# As an ordinary user, called so in a mount namespace of the command only.
as_user() {
    unshare -m --propagation private bash -c '
        mount --bind passwd /etc/passwd && mount --bind subids /etc/subuid && mount --bind subids /etc/subgid &&
            mount --bind user /mnt && mount --bind "${RUCHE%/*}" /mnt/bin || exit 90
        cd /mnt/home
        exec setpriv --reuid 54321 --regid 54321 --clear-groups env -i PATH="/mnt/bin:$PATH" HOME=/mnt/home \
            XDG_RUNTIME_DIR=/mnt/run "$@"' bash "$@"
}

@test "an ordinary user's: files of subordinate ids, which nobody else may read" {
    need_root
    need_all setpriv newuidmap
    [[ -e /etc/subuid && -e /etc/subgid ]] || skip "there is no /etc/subuid"
    mkdir -p user/{home,run,bin}
    echo 'bee:x:54321:54321::/mnt/home:/bin/sh' | cat /etc/passwd - >passwd
    echo 'bee:3559325696:65536' >subids
    chown -R 54321:54321 user
    as_user unshare -U true 2>/dev/null || skip "users cannot make user namespaces here"
    as_user ruche run --name one busybox sh -ec 'mkdir -m 0 /closed; echo kept >/closed/file; chmod 0 /closed/file
        chown 7:8 /closed/file; rm /etc/passwd'
    as_user ruche export -o one.tar one
    tar -tvf user/home/one.tar >list
    grep -q '^---------- 7/8 .* closed/file$' list || fail "$(cat list)"
    run ! grep -q ' etc/passwd$' list
    [[ $(tar -xOf user/home/one.tar closed/file) == kept ]]
    as_user ruche rm one >/dev/null
    as_user ruche rmi busybox >/dev/null
}
