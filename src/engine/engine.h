/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The engine: containers from creation to removal, as cli/ (and later api/) drives them. State lies
 * in two directories (docs/DESIGN.md); every call opens what it needs. The caller owns the engine
 * and what the calls give.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/err.h"
#include "engine/config.h"
#include "image/image.h"
#include "kernel/terminal.h"
#include "runtime/runtime.h"

struct engine;
struct usage;

/* root, run: NULL for the defaults of root or of an ordinary user. Opens and creates nothing yet.
 */
int engine_open(const char *root, const char *run, struct engine **ret_engine, struct err *err);
void engine_free(struct engine *engine);
DROP(engine);
/* Where the state lies. */
const char *engine_root(const struct engine *engine);
const char *engine_run(const struct engine *engine);
bool engine_rootless(const struct engine *engine);
/* What layers are unpacked to: before the first use of the store. */
void engine_storage(struct engine *engine, enum image_storage storage);
/* The image store, opened on first use. */
int engine_images(struct engine *engine, struct images **ret_images, struct err *err);

/* --- records (container.c) -------------------------------------------------------------------- */

/* What tells one state of the image index from another: it is saved by a rename. */
struct index_mark {
    ino_t inode;
    struct timespec changed;
};

/* A container as it lies on disk. */
struct container {
    struct container_config config;
    struct container_state state;
    bool unmade;            /* prepared, and not on disk yet */
    struct index_mark mark; /* of the index its image was found in */
};
void container_free(struct container *container);
DROP(container);

/* Completes the configuration (id, creation time, the image's part by docker's rules of ENTRYPOINT
 * and CMD) and checks it. Makes nothing yet. Takes the contents of config. ERR_NOT_FOUND: no such
 * image. */
int container_prepare(struct engine *engine, struct container_config *config,
                      struct container **ret_container, struct err *err);
/* Makes the record of a prepared container, with a name if it has none. ERR_CONFLICT: the name is
 * taken. container_start does it by itself, at a moment when it costs nothing. */
int container_record(struct engine *engine, struct container *container, struct err *err);

/* By name, id or an unambiguous beginning of an id. The state is the true one: a monitor that is
 * gone shows. */
int container_find(struct engine *engine, const char *name, struct container **ret_container,
                   struct err *err);

enum container_list_flags {
    CONTAINER_LIST_ALL = 1 << 0, /* those that do not run as well */
};
struct container_states {
    struct container_state *at;
    size_t len;
};
/* Newest first. Reads one small file a container. */
int container_list(struct engine *engine, enum container_list_flags flags,
                   struct container_states *ret_states, struct err *err);
void container_states_done(struct container_states *states);
/* Which images containers are of: image_users of image/image.h, whose context is the engine. A record
 * that cannot be read is an error: nobody knows what it uses. */
int engine_image_users(void *context, struct pairs *users, struct err *err);

/* Mounts an image read-only, for looking at; one that is mounted stays. Gives the path, owned by the
 * caller. Mounted images are in use, as if by a container. */
int engine_image_mount(struct engine *engine, const char *name, char **ret_path, struct err *err);
int engine_image_unmount(struct engine *engine, const char *name, struct err *err);
/* Ids of mounted images, and where. */
int engine_image_mounts(struct engine *engine, struct pairs *ret_mounts, struct err *err);
/* The same of those that run, for images_check. */
int engine_running_images(void *context, struct pairs *users, struct err *err);
/* Adds what a container, or all of them, takes of the disk: record, log, writable layer. */
int container_usage(struct engine *engine, const char *id, struct usage *usage, struct err *err);
/* What docker calls a container's sizes. */
struct container_sizes {
    uint64_t own_bytes;           /* allocated, of its writable layer */
    struct maybe_u64 whole_bytes; /* with its image's, unpacked; not set: that is gone, or none */
};
int container_measure(struct engine *engine, const struct container_config *config,
                      struct container_sizes *ret_sizes, struct err *err);
int engine_usage(struct engine *engine, struct usage *usage, struct err *err);

/* --- life (start.c, monitor.c, stop.c, remove.c) ---------------------------------------------- */

/* Whoever attends a container, or a process executed in one, in the foreground. Descriptors are -1
 * where there is none; the caller sets attached, stdin_open and the listener, the rest is given and
 * released by attendance_done. */
struct attendance {
    bool attached;   /* false: detached, nothing is passed on */
    bool stdin_open; /* the caller relays stdin */
    runtime_listener *listener;
    void *listener_context;
    struct terminal_size size; /* of the caller's terminal; 0: not known */
    char *warnings;            /* lines for the user, or NULL */
    int control;               /* becomes readable when it ended: time for container_attend */
    int process;               /* pidfd, for signals */
    int stdin_fd; /* where the process's stdin is to be written; closing it is its end of file */
    int terminal; /* the pseudo-terminal's master: stdin is written there, and its size is set there
                   */
    int out_fd;  /* of an exec: what it says, for the caller to copy (with a terminal, `terminal` is
                   read instead); */
    int err_fd;  /* a container's own streams are copied by its monitor */
    int unheard; /* errno of a write to the caller's stdout or stderr; 0: none failed */
};
void attendance_done(struct attendance *attendance);

/* Whether the container's root may be one who could write this program's file: the host's, or the
 * ordinary user whose file it is. Then the program has to be guarded (kernel/guard.h) before it
 * starts the container or executes in it. */
bool config_exposes_program(const struct engine *engine, const struct container_config *config);
bool container_exposes_program(const struct engine *engine, const struct container *container);
/* Starts a created or ended container: forks its monitor, and returns when the program is executed
 * or failed. Streams of an attached one go to the caller's stdout and stderr (and to the log). A
 * container that removes itself is gone when its start fails. */
int container_start(struct engine *engine, struct container *container,
                    struct attendance *attendance, struct err *err);
/* After container_start with attached: waits for the end. Returns 1 with the exit status as a shell
 * has it; or 0 with attendance->unheard set: the container goes on, but what it says could not be
 * written to the caller's stdout or stderr, which its monitor will not do any more. */
int container_attend(struct attendance *attendance, int *ret_exit_code, struct err *err);
/* Sends a signal to the attended process. One that has ended already is fine. */
int container_signal_attended(const struct attendance *attendance, int signal, struct err *err);
/* What would be done, told to the listener. */
int container_dry_run(struct engine *engine, const struct container *container,
                      runtime_listener *listener, void *context, struct err *err);

/* What the hidden command "__monitor" does: a monitor that was idle goes on (monitor.c). Returns
 * only on wrong operands. */
int monitor_resume(struct engine *engine, char *const *operands, struct err *err);

int container_kill(struct engine *engine, const struct container *container, int signal,
                   struct err *err);
/* The stop signal, then after timeout_s (-1: the container's own) SIGKILL. One that does not run is
 * fine. */
int container_stop(struct engine *engine, const struct container *container, int64_t timeout_s,
                   struct err *err);
int container_pause(struct engine *engine, const struct container *container, struct err *err);
int container_unpause(struct engine *engine, const struct container *container, struct err *err);
/* Waits until it does not run. Gives its exit code; -1 when nobody knows it. */
int container_wait(struct engine *engine, const struct container *container, int *ret_exit_code,
                   struct err *err);

enum container_remove_flags {
    CONTAINER_REMOVE_FORCE = 1 << 0, /* a running one is killed */
};
/* Renames the record aside and deletes it. ERR_CONFLICT: it runs. Works on whatever a crash left.
 */
int container_remove(struct engine *engine, const struct container *container,
                     enum container_remove_flags flags, struct err *err);

/* What the hidden command "__remove" does in a user namespace that has all ids of the files:
 * empties the directory. */
int trash_remove_inside(int dir_fd, struct err *err);

/* --- processes inside (exec.c) ---------------------------------------------------------------- */

struct exec_request {
    struct strings command;
    struct strings env;
    const char *user;    /* NULL: the container's */
    const char *workdir; /* NULL: the container's */
    bool terminal;
    bool stdin_open;
    bool privileged;
    bool detached;
};
/* Executes a process in a running container, whose configuration becomes the process's. When
 * attached the streams are pipes (or the terminal) that attendance gives, and container_attend
 * waits for it. */
int container_exec(struct engine *engine, struct container *container,
                   const struct exec_request *request, struct attendance *attendance,
                   struct err *err);

/* --- files (export.c) ------------------------------------------------------------------------- */

/* Writes a container's file system, without what is mounted in it, to a file or a pipe, as a tar
 * archive. ERR_UNSUPPORTED: what it has changed lies in its memory. */
int container_export(struct engine *engine, const struct container *container, int fd,
                     struct err *err);

/* --- logs (logs.c) ---------------------------------------------------------------------------- */

enum log_flags {
    LOG_FOLLOW = 1 << 0,
    LOG_TIMESTAMPS = 1 << 1,
};
struct log_request {
    enum log_flags flags;
    int64_t tail;      /* lines from the end; -1: all */
    const char *since; /* RFC 3339, or a duration before now, or NULL */
    const char *until;
};
/* Copies the log to two descriptors. LOG_FOLLOW: until the container ends or the reader is gone. */
int container_logs(struct engine *engine, const struct container *container,
                   const struct log_request *request, int out_fd, int err_fd, struct err *err);
/* The inspection as docker has it: one JSON object. */
void container_inspect(struct engine *engine, const struct container *container,
                       const struct container_sizes *sizes, struct str *out);
/* The same for templates (base/template_value.h); all of it is the pool's. */
struct pool;
struct value;
void container_inspect_value(struct engine *engine, const struct container *container,
                             const struct container_sizes *sizes, struct pool *pool,
                             struct value *ret_value);
