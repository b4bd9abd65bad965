/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container is to see at /sys/fs/cgroup, as a list of mounts; nothing is mounted here. It is
 * laid out as the host's is. A hierarchy in which the container has no group of its own is left
 * out, for its root there would be the host's.
 */
#include <string.h>

#include "base/mem.h"
#include "kernel/cgroup.h"
#include "kernel/cgroup_part.h"

/* Takes the texts. */
static void add_mount(struct cgroup_mounts *mounts, enum cgroup_mount_type type, char *name,
                      char *options, char *source)
{
    static const char *const fstypes[] = {
        [CGROUP_MOUNT_TMPFS] = "tmpfs",
        [CGROUP_MOUNT_V1] = "cgroup",
        [CGROUP_MOUNT_V2] = "cgroup2",
        [CGROUP_MOUNT_LINK] = NULL,
    };
    struct cgroup_mount *mount = array_add(mounts);
    mount->type = type;
    mount->name = name;
    mount->fstype = fstypes[type];
    mount->options = options;
    mount->source = source;
}

static char *source_of(const struct cgroup_host *host, const struct cgroup *cgroup, size_t i)
{
    return cgroup ? cgroup_file_path(cgroup, (int)i, NULL) : xstrdup(host->at[i].mount);
}

/* "cpu,cpuacct" stands in a directory of that name, to which "cpu" and "cpuacct" lead. */
static void add_links(struct cgroup_mounts *mounts, const char *names)
{
    struct view rest = view_of(names);
    struct view name;
    for (bool more = strchr(names, ','); more;) {
        more = view_cut(&rest, ',', &name);
        if (text_starts(name.at, "name="))
            continue;
        add_mount(mounts, CGROUP_MOUNT_LINK, xstrndup(name.at, name.len), xstrdup(names), NULL);
    }
}

static void add_v1(const struct cgroup_host *host, const struct cgroup *cgroup, size_t i,
                   struct cgroup_mounts *mounts)
{
    const char *names = host->at[i].names;
    const char *name = text_starts(names, "name=") ? names + strlen("name=") : names;
    add_mount(mounts, CGROUP_MOUNT_V1, xstrdup(name), xstrdup(names), source_of(host, cgroup, i));
    add_links(mounts, names);
}

void cgroup_mount_plan(const struct cgroup_host *host, const struct cgroup *cgroup,
                       struct cgroup_mounts *ret_mounts)
{
    struct cgroup_mounts mounts = {};
    unsigned seen = cgroup ? cgroup->hierarchies : ~0U;
    bool only_v2 = host->len == 1 && host->v2 == 0;
    bool mixed = host->len > 0 && !only_v2;
    if (mixed)
        add_mount(&mounts, CGROUP_MOUNT_TMPFS, xstrdup(""), xstrdup("mode=755"), NULL);
    for (size_t i = 0; i < host->len; i++) {
        if (!(seen & (1U << i)))
            continue;
        if ((int)i != host->v2)
            add_v1(host, cgroup, i, &mounts);
        else
            add_mount(&mounts, CGROUP_MOUNT_V2, xstrdup(only_v2 ? "" : "unified"), xstrdup(""),
                      source_of(host, cgroup, i));
    }
    *ret_mounts = mounts;
}

void cgroup_mounts_done(struct cgroup_mounts *mounts)
{
    for (size_t i = 0; i < mounts->len; i++) {
        free(mounts->at[i].name);
        free(mounts->at[i].options);
        free(mounts->at[i].source);
    }
    free(mounts->at);
    *mounts = (struct cgroup_mounts){};
}
