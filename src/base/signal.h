/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Signals as data (signalfd(2)): whoever attends something blocks them and reads them from a
 * descriptor beside the others it polls, so that none is lost and nothing runs in a handler. There
 * is no flag to be set, and so no state to share.
 */
#include <signal.h>

#include "base/err.h"

/* The real-time signals as people count them. The C library's SIGRTMIN is not it: glibc and the
 * shells keep 32 and 33 for themselves, musl 34 too, but a container is to get the same signal for
 * SIGRTMIN+3 from either. */
enum { SIGNAL_RT_MIN = 34, SIGNAL_RT_MAX = 64 };

/* Every signal that others send and that ends or informs a program: to be passed on to whoever is
 * attended. Not among them are those of job control, of faults, of children and of pipes. */
void signal_set_sent(sigset_t *set);
/* Blocks the signals, in all that is forked from here on too, and gives a descriptor (non-blocking)
 * that reads them. */
int signal_open(const sigset_t *set, int *ret_fd, struct err *err);
/* Unblocks all: they do what they always do. */
void signal_release(void);
/* The next signal that came, or 0: none. */
int signal_read(int fd);
/* Ends the process by the signal, as if nobody had caught it, so that its parent sees how it ended.
 */
_Noreturn void signal_die(int signal);
/* Stops the process as the shell's Ctrl-Z does, until it is continued. */
void signal_stop(void);
