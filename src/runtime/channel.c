/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket between the two sides of a start. It keeps message boundaries, so each message is one
 * call:
 *
 *   parent → child   'G', with descriptors: the id maps are written, here is what you need, go on
 *   child → parent   'T', with one descriptor: the terminal's master
 *   child → parent   'P', with one descriptor: the process that was made inside, for exec
 *   child → parent   'H': the hooks of the runtime's namespaces may run; answered by 'G'
 *   child → parent   'S', with one descriptor: the listener of the seccomp filter; answered by 'G'
 *   child → parent   'W' and a text: what is left out, for people
 *   child → parent   'X': all is done, what follows is the program
 *   child → parent   a struct err: I failed, and this is why
 *   end of file      behind 'X': the program runs (the socket is close-on-exec); else the
 *                    child died without a word
 *
 * Descriptors of one message are limited to SCM_MAX_FD (253), so many layers take more than one
 * message, 'M'.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/start.h"

enum { CHANNEL_FDS = 250 };

struct channel_warning {
    char word;
    char text[CHANNEL_WARNING_SIZE];
};

union channel_message {
    char word;
    struct channel_warning warning;
    struct err error;
};

_Static_assert(sizeof(struct channel_warning) < sizeof(struct err),
               "a message is told by its length");

union channel_control {
    struct cmsghdr header;
    char room[CMSG_SPACE(CHANNEL_FDS * sizeof(int))];
};

int channel_open(struct start *start, struct err *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(err, "socketpair");
    start->channel = pair[0];
    start->peer = pair[1];
    return 0;
}

static int channel_send(int channel, char word, const int *fds, size_t n_fds)
{
    union channel_control control = {};
    struct iovec data = { .iov_base = &word, .iov_len = 1 };
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };
    if (n_fds) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
    }
    return sendmsg(channel, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

/* Gives the length of the message, its text in *into, its descriptors (at most room) in fds. */
static ssize_t channel_receive(int channel, int flags, union channel_message *into, int *fds,
                               size_t room, size_t *ret_n_fds)
{
    union channel_control control;
    struct iovec data = { .iov_base = into, .iov_len = sizeof(*into) };
    struct msghdr message = {
        .msg_iov = &data,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    ssize_t len;
    /* ECONNRESET: the other side ended before it had read all; it is told once, and what that side
     * said is next. */
    do
        len = recvmsg(channel, &message, flags | MSG_CMSG_CLOEXEC);
    while (len < 0 && (errno == EINTR || errno == ECONNRESET));
    *ret_n_fds = 0;
    struct cmsghdr *header = len > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (!header || header->cmsg_type != SCM_RIGHTS)
        return len;
    size_t n_fds = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    if (n_fds > room)
        n_fds = room;
    memcpy(fds, CMSG_DATA(header), n_fds * sizeof(int));
    *ret_n_fds = n_fds;
    return len;
}

int channel_release(struct start *start, const int *fds, size_t n_fds, struct err *err)
{
    while (n_fds > CHANNEL_FDS) {
        if (channel_send(start->channel, 'M', fds, CHANNEL_FDS) < 0)
            return err_sys(err, "hand descriptors over");
        fds += CHANNEL_FDS;
        n_fds -= CHANNEL_FDS;
    }
    /* A child that failed already cannot be written to: its reason waits in the socket and is read
     * next. */
    if (channel_send(start->channel, 'G', fds, n_fds) < 0 && errno != EPIPE && errno != ECONNRESET)
        return err_sys(err, "release the child");
    return 0;
}

int channel_wait(struct start *start, int *fds, size_t n_fds, struct err *err)
{
    union channel_message message;
    size_t got;
    ssize_t len;
    do {
        len = channel_receive(start->channel, 0, &message, fds, n_fds, &got);
        fds += got;
        n_fds -= got;
    } while (len == 1 && message.word == 'M');
    if (len != 1 || message.word != 'G' || n_fds)
        return err_plain(err, ERR_SYSTEM, 0, "the parent went away", NULL);
    return 0;
}

int channel_send_terminal(struct start *start, int master, struct err *err)
{
    if (channel_send(start->channel, 'T', &master, 1) < 0)
        return step_fail(err, "hand the terminal over", NULL);
    return 0;
}

int channel_send_process(struct start *start, int pidfd, struct err *err)
{
    if (channel_send(start->channel, 'P', &pidfd, 1) < 0)
        return step_fail(err, "hand the process over", NULL);
    return 0;
}

int channel_send_listener(struct start *start, int listener, struct err *err)
{
    if (channel_send(start->channel, 'S', &listener, 1) < 0)
        return step_fail(err, "hand the seccomp listener over", NULL);
    return channel_wait(start, NULL, 0, err);
}

int channel_ask_hooks(struct start *start, struct err *err)
{
    if (channel_send(start->channel, 'H', NULL, 0) < 0)
        return step_fail(err, "ask for the hooks", NULL);
    return channel_wait(start, NULL, 0, err);
}

void channel_send_warning(struct start *start, const char *text)
{
    struct channel_warning warning = { .word = 'W' };
    size_t len = strnlen(text, sizeof(warning.text) - 1);
    memcpy(warning.text, text, len);
    (void)!write(start->channel, &warning, offsetof(struct channel_warning, text) + len + 1);
}

int channel_announce(struct start *start, struct err *err)
{
    /* write and no sendmsg: a filter that lets a program run may know no sockets. */
    if (write(start->channel, "X", 1) != 1)
        return step_fail(err, "the parent went away", NULL);
    return 0;
}

void channel_send_error(struct start *start, const struct err *why)
{
    (void)!write(start->channel, why, sizeof(*why)); /* nobody may be left to tell */
}

static int fail_killed(const struct start *start, struct err *err)
{
    (void)err_set(err, ERR_SYSTEM, "the first process was killed before it started");
    return start->plan->limits.memory_bytes.set ? err_hint(err, "is the memory limit too low?")
                                                : -1;
}

/* What came with a descriptor. */
static void channel_take(struct start *start, char word, int fd)
{
    int *place = word == 'T' ? &start->terminal : word == 'S' ? &start->listener : &start->made;
    fd_close(place);
    *place = fd;
}

static void warning_take(struct start *start, struct channel_warning *warning, size_t len)
{
    size_t end = offsetof(struct channel_warning, text) + 1;
    if (len < end || len > sizeof(*warning))
        return;
    warning->text[len - end] = '\0';
    start_warn(start, warning->text);
}

/* Until the word came (1), the child executed its program (0), or failed (-1). */
static int channel_follow(struct start *start, char until, struct err *err)
{
    bool announced = false;
    bool failed = false;
    for (;;) {
        union channel_message message;
        int fd = -1;
        size_t n_fds;
        /* Behind a failure may stand what came to be: the process inside may fail before the one in
         * between sent it. */
        ssize_t len =
            channel_receive(start->channel, failed ? MSG_DONTWAIT : 0, &message, &fd, 1, &n_fds);
        if (len <= 0 && failed)
            return -1;
        if (len < 0)
            return err_sys(err, "watch the child");
        if (len == 0)
            return announced ? 0 : fail_killed(start, err);
        if (len == sizeof(message.error)) {
            message.error.text[sizeof(message.error.text) - 1] = '\0';
            *err = message.error;
            failed = true;
        } else if (message.word == 'X') {
            announced = true;
        } else if (message.word == 'W') {
            warning_take(start, &message.warning, (size_t)len);
        } else if (message.word == 'H') {
            if (until == 'H')
                return 1;
        } else if (!n_fds) {
            /* recvmsg leaves out what it has no number for. */
            return err_set(err, ERR_SYSTEM,
                           "take a descriptor from the child: too many open files");
        } else {
            channel_take(start, message.word, fd);
            if (message.word == until && !failed)
                return 1;
        }
    }
}

int channel_await(struct start *start, char word, struct err *err)
{
    int seen = channel_follow(start, word, err);
    if (seen == 0)
        return err_set(err, ERR_SYSTEM, "the first process went on without being let");
    return seen < 0 ? -1 : 0;
}

int channel_watch(struct start *start, struct err *err)
{
    return channel_follow(start, '\0', err);
}
