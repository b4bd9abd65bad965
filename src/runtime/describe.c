/* SPDX-License-Identifier: Apache-2.0 */
/* What the steps of create.c say of themselves: the part of --explain that differs from one plan to
 * the next. */
#include "runtime/describe.h"

#include "kernel/namespace.h"

static void add_flags(struct str *out, uint64_t flags)
{
    const char *separator = "";
    for (int kind = 0; kind < NAMESPACE_COUNT; kind++) {
        if (!(flags & namespace_flag(kind)))
            continue;
        str_addf(out, "%s%s", separator, namespace_file(kind));
        separator = " ";
    }
}

void describe_cgroup(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    (void)i;
    (void)words;
    struct err err = {};
    struct cgroup_plan writes = {};
    auto_done(str) lines = {};
    if (cgroup_plan_make(plan->request->cgroups, &plan->limits, 0, &writes, &err) == 0)
        cgroup_plan_format(plan->request->cgroups, &writes, plan->cgroup, &lines);
    cgroup_plan_done(&writes);
    for (size_t at = 0; at < lines.len; at++)
        str_add_char(arguments,
                     lines.at[at] == '\n' ? (at + 1 < lines.len ? ';' : ' ') : lines.at[at]);
    while (arguments->len && arguments->at[arguments->len - 1] == ' ')
        arguments->at[--arguments->len] = '\0';
}

void describe_clone(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    (void)i;
    str_add(words, ": ");
    add_flags(words, plan->clone_flags);
    str_addf(arguments, "flags %#llx | CLONE_PIDFD%s", (unsigned long long)plan->clone_flags,
             plan->cgroup && plan->request->cgroups->v2 >= 0 ? " | CLONE_INTO_CGROUP" : "");
}

void describe_maps(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    (void)i;
    (void)words;
    for (size_t n = 0; n < plan->maps.uid.len; n++) {
        const struct id_extent *extent = &plan->maps.uid.at[n];
        str_addf(arguments, "%s%u %u %u", n ? ", " : "uid_map, gid_map: ", extent->inside,
                 extent->outside, extent->count);
    }
}

void describe_source(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    str_addf(words, " %s", plan->sources[i].path);
    if (plan->sources[i].lender)
        str_addf(words, " of %s", plan->sources[i].lender);
    str_addf(arguments, "OPEN_TREE_CLONE%s", plan->sources[i].recursive ? " | AT_RECURSIVE" : "");
    if (plan->sources[i].map != SOURCE_MAP_NONE && plan->privileged && plan->userns &&
        plan->request->flags & RUNTIME_MAP_OWNERS)
        str_add(arguments, "); mount_setattr(MOUNT_ATTR_IDMAP");
}

void describe_bind(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    describe_source(plan, plan->n_root_sources + i, words, arguments);
}

void describe_limit(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    const struct rlimit_pair *limit = &plan->process.rlimits[i];
    str_addf(words, " %s", rlimit_name(limit->resource));
    str_addf(arguments, "%s, %llu, %llu", rlimit_constant(limit->resource),
             (unsigned long long)limit->soft, (unsigned long long)limit->hard);
}

void describe_release(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    (void)i;
    (void)words;
    str_addf(arguments, "SCM_RIGHTS, %zu descriptors", plan_handed(plan));
}

void describe_unshare(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    (void)i;
    str_add(words, ": ");
    add_flags(words, plan->unshare_flags);
    str_addf(arguments, "%#llx", (unsigned long long)plan->unshare_flags);
}

void describe_join(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    str_addf(words, " %s", plan->joins[i].path);
    str_addf(arguments, "%#x", plan->joins[i].flag);
}

void describe_time(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    str_addf(words, " %s", plan->time_offsets[i].key);
    str_addf(arguments, "timens_offsets, %lld s", (long long)plan->time_offsets[i].secs);
}

void describe_sysctl(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    str_addf(words, " %s", plan->sysctls[i].path);
    str_addf(arguments, "/proc/sys/%s, \"%s\"", plan->sysctls[i].path, plan->sysctls[i].value);
}

void describe_device(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    (void)arguments;
    str_addf(words, " %s", device_path(plan, i));
}

void describe_root(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    (void)i;
    (void)arguments;
    const struct runtime_rootfs *rootfs = plan->request->rootfs;
    if (rootfs->kind == ROOTFS_DIRECTORY)
        str_addf(words, " from %s", rootfs->lower.at[0]);
}

void describe_layers(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    (void)i;
    const struct runtime_rootfs *rootfs = plan->request->rootfs;
    str_addf(words, ": %zu%s", rootfs->lower.len, plan->has_upper ? " and an upper one" : "");
    str_addf(arguments, "overlay, userxattr%s",
             rootfs->flags & ROOTFS_VOLATILE ? ", volatile" : "");
}

void describe_fs(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    const struct plan_mount *mount = &plan->mounts[plan->fs[i]];
    str_addf(words, " %s for /%s", mount->type, mount->destination);
    mount_options_format(&mount->options, arguments);
}

void describe_late_fs(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    describe_fs(plan, plan->n_early_fs + i, words, arguments);
}

void describe_mount(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    const struct plan_mount *mount = &plan->mounts[i];
    bool bind = mount->kind == PLAN_MOUNT_BIND;
    bool dev = plan->dev_made && i == plan->dev_mount;
    str_addf(words, " %s on /%s%s", bind ? plan->sources[mount->source].path : mount->type,
             mount->destination,
             !dev                 ? ""
             : plan->dev_by_child ? ", and make what it holds"
                                  : ", a copy of the parent's");
    if (bind || mount->in_turn)
        mount_options_format(&mount->options, arguments);
}

void describe_mounts_rest(const struct plan *plan, size_t i, struct str *words,
                          struct str *arguments)
{
    describe_mount(plan, plan->n_mounts_first + i, words, arguments);
}

void describe_late(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    (void)arguments;
    str_addf(words, ": /%s", plan->mounts[plan->late[i]].destination);
}

void describe_masked(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    str_addf(words, " %s", plan->masked->at[i]);
    str_addf(arguments, "%s", plan->masked->at[i]);
}

void describe_readonly(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    str_addf(words, " %s", plan->readonly->at[i]);
    str_addf(arguments, "%s, MOUNT_ATTR_RDONLY", plan->readonly->at[i]);
}

void describe_hostname(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    (void)i;
    (void)words;
    str_addf(arguments, "\"%s\"", plan->hostname);
}

void describe_domainname(const struct plan *plan, size_t i, struct str *words,
                         struct str *arguments)
{
    (void)i;
    (void)words;
    str_addf(arguments, "\"%s\"", plan->domainname);
}
