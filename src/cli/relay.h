/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Attending a process in the foreground: what is typed goes to it, signals and the terminal's size
 * are passed on, and what an exec says is copied. A container's own output needs no copying: its
 * monitor writes it.
 */
#include <stdbool.h>
#include <termios.h>

#include "base/err.h"

struct attendance;
struct terminal_size;

enum relay_flags {
    RELAY_STDIN = 1 << 0,    /* standard input is copied to it */
    RELAY_TERMINAL = 1 << 1, /* it has a terminal of its own */
    RELAY_SIGNALS = 1 << 2,  /* signals that reach us are passed on */
    RELAY_OUTPUT = 1 << 3,   /* what it says is for us to copy: an exec */
};

struct relay {
    enum relay_flags flags;
    int signals; /* -1: they do what they always do */
    bool raw;    /* our terminal was set to raw mode, `saved` is what it was before */
    struct termios saved;
};

/* "The input device is not a TTY": a terminal for which keys are to be read needs one at our end.
 */
int relay_check(enum relay_flags flags, struct err *err);
/* The size of our own terminal. False, and nothing set, if we have none. */
bool relay_size(struct terminal_size *ret_size);
/* Before the process is started: from here on no signal that is to be passed on is lost. */
int relay_init(struct relay *relay, enum relay_flags flags, struct err *err);
/* After: copies until the process has ended. Gives its exit status. */
int relay_run(struct relay *relay, struct attendance *attendance, int *ret_exit_code,
              struct err *err);
/* Sets the terminal back. */
void relay_done(struct relay *relay);
