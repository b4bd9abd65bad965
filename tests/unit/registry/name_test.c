/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/name.h"

#include <criterion/criterion.h>
#include <string.h>

static bool long_valid(size_t len)
{
    auto_free char *name = xmalloc(len + 1);
    memset(name, 'a', len);
    name[len] = '\0';
    return repository_valid(name);
}

Test(name, repositories)
{
    static const char *const good[] = {
        "busybox", "library/busybox", "a/b/c", "a.b", "a_b", "a__b", "a---b", "quay.io/a/b", "0",
    };
    static const char *const bad[] = {
        "",     "A",    "a/",     "/a",   "a//b", "a..b", "a___b", "a._b", "a-.b",
        "a.-b", "-a",   "a-",     "a.",   "..",   "a/..", "a b",   "a:1",  "a@b",
        "a%2f", "a\nb", "a/\xc3", "a_-b", "_",    ".",    "a__",   "é",    "a\\b",
    };
    for (size_t i = 0; i < array_size(good); i++)
        cr_expect(repository_valid(good[i]), "%s", good[i]);
    for (size_t i = 0; i < array_size(bad); i++)
        cr_expect(!repository_valid(bad[i]), "%s", bad[i]);
    cr_expect(long_valid(255));
    cr_expect(!long_valid(256));
}

Test(name, tags)
{
    cr_expect(tag_valid("latest"));
    cr_expect(tag_valid("_x.Y-1"));
    cr_expect(!tag_valid(""));
    cr_expect(!tag_valid(".x"));
    cr_expect(!tag_valid("-x"));
    cr_expect(!tag_valid("a/b"));
    cr_expect(!tag_valid("a:b"));
    cr_expect(!tag_valid("../x"));
    char text[130];
    memset(text, 'x', sizeof(text) - 1);
    text[129] = '\0';
    cr_expect(!tag_valid(text));
    text[128] = '\0';
    cr_expect(tag_valid(text));
}

Test(name, of_the_store)
{
    static const struct {
        const char *name;
        const char *normal;
        const char *shown;
    } rows[] = {
        { "busybox", "docker.io/library/busybox", "busybox" },
        { "library/busybox", "docker.io/library/busybox", "busybox" },
        { "docker.io/library/busybox", "docker.io/library/busybox", "busybox" },
        { "team/app", "docker.io/team/app", "team/app" },
        { "quay.io/a/b", "quay.io/a/b", "quay.io/a/b" },
        { "localhost/app", "localhost/app", "localhost/app" },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_free char *normal = NULL;
        struct err err;
        cr_assert_eq(repository_normal(rows[i].name, &normal, &err), 0, "%s", rows[i].name);
        cr_expect_str_eq(normal, rows[i].normal);
        auto_free char *shown = repository_shown(normal);
        cr_expect_str_eq(shown, rows[i].shown);
    }
}

Test(name, that_no_path_can_have)
{
    cr_expect_null(repository_shown("localhost:5000/app"));
    cr_expect_null(repository_shown("registry.example:443/app"));
    cr_expect_null(repository_shown("Example.com/app"));
}
