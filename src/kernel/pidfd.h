/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Processes held by descriptor (pidfd_open(2)): a number may have become another process, a
 * descriptor never has. libc's pidfd_open and its kin have the plain names, so these have others.
 */
#include <sys/types.h>

/* A close-on-exec descriptor of a process. -1 with errno: ESRCH if there is none. */
int pidfd_of(pid_t pid);
/* Sends a signal; 0 only asks whether it could be sent. Returns 0, or -1 with errno: ESRCH once it
 * is reaped. */
int pidfd_signal(int pidfd, int signal);
/* Waits at most timeout_ms (-1: without end) for any process to end; need not be a child, reaps
 * nothing. Returns 1 if it ended, 0 if not, -1 with errno. */
int pidfd_poll(int pidfd, int timeout_ms);
/* Waits for a child to end, and reaps it. options: 0 or WNOHANG. Gives its wait(2) status.
 * Returns 1 if it ended, 0 if not (WNOHANG), -1 with errno: ECHILD if it is no child. */
int pidfd_wait(int pidfd, int options, int *ret_status);
/* Waits for a child by its number, whatever signal its end sends (clone(2)), and reaps it. Gives the
 * exit status, or -1 with errno: ECANCELED if it was killed. */
int child_await(pid_t pid);
