/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/confine.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "kernel/capability.h"
#include "kernel/confine.h"
#include "kernel/mount.h"

/* ---- system calls ---- */

static const char calls[] =
    /* descriptors */
    "read readv write writev pread64 pwrite64 ftruncate close lseek fcntl dup "
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

/* Of each call a first or second argument, of 32 bits. */
static const struct {
    const char *call;
    uint8_t argument;
    uint32_t value;
} allowed[] = {
    /* No AF_UNIX: whoever answers there may be told to start things. Names are resolved by what the
     * C library holds itself: files and DNS. Netlink tells it which addresses this machine has. */
    { "socket", 0, AF_INET }, { "socket", 0, AF_INET6 }, { "socket", 0, AF_NETLINK },
    { "ioctl", 1, FIONREAD }, { "ioctl", 1, FIONBIO },
};

/* How libcurl's threads wake each other. A pair of another type is a socket that can be sent
 * elsewhere, to an AF_UNIX address. */
static void pairs_allow(struct seccomp_rules *rules)
{
    struct seccomp_rule *rule = seccomp_rules_add(rules, "socketpair", SECCOMP_RET_ALLOW);
    rule->n_compares = 2;
    rule->compares[0] = (struct seccomp_compare){
        .argument = 0,
        .operation = SECCOMP_MASKED_EQUAL,
        .value = AF_UNIX,
        .mask = UINT32_MAX,
    };
    rule->compares[1] = (struct seccomp_compare){
        .argument = 1,
        .operation = SECCOMP_MASKED_EQUAL,
        .value = SOCK_STREAM,
        .mask = 0xf, /* SOCK_CLOEXEC and SOCK_NONBLOCK aside */
    };
}

static int filter_enter(struct err *err)
{
    struct seccomp_rules rules;
    confine_rules_init(&rules, calls);
    confine_rules_threads(&rules);
    for (size_t i = 0; i < array_size(allowed); i++)
        confine_rules_allow(&rules, allowed[i].call, allowed[i].argument, allowed[i].value,
                            UINT32_MAX);
    pairs_allow(&rules);
    int result = confine_rules_enter(&rules, err);
    seccomp_rules_done(&rules);
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
#if CONFINE_SANITIZED
    "/proc", /* for its search for leaks */
#endif
};

static struct confine_beneath readable_open(const char *path)
{
    struct stat st;
    auto_close int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return (struct confine_beneath){ .fd = -1 }; /* not on this machine */
    uint64_t access = LANDLOCK_ACCESS_FS_READ_FILE;
    if (S_ISDIR(st.st_mode))
        access |= LANDLOCK_ACCESS_FS_READ_DIR;
    return (struct confine_beneath){ take_fd(fd), access };
}

/* One of them, where it was, below another root. */
static int readable_keep(int root, const char *path, struct err *err)
{
    const uint64_t attributes =
        MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    struct stat st;
    auto_close int mount = mount_clone(AT_FDCWD, path, MOUNT_RECURSIVE);
    if (mount < 0)
        return 0; /* not on this machine */
    if (fstat(mount, &st) < 0 || mount_change(mount, attributes, 0, 0, MOUNT_RECURSIVE) < 0)
        return err_sys(err, "%s", path);
    const char *name = strrchr(path, '/');
    auto_free char *directory =
        S_ISDIR(st.st_mode) ? xstrdup(path + 1) : xstrndup(path + 1, (size_t)(name - path - 1));
    if (dir_make_all(root, directory, 0755, err) < 0)
        return -1;
    auto_close int file =
        S_ISDIR(st.st_mode) ? -1 : openat(root, path + 1, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    return mount_attach(mount, root, path + 1) < 0 ? err_sys(err, "%s", path) : 0;
}

/* Where there is no Landlock (before Linux 5.13): a root with these alone. */
static int root_enter(struct err *err)
{
    static const char place[] = "/dev"; /* every host has it, and nothing of it is needed here */
    if (unshare(CLONE_NEWNS) < 0 || mount_propagation(MS_PRIVATE) < 0)
        return err_sys(err, "make a mount namespace");
    auto_close int fs = fs_open("tmpfs");
    auto_close int root =
        fs < 0 ? -1 : fs_mount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    if (root < 0 || mount_attach(root, AT_FDCWD, place) < 0)
        return err_sys(err, "make a root directory");
    for (size_t i = 0; i < array_size(readable); i++)
        if (readable_keep(root, readable[i], err) < 0)
            return -1;
    if (mount_change(root, MOUNT_ATTR_RDONLY, 0, 0, 0) < 0) /* memory is not to be had there */
        return err_sys(err, "make a root directory");
    bool changed = mount_pivot(root) == 0 || mount_chroot(root) == 0; /* in an initramfs */
    return changed ? 0 : err_sys(err, "change the root directory");
}

static int files_enter(struct err *err)
{
    struct confine_beneath beneath[array_size(readable)];
    for (size_t i = 0; i < array_size(readable); i++)
        beneath[i] = readable_open(readable[i]);
    int result = confine_files_enter(beneath, array_size(readable), CONFINE_NETWORK, err);
    for (size_t i = 0; i < array_size(readable); i++)
        fd_close(&beneath[i].fd);
    return result == 0 ? root_enter(err) : result < 0 ? -1 : 0;
}

/* ---- the rest ---- */

enum {
    ADDRESS_MIB = 1024,
    FILE_TIB = 8,
    FILES_OPEN = 1024, /* one for an operation, and connections */
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

int confine(struct err *err)
{
    static const struct confine_limits limits = {
        .files_open = FILES_OPEN,
        .file_bytes = (uint64_t)FILE_TIB << 40,
        .address_bytes = (uint64_t)ADDRESS_MIB << 20,
    };
    static const struct capability_sets none = {};
    if (confine_limits_enter(&limits, err) < 0 || confine_streams_close(err) < 0)
        return -1;
    threads_small();
    /* A sanitizer traces the process in the end. */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_DUMPABLE, CONFINE_SANITIZED, 0, 0, 0) < 0)
        return err_sys(err, "give up new privileges");
    if (files_enter(err) < 0)
        return -1;
    if (capability_lower(&none) < 0)
        return err_sys(err, "give up capabilities");
    return filter_enter(err);
}
