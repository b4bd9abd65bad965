#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # what is in single quotes is for other shells
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets stderr, has each test in a shell of its own, and ends at a cd that fails
#
# A whole distribution as an image: Debian's smallest root file system by mmdebstrap, made an image by umoci, saved by skopeo.
# RUCHE_TEST_CACHE names a directory that keeps the root file system for the next time.

load images

# debian.tar, the root file system; the layout `layout` with the images debian (one layer), first (two) and changed (three), the archive
# debian-archive.tar of the first; expected/ as umoci unpacks the last; and a store of the file's own that has them.
setup_file() {
    need_root
    need_all mmdebstrap umoci skopeo jq busybox
    cd "$BATS_FILE_TMPDIR"
    debian_tar

    umoci init --layout layout
    umoci new --image layout:debian
    umoci raw add-layer --image layout:debian debian.tar
    umoci config --image layout:debian --config.cmd bash --config.env LANG=C.UTF-8
    skopeo copy -q oci:layout:debian docker-archive:debian-archive.tar:debian:test

    umoci unpack --image layout:debian bundle
    change_first bundle/rootfs
    umoci repack --refresh-bundle --image layout:first bundle
    change_second bundle/rootfs
    umoci repack --image layout:changed bundle
    rm -rf bundle
    umoci unpack --image layout:changed expected

    "$RUCHE_FOR_FILE" --root root --run run load -qi debian-archive.tar >/dev/null
    "$RUCHE_FOR_FILE" --root root --run run load -qi layout >/dev/null
}
RUCHE_FOR_FILE=$RUCHE

# From the cache, which it fills.
debian_tar() {
    local cached=${RUCHE_TEST_CACHE:+$RUCHE_TEST_CACHE/debian-minbase.tar}
    if [[ -n $cached && -s $cached ]]; then
        ln -s "$cached" debian.tar
        return 0
    fi
    if ! timeout 240 mmdebstrap --quiet --variant=minbase --mode=root --dpkgopt='path-exclude=/usr/share/doc/*' \
        bookworm debian.part.tar 2>mmdebstrap.log; then
        skip "mmdebstrap cannot make a root file system: $(grep -m 1 '^[EW]:' mmdebstrap.log)"
    fi
    mv debian.part.tar debian.tar
    [[ -z $cached ]] || { mkdir -p "$RUCHE_TEST_CACHE" && cp debian.tar "$cached.$$" && mv "$cached.$$" "$cached"; }
}

# What a layer can do to those below it: new, changed and removed files, links of both kinds, owners and modes, attributes.
change_first() {
    rm -rf "$1/usr/share/zoneinfo" "$1/etc/motd"
    mkdir -p "$1/opt/tree/deep/er" "$1/opt/goes" "$1/opt/becomes-file" "$1/opt/emptied"
    echo one >"$1/opt/tree/file"
    ln "$1/opt/tree/file" "$1/opt/tree/deep/hard"
    ln "$1/opt/tree/file" "$1/opt/tree/deep/er/hard"
    ln -s /etc/passwd "$1/opt/absolute"
    ln -s ../../../../../../etc "$1/opt/beyond"
    ln -s dangling "$1/opt/dangling"
    echo x | tee "$1/opt/goes/file" "$1/opt/becomes-directory" "$1/opt/emptied/a" >"$1/opt/emptied/.b"
    install -m 4755 -o 0 -g 0 "$1/usr/bin/id" "$1/opt/setuid-id"
    install -m 2755 -o 0 -g 42 "$1/usr/bin/id" "$1/opt/setgid-id"
    install -m 640 -o 1234 -g 5678 /dev/null "$1/opt/owned"
    touch -d '2001-02-03 04:05:06 UTC' "$1/opt/old"
    mkfifo "$1/opt/fifo"
    echo -n >"$1/opt/$(printf 'umläut \n line')"
    mkdir -m 1777 "$1/opt/sticky"
}

change_second() {
    rm -rf "$1/opt/goes" "$1/opt/becomes-file" "$1/opt/becomes-directory" "$1/opt/emptied" "$1/usr/share/keyrings"
    mkdir "$1/opt/emptied" "$1/opt/becomes-directory"
    echo c >"$1/opt/emptied/c"
    echo d >"$1/opt/becomes-directory/d"
    echo file >"$1/opt/becomes-file"
    mv "$1/opt/tree/deep" "$1/opt/tree/moved"
    ln "$1/usr/bin/env" "$1/opt/env"
    chmod 700 "$1/opt/sticky"
    chown 77:88 "$1/etc/shells"
}

setup() {
    common_setup
    ROOT=$BATS_FILE_TMPDIR/root
    RUN=$BATS_FILE_TMPDIR/run
    export ROOT RUN
    cd "$BATS_FILE_TMPDIR"
}

debian() {
    try ruche run --rm "$@"
}

@test "debian: the shell, apt-get, id, mount, /proc/self/status" {
    debian debian:test bash -c 'apt-get --version; id; mount; cat /proc/self/status'
    assert_status 0
    assert_stderr ''
    assert_match 'apt 2.*uid=0(root) gid=0(root) groups=0(root)*'
    assert_match '*NoNewPrivs:?1*Seccomp:?2*'
    assert_match '*CapBnd:?00000000800405fb*'
    [[ $output != *"$BATS_FILE_TMPDIR"*"proc on /proc"* ]] || fail "mount tells the host's paths" "$output"
    debian debian:test
    assert_status 0
    debian debian:test bash -c 'echo $LANG; . /etc/os-release; echo $ID'
    assert_output $'C.UTF-8\ndebian'
}

@test "debian: the tree is the one that mmdebstrap made" {
    tar -tf debian.tar | sed 's,^\./,,; s,/$,,' | grep -vE '^(dev|proc|sys)(/|$)|^$' | sort >expected.names
    ruche run --rm debian:test find / -xdev -path /dev -prune -o -path /proc -prune -o -path /sys -prune -o -mindepth 1 -printf '%P\n' |
        grep -vxE 'etc/(hosts|hostname|resolv.conf|mtab)|.dockerenv|run/.containerenv|proc|sys|dev|' | sort >seen.names
    grep -vxE 'etc/(hosts|hostname|resolv.conf|mtab)' expected.names | diff - seen.names
}

@test "debian: dpkg unpacks and configures a package, apt installs and removes one" {
    mkdir -p bees/{DEBIAN,usr/bin,etc}
    printf '#!/bin/sh\necho buzz\n' >bees/usr/bin/buzz
    chmod 755 bees/usr/bin/buzz
    echo honey >bees/etc/bees.conf
    echo /etc/bees.conf >bees/DEBIAN/conffiles
    printf '#!/bin/sh\nset -e\nadduser --version >/dev/null 2>&1 || true\nchown 5:7 /usr/bin/buzz\necho "configured $1" >/var/lib/bees\n' \
        >bees/DEBIAN/postinst
    chmod 755 bees/DEBIAN/postinst
    printf 'Package: bees\nVersion: 1\nArchitecture: all\nMaintainer: A Person <person@example.org>\nDepends: dpkg\nDescription: bees\n' \
        >bees/DEBIAN/control
    dpkg-deb -b --root-owner-group bees bees.deb >/dev/null

    debian -v "$PWD/bees.deb:/bees.deb:ro" debian:test bash -c '
        set -e
        exec 3>&1 >/tmp/log 2>&1
        trap "cat /tmp/log >&3" ERR
        dpkg --unpack /bees.deb
        dpkg-query -W -f "\${Status}\n" bees >&3
        dpkg --configure bees
        dpkg-query -W -f "\${Status}\n" bees >&3
        cat /var/lib/bees >&3
        stat -c %u:%g /usr/bin/buzz >&3
        buzz >&3
        dpkg --purge bees
        test ! -e /usr/bin/buzz && echo purged >&3
        apt-get install -y /bees.deb
        buzz >&3
        apt-get purge -y bees
        test ! -e /etc/bees.conf && echo gone >&3
        dpkg --audit >&3'
    assert_status 0
    assert_output $'install ok unpacked\ninstall ok installed\nconfigured configure\n5:7\nbuzz\npurged\nbuzz\ngone'
    # All that went with its container.
    debian debian:test test -e /var/lib/bees
    assert_status 1
}

@test "debian: programs of an ordinary user, and of accounts" {
    debian -u nobody debian:test id
    assert_output 'uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)'
    debian -u games:mail debian:test id
    assert_output 'uid=5(games) gid=8(mail) groups=8(mail)'
    debian debian:test bash -c 'useradd -m bee && su -l bee -c "id -un; pwd; touch file; stat -c %U:%G file"'
    assert_output $'bee\n/home/bee\nbee:bee'
    debian -u 1000 debian:test cat /etc/shadow
    assert_status 1
}

@test "debian: setuid programs gain nothing, unless they are allowed to" {
    debian -u 1000:1000 changed bash -c '/opt/setuid-id; /opt/setgid-id'
    assert_output $'uid=1000 gid=1000 groups=1000\nuid=1000 gid=1000 groups=1000'
    debian -u 1000:1000 --security-opt no-new-privileges=false changed bash -c '/opt/setuid-id; /opt/setgid-id'
    assert_output $'uid=1000 gid=1000 euid=0(root) groups=1000\nuid=1000 gid=1000 egid=42(shadow) groups=42(shadow),1000' ||
        assert_match 'uid=1000*euid=0(root)*egid=42(shadow)*'
}

# All of a tree but what the engine and the kernel put there: type, mode, owner, size, time, target, name; and contents.
# (Not the number of links: a layer's file keeps counting those that a later layer took away.)
list_tree='cd "$1" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run -o -path ./.dockerenv -o \
        -path ./etc/hosts -o -path ./etc/hostname -o -path ./etc/resolv.conf -o -path ./tmp \) -prune -o \
        \( -type d -printf "%y %m %U:%G %p\0" \) -o \( -type l -printf "%y %m %U:%G %l %p\0" \) -o \
        \( -printf "%y %m %U:%G %s %T@ %p\0" \) | LC_ALL=C sort -z | tr "\0" "\n"
    find opt usr etc -xdev -type f ! -path etc/hosts ! -path etc/hostname ! -path etc/resolv.conf -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum'

@test "debian: three layers are the tree that umoci unpacks: whiteouts, hard links, owners, modes, times" {
    bash -c "$list_tree" - expected/rootfs >expected.list
    ruche run --rm changed bash -c "$list_tree" - / >seen.list
    (($(wc -l <expected.list) > 10000)) || fail "the list is short"
    diff expected.list seen.list >differences || fail "$(head -n 30 differences)"
    # Hard links of a layer are one inode.
    debian first bash -c '
        cd /opt/tree && [[ file -ef deep/hard && file -ef deep/er/hard ]] && stat -c %h file'
    assert_output 3
    debian changed bash -c 'cd /opt/tree && [[ moved/hard -ef moved/er/hard ]] && cat file moved/hard'
    assert_output $'one\none'
}

@test "debian: a container of one image does not change another" {
    ruche run --rm debian:test bash -c 'rm -rf --one-file-system /usr/share /etc /var; echo x >/usr/bin/env' 2>/dev/null || true
    debian debian:test bash -c 'cat /etc/debian_version; env true; dpkg -s dpkg | grep Status'
    assert_status 0
    assert_match '12*Status: install ok installed'
}

@test "debian: what was written stays from start to start, and goes with the container" {
    local name
    name=$(random_name)
    ruche create --name "$name" debian:test bash -c 'echo again >>/var/log/starts; wc -l </var/log/starts' >/dev/null
    try ruche start -a "$name"
    assert_output 1
    try ruche start -a "$name"
    assert_output 2
    ruche rm "$name" >/dev/null
}

@test "debian: many processes of a real system at once" {
    debian debian:test bash -c '
        for i in {1..40}; do (perl -e "fork for 1..2; select undef, undef, undef, .1; exit" ) & done; wait
        seq 20000 | xargs -P 8 -n 500 printf "%d\n" | awk "{s+=\$1} END {print s}"'
    assert_status 0
    assert_output 200010000
}
