/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Groups on the machine as it is, for tests: one group below a parent of a random name, and
 * children that enter it as a container's first process does. All of it is gone after each test.
 * Each test program includes it once a file.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "kernel/cgroup.h"

enum { WAIT_MS = 60000 };

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

static inline void use_host(void)
{
    unsigned random;
    cr_assert_eq(cgroup_host_detect(&host, &err), 0, "%s", err.text);
    cr_assert_eq(getrandom(&random, sizeof(random), 0), (ssize_t)sizeof(random));
    (void)snprintf(parent, sizeof(parent), "/ruche-test-%08x", random);
    (void)snprintf(path, sizeof(path), "%s/one", parent);
}

static inline bool can_run(void)
{
    if (geteuid() == 0 && host.len > 0)
        for (size_t i = 0; i < host.len; i++)
            if (host.at[i].writable)
                return true;
    return false;
}

static inline void tidy(void)
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

#define NEED_ROOT()                                                                                \
    do {                                                                                           \
        if (!can_run())                                                                            \
            cr_skip_test("needs root and a hierarchy that can be written");                        \
    } while (0)

/* Where a controller's files are: its v1 hierarchy, or v2 if it is offered there; -1. */
static inline int where(enum cgroup_controller controller, const char *v2_name)
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

static inline bool exists(int hierarchy, const char *below)
{
    auto_free char *dir = xasprintf("%s%s", host.at[hierarchy].mount, below);
    return access(dir, F_OK) == 0;
}

static inline bool exists_anywhere(const char *below)
{
    for (size_t i = 0; i < host.len; i++)
        if (exists((int)i, below))
            return true;
    return false;
}

/* A file of the group in whichever hierarchy has the directory, without its line's end. */
static inline char *value(int hierarchy, const char *file)
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

static inline void has_value(int hierarchy, const char *file, const char *want)
{
    auto_free char *text = value(hierarchy, file);
    cr_assert_str_eq(text, want, "%s: %s", file, text);
}

static inline void create(unsigned flags)
{
    cr_assert_eq(cgroup_create(&host, path, &limits, flags, &group, &err), 1, "%s", err.text);
}

static inline int enter_and_run(int ready, int (*run)(void *), void *with)
{
    if (cgroup_enter(&group) < 0 || fd_write_all(ready, "1", 1) < 0)
        return 99;
    (void)close(ready);
    return run(with);
}

/* A child that enters the group as a container's first process does; it is in when this returns. */
static inline pid_t spawn(int (*run)(void *), void *with)
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

static inline int exit_status(pid_t pid)
{
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static inline int sleep_long(void *unused)
{
    (void)unused;
    for (;;)
        pause();
    return 0;
}

/* Until the child has done its part. */
static inline void wait_for_members(size_t count)
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
