/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ruche-init: process 1 of a container that was asked for one (--init).
 *
 *     ruche-init -- COMMAND [ARG...]
 *
 * It starts the command, hands on to it every signal it gets, reaps whatever process loses its
 * parent, and ends as the command ends: with its exit status, or 128 and the number of the signal
 * that killed it. With a terminal as standard input the command gets a process group of its own in
 * the terminal's foreground, and signals go to that group.
 *
 * A command that cannot be executed is one line on standard error, and 126; one that is not found,
 * 127.
 *
 * It lives as long as its container, and there are many of them, so it does without a C library: a
 * few KiB, one page of stack, and started in a quarter of the time. What a libc would do is in the
 * first part; there is nothing to relocate, as no table holds an address.
 */
#include <asm/ioctls.h>
#include <errno.h>
#include <linux/signal.h>
#include <linux/wait.h>
#include <stddef.h>
#include <stdint.h>

#include "init/bare.h"

enum {
    STDIN = 0,
    STDERR = 2,
    PATH_SIZE = 4096, /* PATH_MAX, linux/limits.h */
    EXIT_USAGE = 125,
    EXIT_NOT_EXECUTABLE = 126,
    EXIT_NO_COMMAND = 127,
    EXIT_SIGNAL = 128,
};

/* What the kernel calls a set of signals: 64 bits, signal 1 the lowest. */
static uint64_t signal_bit(int signal)
{
    return UINT64_C(1) << (signal - 1);
}

static void signals_block(uint64_t set)
{
    (void)call(__NR_rt_sigprocmask, SIG_SETMASK, (long)&set, 0, sizeof(set), 0);
}

/* Waits for a signal of the set. Gives its number, or a negative errno. */
static int signal_wait(uint64_t set)
{
    return (int)call(__NR_rt_sigtimedwait, (long)&set, 0, 0, sizeof(set), 0);
}

static long process_fork(void)
{
    return call(__NR_clone, SIGCHLD, 0, 0, 0, 0);
}

/* ---- text ---- */

static size_t text_len(const char *text)
{
    size_t len = 0;
    while (text[len])
        len++;
    return len;
}

static int text_starts(const char *text, const char *prefix)
{
    while (*prefix && *text == *prefix) {
        text++;
        prefix++;
    }
    return *prefix == '\0';
}

static int text_has(const char *text, char c)
{
    while (*text && *text != c)
        text++;
    return *text == c;
}

/* Adds to a buffer of PATH_SIZE bytes, the last of which stays for a zero byte; what does not fit
 * is left out. */
static size_t text_put(char *buffer, size_t len, const char *text, size_t text_len_)
{
    for (size_t i = 0; i < text_len_ && len + 1 < PATH_SIZE; i++)
        buffer[len++] = text[i];
    buffer[len] = '\0';
    return len;
}

static _Noreturn void fail(int status, const char *name, const char *why)
{
    char line[PATH_SIZE];
    size_t len = text_put(line, 0, "ruche-init: ", 12);
    len = text_put(line, len, name, text_len(name));
    len = text_put(line, len, why, text_len(why));
    if (len + 1 == PATH_SIZE)
        len--;
    len = text_put(line, len, "\n", 1);
    (void)call(__NR_write, STDERR, (long)line, (long)len, 0, 0);
    leave(status);
}

/* ---- the command ---- */

static long execute(const char *path, char **argv, char **env)
{
    return call(__NR_execve, (long)path, (long)argv, (long)env, 0, 0);
}

static const char *path_of(char **env)
{
    for (; *env; env++)
        if (text_starts(*env, "PATH="))
            return *env + 5;
    return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/* Tries the directories of PATH, as execvp(3). Gives the errno that says most. */
static long execute_found(char **argv, char **env)
{
    char path[PATH_SIZE];
    const char *at = path_of(env);
    size_t name_len = text_len(argv[0]);
    long why = -ENOENT;
    for (;;) {
        size_t len = 0;
        while (at[len] && at[len] != ':')
            len++;
        if (len + name_len + 2 <= PATH_SIZE) {
            size_t end = text_put(path, 0, at, len);
            if (len > 0)
                end = text_put(path, end, "/", 1);
            (void)text_put(path, end, argv[0], name_len);
            long result = execute(path, argv, env);
            if (result != -ENOENT && result != -ENOTDIR && why == -ENOENT)
                why = result;
        }
        if (at[len] == '\0')
            return why;
        at += len + 1;
    }
}

/* The child: signals as they were before, the terminal's foreground if there is one, then the
 * command. */
static _Noreturn void command_run(char **argv, char **env, int has_terminal)
{
    if (has_terminal) {
        int group = (int)call(__NR_getpid, 0, 0, 0, 0, 0);
        (void)call(__NR_setpgid, 0, 0, 0, 0, 0);
        /* Allowed from the background only while SIGTTOU is blocked, as it is still. */
        (void)call(__NR_ioctl, STDIN, TIOCSPGRP, (long)&group, 0, 0);
    }
    signals_block(0);
    long result = text_has(argv[0], '/') ? execute(argv[0], argv, env) : execute_found(argv, env);
    if (result == -ENOENT || result == -ENOTDIR)
        fail(EXIT_NO_COMMAND, argv[0], ": command not found");
    if (result == -EACCES)
        fail(EXIT_NOT_EXECUTABLE, argv[0], ": permission denied");
    fail(EXIT_NOT_EXECUTABLE, argv[0], ": cannot be executed");
}

static int has_terminal(void)
{
    int group;
    return call(__NR_ioctl, STDIN, TIOCGPGRP, (long)&group, 0, 0) == 0;
}

/* ---- process 1 ---- */

/* What our own faults send is not for others; blocked, the kernel would kill us all the same. */
static uint64_t signals_ours(void)
{
    static const unsigned char faults[] = { SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
                                            SIGTRAP, SIGABRT, SIGSYS };
    uint64_t set = ~UINT64_C(0);
    for (size_t i = 0; i < sizeof(faults); i++)
        set &= ~signal_bit(faults[i]);
    return set;
}

static int exit_status(int status)
{
    int signal = status & 0x7f;
    return signal ? EXIT_SIGNAL + signal : (status >> 8) & 0xff;
}

/* Reaps all that have ended, and leaves when the command is among them. */
static void reap(long command)
{
    int status = 0;
    for (;;) {
        long pid = call(__NR_wait4, -1, (long)&status, WNOHANG, 0, 0);
        if (pid == command)
            leave(exit_status(status));
        if (pid <= 0 && pid != -EINTR)
            return;
    }
}

_Noreturn void program_main(long *stack)
{
    char **argv = (char **)(stack + 1);
    char **env = argv + stack[0] + 1;
    if (stack[0] < 3 || argv[1][0] != '-' || argv[1][1] != '-' || argv[1][2] != '\0')
        fail(EXIT_USAGE, "usage", ": ruche-init -- COMMAND [ARG...]");

    uint64_t signals = signals_ours();
    int terminal = has_terminal();
    signals_block(signals);
    long command = process_fork();
    if (command < 0)
        fail(EXIT_USAGE, argv[2], ": no process could be made for it");
    if (command == 0)
        command_run(argv + 2, env, terminal);
    if (terminal) /* it does the same; whoever is first, the group is there for a signal that comes
                     now */
        (void)call(__NR_setpgid, command, command, 0, 0, 0);

    for (;;) {
        int signal = signal_wait(signals);
        if (signal == SIGCHLD)
            reap(command);
        else if (signal > 0)
            (void)call(__NR_kill, terminal ? -command : command, signal, 0, 0, 0);
    }
}
