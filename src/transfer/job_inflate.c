/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What unpacks to a layer goes through a ring (ring.h): INFLATE fills it, CONTENT digests what is
 * in it, UNPACK or PACK takes it in. Inflating, digesting and unpacking take about as long as each
 * other, and so may take place on three processors.
 */
#include <string.h>

#include "transfer/digest.h"
#include "transfer/job.h"
#include "transfer/ring.h"
#include "transfer/stream.h"

enum { PROGRESS_BYTES = 8 << 20 };

static void blob_seen(void *context, const void *at, size_t len)
{
    digest_add(context, at, len);
}

static int slots_fill(struct job *job, struct stream *stream, struct ring *ring, struct err *err)
{
    uint64_t told = 0;
    for (;;) {
        void *room = ring_room(ring, err);
        const void *at;
        if (!room)
            return -1;
        stream_into(stream, room, RING_SLOT_BYTES);
        ssize_t len = stream_read(stream, &at, err);
        if (len <= 0)
            return (int)len;
        if (at != room)
            memcpy(room, at, (size_t)len); /* not packed, and in no larger pieces */
        if (ring_put(ring, (size_t)len, err) < 0)
            return -1;
        if (stream_position(stream) - told < PROGRESS_BYTES)
            continue;
        told = stream_position(stream);
        if (channel_progress(&job->channel, told, err) < 0)
            return -1;
    }
}

/* Of a blob that is being kept by another process, that one has the digest. */
int job_inflate(struct job *job, struct err *err)
{
    if (job->fds[4] < 0)
        return job_digest(job, err); /* into a pipe */
    auto_drop(stream) *stream = stream_new(job->fds[1], job->request.max_bytes);
    auto_drop(digest) *blob = digest_new();
    auto_drop(ring) *ring = NULL;
    struct transfer_event event = { .kind = TRANSFER_DIGESTS };
    char text[DIGEST_TEXT_SIZE];
    bool kept = job->fds[5] >= 0;

    if (!blob)
        return err_set(err, ERR_SYSTEM, "libcrypto has no SHA-256");
    if (ring_open(job->fds[4], job->fds[3], job->fds[2], RING_FIRST, &ring, err) < 0)
        return -1;
    if (kept) {
        stream_follow(stream, job->fds[5], job->fds[2]);
        stream_trust(stream); /* what is fetched has digests */
    } else {
        stream_watch(stream, blob_seen, blob);
    }
    if (slots_fill(job, stream, ring, err) < 0)
        return -1;
    if (kept)
        return 0;
    event.bytes = stream_position(stream);
    digest_text(blob, text);
    return channel_send(&job->channel, &event, text, NULL, err);
}

int job_content(struct job *job, struct err *err)
{
    auto_drop(digest) *content = digest_new();
    auto_drop(ring) *ring = NULL;
    struct transfer_event event = { .kind = TRANSFER_DIGESTS };
    char text[DIGEST_TEXT_SIZE];
    const void *at;
    ssize_t len;

    if (!content)
        return err_set(err, ERR_SYSTEM, "libcrypto has no SHA-256");
    if (ring_open(job->fds[3], job->fds[1], job->fds[2], RING_NEXT, &ring, err) < 0)
        return -1;
    while ((len = ring_get(ring, &at, err)) > 0) {
        digest_add(content, at, (size_t)len);
        event.number += (uint64_t)len;
        if (ring_pass(ring, err) < 0)
            return -1;
    }
    if (len < 0)
        return -1;
    digest_text(content, text);
    return channel_send(&job->channel, &event, NULL, text, err);
}
