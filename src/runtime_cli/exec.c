/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/number.h"
#include "kernel/pidfd.h"
#include "runtime_cli/attend.h"
#include "runtime_cli/bundle.h"
#include "runtime_cli/handover.h"

enum { EXEC_FAILURE = 255 }; /* what runc exits with, so that it is not the program's status */

struct exec_args {
    struct handover handover;
    const char *cwd;
    struct strings env;
    bool tty;
    const char *user;
    struct strings groups;
    const char *process;
    bool detach;
    const char *process_label;
    const char *apparmor;
    bool no_new_privs;
    struct strings caps;
    bool no_subreaper;
    bool ignore_paused;
    struct strings cgroup;
};

/* clang-format off */
static const struct option exec_options[] = {
    OPTION_LIST(exec_args, groups, 'g', "additional-gids", "GID", "Add a supplementary group"),
    OPTION_TEXT(exec_args, apparmor, 0, "apparmor", "PROFILE", "Confine the process by an AppArmor profile"),
    OPTION_LIST(exec_args, caps, 'c', "cap", "CAPABILITY", "Give the process a capability"),
    OPTION_LIST(exec_args, cgroup, 0, "cgroup", "[CONTROLLER:]PATH", "Run it in a cgroup below the container's"),
    OPTION_TEXT(exec_args, handover.console_socket, 0, "console-socket", "SOCKET", "Hand the terminal's master over there"),
    OPTION_TEXT(exec_args, cwd, 0, "cwd", "DIR", "Working directory in the container"),
    OPTION_BOOL(exec_args, detach, 'd', "detach", "Leave the process in the background"),
    OPTION_LIST(exec_args, env, 'e', "env", "KEY=VALUE", "Set a variable"),
    OPTION_BOOL(exec_args, ignore_paused, 0, "ignore-paused", "In a paused container too, where it waits"),
    OPTION_BOOL(exec_args, no_new_privs, 0, "no-new-privs", "Let the process gain no privileges"),
    OPTION_BOOL(exec_args, no_subreaper, 0, "no-subreaper", "Adopt no orphans of the container (never done)"),
    OPTION_TEXT(exec_args, handover.pid_file, 0, "pid-file", "FILE", "Write the process's pid there"),
    OPTION_NUMBER(exec_args, handover.preserve_fds, 0, "preserve-fds", "N", 0, 65536, "Keep N descriptors from 3 on open in the process"),
    OPTION_TEXT(exec_args, process, 'p', "process", "FILE", "The process as JSON, as a configuration has it"),
    OPTION_TEXT(exec_args, process_label, 0, "process-label", "LABEL", "SELinux label of the process"),
    OPTION_BOOL(exec_args, tty, 't', "tty", "Give it a terminal"),
    OPTION_TEXT(exec_args, user, 'u', "user", "UID[:GID]", "Who it is"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const exec_tables[] = { exec_options, NULL };

/* --- which process ---------------------------------------------------------------------------- */

static int process_load(const char *path, struct spec *spec, struct err *err)
{
    enum { PROCESS_MAX_BYTES = 1 << 20 };
    auto_free char *text = NULL;
    size_t len;
    struct spec_process process = {};
    int found = file_load(AT_FDCWD, path, PROCESS_MAX_BYTES, &text, &len, err);
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "%s: no such file or directory", path);
    if (found < 0 || spec_process_parse(text, len, &process, err) < 0)
        return err_wrap(err, "--process");
    spec_process_done(spec->process);
    *spec->process = process;
    return 0;
}

static int number_of(const char *text, const char *what, uint32_t *ret_id, struct err *err)
{
    int64_t id;
    if (number_parse(text, 0, UINT32_MAX - 1, what, &id, err) < 0)
        return -1;
    *ret_id = (uint32_t)id;
    return 0;
}

static int user_set(const struct exec_args *args, struct spec_user *user, struct err *err)
{
    struct view rest = view_of(args->user ? args->user : "");
    struct view head;
    if (args->user) {
        bool both = view_cut(&rest, ':', &head);
        auto_free char *uid = xstrndup(head.at, head.len);
        if (number_of(uid, "--user", &user->uid, err) < 0 ||
            (both && number_of(rest.at, "--user", &user->gid, err) < 0))
            return -1;
    }
    for (size_t i = 0; i < args->groups.len; i++) {
        uint32_t group;
        if (number_of(args->groups.at[i], "--additional-gids", &group, err) < 0)
            return -1;
        *(uint32_t *)array_grow((void **)&user->additional_gids.at, &user->additional_gids.len,
                                sizeof(uint32_t)) = group;
    }
    return 0;
}

static void text_replace(char **at, const char *text)
{
    if (!text)
        return;
    free(*at);
    *at = xstrdup(text);
}

static void caps_add(const struct strings *names, struct spec_process *process)
{
    if (!names->len)
        return;
    if (!process->capabilities)
        process->capabilities = xnew(struct spec_capabilities);
    struct spec_capabilities *sets = process->capabilities;
    struct strings *const to[] = { &sets->bounding, &sets->effective, &sets->permitted,
                                   &sets->ambient };
    for (size_t i = 0; i < names->len; i++)
        for (size_t set = 0; set < array_size(to); set++)
            if (!strings_have(to[set], names->at[i]))
                strings_add(to[set], names->at[i]);
}

/* The container's own process, with what the command line says of it. */
static int process_change(const struct exec_args *args, char **words, struct spec *spec,
                          struct err *err)
{
    struct spec_process *process = spec->process;
    strings_done(&process->args);
    for (char **word = words; *word; word++)
        strings_add(&process->args, *word);
    text_replace(&process->cwd, args->cwd);
    text_replace(&process->apparmor_profile, args->apparmor);
    text_replace(&process->selinux_label, args->process_label);
    for (size_t i = 0; i < args->env.len; i++)
        strings_put(&process->env, args->env.at[i]);
    process->terminal = args->tty;
    process->no_new_privileges = process->no_new_privileges || args->no_new_privs;
    caps_add(&args->caps, process);
    return user_set(args, &process->user, err);
}

static bool path_leads_up(const char *path)
{
    for (const char *at = path; at; at = strchr(at, '/')) {
        at += strspn(at, "/");
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || !at[2]))
            return true;
    }
    return false;
}

/* "sub/group" in all hierarchies, or "controller,…:sub/group" in theirs, as runc has it. */
static int cgroup_below(const char *word, bool alone, struct pairs *below, struct err *err)
{
    const char *colon = strchr(word, ':');
    const char *path = colon ? colon + 1 : word;
    bool in_some = colon != NULL;
    struct view controllers = { word, in_some ? (size_t)(colon - word) : 0 };
    if (strchr(path, ':'))
        return err_set(err, ERR_USAGE, "invalid --cgroup argument: %s", word);
    if (!in_some && !alone)
        return err_set(err, ERR_USAGE,
                       "invalid --cgroup argument: %s (missing <controller>: prefix)", word);
    if (path_leads_up(path))
        return err_set(err, ERR_INVALID, "--cgroup: %s is not a sub cgroup path", path);
    auto_free char *clean = path_clean(path);
    const char *value = clean + strspn(clean, "/");
    for (bool more = true; more;) {
        struct view name = {};
        more = in_some && view_cut(&controllers, ',', &name);
        auto_free char *key = in_some ? xstrndup(name.at, name.len) : xstrdup("");
        if (pairs_value(below, key))
            return err_set(err, ERR_USAGE,
                           "invalid --cgroup argument(s): controller %s specified multiple times",
                           key);
        pairs_put(below, key, strcmp(value, ".") == 0 ? "" : value);
    }
    return 0;
}

static int cgroups_below(const struct strings *words, struct pairs *ret_below, struct err *err)
{
    for (size_t i = 0; i < words->len; i++)
        if (cgroup_below(words->at[i], words->len == 1, ret_below, err) < 0)
            return -1;
    return 0;
}

static int process_make(const struct exec_args *args, char **operands,
                        const struct container *container, struct spec *spec, struct err *err)
{
    if (container_spec(container, spec, err) < 0 ||
        spec_complete(container->program, spec, container->id, err) < 0)
        return -1;
    if (!args->process && !operands[1])
        return err_set(err, ERR_USAGE, "process args cannot be empty");
    if (args->process ? process_load(args->process, spec, err) < 0
                      : process_change(args, operands + 1, spec, err) < 0)
        return -1;
    if (args->process && args->tty)
        spec->process->terminal = true;
    struct maybe_u64 *mask = &spec->process->user.umask;
    if (!mask->set)
        *mask = (struct maybe_u64){ true, 022 };
    free(spec->linux->cgroups_path);
    spec->linux->cgroups_path = container->record.cgroup ? xstrdup(container->record.cgroup) : NULL;
    return 0;
}

/* --- the command ------------------------------------------------------------------------------ */

static int status_check(struct container *container, bool ignore_paused, int *ret_pidfd,
                        struct err *err)
{
    enum container_status status;
    if (container_status(container, &status, err) < 0)
        return -1;
    if (status == CONTAINER_PAUSED && !ignore_paused)
        return err_set(err, ERR_CONFLICT,
                       "cannot exec in a paused container (use --ignore-paused to override)");
    int lives = status == CONTAINER_STOPPED ? 0 : container_process(container, ret_pidfd, err);
    if (lives == 0)
        return err_set(err, ERR_CONFLICT, "cannot exec in a stopped container");
    return lives < 0 ? -1 : 0;
}

static int announce(const struct program *program, const struct exec_args *args,
                    struct runtime_process *process, struct err *err)
{
    const struct handover *handover = &args->handover;
    if (process->warning[0])
        log_warning(program, process->warning);
    if (handover->console_socket &&
        console_send(handover->console_socket, process->terminal, err) < 0)
        return -1;
    return handover->pid_file ? pid_file_write(handover->pid_file, process->pid, err) : 0;
}

static int process_run(struct program *program, const struct exec_args *args,
                       const struct runtime_request *request, int pidfd, struct err *err)
{
    auto_done(attend) attend = { .signals = -1 };
    auto_done(runtime_process) process = { .pidfd = -1, .terminal = -1, .mounts = -1 };
    int exit_code = 0;
    if (!args->detach && attend_init(&attend, request->spec->process->terminal, err) < 0)
        return -1;
    if (runtime_exec(request, pidfd, &process, err) < 0)
        return -1;
    if (announce(program, args, &process, err) < 0) {
        int status;
        if (pidfd_signal(process.pidfd, 9) == 0)
            (void)pidfd_wait(process.pidfd, 0, &status);
        return -1;
    }
    if (args->detach)
        return 0;
    attend.kept[0] = program->log;
    return attend_run(&attend, &process, &exit_code, err) < 0 ? -1 : exit_code;
}

static int exec_run(void *context, void *args_, char **operands, struct err *err)
{
    struct program *program = context;
    const struct exec_args *args = args_;
    auto_done(container) container = { .dir = -1 };
    auto_done(spec) spec = {};
    auto_done(pairs) below = {};
    auto_close int pidfd = -1;
    const struct cgroup_host *cgroups;
    unsigned preserved;
    program->failure = EXEC_FAILURE;
    if (container_find(program, operands[0], 0, &container, err) < 0 ||
        status_check(&container, args->ignore_paused, &pidfd, err) < 0 ||
        process_make(args, operands, &container, &spec, err) < 0 ||
        cgroups_below(&args->cgroup, &below, err) < 0 ||
        container_cgroups(&container, &cgroups, err) < 0 ||
        console_check(&args->handover, spec.process->terminal, args->detach, err) < 0)
        return err_wrap(err, "exec failed");
    const int own[] = { program->log, program->root_fd, container.dir, pidfd };
    if (preserved_take(&args->handover, own, array_size(own), &preserved, err) < 0)
        return err_wrap(err, "exec failed");
    preserved_announce(&spec.process->env);
    struct oci_state state = state_of(&container, &container.record, NULL);
    struct runtime_request request = {
        .spec = &spec,
        .state = &state,
        .cgroups = cgroups,
        .cgroups_below = &below,
        .seccomp = RUNTIME_SECCOMP_SPEC,
        .seccomp_cache = -1,
        .flags = RUNTIME_LEAVE_OPEN,
        .preserve_fds = preserved,
        .stdio = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO },
        .listener = program->args.debug ? log_step : NULL,
        .listener_context = program,
    };
    int result = process_run(program, args, &request, pidfd, err);
    return result < 0 ? err_wrap(err, "exec failed") : result;
}

/* clang-format off */
static const char *const exec_examples[] = {
    "ruche-runtime exec --tty web sh", "Work in a shell inside of a container",
    NULL,
};

const struct command exec_command = {
    .name = "exec", .args = "[OPTIONS] ID COMMAND [ARG...]", .summary = "Execute a process in a running container",
    .examples = exec_examples, .options = exec_tables, .flags = COMMAND_GUARDED,
    .least = 1, .most = -1,
    .args_size = sizeof(struct exec_args), .run = exec_run,
};
/* clang-format on */
