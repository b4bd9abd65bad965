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
    return rlimits_check(process, at, err);
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
    if (rule->access && rule->access[strspn(rule->access, "rwm")])
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
    if (namespaces_check(linux, at, err) < 0 || devices_check(linux, at, err) < 0 ||
        time_offsets_check(linux, at, err) < 0)
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
