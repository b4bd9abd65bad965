/* SPDX-License-Identifier: Apache-2.0 */
/* pull, image pull. */
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/registry_options.h"
#include "image/pull.h"
#include "image/remote_image.h"

struct pull_args {
    struct registry_args registry;
    const char *platform;
    const char *policy;
    bool all_tags;
    bool quiet;
};

/* clang-format off */
static const struct option pull_table[] = {
    OPTION_BOOL(pull_args, all_tags, 'a', "all-tags", "Pull every tag of the repository"),
    OPTION_TEXT(pull_args, platform, 0, "platform", "OS/ARCH[/VARIANT]",
        "Of several images, the one for this platform; this machine's by default"),    OPTION_TEXT(pull_args, policy, 0, "policy", "FILE",
        "The policy of trust, in place of the user's policy.json"),
    OPTION_BOOL(pull_args, quiet, 'q', "quiet", "Show no progress, and print the name only"),
    REGISTRY_OPTIONS(pull_args, registry),
    OPTION_END,
};
/* clang-format on */
static const struct option *const pull_options[] = { pull_table, NULL };

static int pulled_print(const struct pull_args *args, const struct image_pulled *pulled,
                        struct err *err)
{
    auto_done(str) out = {};
    auto_free char *familiar = image_familiar(pulled->name);
    if (!args->quiet)
        str_addf(&out, "Digest: %s\nStatus: %s for %s\n", pulled->digest,
                 pulled->newer ? "Downloaded newer image" : "Image is up to date", familiar);
    str_addf(&out, "%s\n", pulled->name);
    return say(&out, err);
}

static int pull_one(struct images *images, const struct pull_args *args,
                    const struct registry_options *registry, const char *name, struct err *err)
{
    const struct image_pull_options options = {
        .registry = registry,
        .platform = args->platform,
        .policy = args->policy,
    };
    auto_done(image_pulled) pulled = {};
    auto_done(progress) progress = {};
    progress_init(&progress, args->quiet);
    struct image_watch watch = progress_watch(&progress);
    int result = image_pull(images, name, &options, &watch, &pulled, err);
    progress_clear(&progress);
    return result < 0 ? -1 : pulled_print(args, &pulled, err);
}

static int pull_all_tags(struct images *images, const struct pull_args *args,
                         const struct registry_options *registry, const char *repository,
                         struct err *err)
{
    auto_done(strings) names = {};
    if (image_remote_names(repository, registry, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.len; i++)
        if (pull_one(images, args, registry, names.at[i], err) < 0)
            return -1;
    return 0;
}

static int pull_work(struct cli *cli, const void *args_, const char *operand, struct err *err)
{
    const struct pull_args *args = args_;
    struct registry_args registry_args = args->registry;
    struct registry_options registry;
    struct images *images;
    if (cli_images(cli, NULL, &images, err) < 0 ||
        registry_args_read(&registry_args, &registry, err) < 0)
        return -1;
    int result = args->all_tags ? pull_all_tags(images, args, &registry, operand, err)
                                : pull_one(images, args, &registry, operand, err);
    registry_args_done(&registry_args);
    return result;
}

static int pull_run(void *context, void *args, char **operands, struct err *err)
{
    if (!operands[1])
        return pull_work(context, args, operands[0], err);
    return operands_each(context, args, operands, pull_work, 0);
}

static const char pull_text[] =
    "Brings images from their registries. What is here already is not fetched again, and what a "
    "pull that was broken off has fetched is gone on with.\n"
    "\n"
    "NAME is what docker takes for one: \"debian\" is docker.io/library/debian:latest, unless "
    "registries.conf has another meaning for it; \"host:5000/app@sha256:…\" is an image by its "
    "digest.";

static const char *const pull_examples[] = {
    "ruche pull debian:12",
    "Pull an image from docker.io",
    "ruche pull --platform linux/arm64 registry.example/app:1.0",
    "Pull what another kind of machine would run",
    "ruche pull --tls-verify=false localhost:5000/app",
    "From a registry of one's own that has no certificate",
    "ruche pull -a localhost:5000/app",
    "All tags of a repository",
    NULL,
};

const struct command pull_command = {
    .name = "pull",
    .also = COMMAND_ALSO("image pull"),
    .args = "[OPTIONS] NAME[:TAG|@DIGEST] [NAME...]",
    .summary = "Pull images from registries",
    .text = pull_text,
    .examples = pull_examples,
    .options = pull_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_IMAGES,
    .least = 1,
    .most = -1,
    .args_size = sizeof(struct pull_args),
    .run = pull_run,
};
