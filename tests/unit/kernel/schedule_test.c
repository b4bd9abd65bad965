/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/schedule.h"

#include <criterion/criterion.h>
#include <linux/sched.h>
#include <string.h>

static struct number_set set;
static struct err err;

TestSuite(schedule);

static bool has(unsigned number)
{
    return set.words[number / 64] >> number % 64 & 1;
}

Test(schedule, reads_lists_of_numbers)
{
    cr_assert_eq(number_set_parse("0-3,7,63-64,8191", "cpus", &set, &err), 0, "%s", err.text);
    static const unsigned in[] = { 0, 1, 2, 3, 7, 63, 64, 8191 };
    unsigned count = 0;
    for (unsigned i = 0; i < NUMBERS_MAX; i++)
        count += has(i);
    cr_expect_eq(count, sizeof(in) / sizeof(in[0]));
    for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++)
        cr_expect(has(in[i]), "%u", in[i]);
}

Test(schedule, refuses_lists_that_are_none)
{
    static const char *const texts[] = { "",    ",",     "1,",    "-",      "1-", "-1",
                                         "3-2", "8192",  "0x1",   "1 ",     " 1", "1--2",
                                         "a",   "1-2-3", "99999", "123456", "+1" };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        cr_expect_eq(number_set_parse(texts[i], "cpus", &set, &err), -1, "%s", texts[i]);
        cr_expect(strstr(err.text, "cpus"), "%s", err.text);
    }
}

Test(schedule, knows_its_flags)
{
    uint64_t flag;
    int mode;
    cr_expect(schedule_flag("SCHED_FLAG_RESET_ON_FORK", &flag));
    cr_expect_eq(flag, SCHED_FLAG_RESET_ON_FORK);
    cr_expect(!schedule_flag("RESET_ON_FORK", &flag));
    cr_expect(memory_policy_flag("MPOL_F_STATIC_NODES", &mode));
    cr_expect(!memory_policy_flag("MPOL_BIND", &mode));
}
