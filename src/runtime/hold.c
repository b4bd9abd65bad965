/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between `create` and `start`: a process that has done all that can fail waits on a listening
 * socket for whoever comes to let it go on. It keeps message boundaries; on a connection
 *
 *   → 'S'           execute the program
 *   → 'K'           end
 *   ← 'X', a struct err, end of file: as on the socket between the two sides of a start (channel.c)
 *
 * Who goes away without a word changes nothing. The first process of a pid namespace is spared by
 * signals that it has no handler for (pid_namespaces(7)), so they are read from a descriptor, and
 * those that end a program end it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/start.h"

enum { HOLD_BACKLOG = 8 };

size_t count_hold(const struct plan *plan)
{
    return (plan->request->flags & RUNTIME_HOLD) != 0;
}

/* --- the process that waits ------------------------------------------------------------------- */

/* signal(7): what has another default than to end the program. */
static bool signal_ends(unsigned number)
{
    switch (number) {
    case SIGCHLD:
    case SIGCONT:
    case SIGURG:
    case SIGWINCH:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
        return false;
    default:
        return true;
    }
}

static void signals_obey(int signals)
{
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof(info)) == sizeof(info))
        if (signal_ends(info.ssi_signo))
            _exit(128 + (int)info.ssi_signo);
}

/* Who connects, and says 'S'. -1 with errno. */
static int hold_wait(int listener, int signals)
{
    struct pollfd polled[] = { { .fd = listener, .events = POLLIN },
                               { .fd = signals, .events = POLLIN } };
    for (;;) {
        if (poll(polled, array_size(polled), -1) < 0 && errno != EINTR)
            return -1;
        signals_obey(signals);
        if (!(polled[0].revents & POLLIN))
            continue;
        /* cppcheck-suppress nullPointer ; nobody wants the address, accept(2) */
        int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection < 0)
            return -1;
        char word = 0;
        ssize_t len = read(connection, &word, 1);
        if (len == 1 && word == 'S')
            return connection;
        if (len == 1 && word == 'K')
            _exit(128 + SIGKILL);
        fd_close(&connection);
    }
}

int process_hold(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const struct plan_process *process = &start->plan->process;
    sigset_t all;
    sigset_t before;
    if (execute_check(process->argv, process->env, err) < 0)
        return -1;
    (void)sigfillset(&all);
    if (sigprocmask(SIG_SETMASK, &all, &before) < 0)
        return step_fail(err, "wait for start", NULL);
    int signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        return step_fail(err, "wait for start", NULL);
    if (channel_announce(start, err) < 0)
        return -1;
    fd_close(&start->channel); /* which tells the parent that it may go */
    start->channel = hold_wait(start->plan->request->hold, signals);
    if (start->channel < 0 || sigprocmask(SIG_SETMASK, &before, NULL) < 0)
        return step_fail(err, "wait for start", NULL);
    fd_close(&signals);
    return 0;
}

/* --- the others ------------------------------------------------------------------------------- */

/* Through the descriptor: a socket's path has 107 bytes at most (unix(7)). */
static struct sockaddr_un hold_address(int dirfd, const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dirfd, name);
    return address;
}

int runtime_hold_open(int dirfd, const char *name, int *ret_hold, struct err *err)
{
    struct sockaddr_un address = hold_address(dirfd, name);
    auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, HOLD_BACKLOG) < 0)
        return err_sys(err, "make the socket %s", name);
    *ret_hold = take_fd(fd);
    return 0;
}

/* Returns 1, or 0 where nobody waits. */
static int hold_say(int dirfd, const char *name, char word, int *ret_fd, struct err *err)
{
    struct sockaddr_un address = hold_address(dirfd, name);
    auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(err, "socket");
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return errno == ENOENT || errno == ECONNREFUSED ? 0 : err_sys(err, "connect to %s", name);
    if (send(fd, &word, 1, MSG_NOSIGNAL) != 1)
        return errno == EPIPE || errno == ECONNRESET ? 0 : err_sys(err, "write to %s", name);
    *ret_fd = take_fd(fd);
    return 1;
}

/* Until the program was executed (1), or the reason why not came (-1). */
static int hold_watch(int fd, struct err *err)
{
    struct err message;
    bool announced = false;
    for (;;) {
        ssize_t len = read(fd, &message, sizeof(message));
        if (len < 0 && errno == EINTR)
            continue;
        if (len == sizeof(message)) {
            message.text[sizeof(message.text) - 1] = '\0';
            *err = message;
            return -1;
        }
        if (len == 1) {
            announced = true;
            continue;
        }
        if (len == 0 && announced)
            return 1;
        return err_set(err, ERR_SYSTEM, "the process ended before it executed its program");
    }
}

int runtime_hold_release(int dirfd, const char *name, struct err *err)
{
    auto_close int fd = -1;
    int said = hold_say(dirfd, name, 'S', &fd, err);
    if (said <= 0)
        return said;
    (void)unlinkat(dirfd, name, 0); /* left over it says less than the process does */
    return hold_watch(fd, err);
}

void runtime_hold_end(int dirfd, const char *name)
{
    struct err ignored = {};
    char rest;
    auto_close int fd = -1;
    if (hold_say(dirfd, name, 'K', &fd, &ignored) == 1)
        (void)!read(fd, &rest, 1); /* its end of file */
}
