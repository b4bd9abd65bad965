/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/signal_name.h"

#include <criterion/criterion.h>
#include <signal.h>

Test(signal_name, parses_names_and_numbers)
{
    static const struct {
        const char *text;
        int number;
    } rows[] = {
        { "SIGTERM", SIGTERM }, { "TERM", SIGTERM }, { "term", SIGTERM },
        { "sigKill", SIGKILL }, { "15", 15 },        { "1", 1 },
        { "64", 64 },           { "RTMIN", 34 },     { "SIGRTMIN+3", 37 },
        { "rtmin+30", 64 },     { "RTMAX", 64 },     { "SIGRTMAX-1", 63 },
        { "RTMAX-30", 34 },     { "CLD", SIGCHLD },  { "POLL", SIGIO },
        { "IOT", SIGABRT },     { "RTMIN+0", 34 },   { "STKFLT", SIGSTKFLT },
    };
    struct err err;
    int got;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_assert_eq(signal_parse(rows[i].text, &got, &err), 0, "%s", rows[i].text);
        cr_assert_eq(got, rows[i].number, "%s: %d", rows[i].text, got);
    }
}

Test(signal_name, refuses_what_is_none)
{
    const char *rows[] = {
        "",       "SIG",       "0",        "65",        "-9",      "+9",
        "9x",     "SIGSIGHUP", "RTMIN+31", "RTMIN-1",   "RTMAX+1", "RTMAX-31",
        "RTMIN+", "SIG9",      "RTMIN+x",  "TERMINATE", "1 ",      "18446744073709551625"
    };
    struct err err;
    int got = -7;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_assert_eq(signal_parse(rows[i], &got, &err), -1, "%s", rows[i]);
        cr_assert_eq(err.kind, ERR_INVALID, "%s", rows[i]);
    }
    cr_assert_eq(got, -7);
}

Test(signal_name, formats_what_it_parses)
{
    char text[SIGNAL_NAME_SIZE];
    struct err err;
    int got;

    for (int i = 1; i <= SIGRTMAX; i++) {
        cr_assert_eq(signal_parse(signal_format(i, text), &got, &err), 0, "%s", text);
        cr_assert_eq(got, i);
    }
    cr_assert_str_eq(signal_format(SIGTERM, text), "SIGTERM");
    cr_assert_str_eq(signal_format(SIGABRT, text), "SIGABRT");
    cr_assert_str_eq(signal_format(SIGCHLD, text), "SIGCHLD");
    cr_assert_str_eq(signal_format(SIGRTMIN, text), "SIGRTMIN");
    cr_assert_str_eq(signal_format(64, text), "SIGRTMIN+30");
    cr_assert_str_eq(signal_format(32, text), "32");
    cr_assert_str_eq(signal_format(-2147483647, text), "-2147483647");
}
