/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals, the end and the pause of containers. A process is reached by a descriptor that was
 * checked against what its monitor wrote; its end has come when the monitor has recorded it and
 * lets go of the lock.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>

#include "engine/defaults.h"
#include "engine/record_part.h"
#include "kernel/pidfd.h"
#include "kernel/signal_name.h"

enum {
    KILL_WAIT_MS = 10000, /* SIGKILL is carried out at once, unless a process hangs in the kernel */
    MONITOR_PROMPT_MS = 200, /* what a monitor needs to record an end, many times over */
    MONITOR_WAIT_MS = 2000,  /* after the monitor itself was killed */
    FREEZE_WAIT_MS = 10000,
    MS_PER_S = 1000,
};

/* A running container as it is now. */
struct target {
    struct container_state state;
    int pidfd;
};

static void target_done(struct target *target)
{
    container_state_done(&target->state);
    fd_close(&target->pidfd);
}

/* Returns 1, or 0 if it does not run; the state is given in both cases. */
static int target_open(struct engine *engine, const struct container *container,
                       struct target *target, struct err *err)
{
    if (state_load(engine, &container->config, &target->state, err) < 0)
        return -1;
    if (!state_is_running(&target->state))
        return 0;
    return state_pidfd(&target->state, &target->pidfd, err);
}

static int fail_not_running(const struct container *container, struct err *err)
{
    return err_set(err, ERR_CONFLICT, "container %s is not running", container_label(container));
}

/* --- control groups --- */

/* Returns 1, or 0 if it has none. */
static int group_open(struct engine *engine, const struct container_state *state,
                      struct cgroup *ret_cgroup, struct err *err)
{
    const struct cgroup_host *cgroups;
    if (!state->cgroup)
        return 0;
    if (engine_cgroups(engine, &cgroups, err) < 0)
        return -1;
    return cgroup_open(cgroups, state->cgroup, ret_cgroup, err);
}

/* What stands still acts on no signal before it is let go, on v1 not even on SIGKILL. */
static int target_thaw(struct engine *engine, const struct target *target, struct err *err)
{
    struct cgroup cgroup = {};
    if (target->state.status != CONTAINER_PAUSED)
        return 0;
    int found = group_open(engine, &target->state, &cgroup, err);
    if (found <= 0)
        return found;
    int thawed = cgroup_thaw(&cgroup, err);
    cgroup_close(&cgroup);
    return thawed;
}

char *container_group_path(const char *id)
{
    return xasprintf("ruche/%s", id);
}

int container_group_clear(struct engine *engine, const struct container_state *state,
                          struct err *err)
{
    struct cgroup cgroup = {};
    int found = group_open(engine, state, &cgroup, err);
    if (found <= 0)
        return found;
    int result = cgroup_kill(&cgroup, err);
    if (result == 0)
        result = cgroup_remove(&cgroup, KILL_WAIT_MS, err);
    cgroup_close(&cgroup);
    return result;
}

int container_group_kill(struct engine *engine, const struct container_state *state,
                         struct err *err)
{
    struct cgroup cgroup = {};
    int found = group_open(engine, state, &cgroup, err);
    if (found <= 0)
        return found;
    int killed = cgroup_kill(&cgroup, err);
    cgroup_close(&cgroup);
    return killed;
}

/* --- the end --- */

int monitor_pidfd(struct engine *engine, const char *id, int *ret_pidfd)
{
    auto_close int pidfd = -1;
    int64_t pid = 0;
    int run_fd;
    if (engine_run_fd(engine, &run_fd, NULL) < 0)
        return 0;
    /* The second time shows that the one who had the lock before the descriptor was made has it
     * still: it is the same process. */
    for (int look = 0; look < 2; look++) {
        auto_done(container_state) state = {};
        auto_close int dir_fd = -1;
        if (run_dir_open(run_fd, id, &dir_fd) <= 0 ||
            state_read(dir_fd, "state.json", &state, NULL) <= 0)
            return 0;
        if (look > 0 && state.monitor_pid != pid)
            return 0;
        pid = state.monitor_pid;
        if (pid <= 0 || pid > INT32_MAX)
            return 0;
        if (look == 0)
            pidfd = pidfd_of((pid_t)pid);
        if (pidfd < 0)
            return 0;
    }
    *ret_pidfd = take_fd(pidfd);
    return 1;
}

/* Until the monitor of a process that has ended recorded that. One that is stopped is let go on. */
static bool monitor_wait(struct engine *engine, const char *id)
{
    auto_close int monitor = -1;
    if (record_wait_unlocked(engine, id, MONITOR_PROMPT_MS))
        return true;
    if (monitor_pidfd(engine, id, &monitor) > 0)
        (void)pidfd_signal(monitor, SIGCONT); /* it may have ended just now */
    return record_wait_unlocked(engine, id, KILL_WAIT_MS);
}

/* Until the process is gone and its monitor, if there is one, has recorded that. Returns 1, or 0
 * after timeout_ms (-1: no limit). */
static int target_wait(struct engine *engine, const struct target *target, int timeout_ms,
                       struct err *err)
{
    int ended = pidfd_poll(target->pidfd, timeout_ms);
    if (ended < 0)
        return err_sys(err, "wait for process %" PRId64, target->state.pid);
    return ended > 0 && monitor_wait(engine, target->state.id);
}

/* Of a process that has ended. A monitor that hangs would keep its container for ever. */
static int monitor_end(struct engine *engine, const struct container_state *state, struct err *err)
{
    auto_close int monitor = -1;
    if (monitor_wait(engine, state->id))
        return 0;
    if (monitor_pidfd(engine, state->id, &monitor) > 0)
        (void)pidfd_signal(monitor, SIGKILL); /* it may have ended just now */
    if (record_wait_unlocked(engine, state->id, MONITOR_WAIT_MS))
        return 0;
    return err_set(err, ERR_SYSTEM, "its monitor (process %" PRId64 ") does not end",
                   state->monitor_pid);
}

static int target_kill(struct engine *engine, const struct target *target, struct err *err)
{
    if (pidfd_signal(target->pidfd, SIGKILL) < 0 && errno != ESRCH)
        return err_sys(err, "kill process %" PRId64, target->state.pid);
    if (container_group_kill(engine, &target->state, err) < 0)
        return -1;
    int ended = pidfd_poll(target->pidfd, KILL_WAIT_MS);
    if (ended < 0)
        return err_sys(err, "wait for process %" PRId64, target->state.pid);
    if (ended == 0)
        return err_set(err, ERR_SYSTEM, "process %" PRId64 " does not end: it hangs in the kernel",
                       target->state.pid);
    return monitor_end(engine, &target->state, err);
}

int container_end(struct engine *engine, const struct container *container, struct err *err)
{
    auto_done(target) target = { .pidfd = -1 };
    int running = target_open(engine, container, &target, err);
    if (running > 0)
        running = target_kill(engine, &target, err);
    else if (running == 0 && state_is_running(&target.state))
        running = monitor_end(engine, &target.state, err);
    return running < 0 ? err_wrap(err, "kill container %s", container_label(container)) : 0;
}

int container_kill(struct engine *engine, const struct container *container, int signal,
                   struct err *err)
{
    auto_done(target) target = { .pidfd = -1 };
    int running = target_open(engine, container, &target, err);
    if (running == 0)
        return fail_not_running(container, err);
    if (running < 0)
        return err_wrap(err, "kill container %s", container_label(container));
    if (pidfd_signal(target.pidfd, signal) < 0) {
        char name[SIGNAL_NAME_SIZE];
        if (errno == ESRCH)
            return fail_not_running(container, err);
        return err_sys(err, "send %s to container %s", signal_format(signal, name),
                       container_label(container));
    }
    if (signal != SIGKILL)
        return 0;
    if (target_thaw(engine, &target, err) < 0)
        return err_wrap(err, "kill container %s", container_label(container));
    int ended = target_wait(engine, &target, KILL_WAIT_MS, err);
    if (ended == 0)
        return err_set(err, ERR_SYSTEM, "container %s was killed, but does not end",
                       container_label(container));
    return ended < 0 ? -1 : 0;
}

static int stop_timeout_ms(const struct container_config *config, int64_t timeout_s)
{
    int64_t seconds = timeout_s;
    if (seconds < 0)
        seconds =
            config->stop_timeout_s.set ? config->stop_timeout_s.value : DEFAULT_STOP_TIMEOUT_S;
    if (seconds < 0 || seconds > INT32_MAX / MS_PER_S)
        return -1;
    return (int)seconds * MS_PER_S;
}

int container_stop(struct engine *engine, const struct container *container, int64_t timeout_s,
                   struct err *err)
{
    auto_done(target) target = { .pidfd = -1 };
    int signal = SIGTERM;
    const char *name = container->config.stop_signal;
    if (name && name[0] != '\0' && signal_parse(name, &signal, err) < 0)
        return err_wrap(err, "stop container %s", container_label(container));
    int running = target_open(engine, container, &target, err);
    if (running == 0 && state_is_running(&target.state)) /* its end is being recorded */
        running = monitor_end(engine, &target.state, err);
    if (running == 0)
        return 0;
    if (running < 0)
        return err_wrap(err, "stop container %s", container_label(container));

    int result = 0;
    if (pidfd_signal(target.pidfd, signal) < 0 && errno != ESRCH)
        result = err_sys(err, "process %" PRId64, target.state.pid);
    if (result == 0)
        result = target_thaw(engine, &target, err);
    int ended = result < 0 ? -1
                           : target_wait(engine, &target,
                                         stop_timeout_ms(&container->config, timeout_s), err);
    if (ended == 0)
        ended = target_kill(engine, &target, err) < 0 ? -1 : 1;
    return ended < 0 ? err_wrap(err, "stop container %s", container_label(container)) : 0;
}

/* --- the pause --- */

/* ERR_NOT_FOUND: it ended meanwhile. */
static int status_save(struct engine *engine, struct target *target, enum container_status status,
                       struct err *err)
{
    auto_close int dir_fd = -1;
    int run_fd;
    if (engine_run_fd(engine, &run_fd, err) < 0)
        return -1;
    if (run_dir_open(run_fd, target->state.id, &dir_fd) < 0)
        return err_sys(err, "open its run directory");
    target->state.status = status;
    return state_save_running(engine, dir_fd, &target->state, err);
}

static int group_need(struct engine *engine, const struct container *container,
                      const struct target *target, struct cgroup *ret_cgroup, struct err *err)
{
    int found = group_open(engine, &target->state, ret_cgroup, err);
    if (found == 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "container %s has no control group, by which it could be paused; the host "
                       "must let you make some",
                       container_label(container));
    return found < 0 ? -1 : 0;
}

static int target_pause(struct engine *engine, const struct container *container,
                        struct target *target, struct cgroup *cgroup, struct err *err)
{
    if (cgroup_freeze(cgroup, FREEZE_WAIT_MS, err) < 0)
        return -1;
    if (status_save(engine, target, CONTAINER_PAUSED, err) == 0)
        return 0;
    (void)cgroup_thaw(cgroup, NULL); /* what failed is reported already */
    return err && err->kind == ERR_NOT_FOUND ? fail_not_running(container, err) : -1;
}

int container_pause(struct engine *engine, const struct container *container, struct err *err)
{
    auto_done(target) target = { .pidfd = -1 };
    struct cgroup cgroup = {};
    int running = target_open(engine, container, &target, err);
    if (running == 0)
        return fail_not_running(container, err);
    if (running > 0 && target.state.status == CONTAINER_PAUSED)
        return err_set(err, ERR_CONFLICT, "container %s is paused already",
                       container_label(container));
    if (running < 0 || group_need(engine, container, &target, &cgroup, err) < 0)
        return err_wrap(err, "pause");
    int paused = target_pause(engine, container, &target, &cgroup, err);
    cgroup_close(&cgroup);
    return paused < 0 ? err_wrap(err, "pause container %s", container_label(container)) : 0;
}

/* One that stands still without saying so was being paused by a command that was killed. */
static int target_unpause(struct engine *engine, const struct container *container,
                          struct target *target, struct cgroup *cgroup, struct err *err)
{
    int frozen = target->state.status == CONTAINER_PAUSED ? 1 : cgroup_frozen(cgroup, err);
    if (frozen == 0)
        return err_set(err, ERR_CONFLICT, "container %s is not paused", container_label(container));
    if (frozen < 0 || cgroup_thaw(cgroup, err) < 0)
        return err_wrap(err, "unpause container %s", container_label(container));
    struct err why = {};
    if (status_save(engine, target, CONTAINER_RUNNING, &why) == 0 || why.kind == ERR_NOT_FOUND)
        return 0;
    if (err)
        *err = why;
    return err_wrap(err, "unpause container %s", container_label(container));
}

int container_unpause(struct engine *engine, const struct container *container, struct err *err)
{
    auto_done(target) target = { .pidfd = -1 };
    struct cgroup cgroup = {};
    int running = target_open(engine, container, &target, err);
    if (running == 0)
        return fail_not_running(container, err);
    if (running < 0 || group_need(engine, container, &target, &cgroup, err) < 0)
        return err_wrap(err, "unpause");
    int result = target_unpause(engine, container, &target, &cgroup, err);
    cgroup_close(&cgroup);
    return result;
}
