/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/namespace.h"

#include <linux/sched.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

uint64_t namespace_flag(enum namespace_kind kind)
{
    static const uint32_t flags[] = {
#define X(kind, flag, file) [NAMESPACE_##kind] = (flag),
        NAMESPACES(X)
#undef X
    };
    return flags[kind];
}

const char *namespace_file(enum namespace_kind kind)
{
    static const char files[][8] = {
#define X(kind, flag, file) [NAMESPACE_##kind] = file,
        NAMESPACES(X)
#undef X
    };
    return files[kind];
}

pid_t namespace_clone(uint64_t flags, int cgroup, int *ret_pidfd)
{
    int pidfd = -1;
    struct clone_args args = {
        .flags = flags | CLONE_PIDFD,
        .pidfd = (uintptr_t)&pidfd,
        .exit_signal =
            flags & CLONE_PARENT ? 0 : SIGCHLD, /* clone3(2): inherited with CLONE_PARENT */
    };
    if (cgroup >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)cgroup;
    }
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (pid > 0)
        *ret_pidfd = pidfd;
    return pid;
}

bool namespace_user_is_first(void)
{
    static const ino_t first = 0xeffffffd; /* PROC_USER_INIT_INO: the same since kernel 3.8 */
    struct stat status;
    return stat("/proc/self/ns/user", &status) == 0 && status.st_ino == first;
}

int loopback_up(int *ret_namespace)
{
    /* An ioctl is half the system calls of netlink here, and IFF_UP alone is all lo needs. */
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    struct ifreq request = { .ifr_flags = IFF_UP | IFF_RUNNING };
    memcpy(request.ifr_name, "lo", sizeof("lo"));
    int result = ioctl(fd, SIOCSIFFLAGS, &request);
    if (result == 0 && ret_namespace)
        result = *ret_namespace = ioctl(fd, SIOCGSKNS);
    else
        (void)close(fd);
    return result < 0 ? -1 : 0;
}
