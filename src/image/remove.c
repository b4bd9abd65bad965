/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image's row leaves the index first; then it is asked which images containers use; then what
 * nobody needs goes. A container does the same in the other order: its record first, then the look
 * into the index. So either it does not find the image, or its record is found, and the row comes
 * back. The first question, before anything is changed, spares those who look meanwhile the gap.
 */
#include <string.h>

#include "image/ingest.h"
#include "image/reference.h"

struct removal {
    struct images *images;
    image_users *users;
    void *context;
    struct oci_index index;
    struct pairs used; /* id: a container */
    struct image_removed removed;
};

void image_removed_done(struct image_removed *removed)
{
    strings_done(&removed->untagged);
    strings_done(&removed->deleted);
}

static void removal_done(struct removal *removal)
{
    oci_index_done(&removal->index);
    pairs_done(&removal->used);
    image_removed_done(&removal->removed);
}

static int ask_users(struct removal *removal, struct err *err)
{
    pairs_done(&removal->used);
    return removal->users ? removal->users(removal->context, &removal->used, err) : 0;
}

/* Takes row i out, and reports its name. */
static void take_row(struct removal *removal, size_t i)
{
    char *name = row_name(&removal->index.manifests.at[i]);
    if (name)
        strings_add_taken(&removal->removed.untagged, name);
    index_remove(&removal->index, i);
}

/* Counts the image among the deleted. */
static void report_deleted(struct removal *removal, const char *id, const char *size)
{
    if (strings_have(&removal->removed.deleted, id))
        return;
    strings_add(&removal->removed.deleted, id);
    removal->removed.freed_bytes += size ? strtoull(size, NULL, 10) : 0;
}

/* The index is saved and the users are asked once more; removed images that have some come back
 * without a name. */
static int settle(struct removal *removal, const struct oci_index *before, struct err *err)
{
    bool back = false;
    if (index_save(removal->images, &removal->index, err) < 0 || ask_users(removal, err) < 0)
        return -1;
    for (size_t i = 0; i < before->manifests.len; i++) {
        const struct oci_descriptor *row = &before->manifests.at[i];
        auto_free char *id = NULL;
        bool there = false;
        for (size_t k = 0; k < removal->index.manifests.len && !there; k++)
            there = strcmp(removal->index.manifests.at[k].digest, row->digest) == 0;
        if (there)
            continue;
        struct err unreadable; /* then nothing can run it either */
        bool used =
            row_id(removal->images, row, &id, &unreadable) == 0 && pairs_value(&removal->used, id);
        if (used) {
            struct oci_descriptor copy = row_copy(row, NULL);
            index_add(&removal->index, &copy);
            back = true;
        } else if (id) {
            report_deleted(removal, id, pairs_value(&row->annotations, NOTE_SIZE));
        }
    }
    return back ? index_save(removal->images, &removal->index, err) : 0;
}

/* What is left over cannot be seen any more; if it cannot be told what that is, the next prune says
 * why. */
static void collect(struct removal *removal)
{
    struct err ignored;
    (void)store_collect(removal->images, &removal->index, &removal->used, &ignored);
}

/* ---- one image ---- */

static int refuse_used(const char *name, const char *container, struct err *err)
{
    err_set(err, ERR_CONFLICT, "image %s is used by container %s", name, container);
    return err_hint(err,
                    "remove the container first, or force (-f) to take only the image's names");
}

static int refuse_names(const struct removal *removal, const char *id, const char *name,
                        struct err *err)
{
    auto_done(str) names = { .max_bytes = 300 };
    for (size_t i = 0; i < removal->index.manifests.len; i++) {
        const struct oci_descriptor *row = &removal->index.manifests.at[i];
        auto_free char *row_is = NULL;
        auto_free char *label = row_name(row);
        if (!label || row_id(removal->images, row, &row_is, err) < 0 || strcmp(row_is, id) != 0)
            continue;
        auto_free char *familiar = reference_familiar(label);
        str_addf(&names, "%s%s", names.len > 0 ? ", " : "", familiar);
    }
    err_set(err, ERR_CONFLICT, "image %s has several names: %s", name, str_text(&names));
    return err_hint(err, "remove them by name, or force (-f)");
}

/* How many rows, and how many names, an image has. */
static int count_rows(const struct removal *removal, const char *id, size_t *ret_rows,
                      size_t *ret_names, struct err *err)
{
    *ret_rows = *ret_names = 0;
    for (size_t i = 0; i < removal->index.manifests.len; i++) {
        const struct oci_descriptor *row = &removal->index.manifests.at[i];
        auto_free char *row_is = NULL;
        if (row_id(removal->images, row, &row_is, err) < 0)
            return -1;
        if (strcmp(row_is, id) != 0)
            continue;
        *ret_rows += 1;
        *ret_names += pairs_value(&row->annotations, OCI_REF_NAME) != NULL;
    }
    return 0;
}

static int take_all_rows(struct removal *removal, const char *id, struct err *err)
{
    for (size_t i = removal->index.manifests.len; i-- > 0;) {
        auto_free char *row_is = NULL;
        if (row_id(removal->images, &removal->index.manifests.at[i], &row_is, err) < 0)
            return -1;
        if (strcmp(row_is, id) == 0)
            take_row(removal, i);
    }
    return 0;
}

static int remove_found(struct removal *removal, const char *name, size_t row, bool by_digest,
                        enum image_remove_flags flags, struct err *err)
{
    auto_done(oci_index) before = {};
    auto_free char *id = NULL;
    size_t rows, names;

    if (index_load(removal->images, &before, err) < 0 ||
        row_id(removal->images, &removal->index.manifests.at[row], &id, err) < 0 ||
        count_rows(removal, id, &rows, &names, err) < 0)
        return -1;
    if (rows > 1 && !by_digest) {
        /* The other names may mean another manifest, which packs the same layers otherwise. */
        take_row(removal, row);
        if (index_save(removal->images, &removal->index, err) < 0 || ask_users(removal, err) < 0)
            return -1;
        collect(removal);
        return 0;
    }
    if (names > 1 && !(flags & IMAGE_REMOVE_FORCE))
        return refuse_names(removal, id, name, err);
    if (ask_users(removal, err) < 0)
        return -1;
    const char *user = pairs_value(&removal->used, id);
    if (user && !(flags & IMAGE_REMOVE_FORCE))
        return refuse_used(name, user, err);

    if (take_all_rows(removal, id, err) < 0 || settle(removal, &before, err) < 0)
        return -1;
    /* A container came between the two questions. */
    user = pairs_value(&removal->used, id);
    if (user && !(flags & IMAGE_REMOVE_FORCE)) {
        if (index_save(removal->images, &before, err) < 0)
            return -1;
        return refuse_used(name, user, err);
    }
    collect(removal);
    return 0;
}

static int remove_locked(struct removal *removal, const char *name, enum image_remove_flags flags,
                         struct err *err)
{
    size_t row;
    bool by_digest;
    if (index_load(removal->images, &removal->index, err) < 0)
        return -1;
    int found = index_find(removal->images, &removal->index, name, &row, &by_digest, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "no image %s here", name);
    return remove_found(removal, name, row, by_digest, flags, err);
}

static void removed_take(struct removal *removal, struct image_removed *ret_removed)
{
    *ret_removed = removal->removed;
    removal->removed = (struct image_removed){};
}

int image_remove(struct images *images, const char *name, enum image_remove_flags flags,
                 image_users *users, void *context, struct image_removed *ret_removed,
                 struct err *err)
{
    auto_done(removal) removal = { .images = images, .users = users, .context = context };
    auto_close int lock = -1;
    if (store_prepare(images, err) < 0 || store_lock(images, &lock, err) < 0 ||
        remove_locked(&removal, name, flags, err) < 0)
        return -1;
    removed_take(&removal, ret_removed);
    fd_close(&lock);
    trash_empty(images);
    return 0;
}

/* ---- all that nobody needs ---- */

static int prune_locked(struct removal *removal, enum images_prune_flags flags, struct err *err)
{
    auto_done(oci_index) before = {};
    if (index_load(removal->images, &before, err) < 0 ||
        index_load(removal->images, &removal->index, err) < 0 || ask_users(removal, err) < 0)
        return -1;
    for (size_t i = removal->index.manifests.len; i-- > 0;) {
        const struct oci_descriptor *row = &removal->index.manifests.at[i];
        auto_free char *id = NULL;
        if (pairs_value(&row->annotations, OCI_REF_NAME) && !(flags & IMAGES_PRUNE_ALL))
            continue;
        if (row_id(removal->images, row, &id, err) < 0)
            return -1;
        if (!pairs_value(&removal->used, id))
            take_row(removal, i);
    }
    if (removal->index.manifests.len < before.manifests.len && settle(removal, &before, err) < 0)
        return -1;
    return store_collect(removal->images, &removal->index, &removal->used, err);
}

int images_prune(struct images *images, enum images_prune_flags flags, image_users *users,
                 void *context, struct image_removed *ret_removed, struct err *err)
{
    auto_done(removal) removal = { .images = images, .users = users, .context = context };
    auto_close int lock = -1;
    if (store_prepare(images, err) < 0 || store_lock(images, &lock, err) < 0 ||
        prune_locked(&removal, flags, err) < 0)
        return -1;
    removed_take(&removal, ret_removed);
    fd_close(&lock);
    trash_empty(images);
    return 0;
}
