/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the files behind record.h share: records, names, locks and states step by step. For
 * record.c, trash.c, state.c, container.c, list.c, stop.c, wait.c, remove.c and logs.c.
 */
#include "engine/record.h"

enum { RECORD_PATH_SIZE = 128, CONTAINER_NAME_MAX = 255 };

/* --- record.c --- */

/* "containers/<id>" or "containers/<id>/<file>". Returns the buffer, which holds RECORD_PATH_SIZE
 * bytes. */
char *record_path(const char *id, const char *file, char *buffer);
/* Makes containers/<id> with its configuration. On failure nothing of it is left. */
int record_make(struct engine *engine, const struct container_config *config, struct err *err);
bool record_exists(struct engine *engine, const char *id);

/* The id behind a name (CONTAINER_ID_LEN + 1 bytes). Returns 1, or 0 if there is no such name. */
int name_find(struct engine *engine, const char *name, char *id, struct err *err);
/* The name of an id whose record does not tell it, or NULL. Owned by the caller. */
char *name_of(struct engine *engine, const char *id);
/* Makes the name. Returns 1, or 0 if another container that exists has it. */
int name_take(struct engine *engine, const char *name, const char *id, struct err *err);

/* Of one that never ran, or whose monitor died first: all that follows a discard, under its lock. What
 * cannot be deleted now the next removal sweeps. */
void record_withdraw(struct engine *engine, int run_dir_fd, const char *id, const char *name);

/* Opens run/containers/<id>. Returns 1 if it is locked, 0 if not, -1 with errno: ENOENT. */
int run_dir_open(int run_fd, const char *id, int *ret_fd);
/* Removes run/containers/<id>; the descriptor stays good. */
void run_dir_remove(int run_fd, int run_dir_fd, const char *id);
/* The same of a container whose record is gone, once no control group is left of it: under its lock. */
int run_dir_clear(struct engine *engine, int run_fd, int run_dir_fd, const char *id);
/* Hands an exit code to whoever waits. */
void exit_write(int run_dir_fd, int64_t exit_code);
/* Reads it from the file "exit". Returns 1, or 0: it was not written. */
int exit_read(int exit_fd, int64_t *ret_exit_code);
/* Returns 1 once nobody holds the lock, 0 after timeout_ms. */
int record_wait_unlocked(struct engine *engine, const char *id, int timeout_ms);
void sleep_ms(int ms);

/* --- trash.c --- */

/* Returns 1, or 0 if there is no such record. */
int trash_put_record(int root_fd, const char *id, struct err *err);

/* --- state.c --- */

/* Reads a state file. Returns 1, or 0 if there is none. */
int state_read(int dirfd, const char *path, struct container_state *ret_state, struct err *err);
/* As state_load, without a configuration: returns 1, or 0 where no state says what the container
 * is. `running_only`: 0 also for one that does not run. */
int state_find(struct engine *engine, const char *id, bool running_only,
               struct container_state *ret_state, struct err *err);
/* Whether the first process is still there: 1, 0, or -1 if that cannot be known. */
int state_process_lives(const struct container_state *state, struct err *err);
static inline bool state_is_running(const struct container_state *state)
{
    return state->status == CONTAINER_RUNNING || state->status == CONTAINER_PAUSED;
}

/* --- container.c --- */

/* Whether it may be a container's name: [a-zA-Z0-9][a-zA-Z0-9_.-]+ */
bool name_valid(const char *name);
/* For messages: the name, or the short id where there is none. */
const char *container_label(const struct container *container);
/* ERR_INVALID if the record could not be read: such a container can be listed, inspected and
 * removed. */
int container_check(const struct container *container, struct err *err);

/* --- stop.c --- */

/* Kills all of a container if it runs and waits until its end is recorded, or its monitor is gone
 * too. */
int container_end(struct engine *engine, const struct container *container, struct err *err);
/* Kills what is in the control group a state names. None is fine. */
int container_group_kill(struct engine *engine, const struct container_state *state,
                         struct err *err);
/* Kills what is left in it, and removes it. */
int container_group_clear(struct engine *engine, const struct container_state *state,
                          struct err *err);
/* Where a container's group is made. Owned by the caller. */
char *container_group_path(const char *id);
/* The monitor by descriptor. Returns 1, or 0 if there is none. */
int monitor_pidfd(struct engine *engine, const char *id, int *ret_pidfd);

/* Adds images that are mounted to those that are in use (image_mount.c). */
int image_mounts_add(struct engine *engine, struct pairs *users, struct err *err);
