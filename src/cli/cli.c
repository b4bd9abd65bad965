/* SPDX-License-Identifier: Apache-2.0 */
/* From argv to a command and its exit status. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/errnum.h"
#include "base/mem.h"
#include "base/option.h"
#include "base/program.h"
#include "cli/commands.h"
#include "cli/family.h"
#include "cli/program.h"
#include "engine/engine.h"
#include "kernel/guard.h"

enum { EXIT_USAGE = 125 };

struct command_line {
    const struct command *command;
    const char *name; /* the one of its names that it is called by */
    void *args;
    char **operands;
};

static uint64_t now_ns(void)
{
    struct timespec now = {};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

__attribute__((format(printf, 2, 3))) static void debug(const struct cli *cli, const char *format,
                                                        ...)
{
    auto_done(str) text = {};
    if (!cli->debug)
        return;
    str_addf(&text, "debug: %.1f ms: ", (double)(now_ns() - cli->begun_ns) / 1e6);
    va_list args;
    va_start(args, format);
    str_vaddf(&text, format, args);
    va_end(args);
    complain(str_text(&text));
}

int cli_engine(struct cli *cli, struct engine **ret_engine, struct err *err)
{
    if (!cli->engine) {
        if (engine_open(cli->root, cli->run, &cli->engine, err) < 0)
            return -1;
        engine_storage(cli->engine, program_storage(cli->storage));
        debug(cli, "root %s, run %s, %s", engine_root(cli->engine), engine_run(cli->engine),
              engine_rootless(cli->engine) ? "rootless" : "as root");
    }
    *ret_engine = cli->engine;
    return 0;
}

int cli_images(struct cli *cli, struct engine **ret_engine, struct images **ret_images,
               struct err *err)
{
    struct engine *engine;
    if (cli_engine(cli, &engine, err) < 0 || engine_images(engine, ret_images, err) < 0)
        return -1;
    if (ret_engine)
        *ret_engine = engine;
    return 0;
}

/* Complains, and gives the exit status. name is the command's, "" the program's. */
static int report(const struct cli *cli, const char *name, const struct err *err)
{
    auto_done(str) text = {};
    str_add(&text, err->text);
    if (err->kind == ERR_USAGE)
        str_addf(&text, " (see 'ruche%s%s --help')", name[0] ? " " : "", name);
    complain(str_text(&text));

    const char *errno_name = err->errnum ? errnum_name(err->errnum) : NULL;
    debug(cli, "error of the kind \"%s\", %s, exit status %d", err_kind_name(err->kind),
          errno_name ? errno_name : "no errno", err_exit_status(err));
    return err_exit_status(err);
}

static int count_check(const struct command *command, const char *name, char *const *operands,
                       struct err *err)
{
    int n = 0;
    while (operands[n])
        n++;
    const char *bound = command->least == command->most ? "exactly" : "at least";
    if (n < command->least)
        return err_set(err, ERR_USAGE, "%s needs %s %d argument%s: %s", name, bound, command->least,
                       command->least == 1 ? "" : "s", command->args);
    if (command->most == 0 && n > 0)
        return err_set(err, ERR_USAGE, "%s takes no arguments, but there is \"%s\"", name,
                       operands[0]);
    if (command->most > 0 && n > command->most)
        return err_set(err, ERR_USAGE, "%s takes at most %d argument%s, and \"%s\" is one more",
                       name, command->most, command->most == 1 ? "" : "s", operands[command->most]);
    return 0;
}

/* Gives the exit status, or -1. */
static int command_run(struct cli *cli, struct command_line *line, char **words, struct err *err)
{
    const struct command *command = line->command;
    int help =
        option_parse(command->options, command->flags, line->args, words, &line->operands, err);
    if (help < 0)
        return -1;
    if (help) {
        auto_done(str) text = {};
        command_help_as(command, line->name, "ruche", &text);
        return say(&text, err);
    }
    int status = count_check(command, line->name, line->operands, err);
    if (status == 0)
        status = command->run(cli, line->args, line->operands, err);
    option_done(command->options, line->args);
    return status;
}

/* Words that are no command may be a family of them, which is helped with. */
static int dispatch_family(const struct cli *cli, char **words)
{
    struct err err = {};
    auto_done(str) text = {};
    char **operands = words + 1;
    if (!family_help(commands, words[0], &text)) {
        (void)command_unknown(words[0], NULL, &err);
        return report(cli, "", &err);
    }
    int help = option_parse(NULL, 0, NULL, words + 1, &operands, &err);
    if (help == 0 && operands[0])
        help = command_unknown(words[0], operands[0], &err);
    if (help < 0 || say(&text, &err) < 0)
        return report(cli, words[0], &err);
    return 0;
}

/* What stands behind the global options. */
static int dispatch(struct cli *cli, char **words)
{
    struct err err = {};
    const char *name;
    const struct command *command = command_find(words, &name);
    if (!command)
        return dispatch_family(cli, words);

    auto_free void *args = xcalloc(1, command->args_size);
    struct command_line line = { .command = command, .name = name, .args = args };
    int status = command_run(cli, &line, words + (strchr(name, ' ') ? 2 : 1), &err);
    if (status < 0)
        status = report(cli, name, &err);
    debug(cli, "done");
    engine_free(cli->engine);
    return status;
}

static int print_and_leave(const struct cli *cli, const struct str *text)
{
    struct err err = {};
    return say(text, &err) < 0 ? report(cli, "", &err) : 0;
}

int cli_guard(struct cli *cli, bool exposed, struct err *err)
{
    return !exposed || guard_holds() ? 0 : guard_execute(cli->argv, err);
}

int cli_main(char **argv)
{
    struct err err = {};
    struct cli cli = {};
    struct program_args args = {};
    auto_done(str) text = {};
    char **words = argv;

    if (!argv[0])
        return EXIT_USAGE; /* execve(2) with no argv[0] at all */
    auto_free char **called = program_argv_copy(argv);
    program_streams_fill();
    program_size_limit_survive();
    int help =
        option_parse(program_command.options, program_command.flags, &args, argv + 1, &words, &err);
    if (help < 0)
        return report(&cli, "", &err);
    if (help || (!words[0] && !args.version)) {
        program_help(&text);
        return print_and_leave(&cli, &text);
    }
    if (args.version) {
        str_add(&text, "ruche version " RUCHE_VERSION "\n");
        return print_and_leave(&cli, &text);
    }
    cli = (struct cli){ .argv = called,
                        .root = args.root,
                        .run = args.run,
                        .storage = args.storage,
                        .debug = args.debug };
    if (cli.debug)
        cli.begun_ns = now_ns();
    return dispatch(&cli, words);
}
