/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for a container's end. The monitor holds the lock of run/containers/<id> until the end is
 * recorded; the file "exit" in it is opened before the wait and read after it, so that the code is
 * known even of a container that has removed itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "engine/record_part.h"
#include "kernel/pidfd.h"

enum { BEGIN_WAIT_MS = 1000 };

/* Opens the directory and "exit" in it. Returns 1, or 0 if there is none: it does not run. */
static int exit_open(int run_fd, const char *id, int *ret_dir_fd, int *ret_exit_fd, struct err *err)
{
    char path[RECORD_PATH_SIZE];
    (void)record_path(id, NULL, path);
    for (int waited_ms = 0; waited_ms < BEGIN_WAIT_MS; waited_ms++) {
        auto_close int dir_fd =
            openat(run_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        auto_close int exit_fd = dir_fd < 0 ? -1 : openat(dir_fd, "exit", O_RDONLY | O_CLOEXEC);
        if (exit_fd >= 0) {
            *ret_dir_fd = take_fd(dir_fd);
            *ret_exit_fd = take_fd(exit_fd);
            return 1;
        }
        if (errno != ENOENT)
            return err_sys(err, "open %s", path);
        if (dir_fd < 0)
            return 0;
        sleep_ms(1); /* the directory was just made, or is just being removed */
    }
    return 0;
}

static int lock_wait(int dir_fd, struct err *err)
{
    while (flock(dir_fd, LOCK_SH) < 0)
        if (errno != EINTR)
            return err_sys(err, "wait for the lock");
    return 0;
}

/* Waits for one run. Returns 1 with the code, or 0: it is not known from here. */
static int run_wait(struct engine *engine, const char *id, int64_t *ret_exit_code, struct err *err)
{
    auto_close int dir_fd = -1, exit_fd = -1;
    int run_fd;
    if (engine_run_fd(engine, &run_fd, err) < 0)
        return -1;
    int found = exit_open(run_fd, id, &dir_fd, &exit_fd, err);
    if (found <= 0)
        return found;
    if (lock_wait(dir_fd, err) < 0)
        return -1;
    return exit_read(exit_fd, ret_exit_code);
}

/* Without a monitor nobody gets to know the code, but when it ended can be seen. */
static int orphan_wait(const struct container_state *state, struct err *err)
{
    auto_close int pidfd = -1;
    int found = state_pidfd(state, &pidfd, err);
    if (found <= 0)
        return found;
    return pidfd_poll(pidfd, -1) < 0 ? err_sys(err, "wait for its first process") : 0;
}

int container_wait(struct engine *engine, const struct container *container, int *ret_exit_code,
                   struct err *err)
{
    const char *id = container->config.id;
    int64_t exit_code = -1;
    for (;;) {
        auto_done(container_state) state = {};
        int known = run_wait(engine, id, &exit_code, err);
        if (known < 0)
            return err_wrap(err, "wait for container %s", container_label(container));
        if (known > 0)
            break;
        if (state_load(engine, &container->config, &state, err) < 0)
            return err_wrap(err, "wait for container %s", container_label(container));
        bool locked = record_locked(engine, id);
        if (!locked && state_is_running(&state) && orphan_wait(&state, err) < 0)
            return err_wrap(err, "wait for container %s", container_label(container));
        if (locked)
            continue; /* it was started just now */
        bool ended = state.status == CONTAINER_EXITED || state.status == CONTAINER_CREATED;
        exit_code = ended && record_exists(engine, id) ? state.exit_code : -1;
        break;
    }
    *ret_exit_code = (int)exit_code;
    return 0;
}
