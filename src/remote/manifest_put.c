/* SPDX-License-Identifier: Apache-2.0 */
/* MANIFEST_PUT: a manifest under its tag or digest. What it names has been uploaded before. */
#include <string.h>

#include "base/file.h"
#include "remote/client.h"
#include "remote/digest.h"
#include "remote/failure.h"
#include "remote/operation.h"

struct upload {
    char *data;
    size_t len;
};

static int answer_check(const struct operation *operation, const struct exchange *exchange,
                        struct err *err)
{
    const struct upload *upload = operation->state;
    const char *told = exchange_header(exchange, "Docker-Content-Digest");
    bool known;
    if (exchange->status / 100 != 2)
        return failure_of_status(exchange, err);
    if (!told || digest_matches(told, upload->data, upload->len, &known) || !known)
        return 0;
    err_set(err, ERR_INVALID, "the registry has stored something else: it says another digest");
    return failure_name(exchange, err);
}

static void answered(void *context, struct exchange *exchange, const struct err *failure)
{
    struct operation *operation = context;
    struct err err;
    if (failure)
        operation_failed(operation, failure);
    else if (answer_check(operation, exchange, &err) < 0)
        operation_failed(operation, &err);
    else
        operation_done(operation, exchange_header(exchange, "OCI-Subject") ? 1 : 0);
}

static int begin(struct operation *operation, struct err *err)
{
    struct upload *upload = xnew(struct upload);
    operation->state = upload;
    if (!operation->texts[0][0] || operation->texts[1][strcspn(operation->texts[1], "\r\n")])
        return err_set(err, ERR_INVALID, "a request to put a manifest that is none");
    if (lseek(operation->fds[0], 0, SEEK_SET) < 0)
        return err_sys(err, "read a manifest");
    if (file_load_fd(operation->fds[0], DOCUMENT_MAX, &upload->data, &upload->len, err) < 0)
        return err_wrap(err, "manifest");
    auto_free char *path = operation_path(operation, "manifests", operation->texts[0]);
    struct exchange *exchange = operation_ask(operation, "PUT", path, answered);
    exchange_header_add(exchange, "Content-Type", operation->texts[1]);
    exchange->body = (struct exchange_body){ upload->data, -1, 0, upload->len, true };
    exchange_start(exchange);
    return 0;
}

static void upload_free(struct operation *operation)
{
    struct upload *upload = operation->state;
    if (upload)
        free(upload->data);
    free(upload);
}

const struct operation_kind manifest_put_kind = {
    .noun = "manifest",
    .begin = begin,
    .free = upload_free,
};
