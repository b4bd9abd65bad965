/* SPDX-License-Identifier: Apache-2.0 */
/* Digests of a blob and of what it unpacks to, which with INFLATE goes down a pipe to whoever
 * unpacks it. */
#include <string.h>

#include "base/file.h"
#include "transfer/digest.h"
#include "transfer/job.h"
#include "transfer/stream.h"

enum { PROGRESS_BYTES = 8 << 20 };

static void blob_seen(void *context, const void *at, size_t len)
{
    digest_add(context, at, len);
}

/* Reads it all. *ret_size: of what it unpacks to. */
static int blob_read(struct job *job, struct stream *stream, struct digest *content,
                     uint64_t *ret_size, struct err *err)
{
    bool inflate = job->request.verb == TRANSFER_INFLATE;
    uint64_t size = 0, told = 0;
    const void *at;
    ssize_t len;

    while ((len = stream_read(stream, &at, err)) > 0) {
        if (!stream_plain(stream)) /* else it is the blob, digest and all */
            digest_add(content, at, (size_t)len);
        size += (uint64_t)len;
        if (inflate && fd_write_all(job->fds[2], at, (size_t)len) < 0)
            return err_sys(err, "write to the unpacking process");
        if (stream_position(stream) - told < PROGRESS_BYTES)
            continue;
        told = stream_position(stream);
        if (channel_progress(&job->channel, told, err) < 0)
            return -1;
    }
    *ret_size = size;
    return len < 0 ? -1 : 0;
}

int job_digest(struct job *job, struct err *err)
{
    auto_drop(stream) *stream = stream_new(job->fds[1], job->request.max_bytes);
    auto_drop(digest) *blob = digest_new();
    auto_drop(digest) *content = digest_new();
    struct transfer_event event = { .kind = TRANSFER_DIGESTS };
    char blob_text[DIGEST_TEXT_SIZE], content_text[DIGEST_TEXT_SIZE];

    if (!blob || !content)
        return err_set(err, ERR_SYSTEM, "libcrypto has no SHA-256");
    if (strcmp(job->request.name, TRANSFER_RAW) == 0)
        stream_raw(stream);
    if (job->request.verb == TRANSFER_DIGEST && job->fds[2] >= 0)
        stream_follow(stream, job->fds[2], -1);
    stream_watch(stream, blob_seen, blob);
    if (blob_read(job, stream, content, &event.number, err) < 0)
        return -1;
    event.bytes = stream_position(stream);
    digest_text(blob, blob_text);
    digest_text(content, content_text);
    return channel_send(&job->channel, &event, blob_text,
                        stream_plain(stream) ? blob_text : content_text, err);
}
