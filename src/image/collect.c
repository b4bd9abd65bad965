/* SPDX-License-Identifier: Apache-2.0 */
/* Which blobs and layers are needed, and what becomes of the others. */
#include <string.h>

#include "base/file.h"
#include "image/ingest.h"

struct kept {
    struct strings blobs; /* hexadecimal digits */
    struct strings layers;
};

static void kept_done(struct kept *kept)
{
    strings_done(&kept->blobs);
    strings_done(&kept->layers);
}

static int keep_config(struct images *images, const char *id, struct kept *kept, struct err *err)
{
    auto_done(oci_image) image = {};
    strings_add(&kept->blobs, digest_hex(id));
    if (blob_image(images, id, &image, err) < 0)
        return -1;
    for (size_t i = 0; i < image.rootfs.diff_ids.len; i++)
        strings_add(&kept->layers, digest_hex(image.rootfs.diff_ids.at[i]));
    return 0;
}

static int keep_row(struct images *images, const struct oci_descriptor *row, struct kept *kept,
                    struct err *err)
{
    auto_done(oci_manifest) manifest = {};
    strings_add(&kept->blobs, digest_hex(row->digest));
    if (blob_manifest(images, row->digest, &manifest, err) < 0)
        return -1;
    for (size_t i = 0; i < manifest.layers.len; i++)
        strings_add(&kept->blobs, digest_hex(manifest.layers.at[i].digest));
    return keep_config(images, manifest.config.digest, kept, err);
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

static int collect_from(struct images *images, const char *directory, const struct strings *kept,
                        struct err *err)
{
    auto_done(strings) names = {};
    if (dir_list(images->root, directory, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.len; i++) {
        if (sorted_have(kept, names.at[i]))
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
        if (keep_row(images, &index->manifests.at[i], &kept, err) < 0)
            return -1;
    for (size_t i = 0; i < users->len; i++) {
        const char *id = users->at[i].key;
        if (digest_valid(id) && keep_config(images, id, &kept, err) < 0 &&
            err->kind != ERR_NOT_FOUND)
            return -1;
    }
    sort(&kept.blobs);
    sort(&kept.layers);
    if (collect_from(images, DIR_BLOBS, &kept.blobs, err) < 0)
        return -1;
    return collect_from(images, DIR_LAYERS, &kept.layers, err);
}
