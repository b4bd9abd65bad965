/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/plan.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/libc.h"
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

static void plan_join(struct plan *plan, uint32_t flag, const char *path)
{
    if (flag == CLONE_NEWUSER)
        plan->user_path = path;
    else if (flag == CLONE_NEWNS)
        plan->mount_path = path;
    else
        plan->joins[plan->n_joins++] = (struct plan_join){ flag, path };
}

/* The network namespace is the dearest of all, so it is made beside the child (network.c); the cgroup
 * namespace must come after the child entered its v1 groups, so that its root is the container's
 * own. */
static void plan_namespaces(const struct spec *spec, struct plan *plan)
{
    const struct spec_linux *linux_part = spec->linux;
    plan->joins = xcalloc(linux_part->namespaces.len, sizeof(*plan->joins));
    for (size_t i = 0; i < linux_part->namespaces.len; i++) {
        const struct spec_namespace *entry = &linux_part->namespaces.at[i];
        uint32_t flag = namespace_flag_of(entry->type);
        if (entry->path) {
            plan_join(plan, flag, entry->path);
            continue;
        }
        plan->all_flags |= flag;
        bool later = (flag == CLONE_NEWNET && !linux_part->net_devices.len) ||
                     flag == CLONE_NEWCGROUP ||
                     (flag == CLONE_NEWTIME && linux_part->time_offsets.len);
        *(later ? &plan->unshare_flags : &plan->clone_flags) |= flag;
    }
    plan->network_beside = plan->unshare_flags & CLONE_NEWNET;
    plan->unshare_flags &= ~(uint64_t)CLONE_NEWNET;
    plan->loopback = plan->clone_flags & CLONE_NEWNET;
    plan->userns = plan->user_path || plan->all_flags & CLONE_NEWUSER;
    plan->mounts_inherited = !(plan->all_flags & CLONE_NEWNS) && !plan->mount_path;
    if (plan->mounts_inherited)
        plan->clone_flags |= CLONE_NEWNS; /* until its root stands */
}

static int namespaces_check(const struct plan *plan, struct err *err)
{
    const struct runtime_request *request = plan->request;
    const struct spec *spec = request->spec;
    const struct spec_linux *linux_part = spec->linux;
    if (plan->mounts_inherited && plan->userns)
        return err_set(
            err, ERR_UNSUPPORTED,
            "config.json: /linux/namespaces: a user namespace without a mount namespace, "
            "which its root file system needs; add one");
    if (request->state && (spec->hostname || spec->domainname) &&
        !spec_namespace_find(spec, SPEC_NAMESPACE_UTS))
        return err_set(err, ERR_INVALID,
                       "config.json: /%s: without a uts namespace it would be the host's; add one "
                       "to linux.namespaces",
                       spec->hostname ? "hostname" : "domainname");
    if (linux_part->net_devices.len && !spec_namespace_find(spec, SPEC_NAMESPACE_NETWORK))
        return err_set(err, ERR_INVALID,
                       "config.json: /linux/netDevices: there is no network namespace to move them "
                       "to; add one to linux.namespaces");
    /* Without its namespace either would be the host's. */
    if ((linux_part->uid_mappings.len || linux_part->gid_mappings.len) && !plan->userns)
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
    /* Of one that exists they are written, and what is said of them is to be true. */
    if (!plan->userns || (plan->user_path && !spec->linux->uid_mappings.len))
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
    plan->sources[plan->n_sources] = (struct plan_source){ .path = path, .recursive = recursive };
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
    const char *propagation = request->spec->linux->rootfs_propagation;
    if (propagation && *propagation)
        (void)mount_propagation_parse(propagation, &plan->root_propagation,
                                      &plan->root_propagation_below); /* spec_check saw to it */
}

/* A new namespace, or one that is joined and is not the caller's. */
static bool namespace_is_other(const struct plan *plan, uint32_t flag, const char *file)
{
    struct stat own, joined;
    for (size_t i = 0; i < plan->n_joins; i++)
        if (plan->joins[i].flag == flag)
            return stat(file, &own) == 0 && stat(plan->joins[i].path, &joined) == 0 &&
                   (own.st_ino != joined.st_ino || own.st_dev != joined.st_dev);
    return plan->all_flags & flag;
}

static bool sysctl_allowed(const struct plan *plan, const char *path)
{
    static const char ipc_names[][24] = { "kernel/msgmax", "kernel/msgmnb",         "kernel/msgmni",
                                          "kernel/sem",    "kernel/shmall",         "kernel/shmmax",
                                          "kernel/shmmni", "kernel/shm_rmid_forced" };
    if (text_starts(path, "net/"))
        return namespace_is_other(plan, CLONE_NEWNET, "/proc/self/ns/net");
    if (strcmp(path, "kernel/domainname") == 0)
        return namespace_is_other(plan, CLONE_NEWUTS, "/proc/self/ns/uts");
    if (text_starts(path, "fs/mqueue/"))
        return namespace_is_other(plan, CLONE_NEWIPC, "/proc/self/ns/ipc");
    for (size_t i = 0; i < array_size(ipc_names); i++)
        if (strcmp(path, ipc_names[i]) == 0)
            return namespace_is_other(plan, CLONE_NEWIPC, "/proc/self/ns/ipc");
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
    if (strcmp(path, "kernel/hostname") == 0)
        return err_set(err, ERR_INVALID, "sysctl %s: set hostname instead", pair->key);
    if (strstr(path, "..") || strstr(path, "//") || !sysctl_allowed(plan, path))
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
            return plan_fail(plan->request, "/linux/sysctl", err);
    return 0;
}

int plan_fail(const struct runtime_request *request, const char *pointer, struct err *err)
{
    if (request->state && !text_starts(err->text, "config.json"))
        (void)err_wrap(err, "config.json: %s", pointer);
    return -1;
}

void plan_warn(struct plan *plan, const char *format, ...)
{
    size_t len = strlen(plan->warning);
    va_list args;
    if (len + 2 < sizeof(plan->warning) && len)
        len += (size_t)snprintf(plan->warning + len, sizeof(plan->warning) - len, "; ");
    va_start(args, format);
    (void)vsnprintf(plan->warning + len, sizeof(plan->warning) - len, format, args);
    va_end(args);
}

/* Kernel memory counts as memory (and has no limit of its own since kernel 5.16), leaves weigh as
 * their group does (since 5.0): what was asked for is not had, but no more than the rest allows. */
static void limits_warn(const struct spec_resources *resources, struct plan *plan)
{
    const struct spec_block_io *io = resources->block_io;
    if (resources->memory && resources->memory->kernel.value > 0)
        plan_warn(plan, "the kernel has no limit of kernel memory: memory.kernel is left out");
    bool leaves = io && io->leaf_weight.value;
    for (size_t i = 0; io && i < io->weight_device.len; i++)
        leaves = leaves || io->weight_device.at[i].leaf_weight.value;
    if (leaves)
        plan_warn(plan, "the kernel has no weight of leaves: blockIO.leafWeight is left out");
}

static int parts_check(const struct spec *spec, struct err *err)
{
    if (!spec->linux || !spec->process)
        return err_set(err, ERR_INVALID, "the configuration has no process or no linux part");
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
    plan->netdevices = linux_part->net_devices.at;
    plan->n_netdevices = linux_part->net_devices.len;
    plan->rdt = linux_part->intel_rdt;
    if (linux_part->resources)
        limits_warn(linux_part->resources, plan);
    if (plan->cgroup && cgroup_path_check(plan->cgroup, err) < 0)
        return plan_fail(plan->request, "/linux/cgroupsPath", err);
    if (plan_resctrl_check(plan->request, err) < 0 || plan_sysctls(spec, plan, err) < 0)
        return -1;
    if (linux_part->resources && plan_limits_make(linux_part->resources, &plan->limits, err) < 0)
        return plan_fail(plan->request, "/linux/resources", err);
    if (plan->request->state)
        plan_limits_allow_defaults(&plan->limits);
    return 0;
}

/* Others live in a pid namespace that is joined, and with CAP_SYS_PTRACE in this user namespace they look
 * at whoever comes. So nobody comes who has the host's root and descriptors (join.c). Not with hooks,
 * which run there and have both. */
static void plan_pids(struct plan *plan)
{
    bool late = plan->makes_nodes && !plan->userns && !plan->mount_path &&
                !plan->mounts_inherited && !(plan->request->flags & RUNTIME_NO_PIVOT) &&
                !plan_pivots_late(plan);
    for (size_t i = 0; late && i < plan->n_joins; i++) {
        if (plan->joins[i].flag != CLONE_NEWPID)
            continue;
        plan->pid_path = plan->joins[i].path;
        plan->joins[i] = plan->joins[--plan->n_joins];
        return;
    }
}

/* Its root is copied in the end (join.c), and what is unbindable would be left out. Of the copy nothing
 * can be bound anyway. */
static void plan_inherit(struct plan *plan)
{
    for (size_t i = 0; i < plan->n_mounts; i++)
        if (plan->mounts[i].options.propagation == MS_UNBINDABLE)
            plan->mounts[i].options.propagation = MS_PRIVATE;
    if (plan->root_propagation == MS_UNBINDABLE)
        plan->root_propagation = MS_PRIVATE;
}

static void inherit_warn(struct plan *plan)
{
    if (plan->mounts_inherited && plan->process.capabilities.bounding & 1ULL << CAP_SYS_ADMIN)
        plan_warn(plan, "no mount namespace is named: CAP_SYS_ADMIN inside leads to the host's "
                        "files");
}

int plan_make(const struct runtime_request *request, struct plan *ret_plan, struct err *err)
{
    const struct spec *spec = request->spec;
    auto_done(plan) plan = { .request = request, .process.caller = caller_look() };
    plan.privileged = plan.process.caller.uid == 0;
    plan.makes_nodes = plan.privileged && namespace_user_is_first();
    if (parts_check(spec, err) < 0)
        return -1;
    plan_namespaces(spec, &plan);
    if (namespaces_check(&plan, err) < 0 || plan_maps(spec, &plan, err) < 0)
        return plan_fail(request, "/linux", err);
    if (plan_linux(spec, &plan, err) < 0)
        return -1;
    plan.limits.optional = request->optional_limits;
    plan_root(request, &plan);
    plan_hooks_make(request, &plan);
    plan_pids(&plan);
    if (plan_mounts_make(request, &plan, err) < 0 || plan_process_make(request, &plan, err) < 0)
        return -1;
    if (plan.mounts_inherited)
        plan_inherit(&plan);
    inherit_warn(&plan);
    /* Others live in one that is joined; from a config.json it is done as it says. */
    bool named = plan.all_flags & CLONE_NEWUTS ||
                 (request->state && spec_namespace_find(spec, SPEC_NAMESPACE_UTS));
    plan.hostname = named ? spec->hostname : NULL;
    plan.domainname = named ? spec->domainname : NULL;
    *ret_plan = plan;
    plan = (struct plan){};
    return 0;
}

/* Where a change of ids makes a process visible (sysctl fs.suid_dumpable, "1"), it could be looked
 * at from inside until it hides again. */
static bool ids_reveal(void)
{
    char value = '0';
    auto_close int fd = open("/proc/sys/fs/suid_dumpable", O_RDONLY | O_CLOEXEC);
    return fd < 0 || read(fd, &value, 1) != 1 || value == '1';
}

int plan_make_process(const struct runtime_request *request, struct plan *ret_plan, struct err *err)
{
    auto_done(plan) plan = { .request = request, .process.caller = caller_look() };
    plan.privileged = plan.process.caller.uid == 0;
    if (parts_check(request->spec, err) < 0)
        return -1;
    plan_namespaces(request->spec, &plan);
    /* Who has CAP_SYS_PTRACE in the host's user namespace sees even what hides. */
    plan.exec_direct = plan.privileged && plan.userns && !ids_reveal();
    plan.cgroup = request->spec->linux->cgroups_path;
    if (plan_maps(request->spec, &plan, err) < 0 || plan_process_make(request, &plan, err) < 0)
        return -1;
    inherit_warn(&plan);
    *ret_plan = plan;
    plan = (struct plan){};
    return 0;
}

bool plan_dev_handed(const struct plan *plan)
{
    return plan->dev_made && !plan->dev_by_child;
}

size_t plan_sources_handed(const struct plan *plan)
{
    if (!plan->privileged)
        return 0;
    return plan->binds_by_child ? plan->n_root_sources : plan->n_sources;
}

size_t plan_handed(const struct plan *plan)
{
    return plan_sources_handed(plan) + (plan->privileged && plan_dev_handed(plan));
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
    free(plan->late);
    free(plan->far);
    strings_done(&plan->texts);
    free(plan->process.env);
    free(plan->process.init);
    free(plan->process.init_argv);
    free(plan->process.rlimits);
    plan_attributes_done(&plan->process.attributes);
    seccomp_filter_done(&plan->process.seccomp);
    cgroup_limits_done(&plan->limits);
    cgroup_mounts_done(&plan->cgroup_mounts);
    id_maps_done(&plan->maps);
    free(plan->hooks.creating);
    free(plan->hooks.created);
    *plan = (struct plan){};
}
