/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/confine.h"

#include <linux/landlock.h>
#include <sched.h>
#include <sys/prctl.h>

#include "base/mem.h"
#include "kernel/capability.h"
#include "kernel/confine.h"

/* ---- system calls ---- */

#define CALLS_MEMORY "munmap mremap brk madvise futex"
#define CALLS_FILES                                                                                \
    "openat openat2 close read readv pread64 write writev pwrite64 lseek fstat newfstatat statx "  \
    "fcntl "                                                                                       \
    "faccessat faccessat2 unlinkat linkat renameat renameat2 mkdirat ftruncate fchmod fchmodat "   \
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
    struct seccomp_rules rules;
    confine_rules_init(&rules, CALLS_MEMORY " " CALLS_FILES " " CALLS_NETWORK " " CALLS_THREADS
                                            " " CALLS_TIME);
    confine_rules_threads(&rules);
    int result = confine_rules_enter(&rules, err);
    seccomp_rules_done(&rules);
    return result;
}

/* ---- files ---- */

#define ACCESS_STORE                                                                               \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_WRITE_FILE |  \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REFER |     \
     CONFINE_ACCESS_TRUNCATE)

/* Where there is no Landlock (before Linux 5.19). Files are moved from one directory to another, so
 * they cannot be mounts of their own in another root: what else is in the store stays in reach. */
static int root_enter(int root, struct err *err)
{
    bool may = capability_permitted() & CAPABILITY_BIT(SYS_CHROOT);
    /* No ids are needed in it: whose the files are is told by what they are outside. */
    if (!may && unshare(CLONE_NEWUSER) < 0)
        return err_sys(err, "make a user namespace (the kernel has no Landlock)");
    return confine_root_enter(root, err);
}

static int files_enter(int root, const int *directories, size_t n_directories, struct err *err)
{
    auto_free struct confine_beneath *beneath = xcalloc(n_directories, sizeof(*beneath));
    for (size_t i = 0; i < n_directories; i++)
        beneath[i] = (struct confine_beneath){ directories[i], ACCESS_STORE };
    int entered = confine_files_enter(beneath, n_directories, CONFINE_RELINKS, err);
    return entered == 0 ? root_enter(root, err) : entered < 0 ? -1 : 0;
}

/* ---- all ---- */

int confine(int root, const int *directories, size_t n_directories, struct err *err)
{
    static const struct confine_limits limits = {}; /* for many clients; see serve.c */
    static const struct capability_sets none = {};
    if (confine_limits_enter(&limits, err) < 0)
        return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_sys(err, "give up new privileges");
    if (files_enter(root, directories, n_directories, err) < 0)
        return -1;
    if (capability_set(&none) < 0)
        return err_sys(err, "give up capabilities");
    return filter_enter(err);
}
