/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/config.h"

#include "base/mem.h"

/* clang-format off */
static const struct field mount_fields[] = {
    FIELD_TEXT(container_mount, type, "type", F_REQUIRED),
    FIELD_TEXT(container_mount, source, "source", 0),
    FIELD_TEXT(container_mount, destination, "destination", F_REQUIRED),
    FIELD_LIST(container_mount, options, "options", 0),
    FIELD_END,
};

static const struct field device_fields[] = {
    FIELD_TEXT(container_device, source, "source", F_REQUIRED),
    FIELD_TEXT(container_device, destination, "destination", F_REQUIRED),
    FIELD_TEXT(container_device, access, "access", 0),
    FIELD_END,
};

static const struct field resource_fields[] = {
    FIELD_MAYBE_I64(container_resources, memory_bytes, "memory_bytes", 0),
    FIELD_MAYBE_I64(container_resources, memory_swap_bytes, "memory_swap_bytes", 0),
    FIELD_MAYBE_I64(container_resources, memory_reservation_bytes, "memory_reservation_bytes", 0),
    FIELD_MAYBE_I64(container_resources, nano_cpus, "nano_cpus", 0),
    FIELD_MAYBE_I64(container_resources, cpu_shares, "cpu_shares", 0),
    FIELD_MAYBE_I64(container_resources, cpu_quota_us, "cpu_quota_us", 0),
    FIELD_MAYBE_I64(container_resources, cpu_period_us, "cpu_period_us", 0),
    FIELD_TEXT(container_resources, cpuset_cpus, "cpuset_cpus", 0),
    FIELD_TEXT(container_resources, cpuset_mems, "cpuset_mems", 0),
    FIELD_MAYBE_I64(container_resources, pids_limit, "pids_limit", 0),
    FIELD_MAYBE_I64(container_resources, blkio_weight, "blkio_weight", 0),
    FIELD_END,
};

static const struct field namespace_fields[] = {
    FIELD_TEXT(container_namespaces, user, "user", 0),
    FIELD_TEXT(container_namespaces, pid, "pid", 0),
    FIELD_TEXT(container_namespaces, ipc, "ipc", 0),
    FIELD_TEXT(container_namespaces, uts, "uts", 0),
    FIELD_TEXT(container_namespaces, cgroup, "cgroup", 0),
    FIELD_TEXT(container_namespaces, network, "network", 0),
    FIELD_TEXT(container_namespaces, time, "time", 0),
    FIELD_END,
};

const struct field container_config_fields[] = {
    FIELD_I64(container_config, version, "version", F_MUST),
    FIELD_TEXT(container_config, id, "id", F_REQUIRED),
    FIELD_TEXT(container_config, name, "name", F_REQUIRED),
    FIELD_TEXT(container_config, created, "created", F_REQUIRED),
    FIELD_TEXT(container_config, image, "image", 0),
    FIELD_TEXT(container_config, platform, "platform", 0),
    FIELD_TEXT(container_config, image_id, "image_id", 0),
    FIELD_LIST(container_config, layers, "layers", 0),
    FIELD_TEXT(container_config, rootfs, "rootfs", 0),
    FIELD_BOOL(container_config, rootfs_overlay, "rootfs_overlay", 0),
    FIELD_LIST(container_config, entrypoint, "entrypoint", 0),
    FIELD_LIST(container_config, command, "command", 0),
    FIELD_LIST(container_config, env, "env", 0),
    FIELD_TEXT(container_config, user, "user", 0),
    FIELD_LIST(container_config, groups, "groups", 0),
    FIELD_TEXT(container_config, workdir, "workdir", 0),
    FIELD_TEXT(container_config, hostname, "hostname", 0),
    FIELD_TEXT(container_config, domainname, "domainname", 0),
    FIELD_PAIRS(container_config, labels, "labels", 0),
    FIELD_PAIRS(container_config, annotations, "annotations", 0),
    FIELD_BOOL(container_config, terminal, "terminal", 0),
    FIELD_BOOL(container_config, stdin_open, "stdin_open", 0),
    FIELD_BOOL(container_config, auto_remove, "auto_remove", 0),
    FIELD_BOOL(container_config, init, "init", 0),
    FIELD_BOOL(container_config, readonly, "readonly", 0),
    FIELD_BOOL(container_config, privileged, "privileged", 0),
    FIELD_BOOL(container_config, no_new_privileges, "no_new_privileges", 0),
    FIELD_TEXT(container_config, seccomp, "seccomp", 0),
    FIELD_LIST(container_config, unmask, "unmask", 0),
    FIELD_LIST(container_config, cap_add, "cap_add", 0),
    FIELD_LIST(container_config, cap_drop, "cap_drop", 0),
    FIELD_OBJECT(container_config, namespaces, "namespaces", 0, container_namespaces, namespace_fields),
    FIELD_OBJECT(container_config, resources, "resources", 0, container_resources, resource_fields),
    FIELD_LIST(container_config, ulimits, "ulimits", 0),
    FIELD_PAIRS(container_config, sysctls, "sysctls", 0),
    FIELD_ARRAY(container_config, mounts, "mounts", 0, container_mount, mount_fields),
    FIELD_ARRAY(container_config, devices, "devices", 0, container_device, device_fields),
    FIELD_MAYBE_I64(container_config, shm_size_bytes, "shm_size_bytes", 0),
    FIELD_TEXT(container_config, stop_signal, "stop_signal", 0),
    FIELD_MAYBE_I64(container_config, stop_timeout_s, "stop_timeout_s", 0),
    FIELD_END,
};

const char *const container_status_names[] = {
    [CONTAINER_CREATED] = "created",
    [CONTAINER_RUNNING] = "running",
    [CONTAINER_PAUSED] = "paused",
    [CONTAINER_EXITED] = "exited",
    [CONTAINER_UNKNOWN] = "unknown",
    NULL,
};

const struct field container_state_fields[] = {
    FIELD_ENUM(container_state, status, "status", F_MUST, container_status, container_status_names),
    FIELD_TEXT(container_state, id, "id", F_REQUIRED),
    FIELD_TEXT(container_state, name, "name", 0),
    FIELD_TEXT(container_state, image, "image", 0),
    FIELD_TEXT(container_state, image_id, "image_id", 0),
    FIELD_TEXT(container_state, command, "command", 0),
    FIELD_TEXT(container_state, created, "created", 0),
    FIELD_TEXT(container_state, started, "started", 0),
    FIELD_TEXT(container_state, finished, "finished", 0),
    FIELD_I64(container_state, pid, "pid", 0),
    FIELD_U64(container_state, pid_start, "pid_start", 0),
    FIELD_I64(container_state, monitor_pid, "monitor_pid", 0),
    FIELD_I64(container_state, exit_code, "exit_code", 0),
    FIELD_BOOL(container_state, oom_killed, "oom_killed", 0),
    FIELD_TEXT(container_state, error, "error", 0),
    FIELD_TEXT(container_state, cgroup, "cgroup", 0),
    FIELD_I64(container_state, hierarchies, "hierarchies", 0),
    FIELD_TEXT(container_state, userns, "userns", 0),
    FIELD_I64(container_state, subid, "subid", 0),
    FIELD_END,
};
/* clang-format on */

void container_config_done(struct container_config *config)
{
    field_done(container_config_fields, config);
}

void container_state_done(struct container_state *state)
{
    field_done(container_state_fields, state);
}
