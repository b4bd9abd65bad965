/* SPDX-License-Identifier: Apache-2.0 */
/* Which blobs and layers are needed, and what becomes of the others. */
#include <string.h>

#include "base/file.h"
#include "image/ingest.h"

void kept_done(struct kept *kept)
{
    strings_done(&kept->blobs);
    strings_done(&kept->layers);
}

int kept_add_config(struct images *images, const char *id, struct kept *kept, struct err *err)
{
    auto_done(oci_image) image = {};
    strings_add(&kept->blobs, digest_hex(id));
    if (blob_image_peek(images, id, &image, err) < 0)
        return -1;
    for (size_t i = 0; i < image.rootfs.diff_ids.len; i++)
        strings_add(&kept->layers, digest_hex(image.rootfs.diff_ids.at[i]));
    return 0;
}

static void keep_blobs(const struct oci_manifest *manifest, struct kept *kept)
{
    strings_add(&kept->blobs, digest_hex(manifest->config.digest));
    for (size_t i = 0; i < manifest->layers.len; i++)
        strings_add(&kept->blobs, digest_hex(manifest->layers.at[i].digest));
}

struct keeping {
    struct images *images;
    struct kept *kept;
};

/* What a list names and has no configuration here, or one that is none, cannot be run, and is in
 * nobody's way. */
static int keep_member(void *context, const struct list_member *member, struct err *err)
{
    struct keeping *keeping = context;
    strings_add(&keeping->kept->blobs, digest_hex(member->descriptor->digest));
    if (!member->manifest)
        return 0;
    keep_blobs(member->manifest, keeping->kept);
    if (!manifest_is_image(member->manifest) ||
        kept_add_config(keeping->images, member->manifest->config.digest, keeping->kept, err) == 0)
        return 0;
    return err->kind == ERR_SYSTEM || err->kind == ERR_DENIED ? -1 : 0;
}

int kept_add_row(struct images *images, const struct oci_descriptor *row, struct kept *kept,
                 struct err *err)
{
    auto_done(oci_manifest) manifest = {};
    struct keeping keeping = { .images = images, .kept = kept };
    const char *list = pairs_value(&row->annotations, NOTE_INDEX);
    enum row_kind kind;
    strings_add(&kept->blobs, digest_hex(row->digest));
    if (list && digest_valid(list))
        strings_add(&kept->blobs, digest_hex(list));
    if (row_kind(images, row, &kind, err) < 0)
        return -1;
    if (kind == ROW_LIST)
        return list_walk(images, row->digest, keep_member, &keeping, err);
    if (blob_manifest(images, row->digest, &manifest, err) < 0)
        return -1;
    keep_blobs(&manifest, kept);
    return kind == ROW_IMAGE ? kept_add_config(images, manifest.config.digest, kept, err) : 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct strings *list)
{
    if (list->len > 0)
        qsort(list->at, list->len, sizeof(*list->at), by_text);
}

static bool sorted_have(const struct strings *list, char *text)
{
    return list->len > 0 && bsearch(&text, list->at, list->len, sizeof(*list->at), by_text);
}

/* Whether it is kept; a layer's name may tell that it is a file. */
static bool name_kept(const struct strings *kept, const char *name)
{
    size_t len = strlen(name);
    if (text_ends(name, LAYER_EROFS))
        len -= strlen(LAYER_EROFS);
    auto_free char *hex = xstrndup(name, len);
    return sorted_have(kept, hex);
}

static int collect_from(struct images *images, const char *directory, const struct strings *kept,
                        struct err *err)
{
    auto_done(strings) names = {};
    if (dir_list(images->root, directory, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.len; i++) {
        if (name_kept(kept, names.at[i]))
            continue;
        auto_free char *path = xasprintf("%s/%s", directory, names.at[i]);
        if (trash_put(images, path, err) < 0)
            return -1;
    }
    return 0;
}

int store_collect(struct images *images, const struct oci_index *index, const struct pairs *users,
                  struct err *err)
{
    auto_done(kept) kept = {};
    for (size_t i = 0; i < index->manifests.len; i++)
        if (kept_add_row(images, &index->manifests.at[i], &kept, err) < 0)
            return -1;
    for (size_t i = 0; i < users->len; i++) {
        const char *id = users->at[i].key;
        if (digest_valid(id) && kept_add_config(images, id, &kept, err) < 0 &&
            err->kind != ERR_NOT_FOUND)
            return -1;
    }
    sort(&kept.blobs);
    sort(&kept.layers);
    if (collect_from(images, DIR_BLOBS, &kept.blobs, err) < 0)
        return -1;
    return collect_from(images, DIR_LAYERS, &kept.layers, err);
}
