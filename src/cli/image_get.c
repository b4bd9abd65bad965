/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/image_get.h"

#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/container_args.h"
#include "cli/progress.h"
#include "engine/engine.h"
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

int image_get_prepare(struct cli *cli, const struct container_args *args,
                      struct container_config *config, struct container **ret_container,
                      struct err *err)
{
    bool always = text_same(args->pull, "always"), never = text_same(args->pull, "never");
    if (always && config->image && image_get(cli, args, config->image, err) < 0)
        return -1;
    int result = container_prepare(cli->engine, config, ret_container, err);
    bool missing = result < 0 && err->kind == ERR_NOT_FOUND && config->image && !config->image_id;
    if (!missing || always || never)
        return result;
    auto_free char *complaint = xasprintf("image %s is not here; it is pulled", config->image);
    if (!args->quiet)
        complain(complaint);
    if (image_get(cli, args, config->image, err) < 0)
        return -1;
    return container_prepare(cli->engine, config, ret_container, err);
}
