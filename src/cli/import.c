/* SPDX-License-Identifier: Apache-2.0 */
/* import, image import. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/registry_options.h"
#include "engine/timestamp.h"
#include "image/fetch.h"
#include "image/image.h"

struct import_args {
    struct strings changes;
    const char *message;
    const char *platform;
    bool quiet;
    struct registry_args server;
};

/* clang-format off */
static const struct option import_table[] = {
    OPTION_LIST(import_args, changes, 'c', "change", "INSTRUCTION",
        "Set something as a Containerfile does: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER, VOLUME, WORKDIR …"),
    OPTION_TEXT(import_args, message, 'm', "message", "TEXT", "Say in the history what this is"),
    OPTION_TEXT(import_args, platform, 0, "platform", "OS/ARCH[/VARIANT]",
        "What machine it is for, this one by default"),
    OPTION_BOOL(import_args, quiet, 'q', "quiet", "Show no progress"),
    SERVER_OPTION(import_args, server),
    OPTION_END,
};
/* clang-format on */
static const struct option *const import_options[] = { import_table, NULL };

static int input_open(const char *operand, int *ret_fd, struct err *err)
{
    bool standard = strcmp(operand, "-") == 0;
    if (standard && isatty(STDIN_FILENO))
        return err_set(err, ERR_USAGE, "standard input is a terminal; redirect an archive");
    *ret_fd = standard ? dup(STDIN_FILENO) : open(operand, O_RDONLY | O_CLOEXEC);
    return *ret_fd < 0 ? err_sys(err, "open %s", operand) : 0;
}

static int import_run(void *context, void *args_, char **operands, struct err *err)
{
    struct import_args *args = args_;
    struct images *images;
    char now[TIMESTAMP_SIZE];
    auto_done(progress) progress = {};
    auto_close int fd = -1;
    auto_done(image_loads) loads = {};
    struct registry_options server;
    const struct image_import options = {
        .name = operands[1],
        .message = args->message,
        .platform = args->platform,
        .created = timestamp_now(now),
        .changes = &args->changes,
    };
    bool fetched = image_is_url(operands[0]);
    if (!fetched && args->server.tls_verify)
        return err_set(err, ERR_USAGE, "--tls-verify is for what a URL names");
    if ((!fetched && input_open(operands[0], &fd, err) < 0) ||
        registry_args_read(&args->server, &server, err) < 0 ||
        cli_images(context, NULL, &images, err) < 0)
        return -1;
    progress_init(&progress, args->quiet);
    struct image_watch watch = progress_watch(&progress);
    int result = fetched ? image_fetch(images, operands[0], &server, &watch, &fd, err) : 0;
    if (result >= 0)
        result = image_import(images, fd, &options, &watch, &loads, err);
    progress_clear(&progress);
    if (result < 0)
        return err_wrap(err, "import");
    return say_line(loads.at[0].id, err);
}

static const char import_text[] =
    "Makes an image of one layer of a root file system: a tar archive, plain or compressed by gzip "
    "or zstd, in a file, on standard input (-) or on a server (an http or https URL). Prints the "
    "image's id.";

static const char *const import_examples[] = {
    "ruche import rootfs.tar.gz debian:mine",
    "A root file system from a file",
    "mmdebstrap bookworm | ruche import -c 'CMD [\"bash\"]' - debian:mine",
    "Straight from the program that makes it, with a command to start",
    "ruche import https://example.org/rootfs.tar.gz debian:theirs",
    "From a server",
    NULL,
};

const struct command import_command = {
    .name = "import",
    .also = COMMAND_ALSO("image import"),
    .args = "[OPTIONS] FILE|URL|- [NAME[:TAG]]",
    .summary = "Make an image of a root file system",
    .text = import_text,
    .examples = import_examples,
    .options = import_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_FILES,
    .least = 1,
    .most = 2,
    .args_size = sizeof(struct import_args),
    .run = import_run,
};
