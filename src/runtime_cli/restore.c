/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore: a container from a checkpoint. Its directory, record and cgroup are made as `create`
 * makes them; instead of a process that is born criu brings back those of the images, in a mount
 * namespace of its own, where the root file system is a mount of itself, as criu wants it. What was
 * outside is given again: our streams for its streams, the bundle's sources for its bind mounts.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/number.h"
#include "kernel/mount.h"
#include "kernel/pidfd.h"
#include "runtime_cli/attend.h"
#include "runtime_cli/bundle.h"
#include "runtime_cli/criu.h"
#include "runtime_cli/end.h"
#include "runtime_cli/handover.h"

enum { PID_TEXT_MAX = 32 };

static const char pid_file_name[] = "restored.pid";

struct restore_args {
    struct criu_args criu;
    struct handover handover;
    const char *bundle;
    const char *lsm_profile;
    const char *lsm_mount_context;
    bool detach;
    bool no_subreaper;
    bool no_pivot;
};

/* clang-format off */
static const struct option restore_table[] = {
    CRIU_OPTIONS(restore_args),
    OPTION_TEXT(restore_args, bundle, 'b', "bundle", "DIR", "Directory of config.json and the root file system (default \".\")"),
    OPTION_TEXT(restore_args, handover.console_socket, 0, "console-socket", "SOCKET", "Hand the terminal's master over there"),
    OPTION_BOOL(restore_args, detach, 'd', "detach", "Leave the process in the background"),
    OPTION_TEXT(restore_args, lsm_mount_context, 0, "lsm-mount-context", "LABEL", "SELinux label of the mounts"),
    OPTION_TEXT(restore_args, lsm_profile, 0, "lsm-profile", "TYPE:NAME", "Profile of the process"),
    OPTION_BOOL(restore_args, no_pivot, 0, "no-pivot", "Not supported: criu changes the root itself"),
    OPTION_BOOL(restore_args, no_subreaper, 0, "no-subreaper", "Adopt no orphans of the container (never done)"),
    OPTION_TEXT(restore_args, handover.pid_file, 0, "pid-file", "FILE", "Write the process's pid there"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const restore_tables[] = { restore_table, NULL };

/* A container on its way back. */
struct restoring {
    struct program *program;
    const struct restore_args *args;
    struct bundle bundle;
    struct container container;
    struct criu_call call;
    char *root; /* where the root file system is mounted for criu */
};

static void restoring_done(struct restoring *restoring)
{
    bundle_done(&restoring->bundle);
    container_done(&restoring->container);
    criu_call_done(&restoring->call);
    free(restoring->root);
}

/* --- what criu is told ------------------------------------------------------------------------ */

static int streams_add(struct criu_call *call, struct err *err)
{
    auto_done(strings) streams = {};
    if (criu_streams_load(call, &streams, err) < 0)
        return -1;
    for (size_t i = 0; i < streams.len; i++) {
        if (!streams.at[i][0])
            continue;
        auto_free char *value = xasprintf("fd[%zu]:%s", i, streams.at[i]);
        criu_add(call, "inherit-fd", value);
    }
    return 0;
}

/* The descriptors stay open for criu, which has them from its parent. */
static int namespaces_add(struct criu_call *call, const struct spec *spec, struct err *err)
{
    for (size_t i = 0; i < spec->linux->namespaces.len; i++) {
        const struct spec_namespace *namespace = &spec->linux->namespaces.at[i];
        const char *key = criu_namespace_key(namespace);
        if (!key)
            continue;
        int fd = open(namespace->path, O_RDONLY); /* NOLINT(android-cloexec-open): criu's */
        if (fd < 0)
            return err_sys(err, "%s", namespace->path);
        auto_free char *value = xasprintf("fd[%d]:%s", fd, key);
        criu_add(call, "inherit-fd", value);
    }
    return 0;
}

static void mounts_add(struct criu_call *call, const struct bundle *bundle)
{
    for (size_t i = 0; i < bundle->spec.mounts.len; i++) {
        const struct spec_mount *mount = &bundle->spec.mounts.at[i];
        if (!criu_mount_is_outside(mount))
            continue;
        bool absolute = mount->source[0] == '/';
        auto_free char *value =
            xasprintf("mnt[%s]:%s%s%s", mount->destination, absolute ? "" : bundle->path,
                      absolute ? "" : "/", mount->source);
        criu_add(call, "external", value);
    }
}

static int call_make(struct restoring *restoring, struct err *err)
{
    struct criu_call *call = &restoring->call;
    const struct restore_args *args = restoring->args;
    const struct spec *spec = &restoring->bundle.spec;
    if (criu_begin(restoring->program, "restore", &args->criu, false, call, err) < 0 ||
        streams_add(call, err) < 0 || namespaces_add(call, spec, err) < 0)
        return -1;
    mounts_add(call, &restoring->bundle);
    /* As our child, so that its end is ours to see. */
    strings_add(&call->argv, "--restore-detached");
    strings_add(&call->argv, "--restore-sibling");
    auto_free char *directory =
        xasprintf("%s/%s", restoring->program->root, restoring->container.id);
    auto_free char *pid_file = xasprintf("%s/%s", directory, pid_file_name);
    restoring->root = xasprintf("%s/root", directory);
    criu_add(call, "pidfile", pid_file);
    criu_add(call, "root", restoring->root);
    if (spec->linux->cgroups_path)
        criu_add(call, "cgroup-root", spec->linux->cgroups_path);
    if (args->lsm_profile)
        criu_add(call, "lsm-profile", args->lsm_profile);
    if (args->lsm_mount_context)
        criu_add(call, "lsm-mount-context", args->lsm_mount_context);
    return 0;
}

/* In the process that becomes criu: nothing of this is seen outside. */
static int root_mount(void *context, struct err *err)
{
    const struct restoring *restoring = context;
    if (unshare(CLONE_NEWNS) < 0 || mount_propagation(MS_PRIVATE) < 0)
        return err_sys(err, "make a mount namespace");
    auto_close int root = mount_clone(AT_FDCWD, restoring->bundle.rootfs, MOUNT_RECURSIVE);
    if (root < 0 || mount_attach(root, AT_FDCWD, restoring->root) < 0)
        return err_sys(err, "mount %s", restoring->bundle.rootfs);
    return 0;
}

/* --- what is written down --------------------------------------------------------------------- */

static int pid_read(const struct restoring *restoring, pid_t *ret_pid, struct err *err)
{
    auto_free char *text = NULL;
    size_t len = 0;
    int64_t pid = 0;
    if (file_load(restoring->container.dir, pid_file_name, PID_TEXT_MAX, &text, &len, err) != 1)
        return err_set(err, ERR_SYSTEM, "criu tells no pid");
    if (number_parse(text, 1, INT32_MAX, "criu's pid", &pid, err) < 0)
        return -1;
    *ret_pid = (pid_t)pid;
    return 0;
}

/* --- bringing it back ------------------------------------------------------------------------- */

/* Its limits and device rules hold before a process is in it; criu finds it and leaves it so. */
static int group_make(struct restoring *restoring, struct err *err)
{
    const struct spec_linux *part = restoring->bundle.spec.linux;
    const struct cgroup_host *host;
    struct cgroup_limits limits = {};
    struct cgroup cgroup = {};
    if (!part->cgroups_path)
        return 0;
    if (program_cgroups(restoring->program, &host, err) < 0 ||
        (part->resources && runtime_limits(part->resources, &limits, err) < 0))
        return -1;
    int made =
        cgroup_create(host, part->cgroups_path, &limits,
                      CGROUP_ACCOUNT | CGROUP_EVERYWHERE | CGROUP_REFUSE_FROZEN, &cgroup, err);
    cgroup_limits_done(&limits);
    if (made < 0)
        return -1;
    cgroup_close(&cgroup);
    if (made == 0)
        free(take_ptr(restoring->container.record.cgroup));
    return 0;
}

static int process_find(struct restoring *restoring, struct runtime_process *process,
                        struct err *err)
{
    struct record *record = &restoring->container.record;
    if (pid_read(restoring, &process->pid, err) < 0)
        return -1;
    (void)unlinkat(restoring->container.dir, pid_file_name, 0);
    (void)unlinkat(restoring->container.dir, "root", AT_REMOVEDIR);
    process->pidfd = pidfd_of(process->pid);
    if (process->pidfd < 0)
        return err_sys(err, "open process %d", process->pid);
    record->pid = process->pid;
    if (process_start(process->pid, &record->pid_start, err) < 0)
        return -1;
    return container_save(&restoring->container, err);
}

static int processes_restore(struct restoring *restoring, struct runtime_process *process,
                             struct err *err)
{
    if (restoring->bundle.spec.process->terminal)
        return criu_serve(&restoring->call, root_mount, restoring, &process->terminal, err);
    return criu_run(&restoring->call, root_mount, restoring, err);
}

static int restoring_carry_out(struct restoring *restoring, struct runtime_process *process,
                               struct err *err)
{
    const struct handover *handover = &restoring->args->handover;
    record_fill(&restoring->container, &restoring->bundle);
    restoring->container.record.poststart = false; /* it was started before */
    if (bundle_save(&restoring->bundle, &restoring->container, err) < 0 ||
        call_make(restoring, err) < 0)
        return -1;
    if (mkdirat(restoring->container.dir, "root", 0700) < 0)
        return err_sys(err, "make %s", restoring->root);
    if (group_make(restoring, err) < 0 || processes_restore(restoring, process, err) < 0 ||
        process_find(restoring, process, err) < 0)
        return -1;
    if (handover->console_socket &&
        console_send(handover->console_socket, process->terminal, err) < 0)
        return -1;
    return handover->pid_file ? pid_file_write(handover->pid_file, process->pid, err) : 0;
}

/* Those two would have to run while criu holds the process, for which it leaves no place. */
static int hooks_check(const struct spec *spec, struct err *err)
{
    const struct spec_hooks *hooks = spec->hooks;
    if (hooks && (hooks->prestart.len || hooks->create_runtime.len))
        return err_set(err, ERR_UNSUPPORTED,
                       "config.json: /hooks: prestart and createRuntime cannot be run by restore");
    return 0;
}

static int restoring_check(struct restoring *restoring, const char *id, struct err *err)
{
    const struct restore_args *args = restoring->args;
    struct program *program = restoring->program;
    unsigned preserved;
    if (args->no_pivot)
        return err_set(err, ERR_UNSUPPORTED, "--no-pivot: criu changes the root itself");
    if (container_id_check(id, err) < 0 || root_open(program, true, err) < 0 ||
        bundle_load(program, args->bundle, NULL, id, &restoring->bundle, err) < 0)
        return -1;
    const int own[] = { program->log, program->root_fd };
    if (preserved_take(&args->handover, own, array_size(own), &preserved, err) < 0)
        return -1;
    const struct spec *spec = &restoring->bundle.spec;
    if (program->unit)
        return err_set(err, ERR_UNSUPPORTED,
                       "linux.cgroupsPath: criu does not restore into a scope of systemd's");
    if (console_check(&args->handover, spec->process->terminal, args->detach, err) < 0 ||
        hooks_check(spec, err) < 0)
        return -1;
    return criu_check(program, err);
}

static int restore_it(struct restoring *restoring, const char *id, struct err *err)
{
    auto_done(attend) attend = { .signals = -1 };
    struct runtime_process process = { .pidfd = -1, .terminal = -1, .mounts = -1 };
    bool detach = restoring->args->detach;
    if (restoring_check(restoring, id, err) < 0 ||
        (!detach && attend_init(&attend, restoring->bundle.spec.process->terminal, err) < 0) ||
        container_make(restoring->program, id, &restoring->container, err) < 0)
        return -1;
    int result = restoring_carry_out(restoring, &process, err);
    if (result < 0)
        container_undo(&restoring->container);
    else if (!detach)
        result = container_attend(&restoring->container, &attend, &process, 0, err);
    runtime_process_done(&process);
    return result;
}

static int restore_run(void *context, void *args, char **operands, struct err *err)
{
    auto_done(restoring) restoring = { .program = context, .args = args };
    restoring.container.dir = -1;
    int result = restore_it(&restoring, operands[0], err);
    return result < 0 ? err_wrap(err, "restore container %s", operands[0]) : result;
}

/* clang-format off */
static const char *const restore_examples[] = {
    "ruche-runtime restore --image-path /srv/web.images --bundle /srv/web --detach web", "Bring the container web back",
    NULL,
};

const struct command restore_command = {
    .name = "restore", .args = "[OPTIONS] ID", .summary = "Bring a container back from a checkpoint by criu",
    .examples = restore_examples,
    .options = restore_tables, .flags = COMMAND_INTERSPERSED | COMMAND_GUARDED, .least = 1, .most = 1,
    .args_size = sizeof(struct restore_args), .run = restore_run,
};
/* clang-format on */
