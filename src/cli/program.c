/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/program.h"

#include <string.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "cli/family.h"

static const char *const storage_words[] = { "erofs", "overlay", NULL };

/* clang-format off */
static const struct option global_options[] = {
    OPTION_BOOL(program_args, debug, 'D', "debug",
        "Say on standard error where state lies, and of what kind an error is"),
    OPTION_TEXT(program_args, root, 0, "root", "DIRECTORY", "Where images and containers are kept"),
    OPTION_TEXT(program_args, run, 0, "run", "DIRECTORY",
        "Where the state of running containers is kept"),
    OPTION_CHOICE(program_args, storage, 0, "storage-driver", "DRIVER", storage_words,
        "What layers are unpacked to: an EROFS image each, or directories"),
    OPTION_BOOL(program_args, version, 'v', "version", "Print the version"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const program_options[] = { global_options, NULL };

static const char intro[] =
    "ruche runs containers from OCI and Docker images, with docker's commands and options, and "
    "without a daemon: every container has a small monitor of its own, and nothing else is "
    "resident.\n"
    "\n"
    "Images and containers are kept in /var/lib/ruche, and the state of what runs in /run/ruche; "
    "of an ordinary user, in $XDG_DATA_HOME/ruche and $XDG_RUNTIME_DIR/ruche.\n";

static const char *const program_examples[] = {
    "ruche run --rm -it busybox sh",
    "Work in a shell inside of a container",
    "ruche run -d --name web --network host -v ./site:/srv:ro busybox httpd -f -p 8080 -h /srv",
    "Run a server in the background",
    "ruche --root /srv/ruche --run /run/other ps",
    "Look at containers that are kept elsewhere",
    NULL,
};

const struct command program_command = {
    .name = "",
    .args = "COMMAND",
    .summary = "Run containers",
    .examples = program_examples,
    .options = program_options,
    .args_size = sizeof(struct program_args),
};

enum image_storage program_storage(const char *word)
{
    if (!word)
        return STORAGE_AUTO;
    return strcmp(word, "erofs") == 0 ? STORAGE_EROFS : STORAGE_OVERLAY;
}

void program_help(struct str *out)
{
    str_add(out, "Usage:  ruche [OPTIONS] COMMAND\n\nRun containers\n\nCommands:\n");
    family_list_all(commands, out);
    str_add(out, "\nOptions, before the command:\n");
    option_help(program_options, out);
    str_add(out, "\n'ruche COMMAND --help' tells more of a command.\n"
                 "'ruche image', 'ruche system' and so on list the commands of one kind.\n");
}

void program_text(struct str *out)
{
    str_addf(out, "%s\nCommands:\n\n", intro);
    family_list_all(commands, out);
}
