/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "transfer/decoder.h"
#include "transfer/flow.h"
#include "transfer/ring.h"

enum {
    IN_SIZE = 256 << 10,
    OUT_SIZE = 512 << 10,
    MAGIC_LEN = 4,
};

_Static_assert((size_t)IN_SIZE <= (size_t)RING_SLOT_BYTES,
               "what is not packed goes into a slot piece by piece");

struct stream {
    int fd;
    int arrivals;      /* -1: the file is whole, or a pipe */
    int onward;        /* -1: nobody is looked after while it grows */
    struct ring *ring; /* in place of a descriptor */
    uint64_t position;
    uint64_t given;
    uint64_t max_bytes;
    stream_watcher *watcher;
    void *watcher_context;

    const struct decoder *decoder; /* NULL: plain */
    void *state;
    bool trusted;
    bool begun;
    bool ended; /* the descriptor gives no more */
    bool whole; /* compressed data may end here */
    uint8_t *in;
    const uint8_t *rest; /* of in: not looked at yet */
    size_t rest_len;
    uint8_t *out;  /* NULL: not needed yet */
    uint8_t *into; /* where it is wanted; NULL: in out */
    size_t into_len;
};

/* magic, its length, decoder; a zstd stream may begin with a skippable frame, whose first byte
 * varies */
struct magic {
    uint8_t bytes[MAGIC_LEN];
    uint8_t mask[MAGIC_LEN];
    const struct decoder *decoder;
};

static const struct magic magics[] = {
    { { 0x1f, 0x8b, 0x08 }, { 0xff, 0xff, 0xff }, &decoder_gzip },
    { { 0x28, 0xb5, 0x2f, 0xfd }, { 0xff, 0xff, 0xff, 0xff }, &decoder_zstd },
    { { 0x50, 0x2a, 0x4d, 0x18 }, { 0xf0, 0xff, 0xff, 0xff }, &decoder_zstd },
};

struct stream *stream_new(int fd, uint64_t max_bytes)
{
    struct stream *stream = xnew(struct stream);
    stream->fd = fd;
    stream->arrivals = -1;
    stream->max_bytes = max_bytes;
    stream->in = xmalloc(IN_SIZE);
    return stream;
}

struct stream *stream_new_ring(struct ring *ring)
{
    struct stream *stream = xnew(struct stream);
    stream->fd = -1;
    stream->arrivals = -1;
    stream->ring = ring;
    stream->begun = true;
    return stream;
}

void stream_follow(struct stream *stream, int arrivals, int onward)
{
    stream->arrivals = arrivals;
    stream->onward = onward;
}

void stream_trust(struct stream *stream)
{
    stream->trusted = true;
}

void stream_into(struct stream *stream, void *at, size_t len)
{
    stream->into = at;
    stream->into_len = len;
}

void stream_raw(struct stream *stream)
{
    stream->begun = true;
}

void stream_watch(struct stream *stream, stream_watcher *watcher, void *context)
{
    stream->watcher = watcher;
    stream->watcher_context = context;
}

uint64_t stream_position(const struct stream *stream)
{
    return stream->position;
}

bool stream_plain(const struct stream *stream)
{
    return stream->begun && !stream->decoder;
}

void stream_free(struct stream *stream)
{
    if (!stream)
        return;
    if (stream->state)
        stream->decoder->drop(stream->state);
    ring_free(stream->ring);
    free(stream->in);
    free(stream->out);
    free(stream);
}

/* Waits until the file has grown. Returns 1, or 0: it will not any more. */
static int stream_wait(struct stream *stream, struct err *err)
{
    char told[64];
    ssize_t n;
    if (stream->arrivals < 0)
        return 0;
    if (flow_wait(stream->arrivals, stream->onward, err) < 0)
        return -1;
    do
        n = read(stream->arrivals, told, sizeof(told));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_sys(err, "read");
    if (n == 0)
        stream->arrivals = -1; /* something may have come before that */
    return 1;
}

/* Reads more behind what is left. Pipes give little at a time: before the first bytes are looked
 * at, until there are enough of them. */
static int stream_fill(struct stream *stream, size_t least, struct err *err)
{
    if (stream->rest_len > 0 && stream->rest != stream->in)
        memmove(stream->in, stream->rest, stream->rest_len);
    stream->rest = stream->in;
    while (stream->rest_len < least && !stream->ended) {
        uint8_t *end = stream->in + stream->rest_len;
        ssize_t n = read(stream->fd, end, IN_SIZE - stream->rest_len);
        if (n < 0 && errno == EINTR)
            continue;
        int more = n == 0 ? stream_wait(stream, err) : 0;
        if (n < 0)
            return err_sys(err, "read");
        if (more < 0)
            return -1;
        stream->ended = n == 0 && more == 0;
        if (n > 0 && stream->watcher)
            stream->watcher(stream->watcher_context, end, (size_t)n);
        stream->rest_len += (size_t)n;
        stream->position += (uint64_t)n;
    }
    return 0;
}

static bool magic_fits(const struct magic *magic, const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < MAGIC_LEN; i++) {
        if (magic->mask[i] == 0)
            return true;
        if (i >= len || (at[i] & magic->mask[i]) != magic->bytes[i])
            return false;
    }
    return true;
}

static int stream_begin(struct stream *stream, struct err *err)
{
    if (stream_fill(stream, MAGIC_LEN, err) < 0)
        return -1;
    stream->begun = true;
    for (size_t i = 0; i < array_size(magics); i++) {
        if (!magic_fits(&magics[i], stream->rest, stream->rest_len))
            continue;
        stream->decoder = magics[i].decoder;
        stream->state = stream->decoder->make(stream->trusted);
        if (!stream->state)
            return err_set(err, ERR_SYSTEM, "out of memory");
        return 0;
    }
    return 0;
}

/* Hands out what is there as it is. */
static ssize_t read_plain(struct stream *stream, const void **ret_at, struct err *err)
{
    if (stream->rest_len == 0 && stream_fill(stream, 1, err) < 0)
        return -1;
    size_t len = stream->rest_len;
    *ret_at = stream->rest;
    stream->rest += len;
    stream->rest_len = 0;
    return (ssize_t)len;
}

static ssize_t read_inflated(struct stream *stream, const void **ret_at, struct err *err)
{
    if (!stream->into && !stream->out)
        stream->out = xmalloc(OUT_SIZE);
    size_t size = stream->into ? stream->into_len : OUT_SIZE;
    uint8_t *out = stream->into ? stream->into : stream->out;
    struct decoder_buffers buffers = { .out = out, .out_len = size };

    while (buffers.out_len > 0) {
        if (stream->rest_len == 0 && stream_fill(stream, 1, err) < 0)
            return -1;
        if (stream->rest_len == 0 && stream->whole)
            break;
        size_t left = stream->rest_len, room = buffers.out_len;
        buffers.in = stream->rest;
        buffers.in_len = left;
        if (stream->decoder->step(stream->state, &buffers, &stream->whole, err) < 0)
            return -1;
        stream->rest = buffers.in;
        stream->rest_len = buffers.in_len;
        /* Without input it may still have had something to give; if not, something is missing. */
        if (stream->rest_len == left && buffers.out_len == room && !stream->whole)
            return err_set(err, ERR_INVALID, "the %s data is %s", stream->decoder->name,
                           left == 0 ? "truncated" : "damaged");
    }
    *ret_at = out;
    return (ssize_t)(size - buffers.out_len);
}

static ssize_t read_ring(struct stream *stream, const void **ret_at, struct err *err)
{
    if (ring_pass(stream->ring, err) < 0)
        return -1;
    ssize_t len = ring_get(stream->ring, ret_at, err);
    if (len > 0)
        stream->position += (uint64_t)len;
    return len;
}

static ssize_t read_next(struct stream *stream, const void **ret_at, struct err *err)
{
    if (stream->ring)
        return read_ring(stream, ret_at, err);
    return stream->decoder ? read_inflated(stream, ret_at, err) : read_plain(stream, ret_at, err);
}

ssize_t stream_read(struct stream *stream, const void **ret_at, struct err *err)
{
    if (!stream->begun && stream_begin(stream, err) < 0)
        return -1;
    ssize_t len = read_next(stream, ret_at, err);
    if (len < 0)
        return -1;
    stream->given += (uint64_t)len;
    if (stream->max_bytes > 0 && stream->given > stream->max_bytes) {
        char limit[16];
        return err_set(err, ERR_INVALID, "unpacks to more than the limit of %s",
                       size_format(stream->max_bytes, limit));
    }
    return len;
}
