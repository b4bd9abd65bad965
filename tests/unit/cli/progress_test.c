/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <criterion/criterion.h>

#include "base/mem.h"

static void assert_line(const struct progress *progress, size_t width, const char *wanted)
{
    auto_done(str) out = {};
    progress_format(progress, width, &out);
    cr_expect_str_eq(str_text(&out), wanted);
}

Test(progress, draws_a_bar)
{
    auto_done(progress) progress = {};
    (void)progress_note(&progress, 1, 1, 0, 1000000);
    assert_line(&progress, 55, "unpacking 1 layer  [>                      ]  0B of 1MB");
    (void)progress_note(&progress, 1, 1, 500000, 1000000);
    assert_line(&progress, 55, "unpacking 1 layer  [==========>         ]  500kB of 1MB");
    (void)progress_note(&progress, 1, 1, 1000000, 1000000);
    assert_line(&progress, 55, "unpacking 1 layer  [======================]  1MB of 1MB");
}

Test(progress, sums_up_parts_that_go_on_at_once)
{
    auto_done(progress) progress = {};
    (void)progress_note(&progress, 0, 0, 9000000, 0);
    (void)progress_note(&progress, 3, 3, 100, 2000000);
    (void)progress_note(&progress, 1, 3, 500000, 1000000);
    (void)progress_note(&progress, 3, 3, 1000000, 2000000);
    assert_line(&progress, 30, "unpacking 3 layers  1.5MB of 3MB");
    assert_line(&progress, 50, "unpacking 3 layers  [=======>      ]  1.5MB of 3MB");
}

Test(progress, needs_no_total)
{
    auto_done(progress) progress = {};
    (void)progress_note(&progress, 0, 0, 1500, 0);
    assert_line(&progress, 50, "reading  1.5kB");
}

Test(progress, knows_what_has_begun)
{
    auto_done(progress) progress = {};
    cr_expect(progress_note(&progress, 0, 0, 0, 0));
    cr_expect(progress_note(&progress, 2, 2, 0, 10));
    cr_expect(progress_note(&progress, 1, 2, 0, 10));
    cr_expect_not(progress_note(&progress, 2, 2, 5, 10));
    cr_expect_not(progress_note(&progress, 0, 0, 5, 0));
}
