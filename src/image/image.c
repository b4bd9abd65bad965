/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/number.h"
#include "image/reference.h"
#include "image/store.h"

void image_free(struct image *image)
{
    if (!image)
        return;
    free(image->id);
    free(image->digest);
    strings_done(&image->names);
    oci_image_done(&image->oci);
    free(image);
}

char *image_familiar(const char *name)
{
    return reference_familiar(name);
}

int image_normal(const char *name, char **ret_name, struct err *err)
{
    auto_drop(reference) *reference = NULL;
    if (reference_parse(name, &reference, err) < 0)
        return -1;
    *ret_name = reference_format(reference);
    return 0;
}

/* The note, or for a row that another tool wrote the sizes of the blobs. */
static int row_size(struct images *images, const struct oci_descriptor *row, uint64_t *ret_size,
                    struct err *err)
{
    const char *note = pairs_value(&row->annotations, NOTE_SIZE);
    struct err ignored;
    if (note && number_parse_unsigned(note, UINT64_MAX, "size", ret_size, &ignored) == 0)
        return 0;
    auto_done(oci_manifest) manifest = {};
    if (blob_manifest(images, row->digest, &manifest, err) < 0)
        return -1;
    *ret_size = 0;
    for (size_t i = 0; i < manifest.layers.len; i++)
        *ret_size += (uint64_t)manifest.layers.at[i].size;
    return 0;
}

/* All names whose rows mean the image. */
static int image_names(struct images *images, const struct oci_index *index, struct image *image,
                       struct err *err)
{
    for (size_t i = 0; i < index->manifests.len; i++) {
        const struct oci_descriptor *row = &index->manifests.at[i];
        auto_free char *id = NULL;
        if (strcmp(row->digest, image->digest) != 0 && row_id(images, row, &id, err) < 0)
            return -1;
        if (id && strcmp(id, image->id) != 0)
            continue;
        char *name = row_name(row);
        if (name)
            strings_add_taken(&image->names, name);
    }
    return 0;
}

static int image_of_row(struct images *images, const struct oci_index *index, size_t i,
                        struct image **ret_image, struct err *err)
{
    const struct oci_descriptor *row = &index->manifests.at[i];
    auto_drop(image) *image = xnew(struct image);
    image->digest = xstrdup(row->digest);
    if (row_id(images, row, &image->id, err) < 0 ||
        row_size(images, row, &image->size_bytes, err) < 0 ||
        image_names(images, index, image, err) < 0 ||
        blob_image(images, image->id, &image->oci, err) < 0)
        return -1;
    *ret_image = take_ptr(image);
    return 0;
}

int image_find(struct images *images, const char *name, struct image **ret_image, struct err *err)
{
    auto_done(oci_index) index = {};
    size_t row;
    bool by_digest;
    if (index_load(images, &index, err) < 0)
        return -1;
    int found = index_find(images, &index, name, &row, &by_digest, err);
    if (found <= 0)
        return found;
    if (image_of_row(images, &index, row, ret_image, err) < 0)
        return err_wrap(err, "image %s", name);
    return 1;
}

int image_manifest(struct images *images, const struct image *image,
                   struct oci_manifest *ret_manifest, struct err *err)
{
    return blob_manifest(images, image->digest, ret_manifest, err);
}

int image_layers_open(struct images *images, const struct image *image, int *fds, struct err *err)
{
    const struct strings *layers = &image->oci.rootfs.diff_ids;
    for (size_t i = 0; i < layers->len; i++) {
        auto_free char *path = image_layer_path(layers->at[i]);
        fds[i] = openat(images->root, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fds[i] >= 0)
            continue;
        if (errno == ENOENT)
            err_set(err, ERR_NOT_FOUND, "layer %s is not unpacked", layers->at[i]);
        else
            err_sys(err, "open layer %s", layers->at[i]);
        while (i-- > 0)
            fd_close(&fds[i]);
        return -1;
    }
    return 0;
}

/* ---- lists ---- */

void image_rows_done(struct image_rows *rows)
{
    for (size_t i = 0; i < rows->len; i++) {
        free(rows->at[i].name);
        free(rows->at[i].id);
        free(rows->at[i].digest);
        free(rows->at[i].created);
    }
    free(rows->at);
    *rows = (struct image_rows){};
}

static int row_created(struct images *images, const struct oci_descriptor *row, const char *id,
                       char **ret_created, struct err *err)
{
    const char *note = pairs_value(&row->annotations, NOTE_CREATED);
    if (note) {
        *ret_created = *note ? xstrdup(note) : NULL;
        return 0;
    }
    auto_done(oci_image) image = {};
    if (blob_image(images, id, &image, err) < 0)
        return -1;
    *ret_created = take_ptr(image.created);
    return 0;
}

int images_list(struct images *images, struct image_rows *ret_rows, struct err *err)
{
    auto_done(oci_index) index = {};
    auto_done(image_rows) rows = {};
    if (index_load(images, &index, err) < 0)
        return -1;
    rows.at = xcalloc(index.manifests.len, sizeof(*rows.at));
    for (size_t i = 0; i < index.manifests.len; i++) {
        const struct oci_descriptor *row = &index.manifests.at[i];
        struct image_row *out = &rows.at[rows.len++];
        out->name = row_name(row);
        out->digest = xstrdup(row->digest);
        if (row_id(images, row, &out->id, err) < 0 ||
            row_size(images, row, &out->size_bytes, err) < 0 ||
            row_created(images, row, out->id, &out->created, err) < 0)
            return err_wrap(err, "image %s", out->name ? out->name : row->digest);
    }
    *ret_rows = rows;
    rows = (struct image_rows){};
    return 0;
}

/* ---- names ---- */

static int tag_locked(struct images *images, const char *name, const char *new_name,
                      struct err *err)
{
    auto_done(oci_index) index = {};
    size_t row;
    bool by_digest;
    if (index_load(images, &index, err) < 0)
        return -1;
    int found = index_find(images, &index, name, &row, &by_digest, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "no image %s here", name);
    struct oci_descriptor copy = row_copy(&index.manifests.at[row], new_name);
    index_add(&index, &copy);
    return index_save(images, &index, err);
}

int image_tag(struct images *images, const char *name, const char *new_name, struct err *err)
{
    auto_drop(reference) *reference = NULL;
    auto_close int lock = -1;
    if (reference_parse(new_name, &reference, err) < 0)
        return -1;
    if (reference->digest)
        return err_set(err, ERR_INVALID, "\"%s\" has a digest, which cannot be given", new_name);
    auto_free char *normal = reference_format(reference);
    if (store_prepare(images, err) < 0 || store_lock(images, &lock, err) < 0)
        return -1;
    return tag_locked(images, name, normal, err);
}
