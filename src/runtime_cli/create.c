/* SPDX-License-Identifier: Apache-2.0 */
/*
 * create and run. Both make the directory, write down the configuration, and then make the
 * container; its record is written while the child is busy and before it is let go, so that whatever
 * is killed in between leaves a directory that `delete --force` can make sense of:
 *
 *   directory, config.json       nothing of the container is there but perhaps its cgroup, whose
 *                                path follows from the configuration
 *   and state.json               the process is known by its number and the time it began
 */
#include <unistd.h>

#include "kernel/systemd.h"
#include "runtime/hooks.h"
#include "runtime_cli/attend.h"
#include "runtime_cli/bundle.h"
#include "runtime_cli/end.h"
#include "runtime_cli/handover.h"

struct create_args {
    struct handover handover;
    const char *bundle;
    const char *config;
    bool no_pivot;
    bool no_new_keyring;
    bool no_subreaper;
    bool detach;
    bool keep;
};

/* clang-format off */
static const struct option common_options[] = {
    OPTION_TEXT(create_args, bundle, 'b', "bundle", "DIR", "Directory of config.json and the root file system (default \".\")"),
    OPTION_TEXT(create_args, config, 'f', "config", "FILE", "The configuration, if it is not the bundle's config.json"),
    OPTION_TEXT(create_args, handover.console_socket, 0, "console-socket", "SOCKET", "Hand the terminal's master over there"),
    OPTION_BOOL(create_args, no_new_keyring, 0, "no-new-keyring", "Leave the caller's session keyring to the process"),
    OPTION_BOOL(create_args, no_pivot, 0, "no-pivot", "Change the root without pivot_root, as from an initramfs"),
    OPTION_TEXT(create_args, handover.pid_file, 0, "pid-file", "FILE", "Write the process's pid there"),
    OPTION_NUMBER(create_args, handover.preserve_fds, 0, "preserve-fds", "N", 0, 65536, "Keep N descriptors from 3 on open in the process"),
    OPTION_END,
};

static const struct option run_options[] = {
    OPTION_BOOL(create_args, detach, 'd', "detach", "Leave the process in the background"),
    OPTION_BOOL(create_args, keep, 0, "keep", "Keep the container when its process has ended"),
    OPTION_BOOL(create_args, no_subreaper, 0, "no-subreaper", "Adopt no orphans of the container (never done)"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const create_tables[] = { common_options, NULL };
static const struct option *const run_tables[] = { common_options, run_options, NULL };

/* A container in the making. */
struct making {
    struct program *program;
    const struct create_args *args;
    bool held; /* it waits for `start` */
    struct bundle bundle;
    struct container container;
    struct runtime_rootfs rootfs;
    struct oci_state state;
    struct runtime_request request;
    struct systemd_scope scope; /* {} without systemd */
    unsigned preserved;         /* descriptors from 3 on that the process keeps */
    int hold;
};

static void making_done(struct making *making)
{
    fd_close(&making->hold);
    if (making->scope.cgroup)
        systemd_scope_done(&making->scope);
    bundle_done(&making->bundle);
    making->container.dir = -1; /* the lock goes with the program */
    container_done(&making->container);
    strings_done(&making->rootfs.lower);
}

/* --- what is written down --------------------------------------------------------------------- */

static int process_record(void *context, pid_t pid, bool in_cgroup, struct err *err)
{
    struct making *making = context;
    struct record *record = &making->container.record;
    record->pid = pid;
    if (!in_cgroup)
        free(take_ptr(record->cgroup));
    if (process_start(pid, &record->pid_start, err) < 0)
        return -1;
    return container_save(&making->container, err);
}

/* --- making ----------------------------------------------------------------------------------- */

static void request_make(struct making *making, const struct cgroup_host *cgroups)
{
    const struct create_args *args = making->args;
    struct spec *spec = &making->bundle.spec;
    preserved_announce(&spec->process->env);
    strings_add(&making->rootfs.lower, making->bundle.rootfs);
    making->request = (struct runtime_request){
        .spec = spec,
        .rootfs = &making->rootfs,
        .state = &making->state,
        .cgroups = cgroups,
        /* Engines read what is used from the groups that /proc/PID/cgroup names: without one of its
         * own a container would seem to use what the machine does. They have it in the background. */
        .cgroup_flags = CGROUP_ACCOUNT | CGROUP_REFUSE_FROZEN |
                        (making->held || args->detach ? CGROUP_EVERYWHERE : 0),
        .seccomp = RUNTIME_SECCOMP_SPEC,
        .seccomp_cache = -1,
        .flags = RUNTIME_LEAVE_OPEN | (making->held ? RUNTIME_HOLD : 0) |
                 (args->no_pivot ? RUNTIME_NO_PIVOT : 0) |
                 (args->no_new_keyring ? RUNTIME_KEEP_KEYRING : 0),
        .record = process_record,
        .record_context = making,
        .preserve_fds = making->preserved,
        .stdio = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO },
        .listener = making->program->args.debug ? log_step : NULL,
        .listener_context = making->program,
    };
}

/* All that can be said against it before anything is made. */
static int making_check(struct making *making, const char *id, struct err *err)
{
    const struct create_args *args = making->args;
    const struct cgroup_host *cgroups;
    bool detached = making->held || args->detach;
    /* What lies below the root then comes to light for whoever may unmount it. */
    if (args->no_pivot)
        log_warning(making->program, "--no-pivot: CAP_SYS_ADMIN inside leads to the host's files");
    if (container_id_check(id, err) < 0 || root_open(making->program, true, err) < 0 ||
        bundle_load(making->program, args->bundle, args->config, id, &making->bundle, err) < 0 ||
        program_cgroups(making->program, &cgroups, err) < 0)
        return -1;
    const int own[] = { making->program->log, making->program->root_fd };
    if (preserved_take(&args->handover, own, array_size(own), &making->preserved, err) < 0)
        return -1;
    if (making->program->unit && making->program->manager != CGROUP_MANAGER_SYSTEMD)
        return err_set(err, ERR_UNSUPPORTED,
                       "linux.cgroupsPath: %s in %s is systemd's; add --systemd-cgroup, or give a "
                       "path",
                       making->program->unit, making->program->slice);
    bool terminal = making->bundle.spec.process->terminal;
    if (console_check(&args->handover, terminal, detached, err) < 0)
        return -1;
    request_make(making, cgroups);
    return 0;
}

/* The process is there: those who asked for it are told. */
static int announce(const struct making *making, const struct runtime_process *process,
                    struct err *err)
{
    const struct handover *handover = &making->args->handover;
    if (handover->console_socket &&
        console_send(handover->console_socket, process->terminal, err) < 0)
        return -1;
    return handover->pid_file ? pid_file_write(handover->pid_file, process->pid, err) : 0;
}

/* What has been made goes again, and the reason why stays. */
static void making_undo(struct making *making)
{
    if (making->scope.cgroup)
        systemd_scope_release(&making->scope);
    container_undo(&making->container);
}

/* Has systemd make the group, which the process is then born in. */
static int scope_start(struct making *making, struct err *err)
{
    struct program *program = making->program;
    struct spec_linux *part = making->bundle.spec.linux;
    struct systemd systemd = { .dbus.fd = -1 };
    struct cgroup_limits limits = {};
    if (program->manager != CGROUP_MANAGER_SYSTEMD)
        return 0;
    if (part->resources && runtime_limits(part->resources, &limits, err) < 0)
        return -1;
    bool v2 = cgroup_host_find(&program->cgroups, CGROUP_MEMORY) < 0;
    int result = systemd_open(&systemd, err);
    if (result == 0)
        result = systemd_scope_start(&systemd, program->slice, program->unit, &limits, v2,
                                     &making->scope, err);
    systemd_close(&systemd);
    cgroup_limits_done(&limits);
    if (result < 0)
        return -1;
    free(part->cgroups_path);
    part->cgroups_path = xstrdup(making->scope.cgroup);
    making->request.cgroup_flags |= CGROUP_JOIN;
    return 0;
}

/* Whether it failed because somebody is in its group. He is joined, as runc does: who names a group
 * that is in use is taken at his word, and hears of it. */
static bool group_is_shared(struct making *making, const struct err *why)
{
    auto_free char *text = NULL;
    struct err ignored = {};
    struct cgroup cgroup = {};
    struct cgroup_pids pids = {};
    if (why->kind != ERR_CONFLICT || (making->request.cgroup_flags & CGROUP_JOIN) ||
        container_cgroup(&making->container, &cgroup, &ignored) != 1)
        return false;
    if (cgroup_procs(&cgroup, &pids, &ignored) == 0 && pids.len)
        text = xasprintf("container's cgroup is not empty: %zu process(es) found in %s", pids.len,
                         cgroup.path);
    cgroup_pids_done(&pids);
    cgroup_close(&cgroup);
    if (!text)
        return false;
    log_warning(making->program, text);
    making->container.record.shares_cgroup = true;
    making->request.cgroup_flags |= CGROUP_JOIN;
    return true;
}

static int container_start_it(struct making *making, struct runtime_process *process,
                              struct err *err)
{
    if (bundle_save(&making->bundle, &making->container, err) < 0 || scope_start(making, err) < 0)
        return -1;
    record_fill(&making->container, &making->bundle);
    if (making->scope.cgroup)
        making->container.record.scope = xstrdup(making->program->unit);
    making->state = state_of(&making->container, &making->container.record, NULL);
    if (making->held) {
        if (runtime_hold_open(making->container.dir, CONTAINER_SOCKET, &making->hold, err) < 0)
            return -1;
        making->request.hold = making->hold;
    }
    if (runtime_create(&making->request, process, err) < 0 &&
        (!group_is_shared(making, err) || runtime_create(&making->request, process, err) < 0))
        return -1;
    if (!(making->request.cgroup_flags & CGROUP_JOIN))
        making->container.hierarchies = process->hierarchies;
    if (making->scope.cgroup)
        systemd_scope_release(&making->scope);
    if (process->warning[0])
        log_warning(making->program, process->warning);
    return announce(making, process, err);
}

static int making_make(struct making *making, const char *id, struct runtime_process *process,
                       struct err *err)
{
    if (making_check(making, id, err) < 0 ||
        container_make(making->program, id, &making->container, err) < 0)
        return -1;
    if (container_start_it(making, process, err) == 0)
        return 0;
    making_undo(making);
    runtime_process_done(process);
    return -1;
}

static int create_run(void *context, void *args, char **operands, struct err *err)
{
    auto_done(making) making = { .program = context, .args = args, .held = true, .hold = -1 };
    struct runtime_process process = { .pidfd = -1, .terminal = -1, .mounts = -1 };
    making.container.dir = -1;
    /* What is open of it goes with the program. */
    return making_make(&making, operands[0], &process, err);
}

/* --- run -------------------------------------------------------------------------------------- */

static int hooks_started(const struct making *making, struct err *err)
{
    const struct spec *spec = &making->bundle.spec;
    struct oci_state state = state_of(&making->container, &making->container.record, "running");
    if (!spec->hooks || !spec->hooks->poststart.len)
        return 0;
    return hooks_run(spec, HOOK_POSTSTART, &state, err);
}

static int run_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct create_args *args = args_;
    auto_done(making) making = { .program = context, .args = args, .hold = -1 };
    auto_done(attend) attend = { .signals = -1 };
    struct runtime_process process = { .pidfd = -1, .terminal = -1, .mounts = -1 };
    making.container.dir = -1;
    if (making_check(&making, operands[0], err) < 0)
        return -1;
    if (!args->detach && attend_init(&attend, making.bundle.spec.process->terminal, err) < 0)
        return -1;
    if (container_make(making.program, operands[0], &making.container, err) < 0)
        return -1;
    if (container_start_it(&making, &process, err) < 0 || hooks_started(&making, err) < 0) {
        making_undo(&making);
        runtime_process_done(&process);
        return -1;
    }
    int result = 0;
    if (!args->detach)
        result = container_attend(&making.container, &attend, &process,
                                  args->keep ? CONTAINER_KEEP : 0, err);
    return result; /* what is open of it goes with the program */
}

/* clang-format off */
static const char *const create_examples[] = {
    "ruche-runtime create --bundle /srv/web web", "Make a container, whose process waits for `start`",
    NULL,
};
static const char *const run_examples[] = {
    "ruche-runtime run --bundle /srv/web web", "Run the bundle in /srv/web in the foreground",
    NULL,
};

const struct command create_command = {
    .name = "create", .args = "[OPTIONS] ID", .summary = "Make a container that waits to be started",
    .examples = create_examples, .options = create_tables, .flags = COMMAND_INTERSPERSED | COMMAND_GUARDED, .least = 1, .most = 1,
    .args_size = sizeof(struct create_args), .run = create_run,
};

const struct command run_command = {
    .name = "run", .args = "[OPTIONS] ID", .summary = "Make a container and start it; exit as its process does",
    .examples = run_examples, .options = run_tables, .flags = COMMAND_INTERSPERSED | COMMAND_GUARDED, .least = 1, .most = 1,
    .args_size = sizeof(struct create_args), .run = run_run,
};
/* clang-format on */
