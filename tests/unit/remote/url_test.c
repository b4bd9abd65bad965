/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/url.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static void expect(const char *base, const char *location, const char *url)
{
    auto_free char *got = NULL;
    struct err err;
    int result = url_resolve(base, location, &got, &err);
    cr_assert_eq(result, url ? 0 : -1, "%s", location);
    cr_assert(text_same(got, url), "%s: %s", location, got);
}

Test(url, locations)
{
    const char *base = "https://a.example:5000/v2/x/blobs/uploads/";
    expect(base, "/v2/y?z=1", "https://a.example:5000/v2/y?z=1");
    expect(base, "abc", "https://a.example:5000/v2/x/blobs/uploads/abc");
    expect(base, "//b.example/y", "https://b.example/y");
    expect(base, "http://b.example/y", "http://b.example/y");
    expect(base, "https://b.example/y#part", "https://b.example/y");
    expect(base, "https://b.example/a%2Fb?x=%3D%2f&y=a+b",
           "https://b.example/a%2Fb?x=%3D%2f&y=a+b");
    expect(NULL, "https://b.example", "https://b.example/");
    expect(NULL, "/v2/", NULL);
    expect(base, "", NULL);
    expect(base, "ftp://b.example/", NULL);
    expect(base, "file:///etc/passwd", NULL);
    expect(base, "https://user:secret@b.example/", NULL);
    expect(base, "https://b.example\r\n/x", NULL);
    expect(base, "https://", NULL);
    expect(base, "https://b.example:99999/", NULL);
}

Test(url, long_ones_are_none)
{
    auto_done(str) long_one = {};
    struct err err;
    char *got;
    str_add(&long_one, "https://a.example/");
    for (int i = 0; i < 17000; i++)
        str_add_char(&long_one, 'x');
    cr_assert_eq(url_resolve(NULL, long_one.at, &got, &err), -1);
}

Test(url, origins)
{
    cr_assert(url_same_origin("https://a.example/x", "https://A.example:443/y"));
    cr_assert(url_same_origin("http://a.example:80/", "http://a.example/"));
    cr_assert(url_same_origin("http://[::1]:5000/", "http://[::1]:5000/x"));
    cr_assert_not(url_same_origin("https://a.example/", "http://a.example/"));
    cr_assert_not(url_same_origin("https://a.example/", "https://a.example:444/"));
    cr_assert_not(url_same_origin("https://a.example/", "https://a.example.evil.example/"));
    cr_assert_not(url_same_origin("https://a.example/", "https://b.example/"));
    cr_assert_not(url_same_origin("rubbish", "rubbish"));
}

Test(url, loopback)
{
    cr_assert(url_is_loopback("http://localhost:5000/"));
    cr_assert(url_is_loopback("http://127.0.0.1/"));
    cr_assert(url_is_loopback("http://127.1.2.3:5000/"));
    cr_assert(url_is_loopback("http://[::1]:5000/"));
    cr_assert_not(url_is_loopback("http://localhost.example/"));
    cr_assert_not(url_is_loopback("http://127.0.0.1.example/"));
    cr_assert_not(url_is_loopback("http://127.evil.example/"));
    cr_assert_not(url_is_loopback("http://128.0.0.1/"));
    cr_assert_not(url_is_loopback("rubbish"));
}

Test(url, queries_and_schemes)
{
    auto_free char *url = xstrdup("https://a.example/token?x=1");
    auto_free char *plain = NULL;
    struct err err;
    cr_assert_eq(url_query_add(&url, "scope", "repository:a/b:pull,push&x", &err), 0);
    cr_assert(text_starts(url, "https://a.example/token?x=1&scope=repository%3"), "%s", url);
    cr_assert(text_ends(url, "%26x"), "%s", url);
    auto_free char *session = xstrdup("https://a.example/up%2Fload?_state=A%3D%3D");
    cr_assert_eq(url_query_add(&session, "digest", "sha256:00", &err), 0);
    cr_assert(text_starts(session, "https://a.example/up%2Fload?_state=A%3D%3D&digest=sha256%3"),
              "%s", session);
    cr_assert(url_names_port("https://a.example:443/") && !url_names_port("https://a.example/"));
    cr_assert_eq(url_with_scheme("https://a.example:5000/", "http", &plain, &err), 0);
    cr_assert_str_eq(plain, "http://a.example:5000/");
    free(take_ptr(plain));
    cr_assert_eq(url_with_scheme("https://a.example/", "http", &plain, &err), 0);
    cr_assert_str_eq(plain, "http://a.example/");
}

Test(url, hosts_for_messages)
{
    auto_free char *with = url_host("https://a.example:5000/x");
    auto_free char *without = url_host("https://a.example/x");
    auto_free char *none = url_host("rubbish rubbish");
    cr_assert_str_eq(with, "a.example:5000");
    cr_assert_str_eq(without, "a.example");
    cr_assert_str_eq(none, "?");
}

Test(url, plain_paths)
{
    cr_assert(url_plain_path("library/busybox"));
    cr_assert(url_plain_path("sha256:0123"));
    cr_assert(url_plain_path("v1.2_3-x"));
    cr_assert_not(url_plain_path(""));
    cr_assert_not(url_plain_path("/a"));
    cr_assert_not(url_plain_path("a/../b"));
    cr_assert_not(url_plain_path("a//b"));
    cr_assert_not(url_plain_path("a?b"));
    cr_assert_not(url_plain_path("a b"));
    cr_assert_not(url_plain_path("a%2e"));
}
