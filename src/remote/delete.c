/* SPDX-License-Identifier: Apache-2.0 */
/* DELETE: a tag, a manifest, a blob. */
#include <string.h>

#include "remote/failure.h"
#include "remote/operation.h"

static int refusal_explain(const struct operation *operation, const struct exchange *exchange,
                           struct err *err)
{
    bool tag = !strchr(operation->texts[0], ':');
    failure_of_status(exchange, err);
    if (exchange->status == 405 || exchange->status == 501 || (exchange->status == 400 && tag)) {
        err_set(err, ERR_UNSUPPORTED, "the registry does not allow %s",
                tag ? "tags to be deleted, or nothing at all" : "deleting");
        failure_name(exchange, err);
    }
    return -1;
}

static void answered(void *context, struct exchange *exchange, const struct err *failure)
{
    struct operation *operation = context;
    struct err err;
    if (failure) {
        operation_failed(operation, failure);
    } else if (exchange->status / 100 != 2) {
        refusal_explain(operation, exchange, &err);
        operation_failed(operation, &err);
    } else {
        operation_done(operation, 0);
    }
}

static int begin(struct operation *operation, struct err *err)
{
    if (!operation->texts[0][0])
        return err_set(err, ERR_INVALID, "a request to delete nothing");
    bool blob = operation->flags & REMOTE_OF_BLOB;
    auto_free char *path =
        operation_path(operation, blob ? "blobs" : "manifests", operation->texts[0]);
    exchange_start(operation_ask(operation, "DELETE", path, answered));
    return 0;
}

const struct operation_kind delete_kind = { .noun = "delete", .begin = begin };
