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

/* How it came that there is nothing to attend any more. */
enum relay_end {
    RELAY_ENDED,   /* the process has ended, and the exit status is known */
    RELAY_UNHEARD, /* what it says can be written nowhere: relay_unheard is how that ends */
    RELAY_LEFT,    /* by the third SIGINT or SIGTERM: somebody does not want to wait for the end */
};

struct relay {
    enum relay_flags flags;
    int signals;    /* those we are to know of */
    unsigned asked; /* how many of them asked for an end */
    bool raw;       /* our terminal was set to raw mode, `saved` is what it was before */
    struct termios saved;
};

/* "The input device is not a TTY": a terminal for which keys are to be read needs one at our end.
 */
int relay_check(enum relay_flags flags, struct err *err);
/* The size of our own terminal. False, and nothing set, if we have none. */
bool relay_size(struct terminal_size *ret_size);
/* Before the process is started: from here on no signal that is to be passed on is lost. */
int relay_init(struct relay *relay, enum relay_flags flags, struct err *err);
/* After: copies until the process has ended, or somebody has had enough. Gives the exit status, of
 * one that was left docker's, after a line of which goes_on is the end: where the process is now. */
int relay_run(struct relay *relay, struct attendance *attendance, const char *goes_on,
              enum relay_end *ret_end, int *ret_exit_code, struct err *err);
/* After RELAY_UNHEARD, before anything that takes time: sets the terminal back, and signals do what
 * they always do. */
void relay_release(struct relay *relay);
/* Ends as any program does whose output's reader has gone: by SIGPIPE. Returns -1 if it was something
 * else that kept us from writing. */
int relay_unheard(struct relay *relay, const struct attendance *attendance, struct err *err);
/* Sets the terminal back. */
void relay_done(struct relay *relay);
