/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Terminals (termios(3), pty(7)): raw mode and back, the window's size, and a pair made inside a
 * given devpts without following a path. All give -1 with errno.
 */
#include <termios.h>

struct terminal_size {
    unsigned short rows;
    unsigned short columns;
};

/* Every byte goes through as it is. *ret_saved is what terminal_restore wants back. ENOTTY: no
 * terminal. */
int terminal_raw(int fd, struct termios *ret_saved);
/* Waits until what was written is out, then sets the mode. */
int terminal_restore(int fd, const struct termios *saved);

int terminal_size_get(int fd, struct terminal_size *ret_size);
/* Tells the programs in the foreground by SIGWINCH if it differs. */
int terminal_size_set(int fd, const struct terminal_size *size);

/* Opens a new pair in the devpts whose root directory devpts_fd is: the controlling side and the
 * peer a program is given, both close-on-exec, neither becoming anyone's controlling terminal.
 * Kernel 4.13. Async-signal-safe. */
int terminal_open(int devpts_fd, int *ret_master, int *ret_peer);
/* Makes the terminal that of the calling session, which must be fresh (setsid(2)).
 * Async-signal-safe. */
int terminal_control(int fd);
