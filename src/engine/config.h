/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a container was asked to be: containers/<id>/config.json (docs/formats/container.md). It is
 * written once, at creation, with the image's part merged in, so that a start reads nothing else. A
 * struct owns all that hangs from it.
 */
#include "base/field.h"

enum { CONTAINER_CONFIG_VERSION = 1 };

struct container_mount {
    char *type;             /* "bind", "tmpfs" */
    char *source;           /* absolute path of the host; NULL for tmpfs */
    char *destination;      /* absolute */
    struct strings options; /* "ro", "rprivate", "size=64m" … */
};

struct container_device {
    char *source; /* on the host */
    char *destination;
    char *access; /* "rwm" */
};

struct container_resources {
    struct maybe_i64 memory_bytes;
    struct maybe_i64 memory_swap_bytes; /* both together; -1: no limit */
    struct maybe_i64 memory_reservation_bytes;
    struct maybe_i64 nano_cpus;
    struct maybe_i64 cpu_shares;
    struct maybe_i64 cpu_quota_us;
    struct maybe_i64 cpu_period_us;
    char *cpuset_cpus;
    char *cpuset_mems;
    struct maybe_i64 pids_limit; /* absent: 2048; 0 or -1: none */
    struct maybe_i64 blkio_weight;
};

/* Memory and swap together where a limit of memory alone is asked for: as much of one as of the
 * other, as docker has it. -1: no limit. */
static inline int64_t container_swap_default(int64_t memory_bytes)
{
    return memory_bytes > INT64_MAX / 2 ? -1 : memory_bytes * 2;
}

/* What namespaces are shared with: "private", "host" or "container:<id>"; network "none" or "host"
 * as well. */
struct container_namespaces {
    char *user;
    char *pid;
    char *ipc;
    char *uts;
    char *cgroup;
    char *network;
    char *time;
};

struct container_config {
    int64_t version;
    char *id; /* 64 hexadecimal digits */
    char *name;
    char *created;         /* RFC 3339 */
    char *image;           /* as it was asked for; NULL with rootfs */
    char *platform;        /* "linux/arm64", as it was asked for; NULL: this machine's */
    char *image_id;        /* digest of its configuration */
    struct strings layers; /* diff-ids, lowest first */
    char *rootfs;          /* a directory of the host instead of an image */
    bool rootfs_overlay;   /* below a throw-away upper layer ("DIR:O") */
    struct strings entrypoint;
    struct strings command;
    struct strings env;
    char *user; /* "" is root */
    struct strings groups;
    char *workdir;  /* "" is / */
    char *hostname; /* NULL: the id's first twelve digits */
    char *domainname;
    struct pairs labels;
    struct pairs annotations;
    bool terminal;
    bool stdin_open;
    bool auto_remove;
    bool init;
    bool readonly;
    bool privileged;
    bool no_new_privileges;
    char *seccomp; /* NULL: the default profile; "unconfined"; or the profile's JSON text itself */
    struct strings unmask; /* paths, or "ALL" */
    struct strings cap_add;
    struct strings cap_drop;
    struct container_namespaces namespaces;
    struct container_resources resources;
    struct strings ulimits; /* "nofile=1024:2048" */
    struct pairs sysctls;
    ARRAY_OF(container_mount) mounts;
    ARRAY_OF(container_device) devices;
    struct maybe_i64 shm_size_bytes;
    char *stop_signal;               /* "SIGTERM" */
    struct maybe_i64 stop_timeout_s; /* 10 when absent */
};

extern const struct field container_config_fields[];

void container_config_done(struct container_config *config);

/* What happens to a container: run/containers/<id>/state.json while a monitor lives,
 * containers/<id>/state.json after it ended. The few values a list shows are in it, so that `ps`
 * reads one small file a container. */
enum container_status {
    CONTAINER_CREATED,
    CONTAINER_RUNNING,
    CONTAINER_PAUSED,
    CONTAINER_EXITED,
    CONTAINER_UNKNOWN, /* never written: its monitor died, nobody knows how it ended */
};

struct container_state {
    enum container_status status;
    char *id;
    char *name;
    char *image;
    char *image_id; /* what that name meant; NULL: a directory, or a record of an older version */
    char *command;  /* for people, already joined */
    char *created;
    char *started; /* RFC 3339 with nanoseconds, or NULL */
    char *finished;
    int64_t pid;        /* of the first process, in the initial namespace; 0: none */
    uint64_t pid_start; /* its start time in clock ticks (field 22 of /proc/PID/stat), so that a
                           number is not taken for another process */
    int64_t monitor_pid;
    int64_t exit_code;
    bool oom_killed;
    char *error;         /* why it did not start */
    char *cgroup;        /* below each hierarchy; NULL: none */
    int64_t hierarchies; /* 1 << index: where the group was made; 0: not known */
    char *userns;        /* "private", "host", and why: for inspect */
    int64_t subid;       /* first outside id of its range, 0: none of its own */
};

extern const struct field container_state_fields[];
extern const char
    *const container_status_names[]; /* "created", "running", "paused", "exited", "unknown" */

void container_state_done(struct container_state *state);
