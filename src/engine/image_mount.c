/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images mounted for looking at: <run>/mounts/HEX, HEX being the id's digits. One layer is mounted
 * as it is; of several an overlay takes only such as are mounted in this namespace, so those that
 * are files are attached to the very place, and detached once the overlay has them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/record_part.h"
#include "image/image.h"
#include "kernel/mount.h"

static const char mounts_directory[] = "mounts";
enum { DIR_MODE = 0700, MESSAGE_BYTES = 256 };

static const uint64_t attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID;

/* ---- layers ---- */

struct layers {
    int *fds; /* lowest first */
    size_t len;
    size_t attached;
    int run_fd;
    const char *place;
};

static void layers_done(struct layers *layers)
{
    /* Those that are attached lie on each other. */
    for (; layers->attached > 0; layers->attached--)
        if (fchdir(layers->run_fd) == 0)
            (void)umount2(layers->place, MNT_DETACH | UMOUNT_NOFOLLOW);
    for (size_t i = 0; i < layers->len; i++)
        fd_close(&layers->fds[i]);
    free(layers->fds);
}

static int layers_open(struct images *images, const struct image *image, struct layers *layers,
                       struct err *err)
{
    size_t n = image->oci.rootfs.diff_ids.len;
    if (n == 0)
        return err_set(err, ERR_UNSUPPORTED, "it has no layers");
    if (image_unpack(images, image, NULL, err) < 0)
        return -1;
    layers->fds = xcalloc(n, sizeof(int));
    if (image_layers_open(images, image, layers->fds, err) < 0)
        return -1;
    layers->len = n;
    return 0;
}

/* One that is a directory of the store is in the namespace already, and cannot be attached. */
static int layers_attach(struct layers *layers, struct err *err)
{
    for (size_t i = 0; i < layers->len; i++) {
        if (mount_attach(layers->fds[i], layers->run_fd, layers->place) == 0)
            layers->attached++;
        else if (errno != EINVAL)
            return err_sys(err, "attach a layer");
    }
    return 0;
}

/* The topmost first. */
static int overlay_configure(int fs, const struct layers *layers)
{
    for (size_t i = layers->len; i-- > 0;)
        if (fs_descriptor(fs, "lowerdir+", layers->fds[i]) < 0)
            return -1;
    return fs_flag(fs, "userxattr");
}

static int overlay_make(struct layers *layers, int *ret_mount, struct err *err)
{
    char message[MESSAGE_BYTES];
    auto_close int fs = -1;
    if (layers_attach(layers, err) < 0)
        return -1;
    fs = fs_open("overlay");
    if (fs < 0)
        return err_sys(err, "the kernel has no overlay file system");
    *ret_mount = overlay_configure(fs, layers) < 0 ? -1 : fs_mount(fs, attributes);
    if (*ret_mount >= 0)
        return 0;
    err_sys(err, "mount the layers");
    const char *said = fs_message(fs, message, sizeof(message));
    return *said ? err_hint(err, "%s", said) : -1;
}

/* The root of one layer. */
static int single_make(const struct layers *layers, int *ret_mount, struct err *err)
{
    *ret_mount = mount_clone(layers->fds[0], "", 0);
    if (*ret_mount < 0 || mount_change(*ret_mount, attributes, 0, 0, 0) < 0)
        return err_sys(err, "mount the layer");
    return 0;
}

/* ---- places ---- */

static char *place_of(const char *id)
{
    return xasprintf("%s/%s", mounts_directory, digest_hex(id));
}

/* Whether something is mounted there. */
static bool is_mounted(int run_fd, const char *place)
{
    auto_close int fd = file_openat2(run_fd, place, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0,
                                     RESOLVE_BENEATH | RESOLVE_NO_XDEV);
    return fd < 0 && errno == EXDEV;
}

static int image_get(struct engine *engine, const char *name, struct images **ret_images,
                     struct image **ret_image, struct err *err)
{
    if (engine_images(engine, ret_images, err) < 0)
        return -1;
    int found = image_find(*ret_images, name, ret_image, err);
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "no image %s here", name);
    return found < 0 ? -1 : 0;
}

static int mount_at(struct images *images, const struct image *image, int run_fd, const char *place,
                    struct err *err)
{
    struct layers layers = { .run_fd = run_fd, .place = place };
    auto_close int mount = -1;
    int result = layers_open(images, image, &layers, err);
    if (result == 0)
        result = layers.len == 1 ? single_make(&layers, &mount, err)
                                 : overlay_make(&layers, &mount, err);
    layers_done(&layers);
    if (result < 0)
        return -1;
    return mount_attach(mount, run_fd, place) < 0 ? err_sys(err, "attach the image") : 0;
}

/* ---- the façade ---- */

int engine_image_mount(struct engine *engine, const char *name, char **ret_path, struct err *err)
{
    auto_drop(image) *image = NULL;
    struct images *images;
    int run_fd;
    if (geteuid() != 0)
        return err_set(err, ERR_DENIED, "only root can mount images");
    if (engine_run_fd(engine, &run_fd, err) < 0 ||
        image_get(engine, name, &images, &image, err) < 0)
        return -1;
    auto_free char *place = place_of(image->id);
    if (dir_make_all(run_fd, place, DIR_MODE, err) < 0)
        return -1;
    if (!is_mounted(run_fd, place) && mount_at(images, image, run_fd, place, err) < 0) {
        (void)unlinkat(run_fd, place, AT_REMOVEDIR);
        return err_wrap(err, "mount image %s", name);
    }
    *ret_path = xasprintf("%s/%s", engine->run, place);
    return 0;
}

static int unmount(struct engine *engine, int run_fd, const char *place, struct err *err)
{
    auto_free char *path = xasprintf("%s/%s", engine->run, place);
    if (is_mounted(run_fd, place) && umount2(path, UMOUNT_NOFOLLOW) < 0) {
        err_sys(err, "unmount %s", path);
        return errno == EBUSY ? err_hint(err, "somebody is in it") : -1;
    }
    if (unlinkat(run_fd, place, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return err_sys(err, "remove %s", path);
    return 0;
}

int engine_image_unmount(struct engine *engine, const char *name, struct err *err)
{
    auto_drop(image) *image = NULL;
    struct images *images;
    struct stat st;
    int run_fd;
    if (engine_run_fd(engine, &run_fd, err) < 0 ||
        image_get(engine, name, &images, &image, err) < 0)
        return -1;
    auto_free char *place = place_of(image->id);
    if (fstatat(run_fd, place, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return err_set(err, ERR_NOT_FOUND, "image %s is not mounted", name);
    return unmount(engine, run_fd, place, err);
}

int engine_image_mounts(struct engine *engine, struct pairs *ret_mounts, struct err *err)
{
    auto_done(strings) names = {};
    struct pairs mounts = {};
    int run_fd;
    if (engine_run_fd(engine, &run_fd, err) < 0 ||
        dir_list(run_fd, mounts_directory, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.len; i++) {
        auto_free char *id = xasprintf("sha256:%s", names.at[i]);
        auto_free char *path = xasprintf("%s/%s/%s", engine->run, mounts_directory, names.at[i]);
        if (digest_valid(id))
            pairs_put(&mounts, id, path);
    }
    *ret_mounts = mounts;
    return 0;
}

int image_mounts_add(struct engine *engine, struct pairs *users, struct err *err)
{
    struct pairs mounts = {};
    if (engine_image_mounts(engine, &mounts, err) < 0)
        return -1;
    for (size_t i = 0; i < mounts.len; i++)
        if (!pairs_value(users, mounts.at[i].key))
            pairs_put(users, mounts.at[i].key, mounts.at[i].value);
    pairs_done(&mounts);
    return 0;
}
