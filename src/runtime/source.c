/* SPDX-License-Identifier: Apache-2.0 */
/* Whose the files of the host are once they are in the container: idmapped mounts. */
#include <errno.h>
#include <string.h>

#include "kernel/mount.h"
#include "kernel/userns.h"
#include "runtime/start.h"

bool owners_mapped(const struct plan *plan)
{
    return plan->userns && plan->request->flags & RUNTIME_MAP_OWNERS;
}

uint64_t root_source_propagation(const struct plan *plan)
{
    return plan->root_propagation == MS_SLAVE ? MS_SLAVE : MS_PRIVATE;
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
