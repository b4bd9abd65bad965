/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index: what it says is told by nothing else, so each row has a sum of its own, and there is a
 * copy of it, written right after it. A row that is damaged is taken from there if it is whole there.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "image/check.h"
#include "image/reference.h"

static const char layout_path[] = "oci/oci-layout";

static bool row_whole(const struct oci_descriptor *row)
{
    const char *noted = pairs_value(&row->annotations, NOTE_SUM);
    auto_free char *sum = row_sum(row);
    if (noted)
        return strcmp(noted, sum) == 0;
    /* Another tool's rows have no sums, and none of our notes. */
    for (size_t i = 0; i < row->annotations.len; i++)
        if (text_starts(row->annotations.at[i].key, "ruche."))
            return false;
    return digest_valid(row->digest);
}

/* Reads an index with nothing in it that no index has. Returns 1, or 0: there is none. */
static int strict_load(struct check *check, const char *path, struct oci_index *index,
                       struct err *err)
{
    auto_free char *data = NULL;
    size_t len;
    int found = file_load(check->images->root, path, OCI_INDEX_MAX_BYTES, &data, &len, err);
    if (found <= 0)
        return found;
    if (field_read(oci_index_fields, data, len, path, FIELD_UNKNOWN_IS_ERROR, index, err) < 0)
        return -1;
    if (index->schema_version != 2)
        return err_set(err, ERR_INVALID, "%s: /schemaVersion is not 2", path);
    return 1;
}

static bool same_name(const struct oci_descriptor *a, const struct oci_descriptor *b)
{
    return text_same(pairs_value(&a->annotations, OCI_REF_NAME),
                     pairs_value(&b->annotations, OCI_REF_NAME));
}

static bool index_has(const struct oci_index *index, const struct oci_descriptor *row)
{
    const char *name = pairs_value(&row->annotations, OCI_REF_NAME);
    for (size_t i = 0; i < index->manifests.len; i++) {
        const struct oci_descriptor *other = &index->manifests.at[i];
        if (name ? same_name(other, row) : strcmp(other->digest, row->digest) == 0)
            return true;
    }
    return false;
}

static void index_take(struct check *check, const struct oci_descriptor *row)
{
    const char *name = pairs_value(&row->annotations, OCI_REF_NAME);
    *array_add(&check->index.manifests) = row_copy(row, name);
}

/* What the copy has more: rows that are damaged in the index, or all of them. */
static size_t copy_take(struct check *check, const struct oci_index *copy)
{
    size_t taken = 0;
    for (size_t i = 0; i < copy->manifests.len; i++) {
        const struct oci_descriptor *row = &copy->manifests.at[i];
        if (!row_whole(row) || index_has(&check->index, row))
            continue;
        index_take(check, row);
        taken++;
    }
    return taken;
}

static const char *row_label(const struct oci_descriptor *row)
{
    const char *name = pairs_value(&row->annotations, OCI_REF_NAME);
    return name ? name : row->digest;
}

static void row_again(struct check *check, const struct oci_descriptor *row)
{
    const char *label = row_label(row);
    if (strings_have(&check->result.again, label))
        return;
    strings_add(&check->result.again, label);
    if (label != row->digest && digest_valid(row->digest))
        pairs_put(&check->lost, label, row->digest);
}

static void rows_judge(struct check *check, const struct oci_index *index)
{
    for (size_t i = 0; i < index->manifests.len; i++) {
        const struct oci_descriptor *row = &index->manifests.at[i];
        if (row_whole(row)) {
            index_take(check, row);
            continue;
        }
        struct image_fault *fault =
            check_fault(check, "the row of %s in index.json is damaged", row_label(row));
        if (check->flags & IMAGES_CHECK_REPAIR)
            fault_remedy(fault, true, "taken from the copy of index.json, if it is there");
        check->index_changed = true;
    }
    check->result.rows = index->manifests.len;
}

static int layout_check(struct check *check, struct err *err)
{
    auto_free char *data = NULL;
    struct oci_layout layout = {};
    struct err why;
    size_t len;
    int found =
        file_load(check->images->root, layout_path, OCI_MANIFEST_MAX_BYTES, &data, &len, err);
    if (found < 0)
        return -1;
    int good = found ? oci_layout_parse(data, len, &layout, &why) : -1;
    bool whole = good == 0 && text_same(layout.image_layout_version, "1.0.0");
    oci_layout_done(&layout);
    if (whole)
        return 0;
    struct image_fault *fault = check_fault(check, "oci-layout is damaged");
    if (!(check->flags & IMAGES_CHECK_REPAIR))
        return 0;
    if (trash_put(check->images, layout_path, err) < 0 || store_prepare(check->images, err) < 0)
        return -1;
    fault_remedy(fault, true, "written anew");
    return 0;
}

int check_index(struct check *check, struct err *err)
{
    auto_done(oci_index) index = {};
    auto_done(oci_index) copy = {};
    struct err why = {}, copy_why = {};
    if (layout_check(check, err) < 0)
        return -1;
    check->index.schema_version = 2;
    int found = strict_load(check, FILE_INDEX, &index, &why);
    bool copied = strict_load(check, FILE_INDEX_COPY, &copy, &copy_why) > 0;
    const struct err *failure = found < 0 ? &why : &copy_why;
    if (failure->kind == ERR_SYSTEM) {
        *err = *failure;
        return -1;
    }
    rows_judge(check, &index);
    if (found == 0 && copy.manifests.len == 0)
        return 0;
    if (found <= 0) {
        struct image_fault *fault =
            check_fault(check, "index.json is %s", found < 0 ? "damaged" : "missing");
        if (check->flags & IMAGES_CHECK_REPAIR)
            fault_remedy(fault, copied, copied ? "taken from its copy" : "written anew, empty");
        check->index_changed = true;
    }
    if (!check->index_changed)
        return 0;
    size_t damaged = index.manifests.len - check->index.manifests.len;
    if (copy_take(check, &copy) >= damaged)
        return 0;
    for (size_t i = 0; i < index.manifests.len; i++)
        if (!row_whole(&index.manifests.at[i]) && !index_has(&check->index, &index.manifests.at[i]))
            row_again(check, &index.manifests.at[i]);
    return 0;
}

/* ---- what rows need ---- */

static bool blob_good(const struct check *check, const char *digest)
{
    auto_free char *path = xasprintf("%s/%s", DIR_BLOBS, digest_hex(digest));
    if (faccessat(check->images->root, path, F_OK, 0) < 0 && errno == ENOENT)
        return false;
    return !strings_have(&check->bad, digest);
}

/* A blob that is damaged is a fault already; one that is missing is said here. */
static bool blob_demand(struct check *check, const struct oci_descriptor *row, const char *digest)
{
    if (blob_good(check, digest))
        return true;
    if (!strings_have(&check->bad, digest)) {
        strings_add(&check->bad, digest);
        check_fault(check, "blob %s of %s is missing", digest, row_label(row));
    }
    return false;
}

enum row_use { USE_NONE, USE_RUN, USE_ALL };

/* Documents that say nonsense, or are damaged, make a row useless; what could not be read now fails. */
static int row_refuse(struct check *check, const struct oci_descriptor *row, const struct err *why,
                      struct err *err)
{
    const struct sum sum = { .err = *why };
    bool failed = why->kind == ERR_SYSTEM || (why->errnum != 0 && why->kind != ERR_NOT_FOUND);
    if (failed && !sum_damaged(&sum)) {
        *err = *why;
        return err_wrap(err, "look at %s", row_label(row));
    }
    check_fault(check, "%s: %s", row_label(row), why->text);
    return USE_NONE;
}

/* Gives its use: USE_RUN, it cannot be handed on. */
static int row_judge(struct check *check, const struct oci_descriptor *row, struct err *err)
{
    auto_done(oci_manifest) manifest = {};
    const char *list = pairs_value(&row->annotations, NOTE_INDEX);
    enum row_kind kind;
    struct err why = {};
    bool whole = true;
    if (!blob_demand(check, row, row->digest))
        return USE_NONE;
    if (row_kind(check->images, row, &kind, &why) < 0)
        return row_refuse(check, row, &why, err);
    if (kind == ROW_LIST)
        return USE_ALL;
    if (blob_manifest(check->images, row->digest, &manifest, &why) < 0)
        return row_refuse(check, row, &why, err);
    if (!blob_demand(check, row, manifest.config.digest))
        return USE_NONE;
    for (size_t i = 0; i < manifest.layers.len; i++)
        if (manifest.layers.at[i].urls.len == 0)
            whole = blob_demand(check, row, manifest.layers.at[i].digest) && whole;
    if (list && digest_valid(list))
        whole = blob_demand(check, row, list) && whole;
    return whole ? USE_ALL : USE_RUN;
}

static void user_judge(struct check *check, const struct pair *user)
{
    const char *kind = user_is_mount(user->value) ? "mount" : "container";
    auto_done(oci_image) image = {};
    struct err why = {};
    if (!digest_valid(user->key) || strings_have(&check->bad, user->key))
        return;
    if (blob_image_peek(check->images, user->key, &image, &why) < 0) {
        check_fault(check, "%s %s: its image's configuration: %s", kind, user->value, why.text);
        return;
    }
    for (size_t i = 0; i < image.rootfs.diff_ids.len; i++)
        if (!layer_present(check->images, image.rootfs.diff_ids.at[i]))
            check_fault(check, "%s %s: its image's layer %s is missing", kind, user->value,
                        image.rootfs.diff_ids.at[i]);
}

int check_rows(struct check *check, struct err *err)
{
    for (size_t i = check->index.manifests.len; i-- > 0;) {
        const struct oci_descriptor *row = &check->index.manifests.at[i];
        int use = row_judge(check, row, err);
        if (use < 0)
            return -1;
        if (use < USE_ALL)
            row_again(check, row);
        if (use > USE_NONE || !(check->flags & IMAGES_CHECK_REPAIR))
            continue;
        index_remove(&check->index, i);
        check->index_changed = true;
    }
    for (size_t i = 0; i < check->users.len; i++)
        user_judge(check, &check->users.at[i]);
    return 0;
}
