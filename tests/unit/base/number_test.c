/* SPDX-License-Identifier: Apache-2.0 */
#include "base/number.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"

enum { UNCHANGED = 4711 };

/* clang-format off */
static const struct {
    const char *text;
    int64_t lowest, highest, value;
    bool valid;
} number_rows[] = {
    { "0", 0, 10, 0, true },
    { "10", 0, 10, 10, true },
    { "007", 0, 10, 7, true },
    { "-5", -10, 10, -5, true },
    { "-0", 0, 10, 0, true },
    { "9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX, true },
    { "-9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN, true },
    { "9223372036854775808", INT64_MIN, INT64_MAX, 0, false },
    { "-9223372036854775809", INT64_MIN, INT64_MAX, 0, false },
    { "18446744073709551617", INT64_MIN, INT64_MAX, 0, false }, /* 2^64 + 1 */
    { "-18446744073709551617", INT64_MIN, INT64_MAX, 0, false },
    { "99999999999999999999999999", INT64_MIN, INT64_MAX, 0, false },
    { "11", 0, 10, 0, false },
    { "-1", 0, 10, 0, false },
    { "", 0, 10, 0, false },
    { "-", -10, 10, 0, false },
    { "--1", -10, 10, 0, false },
    { "+1", 0, 10, 0, false },
    { " 1", 0, 10, 0, false },
    { "1 ", 0, 10, 0, false },
    { "1\n", 0, 10, 0, false },
    { "0x1", 0, 10, 0, false },
    { "1.0", 0, 10, 0, false },
    { "1e1", 0, 10, 0, false },
    { "1:", 0, 10, 0, false },
    { "٣", 0, 10, 0, false },
};
/* clang-format on */

Test(number, parses_whole_numbers_and_nothing_else)
{
    for (size_t i = 0; i < array_size(number_rows); i++) {
        struct err err = {};
        int64_t value = UNCHANGED;
        int done = number_parse(number_rows[i].text, number_rows[i].lowest, number_rows[i].highest,
                                "--x", &value, &err);
        cr_assert_eq(done, number_rows[i].valid ? 0 : -1, "\"%s\"", number_rows[i].text);
        cr_assert_eq(value, number_rows[i].valid ? number_rows[i].value : UNCHANGED);
        cr_assert_eq(err.kind, number_rows[i].valid ? ERR_NONE : ERR_INVALID);
    }
}

Test(number, errors_name_the_thing_and_the_limits)
{
    struct err err = {};
    int64_t value = 0;
    (void)number_parse("70000", 1, 65535, "--publish", &value, &err);
    cr_assert_str_eq(err.text, "--publish: 70000 is not from 1 to 65535");
    (void)number_parse("x", 1, 65535, "--publish", &value, &err);
    cr_assert_str_eq(err.text, "--publish: \"x\" is not a whole number");
}

Test(number, parses_unsigned_numbers)
{
    struct err err = {};
    uint64_t value = 0;
    cr_assert_eq(number_parse_unsigned("18446744073709551615", UINT64_MAX, "x", &value, &err), 0);
    cr_assert_eq(value, UINT64_MAX);
    cr_assert_eq(number_parse_unsigned("0", 0, "x", &value, &err), 0);
    cr_assert_eq(value, 0);

    static const char *const wrong[] = { "",  "-1", "-0", "+1", "18446744073709551616",
                                         "6", "1 ", "a" };
    for (size_t i = 0; i < array_size(wrong); i++) {
        value = UNCHANGED;
        cr_assert_eq(number_parse_unsigned(wrong[i], 5, "x", &value, &err), -1, "\"%s\"", wrong[i]);
        cr_assert_eq(value, UNCHANGED);
    }
}

/* clang-format off */
static const struct {
    const char *text;
    int64_t bytes; /* -1: not valid */
} size_rows[] = {
    { "0", 0 },
    { "512", 512 },
    { "512b", 512 },
    { "64k", 65536 },
    { "64K", 65536 },
    { "64kb", 65536 },
    { "64KiB", 65536 },
    { "10MiB", 10485760 },
    { "10 MiB", 10485760 },
    { "1.5g", 1610612736 },
    { "0.5k", 512 },
    { ".5k", 512 },
    { "1.000000000000000000000000k", 1024 },
    { "0.0009765625k", 1 },
    { "2t", 2199023255552 },
    { "1p", 1125899906842624 },
    { "8191p", 9222246136947933184 },
    { "9223372036854775807", INT64_MAX },
    { "8192p", -1 },
    { "9223372036854775808", -1 },
    { "99999999999999999999", -1 },
    { "18446744073709551617k", -1 },
    { "1.5", -1 },
    { "0.1k", -1 },
    { "0.00000000000000000001k", -1 },
    { "1.k", -1 },
    { "1.2.3k", -1 },
    { "", -1 },
    { ".", -1 },
    { "k", -1 },
    { "-5", -1 },
    { "-1k", -1 },
    { "+5", -1 },
    { "5 ", -1 },
    { " 5", -1 },
    { "5  k", -1 },
    { "5ki", -1 },
    { "5bb", -1 },
    { "5kbb", -1 },
    { "5x", -1 },
    { "1e3", -1 },
    { "0x10", -1 },
};
/* clang-format on */

Test(number, parses_sizes_exactly_or_not_at_all)
{
    for (size_t i = 0; i < array_size(size_rows); i++) {
        struct err err = {};
        int64_t bytes = UNCHANGED;
        bool valid = size_rows[i].bytes >= 0;
        int done = size_parse(size_rows[i].text, false, "--memory", &bytes, &err);
        cr_assert_eq(done, valid ? 0 : -1, "\"%s\"", size_rows[i].text);
        cr_assert_eq(bytes, valid ? size_rows[i].bytes : UNCHANGED, "\"%s\"", size_rows[i].text);
        cr_assert_eq(err.kind, valid ? ERR_NONE : ERR_INVALID);
    }
}

Test(number, minus_one_is_a_size_where_it_is_allowed)
{
    struct err err = {};
    int64_t bytes = 0;
    cr_assert_eq(size_parse("-1", true, "x", &bytes, &err), 0);
    cr_assert_eq(bytes, -1);
    cr_assert_eq(size_parse("-1", false, "x", &bytes, &err), -1);
    cr_assert_eq(size_parse("-2", true, "x", &bytes, &err), -1);
}

Test(number, size_errors_tell_why)
{
    struct err err = {};
    int64_t bytes = 0;
    (void)size_parse("0.1k", false, "--memory", &bytes, &err);
    cr_assert(strstr(err.text, "--memory: 0.1k is not a whole number of bytes"), "%s", err.text);
    (void)size_parse("9999999p", false, "--memory", &bytes, &err);
    cr_assert_str_eq(err.text, "--memory: 9999999p is too large");
}

Test(number, parses_decimals_in_billionths)
{
    static const struct {
        const char *text;
        int64_t nano; /* -1: not valid */
    } rows[] = {
        { "2", 2000000000 },
        { "1.5", 1500000000 },
        { ".5", 500000000 },
        { "0.000000001", 1 },
        { "0.10000000000", 100000000 },
        { "9223372036", 9223372036000000000 },
        { "9223372037", -1 },
        { "0.0000000001", -1 },
        { "1.", -1 },
        { "", -1 },
        { "-1", -1 },
        { "1k", -1 },
        { "1,5", -1 },
        { "inf", -1 },
        { "nan", -1 },
        { "18446744073709551616", -1 },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        struct err err = {};
        int64_t nano = UNCHANGED;
        int done = nano_parse(rows[i].text, "--cpus", &nano, &err);
        cr_assert_eq(done, rows[i].nano >= 0 ? 0 : -1, "\"%s\"", rows[i].text);
        cr_assert_eq(nano, rows[i].nano >= 0 ? rows[i].nano : UNCHANGED, "\"%s\"", rows[i].text);
    }
}

Test(number, parses_durations)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: not valid */
    } rows[] = {
        { "0", 0 },
        { "10", 10000 },
        { "1.5", 1500 },
        { "1.5s", 1500 },
        { "2m30s", 150000 },
        { "1h0.5m", 3630000 },
        { "250ms", 250 },
        { "3000us", 3 },
        { "500us500us", 1 },
        { "1000000ns", 1 },
        { "9223372036854775807ms", INT64_MAX },
        { "9223372036854775808ms", -1 },
        { "18446744073709551616", -1 },
        { "2562047788015215h2562047788015215h", -1 },
        { "1ns", -1 },
        { "0.0001", -1 },
        { "2m30", -1 },
        { "30s2", -1 },
        { "m", -1 },
        { "", -1 },
        { "-1s", -1 },
        { "1 s", -1 },
        { "1S", -1 },
        { "1d", -1 },
        { "1sec", -1 },
        { "1.s", -1 },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        struct err err = {};
        int64_t ms = UNCHANGED;
        int done = duration_parse(rows[i].text, "--timeout", &ms, &err);
        cr_assert_eq(done, rows[i].ms >= 0 ? 0 : -1, "\"%s\"", rows[i].text);
        cr_assert_eq(ms, rows[i].ms >= 0 ? rows[i].ms : UNCHANGED, "\"%s\": %" PRId64, rows[i].text,
                     ms);
    }
}

Test(number, formats_sizes)
{
    static const struct {
        uint64_t bytes;
        const char *binary, *decimal;
    } rows[] = {
        { 0, "0 B", "0B" },
        { 1, "1 B", "1B" },
        { 999, "999 B", "999B" },
        { 1000, "1000 B", "1kB" },
        { 1023, "1023 B", "1.02kB" },
        { 1024, "1 KiB", "1.02kB" },
        { 1536, "1.5 KiB", "1.54kB" },
        { 999499, "976.1 KiB", "999kB" },
        { 999500, "976.1 KiB", "1MB" },
        { 1048575, "1 MiB", "1.05MB" },
        { 1048576, "1 MiB", "1.05MB" },
        { 77800000, "74.2 MiB", "77.8MB" },
        { 1500000000, "1.4 GiB", "1.5GB" },
        { 1ULL << 40, "1 TiB", "1.1TB" },
        { UINT64_MAX, "16 EiB", "18.4EB" },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        char buffer[16];
        cr_assert_eq(size_format(rows[i].bytes, buffer), buffer);
        cr_assert_str_eq(buffer, rows[i].binary);
        cr_assert_eq(size_format_decimal(rows[i].bytes, buffer), buffer);
        cr_assert_str_eq(buffer, rows[i].decimal);
    }
}
