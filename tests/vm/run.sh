#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# Boots small machines in QEMU, by its own interpreter (no KVM), and runs the tests in them: v2 has every cgroup controller
# in v2, v1 has all of them in v1, systemd has Debian's. Prints TAP. The kernel is Debian's for clouds, taken out of its
# package; nothing is installed on this machine, and no root is needed.
#
#   run.sh BUILD [FILTER]    BUILD is the build directory; FILTER is part of a test's name
set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
filter=${2:-}
cache=$build/vm
suites=${VM_SUITES:-v2 v1 systemd}
boot_seconds=${VM_SECONDS:-7200} # only for one that hangs: a busy machine is slow
number=0
failed=0

mkdir -p "$cache"
work=$(mktemp -d "$cache/run.XXXXXX")
[ -n "${VM_KEEP:-}" ] || trap 'rm -rf "$work"' EXIT

ok() {
    number=$((number + 1))
    echo "ok $number $1"
}

not_ok() {
    number=$((number + 1))
    failed=1
    echo "not ok $number $1"
}

finish() {
    echo "1..$number"
    exit $failed
}

skip_all() {
    ok "virtual machines # skip $1"
    finish
}

# --- what is needed -----------------------------------------------------------------------------

# fetch DIRECTORY PACKAGE...: their files, unpacked there, from the machine's package sources
fetch() {
    target=$1
    shift
    rm -rf "$target.new" "$target.packages"
    mkdir -p "$target.new" "$target.packages"
    (cd "$target.packages" && apt-get -qq -o APT::Sandbox::User=root download "$@") >"$target.log" 2>&1 || return 1
    for package in "$target.packages"/*.deb; do
        dpkg-deb -x "$package" "$target.new" >>"$target.log" 2>&1 || return 1
    done
    rm -rf "$target" "$target.packages"
    mv "$target.new" "$target"
}

kernel_fetch() {
    [ ! -d "$cache/kernel" ] || return 0
    name=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/^ *Depends: //p' | head -n 1)
    [ -n "$name" ] || return 1
    fetch "$cache/kernel" "$name"
}

# systemd, a bus, and the libraries of both: Debian 12's names.
systemd_packages='systemd libsystemd-shared libsystemd0 dbus-bin dbus-daemon dbus-system-bus-common dbus-session-bus-common
    libdbus-1-3 libexpat1 libacl1 libapparmor1 libargon2-1 libaudit1 libblkid1 libc6 libcap2 libcap-ng0 libcrypt1
    libcryptsetup12 libdevmapper1.02.1 libfdisk1 libgcc-s1 libgcrypt20 libgpg-error0 libip4tc2 libjson-c5 libkmod2
    liblz4-1 liblzma5 libmount1 libpam0g libpcre2-8-0 libseccomp2 libselinux1 libssl3 libudev1 libuuid1 libzstd1 zlib1g'

systemd_fetch() {
    # shellcheck disable=SC2086 # words
    [ -d "$cache/systemd" ] || fetch "$cache/systemd" $systemd_packages
}

command -v qemu-system-x86_64 >/dev/null || skip_all "there is no qemu-system-x86_64"
[ "$(uname -m)" = x86_64 ] || skip_all "the tests know only x86-64"
for program in mke2fs cpio apt-get dpkg-deb busybox; do
    command -v "$program" >/dev/null || [ -x "/usr/sbin/$program" ] || skip_all "there is no $program"
done
PATH=$PATH:/usr/sbin:/sbin
kernel_fetch || skip_all "linux-image-cloud-amd64 cannot be had: $(tail -n 1 "$cache/kernel.log" 2>/dev/null)"
kernel=$(echo "$cache"/kernel/boot/vmlinuz-*)
modules=$(echo "$cache"/kernel/lib/modules/*/kernel)
${CC:-cc} -O1 -o "$work/tsc" "$here/tsc.c"

# --- the machine's disks ------------------------------------------------------------------------

make_initramfs() {
    mkdir -p "$work/init/bin" "$work/init/modules" "$work/init/proc" "$work/init/sys" "$work/init/dev" "$work/init/new"
    cp "$(command -v busybox)" "$work/init/bin/busybox"
    for module in virtio/virtio virtio/virtio_ring virtio/virtio_mmio block/virtio_blk; do
        cp "$modules/drivers/$module.ko" "$work/init/modules/"
    done
    cp "$here/init.sh" "$work/init/init"
    chmod 755 "$work/init/init"
    (cd "$work/init" && find . | cpio -o -H newc -R 0:0 --quiet) >"$work/initramfs"
}

# libraries ROOT PROGRAM...: copies what they are linked with
libraries() {
    root=$1
    shift
    for library in $(ldd "$@" 2>/dev/null | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p; s/^[[:space:]]*\(\/[^ ]*ld-[^ ]*\) .*/\1/p' | sort -u); do
        [ ! -e "$root$library" ] || continue
        mkdir -p "$root$(dirname "$library")"
        cp -L "$library" "$root$library"
    done
}

# fill ROOT: our programs and tests
fill() {
    mkdir -p "$1/ruche" "$1/tests" "$1/modules" "$1/srv" "$1/root"
    for file in ruche ruche-runtime ruche-transfer ruche-init ruche-sleep busybox.tar; do
        [ ! -e "$build/$file" ] || cp "$build/$file" "$1/ruche/"
    done
    for unit in kernel runtime; do
        [ ! -x "$build/tests/unit/unit-$unit" ] || cp "$build/tests/unit/unit-$unit" "$1/tests/"
    done
    cp "$here"/*.sh "$1/tests/"
    chmod 755 "$1"/tests/*.sh
    printf '%s\n' "$filter" >"$1/tests/filter"
    for module in fs/overlayfs/overlay fs/erofs/erofs drivers/block/loop block/bfq lib/crc32c lib/libcrc32c \
        net/unix/unix_diag net/ipv4/inet_diag net/ipv4/tcp_diag net/ipv4/udp_diag net/ipv4/raw_diag \
        net/packet/af_packet_diag net/netlink/netlink_diag net/netfilter/nfnetlink net/netfilter/nf_tables \
        net/ipv4/netfilter/nf_defrag_ipv4 net/ipv6/netfilter/nf_defrag_ipv6 net/netfilter/nf_conntrack \
        net/netfilter/nf_conntrack_netlink; do
        [ ! -e "$modules/$module.ko" ] || cp "$modules/$module.ko" "$1/modules/"
    done
    libraries "$1" "$1"/ruche/ruche-transfer "$1"/tests/unit-*
}

# busybox and the few files a root has
make_plain_root() {
    root=$work/plain
    mkdir -p "$root/bin" "$root/sbin" "$root/etc" "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/run" "$root/var/lib" \
        "$root/usr/bin" "$root/home"
    cp "$(command -v busybox)" "$root/bin/busybox"
    for applet in $(busybox --list | grep -vx busybox); do
        ln -sf busybox "$root/bin/$applet"
    done
    # criu, and the programs it starts itself
    for program in newuidmap newgidmap setpriv script criu tar gzip ip; do
        found=$(command -v "$program") || continue
        rm -f "$root/bin/$program"
        cp "$found" "$root/usr/bin/"
        libraries "$root" "$found"
    done
    fill "$root"
}

# unit NAME: a unit file of the root in $root, from the standard input
unit() {
    cat >"$root/etc/systemd/system/$1"
}

# The plain root, and Debian's systemd as its first process, which starts a bus and the tests and nothing else.
make_systemd_root() {
    root=$work/systemd
    cp -a "$work/plain" "$root"
    cp -a "$cache/systemd/." "$root/"
    mkdir -p "$root/etc/systemd/system" "$root/run/dbus"
    echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
    printf 'root:x:0:0:root:/root:/bin/sh\nbee:x:1000:1000:bee:/home/bee:/bin/sh\nmessagebus:x:101:101::/:/bin/false\n' \
        >"$root/etc/passwd"
    printf 'root:x:0:\nbee:x:1000:\nmessagebus:x:101:\n' >"$root/etc/group"
    unit vm.target <<'EOF'
[Unit]
Requires=vm.service dbus.socket
EOF
    unit vm.service <<'EOF'
[Unit]
DefaultDependencies=no
After=dbus.socket
[Service]
Type=oneshot
ExecStart=/tests/guest.sh
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
EOF
    unit dbus.socket <<'EOF'
[Unit]
DefaultDependencies=no
[Socket]
ListenStream=/run/dbus/system_bus_socket
EOF
    unit dbus.service <<'EOF'
[Unit]
DefaultDependencies=no
Requires=dbus.socket
[Service]
Type=notify
NotifyAccess=main
ExecStart=/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation
EOF
}

# make_disk ROOT: as an ext4 image in $work/NAME.disk; our user ids do not matter, the guest corrects them
make_disk() {
    truncate -s 512M "$1.disk"
    mke2fs -q -F -t ext4 -O ^has_journal -E lazy_itable_init=1,nodiscard,root_owner=0:0 -d "$1" "$1.disk" >"$1.log" 2>&1
}

# --- a boot -------------------------------------------------------------------------------------

# boot SUITE DISK WORDS: the guest's console goes to $work/SUITE.console
boot() {
    status=0
    timeout --kill-after=5 "$boot_seconds" qemu-system-x86_64 -M microvm -accel tcg -cpu "${VM_CPU:-max}" -smp 2 -m 1024 \
        -nodefaults -no-user-config -display none -no-reboot -serial stdio \
        -kernel "$kernel" -initrd "$work/initramfs" \
        -append "console=ttyS0 loglevel=3 mitigations=off reboot=t panic=-1 tsc_early_khz=$("$work/tsc") vm.suite=$1 $3" \
        -drive "file=$2,if=none,id=disk,format=raw,snapshot=on,cache=unsafe" -device virtio-blk-device,drive=disk \
        </dev/null >"$work/$1.console" 2>&1 || status=$?
    echo "$status" >"$work/$1.status"
}

why_ended() {
    case $1 in
    0) echo "the guest ended" ;;
    124 | 137) echo "the guest did not end within $boot_seconds seconds and was stopped" ;;
    *) echo "QEMU ended with status $1" ;;
    esac
}

# take SUITE: its results, with numbers of our own; a suite that did not get to its end is a failed test
take() {
    planned=
    seen=0
    while IFS= read -r line; do
        case $line in
        1..*) planned=${line#1..} ;;
        "not ok "*)
            line=${line#not ok }
            seen=$((seen + 1))
            not_ok "$1: ${line#* }"
            ;;
        "ok "*)
            line=${line#ok }
            seen=$((seen + 1))
            ok "$1: ${line#* }"
            ;;
        "# "*) echo "$line" ;;
        esac
    done <<EOF
$(tr -d '\r' <"$work/$1.console")
EOF
    [ "$planned" != "$seen" ] || return 0
    not_ok "$1: $seen of ${planned:-unknown} tests: $(why_ended "$(cat "$work/$1.status")")"
    tail -n 20 "$work/$1.console" | tr -d '\r' | sed 's/^/#   /'
}

# Whether it is to be run, and has a test of that name.
wanted() {
    case " $suites " in *" $1 "*) ;; *) return 1 ;; esac
    sed -n 's/^test_\([a-z0-9_]*\)() {.*/\1/p' "$here/$1.sh" | tr _ ' ' | grep -qF -- "$filter"
}

# Two machines at a time: v2 takes as long as the other two.
boot_all() {
    if wanted v2; then
        boot v2 "$work/plain.disk" "cgroup_no_v1=all" &
    fi
    if wanted v1; then
        boot v1 "$work/plain.disk" ""
    fi
    if wanted systemd && [ -e "$work/systemd.disk" ]; then
        boot systemd "$work/systemd.disk" \
            "vm.init=/lib/systemd/systemd systemd.unit=vm.target systemd.show_status=0 systemd.log_level=err"
    fi
    wait
}

make_initramfs
make_plain_root
make_disk "$work/plain"
if wanted systemd && systemd_fetch; then
    make_systemd_root
    make_disk "$work/systemd"
fi
boot_all
for suite in $suites; do
    if [ -e "$work/$suite.console" ]; then
        take "$suite"
    elif wanted "$suite"; then
        ok "$suite # skip its packages cannot be had: $(tail -n 1 "$cache/systemd.log")"
    fi
done
finish
