#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # what is in single quotes is for other shells
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets stderr, has each test in a shell of its own, and ends at a cd that fails
#
# How layers lie in the store: as files, EROFS images, or as directories. A container sees the same in both.

load images

# layered.tar: three layers, of which the upper ones hide, replace and add. one.tar: the lowest of them alone.
setup_file() {
    need_root
    need_all busybox setfattr
    cd "$BATS_FILE_TMPDIR"
    make_rootfs first
    ln -s busybox first/bin/find
    ln -s busybox first/bin/md5sum
    mkdir -p first/data/{goes,opaque,becomes,stays}/deep second/data/{stays,opaque,becomes-dir} third/data/stays
    for i in $(seq 200); do
        head -c $((i * 97)) /dev/urandom >"first/data/stays/file-$i"
    done
    echo below | tee first/data/{goes,opaque,becomes,stays}/deep/file first/data/becomes-dir >/dev/null
    truncate -s 30M first/data/holes
    printf end >>first/data/holes
    ln first/data/holes first/data/stays/hard
    mkfifo -m 0640 first/data/fifo
    mknod -m 0666 first/data/null c 1 3
    ln -s "$(printf 'long/%.0s' $(seq 300))" first/data/link
    chown -h 12:34 first/data/link first/data/fifo
    chmod 04711 first/data/stays/file-7
    setfattr -n user.note -v hello first/data/stays/file-8
    touch -d '2001-02-03 04:05:06.789012345' first/data/stays/file-9 first/data/stays
    : >second/data/.wh.goes
    : >second/data/opaque/.wh..wh..opq
    echo above >second/data/opaque/new
    : >second/data/.wh.becomes
    echo now a directory >second/data/becomes-dir/file
    : >third/data/stays/.wh.file-3
    echo other >third/data/stays/file-4
    for layer in first second third; do
        tar -C "$layer" --numeric-owner --sort=name --xattrs --sparse --format=posix -cf "$layer.tar" .
    done
    make_layout layered layered:1 '{"Cmd":["/bin/sh","-c","true"]}' first.tar second.tar third.tar
    make_layout one one:1 '{"Cmd":["/bin/true"]}' first.tar
}

setup() {
    common_setup
    cd "$BATS_FILE_TMPDIR"
}

with_erofs() {
    try ruche --storage-driver erofs load -q -i "$1"
    [[ $stderr != *'cannot be EROFS images here'* ]] || skip "EROFS cannot be mounted from a file here"
    assert_status 0
}

with_directories() {
    ruche --storage-driver overlay load -q -i "$1" >/dev/null
}

# kinds: how many layers are files, and how many directories
kinds() {
    echo "$(find "$ROOT/layers" -mindepth 1 -maxdepth 1 -type f -name '*.erofs' | wc -l)" \
        "$(find "$ROOT/layers" -mindepth 1 -maxdepth 1 -type d | wc -l)"
}

# All below /data as the container sees it, and what is in it.
look='cd /data && find . | while read -r name; do stat -c "%n %F %a %u %g %h %s %t,%T %Y" "$name"; done | sort
    find . -type f | while read -r name; do md5sum "$name"; done | sort; readlink link'

# Sizes of directories are their file system's business.
tree_seen() {
    ruche run --rm --network none layered:1 /bin/sh -c "$look" | sed 's/\( directory .*\) [0-9]* \(0,0\)/\1 \2/'
}

@test "storage: a container sees the same in both" {
    with_erofs layered
    [[ $(kinds) == '3 0' ]]
    tree_seen >"$BATS_TEST_TMPDIR/erofs"
    ruche rmi layered:1 >/dev/null
    with_directories layered
    [[ $(kinds) == '0 3' ]]
    tree_seen >"$BATS_TEST_TMPDIR/directories"
    [[ $(wc -l <"$BATS_TEST_TMPDIR/erofs") -gt 400 ]]
    diff -u "$BATS_TEST_TMPDIR/directories" "$BATS_TEST_TMPDIR/erofs"
    grep -q 'opaque/new' "$BATS_TEST_TMPDIR/erofs"
    run ! grep -qE 'goes|opaque/deep|becomes/|file-3 ' "$BATS_TEST_TMPDIR/erofs"
}

@test "storage: what is in the files is what fsck.erofs expects" {
    need_all fsck.erofs
    with_erofs layered
    local layer
    for layer in "$ROOT"/layers/*.erofs; do
        fsck.erofs "$layer" >"$BATS_TEST_TMPDIR/fsck" 2>&1
        [[ ! -s $BATS_TEST_TMPDIR/fsck ]] || fail "$(<"$BATS_TEST_TMPDIR/fsck")"
    done
    # Some versions say what is wrong, and end with 0.
    printf x | dd of="$layer" bs=1 seek=1100 conv=notrunc status=none
    run fsck.erofs "$layer"
    [[ $output == *checksum* ]]
}

@test "storage: files where they can be mounted, as nothing is said" {
    ruche load -q -i one >/dev/null
    local auto
    auto=$(kinds)
    ruche rmi one:1 >/dev/null
    store_is_empty
    if ruche --storage-driver erofs load -q -i one >/dev/null 2>&1; then
        [[ $auto == '1 0' ]]
    else
        [[ $auto == '0 1' ]]
        store_is_empty
    fi
}

@test "storage: layers of both kinds are used together, and removed" {
    with_erofs one
    with_directories layered
    [[ $(kinds) == '1 2' ]]
    tree_seen >/dev/null
    ruche rmi one:1 >/dev/null
    [[ $(kinds) == '1 2' ]]
    ruche rmi layered:1 >/dev/null
    store_is_empty
}

@test "storage: a layer that containers use outlives its name, and is changed by none of them" {
    with_erofs layered
    local before after i
    before=$(cat "$ROOT"/layers/*.erofs | md5sum)
    for i in 1 2 3; do
        ruche run -d --name "c$i" --network none layered:1 /bin/sh -c 'rm -r /data/stays; echo "$0" >/data/new; sleep 10000' "$i" \
            >/dev/null
    done
    for i in 1 2 3; do
        eventually ruche exec "c$i" /bin/sh -c '! ls /data/stays && cat /data/new' >"$BATS_TEST_TMPDIR/new" 2>&1
        grep -qx "$i" "$BATS_TEST_TMPDIR/new"
    done
    ruche rmi -f layered:1 >/dev/null
    ruche exec c1 /bin/cat /data/becomes-dir/file
    after=$(cat "$ROOT"/layers/*.erofs | md5sum)
    [[ $before == "$after" ]]
    ruche rm -f c1 c2 c3 >/dev/null
    ruche image prune -f >/dev/null
    store_is_empty
}

@test "storage: a stopped container finds its layers again" {
    with_erofs layered
    ruche create --name again --network none layered:1 /bin/sh -c 'cat /data/opaque/new; echo x >>/data/count; wc -l </data/count' \
        >/dev/null
    [[ $(ruche start -a again) == $'above\n1' ]]
    [[ $(ruche start -a again) == $'above\n2' ]]
    ruche rm again >/dev/null
}

@test "storage: what was asked for and cannot be had is an error" {
    local memory
    [[ $(stat -f -c %T /dev/shm) == tmpfs ]] || skip "/dev/shm is no tmpfs"
    memory=$(mktemp -d /dev/shm/ruche-bats-XXXXXX)
    # The kernel mounts no EROFS from a file of a tmpfs.
    status=0
    "$RUCHE" --root "$memory/root" --run "$memory/run" --storage-driver erofs load -q -i one 2>"$BATS_TEST_TMPDIR/stderr" || status=$?
    local kept
    kept=$(find "$memory" -path '*/sha256/*' -o -path '*/layers/*' -o -path '*/ingest/*')
    rm -rf "$memory"
    [[ $status == 125 && -z $kept ]]
    grep -q 'layers cannot be EROFS images here: .*leave out --storage-driver' "$BATS_TEST_TMPDIR/stderr"
}

@test "storage: an unknown driver" {
    run --separate-stderr ruche --storage-driver btrfs images
    assert_usage_error '*storage-driver*btrfs*erofs*overlay*'
}
