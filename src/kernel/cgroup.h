/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Control groups (cgroups(7); the kernel's admin-guide/cgroup-v1 and cgroup-v2.rst) in three
 * layouts: v1, v2, and hybrid, where v1 hierarchies have most controllers and a v2 hierarchy beside
 * them has the core files. Which directory is made and which value is written where is planned as a
 * value first. A process enters by itself: v2 by CLONE_INTO_CGROUP, v1 by writing "0" into `tasks`;
 * no pid of another process is written on the way to a start (that write waits for an RCU grace
 * period).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/field.h"
#include "base/str.h"

/* constant, name in v1, name in v2 ("" where v2 has no such controller) */
/* clang-format off */
#define CGROUP_CONTROLLERS(X)               \
    X(CPU,        "cpu",        "cpu")      \
    X(CPUACCT,    "cpuacct",    "")         \
    X(CPUSET,     "cpuset",     "cpuset")   \
    X(MEMORY,     "memory",     "memory")   \
    X(DEVICES,    "devices",    "")         \
    X(FREEZER,    "freezer",    "")         \
    X(BLKIO,      "blkio",      "io")       \
    X(PIDS,       "pids",       "pids")     \
    X(HUGETLB,    "hugetlb",    "hugetlb")  \
    X(NET_CLS,    "net_cls",    "")         \
    X(NET_PRIO,   "net_prio",   "")         \
    X(PERF_EVENT, "perf_event", "")         \
    X(RDMA,       "rdma",       "rdma")     \
    X(MISC,       "misc",       "misc")
/* clang-format on */

enum cgroup_controller {
#define X(constant, v1, v2) CGROUP_##constant,
    CGROUP_CONTROLLERS(X)
#undef X
        CGROUP_CONTROLLER_COUNT
};

/* --- the host --- */

enum { CGROUP_HIERARCHIES_MAX = 24, CGROUP_WRITTEN_MAX = 8 };

struct cgroup_hierarchy {
    char *names; /* "cpu,cpuacct" or "name=systemd" as the kernel writes it; "" is the v2 one */
    char *root;  /* the group that stands at the mount's top, "/" but in nested containers */
    char *mount; /* where it is mounted */
    unsigned controllers; /* 1 << enum cgroup_controller; of v1 only */
    bool writable;        /* groups can be made at its top */
};

struct cgroup_host {
    struct cgroup_hierarchy at[CGROUP_HIERARCHIES_MAX];
    size_t len;
    int v2;         /* index of the v2 hierarchy, or -1 */
    char *base;     /* below the v2 mount: where paths begin, "" at its top; NULL: nowhere */
    char *identity; /* of /sys/fs/cgroup as it was looked at: boot and mount */
};

/* Finds what is mounted in a text of /proc/self/mountinfo (proc_pid_mountinfo(5)); asks nothing
 * else. Finding nothing is no error. `writable` is true for all and `base` is NULL afterwards;
 * cgroup_host_place sets them. */
int cgroup_host_parse(const char *mountinfo, struct cgroup_host *ret_host, struct err *err);
/* Asks (faccessat) which hierarchies can be written, and finds from a text of /proc/self/cgroup
 * what has been delegated to us in the v2 one: the parent of our own group, or that group. own may
 * be NULL: nothing is delegated. */
void cgroup_host_place(struct cgroup_host *host, const char *own);
/* Both with the kernel's texts. */
int cgroup_host_detect(struct cgroup_host *ret_host, struct err *err);
/* Writes a few lines of text that spare the next process the detection. The file is per user and
 * boot. */
int cgroup_host_save(const struct cgroup_host *host, int dirfd, const char *file, struct err *err);
/* Returns 1, or 0 if there is no such file or it does not describe the machine as it is mounted
 * now. */
int cgroup_host_load(int dirfd, const char *file, struct cgroup_host *ret_host, struct err *err);
/* Loads, or else detects and tries to save. */
int cgroup_host_open(int dirfd, const char *file, struct cgroup_host *ret_host, struct err *err);
/* Where we are ourselves: a hierarchy's names to our group below its mount, in v2 to what was
 * delegated to us; what begins at the top is left out. */
int cgroup_host_own(const struct cgroup_host *host, struct pairs *ret_own, struct err *err);
/* A copy whose hierarchies begin at those groups. */
void cgroup_host_rebase(const struct cgroup_host *host, const struct pairs *own,
                        struct cgroup_host *ret_host);
void cgroup_host_done(struct cgroup_host *host);
/* Index of the v1 hierarchy that has the controller, or -1. */
int cgroup_host_find(const struct cgroup_host *host, enum cgroup_controller controller);

/* --- limits --- */

/* The bits of BPF_DEVCG_ACC_* (linux/bpf.h). */
enum cgroup_device_access {
    CGROUP_DEVICE_MKNOD = 1 << 0,
    CGROUP_DEVICE_READ = 1 << 1,
    CGROUP_DEVICE_WRITE = 1 << 2,
    CGROUP_DEVICE_ALL = 7,
};

/* For each kind of access the last rule that matches a device decides; no match denies. */
struct cgroup_device_rule {
    bool allow;
    char type;       /* 'a' any, 'b' block, 'c' character */
    int64_t major;   /* -1: any */
    int64_t minor;   /* -1: any */
    unsigned access; /* CGROUP_DEVICE_ bits */
};

struct cgroup_weight {
    int64_t major;
    int64_t minor;
    uint64_t weight; /* 10 to 1000 */
};

enum cgroup_throttle_kind {
    CGROUP_READ_BPS,
    CGROUP_WRITE_BPS,
    CGROUP_READ_IOPS,
    CGROUP_WRITE_IOPS,
};

struct cgroup_throttle {
    enum cgroup_throttle_kind kind;
    int64_t major;
    int64_t minor;
    uint64_t rate; /* bytes or operations a second; 0: no limit */
};

struct cgroup_hugepage {
    const char *size; /* "2MB" */
    uint64_t bytes;
};

struct cgroup_rdma {
    const char *device; /* "mlx5_0" */
    struct maybe_u64 handles;
    struct maybe_u64 objects;
};

struct cgroup_priority {
    const char *interface;
    uint32_t priority;
};

/* Among the optional limits: that of swap alone, where swap is not accounted. */
#define CGROUP_OPTIONAL_SWAP (1U << 31)

/* What a group may use; {} asks for nothing. Texts and `unified` are borrowed, the lists are owned.
 * -1 is "no limit", 0 is a limit of 0. */
struct cgroup_limits {
    struct maybe_i64 memory_bytes;
    struct maybe_i64 memory_swap_bytes; /* memory and swap together, as in v1 */
    struct maybe_i64 memory_reservation_bytes;
    struct maybe_i64 kernel_tcp_bytes;  /* v1 */
    struct maybe_u64 swappiness;        /* v1, 0 to 100 */
    struct maybe_bool oom_kill_disable; /* v1 */
    struct maybe_u64 cpu_shares;        /* 2 to 262144 */
    struct maybe_i64 cpu_quota_us;
    struct maybe_u64 cpu_period_us;
    struct maybe_u64 cpu_burst_us;
    struct maybe_i64 cpu_idle;      /* 0 or 1 */
    struct maybe_i64 rt_runtime_us; /* v1 */
    struct maybe_u64 rt_period_us;  /* v1 */
    const char *cpus;               /* "0-3,7" */
    const char *mems;
    struct maybe_i64 pids;
    struct maybe_u64 io_weight; /* 10 to 1000 */
    ARRAY_OF(cgroup_weight) io_weights;
    ARRAY_OF(cgroup_throttle) io_throttles;
    ARRAY_OF(cgroup_hugepage) hugepages;
    ARRAY_OF(cgroup_rdma) rdma;
    struct maybe_u64 net_class_id;            /* v1 */
    ARRAY_OF(cgroup_priority) net_priorities; /* v1 */
    const struct pairs *unified;              /* file of the v2 group: value, written as they are */
    ARRAY_OF(cgroup_device_rule) device_rules; /* none: no filter */
    bool need_device_rules; /* an error where they cannot be had, else left out */
    unsigned optional; /* 1 << controller: its limits are left out where they cannot be had; and
                               CGROUP_OPTIONAL_SWAP */
};

void cgroup_limits_done(struct cgroup_limits *limits);
/* "rwm" → bits of CGROUP_DEVICE_. */
int cgroup_device_access_parse(const char *text, unsigned *ret_access, struct err *err);

/* --- the plan --- */

enum cgroup_flags {
    /* Memory, CPU time, processes and block I/O are counted even without a limit. */
    CGROUP_ACCOUNT = 1 << 0,
    /* A directory in every hierarchy, as tools that look for one expect it. */
    CGROUP_EVERYWHERE = 1 << 1,
    /* A group that exists is taken as it is; else it must be without processes, and is made anew.
     */
    CGROUP_JOIN = 1 << 2,
    /* Of a plan: the group has values already. */
    CGROUP_UPDATE = 1 << 3,
    /* Of an update: a memory limit below the usage is an error, no work for the OOM killer. */
    CGROUP_CHECK_USAGE = 1 << 4,
    /* A group that exists and is frozen is an error: whoever froze it means it to stay so. */
    CGROUP_REFUSE_FROZEN = 1 << 5,
};

enum cgroup_write_flags {
    /* No such file is fine. */
    CGROUP_WRITE_MAY_MISS = 1 << 0,
    /* No such file: the next write stands in for it. Written: that one is skipped. */
    CGROUP_WRITE_OR_NEXT = 1 << 1,
    /* The value begins with the quota that is in the file already. */
    CGROUP_WRITE_KEEP_QUOTA = 1 << 2,
};

/* One value for one file. Writes of one set (not 0) stand together and restrict each other (memory
 * and memory+swap, say): one that the kernel refuses is tried again after the others. */
struct cgroup_write {
    int hierarchy;                     /* index in the host */
    enum cgroup_controller controller; /* whose file it is; CGROUP_CONTROLLER_COUNT: the core's */
    unsigned flags;
    unsigned set;
    const char *limit; /* what the user calls it: "memory limit" */
    char *file;
    char *value; /* NULL: the file is only looked for, so that its controller gets switched on */
};

enum cgroup_device_means {
    CGROUP_DEVICE_MEANS_NONE,
    CGROUP_DEVICE_MEANS_V1,  /* the devices controller; writes of the plan if the group is new */
    CGROUP_DEVICE_MEANS_BPF, /* a program attached to the v2 group */
};

struct cgroup_plan {
    ARRAY_OF(cgroup_write) writes;
    unsigned hierarchies; /* 1 << index: where a directory is made */
    unsigned dropped;     /* 1 << controller: optional limits that cannot be had */
    enum cgroup_device_means devices;
};

/* Decides what is to be made and written; no system call. ERR_UNSUPPORTED names the limit, the
 * controller and the remedy. */
int cgroup_plan_make(const struct cgroup_host *host, const struct cgroup_limits *limits,
                     unsigned flags, struct cgroup_plan *ret_plan, struct err *err);
void cgroup_plan_done(struct cgroup_plan *plan);
/* One line a directory and a write, with the group's path as given. */
void cgroup_plan_format(const struct cgroup_host *host, const struct cgroup_plan *plan,
                        const char *path, struct str *out);

/* --- groups --- */

/* {} is a closed one. */
struct cgroup {
    const struct cgroup_host *host; /* borrowed */
    char *path; /* below each hierarchy's mount, begins with '/': what cgroup_open finds it by */
    unsigned hierarchies; /* 1 << index: where it has a directory */
    unsigned dropped;     /* 1 << controller: optional limits that could not be had */
    int v2;               /* O_PATH descriptor of its v2 directory for CLONE_INTO_CGROUP, or -1 */
    int tasks[CGROUP_HIERARCHIES_MAX]; /* v1 `tasks` files, open for writing */
    size_t n_tasks;
    /* Files its values were written to, closed with it: where they have numbers in a row that is one
     * call. */
    int written[CGROUP_WRITTEN_MAX];
    size_t n_written;
};

/* Components of at most 255 bytes, none empty, "." or "..", no control characters. "/a/b" begins at
 * each hierarchy's top, "a/b" where the host lets us begin. */
int cgroup_path_check(const char *path, struct err *err);
/* Where the group lies below each hierarchy's mount; begins with '/'. Owned by the caller. */
char *cgroup_whole_path(const struct cgroup_host *host, const char *path);

/* Makes the group with its limits, and its parents. Returns 1; 0 where the host lets us make none
 * and no limit needs one; -1. */
int cgroup_create(const struct cgroup_host *host, const char *path,
                  const struct cgroup_limits *limits, unsigned flags, struct cgroup *ret_cgroup,
                  struct err *err);
/* Finds an existing group. Returns 1, or 0 if there is none. */
int cgroup_open(const struct cgroup_host *host, const char *path, struct cgroup *ret_cgroup,
                struct err *err);
/* The same, to enter groups below it: in the hierarchies of the controllers that are the keys, in all
 * of them with the key "". One that is not there is an error; "" is the group itself. `known` is where
 * the group was made; it is looked for everywhere if that is 0, or not true of this host any more. */
int cgroup_open_below(const struct cgroup_host *host, const char *path, unsigned known,
                      const struct pairs *below, struct cgroup *ret_cgroup, struct err *err);
void cgroup_close(struct cgroup *cgroup);

/* The calling, single-threaded process enters the v1 groups. Async-signal-safe. 0, or -1 with
 * errno. */
int cgroup_enter(const struct cgroup *cgroup);
/* Enters the v2 group, for a child that was not cloned into it (kernel before 5.7); slow. As above.
 */
int cgroup_enter_v2(const struct cgroup *cgroup);

/* Changes the limits of a group that lives. Where it has no v1 directory for a limit yet, one is
 * made and its processes moved. */
int cgroup_update(struct cgroup *cgroup, const struct cgroup_limits *limits, unsigned flags,
                  struct err *err);
/* Gives the v2 directory and the files the kernel lists in /sys/kernel/cgroup/delegate to a user.
 * Without v2: nothing. */
int cgroup_delegate(const struct cgroup *cgroup, uid_t uid, gid_t gid, struct err *err);
/* Removes it and the groups below it everywhere. Waits up to timeout_ms for processes that are
 * ending; ERR_CONFLICT when some stay. Absent already is fine. Parents stay. */
int cgroup_remove(const struct cgroup *cgroup, int timeout_ms, struct err *err);
/* The same where nobody can have given it more directories than cgroup->hierarchies says. */
int cgroup_remove_known(const struct cgroup *cgroup, int timeout_ms, struct err *err);

struct cgroup_pids {
    pid_t *at;
    size_t len;
};

/* Processes in the group and those below it, without those of foreign pid namespaces. */
int cgroup_procs(const struct cgroup *cgroup, struct cgroup_pids *ret_pids, struct err *err);
void cgroup_pids_done(struct cgroup_pids *pids);
/* Sends a signal to each process in the group and below it. A gone group is fine. */
int cgroup_signal(const struct cgroup *cgroup, int signal, struct err *err);
/* SIGKILL for all of them, at once where the kernel can (cgroup.kill, 5.14), and thaws. They may
 * still be ending afterwards. */
int cgroup_kill(const struct cgroup *cgroup, struct err *err);
/* Stops all processes and waits until they stand; after timeout_ms they are let go again and it is
 * an error. */
int cgroup_freeze(struct cgroup *cgroup, int timeout_ms, struct err *err);
int cgroup_thaw(const struct cgroup *cgroup, struct err *err);
/* Whether it was asked to be frozen. Returns 1 or 0. */
int cgroup_frozen(const struct cgroup *cgroup, struct err *err);

/* Limits that are "none" are unset, and so is what the host does not count. */
struct cgroup_stats {
    struct maybe_u64 memory_bytes;
    struct maybe_u64 memory_limit_bytes;
    struct maybe_u64 memory_peak_bytes;
    struct maybe_u64 memory_inactive_file_bytes; /* page cache that would go first */
    struct maybe_u64 swap_bytes;                 /* v2 */
    struct maybe_u64 memory_swap_bytes;          /* v1: memory and swap together */
    struct maybe_u64 oom_kills;
    struct maybe_u64 cpu_ns;
    struct maybe_u64 cpu_user_ns;
    struct maybe_u64 cpu_system_ns;
    struct maybe_u64 cpu_periods;
    struct maybe_u64 cpu_throttled_periods;
    struct maybe_u64 cpu_throttled_ns;
    struct maybe_u64 pids;
    struct maybe_u64 pids_limit;
    struct maybe_u64 io_read_bytes;
    struct maybe_u64 io_write_bytes;
    struct maybe_u64 io_reads;
    struct maybe_u64 io_writes;
};

int cgroup_stats(const struct cgroup *cgroup, struct cgroup_stats *ret_stats, struct err *err);

/* --- what a container sees --- */

enum cgroup_mount_type {
    CGROUP_MOUNT_TMPFS,
    CGROUP_MOUNT_V1,
    CGROUP_MOUNT_V2,
    CGROUP_MOUNT_LINK, /* a symlink `name` to `options` */
};

/* To be made in this order below the container's /sys/fs/cgroup. */
struct cgroup_mount {
    enum cgroup_mount_type type;
    char *name;         /* "" is /sys/fs/cgroup itself */
    const char *fstype; /* "tmpfs", "cgroup", "cgroup2"; NULL for a link */
    char *options;
    char *source; /* the group's directory on the host, to bind where there is no cgroup namespace;
                     NULL for tmpfs and links */
};

struct cgroup_mounts {
    struct cgroup_mount *at;
    size_t len;
};

/* Only hierarchies in which the group has a directory are shown: in the others the container would
 * see the host's groups. A NULL cgroup means all, rooted at their tops. */
void cgroup_mount_plan(const struct cgroup_host *host, const struct cgroup *cgroup,
                       struct cgroup_mounts *ret_mounts);
void cgroup_mounts_done(struct cgroup_mounts *mounts);
