/* SPDX-License-Identifier: Apache-2.0 */
#include "image/ingest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "image/partial.h"
#include "image/room.h"

enum { DIR_MODE = 0700, FILE_MODE = 0600, TREE_MODE = 0755, OPEN_ATTEMPTS = 16, PATH_SIZE = 96 };
enum { LOOSE_SECONDS = 24 * 60 * 60 };

static const size_t copy_most = 1 << 30;

static int random_name(char *name, size_t size, const char *directory, struct err *err)
{
    uint64_t random;
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return err_sys(err, "get random bytes");
    snprintf(name, size, "%s/%016" PRIx64, directory, random);
    return 0;
}

/* By errno. */
static int write_failed(const struct images *images, uint64_t size_bytes, struct err *err)
{
    if (room_lacked(errno))
        return room_refuse(images, size_bytes, store_room(images), err);
    return err_sys(err, "write to the store");
}

/* ---- birth and death ---- */

/* Whether the locked descriptor is still what the name means: who cleans up may have been between.
 */
static bool still_named(int root, const char *name, int fd)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && fstatat(root, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
           a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

/* Returns 1, or 0: somebody took it for a left-over before it was locked. */
static int ingest_try(struct ingest *ingest, struct err *err)
{
    int root = ingest->images->root;
    if (random_name(ingest->name, sizeof(ingest->name), DIR_INGEST, err) < 0)
        return -1;
    if (mkdirat(root, ingest->name, DIR_MODE) < 0)
        return errno == EEXIST ? 0 : write_failed(ingest->images, 0, err);
    auto_close int fd = openat(root, ingest->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_sys(err, "open %s", ingest->name);
    if (flock(fd, LOCK_EX) < 0)
        return err_sys(err, "lock %s", ingest->name);
    if (!still_named(root, ingest->name, fd))
        return 0;
    ingest->directory = take_fd(fd);
    return 1;
}

int ingest_open(struct images *images, struct ingest *ret_ingest, struct err *err)
{
    struct ingest ingest = { .images = images, .directory = -1 };
    if (store_prepare(images, err) < 0)
        return -1;
    trash_empty(images);
    for (int i = 0; i < OPEN_ATTEMPTS; i++) {
        int made = ingest_try(&ingest, err);
        if (made < 0)
            return -1;
        if (made == 0)
            continue;
        *ret_ingest = ingest;
        return 0;
    }
    return err_set(err, ERR_CONFLICT, "make a directory in %s: others remove it again", DIR_INGEST);
}

/* An ordinary user's layers hold files of his subordinate ids, which only their user namespace's
 * root can remove. */
static int remove_confined(struct images *images, int parent, const char *name, struct err *err)
{
    struct transfer_request request = {
        .version = TRANSFER_VERSION,
        .verb = TRANSFER_REMOVE,
    };
    struct helper helper = { .control = -1 };
    struct transfer_event event = {};
    auto_close int directory = -1;
    auto_close int socket = -1;

    if (strlen(name) >= sizeof(request.name))
        return err_set(err, ERR_INVALID, "%s has too long a name", name);
    memcpy(request.name, name, strlen(name) + 1);
    if (helper_open(images->transfer, parent, &helper, err) < 0)
        return -1;
    int result = helper_directory(&helper, parent, &directory, err);
    if (result == 0)
        result = helper_request(&helper, &request, &directory, 1, &socket, err);
    if (result == 0)
        result = helper_event(socket, &event, err);
    if (result > 0 && event.kind == TRANSFER_FAILED)
        event_error(&event, err);
    if (result > 0)
        result = event.kind == TRANSFER_DONE ? 0 : -1;
    helper_close(&helper);
    return result;
}

/* Removes what may be a whole layer. */
static int remove_tree(struct images *images, const char *directory, const char *name,
                       struct err *err)
{
    auto_close int parent = openat(images->root, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return err_sys(err, "open %s", directory);
    if (tree_remove(parent, name, err) == 0)
        return 0;
    if (geteuid() == 0 || err->kind != ERR_DENIED)
        return -1;
    return remove_confined(images, parent, name, err);
}

void ingest_close(struct ingest *ingest)
{
    struct err ignored;
    if (ingest->directory < 0)
        return;
    (void)remove_tree(ingest->images, DIR_INGEST, ingest->name + strlen(DIR_INGEST) + 1, &ignored);
    fd_close(&ingest->directory);
}

/* ---- trash ---- */

int trash_put(struct images *images, const char *path, struct err *err)
{
    char name[PATH_SIZE];
    if (random_name(name, sizeof(name), DIR_TRASH, err) < 0)
        return -1;
    int moved = renameat(images->root, path, images->root, name);
    if (moved < 0 && room_lacked(errno)) {
        /* The directory has to grow on a full disk. */
        trash_empty(images);
        moved = renameat(images->root, path, images->root, name);
    }
    if (moved == 0)
        return 1;
    return errno == ENOENT ? 0 : err_sys(err, "move %s to the trash", path);
}

/* One that nobody has is locked until it is gone: who has just made it waits for the lock, and sees
 * then that it was taken for a left-over. */
static void ingest_sweep(struct images *images, const char *name)
{
    auto_free char *path = xasprintf("%s/%s", DIR_INGEST, name);
    struct err ignored;
    auto_close int fd = openat(images->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        (void)remove_tree(images, DIR_INGEST, name, &ignored);
}

/* Blobs that came a day ago and that no manifest has named since. */
static void loose_expire(struct images *images)
{
    auto_done(strings) names = {};
    struct err ignored;
    struct stat st;
    time_t now = time(NULL);
    (void)dir_list(images->root, DIR_LOOSE, &names, &ignored);
    for (size_t i = 0; i < names.len; i++) {
        auto_free char *path = xasprintf("%s/%s", DIR_LOOSE, names.at[i]);
        if (fstatat(images->root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            st.st_mtime + LOOSE_SECONDS < now)
            (void)unlinkat(images->root, path, 0);
    }
}

void trash_empty(struct images *images)
{
    auto_done(strings) ingests = {};
    auto_done(strings) trash = {};
    struct err ignored;

    (void)dir_list(images->root, DIR_INGEST, &ingests, &ignored);
    for (size_t i = 0; i < ingests.len; i++)
        ingest_sweep(images, ingests.at[i]);
    loose_expire(images);
    partials_expire(images);
    (void)dir_list(images->root, DIR_TRASH, &trash, &ignored);
    for (size_t i = 0; i < trash.len; i++)
        (void)remove_tree(images, DIR_TRASH, trash.at[i], &ignored);
}

/* ---- files ---- */

int ingest_file(const struct ingest *ingest, uint64_t number, int *ret_fd, uint64_t *ret_size,
                struct err *err)
{
    char name[PATH_SIZE];
    struct stat st;
    snprintf(name, sizeof(name), "%" PRIu64, number);
    auto_close int fd =
        openat(ingest->directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(err, "open a spooled file");
    if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
        return err_set(err, ERR_SYSTEM, "ruche-transfer made what it cannot make");
    *ret_fd = take_fd(fd);
    *ret_size = (uint64_t)st.st_size;
    return 0;
}

static int named_make(const struct ingest *ingest, const char *name, int *ret_fd, struct err *err)
{
    int fd = openat(ingest->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    FILE_MODE);
    if (fd < 0)
        return write_failed(ingest->images, 0, err);
    *ret_fd = fd;
    return 0;
}

int ingest_make(const struct ingest *ingest, uint64_t number, int *ret_fd, struct err *err)
{
    char name[PATH_SIZE];
    snprintf(name, sizeof(name), "%" PRIu64, number);
    return named_make(ingest, name, ret_fd, err);
}

int ingest_save(const struct ingest *ingest, uint64_t number, const void *data, size_t len,
                struct err *err)
{
    auto_close int fd = -1;
    if (ingest_make(ingest, number, &fd, err) < 0)
        return -1;
    return fd_write_all(fd, data, len) < 0 ? write_failed(ingest->images, len, err) : 0;
}

static int copy_into(int fd, int from, struct err *err)
{
    if (ioctl(fd, FICLONE, from) == 0)
        return 0;
    ssize_t copied;
    do
        copied = sendfile(fd, from, NULL, copy_most);
    while (copied > 0 || (copied < 0 && errno == EINTR));
    return copied < 0 ? err_sys(err, "copy to the store") : 0;
}

int ingest_copy(const struct ingest *ingest, uint64_t number, int from, struct err *err)
{
    auto_close int fd = -1;
    return ingest_make(ingest, number, &fd, err) < 0 ? -1 : copy_into(fd, from, err);
}

static void kept_name(char name[static PATH_SIZE], size_t place)
{
    snprintf(name, PATH_SIZE, "blob-%zu", place);
}

int ingest_keep(const struct ingest *ingest, size_t place, const char *path, int file,
                struct err *err)
{
    char name[PATH_SIZE];
    auto_close int fd = -1;
    kept_name(name, place);
    if (linkat(ingest->images->root, path, ingest->directory, name, 0) == 0)
        return 0;
    /* A file system without second names. */
    if (lseek(file, 0, SEEK_SET) < 0)
        return err_sys(err, "read %s", path);
    return named_make(ingest, name, &fd, err) < 0 ? -1 : copy_into(fd, file, err);
}

int ingest_kept(const struct ingest *ingest, size_t place, int *ret_fd, uint64_t *ret_size,
                struct err *err)
{
    char name[PATH_SIZE];
    struct stat st;
    kept_name(name, place);
    auto_close int fd = openat(ingest->directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(err, "open what was fetched");
    *ret_fd = take_fd(fd);
    *ret_size = (uint64_t)st.st_size;
    return 0;
}

int ingest_layer(const struct ingest *ingest, size_t number, int *ret_fd, struct err *err)
{
    char name[PATH_SIZE];
    auto_close int fd = -1;
    snprintf(name, sizeof(name), "layer-%zu/%s", number, LAYER_TREE);
    if (dir_open_made(ingest->directory, name, DIR_MODE, &fd, err) < 0)
        return -1;
    /* As a root has it that the layer says nothing of. What is above it is closed to others. */
    if (fchmod(fd, TREE_MODE) < 0)
        return err_sys(err, "set the mode of a layer");
    *ret_fd = take_fd(fd);
    return 0;
}

int ingest_layer_file(const struct ingest *ingest, size_t number, int *ret_fd, struct err *err)
{
    char name[PATH_SIZE];
    snprintf(name, sizeof(name), "layer-%zu%s", number, LAYER_EROFS);
    int fd = openat(ingest->directory, name, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                    FILE_MODE);
    if (fd < 0)
        return err_sys(err, "make a file in the store");
    *ret_fd = fd;
    return 0;
}

/* ---- into place ---- */

static int named_commit(const struct ingest *ingest, const char *name, const char *digest,
                        struct err *err)
{
    auto_free char *path = xasprintf("%s/%s", DIR_BLOBS, digest_hex(digest));
    if (renameat(ingest->directory, name, ingest->images->root, path) < 0)
        return err_sys(err, "move a blob into the store");
    return 0;
}

int ingest_commit_blob(const struct ingest *ingest, uint64_t number, const char *digest,
                       struct err *err)
{
    char name[PATH_SIZE];
    snprintf(name, sizeof(name), "%" PRIu64, number);
    return named_commit(ingest, name, digest, err);
}

int ingest_commit_kept(const struct ingest *ingest, size_t place, const char *digest,
                       struct err *err)
{
    char name[PATH_SIZE];
    kept_name(name, place);
    return named_commit(ingest, name, digest, err);
}

/* Returns 1, also if somebody else was there first; 0: there is no such. */
static int layer_rename(const struct ingest *ingest, size_t number, const char *diff_id,
                        const char *suffix, struct err *err)
{
    char name[PATH_SIZE];
    snprintf(name, sizeof(name), "layer-%zu%s", number, suffix);
    auto_free char *path = xasprintf("%s/%s%s", DIR_LAYERS, digest_hex(diff_id), suffix);
    if (renameat(ingest->directory, name, ingest->images->root, path) == 0)
        return 1;
    /* A directory does not replace one that holds something, a file does one that is equal. */
    if (errno == EEXIST || errno == ENOTEMPTY)
        return 1;
    return errno == ENOENT ? 0 : err_sys(err, "move a layer into the store");
}

int ingest_commit_layer(const struct ingest *ingest, size_t number, const char *diff_id,
                        struct err *err)
{
    int moved = layer_rename(ingest, number, diff_id, LAYER_EROFS, err);
    if (moved == 0)
        moved = layer_rename(ingest, number, diff_id, "", err);
    if (moved == 0)
        return err_set(err, ERR_SYSTEM, "a layer to be moved into the store is missing");
    return moved < 0 ? -1 : 0;
}
