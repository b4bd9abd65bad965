/* SPDX-License-Identifier: Apache-2.0 */
/* push, image push. */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/registry_options.h"
#include "image/push.h"

struct push_args {
    struct registry_args registry;
    const char *platform;
    const char *format;
    const char *compression;
    bool all_tags;
    bool quiet;
};

static const char *const format_words[] = { "oci", "v2s2", NULL };
static const char *const compression_words[] = { "gzip", "zstd", NULL };

/* clang-format off */
static const struct option push_table[] = {
    OPTION_BOOL(push_args, all_tags, 'a', "all-tags", "Push every tag of the repository that is here"),
    OPTION_CHOICE(push_args, compression, 0, "compression", "FORMAT", compression_words,
        "Pack the layers so; as they are by default"),
    OPTION_CHOICE(push_args, format, 'f', "format", "FORMAT", format_words,
        "Write manifests of the OCI or of docker (version 2, schema 2); as they are by default"),
    OPTION_TEXT(push_args, platform, 0, "platform", "OS/ARCH[/VARIANT]",
        "Of a list, push the image for this platform alone"),
    OPTION_BOOL(push_args, quiet, 'q', "quiet", "Show no progress, and print the name only"),
    REGISTRY_OPTIONS(push_args, registry),
    OPTION_END,
};
/* clang-format on */
static const struct option *const push_options[] = { push_table, NULL };

static int pushed_print(const struct push_args *args, const struct image_pushed *pushed,
                        struct err *err)
{
    auto_done(str) out = {};
    const char *slash = strrchr(pushed->name, '/');
    const char *tag = strrchr(slash ? slash : pushed->name, ':');
    if (!args->quiet)
        str_addf(&out, "%s: digest: %s size: %" PRIu64 "\n", tag ? tag + 1 : pushed->name,
                 pushed->digest, pushed->size_bytes);
    else
        str_addf(&out, "%s\n", pushed->name);
    return say(&out, err);
}

static int push_one(struct images *images, const struct push_args *args,
                    const struct image_push_options *options, const char *name, struct err *err)
{
    auto_done(image_pushed) pushed = {};
    auto_done(progress) progress = {};
    progress_init(&progress, args->quiet);
    struct image_watch watch = progress_watch(&progress);
    int result = image_push(images, name, options, &watch, &pushed, err);
    progress_clear(&progress);
    return result < 0 ? -1 : pushed_print(args, &pushed, err);
}

static int push_all_tags(struct images *images, const struct push_args *args,
                         const struct image_push_options *options, const char *repository,
                         struct err *err)
{
    auto_done(strings) names = {};
    if (image_repository_names(images, repository, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.len; i++)
        if (push_one(images, args, options, names.at[i], err) < 0)
            return -1;
    return 0;
}

static int push_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct push_args *args = args_;
    struct registry_args registry_args = args->registry;
    struct registry_options registry;
    struct images *images;
    if (args->all_tags && operands[1])
        return err_set(err, ERR_USAGE, "--all-tags goes with one name, and no destination");
    if (cli_images(context, NULL, &images, err) < 0 ||
        registry_args_read(&registry_args, &registry, err) < 0)
        return -1;
    const struct image_push_options options = {
        .registry = &registry,
        .destination = operands[1],
        .platform = args->platform,
        .format = !args->format                      ? IMAGE_FORMAT_AS_IS
                  : strcmp(args->format, "oci") == 0 ? IMAGE_FORMAT_OCI
                                                     : IMAGE_FORMAT_DOCKER,
        .compression = !args->compression                       ? IMAGE_COMPRESSION_AS_IS
                       : strcmp(args->compression, "gzip") == 0 ? IMAGE_COMPRESSION_GZIP
                                                                : IMAGE_COMPRESSION_ZSTD,
    };
    int result = args->all_tags ? push_all_tags(images, args, &options, operands[0], err)
                                : push_one(images, args, &options, operands[0], err);
    registry_args_done(&registry_args);
    return result;
}

static const char push_text[] =
    "Sends an image to the registry that its name tells, or the destination's. What the registry "
    "has already is not sent, and what it has in another repository is mounted from there. A list "
    "is pushed with all its images, which have to be here.";

static const char *const push_examples[] = {
    "ruche push registry.example/team/app:1.0",
    "Push an image that has the name of the place it goes to",
    "ruche push app localhost:5000/app:1.0",
    "Push to another name",
    "ruche push --compression zstd --format oci registry.example/app",
    "Pack the layers smaller, and faster to unpack",
    NULL,
};

const struct command push_command = {
    .name = "push",
    .also = COMMAND_ALSO("image push"),
    .args = "[OPTIONS] NAME[:TAG] [DESTINATION]",
    .summary = "Push an image to a registry",
    .text = push_text,
    .examples = push_examples,
    .options = push_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_IMAGES,
    .least = 1,
    .most = 2,
    .args_size = sizeof(struct push_args),
    .run = push_run,
};
