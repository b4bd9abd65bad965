/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/image_get.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/container_args.h"
#include "cli/progress.h"
#include "engine/engine.h"
#include "image/platform.h"
#include "image/pull.h"

static int image_get(struct cli *cli, const struct container_args *args, const char *name,
                     struct err *err)
{
    struct registry_args registry_args = args->registry;
    struct registry_options registry;
    struct images *images;
    auto_done(image_pulled) pulled = {};
    auto_done(progress) progress = {};
    if (engine_images(cli->engine, &images, err) < 0 ||
        registry_args_read(&registry_args, &registry, err) < 0)
        return -1;
    const struct image_pull_options options = { .registry = &registry, .platform = args->platform };
    progress_init(&progress, args->quiet);
    struct image_watch watch = progress_watch(&progress);
    int result = image_pull(images, name, &options, &watch, &pulled, err);
    progress_clear(&progress);
    registry_args_done(&registry_args);
    return result;
}

/* Whether it is the image that was not found. The built-in one is there for this machine alone. */
static bool image_missing(struct cli *cli, const struct container_config *config)
{
    auto_done(oci_platform) platform = {};
    auto_drop(image) *image = NULL;
    struct images *images;
    struct err ignored;
    if (!config->image || config->image_id ||
        (image_is_builtin(config->image) && !config->platform) ||
        engine_images(cli->engine, &images, &ignored) < 0 ||
        (config->platform && platform_parse(config->platform, &platform, &ignored) < 0))
        return false;
    return image_find_for(images, config->image, config->platform ? &platform : NULL, &image,
                          &ignored) == 0;
}

/* To whoever watches; others see what is brought. */
static void missing_tell(const struct container_args *args, const char *name)
{
    const char *platform = args->platform;
    auto_free char *text = xasprintf("image %s%s%s is not here; it is pulled", name,
                                     platform ? " for " : "", platform ? platform : "");
    if (!args->quiet && isatty(STDERR_FILENO))
        complain(text);
}

/* What is here of that name, which could not be pulled for the platform. */
static int missing_wrap(struct cli *cli, const struct container_config *config, struct err *err)
{
    auto_done(oci_platform) platform = {};
    struct images *images;
    struct err why = {};
    if (!config->platform || platform_parse(config->platform, &platform, &why) < 0 ||
        engine_images(cli->engine, &images, &why) < 0 ||
        image_known(images, config->image, &why) <= 0)
        return -1;
    (void)image_absent(images, config->image, &platform, &why);
    return err_wrap(err, "%s", why.text);
}

int image_get_prepare(struct cli *cli, const struct container_args *args,
                      struct container_config *config, struct container **ret_container,
                      struct err *err)
{
    bool always = text_same(args->pull, "always"), never = text_same(args->pull, "never");
    if (always && config->image && image_get(cli, args, config->image, err) < 0)
        return -1;
    int result = container_prepare(cli->engine, config, ret_container, err);
    if (result == 0 || always || never || err->kind != ERR_NOT_FOUND || !image_missing(cli, config))
        return result;
    missing_tell(args, config->image);
    if (image_get(cli, args, config->image, err) < 0)
        return missing_wrap(cli, config, err);
    return container_prepare(cli->engine, config, ret_container, err);
}
