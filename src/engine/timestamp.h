/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Points in time as text: RFC 3339 in UTC with nanoseconds, as records and logs have them. Needs no
 * time zone files. */
#include <time.h>

#include "base/err.h"

/* "2026-01-02T03:04:05.123456789Z" and its zero byte. */
enum { TIMESTAMP_SIZE = 31 };

/* Years 0 to 9999. Returns the buffer, which holds TIMESTAMP_SIZE bytes. */
char *timestamp_format(struct timespec time, char *buffer);
/* Of the present. Returns the buffer. */
char *timestamp_now(char *buffer);
/* Reads RFC 3339 with 0 to 9 decimals and any offset, all of the text. Returns 0, or -1 if it is
 * none. */
int timestamp_parse(const char *text, struct timespec *ret_time);
/* What people write: RFC 3339 (also with the time or its end left out, then UTC), seconds since
 * 1970 ("1767323045.5"), or a duration before now ("10m"). `what` names it in the error. */
int timestamp_parse_any(const char *text, struct timespec now, const char *what,
                        struct timespec *ret_time, struct err *err);
/* Less than, equal to or greater than 0. */
int timestamp_compare(struct timespec a, struct timespec b);
