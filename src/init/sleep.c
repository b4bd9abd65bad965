/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ruche-sleep: what the monitor of an idle container is while nothing happens.
 *
 *     ruche-sleep N FD... PROGRAM_FD ARG...
 *
 * It waits until one of the N descriptors can be read from or has ended, then executes the program
 * behind PROGRAM_FD with the arguments. The process stays the same, and so does what it holds: its
 * children, its locks, its descriptors.
 *
 * A container may do nothing for weeks, and there may be a thousand of them. This program has no C
 * library and touches four pages.
 */
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "init/bare.h"

enum {
    FDS_MAX = 8,
    EXIT_USAGE = 125,
};

static int number(const char *text)
{
    int value = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        value = value * 10 + (*text - '0');
    return value;
}

_Noreturn void program_main(long *stack)
{
    long argc = stack[0];
    char **argv = (char **)&stack[1];
    char **env = argv + argc + 1;
    struct pollfd polled[FDS_MAX];
    int n = argc > 1 ? number(argv[1]) : 0;
    if (n < 1 || n > FDS_MAX || argc < n + 4)
        leave(EXIT_USAGE);
    for (int i = 0; i < n; i++)
        polled[i] = (struct pollfd){ .fd = number(argv[2 + i]), .events = POLLIN };

    long ready;
    do
        ready = call(__NR_ppoll, (long)polled, n, 0, 0, 0);
    while (ready == -EINTR);
    (void)call(__NR_execveat, number(argv[n + 2]), (long)"", (long)&argv[n + 3], (long)env,
               AT_EMPTY_PATH);
    leave(EXIT_USAGE);
}
