/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/rlimit.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "child.h"
#include "kernel/capability.h"

Test(rlimit, knows_all_by_both_names)
{
    struct err err;
    int count = 0;
    int got;

    for (int i = 0; i < (int)RLIM_NLIMITS; i++) {
        cr_assert_not_null(rlimit_name(i));
        cr_assert_eq(rlimit_find(rlimit_name(i), &got, &err), 0);
        cr_assert_eq(got, i);
        cr_assert_eq(rlimit_find(rlimit_constant(i), &got, &err), 0);
        cr_assert_eq(got, i);
        count++;
    }
    cr_assert_eq(count, 16);
    cr_assert_str_eq(rlimit_name(RLIMIT_NOFILE), "nofile");
    cr_assert_str_eq(rlimit_constant(RLIMIT_SIGPENDING), "RLIMIT_SIGPENDING");
    cr_assert_null(rlimit_name(16));
    cr_assert_eq(rlimit_find("files", &got, &err), -1);
    cr_assert_eq(err.kind, ERR_INVALID);
}

Test(rlimit, parses_what_people_write)
{
    static const struct {
        const char *text;
        int resource;
        uint64_t soft;
        uint64_t hard;
    } rows[] = {
        { "nofile=1024:2048", RLIMIT_NOFILE, 1024, 2048 },
        { "nofile=1024", RLIMIT_NOFILE, 1024, 1024 },
        { "core=-1", RLIMIT_CORE, RLIMIT_UNLIMITED, RLIMIT_UNLIMITED },
        { "core=0:-1", RLIMIT_CORE, 0, RLIMIT_UNLIMITED },
        { "RLIMIT_AS=unlimited", RLIMIT_AS, RLIMIT_UNLIMITED, RLIMIT_UNLIMITED },
        { "fsize=18446744073709551614", RLIMIT_FSIZE, UINT64_MAX - 1, UINT64_MAX - 1 },
    };
    struct rlimit_pair pair;
    struct err err;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_assert_eq(rlimit_parse(rows[i].text, &pair, &err), 0, "%s: %s", rows[i].text, err.text);
        cr_assert_eq(pair.resource, rows[i].resource);
        cr_assert_eq(pair.soft, rows[i].soft);
        cr_assert_eq(pair.hard, rows[i].hard);
    }
}

Test(rlimit, refuses_what_is_wrong)
{
    const char *rows[] = { "nofile",
                           "nofile=",
                           "=5",
                           "nofile=5:4",
                           "nofile=-2",
                           "nofile=1:2:3",
                           "nofile=a",
                           "nofile=1:",
                           "nofile=:1",
                           "fd=1",
                           "nofile=0x10",
                           "nofile=+1",
                           "nofile= 1",
                           "core=-1:5",
                           "",
                           "core=18446744073709551616" };
    struct rlimit_pair pair;
    struct err err;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_assert_eq(rlimit_parse(rows[i], &pair, &err), -1, "%s", rows[i]);
        cr_assert_eq(err.kind, ERR_INVALID, "%s", rows[i]);
    }
}

static struct rlimit limit_now(int resource)
{
    struct rlimit now = {};

    (void)getrlimit((__rlimit_resource_t)resource, &now);
    return now;
}

static void clamp_body(void *unused)
{
    bool clamped = true;
    const struct rlimit_pair low = { RLIMIT_NOFILE, 40, 50 };
    const struct rlimit_pair high = { RLIMIT_NOFILE, 60, 70 };
    const struct rlimit_pair soft = { RLIMIT_NOFILE, 45, 70 };
    const struct rlimit_pair wrong = { 99, 1, 1 };
    const struct capability_sets none = {};

    (void)unused;
    child_assert(rlimit_set(0, &low, &clamped) == 0 && !clamped);
    child_assert(limit_now(RLIMIT_NOFILE).rlim_cur == 40);
    child_assert(limit_now(RLIMIT_NOFILE).rlim_max == 50);
    child_assert(capability_set(&none) == 0);
    child_assert(rlimit_set(0, &high, &clamped) == 0 && clamped);
    child_assert(limit_now(RLIMIT_NOFILE).rlim_cur == 50);
    child_assert(limit_now(RLIMIT_NOFILE).rlim_max == 50);
    child_assert(rlimit_set(0, &soft, &clamped) == 0 && clamped);
    child_assert(limit_now(RLIMIT_NOFILE).rlim_cur == 45);
    child_assert(rlimit_set(0, &wrong, &clamped) == -1 && errno == EINVAL && !clamped);
}

Test(rlimit, clamps_where_raising_is_refused)
{
    cr_assert_eq(child_run(clamp_body, NULL), 0);
}
