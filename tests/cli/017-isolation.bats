#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # bats sets stderr; what is in single quotes is for the shell inside
#
# What a container can see and do by default, and what each flag opens.

load containers

PODMANS_CAPABILITIES='00000000800405fb' # CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE SYS_CHROOT SETFCAP

# Fields of /proc/self/status, as "name value" lines: status_fields NAME...
fields() {
    local IFS='|'
    box "${OPTIONS[@]}" -- sed -En "s/^($*):[[:space:]]*/\\1 /p" /proc/self/status
    assert_status 0
}

setup() {
    common_setup
    OPTIONS=()
}

# A host tells of itself by these, if one can read them: hidden PATH...
hidden_inside() {
    box "${OPTIONS[@]}" -- sh -c '
        for path; do
            if [ -d "$path" ]; then
                [ -z "$(ls -A "$path")" ] || echo "$path shows $(ls "$path" | head -n 1)"
                ( : >"$path/new" ) 2>/dev/null && echo "$path can be written"
            elif [ -e "$path" ]; then
                [ -z "$(head -c 1 "$path" 2>/dev/null)" ] || echo "$path can be read"
            fi
        done
        true' sh "$@"
    assert_status 0
}

@test "eleven capabilities, none to be inherited" {
    fields CapInh CapPrm CapEff CapBnd CapAmb
    assert_line 'CapInh 0000000000000000'
    assert_line "CapPrm $PODMANS_CAPABILITIES"
    assert_line "CapEff $PODMANS_CAPABILITIES"
    assert_line "CapBnd $PODMANS_CAPABILITIES"
    assert_line 'CapAmb 0000000000000000'
}

@test "an ordinary user inside has none, and cannot get any" {
    OPTIONS=(-u 1000)
    fields CapInh CapPrm CapEff CapBnd CapAmb
    assert_line 'CapPrm 0000000000000000'
    assert_line 'CapEff 0000000000000000'
    assert_line 'CapAmb 0000000000000000'
    assert_line "CapBnd $PODMANS_CAPABILITIES"
}

@test "no new privileges, and a filter of system calls" {
    fields NoNewPrivs Seccomp Seccomp_filters
    assert_line 'NoNewPrivs 1'
    assert_line 'Seccomp 2'
    assert_line 'Seccomp_filters 1'
}

@test "all eight namespaces are others than the host's" {
    box -- sh -c 'for ns in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$ns; done'
    assert_status 0
    ((${#lines[@]} == 8)) || fail "$output"
    for line in "${lines[@]}"; do
        [[ $(readlink "/proc/self/ns/${line%%:*}") != "$line" ]] || fail "$line is the host's"
    done
}

@test "ids inside are no ids of the host, one range a container" {
    need_root
    first=$(random_name)
    second=$(random_name)
    stay "$first"
    stay "$second" -u 1000:1000
    run ruche exec "$first" cat /proc/self/uid_map
    read -r inside outside count <<<"$output"
    ((inside == 0 && outside > 65535 && count == 65536)) || fail "$output"
    run ruche exec "$first" cat /proc/self/gid_map
    read -r inside _ count <<<"$output"
    ((inside == 0 && count == 65536)) || fail "$output"
    # As the host sees them:
    uid_first=$(awk '/^Uid:/ { print $2 }' "/proc/$(pid_of "$first")/status")
    uid_second=$(awk '/^Uid:/ { print $2 }' "/proc/$(pid_of "$second")/status")
    gid_second=$(awk '/^Gid:/ { print $2 }' "/proc/$(pid_of "$second")/status")
    ((uid_first == outside)) || fail "uid $uid_first"
    ((uid_second > 65535 && (uid_second < outside || uid_second >= outside + 65536))) || fail "uid $uid_second"
    ((uid_second == gid_second && uid_second % 65536 == outside % 65536 + 1000))
}

@test "/dev has what a program needs and no more, whatever the image holds" {
    box -- sh -c 'cd /dev; echo *; stat -c "%n %t:%T %a" null zero full random urandom tty; for link in fd stdin ptmx; do readlink $link; done'
    assert_status 0
    assert_line 'fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero'
    assert_line 'null 1:3 666'
    assert_line 'zero 1:5 666'
    assert_line 'full 1:7 666'
    assert_line 'random 1:8 666'
    assert_line 'urandom 1:9 666'
    assert_line 'tty 5:0 666'
    assert_line /proc/self/fd
    assert_line /proc/self/fd/0
    assert_line pts/ptmx
    box -- sh -c 'echo gone >/dev/null && head -c 4 /dev/zero | wc -c && head -c 8 /dev/urandom | wc -c && echo x >/dev/full'
    assert_status 1
    assert_output $'4\n8'
}

@test "/dev/core leads nowhere, and a node cannot be made" {
    box -- sh -c '[ -e /dev/core ] || [ -L /dev/core ] || echo absent; for at in /dev /tmp /; do mknod $at/null2 c 1 3 || echo no; done'
    assert_output $'absent\nno\nno\nno'
}

@test "a device node of the image opens nothing" {
    box -- sh -c 'mount | grep " / " | grep -o nodev'
    assert_output nodev
}

@test "the masked paths of Docker, Podman and more show nothing" {
    hidden_inside /proc/acpi /proc/asound /proc/interrupts /proc/kallsyms /proc/kcore /proc/keys /proc/kpagecgroup \
        /proc/kpagecount /proc/kpageflags /proc/latency_stats /proc/sched_debug /proc/scsi /proc/slabinfo /proc/timer_list \
        /proc/timer_stats /proc/vmallocinfo /sys/dev/block /sys/devices/virtual/powercap /sys/firmware /sys/fs/bpf \
        /sys/fs/selinux /sys/kernel /sys/module /sys/power
    assert_output ''
    # That they are there to be hidden:
    [[ -n $(ls -A /sys/kernel) && -n $(ls -A /sys/module) ]]
}

@test "/proc/sys and its kind cannot be written, nor made writable" {
    box -- sh -c '
        for path in /proc/sys/kernel/hostname /proc/sys/net/ipv4/ip_forward /proc/sys/vm/drop_caches /proc/sysrq-trigger; do
            ( echo 1 >"$path" ) 2>/dev/null && echo "$path was written"
        done
        for path in /proc/sys /proc/bus /proc/fs /proc/irq; do
            grep -q " $path [^ ]*\bro\b" /proc/self/mountinfo || echo "$path is not read-only"
            mount -o remount,rw "$path" 2>/dev/null && echo "$path was made writable"
        done
        mkdir /sys/fs/cgroup/pids/x /sys/fs/cgroup/unified/x /sys/fs/cgroup/x/y 2>/dev/null && echo "a group was made"
        for path in /proc/sys/kernel/core_pattern /sys/fs/cgroup/pids/pids.max; do
            [ ! -e $path ] || ( echo x >$path ) 2>/dev/null && [ -e $path ] && echo "$path was written"
        done
        true'
    assert_status 0
    assert_output ''
}

@test "the root has nothing above it" {
    box -- sh -c '[ "$(ls -a /)" = "$(ls -a /..)" ] && [ "$(ls -a /)" = "$(ls -a /../../../..)" ] && stat -c %d:%i / /.. | uniq | wc -l'
    assert_output 1
    box -- sh -c 'cd /proc/1/cwd && ls -a .. | head -n 3 | tr "\n" " "; ls -d /proc/1/root/..'
    assert_output $'. .. bin /proc/1/root/..'
}

@test "mounts of the host do not show" {
    box -- awk '{ print $5 }' /proc/self/mountinfo
    assert_status 0
    for line in "${lines[@]}"; do
        case $line in
        / | /proc | /proc/* | /dev | /dev/* | /sys | /sys/* | /etc/hosts | /etc/hostname | /etc/resolv.conf) ;;
        *) fail "$line is mounted" ;;
        esac
    done
    # Where layers and the writable one lie is not told.
    box -- grep overlay /proc/self/mountinfo
    [[ $output != *"$ROOT"* ]] || fail "$output"
    # Nothing propagates.
    box -- grep -E 'shared:|master:' /proc/self/mountinfo
    assert_status 1
}

@test "control groups begin at the container's own" {
    box -- sh -c 'grep -v ":/$" /proc/self/cgroup'
    assert_status 1
    assert_output ''
}

@test "there are no keys of the host" {
    if command -v keyctl >/dev/null; then
        keyctl add user "ruche-$$" secret @s >/dev/null 2>&1 || true
    fi
    box -- cat /proc/keys /proc/key-users
    [[ $output != *"ruche-$$"* ]]
    # unmasked, it is another session keyring, with nothing in it
    box --security-opt unmask=/proc/keys -- sh -c 'grep -c keyring /proc/keys; grep -v keyring /proc/keys'
    [[ $output != *"ruche-$$"* ]] || fail "$output"
}

@test "processes of the host do not show" {
    box -- sh -c 'echo /proc/[0-9]*; cat /proc/1/cmdline | tr "\0" " "'
    assert_match $'/proc/1\nsh -c *'
}

@test "the program that started it cannot be reached from inside" {
    box -- sh -c 'readlink /proc/1/exe; for exe in /proc/[0-9]*/exe; do readlink $exe; done | sort -u'
    assert_output $'/bin/busybox\n/bin/busybox'
    sum=$(sha256sum "$RUCHE")
    box -- sh -c 'printf "#!/proc/self/exe\n" >/evil; chmod +x /evil; /evil; true'
    box -- /proc/self/exe
    [[ $(sha256sum "$RUCHE") == "$sum" ]]
}

@test "system calls that lead out are refused" {
    box -- sh -c '
        unshare -U true && echo unshare
        unshare -m true && echo unshare
        mount -t tmpfs none /tmp && echo mount
        mount --bind /etc /tmp && echo bind
        umount /proc/sys && echo umount
        hostname evil && echo sethostname
        chroot / true || echo "no chroot, which is allowed"
        true' 2>/dev/null
    assert_status 0
    assert_output ''
}

@test "--privileged opens all of it" {
    need_root
    OPTIONS=(--privileged)
    fields CapPrm CapBnd NoNewPrivs Seccomp
    ours=$(awk '/^CapBnd/ { print $2 }' /proc/self/status)
    assert_line "CapBnd $ours"
    assert_line 'NoNewPrivs 0'
    assert_line 'Seccomp 0'
    box --privileged -- sh -c 'cat /proc/self/uid_map; ls -d /dev/loop-control /sys/kernel/mm; mount -t tmpfs none /tmp && echo mounted
        ( echo 1 >/proc/sys/net/ipv4/ip_forward ) && echo written'
    assert_match '*0*0*4294967295*'
    assert_line /sys/kernel/mm
    assert_line mounted
    assert_line written
}

@test "--cap-add and --cap-drop, by any name" {
    OPTIONS=(--cap-add SYS_ADMIN --cap-add cap_net_raw --cap-drop CHOWN)
    fields CapEff CapBnd
    assert_line 'CapEff 00000000802425fa'
    OPTIONS=(--cap-drop ALL --cap-add net_bind_service)
    fields CapEff CapBnd CapPrm
    assert_line 'CapEff 0000000000000400'
    assert_line 'CapBnd 0000000000000400'
    OPTIONS=(--cap-drop all)
    fields CapEff CapBnd CapPrm
    assert_line 'CapBnd 0000000000000000'
    OPTIONS=(--cap-add ALL)
    fields CapEff
    last=$(</proc/sys/kernel/cap_last_cap)
    assert_line "$(printf 'CapEff %016x' "$(((1 << (last + 1)) - 1))")"
}

@test "no capability of the container is one over the host" {
    need_root
    box --cap-add ALL --security-opt seccomp=unconfined -- sh -c '
        ( echo 1 >/proc/sys/vm/drop_caches ) 2>/dev/null && echo sysctl
        date -s 2020-01-01 2>/dev/null | grep -q none && echo time
        mknod /tmp/disk b 8 0 2>/dev/null && echo node
        true'
    assert_output ''
}

@test "--security-opt no-new-privileges=false, seccomp=unconfined, unmask" {
    OPTIONS=(--security-opt no-new-privileges=false --security-opt seccomp=unconfined)
    fields NoNewPrivs Seccomp
    assert_line 'NoNewPrivs 0'
    assert_line 'Seccomp 0'
    OPTIONS=(--security-opt no-new-privileges)
    fields NoNewPrivs
    assert_line 'NoNewPrivs 1'
    box --security-opt unmask=/sys/kernel -- sh -c 'ls /sys/kernel | head -n 1; ls -A /sys/module'
    [[ -n $output && ${#lines[@]} == 1 ]] || fail "$output"
    box --security-opt unmask=ALL -- sh -c 'ls -A /sys/kernel /sys/module | wc -l; grep -c " /proc/" /proc/self/mountinfo'
    ((lines[0] > 10 && lines[1] == 0)) || fail "$output"
}

@test "--security-opt seccomp=FILE is a profile of one's own" {
    printf '%s' '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":95}]}' \
        >"$BATS_TEST_TMPDIR/profile.json"
    box --security-opt "seccomp=$BATS_TEST_TMPDIR/profile.json" -- sh -c 'mkdir /new; ls -d /tmp'
    assert_status 0
    assert_output /tmp
    assert_stderr '*not supported*'
    try ruche run --rm --security-opt "seccomp=$BATS_TEST_TMPDIR/nosuch.json" busybox true
    assert_error 125 '*nosuch.json*'
    echo '{"defaultAction":"SCMP_ACT_SING"}' >"$BATS_TEST_TMPDIR/profile.json"
    try ruche run --rm --security-opt "seccomp=$BATS_TEST_TMPDIR/profile.json" busybox true
    assert_error 125 '*SCMP_ACT_SING*'
}

@test "--userns host is the host's ids, and what else protects stays" {
    need_root
    box --userns host -- sh -c 'cat /proc/self/uid_map; sed -En "s/^(CapEff|NoNewPrivs|Seccomp):[[:space:]]*/\1 /p" /proc/self/status; readlink /proc/self/ns/user'
    assert_match '*0*0*4294967295*'
    assert_line "CapEff $PODMANS_CAPABILITIES"
    assert_line 'NoNewPrivs 1'
    assert_line 'Seccomp 2'
    assert_line "$(readlink /proc/self/ns/user)"
}

@test "Landlock refuses a node where capability and namespace would not" {
    need_root
    [[ -r /sys/kernel/security/lsm ]] && { grep -q landlock /sys/kernel/security/lsm || skip "no Landlock"; }
    box --userns host --cap-add MKNOD -- sh -c 'mknod /tmp/null c 1 3'
    assert_status 1
    assert_stderr '*ermission denied' # the control group would say "Operation not permitted"
    box --userns host --cap-add MKNOD --security-opt seccomp=unconfined -- sh -c 'mknod /tmp/disk b 8 0'
    assert_status 1
}

@test "in the host's user namespace the devices are filtered" {
    need_root
    [[ -c /dev/mem || -c /dev/kmsg ]] || skip "no device to try"
    box --userns host --device /dev/null:/dev/nothing -- sh -c 'echo x >/dev/nothing && echo fine'
    assert_output fine
}

@test "--pid host sees the host's processes" {
    need_root
    box --pid host -- sh -c 'readlink /proc/self/ns/pid; ls -d /proc/'"$$"
    assert_line "$(readlink /proc/self/ns/pid)"
    assert_line "/proc/$$"
}

@test "--ipc host shares memory segments and /dev/shm" {
    need_root
    file=/dev/shm/$(random_name)
    echo shared >"$file"
    box --ipc host -- sh -c 'readlink /proc/self/ns/ipc; cat '"$file"
    rm -f "$file"
    assert_status 0
    assert_line "$(readlink /proc/self/ns/ipc)"
    assert_line shared
}

@test "--uts host has the host's name" {
    box --uts host -- sh -c 'readlink /proc/self/ns/uts; hostname'
    assert_line "$(readlink /proc/self/ns/uts)"
    assert_line "$(uname -n)"
}

@test "--time and --cgroupns host" {
    box --time host --cgroupns host -- sh -c 'readlink /proc/self/ns/time; readlink /proc/self/ns/cgroup; grep -c ruche /proc/self/cgroup'
    assert_line "$(readlink /proc/self/ns/time)"
    assert_line "$(readlink /proc/self/ns/cgroup)"
    ((lines[-1] > 0))
}

@test "without a network there is a loopback alone, and it works" {
    box -- sh -c 'ls /sys/class/net; (echo answer | nc -l -p 99 &); i=0
        until nc 127.0.0.1 99 </dev/null 2>/dev/null || [ $i -gt 300 ]; do sleep 0.1; i=$((i + 1)); done'
    assert_output $'lo\nanswer'
}

@test "--network host has the host's network, read-only sysfs, and its names" {
    need_root
    box --network host -- sh -c 'readlink /proc/self/ns/net; grep -c . /etc/hosts; ( mkdir /sys/x ) 2>/dev/null || echo no'
    assert_line "$(readlink /proc/self/ns/net)"
    assert_line no
    [[ $(hostname) == "$(ruche run --rm --network host --uts host busybox hostname)" ]]
}

@test "--network, --pid and --uts container: are the other one's" {
    name=$(random_name)
    stay "$name" --userns host
    pid=$(pid_of "$name")
    box --userns host --network "container:$name" -- readlink /proc/self/ns/net
    assert_output "$(readlink "/proc/$pid/ns/net")"
    box --userns host --pid "container:$name" -- sh -c 'readlink /proc/self/ns/pid; tr "\0" " " </proc/1/cmdline'
    assert_line "$(readlink "/proc/$pid/ns/pid")"
    assert_line 'sleep 10000 '
    try ruche run --rm --network container:nosuch busybox true
    assert_error 125 '*nosuch*'
}

@test "a namespace of a container that does not run is an error" {
    name=$(random_name)
    ruche create --name "$name" busybox true >/dev/null
    try ruche run --rm --network "container:$name" busybox true
    assert_error 125 "*$name*not running*"
}

@test "inspect tells which user namespace it was, and why" {
    name=$(random_name)
    stay "$name"
    run ruche inspect "$name"
    [[ $output == *'"private'* || $output == *'rivate'* ]]
}

@test "--device hands one device in" {
    need_root
    [[ -c /dev/fuse ]] || skip "there is no /dev/fuse"
    box --device /dev/fuse -- sh -c 'stat -c %t:%T /dev/fuse; ls /dev | grep -c .'
    assert_line "$(stat -c %t:%T /dev/fuse)"
    box --device /dev/fuse:/dev/other -- stat -c %F /dev/other
    assert_output 'character special file'
    try ruche run --rm --device /dev/nosuch busybox true
    assert_error 125 '*/dev/nosuch*'
    try ruche run --rm --device /etc busybox true
    assert_error 125 '*/etc*'
}

# A process of the container that executes /proc/self/exe is this program itself, and stays for as long as nobody writes into the
# pipe it reads. Its file is opened, it is ended, and once the program runs nowhere on the host its file can be written: if it is the
# host's.
overwrite_from_inside() {
    local id=$1
    ruche exec "$id" mkfifo /door
    ruche exec "$id" /proc/self/exe run --env-file /door busybox true >/dev/null 2>&1 &
    ruche exec -d "$id" sh -c '
        for i in $(seq 600); do
            for exe in /proc/[0-9]*/exe; do
                [ -z "$(cat "${exe%exe}cmdline")" ] || [ "$(readlink "$exe")" = /bin/busybox ] || break 2
            done
            exe=
            sleep 0.1
        done
        exec 3<"$exe" && echo found >/found
        pid=${exe#/proc/}
        kill -9 "${pid%/exe}"
        for i in $(seq 30); do
            sleep 0.1
            ( echo overwritten >/proc/self/fd/3 ) 2>>/said && break
        done
        echo done >/done'
    wait "$!" || :
    eventually test -e "$ROOT/containers/$id/upper/done" # the program must not run meanwhile
}

@test "the host's program cannot be overwritten from inside" {
    need_root
    local id sum build
    build=$(dirname "$RUCHE")
    mkdir "$BATS_TEST_TMPDIR/bin"
    cp "$build"/ruche "$build"/ruche-* "$build"/busybox.tar "$BATS_TEST_TMPDIR/bin/" 2>/dev/null || :
    RUCHE=$BATS_TEST_TMPDIR/bin/ruche
    sum=$(sha256sum "$RUCHE")
    id=$(ruche run -d --privileged busybox sleep 10000)
    overwrite_from_inside "$id"
    [[ $(sha256sum "$RUCHE") == "$sum" ]] || fail "the host's program was overwritten"
    try ruche exec "$id" sh -c 'cat /found /done; tail -n 1 /said'
    assert_match $'found\ndone\n*Read-only file system*'
    # Nor by who may do anything to a mount that he can name.
    try ruche exec "$id" sh -c 'mount -o remount,bind,rw /proc/self/exe; readlink /proc/1/exe'
    assert_line /bin/busybox
}
