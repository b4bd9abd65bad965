/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A container's configuration as the OCI runtime-spec 1.3.0 has it for Linux (config.md,
 * config-linux.md): one struct for each object, members named as the specification's in snake_case.
 * A struct spec owns all that hangs from it. Optional objects are NULL where they are absent,
 * optional texts too.
 */
#include "base/field.h"
#include "oci/seccomp.h"

/* gnu17 predefines it as 1, but it is the name of a member below. */
#undef linux

/* What spec_format writes where oci_version is NULL, and the largest document that is read. */
#define SPEC_VERSION "1.3.0"
enum { SPEC_MAX_BYTES = 16 << 20 };

struct spec_console_size {
    uint32_t height;
    uint32_t width;
};

struct spec_user {
    uint32_t uid;
    uint32_t gid;
    struct maybe_u64 umask;
    struct u32s additional_gids;
    char *username; /* Windows; kept, not used */
};

/* Names as "CAP_CHOWN". */
struct spec_capabilities {
    struct strings bounding;
    struct strings effective;
    struct strings inheritable;
    struct strings permitted;
    struct strings ambient;
};

struct spec_rlimit {
    char *type; /* "RLIMIT_NOFILE" */
    uint64_t hard;
    uint64_t soft;
};

/* The order of spec_scheduler_policy_names. */
enum spec_scheduler_policy {
    SCHEDULER_OTHER,
    SCHEDULER_FIFO,
    SCHEDULER_RR,
    SCHEDULER_BATCH,
    SCHEDULER_ISO,
    SCHEDULER_IDLE,
    SCHEDULER_DEADLINE,
};

struct spec_scheduler {
    enum spec_scheduler_policy policy;
    int32_t nice;
    int32_t priority;
    struct strings flags; /* "SCHED_FLAG_RESET_ON_FORK" */
    uint64_t runtime;     /* nanoseconds, as the next two; DEADLINE only */
    uint64_t deadline;
    uint64_t period;
};

enum spec_io_class {
    IO_CLASS_RT,
    IO_CLASS_BE,
    IO_CLASS_IDLE,
};

struct spec_io_priority {
    enum spec_io_class class;
    int32_t priority;
};

/* CPU lists as "0-3,7". */
struct spec_exec_cpu_affinity {
    char *initial;
    char *final;
};

struct spec_process {
    bool terminal;
    struct spec_console_size *console_size;
    struct spec_user user;
    struct strings args;
    struct strings env;
    char *cwd;
    struct spec_capabilities *capabilities;
    ARRAY_OF(spec_rlimit) rlimits;
    bool no_new_privileges;
    char *apparmor_profile;
    struct maybe_i64 oom_score_adj;
    struct spec_scheduler *scheduler;
    char *selinux_label;
    struct spec_io_priority *io_priority;
    struct spec_exec_cpu_affinity *exec_cpu_affinity;
};

struct spec_root {
    char *path; /* absolute, or relative to the bundle */
    bool readonly;
};

struct spec_id_mapping {
    uint32_t container_id;
    uint32_t host_id;
    uint32_t size;
};

struct spec_mount {
    char *destination;
    char *type;
    char *source;
    struct strings options;
    ARRAY_OF(spec_id_mapping) uid_mappings;
    ARRAY_OF(spec_id_mapping) gid_mappings;
};

struct spec_hook {
    char *path;
    struct strings args;
    struct strings env;
    struct maybe_i64 timeout; /* seconds, above 0 */
};

struct spec_hooks {
    ARRAY_OF(spec_hook) prestart;
    ARRAY_OF(spec_hook) create_runtime;
    ARRAY_OF(spec_hook) create_container;
    ARRAY_OF(spec_hook) start_container;
    ARRAY_OF(spec_hook) poststart;
    ARRAY_OF(spec_hook) poststop;
};

/* The order of spec_namespace_type_names. */
enum spec_namespace_type {
    SPEC_NAMESPACE_PID,
    SPEC_NAMESPACE_NETWORK,
    SPEC_NAMESPACE_MOUNT,
    SPEC_NAMESPACE_IPC,
    SPEC_NAMESPACE_UTS,
    SPEC_NAMESPACE_USER,
    SPEC_NAMESPACE_CGROUP,
    SPEC_NAMESPACE_TIME,
};
enum { SPEC_NAMESPACE_COUNT = SPEC_NAMESPACE_TIME + 1 };

struct spec_namespace {
    enum spec_namespace_type type;
    char *path; /* absolute; NULL: a new one */
};

struct spec_device {
    char *path;
    char *type;             /* "c", "b", "u" (as "c") or "p" */
    struct maybe_i64 major; /* 0 to 4095; absent only for "p" */
    struct maybe_i64 minor; /* 0 to 2^20-1; absent only for "p" */
    struct maybe_u64 file_mode;
    struct maybe_u64 uid;
    struct maybe_u64 gid;
};

/* What cgroups allow; absent type is "a", absent or negative numbers are any, absent access is all.
 */
struct spec_device_rule {
    bool allow;
    char *type; /* "a", "c" or "b" */
    struct maybe_i64 major;
    struct maybe_i64 minor;
    char *access; /* of "r", "w", "m" */
};

/* Bytes; -1 is no limit. */
struct spec_memory {
    struct maybe_i64 limit;
    struct maybe_i64 reservation;
    struct maybe_i64 swap; /* memory and swap together */
    struct maybe_i64 kernel;
    struct maybe_i64 kernel_tcp;
    struct maybe_u64 swappiness; /* 0 to 100 */
    struct maybe_bool disable_oom_killer;
    struct maybe_bool use_hierarchy;
    struct maybe_bool check_before_update;
};

/* Times in microseconds. */
struct spec_cpu {
    struct maybe_u64 shares;
    struct maybe_i64 quota;
    struct maybe_u64 burst;
    struct maybe_u64 period;
    struct maybe_i64 realtime_runtime;
    struct maybe_u64 realtime_period;
    char *cpus;
    char *mems;
    struct maybe_i64 idle;
};

struct spec_weight_device {
    int64_t major;
    int64_t minor;
    struct maybe_u64 weight;
    struct maybe_u64 leaf_weight;
};

struct spec_throttle_device {
    int64_t major;
    int64_t minor;
    uint64_t rate; /* bytes or operations a second */
};

struct spec_block_io {
    struct maybe_u64 weight; /* 10 to 1000, as leaf_weight */
    struct maybe_u64 leaf_weight;
    ARRAY_OF(spec_weight_device) weight_device;
    ARRAY_OF(spec_throttle_device) throttle_read_bps_device;
    ARRAY_OF(spec_throttle_device) throttle_write_bps_device;
    ARRAY_OF(spec_throttle_device) throttle_read_iops_device;
    ARRAY_OF(spec_throttle_device) throttle_write_iops_device;
};

struct spec_pids {
    struct maybe_i64 limit; /* -1: none */
};

struct spec_hugepage {
    char *page_size; /* "2MB" */
    uint64_t limit;
};

struct spec_interface_priority {
    char *name;
    uint32_t priority;
};

struct spec_network {
    struct maybe_u64 class_id;
    ARRAY_OF(spec_interface_priority) priorities;
};

struct spec_rdma {
    char *key; /* the device's name */
    struct maybe_u64 hca_handles;
    struct maybe_u64 hca_objects;
};

struct spec_resources {
    ARRAY_OF(spec_device_rule) devices;
    struct spec_memory *memory;
    struct spec_cpu *cpu;
    struct spec_pids *pids;
    struct spec_block_io *block_io;
    ARRAY_OF(spec_hugepage) hugepage_limits;
    struct spec_network *network;
    ARRAY_OF(spec_rdma) rdma;
    struct pairs unified; /* file of the cgroup (v2): what is written to it */
};

struct spec_net_device {
    char *key;  /* its name on the host */
    char *name; /* its name in the container; NULL: the same */
};

struct spec_intel_rdt {
    char *clos_id;
    struct strings schemata;
    char *l3_cache_schema;
    char *mem_bw_schema;
    bool enable_monitoring;
};

/* The order of spec_memory_policy_mode_names. */
enum spec_memory_policy_mode {
    MEMORY_POLICY_DEFAULT,
    MEMORY_POLICY_BIND,
    MEMORY_POLICY_INTERLEAVE,
    MEMORY_POLICY_WEIGHTED_INTERLEAVE,
    MEMORY_POLICY_PREFERRED,
    MEMORY_POLICY_PREFERRED_MANY,
    MEMORY_POLICY_LOCAL,
};

struct spec_memory_policy {
    enum spec_memory_policy_mode mode;
    char *nodes;          /* "0-1,3" */
    struct strings flags; /* "MPOL_F_STATIC_NODES" */
};

enum spec_personality_domain {
    PERSONALITY_LINUX,
    PERSONALITY_LINUX32,
};

struct spec_personality {
    enum spec_personality_domain domain;
    struct strings flags; /* the specification defines none */
};

struct spec_time_offset {
    char *key; /* "boottime" or "monotonic" */
    int64_t secs;
    uint32_t nanosecs;
};

struct spec_linux {
    ARRAY_OF(spec_id_mapping) uid_mappings;
    ARRAY_OF(spec_id_mapping) gid_mappings;
    struct pairs sysctl;
    struct spec_resources *resources;
    char *cgroups_path;
    ARRAY_OF(spec_namespace) namespaces;
    ARRAY_OF(spec_device) devices;
    ARRAY_OF(spec_net_device) net_devices;
    struct spec_seccomp *seccomp;
    char *rootfs_propagation;
    struct strings masked_paths;
    struct strings readonly_paths;
    char *mount_label;
    struct spec_intel_rdt *intel_rdt;
    struct spec_memory_policy *memory_policy;
    struct spec_personality *personality;
    ARRAY_OF(spec_time_offset) time_offsets;
};

struct spec {
    char *oci_version;
    struct spec_process *process;
    struct spec_root *root;
    char *hostname;
    char *domainname;
    ARRAY_OF(spec_mount) mounts;
    struct spec_hooks *hooks;
    struct pairs annotations;
    struct spec_linux *linux;
};

extern const struct field spec_fields[];
extern const struct field spec_process_fields[];
extern const struct field spec_user_fields[];
extern const struct field spec_capabilities_fields[];
extern const struct field spec_mount_fields[];
extern const struct field spec_hooks_fields[];
extern const struct field spec_id_mapping_fields[];
extern const struct field spec_device_fields[];
extern const struct field spec_resources_fields[];
extern const struct field spec_linux_fields[];

/* The specification's words, NULL-ended, indexed by the enums of the same name. */
extern const char *const spec_namespace_type_names[];
extern const char *const spec_scheduler_policy_names[];
extern const char *const spec_io_class_names[];
extern const char *const spec_memory_policy_mode_names[];
extern const char *const spec_personality_domain_names[];

/* Reads a config.json and checks what types alone do not say: version, duplicates, absolute paths,
 * ranges. Whether the machine can do what is asked is for the runtime to find. Errors name the
 * place by a JSON pointer. */
int spec_parse(const char *json, size_t len, struct spec *ret_spec, struct err *err);
/* The same checks for a configuration that was made, not read: members that the specification
 * requires are set. */
int spec_check(const struct spec *spec, struct err *err);
/* Adds the configuration as JSON, on one line. */
void spec_format(const struct spec *spec, struct str *out);
/* Releases all that hangs from it and zeroes it. */
void spec_done(struct spec *spec);

/* The "process" object alone, as `exec --process` takes it. */
int spec_process_parse(const char *json, size_t len, struct spec_process *ret_process,
                       struct err *err);
/* `at` stands before the members' names in errors: "config.json: /process". */
int spec_process_check(const struct spec_process *process, const char *at, struct err *err);
void spec_process_done(struct spec_process *process);
/* The "linux.resources" object alone, as `update --resources` takes it. */
int spec_resources_parse(const char *json, size_t len, struct spec_resources *ret_resources,
                         struct err *err);
int spec_resources_check(const struct spec_resources *resources, const char *at, struct err *err);
void spec_resources_done(struct spec_resources *resources);

/* The entry of that type, or NULL: the container shares the runtime's. */
const struct spec_namespace *spec_namespace_find(const struct spec *spec,
                                                 enum spec_namespace_type type);
