/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removal. Under the lock, which keeps everybody else from starting or removing it: the name goes,
 * the record is renamed into the trash, the run directory goes. Then, without the lock, what a dead
 * monitor left in the kernel, and the files.
 */
#include <inttypes.h>

#include "engine/record_part.h"

enum { ATTEMPTS = 2, FORCE_ATTEMPTS = 10 };

static int fail_running(const struct container *container, const struct container_state *state,
                        struct err *err)
{
    return err_set(err, ERR_CONFLICT, "container %s is %s; stop it first, or use \"ruche rm -f\"",
                   container_label(container), container_status_names[state->status]);
}

/* Gives the lock of a container that does not run, and its last state. */
static int remove_lock(struct engine *engine, const struct container *container,
                       enum container_remove_flags flags, struct container_state *state,
                       int *ret_fd, struct err *err)
{
    bool force = flags & CONTAINER_REMOVE_FORCE;
    struct err why = {};
    for (int attempt = 0; attempt < (force ? FORCE_ATTEMPTS : ATTEMPTS); attempt++) {
        container_state_done(state);
        if (state_load(engine, &container->config, state, &why) < 0)
            state_init(state, &container->config); /* damaged: the lock tells whether it runs */
        if (state_is_running(state) && !force)
            return fail_running(container, state, err);
        if (force && container_end(engine, container, err) < 0)
            return -1;
        if (record_lock(engine, container->config.id, container_label(container), ret_fd, &why) ==
            0)
            return 0;
        if (why.kind != ERR_CONFLICT)
            break; /* else it was started again, and a look at its state tells */
    }
    if (err)
        *err = why;
    return -1;
}

int container_remove(struct engine *engine, const struct container *container,
                     enum container_remove_flags flags, struct err *err)
{
    auto_done(container_state) state = {};
    auto_close int lock = -1;
    const struct container_config *config = &container->config;
    bool ran = state_is_running(&container->state);
    if (remove_lock(engine, container, flags, &state, &lock, err) < 0)
        return -1;
    int moved = record_discard(engine, lock, config->id, config->name, -1, err);
    fd_close(&lock);
    if (moved < 0)
        return err_wrap(err, "remove container %s", container_label(container));

    struct err why = {};
    int cleared = state.status == CONTAINER_UNKNOWN || state_is_running(&state)
                      ? container_group_clear(engine, &state, &why)
                      : 0;
    if (cleared == 0)
        record_forget(engine, config->id);
    int deleted = moved > 0 ? trash_delete(engine, config->id, &why) : 0;
    (void)engine_trash_sweep(engine, NULL); /* what others left: it is tried again the next time */
    if (moved == 0 && !(ran && config->auto_remove))
        return err_set(err, ERR_NOT_FOUND, "no such container: %s; it was removed meanwhile",
                       container_label(container));
    if (cleared == 0 && deleted == 0)
        return 0;
    if (err)
        *err = why;
    return err_wrap(err, "container %s is removed, but something of it is left",
                    container_label(container));
}
