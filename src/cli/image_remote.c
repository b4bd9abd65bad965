/* SPDX-License-Identifier: Apache-2.0 */
/* image copy, image tags, image delete, image referrers: what is done in registries. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/json_indent.h"
#include "cli/progress.h"
#include "cli/registry_options.h"
#include "image/copy.h"
#include "image/place.h"
#include "image/remote_image.h"

static int lines_print(const struct strings *lines, struct err *err)
{
    auto_done(str) out = {};
    for (size_t i = 0; i < lines->len; i++) {
        text_escape(&out, lines->at[i], strlen(lines->at[i]));
        str_add_char(&out, '\n');
    }
    return say(&out, err);
}

/* ---- image copy ---- */

struct copy_args {
    struct registry_args from;
    struct registry_args to;
    const char *platform;
    bool all;
    bool quiet;
};

/* clang-format off */
static const struct option copy_table[] = {
    OPTION_BOOL(copy_args, all, 'a', "all", "Of a list, copy the images for all platforms, and the list"),
    OPTION_TEXT(copy_args, platform, 0, "platform", "OS/ARCH[/VARIANT]",
        "Of a list, copy the image for this platform; this machine's by default"),
    OPTION_BOOL(copy_args, quiet, 'q', "quiet", "Show no progress"),
    REGISTRY_OPTIONS_OF(copy_args, from, "src-", "the source's registry"),
    REGISTRY_OPTIONS_OF(copy_args, to, "dest-", "the destination's registry"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const copy_options[] = { copy_table, NULL };

/* Whether the destination is what we print to: its content stands there alone. */
static bool copies_to_output(const char *destination)
{
    auto_done(place) place = {};
    struct stat file, output;
    struct err ignored;
    return place_parse(destination, &place, &ignored) == 0 && place.path &&
           stat(place.path, &file) == 0 && fstat(STDOUT_FILENO, &output) == 0 &&
           file.st_dev == output.st_dev && file.st_ino == output.st_ino;
}

static int copy_between(struct images *images, const struct copy_args *args, char **operands,
                        const struct registry_options *from, const struct registry_options *to,
                        struct err *err)
{
    const struct image_copy_options options = {
        .from = from,
        .to = to,
        .platform = args->platform,
        .all = args->all,
    };
    auto_done(progress) progress = {};
    auto_free char *digest = NULL;
    progress_init(&progress, args->quiet);
    struct image_watch watch = progress_watch(&progress);
    int result = image_copy(images, operands[0], operands[1], &options, &watch, &digest, err);
    progress_clear(&progress);
    if (result < 0 || !digest || args->quiet || copies_to_output(operands[1]))
        return result;
    return say_line(digest, err);
}

static int copy_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct copy_args *args = args_;
    struct registry_args from_args = args->from, to_args = args->to;
    struct registry_options from, to;
    struct images *images;
    if (args->all && args->platform)
        return err_set(err, ERR_USAGE, "--all and --platform exclude each other");
    int result = cli_images(context, NULL, &images, err);
    if (result == 0)
        result = registry_args_read(&from_args, &from, err);
    if (result == 0)
        result = registry_args_read(&to_args, &to, err);
    if (result == 0)
        result = copy_between(images, args, operands, &from, &to, err);
    registry_args_done(&from_args);
    registry_args_done(&to_args);
    return result;
}

static const char copy_text[] =
    "Copies an image as it is from one place to another and prints its digest, unless the image "
    "goes to standard output itself. Places are:\n"
    "\n"
    "docker://NAME[:TAG|@DIGEST], a registry; oci:DIRECTORY[:REF], a directory with an OCI layout; "
    "oci-archive:FILE[:REF], an archive of one; docker-archive:FILE[:NAME], what `docker save` "
    "writes; dir:DIRECTORY, a plain directory; store:NAME or NAME alone, an image here.\n"
    "\n"
    "Nothing is unpacked but what comes to this machine's own images.";

static const char *const copy_examples[] = {
    "ruche image copy docker://debian:12 docker://localhost:5000/debian:12",
    "From one registry to another",
    "ruche image copy --all docker://debian:12 oci:layout:12",
    "An image for all platforms into a directory",
    "ruche image copy app:1.0 docker-archive:app.tar:app:1.0",
    "From here into an archive that docker loads",
    "ruche image copy oci-archive:app.tar app:1.0",
    "From an archive to here, under a name of one's own",
    NULL,
};

const struct command image_copy_command = {
    .name = "image copy",
    .args = "[OPTIONS] SOURCE DESTINATION",
    .summary = "Copy an image between registries, archives, directories and here",
    .text = copy_text,
    .examples = copy_examples,
    .options = copy_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_IMAGES,
    .least = 2,
    .most = 2,
    .args_size = sizeof(struct copy_args),
    .run = copy_run,
};

/* ---- image tags ---- */

struct remote_args {
    struct registry_args registry;
    const char *type; /* of referrers */
};

/* clang-format off */
static const struct option remote_table[] = {
    REGISTRY_OPTIONS(remote_args, registry),
    OPTION_END,
};
/* clang-format on */
static const struct option *const remote_options[] = { remote_table, NULL };

static int tags_run(void *context, void *args_, char **operands, struct err *err)
{
    struct remote_args *args = args_;
    struct registry_options registry;
    auto_done(strings) tags = {};
    (void)context;
    if (registry_args_read(&args->registry, &registry, err) < 0)
        return -1;
    int result = image_remote_tags(operands[0], &registry, &tags, err);
    registry_args_done(&args->registry);
    return result < 0 ? -1 : lines_print(&tags, err);
}

static const char *const tags_examples[] = {
    "ruche image tags registry.example/app",
    "Each tag on a line",
    NULL,
};

const struct command image_tags_command = {
    .name = "image tags",
    .args = "[OPTIONS] REPOSITORY",
    .summary = "List the tags of a repository in a registry",
    .text = "Prints the tags that the registry has for a repository, one a line.",
    .examples = tags_examples,
    .options = remote_options,
    .flags = COMMAND_INTERSPERSED,
    .least = 1,
    .most = 1,
    .args_size = sizeof(struct remote_args),
    .run = tags_run,
};

/* ---- image delete ---- */

static int delete_work(struct cli *cli, const void *args_, const char *operand, struct err *err)
{
    const struct remote_args *args = args_;
    struct registry_args registry_args = args->registry;
    struct registry_options registry;
    (void)cli;
    if (registry_args_read(&registry_args, &registry, err) < 0)
        return -1;
    int result = image_remote_delete(operand, &registry, err);
    registry_args_done(&registry_args);
    return result;
}

static int delete_run(void *context, void *args, char **operands, struct err *err)
{
    (void)err;
    return operands_each(context, args, operands, delete_work, 0);
}

static const char *const delete_examples[] = {
    "ruche image delete registry.example/app:old",
    "Remove an image from a registry",
    NULL,
};

const struct command image_delete_command = {
    .name = "image delete",
    .args = "[OPTIONS] NAME[:TAG|@DIGEST] [NAME...]",
    .summary = "Delete images in registries",
    .text =
        "Deletes the manifest that a name means, in its registry: all tags that mean the same go "
        "with it. Images here are not touched; `ruche rmi` removes those. A registry may be "
        "configured not to delete anything.",
    .examples = delete_examples,
    .options = remote_options,
    .flags = COMMAND_INTERSPERSED,
    .least = 1,
    .most = -1,
    .args_size = sizeof(struct remote_args),
    .run = delete_run,
};

/* ---- image referrers ---- */

/* clang-format off */
static const struct option referrers_table[] = {
    OPTION_TEXT(remote_args, type, 0, "artifact-type", "TYPE", "Only those of this type"),
    REGISTRY_OPTIONS(remote_args, registry),
    OPTION_END,
};
/* clang-format on */
static const struct option *const referrers_options[] = { referrers_table, NULL };

static int referrers_run(void *context, void *args_, char **operands, struct err *err)
{
    struct remote_args *args = args_;
    struct registry_options registry;
    struct images *images;
    auto_done(oci_index) index = {};
    auto_done(str) out = {};
    if (cli_images(context, NULL, &images, err) < 0 ||
        registry_args_read(&args->registry, &registry, err) < 0)
        return -1;
    int result = image_remote_referrers(images, operands[0], &registry, args->type, &index, err);
    registry_args_done(&args->registry);
    if (result < 0)
        return -1;
    field_write(oci_index_fields, &index, 4, &out);
    str_add_char(&out, '\n');
    return say(&out, err);
}

static const char *const referrers_examples[] = {
    "ruche image referrers registry.example/app:1.0",
    "Signatures, bills of materials and whatever else is about an image",
    NULL,
};

const struct command image_referrers_command = {
    .name = "image referrers",
    .args = "[OPTIONS] NAME[:TAG|@DIGEST]",
    .summary = "List what in a registry is about an image",
    .text = "Prints an OCI index of the manifests whose subject is the image.",
    .examples = referrers_examples,
    .options = referrers_options,
    .flags = COMMAND_INTERSPERSED,
    .least = 1,
    .most = 1,
    .args_size = sizeof(struct remote_args),
    .run = referrers_run,
};
