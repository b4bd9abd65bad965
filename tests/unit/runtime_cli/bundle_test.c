/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

#include "runtime_cli/bundle.h"

Test(bundle, cleans_paths)
{
    static const char *const rows[][2] = {
        { "/a/b", "/a/b" },        { "/a//b/", "/a/b" }, { "/a/./b", "/a/b" },
        { "/a/../b", "/b" },       { "/../../b", "/b" }, { "../../b", "b" },
        { "a/b/..", "a" },         { "/", "/" },         { "", "." },
        { "/a/../../../..", "/" }, { "a/..", "." },      { "/..a/b..", "/..a/b.." },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_free char *clean = path_clean(rows[i][0]);
        cr_assert_str_eq(clean, rows[i][1], "%s became %s", rows[i][0], clean);
    }
}

/* Without cgroups, for they would be the machine's. */
static void complete(const char *json, struct spec *spec, struct err *err, int expected)
{
    struct program program = { .root_fd = -1, .manager = CGROUP_MANAGER_DISABLED };
    *spec = (struct spec){};
    cr_assert_eq(spec_parse(json, strlen(json), spec, err), 0, "%s", err->text);
    cr_assert_eq(spec_complete(&program, spec, "web", err), expected, "%s", err->text);
}

#define PROCESS "\"process\":{\"cwd\":\"/\",\"args\":[\"a\"],\"user\":{\"uid\":0,\"gid\":0}}"
#define ROOT    "\"root\":{\"path\":\"r\"}"

Test(bundle, allows_the_default_devices_behind_the_rules)
{
    struct err err = {};
    auto_done(spec) spec;
    complete("{\"ociVersion\":\"1.0.0\"," PROCESS "," ROOT
             ",\"linux\":{\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]}}}",
             &spec, &err, 0);
    const struct spec_resources *resources = spec.linux->resources;
    cr_assert_gt(resources->devices.len, 1);
    cr_assert(!resources->devices.at[0].allow);
    bool null = false;
    bool disk = false;
    for (size_t i = 1; i < resources->devices.len; i++) {
        const struct spec_device_rule *rule = &resources->devices.at[i];
        cr_assert(rule->allow);
        null |= rule->major.value == 1 && rule->minor.value == 3 && !strcmp(rule->access, "rwm");
        disk |= rule->type[0] == 'b' && strcmp(rule->access, "m") != 0;
    }
    cr_assert(null);
    cr_assert(!disk);
}

Test(bundle, adds_no_rules_where_there_are_none)
{
    struct err err = {};
    auto_done(spec) spec;
    complete("{\"ociVersion\":\"1.0.0\"," PROCESS "," ROOT ",\"linux\":{\"resources\":{}}}", &spec,
             &err, 0);
    cr_assert_eq(spec.linux->resources->devices.len, 0);
}

Test(bundle, has_runc_s_umask_unless_told)
{
    struct err err = {};
    auto_done(spec) plain;
    complete("{\"ociVersion\":\"1.0.0\"," PROCESS "," ROOT ",\"linux\":{}}", &plain, &err, 0);
    cr_assert(plain.process->user.umask.set);
    cr_assert_eq(plain.process->user.umask.value, 022);
    auto_done(spec) told;
    complete("{\"ociVersion\":\"1.0.0\",\"process\":{\"cwd\":\"/\",\"args\":[\"a\"],\"user\":{"
             "\"uid\":0,\"gid\":0,\"umask\":0}}," ROOT ",\"linux\":{}}",
             &told, &err, 0);
    cr_assert_eq(told.process->user.umask.value, 0);
}

Test(bundle, names_the_part_that_is_missing)
{
    static const char *const rows[][2] = {
        { "{\"ociVersion\":\"1.0.0\"," PROCESS ",\"linux\":{}}", "/root" },
        { "{\"ociVersion\":\"1.0.0\"," PROCESS "," ROOT "}", "/linux" },
        { "{\"ociVersion\":\"1.0.0\"," ROOT ",\"linux\":{}}", "/process" },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        struct err err = {};
        auto_done(spec) spec;
        complete(rows[i][0], &spec, &err, -1);
        cr_assert_not_null(strstr(err.text, rows[i][1]), "%s", err.text);
    }
}

Test(log, writes_times_as_the_calendar_has_them)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } rows[] = {
        { 0, "1970-01-01T00:00:00Z" },          { 951782399, "2000-02-28T23:59:59Z" },
        { 951782400, "2000-02-29T00:00:00Z" },  { 951868800, "2000-03-01T00:00:00Z" },
        { 1709164800, "2024-02-29T00:00:00Z" }, { 4107542400, "2100-03-01T00:00:00Z" },
        { 1767225599, "2025-12-31T23:59:59Z" }, { 253402300799, "9999-12-31T23:59:59Z" },
    };
    char buffer[TIME_TEXT_SIZE];
    for (size_t i = 0; i < array_size(rows); i++) {
        struct timespec at = { .tv_sec = rows[i].seconds, .tv_nsec = 7 };
        cr_assert_str_eq(time_format(&at, false, buffer), rows[i].text);
    }
    struct timespec at = { .tv_sec = 1, .tv_nsec = 7 };
    cr_assert_str_eq(time_format(&at, true, buffer), "1970-01-01T00:00:01.000000007Z");
}

/* Against the C library's, a day at a time over four centuries. */
Test(log, agrees_with_the_c_library)
{
    char buffer[TIME_TEXT_SIZE];
    char expected[TIME_TEXT_SIZE];
    for (int64_t day = 0; day < 146097; day++) {
        struct timespec at = { .tv_sec = day * 86400 + 3661 };
        struct tm broken;
        cr_assert_not_null(gmtime_r(&at.tv_sec, &broken));
        (void)strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", &broken);
        cr_assert_str_eq(time_format(&at, false, buffer), expected);
    }
}
