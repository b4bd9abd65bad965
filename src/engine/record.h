/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What lies on disk of a container (docs/formats/container.md), and the locks that keep its users
 * apart. For engine/ alone. Paths are reached from two descriptors, of the root and of the run
 * directory, which the engine opens once.
 *
 *   <root>/containers/<id>/  config.json, state.json; upper/, work/: the writable layer; log/
 *   <root>/names/<name>      a symlink whose text is the id
 *   <root>/trash/<id>/       a record that was removed, and is being deleted
 *   <run>/containers/<id>/   from a start to its end: state.json, exit. Whoever starts or monitors
 *                            the container holds flock(2) on this directory.
 *
 * The way of whoever starts and monitors a container:
 *
 * 1. record_lock. The monitor inherits the descriptor, and nobody else keeps it: it is
 *    close-on-exec, and whoever forked the monitor closes his.
 * 2. state_save_started, if the record is kept: what is known if the machine goes down meanwhile.
 * 3. state_save_running, as soon as there is a pid, and after each change of status.
 * 4. When the program has ended, or has failed to start: state_save_ended of a container that is
 *    kept, once its cgroup is removed; record_discard of one that removes itself, then its cgroup,
 *    then record_forget, so that something tells of the cgroup of whoever is killed in between.
 * 5. close(2), which wakes whoever waits; not before 4. Then trash_delete of one that removes
 *    itself.
 *
 * The file "exit" is there, empty, from 1 on. 4 writes the exit code into that very file before it
 * unlinks it: `wait` opens it, waits for the lock, and reads it, whether or not it has a name then.
 * Where nobody knows the code it stays empty.
 */
#include <sys/types.h>

#include "engine/engine.h"
#include "kernel/cgroup.h"

enum {
    CONTAINER_ID_LEN = 64,       /* hexadecimal digits */
    CONTAINER_ID_SHORT_LEN = 12, /* as people see it */
    CONTAINER_CONFIG_MAX_BYTES = 8 << 20,
    CONTAINER_STATE_MAX_BYTES = 1 << 20,
};

struct engine {
    char *root;
    char *run;
    bool rootless;
    bool run_in_tmp;       /* run is ours below /tmp: its owner has to be checked */
    int root_fd;           /* -1 until engine_root_fd */
    int run_fd;            /* -1 until engine_run_fd */
    struct images *images; /* NULL until engine_images */
    enum image_storage storage;
    struct cgroup_host cgroups;
    bool cgroups_known;
};

/* --- the engine's own (engine.c) --- */

/* Opens the directory once, made if it is absent. The descriptor stays the engine's. */
int engine_root_fd(struct engine *engine, int *ret_fd, struct err *err);
int engine_run_fd(struct engine *engine, int *ret_fd, struct err *err);
/* The host's control groups, remembered in the run directory. They stay the engine's. */
int engine_cgroups(struct engine *engine, const struct cgroup_host **ret_cgroups, struct err *err);

/* --- the record (record.c) --- */

/* Whether it is 64 digits of lower case hexadecimal: only such a text may become part of a path. */
bool container_id_valid(const char *id);
/* Opens containers/<id> (O_RDONLY). ERR_NOT_FOUND if it is gone. */
int record_open(struct engine *engine, const char *id, int *ret_fd, struct err *err);
/* Reads containers/<id>/config.json. Returns 1, or 0 if there is none or an empty one: a
 * record that was half made. */
int record_load_config(struct engine *engine, const char *id, struct container_config *ret_config,
                       struct err *err);

/* Makes run/containers/<id> and the empty file "exit" in it, and locks it. ERR_CONFLICT: it runs or
 * is being started or removed. label is what messages call it; NULL: the short id. */
int record_lock(struct engine *engine, const char *id, const char *label, int *ret_fd,
                struct err *err);
/* Whether somebody holds the lock: then its monitor lives, or it is being started or removed. */
bool record_locked(struct engine *engine, const char *id);

/* Of one that removes itself, under its lock: hands the exit code (-1: none) to whoever waits,
 * moves the record to the trash, removes its name (NULL: none) and what is in the run directory.
 * That itself stays until record_forget: whoever finds it without a record looks for a cgroup.
 * Returns 1, when trash_delete(engine, id) is still to do, or 0 if the record was gone. */
int record_discard(struct engine *engine, int run_dir_fd, const char *id, const char *name,
                   int exit_code, struct err *err);
/* Removes the run directory of one that was discarded: nothing of it is left in the kernel. */
void record_forget(struct engine *engine, const char *id);
/* Deletes a record from the trash. One that somebody else is deleting is left to him. */
int trash_delete(struct engine *engine, const char *id, struct err *err);
/* Deletes what is left in the trash by those who did not come to it. One system call when there is
 * nothing. */
int engine_trash_sweep(struct engine *engine, struct err *err);
/* --- states (state.c) --- */

/* What the configuration says of a state: id, name, image, command, creation time; CREATED. */
void state_init(struct container_state *state, const struct container_config *config);
/* Saves run/containers/<id>/state.json: not synced, the directory does not outlive the machine's
 * being up. */
int state_save_running(struct engine *engine, int run_dir_fd, const struct container_state *state,
                       struct err *err);
/* Saves containers/<id>/state.json as of a container that begins to run; not synced. */
int state_save_started(struct engine *engine, const struct container_state *state, struct err *err);
/* Saves containers/<id>/state.json (synced), hands state->exit_code to whoever waits, and removes
 * all of run/containers/<id>; its descriptor stays good and locked. */
int state_save_ended(struct engine *engine, int run_dir_fd, const struct container_state *state,
                     struct err *err);
/* The true state of a container: what its monitor says, or else how it ended; RUNNING without a
 * monitor if the first process lives, UNKNOWN if nobody knows. Gives CREATED from the configuration
 * where there is no state. Returns 0. */
int state_load(struct engine *engine, const struct container_config *config,
               struct container_state *ret_state, struct err *err);
void state_copy(struct container_state *to, const struct container_state *from);

/* When a process was started, in clock ticks since boot: field 22 of proc_pid_stat(5). Returns 1;
 * 0 if there is no such process, or it has ended; -1 if that cannot be known. */
int process_start_ticks(pid_t pid, uint64_t *ret_ticks, struct err *err);
/* A descriptor of the first process, which is what the state says and not another of that number.
 * Returns 1, or 0 if it is gone. */
int state_pidfd(const struct container_state *state, int *ret_pidfd, struct err *err);
