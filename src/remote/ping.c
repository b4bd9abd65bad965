/* SPDX-License-Identifier: Apache-2.0 */
/* PING: is it a registry, and are the credentials good? */
#include <string.h>

#include "remote/client.h"
#include "remote/failure.h"
#include "remote/operation.h"

static void answered(void *context, struct exchange *exchange, const struct err *failure)
{
    struct operation *operation = context;
    if (failure) {
        operation_failed(operation, failure);
        return;
    }
    if (exchange->status == 404) {
        struct err err;
        err_set(&err, ERR_UNSUPPORTED, "it is no registry (it has no /v2/)");
        failure_name(exchange, &err);
        operation_failed(operation, &err);
        return;
    }
    if (exchange->status != 200) {
        operation_refused(operation, exchange);
        return;
    }
    const struct remote_event found = { .kind = REMOTE_FOUND, .id = operation->id };
    const char *base = operation->endpoint->base;
    auto_free char *shown = xstrndup(base, strlen(base) - (text_ends(base, "/") ? 1 : 0));
    channel_send(&operation->client->channel, &found, shown, NULL);
    operation_done(operation, 1);
}

static int begin(struct operation *operation, struct err *err)
{
    (void)err;
    exchange_start(operation_ask(operation, "GET", "/v2/", answered));
    return 0;
}

const struct operation_kind ping_kind = { .flags = OPERATION_ANYWHERE, .begin = begin };
