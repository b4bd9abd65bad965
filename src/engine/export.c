/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container's file system is made of, from its record: the layers of its image and its own,
 * which are read as they are, whether it runs or not.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/file.h"
#include "engine/record_part.h"
#include "image/image.h"

static int fail_memory(const struct container_config *config, struct err *err)
{
    err_set(err, ERR_UNSUPPORTED,
            "the changes to its --rootfs %s lie in memory, where it alone reaches them",
            config->rootfs);
    return err_hint(err, "archive them from inside: ruche exec %s tar -c -f - PATH",
                    config->name ? config->name : config->id);
}

/* The directory on top, and what is below it. */
static int upper_open(struct engine *engine, const struct container *container, int *ret_fd,
                      struct err *err)
{
    const struct container_config *config = &container->config;
    char path[RECORD_PATH_SIZE];
    int root_fd;
    if (engine_root_fd(engine, &root_fd, err) < 0)
        return -1;
    if (config->rootfs && config->rootfs_overlay && state_is_running(&container->state))
        return fail_memory(config, err);
    *ret_fd = config->rootfs ? open(config->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC)
                             : openat(root_fd, record_path(config->id, "upper", path),
                                      O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *ret_fd < 0 ? err_sys(err, "open %s", config->rootfs ? config->rootfs : path) : 0;
}

static int export_to(struct engine *engine, const struct container *container, int fd,
                     struct err *err)
{
    const struct container_config *config = &container->config;
    struct image_export what = { .diff_ids = config->rootfs ? NULL : &config->layers };
    auto_close int upper = -1;
    struct images *images;
    if (container_check(container, err) < 0 || engine_images(engine, &images, err) < 0 ||
        upper_open(engine, container, &upper, err) < 0)
        return -1;
    what.upper = upper;
    if (image_export(images, &what, fd, err) < 0)
        return -1;
    /* Files of one that is being removed go under whoever reads them. */
    if (!record_exists(engine, config->id))
        return err_set(err, ERR_CONFLICT, "it was removed meanwhile");
    return 0;
}

int container_export(struct engine *engine, const struct container *container, int fd,
                     struct err *err)
{
    if (export_to(engine, container, fd, err) < 0)
        return err_wrap(err, "export %s", container_label(container));
    return 0;
}
