/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Runs what cannot be undone in a child, and gives its exit status; -1 if a signal ended it. */
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* Ends the child with the line's number (folded above 255), so that a failure says where. */
#define child_assert(condition)                                                                    \
    do {                                                                                           \
        if (!(condition))                                                                          \
            _exit(__LINE__ % 255 + 1);                                                             \
    } while (0)

static inline int child_run(void (*body)(void *), void *argument)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        body(argument);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}
