/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child is born by clone3 into its namespaces and waits on a SEQPACKET socket. The parent
 * writes its id maps and sends one message: the argument strings one behind the other, each closed
 * by a zero byte, and as SCM_RIGHTS the program's descriptor followed by those the program is to
 * have. The child answers only if it fails; that the socket closes by itself means that the program
 * runs.
 *
 * The child is the first process of a pid namespace: when it has been waited for, whatever it
 * started is gone too. The program is executed by its descriptor: the child's ids may have no right
 * to walk the path to it.
 */
#include "kernel/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "kernel/handover.h"
#include "kernel/namespace.h"
#include "kernel/pidfd.h"

enum {
    FDS_MAX = 16,       /* given to a program, itself not counted */
    ARGS_MAX = 32,      /* arguments */
    ARGS_BYTES = 4096,  /* of all of them */
    FIRST_FD = 3,       /* of those given */
    PARKED_FD = 64,     /* where they wait, above all numbers they could get */
    CHILD_STATUS = 127, /* of a child that could not execute its program */
};

_Static_assert(PARKED_FD > FIRST_FD + FDS_MAX, "parked descriptors are not overwritten");

struct order {
    char args[ARGS_BYTES];
    char *argv[ARGS_MAX + 1];
    int fds[FDS_MAX + 1]; /* the program first */
    size_t n_fds;
};

/* ---- the child: no allocation, no stdio ---- */

/* Receives the order. False: the parent went away. */
static bool order_receive(int control, struct order *order)
{
    ssize_t len = handover_receive(control, order->args, sizeof(order->args), order->fds,
                                   array_size(order->fds), &order->n_fds);
    if (len <= 0 || order->n_fds == 0 || order->args[len - 1])
        return false;
    size_t argc = 0;
    for (size_t at = 0; at < (size_t)len && argc < ARGS_MAX;) {
        order->argv[argc++] = order->args + at;
        at += strlen(order->args + at) + 1;
    }
    return true;
}

/* Puts the descriptors at 3, 4, …; all others but the first three close when the program starts. */
static int order_place_fds(struct order *order, int *control)
{
    for (size_t i = 0; i < order->n_fds; i++) {
        order->fds[i] = fcntl(order->fds[i], F_DUPFD_CLOEXEC, PARKED_FD);
        if (order->fds[i] < 0)
            return -1;
    }
    *control = fcntl(*control, F_DUPFD_CLOEXEC, PARKED_FD);
    if (*control < 0)
        return -1;
    if (syscall(SYS_close_range, FIRST_FD, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return -1;
    for (size_t i = 1; i < order->n_fds; i++)
        if (dup2(order->fds[i], FIRST_FD + (int)i - 1) < 0)
            return -1;

    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0)
        return -1;
    return dup2(null, STDIN_FILENO);
}

static int become_root(void)
{
    /* Denied where an ordinary user wrote a map of one id; then there is nothing to give up either.
     */
    (void)setgroups(0, NULL);
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        return -1;
    /* Behind the change of ids, which clears it. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return -1;
    sigset_t none;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void child_run(int control)
{
    struct order order = {};
    char *const environment[] = { NULL };

    if (!order_receive(control, &order))
        _exit(CHILD_STATUS);
    const char *what = "place descriptors";
    if (order_place_fds(&order, &control) >= 0) {
        what = "become root of a user namespace";
        if (become_root() >= 0) {
            what = "execute";
            if (chdir("/") == 0)
                syscall(SYS_execveat, order.fds[0], "", order.argv, environment, AT_EMPTY_PATH);
        }
    }
    struct err err;
    err_plain(&err, ERR_SYSTEM, errno, what, order.argv[0]);
    (void)!send(control, &err, sizeof(err), MSG_NOSIGNAL); /* the parent may have gone */
    _exit(CHILD_STATUS);
}

/* ---- the parent ---- */

/* A namespace that the kernel refuses is mostly a matter of configuration. */
static int explain_refusal(struct err *err)
{
    int errnum = errno;
    err_sys(err, "make a user namespace");
    if (errnum == ENOSPC)
        return err_hint(err, "raise the sysctl user.max_user_namespaces");
    if (errnum == EPERM || errnum == EACCES)
        return err_hint(err, "allow them to this user: sysctl kernel.unprivileged_userns_clone=1, "
                             "or kernel.apparmor_restrict_unprivileged_userns=0");
    return -1;
}

static int namespace_fd(pid_t pid, int *ret_fd, struct err *err)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, "open %s", path);
    *ret_fd = fd;
    return 0;
}

int userns_open(const struct id_maps *maps, struct userns *ret_userns, struct err *err)
{
    struct userns userns = { .pid = -1, .pidfd = -1, .userns_fd = -1, .control = -1 };
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return err_sys(err, "make a socket pair");

    userns.control = ends[0];
    userns.pid = namespace_clone(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID, -1, &userns.pidfd);
    if (userns.pid == 0) {
        close(ends[0]);
        child_run(ends[1]);
    }
    int errnum = errno;
    close(ends[1]);
    errno = errnum;
    if (userns.pid < 0) {
        explain_refusal(err);
        userns_close(&userns);
        return -1;
    }
    if (id_maps_write(maps, userns.pid, err) < 0 ||
        namespace_fd(userns.pid, &userns.userns_fd, err) < 0) {
        userns_close(&userns);
        return -1;
    }
    *ret_userns = userns;
    return 0;
}

/* The child's answer: its error, or the end of the socket once the program runs. */
static int order_await(struct userns *userns, const char *program, struct err *err)
{
    struct err answer;
    ssize_t len;
    do
        len = recv(userns->control, &answer, sizeof(answer), 0);
    while (len < 0 && errno == EINTR);
    if (len == 0)
        return 0;
    if (len < 0)
        return err_sys(err, "start %s", program);
    if (len != (ssize_t)sizeof(answer))
        return err_set(err, ERR_SYSTEM, "start %s: the child died", program);
    *err = answer;
    return -1;
}

int userns_exec(struct userns *userns, const struct userns_program *program, struct err *err)
{
    auto_done(str) args = { .max_bytes = ARGS_BYTES };
    int fds[FDS_MAX + 1];
    size_t argc = 0;

    for (; program->argv[argc]; argc++)
        str_add_bytes(&args, program->argv[argc], strlen(program->argv[argc]) + 1);
    if (args.over || argc == 0 || argc > ARGS_MAX || program->n_fds > FDS_MAX)
        return err_set(err, ERR_INVALID,
                       "too many arguments or descriptors for a confined program");

    auto_close int program_fd = open(program->argv[0], O_PATH | O_CLOEXEC);
    if (program_fd < 0)
        return err_sys(err, "open %s", program->argv[0]);
    fds[0] = program_fd;
    if (program->n_fds > 0)
        memcpy(fds + 1, program->fds, program->n_fds * sizeof(int));
    if (handover_send(userns->control, args.at, args.len, fds, program->n_fds + 1) < 0)
        return err_sys(err, "start %s", program->argv[0]);
    return order_await(userns, program->argv[0], err);
}

int userns_wait(struct userns *userns, int *ret_status, struct err *err)
{
    int status;
    while (waitpid(userns->pid, &status, 0) < 0)
        if (errno != EINTR)
            return err_sys(err, "wait for a confined program");
    userns->pid = -1;
    *ret_status = status;
    return 0;
}

void userns_close(struct userns *userns)
{
    if (userns->pid > 0) {
        (void)pidfd_signal(userns->pidfd, SIGKILL); /* it may have ended by itself */
        while (waitpid(userns->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    userns->pid = -1;
    fd_close(&userns->pidfd);
    fd_close(&userns->userns_fd);
    fd_close(&userns->control);
}
