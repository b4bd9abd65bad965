/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/confine.h"

#include <errno.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernel/landlock.h"

/* ---- limits and streams ---- */

static int limit_lower(int resource, uint64_t limit, struct err *err)
{
    struct rlimit64 now;
    if (prlimit64(0, (unsigned)resource, NULL, &now) < 0)
        return err_sys(err, "read a resource limit");
    if (now.rlim_max > limit)
        now.rlim_max = limit;
    now.rlim_cur = now.rlim_max;
    if (prlimit64(0, (unsigned)resource, &now, NULL) < 0)
        return err_sys(err, "set a resource limit");
    return 0;
}

int confine_limits_enter(const struct confine_limits *limits, struct err *err)
{
    const struct {
        int resource;
        uint64_t limit;
    } rows[] = {
        { RLIMIT_NOFILE, limits->files_open },
        { RLIMIT_FSIZE, limits->file_bytes },
        { RLIMIT_AS, CONFINE_SANITIZED ? 0 : limits->address_bytes },
    };
    if (limit_lower(RLIMIT_CORE, 0, err) < 0)
        return -1;
    for (size_t i = 0; i < array_size(rows); i++)
        if (rows[i].limit && limit_lower(rows[i].resource, rows[i].limit, err) < 0)
            return -1;
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    return 0;
}

int confine_streams_close(struct err *err)
{
    if (CONFINE_SANITIZED)
        return 0;
    if (dup2(STDIN_FILENO, STDOUT_FILENO) < 0 || dup2(STDIN_FILENO, STDERR_FILENO) < 0)
        return err_sys(err, "close the standard streams");
    return 0;
}

/* ---- files ---- */

/* As the kernel has it since 6.12. It takes a longer struct than its own if what is over is zero.
 */
struct ruleset {
    uint64_t access_fs;
    uint64_t access_net;
    uint64_t scoped;
};

/* Newer than the headers of 2022: kernel 6.10. */
#define ACCESS_IOCTL_DEV (UINT64_C(1) << 15)

/* Everything that the running kernel's Landlock knows; false if it is none that is of use. */
static bool ruleset_fill(struct ruleset *ruleset, enum confine_flags flags)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < (flags & CONFINE_RELINKS ? 2 : 1))
        return false;
    *ruleset = (struct ruleset){ .access_fs = LANDLOCK_ACCESS_FS_REFER - 1 };
    if (version >= 2)
        ruleset->access_fs |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3)
        ruleset->access_fs |= CONFINE_ACCESS_TRUNCATE;
    if (version >= 4 && !(flags & CONFINE_NETWORK))
        ruleset->access_net = 3; /* bind and connect */
    if (version >= 5)
        ruleset->access_fs |= ACCESS_IOCTL_DEV;
    if (version >= 6)
        ruleset->scoped = 3; /* abstract sockets and signals */
    return true;
}

int confine_files_enter(const struct confine_beneath *at, size_t n_at, enum confine_flags flags,
                        struct err *err)
{
    struct ruleset ruleset;
    if (!ruleset_fill(&ruleset, flags))
        return 0;
    auto_close int fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
    if (fd < 0)
        return err_sys(err, "make a landlock ruleset");
    for (size_t i = 0; i < n_at; i++) {
        const struct landlock_path_beneath_attr beneath = {
            .allowed_access = at[i].access & ruleset.access_fs,
            .parent_fd = at[i].fd,
        };
        /* A rule that allows nothing is refused. */
        if (at[i].fd >= 0 && beneath.allowed_access &&
            syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
            return err_sys(err, "add a landlock rule");
    }
    return landlock_restrict(fd) < 0 ? err_sys(err, "enter a landlock ruleset") : 1;
}

int confine_root_enter(int directory, struct err *err)
{
    /* A directory that is always there, and nobody's but this process's. */
    int result = directory >= 0 ? fchdir(directory) : chdir("/proc/self/fdinfo");
    if (result < 0 || chroot(".") < 0)
        return err_sys(err, "change the root directory (the kernel has no Landlock)");
    return 0;
}

/* ---- system calls ---- */

void confine_rules_init(struct seccomp_rules *rules, const char *calls)
{
    *rules = (struct seccomp_rules){
        .otherwise = SECCOMP_RET_ERRNO | EPERM,
        .foreign = SECCOMP_RET_KILL_PROCESS,
    };
    seccomp_rules_add(rules, calls, SECCOMP_RET_ALLOW);
    confine_rules_allow(rules, "mmap mprotect", 2, 0, PROT_EXEC);
}

void confine_rules_allow(struct seccomp_rules *rules, const char *calls, uint8_t argument,
                         uint64_t value, uint64_t mask)
{
    struct seccomp_rule *rule = seccomp_rules_add(rules, calls, SECCOMP_RET_ALLOW);
    rule->n_compares = 1;
    rule->compares[0] = (struct seccomp_compare){
        .argument = argument,
        .operation = SECCOMP_MASKED_EQUAL,
        .value = value,
        .mask = mask,
    };
}

/* What clone3 is asked for cannot be seen from here; the C library does without. */
void confine_rules_threads(struct seccomp_rules *rules)
{
    const uint64_t flags = CLONE_THREAD | CLONE_VM;
    confine_rules_allow(rules, "clone", 0, flags, flags);
    seccomp_rules_add(rules, "clone3", SECCOMP_RET_ERRNO | ENOSYS);
}

int confine_filter_enter(const struct seccomp_filter *filter, struct err *err)
{
    if (!CONFINE_SANITIZED && seccomp_filter_load(filter, 0) < 0)
        return err_sys(err, "load a system call filter");
    return 0;
}

int confine_rules_enter(const struct seccomp_rules *rules, struct err *err)
{
    struct seccomp_filter filter;
    if (seccomp_compile(rules, &filter, err) < 0)
        return -1;
    int result = confine_filter_enter(&filter, err);
    seccomp_filter_done(&filter);
    return result;
}
