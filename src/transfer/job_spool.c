/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An archive of blobs into a directory of files that are called by numbers. Names are only
 * reported: which of them are links, and what is to become of each, is ruche's to say.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/number.h"
#include "transfer/job.h"
#include "transfer/tar.h"

enum { PROGRESS_BYTES = 8 << 20, FILE_MODE = 0600, PATH_SHOWN_MAX = 300 };

struct spool {
    struct job *job;
    struct tar *tar;
    struct stream *stream;
    uint64_t told;
    uint64_t number; /* of the next file */
    struct str path;
};

static int spool_told(struct spool *spool, struct err *err)
{
    uint64_t position = stream_position(spool->stream);
    if (position - spool->told < PROGRESS_BYTES)
        return 0;
    spool->told = position;
    return channel_progress(&spool->job->channel, position, err);
}

static int spool_data(struct spool *spool, int fd, uint64_t size, struct err *err)
{
    struct job *job = spool->job;
    uint64_t end = 0, offset;
    const void *at;
    size_t len;
    int more;

    while ((more = tar_data(spool->tar, &at, &len, &offset, err)) > 0) {
        job->bytes += len;
        if (job->bytes > job->request.max_bytes) {
            char limit[16];
            return err_set(err, ERR_INVALID, "the archive holds more than the limit of %s",
                           size_format(job->request.max_bytes, limit));
        }
        if (job->request.room_bytes > 0 && job->bytes > job->request.room_bytes) {
            errno = ENOSPC;
            return err_sys(err, "write to the store");
        }
        if (offset != end && lseek(fd, (off_t)offset, SEEK_SET) < 0)
            return err_sys(err, "write to the store");
        if (fd_write_all(fd, at, len) < 0)
            return err_sys(err, "write to the store");
        end = offset + len;
        if (spool_told(spool, err) < 0)
            return -1;
    }
    if (more == 0 && end < size && ftruncate(fd, (off_t)size) < 0)
        return err_sys(err, "write to the store");
    return more;
}

static int spool_file(struct spool *spool, const struct member *member, struct err *err)
{
    char name[24];
    snprintf(name, sizeof(name), "%llu", (unsigned long long)spool->number);
    auto_close int fd = openat(spool->job->fds[2], name,
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return err_sys(err, "write to the store");
    if (spool_data(spool, fd, member->size, err) < 0)
        return -1;
    struct transfer_event event = {
        .kind = TRANSFER_MEMBER,
        .detail = TRANSFER_MEMBER_FILE,
        .number = spool->number++,
        .bytes = member->size,
    };
    return channel_send(&spool->job->channel, &event, str_text(&spool->path), NULL, err);
}

static int spool_member(struct spool *spool, const struct member *member, struct err *err)
{
    struct transfer_event link = { .kind = TRANSFER_MEMBER };
    struct job *job = spool->job;

    if (++job->entries > job->request.max_entries)
        return err_set(err, ERR_INVALID, "the archive has more than %llu members",
                       (unsigned long long)job->request.max_entries);
    if (member_path(member->path, &spool->path, err) < 0)
        return -1;
    switch (member->type) {
    case MEMBER_FILE:
        return spool_file(spool, member, err);
    case MEMBER_HARDLINK:
    case MEMBER_SYMLINK:
        link.detail =
            member->type == MEMBER_SYMLINK ? TRANSFER_MEMBER_SYMLINK : TRANSFER_MEMBER_HARDLINK;
        return channel_send(&job->channel, &link, str_text(&spool->path), member->target, err);
    case MEMBER_DIRECTORY:
        return 0;
    case MEMBER_CHARACTER:
    case MEMBER_BLOCK:
    case MEMBER_FIFO:
    case MEMBER_SOCKET:
        break;
    }
    return err_set(err, ERR_INVALID, "neither a file nor a link");
}

static int spool_run(struct spool *spool, struct err *err)
{
    struct member member = {};
    int more;
    while ((more = tar_next(spool->tar, &member, err)) > 0)
        if (spool_member(spool, &member, err) < 0)
            break;
    if (more == 0)
        return tar_finish(spool->tar, err);
    if (member.path) {
        auto_done(str) shown = { .max_bytes = PATH_SHOWN_MAX };
        text_escape(&shown, member.path, strlen(member.path));
        err_wrap(err, "member %s", str_text(&shown));
    }
    return -1;
}

int job_spool(struct job *job, struct err *err)
{
    auto_drop(stream) *stream = stream_new(job->fds[1], 0);
    auto_drop(tar) *tar = NULL;
    if (tar_open(stream, TAR_INFLATE, &tar, err) < 0)
        return -1;
    struct spool spool = { .job = job, .tar = tar, .stream = stream };
    int result = spool_run(&spool, err);
    str_done(&spool.path);
    return result;
}
