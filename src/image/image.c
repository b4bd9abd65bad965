/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "image/platform.h"
#include "image/reference.h"
#include "image/store.h"

void image_free(struct image *image)
{
    if (!image)
        return;
    free(image->id);
    free(image->digest);
    free(image->list);
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

/* All names whose rows mean the same, an image or a list. */
static int image_names(struct images *images, const struct oci_index *index, const char *id,
                       struct strings *names, struct err *err)
{
    for (size_t i = 0; i < index->manifests.len; i++) {
        auto_free char *other = NULL;
        if (row_id(images, &index->manifests.at[i], &other, err) < 0)
            return -1;
        if (strcmp(other, id) != 0)
            continue;
        char *name = row_name(&index->manifests.at[i]);
        if (name)
            strings_add_taken(names, name);
    }
    return 0;
}

/* Fills in what the manifest says. */
static int image_of_manifest(struct images *images, struct image *image, struct err *err)
{
    auto_done(oci_manifest) manifest = {};
    if (blob_manifest(images, image->digest, &manifest, err) < 0)
        return -1;
    image->id = xstrdup(manifest.config.digest);
    for (size_t i = 0; i < manifest.layers.len; i++)
        image->size_bytes += (uint64_t)manifest.layers.at[i].size;
    return blob_image(images, image->id, &image->oci, err);
}

/* The member of a list: the one that was found, or the one for the platform. */
static int image_of_list(struct images *images, const struct oci_index *index,
                         const struct row_found *found, const struct oci_platform *platform,
                         struct image **ret_image, struct err *err)
{
    const struct oci_descriptor *row = &index->manifests.at[found->row];
    auto_drop(image) *image = xnew(struct image);
    auto_done(oci_platform) own = {};
    image->list = xstrdup(row->digest);
    if (found->member) {
        image->digest = xstrdup(found->member);
    } else {
        platform_own(&own);
        if (list_choose(images, row->digest, platform ? platform : &own, &image->digest, err) < 0)
            return -1;
    }
    if (!image->digest)
        return 0;
    if (image_names(images, index, row->digest, &image->names, err) < 0 ||
        image_of_manifest(images, image, err) < 0)
        return -1;
    *ret_image = take_ptr(image);
    return 1;
}

static int image_of_row(struct images *images, const struct oci_index *index, size_t i,
                        struct image **ret_image, struct err *err)
{
    const struct oci_descriptor *row = &index->manifests.at[i];
    const char *list = pairs_value(&row->annotations, NOTE_INDEX);
    auto_drop(image) *image = xnew(struct image);
    image->digest = xstrdup(row->digest);
    image->list = list ? xstrdup(list) : NULL;
    if (row_id(images, row, &image->id, err) < 0 ||
        row_size(images, row, &image->size_bytes, err) < 0 ||
        image_names(images, index, image->id, &image->names, err) < 0 ||
        blob_image(images, image->id, &image->oci, err) < 0)
        return -1;
    *ret_image = take_ptr(image);
    return 1;
}

static int image_of_found(struct images *images, const struct oci_index *index,
                          const struct row_found *found, const struct oci_platform *platform,
                          struct image **ret_image, struct err *err)
{
    enum row_kind kind;
    if (row_kind(images, &index->manifests.at[found->row], &kind, err) < 0)
        return -1;
    switch (kind) {
    case ROW_IMAGE:
        return image_of_row(images, index, found->row, ret_image, err);
    case ROW_LIST:
        return image_of_list(images, index, found, platform, ret_image, err);
    case ROW_ARTIFACT:
        break;
    }
    return err_set(err, ERR_UNSUPPORTED, "not an image but an artifact");
}

static bool image_is_for(const struct image *image, const struct oci_platform *wanted)
{
    const struct oci_platform platform = {
        .os = image->oci.os,
        .architecture = image->oci.architecture,
        .variant = image->oci.variant,
    };
    return platform_fits(&platform, wanted) > 0;
}

int image_find_for(struct images *images, const char *name, const struct oci_platform *platform,
                   struct image **ret_image, struct err *err)
{
    auto_done(oci_index) index = {};
    auto_done(row_found) row = {};
    auto_drop(image) *image = NULL;
    if (index_load(images, &index, err) < 0)
        return -1;
    int found = index_find(images, &index, name, &row, err);
    if (found <= 0)
        return found;
    found = image_of_found(images, &index, &row, platform, &image, err);
    if (found < 0)
        return err_wrap(err, "image %s", name);
    if (found == 0 || (platform && !image_is_for(image, platform)))
        return 0;
    *ret_image = take_ptr(image);
    return 1;
}

int image_find(struct images *images, const char *name, struct image **ret_image, struct err *err)
{
    return image_find_for(images, name, NULL, ret_image, err);
}

int image_known(struct images *images, const char *name, struct err *err)
{
    auto_done(oci_index) index = {};
    auto_done(row_found) row = {};
    if (index_load(images, &index, err) < 0)
        return -1;
    return index_find(images, &index, name, &row, err);
}

static int absent_of_list(const char *name, const char *wanted, struct err *err)
{
    err_set(err, ERR_NOT_FOUND, "the list %s has no image for %s", name, wanted);
    return err_hint(err, "see what it has by \"manifest inspect\"");
}

/* It is here, and for another platform. */
static int absent_for(const char *name, const struct image *image, const char *wanted,
                      struct err *err)
{
    const struct oci_platform platform = {
        .os = image->oci.os,
        .architecture = image->oci.architecture,
        .variant = image->oci.variant,
    };
    auto_done(str) here = {};
    auto_done(str) shown = {};
    platform_format(&platform, &here);
    text_escape(&shown, str_text(&here), here.len);
    return err_set(err, ERR_NOT_FOUND, "image %s is here for %s, not for %s", name,
                   str_text(&shown), wanted);
}

int image_absent(struct images *images, const char *name, const struct oci_platform *platform,
                 struct err *err)
{
    auto_done(oci_index) index = {};
    auto_done(row_found) row = {};
    auto_drop(image) *image = NULL;
    auto_done(str) wanted = {};
    enum row_kind kind;
    if (index_load(images, &index, err) < 0)
        return -1;
    int found = index_find(images, &index, name, &row, err);
    if (found < 0 || (found > 0 && row_kind(images, &index.manifests.at[row.row], &kind, err) < 0))
        return -1;
    if (platform)
        platform_format(platform, &wanted);
    else
        str_add(&wanted, "this machine");
    if (found > 0 && kind == ROW_LIST && !row.member)
        return absent_of_list(name, str_text(&wanted), err);
    if (found > 0 && platform)
        found = image_of_found(images, &index, &row, NULL, &image, err);
    if (found < 0)
        return -1;
    if (!image)
        return err_set(err, ERR_NOT_FOUND, "no image %s here", name);
    return absent_for(name, image, str_text(&wanted), err);
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
        if (layer_open(images, layers->at[i], &fds[i], err) == 0)
            continue;
        while (i-- > 0)
            fd_close(&fds[i]);
        return -1;
    }
    return 0;
}

static bool blob_there(struct images *images, const char *digest)
{
    auto_free char *path = xasprintf("%s/%s", DIR_BLOBS, digest_hex(digest));
    return faccessat(images->root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool image_blobs_present(struct images *images, const struct image *image)
{
    auto_done(oci_manifest) manifest = {};
    struct err unreadable;
    if (image_manifest(images, image, &manifest, &unreadable) < 0 ||
        !blob_there(images, manifest.config.digest) ||
        (image->list && !blob_there(images, image->list)))
        return false;
    for (size_t i = 0; i < manifest.layers.len; i++)
        if (manifest.layers.at[i].urls.len == 0 &&
            !blob_there(images, manifest.layers.at[i].digest))
            return false;
    return true;
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
    auto_done(oci_image) image = {};
    if (note || strcmp(row->digest, id) == 0) {
        *ret_created = note && *note ? xstrdup(note) : NULL;
        return 0;
    }
    if (blob_image_peek(images, id, &image, err) < 0)
        return -1;
    *ret_created = take_ptr(image.created);
    return 0;
}

static int list_failed(const struct oci_descriptor *row, struct err *err)
{
    auto_free char *name = row_name(row);
    return err_wrap(err, "image %s", name ? name : row->digest);
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
        struct image_row *out = &rows.at[rows.len];
        enum row_kind kind;
        if (row_kind(images, row, &kind, err) < 0)
            return list_failed(row, err);
        auto_free char *subject = row_subject(row);
        if (kind == ROW_ARTIFACT || subject)
            continue;
        rows.len++;
        out->name = row_name(row);
        out->list = kind == ROW_LIST;
        out->digest = xstrdup(row->digest);
        if (row_id(images, row, &out->id, err) < 0 ||
            row_size(images, row, &out->size_bytes, err) < 0 ||
            row_created(images, row, out->id, &out->created, err) < 0)
            return list_failed(row, err);
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
    auto_done(row_found) row = {};
    struct oci_descriptor copy;
    if (index_load(images, &index, err) < 0)
        return -1;
    int found = index_find(images, &index, name, &row, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "no image %s here", name);
    if (!row.member)
        copy = row_copy(&index.manifests.at[row.row], new_name);
    else if (row_make(images, row.member, new_name, &copy, err) < 0)
        return -1;
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
    if (strcmp(reference->path, "library/sha256") == 0)
        return err_set(err, ERR_INVALID, "\"%s\" could not be told from an id", new_name);
    auto_free char *normal = reference_format(reference);
    if (store_prepare(images, err) < 0 || store_lock(images, &lock, err) < 0)
        return -1;
    return tag_locked(images, name, normal, err);
}

/* Takes the name of row i; the row stays if it is the last of its image. */
static void row_untag(struct oci_index *index, size_t i, struct strings *untagged)
{
    const char *digest = index->manifests.at[i].digest;
    char *name = row_name(&index->manifests.at[i]);
    bool other = false;
    for (size_t k = 0; k < index->manifests.len && !other; k++)
        other = k != i && strcmp(index->manifests.at[k].digest, digest) == 0;
    if (name)
        strings_add_taken(untagged, name);
    if (other)
        index_remove(index, i);
    else
        index_unname(index, i);
}

static int untag_all(struct images *images, struct oci_index *index, const char *id,
                     struct strings *untagged, struct err *err)
{
    for (size_t i = index->manifests.len; i-- > 0;) {
        auto_free char *other = NULL;
        if (!pairs_value(&index->manifests.at[i].annotations, OCI_REF_NAME))
            continue;
        if (row_id(images, &index->manifests.at[i], &other, err) < 0)
            return -1;
        if (strcmp(other, id) == 0)
            row_untag(index, i, untagged);
    }
    return 0;
}

static int untag_one(struct images *images, struct oci_index *index, const char *id,
                     const char *name, struct strings *untagged, struct err *err)
{
    auto_free char *normal = NULL;
    if (image_normal(name, &normal, err) < 0)
        return -1;
    for (size_t i = 0; i < index->manifests.len; i++) {
        auto_free char *row_is = row_name(&index->manifests.at[i]);
        if (!text_same(row_is, normal))
            continue;
        auto_free char *other = NULL;
        if (row_id(images, &index->manifests.at[i], &other, err) < 0)
            return -1;
        if (strcmp(other, id) != 0)
            break;
        row_untag(index, i, untagged);
        return 0;
    }
    return err_set(err, ERR_NOT_FOUND, "the image has no name %s", name);
}

int image_untag(struct images *images, const char *name, char *const *names,
                struct strings *untagged, struct err *err)
{
    auto_done(oci_index) index = {};
    auto_done(row_found) row = {};
    auto_close int lock = -1;
    auto_free char *id = NULL;
    if (store_prepare(images, err) < 0 || store_lock(images, &lock, err) < 0 ||
        index_load(images, &index, err) < 0)
        return -1;
    int found = index_find(images, &index, name, &row, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "no image %s here", name);
    if (row_id(images, &index.manifests.at[row.row], &id, err) < 0)
        return -1;
    if (!names[0] && untag_all(images, &index, id, untagged, err) < 0)
        return -1;
    for (size_t i = 0; names[i]; i++)
        if (untag_one(images, &index, id, names[i], untagged, err) < 0)
            return -1;
    return index_save(images, &index, err);
}
