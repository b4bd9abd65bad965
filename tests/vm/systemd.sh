# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2016,SC2034,SC2086,SC2154 # suite.sh sets and reads variables, none with blanks in it
# systemd as the first process, with cgroup v2: ruche-runtime --systemd-cgroup.

# A container in a scope: scope RESOURCES [CGROUPSPATH [ARGS]]
scope() {
    bundle "$1" "${3:-[\"sleep\",\"1000\"]}" "${2-machine.slice:test:box}"
    rt --systemd-cgroup run --detach --bundle "$BUNDLE" box </dev/null >/tmp/box 2>&1 || fail "run: $(cat /tmp/box)"
    pid=$(rt state box | sed -n 's/^ *"pid": \([0-9]*\),*$/\1/p')
    group=$(sed 's/^0:://' "/proc/$pid/cgroup")
}

property() {
    systemctl show --property "$2" --value "$1"
}

# shows UNIT PROPERTY VALUE
shows() {
    same "$2 of $1" "$(property "$1" "$2")" "$3"
}

gone_unit() {
    [ "$(property "$1" LoadState)" = not-found ] || [ "$(property "$1" ActiveState)" = inactive ]
}

# A slice that has been empty for a while may still be there.
slices_go() {
    for slice in machine-deep machine; do
        systemctl stop $slice.slice
    done
}

test_a_scope_in_the_slice_that_was_asked_for() {
    scope '{}'
    same 'the group' "$group" /machine.slice/test-box.scope
    shows test-box.scope ActiveState active
    shows test-box.scope Slice machine.slice
    shows test-box.scope Delegate yes
    same 'its processes' "$(value cgroup.procs)" "$pid"
    same 'its group, inside' "$(rt exec box cat /proc/self/cgroup)" 0::/
    rt kill box KILL
    eventually state_is stopped
    rt delete box
    eventually gone_unit test-box.scope
    [ ! -e "$v2$group" ] || fail 'the group is there still'
    slices_go
}

test_the_place_where_none_was_asked_for() {
    scope '{}' ''
    same 'the group' "$group" /system.slice/ruche-box.scope
    box_gone
    eventually gone_unit ruche-box.scope
}

test_a_deep_slice() {
    scope '{"memory":{"limit":67108864}}' machine-deep.slice::box
    same 'the group' "$group" /machine.slice/machine-deep.slice/box.scope
    is memory.max 67108864
    box_gone
    slices_go
}

test_limits_are_systemds_and_the_kernels() {
    scope '{"memory":{"limit":67108864,"swap":100663296,"reservation":33554432},"pids":{"limit":77},
        "cpu":{"shares":512,"quota":12345,"period":50000,"cpus":"1","mems":"0"},"blockIO":{"weight":500}}'
    is memory.max 67108864
    is memory.swap.max 33554432
    is memory.low 33554432
    is pids.max 77
    is cpu.weight 20
    is cpu.max '12345 50000'
    is cpuset.cpus 1
    is cpuset.mems 0
    is io.weight 'default 4950'
    shows test-box.scope MemoryMax 67108864
    shows test-box.scope MemorySwapMax 33554432
    shows test-box.scope MemoryLow 33554432
    shows test-box.scope TasksMax 77
    shows test-box.scope CPUWeight 20
    shows test-box.scope CPUQuotaPerSecUSec 250ms
    shows test-box.scope AllowedCPUs 1
    shows test-box.scope AllowedMemoryNodes 0
    shows test-box.scope IOWeight 4950
    box_gone
    slices_go
}

test_a_reload_takes_no_limit_back() {
    scope '{"memory":{"limit":67108864},"pids":{"limit":77}}'
    systemctl daemon-reload
    is memory.max 67108864
    is pids.max 77
    rt update --memory 134217728 --memory-swap -1 --pids-limit 88 box
    shows test-box.scope MemoryMax 134217728
    shows test-box.scope TasksMax 88
    systemctl daemon-reload
    is memory.max 134217728
    is pids.max 88
    box_gone
    slices_go
}

test_pause_update_events_and_kill_work_in_a_scope() {
    scope '{"memory":{"limit":67108864}}' machine.slice:test:box '["sh","-c","sleep 1000 & sleep 1000 & wait"]'
    rt pause box
    same 'the state' "$(state)" paused
    rt resume box
    like 'stats' "$(rt events --stats box)" '*"usage":{"limit":67108864,*'
    rt kill --all box KILL
    eventually state_is stopped
    rt delete box
    eventually gone_unit test-box.scope
    slices_go
}

test_devices_are_refused_in_a_scope() {
    scope '{"devices":[{"allow":false,"access":"rwm"}]}'
    same 'reading /dev/zero' "$(rt exec box head -c 3 /dev/zero | wc -c)" 3
    systemctl daemon-reload
    rt exec --cap CAP_MKNOD box mknod /tmp/disk b 254 0
    refuse rt exec box head -c 1 /tmp/disk
    like 'the reason' "$(cat /tmp/refused)" '*not permitted*'
    box_gone
    slices_go
}

test_a_unit_that_is_there_already_is_an_error_and_stays() {
    scope '{}'
    bundle '{}' '["sleep","1000"]' machine.slice:test:box
    refuse rt --systemd-cgroup run --detach --bundle "$BUNDLE" other
    like 'the reason' "$(cat /tmp/refused)" '*test-box.scope*already*'
    same 'the first one' "$(state)" running
    shows test-box.scope ActiveState active
    box_gone
    slices_go
}

test_what_does_not_start_leaves_no_scope() {
    bundle '{}' '["no-such-program"]' machine.slice:test:box
    refuse rt --systemd-cgroup run --detach --bundle "$BUNDLE" box
    like 'the reason' "$(cat /tmp/refused)" '*no-such-program*'
    eventually gone_unit test-box.scope
    slices_go
}

test_paths_that_are_none_of_systemds() {
    for path in /a/b a:b a:b:c:d 'no-slice:x:y' '../x.slice:a:b' 'system.slice:a:../b'; do
        bundle '{}' '["true"]' "$path"
        refuse rt --systemd-cgroup run --bundle "$BUNDLE" box
        like "the reason of $path" "$(cat /tmp/refused)" '*cgroupsPath*'
    done
    bundle '{}' '["true"]' machine.slice:test:box
    refuse rt run --bundle "$BUNDLE" box
    like 'the reason' "$(cat /tmp/refused)" '*--systemd-cgroup*'
}

test_by_the_bus_where_the_managers_own_socket_is_not_there() {
    mv /run/systemd/private /run/systemd/private.away
    scope '{"pids":{"limit":77}}'
    is pids.max 77
    rt update --pids-limit 88 box
    is pids.max 88
    box_gone
    mv /run/systemd/private.away /run/systemd/private
    eventually gone_unit test-box.scope
    slices_go
}

test_without_systemd_in_reach_it_says_so() {
    mv /run/systemd/private /run/systemd/private.away
    mv /run/dbus/system_bus_socket /run/dbus/away
    bundle '{}' '["true"]' machine.slice:test:box
    refuse rt --systemd-cgroup run --bundle "$BUNDLE" box
    like 'the reason' "$(cat /tmp/refused)" '*systemd is not reachable*'
    mv /run/systemd/private.away /run/systemd/private
    mv /run/dbus/away /run/dbus/system_bus_socket
}

test_the_engine_beside_systemd() {
    stay -m 64m --pids-limit 33
    is memory.max 67108864
    is pids.max 33
    gone
}

test_a_user_without_a_manager_is_told() {
    bundle '{}' '["true"]' ''
    mkdir -p /tmp/bee
    chown 1000:1000 /tmp/bee
    refuse /usr/bin/setpriv --reuid 1000 --regid 1000 --clear-groups env -i PATH="$PATH" XDG_RUNTIME_DIR=/run/none \
        ruche-runtime --root /tmp/bee --systemd-cgroup run --bundle "$BUNDLE" box
    like 'the reason' "$(cat /tmp/refused)" '*systemd is not reachable*/run/none/systemd/private*'
    rm -rf /tmp/bee
}
