/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/spec.h"

const char *const spec_namespace_type_names[] = {
    [SPEC_NAMESPACE_PID] = "pid",       [SPEC_NAMESPACE_NETWORK] = "network",
    [SPEC_NAMESPACE_MOUNT] = "mount",   [SPEC_NAMESPACE_IPC] = "ipc",
    [SPEC_NAMESPACE_UTS] = "uts",       [SPEC_NAMESPACE_USER] = "user",
    [SPEC_NAMESPACE_CGROUP] = "cgroup", [SPEC_NAMESPACE_TIME] = "time",
    [SPEC_NAMESPACE_COUNT] = NULL,
};

const char *const spec_scheduler_policy_names[] = {
    [SCHEDULER_OTHER] = "SCHED_OTHER",
    [SCHEDULER_FIFO] = "SCHED_FIFO",
    [SCHEDULER_RR] = "SCHED_RR",
    [SCHEDULER_BATCH] = "SCHED_BATCH",
    [SCHEDULER_ISO] = "SCHED_ISO",
    [SCHEDULER_IDLE] = "SCHED_IDLE",
    [SCHEDULER_DEADLINE] = "SCHED_DEADLINE",
    NULL,
};

const char *const spec_io_class_names[] = {
    [IO_CLASS_RT] = "IOPRIO_CLASS_RT",
    [IO_CLASS_BE] = "IOPRIO_CLASS_BE",
    [IO_CLASS_IDLE] = "IOPRIO_CLASS_IDLE",
    NULL,
};

const char *const spec_memory_policy_mode_names[] = {
    [MEMORY_POLICY_DEFAULT] = "MPOL_DEFAULT",
    [MEMORY_POLICY_BIND] = "MPOL_BIND",
    [MEMORY_POLICY_INTERLEAVE] = "MPOL_INTERLEAVE",
    [MEMORY_POLICY_WEIGHTED_INTERLEAVE] = "MPOL_WEIGHTED_INTERLEAVE",
    [MEMORY_POLICY_PREFERRED] = "MPOL_PREFERRED",
    [MEMORY_POLICY_PREFERRED_MANY] = "MPOL_PREFERRED_MANY",
    [MEMORY_POLICY_LOCAL] = "MPOL_LOCAL",
    NULL,
};

const char *const spec_personality_domain_names[] = {
    [PERSONALITY_LINUX] = "LINUX",
    [PERSONALITY_LINUX32] = "LINUX32",
    NULL,
};

/* clang-format off */
static const struct field console_size_fields[] = {
    FIELD_U32(spec_console_size, height, "height", F_MUST),
    FIELD_U32(spec_console_size, width, "width", F_MUST),
    FIELD_END,
};

const struct field spec_user_fields[] = {
    FIELD_U32(spec_user, uid, "uid", F_ALWAYS),
    FIELD_U32(spec_user, gid, "gid", F_ALWAYS),
    FIELD_MAYBE_U64_TO(spec_user, umask, "umask", 0, 0777),
    FIELD_U32S(spec_user, additional_gids, "additionalGids", 0),
    FIELD_TEXT(spec_user, username, "username", 0),
    FIELD_END,
};

const struct field spec_capabilities_fields[] = {
    FIELD_LIST(spec_capabilities, bounding, "bounding", 0),
    FIELD_LIST(spec_capabilities, effective, "effective", 0),
    FIELD_LIST(spec_capabilities, inheritable, "inheritable", 0),
    FIELD_LIST(spec_capabilities, permitted, "permitted", 0),
    FIELD_LIST(spec_capabilities, ambient, "ambient", 0),
    FIELD_END,
};

static const struct field rlimit_fields[] = {
    FIELD_TEXT(spec_rlimit, type, "type", F_MUST),
    FIELD_U64(spec_rlimit, hard, "hard", F_MUST),
    FIELD_U64(spec_rlimit, soft, "soft", F_MUST),
    FIELD_END,
};

static const struct field scheduler_fields[] = {
    FIELD_ENUM(spec_scheduler, policy, "policy", F_MUST, spec_scheduler_policy, spec_scheduler_policy_names),
    FIELD_I32(spec_scheduler, nice, "nice", 0),
    FIELD_I32(spec_scheduler, priority, "priority", 0),
    FIELD_LIST(spec_scheduler, flags, "flags", 0),
    FIELD_U64(spec_scheduler, runtime, "runtime", 0),
    FIELD_U64(spec_scheduler, deadline, "deadline", 0),
    FIELD_U64(spec_scheduler, period, "period", 0),
    FIELD_END,
};

static const struct field io_priority_fields[] = {
    FIELD_ENUM(spec_io_priority, class, "class", F_MUST, spec_io_class, spec_io_class_names),
    FIELD_I32(spec_io_priority, priority, "priority", F_ALWAYS), /* the schema lets it be absent */
    FIELD_END,
};

static const struct field exec_cpu_affinity_fields[] = {
    FIELD_TEXT(spec_exec_cpu_affinity, initial, "initial", 0),
    FIELD_TEXT(spec_exec_cpu_affinity, final, "final", 0),
    FIELD_END,
};

const struct field spec_process_fields[] = {
    FIELD_BOOL(spec_process, terminal, "terminal", 0),
    FIELD_POINTER(spec_process, console_size, "consoleSize", 0, spec_console_size, console_size_fields),
    FIELD_OBJECT(spec_process, user, "user", F_ALWAYS, spec_user, spec_user_fields),
    FIELD_LIST(spec_process, args, "args", 0),
    FIELD_LIST(spec_process, env, "env", 0),
    FIELD_TEXT(spec_process, cwd, "cwd", F_MUST),
    FIELD_POINTER(spec_process, capabilities, "capabilities", 0, spec_capabilities, spec_capabilities_fields),
    FIELD_ARRAY(spec_process, rlimits, "rlimits", 0, spec_rlimit, rlimit_fields),
    FIELD_BOOL(spec_process, no_new_privileges, "noNewPrivileges", 0),
    FIELD_TEXT(spec_process, apparmor_profile, "apparmorProfile", 0),
    FIELD_MAYBE_I64(spec_process, oom_score_adj, "oomScoreAdj", 0),
    FIELD_POINTER(spec_process, scheduler, "scheduler", 0, spec_scheduler, scheduler_fields),
    FIELD_TEXT(spec_process, selinux_label, "selinuxLabel", 0),
    FIELD_POINTER(spec_process, io_priority, "ioPriority", 0, spec_io_priority, io_priority_fields),
    FIELD_POINTER(spec_process, exec_cpu_affinity, "execCPUAffinity", 0, spec_exec_cpu_affinity, exec_cpu_affinity_fields),
    FIELD_END,
};

static const struct field root_fields[] = {
    FIELD_TEXT(spec_root, path, "path", F_MUST),
    FIELD_BOOL(spec_root, readonly, "readonly", 0),
    FIELD_END,
};

const struct field spec_id_mapping_fields[] = {
    FIELD_U32(spec_id_mapping, container_id, "containerID", F_MUST),
    FIELD_U32(spec_id_mapping, host_id, "hostID", F_MUST),
    FIELD_U32(spec_id_mapping, size, "size", F_MUST),
    FIELD_END,
};

const struct field spec_mount_fields[] = {
    FIELD_TEXT(spec_mount, destination, "destination", F_MUST),
    FIELD_TEXT(spec_mount, type, "type", 0),
    FIELD_TEXT(spec_mount, source, "source", 0),
    FIELD_LIST(spec_mount, options, "options", 0),
    FIELD_ARRAY(spec_mount, uid_mappings, "uidMappings", 0, spec_id_mapping, spec_id_mapping_fields),
    FIELD_ARRAY(spec_mount, gid_mappings, "gidMappings", 0, spec_id_mapping, spec_id_mapping_fields),
    FIELD_END,
};

static const struct field hook_fields[] = {
    FIELD_TEXT(spec_hook, path, "path", F_MUST),
    FIELD_LIST(spec_hook, args, "args", 0),
    FIELD_LIST(spec_hook, env, "env", 0),
    FIELD_MAYBE_I64(spec_hook, timeout, "timeout", 0),
    FIELD_END,
};

const struct field spec_hooks_fields[] = {
    FIELD_ARRAY(spec_hooks, prestart, "prestart", 0, spec_hook, hook_fields),
    FIELD_ARRAY(spec_hooks, create_runtime, "createRuntime", 0, spec_hook, hook_fields),
    FIELD_ARRAY(spec_hooks, create_container, "createContainer", 0, spec_hook, hook_fields),
    FIELD_ARRAY(spec_hooks, start_container, "startContainer", 0, spec_hook, hook_fields),
    FIELD_ARRAY(spec_hooks, poststart, "poststart", 0, spec_hook, hook_fields),
    FIELD_ARRAY(spec_hooks, poststop, "poststop", 0, spec_hook, hook_fields),
    FIELD_END,
};

static const struct field namespace_fields[] = {
    FIELD_ENUM(spec_namespace, type, "type", F_MUST, spec_namespace_type, spec_namespace_type_names),
    FIELD_TEXT(spec_namespace, path, "path", 0),
    FIELD_END,
};

const struct field spec_device_fields[] = {
    FIELD_TEXT(spec_device, path, "path", F_MUST),
    FIELD_TEXT(spec_device, type, "type", F_MUST),
    FIELD_MAYBE_I64(spec_device, major, "major", 0),
    FIELD_MAYBE_I64(spec_device, minor, "minor", 0),
    FIELD_MAYBE_U64_TO(spec_device, file_mode, "fileMode", 0, UINT32_MAX),
    FIELD_MAYBE_U64_TO(spec_device, uid, "uid", 0, UINT32_MAX),
    FIELD_MAYBE_U64_TO(spec_device, gid, "gid", 0, UINT32_MAX),
    FIELD_END,
};

static const struct field device_rule_fields[] = {
    FIELD_BOOL(spec_device_rule, allow, "allow", F_MUST),
    FIELD_TEXT(spec_device_rule, type, "type", 0),
    FIELD_MAYBE_I64(spec_device_rule, major, "major", 0),
    FIELD_MAYBE_I64(spec_device_rule, minor, "minor", 0),
    FIELD_TEXT(spec_device_rule, access, "access", 0),
    FIELD_END,
};

static const struct field memory_fields[] = {
    FIELD_MAYBE_I64(spec_memory, limit, "limit", 0),
    FIELD_MAYBE_I64(spec_memory, reservation, "reservation", 0),
    FIELD_MAYBE_I64(spec_memory, swap, "swap", 0),
    FIELD_MAYBE_I64(spec_memory, kernel, "kernel", 0),
    FIELD_MAYBE_I64(spec_memory, kernel_tcp, "kernelTCP", 0),
    FIELD_MAYBE_U64(spec_memory, swappiness, "swappiness", 0),
    FIELD_MAYBE_BOOL(spec_memory, disable_oom_killer, "disableOOMKiller", 0),
    FIELD_MAYBE_BOOL(spec_memory, use_hierarchy, "useHierarchy", 0),
    FIELD_MAYBE_BOOL(spec_memory, check_before_update, "checkBeforeUpdate", 0),
    FIELD_END,
};

static const struct field cpu_fields[] = {
    FIELD_MAYBE_U64(spec_cpu, shares, "shares", 0),
    FIELD_MAYBE_I64(spec_cpu, quota, "quota", 0),
    FIELD_MAYBE_U64(spec_cpu, burst, "burst", 0),
    FIELD_MAYBE_U64(spec_cpu, period, "period", 0),
    FIELD_MAYBE_I64(spec_cpu, realtime_runtime, "realtimeRuntime", 0),
    FIELD_MAYBE_U64(spec_cpu, realtime_period, "realtimePeriod", 0),
    FIELD_TEXT(spec_cpu, cpus, "cpus", 0),
    FIELD_TEXT(spec_cpu, mems, "mems", 0),
    FIELD_MAYBE_I64(spec_cpu, idle, "idle", 0),
    FIELD_END,
};

static const struct field pids_fields[] = {
    FIELD_MAYBE_I64(spec_pids, limit, "limit", 0),
    FIELD_END,
};

static const struct field weight_device_fields[] = {
    FIELD_I64(spec_weight_device, major, "major", F_MUST),
    FIELD_I64(spec_weight_device, minor, "minor", F_MUST),
    FIELD_MAYBE_U64_TO(spec_weight_device, weight, "weight", 0, UINT16_MAX),
    FIELD_MAYBE_U64_TO(spec_weight_device, leaf_weight, "leafWeight", 0, UINT16_MAX),
    FIELD_END,
};

static const struct field throttle_device_fields[] = {
    FIELD_I64(spec_throttle_device, major, "major", F_MUST),
    FIELD_I64(spec_throttle_device, minor, "minor", F_MUST),
    FIELD_U64(spec_throttle_device, rate, "rate", F_MUST),
    FIELD_END,
};

static const struct field block_io_fields[] = {
    FIELD_MAYBE_U64_TO(spec_block_io, weight, "weight", 0, UINT16_MAX),
    FIELD_MAYBE_U64_TO(spec_block_io, leaf_weight, "leafWeight", 0, UINT16_MAX),
    FIELD_ARRAY(spec_block_io, weight_device, "weightDevice", 0, spec_weight_device, weight_device_fields),
    FIELD_ARRAY(spec_block_io, throttle_read_bps_device, "throttleReadBpsDevice", 0, spec_throttle_device, throttle_device_fields),
    FIELD_ARRAY(spec_block_io, throttle_write_bps_device, "throttleWriteBpsDevice", 0, spec_throttle_device, throttle_device_fields),
    FIELD_ARRAY(spec_block_io, throttle_read_iops_device, "throttleReadIOPSDevice", 0, spec_throttle_device, throttle_device_fields),
    FIELD_ARRAY(spec_block_io, throttle_write_iops_device, "throttleWriteIOPSDevice", 0, spec_throttle_device, throttle_device_fields),
    FIELD_END,
};

static const struct field hugepage_fields[] = {
    FIELD_TEXT(spec_hugepage, page_size, "pageSize", F_MUST),
    FIELD_U64(spec_hugepage, limit, "limit", F_MUST),
    FIELD_END,
};

static const struct field interface_priority_fields[] = {
    FIELD_TEXT(spec_interface_priority, name, "name", F_MUST),
    FIELD_U32(spec_interface_priority, priority, "priority", F_MUST),
    FIELD_END,
};

static const struct field network_fields[] = {
    FIELD_MAYBE_U64_TO(spec_network, class_id, "classID", 0, UINT32_MAX),
    FIELD_ARRAY(spec_network, priorities, "priorities", 0, spec_interface_priority, interface_priority_fields),
    FIELD_END,
};

static const struct field rdma_fields[] = {
    FIELD_MAYBE_U64_TO(spec_rdma, hca_handles, "hcaHandles", 0, UINT32_MAX),
    FIELD_MAYBE_U64_TO(spec_rdma, hca_objects, "hcaObjects", 0, UINT32_MAX),
    FIELD_END,
};

const struct field spec_resources_fields[] = {
    FIELD_ARRAY(spec_resources, devices, "devices", 0, spec_device_rule, device_rule_fields),
    FIELD_POINTER(spec_resources, memory, "memory", 0, spec_memory, memory_fields),
    FIELD_POINTER(spec_resources, cpu, "cpu", 0, spec_cpu, cpu_fields),
    FIELD_POINTER(spec_resources, pids, "pids", 0, spec_pids, pids_fields),
    FIELD_POINTER(spec_resources, block_io, "blockIO", 0, spec_block_io, block_io_fields),
    FIELD_ARRAY(spec_resources, hugepage_limits, "hugepageLimits", 0, spec_hugepage, hugepage_fields),
    FIELD_POINTER(spec_resources, network, "network", 0, spec_network, network_fields),
    FIELD_MAP(spec_resources, rdma, "rdma", 0, spec_rdma, rdma_fields),
    FIELD_PAIRS(spec_resources, unified, "unified", 0),
    FIELD_END,
};

static const struct field net_device_fields[] = {
    FIELD_TEXT(spec_net_device, name, "name", 0),
    FIELD_END,
};

static const struct field intel_rdt_fields[] = {
    FIELD_TEXT(spec_intel_rdt, clos_id, "closID", 0),
    FIELD_LIST(spec_intel_rdt, schemata, "schemata", 0),
    FIELD_TEXT(spec_intel_rdt, l3_cache_schema, "l3CacheSchema", 0),
    FIELD_TEXT(spec_intel_rdt, mem_bw_schema, "memBwSchema", 0),
    FIELD_BOOL(spec_intel_rdt, enable_monitoring, "enableMonitoring", 0),
    FIELD_END,
};

static const struct field memory_policy_fields[] = {
    FIELD_ENUM(spec_memory_policy, mode, "mode", F_MUST, spec_memory_policy_mode, spec_memory_policy_mode_names),
    FIELD_TEXT(spec_memory_policy, nodes, "nodes", 0),
    FIELD_LIST(spec_memory_policy, flags, "flags", 0),
    FIELD_END,
};

static const struct field personality_fields[] = {
    FIELD_ENUM(spec_personality, domain, "domain", F_MUST, spec_personality_domain, spec_personality_domain_names),
    FIELD_LIST(spec_personality, flags, "flags", 0),
    FIELD_END,
};

static const struct field time_offset_fields[] = {
    FIELD_I64(spec_time_offset, secs, "secs", 0),
    FIELD_U32(spec_time_offset, nanosecs, "nanosecs", 0),
    FIELD_END,
};

const struct field spec_linux_fields[] = {
    FIELD_ARRAY(spec_linux, uid_mappings, "uidMappings", 0, spec_id_mapping, spec_id_mapping_fields),
    FIELD_ARRAY(spec_linux, gid_mappings, "gidMappings", 0, spec_id_mapping, spec_id_mapping_fields),
    FIELD_PAIRS(spec_linux, sysctl, "sysctl", 0),
    FIELD_POINTER(spec_linux, resources, "resources", 0, spec_resources, spec_resources_fields),
    FIELD_TEXT(spec_linux, cgroups_path, "cgroupsPath", 0),
    FIELD_ARRAY(spec_linux, namespaces, "namespaces", 0, spec_namespace, namespace_fields),
    FIELD_ARRAY(spec_linux, devices, "devices", 0, spec_device, spec_device_fields),
    FIELD_MAP(spec_linux, net_devices, "netDevices", 0, spec_net_device, net_device_fields),
    FIELD_POINTER(spec_linux, seccomp, "seccomp", 0, spec_seccomp, spec_seccomp_fields),
    FIELD_TEXT(spec_linux, rootfs_propagation, "rootfsPropagation", 0),
    FIELD_LIST(spec_linux, masked_paths, "maskedPaths", 0),
    FIELD_LIST(spec_linux, readonly_paths, "readonlyPaths", 0),
    FIELD_TEXT(spec_linux, mount_label, "mountLabel", 0),
    FIELD_POINTER(spec_linux, intel_rdt, "intelRdt", 0, spec_intel_rdt, intel_rdt_fields),
    FIELD_POINTER(spec_linux, memory_policy, "memoryPolicy", 0, spec_memory_policy, memory_policy_fields),
    FIELD_POINTER(spec_linux, personality, "personality", 0, spec_personality, personality_fields),
    FIELD_MAP(spec_linux, time_offsets, "timeOffsets", 0, spec_time_offset, time_offset_fields),
    FIELD_END,
};

const struct field spec_fields[] = {
    FIELD_TEXT(spec, oci_version, "ociVersion", F_MUST),
    FIELD_POINTER(spec, process, "process", 0, spec_process, spec_process_fields),
    FIELD_POINTER(spec, root, "root", 0, spec_root, root_fields),
    FIELD_TEXT(spec, hostname, "hostname", 0),
    FIELD_TEXT(spec, domainname, "domainname", 0),
    FIELD_ARRAY(spec, mounts, "mounts", 0, spec_mount, spec_mount_fields),
    FIELD_POINTER(spec, hooks, "hooks", 0, spec_hooks, spec_hooks_fields),
    FIELD_PAIRS(spec, annotations, "annotations", 0),
    FIELD_POINTER(spec, linux, "linux", 0, spec_linux, spec_linux_fields),
    FIELD_END,
};
/* clang-format on */

static int document_read(const struct field *fields, const char *json, size_t len, const char *what,
                         void *into, struct err *err)
{
    if (len > SPEC_MAX_BYTES)
        return err_set(err, ERR_INVALID, "%s: larger than %d MiB", what, SPEC_MAX_BYTES >> 20);
    return field_read(fields, json, len, what, 0, into, err);
}

int spec_parse(const char *json, size_t len, struct spec *ret_spec, struct err *err)
{
    struct spec spec = {};

    if (document_read(spec_fields, json, len, "config.json", &spec, err) < 0)
        return -1;
    if (spec_check(&spec, err) < 0) {
        spec_done(&spec);
        return -1;
    }
    *ret_spec = spec;
    return 0;
}

void spec_format(const struct spec *spec, struct str *out)
{
    char version[] = SPEC_VERSION;
    struct spec shown = *spec; /* borrows all that hangs from it */

    if (!shown.oci_version)
        shown.oci_version = version;
    field_write(spec_fields, &shown, 0, out);
}

void spec_done(struct spec *spec)
{
    field_done(spec_fields, spec);
}

int spec_process_parse(const char *json, size_t len, struct spec_process *ret_process,
                       struct err *err)
{
    struct spec_process process = {};

    if (document_read(spec_process_fields, json, len, "process", &process, err) < 0)
        return -1;
    if (spec_process_check(&process, "process: ", err) < 0) {
        spec_process_done(&process);
        return -1;
    }
    *ret_process = process;
    return 0;
}

void spec_process_done(struct spec_process *process)
{
    field_done(spec_process_fields, process);
}

int spec_resources_parse(const char *json, size_t len, struct spec_resources *ret_resources,
                         struct err *err)
{
    struct spec_resources resources = {};

    if (document_read(spec_resources_fields, json, len, "resources", &resources, err) < 0)
        return -1;
    if (spec_resources_check(&resources, "resources: ", err) < 0) {
        spec_resources_done(&resources);
        return -1;
    }
    *ret_resources = resources;
    return 0;
}

void spec_resources_done(struct spec_resources *resources)
{
    field_done(spec_resources_fields, resources);
}

const struct spec_namespace *spec_namespace_find(const struct spec *spec,
                                                 enum spec_namespace_type type)
{
    for (size_t i = 0; spec->linux && i < spec->linux->namespaces.len; i++)
        if (spec->linux->namespaces.at[i].type == type)
            return &spec->linux->namespaces.at[i];
    return NULL;
}
