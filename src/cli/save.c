/* SPDX-License-Identifier: Apache-2.0 */
/* save, image save. */
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "image/image.h"

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
    auto_done(output) output = { .fd = -1 };
    const struct image_save options = { .format = format_of(args), .platform = args->platform };
    bool directory =
        options.format == IMAGE_SAVE_DOCKER_DIR || options.format == IMAGE_SAVE_OCI_DIR;

    if ((directory ? output_directory(&output, args->output, err)
                   : output_open(&output, args->output, err)) < 0 ||
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
    .also = COMMAND_ALSO("image save"),
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
