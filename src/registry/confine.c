/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/confine.h"

#include <errno.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernel/capability.h"
#include "kernel/landlock.h"
#include "kernel/seccomp.h"

/* A sanitizer asks the kernel for more than the program does. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* ---- system calls ---- */

#define CALLS_MEMORY "munmap mremap brk madvise futex"
#define CALLS_FILES                                                                                \
    "openat openat2 close read readv pread64 write writev pwrite64 lseek fstat newfstatat statx "  \
    "fcntl "                                                                                       \
    "faccessat faccessat2 unlinkat renameat renameat2 mkdirat ftruncate fchmod fchmodat "          \
    "utimensat flock fdatasync fsync getdents64 sendfile fgetxattr fsetxattr"
#define CALLS_NETWORK                                                                              \
    "accept4 recvfrom recvmsg sendto sendmsg shutdown getsockname getpeername getsockopt "         \
    "setsockopt poll ppoll eventfd2 pipe2"
#define CALLS_THREADS                                                                              \
    "set_robust_list rseq sched_yield sched_getaffinity gettid getpid exit exit_group "            \
    "rt_sigprocmask rt_sigreturn restart_syscall"
#define CALLS_TIME "clock_gettime gettimeofday clock_nanosleep nanosleep getrandom"

static int filter_enter(struct err *err)
{
    struct seccomp_filter filter = {};
    struct seccomp_rules rules = {
        .otherwise = SECCOMP_RET_ERRNO | EPERM,
        .foreign = SECCOMP_RET_KILL_PROCESS,
    };
    seccomp_rules_add(
        &rules, CALLS_MEMORY " " CALLS_FILES " " CALLS_NETWORK " " CALLS_THREADS " " CALLS_TIME,
        SECCOMP_RET_ALLOW);
    /* Memory, but no code. */
    struct seccomp_rule *memory = seccomp_rules_add(&rules, "mmap mprotect", SECCOMP_RET_ALLOW);
    memory->n_compares = 1;
    memory->compares[0] = (struct seccomp_compare){
        .argument = 2,
        .operation = SECCOMP_MASKED_EQUAL,
        .value = 0,
        .mask = PROT_EXEC,
    };
    /* Threads, but no processes. The flags of clone3 cannot be seen: the C library goes on with clone.
     */
    struct seccomp_rule *thread = seccomp_rules_add(&rules, "clone", SECCOMP_RET_ALLOW);
    thread->n_compares = 1;
    thread->compares[0] = (struct seccomp_compare){
        .argument = 0,
        .operation = SECCOMP_MASKED_EQUAL,
        .value = CLONE_THREAD | CLONE_VM,
        .mask = CLONE_THREAD | CLONE_VM,
    };
    seccomp_rules_add(&rules, "clone3", SECCOMP_RET_ERRNO | ENOSYS);
    int result = seccomp_compile(&rules, &filter, err);
    seccomp_rules_done(&rules);
    if (result == 0 && seccomp_filter_load(&filter, 0) < 0)
        result = err_sys(err, "load a system call filter");
    seccomp_filter_done(&filter);
    return result;
}

/* ---- files ---- */

/* Bits newer than the header: kernel 6.2 and 6.10. */
#define ACCESS_TRUNCATE  (UINT64_C(1) << 14)
#define ACCESS_IOCTL_DEV (UINT64_C(1) << 15)

#define ACCESS_STORE                                                                               \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_WRITE_FILE |  \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REFER |     \
     ACCESS_TRUNCATE)

/* As the kernel has it since 6.12. It takes a longer struct than its own if what is over is zero. */
struct ruleset {
    uint64_t access_fs;
    uint64_t access_net;
    uint64_t scoped;
};

/* Everything that the running kernel's Landlock knows; false if it is none that is of use here. */
static bool ruleset_fill(struct ruleset *ruleset)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    /* Before version 2 (5.19) it refuses every rename between directories. */
    if (version < 2)
        return false;
    *ruleset = (struct ruleset){ .access_fs = (LANDLOCK_ACCESS_FS_REFER << 1) - 1 };
    if (version >= 3)
        ruleset->access_fs |= ACCESS_TRUNCATE;
    if (version >= 4)
        ruleset->access_net = 3; /* bind and connect */
    if (version >= 5)
        ruleset->access_fs |= ACCESS_IOCTL_DEV;
    if (version >= 6)
        ruleset->scoped = 3; /* abstract sockets and signals */
    return true;
}

static int landlock_enter(const int *directories, size_t n_directories, struct err *err)
{
    struct ruleset ruleset;
    if (!ruleset_fill(&ruleset))
        return 0;
    auto_close int fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
    if (fd < 0)
        return err_sys(err, "make a landlock ruleset");
    for (size_t i = 0; i < n_directories; i++) {
        const struct landlock_path_beneath_attr beneath = {
            .allowed_access = ACCESS_STORE & ruleset.access_fs,
            .parent_fd = directories[i],
        };
        if (syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
            return err_sys(err, "add a landlock rule");
    }
    return landlock_restrict(fd) < 0 ? err_sys(err, "enter a landlock ruleset") : 0;
}

/* ---- all ---- */

int confine(const int *directories, size_t n_directories, struct err *err)
{
    static const struct capability_sets none = {};
    static const struct rlimit no_core = {};
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* errors of the calls instead */
    if (setrlimit(RLIMIT_CORE, &no_core) < 0)
        return err_sys(err, "set a resource limit");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_sys(err, "give up new privileges");
    if (landlock_enter(directories, n_directories, err) < 0)
        return -1;
    if (capability_set(&none) < 0)
        return err_sys(err, "give up capabilities");
    return SANITIZED ? 0 : filter_enter(err);
}
