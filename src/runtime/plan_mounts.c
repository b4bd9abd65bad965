/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/mount.h>

#include "runtime/plan_part.h"

static struct plan_mount *mount_add(struct plan *plan)
{
    plan->mounts = xrealloc(plan->mounts, plan->n_mounts + 1, sizeof(*plan->mounts));
    struct plan_mount *mount = &plan->mounts[plan->n_mounts++];
    *mount = (struct plan_mount){};
    return mount;
}

static const char *below_root(const char *path)
{
    return path + strspn(path, "/");
}

/* The options word of a cgroup mount, "nsdelegate" or "memory", is one word or several with commas.
 */
static void add_words(struct strings *list, const char *words)
{
    struct view rest = view_of(words);
    struct view word;
    bool more = words && *words;
    while (more) {
        more = view_cut(&rest, ',', &word);
        strings_add_taken(list, xstrndup(word.at, word.len));
    }
}

/* A mount of type "cgroup" is as many as the host's layout needs (runtime-spec, config-linux.md
 * "Default Filesystems"). */
static int mount_cgroup(const struct runtime_request *request, const struct spec_mount *entry,
                        struct plan *plan, struct err *err)
{
    struct cgroup_plan groups = {};
    if (!plan->cgroup)
        return 0;
    if (cgroup_plan_make(request->cgroups, &plan->limits, 0, &groups, err) < 0)
        return -1;
    struct cgroup group = {
        .host = request->cgroups,
        .path = (char *)plan->cgroup,
        .hierarchies = groups.hierarchies,
    };
    cgroup_plan_done(&groups);
    cgroup_mount_plan(request->cgroups, &group, &plan->cgroup_mounts);

    const char *top = below_root(entry->destination);
    for (size_t i = 0; i < plan->cgroup_mounts.len; i++) {
        struct cgroup_mount *row = &plan->cgroup_mounts.at[i];
        struct plan_mount *mount = mount_add(plan);
        bool link = row->type == CGROUP_MOUNT_LINK;
        /* The row's name is ours to change: it becomes the path that the plan's mount borrows. */
        char *path = *row->name ? xasprintf("%s/%s", top, row->name) : xstrdup(top);
        free(row->name);
        row->name = path;
        mount->kind = link ? PLAN_MOUNT_LINK : PLAN_MOUNT_FS;
        mount->destination = path;
        mount->type = link ? row->options : row->fstype;
        mount->name = link ? NULL : "cgroup";
        if (link)
            continue;
        if (mount_options_parse(&entry->options, entry->destination, &mount->options, err) < 0)
            return -1;
        add_words(&mount->options.rest, row->options);
        if (row->type != CGROUP_MOUNT_TMPFS || !(mount->options.set & MOUNT_ATTR_RDONLY))
            continue;
        mount->options.set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
        plan->cgroup_top = plan->n_mounts - 1;
        plan->cgroup_readonly = true;
    }
    return 0;
}

static int mount_make(const struct spec_mount *entry, struct plan *plan, struct err *err)
{
    struct plan_mount *mount = mount_add(plan);
    mount->destination = below_root(entry->destination);
    if (entry->uid_mappings.len || entry->gid_mappings.len)
        return err_set(err, ERR_UNSUPPORTED, "mount on %s: id mappings of its own",
                       entry->destination);
    if (!*mount->destination || strstr(entry->destination, "/../") ||
        text_ends(entry->destination, "/.."))
        return err_set(err, ERR_INVALID, "mount on %s: not a place below the root",
                       entry->destination);
    if (mount_options_parse(&entry->options, entry->destination, &mount->options, err) < 0)
        return -1;
    if (mount->options.bind || (entry->type && strcmp(entry->type, "bind") == 0)) {
        if (!entry->source || entry->source[0] != '/')
            return err_set(err, ERR_INVALID, "mount on %s: the source must be an absolute path",
                           entry->destination);
        /* Not passed over: "r0" for "ro" would leave the host's files open to be written. */
        if (mount->options.rest.len)
            return err_set(err, ERR_UNSUPPORTED, "mount on %s: option %s of a bind mount",
                           entry->destination, mount->options.rest.at[0]);
        mount->kind = PLAN_MOUNT_BIND;
        mount->source = plan_source_add(plan, entry->source, mount->options.bind_below);
        return 0;
    }
    if (!entry->type)
        return err_set(err, ERR_INVALID, "mount on %s: it has no type", entry->destination);
    mount->kind = PLAN_MOUNT_FS;
    mount->type = entry->type;
    mount->name = entry->source;
    return 0;
}

static void note_file_systems(struct plan *plan)
{
    plan->fs = xcalloc(plan->n_mounts, sizeof(*plan->fs));
    for (size_t i = 0; i < plan->n_mounts; i++) {
        const struct plan_mount *mount = &plan->mounts[i];
        if (mount->kind != PLAN_MOUNT_FS)
            continue;
        plan->fs[plan->n_fs++] = i;
        if (strcmp(mount->type, "tmpfs") == 0 && strcmp(mount->destination, "dev") == 0)
            plan->dev = true;
    }
}

int plan_mounts_make(const struct runtime_request *request, struct plan *plan, struct err *err)
{
    const struct spec *spec = request->spec;
    for (size_t i = 0; i < spec->mounts.len; i++) {
        const struct spec_mount *entry = &spec->mounts.at[i];
        bool is_cgroup = entry->type && text_starts(entry->type, "cgroup");
        if ((is_cgroup ? mount_cgroup(request, entry, plan, err) : mount_make(entry, plan, err)) <
            0)
            return -1;
    }
    note_file_systems(plan);
    return 0;
}
