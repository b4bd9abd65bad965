/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "base/number.h"
#include "engine/defaults.h"
#include "engine/record_part.h"
#include "engine/share.h"
#include "kernel/capability.h"
#include "kernel/guard.h"
#include "kernel/rlimit.h"

static bool mode_is(const char *mode, const char *word)
{
    return mode && strcmp(mode, word) == 0;
}

bool container_wants_userns(const struct engine *engine, const struct container_config *config,
                            const char **ret_why)
{
    const struct container_namespaces *ns = &config->namespaces;
    *ret_why = NULL;
    if (engine->rootless || mode_is(ns->user, "private"))
        return true;
    if (mode_is(ns->user, "host"))
        *ret_why = "--userns host";
    else if (config->privileged)
        *ret_why = "--privileged";
    else if (mode_is(ns->network, "host"))
        *ret_why = "--network host";
    else if (mode_is(ns->pid, "host"))
        *ret_why = "--pid host";
    else if (mode_is(ns->ipc, "host"))
        *ret_why = "--ipc host";
    else if (mode_is(ns->cgroup, "host"))
        *ret_why = "--cgroupns host";
    return !*ret_why;
}

bool config_exposes_program(const struct engine *engine, const struct container_config *config)
{
    const char *why;
    if (engine->rootless)
        return guard_file_is_ours();
    /* Files of the host whose owners cannot be mapped lead to the host's user namespace; and
     * another container's may be the host's. */
    return !container_wants_userns(engine, config, &why) || config->mounts.len || config->rootfs ||
           mode_shares(config->namespaces.user);
}

bool container_exposes_program(const struct engine *engine, const struct container *container)
{
    const char *userns = container->state.userns;
    if (engine->rootless || !userns || !state_is_running(&container->state))
        return config_exposes_program(engine, &container->config);
    return !text_starts(userns, "private");
}

/* --- namespaces ------------------------------------------------------------------------------- */

static int namespace_add(struct engine *engine, struct spec *spec, enum spec_namespace_type type,
                         const char *file, const char *mode, struct err *err)
{
    char *path = NULL;
    if (mode_is(mode, "host"))
        return 0;
    if (mode_shares(mode) && share_path(engine, mode, file, &path, err) < 0)
        return -1;
    struct spec_namespace *entry = array_add(&spec->linux->namespaces);
    entry->type = type;
    entry->path = path;
    return 0;
}

static void mapping_add(struct spec *spec, const struct id_maps *maps)
{
    for (size_t i = 0; i < maps->uid.len; i++) {
        struct spec_id_mapping *to = array_add(&spec->linux->uid_mappings);
        *to = (struct spec_id_mapping){ maps->uid.at[i].inside, maps->uid.at[i].outside,
                                        maps->uid.at[i].count };
    }
    for (size_t i = 0; i < maps->gid.len; i++) {
        struct spec_id_mapping *to = array_add(&spec->linux->gid_mappings);
        *to = (struct spec_id_mapping){ maps->gid.at[i].inside, maps->gid.at[i].outside,
                                        maps->gid.at[i].count };
    }
}

static int add_namespaces(struct engine *engine, struct spec *spec,
                          const struct container_config *config, const struct id_maps *maps,
                          struct err *err)
{
    const struct container_namespaces *ns = &config->namespaces;
    const struct {
        enum spec_namespace_type type;
        char file[8];
        const char *mode;
    } rows[] = {
        { SPEC_NAMESPACE_MOUNT, "mnt", NULL },
        { SPEC_NAMESPACE_PID, "pid", ns->pid },
        { SPEC_NAMESPACE_IPC, "ipc", ns->ipc },
        { SPEC_NAMESPACE_UTS, "uts", ns->uts },
        { SPEC_NAMESPACE_NETWORK, "net", ns->network },
        /* As docker has it on cgroup v2: private unless privileged. */
        { SPEC_NAMESPACE_CGROUP, "cgroup",
          ns->cgroup           ? ns->cgroup
          : config->privileged ? "host"
                               : NULL },
        { SPEC_NAMESPACE_TIME, "time", ns->time },
        { SPEC_NAMESPACE_USER, "user", maps ? ns->user : "host" },
    };
    for (size_t i = 0; i < array_size(rows); i++)
        if (namespace_add(engine, spec, rows[i].type, rows[i].file, rows[i].mode, err) < 0)
            return -1;
    if (maps)
        mapping_add(spec, maps);
    return 0;
}

/* --- mounts ----------------------------------------------------------------------------------- */

static struct spec_mount *mount_add(struct spec *spec, const char *destination, const char *type,
                                    const char *source, const char *options)
{
    struct spec_mount *mount = array_add(&spec->mounts);
    mount->destination = xstrdup(destination);
    mount->type = xstrdup(type);
    mount->source = xstrdup(source);
    struct view rest = view_of(options);
    struct view word;
    bool more = *options;
    while (more) {
        more = view_cut(&rest, ',', &word);
        strings_add_taken(&mount->options, xstrndup(word.at, word.len));
    }
    return mount;
}

/* The group of terminals, in every distribution. */
enum { TTY_GID = 5 };

/* A user without subordinate ids has one id, and no such group. */
static bool gid_is_mapped(const struct id_maps *maps, uint32_t gid)
{
    for (size_t i = 0; i < maps->gid.len; i++)
        if (gid >= maps->gid.at[i].inside && gid - maps->gid.at[i].inside < maps->gid.at[i].count)
            return true;
    return false;
}

static const char shm_path[] = "/dev/shm";

static void add_shm(struct spec *spec, const struct container_config *config)
{
    struct spec_mount *shm =
        mount_add(spec, shm_path, "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777");
    int64_t size = config->shm_size_bytes.set ? config->shm_size_bytes.value : DEFAULT_SHM_BYTES;
    strings_addf(&shm->options, "size=%lld", (long long)size);
}

/* Whose namespace is the host's, its file system is the host's too: a new one could not be mounted
 * from a user namespace that does not own it, and it would show the same. */
static void add_kernel_mounts(struct spec *spec, const struct container_config *config,
                              const struct id_maps *maps)
{
    bool userns = maps != NULL;
    const struct container_namespaces *ns = &config->namespaces;
    bool host_pid = mode_is(ns->pid, "host") && userns;
    bool host_network = mode_is(ns->network, "host") && userns;
    bool host_ipc = mode_is(ns->ipc, "host");
    bool shared_ipc = mode_shares(ns->ipc);
    bool host_cgroup = mode_is(ns->cgroup, "host") && userns;
    const char *kernel_options =
        config->privileged ? "nosuid,noexec,nodev" : "nosuid,noexec,nodev,ro";

    if (host_pid)
        (void)mount_add(spec, "/proc", "bind", "/proc", "rbind,nosuid,noexec,nodev");
    else
        (void)mount_add(spec, "/proc", "proc", "proc", "nosuid,noexec,nodev");
    (void)mount_add(spec, "/dev", "tmpfs", "tmpfs",
                    "nosuid,noexec,strictatime,mode=755,size=65536k");
    struct spec_mount *pts = mount_add(spec, "/dev/pts", "devpts", "devpts",
                                       "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620");
    if (!maps || gid_is_mapped(maps, TTY_GID))
        strings_addf(&pts->options, "gid=%d", TTY_GID);
    if (host_ipc) {
        (void)mount_add(spec, shm_path, "bind", shm_path, "rbind");
        if (!userns)
            (void)mount_add(spec, "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev");
        else if (access("/dev/mqueue", F_OK) == 0) /* not every host has it mounted */
            (void)mount_add(spec, "/dev/mqueue", "bind", "/dev/mqueue", "rbind");
    } else {
        if (shared_ipc)
            (void)mount_add(spec, shm_path, "bind", shm_path, "bind");
        else if (!mode_is(ns->ipc, "none"))
            add_shm(spec, config);
        (void)mount_add(spec, "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev");
    }
    if (host_network) {
        struct spec_mount *sys =
            mount_add(spec, "/sys", "bind", "/sys", "rbind,nosuid,noexec,nodev");
        strings_add(&sys->options, "rro");
    } else {
        (void)mount_add(spec, "/sys", "sysfs", "sysfs", kernel_options);
        if (host_cgroup) {
            struct spec_mount *cgroup = mount_add(spec, "/sys/fs/cgroup", "bind", "/sys/fs/cgroup",
                                                  "rbind,nosuid,noexec,nodev");
            strings_add(&cgroup->options, "rro");
        } else {
            (void)mount_add(spec, "/sys/fs/cgroup", "cgroup", "cgroup", kernel_options);
        }
    }
}

/* What a network gives a container to know: bound from the run directory, so that the image stays
 * as it is. */
static void add_files(struct spec *spec, const char *run_dir)
{
    for (size_t i = 0; i < DEFAULT_FILES; i++) {
        auto_free char *source = xasprintf("%s/%s", run_dir, default_files[i]);
        auto_free char *destination = xasprintf("/etc/%s", default_files[i]);
        (void)mount_add(spec, destination, "bind", source, "bind,nosuid,nodev,noexec");
    }
}

static bool option_starts(const struct strings *options, const char *prefix)
{
    for (size_t i = 0; i < options->len; i++)
        if (text_starts(options->at[i], prefix))
            return true;
    return false;
}

static void add_user_mount(struct spec *spec, const struct container_mount *from)
{
    bool bind = strcmp(from->type, "bind") == 0;
    struct spec_mount *mount =
        mount_add(spec, from->destination, bind ? "bind" : "tmpfs", bind ? from->source : "tmpfs",
                  bind ? "" : "nosuid,nodev,noexec");
    if (bind && !strings_have(&from->options, "bind"))
        strings_add(&mount->options, "rbind");
    if (bind && !option_starts(&from->options, "private") &&
        !option_starts(&from->options, "rprivate") && !option_starts(&from->options, "slave") &&
        !option_starts(&from->options, "rslave") && !option_starts(&from->options, "shared") &&
        !option_starts(&from->options, "rshared"))
        strings_add(&mount->options, "rprivate");
    if (bind && strings_have(&from->options, "ro"))
        strings_add(&mount->options, "rro"); /* what is mounted below it as well */
    if (!bind && !option_starts(&from->options, "mode="))
        strings_add(&mount->options, "mode=1777");
    for (size_t i = 0; i < from->options.len; i++)
        if (strcmp(from->options.at[i], "create-source") != 0)
            strings_add(&mount->options, from->options.at[i]);
}

static size_t mount_depth(const struct spec_mount *mount)
{
    size_t depth = 0;
    for (const char *at = mount->destination; *at; at++)
        depth += *at == '/';
    return depth;
}

/* A parent is mounted before what lies in it, whatever the order it was asked in; otherwise they
 * stay in that order, which qsort promises for no C library. */
static void mounts_sort(struct spec_mount *at, size_t len)
{
    for (size_t i = 1; i < len; i++) {
        struct spec_mount mount = at[i];
        size_t depth = mount_depth(&mount);
        size_t to = i;
        for (; to > 0 && mount_depth(&at[to - 1]) > depth; to--)
            at[to] = at[to - 1];
        at[to] = mount;
    }
}

static bool mount_replaced(const struct container_config *config, const char *destination)
{
    for (size_t i = 0; i < config->mounts.len; i++)
        if (strcmp(config->mounts.at[i].destination, destination) == 0)
            return true;
    return false;
}

static void add_mounts(struct spec *spec, const struct container_config *config,
                       const struct id_maps *maps, const char *run_dir)
{
    add_kernel_mounts(spec, config, maps);
    if (run_dir)
        add_files(spec, run_dir);
    /* What the user mounts himself stands in for ours. */
    size_t kept = 0;
    for (size_t i = 0; i < spec->mounts.len; i++) {
        if (mount_replaced(config, spec->mounts.at[i].destination))
            field_done(spec_mount_fields, &spec->mounts.at[i]);
        else
            spec->mounts.at[kept++] = spec->mounts.at[i];
    }
    spec->mounts.len = kept;
    for (size_t i = 0; i < config->mounts.len; i++)
        add_user_mount(spec, &config->mounts.at[i]);
    if (config->mounts.len)
        mounts_sort(spec->mounts.at + kept, spec->mounts.len - kept);
}

/* --- devices ---------------------------------------------------------------------------------- */

static void rule_add(struct spec *spec, bool allow, const char *type, int64_t major, int64_t minor,
                     const char *access)
{
    struct spec_device_rule *rule = array_add(&spec->linux->resources->devices);
    rule->allow = allow;
    rule->type = xstrdup(type);
    rule->major = (struct maybe_i64){ major >= 0, major };
    rule->minor = (struct maybe_i64){ minor >= 0, minor };
    rule->access = xstrdup(access);
}

static int device_add(struct spec *spec, const char *source, const char *destination,
                      const char *access, struct start_plan *plan, struct err *err)
{
    struct stat status;
    if (stat(source, &status) < 0)
        return err_sys(err, "device %s", source);
    if (!S_ISCHR(status.st_mode) && !S_ISBLK(status.st_mode))
        return err_set(err, ERR_INVALID,
                       "device %s: this is no device node; mount it with -v instead", source);
    struct spec_device *device = array_add(&spec->linux->devices);
    device->path = xstrdup(destination);
    device->type = xstrdup(S_ISBLK(status.st_mode) ? "b" : "c");
    device->major = (struct maybe_i64){ true, major(status.st_rdev) };
    device->minor = (struct maybe_i64){ true, minor(status.st_rdev) };
    device->file_mode = (struct maybe_u64){ true, status.st_mode & 07777 };
    device->uid = (struct maybe_u64){ true, status.st_uid };
    device->gid = (struct maybe_u64){ true, status.st_gid };
    if (strcmp(source, destination) != 0)
        pairs_put(&plan->device_sources, destination, source);
    if (spec->linux->resources->devices.len)
        rule_add(spec, true, device->type, device->major.value, device->minor.value, access);
    return 0;
}

static bool device_is_special(const char *name)
{
    static const char names[][8] = { "pts",    "shm",     "mqueue",  "fd",   "stdin", "stdout",
                                     "stderr", "ptmx",    "console", "null", "zero",  "full",
                                     "random", "urandom", "tty",     "core" };
    for (size_t i = 0; i < array_size(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* Every device the host has: what --privileged means. */
static int add_host_devices(struct spec *spec, const char *directory, struct start_plan *plan,
                            struct err *err)
{
    auto_done(strings) names = {};
    if (dir_list(AT_FDCWD, directory, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.len; i++) {
        struct stat status;
        auto_free char *path = xasprintf("%s/%s", directory, names.at[i]);
        if (device_is_special(names.at[i]) || lstat(path, &status) < 0)
            continue;
        int result = 0;
        if (S_ISDIR(status.st_mode))
            result = add_host_devices(spec, path, plan, err);
        else if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode))
            result = device_add(spec, path, path, "rwm", plan, err);
        if (result < 0)
            return -1;
    }
    return 0;
}

/* In a user namespace of its own nothing can be done with a node that was not handed in, so no
 * filter is needed. In the host's it is the filter that keeps a container with CAP_MKNOD from the
 * disks. */
static int add_devices(struct spec *spec, const struct container_config *config, bool userns,
                       struct start_plan *plan, struct err *err)
{
    if (!userns && !config->privileged) {
        rule_add(spec, false, "a", -1, -1, "rwm");
        for (size_t i = 0; i < DEFAULT_DEVICE_RULES; i++)
            rule_add(spec, true, "c", default_device_rules[i].major, default_device_rules[i].minor,
                     default_device_rules[i].access);
    }
    if (config->privileged && add_host_devices(spec, "/dev", plan, err) < 0)
        return -1;
    for (size_t i = 0; i < config->devices.len; i++) {
        const struct container_device *device = &config->devices.at[i];
        if (device_add(spec, device->source, device->destination, device->access, plan, err) < 0)
            return -1;
    }
    return 0;
}

/* --- the process ------------------------------------------------------------------------------ */

static int capability_list(const struct container_config *config, uint64_t *ret_mask,
                           struct err *err)
{
    uint64_t mask = DEFAULT_CAPABILITIES;
    if (config->privileged || strings_have(&config->cap_add, "ALL"))
        mask = capability_all();
    if (strings_have(&config->cap_drop, "ALL"))
        mask = 0;
    for (size_t i = 0; i < config->cap_drop.len; i++) {
        int capability;
        if (strcmp(config->cap_drop.at[i], "ALL") == 0)
            continue;
        if (capability_parse(config->cap_drop.at[i], &capability, err) < 0)
            return -1;
        mask &= ~(UINT64_C(1) << capability);
    }
    for (size_t i = 0; i < config->cap_add.len; i++) {
        int capability;
        if (strcmp(config->cap_add.at[i], "ALL") == 0)
            continue;
        if (capability_parse(config->cap_add.at[i], &capability, err) < 0)
            return -1;
        mask |= UINT64_C(1) << capability;
    }
    *ret_mask = mask;
    return 0;
}

static int add_capabilities(struct spec *spec, const struct container_config *config,
                            struct err *err)
{
    uint64_t mask;
    if (capability_list(config, &mask, err) < 0)
        return -1;
    struct spec_capabilities *capabilities = xnew(struct spec_capabilities);
    spec->process->capabilities = capabilities;
    for (int capability = 0; capability < CAPABILITY_COUNT; capability++) {
        if (!(mask & (UINT64_C(1) << capability)))
            continue;
        strings_add(&capabilities->bounding, capability_name(capability));
        strings_add(&capabilities->effective, capability_name(capability));
        strings_add(&capabilities->permitted, capability_name(capability));
    }
    return 0;
}

static int add_rlimits(struct spec *spec, const struct container_config *config, struct err *err)
{
    for (size_t i = 0; i < config->ulimits.len; i++) {
        struct rlimit_pair pair;
        if (rlimit_parse(config->ulimits.at[i], &pair, err) < 0)
            return -1;
        struct spec_rlimit *limit = array_add(&spec->process->rlimits);
        limit->type = xstrdup(rlimit_constant(pair.resource));
        limit->soft = pair.soft;
        limit->hard = pair.hard;
    }
    return 0;
}

static void add_env(struct spec_process *process, const struct container_config *config,
                    const char *hostname)
{
    if (!strings_value(&config->env, "PATH"))
        strings_add(&process->env, "PATH=" DEFAULT_PATH);
    if (!strings_value(&config->env, "HOSTNAME") && hostname)
        strings_addf(&process->env, "HOSTNAME=%s", hostname);
    if (config->terminal && !strings_value(&config->env, "TERM"))
        strings_add(&process->env, "TERM=xterm");
    for (size_t i = 0; i < config->env.len; i++)
        strings_add(&process->env, config->env.at[i]);
}

static int add_process(struct spec *spec, const struct container_config *config, struct err *err)
{
    struct spec_process *process = xnew(struct spec_process);
    spec->process = process;
    process->terminal = config->terminal;
    process->cwd = xstrdup(config->workdir && *config->workdir ? config->workdir : "/");
    process->user.umask = (struct maybe_u64){ true, DEFAULT_UMASK };
    process->no_new_privileges = config->no_new_privileges;
    for (size_t i = 0; i < config->entrypoint.len; i++)
        strings_add(&process->args, config->entrypoint.at[i]);
    for (size_t i = 0; i < config->command.len; i++)
        strings_add(&process->args, config->command.at[i]);
    add_env(process, config, spec->hostname);
    if (add_rlimits(spec, config, err) < 0)
        return -1;
    return add_capabilities(spec, config, err);
}

/* --- limits, paths ---------------------------------------------------------------------------- */

static void add_cpu(struct spec_resources *resources, const struct container_resources *from)
{
    bool any = from->nano_cpus.set || from->cpu_shares.set || from->cpu_quota_us.set ||
               from->cpu_period_us.set || from->cpuset_cpus || from->cpuset_mems;
    if (!any)
        return;
    struct spec_cpu *cpu = xnew(struct spec_cpu);
    resources->cpu = cpu;
    cpu->shares = (struct maybe_u64){ from->cpu_shares.set, (uint64_t)from->cpu_shares.value };
    cpu->quota = from->cpu_quota_us;
    cpu->period =
        (struct maybe_u64){ from->cpu_period_us.set, (uint64_t)from->cpu_period_us.value };
    cpu->cpus = from->cpuset_cpus ? xstrdup(from->cpuset_cpus) : NULL;
    cpu->mems = from->cpuset_mems ? xstrdup(from->cpuset_mems) : NULL;
    if (from->nano_cpus.set) {
        cpu->period = (struct maybe_u64){ true, DEFAULT_CPU_PERIOD_US };
        cpu->quota = (struct maybe_i64){ true, from->nano_cpus.value /
                                                   (1000000000 / DEFAULT_CPU_PERIOD_US) };
    }
}

static void add_resources(struct spec *spec, const struct container_config *config,
                          unsigned *ret_optional)
{
    const struct container_resources *from = &config->resources;
    struct spec_resources *resources = xnew(struct spec_resources);
    spec->linux->resources = resources;
    resources->pids = xnew(struct spec_pids);
    resources->pids->limit = from->pids_limit;
    if (!from->pids_limit.set) {
        resources->pids->limit = (struct maybe_i64){ true, DEFAULT_PIDS };
        *ret_optional |= 1u << CGROUP_PIDS;
    }
    if (resources->pids->limit.value <= 0)
        resources->pids->limit = (struct maybe_i64){};
    if (from->memory_bytes.set || from->memory_swap_bytes.set ||
        from->memory_reservation_bytes.set) {
        resources->memory = xnew(struct spec_memory);
        resources->memory->limit = from->memory_bytes;
        resources->memory->swap = from->memory_swap_bytes;
        resources->memory->reservation = from->memory_reservation_bytes;
        /* Where swap is not accounted it is left out, unless it was asked for. */
        if (from->memory_swap_bytes.value == container_swap_default(from->memory_bytes.value))
            *ret_optional |= CGROUP_OPTIONAL_SWAP;
    }
    if (from->blkio_weight.set) {
        resources->block_io = xnew(struct spec_block_io);
        resources->block_io->weight =
            (struct maybe_u64){ true, (uint64_t)from->blkio_weight.value };
    }
    add_cpu(resources, from);
}

static void add_protected(struct strings *to, const struct strings *unmask,
                          const char (*paths)[DEFAULT_PATH_SIZE], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strings_have(unmask, paths[i]))
            strings_add(to, paths[i]);
}

static int add_seccomp(struct spec *spec, const struct container_config *config,
                       struct start_plan *plan, struct err *err)
{
    plan->seccomp = RUNTIME_SECCOMP_SPEC;
    if (!config->seccomp && !config->privileged)
        plan->seccomp = RUNTIME_SECCOMP_DEFAULT;
    if (!config->seccomp || strcmp(config->seccomp, "unconfined") == 0)
        return 0;
    struct spec_seccomp *seccomp = xnew(struct spec_seccomp);
    spec->linux->seccomp = seccomp;
    if (field_read(spec_seccomp_fields, config->seccomp, strlen(config->seccomp), "seccomp profile",
                   0, seccomp, err) < 0)
        return -1;
    return spec_seccomp_check(seccomp, "", err);
}

static void plan_rootfs(const struct container_config *config, const struct strings *layers,
                        const char *root_dir, struct start_plan *plan)
{
    struct runtime_rootfs *rootfs = &plan->rootfs;
    rootfs->kind = config->rootfs && !config->rootfs_overlay ? ROOTFS_DIRECTORY : ROOTFS_OVERLAY;
    if (config->rootfs) {
        strings_add(&rootfs->lower, config->rootfs);
        rootfs->flags = config->rootfs_overlay ? ROOTFS_TMPFS : 0;
        return;
    }
    strings_copy(&rootfs->lower, layers);
    strings_addf(&plan->paths, "%s/containers/%s", root_dir, config->id);
    rootfs->upper = plan->paths.at[plan->paths.len - 1];
    rootfs->flags = config->auto_remove ? ROOTFS_VOLATILE : 0;
}

int start_plan_make(struct engine *engine, const struct container_config *config,
                    const struct id_maps *maps, const struct strings *layers, const char *run_dir,
                    struct start_plan *ret_plan, struct err *err)
{
    auto_done(start_plan)
        plan = { .userns = maps != NULL,
                 /* By a number, so that his groups are looked up as any other's. */
                 .user = config->user && *config->user ? config->user : "0" };
    struct spec *spec = &plan.spec;
    spec->oci_version = xstrdup(SPEC_VERSION);
    spec->root = xnew(struct spec_root);
    spec->root->readonly = config->readonly;
    spec->linux = xnew(struct spec_linux);
    if (!mode_is(config->namespaces.uts, "host") && !mode_shares(config->namespaces.uts))
        spec->hostname = config->hostname ? xstrdup(config->hostname)
                                          : xstrndup(config->id, CONTAINER_ID_SHORT_LEN);
    spec->domainname = config->domainname ? xstrdup(config->domainname) : NULL;
    spec->linux->cgroups_path = container_group_path(config->id);
    pairs_copy(&spec->linux->sysctl, &config->sysctls);
    pairs_copy(&spec->annotations, &config->annotations);

    add_resources(spec, config, &plan.optional_limits);
    add_mounts(spec, config, maps, run_dir);
    if (mode_shares(config->namespaces.ipc) && !mount_replaced(config, shm_path) &&
        share_path(engine, config->namespaces.ipc, "mnt", &plan.lender, err) < 0)
        return -1;
    plan.lent = plan.lender ? shm_path : NULL;
    if (add_namespaces(engine, spec, config, maps, err) < 0 || add_process(spec, config, err) < 0 ||
        add_devices(spec, config, plan.userns, &plan, err) < 0 ||
        add_seccomp(spec, config, &plan, err) < 0)
        return -1;
    if (!config->privileged && !strings_have(&config->unmask, "ALL")) {
        add_protected(&spec->linux->masked_paths, &config->unmask, default_masked, DEFAULT_MASKED);
        add_protected(&spec->linux->readonly_paths, &config->unmask, default_readonly,
                      DEFAULT_READONLY);
    }
    plan_rootfs(config, layers, engine->root, &plan);
    *ret_plan = plan;
    plan = (struct start_plan){};
    return 0;
}

void start_plan_done(struct start_plan *plan)
{
    spec_done(&plan->spec);
    strings_done(&plan->rootfs.lower);
    strings_done(&plan->paths);
    pairs_done(&plan->device_sources);
    free(plan->lender);
    *plan = (struct start_plan){};
}
