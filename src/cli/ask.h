/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Questions to whoever sits at the terminal. They are written to standard error and answered on
 * standard input, which must be a terminal; else it is ERR_USAGE.
 */
#include "base/err.h"

enum ask_flags {
    ASK_HIDDEN =
        1 << 0, /* the answer is not echoed; the terminal is as before even if a signal ends
                            the program */
};

enum { ASK_ANSWER_MAX = 64 << 10 };

/* Gives the line without its end, owned by the caller. */
int ask(const char *question, enum ask_flags flags, char **ret_answer, struct err *err);
/* Reads all of standard input, which may be anything, and takes the end of its last line off. */
int ask_stdin(const char *what, char **ret_answer, struct err *err);
