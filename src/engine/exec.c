/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process in a running container. Whoever asks for it is its parent; there is no monitor. A
 * detached one has nobody who reads its streams, so they are /dev/null.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine/record_part.h"
#include "engine/share.h"
#include "engine/spec.h"

struct exec_streams {
    int in[2];
    int out[2];
    int err[2];
};

static void exec_streams_done(struct exec_streams *streams)
{
    int *fds = streams->in;
    for (size_t i = 0; i < sizeof(*streams) / sizeof(int); i++)
        fd_close(&fds[i]);
}

static int exec_streams_open(const struct exec_request *request, struct exec_streams *streams,
                             struct err *err)
{
    if (request->terminal)
        return 0;
    bool piped = request->stdin_open && !request->detached;
    if (piped ? pipe2(streams->in, O_CLOEXEC) < 0
              : (streams->in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
        return err_sys(err, "open stdin");
    if (request->detached) {
        streams->out[1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
        streams->err[1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
        return streams->out[1] < 0 || streams->err[1] < 0 ? err_sys(err, "open /dev/null") : 0;
    }
    if (pipe2(streams->out, O_CLOEXEC) < 0 || pipe2(streams->err, O_CLOEXEC) < 0)
        return err_sys(err, "pipe");
    return 0;
}

/* All its namespaces are joined by its first process, wherever they came from. */
static void namespace_own(char **mode)
{
    if (!mode_shares(*mode))
        return;
    free(*mode);
    *mode = NULL;
}

/* The container's own configuration with the command, environment and place of the request in it.
 */
static void config_overlay(struct container_config *config, const struct exec_request *request)
{
    strings_done(&config->entrypoint);
    strings_done(&config->command);
    strings_copy(&config->command, &request->command);
    for (size_t i = 0; i < request->env.len; i++)
        strings_put(&config->env, request->env.at[i]);
    config->terminal = request->terminal;
    namespace_own(&config->namespaces.pid);
    namespace_own(&config->namespaces.uts);
    namespace_own(&config->namespaces.ipc);
    namespace_own(&config->namespaces.user);
    namespace_own(&config->namespaces.network);
    if (request->privileged) {
        strings_done(&config->cap_drop);
        strings_done(&config->cap_add);
        strings_add(&config->cap_add, "ALL");
        config->no_new_privileges = false;
        free(config->seccomp);
        config->seccomp = xstrdup("unconfined");
    }
    if (request->user) {
        free(config->user);
        config->user = xstrdup(request->user);
        strings_done(&config->groups);
    }
    if (request->workdir) {
        free(config->workdir);
        config->workdir = xstrdup(request->workdir);
    }
}

/* The maps of a running container: only where its root is matters here, for the owner of the
 * streams. */
static int maps_of(const struct engine *engine, const struct container_state *state,
                   struct id_maps *maps, struct err *err)
{
    if (engine->rootless)
        return id_maps_of_user(maps, err);
    id_map_add(&maps->uid, 0, (uint32_t)state->subid, 65536);
    id_map_add(&maps->gid, 0, (uint32_t)state->subid, 65536);
    return 0;
}

static int exec_run(struct engine *engine, struct container *container, const int stdio[3],
                    const struct attendance *attendance, int pidfd,
                    struct runtime_process *ret_process, struct err *err)
{
    const struct container_state *state = &container->state;
    const struct cgroup_host *cgroups;
    auto_done(start_plan) plan = {};
    struct id_maps maps = {};
    struct strings no_layers = {};
    bool userns = state->userns && text_starts(state->userns, "private");
    if (engine_cgroups(engine, &cgroups, err) < 0 ||
        (userns && maps_of(engine, state, &maps, err) < 0))
        return -1;
    int result = start_plan_make(engine, &container->config, userns ? &maps : NULL, &no_layers,
                                 NULL, &plan, err);
    id_maps_done(&maps);
    if (result < 0)
        return -1;
    struct spec_console_size size = { attendance->size.rows, attendance->size.columns };
    if (container->config.terminal && size.height) {
        plan.spec.process->console_size = xnew(struct spec_console_size);
        *plan.spec.process->console_size = size;
    }
    if (!state->cgroup) {
        free(plan.spec.linux->cgroups_path);
        plan.spec.linux->cgroups_path = NULL;
    }
    /* No Landlock: a domain of its own could not look at the processes of the container's
     * (docs/design/0003-landlock.md). */
    struct runtime_request request = {
        .spec = &plan.spec,
        .rootfs = &plan.rootfs,
        .user = plan.user,
        .groups = &container->config.groups,
        .cgroups = cgroups,
        .hierarchies = (unsigned)state->hierarchies,
        .seccomp = plan.seccomp,
        .seccomp_cache = -1,
        .stdio = { stdio[0], stdio[1], stdio[2] },
        .listener = attendance->listener,
        .listener_context = attendance->listener_context,
    };
    return runtime_exec(&request, pidfd, ret_process, err);
}

int container_exec(struct engine *engine, struct container *container,
                   const struct exec_request *request, struct attendance *attendance,
                   struct err *err)
{
    const char *name = container->config.name;
    attendance->control = attendance->process = attendance->stdin_fd = attendance->terminal = -1;
    attendance->out_fd = attendance->err_fd = -1;
    attendance->warnings = NULL;
    attendance->unheard = 0;
    if (container_check(container, err) < 0)
        return -1;
    if (container->state.status == CONTAINER_PAUSED)
        return err_set(err, ERR_CONFLICT, "container %s is paused; unpause it first", name);
    if (container->state.status != CONTAINER_RUNNING)
        return err_set(err, ERR_CONFLICT, "container %s is not running; start it first", name);

    auto_close int pidfd = -1;
    auto_done(exec_streams) streams = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
    struct runtime_process process;
    int found = state_pidfd(&container->state, &pidfd, err);
    if (found < 0 || exec_streams_open(request, &streams, err) < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_CONFLICT, "container %s has just ended", name);
    config_overlay(&container->config, request);
    const int stdio[3] = { streams.in[0], streams.out[1], streams.err[1] };
    if (exec_run(engine, container, stdio, attendance, pidfd, &process, err) < 0)
        return err_wrap(err, "container %s", name);

    attendance->process = attendance->control = process.pidfd;
    attendance->terminal = process.terminal;
    attendance->stdin_fd = take_fd(streams.in[1]);
    attendance->out_fd = take_fd(streams.out[0]);
    attendance->err_fd = take_fd(streams.err[0]);
    attendance->warnings = process.warning[0] ? xstrdup(process.warning) : NULL;
    return 0;
}
