/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/explain.h"

#include <criterion/criterion.h>

#include "base/mem.h"
#include "runtime/runtime.h"

static const struct runtime_event carried_out = {
    .side = "parent",
    .step = "mount \033[2J on /proc",
    .call = "move_mount(\"/proc\")",
    .begin_ns = 1001500,
    .end_ns = 1013750,
    .done = true,
};

static void assert_line(const struct explain *explain, const struct runtime_event *event,
                        const char *wanted)
{
    auto_done(str) out = {};
    explain_format(explain, event, &out);
    cr_expect_str_eq(str_text(&out), wanted);
}

Test(explain, aligns_and_escapes)
{
    struct explain explain = { .begin_ns = 1000000 };
    assert_line(&explain, &carried_out,
                "      1.5     12.2  parent  mount \\x1b[2J on /proc                        "
                "move_mount(\"/proc\")\n");
}

Test(explain, tells_what_failed)
{
    struct explain explain = { .begin_ns = 1000000 };
    struct runtime_event failed = carried_out;
    failed.step = "mount";
    failed.done = false;
    assert_line(&explain, &failed,
                "      1.5     12.2  parent  mount: failed                                 "
                "move_mount(\"/proc\")\n");
}

Test(explain, has_no_times_in_a_plan)
{
    struct explain explain = { .flags = EXPLAIN_PLAN };
    struct runtime_event planned = { .side = "child", .step = "x", .call = "y()" };
    assert_line(&explain, &planned, "child   x                                             y()\n");
}

Test(explain, keeps_the_column_of_a_step_without_end)
{
    struct explain explain = { .begin_ns = 1000000 };
    struct runtime_event last = {
        .side = "child", .step = "x", .call = "y()", .begin_ns = 2000000
    };
    assert_line(&explain, &last,
                "   1000.0           child   x                                             y()\n");
}

Test(explain, writes_json)
{
    struct explain explain = { .begin_ns = 1000000, .json = true };
    assert_line(&explain, &carried_out,
                "{\"side\":\"parent\",\"step\":\"mount \\u001b[2J on /proc\","
                "\"call\":\"move_mount(\\\"/proc\\\")\",\"at_ns\":1500,\"took_ns\":12250,"
                "\"done\":true}\n");
    struct runtime_event planned = { .side = "child", .step = "x", .call = "y()" };
    assert_line(&explain, &planned, "{\"side\":\"child\",\"step\":\"x\",\"call\":\"y()\"}\n");
}
