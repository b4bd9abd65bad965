/* SPDX-License-Identifier: Apache-2.0 */
/* From argv to a command and its exit status. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/file.h"
#include "base/program.h"
#include "kernel/guard.h"
#include "kernel/namespace.h"
#include "oci/spec.h"
#include "runtime_cli/runtime_cli.h"

static const char *const log_formats[] = { "text", "json", NULL };
static const char *const managers[] = { "cgroupfs", "systemd", "disabled", NULL };
static const char *const rootless_words[] = { "auto", "true", "false", NULL };

/* clang-format off */
static const struct option global_options[] = {
    OPTION_CHOICE(global_args, cgroup_manager, 0, "cgroup-manager", "NAME", managers, "Who makes the cgroups"),
    OPTION_TEXT(global_args, criu, 0, "criu", "PROGRAM", "The criu to checkpoint with (default \"criu\")"),
    OPTION_BOOL(global_args, debug, 0, "debug", "Write more to the log"),
    OPTION_TEXT(global_args, log, 0, "log", "FILE", "Write the log there as well"),
    OPTION_CHOICE(global_args, log_format, 0, "log-format", "FORMAT", log_formats, "Form of its lines"),
    OPTION_TEXT(global_args, root, 0, "root", "DIRECTORY",
        "Where state is kept (default \"/run/ruche-runtime\", of a user $XDG_RUNTIME_DIR/ruche-runtime)"),
    OPTION_CHOICE(global_args, rootless, 0, "rootless", "WHEN", rootless_words, "Keep state where a user's lies"),
    OPTION_BOOL(global_args, systemd_cgroup, 0, "systemd-cgroup", "Have systemd make the cgroups"),
    OPTION_BOOL(global_args, version, 'v', "version", "Print the version"),
    OPTION_END,
};

static const struct command *const commands[] = {
    &checkpoint_command, &create_command, &delete_command, &events_command, &exec_command, &features_command,
    &kill_command, &list_command, &pause_command, &ps_command, &restore_command, &resume_command, &run_command,
    &spec_command, &start_command, &state_command, &update_command, NULL,
};
/* clang-format on */
static const struct option *const global_tables[] = { global_options, NULL };

static const char program_name[] = "ruche-runtime";

int say(const struct str *text, struct err *err)
{
    if (text->len > 0 && fd_write_all(STDOUT_FILENO, text->at, text->len) < 0)
        return err_sys(err, "write to the standard output");
    return 0;
}

/* --- what commands share ---------------------------------------------------------------------- */

/* Whether state lies where a user's does. Who is root of a user namespace that he made for himself
 * still has no place in /run; a container's root, by whose name runc knows him, has one. */
static bool is_rootless(const struct global_args *args)
{
    if (args->rootless && strcmp(args->rootless, "auto") != 0)
        return strcmp(args->rootless, "true") == 0;
    if (getauxval(AT_EUID) != 0)
        return true;
    return getenv("XDG_RUNTIME_DIR") && !text_same(getenv("USER"), "root") &&
           !namespace_user_is_first();
}

static int root_path(struct program *program, struct err *err)
{
    const char *root = program->args.root;
    if (root && root[0] == '/') {
        program->root = xstrdup(root);
        return 0;
    }
    if (root) {
        auto_free char *here = getcwd(NULL, 0);
        if (!here)
            return err_sys(err, "the working directory");
        program->root = xasprintf("%s/%s", here, root);
        return 0;
    }
    const char *dir = is_rootless(&program->args) ? getenv("XDG_RUNTIME_DIR") : "/run";
    if (!dir || dir[0] != '/')
        return err_set(err, ERR_INVALID,
                       "XDG_RUNTIME_DIR names no directory for the state; give one with --root");
    program->root = xasprintf("%s/%s", dir, program_name);
    return 0;
}

int above_streams(int fd)
{
    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    int raised = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    fd_close(&fd);
    program_streams_fill();
    return raised;
}

int root_open(struct program *program, bool make, struct err *err)
{
    if (program->root_fd >= 0)
        return 1;
    if (!program->root && (root_path(program, err) < 0 || !program->root))
        return -1;
    int fd = open(program->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
        return err_sys(err, "open %s", program->root);
    if (fd < 0 && !make)
        return 0;
    if (fd < 0 && dir_open_made(AT_FDCWD, program->root, 0700, &fd, err) < 0)
        return -1;
    program->root_fd = above_streams(fd);
    return program->root_fd < 0 ? err_sys(err, "open %s", program->root) : 1;
}

int program_cgroups(struct program *program, const struct cgroup_host **ret_host, struct err *err)
{
    /* No id has a tilde: the file is nobody's directory. */
    if (!program->found &&
        cgroup_host_open(program->root_fd, "~cgroups", &program->cgroups, err) < 0)
        return -1;
    program->found = true;
    *ret_host = &program->cgroups;
    return 0;
}

static void program_done(struct program *program)
{
    free(program->root); /* what it has open goes with it */
    if (program->found)
        cgroup_host_done(&program->cgroups);
    free(program->slice);
    free(program->unit);
}

/* --- the command line ------------------------------------------------------------------------- */

static void program_help(struct str *out)
{
    str_addf(out,
             "Usage:  %s [OPTIONS] COMMAND\n\nRun containers as the OCI's runtime-spec has "
             "them\n\nCommands:\n",
             program_name);
    for (const struct command *const *command = commands; *command; command++)
        str_addf(out, "  %-12s%s\n", (*command)->name, (*command)->summary);
    str_add(out, "\nOptions, before the command:\n");
    option_help(global_tables, out);
    str_addf(out, "\n'%s COMMAND --help' tells more of a command.\n", program_name);
}

static const struct command *command_find(const char *name)
{
    for (const struct command *const *command = commands; *command; command++)
        if (strcmp((*command)->name, name) == 0)
            return *command;
    return NULL;
}

static int unknown_command(const char *word, struct err *err)
{
    const char *names[array_size(commands)] = {};
    auto_done(str) shown = {};
    for (size_t i = 0; commands[i]; i++)
        names[i] = commands[i]->name;
    text_escape(&shown, word, strnlen(word, 100));
    /* By runc's words scripts find out which commands there are. */
    (void)err_set(err, ERR_USAGE, "unknown command: No help topic for '%s'", str_text(&shown));
    const char *nearest = option_nearest(word, names);
    return nearest ? err_hint(err, "did you mean %s?", nearest)
                   : err_hint(err, "'%s --help' lists them", program_name);
}

static int help_say(const char *word, struct err *err)
{
    auto_done(str) text = {};
    const struct command *command = word ? command_find(word) : NULL;
    if (word && !command)
        return unknown_command(word, err);
    if (command)
        command_help(command, program_name, &text);
    else
        program_help(&text);
    return say(&text, err);
}

static int operands_check(const struct command *command, char **operands, struct err *err)
{
    int n = 0;
    while (operands[n])
        n++;
    if (n >= command->least && (command->most < 0 || n <= command->most))
        return 0;
    return err_set(err, ERR_USAGE, "%d arguments are too %s; usage: %s %s %s", n,
                   n < command->least ? "few" : "many", program_name, command->name, command->args);
}

/* What a container's process could do to this program's file depends on what is in its bundle, and
 * to look there first would cost more than the guard does. */
static int guard(const struct program *program, const struct command *command, struct err *err)
{
    if (!(command->flags & COMMAND_GUARDED) || guard_holds())
        return 0;
    bool exposed = getauxval(AT_EUID) == 0 || guard_file_is_ours();
    return exposed ? guard_execute(program->argv, err) : 0;
}

static int command_run(struct program *program, const struct command *command, char **words,
                       struct err *err)
{
    auto_free void *args = xcalloc(1, command->args_size + 1);
    char **operands = NULL;
    int help = option_parse(command->options, command->flags, args, words, &operands, err);
    if (help > 0)
        return help_say(command->name, err);
    if (help < 0)
        return -1;
    int result = operands_check(command, operands, err);
    if (result == 0)
        result = command->run(program, args, operands, err);
    option_done(command->options, args);
    return result;
}

static void manager_choose(struct program *program)
{
    const char *manager = program->args.cgroup_manager;
    if (program->args.systemd_cgroup || text_same(manager, "systemd"))
        program->manager = CGROUP_MANAGER_SYSTEMD;
    else if (text_same(manager, "disabled"))
        program->manager = CGROUP_MANAGER_DISABLED;
}

static int dispatch(struct program *program, const struct command *command, char **words,
                    struct err *err)
{
    auto_done(str) text = {};
    if (program->args.version) {
        str_addf(&text, "%s version " RUCHE_VERSION "\nspec: " SPEC_VERSION "\n", program_name);
        return say(&text, err);
    }
    if (!words[0] || strcmp(words[0], "help") == 0)
        return help_say(words[0] ? words[1] : NULL, err);
    if (!command)
        return unknown_command(words[0], err);
    if (log_open(program, err) < 0)
        return -1;
    manager_choose(program);
    return command_run(program, command, words + 1, err);
}

/* podman and dockerd look for the system's words, to tell 126 and 127 from other failures. */
static void explain_to_engines(struct err *err)
{
    if (err->kind == ERR_NO_COMMAND && !strstr(err->text, "o such file or directory"))
        (void)err_hint(err, strstr(err->text, "PATH") ? "executable file not found in $PATH"
                                                      : "no such file or directory");
    if (err->kind == ERR_NOT_EXECUTABLE && !strstr(err->text, "ermission denied"))
        (void)err_hint(err, "permission denied");
}

/* A write beyond the limit of a file's size (ulimit -f) fails with EFBIG, instead of ending the
 * program half-way. What is blocked is reset for all that is executed. */
static void size_limit_survive(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGXFSZ);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

int runtime_cli_main(char **argv)
{
    struct err err = {};
    auto_done(program) program = { .root_fd = -1, .log = -1, .failure = 1 };
    char **words = NULL;
    if (!argv[0])
        return 1; /* execve(2) with no argv[0] at all */
    auto_free char **called = program_argv_copy(argv);
    program.argv = called;
    int help = option_parse(global_tables, 0, &program.args, argv + 1, &words, &err);
    const struct command *command = help == 0 && words[0] ? command_find(words[0]) : NULL;
    int status = command ? guard(&program, command, &err) : 0;
    size_limit_survive();
    if (help > 0)
        status = help_say(NULL, &err);
    else if (help < 0)
        status = -1;
    else if (status == 0)
        status = dispatch(&program, command, words, &err);
    if (status >= 0)
        return status;
    explain_to_engines(&err);
    log_error(&program, err.text);
    return program.failure;
}
