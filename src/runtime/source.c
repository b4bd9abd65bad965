/* SPDX-License-Identifier: Apache-2.0 */
/* Whose the files of the host are once they are in the container: idmapped mounts. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel/mount.h"
#include "kernel/userns.h"
#include "runtime/start.h"

bool owners_mapped(const struct plan *plan)
{
    return plan->userns && plan->request->flags & RUNTIME_MAP_OWNERS;
}

/* A clone is a peer of the host's mount if that is shared: what is mounted below it here would
 * appear there. It stays one only on demand. */
static uint64_t bind_parted(const struct mount_options *options)
{
    if (options->propagation == MS_SHARED)
        return 0;
    return options->propagation == MS_SLAVE ? MS_SLAVE : MS_PRIVATE;
}

static const struct plan_mount *mount_of(const struct plan *plan, size_t source)
{
    for (size_t i = 0; i < plan->n_mounts; i++)
        if (plan->mounts[i].kind == PLAN_MOUNT_BIND && plan->mounts[i].source == source)
            return &plan->mounts[i];
    return NULL;
}

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* What is mounted on a layer here must not appear on the host's own mount of it; and a directory
 * that is the root has no device nodes. A layer in a file has no mount yet. */
static int root_clone(const struct plan *plan, const struct plan_source *source,
                      enum mount_flags flags)
{
    bool whole = plan->request->rootfs->kind == ROOTFS_DIRECTORY;
    if (!whole && is_file(source->path))
        return mount_file("erofs", source->path);
    return mount_clone_changed(AT_FDCWD, source->path, whole ? MOUNT_ATTR_NODEV : 0, 0,
                               plan->root_propagation == MS_SLAVE ? MS_SLAVE : MS_PRIVATE, flags);
}

int source_clone(struct start *start, size_t i)
{
    const struct plan *plan = start->plan;
    const struct plan_source *source = &plan->sources[i];
    if (source->lender) {
        start->sources[i] = mount_clone_lent(source->lender, source->path);
        return start->sources[i] < 0 ? -1 : 0;
    }
    const struct plan_mount *mount = mount_of(plan, i);
    const struct mount_options none = {};
    const struct mount_options *options = mount ? &mount->options : &none;
    enum mount_flags flags = source->recursive ? MOUNT_RECURSIVE : 0;
    /* All in one call where there is one mount; of several the uppermost has options of its own
     * (child_mount.c). */
    uint64_t set = source->recursive ? 0 : options->set;
    uint64_t clear = source->recursive ? 0 : options->clear;
    start->sources[i] =
        i < plan->n_root_sources
            ? root_clone(plan, source, flags)
            : mount_clone_changed(AT_FDCWD, source->path, set, clear, bind_parted(options), flags);
    return start->sources[i] < 0 ? -1 : 0;
}

static int map_fail(const char *path, struct err *err)
{
    /* EINVAL: a file system that cannot map owners (or one of those mounted below it). */
    if (errno == EINVAL)
        return err_set(err, ERR_UNMAPPABLE, "the file system of %s cannot map owners", path);
    return err_sys(err, "map the owners of %s", path);
}

/* The kernel takes a map only as that of a user namespace, so one is made for the moment. */
static int source_map_given(struct start *start, size_t i, struct err *err)
{
    const struct plan_source *source = &start->plan->sources[i];
    const struct spec_mount *entry = source->entry;
    struct id_maps maps = {};
    struct userns userns;
    for (size_t n = 0; n < entry->uid_mappings.len; n++)
        id_map_add(&maps.uid, entry->uid_mappings.at[n].container_id,
                   entry->uid_mappings.at[n].host_id, entry->uid_mappings.at[n].size);
    for (size_t n = 0; n < entry->gid_mappings.len; n++)
        id_map_add(&maps.gid, entry->gid_mappings.at[n].container_id,
                   entry->gid_mappings.at[n].host_id, entry->gid_mappings.at[n].size);
    int result = userns_open(&maps, &userns, err);
    id_maps_done(&maps);
    if (result < 0)
        return err_wrap(err, "mount on %s", entry->destination);
    result =
        mount_idmap(start->sources[i], userns.userns_fd, source->map_below ? MOUNT_RECURSIVE : 0);
    int saved = errno;
    userns_close(&userns);
    errno = saved;
    return result < 0 ? map_fail(source->path, err) : 0;
}

static bool is_own(const struct plan *plan, const char *path)
{
    const char *own = plan->request->own_files;
    return own && text_starts(path, own) && path[strlen(own)] == '/';
}

int source_map(struct start *start, size_t i, struct err *err)
{
    const struct plan_source *source = &start->plan->sources[i];
    bool below = source->recursive;
    switch (source->map) {
    case SOURCE_MAP_NONE:
        return 0;
    case SOURCE_MAP_GIVEN:
        return source_map_given(start, i, err);
    case SOURCE_MAP_CONTAINER:
        below = source->map_below;
        break;
    case SOURCE_MAP_REQUEST:
        if (!owners_mapped(start->plan) || is_own(start->plan, source->path))
            return 0;
        break;
    }
    if (mount_idmap(start->sources[i], start->userns, below ? MOUNT_RECURSIVE : 0) < 0)
        return map_fail(source->path, err);
    return 0;
}
