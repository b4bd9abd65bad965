/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/explain.h"
#include "cli/relay.h"
#include "engine/engine.h"

struct exec_args {
    bool detach;
    bool stdin_open;
    bool terminal;
    bool privileged;
    struct strings env;
    struct strings env_files;
    const char *user;
    const char *workdir;
    const char *explain;
};

/* clang-format off */
static const struct option exec_table[] = {
    OPTION_BOOL(exec_args, detach, 'd', "detach", "Leave it running, and show nothing of it"),
    OPTION_LIST(exec_args, env, 'e', "env", "KEY[=VALUE]",
        "Set a variable; without a value, to what it is here"),
    OPTION_LIST(exec_args, env_files, 0, "env-file", "FILE",
        "Read variables from a file, one KEY=VALUE a line"),
    { OPTION_ROW(OPTIONAL, exec_args, explain, const char *, 0, "explain", "FORMAT",
        "Print each step with its time"), .choices = explain_words },
    OPTION_BOOL(exec_args, stdin_open, 'i', "interactive", "Pass standard input on"),
    OPTION_BOOL(exec_args, privileged, 0, "privileged", "Give it all capabilities"),
    OPTION_BOOL(exec_args, terminal, 't', "tty", "Give it a terminal"),
    OPTION_TEXT(exec_args, user, 'u', "user", "USER[:GROUP]",
        "User of the process, by name or number"),
    OPTION_TEXT(exec_args, workdir, 'w', "workdir", "PATH", "Working directory of the process"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const exec_options[] = { exec_table, NULL };

static int exec_attended(struct engine *engine, struct container *container,
                         const struct exec_request *request, struct explain *explain,
                         struct err *err)
{
    auto_done(relay) relay = { .signals = -1 };
    auto_done(attendance) attendance = {
        .attached = !request->detached,
        .stdin_open = request->stdin_open && !request->detached,
        .control = -1,
        .process = -1,
        .stdin_fd = -1,
        .terminal = -1,
        .out_fd = -1,
        .err_fd = -1,
        .listener = explain ? explain_event : NULL,
        .listener_context = explain,
    };
    relay_size(&attendance.size);
    enum relay_flags flags = RELAY_OUTPUT | RELAY_SIGNALS |
                             (request->stdin_open ? RELAY_STDIN : 0) |
                             (request->terminal ? RELAY_TERMINAL : 0);
    enum relay_end end;
    int exit_code = 0;
    if (!request->detached && (relay_check(flags, err) < 0 || relay_init(&relay, flags, err) < 0))
        return -1;
    int result = container_exec(engine, container, request, &attendance, err);
    if (attendance.warnings)
        warn_lines(attendance.warnings);
    if (result < 0 || request->detached)
        return result;
    if (relay_run(&relay, &attendance, "the process goes on in its container", &end, &exit_code,
                  err) < 0)
        return -1;
    return end == RELAY_UNHEARD ? relay_unheard(&relay, &attendance, err) : exit_code;
}

static int exec_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct exec_args *args = args_;
    struct engine *engine;
    auto_drop(container) *container = NULL;
    auto_done(strings) command = {};
    auto_done(strings) env = {};
    if (args->workdir && args->workdir[0] != '/')
        return err_set(err, ERR_INVALID,
                       "--workdir: \"%s\" is not absolute; a path in the container begins with /",
                       args->workdir);
    for (char **word = operands + 1; *word; word++)
        strings_add(&command, *word);
    if (environment_read(&args->env_files, &args->env, &env, err) < 0)
        return -1;
    struct exec_request request = {
        .command = command,
        .env = env,
        .user = args->user,
        .workdir = args->workdir,
        .terminal = args->terminal,
        .stdin_open = args->stdin_open,
        .privileged = args->privileged,
        .detached = args->detach,
    };
    if (cli_engine(context, &engine, err) < 0 ||
        container_find(engine, operands[0], &container, err) < 0 ||
        cli_guard(context, container_exposes_program(engine, container), err) < 0)
        return -1;
    struct explain explain;
    if (args->explain)
        explain_init(&explain, args->explain, 0, STDERR_FILENO);
    return exec_attended(engine, container, &request, args->explain ? &explain : NULL, err);
}

static const char exec_text[] =
    "Executes a command in a container that runs, beside what runs there, and ends with its exit "
    "status: 126 if it cannot be executed, 127 if it was not found, 125 if ruche itself failed.";

static const char *const exec_examples[] = {
    "ruche exec web ps",
    "Run a command in a container",
    "ruche exec -it web sh",
    "Look around in a shell",
    "ruche exec -u root -w /srv web chown -R www .",
    "As another user, in another directory",
    "ruche exec -i db sh -c 'cat >/tmp/dump.sql' <dump.sql",
    "Write a file inside from one outside",
    "ruche exec -d web sh -c 'sleep 60; kill -HUP 1'",
    "Leave something behind that works on",
    NULL,
};

const struct command exec_command = {
    .name = "exec",
    .also = COMMAND_ALSO("container exec"),
    .args = "[OPTIONS] CONTAINER COMMAND [ARG...]",
    .summary = "Execute a command in a running container",
    .text = exec_text,
    .examples = exec_examples,
    .options = exec_options,
    .operands = OPERANDS_RUNNING,
    .least = 2,
    .most = -1,
    .args_size = sizeof(struct exec_args),
    .run = exec_run,
};
