/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Signals as people write them (signal(7)): "SIGTERM", "term", "15", "RTMIN+3". */
#include "base/err.h"

enum { SIGNAL_NAME_SIZE = 16 };

/* A name in any case, with or without SIG, or a number. RTMIN and RTMAX are 34 and 64
 * (base/signal.h). */
int signal_parse(const char *text, int *ret_signal, struct err *err);
/* "SIGTERM", "SIGRTMIN+3", or the number if it has no name. The buffer holds SIGNAL_NAME_SIZE bytes
 * and is returned. */
char *signal_format(int signal, char *buffer);
