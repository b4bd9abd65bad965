#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # bats sets stderr; what is in single quotes is for the shell inside
#
# Who the process is: -u in all its forms, groups, HOME, and users' files that mean harm.

load containers

@test "root by default, with root's home" {
    box -- sh -c 'id -u; id -g; echo $HOME'
    assert_output $'0\n0\n/root'
    box -u root -- id -un
    assert_output root
    box -u '' -- id -u
    assert_output 0
}

@test "by name: its group and its home" {
    box -u www-data -- sh -c 'id -u; id -g; echo $HOME'
    assert_output $'33\n33\n/var/www'
}

@test "by name and group, by numbers, and mixed" {
    box -u www-data:users -- sh -c 'id -u; id -g'
    assert_output $'33\n100'
    box -u 33:100 -- sh -c 'id -un; id -gn'
    assert_output $'www-data\nusers'
    box -u www-data:77 -- sh -c 'id -u; id -g'
    assert_output $'33\n77'
    box -u 77:users -- sh -c 'id -u; id -g'
    assert_output $'77\n100'
}

@test "a number that has no name: group 0, home /" {
    box -u 4242 -- sh -c 'id -u; id -g; echo $HOME'
    assert_output $'4242\n0\n/'
    box -u 65535:65535 -- sh -c 'id -u; id -g'
    assert_output $'65535\n65535'
}

@test "a number that has a name has its group and home, too" {
    box -u 33 -- sh -c 'id -u; id -g; echo $HOME'
    assert_output $'33\n33\n/var/www'
}

@test "HOME is as asked for" {
    box -u www-data -e HOME=/elsewhere -- sh -c 'echo $HOME'
    assert_output /elsewhere
}

@test "--group-add, by name and number" {
    box --group-add wheel --group-add 77 -u 1000 -- id -G
    assert_output '0 10 77'
    box -u 1000 -- id -G
    assert_output 0
}

@test "groups of the image's /etc/group come with a name" {
    mkdir "$BATS_TEST_TMPDIR/etc"
    printf 'root:x:0:0::/root:/bin/sh\nbee:x:500:501::/home:/bin/sh\n' >"$BATS_TEST_TMPDIR/etc/passwd"
    printf 'root:x:0:\nhive:x:501:\ncomb:x:502:other,bee\nwax:x:503:beekeeper\n' >"$BATS_TEST_TMPDIR/etc/group"
    local options=(-v "$BATS_TEST_TMPDIR/etc/passwd:/etc/passwd:ro" -v "$BATS_TEST_TMPDIR/etc/group:/etc/group:ro")
    box "${options[@]}" -u bee -- id -G
    assert_output '501 502'
    box "${options[@]}" -u bee:0 -- id -g
    assert_output 0
}

# passwd TEXT, then who a user is taken for
with_passwd() {
    printf '%b' "$1" >"$BATS_TEST_TMPDIR/passwd"
    shift
    try ruche run --rm -v "$BATS_TEST_TMPDIR/passwd:/etc/passwd:ro" "$@" busybox id -u
}

@test "a name made of digits is a number, whatever the file says" {
    with_passwd '1000:x:0:0::/:/bin/sh\n' -u 1000
    assert_output 1000
    with_passwd '4294967296:x:0:0::/:/bin/sh\n' -u 4294967296
    assert_error 125 '*4294967296*'
}

@test "what is no number in the file is no user" {
    for uid in '' x -1 +0 0x0 4294967295 4294967296 18446744073709551616 ' 0' 0.0; do
        with_passwd "bee:x:$uid:7::/:/bin/sh\n" -u bee
        assert_error 125 '*bee*'
    done
}

@test "a file that is broken, huge, or no file" {
    with_passwd 'bee\nbee:x\n:::::::\nbee:x:5:5::/:/bin/sh' -u bee
    assert_output 5
    { head -c 3000000 /dev/zero | tr '\0' x; printf '\nbee:x:6:6::/:/bin/sh\n'; } >"$BATS_TEST_TMPDIR/passwd"
    try ruche run --rm -v "$BATS_TEST_TMPDIR/passwd:/etc/passwd:ro" -u bee busybox id -u
    assert_output 6
    mkdir "$BATS_TEST_TMPDIR/directory"
    try timeout -s KILL 60 "$RUCHE" --root "$ROOT" --run "$RUN" run --rm --rootfs "$BATS_TEST_TMPDIR/directory" -u bee true
    assert_error 125 '*bee*'
}

@test "a passwd that is a FIFO, or leads away, holds nothing up" {
    ruche create --name "$(random_name)" busybox true >/dev/null
    name=$(random_name)
    ruche run --name "$name" busybox sh -c 'rm /etc/passwd && mkfifo /etc/passwd'
    ruche rm -f "$name" >/dev/null
    mkdir -p "$BATS_TEST_TMPDIR/rootfs"
    ruche run --rm busybox sh -c 'tar c -C / bin etc' | tar x --no-same-owner -C "$BATS_TEST_TMPDIR/rootfs"
    rm "$BATS_TEST_TMPDIR/rootfs/etc/passwd"
    mkfifo "$BATS_TEST_TMPDIR/rootfs/etc/passwd"
    try timeout -s KILL 60 "$RUCHE" --root "$ROOT" --run "$RUN" run --rm --rootfs "$BATS_TEST_TMPDIR/rootfs" -u bee busybox id
    assert_error 125 '*bee*'
    try timeout -s KILL 60 "$RUCHE" --root "$ROOT" --run "$RUN" run --rm --rootfs "$BATS_TEST_TMPDIR/rootfs" -u 12 busybox echo fine
    assert_output fine
    # A link to a file of the host finds the container's.
    rm "$BATS_TEST_TMPDIR/rootfs/etc/passwd"
    echo 'bee:x:9:9::/:/bin/sh' >"$BATS_TEST_TMPDIR/outside"
    ln -s "../../../../../..$BATS_TEST_TMPDIR/outside" "$BATS_TEST_TMPDIR/rootfs/etc/passwd"
    try ruche run --rm --rootfs "$BATS_TEST_TMPDIR/rootfs" -u bee busybox id -u
    assert_error 125 '*bee*'
}

@test "files of another user are not its own" {
    box -u 1000 -- sh -c 'cat /etc/shadow; echo x >/etc/x; touch /tmp/mine && stat -c %u /tmp/mine'
    assert_output 1000
}

@test "no user of the container is one of the host" {
    need_root
    name=$(random_name)
    stay "$name" -u 1000
    [[ $(awk '/^Uid:/ { print $2 }' "/proc/$(pid_of "$name")/status") != 1000 ]]
}
