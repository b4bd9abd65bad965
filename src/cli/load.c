/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/registry_options.h"
#include "image/fetch.h"
#include "image/image.h"

struct load_args {
    const char *input;
    bool quiet;
    struct registry_args server;
};

/* clang-format off */
static const struct option load_table[] = {
    OPTION_TEXT(load_args, input, 'i', "input", "FILE",
        "Read from a file, a directory that holds an OCI layout, or a URL, instead of standard input"),
    OPTION_BOOL(load_args, quiet, 'q', "quiet", "Show no progress"),
    SERVER_OPTION(load_args, server),
    OPTION_END,
};
/* clang-format on */
static const struct option *const load_options[] = { load_table, NULL };

static int input_open(const struct load_args *args, int *ret_fd, struct err *err)
{
    if (!args->input && isatty(STDIN_FILENO))
        return err_set(err, ERR_USAGE,
                       "standard input is a terminal; name an archive by --input, or redirect one");
    *ret_fd = args->input ? open(args->input, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
    if (*ret_fd < 0)
        return err_sys(err, "open %s", args->input ? args->input : "standard input");
    return 0;
}

static int loads_print(const struct image_loads *loads, struct err *err)
{
    auto_done(str) out = {};
    for (size_t i = 0; i < loads->len; i++) {
        const struct image_loaded *loaded = &loads->at[i];
        auto_free char *name = loaded->name ? image_familiar(loaded->name) : NULL;
        str_add(&out, name ? "Loaded image: " : "Loaded image ID: ");
        text_escape(&out, name ? name : loaded->id, strlen(name ? name : loaded->id));
        str_add_char(&out, '\n');
    }
    return say(&out, err);
}

static int load_run(void *context, void *args_, char **operands, struct err *err)
{
    struct load_args *args = args_;
    struct images *images;
    struct registry_options server;
    auto_done(progress) progress = {};
    auto_close int fd = -1;
    auto_done(image_loads) loads = {};
    (void)operands;
    bool fetched = args->input && image_is_url(args->input);
    if (!fetched && args->server.tls_verify)
        return err_set(err, ERR_USAGE, "--tls-verify is for what a URL names");
    if ((!fetched && input_open(args, &fd, err) < 0) ||
        registry_args_read(&args->server, &server, err) < 0 ||
        cli_images(context, NULL, &images, err) < 0)
        return -1;
    progress_init(&progress, args->quiet);
    struct image_watch watch = progress_watch(&progress);
    int result = fetched ? image_fetch(images, args->input, &server, &watch, &fd, err) : 0;
    if (result >= 0)
        result = image_load(images, fd, &watch, &loads, err);
    progress_clear(&progress);
    if (result < 0)
        return err_wrap(err, "load");
    return loads_print(&loads, err);
}

static const char *const load_examples[] = {
    "ruche load -i app.tar.gz",
    "Load what `docker save`, podman or skopeo wrote",
    "docker save app:1.0 | ruche load",
    "Straight from another engine",
    "skopeo copy docker://debian:12 oci:layout && ruche load -i layout",
    "From a directory",
    NULL,
};

const struct command load_command = {
    .name = "load",
    .also = COMMAND_ALSO("image load"),
    .args = "[OPTIONS]",
    .summary = "Load images from an archive",
    .text = "Loads all images of an archive: docker-archive or oci-archive, plain or compressed by "
            "gzip or zstd, from a file, a pipe or a server (an http or https URL); or of a "
            "directory that holds an OCI layout. "
            "Images that are named in it get these names.",
    .examples = load_examples,
    .options = load_options,
    .flags = COMMAND_INTERSPERSED,
    .args_size = sizeof(struct load_args),
    .run = load_run,
};
