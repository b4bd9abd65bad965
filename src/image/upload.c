/* SPDX-License-Identifier: Apache-2.0 */
#include "image/upload.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"

enum {
    AT_ONCE_MAX = 16, /* ruche-remote decides how many of them transfer */
    ROWS_MAX = 200,   /* of the store's index that are looked at for mounts */
};

/* ---- mounts ---- */

struct mounting {
    const struct cargo *cargo;
    struct pairs *mounts;
    const char *repository; /* that of the row at hand */
};

static void blob_mount(const struct mounting *mounting, const char *digest)
{
    for (size_t i = 0; i < mounting->cargo->blobs.len; i++)
        if (strcmp(mounting->cargo->blobs.at[i].digest, digest) == 0 &&
            !pairs_value(mounting->mounts, digest))
            pairs_put(mounting->mounts, digest, mounting->repository);
}

static void manifest_mount(const struct mounting *mounting, const struct oci_manifest *manifest)
{
    blob_mount(mounting, manifest->config.digest);
    for (size_t i = 0; i < manifest->layers.len; i++)
        blob_mount(mounting, manifest->layers.at[i].digest);
}

static int member_mount(void *context, const struct list_member *member, struct err *err)
{
    (void)err;
    if (member->manifest)
        manifest_mount(context, member->manifest);
    return 0;
}

/* A row that cannot be read helps nobody here, and is no failure. */
static void row_mount(struct images *images, const struct oci_descriptor *row,
                      struct mounting *mounting)
{
    struct err ignored;
    enum row_kind kind;
    auto_done(oci_manifest) manifest = {};
    if (row_kind(images, row, &kind, &ignored) < 0)
        return;
    if (kind == ROW_LIST)
        (void)list_walk(images, row->digest, member_mount, mounting, &ignored);
    else if (blob_manifest(images, row->digest, &manifest, &ignored) == 0)
        manifest_mount(mounting, &manifest);
}

int upload_mounts(const struct cargo *cargo, const struct reference *reference,
                  struct pairs *ret_mounts, struct err *err)
{
    auto_done(oci_index) index = {};
    struct mounting mounting = { .cargo = cargo, .mounts = ret_mounts };
    if (index_load(cargo->images, &index, err) < 0)
        return -1;
    for (size_t i = 0; i < index.manifests.len && i < ROWS_MAX; i++) {
        auto_drop(reference) *other = NULL;
        auto_free char *name = row_name(&index.manifests.at[i]);
        struct err ignored;
        if (!name || reference_parse(name, &other, &ignored) < 0 ||
            strcmp(other->domain, reference->domain) != 0 ||
            strcmp(other->path, reference->path) == 0)
            continue;
        mounting.repository = other->path;
        row_mount(cargo->images, &index.manifests.at[i], &mounting);
    }
    return 0;
}

/* ---- blobs ---- */

struct sending {
    const struct cargo_blob *blob; /* NULL: free */
    uint64_t id;
};

struct upload {
    struct remote *remote;
    const struct cargo *cargo;
    const struct upload_options *options;
    const struct image_watch *watch;
    struct sending sending[AT_ONCE_MAX];
    size_t next; /* blob to be sent */
};

static void step_tell(const struct upload *upload, const struct cargo_blob *blob,
                      enum image_step step)
{
    if (blob->layer > 0 && upload->watch && upload->watch->step)
        upload->watch->step(upload->watch->context, blob->layer, upload->cargo->n_layers,
                            blob->digest, step);
}

static void progress_tell(const struct upload *upload, const struct cargo_blob *blob,
                          uint64_t bytes)
{
    if (blob->layer > 0 && upload->watch && upload->watch->progress)
        upload->watch->progress(upload->watch->context, blob->layer, upload->cargo->n_layers, bytes,
                                blob->size);
}

static int blob_failed(const struct upload *upload, const struct cargo_blob *blob, struct err *err)
{
    if (blob->layer == 0)
        return err_wrap(err, "its configuration");
    return err_wrap(err, "layer %zu of %zu", blob->layer, upload->cargo->n_layers);
}

static int blob_send(struct upload *upload, struct sending *sending, const struct cargo_blob *blob,
                     struct err *err)
{
    struct remote_request request;
    auto_close int fd = -1;
    const char *other =
        upload->options->mounts ? pairs_value(upload->options->mounts, blob->digest) : NULL;
    if (cargo_open(upload->cargo, blob, &fd, err) < 0 ||
        remote_request_init(&request, REMOTE_UPLOAD, blob->digest, other, err) < 0)
        return blob_failed(upload, blob, err);
    request.bytes = blob->size;
    if (remote_send(upload->remote, &request, &fd, 1, &sending->id, err) < 0)
        return -1;
    sending->blob = blob;
    step_tell(upload, blob, IMAGE_STEP_PUSH);
    return 0;
}

/* Sends as many as may be under way. Returns how many are. */
static int blobs_send(struct upload *upload, struct err *err)
{
    int busy = 0;
    for (size_t i = 0; i < AT_ONCE_MAX; i++) {
        struct sending *sending = &upload->sending[i];
        if (!sending->blob && upload->next < upload->cargo->blobs.len &&
            blob_send(upload, sending, &upload->cargo->blobs.at[upload->next++], err) < 0)
            return -1;
        busy += sending->blob != NULL;
    }
    return busy;
}

static int event_take(struct upload *upload, struct sending *sending,
                      const struct remote_event *event, struct err *err)
{
    const struct cargo_blob *blob = sending->blob;
    switch ((enum remote_event_kind)event->kind) {
    case REMOTE_PROGRESS:
        if (event->bytes > blob->size)
            break;
        progress_tell(upload, blob, event->bytes);
        return 0;
    case REMOTE_DONE:
        if (event->detail >= REMOTE_UPLOADED_COUNT)
            break;
        progress_tell(upload, blob, blob->size);
        step_tell(upload, blob,
                  event->detail == REMOTE_UPLOADED ? IMAGE_STEP_DONE : IMAGE_STEP_THERE);
        sending->blob = NULL;
        return 0;
    case REMOTE_FAILED:
        remote_error(event, err);
        return blob_failed(upload, blob, err);
    case REMOTE_FOUND:
    case REMOTE_NOTE:
    case REMOTE_EVENT_COUNT:
        break;
    }
    return err_set(err, ERR_SYSTEM, "ruche-remote says what it cannot say");
}

static int blobs_wait(struct upload *upload, struct err *err)
{
    struct remote_event event;
    int got = remote_event(upload->remote, &event, err);
    if (got <= 0)
        return got;
    for (size_t i = 0; i < AT_ONCE_MAX; i++)
        if (upload->sending[i].blob && upload->sending[i].id == event.id)
            return event_take(upload, &upload->sending[i], &event, err);
    return 0;
}

/* ---- manifests ---- */

static int manifest_put(struct remote *remote, const struct cargo_manifest *manifest,
                        const char *name, struct err *err)
{
    struct remote_request request;
    auto_done(remote_answer) answer = {};
    auto_close int fd = memfd_create("manifest", MFD_CLOEXEC);
    if (fd < 0 || fd_write_all(fd, manifest->data, manifest->len) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return err_sys(err, "make a file in memory");
    if (remote_request_init(&request, REMOTE_MANIFEST_PUT, name, manifest->media_type, err) < 0)
        return -1;
    request.bytes = manifest->len;
    return remote_ask(remote, &request, &fd, 1, &answer, err);
}

int upload_cargo(struct remote *remote, const struct cargo *cargo,
                 const struct upload_options *options, const struct image_watch *watch,
                 struct err *err)
{
    struct upload upload = {
        .remote = remote,
        .cargo = cargo,
        .options = options,
        .watch = watch,
    };
    int busy;
    while ((busy = blobs_send(&upload, err)) > 0)
        if (blobs_wait(&upload, err) < 0)
            return -1;
    if (busy < 0)
        return -1;
    for (size_t i = 0; i < cargo->manifests.len; i++) {
        const struct cargo_manifest *manifest = &cargo->manifests.at[i];
        bool top = manifest == cargo_top(cargo);
        const char *name = top && options->tag ? options->tag : manifest->digest;
        if (manifest_put(remote, manifest, name, err) < 0)
            return err_wrap(err, "its %s", manifest->list ? "list of manifests" : "manifest");
    }
    return 0;
}
