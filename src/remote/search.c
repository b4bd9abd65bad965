/* SPDX-License-Identifier: Apache-2.0 */
/* SEARCH: docker's older interface, which registries that have a search have kept. */
#include <inttypes.h>

#include "remote/operation.h"

static void answered(void *context, struct exchange *exchange, const struct err *failure)
{
    struct operation *operation = context;
    struct err err;
    if (failure)
        operation_failed(operation, failure);
    else if (exchange->status != 200)
        operation_refused(operation, exchange);
    else if (operation_document(operation, exchange->document.at, exchange->document.len, &err) < 0)
        operation_failed(operation, &err);
    else
        operation_done(operation, 1);
}

static int begin(struct operation *operation, struct err *err)
{
    (void)err;
    char *words = curl_easy_escape(NULL, operation->texts[0], 0);
    auto_done(str) path = {};
    str_addf(&path, "/v1/search?q=%s", words ? words : "");
    if (operation->bytes > 0)
        str_addf(&path, "&n=%" PRIu64, operation->bytes);
    curl_free(words);
    exchange_start(operation_ask(operation, "GET", str_text(&path), answered));
    return 0;
}

const struct operation_kind search_kind = {
    .flags = OPERATION_ANYWHERE,
    .noun = "search for",
    .begin = begin,
};
