/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/tar_write.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/str.h"

enum {
    BUFFER_BYTES = 256 << 10,
    LAST_BYTES = 10240, /* what tar programs fill the end up to */
};

struct tar_write {
    struct archive *archive;
    struct archive_entry *entry;
    struct archive_entry_linkresolver *links;
    int fd;
    uint64_t position;
    struct err error; /* of a write, for libarchive passes none on */
    bool failed;
};

static la_ssize_t data_out(struct archive *archive, void *context, const void *data, size_t len)
{
    struct tar_write *tar = context;
    if (fd_write_all(tar->fd, data, len) < 0) {
        tar->failed = true;
        err_sys(&tar->error, "write the archive");
        archive_set_error(archive, EIO, "write");
        return -1;
    }
    tar->position += len;
    return (la_ssize_t)len;
}

static int write_failed(const struct tar_write *tar, struct err *err)
{
    const char *text = archive_error_string(tar->archive);
    if (tar->failed) {
        *err = tar->error;
        return -1;
    }
    return err_set(err, ERR_SYSTEM, "write the archive: %s", text ? text : "it cannot be");
}

/* What happens when an entry's name has no characters in UTF-8 is a warning: it is written as it is.
 */
static bool went_well(int result)
{
    return result == ARCHIVE_OK || result == ARCHIVE_WARN;
}

int tar_write_open(int fd, struct tar_write **ret_tar, struct err *err)
{
    auto_drop(tar_write) *tar = xnew(struct tar_write);
    tar->fd = fd;
    tar->archive = archive_write_new();
    tar->entry = archive_entry_new();
    tar->links = archive_entry_linkresolver_new();
    if (!tar->archive || !tar->entry || !tar->links)
        return err_set(err, ERR_SYSTEM, "out of memory");
    archive_entry_linkresolver_set_strategy(tar->links, ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE);
    if (archive_write_set_format_pax(tar->archive) != ARCHIVE_OK ||
        archive_write_set_format_option(tar->archive, "pax", "xattrheader", "SCHILY") !=
            ARCHIVE_OK ||
        archive_write_set_bytes_per_block(tar->archive, BUFFER_BYTES) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(tar->archive, LAST_BYTES) != ARCHIVE_OK ||
        archive_write_open(tar->archive, tar, NULL, data_out, NULL) != ARCHIVE_OK)
        return write_failed(tar, err);
    *ret_tar = take_ptr(tar);
    return 0;
}

static void entry_fill(struct archive_entry *entry, const struct tar_item *item)
{
    const struct stat *st = &item->st;
    archive_entry_clear(entry);
    archive_entry_set_pathname(entry, item->path);
    archive_entry_set_mode(entry, st->st_mode);
    archive_entry_set_uid(entry, st->st_uid);
    archive_entry_set_gid(entry, st->st_gid);
    archive_entry_set_mtime(entry, st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
    archive_entry_set_size(entry, S_ISREG(st->st_mode) ? st->st_size : 0);
    archive_entry_set_dev(entry, st->st_dev);
    archive_entry_set_ino64(entry, (la_int64_t)st->st_ino);
    archive_entry_set_nlink(entry, (unsigned)st->st_nlink);
    if (S_ISLNK(st->st_mode))
        archive_entry_set_symlink(entry, item->target);
    if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
        archive_entry_set_rdevmajor(entry, major(st->st_rdev));
        archive_entry_set_rdevminor(entry, minor(st->st_rdev));
    }
}

int tar_write_item(struct tar_write *tar, const struct tar_item *item, struct err *err)
{
    struct archive_entry *entry = tar->entry, *waiting = NULL;
    entry_fill(entry, item);
    if (!S_ISDIR(item->st.st_mode))
        archive_entry_linkify(tar->links, &entry, &waiting);
    bool link = archive_entry_hardlink(entry);
    for (size_t i = 0; i < item->n_xattrs && !link; i++)
        archive_entry_xattr_add_entry(entry, item->xattrs[i].name, item->xattrs[i].value,
                                      item->xattrs[i].len);
    for (size_t i = 0; i < item->n_extents && !link; i++)
        archive_entry_sparse_add_entry(entry, (la_int64_t)item->extents[i].offset,
                                       (la_int64_t)item->extents[i].len);
    if (!went_well(archive_write_header(tar->archive, entry)))
        return write_failed(tar, err);
    return S_ISREG(item->st.st_mode) && !link && item->st.st_size > 0;
}

int tar_write_data(struct tar_write *tar, const void *data, size_t len, struct err *err)
{
    const char *at = data;
    while (len > 0) {
        la_ssize_t n = archive_write_data(tar->archive, at, len);
        if (n <= 0)
            return write_failed(tar, err);
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

int tar_write_end(struct tar_write *tar, struct err *err)
{
    return went_well(archive_write_close(tar->archive)) ? 0 : write_failed(tar, err);
}

bool tar_write_failed(const struct tar_write *tar)
{
    return tar->failed;
}

uint64_t tar_write_position(const struct tar_write *tar)
{
    return tar->position;
}

void tar_write_free(struct tar_write *tar)
{
    if (!tar)
        return;
    if (tar->archive) {
        (void)archive_write_fail(tar->archive); /* one that was closed is not written to any more */
        (void)archive_write_free(tar->archive);
    }
    archive_entry_linkresolver_free(tar->links);
    archive_entry_free(tar->entry);
    free(tar);
}
