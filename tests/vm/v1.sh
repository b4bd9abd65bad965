# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2016,SC2034,SC2086,SC2154 # suite.sh sets and reads variables, none with blanks in it
# Every controller in a hierarchy of cgroup v1, one without controllers beside them, and no v2 at all.

# of HIERARCHY FILE: what is in the group's file
of() {
    cat "/sys/fs/cgroup/$1$group/$2"
}

# holds HIERARCHY FILE VALUE
holds() {
    same "$2" "$(of "$1" "$2")" "$3"
}

test_values_of_the_engines_flags() {
    stay -m 64m --memory-swap 96m --memory-reservation 32m --cpus 1.5 --cpu-shares 512 --cpuset-cpus 1 --cpuset-mems 0 \
        --pids-limit 33
    holds memory memory.limit_in_bytes 67108864
    holds memory memory.memsw.limit_in_bytes 100663296
    holds memory memory.soft_limit_in_bytes 33554432
    holds cpu,cpuacct cpu.cfs_quota_us 150000
    holds cpu,cpuacct cpu.cfs_period_us 100000
    holds cpu,cpuacct cpu.shares 512
    holds cpuset cpuset.cpus 1
    holds cpuset cpuset.mems 0
    holds pids pids.max 33
    gone
}

test_values_of_a_configuration() {
    box '{"memory":{"limit":67108864,"swappiness":10},"network":{"classID":1048577,"priorities":[{"name":"lo","priority":5}]},
        "hugepageLimits":[{"pageSize":"2MB","limit":4194304}],
        "blockIO":{"throttleReadBpsDevice":[{"major":254,"minor":0,"rate":1048576}],
        "throttleWriteIOPSDevice":[{"major":254,"minor":0,"rate":200}]}}'
    holds memory memory.swappiness 10
    holds net_cls,net_prio net_cls.classid 1048577
    like priorities "$(of net_cls,net_prio net_prio.ifpriomap)" '*lo 5*'
    holds hugetlb hugetlb.2MB.limit_in_bytes 4194304
    holds blkio blkio.throttle.read_bps_device '254:0 1048576'
    holds blkio blkio.throttle.write_iops_device '254:0 200'
    box_gone
}

test_what_v2_alone_has_is_refused() {
    bundle '{"unified":{"memory.high":"50331648"}}'
    refuse rt run --bundle "$BUNDLE" box
    like 'the reason' "$(cat /tmp/refused)" '*unified memory.high*no cgroup v2*'
}

test_memory_limit_kills_and_inspect_says_so() {
    code=0
    ruche run --name hog -m 16m --memory-swap 16m busybox sh -c 'exec tail -n 1 /dev/zero' || code=$?
    same 'the status' $code 137
    like 'inspect' "$(ruche inspect hog)" '*"OOMKilled": true*'
    ruche rm hog
}

test_pids_limit_refuses_forks() {
    stay --pids-limit 4
    ruche exec "$id" sh -c 'for i in 1 2 3 4 5 6; do sleep 1000 & done; wait' >/dev/null 2>&1 || :
    like 'pids.events' "$(of pids pids.events)" 'max [1-9]*'
    gone
}

test_cpu_quota_throttles() {
    stay --cpus 0.1
    ruche exec "$id" sh -c 'i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); done'
    periods=$(of cpu,cpuacct cpu.stat | sed -n 's/^nr_throttled //p')
    [ "$periods" -gt 0 ] || fail "$(of cpu,cpuacct cpu.stat)"
    gone
}

test_device_rules_by_the_controllers_list() {
    box '{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"b","major":254,"minor":0,"access":"r"}]}' \
        '["sleep","1000"]' /box '"CAP_MKNOD"'
    like 'the list' "$(of devices devices.list)" '*b 254:0 r*'
    rt exec --cap CAP_MKNOD box mknod /tmp/disk b 254 0
    same 'reading the disk' "$(rt exec box head -c 5 /tmp/disk | wc -c)" 5
    refuse rt exec box dd if=/dev/zero of=/tmp/disk bs=1 count=1 conv=notrunc
    like 'the reason' "$(cat /tmp/refused)" '*not permitted*'
    box_gone
}

test_exceptions_to_exceptions_are_refused() {
    bundle '{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":10,"access":"rwm"},
        {"allow":false,"type":"c","major":10,"minor":200,"access":"rwm"}]}'
    refuse rt run --bundle "$BUNDLE" box
    like 'the reason' "$(cat /tmp/refused)" '*exceptions to exceptions*'
}

test_a_child_is_in_its_groups_and_sees_nothing_else() {
    bundle '{"memory":{"limit":67108864}}' \
        '["sh","-c","grep -E memory /proc/self/cgroup; cat /sys/fs/cgroup/memory/memory.limit_in_bytes; ls /sys/fs/cgroup"]'
    out=$(rt run --bundle "$BUNDLE" box)
    like 'what it sees' "$out" '*:memory:/
67108864
*memory*'
    stay
    like 'its groups' "$(cat "/proc/$(pid_of "$id")/cgroup")" "*:pids:$group*"
    refuse ruche exec "$id" sh -c 'echo max >/sys/fs/cgroup/pids/pids.max'
    like 'the reason' "$(cat /tmp/refused)" '*[Rr]ead-only*'
    gone
}

test_exec_enters_the_groups() {
    stay -m 64m
    ruche exec -d "$id" sleep 1001
    eventually sh -c "[ \$(wc -l </sys/fs/cgroup/memory$group/cgroup.procs) -eq 2 ]"
    same 'processes' "$(of pids cgroup.procs | wc -l)" 2
    gone
}

test_pause_and_unpause_by_the_freezer() {
    stay
    ruche pause "$id"
    holds freezer freezer.state FROZEN
    ruche unpause "$id"
    holds freezer freezer.state THAWED
    gone
    box '{}'
    rt pause box
    same 'the state' "$(state)" paused
    rt resume box
    same 'the state' "$(state)" running
    rt pause box
    box_gone
}

test_kill_all_takes_every_process() {
    box '{}' '["sh","-c","sleep 1000 & sleep 1000 & wait"]'
    eventually sh -c "[ \$(wc -l </sys/fs/cgroup/pids$group/cgroup.procs) -eq 3 ]"
    rt kill --all box KILL
    eventually state_is stopped
    same 'processes' "$(of pids cgroup.procs)" ''
    rt delete box
}

test_update_changes_the_files() {
    box '{"memory":{"limit":67108864,"swap":67108864},"cpu":{"quota":50000,"period":100000}}'
    rt update --memory 134217728 --memory-swap 201326592 --pids-limit 44 --cpu-share 2048 --cpu-period 200000 box
    holds memory memory.limit_in_bytes 134217728
    holds memory memory.memsw.limit_in_bytes 201326592
    holds pids pids.max 44
    holds cpu,cpuacct cpu.shares 2048
    holds cpu,cpuacct cpu.cfs_quota_us 50000
    holds cpu,cpuacct cpu.cfs_period_us 200000
    rt update --memory 33554432 --memory-swap 33554432 box
    holds memory memory.limit_in_bytes 33554432
    rt update --memory -1 box
    same 'no limit' "$(of memory memory.limit_in_bytes)" "$(cat /sys/fs/cgroup/memory/memory.limit_in_bytes)"
    box_gone
}

test_update_moves_into_a_hierarchy_not_used_yet() {
    # One that stays in the foreground has only the groups it needs.
    bundle '{}'
    rt run --bundle "$BUNDLE" box >/tmp/box 2>&1 &
    runner=$!
    eventually state_is running
    pid=$(rt state box | sed -n 's/^ *"pid": \([0-9]*\),*$/\1/p')
    [ ! -d /sys/fs/cgroup/hugetlb/box ] || fail 'it is there already'
    echo '{"hugepageLimits":[{"pageSize":"2MB","limit":4194304}]}' | rt update --resources - box
    holds hugetlb hugetlb.2MB.limit_in_bytes 4194304
    same 'the process' "$(of hugetlb cgroup.procs)" "$pid"
    rt kill box KILL
    wait $runner || :
}

test_stats_are_those_of_the_files() {
    box '{"memory":{"limit":67108864,"swap":100663296},"pids":{"limit":77}}'
    stats=$(rt events --stats box)
    like 'stats' "$stats" '*"usage":{"limit":67108864,"usage":[1-9]*'
    like 'stats' "$stats" '*"pids":{"current":1,"limit":77}*'
    like 'stats' "$stats" '*"cpu":{"usage":{"total":[1-9]*"percpu":\[*'
    box_gone
}

test_nested_groups_and_their_parents_go() {
    box '{"memory":{"limit":67108864},"cpu":{"cpus":"0"}}' '["sleep","1000"]' /a/b/c
    holds memory memory.limit_in_bytes 67108864
    holds cpuset cpuset.cpus 0
    box_gone
    same 'what is left' "$(find /sys/fs/cgroup -name a)" ''
}

test_an_ordinary_user_is_told_that_v1_is_not_given_to_users() {
    mkdir -p /run/bee
    chown 1000:1000 /run/bee
    bee() {
        setpriv=/usr/bin/setpriv
        $setpriv --reuid 1000 --regid 1000 --clear-groups env -i PATH="$PATH" HOME=/home/bee XDG_RUNTIME_DIR=/run/bee "$@"
    }
    refuse bee ruche run --rm -m 64m busybox true
    like 'the reason' "$(cat /tmp/refused)" '*v1*delegated*'
    bee ruche run --rm busybox true
    rm -rf /run/bee
}

test_unit_tests_of_the_groups() {
    unit kernel 'cgroup*/*'
}
