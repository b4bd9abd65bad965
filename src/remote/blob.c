/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BLOB: bytes from the registry into a pipe, or a file.
 *
 * Who reads from the pipe digests what comes and keeps it in a file, and is faster than a network.
 * Should it not be, the transfer pauses: what the pipe does not take is held here, which is no more
 * than libcurl has received at a time.
 *
 * A connection that breaks is resumed where it broke (Range). A server that does not do that sends
 * all of it again, and what came before is passed over. Nobody trusts the bytes before their digest
 * is known, which is the reader's affair; but not more of them are handed on than were promised.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "remote/client.h"
#include "remote/failure.h"
#include "remote/header.h"
#include "remote/operation.h"

enum {
    PIPE_BYTES = 1 << 20,
    HELD_MAX = 8 << 20, /* of several tries, each of which pauses as soon as it brings something */
    PROGRESS_MS = 100,
    ADVANCE_BYTES = 16 << 10, /* in one try, for it not to count */
};

struct blob {
    struct operation *operation;
    struct watch out;
    struct str held; /* what it has not taken yet, from held_at on */
    size_t held_at;
    uint64_t reached; /* handed on or held */
    uint64_t begun;   /* where this try began */
    uint64_t skip;    /* of the answer's beginning, which is there already */
    bool seen;        /* the answer's headers have been judged */
    bool no_range;    /* ranges are refused: asked from the beginning */
    uint64_t told_ms;
};

/* ---- the end ---- */

static bool whole(const struct blob *blob)
{
    return blob->reached == blob->operation->bytes;
}

static bool holds(const struct blob *blob)
{
    return blob->held.len > blob->held_at;
}

/* Whether the operation is over, and gone. */
static bool ended(struct blob *blob)
{
    if (!whole(blob) || holds(blob) || blob->operation->exchange)
        return false;
    operation_done(blob->operation, 0);
    return true;
}

static void broke(struct blob *blob, const char *what)
{
    struct err err;
    err_sys(&err, "%s", what);
    err_wrap(&err, "blob %s", blob->operation->texts[0]);
    /* Another endpoint would not help. */
    blob->operation->place = SIZE_MAX;
    operation_failed(blob->operation, &err);
}

/* ---- into the pipe ---- */

/* Gives as much as it takes now. Returns how much, or -1 with errno. */
static ssize_t out_write(const struct blob *blob, const char *at, size_t len)
{
    size_t given = 0;
    while (given < len) {
        ssize_t put = write(blob->out.fd, at + given, len - given);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno == EAGAIN)
            break;
        if (put < 0)
            return -1;
        given += (size_t)put;
    }
    return (ssize_t)given;
}

/* Room in the pipe, or nobody who reads from it any more. */
static void out_ready(void *context, uint32_t events)
{
    struct blob *blob = context;
    struct operation *operation = blob->operation;
    struct err err;
    ssize_t put = 0;
    errno = EPIPE;
    if (events & EPOLLERR)
        put = -1;
    else if (holds(blob))
        put = out_write(blob, blob->held.at + blob->held_at, blob->held.len - blob->held_at);
    if (put < 0) {
        broke(blob, "hand it on");
        return;
    }
    blob->held_at += (size_t)put;
    if (holds(blob))
        return;
    str_clear(&blob->held);
    blob->held_at = 0;
    if (watch_set(&operation->client->loop, &blob->out, 0, &err) < 0) {
        operation_failed(operation, &err);
        return;
    }
    if (!ended(blob) && operation->exchange)
        exchange_pause(operation->exchange, false);
}

static int out_give(struct blob *blob, const char *at, size_t len, struct err *err)
{
    ssize_t put = holds(blob) ? 0 : out_write(blob, at, len);
    if (put < 0 || blob->held.len > HELD_MAX) {
        blob->operation->place = SIZE_MAX; /* another endpoint would not help */
        return put < 0 ? err_sys(err, "hand it on")
                       : err_set(err, ERR_SYSTEM, "hand it on: nobody takes it");
    }
    blob->reached += len;
    if ((size_t)put == len)
        return 0;
    str_add_bytes(&blob->held, at + put, len - (size_t)put);
    exchange_pause(blob->operation->exchange, true);
    return watch_set(&blob->operation->client->loop, &blob->out, EPOLLOUT, err);
}

/* ---- from the network ---- */

/* Where the answer begins. */
static int answer_place(struct blob *blob, const struct exchange *exchange, struct err *err)
{
    uint64_t bytes = blob->operation->bytes, first, last, size;
    const char *range = exchange_header(exchange, "Content-Range");
    curl_off_t length = -1;
    (void)curl_easy_getinfo(exchange->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (exchange->status != 206) {
        blob->skip = blob->reached;
        if (length >= 0 && (uint64_t)length != bytes)
            return err_set(err, ERR_INVALID,
                           "it has %" PRId64 " bytes and not the %" PRIu64 " that were promised",
                           (int64_t)length, bytes);
        return 0;
    }
    blob->skip = 0;
    if (!range || !content_range_parse(range, &first, &last, &size) || first != blob->reached ||
        last >= bytes || (size != UINT64_MAX && size != bytes))
        return err_set(err, ERR_INVALID, "another part of it came than was asked for");
    return 0;
}

static void progress_tell(struct blob *blob)
{
    uint64_t now = clock_ms();
    if (now - blob->told_ms < PROGRESS_MS)
        return;
    blob->told_ms = now;
    channel_progress(&blob->operation->client->channel, blob->operation->id, blob->reached);
}

static int data_came(void *context, struct exchange *exchange, const char *at, size_t len,
                     struct err *err)
{
    const struct operation *operation = context;
    struct blob *blob = operation->state;
    if (!blob->seen && answer_place(blob, exchange, err) < 0)
        return -1;
    blob->seen = true;
    size_t skip = blob->skip < len ? (size_t)blob->skip : len;
    blob->skip -= skip;
    at += skip;
    len -= skip;
    if (len > operation->bytes - blob->reached)
        return err_set(err, ERR_INVALID, "more comes than the %" PRIu64 " bytes that were promised",
                       operation->bytes);
    if (len == 0)
        return 0;
    if (out_give(blob, at, len, err) < 0)
        return -1;
    progress_tell(blob);
    return 0;
}

static void try_prepare(void *context, struct exchange *exchange)
{
    const struct operation *operation = context;
    struct blob *blob = operation->state;
    strings_done(&exchange->headers);
    if (blob->reached > 0 && !blob->no_range)
        strings_addf(&exchange->headers, "Range: bytes=%" PRIu64 "-", blob->reached);
    blob->begun = blob->reached;
    blob->seen = false;
}

static bool try_advanced(void *context)
{
    const struct operation *operation = context;
    const struct blob *blob = operation->state;
    return blob->reached - blob->begun >= ADVANCE_BYTES;
}

static void fail_short(struct operation *operation, const struct exchange *exchange)
{
    const struct blob *blob = operation->state;
    struct err err;
    err_set(&err, ERR_INVALID, "it ends after %" PRIu64 " of the %" PRIu64 " bytes promised",
            blob->reached, operation->bytes);
    failure_name(exchange, &err);
    operation_failed(operation, &err);
}

static void answered(void *context, struct exchange *exchange, const struct err *failure)
{
    struct operation *operation = context;
    struct blob *blob = operation->state;
    if (whole(blob)) { /* however it ended */
        exchange_free(take_ptr(operation->exchange));
        if (!ended(blob))
            operation_turn_over(operation); /* what is left is for the pipe's reader to do */
    } else if (failure) {
        operation_failed(operation, failure);
    } else if (exchange->status == 416 && !blob->no_range) {
        blob->no_range = true;
        exchange_again(exchange);
    } else if (exchange->status != 200 && exchange->status != 206) {
        operation_refused(operation, exchange);
    } else if (try_advanced(operation)) {
        exchange_again(exchange); /* as if it had broken */
    } else {
        fail_short(operation, exchange);
    }
}

/* ---- a life ---- */

/* Whether its reader goes away shows even while there is nothing to be written; files, which are
 * always ready, cannot be watched. */
static int out_prepare(struct blob *blob, struct err *err)
{
    struct stat st;
    int flags = fcntl(blob->out.fd, F_GETFL);
    if (flags < 0 || fstat(blob->out.fd, &st) < 0)
        return err_sys(err, "look at where it goes");
    if (!S_ISFIFO(st.st_mode))
        return 0;
    if (fcntl(blob->out.fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return err_sys(err, "prepare a pipe");
    (void)fcntl(blob->out.fd, F_SETPIPE_SZ, PIPE_BYTES); /* a smaller one will do */
    return watch_set(&blob->operation->client->loop, &blob->out, 0, err);
}

/* NULL: it failed. What there is belongs to the operation. */
static struct blob *blob_new(struct operation *operation, struct err *err)
{
    if (!operation->texts[0][0] || operation->fds[0] < 0 || operation->offset > operation->bytes) {
        err_set(err, ERR_INVALID, "a request for a blob that is none");
        return NULL;
    }
    struct blob *blob = xnew(struct blob);
    operation->state = blob;
    *blob = (struct blob){
        .operation = operation,
        .reached = operation->offset,
        .out = { .fd = operation->fds[0], .ready = out_ready, .context = blob },
    };
    return out_prepare(blob, err) == 0 ? blob : NULL;
}

static void blob_free(struct operation *operation)
{
    struct blob *blob = operation->state;
    if (!blob)
        return;
    watch_drop(&operation->client->loop, &blob->out);
    str_done(&blob->held);
    free(blob);
}

static int begin(struct operation *operation, struct err *err)
{
    struct blob *blob = operation->state ? operation->state : blob_new(operation, err);
    if (!blob)
        return -1;
    blob->no_range = false;
    if (whole(blob)) {
        if (!ended(blob))
            operation_turn_over(operation);
        return 0;
    }
    auto_free char *path = operation_path(operation, "blobs", operation->texts[0]);
    struct exchange *exchange = operation_ask(operation, "GET", path, answered);
    exchange->data = data_came;
    exchange->prepare = try_prepare;
    exchange->advanced = try_advanced;
    exchange_start(exchange);
    return 0;
}

const struct operation_kind blob_kind = {
    .flags = OPERATION_MIRRORED | OPERATION_TRANSFERS,
    .noun = "blob",
    .begin = begin,
    .free = blob_free,
};

/* ---- BLOB_HEAD ---- */

static void head_answered(void *context, struct exchange *exchange, const struct err *failure)
{
    struct operation *operation = context;
    if (failure)
        operation_failed(operation, failure);
    else if (exchange->status == 404)
        operation_done(operation, 0);
    else if (exchange->status != 200)
        operation_refused(operation, exchange);
    else
        operation_done(operation, 1);
}

static int head_begin(struct operation *operation, struct err *err)
{
    if (!operation->texts[0][0])
        return err_set(err, ERR_INVALID, "a request for a blob that is none");
    auto_free char *path = operation_path(operation, "blobs", operation->texts[0]);
    exchange_start(operation_ask(operation, "HEAD", path, head_answered));
    return 0;
}

const struct operation_kind blob_head_kind = { .noun = "blob", .begin = head_begin };
