/* SPDX-License-Identifier: Apache-2.0 */
/* MANIFEST: by tag or digest; its bytes, or what a HEAD tells of them. */
#include <string.h>

#include "remote/client.h"
#include "remote/digest.h"
#include "remote/failure.h"
#include "remote/manifest.h"
#include "remote/url.h"

static const char formats[] = "application/vnd.oci.image.index.v1+json, "
                              "application/vnd.oci.image.manifest.v1+json, "
                              "application/vnd.docker.distribution.manifest.list.v2+json, "
                              "application/vnd.docker.distribution.manifest.v2+json";

void manifest_accept(struct exchange *exchange)
{
    exchange_header_add(exchange, "Accept", formats);
}

/* The value without its parameters ("; charset=utf-8"); empty if there is none that may be shown. */
static char *media_type(const struct exchange *exchange)
{
    const char *type = exchange_header(exchange, "Content-Type");
    auto_free char *plain = type ? xstrndup(type, strcspn(type, "; \t")) : xstrdup("");
    return url_plain_path(plain) ? take_ptr(plain) : xstrdup("");
}

/* The digest that the registry says, or NULL. */
static const char *digest_told(const struct exchange *exchange)
{
    const char *digest = exchange_header(exchange, "Docker-Content-Digest");
    return digest && url_plain_path(digest) ? digest : NULL;
}

int manifest_check(const struct exchange *exchange, const char *reference, struct err *err)
{
    const struct str *document = &exchange->document;
    const char *told = digest_told(exchange);
    auto_free char *type = media_type(exchange);
    bool known;
    if (strstr(type, "vnd.docker.distribution.manifest.v1+"))
        return err_set(err, ERR_UNSUPPORTED,
                       "it is of docker's first format (schema 1), out of use since 2016");
    if (strcmp(exchange->method, "HEAD") == 0)
        return 0;
    if (strchr(reference, ':')) {
        if (digest_matches(reference, document->at, document->len, &known))
            return 0;
        return known ? err_set(err, ERR_INVALID, "what came has another digest")
                     : err_set(err, ERR_UNSUPPORTED, "such digests are not known here");
    }
    if (told && !digest_matches(told, document->at, document->len, &known) && known)
        return err_set(err, ERR_INVALID, "what came has another digest than the registry says");
    return 0;
}

static void found_tell(const struct operation *operation, const struct exchange *exchange)
{
    struct remote_event found = { .kind = REMOTE_FOUND, .id = operation->id };
    auto_free char *type = media_type(exchange);
    curl_off_t size = -1;
    if (operation->flags & REMOTE_HEAD)
        (void)curl_easy_getinfo(exchange->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
    else
        size = (curl_off_t)exchange->document.len;
    found.number = size >= 0;
    found.bytes = size >= 0 ? (uint64_t)size : 0;
    channel_send(&operation->client->channel, &found, type, digest_told(exchange));
}

/* A mirror that has it not says nothing about the registry. */
static void absent(struct operation *operation, const struct exchange *exchange)
{
    if (operation->endpoint->config->mirror)
        operation_refused(operation, exchange);
    else
        operation_done(operation, 0);
}

static void answered(void *context, struct exchange *exchange, const struct err *failure)
{
    struct operation *operation = context;
    struct client *client = operation->client;
    struct err err;
    if (failure) {
        operation_failed(operation, failure);
    } else if (exchange->status == 404) {
        absent(operation, exchange);
    } else if (exchange->status != 200) {
        operation_refused(operation, exchange);
    } else if (manifest_check(exchange, operation->texts[0], &err) < 0) {
        failure_name(exchange, &err);
        operation_failed(operation, &err);
    } else if (operation_document(operation, exchange->document.at, exchange->document.len, &err) <
               0) {
        operation_failed(operation, &err);
    } else {
        client->preferred = (size_t)(operation->endpoint - client->endpoints);
        found_tell(operation, exchange);
        operation_done(operation, 1);
    }
}

static int begin(struct operation *operation, struct err *err)
{
    bool head = operation->flags & REMOTE_HEAD;
    if (!operation->texts[0][0] || (!head && operation->fds[0] < 0))
        return err_set(err, ERR_INVALID, "a request for a manifest that names none");
    auto_free char *path = operation_path(operation, "manifests", operation->texts[0]);
    struct exchange *exchange = operation_ask(operation, head ? "HEAD" : "GET", path, answered);
    manifest_accept(exchange);
    exchange_start(exchange);
    return 0;
}

const struct operation_kind manifest_kind = {
    .flags = OPERATION_MIRRORED,
    .noun = "manifest",
    .begin = begin,
};
