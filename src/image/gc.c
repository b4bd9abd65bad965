/* SPDX-License-Identifier: Apache-2.0 */
/* Removal of images by a policy, as kubelet has it: above one mark down to another. */
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "image/store.h"

enum { PERCENT = 100 };

/* Blocks of the file system, as df(1) counts: what only root may take is in neither. */
struct room {
    uint64_t used;
    uint64_t whole;
};

static int room_read(struct images *images, struct room *room, struct err *err)
{
    struct statvfs vfs;
    if (fstatvfs(images->root, &vfs) < 0)
        return err_sys(err, "look at the image store's file system");
    room->used = (uint64_t)(vfs.f_blocks - vfs.f_bfree) * vfs.f_frsize;
    room->whole = room->used + (uint64_t)vfs.f_bavail * vfs.f_frsize;
    return 0;
}

/* Rounded up, so that what is fuller than a mark is seen to be. */
static unsigned room_percent(const struct room *room)
{
    if (room->whole == 0)
        return 0;
    return (unsigned)((room->used * PERCENT + room->whole - 1) / room->whole);
}

static int by_use(const void *a, const void *b)
{
    const struct image_usage *left = a, *right = b;
    if (left->used_s != right->used_s)
        return left->used_s < right->used_s ? -1 : 1;
    return strcmp(left->id, right->id);
}

static void removed_add(struct image_removed *to, const struct image_removed *from)
{
    for (size_t i = 0; i < from->untagged.len; i++)
        strings_add(&to->untagged, from->untagged.at[i]);
    for (size_t i = 0; i < from->deleted.len; i++)
        strings_add(&to->deleted, from->deleted.at[i]);
    to->freed_bytes += from->freed_bytes;
}

static int image_go(struct images *images, const struct image_usage *image, image_users *users,
                    void *context, struct image_removed *removed, struct err *err)
{
    auto_done(strings) ids = {};
    auto_done(image_removed) gone = {};
    strings_add(&ids, image->id);
    const struct images_prune which = { .flags = IMAGES_PRUNE_ALL, .ids = &ids };
    if (images_prune_some(images, &which, users, context, &gone, err) < 0)
        return -1;
    removed_add(removed, &gone);
    return 0;
}

/* What would go, and what it would free: no less than what nobody else needs. */
static void image_pretend(const struct image_usage *image, struct room *room,
                          struct image_removed *removed)
{
    const struct image_removed gone = {
        .untagged = image->names,
        .deleted = { .at = (char *[]){ image->id }, .len = 1 },
        .freed_bytes = image->unique_bytes,
    };
    removed_add(removed, &gone);
    room->used -= image->unique_bytes < room->used ? image->unique_bytes : room->used;
}

static int gc_work(struct images *images, const struct images_gc *policy, image_users *users,
                   void *context, struct images_usage *usage, struct room *room,
                   struct image_removed *removed, struct err *err)
{
    int64_t now_s = time(NULL);
    if (usage->images.len > 1)
        qsort(usage->images.at, usage->images.len, sizeof(*usage->images.at), by_use);
    for (size_t i = 0; i < usage->images.len && room_percent(room) > policy->low_percent; i++) {
        const struct image_usage *image = &usage->images.at[i];
        if (image->used || (policy->keep_s > 0 && now_s - image->used_s < policy->keep_s))
            continue;
        if (policy->flags & IMAGES_GC_DRY_RUN)
            image_pretend(image, room, removed);
        else if (image_go(images, image, users, context, removed, err) < 0 ||
                 room_read(images, room, err) < 0)
            return -1;
    }
    return 0;
}

int images_gc(struct images *images, const struct images_gc *policy, image_users *users,
              void *context, struct images_gc_done *ret_done, struct err *err)
{
    auto_done(images_usage) usage = {};
    auto_done(image_removed) removed = {};
    struct room room;
    if (room_read(images, &room, err) < 0)
        return -1;
    struct images_gc_done done = { .before_percent = room_percent(&room) };
    if (done.before_percent > policy->high_percent) {
        if (images_usage(images, users, context, &usage, err) < 0 ||
            gc_work(images, policy, users, context, &usage, &room, &removed, err) < 0)
            return -1;
    }
    done.after_percent = room_percent(&room);
    done.removed = removed;
    removed = (struct image_removed){};
    *ret_done = done;
    return 0;
}
