/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/signal_name.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/libc.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/signal.h"

/* clang-format off */
/* The first of two names for one number is the one that is written. */
#define SIGNALS(X)                                                                                 \
    X(HUP) X(INT) X(QUIT) X(ILL) X(TRAP) X(ABRT) X(IOT) X(BUS) X(FPE) X(KILL) X(USR1) X(SEGV)      \
    X(USR2) X(PIPE) X(ALRM) X(TERM) X(STKFLT) X(CHLD) X(CLD) X(CONT) X(STOP) X(TSTP) X(TTIN)       \
    X(TTOU) X(URG) X(XCPU) X(XFSZ) X(VTALRM) X(PROF) X(WINCH) X(IO) X(POLL) X(PWR) X(SYS)
/* clang-format on */

struct row {
    unsigned char number;
    char name[7];
};

static const struct row rows[] = {
#define X(name) { SIG##name, #name },
    SIGNALS(X)
#undef X
};

/* "+3" behind RTMIN or "-3" behind RTMAX; nothing is 0. */
static int offset_parse(const char *text, char sign, int64_t *ret_offset)
{
    struct err ignored;

    *ret_offset = 0;
    if (*text == '\0')
        return 0;
    if (*text != sign)
        return -1;
    return number_parse(text + 1, 0, SIGNAL_RT_MAX - SIGNAL_RT_MIN, "signal", ret_offset, &ignored);
}

static int bare_parse(const char *bare)
{
    int64_t offset;

    for (size_t i = 0; i < array_size(rows); i++)
        if (strcasecmp(bare, rows[i].name) == 0)
            return rows[i].number;
    if (strncasecmp(bare, "RTMIN", 5) == 0 && offset_parse(bare + 5, '+', &offset) == 0)
        return SIGNAL_RT_MIN + (int)offset;
    if (strncasecmp(bare, "RTMAX", 5) == 0 && offset_parse(bare + 5, '-', &offset) == 0)
        return SIGNAL_RT_MAX - (int)offset;
    return -1;
}

int signal_parse(const char *text, int *ret_signal, struct err *err)
{
    int64_t number;

    if (text[0] >= '0' && text[0] <= '9') {
        if (number_parse(text, 1, SIGNAL_RT_MAX, "signal", &number, err) < 0)
            return -1;
        *ret_signal = (int)number;
        return 0;
    }
    int found = bare_parse(strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text);
    if (found < 0) {
        err_set(err, ERR_INVALID, "unknown signal %s", text);
        return err_hint(err, "use a name such as TERM, or a number from 1 to %d", SIGNAL_RT_MAX);
    }
    *ret_signal = found;
    return 0;
}

char *signal_format(int signal, char *buffer)
{
    for (size_t i = 0; i < array_size(rows); i++) {
        if (rows[i].number == signal) {
            (void)snprintf(buffer, SIGNAL_NAME_SIZE, "SIG%s", rows[i].name);
            return buffer;
        }
    }
    if (signal == SIGNAL_RT_MIN)
        (void)snprintf(buffer, SIGNAL_NAME_SIZE, "SIGRTMIN");
    else if (signal > SIGNAL_RT_MIN && signal <= SIGNAL_RT_MAX)
        (void)snprintf(buffer, SIGNAL_NAME_SIZE, "SIGRTMIN+%d", signal - SIGNAL_RT_MIN);
    else
        (void)snprintf(buffer, SIGNAL_NAME_SIZE, "%d", signal);
    return buffer;
}
