/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image's row leaves the index first; then it is asked which images containers use; then what
 * nobody needs goes. A container does the same in the other order: its record first, then the look
 * into the index. So either it does not find the image, or its record is found, and the row comes
 * back. The first question, before anything is changed, spares those who look meanwhile the gap.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "image/ingest.h"
#include "image/partial.h"
#include "image/reference.h"

/* Layers of so many bytes are deleted before the command ends. */
enum { AT_ONCE_BYTES = 32 << 20 };

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

/* The container that uses the row's image, or one of its list's; NULL: none, or it cannot be told,
 * and then nothing can run it either. */
static const char *row_user(const struct removal *removal, const struct oci_descriptor *row)
{
    auto_done(strings) ids = {};
    enum row_kind kind;
    struct err unreadable;
    if (row_kind(removal->images, row, &kind, &unreadable) < 0)
        return NULL;
    if (kind == ROW_LIST) {
        (void)list_ids(removal->images, row->digest, &ids, &unreadable);
    } else {
        char *id = NULL;
        if (row_id(removal->images, row, &id, &unreadable) == 0)
            strings_add_taken(&ids, id);
    }
    const char *user = NULL;
    for (size_t i = 0; i < ids.len && !user; i++)
        user = pairs_value(&removal->used, ids.at[i]);
    return user;
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
        bool there = false;
        for (size_t k = 0; k < removal->index.manifests.len && !there; k++)
            there = strcmp(removal->index.manifests.at[k].digest, row->digest) == 0;
        if (there)
            continue;
        if (row_user(removal, row)) {
            struct oci_descriptor copy = row_copy(row, NULL);
            index_add(&removal->index, &copy);
            back = true;
            continue;
        }
        auto_free char *id = NULL;
        struct err unreadable;
        if (row_id(removal->images, row, &id, &unreadable) == 0)
            report_deleted(removal, id, pairs_value(&row->annotations, NOTE_SIZE));
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

static int refuse_used(const char *name, const char *user, struct err *err)
{
    if (user_is_mount(user)) {
        err_set(err, ERR_CONFLICT, "image %s is mounted at %s", name, user);
        return err_hint(err,
                        "unmount it first, by \"ruche image unmount %s\", or force (-f) to take "
                        "only the image's names",
                        name);
    }
    err_set(err, ERR_CONFLICT, "image %s is used by container %s", name, user);
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

/* Only its name goes: the image has more of them, which may also mean another manifest that packs
 * the same layers otherwise. */
static int remove_name(struct removal *removal, size_t row, struct err *err)
{
    take_row(removal, row);
    if (index_save(removal->images, &removal->index, err) < 0 || ask_users(removal, err) < 0)
        return -1;
    collect(removal);
    return 0;
}

static int remove_found(struct removal *removal, const char *name, const struct row_found *found,
                        enum image_remove_flags flags, struct err *err)
{
    auto_done(oci_index) before = {};
    auto_free char *id = NULL;
    size_t rows, names;

    if (index_load(removal->images, &before, err) < 0 ||
        row_id(removal->images, &removal->index.manifests.at[found->row], &id, err) < 0 ||
        count_rows(removal, id, &rows, &names, err) < 0)
        return -1;
    if (rows > 1 && !found->by_digest)
        return remove_name(removal, found->row, err);
    if (names > 1 && !(flags & IMAGE_REMOVE_FORCE))
        return refuse_names(removal, id, name, err);
    if (ask_users(removal, err) < 0)
        return -1;
    if (found->row >= before.manifests.len)
        return err_set(err, ERR_SYSTEM, "the image store's index was changed without its lock");
    const struct oci_descriptor *row = &before.manifests.at[found->row];
    const char *user = row_user(removal, row);
    if (user && !(flags & IMAGE_REMOVE_FORCE))
        return refuse_used(name, user, err);

    if (take_all_rows(removal, id, err) < 0 || settle(removal, &before, err) < 0)
        return -1;
    /* A container came between the two questions. */
    user = row_user(removal, row);
    if (user && !(flags & IMAGE_REMOVE_FORCE)) {
        if (index_save(removal->images, &before, err) < 0)
            return -1;
        return refuse_used(name, user, err);
    }
    collect(removal);
    return 0;
}

static int refuse_member(const struct removal *removal, const struct row_found *found,
                         const char *name, struct err *err)
{
    const struct oci_descriptor *row = &removal->index.manifests.at[found->row];
    auto_free char *list = row_name(row);
    auto_free char *familiar = reference_familiar(list ? list : row->digest);
    err_set(err, ERR_CONFLICT, "image %s belongs to the list %s", name, familiar);
    return err_hint(err, "remove the list");
}

static int remove_locked(struct removal *removal, const char *name, enum image_remove_flags flags,
                         struct err *err)
{
    auto_done(row_found) row = {};
    if (index_load(removal->images, &removal->index, err) < 0)
        return -1;
    int found = index_find(removal->images, &removal->index, name, &row, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "no image %s here", name);
    if (row.member)
        return refuse_member(removal, &row, name, err);
    return remove_found(removal, name, &row, flags, err);
}

static void removed_take(struct removal *removal, struct image_removed *ret_removed)
{
    *ret_removed = removal->removed;
    removal->removed = (struct image_removed){};
}

/* What is in the trash is gone for everybody; deleting the files of a large layer takes its time,
 * for which nobody has to wait: a process of its own does it, and what it does not get to the next
 * command does. */
static void trash_empty_behind(struct images *images, uint64_t freed_bytes)
{
    pid_t pid = freed_bytes > AT_ONCE_BYTES ? fork() : -1;
    if (pid < 0)
        trash_empty(images);
    if (pid != 0)
        return;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)setsid();
    for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
        (void)dup2(null, fd); /* who reads what the command says is not to wait either */
    trash_empty(images);
    _exit(EXIT_SUCCESS);
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
    trash_empty_behind(images, ret_removed->freed_bytes);
    return 0;
}

/* ---- all that nobody needs ---- */

static int digests_visit(void *context, const struct list_member *member, struct err *err)
{
    (void)err;
    strings_add(context, member->descriptor->digest);
    return 0;
}

/* Digests of all that the rows are, or bring with them. */
static int kept_digests(const struct removal *removal, struct strings *digests, struct err *err)
{
    for (size_t i = 0; i < removal->index.manifests.len; i++) {
        const struct oci_descriptor *row = &removal->index.manifests.at[i];
        const char *list = pairs_value(&row->annotations, NOTE_INDEX);
        strings_add(digests, row->digest);
        if (list)
            strings_add(digests, list);
        if (media_kind(row->media_type) == MEDIA_INDEX &&
            list_walk(removal->images, row->digest, digests_visit, digests, err) < 0)
            return -1;
    }
    return 0;
}

static bool label_had(const struct pairs *labels, const char *wanted)
{
    const char *equals = strchr(wanted, '=');
    auto_free char *key = equals ? xstrndup(wanted, (size_t)(equals - wanted)) : xstrdup(wanted);
    const char *value = pairs_value(labels, key);
    return value && (!equals || strcmp(value, equals + 1) == 0);
}

static bool labels_fit(const struct images_prune *which, const struct pairs *labels)
{
    for (size_t i = 0; which->labels && i < which->labels->len; i++)
        if (!label_had(labels, which->labels->at[i]))
            return false;
    for (size_t i = 0; which->not_labels && i < which->not_labels->len; i++)
        if (label_had(labels, which->not_labels->at[i]))
            return false;
    return true;
}

/* Whether the image or list is one of those asked for. What cannot be read of it does not fit. */
static bool row_asked(const struct removal *removal, const struct images_prune *which,
                      const struct oci_descriptor *row)
{
    auto_done(oci_image) image = {};
    auto_free char *id = NULL;
    struct err unreadable;
    bool plain = !which->until && (!which->labels || which->labels->len == 0) &&
                 (!which->not_labels || which->not_labels->len == 0);
    if (row_id(removal->images, row, &id, &unreadable) < 0 ||
        (which->ids && !strings_have(which->ids, id)))
        return false;
    if (plain)
        return true;
    /* Of a list nobody knows; it has no labels, and no time. */
    if (strcmp(id, row->digest) == 0 ||
        blob_image_peek(removal->images, id, &image, &unreadable) < 0)
        return false;
    if (which->until && (!image.created || strcmp(image.created, which->until) >= 0))
        return false;
    return labels_fit(which, &image.config.labels);
}

/* Images and lists, unless they have a name, if that counts, or a user. */
static int prune_images(struct removal *removal, const struct images_prune *which, struct err *err)
{
    for (size_t i = removal->index.manifests.len; i-- > 0;) {
        const struct oci_descriptor *row = &removal->index.manifests.at[i];
        auto_free char *subject = row_subject(row);
        enum row_kind kind;
        if (subject ||
            (pairs_value(&row->annotations, OCI_REF_NAME) && !(which->flags & IMAGES_PRUNE_ALL)))
            continue;
        if (row_kind(removal->images, row, &kind, err) < 0)
            return -1;
        if (kind != ROW_ARTIFACT && row_asked(removal, which, row) && !row_user(removal, row))
            take_row(removal, i);
    }
    return 0;
}

/* Signatures and the like go with what they are about; those about nothing as images do. */
static int prune_artifacts(struct removal *removal, const struct images_prune *which,
                           struct err *err)
{
    auto_done(strings) digests = {};
    bool all = !which->until && !which->labels && !which->not_labels && !which->ids;
    if (kept_digests(removal, &digests, err) < 0)
        return -1;
    for (size_t i = removal->index.manifests.len; i-- > 0;) {
        const struct oci_descriptor *row = &removal->index.manifests.at[i];
        auto_free char *subject = row_subject(row);
        bool named = pairs_value(&row->annotations, OCI_REF_NAME);
        enum row_kind kind;
        if (row_kind(removal->images, row, &kind, err) < 0)
            return -1;
        if (kind != ROW_ARTIFACT && !subject)
            continue;
        bool kept = subject ? named && strings_have(&digests, subject)
                            : named && !((which->flags & IMAGES_PRUNE_ALL) && all);
        if (!kept && !row_user(removal, row))
            take_row(removal, i);
    }
    return 0;
}

static int prune_locked(struct removal *removal, const struct images_prune *which, struct err *err)
{
    auto_done(oci_index) before = {};
    if (index_load(removal->images, &before, err) < 0 ||
        index_load(removal->images, &removal->index, err) < 0 || ask_users(removal, err) < 0 ||
        prune_images(removal, which, err) < 0 || prune_artifacts(removal, which, err) < 0)
        return -1;
    if (removal->index.manifests.len < before.manifests.len && settle(removal, &before, err) < 0)
        return -1;
    return store_collect(removal->images, &removal->index, &removal->used, err);
}

int images_prune_some(struct images *images, const struct images_prune *which, image_users *users,
                      void *context, struct image_removed *ret_removed, struct err *err)
{
    auto_done(removal) removal = { .images = images, .users = users, .context = context };
    auto_close int lock = -1;
    if (store_prepare(images, err) < 0 || store_lock(images, &lock, err) < 0 ||
        prune_locked(&removal, which, err) < 0)
        return -1;
    removed_take(&removal, ret_removed);
    ret_removed->freed_bytes += partials_prune(images);
    fd_close(&lock);
    trash_empty(images);
    return 0;
}

int images_prune(struct images *images, enum images_prune_flags flags, image_users *users,
                 void *context, struct image_removed *ret_removed, struct err *err)
{
    const struct images_prune which = { .flags = flags };
    return images_prune_some(images, &which, users, context, ret_removed, err);
}
