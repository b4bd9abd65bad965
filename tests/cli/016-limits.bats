#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # each test is a subshell; bats sets stderr; what is in single quotes is for the shell inside
#
# Limits, each read back where the kernel keeps it: from v1 or v2, whichever the machine has.

load containers

setup() {
    common_setup
    need_root
    BOX=$(random_name)
}

# file_of CONTROLLER V1-FILE V2-FILE: what the group of $BOX has in it
value_of() {
    local directory id
    id=$(ruche inspect "$BOX" | jq -r '.[0].Id')
    directory=$(cgroup_of "$id" "$1") || fail "no group of $1"
    if [[ $directory == */"$1"/* ]]; then
        cat "$directory/$2"
    else
        cat "$directory/$3"
    fi
}

assert_value() {
    local found expected
    found=$(value_of "$1" "$2" "$3")
    [[ -e /sys/fs/cgroup/cgroup.controllers ]] && expected=$5 || expected=$4
    [[ $found == "$expected" ]] || fail "$2 or $3 is $found, not $expected"
}

@test "2048 processes by default, and no group that nobody needs" {
    stay "$BOX"
    assert_value pids pids.max pids.max 2048 2048
    id=$(ruche inspect "$BOX" | jq -r '.[0].Id')
    [[ -e /sys/fs/cgroup/cgroup.controllers || ! -d /sys/fs/cgroup/memory/ruche/$id ]] # charging memory costs
}

@test "--memory, --memory-swap, --memory-reservation" {
    stay "$BOX" -m 64m --memory-reservation 32m
    assert_value memory memory.limit_in_bytes memory.max 67108864 67108864
    assert_value memory memory.soft_limit_in_bytes memory.low 33554432 33554432
    # As much swap as memory, unless it is said otherwise, and where swap is accounted.
    [[ -e /sys/fs/cgroup/memory/memory.limit_in_bytes && ! -e /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes ]] ||
        assert_value memory memory.memsw.limit_in_bytes memory.swap.max 134217728 67108864
}

@test "--memory is enforced, and told" {
    box -m 16m -- sh -c 'head -c 100000000 /dev/zero | tail -n 1 | wc -c'
    [[ $output != 100000000 ]] || fail "it got all of it"
    ruche run --name "$BOX" -m 16m busybox sh -c 'exec tail -n 1 /dev/zero' || code=$?
    ((code == 137)) || fail "it ended with $code"
    [[ $(ruche inspect "$BOX" | jq -r '.[0].State.OOMKilled') == true ]]
}

@test "--cpus, --cpu-quota and --cpu-period, --cpu-shares" {
    stay "$BOX" --cpus 0.5 --cpu-shares 512
    if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
        [[ $(value_of cpu x cpu.max) == '50000 100000' ]]
    else
        [[ $(value_of cpu cpu.cfs_quota_us x) == 50000 && $(value_of cpu cpu.cfs_period_us x) == 100000 ]]
        [[ $(value_of cpu cpu.shares x) == 512 ]]
    fi
    BOX=$(random_name)
    stay "$BOX" --cpu-quota 20000 --cpu-period 80000
    if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
        [[ $(value_of cpu x cpu.max) == '20000 80000' ]]
    else
        [[ $(value_of cpu cpu.cfs_quota_us x) == 20000 && $(value_of cpu cpu.cfs_period_us x) == 80000 ]]
    fi
}

@test "--cpuset-cpus, seen by the process" {
    box --cpuset-cpus 0 -- sh -c 'grep Cpus_allowed_list /proc/self/status; nproc'
    assert_output $'Cpus_allowed_list:\t0\n1'
}

@test "--pids-limit bounds a fork bomb, and exec stays possible to refuse" {
    stay "$BOX" --pids-limit 20
    assert_value pids pids.max pids.max 20 20
    ruche exec -d "$BOX" sh -c 'bomb() { bomb | bomb & bomb & }; bomb 2>/dev/null; sleep 1'
    sleep 0.5
    id=$(ruche inspect "$BOX" | jq -r '.[0].Id')
    (($(wc -l <"$(cgroup_of "$id" pids)/cgroup.procs") <= 20)) || fail "they are more"
    [[ $(status_of "$BOX") == running ]]
    ruche rm -f "$BOX"
    no_process_inside
}

@test "--pids-limit 0 and -1 are none" {
    stay "$BOX" --pids-limit -1
    if value_of pids pids.max pids.max >"$BATS_TEST_TMPDIR/max" 2>/dev/null; then
        [[ $(<"$BATS_TEST_TMPDIR/max") == max ]]
    fi
    box --pids-limit 0 -- true
    assert_status 0
}

@test "--ulimit" {
    box --ulimit nofile=100:200 --ulimit nproc=64 --ulimit core=0 --ulimit fsize=1000000:2000000 -- sh -c '
        ulimit -n; ulimit -Hn; ulimit -c; grep -E "processes|file size" /proc/self/limits | tr -s " "'
    assert_line 100
    assert_line 200
    assert_line 0
    assert_match '*Max processes 64 64 processes*'
    assert_match '*Max core file size 0 *'
    box --ulimit nofile=100:200 -- sh -c 'ulimit -n 150 && ulimit -n; ulimit -n 300 2>/dev/null || echo no'
    assert_output $'150\nno'
}

@test "a limit that cannot be raised is lowered, and that is said" {
    hard=$(ulimit -Hn)
    box --ulimit "nofile=$((hard + 1)):$((hard + 1))" -- sh -c 'ulimit -Hn'
    assert_status 0
    if [[ $output == "$hard" ]]; then
        assert_stderr 'ruche: warning: *nofile*'
    else
        assert_output "$((hard + 1))"
    fi
}

@test "--shm-size" {
    box -- sh -c 'df -k /dev/shm | tail -n 1 | tr -s " " | cut -d " " -f 2'
    assert_output 65536
    box --shm-size 2m -- sh -c 'df -k /dev/shm | tail -n 1 | tr -s " " | cut -d " " -f 2; head -c 3000000 /dev/zero >/dev/shm/x || echo full'
    assert_output $'2048\nfull'
}

@test "--sysctl, in the container's namespaces alone" {
    before=$(cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax /proc/sys/net/core/somaxconn)
    box --sysctl net.ipv4.ip_forward=1 --sysctl kernel.msgmax=9999 --sysctl net.core.somaxconn=77 -- \
        cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax /proc/sys/net/core/somaxconn
    assert_output $'1\n9999\n77'
    [[ $(cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax /proc/sys/net/core/somaxconn) == "$before" ]]
}

@test "--blkio-weight, or why not" {
    try ruche run --rm --blkio-weight 300 busybox true
    [[ $status == 0 || $stderr == 'ruche: '* ]] || fail "$stderr"
}

@test "limits hold after a restart" {
    ruche run --name "$BOX" -m 32m --pids-limit 33 busybox true
    ruche start "$BOX"
    ruche wait "$BOX"
    ruche rm "$BOX"
    ruche create --name "$BOX" --pids-limit 44 busybox sleep 10000
    ruche start "$BOX"
    assert_value pids pids.max pids.max 44 44
}

@test "no group is left when it has ended" {
    id=$(ruche run -d --name "$BOX" -m 32m --cpus 1 --cpuset-cpus 0 busybox true)
    ruche wait "$BOX"
    [[ -z $(find /sys/fs/cgroup -maxdepth 4 -type d -name "$id" 2>/dev/null) ]]
}
