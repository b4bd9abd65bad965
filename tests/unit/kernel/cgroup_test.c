/* SPDX-License-Identifier: Apache-2.0 */
/* Groups on the machine as it is, v1, hybrid or v2: made, limited, changed, removed. As root. */
#include "cgroup_fixture.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

TestSuite(cgroup, .init = use_host, .fini = tidy, .timeout = 600);

/* --- life --- */

Test(cgroup, is_made_where_it_is_needed_and_removed)
{
    NEED(PIDS, "pids");
    int pids = where(CGROUP_PIDS, "pids");
    limits.pids = (struct maybe_i64)SET(17);
    create(0);
    has_value(pids, "pids.max", "17");
    for (size_t i = 0; i < host.len; i++) {
        bool wanted =
            (int)i == pids || (int)i == host.v2 || (host.v2 < 0 && (group.hierarchies & (1U << i)));
        cr_assert_eq(exists((int)i, path), wanted, "%s", host.at[i].mount);
    }
    cr_assert_eq(cgroup_remove(&group, 0, &err), 0, "%s", err.text);
    cr_assert(!exists_anywhere(path));
    cr_assert_eq(cgroup_remove(&group, 0, &err), 0, "absent already is fine");
}

Test(cgroup, everywhere_is_everywhere)
{
    NEED_ROOT();
    create(CGROUP_EVERYWHERE);
    for (size_t i = 0; i < host.len; i++)
        cr_assert(!host.at[i].writable || exists((int)i, path), "%s", host.at[i].mount);
    pid_t pid = spawn(sleep_long, NULL);
    wait_for_members(1);
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert_eq(exit_status(pid), 1000 + SIGKILL);
}

static int print_own_groups(void *with)
{
    char text[8192];
    int *end = with;
    int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
    ssize_t len = read(fd, text, sizeof(text));
    return len <= 0 || fd_write_all(*end, text, (size_t)len) < 0;
}

Test(cgroup, child_enters_all_of_it)
{
    NEED(PIDS, "pids");
    limits.pids = (struct maybe_i64)SET(17);
    create(0);
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t pid = spawn(print_own_groups, &ends[1]);
    (void)close(ends[1]);
    auto_free char *text = NULL;
    size_t len;
    cr_assert_eq(file_load_fd(ends[0], 8192, &text, &len, &err), 0);
    (void)close(ends[0]);
    cr_assert_eq(exit_status(pid), 0);
    auto_free char *line = xasprintf(":pids:%s\n", path);
    auto_free char *v2_line = xasprintf("0::%s\n", path);
    if (cgroup_host_find(&host, CGROUP_PIDS) >= 0)
        cr_assert_not_null(strstr(text, line), "%s", text);
    if (host.v2 >= 0)
        cr_assert_not_null(strstr(text, v2_line), "%s", text);
}

static int enter_v2_late(void *unused)
{
    (void)unused;
    return cgroup_enter_v2(&group) < 0 || cgroup_enter(&group) < 0;
}

Test(cgroup, child_enters_v2_without_the_clone)
{
    NEED_ROOT();
    if (host.v2 < 0)
        cr_skip_test("there is no cgroup v2 here");
    create(0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)enter_v2_late(NULL);
        _exit(sleep_long(NULL));
    }
    wait_for_members(1);
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert_eq(exit_status(pid), 1000 + SIGKILL);
}

Test(cgroup, is_found_again)
{
    NEED_ROOT();
    struct cgroup found;
    cr_assert_eq(cgroup_open(&host, path, &found, &err), 0);
    create(0);
    cr_assert_str_eq(group.path, path);
    cr_assert_eq(cgroup_open(&host, path, &found, &err), 1, "%s", err.text);
    cr_assert_eq(found.hierarchies, group.hierarchies);
    cr_assert_eq(found.n_tasks, group.n_tasks);
    cr_assert_eq(found.v2 >= 0, group.v2 >= 0);
    cgroup_close(&found);
    cgroup_close(&found); /* closed is fine */
}

Test(cgroup, left_over_is_made_anew_but_not_one_in_use)
{
    NEED(PIDS, "pids");
    int pids = where(CGROUP_PIDS, "pids");
    limits.pids = (struct maybe_i64)SET(17);
    create(0);
    cgroup_close(&group);
    limits.pids.set = false;
    create(CGROUP_EVERYWHERE);
    if (pids != host.v2)
        has_value(pids, "pids.max", "max");

    struct cgroup second;
    pid_t pid = spawn(sleep_long, NULL);
    wait_for_members(1);
    cr_assert_eq(cgroup_create(&host, path, &limits, 0, &second, &err), -1);
    cr_assert_eq(err.kind, ERR_CONFLICT, "%s", err.text);
    cr_assert_eq(cgroup_create(&host, path, &limits, CGROUP_JOIN, &second, &err), 1, "%s",
                 err.text);
    cgroup_close(&second);
    cr_assert_eq(cgroup_remove(&group, 30, &err), -1);
    cr_assert_eq(err.kind, ERR_CONFLICT, "%s", err.text);
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert_eq(exit_status(pid), 1000 + SIGKILL);
}

Test(cgroup, joining_keeps_what_is_there)
{
    NEED(PIDS, "pids");
    int pids = where(CGROUP_PIDS, "pids");
    limits.pids = (struct maybe_i64)SET(17);
    create(0);
    cgroup_close(&group);
    limits.pids.set = false;
    create(CGROUP_JOIN);
    has_value(pids, "pids.max", "17");
}

Test(cgroup, is_removed_with_all_below)
{
    NEED_ROOT();
    int home = host.v2 >= 0 ? host.v2 : cgroup_host_find(&host, CGROUP_FREEZER);
    if (home < 0)
        cr_skip_test("there is neither cgroup v2 nor a freezer");
    create(0);
    auto_done(str) dir = {};
    str_addf(&dir, "%s%s", host.at[home].mount, path);
    for (int i = 0; i < 60; i++) {
        auto_free char *side = xasprintf("%s/side", str_text(&dir));
        cr_assert_eq(mkdir(side, 0755), 0);
        str_add(&dir, "/down");
        cr_assert_eq(mkdir(str_text(&dir), 0755), 0);
    }
    cr_assert_eq(cgroup_remove(&group, 0, &err), 0, "%s", err.text);
    cr_assert(!exists_anywhere(path));
}

/* --- what fails leaves nothing --- */

static void refused(enum err_kind kind, const char *part)
{
    struct cgroup none = {};
    err = (struct err){};
    cr_assert_eq(cgroup_create(&host, path, &limits, 0, &none, &err), -1);
    cr_assert_eq(err.kind, kind, "%s", err.text);
    cr_assert_not_null(strstr(err.text, part), "%s", err.text);
    cr_assert(!exists_anywhere(path));
}

Test(cgroup, controller_that_is_missing_is_named)
{
    NEED_ROOT();
    if (where(CGROUP_RDMA, "rdma") >= 0)
        cr_skip_test("the rdma controller is here");
    *array_add(&limits.rdma) = (struct cgroup_rdma){ .device = "mlx5_0", .handles = SET(1) };
    refused(ERR_UNSUPPORTED, "rdma");
    limits.optional = 1U << CGROUP_RDMA;
    create(0);
    cr_assert_eq(group.dropped, 1U << CGROUP_RDMA);
}

Test(cgroup, value_that_is_refused_is_named)
{
    NEED(CPUSET, "cpuset");
    limits.cpus = "123456";
    refused(ERR_INVALID, "cpuset.cpus");
    limits.cpus = NULL;
    limits.pids = (struct maybe_i64)SET(INT64_MAX);
    refused(ERR_INVALID, "pids.max");
}

Test(cgroup, file_of_v2_that_is_missing_is_named)
{
    NEED_ROOT();
    struct pair pair = { (char *)"memory.nonsense", (char *)"1" };
    struct pairs pairs = { &pair, 1 };
    if (host.v2 < 0)
        cr_skip_test("there is no cgroup v2 here");
    limits.unified = &pairs;
    refused(ERR_UNSUPPORTED,
            where(CGROUP_MEMORY, "memory") == host.v2 ? "memory.nonsense" : "memory controller");
    pair.key = (char *)"cgroup.max.depth";
    pair.value = (char *)"3";
    create(0);
    has_value(host.v2, "cgroup.max.depth", "3");
}

/* --- limits --- */

static int fork_twice(void *unused)
{
    (void)unused;
    pid_t first = fork();
    if (first == 0)
        _exit(sleep_long(NULL));
    pid_t second = fork();
    if (second == 0)
        _exit(sleep_long(NULL));
    return first > 0 && second < 0 && errno == EAGAIN ? 0 : 1;
}

Test(cgroup, pids_limit_bites)
{
    NEED(PIDS, "pids");
    limits.pids = (struct maybe_i64)SET(2);
    create(0);
    cr_assert_eq(exit_status(spawn(fork_twice, NULL)), 0);
}

static void change_memory(int64_t memory, int64_t both)
{
    limits.memory_bytes = (struct maybe_i64){ true, memory };
    limits.memory_swap_bytes = (struct maybe_i64){ both != 0, both };
    cr_assert_eq(cgroup_update(&group, &limits, 0, &err), 0, "%s", err.text);
}

Test(cgroup, memory_rises_and_falls)
{
    NEED(MEMORY, "memory");
    int memory = where(CGROUP_MEMORY, "memory");
    const char *file = memory == host.v2 ? "memory.max" : "memory.limit_in_bytes";
    limits.memory_bytes = limits.memory_swap_bytes = (struct maybe_i64)SET(64 << 20);
    create(0);
    has_value(memory, file, "67108864");
    change_memory(128 << 20, 256 << 20);
    has_value(memory, file, "134217728");
    change_memory(32 << 20, 48 << 20);
    has_value(memory, file, "33554432");
    if (memory == host.v2)
        has_value(memory, "memory.swap.max", "16777216");
    else
        has_value(memory, "memory.memsw.limit_in_bytes", "50331648");
    change_memory(-1, 0);
    has_value(memory, file, memory == host.v2 ? "max" : "9223372036854771712");
}

Test(cgroup, cpu_rises_and_falls)
{
    NEED(CPU, "cpu");
    int cpu = where(CGROUP_CPU, "cpu");
    limits.cpu_shares = (struct maybe_u64)SET(512);
    limits.cpu_quota_us = (struct maybe_i64)SET(50000);
    limits.cpu_period_us = (struct maybe_u64)SET(100000);
    limits.cpu_burst_us = (struct maybe_u64)SET(40000);
    create(0);
    limits.cpu_quota_us.value = 10000;
    limits.cpu_burst_us.value = 5000;
    cr_assert_eq(cgroup_update(&group, &limits, 0, &err), 0, "%s", err.text);
    limits.cpu_quota_us.value = 90000;
    limits.cpu_burst_us.value = 80000;
    cr_assert_eq(cgroup_update(&group, &limits, 0, &err), 0, "%s", err.text);
    struct cgroup_limits period = { .cpu_period_us = SET(200000) };
    cr_assert_eq(cgroup_update(&group, &period, 0, &err), 0, "%s", err.text);
    if (cpu == host.v2) {
        has_value(cpu, "cpu.max", "90000 200000");
        has_value(cpu, "cpu.max.burst", "80000");
        has_value(cpu, "cpu.weight", "20");
        return;
    }
    has_value(cpu, "cpu.cfs_quota_us", "90000");
    has_value(cpu, "cpu.cfs_period_us", "200000");
    has_value(cpu, "cpu.cfs_burst_us", "80000");
    has_value(cpu, "cpu.shares", "512");
}

Test(cgroup, cpuset_lets_the_child_in)
{
    NEED(CPUSET, "cpuset");
    int cpuset = where(CGROUP_CPUSET, "cpuset");
    limits.cpus = "0";
    create(0);
    has_value(cpuset, "cpuset.cpus", "0");
    pid_t pid = spawn(sleep_long, NULL);
    wait_for_members(1);
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert_eq(exit_status(pid), 1000 + SIGKILL);
}

Test(cgroup, block_io_weight_is_set)
{
    NEED(BLKIO, "io");
    limits.io_weight = (struct maybe_u64)SET(300);
    int made = cgroup_create(&host, path, &limits, 0, &group, &err);
    if (made < 0 && err.kind == ERR_UNSUPPORTED && strstr(err.text, "weight")) {
        tidy(); /* what is skipped is not finished */
        cr_skip_test("this kernel has no I/O scheduler with weights");
    }
    cr_assert_eq(made, 1, "%s", err.text);
}

Test(cgroup, controller_of_v2_is_switched_on_when_needed)
{
    NEED(HUGETLB, "hugetlb");
    int at = where(CGROUP_HUGETLB, "hugetlb");
    if (at != host.v2)
        cr_skip_test("hugetlb is in v1");
    auto_free char *control = xasprintf("%s/cgroup.subtree_control", host.at[at].mount);
    auto_free char *before = NULL;
    size_t len;
    cr_assert_eq(file_load(AT_FDCWD, control, 4096, &before, &len, &err), 1);
    *array_add(&limits.hugepages) = (struct cgroup_hugepage){ "2MB", 4 << 20 };
    create(0);
    has_value(at, "hugetlb.2MB.max", "4194304");
    limits.hugepages.at[0].size = "3MB";
    cr_assert_eq(cgroup_update(&group, &limits, 0, &err), -1);
    cr_assert_eq(err.kind, ERR_UNSUPPORTED);
    cr_assert_not_null(strstr(err.text, "no pages of that size"), "%s", err.text);
    if (strstr(before, "hugetlb"))
        return;
    /* As it was, for the machine is not ours. */
    auto_free char *ours = xasprintf("%s%s/cgroup.subtree_control", host.at[at].mount, parent);
    cr_expect_eq(file_poke(AT_FDCWD, ours, "-hugetlb"), 0);
    cr_expect_eq(file_poke(AT_FDCWD, control, "-hugetlb"), 0);
}

Test(cgroup, controller_of_v2_is_not_switched_on_where_processes_are)
{
    NEED(PIDS, "pids");
    if (where(CGROUP_PIDS, "pids") != host.v2)
        cr_skip_test("pids is in v1");
    create(0);
    pid_t pid = spawn(sleep_long, NULL);
    auto_free char *procs = xasprintf("%s%s/cgroup.procs", host.at[host.v2].mount, parent);
    auto_free char *number = xasprintf("%d", pid);
    cr_assert_eq(file_poke(AT_FDCWD, procs, number), 0);
    limits.pids = (struct maybe_i64)SET(5);
    cr_assert_eq(cgroup_update(&group, &limits, 0, &err), -1);
    cr_assert_eq(err.kind, ERR_UNSUPPORTED, "%s", err.text);
    cr_assert_not_null(strstr(err.text, "where processes are"), "%s", err.text);
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert_eq(exit_status(pid), 1000 + SIGKILL);
}

Test(cgroup, update_moves_processes_to_a_new_controller)
{
    NEED(MEMORY, "memory");
    create(0);
    pid_t pids[20];
    for (size_t i = 0; i < array_size(pids); i++)
        pids[i] = spawn(sleep_long, NULL);
    wait_for_members(array_size(pids));
    change_memory(64 << 20, 0);
    int memory = where(CGROUP_MEMORY, "memory");
    auto_free char *procs = value(memory, "cgroup.procs");
    auto_free char *lines = xasprintf("\n%s\n", procs);
    for (size_t i = 0; i < array_size(pids); i++) {
        auto_free char *line = xasprintf("\n%d\n", pids[i]);
        cr_assert_not_null(strstr(lines, line), "%d is not among %s", pids[i], procs);
    }
}

static int hold_memory(void *unused)
{
    enum { HELD = 4 << 20 };
    char *at =
        mmap(NULL, HELD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    return at == MAP_FAILED ? 1 : sleep_long(unused);
}

/* The kernel counts what is in use in batches. */
static void wait_for_usage(int hierarchy, long least)
{
    for (int i = 0; i < 1000; i++) {
        auto_free char *current = value(hierarchy, "memory.current");
        if (strtol(current, NULL, 10) >= least)
            return;
        (void)usleep(10000);
    }
}

Test(cgroup, usage_is_checked_before_a_limit_of_v2)
{
    NEED(MEMORY, "memory");
    if (where(CGROUP_MEMORY, "memory") != host.v2)
        cr_skip_test("memory is in v1, where the kernel checks");
    create(CGROUP_ACCOUNT);
    (void)spawn(hold_memory, NULL);
    wait_for_usage(host.v2, 1 << 20);
    limits.memory_bytes = (struct maybe_i64)SET(4096);
    cr_assert_eq(cgroup_update(&group, &limits, CGROUP_CHECK_USAGE, &err), -1);
    cr_assert_eq(err.kind, ERR_CONFLICT, "%s", err.text);
}
