/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/pidfd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/libc.h"

int pidfd_of(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

int pidfd_signal(int pidfd, int signal)
{
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int pidfd_poll(int pidfd, int timeout_ms)
{
    struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };
    int64_t end_ms = timeout_ms > 0 ? now_ms() + timeout_ms : 0;
    int left_ms = timeout_ms;

    for (;;) {
        int n = poll(&poll_fd, 1, left_ms);
        if (n > 0 && poll_fd.revents & POLLNVAL) {
            errno = EBADF;
            return -1;
        }
        if (n >= 0 || errno != EINTR)
            return n;
        if (timeout_ms > 0) {
            int64_t left = end_ms - now_ms();
            left_ms = left > 0 ? (int)left : 0;
        }
    }
}

int pidfd_wait(int pidfd, int options, int *ret_status)
{
    siginfo_t info;

    do {
        info.si_pid = 0; /* stays so if WNOHANG finds none ended */
        if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | options) == 0)
            break;
        if (errno != EINTR)
            return -1;
    } while (1);
    if (info.si_pid == 0)
        return 0;

    if (info.si_code == CLD_EXITED)
        *ret_status = W_EXITCODE(info.si_status, 0);
    else
        *ret_status = info.si_status | (info.si_code == CLD_DUMPED ? WCOREFLAG : 0);
    return 1;
}

int child_await(pid_t pid)
{
    siginfo_t end = {};
    int waited;
    do
        waited = waitid(P_PID, (id_t)pid, &end, WEXITED | __WALL);
    while (waited < 0 && errno == EINTR);
    if (waited < 0)
        return -1;
    if (end.si_code == CLD_EXITED)
        return end.si_status;
    errno = ECANCELED;
    return -1;
}
