/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A part needs one or two processes. Alone, DIGEST reads the blob. With a layer to unpack: a plain
 * one is read by DIGEST and by UNPACK side by side; of a compressed one INFLATE digests both forms
 * and hands the inflated one through a pipe to UNPACK. Neither can go wrong without the other's
 * work being thrown away.
 *
 * If both fail, one mostly does because of the other: damaged data ends UNPACK's pipe too early,
 * and a refused member breaks INFLATE's. So INFLATE's reason counts unless it is the broken pipe.
 */
#include "image/part.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "image/device.h"
#include "image/helper.h"
#include "image/source.h"

enum {
    AT_ONCE_MAX = 4,
    PIPE_BYTES = 1 << 20,
    MAGIC_LEN = 4,
};

static const uint64_t entries_most = 10000000;

enum { END_DIGEST, END_UNPACK, ENDS };

/* A process that serves a part. */
struct end {
    int socket; /* -1: none, or it is done */
    bool failed;
    struct err err;
};

struct run {
    struct part *part; /* NULL: free */
    size_t place;
    int tree; /* the layer's directory, not mapped; or -1 */
    bool digested;
    struct end ends[ENDS];
};

struct work {
    struct parts *parts;
    const struct ingest *ingest;
    const struct image_watch *watch;
    const struct helper *helper;
    struct transfer_request request; /* limits */
    struct run runs[AT_ONCE_MAX];
    size_t at_once;
    size_t next; /* part to be looked at */
};

void parts_done(struct parts *parts)
{
    for (size_t i = 0; i < parts->len; i++) {
        free(parts->at[i].digest);
        free(parts->at[i].content);
    }
    free(parts->at);
    *parts = (struct parts){};
}

size_t parts_add(struct parts *parts, const char *digest, uint64_t number)
{
    parts->at = xrealloc(parts->at, parts->len + 1, sizeof(*parts->at));
    parts->at[parts->len] = (struct part){
        .digest = digest ? xstrdup(digest) : NULL,
        .number = number,
    };
    return parts->len++;
}

/* ---- beginning ---- */

static int part_open(const struct work *work, const struct part *part, int *ret_fd,
                     uint64_t *ret_size, struct err *err)
{
    if (part->stored)
        return blob_open(work->ingest->images, part->digest, ret_fd, ret_size, err);
    return ingest_file(work->ingest, part->number, ret_fd, ret_size, err);
}

/* How it is packed, as ruche-transfer will see it; whatever is neither is read as it is. */
static int format_tell(int fd, enum layer_format *ret_format, struct err *err)
{
    unsigned char magic[MAGIC_LEN] = {};
    if (pread(fd, magic, sizeof(magic), 0) < 0)
        return err_sys(err, "read a blob");
    *ret_format = LAYER_PLAIN;
    if (memcmp(magic, "\x1f\x8b\x08", 3) == 0)
        *ret_format = LAYER_GZIP;
    if (memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0 ||
        ((magic[0] & 0xf0) == 0x50 && memcmp(magic + 1, "\x2a\x4d\x18", 3) == 0))
        *ret_format = LAYER_ZSTD;
    return 0;
}

static int request(struct work *work, struct end *end, enum transfer_verb verb, int input,
                   int output, struct err *err)
{
    struct transfer_request wanted = work->request;
    wanted.verb = verb;
    const int fds[] = { input, output };
    return helper_request(work->helper, &wanted, fds, output >= 0 ? 2 : 1, &end->socket, err);
}

/* The layer's directory, and how its archive gets to whoever unpacks it. */
static int run_unpack(struct work *work, struct run *run, int blob, struct err *err)
{
    auto_close int directory = -1;
    auto_close int from = -1;
    auto_close int to = -1;
    uint64_t size;

    if (ingest_layer(work->ingest, run->place, &run->tree, err) < 0 ||
        helper_directory(work->helper, run->tree, &directory, err) < 0)
        return -1;
    if (run->part->format == LAYER_PLAIN) {
        /* Opened once more: what is duplicated shares its place in the file. */
        if (part_open(work, run->part, &from, &size, err) < 0 ||
            request(work, &run->ends[END_DIGEST], TRANSFER_DIGEST, blob, -1, err) < 0)
            return -1;
    } else {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
            return err_sys(err, "make a pipe");
        from = ends[0];
        to = ends[1];
        (void)fcntl(to, F_SETPIPE_SZ, PIPE_BYTES); /* a small one works too */
        if (request(work, &run->ends[END_DIGEST], TRANSFER_INFLATE, blob, to, err) < 0)
            return -1;
    }
    return request(work, &run->ends[END_UNPACK], TRANSFER_UNPACK, from, directory, err);
}

static int run_begin(struct work *work, struct run *run, size_t place, struct err *err)
{
    struct part *part = &work->parts->at[place];
    auto_close int blob = -1;

    run->part = part;
    run->place = place;
    run->digested = false;
    if (part_open(work, part, &blob, &part->size, err) < 0 ||
        format_tell(blob, &part->format, err) < 0)
        return -1;
    if (part->unpack)
        return run_unpack(work, run, blob, err);
    return request(work, &run->ends[END_DIGEST], TRANSFER_DIGEST, blob, -1, err);
}

static void run_clear(struct run *run)
{
    run->part = NULL;
    fd_close(&run->tree);
    for (size_t i = 0; i < ENDS; i++) {
        fd_close(&run->ends[i].socket);
        run->ends[i].failed = false;
    }
}

/* ---- events ---- */

static int digests_take(struct run *run, const struct transfer_event *event, struct err *err)
{
    struct part *part = run->part;
    const char *blob = event_text(event, 0), *content = event_text(event, 1);
    if (run->digested || !digest_valid(blob) || !digest_valid(content))
        return err_set(err, ERR_SYSTEM, "ruche-transfer says what it cannot say");
    if (event->bytes != part->size)
        return err_set(err, ERR_SYSTEM, "a blob changed while it was read");
    if (part->digest && strcmp(part->digest, blob) != 0)
        return err_set(err, ERR_INVALID, "the blob is damaged: it should be %s, and is %s",
                       part->digest, blob);
    if (!part->digest)
        part->digest = xstrdup(blob);
    free(part->content);
    part->content = xstrdup(content);
    part->content_size = event->number;
    run->digested = true;
    return 0;
}

static int device_answer(struct run *run, struct end *end, const struct transfer_event *event,
                         struct err *err)
{
    int errnum =
        layer_device(run->tree, event_text(event, 0), (mode_t)event->detail, event->number);
    return helper_answer(end->socket, errnum, err);
}

static void event_warn(const struct work *work, const struct run *run,
                       const struct transfer_event *event)
{
    if (!work->watch || !work->watch->warning)
        return;
    auto_done(str) text = {};
    const char *raw = event_text(event, 0);
    str_addf(&text, "layer %zu of %zu: ", run->part->layer, work->parts->n_layers);
    text_escape(&text, raw, strlen(raw));
    work->watch->warning(work->watch->context, str_text(&text));
}

static void event_progress(const struct work *work, const struct run *run,
                           const struct transfer_event *event)
{
    if (work->watch && work->watch->progress && run->part->layer > 0)
        work->watch->progress(work->watch->context, run->part->layer, work->parts->n_layers,
                              event->bytes, run->part->size);
}

/* Takes one event of one process. -1: it failed, for its own reason. */
static int end_event(struct work *work, struct run *run, size_t i, struct err *err)
{
    struct end *end = &run->ends[i];
    struct transfer_event event;
    if (helper_event(end->socket, &event, err) < 0)
        return -1;
    switch ((enum transfer_event_kind)event.kind) {
    case TRANSFER_PROGRESS:
        if (i == END_DIGEST)
            event_progress(work, run, &event);
        return 0;
    case TRANSFER_DIGESTS:
        if (i == END_DIGEST)
            return digests_take(run, &event, err);
        break;
    case TRANSFER_DEVICE:
        if (i == END_UNPACK)
            return device_answer(run, end, &event, err);
        break;
    case TRANSFER_WARNING:
        event_warn(work, run, &event);
        return 0;
    case TRANSFER_DONE:
        if (i == END_DIGEST && !run->digested)
            break;
        fd_close(&end->socket);
        return 0;
    case TRANSFER_FAILED:
        event_error(&event, err);
        return -1;
    case TRANSFER_MEMBER:
    case TRANSFER_EVENT_COUNT:
        break;
    }
    return err_set(err, ERR_SYSTEM, "ruche-transfer says what it cannot say");
}

/* ---- ending ---- */

static int part_failed(const struct work *work, const struct part *part, struct err *err)
{
    if (part->layer > 0)
        return err_wrap(err, "layer %zu of %zu", part->layer, work->parts->n_layers);
    return part->digest ? err_wrap(err, "%s", part->digest) : -1;
}

/* Both ends of the run have ended, or one of them beyond repair. Returns 1 if so, -1 if it went
 * wrong. */
static int run_ended(struct work *work, struct run *run, struct err *err)
{
    struct end *digest = &run->ends[END_DIGEST], *unpack = &run->ends[END_UNPACK];
    bool pipe = run->part->format != LAYER_PLAIN;
    if (digest->failed && digest->err.errnum != EPIPE) {
        *err = digest->err;
        return part_failed(work, run->part, err);
    }
    /* Inflating, it will end by itself now, and may know better. */
    if (unpack->failed && !(pipe && digest->socket >= 0)) {
        *err = unpack->err;
        return part_failed(work, run->part, err);
    }
    if (digest->socket >= 0 || unpack->socket >= 0)
        return 0;
    if (digest->failed) {
        *err = digest->err;
        return part_failed(work, run->part, err);
    }
    run->part->done = true;
    run_clear(run);
    return 1;
}

/* Waits until some process says something, and takes that. */
static int work_wait(struct work *work, struct err *err)
{
    struct pollfd polls[AT_ONCE_MAX * ENDS];
    size_t len = 0;
    for (size_t i = 0; i < AT_ONCE_MAX; i++)
        for (size_t k = 0; k < ENDS; k++)
            polls[len++] = (struct pollfd){ .fd = work->runs[i].ends[k].socket, .events = POLLIN };
    if (poll(polls, len, -1) < 0)
        return errno == EINTR ? 0 : err_sys(err, "wait for ruche-transfer");
    for (size_t i = 0; i < len; i++) {
        struct run *run = &work->runs[i / ENDS];
        struct end *end = &run->ends[i % ENDS];
        if (!polls[i].revents || end->socket < 0 || !run->part)
            continue;
        if (end_event(work, run, i % ENDS, &end->err) < 0) {
            end->failed = true;
            fd_close(&end->socket);
        }
        if (run_ended(work, run, err) < 0)
            return -1;
    }
    return 0;
}

/* Begins as many as may run. Returns how many do. */
static int work_begin(struct work *work, struct err *err)
{
    int running = 0;
    for (size_t i = 0; i < work->at_once; i++) {
        struct run *run = &work->runs[i];
        while (!run->part && work->next < work->parts->len) {
            size_t place = work->next++;
            if (work->parts->at[place].done)
                continue;
            if (run_begin(work, run, place, err) < 0)
                return part_failed(work, &work->parts->at[place], err);
        }
        running += run->part != NULL;
    }
    return running;
}

static size_t processors(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : CPU_COUNT(&set);
    return n < 1 ? 1 : n > AT_ONCE_MAX ? AT_ONCE_MAX : (size_t)n;
}

int parts_run(struct parts *parts, const struct ingest *ingest, const struct helper *helper,
              const struct image_watch *watch, struct err *err)
{
    struct work work = {
        .parts = parts,
        .ingest = ingest,
        .helper = helper,
        .watch = watch,
        .request = { .version = TRANSFER_VERSION,
                     .max_bytes = store_limit(ingest->images),
                     .max_entries = entries_most },
        .at_once = processors(),
    };
    for (size_t i = 0; i < AT_ONCE_MAX; i++)
        work.runs[i] = (struct run){ .tree = -1, .ends = { { .socket = -1 }, { .socket = -1 } } };

    int running;
    while ((running = work_begin(&work, err)) > 0 && work_wait(&work, err) == 0)
        continue;
    for (size_t i = 0; i < AT_ONCE_MAX; i++)
        run_clear(&work.runs[i]);
    return running == 0 ? 0 : -1;
}
