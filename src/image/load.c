/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an image gets into the store:
 *
 *     source   the archive's files lie in the ingest, by numbers; who read it is gone
 *     plan     its documents tell images and parts
 *     parts    all blobs are digested, missing layers unpacked
 *     check    digests and diff-ids against the documents; manifests made where there were none
 *     sync     everything is on the disk
 *     commit   under the lock: blobs and layers renamed into place, then the index
 *
 * Nothing before the commit is seen by anybody, and the commit's only visible step is the index's
 * rename. Between the look at which layers are there and the lock somebody may have removed one:
 * then the work goes on from `parts`.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "image/content.h"
#include "image/load_plan.h"
#include "image/partial.h"

enum { ATTEMPTS = 8 };

void image_loads_done(struct image_loads *loads)
{
    for (size_t i = 0; i < loads->len; i++) {
        free(loads->at[i].name);
        free(loads->at[i].id);
    }
    free(loads->at);
    *loads = (struct image_loads){};
}

static void loads_add(struct image_loads *loads, const char *name, const char *id)
{
    loads->at = xrealloc(loads->at, loads->len + 1, sizeof(*loads->at));
    loads->at[loads->len++] = (struct image_loaded){
        .name = name ? xstrdup(name) : NULL,
        .id = xstrdup(id),
    };
}

/* ---- parts ---- */

/* Whether another part before this one brings the layer already. */
static bool layer_planned(const struct load_plan *plan, const char *diff_id)
{
    for (size_t i = 0; i < plan->len; i++)
        for (size_t k = 0; k < plan->at[i].oci.rootfs.diff_ids.len; k++)
            if (strcmp(plan->at[i].oci.rootfs.diff_ids.at[k], diff_id) == 0 &&
                plan->parts.at[plan->at[i].layers[k]].unpack)
                return true;
    return false;
}

/* Blobs that were in the store, and that a registry can be asked for if they are not any more. */
static size_t blobs_missing(struct load_plan *plan, struct images *images)
{
    size_t missing = 0;
    for (size_t i = 0; plan->parts.remote && i < plan->parts.len; i++) {
        struct part *part = &plan->parts.at[i];
        bool here = part->stored ? blob_present(images, part->digest)
                                 : !part->fetch || !part->done ||
                                       partial_present(images, part->digest, part->size);
        if (here)
            continue;
        part->stored = false;
        part->fetch = true;
        part->done = false;
        fd_close(&part->partial);
        missing++;
    }
    return missing;
}

/* Asks for the layers that are missing to be unpacked. Returns how many that are more. */
static size_t plan_missing(struct load_plan *plan, struct images *images)
{
    size_t missing = blobs_missing(plan, images);
    for (size_t i = 0; i < plan->len; i++) {
        const struct strings *diff_ids = &plan->at[i].oci.rootfs.diff_ids;
        for (size_t k = 0; k < diff_ids->len; k++) {
            struct part *part = &plan->parts.at[plan->at[i].layers[k]];
            if (part->unpack || layer_planned(plan, diff_ids->at[k]) ||
                layer_present(images, diff_ids->at[k]))
                continue;
            part->unpack = true;
            part->done = false;
            missing++;
        }
    }
    return missing;
}

static int image_check(const struct load_plan *plan, const struct load_plan_image *image,
                       struct err *err)
{
    const struct strings *diff_ids = &image->oci.rootfs.diff_ids;
    for (size_t i = 0; i < diff_ids->len; i++) {
        const struct part *part = &plan->parts.at[image->layers[i]];
        if (strcmp(part->content, diff_ids->at[i]) != 0)
            return err_set(err, ERR_INVALID,
                           "layer %zu of %zu unpacks to %s, and its configuration says %s", i + 1,
                           diff_ids->len, part->content, diff_ids->at[i]);
    }
    return 0;
}

/* ---- manifests ---- */

static void descriptor_fill(struct oci_descriptor *descriptor, const struct part *part,
                            const char *media_type)
{
    descriptor->media_type = xstrdup(media_type);
    descriptor->digest = xstrdup(part->digest);
    descriptor->size = (int64_t)part->size;
}

/* A manifest for an image that came without: the same each time the same archive is loaded. */
static int manifest_make(struct load_plan *plan, struct source *source,
                         struct load_plan_image *image, struct err *err)
{
    auto_done(oci_manifest) manifest = { .schema_version = 2 };
    auto_done(str) text = {};
    uint64_t number;

    manifest.media_type = xstrdup(MEDIA_OCI_MANIFEST);
    descriptor_fill(&manifest.config, &plan->parts.at[image->config], MEDIA_OCI_CONFIG);
    for (size_t i = 0; i < image->oci.rootfs.diff_ids.len; i++) {
        const struct part *part = &plan->parts.at[image->layers[i]];
        descriptor_fill(array_add(&manifest.layers), part, layer_format_media_type(part->format));
    }
    oci_manifest_format(&manifest, &text);
    if (source_save(source, str_text(&text), text.len, &number, err) < 0)
        return -1;
    image->manifest = parts_add(&plan->parts, NULL, number);
    image->has_manifest = true;
    return 0;
}

static int plan_work_with(const struct helper *helper, struct load_plan *plan,
                          struct source *source, const struct image_watch *watch, struct err *err)
{
    bool made = false;
    if (parts_run(&plan->parts, source->ingest, helper, watch, err) < 0)
        return -1;
    for (size_t i = 0; i < plan->len; i++) {
        if (image_check(plan, &plan->at[i], err) < 0)
            return plan->len > 1 ? err_wrap(err, "image %zu of %zu", i + 1, plan->len) : -1;
        if (plan->at[i].has_manifest)
            continue;
        if (manifest_make(plan, source, &plan->at[i], err) < 0)
            return -1;
        made = true;
    }
    return made ? parts_run(&plan->parts, source->ingest, helper, NULL, err) : 0;
}

int load_plan_work(struct load_plan *plan, struct source *source, struct helper *helper,
                   const struct image_watch *watch, struct err *err)
{
    const struct ingest *ingest = source->ingest;
    if (helper->control < 0 &&
        helper_open(ingest->images->transfer, ingest->directory, helper, err) < 0)
        return -1;
    int result = plan_work_with(helper, plan, source, watch, err);
    helper_close(helper);
    return result;
}

/* ---- commit ---- */

static int sync_directory(struct images *images, const char *path, struct err *err)
{
    auto_close int fd = openat(images->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return err_sys(err, "sync %s", path);
    return 0;
}

static int blob_commit(const struct part *part, size_t place, const struct ingest *ingest,
                       struct err *err)
{
    if (part->fetch)
        return partial_commit(ingest->images, part->digest, part->size, err);
    if (part->kept) {
        if (ingest_commit_kept(ingest, place, part->digest, err) < 0)
            return -1;
        partial_drop(ingest->images, part->digest, part->size); /* its other name */
        return 0;
    }
    return ingest_commit_blob(ingest, part->number, part->digest, err);
}

static int parts_commit(struct load_plan *plan, const struct ingest *ingest, struct err *err)
{
    for (size_t i = 0; i < plan->parts.len; i++) {
        const struct part *part = &plan->parts.at[i];
        if (part->unpack && ingest_commit_layer(ingest, i, part->content, err) < 0)
            return -1;
        if (!part->stored && blob_commit(part, i, ingest, err) < 0)
            return -1;
        if (!part->stored && part->layer > 0)
            blob_note_content(ingest->images, part->digest, part->content, part->content_size);
    }
    if (sync_directory(ingest->images, DIR_BLOBS, err) < 0)
        return -1;
    return sync_directory(ingest->images, DIR_LAYERS, err);
}

static void row_fill(const struct load_plan *plan, const struct load_plan_image *image,
                     const char *name, struct oci_descriptor *row)
{
    uint64_t size = 0;
    for (size_t i = 0; i < image->oci.rootfs.diff_ids.len; i++)
        size += plan->parts.at[image->layers[i]].content_size;
    auto_free char *size_text = xasprintf("%" PRIu64, size);
    descriptor_fill(row, &plan->parts.at[image->manifest], image->media_type);
    pairs_put(&row->annotations, NOTE_ID, plan->parts.at[image->config].digest);
    pairs_put(&row->annotations, NOTE_SIZE, size_text);
    pairs_put(&row->annotations, NOTE_CREATED, image->oci.created ? image->oci.created : "");
    if (image->index)
        pairs_put(&row->annotations, NOTE_INDEX, image->index);
    if (name)
        pairs_put(&row->annotations, OCI_REF_NAME, name);
}

static int index_commit(const struct load_plan *plan, struct images *images,
                        struct image_loads *loads, struct err *err)
{
    auto_done(oci_index) index = {};
    if (index_load(images, &index, err) < 0)
        return -1;
    for (size_t i = 0; i < plan->len; i++) {
        const struct load_plan_image *image = &plan->at[i];
        size_t n_rows = image->names.len > 0 ? image->names.len : 1;
        for (size_t k = 0; k < n_rows; k++) {
            const char *name = image->names.len > 0 ? image->names.at[k] : NULL;
            struct oci_descriptor row = {};
            row_fill(plan, image, name, &row);
            index_add(&index, &row);
            loads_add(loads, name, plan->parts.at[image->config].digest);
        }
    }
    return index_save(images, &index, err);
}

/* Returns 1, or 0: a layer has gone meanwhile. */
static int plan_commit(struct load_plan *plan, const struct ingest *ingest,
                       struct image_loads *loads, struct err *err)
{
    auto_close int lock = -1;
    if (store_lock(ingest->images, &lock, err) < 0)
        return -1;
    if (plan_missing(plan, ingest->images) > 0)
        return 0;
    if (parts_commit(plan, ingest, err) < 0 || index_commit(plan, ingest->images, loads, err) < 0)
        return -1;
    return 1;
}

int load_plan_carry_out(struct load_plan *plan, struct source *source, struct helper *helper,
                        const struct image_watch *watch, struct image_loads *loads, struct err *err)
{
    const struct ingest *ingest = source->ingest;
    (void)plan_missing(plan, ingest->images);
    for (int i = 0; i < ATTEMPTS; i++) {
        if (load_plan_work(plan, source, helper, watch, err) < 0)
            return -1;
        if (syncfs(ingest->directory) < 0)
            return err_sys(err, "sync the image store");
        int committed = plan_commit(plan, ingest, loads, err);
        if (committed != 0)
            return committed < 0 ? -1 : 0;
    }
    return err_set(err, ERR_CONFLICT, "its layers are removed by others while it is loaded");
}

static int load_into(const struct ingest *ingest, int fd, const struct image_watch *watch,
                     struct image_loads *loads, struct err *err)
{
    auto_done(source) source = {};
    auto_done(load_plan) plan = {};
    if (source_open(ingest, fd, watch, &source, err) < 0 ||
        load_plan_read(&source, watch, &plan, err) < 0)
        return -1;
    struct helper helper = { .control = -1 };
    return load_plan_carry_out(&plan, &source, &helper, watch, loads, err);
}

int image_load(struct images *images, int fd, const struct image_watch *watch,
               struct image_loads *ret_loads, struct err *err)
{
    auto_done(image_loads) loads = {};
    struct ingest ingest;
    if (ingest_open(images, &ingest, err) < 0)
        return -1;
    int result = load_into(&ingest, fd, watch, &loads, err);
    ingest_close(&ingest);
    if (result < 0)
        return -1;
    *ret_loads = loads;
    loads = (struct image_loads){};
    return 0;
}

/* ---- what is stored already ---- */

static int unpack_plan(struct images *images, const struct image *image, struct load_plan *plan,
                       struct err *err)
{
    auto_done(oci_manifest) manifest = {};
    const struct strings *diff_ids = &image->oci.rootfs.diff_ids;
    if (image_manifest(images, image, &manifest, err) < 0)
        return -1;
    if (manifest.layers.len != diff_ids->len)
        return err_set(err, ERR_INVALID, "its configuration has %zu layers, its manifest %zu",
                       diff_ids->len, manifest.layers.len);

    struct load_plan_image *entry = load_plan_add(plan);
    entry->has_manifest = true;
    entry->layers = xcalloc(diff_ids->len, sizeof(*entry->layers));
    for (size_t i = 0; i < diff_ids->len; i++) {
        entry->layers[i] = parts_add(&plan->parts, manifest.layers.at[i].digest, 0);
        struct part *part = &plan->parts.at[entry->layers[i]];
        part->stored = true;
        part->layer = ++plan->parts.n_layers;
        /* Those that are there need not even be read. */
        part->done = layer_present(images, diff_ids->at[i]);
        part->content = part->done ? xstrdup(diff_ids->at[i]) : NULL;
    }
    strings_copy(&entry->oci.rootfs.diff_ids, diff_ids);
    return 0;
}

static int unpack_parts(struct load_plan *plan, const struct ingest *ingest,
                        const struct image_watch *watch, struct err *err)
{
    struct helper helper;
    if (helper_open(ingest->images->transfer, ingest->directory, &helper, err) < 0)
        return -1;
    int result = parts_run(&plan->parts, ingest, &helper, watch, err);
    helper_close(&helper);
    return result < 0 ? -1 : image_check(plan, &plan->at[0], err);
}

static int unpack_commit(struct load_plan *plan, const struct ingest *ingest, struct err *err)
{
    auto_close int lock = -1;
    if (store_lock(ingest->images, &lock, err) < 0)
        return -1;
    return parts_commit(plan, ingest, err);
}

bool image_unpacked(struct images *images, const struct image *image)
{
    const struct strings *diff_ids = &image->oci.rootfs.diff_ids;
    for (size_t i = 0; i < diff_ids->len; i++)
        if (!layer_present(images, diff_ids->at[i]))
            return false;
    return true;
}

int image_unpack(struct images *images, const struct image *image, const struct image_watch *watch,
                 struct err *err)
{
    auto_done(load_plan) plan = {};
    struct ingest ingest;
    if (unpack_plan(images, image, &plan, err) < 0)
        return -1;
    if (plan_missing(&plan, images) == 0)
        return 0;
    if (ingest_open(images, &ingest, err) < 0)
        return -1;
    int result = unpack_parts(&plan, &ingest, watch, err);
    if (result == 0 && syncfs(ingest.directory) < 0)
        result = err_sys(err, "sync the image store");
    if (result == 0)
        result = unpack_commit(&plan, &ingest, err);
    ingest_close(&ingest);
    return result;
}
