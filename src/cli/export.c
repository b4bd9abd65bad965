/* SPDX-License-Identifier: Apache-2.0 */
/* export, container export. */
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "engine/engine.h"

struct export_args {
    const char *output;
};

/* clang-format off */
static const struct option export_table[] = {
    OPTION_TEXT(export_args, output, 'o', "output", "FILE",
        "Write to a file instead of standard output"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const export_options[] = { export_table, NULL };

static int export_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct export_args *args = args_;
    struct engine *engine;
    auto_drop(container) *container = NULL;
    auto_done(output) output = { .fd = -1 };

    if (cli_engine(context, &engine, err) < 0 ||
        container_find(engine, operands[0], &container, err) < 0 ||
        output_open(&output, args->output, err) < 0)
        return -1;
    if (container_export(engine, container, output.fd, err) < 0)
        return -1;
    return output_close(&output, err);
}

static const char export_text[] =
    "Writes the file system of a container, which may be running, to a tar archive: what its image "
    "brought and what it has changed, but not what is mounted in it, volumes too. Owners are as "
    "seen inside the container, extended attributes are kept, sockets are left out. An image of "
    "the archive is made by \"import\". A file is there by its name once it is whole.";

static const char *const export_examples[] = {
    "ruche export -o web.tar web",
    "To a file",
    "ruche export web | tar -t",
    "What is in it",
    "ruche export web | ruche import -c 'CMD [\"/bin/sh\"]' - web:flat",
    "An image of one layer",
    NULL,
};

const struct command export_command = {
    .name = "export",
    .also = COMMAND_ALSO("container export"),
    .args = "[OPTIONS] CONTAINER",
    .summary = "Write a container's file system to a tar archive",
    .text = export_text,
    .examples = export_examples,
    .options = export_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_CONTAINERS,
    .least = 1,
    .most = 1,
    .args_size = sizeof(struct export_args),
    .run = export_run,
};
