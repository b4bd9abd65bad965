/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "transfer/member.h"

static char *path_of(const char *raw)
{
    struct str out = {};
    struct err err;
    if (member_path(raw, &out, &err) < 0) {
        str_done(&out);
        return NULL;
    }
    return str_take(&out);
}

Test(member, paths_are_normal)
{
    static const char *const rows[][2] = {
        { "a/b", "a/b" }, { "./a//b/.", "a/b" }, { "/etc/passwd", "etc/passwd" }, { "//x/", "x" },
        { ".", "" },      { "/", "" },           { "..a/b..", "..a/b.." },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_free char *path = path_of(rows[i][0]);
        cr_assert_str_eq(path, rows[i][1]);
    }
}

Test(member, parents_are_refused)
{
    static const char *const bad[] = { "..", "../x", "a/..", "a/../b", "/../etc/passwd", "./.." };
    for (size_t i = 0; i < array_size(bad); i++)
        cr_assert_null(path_of(bad[i]), "%s", bad[i]);
}

Test(member, long_and_deep_paths_are_refused)
{
    auto_done(str) name = {};
    auto_done(str) deep = {};
    auto_done(str) far = {};
    for (int i = 0; i < MEMBER_NAME_MAX; i++)
        str_add_char(&name, 'n');
    auto_free char *longest = path_of(name.at);
    cr_assert_not_null(longest);
    str_add_char(&name, 'n');
    cr_assert_null(path_of(name.at));

    for (int i = 0; i < MEMBER_DEPTH_MAX; i++)
        str_add(&deep, "d/");
    auto_free char *deepest = path_of(deep.at);
    cr_assert_not_null(deepest);
    str_add(&deep, "d");
    cr_assert_null(path_of(deep.at));

    for (int i = 0; i < 100; i++)
        str_add(&far, "0123456789012345678901234567890123456789/");
    auto_free char *fits = path_of(far.at);
    cr_assert_null(fits);
}

static int role_of(const char *path, enum member_role *role, struct str *subject)
{
    struct err err;
    return member_role(path, role, subject, &err);
}

Test(member, whiteouts)
{
    static const struct {
        const char *path;
        enum member_role role;
        const char *subject;
    } rows[] = {
        { "etc/passwd", ROLE_ENTRY, "" },
        { "a.wh.b", ROLE_ENTRY, "" },
        { ".wh.foo", ROLE_WHITEOUT, "foo" },
        { "a/b/.wh.foo", ROLE_WHITEOUT, "a/b/foo" },
        { "a/.wh...x", ROLE_WHITEOUT, "a/..x" },
        { ".wh..wh..opq", ROLE_OPAQUE, "" },
        { "a/b/.wh..wh..opq", ROLE_OPAQUE, "a/b" },
        { ".wh..wh.plnk", ROLE_IGNORED, "" },
        { ".wh..wh.plnk/123.456", ROLE_IGNORED, "" },
        { "a/.wh..wh.orph/x", ROLE_IGNORED, "" },
    };
    auto_done(str) subject = {};
    for (size_t i = 0; i < array_size(rows); i++) {
        enum member_role role;
        cr_assert_eq(role_of(rows[i].path, &role, &subject), 0, "%s", rows[i].path);
        cr_assert_eq(role, rows[i].role, "%s", rows[i].path);
        cr_assert_str_eq(str_text(&subject), rows[i].subject);
    }
}

Test(member, whiteouts_that_point_elsewhere_are_refused)
{
    static const char *const bad[] = { ".wh.", "a/.wh..", "a/.wh...", "a/.wh.b/c" };
    auto_done(str) subject = {};
    for (size_t i = 0; i < array_size(bad); i++) {
        enum member_role role;
        cr_assert_lt(role_of(bad[i], &role, &subject), 0, "%s", bad[i]);
    }
}

Test(member, extended_attributes)
{
    cr_assert_eq(xattr_fate("user.note"), XATTR_KEEP);
    cr_assert_eq(xattr_fate("security.capability"), XATTR_KEEP);
    cr_assert_eq(xattr_fate("system.posix_acl_access"), XATTR_KEEP);
    cr_assert_eq(xattr_fate("security.selinux"), XATTR_DROP);
    cr_assert_eq(xattr_fate("security.ima"), XATTR_DROP);
    cr_assert_eq(xattr_fate("trusted.other"), XATTR_DROP);
    cr_assert_eq(xattr_fate("user.overlay.opaque"), XATTR_REFUSE);
    cr_assert_eq(xattr_fate("user.overlay.redirect"), XATTR_REFUSE);
    cr_assert_eq(xattr_fate("trusted.overlay.metacopy"), XATTR_REFUSE);
}
