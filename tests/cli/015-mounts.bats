#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # bats sets stderr; what is in single quotes is for the shell inside
#
# -v, --mount, --tmpfs, --read-only: what is seen inside, and what is left on disk.

load containers

setup() {
    common_setup
    HERE=$BATS_TEST_TMPDIR/here
    mkdir "$HERE"
    echo content >"$HERE/file"
}

@test "-v mounts a directory, and what is written is there" {
    box -v "$HERE:/data" -- sh -c 'cat /data/file; echo new >/data/new; mkdir /data/made'
    assert_status 0
    assert_output content
    [[ $(<"$HERE/new") == new && -d $HERE/made ]]
}

@test "owners: what is ours is root's inside, and what root writes is ours" {
    chown 0:0 "$HERE/file" 2>/dev/null || skip "it takes root"
    touch "$HERE/of-1000"
    chown 1000:1001 "$HERE/of-1000"
    box -v "$HERE:/data" -- sh -c 'stat -c %u:%g /data/file /data/of-1000; touch /data/by-root; touch /data/by-33; chown 33:44 /data/by-33'
    assert_output $'0:0\n1000:1001'
    [[ $(stat -c %u:%g "$HERE/by-root") == 0:0 ]]
    [[ $(stat -c %u:%g "$HERE/by-33") == 33:44 ]]
    box -u 1000 -v "$HERE:/data" -- sh -c 'echo mine >/data/of-1000; echo x >/data/file'
    assert_status 1
    [[ $(<"$HERE/of-1000") == mine && $(<"$HERE/file") == content ]]
}

@test "files of the container's own root are not the host's root's on disk's image" {
    need_root
    name=$(random_name)
    ruche run --name "$name" busybox sh -c 'echo x >/file; chown 33 /file; echo y >/of-root'
    file=$(find "$ROOT/containers" -name file -path '*upper*')
    [[ $(stat -c %u "$file") == 33 ]] || fail "$(stat -c %u "$file")" # ids on disk are those inside, whatever the range
    [[ $(stat -c %u "${file%file}of-root") == 0 ]]
    try ruche start -a "$name"
    box -- stat -c %u /bin/busybox
    assert_output 0
}

@test ":ro and readonly" {
    for option in "-v $HERE:/data:ro" "--mount type=bind,src=$HERE,dst=/data,readonly" "--mount type=bind,src=$HERE,dst=/data,ro=true"; do
        # shellcheck disable=SC2086 # an option and its value
        try ruche run --rm $option busybox sh -c 'cat /data/file; echo x >/data/x; mount -o remount,rw /data'
        [[ $status != 0 ]]
        assert_output content
        [[ ! -e $HERE/x ]]
    done
}

@test "a mount below a read-only one is read-only, too" {
    need_root
    mkdir "$HERE/below"
    run unshare -m bash -c 'mount -t tmpfs none "$1/below" && exec "$RUCHE" --root "$ROOT" --run "$RUN" run --rm -v "$1:/data:ro" busybox sh -c "echo x >/data/below/x || echo refused"' \
        bash "$HERE"
    assert_line refused
}

@test "a file is mounted on a file" {
    box -v "$HERE/file:/etc/motd" -- sh -c 'cat /etc/motd; echo more >>/etc/motd'
    assert_output content
    [[ $(<"$HERE/file") == $'content\nmore' ]]
    box -v "$HERE/file:/etc/passwd:ro" -- head -n 1 /etc/passwd
    assert_output content
}

@test "-v makes a source that is missing, --mount does not" {
    box -v "$HERE/missing/deep:/data" -- ls -d /data
    assert_status 0
    [[ -d $HERE/missing/deep ]]
    try ruche run --rm --mount "type=bind,src=$HERE/other,dst=/data" busybox true
    assert_error 125 "*$HERE/other*"
    [[ ! -e $HERE/other ]]
}

@test "a relative source is below our directory" {
    cd "$HERE"
    box -v .:/data -v ./file:/copy -- sh -c 'cat /data/file /copy'
    assert_output $'content\ncontent'
}

@test "nested mounts, whatever their order" {
    mkdir "$HERE/outer" "$HERE/inner"
    echo outer >"$HERE/outer/name"
    echo inner >"$HERE/inner/name"
    box -v "$HERE/inner:/a/b/c" -v "$HERE/outer:/a" -- sh -c 'cat /a/name /a/b/c/name'
    assert_output $'outer\ninner'
    box -v "$HERE/outer:/a" -v "$HERE/inner:/a/b" --tmpfs /a/b/c -- sh -c 'cat /a/name /a/b/name; stat -f -c %T /a/b/c'
    assert_output $'outer\ninner\ntmpfs'
}

@test "a destination that is a link stays inside" {
    mkdir -p "$BATS_TEST_TMPDIR/rootfs" "$BATS_TEST_TMPDIR/canary"
    ruche run --rm busybox sh -c 'tar c -C / bin etc' | tar x --no-same-owner -C "$BATS_TEST_TMPDIR/rootfs"
    up=../../../../../../../../..
    ln -s "$up$BATS_TEST_TMPDIR/canary" "$BATS_TEST_TMPDIR/rootfs/relative"
    ln -s "$BATS_TEST_TMPDIR/canary" "$BATS_TEST_TMPDIR/rootfs/absolute"
    ln -s /proc/1/root "$BATS_TEST_TMPDIR/rootfs/magic"
    for link in relative absolute magic; do
        try ruche run --rm --rootfs "$BATS_TEST_TMPDIR/rootfs:O" -v "$HERE:/$link/sub" cat "/$link/sub/file"
        [[ $output == content || $stderr == 'ruche: '* ]] || fail "$link: $output $stderr"
        [[ -z $(ls -A "$BATS_TEST_TMPDIR/canary") ]] || fail "$link leads out"
    done
}

@test "/proc, /dev, /sys and /etc as links of the image lead nowhere" {
    for name in proc dev sys etc; do
        rm -rf "$BATS_TEST_TMPDIR/rootfs" "$BATS_TEST_TMPDIR/canary"
        mkdir -p "$BATS_TEST_TMPDIR/rootfs" "$BATS_TEST_TMPDIR/canary"
        ruche run --rm busybox sh -c 'tar c -C / bin' | tar x --no-same-owner -C "$BATS_TEST_TMPDIR/rootfs"
        ln -s "$BATS_TEST_TMPDIR/canary" "$BATS_TEST_TMPDIR/rootfs/$name"
        try ruche run --rm --rootfs "$BATS_TEST_TMPDIR/rootfs" busybox true
        [[ $status == 0 || $stderr == 'ruche: '* ]] || fail "$name: $status $stderr"
        [[ -z $(ls -A "$BATS_TEST_TMPDIR/canary") ]] || fail "$name leads out: $(ls -A "$BATS_TEST_TMPDIR/canary")"
    done
}

@test "/etc/hosts and its kind as links, FIFOs or directories of the image" {
    mkdir -p "$BATS_TEST_TMPDIR/rootfs/etc/hostname"
    ruche run --rm busybox sh -c 'tar c -C / bin' | tar x --no-same-owner -C "$BATS_TEST_TMPDIR/rootfs"
    echo canary >"$BATS_TEST_TMPDIR/canary"
    ln -s "$BATS_TEST_TMPDIR/canary" "$BATS_TEST_TMPDIR/rootfs/etc/hosts"
    mkfifo "$BATS_TEST_TMPDIR/rootfs/etc/resolv.conf"
    try timeout -s KILL 60 "$RUCHE" --root "$ROOT" --run "$RUN" run --rm --rootfs "$BATS_TEST_TMPDIR/rootfs" busybox echo fine
    [[ $output == fine || $stderr == 'ruche: '* ]] || fail "$output" "$stderr"
    [[ $(<"$BATS_TEST_TMPDIR/canary") == canary ]]
}

@test "--tmpfs and type=tmpfs, with size and mode" {
    box --tmpfs /run:size=1m,mode=700 -- sh -c 'df -k /run | tail -n 1 | tr -s " " | cut -d " " -f 2; stat -c %a:%u /run; echo x >/run/x'
    assert_status 0
    assert_output $'1024\n700:0'
    box --mount type=tmpfs,dst=/new/place,tmpfs-size=64k,tmpfs-mode=1777 -- sh -c 'stat -c %a /new/place; head -c 100000 /dev/zero >/new/place/x || echo full'
    assert_output $'1777\nfull'
    box --tmpfs /run -- sh -c 'mount | grep " /run "'
    assert_match '*nosuid,nodev,noexec*'
    box --tmpfs /run:exec -- sh -c 'mount | grep " /run " | grep -c noexec'
    assert_output 0
}

@test "--read-only: the root cannot be written, mounts and /dev/shm can" {
    box --read-only -v "$HERE:/data" --tmpfs /tmp -- sh -c '
        for path in /x /etc/x /usr/x /dev/x; do ( echo x >$path ) 2>/dev/null && echo "$path was written"; done
        mount -o remount,rw / 2>/dev/null && echo remounted
        echo x >/data/x && echo x >/tmp/x && echo x >/dev/shm/x && echo fine'
    assert_line fine
    [[ $output != *'/x was written'* || $output == *'/dev/x was written'* ]] || fail "$output"
    [[ $output != *remounted* ]]
}

@test "a working directory below a read-only root" {
    box --read-only -w /tmp -- pwd
    assert_output /tmp
}

leaves_no_mount() {
    local before
    before=$(cat /proc/self/mountinfo)
    box -v "$HERE:/data/a/b" --tmpfs /run -- true
    [[ $(cat /proc/self/mountinfo) == "$before" ]]
}

@test "nothing is left on the host: no mount, no empty directory" {
    eventually leaves_no_mount # somebody else may mount something meanwhile
    [[ $(ls -A "$HERE") == file ]]
}

@test "a mount of the host made later does not show, unless asked for" {
    need_root
    mkdir "$HERE/later"
    name=$(random_name)
    run unshare -m --propagation private bash -c '
        mount --bind "$1" "$1" && mount --make-shared "$1" || exit 99
        "$RUCHE" --root "$ROOT" --run "$RUN" run -d --name "$2" -v "$1:/data" busybox sleep 10000 >/dev/null
        "$RUCHE" --root "$ROOT" --run "$RUN" run -d --name "$2-slave" -v "$1:/data:rslave" busybox sleep 10000 >/dev/null
        mount -t tmpfs none "$1/later" && touch "$1/later/here"
        "$RUCHE" --root "$ROOT" --run "$RUN" exec "$2" ls /data/later
        "$RUCHE" --root "$ROOT" --run "$RUN" exec "$2-slave" ls /data/later
        "$RUCHE" --root "$ROOT" --run "$RUN" rm -f "$2" "$2-slave" >/dev/null' bash "$HERE" "$name"
    ((status != 99)) || skip "no shared mounts here"
    assert_output here
}

@test "what cannot be mapped is said in one line" {
    need_root
    box -v /sys:/host-sys:ro -- sh -c 'cat /proc/self/uid_map; ls -d /host-sys/kernel'
    assert_status 0
    assert_stderr 'ruche: warning: */sys*user namespace*'
    [[ $stderr != *$'\n'* ]]
}

@test "a node in a mounted directory is no device" {
    need_root
    mknod "$HERE/null" c 1 3 2>/dev/null || skip "no nodes can be made here"
    box -v "$HERE:/data:nodev" -- sh -c 'echo x >/data/null'
    assert_status 1
    box -v "$HERE:/data:noexec" -- sh -c 'printf "#!/bin/sh\n" >/data/x; chmod +x /data/x; /data/x'
    assert_status 126
}
