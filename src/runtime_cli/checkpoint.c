/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint: criu writes the container's processes into a directory, and they end, unless they are
 * to go on. What holds them from outside (streams, bind mounts, namespaces of others) is named to
 * criu, and named again by `restore`.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/pidfd.h"
#include "runtime_cli/criu.h"
#include "runtime_cli/end.h"

enum { END_MS = 10000 };

struct checkpoint_args {
    struct criu_args criu;
    const char *parent_path;
    bool leave_running;
    const char *status_fd;
    const char *page_server;
    bool pre_dump;
};

/* clang-format off */
static const struct option checkpoint_table[] = {
    CRIU_OPTIONS(checkpoint_args),
    OPTION_BOOL(checkpoint_args, leave_running, 0, "leave-running", "Let the processes go on"),
    OPTION_TEXT(checkpoint_args, page_server, 0, "page-server", "ADDRESS:PORT", "Send the memory there"),
    OPTION_TEXT(checkpoint_args, parent_path, 0, "parent-path", "DIR", "Images of an earlier dump, relative to the images' directory"),
    OPTION_BOOL(checkpoint_args, pre_dump, 0, "pre-dump", "Dump the memory alone, and let the processes go on"),
    OPTION_TEXT(checkpoint_args, status_fd, 0, "status-fd", "FD", "Write there when lazy pages are ready"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const checkpoint_tables[] = { checkpoint_table, NULL };

/* criu finds it from the new images: seen from there it has to be relative, and there. */
static int parent_check(const struct checkpoint_args *args, struct err *err)
{
    const char *images = args->criu.image_path ? args->criu.image_path : "checkpoint";
    if (!args->parent_path)
        return 0;
    if (args->parent_path[0] == '/')
        return err_set(err, ERR_INVALID, "--parent-path %s: give it relative to --image-path",
                       args->parent_path);
    auto_free char *path = xasprintf("%s/%s", images, args->parent_path);
    if (access(path, F_OK) < 0)
        return err_sys(err, "--parent-path %s, relative to --image-path", args->parent_path);
    return 0;
}

static int page_server_add(struct criu_call *call, const char *server, struct err *err)
{
    const char *colon = strrchr(server, ':');
    if (!colon || colon == server || !colon[1])
        return err_set(err, ERR_USAGE, "--page-server %s: it is ADDRESS:PORT", server);
    auto_free char *address = xstrndup(server, (size_t)(colon - server));
    strings_add(&call->argv, "--page-server");
    criu_add(call, "address", address);
    criu_add(call, "port", colon + 1);
    return 0;
}

/* Its processes stand still together in their group. */
static int freezer_add(struct criu_call *call, const struct container *container, struct err *err)
{
    const struct record *record = &container->record;
    const struct cgroup_host *host;
    if (!record->cgroup || record->shares_cgroup)
        return 0;
    if (container_cgroups(container, &host, err) < 0)
        return -1;
    int at = cgroup_host_find(host, CGROUP_FREEZER);
    at = at < 0 ? host->v2 : at;
    if (at < 0)
        return 0;
    auto_free char *path = xasprintf("%s%s", host->at[at].mount, record->cgroup);
    if (access(path, F_OK) == 0)
        criu_add(call, "freeze-cgroup", path);
    return 0;
}

static void outside_add(struct criu_call *call, const struct criu_outside *outside)
{
    for (size_t i = 0; i < outside->streams.len; i++)
        /* Of pipes and sockets it is the name alone that counts when they come back. */
        if (text_starts(outside->streams.at[i], "file[") ||
            text_starts(outside->streams.at[i], "tty["))
            criu_add(call, "external", outside->streams.at[i]);
    for (size_t i = 0; i < outside->namespaces.len; i++)
        criu_add(call, "external", outside->namespaces.at[i]);
    for (size_t i = 0; i < outside->mounts.len; i++) {
        auto_free char *mount =
            xasprintf("mnt[%s]:%s", outside->mounts.at[i], outside->mounts.at[i]);
        criu_add(call, "external", mount);
    }
}

static int call_make(struct container *container, const struct checkpoint_args *args,
                     struct criu_call *call, struct err *err)
{
    auto_done(spec) spec = {};
    auto_done(criu_outside) outside = {};
    char pid[16];
    (void)snprintf(pid, sizeof(pid), "%d", container->record.pid);
    if (container_spec(container, &spec, err) < 0)
        return -1;
    if (criu_outside_find(container, &spec, &outside, err) < 0 ||
        criu_begin(container->program, args->pre_dump ? "pre-dump" : "dump", &args->criu, true,
                   call, err) < 0)
        return -1;
    criu_add(call, "tree", pid);
    call->tree = container->record.pid;
    call->terminal = spec.process && spec.process->terminal;
    outside_add(call, &outside);
    if (args->leave_running)
        strings_add(&call->argv, "--leave-running");
    if (args->pre_dump)
        strings_add(&call->argv, "--track-mem");
    if (args->status_fd)
        criu_add(call, "status-fd", args->status_fd);
    if (args->parent_path)
        criu_add(call, "prev-images-dir", args->parent_path);
    if ((args->page_server && page_server_add(call, args->page_server, err) < 0) ||
        freezer_add(call, container, err) < 0)
        return -1;
    return args->pre_dump ? 0 : criu_streams_save(call, &outside.streams, err);
}

/* The processes have ended; their container goes, as `delete` takes it. */
static int container_end(struct container *container, struct err *err)
{
    auto_close int pidfd = -1;
    int lives = container_process(container, &pidfd, err);
    if (lives < 0)
        return -1;
    if (lives == 1 && pidfd_poll(pidfd, END_MS) == 0)
        return err_set(err, ERR_CONFLICT, "process %d does not end", container->record.pid);
    return container_remove(container, err);
}

static int checkpoint_it(struct container *container, const struct checkpoint_args *args,
                         struct err *err)
{
    auto_done(criu_call) call = {};
    if (parent_check(args, err) < 0 || criu_check(container->program, err) < 0 ||
        call_make(container, args, &call, err) < 0)
        return -1;
    if ((call.terminal ? criu_serve(&call, NULL, NULL, NULL, err)
                       : criu_run(&call, NULL, NULL, err)) < 0)
        return -1;
    return args->leave_running || args->pre_dump ? 0 : container_end(container, err);
}

static int checkpoint_run(void *context, void *args, char **operands, struct err *err)
{
    auto_done(container) container = { .dir = -1 };
    enum container_status status;
    if (container_find(context, operands[0], CONTAINER_LOCK, &container, err) < 0 ||
        container_status(&container, &status, err) < 0)
        return -1;
    if (status == CONTAINER_CREATED || status == CONTAINER_STOPPED)
        return err_set(err, ERR_CONFLICT, "Container cannot be checkpointed in %s state",
                       container_status_names[status]);
    if (checkpoint_it(&container, args, err) < 0)
        return err_wrap(err, "checkpoint container %s", container.id);
    return 0;
}

/* clang-format off */
static const char *const checkpoint_examples[] = {
    "ruche-runtime checkpoint --image-path /srv/web.images web", "Write the container web to a disk, and end it",
    NULL,
};

const struct command checkpoint_command = {
    .name = "checkpoint", .args = "[OPTIONS] ID", .summary = "Freeze a running container to disk by criu",
    .examples = checkpoint_examples,
    .options = checkpoint_tables, .flags = COMMAND_INTERSPERSED, .least = 1, .most = 1,
    .args_size = sizeof(struct checkpoint_args), .run = checkpoint_run,
};
/* clang-format on */
