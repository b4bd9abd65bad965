/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A start as a value: what the specification asks for, resolved as far as it can be without
 * touching the machine. The steps read it and change nothing in it; it borrows from the request and
 * the specification.
 */
#include "kernel/capability.h"
#include "kernel/rlimit.h"
#include "kernel/seccomp.h"
#include "runtime/mount_options.h"
#include "runtime/runtime.h"

/* Something of the host that enters the container: cloned as a detached mount, mapped if there is a
 * user namespace. */
struct plan_source {
    const char *path;
    bool recursive;
};

enum plan_mount_kind {
    PLAN_MOUNT_FS,   /* a new file system */
    PLAN_MOUNT_BIND, /* a source */
    PLAN_MOUNT_LINK, /* no mount: a symbolic link (names of co-mounted cgroup controllers) */
};

struct plan_mount {
    enum plan_mount_kind kind;
    const char *destination; /* below the root, no slash in front */
    const char *type;        /* of a FS; what a LINK points at */
    const char *name;        /* its source as /proc/mounts shows it */
    size_t source;           /* of a BIND: index into plan.sources */
    struct mount_options options;
};

struct plan_join {
    uint32_t flag; /* CLONE_NEW… */
    const char *path;
};

struct plan_sysctl {
    char *path; /* below /proc/sys */
    const char *value;
};

/* What a process is, in a new container or in one that runs. */
struct plan_process {
    char *const *argv;
    char **env; /* ends in two NULLs: the child puts HOME into the first if it is missing */
    const char *cwd;
    bool make_cwd;
    bool home_missing;
    bool terminal;
    const struct spec_console_size *console_size;
    const char *user; /* to be looked up inside, or NULL */
    uint32_t uid;
    uint32_t gid;
    uint32_t umask;
    bool umask_set;
    const uint32_t *groups;
    size_t n_groups;
    const struct strings *group_names; /* to be looked up inside, or NULL */
    struct capability_sets capabilities;
    bool no_new_privileges;
    bool landlock;
    bool landlock_scope; /* the network is the host's: its abstract sockets are out of reach */
    struct seccomp_filter seccomp; /* len 0: none */
    uint32_t seccomp_flags;
    struct rlimit_pair *rlimits;
    size_t n_rlimits;
    struct maybe_i64 oom_score_adj;
    char *init; /* path of ruche-init, owned; or NULL */
};

struct plan {
    const struct runtime_request *request;
    uint64_t clone_flags;   /* namespaces the child is born in */
    uint64_t unshare_flags; /* namespaces it makes itself, while the parent writes the id maps */
    uint64_t all_flags;     /* both */
    struct plan_join *joins;
    size_t n_joins;
    struct id_maps maps;
    bool privileged; /* the parent may clone mounts itself; else the child does, as root of its
                        namespace */
    bool loopback;
    struct plan_source *sources;
    size_t n_sources;
    size_t n_root_sources; /* the first ones are the root file system: upper first if there is one,
                              then lower */
    bool has_upper;
    bool root_readonly;
    struct plan_mount *mounts;
    size_t n_mounts;
    size_t *fs; /* which of the mounts are new file systems */
    size_t n_fs;
    struct cgroup_mounts cgroup_mounts; /* owns texts that mounts borrow */
    size_t cgroup_top;                  /* which of the mounts holds those of the hierarchies, */
    bool cgroup_readonly;               /* and is made read-only once it does */
    bool dev;                           /* a fresh /dev is among the mounts */
    const struct spec_device *devices;
    size_t n_devices;
    const struct strings *masked;
    const struct strings *readonly;
    struct plan_sysctl *sysctls;
    size_t n_sysctls;
    const char *hostname;
    const char *domainname;
    const struct spec_time_offset *time_offsets;
    size_t n_time_offsets;
    const char *cgroup;
    struct cgroup_limits limits;
    struct plan_process process;
};

/* Resolves and checks a request. Nothing is created; the seccomp cache may be read and written. */
int plan_make(const struct runtime_request *request, struct plan *ret_plan, struct err *err);
/* The part an exec needs. */
int plan_make_process(const struct runtime_request *request, struct plan *ret_plan,
                      struct err *err);
void plan_done(struct plan *plan);
