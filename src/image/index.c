/* SPDX-License-Identifier: Apache-2.0 */
/* index.json of the layout: one row for each name of each image, and one for an image without any.
 */
#include <string.h>

#include "base/file.h"
#include "image/reference.h"
#include "image/store.h"

enum { FILE_MODE = 0600, SHOWN_MAX = 100 };

static const char sha256[] = "sha256:";

int index_load(struct images *images, struct oci_index *ret_index, struct err *err)
{
    auto_free char *data = NULL;
    size_t len = 0;
    int found = file_load(images->root, FILE_INDEX, OCI_INDEX_MAX_BYTES, &data, &len, err);
    if (found < 0)
        return err_wrap(err, "read the image store");
    if (found == 0) {
        *ret_index = (struct oci_index){ .schema_version = 2 };
        return 0;
    }
    if (oci_index_parse(data, len, ret_index, err) < 0)
        return err_wrap(err, "read the image store: index.json");
    return 0;
}

int index_save(struct images *images, const struct oci_index *index, struct err *err)
{
    auto_done(str) text = { .max_bytes = OCI_INDEX_MAX_BYTES };
    oci_index_format(index, &text);
    if (text.over)
        return err_set(err, ERR_INVALID, "the image store's index is full; remove images");
    return file_save(images->root, FILE_INDEX, str_text(&text), text.len, FILE_MODE, FILE_SYNC,
                     err);
}

void index_remove(struct oci_index *index, size_t i)
{
    oci_descriptor_done(&index->manifests.at[i]);
    index->manifests.len--;
    memmove(&index->manifests.at[i], &index->manifests.at[i + 1],
            (index->manifests.len - i) * sizeof(index->manifests.at[0]));
}

char *row_name(const struct oci_descriptor *row)
{
    auto_drop(reference) *reference = NULL;
    struct err ignored;
    const char *text = pairs_value(&row->annotations, OCI_REF_NAME);
    if (!text || reference_parse(text, &reference, &ignored) < 0)
        return NULL;
    return reference_format(reference);
}

int row_id(struct images *images, const struct oci_descriptor *row, char **ret_id, struct err *err)
{
    const char *note = pairs_value(&row->annotations, NOTE_ID);
    if (note && digest_valid(note)) {
        *ret_id = xstrdup(note);
        return 0;
    }
    /* Another tool wrote the row. */
    auto_done(oci_manifest) manifest = {};
    if (blob_manifest(images, row->digest, &manifest, err) < 0)
        return -1;
    *ret_id = xstrdup(manifest.config.digest);
    return 0;
}

struct oci_descriptor row_copy(const struct oci_descriptor *row, const char *name)
{
    struct oci_descriptor copy = {
        .media_type = row->media_type ? xstrdup(row->media_type) : NULL,
        .digest = xstrdup(row->digest),
        .size = row->size,
    };
    if (row->platform) {
        const struct oci_platform *from = row->platform;
        copy.platform = xnew(struct oci_platform);
        copy.platform->architecture = from->architecture ? xstrdup(from->architecture) : NULL;
        copy.platform->os = from->os ? xstrdup(from->os) : NULL;
        copy.platform->variant = from->variant ? xstrdup(from->variant) : NULL;
    }
    for (size_t i = 0; i < row->annotations.len; i++)
        if (strcmp(row->annotations.at[i].key, OCI_REF_NAME) != 0)
            pairs_put(&copy.annotations, row->annotations.at[i].key, row->annotations.at[i].value);
    if (name)
        pairs_put(&copy.annotations, OCI_REF_NAME, name);
    return copy;
}

void index_unname(struct oci_index *index, size_t i)
{
    struct oci_descriptor bare = row_copy(&index->manifests.at[i], NULL);
    oci_descriptor_done(&index->manifests.at[i]);
    index->manifests.at[i] = bare;
}

/* A row without a name is there for an image that has no other. */
static void drop_spare_rows(struct oci_index *index)
{
    for (size_t i = index->manifests.len; i-- > 0;) {
        const struct oci_descriptor *row = &index->manifests.at[i];
        bool spare = false;
        if (pairs_value(&row->annotations, OCI_REF_NAME))
            continue;
        for (size_t k = 0; k < index->manifests.len && !spare; k++)
            spare = k != i && strcmp(index->manifests.at[k].digest, row->digest) == 0;
        if (spare)
            index_remove(index, i);
    }
}

void index_add(struct oci_index *index, struct oci_descriptor *row)
{
    const char *name = pairs_value(&row->annotations, OCI_REF_NAME);
    for (size_t i = index->manifests.len; name && i-- > 0;) {
        auto_free char *other = row_name(&index->manifests.at[i]);
        if (text_same(other, name))
            index_unname(index, i);
    }
    *array_add(&index->manifests) = *row;
    *row = (struct oci_descriptor){};
    drop_spare_rows(index);
}

/* ---- looking up ---- */

/* A row of that name; with a digest, a row of that repository and manifest. */
static bool row_fits(const struct oci_descriptor *row, const struct reference *wanted,
                     const char *normal)
{
    const char *text = pairs_value(&row->annotations, OCI_REF_NAME);
    if (!wanted->digest && text && strcmp(text, normal) == 0)
        return true;
    auto_drop(reference) *reference = NULL;
    struct err ignored;
    if (!text || reference_parse(text, &reference, &ignored) < 0)
        return false;
    if (strcmp(reference->domain, wanted->domain) != 0 ||
        strcmp(reference->path, wanted->path) != 0)
        return false;
    if (wanted->digest)
        return strcmp(row->digest, wanted->digest) == 0;
    return text_same(reference->tag, wanted->tag);
}

static int find_by_name(const struct oci_index *index, const struct reference *wanted,
                        size_t *ret_row)
{
    auto_free char *normal = reference_format(wanted);
    for (size_t i = 0; i < index->manifests.len; i++) {
        if (!row_fits(&index->manifests.at[i], wanted, normal))
            continue;
        *ret_row = i;
        return 1;
    }
    return 0;
}

/* The digits of an id or of the beginning of one, or NULL. */
static const char *id_digits(const char *name)
{
    const char *hex = text_starts(name, sha256) ? name + strlen(sha256) : name;
    size_t len = strspn(hex, "0123456789abcdef");
    return len > 0 && len <= 64 && !hex[len] ? hex : NULL;
}

/* An image's id, whole or its beginning; or the whole digest of its manifest. */
static int find_by_id(struct images *images, const struct oci_index *index, const char *hex,
                      size_t *ret_row, struct err *err)
{
    auto_free char *found = NULL;
    for (size_t i = 0; i < index->manifests.len; i++) {
        const struct oci_descriptor *row = &index->manifests.at[i];
        auto_free char *id = NULL;
        if (row_id(images, row, &id, err) < 0)
            return -1;
        bool fits = text_starts(digest_hex(id), hex) || strcmp(digest_hex(row->digest), hex) == 0;
        if (!fits || (found && strcmp(found, id) == 0))
            continue;
        if (found) {
            err_set(err, ERR_INVALID, "more than one image has an id that begins with %s", hex);
            return err_hint(err, "give more of it");
        }
        found = take_ptr(id);
        *ret_row = i;
    }
    return found ? 1 : 0;
}

int index_find(struct images *images, const struct oci_index *index, const char *name,
               size_t *ret_row, bool *ret_by_digest, struct err *err)
{
    auto_drop(reference) *reference = NULL;
    const char *hex = id_digits(name);
    int parsed = reference_parse(name, &reference, err);
    if (parsed < 0 && !hex)
        return -1;
    *ret_by_digest = parsed < 0 || reference->digest;
    if (parsed == 0 && find_by_name(index, reference, ret_row))
        return 1;
    *ret_by_digest = true;
    return hex ? find_by_id(images, index, hex, ret_row, err) : 0;
}
