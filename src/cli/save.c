/* SPDX-License-Identifier: Apache-2.0 */
/* save, image save. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "image/image.h"

enum { DIR_MODE = 0777, FILE_MODE = 0666 };

struct save_args {
    const char *output;
    const char *format;
    const char *platform;
};

static const char *const save_formats[] = {
    [IMAGE_SAVE_DOCKER_ARCHIVE] = "docker-archive",
    [IMAGE_SAVE_OCI_ARCHIVE] = "oci-archive",
    [IMAGE_SAVE_DOCKER_DIR] = "docker-dir",
    [IMAGE_SAVE_OCI_DIR] = "oci-dir",
    NULL,
};

/* clang-format off */
static const struct option save_table[] = {
    OPTION_CHOICE(save_args, format, 0, "format", "FORMAT", save_formats,
        "What to write, docker-archive by default"),
    OPTION_TEXT(save_args, output, 'o', "output", "FILE",
        "Write to a file, or a directory that is made, instead of standard output"),
    OPTION_TEXT(save_args, platform, 0, "platform", "OS/ARCH[/VARIANT]",
        "Of several images, the one for this platform"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const save_options[] = { save_table, NULL };

/* Where it is written: a file without a name until it is whole. */
struct output {
    int fd;
    char *temporary; /* beside the file, where the file system has no files without a name */
    const char *path;
    bool unnamed;
    bool made; /* a directory */
};

static void output_done(struct output *output)
{
    fd_close(&output->fd);
    if (output->temporary)
        (void)unlink(output->temporary);
    free(output->temporary);
    if (output->made)
        (void)rmdir(output->path); /* fails if something is in it already */
}

static int temporary_name(const char *path, char **ret_name, struct err *err)
{
    uint64_t random;
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return err_sys(err, "get random bytes");
    const char *slash = strrchr(path, '/');
    *ret_name =
        xasprintf("%.*s.ruche-save.%016" PRIx64, slash ? (int)(slash - path) + 1 : 0, path, random);
    return 0;
}

/* A new file, or one that is to be replaced. */
static int output_beside(struct output *output, struct err *err)
{
    const char *slash = strrchr(output->path, '/');
    auto_free char *parent =
        slash ? xstrndup(output->path, (size_t)(slash - output->path) + 1) : xstrdup(".");
    output->fd = open(parent, O_TMPFILE | O_WRONLY | O_CLOEXEC, FILE_MODE);
    output->unnamed = output->fd >= 0;
    if (output->unnamed)
        return 0;
    auto_free char *name = NULL;
    if (temporary_name(output->path, &name, err) < 0)
        return -1;
    output->fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    if (output->fd < 0)
        return err_sys(err, "write %s", output->path);
    output->temporary = take_ptr(name);
    return 0;
}

static int output_open(struct output *output, struct err *err)
{
    struct stat st;
    if (!output->path) {
        if (isatty(STDOUT_FILENO))
            return err_set(err, ERR_USAGE,
                           "standard output is a terminal; name a file by --output, or redirect "
                           "it");
        output->fd = dup(STDOUT_FILENO);
        return output->fd < 0 ? err_sys(err, "write to standard output") : 0;
    }
    if (stat(output->path, &st) < 0 || S_ISREG(st.st_mode))
        return output_beside(output, err);
    if (S_ISDIR(st.st_mode)) {
        err_set(err, ERR_EXISTS, "%s is a directory", output->path);
        return err_hint(err, "name a file, or choose a --format that is a directory");
    }
    output->fd = open(output->path, O_WRONLY | O_CLOEXEC);
    return output->fd < 0 ? err_sys(err, "write %s", output->path) : 0;
}

static int output_directory(struct output *output, struct err *err)
{
    auto_done(strings) names = {};
    if (!output->path)
        return err_set(err, ERR_USAGE, "a directory needs a name; give one by --output");
    output->made = mkdir(output->path, DIR_MODE) == 0;
    if (!output->made && errno != EEXIST)
        return err_sys(err, "make %s", output->path);
    if (dir_list(AT_FDCWD, output->path, &names, err) < 0)
        return -1;
    if (names.len > 0)
        return err_set(err, ERR_EXISTS, "%s is not empty", output->path);
    output->fd = open(output->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return output->fd < 0 ? err_sys(err, "open %s", output->path) : 0;
}

/* Gives the whole file its name. */
static int output_close(struct output *output, struct err *err)
{
    if (output->unnamed) {
        auto_free char *from = xasprintf("/proc/self/fd/%d", output->fd);
        auto_free char *name = NULL;
        if (temporary_name(output->path, &name, err) < 0)
            return -1;
        if (linkat(AT_FDCWD, from, AT_FDCWD, name, AT_SYMLINK_FOLLOW) < 0)
            return err_sys(err, "write %s", output->path);
        output->temporary = take_ptr(name);
    }
    if (output->temporary && rename(output->temporary, output->path) < 0)
        return err_sys(err, "write %s", output->path);
    free(output->temporary);
    output->temporary = NULL;
    return 0;
}

static enum image_save_format format_of(const struct save_args *args)
{
    for (int i = 0; args->format && save_formats[i]; i++)
        if (strcmp(args->format, save_formats[i]) == 0)
            return (enum image_save_format)i;
    return IMAGE_SAVE_DOCKER_ARCHIVE;
}

static int save_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct save_args *args = args_;
    struct images *images;
    auto_done(output) output = { .fd = -1, .path = args->output };
    const struct image_save options = { .format = format_of(args), .platform = args->platform };
    bool directory =
        options.format == IMAGE_SAVE_DOCKER_DIR || options.format == IMAGE_SAVE_OCI_DIR;

    if (output.path && strcmp(output.path, "-") == 0)
        output.path = NULL;
    if ((directory ? output_directory(&output, err) : output_open(&output, err)) < 0 ||
        cli_images(context, NULL, &images, err) < 0 ||
        image_save(images, operands, &options, output.fd, err) < 0)
        return -1;
    return output_close(&output, err);
}

static const char save_text[] =
    "Writes images with their layers to an archive that docker, podman and skopeo read as well: "
    "docker-archive, or oci-archive, which keeps the digests of manifests and the images for "
    "other platforms. docker-dir is what skopeo calls dir: and holds one image, oci-dir is an OCI "
    "image layout. Layers that images share are written once. Names are kept, of what is named "
    "by its name.";

static const char *const save_examples[] = {
    "ruche save -o app.tar app:1.0 app:latest",
    "One image by two names",
    "ruche save app:1.0 | gzip >app.tar.gz",
    "Through a pipe",
    "ruche save --format oci-dir -o layout app:1.0",
    "An OCI image layout",
    NULL,
};

const struct command save_command = {
    .name = "save",
    .args = "[OPTIONS] IMAGE [IMAGE...]",
    .summary = "Save images to an archive",
    .text = save_text,
    .examples = save_examples,
    .options = save_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_IMAGES,
    .least = 1,
    .most = -1,
    .args_size = sizeof(struct save_args),
    .run = save_run,
};

static const char *const image_save_examples[] = {
    "ruche image save -o app.tar app:1.0",
    "One image",
    NULL,
};

const struct command image_save_command = {
    .name = "image save",
    .args = "[OPTIONS] IMAGE [IMAGE...]",
    .summary = "Save images to an archive (same as \"save\")",
    .text = save_text,
    .examples = image_save_examples,
    .options = save_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_IMAGES,
    .least = 1,
    .most = -1,
    .args_size = sizeof(struct save_args),
    .run = save_run,
};
