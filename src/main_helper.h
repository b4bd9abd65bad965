/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What main_helper.c wants to know of a program that ruche starts with a control socket, and that
 * has no command line of its own.
 */
#include "base/err.h"

struct helper_program {
    const char *name;
    const char *when; /* "ruche-transfer: started by ruche when it handles archives, ..." */
    int control_fd;   /* a SEQPACKET socket */
    int (*serve)(int control_fd, struct err *err);
};

/* Defined by each such program. */
extern const struct helper_program helper_program;
