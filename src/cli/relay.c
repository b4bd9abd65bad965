/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One loop polls everything: the end of the process, signals (as data, base/signal.h), and up to
 * three channels. A channel is polled at the end whose turn it is: the one it reads when its buffer
 * is empty, else the one it writes.
 *
 * Standard input, output and the pseudo-terminal are shared with others, so they cannot be made
 * non-blocking. Instead, no more is written than surely fits when poll says that something does:
 * PIPE_BUF bytes into a pipe (pipe(7)).
 *
 * With a terminal at both ends ours is in raw mode: keys, Ctrl-C among them, are bytes for the
 * other one. A signal that reaches us then is for us, and ends us as it would have; but first our
 * terminal is set back.
 */
#include "cli/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/signal.h"
#include "cli/cli.h"
#include "engine/engine.h"
#include "kernel/terminal.h"

enum {
    BUFFER_SIZE = 16 << 10,
    TERMINAL_CHUNK =
        256, /* what a line discipline takes once it takes anything, but for a byte or two */
};

enum {
    ASKED_ENOUGH = 3, /* how often SIGINT and SIGTERM are passed on */
    EXIT_LEFT = 1,
};

enum { POLL_CONTROL, POLL_SIGNALS, POLL_CHANNELS };
enum { CHANNELS_MAX = 3 };

enum channel_flags {
    CHANNEL_CLOSES_FROM = 1 << 0, /* when nobody takes what comes */
    CHANNEL_CLOSES_TO = 1 << 1,   /* when nothing comes any more: the other side's end of file */
    CHANNEL_SPEAKS = 1 << 2,      /* it writes to our own stdout or stderr */
};

struct channel {
    int *from; /* -1 there: nothing comes any more */
    int *to;
    enum channel_flags flags;
    size_t chunk; /* most bytes written at once */
    size_t begin; /* what is in the buffer */
    size_t end;
    char *buffer;
};

struct channels {
    size_t len;
    struct channel at[CHANNELS_MAX];
    bool draining; /* the process has ended */
    int unheard;   /* errno of a write to our own stdout or stderr */
};

/* Our own side of the channels. */
struct ends {
    int in;
    int out;
    int err;
};

/* Keys are read for a terminal at the other end: ours becomes raw. */
static bool relays_keys(enum relay_flags flags)
{
    return (flags & RELAY_TERMINAL) && (flags & RELAY_STDIN);
}

int relay_check(enum relay_flags flags, struct err *err)
{
    if (!relays_keys(flags) || isatty(STDIN_FILENO))
        return 0;
    (void)err_set(err, ERR_INVALID, "the input device is not a TTY");
    return err_hint(err, "leave out -t (--tty) where the standard input is a pipe or a file");
}

int relay_init(struct relay *relay, enum relay_flags flags, struct err *err)
{
    sigset_t set;
    *relay = (struct relay){ .flags = flags, .signals = -1 };
    (void)sigemptyset(&set);
    if (flags & (RELAY_SIGNALS | RELAY_TERMINAL))
        signal_set_sent(&set);
    (void)sigaddset(&set, SIGPIPE); /* whose reader is gone shows in write */
    if (flags & RELAY_TERMINAL)
        (void)sigaddset(&set, SIGWINCH);
    if (relays_keys(flags))
        (void)sigaddset(&set, SIGTSTP);
    return signal_open(&set, &relay->signals, err);
}

/* ---- the terminal ---- */

static int raw_begin(struct relay *relay, struct err *err)
{
    if (terminal_raw(STDIN_FILENO, &relay->saved) < 0)
        return err_sys(err, "set the terminal to raw mode");
    relay->raw = true;
    return 0;
}

static void raw_end(struct relay *relay)
{
    if (relay->raw)
        (void)terminal_restore(STDIN_FILENO, &relay->saved); /* it may have hung up */
    relay->raw = false;
}

bool relay_size(struct terminal_size *ret_size)
{
    static const int ours[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO };
    for (size_t i = 0; i < array_size(ours); i++)
        if (terminal_size_get(ours[i], ret_size) == 0)
            return true;
    return false;
}

static void size_pass_on(const struct attendance *attendance)
{
    struct terminal_size size;
    if (relay_size(&size))
        (void)terminal_size_set(attendance->terminal, &size); /* the other side may have ended */
}

/* ---- signals ---- */

static int signal_handle(struct relay *relay, const struct attendance *attendance, int signal,
                         struct err *err)
{
    if (signal == SIGPIPE)
        return 0;
    if (signal == SIGWINCH) {
        size_pass_on(attendance);
        return 0;
    }
    if ((relay->flags & RELAY_SIGNALS) && !relays_keys(relay->flags)) {
        relay->asked += signal == SIGINT || signal == SIGTERM;
        return container_signal_attended(attendance, signal, err);
    }

    raw_end(relay);
    if (signal != SIGTSTP)
        signal_die(signal);
    signal_stop();
    size_pass_on(attendance);
    return raw_begin(relay, err);
}

static int signals_handle(struct relay *relay, const struct attendance *attendance, struct err *err)
{
    for (int signal; (signal = signal_read(relay->signals)) > 0;)
        if (signal_handle(relay, attendance, signal, err) < 0)
            return -1;
    return 0;
}

/* The process has ended, and somebody does not want to wait until what it said is read. */
static void signals_obey(struct relay *relay)
{
    for (int signal; (signal = signal_read(relay->signals)) > 0;) {
        if (signal == SIGPIPE || signal == SIGWINCH || signal == SIGTSTP)
            continue;
        raw_end(relay);
        signal_die(signal);
    }
}

/* ---- channels ---- */

static void channels_done(struct channels *channels)
{
    for (size_t i = 0; i < channels->len; i++)
        free(channels->at[i].buffer);
}

static void channel_end(struct channel *channel)
{
    if (channel->flags & CHANNEL_CLOSES_TO)
        fd_close(channel->to);
    if (channel->flags & CHANNEL_CLOSES_FROM)
        fd_close(channel->from);
    *channel->from = -1;
    channel->begin = channel->end = 0;
}

static bool again(int errnum)
{
    return errnum == EINTR || errnum == EAGAIN;
}

static void channel_read(struct channel *channel)
{
    ssize_t len = read(*channel->from, channel->buffer, BUFFER_SIZE);
    if (len < 0 && again(errno))
        return;
    if (len <= 0) { /* EIO is the end of a terminal */
        channel_end(channel);
        return;
    }
    channel->begin = 0;
    channel->end = (size_t)len;
}

static void channel_write(struct channels *channels, struct channel *channel)
{
    size_t len = channel->end - channel->begin;
    ssize_t written = write(*channel->to, channel->buffer + channel->begin,
                            len < channel->chunk ? len : channel->chunk);
    if (written < 0 && again(errno))
        return;
    if (written < 0) { /* nobody reads any more */
        if (channel->flags & CHANNEL_SPEAKS)
            channels->unheard = errno;
        channel_end(channel);
        return;
    }
    channel->begin += (size_t)written;
}

static bool channel_is_full(const struct channel *channel)
{
    return channel->begin < channel->end;
}

static void channel_add(struct channels *channels, int *from, int *to, size_t chunk,
                        enum channel_flags flags)
{
    channels->at[channels->len++] = (struct channel){
        .from = from,
        .to = to,
        .flags = flags,
        .chunk = chunk,
        .buffer = xmalloc(BUFFER_SIZE),
    };
}

static int input_channel(struct attendance *attendance, struct channels *channels,
                         struct ends *ours, struct err *err)
{
    if (attendance->terminal >= 0) {
        channel_add(channels, &ours->in, &attendance->terminal, TERMINAL_CHUNK, 0);
        return 0;
    }
    if (attendance->stdin_fd < 0)
        return 0;
    /* This end of the pipe is ours alone. */
    if (fcntl(attendance->stdin_fd, F_SETFL, O_NONBLOCK) < 0)
        return err_sys(err, "fcntl");
    channel_add(channels, &ours->in, &attendance->stdin_fd, BUFFER_SIZE, CHANNEL_CLOSES_TO);
    return 0;
}

/* said: the terminal's number once more, as its end is not the end of what is typed. */
static void output_channels(struct attendance *attendance, struct channels *channels,
                            struct ends *ours, int *said)
{
    if (attendance->terminal >= 0) {
        *said = attendance->terminal;
        channel_add(channels, said, &ours->out, PIPE_BUF, CHANNEL_SPEAKS);
        return;
    }
    enum channel_flags flags = CHANNEL_CLOSES_FROM | CHANNEL_SPEAKS;
    channel_add(channels, &attendance->out_fd, &ours->out, PIPE_BUF, flags);
    channel_add(channels, &attendance->err_fd, &ours->err, PIPE_BUF, flags);
}

/* Polls, and moves what can be moved; false if nothing was ready within the time. */
static bool turn(const struct relay *relay, const struct attendance *attendance,
                 struct channels *channels, int timeout_ms, struct pollfd *polled)
{
    int control = channels->draining ? -1 : attendance->control;
    polled[POLL_CONTROL] = (struct pollfd){ .fd = control, .events = POLLIN };
    polled[POLL_SIGNALS] = (struct pollfd){ .fd = relay->signals, .events = POLLIN };
    for (size_t i = 0; i < channels->len; i++) {
        const struct channel *channel = &channels->at[i];
        bool full = channel_is_full(channel);
        polled[POLL_CHANNELS + i] = (struct pollfd){
            .fd = full ? *channel->to : *channel->from,
            .events = full ? POLLOUT : POLLIN,
        };
    }
    if (poll(polled, POLL_CHANNELS + channels->len, timeout_ms) <= 0)
        return false;
    for (size_t i = 0; i < channels->len; i++) {
        struct channel *channel = &channels->at[i];
        if (polled[POLL_CHANNELS + i].revents == 0)
            continue;
        if (channel_is_full(channel))
            channel_write(channels, channel);
        else
            channel_read(channel);
    }
    return true;
}

/* What was said before the end is still to be copied; what others may say later is not waited for.
 */
static void drain(struct relay *relay, const struct attendance *attendance,
                  struct channels *channels)
{
    struct pollfd polled[POLL_CHANNELS + CHANNELS_MAX];
    bool full = false, moved;
    channels->draining = true;
    do {
        moved = turn(relay, attendance, channels, full ? -1 : 0, polled);
        if (polled[POLL_SIGNALS].revents)
            signals_obey(relay);
        full = false;
        for (size_t i = 0; i < channels->len; i++)
            full = full || channel_is_full(&channels->at[i]);
    } while (moved || full);
}

static bool had_enough(const struct relay *relay)
{
    return relay->asked >= ASKED_ENOUGH;
}

static int attend(struct relay *relay, struct attendance *attendance, enum relay_end *ret_end,
                  struct err *err)
{
    struct ends ours = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO };
    struct pollfd polled[POLL_CHANNELS + CHANNELS_MAX] = {};
    auto_done(channels) channels = {};
    int said = -1;
    if (relay->flags & RELAY_OUTPUT)
        output_channels(attendance, &channels, &ours, &said);
    size_t n_outputs = channels.len;
    if ((relay->flags & RELAY_STDIN) && input_channel(attendance, &channels, &ours, err) < 0)
        return -1;

    while (polled[POLL_CONTROL].revents == 0 && !channels.unheard && !had_enough(relay)) {
        (void)turn(relay, attendance, &channels, -1, polled);
        if (polled[POLL_SIGNALS].revents && signals_handle(relay, attendance, err) < 0)
            return -1;
    }
    *ret_end = polled[POLL_CONTROL].revents ? RELAY_ENDED : RELAY_LEFT;
    if (n_outputs < channels.len)
        channel_end(&channels.at[n_outputs]); /* what is typed now has no reader */
    if (n_outputs > 0 && *ret_end == RELAY_ENDED && !channels.unheard)
        drain(relay, attendance, &channels);
    attendance->unheard = channels.unheard;
    if (channels.unheard)
        *ret_end = RELAY_UNHEARD;
    return 0;
}

/* What docker's client does; its words, so that who looks for them finds them. */
static int leave(const char *goes_on)
{
    auto_free char *text =
        xasprintf("got %d SIGTERM/SIGINTs, forcefully exiting; %s", ASKED_ENOUGH, goes_on);
    complain(text);
    return EXIT_LEFT;
}

int relay_run(struct relay *relay, struct attendance *attendance, const char *goes_on,
              enum relay_end *ret_end, int *ret_exit_code, struct err *err)
{
    if (attendance->terminal >= 0)
        size_pass_on(attendance);
    if (relays_keys(relay->flags) && raw_begin(relay, err) < 0)
        return -1;
    if (attend(relay, attendance, ret_end, err) < 0)
        return -1;
    if (*ret_end == RELAY_LEFT)
        *ret_exit_code = leave(goes_on);
    if (*ret_end != RELAY_ENDED)
        return 0;
    int ended = container_attend(attendance, ret_exit_code, err);
    if (ended == 0)
        *ret_end = RELAY_UNHEARD;
    return ended < 0 ? -1 : 0;
}

void relay_release(struct relay *relay)
{
    raw_end(relay);
    signal_release();
}

int relay_unheard(struct relay *relay, const struct attendance *attendance, struct err *err)
{
    raw_end(relay);
    if (attendance->unheard == EPIPE)
        signal_die(SIGPIPE);
    errno = attendance->unheard;
    return err_sys(err, "write to the standard output or error");
}

void relay_done(struct relay *relay)
{
    raw_end(relay);
    fd_close(&relay->signals);
}
