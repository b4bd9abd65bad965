/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The one place where containers are made: a specification and what it cannot say (descriptors of
 * layers and streams) become a plan, the plan is carried out by two ordered tables of steps, the
 * parent's and the child's. The caller owns what a request points at and keeps it until the call
 * returns.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include "kernel/cgroup.h"
#include "kernel/idmap.h"
#include "oci/spec.h"
#include "oci/state.h"

enum runtime_rootfs_kind {
    ROOTFS_DIRECTORY, /* `lower` has one path, which is the root itself */
    ROOTFS_OVERLAY,
};

enum runtime_rootfs_flags {
    ROOTFS_VOLATILE = 1 << 0, /* the upper layer is thrown away: nothing is synced */
    ROOTFS_TMPFS = 1 << 1,    /* the upper layer lies in memory; `upper` is NULL */
};

/* Paths of the host, trusted. */
struct runtime_rootfs {
    enum runtime_rootfs_kind kind;
    enum runtime_rootfs_flags flags;
    struct strings lower; /* topmost layer first; of an overlay also files, EROFS images */
    const char *upper;    /* directory that holds upper/ and work/; NULL: nothing can be written */
};

enum runtime_seccomp {
    RUNTIME_SECCOMP_SPEC,    /* what linux.seccomp says, none if it is absent */
    RUNTIME_SECCOMP_DEFAULT, /* the default profile for the capabilities of the process */
};

enum runtime_flags {
    RUNTIME_LANDLOCK =
        1 << 0,            /* no new device nodes, no change of mounts, whatever the capabilities */
    RUNTIME_INIT = 1 << 1, /* ruche-init is process 1 and starts the command */
    RUNTIME_MAP_OWNERS =
        1 << 3, /* files of the host have, in a user namespace, the owners they have on disk */
    RUNTIME_MAKE_CWD = 1 << 2,     /* a working directory that is not there is made */
    RUNTIME_HOLD = 1 << 4,         /* the process waits on `hold` before it executes its program */
    RUNTIME_NO_PIVOT = 1 << 6,     /* the root is changed by chroot: the host's is an initramfs */
    RUNTIME_KEEP_KEYRING = 1 << 5, /* the session keyring stays the caller's */
    RUNTIME_HOLD_MOUNTS = 1 << 7,  /* the container's own mount namespace is handed over */
    RUNTIME_LEAVE_OPEN =
        1 << 8, /* what the parent had open stays so: the caller closes all, or ends */
};

/* How an event of a start reaches whoever wants to see it; times in nanoseconds of CLOCK_MONOTONIC.
 */
struct runtime_event {
    const char *side;  /* "parent" or "child" */
    const char *step;  /* in words: "mount proc on /proc" */
    const char *call;  /* the system call it rests on, with its arguments */
    uint64_t begin_ns; /* both 0 in a plan that was not carried out */
    uint64_t end_ns;
    bool done;
};
typedef void runtime_listener(void *context, const struct runtime_event *event);

struct runtime_request {
    const struct spec *spec;
    const struct runtime_rootfs *rootfs;
    /* Whose container it is, for hooks and for a seccomp agent; its pid and status are put in.
     * NULL: no hooks are run. */
    const struct oci_state *state;
    const char
        *user; /* "name", "uid", "name:group" … found inside the container; NULL: spec's ids */
    const struct strings *groups; /* further groups by name or number, or NULL */
    const struct cgroup_host *cgroups;
    unsigned
        optional_limits; /* 1 << enum cgroup_controller, CGROUP_OPTIONAL_SWAP: limits to be left
                                 out where they cannot be had */
    const struct pairs
        *device_sources; /* host's nodes of linux.devices that have another path there, or NULL */
    enum runtime_seccomp seccomp;
    enum runtime_flags flags;
    int seccomp_cache; /* directory of compiled profiles, or -1 */
    /* A directory whose files belong to the container's root as they are: owners of sources in it
     * are not mapped. NULL: there is none. */
    const char *own_files;
    /* The source of the bind mount on `lent` is one of another mount namespace, that file
     * (/proc/PID/ns/mnt), and keeps its owners. NULL: no mount is. */
    const char *lent;
    const char *lender;
    /* Called once by the parent while the child is busy: what the caller still has to make before
     * the root file system is put together. NULL: nothing. */
    int (*prepare)(void *context, struct err *err);
    void *prepare_context;
    /* Called by the parent before the child is let go: where the caller writes down what it makes, so
     * that nothing runs of which nobody knows; once more if another process takes the child's place.
     * NULL: nowhere. */
    int (*record)(void *context, pid_t pid, bool in_cgroup, struct err *err);
    void *record_context;
    unsigned cgroup_flags;             /* of a new group: CGROUP_ flags */
    const struct pairs *cgroups_below; /* of an exec: controller ("": all) to a path below the
                                          container's group; or NULL */
    unsigned hierarchies;  /* of an exec: where the group was made, as runtime_process has it; 0:
                                   look everywhere */
    int hold;              /* of RUNTIME_HOLD: a socket from runtime_hold_open, above 2 */
    unsigned preserve_fds; /* this many descriptors from 3 on stay open in the process */
    int stdio[3];          /* what becomes 0, 1, 2; not used when process.terminal */
    runtime_listener *listener; /* NULL: nobody listens, no clock is read */
    void *listener_context;
};

struct runtime_process {
    pid_t pid;
    int pidfd;
    int terminal; /* the pseudo-terminal's master, or -1 */
    int mounts;   /* its mount namespace, of RUNTIME_HOLD_MOUNTS; or -1 */
    bool in_cgroup;
    unsigned hierarchies; /* 1 << index in the host: where the group was made, or joined */
    char warning[256];    /* one line, or "" */
};

/* Makes a container and executes its process. On failure nothing of it is left. */
int runtime_create(const struct runtime_request *request, struct runtime_process *ret_process,
                   struct err *err);
/* Executes a process in the running container whose first process is `pidfd`. */
int runtime_exec(const struct runtime_request *request, int pidfd,
                 struct runtime_process *ret_process, struct err *err);
/* Tells the listener what runtime_create would do, and does nothing. */
int runtime_dry_run(const struct runtime_request *request, struct err *err);
void runtime_process_done(struct runtime_process *process);

/* --- a process that waits (hold.c) --- */

/* Makes the socket on which a process of RUNTIME_HOLD waits, as a file in the directory. */
int runtime_hold_open(int dirfd, const char *name, int *ret_hold, struct err *err);
/* Lets it go on, removes the file, and waits until it has executed its program. Returns 1; 0 where
 * nobody waits; -1 with the reason why it could not be executed. */
int runtime_hold_release(int dirfd, const char *name, struct err *err);
/* Has it end. Nobody there is fine. */
void runtime_hold_end(int dirfd, const char *name);

/* Removes the class of cache and memory bandwidth that was made for a container without a closID
 * of its own. None is fine. */
void runtime_resctrl_remove(const char *id);

/* --- limits of a container that lives (update.c) --- */

/* What a configuration's limits are to the kernel; its texts stay the configuration's. */
int runtime_limits(const struct spec_resources *resources, struct cgroup_limits *ret_limits,
                   struct err *err);
/* Writes what the resources say to the group; what they do not name stays as it is. */
int runtime_update(struct cgroup *cgroup, const struct spec_resources *resources, struct err *err);
