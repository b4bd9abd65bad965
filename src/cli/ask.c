/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ask.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/signal.h"
#include "base/str.h"

static int echo_off(struct termios *ret_saved, struct err *err)
{
    if (tcgetattr(STDIN_FILENO, ret_saved) < 0)
        return err_sys(err, "ask the terminal for its mode");
    struct termios quiet = *ret_saved;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    quiet.c_lflag |= ECHONL; /* the end of the line is shown */
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) < 0)
        return err_sys(err, "keep the terminal from echoing");
    return 0;
}

/* One line of a terminal. A signal that came is left in *ret_signal, and nothing is read. */
static int line_read(int signals, char *line, size_t *ret_len, int *ret_signal, struct err *err)
{
    struct pollfd polled[] = { { .fd = STDIN_FILENO, .events = POLLIN },
                               { .fd = signals, .events = POLLIN } };
    size_t len = 0;
    while (len < ASK_ANSWER_MAX) {
        if (poll(polled, array_size(polled), -1) < 0 && errno != EINTR)
            return err_sys(err, "wait for the terminal");
        *ret_signal = signal_read(signals);
        if (*ret_signal != 0)
            return 0;
        if (!polled[0].revents)
            continue;
        ssize_t n = read(STDIN_FILENO, line + len, ASK_ANSWER_MAX - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, "read from the terminal");
        len += (size_t)n;
        if (n == 0 || line[len - 1] == '\n')
            break;
    }
    *ret_len = len;
    return 0;
}

static int answer_take(char *line, size_t len, const char *what, char **ret_answer, struct err *err)
{
    while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
        len--;
    if (memchr(line, '\0', len))
        return err_set(err, ERR_INVALID, "the %s holds a zero byte", what);
    *ret_answer = xstrndup(line, len);
    return 0;
}

/* Like the shell's read: what is typed stays in the terminal's hands until its line is ended. Who
 * sees the question may answer: the echo is off by then. */
static int terminal_ask(const char *question, enum ask_flags flags, char *line, size_t *ret_len,
                        struct err *err)
{
    sigset_t sent, before;
    struct termios saved;
    auto_close int signals = -1;
    int signal = 0;
    bool hidden = flags & ASK_HIDDEN;
    signal_set_sent(&sent);
    (void)sigprocmask(SIG_BLOCK, NULL, &before);
    if (signal_open(&sent, &signals, err) < 0)
        return -1;
    int result = hidden ? echo_off(&saved, err) : 0;
    if (result == 0) {
        (void)fd_write_all(STDERR_FILENO, question, strlen(question));
        (void)fd_write_all(STDERR_FILENO, ": ", 2); /* who sees no question may still answer it */
        result = line_read(signals, line, ret_len, &signal, err);
        if (hidden)
            (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved); /* the terminal may be gone */
    }
    if (signal != 0)
        signal_die(signal);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return result;
}

int ask(const char *question, enum ask_flags flags, char **ret_answer, struct err *err)
{
    if (!isatty(STDIN_FILENO))
        return err_set(err, ERR_USAGE,
                       "standard input is no terminal, where one could answer \"%s\"", question);
    char *line = xmalloc(ASK_ANSWER_MAX);
    size_t len = 0;
    int result = terminal_ask(question, flags, line, &len, err);
    if (result == 0)
        result = answer_take(line, len, "answer", ret_answer, err);
    explicit_bzero(line, ASK_ANSWER_MAX);
    free(line);
    return result;
}

int ask_stdin(const char *what, char **ret_answer, struct err *err)
{
    char *data = NULL;
    size_t len = 0;
    if (file_load_fd(STDIN_FILENO, ASK_ANSWER_MAX, &data, &len, err) < 0)
        return err_wrap(err, "read the %s from standard input", what);
    int result = answer_take(data, len, what, ret_answer, err);
    explicit_bzero(data, len);
    free(data);
    return result;
}
