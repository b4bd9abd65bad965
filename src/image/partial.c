/* SPDX-License-Identifier: Apache-2.0 */
#include "image/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "image/content.h"

enum { DIR_MODE = 0700, FILE_MODE = 0600, OPEN_ATTEMPTS = 16 };
enum { OLD_SECONDS = 7 * 24 * 60 * 60 };

static char *partial_path(const char *digest, uint64_t size_bytes)
{
    return xasprintf("%s/%s.%" PRIu64, DIR_PARTIAL, digest_hex(digest), size_bytes);
}

/* Whoever had the lock may have moved or removed the file before we got it. */
static bool still_named(int root, const char *path, int fd)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && fstatat(root, path, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
           a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static int partial_fit(int fd, uint64_t size_bytes, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_sys(err, "look at a partial download");
    if ((uint64_t)st.st_size > size_bytes && ftruncate(fd, 0) < 0)
        return err_sys(err, "empty a partial download");
    return 0;
}

int partial_open(struct images *images, const char *digest, uint64_t size_bytes, int *ret_fd,
                 struct err *err)
{
    auto_free char *path = partial_path(digest, size_bytes);
    if (mkdirat(images->root, DIR_PARTIAL, DIR_MODE) < 0 && errno != EEXIST)
        return err_sys(err, "make %s", DIR_PARTIAL);
    for (int i = 0; i < OPEN_ATTEMPTS; i++) {
        auto_close int fd =
            openat(images->root, path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
        if (fd < 0)
            return err_sys(err, "open %s", path);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
            return errno == EWOULDBLOCK ? 0 : err_sys(err, "lock %s", path);
        if (!still_named(images->root, path, fd))
            continue;
        if (partial_fit(fd, size_bytes, err) < 0)
            return -1;
        *ret_fd = take_fd(fd);
        return 1;
    }
    return 0; /* busy people; they will be asked again */
}

int partial_read(struct images *images, const char *digest, uint64_t size_bytes, int *ret_fd,
                 uint64_t *ret_size, struct err *err)
{
    auto_free char *path = partial_path(digest, size_bytes);
    struct stat st;
    auto_close int fd = openat(images->root, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(err, "open %s", path);
    *ret_fd = take_fd(fd);
    *ret_size = (uint64_t)st.st_size;
    return 0;
}

int partial_keep(const struct ingest *ingest, size_t place, const char *digest, uint64_t size_bytes,
                 int *fd, struct err *err)
{
    auto_free char *path = partial_path(digest, size_bytes);
    if (ingest_keep(ingest, place, path, *fd, err) < 0)
        return -1;
    fd_close(fd);
    return 0;
}

bool partial_present(struct images *images, const char *digest, uint64_t size_bytes)
{
    auto_free char *path = partial_path(digest, size_bytes);
    struct stat st;
    if (fstatat(images->root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        (uint64_t)st.st_size == size_bytes)
        return true;
    return blob_present(images, digest);
}

int partial_commit(struct images *images, const char *digest, uint64_t size_bytes, struct err *err)
{
    auto_free char *from = partial_path(digest, size_bytes);
    auto_free char *to = xasprintf("%s/%s", DIR_BLOBS, digest_hex(digest));
    if (renameat(images->root, from, images->root, to) == 0) {
        /* Nothing has moved where both are names of one file: another pull has kept it. */
        (void)unlinkat(images->root, from, 0);
        return 0;
    }
    if (errno == ENOENT && faccessat(images->root, to, F_OK, 0) == 0)
        return 0;
    return err_sys(err, "move a blob into the store");
}

void partial_remove(struct images *images, const char *digest, uint64_t size_bytes)
{
    auto_free char *path = partial_path(digest, size_bytes);
    (void)unlinkat(images->root, path, 0); /* gone already is fine */
}

static uint64_t partial_prune(struct images *images, const char *name, time_t before)
{
    auto_free char *path = xasprintf("%s/%s", DIR_PARTIAL, name);
    auto_close int fd = openat(images->root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_mtime >= before || flock(fd, LOCK_EX | LOCK_NB) < 0 ||
        !still_named(images->root, path, fd) || fstat(fd, &st) < 0 ||
        unlinkat(images->root, path, 0) < 0)
        return 0;
    return (uint64_t)st.st_size;
}

void partial_drop(struct images *images, const char *digest, uint64_t size_bytes)
{
    auto_free char *path = partial_path(digest, size_bytes);
    (void)partial_prune(images, path + strlen(DIR_PARTIAL) + 1, INT64_MAX);
}

static uint64_t prune_before(struct images *images, time_t before)
{
    auto_done(strings) names = {};
    struct err ignored; /* what cannot be listed is left */
    uint64_t freed = 0;
    if (dir_list(images->root, DIR_PARTIAL, &names, &ignored) <= 0)
        return 0;
    for (size_t i = 0; i < names.len; i++)
        freed += partial_prune(images, names.at[i], before);
    return freed;
}

uint64_t partials_prune(struct images *images)
{
    return prune_before(images, INT64_MAX);
}

void partials_expire(struct images *images)
{
    (void)prune_before(images, time(NULL) - OLD_SECONDS);
}
