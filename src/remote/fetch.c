/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FETCH: whatever a URL leads to, into a file. Nobody has promised how long it is, nor what it
 * digests to: a connection that breaks is resumed only if the server says that what is there is
 * still the same (If-Range), and begun anew if it does not.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "remote/client.h"
#include "remote/failure.h"
#include "remote/header.h"
#include "remote/operation.h"

enum { PROGRESS_MS = 100, ADVANCE_BYTES = 16 << 10 };

struct fetch {
    uint64_t reached;
    uint64_t most;   /* that was reached in tries before this one: less than that is no advance */
    bool seen;       /* the answer's headers have been judged */
    char *validator; /* what tells this file from another one at the same URL; NULL: nothing */
    uint64_t told_ms;
};

/* A weak tag, or a date that may be too coarse, tells nothing of bytes. */
static char *validator_of(const struct exchange *exchange)
{
    const char *tag = exchange_header(exchange, "ETag");
    return tag && tag[0] == '"' && strpbrk(tag, "\r\n") == NULL ? xstrdup(tag) : NULL;
}

static int fail_large(const struct operation *operation, struct err *err)
{
    return err_set(err, ERR_INVALID, "it is larger than the %" PRIu64 " bytes there is room for",
                   operation->bytes);
}

/* ---- the answer ---- */

static void length_tell(const struct operation *operation, uint64_t length)
{
    const struct remote_event found = {
        .kind = REMOTE_FOUND,
        .id = operation->id,
        .bytes = length,
        .number = 1,
    };
    channel_send(&operation->client->channel, &found, NULL, NULL);
}

static int begin_anew(struct operation *operation, const struct exchange *exchange, struct err *err)
{
    struct fetch *fetch = operation->state;
    curl_off_t length = -1;
    (void)curl_easy_getinfo(exchange->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length >= 0 && (uint64_t)length > operation->bytes)
        return fail_large(operation, err);
    if (ftruncate(operation->fds[0], 0) < 0)
        return err_sys(err, "write it to a file");
    fetch->reached = 0;
    free(fetch->validator);
    fetch->validator = validator_of(exchange);
    if (length >= 0)
        length_tell(operation, (uint64_t)length);
    return 0;
}

/* It has to be all that is left: nobody else knows where the end is. */
static int resume_check(const struct fetch *fetch, const struct exchange *exchange, struct err *err)
{
    const char *range = exchange_header(exchange, "Content-Range");
    uint64_t first, last, size;
    if (range && content_range_parse(range, &first, &last, &size) && first == fetch->reached &&
        (size == UINT64_MAX || last + 1 == size))
        return 0;
    return err_set(err, ERR_INVALID, "another part of it came than was asked for");
}

static int answer_judge(struct operation *operation, const struct exchange *exchange,
                        struct err *err)
{
    struct fetch *fetch = operation->state;
    bool seen = fetch->seen;
    fetch->seen = true;
    if (seen)
        return 0;
    return exchange->status == 206 ? resume_check(fetch, exchange, err)
                                   : begin_anew(operation, exchange, err);
}

static int file_write(const struct operation *operation, const char *at, size_t len,
                      struct err *err)
{
    struct fetch *fetch = operation->state;
    while (len > 0) {
        ssize_t put = pwrite(operation->fds[0], at, len, (off_t)fetch->reached);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return err_sys(err, "write it to a file");
        at += put;
        len -= (size_t)put;
        fetch->reached += (uint64_t)put;
    }
    return 0;
}

static int data_came(void *context, struct exchange *exchange, const char *at, size_t len,
                     struct err *err)
{
    struct operation *operation = context;
    struct fetch *fetch = operation->state;
    uint64_t now = clock_ms();
    if (answer_judge(operation, exchange, err) < 0)
        return -1;
    if (len > operation->bytes - fetch->reached)
        return fail_large(operation, err);
    if (file_write(operation, at, len, err) < 0)
        return -1;
    if (now - fetch->told_ms < PROGRESS_MS)
        return 0;
    fetch->told_ms = now;
    channel_progress(&operation->client->channel, operation->id, fetch->reached);
    return 0;
}

static void try_prepare(void *context, struct exchange *exchange)
{
    const struct operation *operation = context;
    struct fetch *fetch = operation->state;
    strings_done(&exchange->headers);
    if (fetch->reached > 0 && fetch->validator) {
        strings_addf(&exchange->headers, "Range: bytes=%" PRIu64 "-", fetch->reached);
        strings_addf(&exchange->headers, "If-Range: %s", fetch->validator);
    }
    if (fetch->most < fetch->reached)
        fetch->most = fetch->reached;
    fetch->seen = false;
}

static bool try_advanced(void *context)
{
    const struct operation *operation = context;
    const struct fetch *fetch = operation->state;
    return fetch->validator && fetch->reached >= fetch->most + ADVANCE_BYTES;
}

static void answered(void *context, struct exchange *exchange, const struct err *failure)
{
    struct operation *operation = context;
    struct fetch *fetch = operation->state;
    struct err err;
    if (failure) {
        operation_failed(operation, failure);
    } else if (exchange->status == 416 && fetch->validator) {
        free(fetch->validator); /* what there is may be all; asked from the beginning */
        fetch->validator = NULL;
        exchange_again(exchange);
    } else if (exchange->status != 200 && exchange->status != 206) {
        operation_refused(operation, exchange);
    } else if (answer_judge(operation, exchange, &err) < 0) { /* it may be empty */
        operation_failed(operation, &err);
    } else {
        operation_done(operation, 1);
    }
}

/* ---- a life ---- */

static int begin(struct operation *operation, struct err *err)
{
    if (!operation->texts[0][0] || operation->fds[0] < 0)
        return err_set(err, ERR_INVALID, "a request for a file that is none");
    if (!operation->state)
        operation->state = xnew(struct fetch);
    struct exchange *exchange = operation_ask(operation, "GET", operation->texts[0], answered);
    exchange->flags |= EXCHANGE_ANONYMOUS;
    exchange->data = data_came;
    exchange->prepare = try_prepare;
    exchange->advanced = try_advanced;
    free(exchange->what);
    exchange->what = NULL;
    exchange_start(exchange);
    return 0;
}

static void fetch_free(struct operation *operation)
{
    struct fetch *fetch = operation->state;
    if (fetch)
        free(fetch->validator);
    free(fetch);
}

const struct operation_kind fetch_kind = {
    .flags = OPERATION_ANYWHERE | OPERATION_TRANSFERS,
    .begin = begin,
    .free = fetch_free,
};
