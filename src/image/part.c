/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What works at a part is in part_run.c.
 *
 * If one fails, others do because of it: damaged data ends early for those behind, and a refused
 * member breaks the pipes of those in front. So who is nearer to the source knows better why,
 * unless it is a broken pipe.
 *
 * Another process may be fetching the same blob. Then other parts go first; with nothing else left
 * to do, we let go of the locks of what is done, so that two who wait for each other do not, and
 * ask again from time to time. Mostly the blob is in the store then. What was let go has a second
 * name in our ingest, and whatever becomes of the first one it is what it was: nobody writes to a
 * file that is whole. So whoever waits with nothing else to do holds no lock, nor ever wants one
 * back.
 */
#include "image/part.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "image/content.h"
#include "image/device.h"
#include "image/part_run.h"
#include "image/partial.h"
#include "image/room.h"

enum {
    LOCKED_MAX = 128, /* partial files that are locked before their turn */
    HELD_MAX = 256,   /* descriptors of partial files, those that are done included */
    WAIT_MS = 100,    /* between two looks at what others are fetching */
};

static const uint64_t entries_most = 10000000;

void parts_done(struct parts *parts)
{
    for (size_t i = 0; i < parts->len; i++) {
        free(parts->at[i].digest);
        free(parts->at[i].content);
        free(parts->at[i].wanted);
        fd_close(&parts->at[i].partial);
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
        .partial = -1,
    };
    return parts->len++;
}

size_t parts_take(struct parts *parts, struct parts *from, size_t place)
{
    parts->at = xrealloc(parts->at, parts->len + 1, sizeof(*parts->at));
    parts->at[parts->len] = from->at[place];
    from->at[place] = (struct part){ .partial = -1 };
    return parts->len++;
}

size_t parts_add_fetched(struct parts *parts, struct images *images, const char *digest,
                         uint64_t size_bytes)
{
    size_t place = parts_add(parts, digest, 0);
    struct part *part = &parts->at[place];
    part->size = size_bytes;
    part->stored = blob_present(images, digest);
    part->fetch = !part->stored;
    return place;
}

/* A layer that is here, and its blob, of which is known that it unpacks to the layer, need not even
 * be read. */
void part_settle(struct part *part, struct images *images)
{
    auto_free char *content = NULL;
    uint64_t size;
    if (!part->stored || !part->wanted || !layer_present(images, part->wanted))
        return;
    part->unpack = false;
    if (!blob_content(images, part->digest, &content, &size) || strcmp(content, part->wanted) != 0)
        return;
    free(part->content);
    part->content = take_ptr(content);
    part->content_size = size;
    part->done = true;
}

/* ---- telling ---- */

void step_tell(const struct work *work, const struct part *part, enum image_step step)
{
    if (work->watch && work->watch->step && part->layer > 0)
        work->watch->step(work->watch->context, part->layer, work->parts->n_layers, part->digest,
                          step);
}

/* ---- what went wrong ---- */

/* As far as that is known. */
static uint64_t part_needs(const struct part *part)
{
    if (part->content_size > 0)
        return part->content_size;
    return part->fetch || part->format == LAYER_PLAIN ? part->size : 0;
}

static int part_failed(const struct work *work, const struct part *part, struct err *err)
{
    if (room_lacked(err->errnum))
        room_refuse(work->ingest->images, part_needs(part), work->request.room_bytes, err);
    if (part->layer > 0)
        return err_wrap(err, "layer %zu of %zu", part->layer, work->parts->n_layers);
    return part->digest ? err_wrap(err, "%s", part->digest) : -1;
}

/* ---- what others may be fetching ---- */

/* Takes the lock of a part's file, or finds the blob in the store. Returns 1, or 0: another process
 * has it. */
static int part_lock(struct images *images, struct part *part, struct err *err)
{
    struct stat st;
    if (part->partial < 0 && !blob_present(images, part->digest)) {
        int got = partial_open(images, part->digest, part->size, &part->partial, err);
        if (got <= 0)
            return got;
    }
    if (!blob_present(images, part->digest)) {
        if (fstat(part->partial, &st) < 0)
            return err_sys(err, "look at a partial download");
        part->resumed = st.st_size > 0;
        return 1;
    }
    if (part->partial >= 0)
        partial_remove(images, part->digest, part->size);
    fd_close(&part->partial);
    part->fetch = false;
    part->stored = true;
    part_settle(part, images);
    return 1;
}

/* Lets others have what is done, of which each then has his own. */
static int work_yield(struct work *work, struct err *err)
{
    for (size_t i = 0; i < work->parts->len; i++) {
        struct part *part = &work->parts->at[i];
        if (!part->done || part->partial < 0)
            continue;
        if (partial_keep(work->ingest, i, part->digest, part->size, &part->partial, err) < 0)
            return part_failed(work, part, err);
        part->fetch = false;
        part->kept = true;
    }
    return 0;
}

static size_t parts_held(const struct parts *parts)
{
    size_t held = 0;
    for (size_t i = 0; i < parts->len; i++)
        held += parts->at[i].partial >= 0;
    return held;
}

/* Whether it is time to ask again for what others had the last time. */
static bool look_again(struct work *work)
{
    struct timespec now = {};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    if (work->waiting > 0 && now_ms - work->looked_ms < WAIT_MS)
        return false;
    work->looked_ms = now_ms;
    return true;
}

/* Takes what is to be had of those that are not done. Whoever comes first gets all of them, so that
 * two who want the same image do not both do half of it. */
static int work_lock(struct work *work, struct err *err)
{
    size_t held = 0;
    bool again = look_again(work);
    work->waiting = 0;
    if (parts_held(work->parts) > HELD_MAX && work_yield(work, err) < 0)
        return -1;
    for (size_t i = 0; i < work->parts->len && held < LOCKED_MAX; i++) {
        struct part *part = &work->parts->at[i];
        if (part->done || !part->fetch)
            continue;
        int got = part->partial >= 0;
        if (!got && (again || !part->waits))
            got = part_lock(work->ingest->images, part, err);
        if (got < 0)
            return part_failed(work, part, err);
        held += got > 0;
        if (got == 0 && !part->waits)
            step_tell(work, part, IMAGE_STEP_WAIT);
        part->waits = got == 0;
        work->waiting += got == 0;
        if (part->done)
            step_tell(work, part, IMAGE_STEP_HERE);
    }
    return 0;
}

/* ---- events ---- */

static int blob_take(struct part *part, const char *digest, uint64_t bytes, struct err *err)
{
    if (bytes != part->size)
        return err_set(err, ERR_SYSTEM, "a blob changed while it was read");
    if (part->digest && strcmp(part->digest, digest) != 0)
        return err_set(err, ERR_INVALID, "the blob is damaged: it should be %s, and is %s",
                       part->digest, digest);
    if (!part->digest)
        part->digest = xstrdup(digest);
    return 0;
}

static void content_take(struct part *part, const char *digest, uint64_t bytes)
{
    free(part->content);
    part->content = xstrdup(digest);
    part->content_size = bytes;
}

static int digests_take(struct run *run, struct end *end, const struct transfer_event *event,
                        struct err *err)
{
    const char *blob = event_text(event, 0), *content = event_text(event, 1);
    enum tells tells = end->tells;
    end->tells = 0;
    if (tells == 0 || (tells & TELLS_BLOB && !digest_valid(blob)) ||
        (tells & TELLS_CONTENT && !digest_valid(content)))
        return err_set(err, ERR_SYSTEM, "ruche-transfer says what it cannot say");
    if (tells & TELLS_BLOB && blob_take(run->part, blob, event->bytes, err) < 0)
        return -1;
    if (tells & TELLS_CONTENT)
        content_take(run->part, content, event->number);
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

static void progress_tell(const struct work *work, const struct run *run, uint64_t bytes)
{
    if (work->watch && work->watch->progress && run->part->layer > 0)
        work->watch->progress(work->watch->context, run->part->layer, work->parts->n_layers, bytes,
                              run->part->size);
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
        if (i == END_DIGEST && run->fetch == FETCH_NONE)
            progress_tell(work, run, event.bytes);
        return 0;
    case TRANSFER_DIGESTS:
        return digests_take(run, end, &event, err);
    case TRANSFER_DEVICE:
        if (i == END_UNPACK && run->tree >= 0)
            return device_answer(run, end, &event, err);
        break;
    case TRANSFER_WARNING:
        event_warn(work, run, &event);
        return 0;
    case TRANSFER_DONE:
        if (end->tells != 0)
            break;
        fd_close(&end->socket);
        return 0;
    case TRANSFER_FAILED:
        event_error(&event, err);
        return -1;
    case TRANSFER_MEMBER:
    case TRANSFER_SIGNATURE:
    case TRANSFER_EVENT_COUNT:
        break;
    }
    return err_set(err, ERR_SYSTEM, "ruche-transfer says what it cannot say");
}

/* ---- ending ---- */

/* What of the blob there is may not be what it should be, and is not to be gone on with. */
static void part_spoiled(struct work *work, const struct run *run, const struct err *err)
{
    const struct part *part = run->part;
    if (!part->fetch || err == &run->fetch_err || err->kind != ERR_INVALID)
        return;
    partial_remove(work->ingest->images, part->digest, part->size);
    work->parts->damaged = work->parts->damaged || part->resumed;
}

/* Whose error it is that the run failed with, if that can be told by now; or NULL. */
static const struct err *run_error(const struct run *run)
{
    const struct err *broken = NULL; /* its pipe, by somebody else */
    if (run->fetch == FETCH_FAILED && run->fetch_err.errnum != EPIPE)
        return &run->fetch_err;
    /* Who is in front will end by itself now, and may know better. */
    bool wait = run->fetch == FETCH_RUNS;
    for (size_t i = 0; i < ENDS; i++) {
        const struct end *end = &run->ends[i];
        bool alone = i == END_UNPACK && !run->chained;
        if (end->failed && !(wait && !alone) && end->err.errnum != EPIPE)
            return &end->err;
        if (end->failed && !broken)
            broken = &end->err;
        wait = wait || end->socket >= 0;
    }
    if (!broken && run->fetch == FETCH_FAILED)
        broken = &run->fetch_err;
    return wait ? NULL : broken;
}

static bool run_busy(const struct run *run)
{
    bool busy = run->fetch == FETCH_RUNS;
    for (size_t i = 0; i < ENDS; i++)
        busy = busy || run->ends[i].socket >= 0;
    return busy;
}

/* Whether all of the run has ended, or part of it beyond repair. Returns 1 if so, -1 if it went
 * wrong. */
static int run_ended(struct work *work, struct run *run, struct err *err)
{
    const struct err *error = run_error(run);
    if (error) {
        part_spoiled(work, run, error);
        *err = *error;
        return part_failed(work, run->part, err);
    }
    if (run_busy(run))
        return 0;
    run->part->done = true;
    run->part->unpacked = run->part->unpack;
    progress_tell(work, run, run->part->size);
    step_tell(work, run->part, IMAGE_STEP_DONE);
    run_clear(work, run);
    return 1;
}

/* ---- waiting ---- */

static int fetch_event_take(struct work *work, struct run *run, const struct remote_event *event,
                            struct err *err)
{
    switch ((enum remote_event_kind)event->kind) {
    case REMOTE_PROGRESS:
        if (event->bytes > run->part->size)
            break;
        progress_tell(work, run, event->bytes);
        return 0;
    case REMOTE_DONE:
        run->fetch = FETCH_DONE;
        return 0;
    case REMOTE_FAILED:
        remote_error(event, &run->fetch_err);
        run->fetch = FETCH_FAILED;
        return 0;
    case REMOTE_FOUND:
    case REMOTE_NOTE:
    case REMOTE_EVENT_COUNT:
        break;
    }
    return err_set(err, ERR_SYSTEM, "ruche-remote says what it cannot say");
}

/* Takes one event of ruche-remote, whosever part it is about. */
static int fetch_event(struct work *work, struct err *err)
{
    struct remote_event event;
    int got = remote_event(work->parts->remote, &event, err);
    if (got <= 0)
        return got;
    for (size_t i = 0; i < PART_RUNS_MAX; i++) {
        struct run *run = &work->runs[i];
        if (!run->part || run->fetch != FETCH_RUNS || run->fetch_id != event.id)
            continue;
        if (fetch_event_take(work, run, &event, err) < 0)
            return -1;
        return run_ended(work, run, err) < 0 ? -1 : 0;
    }
    return 0; /* of one that is no longer wanted */
}

static int run_event(struct work *work, struct run *run, size_t i, struct err *err)
{
    struct end *end = &run->ends[i];
    if (end->socket < 0 || !run->part)
        return 0;
    if (end_event(work, run, i, &end->err) < 0) {
        end->failed = true;
        fd_close(&end->socket);
    }
    return run_ended(work, run, err) < 0 ? -1 : 0;
}

/* Waits until some process says something, and takes that. */
static int work_wait(struct work *work, struct err *err)
{
    struct pollfd polls[PART_RUNS_MAX * ENDS + 1];
    size_t len = 0;
    for (size_t i = 0; i < PART_RUNS_MAX; i++)
        for (size_t k = 0; k < ENDS; k++)
            polls[len++] = (struct pollfd){ .fd = work->runs[i].ends[k].socket, .events = POLLIN };
    polls[len] = (struct pollfd){ .fd = -1, .events = POLLIN };
    if (work->parts->remote)
        polls[len].fd = work->parts->remote->helper.control;
    if (poll(polls, len + 1, work->waiting > 0 ? WAIT_MS : -1) < 0)
        return errno == EINTR ? 0 : err_sys(err, "wait for ruche-transfer");
    if (polls[len].revents && fetch_event(work, err) < 0)
        return -1;
    for (size_t i = 0; i < len; i++)
        if (polls[i].revents && run_event(work, &work->runs[i / ENDS], i % ENDS, err) < 0)
            return -1;
    return 0;
}

static bool part_runs(const struct work *work, const struct part *part)
{
    for (size_t i = 0; i < PART_RUNS_MAX; i++)
        if (work->runs[i].part == part)
            return true;
    return false;
}

/* The next part that can be begun. False: none for now. */
static bool part_next(const struct work *work, size_t *ret_place)
{
    for (size_t i = 0; i < work->parts->len; i++) {
        const struct part *part = &work->parts->at[i];
        if (part->done || (part->fetch && part->partial < 0) || part_runs(work, part))
            continue;
        *ret_place = i;
        return true;
    }
    return false;
}

/* Begins as many as may run. Returns how many do, or are waited for. */
static int work_begin(struct work *work, struct err *err)
{
    size_t place, busy = 0;
    if (work_lock(work, err) < 0)
        return -1;
    for (size_t i = 0; i < work->at_once; i++) {
        struct run *run = &work->runs[i];
        if (!run->part && part_next(work, &place) && run_begin(work, run, place, err) < 0)
            return part_failed(work, &work->parts->at[place], err);
        busy += run->part != NULL;
    }
    if (busy == 0 && work->waiting > 0 && work_yield(work, err) < 0)
        return -1;
    return (int)(busy + work->waiting);
}

static size_t processors(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : CPU_COUNT(&set);
    return n < 1 ? 1 : n > PART_RUNS_MAX ? PART_RUNS_MAX : (size_t)n;
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
                     .max_bytes = STORE_BYTES_MAX,
                     .room_bytes = store_room(ingest->images),
                     .max_entries = entries_most },
        .at_once = parts->remote ? PART_RUNS_MAX : processors(),
    };
    for (size_t i = 0; i < PART_RUNS_MAX; i++)
        run_init(&work.runs[i]);

    for (size_t i = 0; i < parts->len; i++)
        if (parts->at[i].done)
            step_tell(&work, &parts->at[i], IMAGE_STEP_HERE);
    int running;
    while ((running = work_begin(&work, err)) > 0 && work_wait(&work, err) == 0)
        continue;
    for (size_t i = 0; i < PART_RUNS_MAX; i++)
        run_clear(&work, &work.runs[i]);
    return running == 0 ? 0 : -1;
}
