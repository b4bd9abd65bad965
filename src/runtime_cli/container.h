/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A container as it lies in the root: its directory, what is written there, and what can be told of
 * it from that and the process (docs/formats/runtime-state.md). A directory without a state.json is
 * what a start that was killed left: nobody sees it but `delete --force`.
 */
#include "oci/spec.h"
#include "runtime_cli/runtime_cli.h"

#define CONTAINER_SOCKET "start"

/* state.json. */
struct record {
    uint32_t version;
    char *oci_version;
    char *id;
    int32_t pid;
    uint64_t pid_start; /* clock ticks after boot: proc_pid_stat(5), field 22 */
    char *bundle;
    char *rootfs;
    char *created; /* RFC 3339 */
    uint32_t owner;
    char *cgroup;                   /* absolute; NULL: none */
    struct pairs cgroup_bases;      /* hierarchies in which it does not begin at the top */
    uint32_t cgroup_parents;        /* so many of its parents were there before, */
    struct pairs cgroup_parents_in; /* and so many in these hierarchies, where it was fewer */
    char *scope;                    /* the systemd unit that it is; NULL: none */
    bool shares_cgroup; /* others were in it before: it is not for us to kill or remove */
    bool shares_pids;   /* no pid namespace of its own */
    bool poststart;     /* there are hooks to be run when it was started, */
    bool poststop;      /* and when it is gone */
    struct pairs annotations;
};

int record_parse(const char *text, size_t len, struct record *ret_record, struct err *err);
void record_format(const struct record *record, struct str *out);
void record_done(struct record *record);

struct container {
    struct program *program;
    char *id;
    int dir;
    struct cgroup_host
        *cgroups;         /* the machine's as record.cgroup_bases has them; NULL: as they are */
    unsigned hierarchies; /* where its group is, as whoever made it just now knows; 0: anywhere */
    struct record record; /* `id` is NULL where there is no state.json */
};

enum container_status {
    CONTAINER_CREATED,
    CONTAINER_RUNNING,
    CONTAINER_PAUSED,
    CONTAINER_STOPPED,
};
extern const char *const container_status_names[];

enum container_open_flags {
    CONTAINER_LOCK = 1 << 0, /* as the only one to change it */
    CONTAINER_TORN = 1 << 1, /* one without a state.json as well */
};

/* As runc: letters, digits and _ + - . up to 1024 of them, but not "." and "..". */
int container_id_check(const char *id, struct err *err);
/* Makes the directory, locked. ERR_EXISTS: the id is taken. */
int container_make(struct program *program, const char *id, struct container *ret_container,
                   struct err *err);
/* Returns 1, or 0 if there is none. */
int container_open(struct program *program, const char *id, enum container_open_flags flags,
                   struct container *ret_container, struct err *err);
/* The same, where none is an error. */
int container_find(struct program *program, const char *id, enum container_open_flags flags,
                   struct container *ret_container, struct err *err);
void container_done(struct container *container);

/* Lets others change it, and takes it back. Returns 1, or 0 if it has been deleted meanwhile. */
void container_unlock(const struct container *container);
int container_lock(struct container *container, struct err *err);
/* Notes, before it is so, that the group gets directories where it had none: who locks the container
 * then forgets where they were. */
int container_spread(const struct container *container, struct err *err);
/* Writes the record beside and renames it. */
int container_save(const struct container *container, struct err *err);
int container_status(struct container *container, enum container_status *ret_status,
                     struct err *err);
/* Whether its cgroup stands still: 1 or 0. */
int container_frozen(const struct container *container, struct err *err);
/* Its first process, held. Returns 1, or 0 if that has ended. */
int container_process(const struct container *container, int *ret_pidfd, struct err *err);
/* When a process began, in ticks after boot. Returns 1; 0 if there is none, or only a zombie. */
int process_start(pid_t pid, uint64_t *ret_start, struct err *err);
/* The configuration as it was read when it was made. */
int container_spec(const struct container *container, struct spec *ret_spec, struct err *err);
/* The machine's cgroups, as its path is meant. */
int container_cgroups(const struct container *container, const struct cgroup_host **ret_host,
                      struct err *err);
/* Sets that up from its record. */
int container_rebase(struct container *container, struct err *err);
/* Its cgroup. Returns 1, or 0 if it has none. */
int container_cgroup(const struct container *container, struct cgroup *ret_cgroup, struct err *err);
/* The same, where none is an error: "what" cannot be done then. */
int container_cgroup_find(const struct container *container, const char *what,
                          struct cgroup *ret_cgroup, struct err *err);
/* Kills all processes in its cgroup. None there is fine. */
int container_cgroup_kill(const struct container *container, struct err *err);
/* Deletes the directory and all in it. */
int container_forget(const struct container *container, struct err *err);
