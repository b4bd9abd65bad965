/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernel/capability.h"
#include "kernel/landlock.h"
#include "kernel/seccomp.h"

/* A sanitizer reserves terabytes of addresses, asks the kernel for more than the program does, and
 * traces it in the end. */
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

/* ---- system calls ---- */

static const char calls[] =
    /* descriptors */
    "read readv write writev pread64 pwrite64 close lseek fcntl splice dup "
    "epoll_wait epoll_pwait epoll_ctl poll ppoll select pselect6 pipe2 eventfd2 "
    /* files, for reading: Landlock says which */
    "openat open newfstatat fstat stat lstat statx access faccessat faccessat2 readlink readlinkat "
    /* the network */
    "connect bind getsockname getpeername getsockopt setsockopt shutdown sendto sendmsg sendmmsg "
    "recvfrom recvmsg recvmmsg "
    /* memory and threads */
    "munmap mremap brk madvise futex set_robust_list rseq exit exit_group rt_sigreturn "
    "rt_sigprocmask rt_sigaction sigaltstack restart_syscall sched_yield sched_getaffinity gettid "
    /* the rest */
    "clock_gettime clock_nanosleep nanosleep gettimeofday getrandom getpid getuid geteuid getgid "
    "getegid uname sysinfo";

static void allow_if(struct seccomp_rules *rules, const char *names, uint8_t argument,
                     enum seccomp_operation operation, uint64_t value, uint64_t mask)
{
    struct seccomp_rule *rule = seccomp_rules_add(rules, names, SECCOMP_RET_ALLOW);
    rule->n_compares = 1;
    rule->compares[0] = (struct seccomp_compare){
        .argument = argument,
        .operation = operation,
        .value = value,
        .mask = mask,
    };
}

static void allow_socket(struct seccomp_rules *rules, int domain)
{
    allow_if(rules, "socket", 0, SECCOMP_MASKED_EQUAL, (uint64_t)domain, UINT32_MAX);
}

static int filter_enter(struct err *err)
{
    struct seccomp_rules rules = {
        .otherwise = SECCOMP_RET_ERRNO | EPERM,
        .foreign = SECCOMP_RET_KILL_PROCESS,
    };
    struct seccomp_filter filter;
    seccomp_rules_add(&rules, calls, SECCOMP_RET_ALLOW);
    /* Memory, but no code. */
    allow_if(&rules, "mmap mprotect", 2, SECCOMP_MASKED_EQUAL, 0, PROT_EXEC);
    /* Threads, but no processes. What clone3 is asked for cannot be seen from here; the C library
     * does without. */
    seccomp_rules_add(&rules, "clone3", SECCOMP_RET_ERRNO | ENOSYS);
    allow_if(&rules, "clone", 0, SECCOMP_MASKED_EQUAL, CLONE_THREAD, CLONE_THREAD);
    /* No AF_UNIX: whoever answers there may be told to start things. Names are resolved by what the
     * C library holds itself: files and DNS. Netlink tells it which addresses this machine has. */
    allow_socket(&rules, AF_INET);
    allow_socket(&rules, AF_INET6);
    allow_socket(&rules, AF_NETLINK);
    allow_if(&rules, "socketpair", 0, SECCOMP_MASKED_EQUAL, AF_UNIX, UINT32_MAX);
    allow_if(&rules, "ioctl", 1, SECCOMP_MASKED_EQUAL, FIONREAD, UINT32_MAX);
    allow_if(&rules, "ioctl", 1, SECCOMP_MASKED_EQUAL, FIONBIO, UINT32_MAX);

    int result = seccomp_compile(&rules, &filter, err);
    seccomp_rules_done(&rules);
    if (result < 0)
        return -1;
    if (seccomp_filter_load(&filter, 0) < 0)
        result = err_sys(err, "load a system call filter");
    seccomp_filter_done(&filter);
    return result;
}

/* ---- files ---- */

/* What is there of these may be read. Files of /etc are named one by one: others are nobody's
 * business. */
static const char *const readable[] = {
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/pki/tls",
    "/etc/pki/ca-trust",
    "/etc/ca-certificates",
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/run/connman",
    "/usr/lib/ssl",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/share/pki",
    "/var/lib/ca-certificates",
#if SANITIZED
    "/proc", /* for its search for leaks */
#endif
};

/* Bits newer than the header: kernel 6.2 and 6.10. */
#define ACCESS_TRUNCATE  (UINT64_C(1) << 14)
#define ACCESS_IOCTL_DEV (UINT64_C(1) << 15)

/* As the kernel has it since 6.12. It takes a longer struct than its own if what is over is zero.
 */
struct ruleset {
    uint64_t access_fs;
    uint64_t access_net; /* none: the network is this program's job */
    uint64_t scoped;
};

/* All that the running kernel's Landlock knows of files; false if there is none. */
static bool ruleset_fill(struct ruleset *ruleset)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return false;
    *ruleset = (struct ruleset){ .access_fs = LANDLOCK_ACCESS_FS_REFER - 1 };
    if (version >= 2)
        ruleset->access_fs |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3)
        ruleset->access_fs |= ACCESS_TRUNCATE;
    if (version >= 5)
        ruleset->access_fs |= ACCESS_IOCTL_DEV;
    if (version >= 6)
        ruleset->scoped = 3; /* abstract sockets and signals */
    return true;
}

static int path_allow(int ruleset, const char *path, struct err *err)
{
    struct stat st;
    auto_close int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return 0; /* not on this machine */
    const struct landlock_path_beneath_attr beneath = {
        .allowed_access =
            LANDLOCK_ACCESS_FS_READ_FILE | (S_ISDIR(st.st_mode) ? LANDLOCK_ACCESS_FS_READ_DIR : 0),
        .parent_fd = fd,
    };
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
        return err_sys(err, "add a landlock rule");
    return 0;
}

static int files_enter(struct err *err)
{
    struct ruleset ruleset;
    if (!ruleset_fill(&ruleset))
        return 0;
    auto_close int fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
    if (fd < 0)
        return err_sys(err, "make a landlock ruleset");
    for (size_t i = 0; i < array_size(readable); i++)
        if (path_allow(fd, readable[i], err) < 0)
            return -1;
    return landlock_restrict(fd) < 0 ? err_sys(err, "enter a landlock ruleset") : 0;
}

/* ---- the rest ---- */

enum {
    ADDRESS_MIB = 1024,
    FILE_TIB = 8,
    FILES_OPEN = 1024, /* two for an operation, and connections */
    ARENAS_MAX = 2,    /* of malloc */
    STACK_KIB = 1024,  /* of a thread */
};

/* The resolver has one for each name that is looked up at a time. */
static void threads_small(void)
{
    pthread_attr_t attributes;
    (void)mallopt(M_ARENA_MAX, ARENAS_MAX);
    if (pthread_attr_init(&attributes) != 0)
        return;
    if (pthread_attr_setstacksize(&attributes, STACK_KIB << 10) == 0)
        (void)pthread_setattr_default_np(&attributes);
    (void)pthread_attr_destroy(&attributes);
}

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
    threads_small();
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

int confine(struct err *err)
{
    const struct capability_sets none = {};
    if (limits_enter(err) < 0 || streams_enter(err) < 0)
        return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_DUMPABLE, SANITIZED, 0, 0, 0) < 0)
        return err_sys(err, "give up new privileges");
    if (files_enter(err) < 0)
        return -1;
    if (capability_lower(&none) < 0)
        return err_sys(err, "give up capabilities");
    if (!SANITIZED && filter_enter(err) < 0)
        return -1;
    return 0;
}
