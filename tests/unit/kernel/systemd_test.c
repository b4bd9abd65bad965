/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of a real systemd is tested in tests/vm. */
#include "kernel/systemd.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"

static struct err err;

static void parses(const char *text, const char *want_slice, const char *want_unit)
{
    auto_free char *slice = NULL;
    auto_free char *unit = NULL;
    cr_assert_eq(systemd_scope_parse(text, &slice, &unit, &err), 0, "%s", err.text);
    cr_assert_str_eq(slice, want_slice);
    cr_assert_str_eq(unit, want_unit);
}

Test(systemd, reads_slice_prefix_and_name)
{
    parses("machine.slice:libpod:0123", "machine.slice", "libpod-0123.scope");
    parses("a-b.slice::x", "a-b.slice", "x.scope");
    parses("-.slice:p:x", "-.slice", "p-x.scope");
    parses("a.slice:p+:x+y", "a.slice", "p\\x2b-x\\x2by.scope");
}

Test(systemd, an_empty_slice_is_the_systems_or_the_users)
{
    parses(":p:x", geteuid() == 0 ? "system.slice" : "user.slice", "p-x.scope");
}

Test(systemd, refuses_what_is_no_name)
{
    static const char *const bad[] = {
        "",
        "a",
        "a.slice:b",
        "a.slice:b:",
        "a.slice:b:c:d",
        "a:b:c",
        ".slice:b:c",
        "a/b.slice:c:d",
        "../a.slice:b:c",
        "a--b.slice:c:d",
        "-a.slice:b:c",
        "a-.slice:b:c",
        "a.slice:b:c d",
        "a.slice:b:../c",
        "a.slice:b:c/d",
        "a.slice:b:c\n",
        "a.slice::.x",
    };
    for (size_t i = 0; i < array_size(bad); i++) {
        char *slice = NULL;
        char *unit = NULL;
        cr_assert_eq(systemd_scope_parse(bad[i], &slice, &unit, &err), -1, "\"%s\"", bad[i]);
        cr_assert_eq(err.kind, ERR_INVALID);
        cr_assert(strstr(err.text, "cgroupsPath"), "%s", err.text);
        cr_assert_null(slice);
    }
}

Test(systemd, a_slice_lies_in_those_its_name_begins_with)
{
    auto_free char *plain = systemd_scope_path("system.slice", "x.scope");
    auto_free char *deep = systemd_scope_path("a-b-c.slice", "x.scope");
    auto_free char *root = systemd_scope_path("-.slice", "x.scope");
    cr_assert_str_eq(plain, "/system.slice/x.scope");
    cr_assert_str_eq(deep, "/a.slice/a-b.slice/a-b-c.slice/x.scope");
    cr_assert_str_eq(root, "/x.scope");
}
