/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ago.h"

#include <criterion/criterion.h>

#include "base/mem.h"

static void assert_span(int64_t seconds, const char *wanted)
{
    auto_done(str) out = {};
    span_format(seconds, &out);
    cr_expect_str_eq(str_text(&out), wanted, "%lld: %s, not %s", (long long)seconds, str_text(&out),
                     wanted);
}

Test(ago, has_docker_words)
{
    enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };
    assert_span(-5, "Less than a second");
    assert_span(0, "Less than a second");
    assert_span(1, "1 second");
    assert_span(59, "59 seconds");
    assert_span(60, "About a minute");
    assert_span(119, "About a minute");
    assert_span(120, "2 minutes");
    assert_span(59 * MINUTE + 59, "59 minutes");
    assert_span(HOUR, "About an hour");
    assert_span(89 * MINUTE, "About an hour");
    assert_span(90 * MINUTE, "2 hours");
    assert_span(47 * HOUR, "47 hours");
    assert_span(2 * DAY, "2 days");
    assert_span(13 * DAY, "13 days");
    assert_span(14 * DAY, "2 weeks");
    assert_span(59 * DAY, "8 weeks");
    assert_span(60 * DAY, "2 months");
    assert_span(729 * DAY, "24 months");
    assert_span(730 * DAY, "2 years");
}

Test(ago, counts_from_a_time)
{
    auto_done(str) out = {};
    ago_format("2026-01-02T03:04:05.5Z", 1767323045 + 7200, &out);
    cr_expect_str_eq(str_text(&out), "2 hours ago");
    str_clear(&out);
    ago_format(NULL, 0, &out);
    cr_expect_str_eq(str_text(&out), "N/A");
    str_clear(&out);
    ago_format("yesterday", 0, &out);
    cr_expect_str_eq(str_text(&out), "N/A");
}
