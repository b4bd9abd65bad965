/* SPDX-License-Identifier: Apache-2.0 */
#include "image/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"

enum { DIR_MODE = 0700, FILE_MODE = 0600 };

static const char layout_path[] = "oci/oci-layout";

struct images *images_open(int root_fd, const char *transfer)
{
    struct images *images = xnew(struct images);
    images->root = root_fd;
    images->transfer = transfer ? xstrdup(transfer) : NULL;
    return images;
}

void images_close(struct images *images)
{
    if (!images)
        return;
    free(images->transfer);
    free(images);
}

int store_prepare(struct images *images, struct err *err)
{
    static const char *const directories[] = { DIR_BLOBS, DIR_LAYERS, DIR_INGEST, DIR_TRASH };
    for (size_t i = 0; i < array_size(directories); i++)
        if (dir_make_all(images->root, directories[i], DIR_MODE, err) < 0)
            return -1;
    if (faccessat(images->root, layout_path, F_OK, 0) == 0)
        return 0;

    auto_done(str) text = {};
    struct oci_layout layout = { .image_layout_version = xstrdup("1.0.0") };
    oci_layout_format(&layout, &text);
    oci_layout_done(&layout);
    return file_save(images->root, layout_path, str_text(&text), text.len, FILE_MODE, 0, err);
}

int store_lock(struct images *images, int *ret_lock, struct err *err)
{
    auto_close int lock = openat(images->root, DIR_OCI, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock < 0)
        return err_sys(err, "open the image store");
    while (flock(lock, LOCK_EX) < 0)
        if (errno != EINTR)
            return err_sys(err, "lock the image store");
    *ret_lock = take_fd(lock);
    return 0;
}

/* ---- documents ---- */

/* A valid digest is "ALGORITHM:HEX", and so cannot lead anywhere else. */
static char *blob_path(const char *digest)
{
    const char *hex = digest_hex(digest);
    return xasprintf("oci/blobs/%.*s/%s", (int)(hex - digest) - 1, digest, hex);
}

static int blob_missing(const char *digest, struct err *err)
{
    err_set(err, ERR_NOT_FOUND, "%s is missing in the image store", digest);
    return err_hint(err, "load or pull the image again");
}

int blob_open(struct images *images, const char *digest, int *ret_fd, uint64_t *ret_size,
              struct err *err)
{
    struct stat st;
    if (!digest_valid(digest))
        return err_set(err, ERR_INVALID, "a digest in the image store is none");
    auto_free char *path = blob_path(digest);
    auto_close int fd = openat(images->root, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return blob_missing(digest, err);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(err, "open %s", path);
    *ret_fd = take_fd(fd);
    *ret_size = (uint64_t)st.st_size;
    return 0;
}

static int document_load(struct images *images, const char *digest, int flags, size_t max_bytes,
                         char **ret_data, size_t *ret_len, struct err *err)
{
    if (!digest_valid(digest))
        return err_set(err, ERR_INVALID, "a digest in the image store is none");
    auto_free char *path = blob_path(digest);
    auto_close int fd = openat(images->root, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags);
    if (fd < 0 && errno == EPERM && flags) /* O_NOATIME is the owner's */
        fd = openat(images->root, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return blob_missing(digest, err);
    if (fd < 0)
        return err_sys(err, "open %s", path);
    return file_load_fd(fd, max_bytes, ret_data, ret_len, err) < 0 ? err_wrap(err, "%s", path) : 0;
}

int blob_load(struct images *images, const char *digest, size_t max_bytes, char **ret_data,
              size_t *ret_len, struct err *err)
{
    return document_load(images, digest, O_NOATIME, max_bytes, ret_data, ret_len, err);
}

int blob_manifest(struct images *images, const char *digest, struct oci_manifest *ret_manifest,
                  struct err *err)
{
    auto_free char *data = NULL;
    size_t len = 0;
    if (blob_load(images, digest, OCI_MANIFEST_MAX_BYTES, &data, &len, err) < 0)
        return -1;
    if (oci_manifest_parse(data, len, ret_manifest, err) < 0)
        return err_wrap(err, "%s", digest);
    return 0;
}

static int image_load_as(struct images *images, const char *digest, int flags,
                         struct oci_image *ret_image, struct err *err)
{
    auto_free char *data = NULL;
    size_t len = 0;
    if (document_load(images, digest, flags, OCI_IMAGE_MAX_BYTES, &data, &len, err) < 0)
        return -1;
    if (oci_image_parse(data, len, ret_image, err) < 0)
        return err_wrap(err, "%s", digest);
    return 0;
}

int blob_image(struct images *images, const char *digest, struct oci_image *ret_image,
               struct err *err)
{
    return image_load_as(images, digest, 0, ret_image, err);
}

int blob_image_peek(struct images *images, const char *digest, struct oci_image *ret_image,
                    struct err *err)
{
    return image_load_as(images, digest, O_NOATIME, ret_image, err);
}
