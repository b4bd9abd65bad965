/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UPLOAD: a blob into the registry, in the cheapest way it takes.
 *
 *   HEAD ── there already: done
 *   POST, asking for a mount from another repository ── 201: done; 202: a session
 *   small, or pieces refused: PUT of all of it
 *   else PATCH for each piece, then PUT of nothing, which closes the session
 *
 * What breaks is asked after (GET of the session) and goes on from what has arrived; a session that is
 * lost begins anew. A PUT that breaks may have been good for all that: HEAD tells.
 */
#include <inttypes.h>
#include <string.h>

#include "remote/client.h"
#include "remote/failure.h"
#include "remote/header.h"
#include "remote/operation.h"
#include "remote/url.h"

enum {
    PIECE_BYTES = 16 << 20,
    FAILURES_MAX = 5, /* one behind the other */
    BACK_OFF_MS = 300,
    PROGRESS_MS = 100,
};

struct upload {
    char *location;   /* of the session */
    uint64_t arrived; /* in the session */
    uint64_t most;    /* that ever has in one: a session that is lost is no way to begin for ever */
    uint64_t from;    /* where the request's body begins */
    uint64_t piece;
    bool whole;   /* in one PUT */
    bool mount;   /* may still be tried */
    bool closing; /* a PUT has broken: was it good? */
    unsigned failures;
    uint64_t told_ms;
};

static void session_open(struct operation *operation);
static void session_go_on(struct operation *operation);
static void session_ask(struct operation *operation);

/* ---- what goes wrong ---- */

/* Whether it may be tried once more; the exchange to come waits longer each time. */
static bool failure_counted(struct upload *upload)
{
    return ++upload->failures <= FAILURES_MAX;
}

static void start(const struct operation *operation, struct exchange *exchange)
{
    const struct upload *upload = operation->state;
    if (upload->failures > 0)
        exchange_start_later(exchange, (uint64_t)BACK_OFF_MS << upload->failures);
    else
        exchange_start(exchange);
}

static void give_up(struct operation *operation, const struct exchange *exchange,
                    const struct err *failure)
{
    if (failure)
        operation_failed(operation, failure);
    else
        operation_refused(operation, exchange);
}

/* ---- the session ---- */

static int location_take(struct upload *upload, const struct exchange *exchange, struct err *err)
{
    const char *location = exchange_header(exchange, "Location");
    char *url;
    if (!location) {
        if (upload->location)
            return 0; /* as it was */
        err_set(err, ERR_INVALID, "it does not say where to upload to");
        return failure_name(exchange, err);
    }
    if (url_resolve(exchange->now, location, &url, err) < 0) {
        err_set(err, ERR_INVALID, "the place it names to upload to is no URL");
        return failure_name(exchange, err);
    }
    if (url_is_https(exchange->now) && !url_is_https(url)) {
        auto_free char *host = url_host(url);
        free(url);
        err_set(err, ERR_DENIED, "it wants the upload from https to plain HTTP at %s", host);
        return failure_name(exchange, err);
    }
    free(upload->location);
    upload->location = url;
    return 0;
}

static void piece_learn(struct upload *upload, const struct exchange *exchange)
{
    const char *least = exchange_header(exchange, "OCI-Chunk-Min-Length");
    uint64_t bytes = least ? strtoull(least, NULL, 10) : 0;
    if (bytes > upload->piece)
        upload->piece = bytes;
}

static void opened(void *context, struct exchange *exchange, const struct err *failure)
{
    struct operation *operation = context;
    struct upload *upload = operation->state;
    struct err err;
    bool mounting = upload->mount;
    upload->mount = false;
    if (failure) {
        operation_failed(operation, failure);
    } else if (exchange->status == 201 && mounting) {
        operation_done(operation, REMOTE_MOUNTED);
    } else if (exchange->status != 202) {
        /* A repository that may not be read, or a registry that mounts nothing. */
        if (mounting && exchange->status / 100 == 4)
            session_open(operation);
        else
            operation_refused(operation, exchange);
    } else if (location_take(upload, exchange, &err) < 0) {
        operation_failed(operation, &err);
    } else {
        piece_learn(upload, exchange);
        session_go_on(operation);
    }
}

static void session_open(struct operation *operation)
{
    struct upload *upload = operation->state;
    auto_free char *path = operation_path(operation, "blobs", "uploads/");
    upload->arrived = 0;
    free(take_ptr(upload->location));
    auto_free char *mount = upload->mount ? xasprintf("%s?mount=%s&from=%s", path,
                                                      operation->texts[0], operation->texts[1])
                                          : NULL;
    struct exchange *exchange = operation_ask(operation, "POST", mount ? mount : path, opened);
    exchange->body.present = true; /* and empty */
    start(operation, exchange);
}

/* ---- bytes ---- */

static void bytes_sent(void *context, uint64_t bytes)
{
    const struct operation *operation = context;
    struct upload *upload = operation->state;
    uint64_t now = clock_ms();
    if (now - upload->told_ms < PROGRESS_MS)
        return;
    upload->told_ms = now;
    channel_progress(&operation->client->channel, operation->id, upload->from + bytes);
}

static struct exchange *bytes_ask(struct operation *operation, const char *method, const char *url,
                                  uint64_t from, uint64_t len,
                                  void (*done)(void *, struct exchange *, const struct err *))
{
    struct upload *upload = operation->state;
    struct exchange *exchange = operation_ask(operation, method, url, done);
    upload->from = from;
    exchange->body = (struct exchange_body){ NULL, operation->fds[0], from, len, true };
    exchange->sent = bytes_sent;
    exchange->flags = EXCHANGE_ONCE;
    exchange_header_add(exchange, "Content-Type", "application/octet-stream");
    return exchange;
}

/* What has arrived, by the Range of an answer; without one, `otherwise`. */
static int arrived_take(const struct operation *operation, const struct exchange *exchange,
                        uint64_t otherwise, struct err *err)
{
    struct upload *upload = operation->state;
    const char *range = exchange_header(exchange, "Range");
    uint64_t arrived = otherwise;
    if (range && !upload_range_parse(range, &arrived))
        arrived = otherwise;
    if (arrived > operation->bytes) {
        err_set(err, ERR_INVALID, "it says that more has arrived than there is");
        return failure_name(exchange, err);
    }
    if (arrived > upload->most) {
        upload->failures = 0;
        upload->most = arrived;
    }
    upload->arrived = arrived;
    return 0;
}

static void piece_refused(struct operation *operation, const struct exchange *exchange,
                          const struct err *failure)
{
    struct upload *upload = operation->state;
    bool passes = failure || status_passes(exchange->status) || exchange->status == 416;
    if (passes && failure_counted(upload)) {
        session_ask(operation);
    } else if (!passes && upload->arrived == 0 && exchange->status != 401 &&
               exchange->status != 403) {
        upload->whole = true; /* it may not know pieces */
        session_open(operation);
    } else if (!passes && exchange->status == 404 && failure_counted(upload)) {
        session_open(operation);
    } else {
        give_up(operation, exchange, failure);
    }
}

static void piece_answered(void *context, struct exchange *exchange, const struct err *failure)
{
    struct operation *operation = context;
    struct upload *upload = operation->state;
    struct err err;
    uint64_t before = upload->arrived;
    if (failure || exchange->status / 100 != 2)
        piece_refused(operation, exchange, failure);
    else if (location_take(upload, exchange, &err) < 0 ||
             arrived_take(operation, exchange, before + exchange->body.len, &err) < 0)
        operation_failed(operation, &err);
    else if (upload->arrived > before || failure_counted(upload))
        session_go_on(operation);
    else
        give_up(operation, exchange, NULL);
}

static void piece_send(struct operation *operation)
{
    const struct upload *upload = operation->state;
    uint64_t left = operation->bytes - upload->arrived;
    uint64_t len = left < upload->piece ? left : upload->piece;
    struct exchange *exchange =
        bytes_ask(operation, "PATCH", upload->location, upload->arrived, len, piece_answered);
    strings_addf(&exchange->headers, "Content-Range: %" PRIu64 "-%" PRIu64, upload->arrived,
                 upload->arrived + len - 1);
    start(operation, exchange);
}

/* ---- the end ---- */

static void session_asked(void *context, struct exchange *exchange, const struct err *failure)
{
    struct operation *operation = context;
    struct upload *upload = operation->state;
    struct err err;
    if (failure)
        operation_failed(operation, failure);
    else if (exchange->status == 404)
        session_open(operation);
    else if (exchange->status / 100 != 2)
        operation_refused(operation, exchange);
    else if (location_take(upload, exchange, &err) < 0 ||
             arrived_take(operation, exchange, 0, &err) < 0)
        operation_failed(operation, &err);
    else
        session_go_on(operation);
}

static void session_ask(struct operation *operation)
{
    const struct upload *upload = operation->state;
    start(operation, operation_ask(operation, "GET", upload->location, session_asked));
}

static void blob_ask(struct operation *operation);

static void put_answered(void *context, struct exchange *exchange, const struct err *failure)
{
    struct operation *operation = context;
    struct upload *upload = operation->state;
    if (!failure && exchange->status / 100 == 2) {
        operation_done(operation, REMOTE_UPLOADED);
    } else if ((failure || status_passes(exchange->status) || exchange->status == 404) &&
               failure_counted(upload)) {
        upload->closing = true;
        blob_ask(operation);
    } else {
        give_up(operation, exchange, failure);
    }
}

static void put_send(struct operation *operation, bool whole)
{
    const struct upload *upload = operation->state;
    struct err err;
    auto_free char *url = xstrdup(upload->location);
    if (url_query_add(&url, "digest", operation->texts[0], &err) < 0) {
        operation_failed(operation, &err);
        return;
    }
    uint64_t from = whole ? 0 : operation->bytes;
    struct exchange *exchange =
        bytes_ask(operation, "PUT", url, from, operation->bytes - from, put_answered);
    exchange->flags |= EXCHANGE_PATIENT; /* it digests all of it now, perhaps */
    start(operation, exchange);
}

static void session_go_on(struct operation *operation)
{
    const struct upload *upload = operation->state;
    bool small = operation->bytes <= upload->piece;
    if (upload->whole || (small && upload->arrived == 0))
        put_send(operation, true);
    else if (upload->arrived < operation->bytes)
        piece_send(operation);
    else
        put_send(operation, false);
}

/* ---- the beginning ---- */

static void blob_asked(void *context, struct exchange *exchange, const struct err *failure)
{
    struct operation *operation = context;
    struct upload *upload = operation->state;
    if (failure)
        operation_failed(operation, failure);
    else if (exchange->status == 200)
        operation_done(operation, upload->closing ? REMOTE_UPLOADED : REMOTE_THERE);
    else if (exchange->status != 404)
        operation_refused(operation, exchange);
    else if (upload->closing && !upload->whole && upload->arrived > 0)
        session_ask(operation);
    else
        session_open(operation);
}

static void blob_ask(struct operation *operation)
{
    auto_free char *path = operation_path(operation, "blobs", operation->texts[0]);
    exchange_start(operation_ask(operation, "HEAD", path, blob_asked));
}

static int begin(struct operation *operation, struct err *err)
{
    const char *from = operation->texts[1];
    if (!strchr(operation->texts[0], ':') || (from[0] && !url_plain_path(from)))
        return err_set(err, ERR_INVALID, "a request for an upload that is none");
    struct upload *upload = xnew(struct upload);
    operation->state = upload;
    upload->piece = PIECE_BYTES;
    upload->mount = from[0] && strcmp(from, operation->endpoint->config->repository) != 0;
    blob_ask(operation);
    return 0;
}

static void upload_free(struct operation *operation)
{
    struct upload *upload = operation->state;
    if (upload)
        free(upload->location);
    free(upload);
}

const struct operation_kind upload_kind = {
    .flags = OPERATION_TRANSFERS,
    .noun = "upload of",
    .begin = begin,
    .free = upload_free,
};
