/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers as they lie in the store: a file with an EROFS image, or a directory. Which of the two is
 * made is found out by mounting an image of one empty directory from a file beside the layer that
 * is to be (docs/design/0011-layers-are-erofs-files.md); both are used, whoever made them.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "image/ingest.h"
#include "kernel/mount.h"
#include "transfer/erofs.h"

static const char probe_name[] = "probe" LAYER_EROFS;

/* ---- where they are ---- */

static char *erofs_path(const char *diff_id)
{
    return xasprintf("%s/%s%s", DIR_LAYERS, digest_hex(diff_id), LAYER_EROFS);
}

char *image_layer_path(struct images *images, const char *diff_id)
{
    auto_free char *file = erofs_path(diff_id);
    if (faccessat(images->root, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return take_ptr(file);
    return xasprintf("%s/%s/%s", DIR_LAYERS, digest_hex(diff_id), LAYER_TREE);
}

enum image_storage layer_storage(struct images *images, const char *diff_id)
{
    auto_free char *path = image_layer_path(images, diff_id);
    return text_ends(path, LAYER_EROFS) ? STORAGE_EROFS : STORAGE_OVERLAY;
}

bool layer_present(struct images *images, const char *diff_id)
{
    auto_free char *path = image_layer_path(images, diff_id);
    return faccessat(images->root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* By a path that a file system can be told to be mounted from. */
int layer_mount(int fd)
{
    auto_free char *path = xasprintf("/proc/self/fd/%d", fd);
    return mount_file("erofs", path);
}

int layer_open(struct images *images, const char *diff_id, int *ret_fd, struct err *err)
{
    auto_free char *path = image_layer_path(images, diff_id);
    bool packed = text_ends(path, LAYER_EROFS);
    auto_close int fd = openat(images->root, path,
                               (packed ? O_RDONLY : O_PATH | O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "layer %s is not unpacked", diff_id);
    if (fd < 0)
        return err_sys(err, "open layer %s", diff_id);
    *ret_fd = packed ? layer_mount(fd) : take_fd(fd);
    return *ret_fd < 0 ? err_sys(err, "mount layer %s", diff_id) : 0;
}

char *layer_writer(struct images *images, const char *path)
{
    struct erofs_super super;
    auto_close int fd = openat(images->root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || pread(fd, &super, sizeof(super), EROFS_SUPER_AT) != (ssize_t)sizeof(super) ||
        super.magic != htole32(EROFS_MAGIC))
        return NULL;
    return xstrndup(super.volume_name, strnlen(super.volume_name, sizeof(super.volume_name)));
}

/* ---- which are made ---- */

/* An image of an empty directory. */
static void probe_fill(uint8_t block[EROFS_BLOCK])
{
    static const char names[] = { '.', '.', '.' };
    const uint16_t root = EROFS_ROOT_AT / EROFS_SLOT;
    const struct erofs_super super = {
        .magic = htole32(EROFS_MAGIC),
        .block_bits = EROFS_BLOCK_BITS,
        .root_nid = htole16(root),
        .inodes = htole64(1),
        .blocks = htole32(1),
    };
    const struct erofs_dirent entries[2] = {
        { htole64(root), htole16(2 * sizeof(entries[0])), EROFS_DIRECTORY, 0 },
        { htole64(root), htole16(2 * sizeof(entries[0]) + 1), EROFS_DIRECTORY, 0 },
    };
    const struct erofs_inode inode = {
        .format = htole16(EROFS_EXTENDED | EROFS_INLINE << EROFS_LAYOUT_BIT),
        .mode = htole16(S_IFDIR | 0755),
        .size = htole64(sizeof(entries) + sizeof(names)),
        .nlink = htole32(2),
    };
    uint8_t *at = block + EROFS_ROOT_AT;
    memset(block, 0, EROFS_BLOCK);
    memcpy(block + EROFS_SUPER_AT, &super, sizeof(super));
    memcpy(at, &inode, sizeof(inode));
    memcpy(at + sizeof(inode), entries, sizeof(entries));
    memcpy(at + sizeof(inode) + sizeof(entries), names, sizeof(names));
}

/* Tries it in the directory. Returns 1; 0 with errno: it does not work there. */
static int probe(int directory, struct err *err)
{
    uint8_t block[EROFS_BLOCK];
    auto_close int fd = openat(directory, probe_name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, "make a file in the store");
    probe_fill(block);
    bool written = fd_write_all(fd, block, sizeof(block)) == 0;
    if (!written)
        err_sys(err, "write to the store");
    auto_close int mount = written ? layer_mount(fd) : -1;
    int saved = errno;
    (void)unlinkat(directory, probe_name, 0);
    errno = saved;
    return !written ? -1 : mount >= 0;
}

static int erofs_missing(int errnum, struct err *err)
{
    err_set(err, ERR_UNSUPPORTED, "layers cannot be EROFS images here: %s", strerror(errnum));
    if (geteuid() != 0)
        return err_hint(err, "only root can mount them");
    if (errnum == ENOTBLK)
        return err_hint(err, "from a file they can be mounted since Linux 6.12, and not of every "
                             "file system; leave out --storage-driver");
    return err_hint(err, "leave out --storage-driver");
}

int layers_are_packed(const struct ingest *ingest, bool *ret_packed, struct err *err)
{
    struct images *images = ingest->images;
    if (images->storage == STORAGE_OVERLAY || (images->storage == STORAGE_AUTO && geteuid() != 0)) {
        *ret_packed = false;
        return 0;
    }
    if (images->erofs == EROFS_UNTRIED) {
        int works = probe(ingest->directory, err);
        if (works < 0)
            return -1;
        if (!works && images->storage == STORAGE_EROFS)
            return erofs_missing(errno, err);
        images->erofs = works ? EROFS_WORKS : EROFS_FAILS;
    }
    *ret_packed = images->erofs == EROFS_WORKS;
    return 0;
}

void images_storage(struct images *images, enum image_storage storage)
{
    images->storage = storage;
}
