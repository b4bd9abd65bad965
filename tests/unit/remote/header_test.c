/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/header.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static void expect_after(const char *text, bool good, uint32_t seconds)
{
    uint32_t got = 0;
    time_t now = 1000000000; /* Sun, 09 Sep 2001 01:46:40 GMT */
    cr_assert_eq(retry_after_parse(text, now, &got), good, "%s", text);
    if (good)
        cr_assert_eq(got, seconds, "%s: %u", text, got);
}

Test(header, retry_after)
{
    expect_after("0", true, 0);
    expect_after(" 120 ", true, 120);
    expect_after("99999999999", true, UINT32_MAX);
    expect_after("Sun, 09 Sep 2001 01:47:40 GMT", true, 60);
    expect_after("Sun, 09 Sep 2001 01:45:40 GMT", true, 0);
    expect_after("", false, 0);
    expect_after("-1", false, 0);
    expect_after("1.5", false, 0);
    expect_after("soon", false, 0);
    expect_after("999999999999999999999999999999999999999", false, 0);
}

static void expect_range(const char *text, bool good, uint64_t first, uint64_t last, uint64_t size)
{
    uint64_t got[3] = {};
    cr_assert_eq(content_range_parse(text, &got[0], &got[1], &got[2]), good, "%s", text);
    if (!good)
        return;
    cr_assert_eq(got[0], first, "%s", text);
    cr_assert_eq(got[1], last, "%s", text);
    cr_assert_eq(got[2], size, "%s", text);
}

Test(header, content_range)
{
    expect_range("bytes 10-19/100", true, 10, 19, 100);
    expect_range("bytes 0-0/1", true, 0, 0, 1);
    expect_range("bytes 10-19/*", true, 10, 19, UINT64_MAX);
    expect_range("bytes */100", false, 0, 0, 0);
    expect_range("bytes 19-10/100", false, 0, 0, 0);
    expect_range("bytes 10-100/100", false, 0, 0, 0);
    expect_range("bytes 10-19", false, 0, 0, 0);
    expect_range("items 10-19/100", false, 0, 0, 0);
    expect_range("bytes 10-19/100x", false, 0, 0, 0);
    expect_range("bytes 10-99999999999999999999999/*", false, 0, 0, 0);
    expect_range("", false, 0, 0, 0);
}

static void expect_upload(const char *text, bool good, uint64_t bytes)
{
    uint64_t got = 0;
    cr_assert_eq(upload_range_parse(text, &got), good, "%s", text);
    if (good)
        cr_assert_eq(got, bytes, "%s", text);
}

Test(header, upload_range)
{
    expect_upload("0-1023", true, 1024);
    expect_upload("bytes=0-1023", true, 1024);
    expect_upload("0-0", true, 0);
    expect_upload("1-1023", false, 0);
    expect_upload("0--1", false, 0);
    expect_upload("0-", false, 0);
    expect_upload("", false, 0);
}

static void expect_link(const char *text, const char *url)
{
    auto_free char *got = link_next(text);
    cr_assert(text_same(got, url), "%s: %s", text, got);
}

Test(header, link)
{
    expect_link("</v2/a/tags/list?last=b&n=2>; rel=\"next\"", "/v2/a/tags/list?last=b&n=2");
    expect_link("</x>;rel=next", "/x");
    expect_link("<https://a/b,c>; title=\"a, b\"; rel=\"first next\"", "https://a/b,c");
    expect_link("</first>; rel=first, </second>; rel=\"next\"", "/second");
    expect_link("</x>; rel=\"nextish\"", NULL);
    expect_link("</x>", NULL);
    expect_link("</x", NULL);
    expect_link("/x; rel=next", NULL);
    expect_link("<>; rel=next", "");
    expect_link("", NULL);
    expect_link("</x>; rel=\"next", "/x");
    expect_link("</x>;;;, ,", NULL);
}
