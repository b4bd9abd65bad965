/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/confine.h"

#include <errno.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernel/capability.h"
#include "kernel/landlock.h"

/* A sanitizer reserves terabytes of addresses and asks the kernel for more than the program does.
 */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* ---- what each verb may do ---- */

#define CALLS_ALL                                                                                  \
    "read readv write writev close lseek fstat newfstatat statx fcntl munmap mremap brk madvise "  \
    "futex sendto sendmsg recvfrom recvmsg exit exit_group rt_sigreturn rt_sigprocmask "           \
    "restart_syscall clock_gettime gettimeofday getrandom"
#define CALLS_SPOOL  CALLS_ALL " openat ftruncate"
#define CALLS_PACK   CALLS_ALL " pread64 pwrite64 pwritev ftruncate"
#define CALLS_REMOVE CALLS_ALL " openat openat2 getdents64 unlinkat fchmod"
#define CALLS_SUM    CALLS_ALL " openat openat2 getdents64 readlinkat flistxattr fgetxattr"
#define CALLS_UNPACK                                                                               \
    CALLS_REMOVE " mkdirat mknodat symlinkat linkat ftruncate fchown fchownat utimensat fsetxattr"

#define ACCESS_REMOVE                                                                              \
    (LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define ACCESS_SUM   (LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_READ_FILE)
#define ACCESS_SPOOL (LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_WRITE_FILE)
#define ACCESS_UNPACK                                                                              \
    (ACCESS_REMOVE | ACCESS_SPOOL | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |   \
     LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_SYM |   \
     LANDLOCK_ACCESS_FS_REFER | ACCESS_TRUNCATE)

/* Bits newer than the header: kernel 6.2 and 6.10. */
#define ACCESS_TRUNCATE  (UINT64_C(1) << 14)
#define ACCESS_IOCTL_DEV (UINT64_C(1) << 15)

static const struct rights {
    const char *calls;
    uint64_t access; /* beneath the directory */
    uint64_t capabilities;
} rights_of[] = {
    [TRANSFER_SPOOL] = { CALLS_SPOOL, ACCESS_SPOOL, 0 },
    [TRANSFER_DIGEST] = { CALLS_ALL, 0, 0 },
    [TRANSFER_INFLATE] = { CALLS_ALL, 0, 0 },
    [TRANSFER_SUM] = { CALLS_SUM, ACCESS_SUM, CAPABILITY_BIT(DAC_OVERRIDE) },
    [TRANSFER_UNPACK] = { CALLS_UNPACK, ACCESS_UNPACK,
                          CAPABILITY_BIT(CHOWN) | CAPABILITY_BIT(DAC_OVERRIDE) |
                              CAPABILITY_BIT(FOWNER) | CAPABILITY_BIT(FSETID) |
                              CAPABILITY_BIT(SETFCAP) },
    [TRANSFER_PACK] = { CALLS_PACK, 0, 0 },
    [TRANSFER_DEFLATE] = { CALLS_ALL, 0, 0 },
    [TRANSFER_REMOVE] = { CALLS_REMOVE, ACCESS_REMOVE,
                          CAPABILITY_BIT(DAC_OVERRIDE) | CAPABILITY_BIT(FOWNER) },
    [TRANSFER_SIGN] = { CALLS_ALL, 0, 0 },
    [TRANSFER_VERIFY] = { CALLS_ALL, 0, 0 },
};

_Static_assert(array_size(rights_of) == TRANSFER_VERB_COUNT, "each verb has its rights");

/* ---- system calls ---- */

static int filter_make(const char *calls, struct seccomp_filter *ret_filter, struct err *err)
{
    struct seccomp_rules rules = {
        .otherwise = SECCOMP_RET_ERRNO | EPERM,
        .foreign = SECCOMP_RET_KILL_PROCESS,
    };
    seccomp_rules_add(&rules, calls, SECCOMP_RET_ALLOW);
    /* Memory, but no code. */
    struct seccomp_rule *memory = seccomp_rules_add(&rules, "mmap mprotect", SECCOMP_RET_ALLOW);
    memory->n_compares = 1;
    memory->compares[0] = (struct seccomp_compare){
        .argument = 2,
        .operation = SECCOMP_MASKED_EQUAL,
        .value = 0,
        .mask = PROT_EXEC,
    };
    int result = seccomp_compile(&rules, ret_filter, err);
    seccomp_rules_done(&rules);
    return result;
}

int confinement_init(struct confinement *confinement, struct err *err)
{
    *confinement = (struct confinement){};
    for (size_t i = 0; i < TRANSFER_VERB_COUNT; i++) {
        if (filter_make(rights_of[i].calls, &confinement->filters[i], err) < 0) {
            confinement_done(confinement);
            return -1;
        }
    }
    return 0;
}

void confinement_done(struct confinement *confinement)
{
    for (size_t i = 0; i < TRANSFER_VERB_COUNT; i++)
        seccomp_filter_done(&confinement->filters[i]);
}

/* ---- files ---- */

/* As the kernel has it since 6.12. It takes a longer struct than its own if what is over is zero.
 */
struct ruleset {
    uint64_t access_fs;
    uint64_t access_net;
    uint64_t scoped;
};

/* Everything that the running kernel's Landlock knows; false if it is none that is of use here. */
static bool ruleset_fill(struct ruleset *ruleset)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    /* Before version 2 (5.19) it refuses every hard link between directories. */
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

static int landlock_enter(uint64_t access, int directory, struct err *err)
{
    struct ruleset ruleset;
    if (!ruleset_fill(&ruleset))
        return 0;
    auto_close int fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
    if (fd < 0)
        return err_sys(err, "make a landlock ruleset");
    const struct landlock_path_beneath_attr beneath = {
        .allowed_access = access & ruleset.access_fs,
        .parent_fd = directory,
    };
    if (access && directory >= 0 &&
        syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
        return err_sys(err, "add a landlock rule");
    return landlock_restrict(fd) < 0 ? err_sys(err, "enter a landlock ruleset") : 0;
}

/* ---- the rest ---- */

enum {
    ADDRESS_MIB = 2048, /* zstd's window, tables of a large layer's directories */
    FILE_TIB = 8,       /* one file, holes counted */
    FILES_OPEN = 128,
};

static int limits_enter(struct err *err)
{
    static const struct {
        int resource;
        rlim_t limit;
    } limits[] = {
        { RLIMIT_CORE, 0 },
        { RLIMIT_NOFILE, FILES_OPEN },
        { RLIMIT_FSIZE, (rlim_t)FILE_TIB << 40 },
#if !SANITIZED
        { RLIMIT_AS, (rlim_t)ADDRESS_MIB << 20 },
#endif
    };
    for (size_t i = 0; i < array_size(limits); i++) {
        struct rlimit now;
        if (getrlimit((__rlimit_resource_t)limits[i].resource, &now) < 0)
            return err_sys(err, "read a resource limit");
        if (now.rlim_max > limits[i].limit)
            now.rlim_max = limits[i].limit;
        now.rlim_cur = now.rlim_max;
        if (setrlimit((__rlimit_resource_t)limits[i].resource, &now) < 0)
            return err_sys(err, "set a resource limit");
    }
    /* Errors of the calls instead. */
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    return 0;
}

/* Standard input is /dev/null, opened for reading. What is written to the others would be a
 * stranger's words, on the user's terminal perhaps; a sanitizer's are welcome. */
static int streams_enter(struct err *err)
{
    if (SANITIZED)
        return 0;
    if (dup2(STDIN_FILENO, STDOUT_FILENO) < 0 || dup2(STDIN_FILENO, STDERR_FILENO) < 0)
        return err_sys(err, "close the standard streams");
    return 0;
}

int confinement_enter(const struct confinement *confinement, enum transfer_verb verb, int directory,
                      struct err *err)
{
    const struct rights *rights = &rights_of[verb];
    const struct capability_sets capabilities = {
        .effective = rights->capabilities,
        .permitted = rights->capabilities,
    };

    if (limits_enter(err) < 0 || streams_enter(err) < 0)
        return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_sys(err, "give up new privileges");
    if (landlock_enter(rights->access, directory, err) < 0)
        return -1;
    if (capability_set(&capabilities) < 0)
        return err_sys(err, "give up capabilities");
    if (!SANITIZED && seccomp_filter_load(&confinement->filters[verb], 0) < 0)
        return err_sys(err, "load a system call filter");
    return 0;
}
