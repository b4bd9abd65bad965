/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/operation.h"

#include <string.h>

#include "base/file.h"
#include "remote/client.h"
#include "remote/failure.h"
#include "remote/url.h"

static const struct operation_kind *const kinds[REMOTE_OP_COUNT] = {
    [REMOTE_PING] = &ping_kind,       [REMOTE_MANIFEST] = &manifest_kind,
    [REMOTE_BLOB] = &blob_kind,       [REMOTE_BLOB_HEAD] = &blob_head_kind,
    [REMOTE_UPLOAD] = &upload_kind,   [REMOTE_MANIFEST_PUT] = &manifest_put_kind,
    [REMOTE_DELETE] = &delete_kind,   [REMOTE_TAGS] = &tags_kind,
    [REMOTE_CATALOG] = &catalog_kind, [REMOTE_REFERRERS] = &referrers_kind,
    [REMOTE_SEARCH] = &search_kind,   [REMOTE_FETCH] = &fetch_kind,
};

/* ---- endpoints ---- */

static bool by_digest(const struct operation *operation)
{
    return strchr(operation->texts[0], ':');
}

/* Which endpoint is at this place of the order: where the manifest came from, blobs are as well. */
static size_t endpoint_at(const struct operation *operation, size_t place)
{
    const struct client *client = operation->client;
    size_t preferred = client->preferred;
    if (preferred >= client->n_endpoints || !by_digest(operation))
        return place;
    if (place == 0)
        return preferred;
    return place <= preferred ? place - 1 : place;
}

static bool endpoint_fits(const struct operation *operation, size_t index)
{
    const struct client *client = operation->client;
    const struct remote_endpoint *config = client->endpoints[index].config;
    if (!config->mirror)
        return true;
    if (!(operation->kind->flags & OPERATION_MIRRORED))
        return false;
    if (operation->op != REMOTE_MANIFEST || index == client->preferred)
        return true;
    return by_digest(operation) ? !config->only_tags : !config->only_digests;
}

/* False: there is none left. */
static bool endpoint_next(struct operation *operation)
{
    const struct client *client = operation->client;
    while (operation->place < client->n_endpoints) {
        size_t index = endpoint_at(operation, operation->place++);
        if (!endpoint_fits(operation, index))
            continue;
        operation->endpoint = &client->endpoints[index];
        return true;
    }
    return false;
}

static int operation_begin(struct operation *operation, struct err *err)
{
    const struct remote_endpoint *config = operation->endpoint->config;
    if (!(operation->kind->flags & OPERATION_ANYWHERE) &&
        !(config->repository && config->repository[0]))
        return err_set(err, ERR_INVALID, "%s: no repository is named", config->name);
    return operation->kind->begin(operation, err);
}

static void operation_try(struct operation *operation)
{
    struct err err;
    if (operation_begin(operation, &err) < 0)
        operation_failed(operation, &err);
}

/* ---- turns ---- */

static void turns_give(struct client *client)
{
    struct operation *operation = client->operations;
    while (operation && client->transferring < client->setup.parallel) {
        if (!operation->waits) {
            operation = operation->next;
            continue;
        }
        operation->waits = false;
        operation->turn = true;
        client->transferring++;
        operation_try(operation);
        operation = client->operations; /* it may be gone, and others with it */
    }
}

void operation_turn_over(struct operation *operation)
{
    if (!operation->turn)
        return;
    operation->turn = false;
    operation->client->transferring--;
    turns_give(operation->client);
}

/* ---- a life ---- */

static void operation_add(struct client *client, struct operation *operation)
{
    struct operation **last = &client->operations;
    while (*last)
        last = &(*last)->next;
    *last = operation;
    client->n_operations++;
}

void operation_free(struct operation *operation)
{
    struct client *client = operation->client;
    struct operation **at = &client->operations;
    while (*at != operation)
        at = &(*at)->next;
    *at = operation->next;
    client->n_operations--;
    if (operation->turn)
        client->transferring--;
    if (operation->kind->free)
        operation->kind->free(operation);
    exchange_free(operation->exchange);
    for (size_t i = 0; i < REMOTE_TEXTS; i++)
        free(operation->texts[i]);
    for (size_t i = 0; i < REMOTE_FDS_MAX; i++)
        fd_close(&operation->fds[i]);
    free(operation);
}

void operation_cancel(struct operation *operation)
{
    struct client *client = operation->client;
    operation_free(operation);
    turns_give(client);
}

void operation_done(struct operation *operation, uint32_t detail)
{
    channel_finished(&operation->client->channel, operation->id, detail);
    operation_cancel(operation);
}

void operation_failed(struct operation *operation, const struct err *err)
{
    struct client *client = operation->client;
    struct err failure = *err; /* may lie in the exchange */
    bool mirror = operation->endpoint->config->mirror;
    if (mirror && endpoint_next(operation)) {
        auto_free char *text =
            xasprintf("%s; asking %s", failure.text, operation->endpoint->config->name);
        channel_note(&client->channel, operation->id, text);
        operation_try(operation);
        return;
    }
    channel_failed(&client->channel, operation->id, &failure);
    operation_cancel(operation);
}

void operation_refused(struct operation *operation, const struct exchange *exchange)
{
    struct err err;
    failure_of_status(exchange, &err);
    operation_failed(operation, &err);
}

/* ---- requests ---- */

/* The texts, each closed, and nothing behind them. */
static int texts_take(struct operation *operation, const char *at, size_t len, struct err *err)
{
    for (size_t i = 0; i < REMOTE_TEXTS; i++) {
        const char *end = memchr(at, 0, len);
        if (!end)
            return err_set(err, ERR_INVALID, "a request whose texts are not closed");
        operation->texts[i] = xstrdup(at);
        len -= (size_t)(end - at) + 1;
        at = end + 1;
    }
    return len == 0 ? 0 : err_set(err, ERR_INVALID, "a request with something behind its texts");
}

static int operation_check(const struct operation *operation, struct err *err)
{
    const struct client *client = operation->client;
    bool words = operation->op == REMOTE_SEARCH || operation->op == REMOTE_FETCH;
    if (client->n_operations >= REMOTE_OPS_MAX)
        return err_set(err, ERR_CONFLICT, "too many operations at a time");
    for (const struct operation *other = client->operations; other; other = other->next)
        if (other->id == operation->id)
            return err_set(err, ERR_INVALID, "an operation whose number another one has");
    if (operation->texts[0][0] && !words && !url_plain_path(operation->texts[0]))
        return err_set(err, ERR_INVALID, "a tag or digest that is none");
    return 0;
}

static void operation_start(struct operation *operation)
{
    struct client *client = operation->client;
    operation_add(client, operation);
    operation->waits = operation->kind->flags & OPERATION_TRANSFERS;
    if (!endpoint_next(operation)) {
        struct err err;
        err_set(&err, ERR_INVALID, "setup: the last endpoint is a mirror");
        channel_failed(&client->channel, operation->id, &err);
        operation_free(operation);
    } else if (operation->waits) {
        turns_give(client);
    } else {
        operation_try(operation);
    }
}

static void operation_discard(struct operation *operation)
{
    for (size_t i = 0; i < REMOTE_TEXTS; i++)
        free(operation->texts[i]);
    for (size_t i = 0; i < REMOTE_FDS_MAX; i++)
        fd_close(&operation->fds[i]);
    free(operation);
}

void operation_receive(struct client *client, const struct remote_request *request, size_t len,
                       int *fds, size_t n_fds)
{
    struct operation *operation = xnew(struct operation);
    struct err err;
    operation->client = client;
    operation->kind = kinds[request->op];
    operation->id = request->id;
    operation->op = request->op;
    operation->flags = request->flags;
    operation->bytes = request->bytes;
    operation->offset = request->offset;
    for (size_t i = 0; i < REMOTE_FDS_MAX; i++)
        operation->fds[i] = i < n_fds ? take_fd(fds[i]) : -1;
    if (texts_take(operation, request->texts, len - REMOTE_REQUEST_HEAD, &err) < 0 ||
        operation_check(operation, &err) < 0) {
        channel_failed(&client->channel, operation->id, &err);
        operation_discard(operation);
        return;
    }
    operation_start(operation);
}

/* ---- for the kinds ---- */

/* What a token has to be good for, or NULL. */
static char *scope_of(const struct operation *operation)
{
    const struct remote_setup *setup = &operation->client->setup;
    const char *repository = operation->endpoint->config->repository;
    if (operation->op == REMOTE_CATALOG)
        return xstrdup("registry:catalog:*");
    if (operation->kind->flags & OPERATION_ANYWHERE)
        return NULL;
    if (operation->op == REMOTE_DELETE)
        return xasprintf("repository:%s:delete", repository);
    if (!setup->push || operation->endpoint->config->mirror)
        return xasprintf("repository:%s:pull", repository);
    auto_done(str) scope = {};
    str_addf(&scope, "repository:%s:pull,push", repository);
    for (size_t i = 0; i < setup->mount_repositories.len; i++)
        str_addf(&scope, " repository:%s:pull", setup->mount_repositories.at[i]);
    return str_take(&scope);
}

/* "blob sha256:0123456789ab": digests are shortened as everywhere. */
static char *what_of(const struct operation *operation)
{
    enum { DIGEST_SHOWN = 7 + 12 };
    const char *name = operation->texts[0];
    int shown = text_starts(name, "sha256:") ? DIGEST_SHOWN : (int)strlen(name);
    return xasprintf("%s%s%.*s", operation->kind->noun, name[0] ? " " : "", shown, name);
}

struct exchange *operation_ask(struct operation *operation, const char *method, const char *url,
                               void (*done)(void *, struct exchange *, const struct err *))
{
    struct exchange *exchange = exchange_new(operation->client, operation->endpoint, method, url);
    exchange_free(operation->exchange);
    operation->exchange = exchange;
    exchange->id = operation->id;
    exchange->scope = scope_of(operation);
    exchange->done = done;
    exchange->context = operation;
    if (operation->kind->noun)
        exchange->what = what_of(operation);
    return exchange;
}

char *operation_path(const struct operation *operation, const char *folder, const char *name)
{
    return xasprintf("/v2/%s/%s/%s", operation->endpoint->config->repository, folder, name);
}

int operation_document(const struct operation *operation, const void *at, size_t len,
                       struct err *err)
{
    if (operation->fds[0] < 0 || fd_write_all(operation->fds[0], at, len) == 0)
        return 0;
    return err_sys(err, "write the answer to a file");
}
