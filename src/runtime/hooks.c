/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running one hook: the state lies in a memfd that is its stdin, what it says goes to a pipe that
 * is read while it runs, its end is seen by a pidfd. A process that it leaves behind may hold the
 * pipe open for good, so the pipe's end is never waited for.
 *
 * Hooks inside the container may stand below its seccomp filter, hence clone(2), which more filters
 * let pass than clone3(2).
 */
#include "runtime/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/errnum.h"
#include "base/file.h"
#include "kernel/pidfd.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

enum { SAID_MAX = 400 }; /* of what a hook says, in the error */

struct said {
    char text[SAID_MAX + 1];
    size_t len;
};

struct hook_list hooks_find(const struct spec *spec, enum hook_kind kind)
{
    const struct spec_hooks *hooks = spec->hooks;
    switch (hooks ? kind : HOOK_POSTSTOP) {
#define X(constant, name, member)                                                                  \
    case HOOK_##constant:                                                                          \
        return (struct hook_list){ name, hooks ? hooks->member.at : NULL,                          \
                                   hooks ? hooks->member.len : 0, NULL, NULL };
        HOOKS(X)
#undef X
    }
    return (struct hook_list){};
}

char *hooks_state(const struct oci_state *state, const char *status)
{
    struct oci_state shown = *state; /* borrows all that hangs from it */
    auto_done(str) text = {};
    shown.status = (char *)status;
    shown.pid.set = false;
    oci_state_format(&shown, &text);
    char *head = str_take(&text);
    *strrchr(head, '}') = '\0';
    return head;
}

/* Gives a descriptor that reads the state from its beginning. */
static int state_open(const char *head, pid_t pid)
{
    char tail[32];
    (void)snprintf(tail, sizeof(tail), ",\"pid\":%d}", pid);
    auto_close int fd =
        (int)syscall(SYS_memfd_create, "state", MFD_CLOEXEC | MFD_NOEXEC_SEAL); /* kernel 6.3 */
    if (fd < 0)
        fd = (int)syscall(SYS_memfd_create, "state", MFD_CLOEXEC);
    if (fd < 0 || fd_write_all(fd, head, strlen(head)) < 0 ||
        fd_write_all(fd, tail, strlen(tail)) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return -1;
    return take_fd(fd);
}

static _Noreturn void hook_child(const struct hook_list *list, size_t i, int state, int said)
{
    const struct spec_hook *hook = &list->at[i];
    char *argv[] = { hook->path, NULL };
    char *env[] = { NULL };
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    for (int number = 1; number < 32; number++)
        (void)signal(number, SIG_DFL); /* SIGKILL and SIGSTOP are so anyway */
    if (list->directory)
        (void)!chdir(list->directory); /* a habit of runtimes, no promise */
    (void)setpgid(0, 0);               /* what it starts can be ended with it */
    /* Both may be 0, 1 or 2 themselves: a caller can be without streams. */
    int input = fcntl(state, F_DUPFD_CLOEXEC, 3);
    int output = fcntl(said, F_DUPFD_CLOEXEC, 3);
    if (input >= 0 && output >= 0 && dup2(input, 0) >= 0 && dup2(output, 1) >= 0 &&
        dup2(output, 2) >= 0 && syscall(SYS_close_range, 3, ~0U, 0) == 0)
        (void)execve(hook->path, hook->args.len ? hook->args.at : argv,
                     hook->env.len ? hook->env.at : env);
    const char *why = errnum_text(errno);
    (void)!write(2, why ? why : "?", why ? strlen(why) : 1);
    _exit(127);
}

/* Reads what is there. False: the pipe is closed at the other end. */
static bool said_read(struct said *said, int fd)
{
    char more[512];
    ssize_t n = read(fd, more, sizeof(more));
    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    size_t room = SAID_MAX - said->len;
    size_t taken = (size_t)n < room ? (size_t)n : room;
    memcpy(said->text + said->len, more, taken);
    said->len += taken;
    return true;
}

/* One line of printable characters. */
static void said_end(struct said *said)
{
    while (said->len && (unsigned char)said->text[said->len - 1] <= ' ')
        said->len--;
    for (size_t i = 0; i < said->len; i++)
        if ((unsigned char)said->text[i] < ' ' || said->text[i] == 0x7f)
            said->text[i] = ' ';
    said->text[said->len] = '\0';
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Until the process ended (1) or the time is over (0). */
static int hook_watch(int pidfd, int fd, const struct maybe_i64 *timeout, struct said *said)
{
    int64_t begin = now_ms();
    int64_t longest = INT32_MAX / 1000;
    int64_t seconds = timeout->value < longest ? timeout->value : longest;
    bool open = true;
    for (;;) {
        struct pollfd polled[] = { { .fd = pidfd, .events = POLLIN },
                                   { .fd = open ? fd : -1, .events = POLLIN } };
        int64_t left = timeout->set ? seconds * 1000 - (now_ms() - begin) : -1;
        if (timeout->set && left <= 0)
            return 0;
        int n = poll(polled, array_size(polled), (int)left);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0 && polled[1].revents)
            open = said_read(said, fd);
        if (n > 0 && polled[0].revents) {
            while (open && said->len < SAID_MAX && poll(&polled[1], 1, 0) > 0)
                open = said_read(said, fd);
            return 1;
        }
    }
}

static int hook_fail(const struct hook_list *list, size_t i, const char *how, struct said *said,
                     struct err *err)
{
    char text[900];
    said_end(said);
    /* runc's words of two generations, for those who look for either. */
    (void)snprintf(text, sizeof(text),
                   "error running %s hook #%zu: error running hook %.300s: %s%s%s", list->kind, i,
                   list->at[i].path, how, said->len ? ": " : "", said->text);
    return err_plain(err, ERR_SYSTEM, 0, text, NULL);
}

/* "signal: bad system call": the system's words, begun as all of ours are. */
static void signal_describe(int number, char *text, size_t size)
{
    static const char head[] = "signal: ";
    (void)snprintf(text, size, "%s%s", head, strsignal(number));
    char *first = text + sizeof(head) - 1;
    if (*first >= 'A' && *first <= 'Z')
        *first = (char)(*first - 'A' + 'a');
}

static int hook_end(const struct hook_list *list, size_t i, pid_t pid, int pidfd, int fd,
                    struct err *err)
{
    const struct spec_hook *hook = &list->at[i];
    struct said said = {};
    char how[64];
    int status = 0;
    int ended = hook_watch(pidfd, fd, &hook->timeout, &said);
    if (ended != 1) {
        (void)kill(-pid, SIGKILL);
        (void)pidfd_signal(pidfd, SIGKILL); /* it may not be a group's head yet */
    }
    if (pidfd_wait(pidfd, 0, &status) < 0)
        return hook_fail(list, i, "waiting for it failed", &said, err);
    if (ended == 1 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (ended != 1)
        (void)snprintf(how, sizeof(how), "no end within %lld s, killed",
                       (long long)hook->timeout.value);
    else if (WIFEXITED(status))
        (void)snprintf(how, sizeof(how), "exit status %d", WEXITSTATUS(status));
    else
        signal_describe(WTERMSIG(status), how, sizeof(how));
    return hook_fail(list, i, how, &said, err);
}

int hook_run(const struct hook_list *list, size_t i, pid_t pid, struct err *err)
{
    int ends[2];
    int pidfd = -1;
    struct said nothing = {};
    auto_close int state = state_open(list->state, pid);
    if (state < 0 || pipe2(ends, O_CLOEXEC) < 0)
        return hook_fail(list, i, errnum_text(errno), &nothing, err);
    auto_close int reading = ends[0];
    auto_close int writing = ends[1];
    (void)fcntl(reading, F_SETFL, O_NONBLOCK);
    pid_t hook = (pid_t)syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, NULL);
    if (hook < 0)
        return hook_fail(list, i, errnum_text(errno), &nothing, err);
    if (hook == 0)
        hook_child(list, i, state, writing);
    fd_close(&writing);
    int result = hook_end(list, i, hook, pidfd, reading, err);
    (void)close(pidfd);
    return result;
}

int hooks_run(const struct spec *spec, enum hook_kind kind, const struct oci_state *state,
              struct err *err)
{
    struct hook_list list = hooks_find(spec, kind);
    if (!list.n)
        return 0;
    auto_free char *text = hooks_state(state, state->status);
    list.state = text;
    list.directory = state->bundle;
    int result = 0;
    for (size_t i = 0; i < list.n; i++) {
        struct err why = {};
        if (hook_run(&list, i, (pid_t)state->pid.value, &why) == 0)
            continue;
        if (result < 0)
            (void)err_hint(err, "%s", why.text);
        else
            *err = why;
        result = -1;
        /* What comes behind an end is cleaning up: runtime.md, "Lifecycle" 13. */
        if (kind != HOOK_POSTSTOP)
            break;
    }
    return result;
}
