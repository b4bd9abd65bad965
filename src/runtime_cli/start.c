/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/hooks.h"
#include "runtime/runtime.h"
#include "runtime_cli/bundle.h"
#include "runtime_cli/end.h"

static int status_check(struct container *container, struct err *err)
{
    enum container_status status;
    if (container_status(container, &status, err) < 0)
        return -1;
    switch (status) {
    case CONTAINER_CREATED:
        return 0;
    case CONTAINER_STOPPED:
        return err_set(err, ERR_CONFLICT, "cannot start a container that has stopped");
    case CONTAINER_RUNNING:
        return err_set(err, ERR_CONFLICT, "cannot start an already running container");
    case CONTAINER_PAUSED:
        return err_set(err, ERR_CONFLICT, "cannot start a paused container; resume it first");
    }
    return 0;
}

/* One that fails takes the container with it, as `run` does. */
static int hooks_after(struct container *container, struct err *err)
{
    auto_done(spec) spec = {};
    struct err ignored = {};
    struct oci_state state = state_of(container, &container->record, "running");
    if (container_spec(container, &spec, err) < 0)
        return -1;
    if (hooks_run(&spec, HOOK_POSTSTART, &state, err) == 0)
        return 0;
    (void)container_kill(container, &ignored);
    return -1;
}

static int start_run(void *context, void *args, char **operands, struct err *err)
{
    (void)args;
    auto_done(container) container = { .dir = -1 };
    if (container_find(context, operands[0], CONTAINER_LOCK, &container, err) < 0 ||
        status_check(&container, err) < 0)
        return -1;
    int started = runtime_hold_release(container.dir, CONTAINER_SOCKET, err);
    if (started < 0)
        return err_wrap(err, "start container %s", container.id);
    if (started == 0)
        return err_set(err, ERR_CONFLICT, "cannot start an already running container");
    return container.record.poststart ? hooks_after(&container, err) : 0;
}

const struct command start_command = {
    .name = "start",
    .args = "ID",
    .summary = "Let the process of a created container execute its program",
    .flags = COMMAND_INTERSPERSED,
    .least = 1,
    .most = 1,
    .run = start_run,
};
