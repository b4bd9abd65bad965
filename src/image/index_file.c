/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.json as a file. Removing images is what frees a full disk, so saving an index that does not
 * grow must not need room that is not there yet:
 *
 * - The copy is written in place and never replaced, so that nobody takes its blocks. Before an
 *   index is saved it gets as many as that will need. An addition to a full disk fails there, before
 *   it has changed anything.
 * - The index is saved beside and renamed, as ever. If there is no room for that, the copy is filled
 *   with what is new, synced, and changes places with the index, which becomes the copy. A crash
 *   leaves the old index or the new one, and at worst a copy that is neither.
 *
 * Then a file that once was the index is written to. Whoever reads without the lock looks afterwards
 * whether what it has read still is the index, or was replaced by saving beside.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "image/ingest.h"
#include "image/room.h"

enum { FILE_MODE = 0600, READS_MAX = 8 };

/* ---- reading ---- */

/* Whether nobody wrote to what was read: it lies where it lay, or has no name any more. */
static bool read_whole(struct images *images, int fd, const struct stat *before)
{
    struct stat after, named;
    if (fstat(fd, &after) < 0 || after.st_nlink == 0)
        return true;
    return after.st_ctim.tv_sec == before->st_ctim.tv_sec &&
           after.st_ctim.tv_nsec == before->st_ctim.tv_nsec &&
           fstatat(images->root, FILE_INDEX, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           named.st_ino == before->st_ino && named.st_dev == before->st_dev;
}

struct content {
    char *data;
    size_t len;
    bool whole;
};

static void content_done(struct content *content)
{
    free(content->data);
}

/* Returns 1, or 0: there is none. */
static int content_read(struct images *images, struct content *content, struct err *err)
{
    struct stat before;
    auto_close int fd =
        file_openat2(images->root, FILE_INDEX, O_RDONLY | O_NOCTTY, 0, RESOLVE_BENEATH);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 || fstat(fd, &before) < 0)
        return err_sys(err, "open %s", FILE_INDEX);
    free(content->data);
    content->data = NULL;
    if (file_load_fd(fd, OCI_INDEX_MAX_BYTES, &content->data, &content->len, err) < 0)
        return err_wrap(err, "%s", FILE_INDEX);
    content->whole = read_whole(images, fd, &before);
    return 1;
}

int index_load(struct images *images, struct oci_index *ret_index, struct err *err)
{
    auto_done(content) content = {};
    int found = 1;
    /* Some file systems number files anew at each look: what was read last is taken. */
    for (int i = 0; i < READS_MAX && found > 0 && !content.whole; i++)
        found = content_read(images, &content, err);
    if (found < 0)
        return err_wrap(err, "read the image store");
    if (found == 0) {
        *ret_index = (struct oci_index){ .schema_version = 2 };
        return 0;
    }
    if (oci_index_parse(content.data, content.len, ret_index, err) < 0)
        return err_wrap(err, "read the image store: index.json");
    return 0;
}

/* ---- writing ---- */

/* Sees that len bytes can be written to the file in place. File systems that cannot promise it, or
 * give each write fresh blocks, are taken as they are. */
static int room_take(struct images *images, const char *path, int flags, size_t len,
                     struct err *err)
{
    struct stat st;
    auto_close int fd =
        openat(images->root, path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | flags, FILE_MODE);
    if (fd >= 0 && (fstat(fd, &st) < 0 || (size_t)st.st_size >= len ||
                    fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)len) == 0))
        return 0;
    return room_lacked(errno) ? err_sys(err, "save %s", path) : 0;
}

static int copy_write(struct images *images, const struct str *text, enum file_save_flags flags,
                      struct err *err)
{
    auto_close int fd = openat(images->root, FILE_INDEX_COPY,
                               O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (fd < 0 || fd_write_all(fd, str_text(text), text->len) < 0 ||
        ftruncate(fd, (off_t)text->len) < 0 || ((flags & FILE_SYNC) && fsync(fd) < 0))
        return err_sys(err, "save %s", FILE_INDEX_COPY);
    return 0;
}

/* The two change places; where the file system cannot do that, there is no copy for a while. */
static int copy_becomes_index(struct images *images, struct err *err)
{
    auto_close int directory =
        openat(images->root, DIR_OCI, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int root = images->root;
    if (directory < 0)
        return err_sys(err, "open the image store");
    if (syscall(SYS_renameat2, root, FILE_INDEX_COPY, root, FILE_INDEX, RENAME_EXCHANGE) < 0 &&
        renameat(root, FILE_INDEX_COPY, root, FILE_INDEX) < 0)
        return err_sys(err, "save %s", FILE_INDEX);
    return fsync(directory) < 0 ? err_sys(err, "save %s: sync its directory", FILE_INDEX) : 0;
}

/* Nothing new is allocated: both files have the room already, or it is taken before they change. */
static int save_in_copy(struct images *images, const struct str *text, struct err *err)
{
    if (room_take(images, FILE_INDEX_COPY, O_CREAT, text->len, err) < 0 ||
        room_take(images, FILE_INDEX, 0, text->len, err) < 0 ||
        copy_write(images, text, FILE_SYNC, err) < 0)
        return -1;
    return copy_becomes_index(images, err);
}

static int save_beside(struct images *images, const struct str *text, struct err *err)
{
    return file_save(images->root, FILE_INDEX, str_text(text), text->len, FILE_MODE, FILE_SYNC,
                     err);
}

static bool grows(struct images *images, size_t len)
{
    struct stat st;
    return fstatat(images->root, FILE_INDEX, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
           (size_t)st.st_size < len;
}

static int text_save(struct images *images, const struct str *text, struct err *err)
{
    bool more = grows(images, text->len);
    if (room_take(images, FILE_INDEX_COPY, O_CREAT, text->len, err) < 0 && more)
        return -1;
    if (save_beside(images, text, err) == 0)
        return 0;
    if (!room_lacked(err->errnum))
        return -1;
    if (save_in_copy(images, text, err) == 0)
        return 0;
    if (more || !room_lacked(err->errnum))
        return -1;
    /* The copy was never made, or made when the index was smaller, or is no use on this file system.
     * Without it, and what is only waiting to be deleted, there may be room. */
    (void)unlinkat(images->root, FILE_INDEX_COPY, 0);
    trash_empty(images);
    return save_beside(images, text, err);
}

int index_save(struct images *images, struct oci_index *index, struct err *err)
{
    auto_done(str) text = { .max_bytes = OCI_INDEX_MAX_BYTES };
    for (size_t i = 0; i < index->manifests.len; i++) {
        struct oci_descriptor *row = &index->manifests.at[i];
        if (pairs_value(&row->annotations, NOTE_SUM))
            continue;
        auto_free char *sum = row_sum(row);
        row_note(row, NOTE_SUM, sum);
    }
    oci_index_format(index, &text);
    if (text.over)
        return err_set(err, ERR_INVALID, "the image store's index is full; remove images");
    if (text_save(images, &text, err) < 0)
        return -1;
    struct err ignored; /* it is spare, and an old one is better than none */
    (void)copy_write(images, &text, 0, &ignored);
    return 0;
}
