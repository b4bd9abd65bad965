# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2016,SC2034,SC2086,SC2154 # suite.sh sets and reads variables, none with blanks in it
# Every controller in cgroup v2, and nothing else on the machine.

# --- the values, as ruche's flags give them -----------------------------------------------------

test_memory_flags() {
    stay -m 64m --memory-swap 96m --memory-reservation 32m
    is memory.max 67108864
    is memory.swap.max 33554432
    is memory.low 33554432
    gone
    stay -m 64m --memory-swap 64m
    is memory.swap.max 0
    gone
    stay -m 64m --memory-swap -1
    is memory.max 67108864
    is memory.swap.max max
    gone
}

test_cpu_flags() {
    stay --cpus 1.5 --cpu-shares 512
    is cpu.max '150000 100000'
    is cpu.weight 20
    gone
    stay --cpu-quota 20000 --cpu-period 80000
    is cpu.max '20000 80000'
    is cpu.weight 100
    gone
    stay --cpu-period 50000
    is cpu.max 'max 50000'
    gone
}

test_cpu_shares_become_weights() {
    for pair in 2:1 1024:39 10000:382 262144:10000; do
        stay --cpu-shares "${pair%:*}"
        is cpu.weight "${pair#*:}"
        gone
    done
}

test_cpuset_flags() {
    stay --cpuset-cpus 1 --cpuset-mems 0
    is cpuset.cpus 1
    is cpuset.cpus.effective 1
    is cpuset.mems 0
    same 'number of CPUs inside' "$(ruche exec "$id" nproc)" 1
    gone
    refuse ruche run --rm --cpuset-cpus 7 busybox true
    like 'the reason' "$(cat /tmp/refused)" '*CPU list*the machine*'
}

test_pids_flag_and_its_default() {
    stay
    is pids.max 2048
    gone
    stay --pids-limit 33
    is pids.max 33
    gone
    stay --pids-limit -1
    is pids.max max
    gone
}

test_blkio_weight_flag_without_bfq() {
    for pair in 10:1 500:4950 1000:10000; do
        stay --blkio-weight "${pair%:*}"
        is io.weight "default ${pair#*:}"
        gone
    done
}

# --- the values, as a config.json gives them ----------------------------------------------------

test_io_throttles() {
    box '{"blockIO":{"throttleReadBpsDevice":[{"major":254,"minor":0,"rate":1048576}],
        "throttleWriteBpsDevice":[{"major":254,"minor":0,"rate":2097152}],
        "throttleReadIOPSDevice":[{"major":254,"minor":0,"rate":100}],
        "throttleWriteIOPSDevice":[{"major":254,"minor":0,"rate":200}]}}'
    is io.max '254:0 rbps=1048576 wbps=2097152 riops=100 wiops=200'
    box_gone
    bundle '{"blockIO":{"throttleReadBpsDevice":[{"major":99,"minor":0,"rate":1048576}]}}'
    refuse rt run --bundle "$BUNDLE" box
    like 'the reason' "$(cat /tmp/refused)" '*no such block device*'
}

test_hugepage_limit() {
    [ -d /sys/kernel/mm/hugepages/hugepages-2048kB ] || skip 'the processor has no pages of 2 MiB'
    box '{"hugepageLimits":[{"pageSize":"2MB","limit":4194304}]}'
    is hugetlb.2MB.max 4194304
    is hugetlb.2MB.rsvd.max 4194304
    box_gone
}

test_unified_is_written_as_it_is() {
    box '{"unified":{"memory.high":"50331648","cpu.weight":"77","cgroup.max.depth":"3"}}'
    is memory.high 50331648
    is cpu.weight 77
    is cgroup.max.depth 3
    box_gone
    bundle '{"unified":{"cgroup.procs":"1"}}'
    refuse rt run --bundle "$BUNDLE" box
    like 'the reason' "$(cat /tmp/refused)" '*cgroup.procs*'
    bundle '{"unified":{"memory.nonsense":"1"}}'
    refuse rt run --bundle "$BUNDLE" box
    like 'the reason' "$(cat /tmp/refused)" '*memory.nonsense*'
}

test_cpu_burst_and_idle() {
    box '{"cpu":{"quota":50000,"period":100000,"burst":20000}}'
    is cpu.max '50000 100000'
    is cpu.max.burst 20000
    box_gone
    box '{"cpu":{"idle":1}}'
    is cpu.idle 1
    box_gone
}

test_swap_alone_needs_a_memory_limit() {
    bundle '{"memory":{"swap":67108864}}'
    refuse rt run --bundle "$BUNDLE" box
    like 'the reason' "$(cat /tmp/refused)" '*memory*swap*'
}

test_limits_of_v1_alone_are_refused_by_name() {
    bundle '{"memory":{"swappiness":10}}'
    refuse rt run --bundle "$BUNDLE" box
    like 'the reason' "$(cat /tmp/refused)" '*swappiness*'
    bundle '{"network":{"classID":1048577}}'
    refuse rt run --bundle "$BUNDLE" box
    like 'the reason' "$(cat /tmp/refused)" '*network class*'
}

# --- they hold ----------------------------------------------------------------------------------

test_memory_limit_kills_and_inspect_says_so() {
    code=0
    ruche run --name hog -m 16m --memory-swap 16m busybox sh -c 'exec tail -n 1 /dev/zero' || code=$?
    same 'the status' $code 137
    like 'inspect' "$(ruche inspect hog)" '*"OOMKilled": true*'
    ruche rm hog
    ruche run --name lamb -m 16m busybox true
    like 'inspect' "$(ruche inspect lamb)" '*"OOMKilled": false*'
    ruche rm lamb
}

test_pids_limit_refuses_forks() {
    stay --pids-limit 4
    ruche exec "$id" sh -c 'for i in 1 2 3 4 5 6; do sleep 1000 & done; wait' >/dev/null 2>&1 || :
    like 'pids.events' "$(value pids.events)" 'max [1-9]*'
    [ "$(value pids.current)" -le 4 ] || fail "there are $(value pids.current) processes"
    gone
}

test_cpu_quota_throttles() {
    stay --cpus 0.1
    ruche exec "$id" sh -c 'i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); done'
    periods=$(value cpu.stat | sed -n 's/^nr_throttled //p')
    [ "$periods" -gt 0 ] || fail "$(value cpu.stat)"
    gone
}

test_device_rules_by_a_program() {
    box '{"devices":[{"allow":false,"access":"rwm"}]}' '["sleep","1000"]' /box '"CAP_MKNOD"'
    same 'reading /dev/zero' "$(rt exec box head -c 3 /dev/zero | wc -c)" 3
    rt exec --cap CAP_MKNOD box mknod /tmp/disk b 254 0
    refuse rt exec box head -c 1 /tmp/disk
    like 'the reason' "$(cat /tmp/refused)" '*not permitted*'
    box_gone
    box '{"devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"b","major":254,"minor":0,"access":"r"}]}' \
        '["sleep","1000"]' /box '"CAP_MKNOD"'
    rt exec --cap CAP_MKNOD box mknod /tmp/disk b 254 0
    same 'reading the disk' "$(rt exec box head -c 5 /tmp/disk | wc -c)" 5
    refuse rt exec box dd if=/dev/zero of=/tmp/disk bs=1 count=1 conv=notrunc
    like 'the reason' "$(cat /tmp/refused)" '*not permitted*'
    box_gone
}

# --- where a process is -------------------------------------------------------------------------

test_a_child_is_born_in_its_group() {
    bundle '{"memory":{"limit":67108864}}' '["sh","-c","cat /proc/self/cgroup; head -n 1 /sys/fs/cgroup/cgroup.procs; cat /sys/fs/cgroup/memory.max"]'
    same 'what it sees' "$(rt run --bundle "$BUNDLE" box)" "$(printf '0::/\n1\n67108864')"
    stay
    same 'its group' "$(cat "/proc/$(pid_of "$id")/cgroup")" "0::$group"
    same 'what it sees' "$(ruche exec "$id" cat /proc/1/cgroup)" 0::/
    gone
}

test_the_callers_own_group_does_not_matter() {
    same 'the group of the tests' "$(cat /proc/self/cgroup)" 0::/
    mkdir $v2/caller
    (
        echo 0 >$v2/caller/cgroup.procs
        ruche run -d --name called -m 64m busybox sleep 1000
    )
    same 'its group' "$(cat "/proc/$(pid_of called)/cgroup")" "0::/ruche/$(ruche ps -q --no-trunc)"
    ruche rm -f called
    eventually rmdir $v2/caller
}

test_cgroups_are_read_only_inside() {
    stay
    refuse ruche exec "$id" mkdir /sys/fs/cgroup/mine
    like 'the reason' "$(cat /tmp/refused)" '*[Rr]ead-only*'
    refuse ruche exec "$id" sh -c 'echo max >/sys/fs/cgroup/pids.max'
    gone
    is_there=$(find $v2 -name mine)
    same 'a group' "$is_there" ''
}

test_exec_enters_the_group() {
    stay
    ruche exec -d "$id" sleep 1001
    eventually sh -c "[ \$(wc -l <$v2$group/cgroup.procs) -eq 2 ]"
    gone
    box '{}'
    same 'its group' "$(rt exec box cat /proc/self/cgroup)" 0::/
    rt exec --detach box sleep 1001
    same 'processes' "$(wc -l <"$v2$group/cgroup.procs")" 2
    box_gone
}

# --- what is done to it -------------------------------------------------------------------------

test_pause_and_unpause_by_the_core_file() {
    stay
    ruche pause "$id"
    is cgroup.freeze 1
    like 'cgroup.events' "$(value cgroup.events)" '*frozen 1*'
    ruche unpause "$id"
    is cgroup.freeze 0
    like 'cgroup.events' "$(value cgroup.events)" '*frozen 0*'
    gone
    box '{}'
    rt pause box
    same 'the state' "$(state)" paused
    is cgroup.freeze 1
    rt resume box
    same 'the state' "$(state)" running
    rt pause box
    box_gone
}

test_kill_all_takes_every_process() {
    box '{}' '["sh","-c","sleep 1000 & sleep 1000 & wait"]'
    eventually sh -c "[ \$(wc -l <$v2$group/cgroup.procs) -eq 3 ]"
    rt kill --all box KILL
    eventually state_is stopped
    same 'processes' "$(value cgroup.procs)" ''
    rt delete box
}

test_update_changes_the_files() {
    box '{"memory":{"limit":67108864},"cpu":{"quota":50000,"period":100000}}'
    rt update --memory 134217728 --memory-swap 201326592 --pids-limit 44 --cpu-share 2048 --cpuset-cpus 0 box
    is memory.max 134217728
    is memory.swap.max 67108864
    is pids.max 44
    is cpu.weight 79
    is cpuset.cpus 0
    is cpu.max '50000 100000'
    rt update --cpu-period 200000 box
    is cpu.max '50000 200000'
    rt update --cpu-quota -1 box
    is cpu.max 'max 200000'
    rt update --memory 33554432 --memory-swap 33554432 box
    is memory.max 33554432
    is memory.swap.max 0
    rt update --memory -1 --memory-swap -1 --pids-limit -1 box
    is memory.max max
    is memory.swap.max max
    is pids.max max
    echo '{"unified":{"memory.high":"50331648"}}' | rt update --resources - box
    is memory.high 50331648
    box_gone
}

test_a_memory_limit_below_the_usage_is_refused_by_update() {
    box '{}'
    echo '{"memory":{"limit":4096,"checkBeforeUpdate":true}}' >/tmp/less
    refuse rt update --resources /tmp/less box
    like 'the reason' "$(cat /tmp/refused)" '*in use*'
    same 'the state' "$(state)" running
    box_gone
}

test_stats_are_those_of_the_files() {
    box '{"memory":{"limit":67108864,"swap":100663296},"pids":{"limit":77}}'
    stats=$(rt events --stats box)
    like 'stats' "$stats" '*"usage":{"limit":67108864,"usage":[1-9]*'
    like 'stats' "$stats" '*"swap":{"limit":100663296,*'
    like 'stats' "$stats" '*"pids":{"current":1,"limit":77}*'
    like 'stats' "$stats" '*"cpu":{"usage":{"total":[1-9]*'
    box_gone
}

test_events_tell_of_memory_running_out() {
    box '{"memory":{"limit":16777216,"swap":16777216}}'
    : >/tmp/events
    rt events --interval 100ms box >/tmp/events 2>&1 &
    reader=$!
    eventually [ -s /tmp/events ] # from now on it hears
    rt exec box tail -n 1 /dev/zero >/dev/null 2>&1 || :
    eventually grep -q '"type":"oom","id":"box"' /tmp/events
    box_gone
    wait $reader
}

# --- parents and children -----------------------------------------------------------------------

test_nested_groups_have_their_controllers_switched_on() {
    box '{"memory":{"limit":67108864},"cpu":{"shares":512}}' '["sleep","1000"]' /a/b/c
    is memory.max 67108864
    for parent in '' /a /a/b; do
        like "controllers of $parent" " $(cat "$v2$parent/cgroup.subtree_control") " '* cpu *memory *'
    done
    same 'processes of the parents' "$(cat $v2/a/cgroup.procs $v2/a/b/cgroup.procs)" ''
    box_gone
    [ ! -e $v2/a ] || fail 'the parents are there still'
}

test_a_parent_with_processes_is_an_error_that_says_so() {
    mkdir $v2/busy
    sleep 1000 &
    echo $! >$v2/busy/cgroup.procs
    bundle '{"memory":{"limit":67108864}}' '["sleep","1000"]' /busy/box
    refuse rt run --bundle "$BUNDLE" box
    like 'the reason' "$(cat /tmp/refused)" '*memory controller cannot be switched on in /sys/fs/cgroup/busy*'
    [ ! -e $v2/busy/box ] || fail 'it is there all the same'
    kill $!
    wait $! || :
    rmdir $v2/busy
}

test_groups_that_a_container_made_go_with_it() {
    cgroup_mode=rw
    box '{}' '["sh","-c","mkdir -p /sys/fs/cgroup/x/y/z; echo 1 >/sys/fs/cgroup/x/y/z/cgroup.procs; exec sleep 1000"]'
    eventually grep -q . "$v2$group/x/y/z/cgroup.procs"
    same 'the state' "$(state)" running
    rt pause box
    rt resume box
    same 'processes' "$(rt ps -f json box)" "[$pid]"
    box_gone
    [ ! -e $v2/box ] || fail 'the group is there still'
}

test_what_a_crash_left_is_made_anew() {
    mkdir -p $v2/box/old
    box '{"memory":{"limit":67108864}}'
    is memory.max 67108864
    [ ! -e $v2/box/old ] || fail 'the old group is there still'
    box_gone
    mkdir $v2/box
    sleep 1000 &
    echo $! >$v2/box/cgroup.procs
    stranger=$!
    # Either it is not made, or it shares the group; the stranger is not to be killed with it.
    bundle '{}'
    rt run --detach --bundle "$BUNDLE" box </dev/null >/tmp/box 2>&1 || like 'the reason' "$(cat /tmp/box)" '*has processes*'
    rt delete --force box || :
    kill $stranger || fail 'the stranger is dead'
    wait $stranger || :
    rmdir $v2/box
}

# --- an ordinary user ---------------------------------------------------------------------------

# bee COMMAND...: as that user, in the group that was given to it
bee() {
    (
        echo 0 >$v2/bee/session/cgroup.procs
        exec /usr/bin/setpriv --reuid 1000 --regid 1000 --clear-groups env -i PATH="$PATH" HOME=/home/bee \
            XDG_RUNTIME_DIR=/run/bee "$@"
    )
}

delegate() {
    mkdir -p $v2/bee/session /run/bee
    echo '+memory +pids +cpu' >$v2/cgroup.subtree_control
    echo '+memory +pids +cpu' >$v2/bee/cgroup.subtree_control
    chown 1000:1000 /run/bee $v2/bee $v2/bee/cgroup.procs $v2/bee/cgroup.subtree_control $v2/bee/cgroup.threads \
        $v2/bee/session $v2/bee/session/cgroup.procs
}

undelegate() {
    eventually rmdir $v2/bee/session
    find $v2/bee -mindepth 1 -depth -type d -exec rmdir {} \;
    rmdir $v2/bee
    rm -rf /run/bee
}

test_a_users_container_is_limited_in_what_was_delegated() {
    delegate
    id=$(bee ruche run -d -m 64m --pids-limit 55 --cpus 0.5 busybox sleep 1000)
    group=$(find $v2/bee -name "$id" | sed "s,^$v2,,")
    same 'the group' "$group" "/bee/ruche/$id"
    is memory.max 67108864
    is pids.max 55
    is cpu.max '50000 100000'
    same 'its group, inside' "$(bee ruche exec "$id" cat /proc/self/cgroup)" 0::/
    bee ruche pause "$id"
    is cgroup.freeze 1
    bee ruche unpause "$id"
    bee ruche rm -f "$id"
    undelegate
}

test_a_users_bundle_is_limited_in_what_was_delegated() {
    delegate
    mkdir /run/bee/state
    chown 1000:1000 /run/bee/state
    bundle '{"memory":{"limit":67108864},"pids":{"limit":55}}' '["sleep","1000"]' box
    map='[{"containerID":0,"hostID":1000,"size":1}]'
    sed -i "s/\"namespaces\":\[/\"uidMappings\":$map,\"gidMappings\":$map,&{\"type\":\"user\"},/" $BUNDLE/config.json
    bee ruche-runtime --root /run/bee/state run --detach --bundle $BUNDLE box </dev/null >/tmp/box 2>&1 || fail "$(cat /tmp/box)"
    group=/bee/box
    is memory.max 67108864
    is pids.max 55
    same 'its group, inside' "$(bee ruche-runtime --root /run/bee/state exec box cat /proc/self/cgroup)" 0::/
    bee ruche-runtime --root /run/bee/state update --pids-limit 66 box
    is pids.max 66
    bee ruche-runtime --root /run/bee/state delete --force box
    [ ! -e $v2/bee/box ] || fail 'the group is there still'
    undelegate
}

test_a_user_without_a_group_is_told_what_to_do() {
    mkdir -p $v2/other /run/bee
    chown 1000:1000 /run/bee
    stranger() {
        (
            echo 0 >$v2/other/cgroup.procs
            exec /usr/bin/setpriv --reuid 1000 --regid 1000 --clear-groups env -i PATH="$PATH" HOME=/home/bee \
                XDG_RUNTIME_DIR=/run/bee "$@"
        )
    }
    refuse stranger ruche run --rm -m 64m busybox true
    like 'the reason' "$(cat /tmp/refused)" '*delegated*'
    stranger ruche run --rm busybox true
    eventually rmdir $v2/other
    rm -rf /run/bee
}

# --- what is remembered -------------------------------------------------------------------------

test_the_saved_layout_is_of_this_mount_only() {
    ruche run --rm busybox true
    like 'the file' "$(cat /run/ruche/cgroups)" "ruche-cgroup 1 *
w - / /sys/fs/cgroup"
    before=$(head -n 1 /run/ruche/cgroups)
    umount $v2
    mount -t tmpfs tmpfs $v2
    refuse ruche run --rm -m 64m busybox true
    umount $v2
    mount -t cgroup2 cgroup2 $v2
    ruche run --rm -m 64m busybox true
    [ "$(head -n 1 /run/ruche/cgroups)" != "$before" ] || fail 'another mount has the same name'
}

# --- last, for it changes the machine -----------------------------------------------------------

test_with_bfq_its_weights_are_set() {
    insmod /modules/bfq.ko
    echo bfq >/sys/block/vda/queue/scheduler
    stay --blkio-weight 300
    is io.bfq.weight 'default 300'
    gone
    box '{"blockIO":{"weight":200,"weightDevice":[{"major":254,"minor":0,"weight":400}]}}'
    is io.bfq.weight "default 200
254:0 400"
    box_gone
    echo none >/sys/block/vda/queue/scheduler
}

# --- our unit tests -----------------------------------------------------------------------------

# This kernel cannot map the owners of a tmpfs, on which /run and /dev lie.
test_a_container_is_private_where_a_tmpfs_cannot_be_mapped() {
    same 'what is said' "$(ruche run --rm --userns private busybox sh -c 'echo x >>/etc/hosts; stat -c %u /etc/hosts /dev /dev/null /dev/pts/ptmx /dev/fd; head -c 2 /dev/zero >/dev/null' 2>&1)" \
        "$(printf '0\n0\n0\n0\n0')"
    stay
    like 'its ids' "$(cat "/proc/$(pid_of "$id")/uid_map")" '*65536*'
    gone
}

# --- checkpoint and restore ---------------------------------------------------------------------

need_criu() {
    command -v criu >/dev/null || skip "there is no criu"
    # In the order of their dependencies; criu asks the kernel for sockets and packet filters.
    for module in unix_diag inet_diag tcp_diag udp_diag raw_diag af_packet_diag netlink_diag nfnetlink nf_tables \
        nf_defrag_ipv4 nf_defrag_ipv6 nf_conntrack nf_conntrack_netlink; do
        grep -q "^$module " /proc/modules || insmod /modules/$module.ko
    done
}

# A container that counts into a file of a bind mount.
counter() {
    mkdir -p "$SRV/out"
    rm -rf "$SRV/images"
    echo 0 >"$SRV/out/count"
    bundle "$1" '["sh","-c","n=0; while true; do n=$((n + 1)); echo $n >>/out/count; sleep 0.1; done"]' /box
    sed -i 's|"mounts":\[|"mounts":[{"destination":"/out","type":"bind","source":"'"$SRV"'/out","options":["bind","rw"]},|' \
        "$BUNDLE/config.json"
    mkdir -p "$ROOTFS/out"
    rt run --detach --bundle "$BUNDLE" box </dev/null >/tmp/box 2>&1 || fail "run: $(cat /tmp/box)"
}

count() {
    tail -n 1 "$SRV/out/count"
}

count_is_beyond() {
    [ "$(count)" -gt "$1" ]
}

test_a_container_is_frozen_to_disk_and_goes_on_where_it_was() {
    need_criu
    counter '{"memory":{"limit":67108864},"pids":{"limit":17}}'
    eventually count_is_beyond 5
    rt checkpoint --image-path "$SRV/images" box
    refuse rt state box
    [ ! -e /sys/fs/cgroup/box ] || fail "its group is still there"
    before=$(count)
    sleep 0.5
    same 'the count while it is on disk' "$(count)" "$before"

    echo 0 >"$SRV/out/count"
    rt restore --image-path "$SRV/images" --bundle "$BUNDLE" --detach --pid-file /tmp/pid box \
        </dev/null >/tmp/box 2>&1 || fail "restore: $(cat /tmp/box)"
    eventually count_is_beyond 0
    # It went on: it did not begin anew.
    first=$(sed -n 2p "$SRV/out/count")
    [ "$first" -gt "$before" ] || fail "it does not count on from $before: $first"
    same 'its status' "$(state)" running
    pid=$(cat /tmp/pid)
    same 'its group' "$(cat "/proc/$pid/cgroup")" '0::/box'
    is memory.max 67108864
    is pids.max 17
    same 'new privileges' "$(sed -n 's/^NoNewPrivs:[[:space:]]*//p' "/proc/$pid/status")" 0
    rt exec box true
    rt pause box
    same 'its status' "$(state)" paused
    rt resume box
    box_gone
}

test_a_checkpoint_may_leave_the_container_running() {
    need_criu
    counter '{}'
    eventually count_is_beyond 2
    rt checkpoint --image-path "$SRV/images" --leave-running box
    same 'its status' "$(state)" running
    at=$(count)
    eventually count_is_beyond "$at"
    refuse rt restore --image-path "$SRV/images" --bundle "$BUNDLE" --detach box
    box_gone
}

test_a_container_comes_back_by_another_name_and_in_another_group() {
    need_criu
    counter '{"pids":{"limit":17}}'
    eventually count_is_beyond 2
    rt checkpoint --image-path "$SRV/images" box
    sed -i 's|"cgroupsPath":"/box"|"cgroupsPath":"/other"|' "$BUNDLE/config.json"
    rt restore --image-path "$SRV/images" --bundle "$BUNDLE" --detach --pid-file /tmp/pid other </dev/null >/tmp/box 2>&1 ||
        fail "restore: $(cat /tmp/box)"
    pid=$(cat /tmp/pid)
    same 'its group' "$(cat "/proc/$pid/cgroup")" '0::/other'
    same 'its limit' "$(cat /sys/fs/cgroup/other/pids.max)" 17
    [ ! -e /sys/fs/cgroup/box ] || fail "the old group is there again"
    rt delete --force other
}

test_a_restored_container_in_the_foreground_ends_as_its_process_does() {
    need_criu
    bundle '{}' '["sh","-c","until [ -e /tmp/end ]; do sleep 0.1; done; exit 7"]'
    rm -rf "$SRV/images"
    rt run --detach --bundle "$BUNDLE" box </dev/null >/tmp/box 2>&1 || fail "run: $(cat /tmp/box)"
    rt checkpoint --image-path "$SRV/images" box
    code=0
    (eventually rt exec box sh -c ': >/tmp/end') & # once it is there
    rt restore --image-path "$SRV/images" --bundle "$BUNDLE" box </dev/null >/tmp/box 2>&1 || code=$?
    wait $!
    same 'its status' "$code" 7
    refuse rt state box
}

# at_terminal COMMAND…: in the background, with $SRV/keys typed at its terminal, and what is shown there in /tmp/shown
at_terminal() {
    script -q -f -c "ruche-runtime --root $SRV/runtime $*" /tmp/shown <"$SRV/keys" >/dev/null 2>&1 &
}

test_a_container_with_a_terminal_comes_back_at_another() {
    need_criu
    command -v script >/dev/null || skip "there is no script"
    mkdir -p "$SRV/out"
    rm -rf "$SRV/images" "$SRV/keys" "$SRV/out/lines"
    mkfifo "$SRV/keys"
    bundle '{}' '["sh","-c","n=0; while read word; do n=$((n + 1)); echo $n $word >>/out/lines; echo heard $word; done"]' /box
    sed -i -e 's|"process":{|&"terminal":true,|' \
        -e 's|"mounts":\[|&{"destination":"/out","type":"bind","source":"'"$SRV"'/out","options":["bind","rw"]},|' \
        -e 's|{"destination":"/tmp"|{"destination":"/dev/pts","type":"devpts","source":"devpts","options":["newinstance","ptmxmode=0666","mode=0620"]},&|' \
        "$BUNDLE/config.json"
    mkdir -p "$ROOTFS/out"
    at_terminal run --bundle "$BUNDLE" box
    exec 9<>"$SRV/keys"
    echo one >&9
    eventually grep -qx '1 one' "$SRV/out/lines"
    rt checkpoint --image-path "$SRV/images" box
    wait $!
    refuse rt state box

    at_terminal restore --image-path "$SRV/images" --bundle "$BUNDLE" box
    eventually rt state box
    echo two >&9
    # It counts on, and both sides of its terminal are there.
    eventually grep -qx '2 two' "$SRV/out/lines"
    eventually grep -q 'heard two' /tmp/shown
    same 'its input' "$(rt exec box busybox readlink /proc/1/fd/0)" /dev/pts/0
    exec 9>&-
    box_gone
    wait $!
}

test_what_criu_cannot_is_refused_by_one_line_and_nothing_stays() {
    need_criu
    counter '{}'
    refuse rt checkpoint --image-path "$SRV/images" --manage-cgroups-mode odd box
    same 'lines' "$(wc -l </tmp/refused)" 1
    refuse rt checkpoint --image-path "$SRV/images" --parent-path no/such box
    same 'lines' "$(wc -l </tmp/refused)" 1
    same 'its status' "$(state)" running
    box_gone
    refuse rt restore --image-path "$SRV/no-such" --bundle "$BUNDLE" box
    same 'lines' "$(wc -l </tmp/refused)" 1
    mkdir -p "$SRV/empty"
    refuse rt restore --image-path "$SRV/empty" --bundle "$BUNDLE" box
    same 'lines' "$(wc -l </tmp/refused)" 1
    like 'the reason' "$(cat /tmp/refused)" '*holds no checkpoint*'
    echo '["","",""]' >"$SRV/empty/descriptors.json"
    refuse rt restore --image-path "$SRV/empty" --bundle "$BUNDLE" box
    like 'the reason' "$(cat /tmp/refused)" '*its log is*restore.log*'
    refuse rt state box
}

# --- our unit tests -----------------------------------------------------------------------------

test_unit_tests_of_the_groups() {
    unit kernel 'cgroup*/*'
}

test_unit_tests_of_the_device_program() {
    unit kernel 'device*/*'
}

test_unit_tests_of_the_runtime() {
    unit runtime '*/*@(cgroup|limit)*' '(map the owners of /dev|cannot map owners)' \
        'the kernel cannot map the owners of a tmpfs; 6.3 can'
}
