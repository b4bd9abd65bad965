/* SPDX-License-Identifier: Apache-2.0 */
/* What goes on in groups on the machine as it is: processes, devices, numbers. As root. */
#include <sys/mman.h>
#include <time.h>

#include "cgroup_fixture.h"

TestSuite(cgroup_use, .init = use_host, .fini = tidy, .timeout = 600);

/* --- processes --- */

static int fork_some(void *unused)
{
    (void)unused;
    for (int i = 0; i < 5; i++)
        if (fork() == 0)
            (void)sleep_long(NULL);
    return sleep_long(NULL);
}

Test(cgroup_use, all_are_killed)
{
    NEED_ROOT();
    create(0);
    pid_t pid = spawn(fork_some, NULL);
    wait_for_members(6);
    cr_assert_eq(cgroup_kill(&group, &err), 0, "%s", err.text);
    cr_assert_eq(exit_status(pid), 1000 + SIGKILL);
    cr_assert_eq(cgroup_remove(&group, WAIT_MS, &err), 0, "%s", err.text);
}

Test(cgroup_use, all_are_signalled)
{
    NEED_ROOT();
    create(0);
    pid_t first = spawn(sleep_long, NULL);
    pid_t second = spawn(sleep_long, NULL);
    wait_for_members(2);
    cr_assert_eq(cgroup_signal(&group, SIGUSR1, &err), 0, "%s", err.text);
    cr_assert_eq(exit_status(first), 1000 + SIGUSR1);
    cr_assert_eq(exit_status(second), 1000 + SIGUSR1);
    cr_assert_eq(cgroup_signal(&group, SIGUSR1, &err), 0, "an empty group is fine");
}

Test(cgroup_use, processes_below_are_found)
{
    NEED_ROOT();
    if (host.v2 < 0)
        cr_skip_test("there is no cgroup v2 here");
    create(0);
    pid_t pid = spawn(sleep_long, NULL);
    auto_free char *child = xasprintf("%s%s/below", host.at[host.v2].mount, path);
    auto_free char *procs = xasprintf("%s/cgroup.procs", child);
    auto_free char *number = xasprintf("%d", pid);
    cr_assert_eq(mkdir(child, 0755), 0);
    cr_assert_eq(file_poke(AT_FDCWD, procs, number), 0);
    struct cgroup_pids pids;
    cr_assert_eq(cgroup_procs(&group, &pids, &err), 0, "%s", err.text);
    cr_assert_eq(pids.len, 1);
    cr_assert_eq(pids.at[0], pid);
    cgroup_pids_done(&pids);
}

static int count_up(void *with)
{
    volatile unsigned *counter = with;
    for (;;) {
        ++*counter;
        (void)usleep(100);
    }
    return 0;
}

static void check_freezing(void)
{
    volatile unsigned *counter =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq((void *)counter, MAP_FAILED);
    (void)spawn(count_up, (void *)counter);
    while (*counter == 0)
        (void)usleep(100);
    cr_assert_eq(cgroup_frozen(&group, &err), 0);
    cr_assert_eq(cgroup_freeze(&group, WAIT_MS, &err), 0, "%s", err.text);
    cr_assert_eq(cgroup_frozen(&group, &err), 1);
    unsigned before = *counter;
    (void)usleep(20000);
    cr_assert_eq(*counter, before);
    cr_assert_eq(cgroup_thaw(&group, &err), 0, "%s", err.text);
    cr_assert_eq(cgroup_frozen(&group, &err), 0);
    for (int i = 0; i < WAIT_MS && *counter == before; i++)
        (void)usleep(1000);
    cr_assert_gt(*counter, before);
    cr_assert_eq(cgroup_freeze(&group, WAIT_MS, &err), 0, "%s", err.text);
    cr_assert_eq(cgroup_kill(&group, &err), 0, "%s", err.text);
    while (waitpid(-1, NULL, 0) > 0)
        ; /* a frozen group dies as well */
}

Test(cgroup_use, is_frozen_and_thawed)
{
    NEED_ROOT();
    create(0);
    check_freezing();
}

/* --- v1 alone, where v2 stands beside it --- */

static void forget_v2(void)
{
    if (host.v2 < 0)
        return;
    size_t last = host.len - 1;
    struct cgroup_hierarchy v2 = host.at[host.v2];
    host.at[host.v2] = host.at[last];
    host.at[last] = v2;
    host.len--;
    host.v2 = -1;
    free(v2.names);
    free(v2.root);
    free(v2.mount);
}

#define NEED_V1()                                                                                  \
    do {                                                                                           \
        NEED_ROOT();                                                                               \
        forget_v2();                                                                               \
        if (cgroup_host_find(&host, CGROUP_FREEZER) < 0)                                           \
            cr_skip_test("there is no freezer of cgroup v1 here");                                 \
    } while (0)

Test(cgroup_use, v1_alone_freezes_and_kills)
{
    NEED_V1();
    create(0);
    cr_assert_eq(group.v2, -1);
    check_freezing();
}

Test(cgroup_use, v1_alone_signals_and_moves)
{
    NEED_V1();
    create(0);
    pid_t pid = spawn(fork_some, NULL);
    wait_for_members(6);
    if (cgroup_host_find(&host, CGROUP_PIDS) >= 0) {
        limits.pids = (struct maybe_i64)SET(50);
        cr_assert_eq(cgroup_update(&group, &limits, 0, &err), 0, "%s", err.text);
        has_value(cgroup_host_find(&host, CGROUP_PIDS), "pids.current", "6");
    }
    cr_assert_eq(cgroup_signal(&group, SIGTERM, &err), 0, "%s", err.text);
    cr_assert_eq(exit_status(pid), 1000 + SIGTERM);
}

/* --- devices --- */

static void add_rule(bool allow, char type, int64_t major, int64_t minor, unsigned access)
{
    *array_add(&limits.device_rules) =
        (struct cgroup_device_rule){ allow, type, major, minor, access };
}

/* 1: /dev/null can be opened; 2: /dev/zero; 4: /dev/null for writing. */
static int try_devices(void *unused)
{
    (void)unused;
    return (open("/dev/null", O_RDONLY) >= 0) | (open("/dev/zero", O_RDONLY) >= 0) << 1 |
           (open("/dev/null", O_WRONLY) >= 0) << 2;
}

static void forget_rules(void)
{
    free(take_ptr(limits.device_rules.at));
    limits.device_rules.len = 0;
}

Test(cgroup_use, device_rules_hold)
{
    NEED_ROOT();
    limits.need_device_rules = true;
    add_rule(false, 'a', -1, -1, CGROUP_DEVICE_ALL);
    add_rule(true, 'c', -1, -1, CGROUP_DEVICE_MKNOD);
    add_rule(true, 'c', 1, 3, CGROUP_DEVICE_READ);
    create(0);
    cr_assert_eq(exit_status(spawn(try_devices, NULL)), 1);
    add_rule(true, 'c', 1, 5, CGROUP_DEVICE_ALL);
    cr_assert_eq(cgroup_update(&group, &limits, 0, &err), 0, "%s", err.text);
    cr_assert_eq(exit_status(spawn(try_devices, NULL)), 3);
    add_rule(false, 'c', 1, 3, CGROUP_DEVICE_READ | CGROUP_DEVICE_WRITE);
    cr_assert_eq(cgroup_update(&group, &limits, 0, &err), 0, "%s", err.text);
    cr_assert_eq(exit_status(spawn(try_devices, NULL)), 2);
}

Test(cgroup_use, device_rules_hold_that_only_a_program_can_say)
{
    NEED_ROOT();
    if (host.v2 < 0)
        cr_skip_test("there is no cgroup v2 here");
    limits.need_device_rules = true;
    add_rule(true, 'c', 1, -1, CGROUP_DEVICE_ALL);
    add_rule(false, 'c', 1, 5, CGROUP_DEVICE_ALL);
    add_rule(false, 'c', 1, 3, CGROUP_DEVICE_WRITE);
    create(0);
    cr_assert_eq(exit_status(spawn(try_devices, NULL)), 1);
    limits.device_rules.len = 2;
    cr_assert_eq(cgroup_update(&group, &limits, 0, &err), 0, "%s", err.text);
    cr_assert_eq(exit_status(spawn(try_devices, NULL)), 5);
    forget_rules();
    add_rule(true, 'a', -1, -1, CGROUP_DEVICE_ALL);
    cr_assert_eq(cgroup_update(&group, &limits, 0, &err), 0, "%s", err.text);
    cr_assert_eq(exit_status(spawn(try_devices, NULL)), 7);
}

/* From v1's list to a program and back. */
Test(cgroup_use, device_rules_change_their_means)
{
    NEED_ROOT();
    if (host.v2 < 0)
        cr_skip_test("there is no cgroup v2 here");
    limits.need_device_rules = true;
    add_rule(true, 'c', 1, 3, CGROUP_DEVICE_READ);
    create(0);
    cr_assert_eq(exit_status(spawn(try_devices, NULL)), 1);
    forget_rules();
    add_rule(true, 'c', 1, -1, CGROUP_DEVICE_ALL);
    add_rule(false, 'c', 1, 3, CGROUP_DEVICE_ALL);
    cr_assert_eq(cgroup_update(&group, &limits, 0, &err), 0, "%s", err.text);
    cr_assert_eq(exit_status(spawn(try_devices, NULL)), 2);
    forget_rules();
    add_rule(true, 'c', 1, 3, CGROUP_DEVICE_ALL);
    cr_assert_eq(cgroup_update(&group, &limits, 0, &err), 0, "%s", err.text);
    cr_assert_eq(exit_status(spawn(try_devices, NULL)), 5);
}

/* --- numbers, ownership --- */

static int burn(void *unused)
{
    (void)unused;
    static char room[8 << 20];
    memset(room, 1, sizeof(room));
    while (clock() < CLOCKS_PER_SEC / 20)
        ;
    return sleep_long(NULL);
}

Test(cgroup_use, counts)
{
    NEED_ROOT();
    struct cgroup_stats stats;
    limits.optional = ~0U;
    limits.pids = (struct maybe_i64)SET(17);
    limits.memory_bytes = (struct maybe_i64)SET(256 << 20);
    create(CGROUP_ACCOUNT);
    (void)spawn(burn, NULL);
    for (int i = 0; i < WAIT_MS / 10; i++) {
        cr_assert_eq(cgroup_stats(&group, &stats, &err), 0, "%s", err.text);
        if (stats.cpu_ns.value > 10000000 && stats.memory_bytes.value > 8 << 20)
            break;
        (void)usleep(10000);
    }
    cr_assert(stats.cpu_ns.set && stats.cpu_user_ns.set && stats.cpu_system_ns.set);
    cr_assert_gt(stats.cpu_ns.value, 10000000);
    if (where(CGROUP_PIDS, "pids") >= 0) {
        cr_assert_eq(stats.pids.value, 1);
        cr_assert_eq(stats.pids_limit.value, 17);
    }
    if (where(CGROUP_MEMORY, "memory") >= 0) {
        cr_assert_gt(stats.memory_bytes.value, 8 << 20);
        cr_assert_eq(stats.memory_limit_bytes.value, 256 << 20);
        cr_assert_geq(stats.memory_peak_bytes.value, stats.memory_bytes.value / 2);
        cr_assert(stats.oom_kills.set && stats.oom_kills.value == 0);
        cr_assert(stats.memory_inactive_file_bytes.set);
    }
    if (where(CGROUP_BLKIO, "io") >= 0)
        cr_assert(stats.io_read_bytes.set && stats.io_writes.set);
}

Test(cgroup_use, limits_that_are_none_are_not_counted)
{
    NEED_ROOT();
    struct cgroup_stats stats;
    create(CGROUP_ACCOUNT);
    cr_assert_eq(cgroup_stats(&group, &stats, &err), 0, "%s", err.text);
    cr_assert(!stats.memory_limit_bytes.set && !stats.pids_limit.set);
}

Test(cgroup_use, is_given_to_a_user)
{
    NEED_ROOT();
    if (host.v2 < 0)
        cr_skip_test("there is no cgroup v2 here");
    create(0);
    cr_assert_eq(cgroup_delegate(&group, 12345, 54321, &err), 0, "%s", err.text);
    static const char *const files[] = { "", "cgroup.procs", "cgroup.threads",
                                         "cgroup.subtree_control" };
    struct stat st;
    for (size_t i = 0; i < array_size(files); i++) {
        cr_assert_eq(fstatat(group.v2, files[i], &st, AT_EMPTY_PATH), 0);
        cr_assert(st.st_uid == 12345 && st.st_gid == 54321, "%s", files[i]);
    }
    cr_assert_eq(fstatat(group.v2, "cgroup.kill", &st, 0), 0);
    cr_assert_eq(st.st_uid, 0);
}
