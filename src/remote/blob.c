/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BLOB: bytes from the registry into a file, and from the file into a pipe.
 *
 * The file is what lies between the network and the pipe's reader: whoever is slow does not hold up
 * the other, and the bytes that were there from the beginning go the same way as those that come. What is
 * spliced from a file is not copied.
 *
 * A connection that breaks is resumed where the file ends (Range). A server that does not do that
 * sends all of it again, and what is there is passed over. Nobody trusts the bytes before their digest is
 * known, which is the pipe's reader's affair; but not more of them are taken than were promised.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "remote/client.h"
#include "remote/failure.h"
#include "remote/header.h"
#include "remote/operation.h"

enum {
    PIPE_BYTES = 1 << 20,
    FEED_BYTES = 1 << 20, /* in one go, so that nobody else waits long */
    PROGRESS_MS = 100,
    ADVANCE_BYTES = 16 << 10, /* in one try, for it not to count */
};

struct blob {
    struct operation *operation;
    int file;
    struct watch pipe;
    bool feeding; /* the pipe is watched for room */
    bool fed_all;
    bool copies;      /* the file cannot be spliced */
    uint64_t reached; /* in the file */
    uint64_t fed;     /* to the pipe */
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

/* Whether the operation is over, and gone. */
static bool ended(struct blob *blob)
{
    if (!whole(blob) || !blob->fed_all || blob->operation->exchange)
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

/* ---- file to pipe ---- */

/* As splice(2). */
static ssize_t feed_copy(struct blob *blob, size_t len)
{
    char buffer[16 << 10];
    len = len < sizeof(buffer) ? len : sizeof(buffer);
    ssize_t got = pread(blob->file, buffer, len, (off_t)blob->fed);
    if (got <= 0)
        return got;
    ssize_t put = write(blob->pipe.fd, buffer, (size_t)got);
    if (put > 0)
        blob->fed += (uint64_t)put;
    return put;
}

static ssize_t feed_some(struct blob *blob)
{
    uint64_t left = blob->reached - blob->fed;
    size_t len = left < FEED_BYTES ? (size_t)left : FEED_BYTES;
    if (blob->copies)
        return feed_copy(blob, len);
    off_t from = (off_t)blob->fed;
    ssize_t put = splice(blob->file, &from, blob->pipe.fd, NULL, len, SPLICE_F_NONBLOCK);
    if (put < 0 && errno == EINVAL) {
        blob->copies = true;
        return feed_copy(blob, len);
    }
    if (put > 0)
        blob->fed += (uint64_t)put;
    return put;
}

static void feed_close(struct blob *blob)
{
    watch_drop(&blob->operation->client->loop, &blob->pipe);
    fd_close(&blob->pipe.fd);
    blob->fed_all = true;
}

/* The pipe takes more, or its reader is gone. */
static void pipe_ready(void *context, uint32_t events)
{
    struct blob *blob = context;
    struct err err;
    ssize_t put = 0;
    if (events & EPOLLERR) {
        errno = EPIPE;
        broke(blob, "hand it on");
        return;
    }
    if (blob->fed < blob->reached)
        put = feed_some(blob);
    if (put == 0 && blob->fed < blob->reached) {
        errno = EIO; /* the file is shorter than it was */
        put = -1;
    }
    if (put < 0 && errno != EAGAIN && errno != EINTR) {
        broke(blob, "hand it on");
        return;
    }
    if (blob->fed < blob->reached)
        return;
    blob->feeding = false;
    if (whole(blob)) {
        feed_close(blob);
        (void)ended(blob);
    } else if (watch_set(&blob->operation->client->loop, &blob->pipe, 0, &err) < 0) {
        operation_failed(blob->operation, &err);
    }
}

static int feed_on(struct blob *blob, struct err *err)
{
    if (blob->pipe.fd < 0 || blob->feeding)
        return 0;
    blob->feeding = true;
    return watch_set(&blob->operation->client->loop, &blob->pipe, EPOLLOUT, err);
}

/* ---- network to file ---- */

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

static int file_write(const struct blob *blob, const char *at, size_t len, struct err *err)
{
    uint64_t place = blob->reached;
    while (len > 0) {
        ssize_t put = pwrite(blob->file, at, len, (off_t)place);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return err_sys(err, "write it to a file");
        at += put;
        len -= (size_t)put;
        place += (uint64_t)put;
    }
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
    if (file_write(blob, at, len, err) < 0)
        return -1;
    blob->reached += len;
    progress_tell(blob);
    return feed_on(blob, err);
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

static int pipe_prepare(struct blob *blob, struct err *err)
{
    int flags = fcntl(blob->pipe.fd, F_GETFL);
    if (flags < 0 || fcntl(blob->pipe.fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return err_sys(err, "prepare a pipe");
    (void)fcntl(blob->pipe.fd, F_SETPIPE_SZ, PIPE_BYTES); /* a smaller one will do */
    return feed_on(blob, err);
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
        .file = operation->fds[0],
        .reached = operation->offset,
        .pipe = { .fd = take_fd(operation->fds[1]), .ready = pipe_ready, .context = blob },
    };
    blob->fed_all = blob->pipe.fd < 0;
    return blob->fed_all || pipe_prepare(blob, err) == 0 ? blob : NULL;
}

static void blob_free(struct operation *operation)
{
    struct blob *blob = operation->state;
    if (!blob)
        return;
    watch_drop(&operation->client->loop, &blob->pipe);
    fd_close(&blob->pipe.fd);
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
