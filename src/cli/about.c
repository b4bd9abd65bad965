/* SPDX-License-Identifier: Apache-2.0 */
/* What tells of ruche itself: help, man, completion; and the hidden commands that ruche's
 * own parts call. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/family.h"
#include "cli/man.h"
#include "cli/program.h"
#include "engine/engine.h"
#include "image/image.h"

struct no_args {
    char unused;
};

/* ---- help ---- */

static int help_run(void *context, void *args, char **operands, struct err *err)
{
    auto_done(str) out = {};
    const char *name;
    (void)context;
    (void)args;
    if (!operands[0]) {
        program_help(&out);
        return say(&out, err);
    }
    const struct command *command = command_find(operands, &name);
    if (command)
        command_help_as(command, name, "ruche", &out);
    else if (operands[1] || !family_help(commands, operands[0], &out))
        return command_unknown(operands[0], operands[1], err);
    return say(&out, err);
}

const struct command help_command = {
    .name = "help",
    .args = "[COMMAND]",
    .summary = "Show what a command does, and its options",
    .most = 2,
    .args_size = sizeof(struct no_args),
    .run = help_run,
};

/* ---- man ---- */

struct man_args {
    const char *directory;
};

/* clang-format off */
static const struct option man_table[] = {
    OPTION_TEXT(man_args, directory, 'd', "directory", "DIRECTORY",
        "Write a file for each page, such as ruche-run.1"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const man_options[] = { man_table, NULL };

static void page_write(const struct command *command, struct str *out)
{
    auto_done(str) text = {};
    if (command->name[0]) {
        man_write(command, program_command.options, out);
        return;
    }
    struct command program = program_command;
    program_text(&text);
    program.text = str_text(&text);
    man_write(&program, NULL, out);
}

/* "image ls" → "ruche-image-ls.1" */
static char *page_name(const char *name)
{
    char *page = xasprintf("ruche%s%s.1", name[0] ? "-" : "", name);
    for (char *at = page; *at; at++)
        if (*at == ' ')
            *at = '-';
    return page;
}

/* A page by another name is a link. */
static int page_link(int dirfd, const char *page, const char *name, struct err *err)
{
    auto_free char *other = page_name(name);
    if (unlinkat(dirfd, other, 0) < 0 && errno != ENOENT)
        return err_sys(err, "unlink %s", other);
    return symlinkat(page, dirfd, other) < 0 ? err_sys(err, "link %s", other) : 0;
}

static int page_save(int dirfd, const struct command *command, struct err *err)
{
    auto_done(str) page = {};
    auto_free char *name = page_name(command->name);
    const char *other;
    page_write(command, &page);
    if (file_save(dirfd, name, page.at, page.len, 0644, 0, err) < 0)
        return -1;
    for (size_t i = 1; (other = command_name(command, i)); i++)
        if (page_link(dirfd, name, other, err) < 0)
            return -1;
    return 0;
}

static int pages_save(const char *path, struct err *err)
{
    auto_close int dirfd = -1;
    if (dir_open_made(AT_FDCWD, path, 0755, &dirfd, err) < 0 ||
        page_save(dirfd, &program_command, err) < 0)
        return -1;
    for (const struct command *const *at = commands; *at; at++)
        if (!((*at)->flags & COMMAND_HIDDEN) && page_save(dirfd, *at, err) < 0)
            return -1;
    return 0;
}

static int man_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct man_args *args = args_;
    const struct command *command = &program_command;
    auto_done(str) page = {};
    const char *name;
    (void)context;
    if (args->directory && operands[0])
        return err_set(err, ERR_USAGE, "--directory is for all pages at once; leave out %s",
                       operands[0]);
    if (args->directory)
        return pages_save(args->directory, err);
    if (operands[0])
        command = command_find(operands, &name);
    if (!command)
        return command_unknown(operands[0], operands[1], err);
    page_write(command, &page);
    return say(&page, err);
}

static const char *const man_examples[] = {
    "ruche man run | man -l -",
    "Read the page of a command",
    "ruche man -d /usr/local/share/man/man1",
    "Install all pages",
    NULL,
};

const struct command man_command = {
    .name = "man",
    .args = "[OPTIONS] [COMMAND]",
    .summary = "Print manual pages",
    .text = "Prints the manual page of a command, or of ruche itself, or writes all of them to a "
            "directory.",
    .examples = man_examples,
    .options = man_options,
    .flags = COMMAND_INTERSPERSED,
    .most = 2,
    .args_size = sizeof(struct man_args),
    .run = man_run,
};

/* ---- completion ---- */

static int completion_run(void *context, void *args, char **operands, struct err *err)
{
    auto_done(str) script = {};
    (void)context;
    (void)args;
    if (completion_write(operands[0], commands, program_command.options, &script, err) < 0)
        return -1;
    return say(&script, err);
}

static const char *const completion_examples[] = {
    "source <(ruche completion bash)",
    "Complete commands, options and names in this shell",
    "ruche completion zsh >\"${fpath[1]}/_ruche\"",
    "Install it for zsh",
    "ruche completion fish >~/.config/fish/completions/ruche.fish",
    "Install it for fish",
    NULL,
};

const struct command completion_command = {
    .name = "completion",
    .args = "bash|zsh|fish",
    .summary = "Print a shell's completion script",
    .examples = completion_examples,
    .least = 1,
    .most = 1,
    .args_size = sizeof(struct no_args),
    .run = completion_run,
};

static int containers_complete(struct engine *engine, enum container_list_flags flags,
                               const char *prefix, struct str *out, struct err *err)
{
    auto_done(container_states) states = {};
    if (container_list(engine, flags, &states, err) < 0)
        return -1;
    for (size_t i = 0; i < states.len; i++)
        if (states.at[i].name)
            str_addf(out, "%s%s\n", prefix, states.at[i].name);
    return 0;
}

/* What is good for every namespace that can be shared. */
static int modes_complete(struct engine *engine, struct str *out, struct err *err)
{
    str_add(out, "host\n");
    return containers_complete(engine, 0, "container:", out, err);
}

static int images_complete(struct engine *engine, struct str *out, struct err *err)
{
    struct images *images;
    auto_done(image_rows) rows = {};
    if (engine_images(engine, &images, err) < 0 || images_list(images, &rows, err) < 0)
        return -1;
    for (size_t i = 0; i < rows.len; i++) {
        auto_free char *name = rows.at[i].name ? image_familiar(rows.at[i].name) : NULL;
        if (name)
            str_addf(out, "%s\n", name);
    }
    return 0;
}

/* What the scripts ask for: names of a kind, one a line. */
static int complete_run(void *context, void *args, char **operands, struct err *err)
{
    struct engine *engine;
    auto_done(str) out = {};
    int result;
    (void)args;
    if (cli_engine(context, &engine, err) < 0)
        return -1;
    if (strcmp(operands[0], "containers") == 0)
        result = containers_complete(engine, CONTAINER_LIST_ALL, "", &out, err);
    else if (strcmp(operands[0], "running") == 0)
        result = containers_complete(engine, 0, "", &out, err);
    else if (strcmp(operands[0], "images") == 0)
        result = images_complete(engine, &out, err);
    else if (strcmp(operands[0], "modes") == 0)
        result = modes_complete(engine, &out, err);
    else
        result = err_set(err, ERR_USAGE, "\"%s\" is not one of containers, running, images, modes",
                         operands[0]);
    return result < 0 ? -1 : say(&out, err);
}

const struct command complete_command = {
    .name = "__complete",
    .args = "containers|running|images|modes",
    .summary = "Print names for a shell's completion",
    .flags = COMMAND_HIDDEN,
    .least = 1,
    .most = 1,
    .args_size = sizeof(struct no_args),
    .run = complete_run,
};

/* ---- removal inside of a user namespace ---- */

/* Where userns_exec puts the first descriptor that it hands over. */
enum { REMOVE_FD = 3 };

static int remove_run(void *context, void *args, char **operands, struct err *err)
{
    (void)context;
    (void)args;
    (void)operands;
    if (fcntl(REMOVE_FD, F_GETFD) < 0)
        return err_set(err, ERR_USAGE,
                       "this command is for ruche's own use: it needs a directory as descriptor %d",
                       REMOVE_FD);
    return trash_remove_inside(REMOVE_FD, err);
}

static int monitor_go_on(void *context, void *args, char **operands, struct err *err)
{
    (void)args;
    struct cli *cli = context;
    struct engine *engine;
    if (cli_engine(cli, &engine, err) < 0)
        return -1;
    return monitor_resume(engine, operands, err);
}

const struct command monitor_command = {
    .name = "__monitor",
    .args = "CONTAINER LOCK PROCESS STDOUT STDERR",
    .summary = "Go on as the monitor of a container, from the descriptors of one that was idle",
    .flags = COMMAND_HIDDEN,
    .least = 5,
    .most = 5,
    .args_size = sizeof(struct no_args),
    .run = monitor_go_on,
};
const struct command remove_command = {
    .name = "__remove",
    .args = "",
    .summary = "Empty the directory that is descriptor 3",
    .flags = COMMAND_HIDDEN,
    .args_size = sizeof(struct no_args),
    .run = remove_run,
};
