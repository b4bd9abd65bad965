/* SPDX-License-Identifier: Apache-2.0 */
/* Groups on the machine as it is: v1, hybrid or v2. As root; each test has a parent group of a
 * random name. */
#include "kernel/cgroup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum { WAIT_MS = 5000 };

static struct cgroup_host host;
static struct cgroup group;
static struct cgroup_limits limits;
static struct err err;
static char parent[40];
static char path[60];

#define SET(number)                                                                                \
    {                                                                                              \
        true, number                                                                               \
    }

static void use_host(void)
{
    unsigned random;
    cr_assert_eq(cgroup_host_detect(&host, &err), 0, "%s", err.text);
    cr_assert_eq(getrandom(&random, sizeof(random), 0), (ssize_t)sizeof(random));
    (void)snprintf(parent, sizeof(parent), "/ruche-test-%08x", random);
    (void)snprintf(path, sizeof(path), "%s/one", parent);
}

static bool can_run(void)
{
    if (geteuid() == 0 && host.len > 0)
        for (size_t i = 0; i < host.len; i++)
            if (host.at[i].writable)
                return true;
    return false;
}

static void tidy(void)
{
    if (group.path) {
        cr_expect_eq(cgroup_kill(&group, &err), 0, "%s", err.text);
        while (waitpid(-1, NULL, 0) > 0)
            ;
        cr_expect_eq(cgroup_remove(&group, WAIT_MS, &err), 0, "%s", err.text);
        cgroup_close(&group);
    }
    for (size_t i = 0; i < host.len; i++) {
        auto_free char *dir = xasprintf("%s%s", host.at[i].mount, parent);
        cr_expect(rmdir(dir) == 0 || errno == ENOENT || errno == EROFS, "left over: %s", dir);
    }
    cgroup_limits_done(&limits);
    cgroup_host_done(&host);
}

TestSuite(cgroup, .init = use_host, .fini = tidy, .timeout = 60);

#define NEED_ROOT()                                                                                \
    do {                                                                                           \
        if (!can_run())                                                                            \
            cr_skip_test("needs root and a hierarchy that can be written");                        \
    } while (0)

/* Where a controller's files are: its v1 hierarchy, or v2 if it is offered there; -1. */
static int where(enum cgroup_controller controller, const char *v2_name)
{
    auto_free char *text = NULL;
    size_t len;
    int v1 = cgroup_host_find(&host, controller);
    if (v1 >= 0 || host.v2 < 0)
        return v1;
    auto_free char *file = xasprintf("%s/cgroup.controllers", host.at[host.v2].mount);
    cr_assert_eq(file_load(AT_FDCWD, file, 4096, &text, &len, &err), 1, "%s", err.text);
    auto_free char *padded = xasprintf(" %.*s ", (int)strcspn(text, "\n"), text);
    auto_free char *word = xasprintf(" %s ", v2_name);
    return strstr(padded, word) ? host.v2 : -1;
}

#define NEED(controller, v2_name)                                                                  \
    do {                                                                                           \
        NEED_ROOT();                                                                               \
        if (where(CGROUP_##controller, v2_name) < 0)                                               \
            cr_skip_test("there is no " v2_name " controller here");                               \
    } while (0)

static bool exists(int hierarchy, const char *below)
{
    auto_free char *dir = xasprintf("%s%s", host.at[hierarchy].mount, below);
    return access(dir, F_OK) == 0;
}

static bool exists_anywhere(const char *below)
{
    for (size_t i = 0; i < host.len; i++)
        if (exists((int)i, below))
            return true;
    return false;
}

/* A file of the group in whichever hierarchy has the directory, without its line's end. */
static char *value(int hierarchy, const char *file)
{
    char *text = NULL;
    size_t len;
    auto_free char *name = xasprintf("%s%s/%s", host.at[hierarchy].mount, path, file);
    cr_assert_eq(file_load(AT_FDCWD, name, 1 << 20, &text, &len, &err), 1, "%s: %s", name,
                 err.text);
    if (len && text[len - 1] == '\n')
        text[len - 1] = '\0';
    return text;
}

static void has_value(int hierarchy, const char *file, const char *want)
{
    auto_free char *text = value(hierarchy, file);
    cr_assert_str_eq(text, want, "%s: %s", file, text);
}

static void create(unsigned flags)
{
    cr_assert_eq(cgroup_create(&host, path, &limits, flags, &group, &err), 1, "%s", err.text);
}

static int enter_and_run(int ready, int (*run)(void *), void *with)
{
    if (cgroup_enter(&group) < 0 || fd_write_all(ready, "1", 1) < 0)
        return 99;
    (void)close(ready);
    return run(with);
}

/* A child that enters the group as a container's first process does; it is in when this returns. */
static pid_t spawn(int (*run)(void *), void *with)
{
    int ends[2];
    char byte = 0;
    struct clone_args args = { .exit_signal = SIGCHLD };
    if (group.v2 >= 0) {
        args.flags = CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)group.v2;
    }
    cr_assert_eq(pipe(ends), 0);
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    cr_assert_geq(pid, 0, "clone3: %s", strerror(errno));
    if (pid == 0)
        _exit(enter_and_run(ends[1], run, with));
    (void)close(ends[1]);
    cr_assert_eq(read(ends[0], &byte, 1), 1, "the child could not enter");
    (void)close(ends[0]);
    return pid;
}

static int exit_status(pid_t pid)
{
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int sleep_long(void *unused)
{
    (void)unused;
    for (;;)
        pause();
    return 0;
}

/* Until the child has done its part. */
static void wait_for_members(size_t count)
{
    for (int i = 0; i < WAIT_MS; i++) {
        struct cgroup_pids pids;
        cr_assert_eq(cgroup_procs(&group, &pids, &err), 0, "%s", err.text);
        size_t n = pids.len;
        cgroup_pids_done(&pids);
        if (n >= count)
            return;
        (void)usleep(1000);
    }
    cr_assert_fail("not %zu processes in the group", count);
}

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
    create(0);
    int home = host.v2 >= 0 ? host.v2 : cgroup_host_find(&host, CGROUP_FREEZER);
    if (home < 0)
        cr_skip_test("there is neither cgroup v2 nor a freezer");
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
    *(struct cgroup_rdma *)array_add(&limits.rdma) =
        (struct cgroup_rdma){ .device = "mlx5_0", .handles = SET(1) };
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
    if (made < 0 && err.kind == ERR_UNSUPPORTED && strstr(err.text, "weight"))
        cr_skip_test("this kernel has no I/O scheduler with weights");
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
    *(struct cgroup_hugepage *)array_add(&limits.hugepages) =
        (struct cgroup_hugepage){ "2MB", 4 << 20 };
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

Test(cgroup, usage_is_checked_before_a_limit_of_v2)
{
    NEED(MEMORY, "memory");
    if (where(CGROUP_MEMORY, "memory") != host.v2)
        cr_skip_test("memory is in v1, where the kernel checks");
    create(CGROUP_ACCOUNT);
    (void)spawn(sleep_long, NULL);
    wait_for_members(1);
    limits.memory_bytes = (struct maybe_i64)SET(4096);
    cr_assert_eq(cgroup_update(&group, &limits, CGROUP_CHECK_USAGE, &err), -1);
    cr_assert_eq(err.kind, ERR_CONFLICT, "%s", err.text);
}

/* --- processes --- */

static int fork_some(void *unused)
{
    (void)unused;
    for (int i = 0; i < 5; i++)
        if (fork() == 0)
            (void)sleep_long(NULL);
    return sleep_long(NULL);
}

Test(cgroup, all_are_killed)
{
    NEED_ROOT();
    create(0);
    pid_t pid = spawn(fork_some, NULL);
    wait_for_members(6);
    cr_assert_eq(cgroup_kill(&group, &err), 0, "%s", err.text);
    cr_assert_eq(exit_status(pid), 1000 + SIGKILL);
    cr_assert_eq(cgroup_remove(&group, WAIT_MS, &err), 0, "%s", err.text);
}

Test(cgroup, all_are_signalled)
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

Test(cgroup, processes_below_are_found)
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

Test(cgroup, is_frozen_and_thawed)
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

Test(cgroup, v1_alone_freezes_and_kills)
{
    NEED_V1();
    create(0);
    cr_assert_eq(group.v2, -1);
    check_freezing();
}

Test(cgroup, v1_alone_signals_and_moves)
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
    *(struct cgroup_device_rule *)array_add(&limits.device_rules) =
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

Test(cgroup, device_rules_hold)
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
    add_rule(false, 'c', 1, 3, CGROUP_DEVICE_ALL);
    cr_assert_eq(cgroup_update(&group, &limits, 0, &err), 0, "%s", err.text);
    cr_assert_eq(exit_status(spawn(try_devices, NULL)), 2);
}

Test(cgroup, device_rules_hold_that_only_a_program_can_say)
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
Test(cgroup, device_rules_change_their_means)
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

Test(cgroup, counts)
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

Test(cgroup, limits_that_are_none_are_not_counted)
{
    NEED_ROOT();
    struct cgroup_stats stats;
    create(CGROUP_ACCOUNT);
    cr_assert_eq(cgroup_stats(&group, &stats, &err), 0, "%s", err.text);
    cr_assert(!stats.memory_limit_bytes.set && !stats.pids_limit.set);
}

Test(cgroup, is_given_to_a_user)
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
