/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KEEP: bytes of a blob, as they come, into its file, and their digest. What the file held before
 * is digested first. Nobody else writes to the file, and nothing of the bytes is looked at: so what
 * the digest says of them is so.
 */
#include <errno.h>
#include <unistd.h>

#include "base/file.h"
#include "transfer/digest.h"
#include "transfer/flow.h"
#include "transfer/job.h"

enum { BUFFER_BYTES = 256 << 10 };

struct keeping {
    struct job *job;
    struct digest *digest;
    uint8_t *buffer;
    uint64_t size;
};

static ssize_t some_read(const struct keeping *keeping, int fd, struct err *err)
{
    ssize_t n;
    if (flow_wait(fd, keeping->job->fds[3], err) < 0) /* who follows */
        return -1;
    do
        n = read(fd, keeping->buffer, BUFFER_BYTES);
    while (n < 0 && errno == EINTR);
    return n < 0 ? err_sys(err, "read") : n;
}

/* Whoever reads the file is told that there is more of it. */
static int arrival_tell(const struct keeping *keeping, struct err *err)
{
    int fd = keeping->job->fds[3];
    ssize_t put;
    if (fd < 0)
        return 0;
    do
        put = write(fd, "", 1);
    while (put < 0 && errno == EINTR);
    if (put == 1 || errno == EAGAIN)
        return 0; /* if there is no room for it, the reader has something to read */
    return err_sys(err, "hand it on");
}

/* Digests all there is to be read from fd, and writes it to the file as well unless it is that. */
static int all_keep(struct keeping *keeping, int fd, struct err *err)
{
    const struct transfer_request *request = &keeping->job->request;
    int file = keeping->job->fds[2];
    ssize_t n;
    while ((n = some_read(keeping, fd, err)) > 0) {
        keeping->size += (uint64_t)n;
        if (keeping->size > request->max_bytes)
            return err_set(err, ERR_INVALID, "more came of it than was promised");
        if (fd != file && fd_write_all(file, keeping->buffer, (size_t)n) < 0)
            return err_sys(err, "write it to a file");
        if (arrival_tell(keeping, err) < 0)
            return -1;
        digest_add(keeping->digest, keeping->buffer, (size_t)n);
    }
    return (int)n;
}

int job_keep(struct job *job, struct err *err)
{
    auto_drop(digest) *digest = digest_new();
    auto_free uint8_t *buffer = xmalloc(BUFFER_BYTES);
    struct keeping keeping = { .job = job, .digest = digest, .buffer = buffer };
    struct transfer_event event = { .kind = TRANSFER_DIGESTS };
    char text[DIGEST_TEXT_SIZE];

    if (!digest)
        return err_set(err, ERR_SYSTEM, "libcrypto has no SHA-256");
    if (lseek(job->fds[2], 0, SEEK_SET) < 0)
        return err_sys(err, "read a partial download");
    if (all_keep(&keeping, job->fds[2], err) < 0 || all_keep(&keeping, job->fds[1], err) < 0)
        return -1;
    fd_close(&job->fds[3]); /* all is there */
    event.bytes = keeping.size;
    digest_text(digest, text);
    return channel_send(&job->channel, &event, text, NULL, err);
}
