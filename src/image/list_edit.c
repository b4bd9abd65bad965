/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists made and changed here. A list is a document among the blobs: each change makes another one,
 * and moves the name to it. All of it is done under the store's lock, and is short.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "image/ingest.h"
#include "image/part.h"
#include "image/platform.h"
#include "image/reference.h"

struct edit {
    struct images *images;
    char *name;            /* of the list, in normal form */
    struct oci_index rows; /* the store's */
    size_t row;            /* the list's; rows.manifests.len: it has none yet */
    struct oci_index list;
};

static void edit_done(struct edit *edit)
{
    free(edit->name);
    oci_index_done(&edit->rows);
    oci_index_done(&edit->list);
}

/* ---- reading ---- */

static int list_refuse(const char *name, struct err *err)
{
    return err_set(err, ERR_EXISTS, "%s is an image, and no list", name);
}

static int list_read(struct edit *edit, const char *digest, struct err *err)
{
    auto_free char *data = NULL;
    size_t len;
    if (blob_load(edit->images, digest, OCI_MANIFEST_MAX_BYTES, &data, &len, err) < 0 ||
        oci_index_parse(data, len, &edit->list, err) < 0)
        return -1;
    return 0;
}

/* Returns 1, or 0: there is no such list. */
static int edit_open(struct edit *edit, const char *name, struct err *err)
{
    auto_drop(reference) *reference = NULL;
    auto_done(row_found) found = {};
    enum row_kind kind;
    if (reference_parse(name, &reference, err) < 0)
        return -1;
    if (reference->digest)
        return err_set(err, ERR_INVALID, "\"%s\" has a digest, and a list changes its own", name);
    edit->name = reference_format(reference);
    if (index_load(edit->images, &edit->rows, err) < 0)
        return -1;
    edit->row = edit->rows.manifests.len;
    int result = index_find(edit->images, &edit->rows, edit->name, &found, err);
    if (result <= 0)
        return result;
    const struct oci_descriptor *row = &edit->rows.manifests.at[found.row];
    if (row_kind(edit->images, row, &kind, err) < 0)
        return -1;
    if (kind != ROW_LIST)
        return list_refuse(name, err);
    edit->row = found.row;
    return list_read(edit, row->digest, err) < 0 ? -1 : 1;
}

static int edit_existing(struct edit *edit, const char *name, struct err *err)
{
    int found = edit_open(edit, name, err);
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "no list %s here", name);
    return found < 0 ? -1 : 0;
}

/* ---- writing ---- */

/* Brings the document into the store. *ret_digest: owned by the caller. */
static int document_store(const struct ingest *ingest, const struct str *text, char **ret_digest,
                          struct err *err)
{
    struct images *images = ingest->images;
    auto_done(parts) parts = {};
    struct helper helper;
    if (ingest_save(ingest, 0, str_text(text), text->len, err) < 0 ||
        helper_open(images->transfer, ingest->directory, &helper, err) < 0)
        return -1;
    (void)parts_add(&parts, NULL, 0);
    int result = parts_run(&parts, ingest, &helper, NULL, err);
    helper_close(&helper);
    if (result < 0 || ingest_commit_blob(ingest, 0, parts.at[0].digest, err) < 0)
        return -1;
    *ret_digest = xstrdup(parts.at[0].digest);
    return 0;
}

static int text_store(struct images *images, const struct str *text, char **ret_digest,
                      struct err *err)
{
    struct ingest ingest;
    if (ingest_open(images, &ingest, err) < 0)
        return -1;
    int result = document_store(&ingest, text, ret_digest, err);
    ingest_close(&ingest);
    return result;
}

/* What the images of the list take that are here, by their rows. */
static uint64_t list_size(const struct edit *edit)
{
    uint64_t size = 0;
    for (size_t i = 0; i < edit->list.manifests.len; i++) {
        for (size_t k = 0; k < edit->rows.manifests.len; k++) {
            const struct oci_descriptor *row = &edit->rows.manifests.at[k];
            uint64_t of_row;
            struct err ignored;
            if (strcmp(row->digest, edit->list.manifests.at[i].digest) != 0 ||
                row_size(edit->images, row, &of_row, &ignored) < 0)
                continue;
            size += of_row;
            break;
        }
    }
    return size;
}

/* When the list was changed last, in RFC 3339. */
static void created_note(struct oci_descriptor *row)
{
    time_t now = time(NULL);
    struct tm parts;
    char text[sizeof("2026-01-02T03:04:05Z")] = "";
    if (gmtime_r(&now, &parts) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts) > 0)
        row_note(row, NOTE_CREATED, text);
}

/* The row of the list as it was goes, unless it has other names. */
static int edit_save(struct edit *edit, struct err *err)
{
    auto_done(str) text = {};
    auto_free char *digest = NULL;
    struct oci_descriptor row = {};
    oci_index_format(&edit->list, &text);
    if (text.len > OCI_MANIFEST_MAX_BYTES)
        return err_set(err, ERR_INVALID, "the list is larger than %d MiB",
                       OCI_MANIFEST_MAX_BYTES >> 20);
    if (text_store(edit->images, &text, &digest, err) < 0 ||
        row_make(edit->images, digest, edit->name, &row, err) < 0)
        return -1;
    auto_free char *size = xasprintf("%" PRIu64, list_size(edit));
    row_note(&row, NOTE_SIZE, size);
    created_note(&row);
    if (edit->row < edit->rows.manifests.len)
        index_remove(&edit->rows, edit->row);
    index_add(&edit->rows, &row);
    return index_save(edit->images, &edit->rows, err);
}

/* ---- members ---- */

static struct oci_descriptor *member_find(struct edit *edit, const char *digest)
{
    for (size_t i = 0; i < edit->list.manifests.len; i++)
        if (strcmp(edit->list.manifests.at[i].digest, digest) == 0)
            return &edit->list.manifests.at[i];
    return NULL;
}

static void text_change(char **at, const char *value)
{
    if (!value)
        return;
    free(*at);
    *at = *value ? xstrdup(value) : NULL;
}

static int member_change(struct oci_descriptor *member, const struct image_list_change *change,
                         struct err *err)
{
    if (!member->platform)
        member->platform = xnew(struct oci_platform);
    text_change(&member->platform->os, change->os);
    text_change(&member->platform->architecture, change->architecture);
    text_change(&member->platform->variant, change->variant);
    text_change(&member->platform->os_version, change->os_version);
    if (change->os_features && change->os_features->len > 0)
        strings_copy(&member->platform->os_features, change->os_features);
    for (size_t i = 0; change->annotations && i < change->annotations->len; i++) {
        const char *pair = change->annotations->at[i], *equals = strchr(pair, '=');
        if (!equals || equals == pair)
            return err_set(err, ERR_USAGE, "annotation \"%s\" is no KEY=VALUE", pair);
        auto_free char *key = xstrndup(pair, (size_t)(equals - pair));
        row_note(member, key, equals + 1);
    }
    return 0;
}

/* Adds a manifest, or takes it anew. */
static int member_add(struct edit *edit, const char *digest, const struct image_list_change *change,
                      struct err *err)
{
    auto_done(oci_descriptor) row = {};
    auto_done(oci_manifest) manifest = {};
    auto_done(oci_image) image = {};
    if (row_make(edit->images, digest, NULL, &row, err) < 0 ||
        blob_manifest(edit->images, digest, &manifest, err) < 0 ||
        blob_image_peek(edit->images, manifest.config.digest, &image, err) < 0)
        return -1;
    const struct oci_platform platform = {
        .os = image.os,
        .architecture = image.architecture,
        .variant = image.variant,
        .os_version = image.os_version,
        .os_features = image.os_features,
    };
    struct oci_descriptor *member = member_find(edit, digest);
    if (member)
        oci_descriptor_done(member);
    else
        member = array_add(&edit->list.manifests);
    member->media_type = xstrdup(row.media_type);
    member->digest = xstrdup(digest);
    member->size = row.size;
    member->platform = xnew(struct oci_platform);
    platform_copy(member->platform, &platform);
    return member_change(member, change, err);
}

static int add_visit(void *context, const struct list_member *member, struct err *err)
{
    static const struct image_list_change none = {};
    if (!member->manifest || !manifest_is_image(member->manifest))
        return 0;
    return member_add(context, member->descriptor->digest, &none, err);
}

/* Adds an image of the store; of a list this machine's, or all of them. */
static int name_add(struct edit *edit, const char *name, const struct image_list_change *change,
                    struct err *err)
{
    auto_drop(image) *image = NULL;
    int found = image_find(edit->images, name, &image, err);
    if (found < 0)
        return -1;
    if (found == 0) {
        err_set(err, ERR_NOT_FOUND, "no image %s here", name);
        return err_hint(err, "pull or load it first");
    }
    if ((change->flags & IMAGE_LIST_ALL) && image->list)
        return list_walk(edit->images, image->list, add_visit, edit, err);
    return member_add(edit, image->digest, change, err);
}

/* The member that a digest, or an image of the store, means. */
static int member_of(struct edit *edit, const char *text, struct oci_descriptor **ret_member,
                     struct err *err)
{
    auto_drop(image) *image = NULL;
    if (digest_valid(text)) {
        *ret_member = member_find(edit, text);
    } else {
        int found = image_find(edit->images, text, &image, err);
        if (found < 0)
            return -1;
        *ret_member = found > 0 ? member_find(edit, image->digest) : NULL;
    }
    if (*ret_member)
        return 0;
    return err_set(err, ERR_NOT_FOUND, "%s is not in the list", text);
}

/* ---- the façade ---- */

static int edit_begin(struct images *images, struct edit *edit, int *lock, struct err *err)
{
    edit->images = images;
    return store_prepare(images, err) < 0 ? -1 : store_lock(images, lock, err);
}

int image_list_create(struct images *images, const char *name, char *const *members,
                      const struct image_list_change *change, struct err *err)
{
    auto_done(edit) edit = {};
    auto_close int lock = -1;
    if (edit_begin(images, &edit, &lock, err) < 0)
        return -1;
    int found = edit_open(&edit, name, err);
    if (found < 0)
        return -1;
    if (found > 0 && !(change->flags & IMAGE_LIST_AMEND)) {
        err_set(err, ERR_EXISTS, "there is a list %s", name);
        return err_hint(err, "add to it with --amend, or remove it");
    }
    if (found == 0) {
        edit.list.schema_version = 2;
        edit.list.media_type = xstrdup(MEDIA_OCI_INDEX);
    }
    for (size_t i = 0; members[i]; i++)
        if (name_add(&edit, members[i], change, err) < 0)
            return -1;
    return edit_save(&edit, err);
}

int image_list_add(struct images *images, const char *name, const char *member,
                   const struct image_list_change *change, struct err *err)
{
    auto_done(edit) edit = {};
    auto_close int lock = -1;
    if (edit_begin(images, &edit, &lock, err) < 0 || edit_existing(&edit, name, err) < 0 ||
        name_add(&edit, member, change, err) < 0)
        return -1;
    return edit_save(&edit, err);
}

int image_list_annotate(struct images *images, const char *name, const char *member,
                        const struct image_list_change *change, struct err *err)
{
    auto_done(edit) edit = {};
    auto_close int lock = -1;
    struct oci_descriptor *descriptor;
    if (edit_begin(images, &edit, &lock, err) < 0 || edit_existing(&edit, name, err) < 0 ||
        member_of(&edit, member, &descriptor, err) < 0 ||
        member_change(descriptor, change, err) < 0)
        return -1;
    return edit_save(&edit, err);
}

int image_list_remove(struct images *images, const char *name, const char *member, struct err *err)
{
    auto_done(edit) edit = {};
    auto_close int lock = -1;
    struct oci_descriptor *descriptor;
    if (edit_begin(images, &edit, &lock, err) < 0 || edit_existing(&edit, name, err) < 0 ||
        member_of(&edit, member, &descriptor, err) < 0)
        return -1;
    index_remove(&edit.list, (size_t)(descriptor - edit.list.manifests.at));
    return edit_save(&edit, err);
}

int image_list_delete(struct images *images, const char *name, image_users *users, void *context,
                      struct image_removed *ret_removed, struct err *err)
{
    auto_done(edit) edit = { .images = images };
    if (edit_existing(&edit, name, err) < 0)
        return -1;
    return image_remove(images, edit.name, 0, users, context, ret_removed, err);
}

int image_document(struct images *images, const char *name, struct str *text, struct err *err)
{
    auto_done(oci_index) index = {};
    auto_done(row_found) found = {};
    auto_free char *data = NULL;
    size_t len;
    if (index_load(images, &index, err) < 0)
        return -1;
    int result = index_find(images, &index, name, &found, err);
    if (result < 0)
        return -1;
    if (result == 0)
        return err_set(err, ERR_NOT_FOUND, "no list or image %s here", name);
    const struct oci_descriptor *row = &index.manifests.at[found.row];
    const char *list = found.by_digest ? NULL : pairs_value(&row->annotations, NOTE_INDEX);
    const char *digest = found.member ? found.member : list ? list : row->digest;
    if (blob_load(images, digest, OCI_MANIFEST_MAX_BYTES, &data, &len, err) < 0)
        return -1;
    str_add_bytes(text, data, len);
    return 0;
}
