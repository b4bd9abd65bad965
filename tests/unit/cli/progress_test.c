/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <criterion/criterion.h>

#include "base/mem.h"

static void assert_line(size_t width, size_t part, uint64_t bytes, uint64_t total,
                        const char *wanted)
{
    auto_done(str) out = {};
    progress_format(width, part, 3, bytes, total, &out);
    cr_expect_str_eq(str_text(&out), wanted);
    cr_expect_leq(out.len, width > 24 ? width : 24);
}

Test(progress, draws_a_bar)
{
    assert_line(50, 2, 0, 1000000, "layer 2 of 3  [>                      ]  0B of 1MB");
    assert_line(50, 2, 500000, 1000000, "layer 2 of 3  [==========>         ]  500kB of 1MB");
    assert_line(50, 2, 1000000, 1000000, "layer 2 of 3  [======================]  1MB of 1MB");
}

Test(progress, needs_no_total)
{
    assert_line(50, 0, 1500, 0, "reading  1.5kB");
}

Test(progress, does_without_a_bar_where_there_is_no_room)
{
    assert_line(24, 1, 1000, 2000, "layer 1 of 3  1kB of 2kB");
}
