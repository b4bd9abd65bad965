/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting: takes the container's lock, makes the streams, forks the monitor, and waits for its
 * word. The monitor writes to the caller's own stdout and stderr, so an attached caller has nothing
 * to copy but stdin.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/create.h"
#include "engine/monitor.h"
#include "engine/record_part.h"
#include "kernel/pidfd.h"

enum { DEAD_WAIT_MS = 2000 }; /* until a monitor that was killed, and who it forked, let go */

/* Both ends of the container's streams: [0] is read from, [1] is written to. */
struct streams {
    int in[2];
    int out[2];
    int err[2];
    int control[2];
};

static void streams_done(struct streams *streams)
{
    int *fds = streams->in; /* eight descriptors in a row */
    for (size_t i = 0; i < sizeof(*streams) / sizeof(int); i++)
        fd_close(&fds[i]);
}

static int streams_open(const struct container_config *config, const struct attendance *attendance,
                        struct streams *streams, struct err *err)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, streams->control) < 0)
        return err_sys(err, "socketpair");
    if (config->terminal)
        return 0;
    bool stdin_open = config->stdin_open && attendance->attached && attendance->stdin_open;
    if (stdin_open && pipe2(streams->in, O_CLOEXEC) < 0)
        return err_sys(err, "pipe");
    if (!stdin_open && (streams->in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
        return err_sys(err, "open /dev/null");
    if (pipe2(streams->out, O_CLOEXEC) < 0 || pipe2(streams->err, O_CLOEXEC) < 0)
        return err_sys(err, "pipe");
    return 0;
}

static _Noreturn void monitor_begin(struct engine *engine, struct container *container, int lock,
                                    struct streams *streams, const struct attendance *attendance)
{
    struct monitor monitor = {
        .engine = engine,
        .container = container,
        .lock = lock,
        .control = streams->control[1],
        .attached = attendance->attached,
        .stdio = { streams->in[0], streams->out[1], streams->err[1] },
        .out = streams->out[0],
        .err = streams->err[0],
        .size = attendance->size,
        .listener = attendance->listener,
        .listener_context = attendance->listener_context,
    };
    monitor_run(&monitor); /* it closes the caller's ends, with all else that is not its own */
}

/* Gives the length of a message, -1 when the monitor is gone. */
static ssize_t message_receive(int control, void *into, size_t size, int fds[2])
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(2 * sizeof(int))];
    } space;
    struct iovec data = { .iov_base = into, .iov_len = size };
    struct msghdr message = {
        .msg_iov = &data,
        .msg_iovlen = 1,
        .msg_control = &space,
        .msg_controllen = sizeof(space),
    };
    ssize_t len;
    do
        len = recvmsg(control, &message, MSG_CMSG_CLOEXEC);
    while (len < 0 && errno == EINTR);
    struct cmsghdr *header = len > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (header && header->cmsg_type == SCM_RIGHTS)
        memcpy(fds, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
    return len > 0 ? len : -1;
}

/* *ret_told: whether there was an answer. */
static int wait_started(int control, struct attendance *attendance, bool *ret_told, struct err *err)
{
    union {
        struct monitor_message message;
        struct err error;
    } answer = {};
    int fds[2] = { -1, -1 };
    ssize_t len = message_receive(control, &answer, sizeof(answer), fds);
    attendance->process = fds[0];
    attendance->terminal = fds[1];
    *ret_told = len > 0;
    if (len == sizeof(answer.error)) {
        *err = answer.error;
        err->text[sizeof(err->text) - 1] = '\0';
        return -1;
    }
    if (len != sizeof(answer.message) || answer.message.word != MONITOR_STARTED)
        return err_set(err, ERR_SYSTEM,
                       "the container's monitor ended before the container started");
    answer.message.warnings[sizeof(answer.message.warnings) - 1] = '\0';
    attendance->warnings = answer.message.warnings[0] ? xstrdup(answer.message.warnings) : NULL;
    return 0;
}

/* Of a monitor that was killed before it could tell anything: what it had made goes, and with it a
 * container that removes itself. */
static void clean_after(struct engine *engine, const struct container *container)
{
    const char *id = container->config.id;
    struct container_config recorded = {}; /* the monitor may have named it */
    struct err ignored = {};
    auto_close int lock = -1;
    int run_fd;
    if (engine_run_fd(engine, &run_fd, &ignored) < 0 ||
        !record_wait_unlocked(engine, id, DEAD_WAIT_MS) ||
        record_lock(engine, id, NULL, &lock, &ignored) < 0)
        return; /* it runs, without a monitor */
    (void)record_load_config(engine, id, &recorded, &ignored);
    if (!container->config.auto_remove)
        run_dir_remove(run_fd, lock, id);
    else
        record_withdraw(engine, lock, id, recorded.name);
    container_config_done(&recorded);
}

int container_start(struct engine *engine, struct container *container,
                    struct attendance *attendance, struct err *err)
{
    auto_done(streams) streams = { { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
    auto_close int lock = -1;
    attendance->control = attendance->process = attendance->stdin_fd = attendance->terminal = -1;
    attendance->out_fd = attendance->err_fd = -1;
    attendance->warnings = NULL;
    attendance->unheard = 0;
    int checked = container->unmade ? config_check_sources(&container->config, err)
                                    : container_check(container, err);
    if (checked < 0 || streams_open(&container->config, attendance, &streams, err) < 0 ||
        record_lock(engine, container->config.id, container_label(container), &lock, err) < 0)
        return -1;

    pid_t pid = fork();
    if (pid < 0)
        return err_sys(err, "fork the monitor");
    if (pid == 0)
        monitor_begin(engine, container, lock, &streams, attendance);

    fd_close(&lock);
    fd_close(&streams.control[1]);
    bool told = true;
    int started = wait_started(streams.control[0], attendance, &told, err);
    if (!told)
        clean_after(engine, container);
    if (started < 0)
        return container->unmade ? -1 : err_wrap(err, "container %s", container_label(container));
    attendance->control = take_fd(streams.control[0]);
    attendance->stdin_fd = take_fd(streams.in[1]);
    return 0;
}

int container_signal_attended(const struct attendance *attendance, int signal, struct err *err)
{
    if (pidfd_signal(attendance->process, signal) < 0 && errno != ESRCH)
        return err_sys(err, "signal the container");
    return 0;
}

static int attend_exec(struct attendance *attendance, int *ret_exit_code, struct err *err)
{
    int status;
    if (pidfd_wait(attendance->process, 0, &status) < 0)
        return err_sys(err, "wait for the process");
    *ret_exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return 1;
}

int container_attend(struct attendance *attendance, int *ret_exit_code, struct err *err)
{
    struct monitor_message message;
    int fds[2] = { -1, -1 };
    if (attendance->control == attendance->process)
        return attend_exec(attendance, ret_exit_code, err);
    bool told =
        message_receive(attendance->control, &message, sizeof(message), fds) == sizeof(message);
    if (told && message.word == MONITOR_UNHEARD) {
        attendance->unheard = message.value;
        return 0;
    }
    if (!told || message.word != MONITOR_ENDED)
        return err_set(err, ERR_SYSTEM,
                       "the container's monitor is gone: how the container ended is not known");
    *ret_exit_code = message.value;
    return 1;
}

void attendance_done(struct attendance *attendance)
{
    if (attendance->process == attendance->control)
        attendance->process = -1;
    fd_close(&attendance->control);
    fd_close(&attendance->process);
    fd_close(&attendance->stdin_fd);
    fd_close(&attendance->terminal);
    fd_close(&attendance->out_fd);
    fd_close(&attendance->err_fd);
    free(attendance->warnings);
    attendance->warnings = NULL;
}
