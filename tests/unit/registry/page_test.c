/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/page.h"

#include <criterion/criterion.h>

static void letters(struct strings *list)
{
    for (char c = 'a'; c <= 'e'; c++)
        strings_addf(list, "%c", c);
}

Test(page, pieces)
{
    static const struct {
        const char *last;
        size_t most;
        size_t first;
        size_t len;
        const char *link;
    } rows[] = {
        { NULL, 10, 0, 5, "" },
        { NULL, 5, 0, 5, "" },
        { NULL, 2, 0, 2, "</x?n=2&last=b>; rel=\"next\"" },
        { "b", 2, 2, 2, "</x?n=2&last=d>; rel=\"next\"" },
        { "d", 2, 4, 1, "" },
        { "bb", 1, 2, 1, "</x?n=1&last=c>; rel=\"next\"" }, /* it was deleted meanwhile */
        { "e", 2, 5, 0, "" },
        { "z", 2, 5, 0, "" },
        { NULL, 0, 0, 0, "" },
    };
    auto_done(strings) all = {};
    letters(&all);
    for (size_t i = 0; i < array_size(rows); i++) {
        struct page page;
        auto_done(str) link = {};
        page_cut(&all, rows[i].last, rows[i].most, &page);
        cr_expect_eq(page.first, rows[i].first, "row %zu", i);
        cr_expect_eq(page.len, rows[i].len, "row %zu", i);
        page_link(&page, &all, "/x", &link);
        cr_expect_str_eq(str_text(&link), rows[i].link, "row %zu", i);
    }
}

Test(page, of_nothing)
{
    struct page page;
    const struct strings none = {};
    auto_done(str) link = {};
    page_cut(&none, "a", 3, &page);
    page_link(&page, &none, "/x", &link);
    cr_expect_eq(page.len, 0);
    cr_expect_eq(link.len, 0);
}
