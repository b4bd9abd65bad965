/* SPDX-License-Identifier: Apache-2.0 */
/* The image that comes with ruche: an oci-archive beside its programs. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/program.h"
#include "image/store.h"

static const char builtin_name[] = "docker.io/library/busybox:latest";
static const char builtin_file[] = "busybox.tar";

bool image_is_builtin(const char *name)
{
    auto_free char *normal = NULL;
    struct err ignored;
    return image_normal(name, &normal, &ignored) == 0 && strcmp(normal, builtin_name) == 0;
}

/* Its layer becomes a directory unless something else was asked for: it is small, soon unpacked, and
 * what is started most often and has to start fastest. */
static int builtin_load(struct images *images, int fd, const struct image_watch *watch,
                        struct image_loads *loads, struct err *err)
{
    enum image_storage asked = images->storage;
    if (asked == STORAGE_AUTO)
        images->storage = STORAGE_OVERLAY;
    int result = image_load(images, fd, watch, loads, err);
    images->storage = asked;
    return result;
}

int image_builtin_load(struct images *images, const struct image_watch *watch, struct err *err)
{
    auto_free char *path = NULL;
    auto_done(image_loads) loads = {};
    int found = program_data_path(builtin_file, &path, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "%s is not installed", builtin_file);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, "open %s", path);
    if (builtin_load(images, fd, watch, &loads, err) < 0)
        return err_wrap(err, "%s", path);
    return 0;
}
