/* SPDX-License-Identifier: Apache-2.0 */
/* kill, delete, pause, resume: what is done to the processes of a container. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "kernel/pidfd.h"
#include "kernel/signal_name.h"
#include "runtime_cli/bundle.h"
#include "runtime_cli/end.h"

struct kill_args {
    bool all;
};

/* clang-format off */
static const struct option kill_options[] = {
    OPTION_BOOL(kill_args, all, 'a', "all", "Send it to every process of the container"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const kill_tables[] = { kill_options, NULL };

/* To all in the cgroup, those of a container whose first process has ended as well. */
static int kill_all(const struct container *container, int signal, struct err *err)
{
    struct cgroup cgroup = {};
    if (container_cgroup_find(container, "--all", &cgroup, err) < 0)
        return -1;
    int result =
        signal == SIGKILL ? cgroup_kill(&cgroup, err) : cgroup_signal(&cgroup, signal, err);
    cgroup_close(&cgroup);
    return result;
}

static int kill_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct kill_args *args = args_;
    auto_done(container) container = { .dir = -1 };
    auto_close int pidfd = -1;
    int signal = SIGTERM;
    /* 0 asks whether there is somebody to get one: kill(2). */
    if (text_same(operands[1], "0"))
        signal = 0;
    else if (operands[1] && signal_parse(operands[1], &signal, err) < 0)
        return -1;
    if (container_find(context, operands[0], 0, &container, err) < 0)
        return -1;
    int lives = container_process(&container, &pidfd, err);
    if (lives < 0)
        return -1;
    /* Those that share a pid namespace do not end with the first. */
    bool whole = args->all || (signal == SIGKILL && container.record.shares_pids &&
                               !container.record.shares_cgroup);
    if (whole && container.record.cgroup)
        return kill_all(&container, signal, err);
    if (args->all)
        return kill_all(&container, signal, err);
    if (!lives || (pidfd_signal(pidfd, signal) < 0 && errno == ESRCH))
        return err_set(err, ERR_CONFLICT, "container not running");
    return 0;
}

/* --- delete ----------------------------------------------------------------------------------- */

struct delete_args {
    bool force;
};

/* clang-format off */
static const struct option delete_options[] = {
    OPTION_BOOL(delete_args, force, 'f', "force", "Kill it if it runs; one that does not exist is fine"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const delete_tables[] = { delete_options, NULL };

/* Of one whose creation was killed before its state was written: the cgroup follows from its
 * configuration, if that got so far. */
static void torn_complete(struct container *container)
{
    auto_done(spec) spec = {};
    struct err ignored = {};
    struct record *record = &container->record;
    /* A relative one is looked for below our own groups: whoever deletes is who made it, mostly. */
    if (container_spec(container, &spec, &ignored) == 0 &&
        spec_cgroup_bases(container->program, &spec, &record->cgroup_bases, &ignored) == 0 &&
        container_rebase(container, &ignored) == 0 &&
        spec_complete(container->program, &spec, container->id, &ignored) == 0)
        record->cgroup = take_ptr(spec.linux->cgroups_path);
    for (const char *at = record->cgroup; at && *at; at++)
        record->cgroup_parents += *at == '/'; /* whose they are nobody knows */
}

enum { ENDING_MS = 100, KILLED_MS = 10000 };

/* Whether SIGKILL waits for it, or it ends just now: fields 31 and 9 of /proc/PID/stat, proc(5). */
static bool is_ending(pid_t pid)
{
    enum { NAME = 2, FLAGS = 9, SIGNALS = 31, PF_EXITING = 4, STAT_MAX = 4096 };
    char path[32];
    auto_free char *text = NULL;
    size_t len;
    unsigned long flags = 0;
    struct err ignored = {};
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (file_load(AT_FDCWD, path, STAT_MAX, &text, &len, &ignored) <= 0)
        return false;
    const char *at = strrchr(text, ')');
    for (int field = NAME; field < SIGNALS && at; field++) {
        if (field == FLAGS)
            flags = strtoul(at, NULL, 10);
        at = strchr(at + 1, ' ');
    }
    unsigned long signals = at ? strtoul(at, NULL, 10) : 0;
    return (flags & PF_EXITING) || (signals & 1UL << (SIGKILL - 1));
}

/* One that was killed a moment ago may still be on its way out, on a busy machine for a while. */
static bool ends_soon(const struct container *container)
{
    struct err ignored = {};
    auto_close int pidfd = -1;
    if (container_process(container, &pidfd, &ignored) != 1)
        return true;
    struct pollfd polled = { .fd = pidfd, .events = POLLIN };
    for (int waited_ms = 0; waited_ms < KILLED_MS; waited_ms += ENDING_MS) {
        if (poll(&polled, 1, ENDING_MS) > 0)
            return true;
        if (!is_ending(container->record.pid))
            break;
    }
    return poll(&polled, 1, 0) > 0;
}

static int delete_one(struct container *container, bool force, struct err *err)
{
    enum container_status status = CONTAINER_STOPPED;
    if (!container->record.id)
        torn_complete(container);
    else if (!force && container_status(container, &status, err) < 0)
        return -1;
    if (!force && status == CONTAINER_RUNNING && ends_soon(container))
        status = CONTAINER_STOPPED;
    if (!force && status != CONTAINER_STOPPED && status != CONTAINER_CREATED)
        return err_set(err, ERR_CONFLICT, "cannot delete container %s that is not stopped: %s",
                       container->id, container_status_names[status]);
    if ((force || status == CONTAINER_CREATED) && container_kill(container, err) < 0)
        return -1;
    return container_remove(container, err);
}

static int delete_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct delete_args *args = args_;
    for (char **id = operands; *id; id++) {
        auto_done(container) container = { .dir = -1 };
        enum container_open_flags flags = CONTAINER_LOCK | (args->force ? CONTAINER_TORN : 0);
        int found = container_open(context, *id, flags, &container, err);
        if (found == 0 && !args->force)
            return err_set(err, ERR_NOT_FOUND, "container \"%s\" does not exist", *id);
        if (found < 0 || (found == 1 && delete_one(&container, args->force, err) < 0))
            return -1;
    }
    return 0;
}

/* --- pause and resume ------------------------------------------------------------------------- */

enum { FREEZE_MS = 10000 };

static int group_of(struct program *program, const char *id, struct container *container,
                    enum container_status *ret_status, struct cgroup *cgroup, struct err *err)
{
    if (container_find(program, id, CONTAINER_LOCK, container, err) < 0 ||
        container_status(container, ret_status, err) < 0)
        return -1;
    if (*ret_status == CONTAINER_STOPPED)
        return err_set(err, ERR_CONFLICT, "container not running");
    int found = container_cgroup(container, cgroup, err);
    if (found == 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "container %s has no cgroup, so it can be neither paused nor resumed", id);
    return found < 0 ? -1 : 0;
}

static int pause_run(void *context, void *args, char **operands, struct err *err)
{
    (void)args;
    auto_done(container) container = { .dir = -1 };
    struct cgroup cgroup = {};
    enum container_status status;
    if (group_of(context, operands[0], &container, &status, &cgroup, err) < 0)
        return -1;
    int result = 0;
    if (status == CONTAINER_PAUSED)
        result = err_set(err, ERR_CONFLICT, "container %s is paused already", container.id);
    else
        result = cgroup_freeze(&cgroup, FREEZE_MS, err);
    cgroup_close(&cgroup);
    return result;
}

static int resume_run(void *context, void *args, char **operands, struct err *err)
{
    (void)args;
    auto_done(container) container = { .dir = -1 };
    struct cgroup cgroup = {};
    enum container_status status;
    if (group_of(context, operands[0], &container, &status, &cgroup, err) < 0)
        return -1;
    int result = 0;
    if (status != CONTAINER_PAUSED)
        result = err_set(err, ERR_CONFLICT, "container not paused");
    else
        result = cgroup_thaw(&cgroup, err);
    cgroup_close(&cgroup);
    return result;
}

/* clang-format off */
static const char *const kill_examples[] = {
    "ruche-runtime kill web KILL", "End it at once",
    "ruche-runtime kill --all web 15", "Ask all its processes to end",
    NULL,
};

const struct command kill_command = {
    .name = "kill", .args = "[--all] ID [SIGNAL]", .summary = "Send a signal to a container, SIGTERM by default",
    .examples = kill_examples, .options = kill_tables, .flags = COMMAND_INTERSPERSED, .least = 1, .most = 2,
    .args_size = sizeof(struct kill_args), .run = kill_run,
};

const struct command delete_command = {
    .name = "delete", .args = "[--force] ID...", .summary = "Delete containers that have ended",
    .options = delete_tables, .flags = COMMAND_INTERSPERSED, .least = 1, .most = -1,
    .args_size = sizeof(struct delete_args), .run = delete_run,
};

const struct command pause_command = {
    .name = "pause", .args = "ID", .summary = "Stop all processes of a container until it is resumed",
    .flags = COMMAND_INTERSPERSED, .least = 1, .most = 1, .run = pause_run,
};

const struct command resume_command = {
    .name = "resume", .args = "ID", .summary = "Let the processes of a paused container go on",
    .flags = COMMAND_INTERSPERSED, .least = 1, .most = 1, .run = resume_run,
};
/* clang-format on */
