/* SPDX-License-Identifier: Apache-2.0 */
/* A tar stream into a file, packed; with the digests of both. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "transfer/digest.h"
#include "transfer/encoder.h"
#include "transfer/job.h"

enum { IN_SIZE = 256 << 10, OUT_SIZE = 256 << 10, PROGRESS_BYTES = 8 << 20 };

struct deflating {
    struct job *job;
    const struct encoder *encoder;
    void *state;
    struct digest *blob;
    struct digest *content;
    uint64_t blob_size;
    uint64_t content_size;
    uint64_t told;
    uint8_t *in;
    uint8_t *out;
};

static int packed_put(struct deflating *deflating, size_t len, struct err *err)
{
    const struct job *job = deflating->job;
    digest_add(deflating->blob, deflating->out, len);
    deflating->blob_size += len;
    bool fits = job->request.room_bytes == 0 || deflating->blob_size <= job->request.room_bytes;
    if (!fits)
        errno = ENOSPC;
    if (!fits || fd_write_all(job->fds[2], deflating->out, len) < 0)
        return err_sys(err, "write to the store");
    return 0;
}

/* Packs what was read; last: to its end. */
static int deflate(struct deflating *deflating, size_t len, bool last, struct err *err)
{
    struct encoder_buffers buffers = { .in = deflating->in, .in_len = len };
    bool ended = false;
    do {
        buffers.out = deflating->out;
        buffers.out_len = OUT_SIZE;
        if (deflating->encoder->step(deflating->state, &buffers, last, &ended, err) < 0)
            return -1;
        if (packed_put(deflating, OUT_SIZE - buffers.out_len, err) < 0)
            return -1;
    } while (buffers.in_len > 0 || (last && !ended));
    return 0;
}

static int deflate_all(struct deflating *deflating, struct err *err)
{
    struct job *job = deflating->job;
    for (;;) {
        ssize_t len = read(job->fds[1], deflating->in, IN_SIZE);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return err_sys(err, "read");
        digest_add(deflating->content, deflating->in, (size_t)len);
        deflating->content_size += (uint64_t)len;
        if (deflate(deflating, (size_t)len, len == 0, err) < 0)
            return -1;
        if (len == 0)
            return 0;
        if (deflating->content_size - deflating->told < PROGRESS_BYTES)
            continue;
        deflating->told = deflating->content_size;
        if (channel_progress(&job->channel, deflating->told, err) < 0)
            return -1;
    }
}

static int deflate_told(struct deflating *deflating, struct err *err)
{
    char blob_text[DIGEST_TEXT_SIZE], content_text[DIGEST_TEXT_SIZE];
    struct transfer_event event = {
        .kind = TRANSFER_DIGESTS,
    };
    if (deflate_all(deflating, err) < 0)
        return -1;
    event.bytes = deflating->blob_size;
    event.number = deflating->content_size;
    digest_text(deflating->blob, blob_text);
    digest_text(deflating->content, content_text);
    return channel_send(&deflating->job->channel, &event, blob_text, content_text, err);
}

int job_deflate(struct job *job, struct err *err)
{
    auto_drop(digest) *blob = digest_new();
    auto_drop(digest) *content = digest_new();
    auto_free uint8_t *in = xmalloc(IN_SIZE);
    auto_free uint8_t *out = xmalloc(OUT_SIZE);
    struct deflating deflating = {
        .job = job,
        .encoder =
            strcmp(job->request.name, encoder_zstd.name) == 0 ? &encoder_zstd : &encoder_gzip,
        .blob = blob,
        .content = content,
        .in = in,
        .out = out,
    };
    if (!blob || !content)
        return err_set(err, ERR_SYSTEM, "libcrypto has no SHA-256");
    if (strcmp(job->request.name, deflating.encoder->name) != 0)
        return err_set(err, ERR_INVALID, "a request that is none");
    deflating.state = deflating.encoder->make();
    if (!deflating.state)
        return err_set(err, ERR_SYSTEM, "out of memory");
    int result = deflate_told(&deflating, err);
    deflating.encoder->drop(deflating.state);
    return result;
}
