/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/plan.h"

#include <string.h>
#include <unistd.h>

#include "kernel/namespace.h"
#include "runtime/plan_part.h"

static uint32_t namespace_flag_of(enum spec_namespace_type type)
{
    static const uint32_t flags[SPEC_NAMESPACE_COUNT] = {
        [SPEC_NAMESPACE_PID] = CLONE_NEWPID,       [SPEC_NAMESPACE_NETWORK] = CLONE_NEWNET,
        [SPEC_NAMESPACE_MOUNT] = CLONE_NEWNS,      [SPEC_NAMESPACE_IPC] = CLONE_NEWIPC,
        [SPEC_NAMESPACE_UTS] = CLONE_NEWUTS,       [SPEC_NAMESPACE_USER] = CLONE_NEWUSER,
        [SPEC_NAMESPACE_CGROUP] = CLONE_NEWCGROUP, [SPEC_NAMESPACE_TIME] = CLONE_NEWTIME,
    };
    return flags[type];
}

/* The network namespace is the dearest of all, so the child makes it while the parent is busy with
 * the rest; the cgroup namespace must come after the child entered its v1 groups, so that its root
 * is the container's own. */
static void plan_namespaces(const struct spec *spec, struct plan *plan)
{
    const struct spec_linux *linux_part = spec->linux;
    plan->joins = xcalloc(linux_part->namespaces.len, sizeof(*plan->joins));
    for (size_t i = 0; i < linux_part->namespaces.len; i++) {
        const struct spec_namespace *entry = &linux_part->namespaces.at[i];
        uint32_t flag = namespace_flag_of(entry->type);
        if (entry->path) {
            plan->joins[plan->n_joins++] = (struct plan_join){ flag, entry->path };
            continue;
        }
        plan->all_flags |= flag;
        bool later = flag == CLONE_NEWNET || flag == CLONE_NEWCGROUP ||
                     (flag == CLONE_NEWTIME && linux_part->time_offsets.len);
        *(later ? &plan->unshare_flags : &plan->clone_flags) |= flag;
    }
    plan->loopback = plan->all_flags & CLONE_NEWNET;
}

static int namespaces_check(const struct plan *plan, struct err *err)
{
    const struct spec_linux *linux_part = plan->request->spec->linux;
    if (!(plan->all_flags & CLONE_NEWNS))
        return err_set(err, ERR_UNSUPPORTED, "a container without a mount namespace of its own");
    for (size_t i = 0; i < plan->n_joins; i++)
        if (plan->joins[i].flag & (CLONE_NEWNS | CLONE_NEWUSER))
            return err_set(err, ERR_UNSUPPORTED,
                           "joining %s: a mount or user namespace cannot be joined",
                           plan->joins[i].path);
    /* Without its namespace either would be the host's. */
    if ((linux_part->uid_mappings.len || linux_part->gid_mappings.len) &&
        !(plan->all_flags & CLONE_NEWUSER))
        return err_set(err, ERR_INVALID,
                       "id mappings without a user namespace; add one to linux.namespaces");
    if (linux_part->time_offsets.len && !(plan->all_flags & CLONE_NEWTIME))
        return err_set(err, ERR_INVALID,
                       "clock offsets without a time namespace; add one to linux.namespaces");
    return 0;
}

static void map_add(struct id_map *map, const struct spec_id_mapping *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        id_map_add(map, at[i].container_id, at[i].host_id, at[i].size);
}

static int plan_maps(const struct spec *spec, struct plan *plan, struct err *err)
{
    if (!(plan->all_flags & CLONE_NEWUSER))
        return 0;
    uint32_t root;
    map_add(&plan->maps.uid, spec->linux->uid_mappings.at, spec->linux->uid_mappings.len);
    map_add(&plan->maps.gid, spec->linux->gid_mappings.at, spec->linux->gid_mappings.len);
    if (!id_map_outside(&plan->maps.uid, 0, &root) || !id_map_outside(&plan->maps.gid, 0, &root))
        return err_set(err, ERR_INVALID,
                       "the user namespace maps no id 0, which sets the container up");
    return 0;
}

size_t plan_source_add(struct plan *plan, const char *path, bool recursive)
{
    plan->sources = xrealloc(plan->sources, plan->n_sources + 1, sizeof(*plan->sources));
    plan->sources[plan->n_sources] = (struct plan_source){ path, recursive };
    return plan->n_sources++;
}

static void plan_root(const struct runtime_request *request, struct plan *plan)
{
    const struct runtime_rootfs *rootfs = request->rootfs;
    plan->has_upper = rootfs->upper || (rootfs->flags & ROOTFS_TMPFS);
    if (rootfs->upper)
        (void)plan_source_add(plan, rootfs->upper, false);
    for (size_t i = 0; i < rootfs->lower.len; i++)
        (void)plan_source_add(plan, rootfs->lower.at[i], rootfs->kind == ROOTFS_DIRECTORY);
    plan->n_root_sources = plan->n_sources;
    plan->root_readonly = request->spec->root && request->spec->root->readonly;
}

static bool sysctl_allowed(const char *path, uint64_t flags)
{
    static const char ipc_names[][24] = { "kernel/msgmax", "kernel/msgmnb",         "kernel/msgmni",
                                          "kernel/sem",    "kernel/shmall",         "kernel/shmmax",
                                          "kernel/shmmni", "kernel/shm_rmid_forced" };
    if (text_starts(path, "net/"))
        return flags & CLONE_NEWNET;
    if (text_starts(path, "fs/mqueue/"))
        return flags & CLONE_NEWIPC;
    for (size_t i = 0; i < array_size(ipc_names); i++)
        if (strcmp(path, ipc_names[i]) == 0)
            return flags & CLONE_NEWIPC;
    return false;
}

/* "net.ipv4.conf.eth0/1.forwarding" or "net/ipv4/conf/eth0.1/forwarding": which of the two comes
 * first is what separates (sysctl.d(5)). */
static int plan_sysctl(struct plan *plan, const struct pair *pair, struct err *err)
{
    bool slashes = strcspn(pair->key, "/") < strcspn(pair->key, ".");
    char *path = xstrdup(pair->key);
    for (size_t i = 0; path[i] && !slashes; i++)
        path[i] = path[i] == '.' ? '/' : path[i] == '/' ? '.' : path[i];
    plan->sysctls[plan->n_sysctls++] = (struct plan_sysctl){ path, pair->value };
    if (strstr(path, "..") || strstr(path, "//") || !sysctl_allowed(path, plan->all_flags))
        return err_set(err, ERR_DENIED,
                       "sysctl %s: it does not belong to a namespace of the container, so it would "
                       "change the host",
                       pair->key);
    return 0;
}

static int plan_sysctls(const struct spec *spec, struct plan *plan, struct err *err)
{
    const struct pairs *pairs = &spec->linux->sysctl;
    plan->sysctls = xcalloc(pairs->len, sizeof(*plan->sysctls));
    for (size_t i = 0; i < pairs->len; i++)
        if (plan_sysctl(plan, &pairs->at[i], err) < 0)
            return -1;
    return 0;
}

/* G9 of the security page: what would loosen or change isolation and is not done is an error. */
static int unsupported_check(const struct spec *spec, struct err *err)
{
    const struct spec_linux *linux_part = spec->linux;
    const struct spec_process *process = spec->process;
    if (!linux_part || !process)
        return err_set(err, ERR_INVALID, "the configuration has no process or no linux part");
    const struct {
        bool asked;
        const char *what;
    } rows[] = {
        { spec->hooks != NULL, "hooks" },
        { linux_part->net_devices.len > 0, "linux.netDevices" },
        { linux_part->intel_rdt != NULL, "linux.intelRdt" },
        { linux_part->memory_policy != NULL, "linux.memoryPolicy" },
        { linux_part->personality != NULL, "linux.personality" },
        { linux_part->mount_label != NULL, "linux.mountLabel" },
        { linux_part->rootfs_propagation != NULL, "linux.rootfsPropagation" },
        { process->apparmor_profile != NULL, "process.apparmorProfile" },
        { process->selinux_label != NULL, "process.selinuxLabel" },
        { process->scheduler != NULL, "process.scheduler" },
        { process->io_priority != NULL, "process.ioPriority" },
        { process->exec_cpu_affinity != NULL, "process.execCPUAffinity" },
    };
    for (size_t i = 0; i < array_size(rows); i++)
        if (rows[i].asked)
            return err_set(err, ERR_UNSUPPORTED, "%s in the configuration; leave it out",
                           rows[i].what);
    return 0;
}

static int plan_linux(const struct spec *spec, struct plan *plan, struct err *err)
{
    const struct spec_linux *linux_part = spec->linux;
    plan->masked = &linux_part->masked_paths;
    plan->readonly = &linux_part->readonly_paths;
    plan->devices = linux_part->devices.at;
    plan->n_devices = linux_part->devices.len;
    plan->time_offsets = linux_part->time_offsets.at;
    plan->n_time_offsets = linux_part->time_offsets.len;
    plan->cgroup = linux_part->cgroups_path;
    if (plan_sysctls(spec, plan, err) < 0)
        return -1;
    if (linux_part->resources && plan_limits_make(linux_part->resources, &plan->limits, err) < 0)
        return -1;
    return 0;
}

int plan_make(const struct runtime_request *request, struct plan *ret_plan, struct err *err)
{
    const struct spec *spec = request->spec;
    auto_done(plan) plan = { .request = request, .privileged = geteuid() == 0 };
    if (unsupported_check(spec, err) < 0)
        return -1;
    plan_namespaces(spec, &plan);
    if (namespaces_check(&plan, err) < 0 || plan_maps(spec, &plan, err) < 0 ||
        plan_linux(spec, &plan, err) < 0)
        return -1;
    plan.limits.optional = request->optional_limits;
    plan_root(request, &plan);
    if (plan_mounts_make(request, &plan, err) < 0 || plan_process_make(request, &plan, err) < 0)
        return -1;
    plan.hostname = plan.all_flags & CLONE_NEWUTS ? spec->hostname : NULL;
    plan.domainname = plan.all_flags & CLONE_NEWUTS ? spec->domainname : NULL;
    *ret_plan = plan;
    plan = (struct plan){};
    return 0;
}

int plan_make_process(const struct runtime_request *request, struct plan *ret_plan, struct err *err)
{
    auto_done(plan) plan = { .request = request, .privileged = geteuid() == 0 };
    if (unsupported_check(request->spec, err) < 0)
        return -1;
    plan_namespaces(request->spec, &plan);
    plan.cgroup = request->spec->linux->cgroups_path;
    if (plan_maps(request->spec, &plan, err) < 0 || plan_process_make(request, &plan, err) < 0)
        return -1;
    *ret_plan = plan;
    plan = (struct plan){};
    return 0;
}

void plan_done(struct plan *plan)
{
    for (size_t i = 0; i < plan->n_sysctls; i++)
        free(plan->sysctls[i].path);
    for (size_t i = 0; i < plan->n_mounts; i++)
        mount_options_done(&plan->mounts[i].options);
    free(plan->sysctls);
    free(plan->joins);
    free(plan->sources);
    free(plan->mounts);
    free(plan->fs);
    free(plan->process.env);
    free(plan->process.init);
    free(plan->process.rlimits);
    seccomp_filter_done(&plan->process.seccomp);
    cgroup_limits_done(&plan->limits);
    cgroup_mounts_done(&plan->cgroup_mounts);
    id_maps_done(&plan->maps);
    *plan = (struct plan){};
}
