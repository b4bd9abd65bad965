/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Pages of sorted lists, and the Link to the next one (RFC 8288). */
#include <stddef.h>

#include "base/str.h"

struct page {
    size_t first;
    size_t len;
    size_t most; /* items of a page */
    bool more;   /* there is another one */
};

/* At most `most` items, those behind `last`, which need not be in the list; NULL: from the first. */
void page_cut(const struct strings *all, const char *last, size_t most, struct page *ret_page);
/* Adds the header's value; nothing if the page is the last one. */
void page_link(const struct page *page, const struct strings *all, const char *path,
               struct str *out);
