/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What config.md and config-linux.md ask of values beyond their types. `at` is always the JSON
 * pointer of the object in question, with the document's name before it.
 */
#include "oci/spec.h"

#include <string.h>

static int path_check(const char *path, const char *at, const char *key, struct err *err)
{
    if (path[0] == '/')
        return 0;
    return err_set(err, ERR_INVALID, "%s/%s: the path is not absolute", at, key);
}

static int paths_check(const struct strings *paths, const char *at, const char *key,
                       struct err *err)
{
    for (size_t i = 0; i < paths->len; i++)
        if (paths->at[i][0] != '/')
            return err_set(err, ERR_INVALID, "%s/%s/%zu: the path is not absolute", at, key, i);
    return 0;
}

static int range_check(int64_t value, int64_t lowest, int64_t highest, const char *at,
                       const char *key, struct err *err)
{
    if (value >= lowest && value <= highest)
        return 0;
    return err_set(err, ERR_INVALID, "%s/%s: %lld is not from %lld to %lld", at, key,
                   (long long)value, (long long)lowest, (long long)highest);
}

/* How many characters of text are in the range. */
static size_t span(const char *text, char lowest, char highest)
{
    size_t len = 0;

    while (text[len] >= lowest && text[len] <= highest)
        len++;
    return len;
}

/* SemVer: 1.MINOR.PATCH, then nothing or what begins with '-' or '+'. Another major number is
 * another format. */
static int version_check(const char *version, struct err *err)
{
    const char *rest = version;

    for (int part = 0; part < 3; part++) {
        size_t digits = span(rest, '0', '9');

        if (digits == 0 || (part < 2 && rest[digits] != '.'))
            return err_set(err, ERR_INVALID, "config.json: /ociVersion: no version such as %s",
                           SPEC_VERSION);
        rest += digits + (part < 2);
    }
    if (*rest && *rest != '-' && *rest != '+')
        return err_set(err, ERR_INVALID, "config.json: /ociVersion: no version such as %s",
                       SPEC_VERSION);
    if (!text_starts(version, "1."))
        return err_set(err, ERR_UNSUPPORTED,
                       "config.json: /ociVersion: only versions 1.x are understood");
    return 0;
}

/* ---- process ---- */

static int rlimits_check(const struct spec_process *process, const char *at, struct err *err)
{
    for (size_t i = 0; i < process->rlimits.len; i++) {
        const char *type = process->rlimits.at[i].type;
        size_t prefix = strlen("RLIMIT_");

        if (!text_starts(type, "RLIMIT_") || !type[prefix] ||
            type[prefix + span(type + prefix, 'A', 'Z')])
            return err_set(err, ERR_INVALID, "%s/rlimits/%zu/type: no name such as RLIMIT_NOFILE",
                           at, i);
        for (size_t k = 0; k < i; k++)
            if (strcmp(process->rlimits.at[k].type, type) == 0)
                return err_set(err, ERR_INVALID, "%s/rlimits/%zu: %s is there already", at, i,
                               type);
    }
    return 0;
}

/* What sched_setattr(2) would refuse, and what it would pass over. */
static int scheduler_check(const struct spec_scheduler *scheduler, const char *at, struct err *err)
{
    bool real_time = scheduler->policy == SCHEDULER_FIFO || scheduler->policy == SCHEDULER_RR;
    bool deadline = scheduler->policy == SCHEDULER_DEADLINE;
    if (scheduler->policy == SCHEDULER_ISO)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s/scheduler/policy: the kernel never had a SCHED_ISO", at);
    if (range_check(scheduler->nice, -20, 19, at, "scheduler/nice", err) < 0)
        return -1;
    if (real_time && range_check(scheduler->priority, 1, 99, at, "scheduler/priority", err) < 0)
        return -1;
    if (!real_time && scheduler->priority)
        return err_set(err, ERR_INVALID,
                       "%s/scheduler/priority: only SCHED_FIFO and SCHED_RR have one", at);
    if (!deadline && (scheduler->runtime || scheduler->deadline || scheduler->period))
        return err_set(err, ERR_INVALID,
                       "%s/scheduler: only SCHED_DEADLINE has runtime, deadline and period", at);
    return 0;
}

int spec_process_check(const struct spec_process *process, const char *at, struct err *err)
{
    if (process->args.len == 0)
        return err_set(err, ERR_INVALID, "%s/args: there is no command", at);
    if (path_check(process->cwd, at, "cwd", err) < 0)
        return -1;
    if (process->oom_score_adj.set &&
        range_check(process->oom_score_adj.value, -1000, 1000, at, "oomScoreAdj", err) < 0)
        return -1;
    if (process->io_priority &&
        range_check(process->io_priority->priority, 0, 7, at, "ioPriority/priority", err) < 0)
        return -1;
    if (process->scheduler && scheduler_check(process->scheduler, at, err) < 0)
        return -1;
    return rlimits_check(process, at, err);
}

/* ---- id mappings ---- */

/* What the kernel would refuse without a word on where: user_namespaces(7). */
static int mappings_check(const struct spec_id_mapping *rows, size_t n, const char *at,
                          const char *key, struct err *err)
{
    enum { ROWS_MAX = 340 };

    if (n > ROWS_MAX)
        return err_set(err, ERR_INVALID, "%s/%s: the kernel takes %d at most", at, key, ROWS_MAX);
    for (size_t i = 0; i < n; i++) {
        uint64_t inside = rows[i].container_id;
        uint64_t outside = rows[i].host_id;
        uint64_t size = rows[i].size;

        if (!size || inside + size > UINT32_MAX || outside + size > UINT32_MAX)
            return err_set(err, ERR_INVALID,
                           "%s/%s/%zu/size: %u ids from there are no range of ids", at, key, i,
                           rows[i].size);
        for (size_t k = 0; k < i; k++) {
            bool apart_inside = inside + size <= rows[k].container_id ||
                                (uint64_t)rows[k].container_id + rows[k].size <= inside;
            bool apart_outside = outside + size <= rows[k].host_id ||
                                 (uint64_t)rows[k].host_id + rows[k].size <= outside;

            if (!apart_inside || !apart_outside)
                return err_set(err, ERR_INVALID, "%s/%s/%zu: has ids of number %zu", at, key, i, k);
        }
    }
    return 0;
}

/* ---- mounts and hooks ---- */

static int mounts_check(const struct spec *spec, const char *at, struct err *err)
{
    for (size_t i = 0; i < spec->mounts.len; i++) {
        const struct spec_mount *mount = &spec->mounts.at[i];

        if (!mount->destination[0])
            return err_set(err, ERR_INVALID, "%s/mounts/%zu/destination: the path is empty", at, i);
        if ((mount->uid_mappings.len == 0) != (mount->gid_mappings.len == 0))
            return err_set(err, ERR_INVALID,
                           "%s/mounts/%zu: uidMappings and gidMappings need each other", at, i);
        auto_free char *inner = xasprintf("%s/mounts/%zu", at, i);
        if (mappings_check(mount->uid_mappings.at, mount->uid_mappings.len, inner, "uidMappings",
                           err) < 0 ||
            mappings_check(mount->gid_mappings.at, mount->gid_mappings.len, inner, "gidMappings",
                           err) < 0)
            return -1;
    }
    return 0;
}

static int hook_check(const struct spec_hook *hook, const char *at, struct err *err)
{
    if (path_check(hook->path, at, "path", err) < 0)
        return -1;
    if (hook->timeout.set && hook->timeout.value <= 0)
        return err_set(err, ERR_INVALID, "%s/timeout: %lld is no number of seconds above 0", at,
                       (long long)hook->timeout.value);
    return 0;
}

static int hooks_check(const struct spec_hooks *hooks, const char *at, struct err *err)
{
    const struct {
        const char *key;
        const struct spec_hook *at;
        size_t len;
    } lists[] = {
        { "prestart", hooks->prestart.at, hooks->prestart.len },
        { "createRuntime", hooks->create_runtime.at, hooks->create_runtime.len },
        { "createContainer", hooks->create_container.at, hooks->create_container.len },
        { "startContainer", hooks->start_container.at, hooks->start_container.len },
        { "poststart", hooks->poststart.at, hooks->poststart.len },
        { "poststop", hooks->poststop.at, hooks->poststop.len },
    };

    for (size_t i = 0; i < array_size(lists); i++) {
        for (size_t k = 0; k < lists[i].len; k++) {
            auto_free char *inner = xasprintf("%s/%s/%zu", at, lists[i].key, k);

            if (hook_check(&lists[i].at[k], inner, err) < 0)
                return -1;
        }
    }
    return 0;
}

/* ---- resources ---- */

static int device_rule_check(const struct spec_device_rule *rule, const char *at, struct err *err)
{
    if (rule->type && (!rule->type[0] || rule->type[1] || !strchr("abc", rule->type[0])))
        return err_set(err, ERR_INVALID, "%s/type: none of a, b, c", at);
    /* "a" stands in rules that runc takes; where it refuses all, nothing is lost. */
    if (rule->access && rule->access[strspn(rule->access, rule->allow ? "rwm" : "rwma")])
        return err_set(err, ERR_INVALID, "%s/access: of other letters than r, w, m", at);
    if (rule->major.set && range_check(rule->major.value, -1, UINT32_MAX, at, "major", err) < 0)
        return -1;
    if (rule->minor.set && range_check(rule->minor.value, -1, UINT32_MAX, at, "minor", err) < 0)
        return -1;
    return 0;
}

static int weights_check(const struct spec_block_io *block_io, const char *at, struct err *err)
{
    for (size_t i = 0; i < block_io->weight_device.len; i++)
        if (!block_io->weight_device.at[i].weight.set &&
            !block_io->weight_device.at[i].leaf_weight.set)
            return err_set(err, ERR_INVALID,
                           "%s/blockIO/weightDevice/%zu: neither weight nor leafWeight", at, i);
    return 0;
}

static int hugepages_check(const struct spec_resources *resources, const char *at, struct err *err)
{
    for (size_t i = 0; i < resources->hugepage_limits.len; i++) {
        const char *size = resources->hugepage_limits.at[i].page_size;
        const char *unit = size + span(size, '0', '9');

        if (size[0] < '1' || size[0] > '9' || !*unit || !strchr("KMG", *unit) ||
            strcmp(unit + 1, "B") != 0)
            return err_set(err, ERR_INVALID, "%s/hugepageLimits/%zu/pageSize: no size such as 2MB",
                           at, i);
    }
    return 0;
}

/* The keys are names of files in the cgroup's own directory. */
static int unified_check(const struct pairs *unified, const char *at, struct err *err)
{
    for (size_t i = 0; i < unified->len; i++) {
        const char *key = unified->at[i].key;

        if (strchr(key, '/') || !strchr(key, '.') || key[0] == '.')
            return err_set(err, ERR_INVALID, "%s/unified: \"%.100s\" is no file of a cgroup", at,
                           key);
    }
    return 0;
}

int spec_resources_check(const struct spec_resources *resources, const char *at, struct err *err)
{
    for (size_t i = 0; i < resources->devices.len; i++) {
        auto_free char *inner = xasprintf("%s/devices/%zu", at, i);

        if (device_rule_check(&resources->devices.at[i], inner, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < resources->rdma.len; i++)
        if (!resources->rdma.at[i].hca_handles.set && !resources->rdma.at[i].hca_objects.set)
            return err_set(err, ERR_INVALID,
                           "%s/rdma: \"%.100s\" has neither hcaHandles nor hcaObjects", at,
                           resources->rdma.at[i].key);
    if (resources->block_io && weights_check(resources->block_io, at, err) < 0)
        return -1;
    if (hugepages_check(resources, at, err) < 0)
        return -1;
    return unified_check(&resources->unified, at, err);
}

/* ---- linux ---- */

static int namespaces_check(const struct spec_linux *linux, const char *at, struct err *err)
{
    unsigned seen = 0;

    for (size_t i = 0; i < linux->namespaces.len; i++) {
        const struct spec_namespace *namespace = &linux->namespaces.at[i];

        if (seen & 1U << namespace->type)
            return err_set(err, ERR_INVALID, "%s/namespaces/%zu: %s is there already", at, i,
                           spec_namespace_type_names[namespace->type]);
        seen |= 1U << namespace->type;
        if (namespace->path && namespace->path[0] != '/')
            return err_set(
                err, ERR_INVALID,
                "%s/namespaces/%zu/path: the path is not absolute; leave it out for a new "
                "namespace",
                at, i);
    }
    return 0;
}

static int device_check(const struct spec_device *device, const char *at, struct err *err)
{
    /* The kernel's mknod takes 12 and 20 bits, and cuts off the rest: that would be another device.
     */
    enum { MAJOR_HIGHEST = (1 << 12) - 1, MINOR_HIGHEST = (1 << 20) - 1 };

    if (!device->type[0] || device->type[1] || !strchr("cbup", device->type[0]))
        return err_set(err, ERR_INVALID, "%s/type: none of c, b, u, p", at);
    if (path_check(device->path, at, "path", err) < 0)
        return -1;
    if (device->type[0] != 'p' && (!device->major.set || !device->minor.set))
        return err_set(err, ERR_INVALID, "%s: needs both major and minor", at);
    if (range_check(device->major.value, 0, MAJOR_HIGHEST, at, "major", err) < 0)
        return -1;
    return range_check(device->minor.value, 0, MINOR_HIGHEST, at, "minor", err);
}

static int devices_check(const struct spec_linux *linux, const char *at, struct err *err)
{
    for (size_t i = 0; i < linux->devices.len; i++) {
        auto_free char *inner = xasprintf("%s/devices/%zu", at, i);

        if (device_check(&linux->devices.at[i], inner, err) < 0)
            return -1;
    }
    return 0;
}

/* Its texts become a directory's name and lines of a file. */
static int intel_rdt_check(const struct spec_intel_rdt *rdt, const char *at, struct err *err)
{
    const char *id = rdt->clos_id;

    /* "/" alone is the default class. */
    if (id && strcmp(id, "/") != 0 &&
        (!id[0] || strchr(id, '/') || strcmp(id, ".") == 0 || strcmp(id, "..") == 0))
        return err_set(err, ERR_INVALID, "%s/intelRdt/closID: no name of a directory", at);
    if (rdt->l3_cache_schema && strchr(rdt->l3_cache_schema, '\n'))
        return err_set(err, ERR_INVALID, "%s/intelRdt/l3CacheSchema: more than one line", at);
    if (rdt->mem_bw_schema &&
        (!text_starts(rdt->mem_bw_schema, "MB:") || strchr(rdt->mem_bw_schema, '\n')))
        return err_set(err, ERR_INVALID,
                       "%s/intelRdt/memBwSchema: not one line that begins with MB:", at);
    for (size_t i = 0; i < rdt->schemata.len; i++)
        if (strchr(rdt->schemata.at[i], '\n'))
            return err_set(err, ERR_INVALID, "%s/intelRdt/schemata/%zu: more than one line", at, i);
    return 0;
}

static int time_offsets_check(const struct spec_linux *linux, const char *at, struct err *err)
{
    for (size_t i = 0; i < linux->time_offsets.len; i++) {
        const struct spec_time_offset *offset = &linux->time_offsets.at[i];

        if (strcmp(offset->key, "boottime") != 0 && strcmp(offset->key, "monotonic") != 0)
            return err_set(err, ERR_INVALID,
                           "%s/timeOffsets: \"%.100s\" is neither boottime nor monotonic", at,
                           offset->key);
        if (offset->nanosecs >= 1000000000)
            return err_set(err, ERR_INVALID, "%s/timeOffsets/%s/nanosecs: a second or more", at,
                           offset->key);
    }
    return 0;
}

/* What dev_valid_name of the kernel takes; 15 bytes are IFNAMSIZ without its end. */
static bool interface_name_is_valid(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= 15 && strcspn(name, "/: \t\n\v\f\r") == len &&
           strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int net_devices_check(const struct spec_linux *linux, const char *at, struct err *err)
{
    for (size_t i = 0; i < linux->net_devices.len; i++) {
        const struct spec_net_device *device = &linux->net_devices.at[i];
        const char *inside = device->name && *device->name ? device->name : device->key;

        if (!interface_name_is_valid(device->key))
            return err_set(err, ERR_INVALID, "%s/netDevices: \"%.100s\" is no name of an interface",
                           at, device->key);
        if (!interface_name_is_valid(inside))
            return err_set(err, ERR_INVALID, "%s/netDevices/%s/name: no name of an interface", at,
                           device->key);
        for (size_t k = 0; k < i; k++) {
            const struct spec_net_device *other = &linux->net_devices.at[k];
            if (strcmp(other->name && *other->name ? other->name : other->key, inside) == 0)
                return err_set(err, ERR_INVALID, "%s/netDevices/%s/name: %s is there already", at,
                               device->key, inside);
        }
    }
    return 0;
}

static int propagation_check(const char *propagation, const char *at, struct err *err)
{
    /* The specification has those without 'r'; other runtimes take both. */
    static const char *const words[] = { "private", "shared", "slave", "unbindable" };
    const char *word = propagation + (propagation[0] == 'r');

    for (size_t i = 0; i < array_size(words); i++)
        if (strcmp(word, words[i]) == 0)
            return 0;
    return err_set(err, ERR_INVALID,
                   "%s/rootfsPropagation: none of private, shared, slave, unbindable", at);
}

static int linux_check(const struct spec_linux *linux, const char *at, struct err *err)
{
    if (mappings_check(linux->uid_mappings.at, linux->uid_mappings.len, at, "uidMappings", err) <
            0 ||
        mappings_check(linux->gid_mappings.at, linux->gid_mappings.len, at, "gidMappings", err) < 0)
        return -1;
    if (namespaces_check(linux, at, err) < 0 || devices_check(linux, at, err) < 0 ||
        time_offsets_check(linux, at, err) < 0 || net_devices_check(linux, at, err) < 0)
        return -1;
    if (linux->rootfs_propagation && propagation_check(linux->rootfs_propagation, at, err) < 0)
        return -1;
    if (paths_check(&linux->masked_paths, at, "maskedPaths", err) < 0 ||
        paths_check(&linux->readonly_paths, at, "readonlyPaths", err) < 0)
        return -1;
    if (linux->personality && linux->personality->flags.len > 0)
        return err_set(err, ERR_INVALID, "%s/personality/flags/0: no flag is defined", at);
    if (linux->intel_rdt && intel_rdt_check(linux->intel_rdt, at, err) < 0)
        return -1;
    if (linux->resources) {
        auto_free char *inner = xasprintf("%s/resources", at);

        if (spec_resources_check(linux->resources, inner, err) < 0)
            return -1;
    }
    if (linux->seccomp) {
        auto_free char *inner = xasprintf("%s/seccomp", at);

        return spec_seccomp_check(linux->seccomp, inner, err);
    }
    return 0;
}

int spec_check(const struct spec *spec, struct err *err)
{
    if (spec->oci_version && version_check(spec->oci_version, err) < 0)
        return -1;
    if (spec->process && spec_process_check(spec->process, "config.json: /process", err) < 0)
        return -1;
    if (spec->root && !spec->root->path[0])
        return err_set(err, ERR_INVALID, "config.json: /root/path: the path is empty");
    if (mounts_check(spec, "config.json: ", err) < 0)
        return -1;
    if (spec->hooks && hooks_check(spec->hooks, "config.json: /hooks", err) < 0)
        return -1;
    for (size_t i = 0; i < spec->annotations.len; i++)
        if (!spec->annotations.at[i].key[0])
            return err_set(err, ERR_INVALID, "config.json: /annotations: a key is empty");
    return spec->linux ? linux_check(spec->linux, "config.json: /linux", err) : 0;
}
