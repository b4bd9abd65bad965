/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store takes on the disk, and which image how much of it. A blob or a layer is a thing
 * that one or several images need.
 */
#include "base/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "image/partial.h"
#include "image/store.h"

/* A blob or layer. */
struct thing {
    char *key; /* "b" or "l" and the hexadecimal digits */
    uint64_t bytes;
    size_t needed; /* by how many images */
    bool used;     /* by one of them that containers use */
};

struct accounting {
    struct images *images;
    ARRAY_OF(thing) things; /* sorted by key */
    struct pairs users;
};

static void accounting_done(struct accounting *accounting)
{
    for (size_t i = 0; i < accounting->things.len; i++)
        free(accounting->things.at[i].key);
    free(accounting->things.at);
    pairs_done(&accounting->users);
}

void images_usage_done(struct images_usage *usage)
{
    for (size_t i = 0; i < usage->images.len; i++) {
        free(usage->images.at[i].id);
        strings_done(&usage->images.at[i].names);
    }
    free(usage->images.at);
    *usage = (struct images_usage){};
}

/* ---- things ---- */

static int thing_compare(const void *a, const void *b)
{
    return strcmp(((const struct thing *)a)->key, ((const struct thing *)b)->key);
}

static struct thing *thing_find(const struct accounting *accounting, char kind, const char *hex)
{
    auto_free char *key = xasprintf("%c%s", kind, hex);
    const struct thing wanted = { .key = key };
    if (accounting->things.len == 0)
        return NULL;
    return bsearch(&wanted, accounting->things.at, accounting->things.len, sizeof(wanted),
                   thing_compare);
}

static int things_add(struct accounting *accounting, const char *directory, char kind,
                      struct err *err)
{
    auto_done(strings) names = {};
    if (dir_list(accounting->images->root, directory, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.len; i++) {
        auto_done(usage) usage = {};
        auto_free char *path = xasprintf("%s/%s", directory, names.at[i]);
        if (usage_add(&usage, accounting->images->root, path, err) < 0)
            return -1;
        struct thing *thing = array_add(&accounting->things);
        /* A layer may be a file called HEX.erofs. */
        thing->key = xasprintf("%c%.*s", kind, (int)strcspn(names.at[i], "."), names.at[i]);
        thing->bytes = usage.bytes;
    }
    return 0;
}

static int accounting_open(struct accounting *accounting, image_users *users, void *context,
                           struct err *err)
{
    if (things_add(accounting, DIR_BLOBS, 'b', err) < 0 ||
        things_add(accounting, DIR_LAYERS, 'l', err) < 0)
        return -1;
    if (accounting->things.len > 0)
        qsort(accounting->things.at, accounting->things.len, sizeof(struct thing), thing_compare);
    return users ? users(context, &accounting->users, err) : 0;
}

/* ---- images ---- */

/* What a row needs, each thing once. */
struct needs {
    struct thing **at;
    size_t len;
};

static void needs_done(struct needs *needs)
{
    free(needs->at);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void needs_add(const struct accounting *accounting, char kind, struct strings *list,
                      struct needs *needs)
{
    if (list->len == 0)
        return;
    qsort(list->at, list->len, sizeof(*list->at), by_text);
    needs->at = xrealloc(needs->at, needs->len + list->len, sizeof(struct thing *));
    for (size_t i = 0; i < list->len; i++) {
        struct thing *thing = thing_find(accounting, kind, list->at[i]);
        if (thing && (i == 0 || strcmp(list->at[i - 1], list->at[i]) != 0))
            needs->at[needs->len++] = thing;
    }
}

static void needs_of(const struct accounting *accounting, struct kept *kept, struct needs *needs)
{
    needs_add(accounting, 'b', &kept->blobs, needs);
    needs_add(accounting, 'l', &kept->layers, needs);
}

static bool row_used(const struct accounting *accounting, const struct oci_descriptor *row,
                     const char *id)
{
    auto_done(strings) ids = {};
    struct err ignored;
    if (media_kind(row->media_type) != MEDIA_INDEX)
        return pairs_value(&accounting->users, id);
    (void)list_ids(accounting->images, row->digest, &ids, &ignored);
    for (size_t i = 0; i < ids.len; i++)
        if (pairs_value(&accounting->users, ids.at[i]))
            return true;
    return false;
}

/* When the image was used last: as far as the file system tells, its configuration's access. */
static int64_t used_s(struct images *images, const char *id)
{
    struct stat st;
    auto_free char *path = xasprintf("%s/%s", DIR_BLOBS, digest_hex(id));
    if (fstatat(images->root, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    return st.st_atime > st.st_ctime ? st.st_atime : st.st_ctime;
}

static struct image_usage *image_add(struct images_usage *usage, const char *id, bool *ret_new)
{
    *ret_new = false;
    for (size_t i = 0; i < usage->images.len; i++)
        if (strcmp(usage->images.at[i].id, id) == 0)
            return &usage->images.at[i];
    *ret_new = true;
    struct image_usage *image = array_add(&usage->images);
    image->id = xstrdup(id);
    return image;
}

/* Counts what an image needs, or adds it up once all have been counted. */
static int row_count(const struct accounting *accounting, const struct oci_descriptor *row,
                     struct images_usage *usage, bool add_up, struct err *err)
{
    auto_done(kept) kept = {};
    auto_done(needs) needs = {};
    auto_free char *id = NULL;
    bool new;
    if (row_id(accounting->images, row, &id, err) < 0 ||
        kept_add_row(accounting->images, row, &kept, err) < 0)
        return -1;
    struct image_usage *image = image_add(usage, id, &new);
    if (new) {
        image->used = row_used(accounting, row, id);
        image->used_s = used_s(accounting->images, id);
    }
    char *name = add_up ? NULL : row_name(row);
    if (name)
        strings_add_taken(&image->names, name);
    /* Rows of one image may mean manifests that pack it otherwise; the first one counts. */
    if (add_up ? image->counted : !new)
        return 0;
    image->counted = add_up;
    needs_of(accounting, &kept, &needs);
    for (size_t i = 0; i < needs.len; i++) {
        struct thing *thing = needs.at[i];
        thing->needed += !add_up;
        thing->used = thing->used || image->used;
        if (add_up && thing->needed > 1)
            image->shared_bytes += thing->bytes;
        else if (add_up)
            image->unique_bytes += thing->bytes;
    }
    return 0;
}

/* What images that are gone from the index leave to the containers that use them. */
static int users_count(const struct accounting *accounting, struct err *err)
{
    for (size_t i = 0; i < accounting->users.len; i++) {
        auto_done(kept) kept = {};
        auto_done(needs) needs = {};
        const char *id = accounting->users.at[i].key;
        if (digest_valid(id) && kept_add_config(accounting->images, id, &kept, err) < 0 &&
            err->kind != ERR_NOT_FOUND)
            return -1;
        needs_of(accounting, &kept, &needs);
        for (size_t k = 0; k < needs.len; k++)
            needs.at[k]->used = true;
    }
    return 0;
}

static int total_count(struct images *images, struct images_usage *usage, struct err *err)
{
    static const char *const directories[] = { DIR_OCI,     DIR_LAYERS, DIR_INGEST,
                                               DIR_PARTIAL, DIR_LOOSE,  DIR_TRASH };
    auto_done(usage) total = {};
    for (size_t i = 0; i < array_size(directories); i++)
        if (usage_add(&total, images->root, directories[i], err) < 0)
            return -1;
    usage->total_bytes = total.bytes;
    usage->unreadable = total.unreadable;
    return 0;
}

int images_usage(struct images *images, image_users *users, void *context,
                 struct images_usage *ret_usage, struct err *err)
{
    auto_done(accounting) accounting = { .images = images };
    auto_done(images_usage) usage = {};
    auto_done(oci_index) index = {};
    if (index_load(images, &index, err) < 0 ||
        accounting_open(&accounting, users, context, err) < 0)
        return -1;
    for (int add_up = 0; add_up < 2; add_up++)
        for (size_t i = 0; i < index.manifests.len; i++)
            if (row_count(&accounting, &index.manifests.at[i], &usage, add_up, err) < 0)
                return -1;
    if (users_count(&accounting, err) < 0 || total_count(images, &usage, err) < 0)
        return -1;
    for (size_t i = 0; i < accounting.things.len; i++)
        if (!accounting.things.at[i].used)
            usage.reclaimable_bytes += accounting.things.at[i].bytes;
    *ret_usage = usage;
    usage = (struct images_usage){};
    return 0;
}
