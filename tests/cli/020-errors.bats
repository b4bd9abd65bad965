#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # bats sets stderr; what is in single quotes is for the shell inside
#
# What goes wrong is one line that names the thing, ends with docker's exit status, and leaves nothing behind.

load containers

setup() {
    common_setup
    FILES=$BATS_TEST_TMPDIR/files
    mkdir "$FILES"
}

# file NAME MODE, its content from standard input
file() {
    cat >"$FILES/$1"
    chmod "$2" "$FILES/$1"
}

# Runs a file of ours inside.
run_file() {
    try ruche run --rm -v "$FILES:/files:ro" busybox "/files/$1"
}

# Without --rm, a container that could not start stays, and says why.
fails() {
    local code=$1 pattern=$2
    shift 2
    try ruche run --rm "$@"
    assert_error "$code" "$pattern"
    [[ -z $(ruche ps -aq) ]] || fail "a container is left"
}

@test "a backslash is escaped once" {
    try ruche run --rm --name 'a\b' busybox true
    assert_error 125 '*"a\\\\b"*'
    [[ $stderr != *\\\\\\\\* ]] || fail "$stderr"
}

@test "a command that is not there is 127" {
    fails 127 '*nosuch-command*' busybox nosuch-command
    fails 127 '*/nosuch/command*' busybox /nosuch/command
    fails 127 '*nosuch*' busybox ./nosuch
    fails 127 '*nosuch*' -e PATH=/nosuch busybox nosuch
}

@test "what cannot be executed is 126" {
    fails 126 '*directory*/etc*' busybox /etc
    fails 126 '*/etc/passwd*' busybox /etc/passwd
    fails 126 '*/etc/passwd/x*' busybox /etc/passwd/x || fails 127 '*/etc/passwd/x*' busybox /etc/passwd/x
}

@test "a file without its bit, without a #! line, or empty" {
    file plain 644 <<<'#!/bin/sh'
    run_file plain
    assert_error 126 '*chmod +x*/files/plain*'
    file text 755 <<<'just text'
    run_file text
    assert_error 126 '*neither a program nor a script*/files/text*'
    file empty 755 </dev/null
    run_file empty
    assert_error 126 '*/files/empty*'
}

@test "a script whose lines end in CR" {
    printf '#!/bin/sh\r\necho hello\r\n' | file script 755
    run_file script
    assert_error 127 '*script*line*ends*/files/script*'
}

@test "a script whose interpreter is missing" {
    file script 755 <<<'#!/usr/bin/nosuch-interpreter'
    run_file script
    assert_error 127 '*interpreter*/usr/bin/nosuch-interpreter*'
}

# An ELF header with another machine: byte 18 of a program of ours.
@test "a program for another architecture" {
    ruche run --rm busybox cat /bin/busybox >"$FILES/program"
    case $(uname -m) in
    aarch64) machine='\x3e' ;; # EM_X86_64
    *) machine='\xb7' ;;       # EM_AARCH64
    esac
    printf '%b' "$machine" | dd of="$FILES/program" bs=1 seek=18 conv=notrunc status=none
    chmod 755 "$FILES/program"
    run_file program
    assert_error 126 '*program is for "a*this machine is a*'
}

@test "a program whose loader is missing" {
    loader=$(head -c 4096 /bin/ls | tr '\0' '\n' | grep -a '^/lib.*ld-' | head -n 1)
    [[ -n $loader ]] || skip "ls is linked statically"
    cp /bin/ls "$FILES/program"
    run_file program
    assert_error 127 "*loader*$loader*"
}

@test "a user or group that is not there" {
    fails 125 '*user*nosuch*' -u nosuch busybox true
    fails 125 '*group*nosuch*' -u 0:nosuch busybox true
    fails 125 '*group*nosuch*' --group-add nosuch busybox true
}

@test "a user outside of the range" {
    fails 125 '*user id*' -u 70000 busybox true
    fails 125 '*group id*' -u 0:70000 busybox true
}

@test "what looks like a number, and is none, is never root" {
    for user in ' 0' +0 -0 0x0 00x0 1e0 4294967295 4294967296 18446744073709551616 0. ':' ':0' '0:' '0:0x0' '0:+0'; do
        try ruche run --rm "--user=$user" busybox id -u
        assert_error 125 '*'
    done
}

@test "sizes and numbers" {
    for memory in lots 1x -5 1.2.3 '' 1e3 0x10 99999999999999999999 9e; do
        try ruche run --rm "--memory=$memory" busybox true
        assert_error 125 '*--memory*'
    done
    for cpus in many -1 0.001 1.2.3 nan inf; do
        try ruche run --rm "--cpus=$cpus" busybox true
        assert_error 125 '*--cpus*'
    done
    for list in 3-1 a '1,' ',' 0-9999999999 -1; do
        try ruche run --rm "--cpuset-cpus=$list" busybox true
        assert_error 125 '*--cpuset-cpus*'
    done
    for limit in nofile nofile=x nofile=2:1 nosuch=1 =1 nofile=-2; do
        try ruche run --rm "--ulimit=$limit" busybox true
        assert_error 125 '*--ulimit*'
    done
    for number in x 1.5 99999999999999999999; do
        try ruche run --rm "--pids-limit=$number" busybox true
        assert_error 125 '*--pids-limit*'
    done
    for size in 0 -1 x; do
        try ruche run --rm "--shm-size=$size" busybox true
        assert_error 125 '*--shm-size*'
    done
    [[ ! -e $ROOT ]]
}

@test "limits that the host cannot give" {
    need_root
    fails 125 '*no such CPU*' --cpuset-cpus 1023 busybox true
    fails 125 '*' --cpuset-mems 63 busybox true
    fails 125 '*memory*' -m 1k busybox true
}

@test "a kernel parameter that is the host's" {
    fails 125 '*kernel.pid_max*host*' --sysctl kernel.pid_max=70000 busybox true
    fails 125 '*vm.swappiness*' --sysctl vm.swappiness=1 busybox true
    fails 125 '*--sysctl*' --sysctl net/../kernel/core_pattern=x busybox true
    fails 125 '*--sysctl*' --sysctl net..core=1 busybox true
    fails 125 '*net?ipv4?nosuch*' --sysctl net.ipv4.nosuch=1 busybox true
    fails 125 '*net?ipv4?ip_forward*' --sysctl net.ipv4.ip_forward=many busybox true
    # With the host's namespace, its parameters are the host's.
    ((EUID == 0)) && fails 125 '*net?ipv4?ip_forward*' --network host --sysctl net.ipv4.ip_forward=0 busybox true
}

@test "an image that is not there, or cannot be a name" {
    fails 125 '*localhost/nosuch*' localhost/nosuch
    for image in UPPER 'a b' :tag a@b /x a//b "a:$(printf 'x%.0s' {1..200})" "busybox@sha256:12"; do
        try ruche run --rm "$image"
        assert_error 125 '*'
    done
}

@test "networks that are not there" {
    fails 125 '*--network*bridge*' --network bridge busybox true
    fails 125 '*--network*mine*' --network mine busybox true
    fails 125 '*nosuch*' --network container:nosuch busybox true
}

@test "mounts that are not there" {
    fails 125 "*$FILES/nosuch*" --mount "type=bind,src=$FILES/nosuch,dst=/x" busybox true
    fails 125 '*etc/passwd/x*' -v "$FILES:/etc/passwd/x" busybox true
    fails 125 '*' -v "$FILES:/etc/passwd" busybox true
    fails 125 '*' -v "$FILES:/" busybox true
    fails 125 '*' -v "$FILES:/a" -v "$FILES:/a" busybox true
    fails 125 '*size*' --tmpfs /x:size=many busybox true
}

@test "a working directory that is a file" {
    fails 125 '*/etc/passwd*' -w /etc/passwd busybox true || fails 126 '*/etc/passwd*' -w /etc/passwd busybox true
}

@test "an argument list that is too long" {
    word=$(head -c 140000 /dev/zero | tr '\0' x)
    printf 'exec "$RUCHE" --root "$ROOT" --run "$RUN" run --rm --env-file "$1" busybox true' >"$FILES/script"
    printf 'A=%s\n' "$word" >"$FILES/env"
    try bash "$FILES/script" "$FILES/env"
    [[ $status == 125 || $status == 126 ]] || fail "$status" "$stderr"
    assert_output ''
    [[ $stderr == 'ruche: '* && $stderr != *$'\n'* ]] || fail "$stderr"
}

@test "a failed start without --rm stays, says why, and is removed" {
    name=$(random_name)
    try ruche run --name "$name" busybox nosuch-command
    assert_error 127 '*nosuch-command*'
    if ruche inspect "$name" >"$BATS_TEST_TMPDIR/json" 2>/dev/null; then
        [[ $(jq -r '.[0].State.ExitCode' "$BATS_TEST_TMPDIR/json") == 127 ]]
        [[ $(jq -r '.[0].State.Error' "$BATS_TEST_TMPDIR/json") == *nosuch-command* ]]
        ruche rm "$name"
    fi
    ruche create --name "$name" busybox nosuch-command
    try ruche start -a "$name"
    assert_error 127 '*nosuch-command*'
    try ruche start "$name"
    assert_status 1
    assert_stderr 'ruche: *nosuch-command*'
    [[ $(ruche inspect "$name" | jq -r '.[0].State.Error') == *nosuch-command* ]]
}

@test "a detached run that fails prints no id" {
    try ruche run -d busybox nosuch-command
    assert_error 127 '*nosuch-command*'
    try ruche run -d -u nosuch busybox true
    assert_error 125 '*nosuch*'
}

@test "a state directory that cannot be written" {
    touch "$BATS_TEST_TMPDIR/file"
    try "$RUCHE" --root "$BATS_TEST_TMPDIR/file" --run "$RUN" run --rm busybox true
    assert_error 125 '*'
    try "$RUCHE" --root "$ROOT" --run "$BATS_TEST_TMPDIR/file/x" run --rm busybox true
    assert_error 125 '*'
    try "$RUCHE" --root /proc/nosuch/root --run "$RUN" run --rm busybox true
    assert_error 125 '*/proc/nosuch*'
}

@test "unknown flags say which was meant" {
    try ruche run --memroy 1g busybox true
    assert_error 125 '*--memroy*did you mean --memory*'
    try ruche run --publish-all busybox true
    assert_error 125 '*--publish-all*'
}

@test "what a terminal would obey is escaped" {
    try ruche run --rm busybox $'nosuch\e[2J\a'
    assert_status 127
    [[ $stderr != *$'\e'* && $stderr != *$'\a'* ]] || fail "$(cat -v <<<"$stderr")"
}
