/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The process in the foreground: signals go to it, with a terminal of its own what is typed and
 * said is copied, and its end is ours.
 */
#include <stdbool.h>
#include <termios.h>

#include "runtime/runtime.h"

struct attend {
    bool terminal; /* the process has one; ours is made raw */
    bool raw;
    int signals; /* reads what comes to us, or -1 */
    int own;     /* our terminal, or -1 */
    int kept[3]; /* what else is needed when the process has ended, or -1 */
    struct termios saved;
};

/* Before the start: from here on no signal is lost. With a terminal there must be one of ours. */
int attend_init(struct attend *attend, bool terminal, struct err *err);
/* Closes all that is not needed, and waits until the process ended. Gives its status as a shell has
 * it. */
int attend_run(struct attend *attend, const struct runtime_process *process, int *ret_exit_code,
               struct err *err);
/* Sets our terminal back. */
void attend_done(struct attend *attend);
