/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime_cli/end.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/number.h"
#include "kernel/pidfd.h"
#include "kernel/systemd.h"
#include "runtime/hooks.h"
#include "runtime/runtime.h"
#include "runtime_cli/bundle.h"

enum { END_MS = 10000 };

/* It is known and has had no process: whoever is in its cgroup is somebody else, which is why it
 * could not be made. */
static bool is_unborn(const struct container *container)
{
    return container->record.id && container->record.pid <= 0;
}

int container_kill(const struct container *container, struct err *err)
{
    auto_close int pidfd = -1;
    int lives = container_process(container, &pidfd, err);
    if (lives < 0)
        return -1;
    /* One that was made and never written down. */
    if (!container->record.id)
        runtime_hold_end(container->dir, CONTAINER_SOCKET);
    bool whole = !is_unborn(container) && !container->record.shares_cgroup;
    int result = whole ? container_cgroup_kill(container, err) : 0;
    if (lives == 1 && pidfd_signal(pidfd, SIGKILL) < 0 && errno != ESRCH)
        return err_sys(err, "kill process %d", container->record.pid);
    if (result < 0)
        return -1;
    if (lives == 1 && pidfd_poll(pidfd, END_MS) == 0)
        return err_set(err, ERR_CONFLICT, "container %s: process %d does not end", container->id,
                       container->record.pid);
    return 0;
}

static unsigned parents_before(const struct record *record, const char *hierarchy)
{
    struct err ignored = {};
    int64_t count = record->cgroup_parents;
    const char *fewer = pairs_value(&record->cgroup_parents_in, hierarchy);
    if (fewer)
        (void)number_parse(fewer, 0, record->cgroup_parents, "parents", &count, &ignored);
    return (unsigned)count;
}

/* Parents that its creation made, from the lowest up, as long as nothing else is in them. */
static void parents_remove(const struct cgroup_host *host, const struct record *record)
{
    unsigned depth = 0;
    for (const char *at = record->cgroup; *at; at++)
        depth += *at == '/';
    for (size_t i = 0; i < host->len; i++) {
        unsigned before = parents_before(record, host->at[i].names);
        auto_free char *path = xasprintf("%s%s", host->at[i].mount, record->cgroup);
        for (unsigned left = depth; --left > before;) {
            *strrchr(path, '/') = '\0';
            if (rmdir(path) < 0 && errno != ENOENT)
                break; /* something else is in it */
        }
    }
}

/* Most have nobody left: opening all of its directories is for those that do. */
static int group_remove(const struct container *container, struct err *err)
{
    const struct record *record = &container->record;
    const struct cgroup_host *host;
    if (!record->cgroup)
        return 0;
    if (container_cgroups(container, &host, err) < 0)
        return -1;
    struct cgroup cgroup = {
        .host = host, .path = record->cgroup, .hierarchies = container->hierarchies, .v2 = -1
    };
    struct err why = {};
    if (is_unborn(container) && container_frozen(container, &why) == 1)
        return 0; /* whose group it is froze it */
    int result = container->hierarchies ? cgroup_remove_known(&cgroup, 0, &why)
                                        : cgroup_remove(&cgroup, 0, &why);
    if (result < 0 && (is_unborn(container) || record->shares_cgroup)) {
        result = 0; /* somebody else is in it */
    } else if (result < 0) {
        struct cgroup opened = {};
        int found = cgroup_open(host, record->cgroup, &opened, err);
        result = found == 1 ? cgroup_kill(&opened, err) : found;
        if (found == 1)
            cgroup_close(&opened);
        if (result == 0)
            result = cgroup_remove(&cgroup, END_MS, err);
    }
    if (result == 0)
        parents_remove(host, record);
    return result;
}

/* Most are gone with their last process. */
static void scope_stop(const struct container *container)
{
    struct systemd systemd = { .dbus.fd = -1 };
    struct err err = {};
    if (!container->record.scope)
        return;
    if (systemd_open(&systemd, &err) < 0 ||
        systemd_scope_stop(&systemd, container->record.scope, &err) < 0)
        log_warning(container->program, err.text);
    systemd_close(&systemd);
}

static void hooks_after(const struct container *container)
{
    auto_done(spec) spec = {};
    struct err err = {};
    struct record gone = container->record;
    gone.pid = 0;
    struct oci_state state = state_of(container, &gone, "stopped");
    /* Whatever they say the container is gone: runtime.md, "Lifecycle" 12. */
    if (container_spec(container, &spec, &err) < 0 ||
        hooks_run(&spec, HOOK_POSTSTOP, &state, &err) < 0)
        log_warning(container->program, err.text);
}

int container_remove(struct container *container, struct err *err)
{
    if (group_remove(container, err) < 0)
        return err_wrap(err, "container %s", container->id);
    scope_stop(container);
    if (container->record.poststop)
        hooks_after(container);
    return container_forget(container, err);
}

void container_undo(struct container *container)
{
    struct err ignored = {};
    (void)container_kill(container, &ignored);
    if (container_remove(container, &ignored) < 0)
        log_warning(container->program, ignored.text);
}

int container_attend(struct container *container, struct attend *attend,
                     const struct runtime_process *process, enum container_attend_flags flags,
                     struct err *err)
{
    int exit_code = 0;
    struct err why = {};
    container_unlock(container);
    attend->kept[0] = container->dir;
    attend->kept[1] = container->program->root_fd;
    attend->kept[2] = container->program->log;
    int result = attend_run(attend, process, &exit_code, err);
    attend_done(attend);
    if (flags & CONTAINER_KEEP)
        return result < 0 ? -1 : exit_code;
    int there = container_lock(container, &why);
    if (there < 0 || (there && container_remove(container, &why) < 0))
        log_error(container->program, why.text);
    return result < 0 ? -1 : exit_code;
}
