/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A start as a value: what the specification asks for, resolved as far as it can be without
 * touching the machine. The steps read it and change nothing in it; it borrows from the request and
 * the specification.
 */
#include "kernel/capability.h"
#include "kernel/label.h"
#include "kernel/rlimit.h"
#include "kernel/schedule.h"
#include "kernel/seccomp.h"
#include "runtime/caller.h"
#include "runtime/hooks.h"
#include "runtime/mount_options.h"
#include "runtime/runtime.h"

/* Something of the host that enters the container: cloned as a detached mount, mapped if there is a
 * user namespace. */
enum plan_source_map {
    SOURCE_MAP_REQUEST,   /* by the container's user namespace if the request says so */
    SOURCE_MAP_NONE,      /* not at all: files of the kernel's, and what is lent */
    SOURCE_MAP_CONTAINER, /* by the container's user namespace */
    SOURCE_MAP_GIVEN,     /* by maps of the mount's own */
};

struct plan_source {
    const char *path;
    const char *lender; /* the mount namespace that has it, or NULL: the caller's */
    bool recursive;
    bool map_below; /* of the last two: with all that is mounted below */
    enum plan_source_map map;
    const struct spec_mount *entry; /* of MAP_GIVEN: who has the maps */
};

enum plan_mount_kind {
    PLAN_MOUNT_FS,      /* a new file system */
    PLAN_MOUNT_BIND,    /* a source */
    PLAN_MOUNT_REMOUNT, /* other options for what is there */
    PLAN_MOUNT_LINK,    /* no mount: a symbolic link (names of co-mounted cgroup controllers) */
};

struct plan_mount {
    enum plan_mount_kind kind;
    const char *destination; /* below the root, no slash in front */
    const char *type;        /* of a FS; what a LINK points at */
    const char *name;        /* its source as /proc/mounts shows it */
    size_t source;           /* of a BIND: index into plan.sources */
    bool below_own;          /* right below a file system made before it, */
    bool place_missing;      /* where nobody has made a directory for it yet */
    bool mode_below;         /* of a FS: its root gets the mode of the directory it lies on */
    bool in_turn;            /* of a FS: made when it is mounted; else before the root is changed */
    const char *data; /* of a FS that one call makes and mounts: its own options; else NULL */
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

/* What few processes ask for. */
struct plan_attributes {
    struct schedule *scheduler; /* owned, as the next three; or NULL */
    struct memory_policy *memory_policy;
    struct number_set *processors_initial; /* of an exec: before it enters the cgroup */
    struct number_set *processors_final;   /* and after it */
    bool processors_reset;                 /* what the caller was bound to is not the cgroup's */
    int io_class;                          /* 0: none asked for */
    int io_priority;
    const struct spec_personality *personality;
    const char *label; /* of the program; or NULL */
    enum label_kind label_kind;
};

/* What a process is, in a new container or in one that runs. */
struct plan_process {
    char *const *argv;
    char **env; /* ends in two NULLs: the child puts HOME into the first if it is missing */
    const char *cwd;
    bool make_cwd;
    struct caller caller;
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
    bool seccomp_notify; /* its listener goes to the agent before anything else happens */
    struct rlimit_pair *rlimits;
    size_t n_rlimits;
    struct maybe_i64 oom_score_adj;
    struct plan_attributes attributes;
    char *init;       /* path of ruche-init, owned; or NULL */
    char **init_argv; /* its words, which end with those of argv */
};

/* Hooks of a start; with a request that has no state there are none. */
struct plan_hooks {
    size_t n_runtime;           /* of prestart and createRuntime, which the parent runs */
    struct hook_list container; /* createContainer and startContainer, which the child runs */
    struct hook_list start;
    char *creating; /* texts the lists borrow */
    char *created;
};

struct plan {
    const struct runtime_request *request;
    uint64_t clone_flags;   /* namespaces the child is born in */
    uint64_t unshare_flags; /* namespaces it makes itself, while the parent writes the id maps */
    uint64_t all_flags;     /* both, and the network namespace that is made beside */
    bool userns;            /* the container's user namespace is not the caller's */
    const char *user_path;  /* one that exists: a process in between joins it, and makes the rest */
    bool mounts_inherited;  /* its mount namespace is the caller's: see join.c */
    const char *mount_path; /* likewise; joined by the child once it has what it needs */
    const char *pid_path;   /* likewise; entered behind the change of the root, or NULL: it is among
                               the joins */
    struct plan_join *joins;
    size_t n_joins;
    struct id_maps maps;
    bool maps_mounts;    /* a mount is mapped by the container's own user namespace */
    bool privileged;     /* the parent may clone mounts itself; else the child does, as root of its
                        namespace */
    bool makes_nodes;    /* so can it device nodes, which root of a user namespace cannot */
    bool network_beside; /* its network namespace is made by a process beside the child, */
    bool loopback;       /* or is there from its birth, and only its loopback to be brought up */
    struct plan_source *sources;
    size_t n_sources;
    size_t n_root_sources; /* the first ones are the root file system: upper first if there is one,
                              then lower */
    bool has_upper;
    bool root_readonly;
    struct plan_mount *mounts;
    size_t n_mounts;
    size_t n_mounts_first; /* so many come before it enters its network namespace, */
    bool network_last;     /* if it does so after the root was changed */
    size_t *fs;            /* which of the mounts are made before that */
    size_t n_fs;
    size_t n_early_fs; /* so many are none of a network namespace's, nor are those before them */
    struct cgroup_mounts cgroup_mounts; /* owns texts that mounts borrow */
    struct strings texts;               /* likewise */
    size_t *late;                       /* which of the mounts are made read-only once they hold */
    size_t n_late;                      /* what lies below them */
    uint64_t root_propagation;          /* MS_ word, or 0; set when all is mounted */
    bool root_propagation_below;
    bool dev;            /* a fresh /dev is among the mounts: */
    size_t dev_mount;    /* this one, */
    bool dev_made;       /* which is filled at once, with all devices: by the parent, */
    bool dev_by_child;   /* or by the child, once it is mounted */
    bool binds_by_child; /* what a config.json binds the child clones, and again in its turn */
    bool proc_own;       /* /proc is one made here */
    const struct spec_device *devices;
    size_t n_devices;
    size_t *far; /* which of the devices are not below /dev */
    size_t n_far;
    const struct strings *masked;
    const struct strings *readonly;
    struct plan_sysctl *sysctls;
    size_t n_sysctls;
    const char *hostname;
    const char *domainname;
    const struct spec_time_offset *time_offsets;
    size_t n_time_offsets;
    const struct spec_net_device *netdevices;
    size_t n_netdevices;
    const struct spec_intel_rdt *rdt;
    bool exec_direct; /* an exec needs no process in between to enter the pid namespace */
    const char *cgroup;
    struct cgroup_limits limits;
    struct plan_process process;
    struct plan_hooks hooks;
    char warning[256]; /* what is left out, for people; or "" */
};

/* Resolves and checks a request. Nothing is created; the seccomp cache may be read and written. */
int plan_make(const struct runtime_request *request, struct plan *ret_plan, struct err *err);
/* The part an exec needs. */
int plan_make_process(const struct runtime_request *request, struct plan *ret_plan,
                      struct err *err);
/* How many descriptors the parent hands over: the sources, and /dev. */
size_t plan_handed(const struct plan *plan);
/* Whether the parent makes /dev. */
bool plan_dev_handed(const struct plan *plan);
/* How many sources the parent clones, from the first one on. */
size_t plan_sources_handed(const struct plan *plan);
void plan_done(struct plan *plan);
/* Puts the member of config.json in question before an error, if the request comes from one. */
int plan_fail(const struct runtime_request *request, const char *pointer, struct err *err);
/* Adds a warning; what does not fit is left out. */
void plan_warn(struct plan *plan, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Whether the root is changed only after everything is mounted and hooks have run. */
bool plan_pivots_late(const struct plan *plan);
