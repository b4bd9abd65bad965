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
/* The exchange has brought an answer, a page if all is well, which `read` reads. pages NULL: it is
 * the only one. Returns 1: *ret_url is the next one's, and the caller's; 0: it was the last. */
int pages_take(struct pages *pages, struct operation *operation, const struct exchange *exchange,
               int (*read)(struct operation *, const struct exchange *, struct err *),
               char **ret_url, struct err *err);
