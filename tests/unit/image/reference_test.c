/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/str.h"
#include "image/reference.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

Test(reference, normal_and_familiar_forms)
{
    static const struct {
        const char *text, *normal, *familiar;
    } rows[] = {
        { "busybox", "docker.io/library/busybox:latest", "busybox:latest" },
        { "busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36" },
        { "user/app", "docker.io/user/app:latest", "user/app:latest" },
        { "docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest" },
        { "index.docker.io/library/busybox", "docker.io/library/busybox:latest", "busybox:latest" },
        { "localhost/app", "localhost/app:latest", "localhost/app:latest" },
        { "localhost:5000/a/b:T_1.x-y", "localhost:5000/a/b:T_1.x-y",
          "localhost:5000/a/b:T_1.x-y" },
        { "quay.io/a__b/c--d.e_f", "quay.io/a__b/c--d.e_f:latest", "quay.io/a__b/c--d.e_f:latest" },
        { "[2001:db8::1]:5000/a", "[2001:db8::1]:5000/a:latest", "[2001:db8::1]:5000/a:latest" },
        { "UPPER/app", "UPPER/app:latest", "UPPER/app:latest" },
        { "LocalHost/app", "localhost/app:latest", "localhost/app:latest" },
        { "QUAY.IO/a", "quay.io/a:latest", "quay.io/a:latest" },
        { "Docker.IO/busybox", "docker.io/library/busybox:latest", "busybox:latest" },
        { "busybox@sha256:" HEX64, "docker.io/library/busybox@sha256:" HEX64,
          "busybox@sha256:" HEX64 },
        { "busybox:1@sha256:" HEX64, "docker.io/library/busybox:1", "busybox:1" },
        { "latest", "docker.io/library/latest:latest", "latest:latest" },
        { "library/busybox", "docker.io/library/busybox:latest", "busybox:latest" },
        { "docker.io/library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest" },
        { "docker.io/a.example/b", "docker.io/a.example/b:latest", "docker.io/a.example/b:latest" },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_drop(reference) *reference = NULL;
        struct err err = {};
        cr_assert_eq(reference_parse(rows[i].text, &reference, &err), 0, "%s", err.text);
        auto_free char *normal = reference_format(reference);
        auto_free char *familiar = reference_familiar(normal);
        cr_assert_str_eq(normal, rows[i].normal);
        cr_assert_str_eq(familiar, rows[i].familiar);

        /* The familiar form means the same again. */
        auto_drop(reference) *again = NULL;
        cr_assert_eq(reference_parse(familiar, &again, &err), 0, "%s", err.text);
        auto_free char *same = reference_format(again);
        cr_assert_str_eq(same, normal);
    }
}

Test(reference, digests_are_kept_apart)
{
    auto_drop(reference) *reference = NULL;
    struct err err;
    cr_assert_eq(reference_parse("h.io/a:t@sha256:" HEX64, &reference, &err), 0);
    auto_free char *repository = reference_repository(reference);
    cr_assert_str_eq(repository, "h.io/a");
    cr_assert_str_eq(reference->tag, "t");
    cr_assert_str_eq(reference->digest, "sha256:" HEX64);
}

Test(reference, what_is_no_name)
{
    static const char *const bad[] = {
        "",
        " ",
        "/",
        "a/",
        "/a",
        "a//b",
        "Busybox",
        "a/B",
        "a:",
        ":t",
        "a:.t",
        "a:-t",
        "a:b c",
        "a@",
        "a@sha256:",
        "a@sha256:12",
        "a@md5:" HEX64,
        "a@sha256:" HEX64 "0",
        "a@SHA256:" HEX64,
        "-a",
        "a-",
        "_a",
        "a_",
        ".a",
        "a.",
        "a..b",
        "a._b",
        "a___b",
        "a-.b",
        "a.-b",
        "a b",
        "a\n",
        "a\x1b[2J",
        "../a",
        "a/../b",
        "./a",
        "localhost:/a",
        "localhost:123456/a",
        "localhost:x/a",
        "-h.io/a",
        "h..io/a",
        "[::1/a",
        "[xyz]/a",
        "[::1]x/a",
        "http://h.io/a",
        HEX64,
        "a@sha256:" HEX64 "@sha256:" HEX64,
        "a:t:t",
    };
    for (size_t i = 0; i < array_size(bad); i++) {
        struct reference *reference = NULL;
        struct err err = {};
        cr_assert_lt(reference_parse(bad[i], &reference, &err), 0, "\"%s\" passes", bad[i]);
        cr_assert_null(reference);
        cr_assert_eq(err.kind, ERR_INVALID);
        for (const char *c = err.text; *c; c++)
            cr_assert_geq((unsigned char)*c, ' ', "a control byte in the error");
    }
}

Test(reference, a_repository_has_no_tag)
{
    static const char *const good[] = { "a", "h.io/a", "localhost:5000/a/b", "[::1]:80/a" };
    static const char *const bad[] = { "a:1", "h.io:80/a:1", ("a@sha256:" HEX64) };
    for (size_t i = 0; i < array_size(good); i++) {
        auto_drop(reference) *reference = NULL;
        struct err err;
        cr_expect_eq(repository_parse(good[i], &reference, &err), 0, "%s", good[i]);
    }
    for (size_t i = 0; i < array_size(bad); i++) {
        auto_drop(reference) *reference = NULL;
        struct err err;
        cr_expect_lt(repository_parse(bad[i], &reference, &err), 0, "%s", bad[i]);
        cr_expect(strstr(err.text, "a repository is meant"), "%s", err.text);
    }
}

Test(reference, a_scheme_is_named)
{
    auto_drop(reference) *reference = NULL;
    struct err err;
    cr_expect_lt(reference_parse("docker://h.io/a", &reference, &err), 0);
    cr_expect(strstr(err.text, "a name has no scheme"), "%s", err.text);
}

Test(reference, a_port_is_no_tag)
{
    auto_drop(reference) *reference = NULL;
    struct err err;
    cr_assert_eq(reference_parse("host:5000/a", &reference, &err), 0);
    cr_assert_str_eq(reference->domain, "host:5000");
    cr_assert_str_eq(reference->tag, "latest");
}

Test(reference, lengths)
{
    auto_done(str) name = {};
    auto_done(str) tag = {};
    auto_drop(reference) *reference = NULL;
    struct err err;
    for (int i = 0; i < 300; i++)
        str_add_char(&name, 'a');
    cr_assert_lt(reference_parse(name.at, &reference, &err), 0);
    str_add(&tag, "a:");
    for (int i = 0; i < 129; i++)
        str_add_char(&tag, 't');
    cr_assert_lt(reference_parse(tag.at, &reference, &err), 0);
    tag.at[tag.len - 1] = '\0';
    cr_assert_eq(reference_parse(tag.at, &reference, &err), 0, "%s", err.text);
}
