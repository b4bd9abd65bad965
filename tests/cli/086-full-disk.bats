#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154 # bats sets stderr, and has each test in a shell of its own
#
# A store on a disk that is full: what is there can be looked at and removed, and what does not go in says so.

load images

setup_file() {
    need_all busybox mkfs.ext4
    ((EUID == 0)) || skip "needs root"
    unshare -m mount -t tmpfs none /mnt || skip "mounts are not possible"
}

setup() {
    common_setup
    DISK=$BATS_TEST_TMPDIR/disk
    ROOT=$DISK/root
    mkdir "$DISK"
}

# What is left is looked for while the disk is there, and then by the common rules.
store_quiet() {
    is_empty "$ROOT/trash" && is_empty "$ROOT/containers" && is_empty "$ROOT/names" && is_empty "$ROOT/ingest"
}

teardown() {
    local quiet=0
    eventually store_quiet || quiet=$?
    if mountpoint -q "$DISK"; then
        umount "$DISK" || umount -l "$DISK"
    fi
    common_teardown && ((quiet == 0))
}

memory_disk() {
    mount -t tmpfs -o "size=$1,mode=755" tmpfs "$DISK"
}

# ext4 makes no room for root, and its directories take blocks.
ext4_disk() {
    truncate -s "$1" "$BATS_TEST_TMPDIR/image"
    mkfs.ext4 -q -m 0 -O ^has_journal "$BATS_TEST_TMPDIR/image"
    mount -o loop "$BATS_TEST_TMPDIR/image" "$DISK" 2>/dev/null || skip "there is no loop device"
}

# To the last byte, by all that is free now.
fill() {
    cat /dev/zero >>"$DISK/fill" 2>/dev/null || true
    dd if=/dev/zero bs=1 oflag=append conv=notrunc of="$DISK/fill" 2>/dev/null || true
    [[ $(df --output=avail -B1 "$DISK" | tail -n 1) -lt 4096 ]] || fail "the disk is not full"
}

# full RUCHE-ARGUMENT...: on a disk that has just become full
full() {
    fill
    try ruche "$@"
}

store_make() {
    ruche load -q -i "$(dirname "$RUCHE")/busybox.tar" >/dev/null
    ruche tag busybox second:1
    ruche tag busybox third:1
}

removals_work() {
    local name
    store_make
    ruche create -q --name box busybox true >/dev/null
    full images -q
    assert_status 0
    full rm box
    assert_status 0
    for name in second:1 third:1; do
        full rmi "$name"
        assert_status 0
        assert_output "Untagged: $name"
    done
    full image ls --format '{{.Repository}}'
    assert_output busybox
    full rmi busybox
    assert_status 0
    [[ $output == *Deleted:* ]] || fail "$output"
    is_empty "$ROOT/layers"
    is_empty "$ROOT/oci/blobs/sha256"
    rm "$DISK/fill"
    store_make
    full image prune -af
    assert_status 0
    rm "$DISK/fill"
    store_make
    full system prune -af
    assert_status 0
    full images -q
    assert_output ''
    rm "$DISK/fill"
    store_make
    ruche run --rm --network none busybox true
    ruche system check -q
}

@test "a full disk: images and containers are removed" {
    memory_disk 12m
    removals_work
}

@test "a full disk with directories that take blocks: images and containers are removed" {
    ext4_disk 24m
    removals_work
}

@test "a full disk: what needs more room fails, and changes nothing" {
    memory_disk 12m
    store_make
    local i names=()
    for ((i = 0; i < 40; i++)); do
        names+=("long.example.org/so/that/its/row/takes/much/of/the/index/number-$i:1")
    done
    fill
    for i in "${names[@]}"; do
        ruche tag busybox "$i" 2>"$BATS_TEST_TMPDIR/said" || break
    done
    [[ $(<"$BATS_TEST_TMPDIR/said") == *'No space left on device'* ]] || fail "it said" "$(<"$BATS_TEST_TMPDIR/said")"
    try ruche image ls -q
    assert_status 0
    [[ $(ruche image ls --format '{{.Repository}}' | grep -c .) -ge 3 ]]
    try ruche rmi second:1
    assert_status 0
    rm "$DISK/fill"
    ruche system check -q
}

@test "a full disk, and whoever fills it goes on: one name after another is taken away" {
    memory_disk 12m
    store_make
    local i
    for ((i = 0; i < 30; i++)); do
        ruche tag busybox "many:$i"
    done
    for ((i = 0; i < 30; i++)); do
        full rmi "many:$i"
        assert_status 0
    done
    [[ $(ruche image ls --format '{{.Tag}}' | sort | tr '\n' ' ') == '1 1 latest ' ]]
}

@test "who reads the index while it changes on a full disk reads one or the other" {
    memory_disk 12m
    store_make
    fill
    local i pid names
    (for ((i = 0; i < 60; i++)); do
        ruche tag busybox "one:1"
        ruche rmi one:1
    done) >/dev/null 2>"$BATS_TEST_TMPDIR/said" &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        names=$(ruche image ls --format '{{.Repository}}' | sort | tr '\n' ' ')
        [[ $names == 'busybox one second third ' || $names == 'busybox second third ' ]] || fail "there is $names"
    done
    wait "$pid"
    [[ ! -s $BATS_TEST_TMPDIR/said ]] || fail "$(<"$BATS_TEST_TMPDIR/said")"
}

@test "a full disk: a crash while the index is saved leaves the old one or the new one" {
    need_all strace
    memory_disk 12m
    store_make
    local call n names killed=0
    for call in write ftruncate fsync renameat2; do
        for n in {1..9}; do
            fill
            { timeout 60 strace -qqq -o /dev/null -e "inject=$call:signal=SIGKILL:when=$n" \
                "$RUCHE" --root "$ROOT" --run "$RUN" rmi second:1; } >/dev/null 2>&1 && break
            killed=$((killed + 1))
            names=$(ruche image ls --format '{{.Repository}}' | sort | tr '\n' ' ')
            [[ $names == 'busybox second third ' || $names == 'busybox third ' ]] ||
                fail "killed at $call $n it leaves $names"
            full rmi third:1
            assert_status 0
            rm "$DISK/fill"
            ruche system check -q || fail "killed at $call $n"
            ruche tag busybox second:1
            ruche tag busybox third:1
        done
        rm -f "$DISK/fill"
        ruche tag busybox second:1
    done
    ((killed > 5)) || fail "it was killed $killed times"
    ruche system check -q
}

@test "system check on a full disk tells what it could not check, which is no fault" {
    memory_disk 12m
    store_make
    full system check
    assert_status 2
    [[ $output == *'no faults'*'1 layer could not be checked'* ]] || fail "$output"
    [[ $stderr == "ruche: warning: layer sha256:"*" could not be checked: "*"no space left in $ROOT: "* ]] || fail "$stderr"
    try ruche system check --help
    [[ $output == *'2 if'* ]]
    rm "$DISK/fill"
    try ruche system check
    assert_status 0
    # A fault is one, whatever else could not be checked.
    local config
    config=$(ruche image inspect --format '{{.Id}}' busybox)
    printf x >>"$ROOT/oci/blobs/sha256/${config#sha256:}"
    full system check
    assert_status 1
}

@test "what is too large for the disk says so, and what is needed" {
    memory_disk 3m
    try ruche load -q -i "$(dirname "$RUCHE")/busybox.tar"
    assert_status 125
    assert_stderr "ruche: load: *no space left in $ROOT: * needed, * free; make room in its file system"
    [[ $stderr != *limit* ]]
    try ruche run --rm busybox true
    assert_status 125
    [[ $stderr == *"no space left in $ROOT: "* && $stderr != *limit* ]] || fail "$stderr"
    head -c 4m /dev/urandom >"$BATS_TEST_TMPDIR/large"
    tar -C "$BATS_TEST_TMPDIR" -cf "$BATS_TEST_TMPDIR/large.tar" large
    try ruche import -q "$BATS_TEST_TMPDIR/large.tar" large
    assert_status 125
    assert_stderr "ruche: import: *no space left in $ROOT: * needed, * free; make room in its file system"
    [[ -z $(ls "$ROOT/ingest") ]]
}

@test "what is packed anew for a push and does not go onto the disk says so" {
    memory_disk 12m
    cd "$BATS_TEST_TMPDIR" || return
    mkdir noise
    head -c 4000000 /dev/urandom >noise/noise
    make_tar noise.tar noise
    make_layout layout 1 '{"Cmd":["/noise"]}' noise.tar
    tar -C layout -cf layout.tar .
    ruche load -q -i layout.tar >/dev/null
    local name=127.0.0.1:1/noise:1 compression
    ruche tag "$(ruche images -q)" "$name"
    for compression in gzip zstd; do
        head -c 1000000 /dev/zero >"$DISK/spare"
        fill
        rm "$DISK/spare"
        try ruche push -q --compression "$compression" "$name"
        assert_status 125
        assert_stderr "ruche: push $name: pack layer 1 of 1: no space left in $ROOT: more needed than the * that were free; make room in its file system"
        rm "$DISK/fill"
        try ruche push -q --compression "$compression" "$name"
        assert_status 125
        [[ $stderr != *space* ]] || fail "$stderr"
    done
    ruche system check -q
}
