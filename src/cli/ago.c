/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ago.h"

#include <inttypes.h>
#include <time.h>

#include "engine/timestamp.h"

enum {
    MINUTE = 60,
    HOUR = 60 * MINUTE,
    DAY = 24 * HOUR,
    WEEK = 7 * DAY,
    MONTH = 30 * DAY,
    YEAR = 365 * DAY,
};

/* From `least` seconds on, in units of `unit`; `single` is said of one of them. Longest first. */
static const struct {
    int64_t least;
    int64_t unit;
    char name[8];
    char single[16];
} spans[] = {
    { INT64_C(2) * YEAR, YEAR, "years", "" },
    { INT64_C(60) * DAY, MONTH, "months", "" },
    { INT64_C(14) * DAY, WEEK, "weeks", "" },
    { INT64_C(2) * DAY, DAY, "days", "" },
    { INT64_C(90) * MINUTE, HOUR, "hours", "" },
    { HOUR, HOUR, "hours", "About an hour" },
    { INT64_C(2) * MINUTE, MINUTE, "minutes", "" },
    { MINUTE, MINUTE, "minutes", "About a minute" },
    { 2, 1, "seconds", "" },
    { 1, 1, "seconds", "1 second" },
};

void span_format(int64_t seconds, struct str *out)
{
    for (size_t i = 0; i < array_size(spans); i++) {
        if (seconds < spans[i].least)
            continue;
        /* Hours are rounded, as docker does, all else is cut off. */
        int64_t half = spans[i].unit == HOUR ? HOUR / 2 : 0;
        if (spans[i].single[0])
            str_add(out, spans[i].single);
        else
            str_addf(out, "%" PRId64 " %s", (seconds + half) / spans[i].unit, spans[i].name);
        return;
    }
    str_add(out, "Less than a second");
}

void since_format(const char *time, int64_t now_s, struct str *out)
{
    struct timespec then;
    if (!time || timestamp_parse(time, &then) < 0) {
        str_add(out, "N/A");
        return;
    }
    span_format(now_s - then.tv_sec, out);
}

void ago_format(const char *time, int64_t now_s, struct str *out)
{
    struct timespec then;
    since_format(time, now_s, out);
    if (time && timestamp_parse(time, &then) == 0)
        str_add(out, " ago");
}

void date_format(const char *time, struct str *out)
{
    struct timespec then;
    struct tm parts;
    char text[64];
    if (!time || timestamp_parse(time, &then) < 0 || !localtime_r(&then.tv_sec, &parts) ||
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z %Z", &parts) == 0)
        str_add(out, "N/A");
    else
        str_add(out, text);
}
