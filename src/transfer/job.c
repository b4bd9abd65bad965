/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/job.h"

#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "transfer/ring.h"
#include "transfer/unpack.h"

enum { WARNINGS_TOLD = 10 }; /* of a layer */

int job_remove(struct job *job, struct err *err)
{
    return tree_remove(job->fds[1], job->request.name, err);
}

static int told(void *context, uint64_t bytes, struct err *err)
{
    const struct job *job = context;
    return channel_progress(&job->channel, bytes, err);
}

/* Both sinks tell what they leave out here, member by member. */
static void warned(void *context, const char *text)
{
    struct job *job = context;
    if (job->warnings++ < WARNINGS_TOLD)
        channel_warning(&job->channel, text);
}

/* A layer may have millions of them. */
static void warnings_end(const struct job *job)
{
    if (job->warnings <= WARNINGS_TOLD)
        return;
    auto_free char *text =
        xasprintf("and %zu more warning%s of this kind", job->warnings - WARNINGS_TOLD,
                  job->warnings - WARNINGS_TOLD == 1 ? "" : "s");
    channel_warning(&job->channel, text);
}

static int device_wanted(void *context, const struct member *member, struct err *err)
{
    struct job *job = context;
    int made = channel_device(&job->channel, member, err);
    if (made == 0 && job->devices_left_out++ == 0)
        job->first_left_out = xstrdup(member->path);
    return made;
}

/* One warning for all of them: an image has none or a dozen, all below /dev. */
static void devices_warn(const struct job *job)
{
    if (job->devices_left_out == 0)
        return;
    auto_free char *text =
        xasprintf("an ordinary user makes no device nodes: %zu left out, the first being %s",
                  job->devices_left_out, job->first_left_out);
    channel_warning(&job->channel, text);
}

/* The layer's archive: a descriptor's, or what comes through a ring. */
static struct stream *archive_open(const struct job *job, struct err *err)
{
    struct ring *ring;
    if (job->fds[4] < 0)
        return stream_new(job->fds[1], 0);
    if (ring_open(job->fds[4], job->fds[1], job->fds[3], RING_LAST, &ring, err) < 0)
        return NULL;
    return stream_new_ring(ring);
}

static int layer_take(struct job *job, struct sink *sink, const struct sink_help *help,
                      struct err *err)
{
    const struct unpack_limits limits = {
        .max_bytes = job->request.max_bytes,
        /* Of a PACK the sink sees what is written, and what becomes a hole. */
        .room_bytes = job->request.verb == TRANSFER_PACK ? 0 : job->request.room_bytes,
        .max_entries = job->request.max_entries,
    };
    struct unpack_result result;
    auto_drop(stream) *stream = archive_open(job, err);

    if (!stream || unpack_layer(stream, sink, &limits, help, told, &result, err) < 0)
        return -1;
    job->bytes = result.bytes;
    job->entries = result.entries;
    warnings_end(job);
    return 0;
}

int job_unpack(struct job *job, struct err *err)
{
    const struct sink_help help = {
        .device = device_wanted,
        .warning = warned,
        .context = job,
    };
    auto_drop(sink) *sink = directory_sink_new(job->fds[2], &help);
    if (layer_take(job, sink, &help, err) < 0)
        return -1;
    devices_warn(job);
    return 0;
}

int job_pack(struct job *job, struct err *err)
{
    const struct sink_help help = { .warning = warned, .context = job };
    auto_drop(sink) *sink = erofs_sink_new(job->fds[2], job->request.max_bytes, &help);
    erofs_sink_room(sink, job->request.room_bytes);
    return layer_take(job, sink, &help, err);
}

static const struct verb {
    int (*run)(struct job *job, struct err *err);
    int directory; /* which of the descriptors, or -1 */
    int (*prepare)(struct job *job, struct err *err);
} verbs[] = {
    [TRANSFER_SPOOL] = { job_spool, 2, NULL },
    [TRANSFER_DIGEST] = { job_digest, -1, NULL },
    [TRANSFER_INFLATE] = { job_inflate, -1, NULL },
    [TRANSFER_UNPACK] = { job_unpack, 2, NULL },
    [TRANSFER_CONTENT] = { job_content, -1, NULL },
    [TRANSFER_KEEP] = { job_keep, -1, NULL },
    [TRANSFER_SUM] = { job_sum, 1, NULL },
    [TRANSFER_PACK] = { job_pack, -1, NULL },
    [TRANSFER_REMOVE] = { job_remove, 1, NULL },
    [TRANSFER_SIGN] = { job_sign, -1, NULL },
    [TRANSFER_VERIFY] = { job_verify, -1, NULL },
    [TRANSFER_DEFLATE] = { job_deflate, -1, NULL },
    [TRANSFER_EXPORT] = { job_export, -1, job_export_prepare },
};

_Static_assert(array_size(verbs) == TRANSFER_VERB_COUNT, "each verb has its function");

void job_run(struct job *job, const struct confinement *confinement)
{
    const struct verb *verb = &verbs[job->request.verb];
    int directory = verb->directory < 0 ? -1 : job->fds[verb->directory];
    struct stat st;
    struct err err;

    if (directory >= 0 && fstat(directory, &st) == 0 && !S_ISDIR(st.st_mode))
        directory = -1; /* a file of which the sum is asked for */

    if (verb->prepare && verb->prepare(job, &err) < 0) {
        channel_failed(&job->channel, &err);
        return;
    }
    const int *at = verb->prepare ? job->layers : &directory;
    size_t n_at = verb->prepare ? job->n_layers : directory >= 0;
    if (confinement_enter(confinement, job->request.verb, at, n_at, &err) < 0) {
        err_wrap(&err, "confine the process");
        channel_failed(&job->channel, &err);
        return;
    }
    if (verb->run(job, &err) < 0) {
        channel_failed(&job->channel, &err);
        return;
    }
    struct transfer_event done = {
        .kind = TRANSFER_DONE,
        .bytes = job->bytes,
        .number = job->entries,
    };
    (void)channel_send(&job->channel, &done, NULL, NULL, &err);
}
