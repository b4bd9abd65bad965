/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/page.h"

#include "remote/client.h"
#include "remote/failure.h"
#include "remote/header.h"
#include "remote/url.h"

enum { PAGES_MAX = 5000, BYTES_MAX = 16 << 20 };

void pages_init(struct pages *pages)
{
    pages_done(pages);
}

void pages_done(struct pages *pages)
{
    strings_done(&pages->seen);
    pages->bytes = 0;
}

/* The URL of the next page, or NULL: none is named. */
static char *link_find(const struct exchange *exchange)
{
    const char *header;
    for (size_t i = 0; (header = exchange_header_at(exchange, "Link", i)); i++) {
        char *link = link_next(header);
        if (link)
            return link;
    }
    return NULL;
}

/* As pages_take. */
static int link_follow(struct pages *pages, const struct exchange *exchange, const char *link,
                       char **ret_url, struct err *err)
{
    auto_free char *url = NULL;
    if (url_resolve(exchange->now, link, &url, err) < 0)
        return err_set(err, ERR_INVALID, "the next page's address is no URL");
    if (!url_same_origin(url, exchange->endpoint->base)) {
        auto_free char *host = url_host(url);
        return err_set(err, ERR_INVALID, "the next page is said to be elsewhere, at %s", host);
    }
    strings_add(&pages->seen, exchange->now);
    if (strings_have(&pages->seen, url) || pages->seen.len >= PAGES_MAX)
        return err_set(err, ERR_INVALID, "the list's pages have no end");
    *ret_url = take_ptr(url);
    return 1;
}

static int next_find(struct pages *pages, const struct exchange *exchange, char **ret_url,
                     struct err *err)
{
    pages->bytes += exchange->document.len;
    if (pages->bytes > BYTES_MAX)
        return err_set(err, ERR_INVALID, "the list is longer than %d MiB", BYTES_MAX >> 20);
    auto_free char *link = link_find(exchange);
    return link ? link_follow(pages, exchange, link, ret_url, err) : 0;
}

int pages_take(struct pages *pages, struct operation *operation, const struct exchange *exchange,
               int (*read)(struct operation *, const struct exchange *, struct err *),
               char **ret_url, struct err *err)
{
    if (exchange->status != 200)
        return failure_of_status(exchange, err);
    int more = read(operation, exchange, err);
    if (more == 0 && pages)
        more = next_find(pages, exchange, ret_url, err);
    return more < 0 ? failure_name(exchange, err) : more;
}
