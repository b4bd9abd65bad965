/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as each of the other headers that a registry's answer has, and as a token server's answer:
 * what is read of it holds together, and an address is one that is asked for nothing but http.
 *
 * clang -fsanitize=fuzzer,address,undefined; the corpus is tests/fuzz/remote_header_corpus.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "remote/header.h"
#include "remote/token.h"
#include "remote/url.h"

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void ranges(const char *text)
{
    uint64_t first, last, size, bytes;
    uint32_t seconds;
    if (content_range_parse(text, &first, &last, &size))
        demand(first <= last && last < size);
    if (upload_range_parse(text, &bytes))
        demand(bytes != 1);
    (void)retry_after_parse(text, 1000000000, &seconds);
}

static void addresses(const char *text)
{
    const char *base = "https://registry.example:5000/v2/a/tags/list";
    auto_free char *link = link_next(text);
    auto_free char *url = NULL;
    struct err err;
    if (url_resolve(base, link ? link : text, &url, &err) < 0)
        return;
    demand(text_starts(url, "http://") || text_starts(url, "https://"));
    demand(url[strcspn(url, "\r\n\t ")] == '\0');
    demand(url_same_origin(url, url));
    auto_free char *host = url_host(url);
    demand(host[0] && host[0] != '?');
    if (url_same_origin(url, base))
        demand(strcmp(host, "registry.example:5000") == 0 ||
               strcasecmp(host, "registry.example:5000") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *text = xstrndup((const char *)data, size);
    auto_free char *token = NULL;
    uint32_t seconds;
    struct err err;
    ranges(text);
    addresses(text);
    if (token_parse(text, strlen(text), &token, &seconds, &err) == 0)
        demand(token[0] && token[strcspn(token, " \r\n\t")] == '\0' && seconds >= 60);
    return 0;
}
