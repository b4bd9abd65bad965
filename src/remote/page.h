/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Lists that come in pages, each naming the next in a Link header. Pages are followed at the
 * endpoint's own origin only, none twice, and not without end.
 */
#include "remote/operation.h"

struct pages {
    struct strings seen; /* URLs */
    size_t bytes;        /* of documents so far */
};

/* Before the first page; also to begin again at another endpoint. */
void pages_init(struct pages *pages);
void pages_done(struct pages *pages);
/* The exchange has brought a page. Returns 1: *ret_url is the next one's, and the caller's; 0: it
 * was the last. */
int pages_next(struct pages *pages, const struct exchange *exchange, char **ret_url,
               struct err *err);
