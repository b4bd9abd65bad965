/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <criterion/criterion.h>

#include "base/mem.h"

static const uint64_t second = 1000000000;

static void assert_lines(const struct progress *progress, size_t width, const char *wanted)
{
    auto_done(str) out = {};
    (void)progress_format(progress, width, &out);
    cr_expect_str_eq(str_text(&out), wanted);
}

static void step(struct progress *progress, size_t part, size_t n_parts, const char *label,
                 const char *text)
{
    progress_step(progress, part, n_parts, label, text, 0);
}

Test(progress, draws_a_bar_for_each_part_and_one_for_all)
{
    auto_done(progress) progress = { .kind = PROGRESS_LINES };
    step(&progress, 1, 2, "a1b2c3d4e5f6", "downloading");
    (void)progress_note(&progress, 1, 2, 500000, 1000000, second);
    assert_lines(&progress, 70,
                 "a1b2c3d4e5f6  downloading  [=============>             ]  500kB of 1MB\n"
                 "0 of 2 layers              [=============>             ]  500kB of 1MB");
    (void)progress_note(&progress, 2, 2, 0, 3000000, second);
    assert_lines(&progress, 40,
                 "a1b2c3d4e5f6  downloading  500kB of 1MB\n"
                 "layer 2       unpacking    0B of 3MB\n"
                 "0 of 2 layers              500kB of 4MB");
}

Test(progress, leaves_out_what_has_ended)
{
    auto_done(progress) progress = { .kind = PROGRESS_LINES };
    progress_step(&progress, 1, 2, "a1b2c3d4e5f6", "already here", PROGRESS_LAST);
    step(&progress, 2, 2, "b1b2c3d4e5f6", "waiting");
    assert_lines(&progress, 70,
                 "b1b2c3d4e5f6  waiting    \n"
                 "1 of 2 layers            ");
}

Test(progress, another_part_may_come_by_a_number)
{
    auto_done(progress) progress = { .kind = PROGRESS_LINES };
    progress_step(&progress, 1, 1, "a1b2c3d4e5f6", "uploading", 0);
    progress_step(&progress, 1, 1, "0f1e2d3c4b5a", "packing", 0);
    cr_expect_str_eq(progress.parts[1].label, "a1b2c3d4e5f6", "it is the same, changed");
    progress_step(&progress, 1, 1, "a1b2c3d4e5f6", "done", PROGRESS_LAST);
    progress_step(&progress, 1, 1, "0f1e2d3c4b5a", "uploading", 0);
    cr_expect_str_eq(progress.parts[1].label, "0f1e2d3c4b5a");
    cr_expect_not(progress.parts[1].ended);
}

Test(progress, tells_speed_and_the_time_that_is_left)
{
    auto_done(progress) progress = { .kind = PROGRESS_LINES };
    (void)progress_note(&progress, 1, 1, 0, 10000000, second);
    (void)progress_note(&progress, 1, 1, 2000000, 10000000, 2 * second);
    auto_done(str) out = {};
    (void)progress_format(&progress, 100, &out);
    cr_expect(strstr(out.at, "  2MB of 10MB  2MB/s  5s left"), "%s", out.at);
    /* Slower: what was before counts as well. */
    (void)progress_note(&progress, 1, 1, 3000000, 10000000, 3 * second);
    str_clear(&out);
    (void)progress_format(&progress, 100, &out);
    cr_expect(strstr(out.at, "  3MB of 10MB  1.7MB/s  5s left"), "%s", out.at);
    (void)progress_note(&progress, 1, 1, 3000000, 1000000000000, 4 * second);
    str_clear(&out);
    (void)progress_format(&progress, 100, &out);
    cr_expect(strstr(out.at, "MB/s"), "%s", out.at);
    cr_expect_not(strstr(out.at, "s left"), "nobody wants to know: %s", out.at);
}

Test(progress, needs_no_total)
{
    auto_done(progress) progress = {};
    (void)progress_note(&progress, 0, 0, 1500, 0, second);
    assert_lines(&progress, 50, "reading  1.5kB");
}

Test(progress, shows_no_more_lines_than_there_is_room_for)
{
    auto_done(progress) progress = {};
    auto_done(str) out = {};
    for (size_t i = 1; i <= 100; i++)
        (void)progress_note(&progress, i, 100, i, 1000, second);
    cr_expect_eq(progress_format(&progress, 80, &out), 9);
}

Test(progress, knows_what_has_begun)
{
    auto_done(progress) progress = {};
    cr_expect(progress_note(&progress, 0, 0, 0, 0, 1));
    cr_expect(progress_note(&progress, 2, 2, 0, 10, 1));
    cr_expect(progress_note(&progress, 1, 2, 0, 10, 1));
    cr_expect_not(progress_note(&progress, 2, 2, 5, 10, 1));
    cr_expect_not(progress_note(&progress, 0, 0, 5, 0, 1));
}
