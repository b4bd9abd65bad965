/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One loop polls the end of the process, signals (as data, base/signal.h) and the two directions of
 * a terminal. Our own terminal is shared with others, so it is not made non-blocking: what is
 * written to it may wait for it, which is what a program in its place would do.
 */
#include "runtime_cli/attend.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/signal.h"
#include "kernel/pidfd.h"
#include "kernel/terminal.h"

enum { COPY_SIZE = 8 << 10, TYPED_SIZE = 256, DRAIN_MS = 0 };

/* The first stream that is one, or the session's, which a caller of redirected streams still sits
 * at. */
static int own_terminal(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (isatty(fd))
            return fd;
    return open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
}

int attend_init(struct attend *attend, bool terminal, struct err *err)
{
    sigset_t set;
    *attend =
        (struct attend){ .terminal = terminal, .signals = -1, .own = -1, .kept = { -1, -1, -1 } };
    if (terminal && (attend->own = own_terminal()) < 0) {
        (void)err_set(err, ERR_INVALID, "the process is to have a terminal, but here is none");
        return err_hint(err, "detach with --console-socket, or set process.terminal to false");
    }
    signal_set_sent(&set);
    (void)sigaddset(&set, SIGPIPE); /* whose reader is gone shows in write */
    if (terminal)
        (void)sigaddset(&set, SIGWINCH);
    return signal_open(&set, &attend->signals, err);
}

void attend_done(struct attend *attend)
{
    if (attend->raw)
        (void)terminal_restore(attend->own, &attend->saved); /* it may have hung up */
    attend->raw = false;
    if (attend->own > STDERR_FILENO)
        fd_close(&attend->own);
    attend->signals = -1; /* it goes with the program */
}

static void size_pass_on(const struct attend *attend, int master)
{
    struct terminal_size size;
    if (terminal_size_get(attend->own, &size) == 0)
        (void)terminal_size_set(master, &size); /* the other side may have ended */
}

static void signals_pass_on(const struct attend *attend, const struct runtime_process *process)
{
    for (int number; (number = signal_read(attend->signals)) > 0;) {
        if (number == SIGWINCH && attend->terminal)
            size_pass_on(attend, process->terminal);
        else if (number != SIGPIPE)
            (void)pidfd_signal(process->pidfd, number); /* one that has ended gets none */
    }
}

/* False: nothing comes any more. */
static bool copy(int from, int to, size_t most)
{
    char buffer[COPY_SIZE];
    ssize_t len = read(from, buffer, most);
    if (len < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    return len > 0 && fd_write_all(to, buffer, (size_t)len) == 0;
}

static void relay(struct attend *attend, const struct runtime_process *process)
{
    enum { END, SIGNALS, SAID, TYPED, N };
    struct pollfd polled[N] = {
        [END] = { .fd = process->pidfd, .events = POLLIN },
        [SIGNALS] = { .fd = attend->signals, .events = POLLIN },
        [SAID] = { .fd = process->terminal, .events = POLLIN },
        [TYPED] = { .fd = attend->terminal ? STDIN_FILENO : -1, .events = POLLIN },
    };
    bool ended = false;
    for (;;) {
        int ready = poll(polled, N, ended ? DRAIN_MS : -1);
        if (ready < 0 && errno != EINTR)
            return;
        /* What was said before the end is still copied; what others say later is not waited for. */
        if (ended && (ready <= 0 || !polled[SAID].revents))
            return;
        if (polled[SIGNALS].revents)
            signals_pass_on(attend, process);
        if (polled[SAID].revents && !copy(process->terminal, STDOUT_FILENO, COPY_SIZE))
            polled[SAID].fd = -1;
        if (polled[TYPED].revents && !copy(STDIN_FILENO, process->terminal, TYPED_SIZE))
            polled[TYPED].fd = -1;
        if (!polled[END].revents)
            continue;
        if (process->terminal < 0)
            return;
        ended = true;
        polled[END].fd = polled[TYPED].fd = -1;
    }
}

/* What the start had open would be so as long as the process lives. */
static int others_close(const struct attend *attend, const struct runtime_process *process,
                        struct err *err)
{
    const int kept[] = { attend->signals, attend->own,     process->pidfd, process->terminal,
                         attend->kept[0], attend->kept[1], attend->kept[2] };
    if (descriptors_close_others(STDERR_FILENO + 1, kept, array_size(kept)) < 0)
        return err_sys(err, "close descriptors");
    return 0;
}

int attend_run(struct attend *attend, const struct runtime_process *process, int *ret_exit_code,
               struct err *err)
{
    int status;
    if (others_close(attend, process, err) < 0)
        return -1;
    if (attend->terminal) {
        size_pass_on(attend, process->terminal);
        /* The session's has none of our streams, only a size; and to change it in the background
         * would stop us. */
        bool typed_at = attend->own <= STDERR_FILENO;
        if (typed_at && terminal_raw(attend->own, &attend->saved) < 0)
            return err_sys(err, "set the terminal to raw mode");
        attend->raw = typed_at;
    }
    relay(attend, process);
    if (pidfd_wait(process->pidfd, 0, &status) < 0)
        return err_sys(err, "wait for the process");
    *ret_exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return 0;
}
