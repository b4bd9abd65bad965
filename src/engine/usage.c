/* SPDX-License-Identifier: Apache-2.0 */
/* What containers take of the disk, and which images those that run keep. */
#include "base/usage.h"

#include "base/file.h"
#include "engine/record_part.h"

int engine_usage(struct engine *engine, struct usage *usage, struct err *err)
{
    int root_fd;
    if (engine_root_fd(engine, &root_fd, err) < 0 ||
        usage_add(usage, root_fd, "containers", err) < 0)
        return -1;
    return usage_add(usage, root_fd, "names", err);
}

int container_usage(struct engine *engine, const char *id, struct usage *usage, struct err *err)
{
    char path[RECORD_PATH_SIZE];
    int root_fd;
    if (engine_root_fd(engine, &root_fd, err) < 0)
        return -1;
    return usage_add(usage, root_fd, record_path(id, NULL, path), err);
}

int container_measure(struct engine *engine, const struct container_config *config,
                      struct container_sizes *ret_sizes, struct err *err)
{
    char path[RECORD_PATH_SIZE];
    auto_done(usage) usage = {};
    auto_drop(image) *image = NULL;
    struct images *images;
    struct err ignored;
    int root_fd;
    if (engine_root_fd(engine, &root_fd, err) < 0 || engine_images(engine, &images, err) < 0 ||
        usage_add(&usage, root_fd, record_path(config->id, "upper", path), err) < 0)
        return -1;
    *ret_sizes = (struct container_sizes){ .own_bytes = usage.bytes };
    if (config->image_id && image_find(images, config->image_id, &image, &ignored) > 0)
        ret_sizes->whole_bytes = (struct maybe_u64){ true, usage.bytes + image->size_bytes };
    return 0;
}

int engine_running_images(void *context, struct pairs *users, struct err *err)
{
    struct engine *engine = context;
    struct container_states states;
    int result = container_list(engine, 0, &states, err);
    if (result < 0)
        return -1;
    for (size_t i = 0; i < states.len && result == 0; i++) {
        struct container_config config = {};
        int found = record_load_config(engine, states.at[i].id, &config, err);
        result = found < 0 ? -1 : 0;
        if (found > 0 && config.image_id && !pairs_value(users, config.image_id))
            pairs_put(users, config.image_id, config.name ? config.name : config.id);
        container_config_done(&config);
    }
    container_states_done(&states);
    return result < 0 ? -1 : image_mounts_add(engine, users, err);
}
