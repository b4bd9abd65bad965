#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # what is in single quotes is for other shells
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets stderr, has each test in a shell of its own, and ends at a cd that fails
#
# `--rootfs /:O`: a container of the machine's own files, which leaves them as they are. Each test runs in a private mount
# namespace; a canary stands for the machine's files wherever it can.

load images

setup_file() {
    need_root
    unshare -mn true || skip "no mount and network namespaces"
}

setup() {
    common_setup
    cd "$BATS_TEST_TMPDIR"
    # Outside of where the root and the run directories lie, which a container cannot have below itself.
    CANARY=$(mktemp -d /var/tmp/bats-canary.XXXXXX)
    mkdir "$CANARY/directory" "$CANARY/removed"
    echo canary | tee "$CANARY/file" "$CANARY/removed/file" >"$CANARY/directory/file"
    ln "$CANARY/file" "$CANARY/hard"
    ln -s file "$CANARY/link"
    mkfifo "$CANARY/fifo"
    chmod 4755 "$CANARY/directory/file"
    chown 5:7 "$CANARY/hard"
    touch -d 2001-02-03 "$CANARY/file" "$CANARY/directory"
    machine >before
}

teardown() {
    rm -rf "${CANARY:?}"
    containers_teardown
}

machine() {
    find "$CANARY" -printf '%p %i %y %m %U:%G %n %T@ %C@ %s %l\n' | sort
    find "$CANARY" -type f -exec cat {} +
    find /etc /usr/bin /usr/sbin -xdev -printf '%p %i %y %m %U:%G %C@ %s\n' | sort | sha256sum
    find / /etc /usr /var /opt /srv /home -maxdepth 1 -xdev ! -path '/tmp*' ! -path '/proc*' -printf '%p %y %m %U:%G\n' | sort
    grep -v bats /proc/self/mountinfo | sort
}

# host COMMAND...: in a container of the machine's files
host() {
    local options=()
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    shift
    try timeout 600 unshare -mn --propagation private "$RUCHE" --root "$ROOT" --run "$RUN" run --rm "${options[@]}" --rootfs /:O "$@"
}

unharmed() {
    machine >after
    diff before after || fail "the machine has changed"
}

@test "machine: its files are there, and what is done to them is gone" {
    host -- bash -c 'cd "$1" && cat file link hard && rm -rf removed directory && echo changed >file && chmod 600 hard &&
        chown 1:1 hard && mkfifo new && mv link moved && touch fifo && ls | tr "\n" " " && cat hard' - "$CANARY"
    assert_status 0
    assert_match $'canary\ncanary\ncanary\nfifo file hard moved new *'
    unharmed
}

@test "machine: all of it is removed inside, and none outside" {
    host -- bash -c 'rm -rf --one-file-system /etc /usr/share/doc /usr/share/man /var /home /root /opt /srv /boot "$1" 2>/dev/null
        for d in /etc /var/tmp "$1"; do [ ! -e $d ] || ls -A $d | grep -vxE "hosts|hostname|resolv.conf"; done; echo removed' - "$CANARY"
    assert_match '*removed'
    unharmed
}

@test "machine: with every way to have more power but --privileged" {
    host --userns host --security-opt no-new-privileges=false --cap-add ALL --network host --pid private -- \
        bash -c 'cd "$1" && rm -rf removed && echo changed >file && chattr +i hard; chmod 0 directory; echo x >/etc/passwd; echo done' - "$CANARY"
    assert_match '*done'
    unharmed
}

@test "machine: mounts inside are seen by nobody outside" {
    host --cap-add SYS_ADMIN --security-opt seccomp=unconfined -- bash -c 'mount -t tmpfs none /mnt; mount --bind /etc /var; umount -l /proc; echo done'
    assert_match '*done'
    host --tmpfs "$CANARY" -v "$PWD:/mnt" -- bash -c 'ls -A "$1"; ls /mnt | grep -c before' - "$CANARY"
    assert_output 1
    unharmed
}

@test "machine: who is who stays, also for an ordinary user" {
    host -- stat -c '%u:%g %a' "$CANARY/hard" "$CANARY/directory/file"
    assert_output $'5:7 644\n0:0 4755'
    host -u nobody -- bash -c 'id -u; cat /etc/shadow || echo denied; rm "$1/file" || echo denied' - "$CANARY"
    assert_output $'65534\ndenied\ndenied'
    unharmed
}

@test "machine: read-only, it cannot be changed even for the while" {
    host --read-only -- bash -c 'echo x >"$1/file" || echo refused; touch /etc/x || echo refused' - "$CANARY"
    assert_output $'refused\nrefused'
    unharmed
}

@test "machine: programs that are set up on it run: package manager, compiler, interpreter" {
    host -- bash -c 'dpkg -s dpkg | grep ^Status; perl -e "print 6*7, qq(\n)"; apt-get --version | head -n 1 | cut -d " " -f 1'
    assert_output $'Status: install ok installed\n42\napt'
    unharmed
}

@test "machine: several at once see nothing of each other" {
    local i pids=() pid
    for i in 1 2 3 4; do
        ruche run --rm --rootfs /:O bash -c 'echo "$2" >"$1/mine"; sleep 0.5; cat "$1/mine"; ls "$1" | wc -l' - "$CANARY" "$i" >"out.$i" 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
    for i in 1 2 3 4; do
        [[ $(<"out.$i") == "$i"$'\n7' ]] || fail "$i:" "$(<"out.$i")"
    done
    unharmed
}
