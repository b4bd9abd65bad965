/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/field.h"

enum {
    RECORD_SIZE = 512,
    ERROR_TEXT_MAX = 300,
    XATTRS_MAX = 64,
    XATTR_SIZE_MAX = 64 << 10, /* the kernel's */
};

/* Times beyond what any file system keeps, and which the kernel would not take. */
static const int64_t seconds_most = INT64_C(1) << 40;

struct tar {
    struct archive *archive;
    struct archive_entry *entry; /* the archive's */
    struct stream *stream;
    struct err error; /* of the stream, for libarchive passes none on */
    bool failed;
    bool ended;   /* the stream; what libarchive still misses then is not there */
    bool inflate; /* libarchive may have filters of its own in between */
    const char *dropped;
    const void *block; /* what libarchive was given last */
    size_t block_len;
    uint64_t block_end; /* its end's place in the stream */
    uint64_t padding;   /* of it, not in the stream */
    uint64_t data_end;
    struct xattr xattrs[XATTRS_MAX];
};

/* Some writers (umoci insert 0.4) end behind the last byte of data. Readers of the field take what
 * is missing to the full record for zeros; libarchive would not. */
static la_ssize_t tar_pad(struct tar *tar, const void **ret_at)
{
    static const char zeros[RECORD_SIZE];
    size_t over = tar->inflate ? 0 : (size_t)(tar->block_end % RECORD_SIZE);
    if (over == 0)
        return 0;
    tar->padding = RECORD_SIZE - over;
    *ret_at = zeros;
    return (la_ssize_t)tar->padding;
}

static la_ssize_t tar_more(struct archive *archive, void *context, const void **ret_at)
{
    struct tar *tar = context;
    ssize_t len = stream_read(tar->stream, ret_at, &tar->error);
    if (len < 0) {
        tar->failed = true;
        archive_set_error(archive, EIO, "stream");
        return -1;
    }
    if (len == 0 && !tar->ended)
        len = tar_pad(tar, ret_at);
    tar->ended = tar->ended || len == 0 || tar->padding > 0;
    tar->block = *ret_at;
    tar->block_len = (size_t)len;
    tar->block_end += (uint64_t)len;
    return len;
}

/* The stream's error, or libarchive's words. */
static int tar_failed(struct tar *tar, const char *what, struct err *err)
{
    if (tar->failed) {
        *err = tar->error;
        return -1;
    }
    if (tar->ended)
        return err_set(err, ERR_INVALID, "%s: it is truncated", what);
    /* Its words may have some of the archive's bytes in them. */
    const char *text = archive_error_string(tar->archive);
    auto_done(str) shown = { .max_bytes = ERROR_TEXT_MAX };
    text_escape(&shown, text ? text : "", text ? strlen(text) : 0);
    return err_set(err, ERR_INVALID, "%s: %s", what, shown.len > 0 ? shown.at : "no tar archive");
}

void tar_prepare(void)
{
    /* Not all C libraries spell it alike; without either, names in other than ASCII characters are
     * refused. */
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        (void)setlocale(LC_CTYPE, "C.utf8");
}

int tar_open(struct stream *stream, enum tar_flags flags, struct tar **ret_tar, struct err *err)
{
    auto_drop(tar) *tar = xnew(struct tar);
    tar->stream = stream;
    tar->inflate = flags & TAR_INFLATE;
    tar->archive = archive_read_new();
    if (!tar->archive)
        return err_set(err, ERR_SYSTEM, "out of memory");
    archive_read_support_format_tar(tar->archive);
    archive_read_support_format_empty(tar->archive);
    if (tar->inflate) {
        archive_read_support_filter_bzip2(tar->archive);
        archive_read_support_filter_xz(tar->archive);
    }
    if (archive_read_open2(tar->archive, tar, NULL, tar_more, NULL, NULL) != ARCHIVE_OK)
        return tar_failed(tar, "no tar archive", err);
    *ret_tar = take_ptr(tar);
    return 0;
}

static int64_t clamp(int64_t value, int64_t lowest, int64_t highest)
{
    return value < lowest ? lowest : value > highest ? highest : value;
}

/* (uid_t)-1 means "leave it" to the kernel, and so cannot be an owner. */
static int read_owner(int64_t id, const char *what, uint32_t *ret_id, struct err *err)
{
    if (id < 0 || id >= UINT32_MAX)
        return err_set(err, ERR_INVALID, "its %s is out of range", what);
    *ret_id = (uint32_t)id;
    return 0;
}

static int read_type(struct archive_entry *entry, enum member_type *ret_type, struct err *err)
{
    static const struct {
        mode_t format;
        enum member_type type;
    } types[] = {
        { S_IFREG, MEMBER_FILE },      { S_IFDIR, MEMBER_DIRECTORY }, { S_IFLNK, MEMBER_SYMLINK },
        { S_IFCHR, MEMBER_CHARACTER }, { S_IFBLK, MEMBER_BLOCK },     { S_IFIFO, MEMBER_FIFO },
        { S_IFSOCK, MEMBER_SOCKET },
    };
    if (archive_entry_hardlink(entry)) {
        *ret_type = MEMBER_HARDLINK;
        return 0;
    }
    for (size_t i = 0; i < array_size(types); i++) {
        if (types[i].format != archive_entry_filetype(entry))
            continue;
        *ret_type = types[i].type;
        return 0;
    }
    return err_set(err, ERR_INVALID, "it is of an unknown type");
}

static int read_target(struct archive_entry *entry, struct member *member, struct err *err)
{
    if (member->type == MEMBER_HARDLINK)
        member->target = archive_entry_hardlink(entry);
    if (member->type == MEMBER_SYMLINK)
        member->target = archive_entry_symlink(entry);
    bool link = member->type == MEMBER_HARDLINK || member->type == MEMBER_SYMLINK;
    if (!link)
        return 0;
    if (!member->target || !*member->target)
        return err_set(err, ERR_INVALID, "a link to nothing");
    if (strlen(member->target) > MEMBER_TARGET_MAX)
        return err_set(err, ERR_INVALID, "its link is longer than %d bytes", MEMBER_TARGET_MAX);
    return 0;
}

static int read_xattrs(struct tar *tar, struct member *member, struct err *err)
{
    const char *name;
    const void *value;
    size_t len;

    tar->dropped = NULL;
    member->xattrs = tar->xattrs;
    archive_entry_xattr_reset(tar->entry);
    while (archive_entry_xattr_next(tar->entry, &name, &value, &len) == ARCHIVE_OK) {
        if (!name)
            return err_set(err, ERR_INVALID, "an extended attribute of it has no name");
        enum xattr_fate fate = xattr_fate(name);
        if (fate == XATTR_REFUSE)
            return err_set(err, ERR_INVALID, "it brings the attribute %s, which is overlayfs's own",
                           name);
        if (fate == XATTR_DROP)
            tar->dropped = name;
        if (fate == XATTR_DROP)
            continue;
        if (member->n_xattrs == XATTRS_MAX || len > XATTR_SIZE_MAX)
            return err_set(err, ERR_INVALID, "its extended attributes are too many or too large");
        tar->xattrs[member->n_xattrs++] = (struct xattr){ name, value, len };
    }
    return 0;
}

static int read_member(struct tar *tar, struct member *member, struct err *err)
{
    struct archive_entry *entry = tar->entry;
    int64_t size = archive_entry_size(entry);

    if (read_type(entry, &member->type, err) < 0 || read_target(entry, member, err) < 0 ||
        read_owner(archive_entry_uid(entry), "owner", &member->uid, err) < 0 ||
        read_owner(archive_entry_gid(entry), "group", &member->gid, err) < 0)
        return -1;
    if (size < 0)
        return err_set(err, ERR_INVALID, "its size is negative");
    member->mode = archive_entry_perm(entry) & 07777;
    member->mtime.tv_sec = clamp(archive_entry_mtime(entry), -seconds_most, seconds_most);
    member->mtime.tv_nsec = clamp(archive_entry_mtime_nsec(entry), 0, 999999999);
    member->device =
        makedev((unsigned)archive_entry_rdevmajor(entry), (unsigned)archive_entry_rdevminor(entry));
    member->size = member->type == MEMBER_FILE ? (uint64_t)size : 0;
    return read_xattrs(tar, member, err);
}

int tar_next(struct tar *tar, struct member *ret_member, struct err *err)
{
    /* ARCHIVE_RETRY would go on behind a damaged header as if nothing had been there. */
    int result = archive_read_next_header(tar->archive, &tar->entry);
    if (result == ARCHIVE_EOF)
        return 0;

    *ret_member = (struct member){};
    tar->data_end = 0;
    /* A warning means that something about the member could not be read as it was meant. */
    if (result == ARCHIVE_OK || result == ARCHIVE_WARN)
        ret_member->path = archive_entry_pathname(tar->entry);
    if (result != ARCHIVE_OK)
        return tar_failed(tar, "the archive is damaged", err);
    if (!ret_member->path || !*ret_member->path)
        return err_set(err, ERR_INVALID, "a member has no name");
    return read_member(tar, ret_member, err) < 0 ? -1 : 1;
}

int tar_data(struct tar *tar, const void **ret_at, size_t *ret_len, uint64_t *ret_offset,
             struct err *err)
{
    int64_t offset = 0;
    int result = archive_read_data_block(tar->archive, ret_at, ret_len, &offset);
    if (result == ARCHIVE_EOF)
        return 0;
    if (result != ARCHIVE_OK)
        return tar_failed(tar, "its data is damaged", err);

    /* Sparse maps are the archive's word: rising, and inside the file. */
    uint64_t size = (uint64_t)archive_entry_size(tar->entry);
    if (offset < 0 || (uint64_t)offset < tar->data_end || (uint64_t)offset > size ||
        *ret_len > size - (uint64_t)offset)
        return err_set(err, ERR_INVALID, "its data lies outside of its size");
    /* What was padded is no data. libarchive counts a block as consumed when it gives the next. */
    uint64_t begin = (uint64_t)archive_filter_bytes(tar->archive, 0);
    if (tar->padding > 0 && begin + *ret_len > tar->block_end - tar->padding)
        return err_set(err, ERR_INVALID, "its data is damaged: it is truncated");
    tar->data_end = (uint64_t)offset + *ret_len;
    *ret_offset = (uint64_t)offset;
    return 1;
}

static bool all_zero(const char *at, size_t len)
{
    return len == 0 || (at[0] == 0 && memcmp(at, at + 1, len - 1) == 0);
}

static int garbage(struct err *err)
{
    return err_set(err, ERR_INVALID, "something follows the end of the archive");
}

int tar_finish(struct tar *tar, struct err *err)
{
    /* Of the last block libarchive has read a part; with a filter of its own in between nothing is
     * known. */
    uint64_t consumed = (uint64_t)archive_filter_bytes(tar->archive, 0);
    bool filtered = archive_filter_count(tar->archive) > 1;
    if (!filtered && consumed < tar->block_end && tar->block_end - consumed <= tar->block_len) {
        size_t left = (size_t)(tar->block_end - consumed);
        if (!all_zero((const char *)tar->block + tar->block_len - left, left))
            return garbage(err);
    }
    for (;;) {
        const void *at;
        ssize_t len = stream_read(tar->stream, &at, err);
        if (len <= 0)
            return (int)len;
        if (!filtered && !all_zero(at, (size_t)len))
            return garbage(err);
    }
}

const char *tar_dropped(const struct tar *tar)
{
    return tar->dropped;
}

void tar_free(struct tar *tar)
{
    if (!tar)
        return;
    if (tar->archive)
        (void)archive_read_free(tar->archive); /* a reader has nothing left to report */
    free(tar);
}
