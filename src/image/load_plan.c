/* SPDX-License-Identifier: Apache-2.0 */
#include "image/load_plan.h"

#include <inttypes.h>
#include <string.h>

#include "base/file.h"
#include "image/reference.h"

enum { IMAGES_MAX = 10000, NAME_SHOWN_MAX = 100 };

static void plan_image_done(struct load_plan_image *image)
{
    strings_done(&image->names);
    free(image->layers);
    oci_image_done(&image->oci);
    free(image->media_type);
    free(image->index);
}

void load_plan_cut(struct load_plan *plan, size_t len)
{
    while (plan->len > len)
        plan_image_done(&plan->at[--plan->len]);
}

void load_plan_done(struct load_plan *plan)
{
    load_plan_cut(plan, 0);
    free(plan->at);
    parts_done(&plan->parts);
    *plan = (struct load_plan){};
}

struct load_plan_image *load_plan_add(struct load_plan *plan)
{
    plan->at = xrealloc(plan->at, plan->len + 1, sizeof(*plan->at));
    plan->at[plan->len] = (struct load_plan_image){};
    return &plan->at[plan->len++];
}

static int size_check(const char *path, uint64_t size, int64_t wanted, struct err *err)
{
    if (wanted < 0 || size == (uint64_t)wanted)
        return 0;
    return err_set(err, ERR_INVALID, "%s is %" PRIu64 " bytes long, and should be %" PRId64, path,
                   size, wanted);
}

int load_plan_part(struct load_plan *plan, struct source *source, const char *path,
                   const char *digest, int64_t size, size_t *ret_part, struct err *err)
{
    uint64_t number, actual;
    auto_done(str) shown = { .max_bytes = NAME_SHOWN_MAX };
    text_escape(&shown, path, strlen(path));
    int found = source_find(source, path, &number, &actual, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_INVALID, "%s is missing", str_text(&shown));
    if (size_check(str_text(&shown), actual, size, err) < 0)
        return -1;
    for (size_t i = 0; i < plan->parts.len; i++) {
        const struct part *part = &plan->parts.at[i];
        if (part->number != number || !text_same(part->digest, digest))
            continue;
        *ret_part = i;
        return 0;
    }
    *ret_part = parts_add(&plan->parts, digest, number);
    return 0;
}

int load_plan_config(struct load_plan *plan, struct source *source, struct load_plan_image *image,
                     size_t n_layers, struct err *err)
{
    auto_close int fd = -1;
    auto_free char *data = NULL;
    uint64_t size;
    size_t len;
    const struct part *part = &plan->parts.at[image->config];
    if (ingest_file(source->ingest, part->number, &fd, &size, err) < 0 ||
        file_load_fd(fd, OCI_IMAGE_MAX_BYTES, &data, &len, err) < 0 ||
        source_count(source, len, err) < 0 || oci_image_parse(data, len, &image->oci, err) < 0)
        return err_wrap(err, "its configuration");
    if (image->oci.rootfs.diff_ids.len != n_layers)
        return err_set(err, ERR_INVALID, "its configuration has %zu layers, its manifest %zu",
                       image->oci.rootfs.diff_ids.len, n_layers);
    return 0;
}

void load_plan_name(struct load_plan_image *image, const char *name,
                    const struct image_watch *watch)
{
    auto_drop(reference) *reference = NULL;
    struct err err;
    int result = reference_parse(name, &reference, &err);
    if (result == 0 && reference->tag) {
        auto_free char *normal = reference_format(reference);
        if (!strings_have(&image->names, normal))
            strings_add(&image->names, normal);
        return;
    }
    if (!watch || !watch->warning)
        return;
    if (result == 0)
        err_set(&err, ERR_INVALID, "a name with a digest instead of a tag");
    err_wrap(&err, "the archive's name for an image is left out");
    watch->warning(watch->context, err.text);
}

/* Numbers the layers for those who watch, in the order of the images. */
static void plan_number_layers(struct load_plan *plan)
{
    struct parts *parts = &plan->parts;
    for (size_t i = 0; i < plan->len; i++) {
        for (size_t k = 0; k < plan->at[i].oci.rootfs.diff_ids.len; k++) {
            struct part *part = &parts->at[plan->at[i].layers[k]];
            if (part->layer == 0)
                part->layer = ++parts->n_layers;
        }
    }
}

int load_plan_read(struct source *source, const struct image_watch *watch,
                   struct load_plan *ret_plan, struct err *err)
{
    auto_done(load_plan) plan = {};
    /* Newer docker writes both; the layout keeps the manifests as they were. */
    int found = load_plan_read_layout(&plan, source, watch, err);
    if (found == 0)
        found = load_plan_read_docker(&plan, source, watch, err);
    if (found < 0)
        return -1;
    if (found == 0 && source->layout < 0 && source->len == 0)
        return err_set(err, ERR_INVALID, "the archive is empty");
    if (found == 0) {
        err_set(err, ERR_INVALID,
                "neither an OCI layout nor written by `docker save`: it has no "
                "index.json and no manifest.json");
        return err_hint(err, "a root file system is not loaded but imported");
    }
    if (plan.len == 0)
        return err_set(err, ERR_INVALID, "it has no image in it");
    if (plan.len > IMAGES_MAX)
        return err_set(err, ERR_INVALID, "it has more than %d images", IMAGES_MAX);
    plan_number_layers(&plan);
    *ret_plan = plan;
    plan = (struct load_plan){};
    return 0;
}
