/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/page.h"

#include <string.h>

#include "registry/route.h"

void page_cut(const struct strings *all, const char *last, size_t most, struct page *ret_page)
{
    struct page page = { .most = most };
    while (last && page.first < all->len && strcmp(all->at[page.first], last) <= 0)
        page.first++;
    size_t left = all->len - page.first;
    page.len = left < most ? left : most;
    page.more = page.len > 0 && page.len < left;
    *ret_page = page;
}

void page_link(const struct page *page, const struct strings *all, const char *path,
               struct str *out)
{
    if (!page->more)
        return;
    str_addf(out, "<%s?n=%zu&last=", path, page->most);
    url_encode(all->at[page->first + page->len - 1], out);
    str_add(out, ">; rel=\"next\"");
}
