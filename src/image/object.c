/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A manifest comes after its blobs. Those wait in <root>/loose until it does: what lies among the
 * store's blobs without being named is taken away by whoever removes an image.
 *
 * Nothing is deleted here, rows lose their names at most: which images containers use is not known,
 * and `image prune` can ask.
 */
#include "image/object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "image/content.h"
#include "image/ingest.h"
#include "image/reference.h"

enum { DIR_MODE = 0700, FILE_MODE = 0600 };

int object_prepare(struct images *images, int *ret_loose, struct err *err)
{
    if (store_prepare(images, err) < 0 ||
        dir_open_made(images->root, DIR_LOOSE, DIR_MODE, ret_loose, err) < 0)
        return -1;
    images->prepared = true;
    return 0;
}

/* Makes the directories, unless that is done. */
static int prepare(struct images *images, struct err *err)
{
    if (images->prepared)
        return 0;
    if (store_prepare(images, err) < 0)
        return -1;
    return dir_make_all(images->root, DIR_LOOSE, DIR_MODE, err);
}

/* ---- blobs ---- */

static int digest_check(const char *digest, struct err *err)
{
    if (digest_valid(digest) && text_starts(digest, "sha256:"))
        return 0;
    return err_set(err, ERR_UNSUPPORTED, "only digests of sha256 are supported");
}

static char *loose_path(const char *digest)
{
    return xasprintf("%s/%s", DIR_LOOSE, digest_hex(digest));
}

static char *stored_path(const char *digest)
{
    return xasprintf("%s/%s", DIR_BLOBS, digest_hex(digest));
}

/* Opens a loose blob. Returns 1, or 0. */
static int loose_open(struct images *images, const char *digest, int *ret_fd, uint64_t *ret_size,
                      struct err *err)
{
    struct stat st;
    auto_free char *path = loose_path(digest);
    auto_close int fd = openat(images->root, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(err, "open %s", path);
    (void)futimens(fd, NULL); /* asked for, it is about to be named */
    *ret_fd = take_fd(fd);
    *ret_size = (uint64_t)st.st_size;
    return 1;
}

int object_blob_open(struct images *images, const char *digest, int *ret_fd, uint64_t *ret_size,
                     struct err *err)
{
    if (digest_check(digest, err) < 0)
        return -1;
    if (blob_open(images, digest, ret_fd, ret_size, err) == 0)
        return 1;
    if (err->kind != ERR_NOT_FOUND)
        return -1;
    int found = loose_open(images, digest, ret_fd, ret_size, err);
    if (found != 0)
        return found;
    /* A manifest may have taken it between the two. */
    if (blob_open(images, digest, ret_fd, ret_size, err) == 0)
        return 1;
    return err->kind == ERR_NOT_FOUND ? 0 : -1;
}

/* A second name among the loose ones keeps a stored blob. Returns 1, 0: it is not stored, or -1 with
 * errno. */
static int stored_hold(struct images *images, const char *digest)
{
    static const struct timespec now[] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_NOW } };
    auto_free char *stored = stored_path(digest);
    auto_free char *loose = loose_path(digest);
    (void)utimensat(images->root, stored, now, AT_SYMLINK_NOFOLLOW);
    if (linkat(images->root, stored, images->root, loose, 0) == 0 || errno == EEXIST)
        return 1;
    return errno == ENOENT ? 0 : -1;
}

int object_blob_hold(struct images *images, const char *digest, struct err *err)
{
    auto_close int fd = -1;
    uint64_t size;
    if (digest_check(digest, err) < 0 || prepare(images, err) < 0)
        return -1;
    int held = stored_hold(images, digest);
    if (held < 0)
        return err_sys(err, "hold blob %s", digest);
    return held ? 1 : loose_open(images, digest, &fd, &size, err);
}

int object_blob_remove(struct images *images, const char *digest, struct err *err)
{
    if (digest_check(digest, err) < 0)
        return -1;
    auto_free char *path = loose_path(digest);
    auto_free char *stored = stored_path(digest);
    bool needed = faccessat(images->root, stored, F_OK, 0) == 0;
    if (unlinkat(images->root, path, 0) == 0)
        return needed ? 0 : 1;
    return errno == ENOENT ? 0 : err_sys(err, "remove %s", path);
}

int object_blob_put(struct images *images, int dirfd, const char *name, const char *digest,
                    struct err *err)
{
    auto_free char *loose = NULL;
    if (digest_check(digest, err) < 0 || prepare(images, err) < 0)
        return -1;
    loose = loose_path(digest);
    if (stored_hold(images, digest) > 0)
        return unlinkat(dirfd, name, 0) < 0 ? err_sys(err, "remove an upload") : 0;
    if (utimensat(dirfd, name, NULL, AT_SYMLINK_NOFOLLOW) < 0 ||
        fchmodat(dirfd, name, FILE_MODE, 0) < 0 || renameat(dirfd, name, images->root, loose) < 0)
        return err_sys(err, "move an upload into the store");
    return 0;
}

/* ---- rows of a repository ---- */

void object_done(struct object *object)
{
    free(object->digest);
    free(object->media_type);
    *object = (struct object){};
}

/* Whether the row is of the repository; its tag, or NULL if it has a digest instead. */
static bool row_in(const struct oci_descriptor *row, const char *repository, char **ret_tag)
{
    const char *text = pairs_value(&row->annotations, OCI_REF_NAME);
    auto_drop(reference) *reference = NULL;
    struct err ignored;
    if (!text || reference_parse(text, &reference, &ignored) < 0)
        return false;
    auto_free char *own = reference_repository(reference);
    if (strcmp(own, repository) != 0)
        return false;
    if (ret_tag)
        *ret_tag = take_ptr(reference->tag);
    return true;
}

static void object_fill(struct object *object, const struct oci_descriptor *descriptor)
{
    object->digest = xstrdup(descriptor->digest);
    object->media_type = xstrdup(descriptor->media_type);
    object->size_bytes = (uint64_t)descriptor->size;
}

struct seeking {
    struct images *images;
    const char *digest;
    struct object *object;
};

static int seek_visit(void *context, const struct list_member *member, struct err *err)
{
    struct seeking *seeking = context;
    (void)err;
    if (strcmp(member->descriptor->digest, seeking->digest) != 0 ||
        !blob_present(seeking->images, seeking->digest))
        return 0;
    object_fill(seeking->object, member->descriptor);
    return 1;
}

/* A manifest that rows of the repository bring with them: the index that one was taken from, or a
 * member of a list. */
static int find_behind(struct images *images, const struct oci_index *index, const char *repository,
                       const char *digest, struct object *object, struct err *err)
{
    struct seeking seeking = { .images = images, .digest = digest, .object = object };
    auto_done(strings) lists = {};
    for (size_t i = 0; i < index->manifests.len; i++) {
        const struct oci_descriptor *row = &index->manifests.at[i];
        auto_done(oci_descriptor) whole = {};
        bool list = media_kind(row->media_type) == MEDIA_INDEX;
        bool from = text_same(pairs_value(&row->annotations, NOTE_INDEX), digest);
        if ((!list && !from) || !row_in(row, repository, NULL))
            continue;
        if (list) {
            strings_add(&lists, row->digest);
            continue;
        }
        if (row_make(images, digest, NULL, &whole, err) < 0)
            return -1;
        object_fill(object, &whole);
        return 1;
    }
    return lists_names(images, &lists, seek_visit, &seeking, err);
}

int object_find(struct images *images, const char *repository, const char *reference,
                struct object *ret_object, struct err *err)
{
    auto_done(oci_index) index = {};
    bool by_digest = strchr(reference, ':');
    if ((by_digest && digest_check(reference, err) < 0) || index_load(images, &index, err) < 0)
        return -1;
    for (size_t i = 0; i < index.manifests.len; i++) {
        const struct oci_descriptor *row = &index.manifests.at[i];
        auto_free char *tag = NULL;
        if (!row_in(row, repository, &tag) ||
            (by_digest ? strcmp(row->digest, reference) != 0 : !text_same(tag, reference)))
            continue;
        object_fill(ret_object, row);
        return 1;
    }
    return by_digest ? find_behind(images, &index, repository, reference, ret_object, err) : 0;
}

/* ---- putting ---- */

void object_stored_done(struct object_stored *stored)
{
    free(stored->subject);
    free(stored->missing);
    *stored = (struct object_stored){};
}

struct putting {
    struct images *images;
    const struct object_manifest *manifest;
    struct strings blobs;   /* that have to be there */
    struct strings members; /* of an index */
    struct object_stored stored;
};

static void putting_done(struct putting *putting)
{
    strings_done(&putting->blobs);
    strings_done(&putting->members);
    object_stored_done(&putting->stored);
}

static int index_plan(struct putting *putting, struct err *err)
{
    const struct object_manifest *manifest = putting->manifest;
    auto_done(oci_index) index = {};
    if (oci_index_parse(manifest->data, manifest->len, &index, err) < 0)
        return -1;
    if (index.manifests.len > LIST_MEMBERS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "an index of more than %d manifests",
                       LIST_MEMBERS_MAX);
    const uint64_t most = (uint64_t)DOCUMENTS_MAX_MIB << 20;
    uint64_t bytes = 0;
    for (size_t i = 0; i < index.manifests.len; i++) {
        uint64_t size = (uint64_t)index.manifests.at[i].size;
        bytes += size < most ? size : most + 1;
        strings_add(&putting->members, index.manifests.at[i].digest);
    }
    if (bytes > most)
        return err_set(err, ERR_UNSUPPORTED, "an index of more than %d MiB of manifests",
                       DOCUMENTS_MAX_MIB);
    if (index.subject)
        putting->stored.subject = xstrdup(index.subject->digest);
    return 0;
}

static int manifest_plan(struct putting *putting, struct err *err)
{
    const struct object_manifest *manifest = putting->manifest;
    auto_done(oci_manifest) parsed = {};
    if (oci_manifest_parse(manifest->data, manifest->len, &parsed, err) < 0 ||
        digest_check(parsed.config.digest, err) < 0)
        return -1;
    strings_add(&putting->blobs, parsed.config.digest);
    for (size_t i = 0; i < parsed.layers.len; i++) {
        const struct oci_descriptor *layer = &parsed.layers.at[i];
        if (layer->urls.len > 0)
            continue; /* lies elsewhere, and may not be handed on */
        if (digest_check(layer->digest, err) < 0)
            return -1;
        strings_add(&putting->blobs, layer->digest);
    }
    if (parsed.subject)
        putting->stored.subject = xstrdup(parsed.subject->digest);
    return 0;
}

static int put_plan(struct putting *putting, struct err *err)
{
    const struct object_manifest *manifest = putting->manifest;
    enum media_kind kind;
    if (digest_check(manifest->digest, err) < 0)
        return -1;
    if (manifest->len > OCI_MANIFEST_MAX_BYTES)
        return err_set(err, ERR_INVALID, "manifest: larger than %d MiB",
                       OCI_MANIFEST_MAX_BYTES >> 20);
    if (oci_document_kind(manifest->data, manifest->len, &kind, err) < 0)
        return -1;
    if (kind == MEDIA_OTHER || kind != media_kind(manifest->media_type))
        return err_set(err, ERR_INVALID, "the document is not of the media type it is sent as");
    return kind == MEDIA_INDEX ? index_plan(putting, err) : manifest_plan(putting, err);
}

/* Brings what waits to the disk, before the lock is taken. */
static int loose_sync(struct putting *putting, struct err *err)
{
    for (size_t i = 0; i < putting->blobs.len; i++) {
        auto_close int fd = -1;
        uint64_t size;
        int found = loose_open(putting->images, putting->blobs.at[i], &fd, &size, err);
        if (found < 0)
            return -1;
        if (found > 0 && fdatasync(fd) < 0)
            return err_sys(err, "sync an upload");
    }
    return 0;
}

/* Returns 1, or 0: one is missing. */
static int blobs_take(struct putting *putting, struct err *err)
{
    int root = putting->images->root;
    for (size_t i = 0; i < putting->blobs.len; i++) {
        const char *digest = putting->blobs.at[i];
        auto_free char *stored = stored_path(digest);
        auto_free char *loose = loose_path(digest);
        if (faccessat(root, stored, F_OK, 0) == 0) {
            (void)unlinkat(root, loose, 0); /* it was held; now it is needed */
            continue;
        }
        if (renameat(root, loose, root, stored) == 0)
            continue;
        if (errno != ENOENT)
            return err_sys(err, "move a blob into the store");
        putting->stored.missing = xstrdup(digest);
        return 0;
    }
    return 1;
}

/* What another row of the same manifest knows of it. */
static void notes_share(const struct oci_index *index, struct oci_descriptor *row)
{
    static const char *const shared[] = { NOTE_SIZE, NOTE_INDEX };
    for (size_t i = 0; i < index->manifests.len; i++) {
        const struct oci_descriptor *other = &index->manifests.at[i];
        for (size_t k = 0; strcmp(other->digest, row->digest) == 0 && k < array_size(shared); k++)
            if (pairs_value(&other->annotations, shared[k]))
                row_note(row, shared[k], pairs_value(&other->annotations, shared[k]));
    }
}

static char *digest_name(const char *repository, const char *digest)
{
    return xasprintf("%s@%s", repository, digest);
}

static void row_rename(struct oci_index *index, size_t i, const char *name)
{
    struct oci_descriptor row = row_copy(&index->manifests.at[i], name);
    oci_descriptor_done(&index->manifests.at[i]);
    index->manifests.at[i] = row;
}

/* How many rows of the repository mean the manifest. */
static size_t rows_count(const struct oci_index *index, const char *repository, const char *digest)
{
    size_t count = 0;
    for (size_t i = 0; i < index->manifests.len; i++)
        count += strcmp(index->manifests.at[i].digest, digest) == 0 &&
                 row_in(&index->manifests.at[i], repository, NULL);
    return count;
}

/* Takes the tag from row i, which stays known by its digest. */
static void row_untag(struct oci_index *index, size_t i, const char *repository)
{
    const char *digest = index->manifests.at[i].digest;
    if (rows_count(index, repository, digest) > 1) {
        index_remove(index, i);
        return;
    }
    auto_free char *name = digest_name(repository, digest);
    row_rename(index, i, name);
}

/* Rows that are there for a digest alone go where the new row, or its list, tells it as well. */
static void rows_tidy(const struct putting *putting, struct oci_index *index)
{
    const struct object_manifest *manifest = putting->manifest;
    for (size_t i = index->manifests.len; i-- > 0;) {
        const struct oci_descriptor *row = &index->manifests.at[i];
        auto_free char *tag = NULL;
        if (!row_in(row, manifest->repository, &tag) || tag)
            continue;
        bool same = manifest->tag && strcmp(row->digest, manifest->digest) == 0;
        bool member = strings_have(&putting->members, row->digest) &&
                      pairs_value(&row->annotations, NOTE_ID) &&
                      !pairs_value(&row->annotations, NOTE_SUBJECT);
        if (same || member)
            index_remove(index, i);
    }
}

static int put_row(struct putting *putting, struct err *err)
{
    const struct object_manifest *manifest = putting->manifest;
    auto_done(oci_index) index = {};
    auto_done(oci_descriptor) row = {};
    auto_free char *name = manifest->tag ? xasprintf("%s:%s", manifest->repository, manifest->tag)
                                         : digest_name(manifest->repository, manifest->digest);
    if (row_make(putting->images, manifest->digest, name, &row, err) < 0 ||
        index_load(putting->images, &index, err) < 0)
        return -1;
    notes_share(&index, &row);
    for (size_t i = index.manifests.len; manifest->tag && i-- > 0;) {
        auto_free char *tag = NULL;
        if (row_in(&index.manifests.at[i], manifest->repository, &tag) &&
            text_same(tag, manifest->tag))
            row_untag(&index, i, manifest->repository);
    }
    rows_tidy(putting, &index);
    if (manifest->tag || rows_count(&index, manifest->repository, manifest->digest) == 0)
        index_add(&index, &row);
    return index_save(putting->images, &index, err);
}

static int any_visit(void *context, const struct list_member *member, struct err *err)
{
    (void)context;
    (void)member;
    (void)err;
    return 0;
}

/* With what its members bring along it must not be longer than walks go. */
static int total_check(const struct putting *putting, struct err *err)
{
    if (putting->members.len == 0)
        return 0;
    return list_walk(putting->images, putting->manifest->digest, any_visit, NULL, err);
}

static int put_locked(struct putting *putting, struct err *err)
{
    const struct object_manifest *manifest = putting->manifest;
    auto_close int lock = -1;
    auto_free char *path = stored_path(manifest->digest);
    if (store_lock(putting->images, &lock, err) < 0)
        return -1;
    int taken = blobs_take(putting, err);
    if (taken <= 0)
        return taken;
    /* The names of the blobs before it are on the disk with its own. */
    if (file_save(putting->images->root, path, manifest->data, manifest->len, FILE_MODE, FILE_SYNC,
                  err) < 0 ||
        total_check(putting, err) < 0 || put_row(putting, err) < 0)
        return -1;
    return 1;
}

int object_manifest_put(struct images *images, const struct object_manifest *manifest,
                        struct object_stored *ret_stored, struct err *err)
{
    auto_done(putting) putting = { .images = images, .manifest = manifest };
    if (put_plan(&putting, err) < 0 || prepare(images, err) < 0 || loose_sync(&putting, err) < 0)
        return -1;
    int result = put_locked(&putting, err);
    if (result < 0)
        return -1;
    *ret_stored = putting.stored;
    putting.stored = (struct object_stored){};
    return result;
}

/* ---- taking away ---- */

int object_untag(struct images *images, const char *repository, const char *tag, struct err *err)
{
    auto_done(oci_index) index = {};
    auto_close int lock = -1;
    if (prepare(images, err) < 0 || store_lock(images, &lock, err) < 0 ||
        index_load(images, &index, err) < 0)
        return -1;
    for (size_t i = 0; i < index.manifests.len; i++) {
        auto_free char *own = NULL;
        if (!row_in(&index.manifests.at[i], repository, &own) || !text_same(own, tag))
            continue;
        row_untag(&index, i, repository);
        return index_save(images, &index, err) < 0 ? -1 : 1;
    }
    return 0;
}

/* Takes row i out of the repository. An image stays without a name, unless another row has it. */
static void row_leave(struct oci_index *index, size_t i)
{
    const struct oci_descriptor *row = &index->manifests.at[i];
    bool artifact = row->artifact_type && !pairs_value(&row->annotations, NOTE_ID);
    bool other = false;
    for (size_t k = 0; k < index->manifests.len && !other; k++)
        other = k != i && strcmp(index->manifests.at[k].digest, row->digest) == 0;
    if (artifact || other)
        index_remove(index, i);
    else
        index_unname(index, i);
}

int object_remove(struct images *images, const char *repository, const char *digest,
                  struct err *err)
{
    auto_done(oci_index) index = {};
    auto_close int lock = -1;
    int removed = 0;
    if (digest_check(digest, err) < 0 || prepare(images, err) < 0 ||
        store_lock(images, &lock, err) < 0 || index_load(images, &index, err) < 0)
        return -1;
    for (size_t i = index.manifests.len; i-- > 0;) {
        if (strcmp(index.manifests.at[i].digest, digest) != 0 ||
            !row_in(&index.manifests.at[i], repository, NULL))
            continue;
        row_leave(&index, i);
        removed = 1;
    }
    if (removed && index_save(images, &index, err) < 0)
        return -1;
    return removed;
}

/* ---- lists ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct strings *list)
{
    if (list->len > 1)
        qsort(list->at, list->len, sizeof(*list->at), by_text);
}

int object_tags(struct images *images, const char *repository, struct strings *ret_tags,
                struct err *err)
{
    auto_done(oci_index) index = {};
    struct strings tags = {};
    int found = 0;
    if (index_load(images, &index, err) < 0)
        return -1;
    for (size_t i = 0; i < index.manifests.len; i++) {
        char *tag = NULL;
        if (!row_in(&index.manifests.at[i], repository, &tag))
            continue;
        found = 1;
        if (tag)
            strings_add_taken(&tags, tag);
    }
    sort(&tags);
    *ret_tags = tags;
    return found;
}

int object_repositories(struct images *images, struct strings *ret_repositories, struct err *err)
{
    auto_done(oci_index) index = {};
    struct strings list = {};
    if (index_load(images, &index, err) < 0)
        return -1;
    for (size_t i = 0; i < index.manifests.len; i++) {
        const char *text = pairs_value(&index.manifests.at[i].annotations, OCI_REF_NAME);
        auto_drop(reference) *reference = NULL;
        struct err ignored;
        if (!text || reference_parse(text, &reference, &ignored) < 0)
            continue;
        auto_free char *repository = reference_repository(reference);
        if (!strings_have(&list, repository))
            strings_add(&list, repository);
    }
    sort(&list);
    *ret_repositories = list;
    return 0;
}

struct referring {
    struct images *images;
    const char *artifact_type; /* only such, or NULL */
    struct oci_index out;
    size_t room_bytes;   /* for annotations */
    uint64_t read_bytes; /* that may still be read for them */
};

static void referring_done(struct referring *referring)
{
    oci_index_done(&referring->out);
}

/* Those that there is no room for are left out: who wants them has the manifest. */
static void annotations_add(struct referring *referring, const struct pairs *annotations,
                            struct oci_descriptor *out)
{
    size_t len = 0;
    for (size_t i = 0; i < annotations->len; i++)
        len += strlen(annotations->at[i].key) + strlen(annotations->at[i].value);
    if (len > referring->room_bytes)
        return;
    referring->room_bytes -= len;
    pairs_copy(&out->annotations, annotations);
}

/* Reads the one or the other that it is; neither if there is no more to be read. */
static int referrer_read(struct referring *referring, const struct oci_descriptor *row,
                         struct oci_manifest *manifest, struct oci_index *list, struct err *err)
{
    auto_free char *data = NULL;
    enum media_kind kind;
    size_t len;
    if ((uint64_t)row->size > referring->read_bytes)
        return 0;
    referring->read_bytes -= (uint64_t)row->size;
    if (blob_load(referring->images, row->digest, OCI_MANIFEST_MAX_BYTES, &data, &len, err) < 0 ||
        oci_document_kind(data, len, &kind, err) < 0)
        return -1;
    return kind == MEDIA_INDEX ? oci_index_parse(data, len, list, err)
                               : oci_manifest_parse(data, len, manifest, err);
}

/* The annotations are the manifest's own: the row's are ours. */
static int referrer_add(struct referring *referring, const struct oci_descriptor *row,
                        struct err *err)
{
    auto_done(oci_manifest) manifest = {};
    auto_done(oci_index) list = {};
    if (referrer_read(referring, row, &manifest, &list, err) < 0)
        return -1;
    const char *type = row->artifact_type ? row->artifact_type : manifest.config.media_type;
    if (referring->artifact_type && !text_same(type, referring->artifact_type))
        return 0;
    struct oci_descriptor *out = array_add(&referring->out.manifests);
    out->media_type = xstrdup(row->media_type);
    out->digest = xstrdup(row->digest);
    out->size = row->size;
    out->artifact_type = type ? xstrdup(type) : NULL;
    annotations_add(referring, &list.annotations, out);
    annotations_add(referring, &manifest.annotations, out);
    return 0;
}

int object_referrers(struct images *images, const char *repository, const char *subject,
                     const char *artifact_type, struct oci_index *ret_index, struct err *err)
{
    auto_done(oci_index) index = {};
    auto_done(referring) referring = {
        .images = images,
        .artifact_type = artifact_type,
        .out = { .schema_version = 2, .media_type = xstrdup(MEDIA_OCI_INDEX) },
        .room_bytes = OCI_MANIFEST_MAX_BYTES / 2, /* the other half is for all the rest */
        .read_bytes = (uint64_t)DOCUMENTS_MAX_MIB << 20,
    };
    auto_done(strings) seen = {};
    if (digest_check(subject, err) < 0 || index_load(images, &index, err) < 0)
        return -1;
    for (size_t i = 0; i < index.manifests.len; i++) {
        const struct oci_descriptor *row = &index.manifests.at[i];
        if (!text_same(pairs_value(&row->annotations, NOTE_SUBJECT), subject) ||
            strings_have(&seen, row->digest) || !row_in(row, repository, NULL))
            continue;
        strings_add(&seen, row->digest);
        if (referrer_add(&referring, row, err) < 0)
            return err_wrap(err, "%s", row->digest);
    }
    *ret_index = referring.out;
    referring.out = (struct oci_index){};
    return 0;
}
