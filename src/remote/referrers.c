/* SPDX-License-Identifier: Apache-2.0 */
/*
 * REFERRERS: the manifests that name this one as their subject, as an image index. A registry that knows no
 * referrers has them under a tag made of the digest (distribution-spec 1.1, "referrers tag schema").
 *
 * An empty list of a mirror says nothing: it may have copied the image and not what refers to it.
 */
#include <string.h>

#include "base/json.h"
#include "remote/client.h"
#include "remote/manifest.h"
#include "remote/page.h"

struct referrers {
    struct pages pages;
    bool tag_asked;
    json_t *manifests; /* an array: descriptors */
};

static void answered(void *context, struct exchange *exchange, const struct err *failure);

static void tag_ask(struct operation *operation)
{
    struct referrers *referrers = operation->state;
    const char *digest = operation->texts[0];
    int algorithm = (int)strcspn(digest, ":");
    auto_free char *tag = xasprintf("%.*s-%s", algorithm, digest, digest + algorithm + 1);
    auto_free char *path = operation_path(operation, "manifests", tag);
    referrers->tag_asked = true;
    struct exchange *exchange = operation_ask(operation, "GET", path, answered);
    manifest_accept(exchange);
    exchange_start(exchange);
}

static void page_ask(struct operation *operation, const char *url)
{
    struct exchange *exchange = operation_ask(operation, "GET", url, answered);
    exchange_header_add(exchange, "Accept", "application/vnd.oci.image.index.v1+json");
    exchange_start(exchange);
}

/* Filters are ours to apply where the registry has not. */
static bool wanted(const struct operation *operation, const json_t *descriptor)
{
    const char *type = json_string_value(json_object_get(descriptor, "artifactType"));
    return json_is_object(descriptor) &&
           (!operation->texts[1][0] || (type && strcmp(type, operation->texts[1]) == 0));
}

static int page_read(struct operation *operation, const struct exchange *exchange, struct err *err)
{
    struct referrers *referrers = operation->state;
    struct document document;
    if (document_open(&document, str_text(&exchange->document), exchange->document.len,
                      "the index of referrers", err) < 0)
        return -1;
    const json_t *list = json_object_get(document.root, "manifests");
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *descriptor = json_array_get(list, i);
        if (wanted(operation, descriptor))
            (void)json_array_append(referrers->manifests, descriptor);
    }
    document_close(&document);
    return 0;
}

static int index_write(const struct operation *operation, struct err *err)
{
    const struct referrers *referrers = operation->state;
    auto_free char *manifests = json_dumps(referrers->manifests, JSON_COMPACT);
    auto_done(str) text = {};
    if (!manifests)
        return err_set(err, ERR_SYSTEM, "the index of referrers cannot be written");
    str_addf(&text,
             "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
             "\"manifests\":%s}",
             manifests);
    return operation_document(operation, text.at, text.len, err);
}

static void finish(struct operation *operation)
{
    const struct referrers *referrers = operation->state;
    struct err err;
    if (operation->endpoint->config->mirror && json_array_size(referrers->manifests) == 0) {
        err_set(&err, ERR_NOT_FOUND, "%s: no referrers of %s", operation->endpoint->config->name,
                operation->texts[0]);
        operation_failed(operation, &err);
    } else if (index_write(operation, &err) < 0) {
        operation_failed(operation, &err);
    } else {
        operation_done(operation, 1);
    }
}

/* The registry has no such interface. */
static bool unknown(const struct exchange *exchange)
{
    return exchange->status == 404 || exchange->status == 405 || exchange->status == 400 ||
           exchange->status == 501;
}

static void page_came(struct operation *operation, const struct exchange *exchange)
{
    struct referrers *referrers = operation->state;
    struct pages *pages = referrers->tag_asked ? NULL : &referrers->pages;
    auto_free char *next = NULL;
    struct err err;
    int more = pages_take(pages, operation, exchange, page_read, &next, &err);
    if (more > 0)
        page_ask(operation, next);
    else if (more < 0)
        operation_failed(operation, &err);
    else
        finish(operation);
}

static void answered(void *context, struct exchange *exchange, const struct err *failure)
{
    struct operation *operation = context;
    const struct referrers *referrers = operation->state;
    if (failure)
        operation_failed(operation, failure);
    else if (!unknown(exchange))
        page_came(operation, exchange);
    else if (referrers->tag_asked)
        finish(operation);
    else
        tag_ask(operation);
}

static void referrers_free(struct operation *operation)
{
    struct referrers *referrers = operation->state;
    if (!referrers)
        return;
    pages_done(&referrers->pages);
    json_decref(referrers->manifests);
    free(referrers);
}

static int begin(struct operation *operation, struct err *err)
{
    if (!strchr(operation->texts[0], ':'))
        return err_set(err, ERR_INVALID, "referrers are of a digest");
    referrers_free(operation);
    struct referrers *referrers = xnew(struct referrers);
    referrers->manifests = json_array();
    operation->state = referrers;
    auto_free char *path = operation_path(operation, "referrers", operation->texts[0]);
    if (operation->texts[1][0]) {
        char *type = curl_easy_escape(NULL, operation->texts[1], 0);
        auto_free char *all = xasprintf("%s?artifactType=%s", path, type ? type : "");
        curl_free(type);
        page_ask(operation, all);
    } else {
        page_ask(operation, path);
    }
    return 0;
}

const struct operation_kind referrers_kind = {
    .flags = OPERATION_MIRRORED,
    .noun = "referrers of",
    .begin = begin,
    .free = referrers_free,
};
