/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/timestamp.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"

static void assert_format(time_t seconds, long nano, const char *wanted)
{
    char text[TIMESTAMP_SIZE];
    cr_assert_str_eq(timestamp_format((struct timespec){ seconds, nano }, text), wanted);
    struct timespec back;
    cr_assert_eq(timestamp_parse(text, &back), 0);
    cr_assert_eq(back.tv_sec, seconds);
    cr_assert_eq(back.tv_nsec, nano);
}

Test(timestamp, formats_and_parses_back)
{
    assert_format(0, 0, "1970-01-01T00:00:00.000000000Z");
    assert_format(951782399, 1, "2000-02-28T23:59:59.000000001Z");
    assert_format(951782400, 0, "2000-02-29T00:00:00.000000000Z");
    assert_format(951868800, 0, "2000-03-01T00:00:00.000000000Z");
    assert_format(1767323045, 123456789, "2026-01-02T03:04:05.123456789Z");
    assert_format(4107542399, 999999999, "2100-02-28T23:59:59.999999999Z");
    assert_format(4107542400, 0, "2100-03-01T00:00:00.000000000Z");
    assert_format(253402300799, 0, "9999-12-31T23:59:59.000000000Z");
    assert_format(-1, 0, "1969-12-31T23:59:59.000000000Z");
}

Test(timestamp, agrees_with_the_c_library)
{
    for (time_t seconds = -5000000000; seconds < 20000000000; seconds += 86399 * 17 + 1) {
        char text[TIMESTAMP_SIZE], wanted[32];
        struct tm parts;
        cr_assert_not_null(gmtime_r(&seconds, &parts));
        cr_assert_gt(strftime(wanted, sizeof(wanted), "%Y-%m-%dT%H:%M:%S.000000000Z", &parts), 0);
        cr_assert_str_eq(timestamp_format((struct timespec){ .tv_sec = seconds }, text), wanted);
    }
}

Test(timestamp, parses_offsets_and_decimals)
{
    static const struct {
        const char *text;
        time_t seconds;
        long nano;
    } rows[] = {
        { "2026-01-02T03:04:05Z", 1767323045, 0 },
        { "2026-01-02t03:04:05z", 1767323045, 0 },
        { "2026-01-02 03:04:05Z", 1767323045, 0 },
        { "2026-01-02T05:34:05.5+02:30", 1767323045, 500000000 },
        { "2026-01-01T23:04:05.000000001999-04:00", 1767323045, 1 },
        { "2016-12-31T23:59:60Z", 1483228800, 0 },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        struct timespec time;
        cr_assert_eq(timestamp_parse(rows[i].text, &time), 0, "%s", rows[i].text);
        cr_assert_eq(time.tv_sec, rows[i].seconds, "%s", rows[i].text);
        cr_assert_eq(time.tv_nsec, rows[i].nano, "%s", rows[i].text);
    }
}

Test(timestamp, refuses_what_is_none)
{
    static const char *const rows[] = {
        "",
        "2026",
        "2026-01-02",
        "2026-01-02T03:04",
        "2026-01-02T03:04:05",
        "2026-13-02T03:04:05Z",
        "2026-02-29T03:04:05Z",
        "2100-02-29T03:04:05Z",
        "2026-01-00T03:04:05Z",
        "2026-01-02T24:04:05Z",
        "2026-01-02T03:60:05Z",
        "2026-01-02T03:04:61Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05Zx",
        "2026-01-02T03:04:05+1:00",
        "2026-01-02T03:04:05+01:60",
        "2026-01-02T03:04:05.123456789",
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        struct timespec time;
        cr_assert_eq(timestamp_parse(rows[i], &time), -1, "%s", rows[i]);
    }
}

Test(timestamp, takes_what_people_write)
{
    static const struct timespec now = { 2000, 100000000 };
    static const struct {
        const char *text;
        time_t seconds;
        long nano;
    } rows[] = {
        { "2026-01-02T03:04:05", 1767323045, 0 },
        { "2026-01-02T03:04", 1767323040, 0 },
        { "2026-01-02", 1767312000, 0 },
        { "1767323045", 1767323045, 0 },
        { "1767323045.25", 1767323045, 250000000 },
        { "10m", 1400, 100000000 },
        { "1m30s", 1910, 100000000 },
        { "200ms", 1999, 900000000 },
        { "0", 0, 0 },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        struct timespec time;
        struct err err = {};
        cr_assert_eq(timestamp_parse_any(rows[i].text, now, "--since", &time, &err), 0, "%s",
                     err.text);
        cr_assert_eq(time.tv_sec, rows[i].seconds, "%s", rows[i].text);
        cr_assert_eq(time.tv_nsec, rows[i].nano, "%s", rows[i].text);
    }
    struct timespec time;
    struct err err = {};
    cr_assert_eq(timestamp_parse_any("yesterday", now, "--since", &time, &err), -1);
    cr_assert_eq(err.kind, ERR_INVALID);
    cr_assert_not_null(strstr(err.text, "--since: \"yesterday\""));
}

Test(timestamp, compares)
{
    struct timespec a = { 1, 5 }, b = { 1, 6 }, c = { 2, 0 };
    cr_assert_lt(timestamp_compare(a, b), 0);
    cr_assert_gt(timestamp_compare(c, b), 0);
    cr_assert_eq(timestamp_compare(a, a), 0);
}
