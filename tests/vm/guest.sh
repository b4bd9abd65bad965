#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash disable=SC2013 # words are wanted
# The guest's first process, on its disk: makes the machine that the suite named by vm.suite= wants, runs the suite's tests one
# by one, prints TAP, and ends the machine whatever happens. A test is a function test_… of the suite's file; each runs in a
# shell of its own, under a limit, and what it leaves behind fails it.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin:/ruche
export HOME=/root
cd / || exit
read -r filter </tests/filter
suite=
for word in $(cat /proc/cmdline); do
    case $word in vm.suite=*) suite=${word#vm.suite=} ;; esac
done

# --- the machine --------------------------------------------------------------------------------

# The disk's files are root's, whoever made it.
machine_files() {
    [ "$(stat -c %u /bin/busybox)" = 0 ] || chown -R 0:0 /bin /etc /home /lib /lib64 /modules /root /ruche /srv /tests /usr /var
    chmod 4755 /usr/bin/newuidmap /usr/bin/newgidmap 2>/dev/null
    for module in libcrc32c overlay loop erofs; do
        [ ! -e /modules/$module.ko ] || insmod /modules/$module.ko
    done
}

machine_base() {
    mount -t tmpfs run /run
    mkdir -p /dev/pts /dev/shm
    mount -t devpts devpts /dev/pts
    mount -t tmpfs shm /dev/shm
    chmod 1777 /tmp /dev/shm
    printf 'root:x:0:0:root:/root:/bin/sh\nbee:x:1000:1000:bee:/home/bee:/bin/sh\n' >/etc/passwd
    printf 'root:x:0:\nbee:x:1000:\n' >/etc/group
    echo bee:100000:65536 >/etc/subuid
    echo bee:100000:65536 >/etc/subgid
    mkdir -p /home/bee
    chown 1000:1000 /home/bee
    ip link set lo up
    hostname guest
}

cgroups_v2() {
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
}

cgroups_v1() {
    mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
    for names in cpu,cpuacct cpuset memory devices freezer blkio pids hugetlb net_cls,net_prio perf_event rdma misc; do
        mkdir /sys/fs/cgroup/$names
        mount -t cgroup -o $names cgroup /sys/fs/cgroup/$names
    done
    mkdir /sys/fs/cgroup/named
    mount -t cgroup -o none,name=named cgroup /sys/fs/cgroup/named
}

# --- the tests ----------------------------------------------------------------------------------

# Nothing of a test may stay: its groups, its processes, its mounts.
snapshot() {
    find /sys/fs/cgroup -mindepth 1 -type d | sort
    awk '{ print $5 }' /proc/self/mountinfo | sort
}

leftovers() {
    snapshot >/tmp/after
    diff /tmp/before /tmp/after | sed -n 's/^> /left behind: /p; s/^< /taken away: /p'
    grep -lE '^(sleep|tail|ruche)' /proc/[0-9]*/cmdline 2>/dev/null | sed 's/^/left behind: process /'
}

# Those that end in the background have their time.
nothing_left() {
    tries=0
    leftovers >/tmp/left
    while [ -s /tmp/left ] && [ $tries -lt 300 ]; do
        sleep 0.1
        tries=$((tries + 1))
        leftovers >/tmp/left
    done
    [ ! -s /tmp/left ]
}

# run_test NUMBER FUNCTION
# shellcheck disable=SC2154 # begin and end are read
run_test() {
    name=$(echo "${2#test_}" | tr _ ' ')
    read -r begin _ </proc/uptime
    snapshot >/tmp/before
    timeout 600 sh -eu /tests/suite.sh "$suite" "$2" >/tmp/log 2>&1 </dev/null
    status=$?
    if [ $status -eq 77 ]; then
        echo "ok $1 $name # skip $(tail -n 1 /tmp/log)"
    elif [ $status -eq 0 ] && nothing_left; then
        echo "ok $1 $name"
    else
        echo "not ok $1 $name"
        [ $status -eq 0 ] || echo "#   status $status"
        nothing_left || cat /tmp/left >>/tmp/log
        tail -n 25 /tmp/log | sed 's/^/#   /'
        sh /tests/suite.sh "$suite" clean >/dev/null 2>&1
    fi
    read -r end _ </proc/uptime
    echo "= from $begin s to $end s: $name" # for who looks into the console's file
}

run_suite() {
    tests=
    for test in $(sed -n 's/^\(test_[a-z0-9_]*\)() {.*/\1/p' "/tests/$suite.sh"); do
        case $(echo "${test#test_}" | tr _ ' ') in *"$filter"*) tests="$tests $test" ;; esac
    done
    # shellcheck disable=SC2086 # words
    set -- $tests
    echo "1..$#"
    count=0
    for test in "$@"; do
        count=$((count + 1))
        run_test $count "$test"
    done
}

machine_files
if [ "$suite" != systemd ]; then
    machine_base
    "cgroups_$suite"
fi
sh -eu /tests/suite.sh "$suite" prepare >/tmp/log 2>&1 </dev/null || sed 's/^/#   /' /tmp/log
run_suite
sync
reboot -f
