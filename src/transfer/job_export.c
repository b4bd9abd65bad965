/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers as a container sees them into a tar archive. The container may be at work in the topmost
 * one: a file is as long as it was when it was opened, and one that becomes something else
 * meanwhile is left out.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/field.h"
#include "base/file.h"
#include "kernel/handover.h"
#include "transfer/job.h"
#include "transfer/merge.h"
#include "transfer/tar_write.h"

enum {
    BUFFER_BYTES = 256 << 10,
    ZEROS_BYTES = 1 << 30,
    LINK_MAX_BYTES = 4096,
    XATTRS_MAX = 64,
    XATTR_BYTES_MAX = 64 << 10,  /* the kernel's, of a list and of a value */
    HOLES_BYTES_LEAST = 1 << 20, /* for less a file is written out, which every tar program reads */
    PROGRESS_BYTES = 8 << 20,
};

struct export_extents {
    ARRAY_OF(tar_extent) list;
};

struct exporting {
    struct job *job;
    struct tar_write *tar;
    char *buffer;
    const char *zeros; /* ZEROS_BYTES, which take no memory */
    char *names;       /* of attributes */
    struct xattr xattrs[XATTRS_MAX];
    uint64_t told;
};

static void exporting_done(struct exporting *export)
{
    tar_write_free(export->tar);
    free(export->buffer);
    if (export->zeros)
        (void)munmap((void *)(uintptr_t) export->zeros, ZEROS_BYTES);
    free(export->names);
}

static void export_extents_done(struct export_extents *extents)
{
    free(extents->list.at);
}

/* ---- attributes ---- */

static void xattrs_done(struct tar_item *item)
{
    for (size_t i = 0; i < item->n_xattrs; i++)
        free((void *)(uintptr_t)item->xattrs[i].value);
    item->n_xattrs = 0;
}

/* Reads one. Returns 1; 0: it is gone, or nobody's business here. */
static int xattr_read(const struct exporting *export, int fd, const char *name, struct xattr *xattr,
                      struct err *err)
{
    if (xattr_fate(name) != XATTR_KEEP)
        return 0;
    ssize_t len = fgetxattr(fd, name, export->buffer, XATTR_BYTES_MAX);
    if (len < 0 && errno == ENODATA)
        return 0;
    if (len < 0)
        return err_sys(err, "read its attribute %s", name);
    char *value = xmalloc((size_t)len + 1);
    memcpy(value, export->buffer, (size_t)len);
    *xattr = (struct xattr){ name, value, (size_t)len };
    return 1;
}

static int xattrs_read(struct exporting *export, int fd, struct tar_item *item, struct err *err)
{
    item->xattrs = export->xattrs;
    ssize_t len = flistxattr(fd, export->names, XATTR_BYTES_MAX);
    if (len < 0 && errno != ENOTSUP)
        return err_sys(err, "list its attributes");
    for (ssize_t at = 0; at < len; at += (ssize_t)strlen(export->names + at) + 1) {
        struct xattr xattr = {};
        int n = xattr_read(export, fd, export->names + at, &xattr, err);
        if (n < 0)
            return -1;
        if (n == 0)
            continue;
        if (item->n_xattrs == XATTRS_MAX) {
            free((void *)(uintptr_t)xattr.value);
            return err_set(err, ERR_UNSUPPORTED, "it has more than %d attributes", XATTRS_MAX);
        }
        export->xattrs[item->n_xattrs++] = xattr;
    }
    return 0;
}

/* ---- files ---- */

/* The next run of data at or behind `at`. Returns 1; 0: there is none. */
static int extent_next(int fd, off_t at, off_t size, struct tar_extent *extent, struct err *err)
{
    off_t data = lseek(fd, at, SEEK_DATA);
    if (data < 0 && errno != ENXIO)
        return err_sys(err, "look for its holes");
    if (data < 0 || data >= size)
        return 0;
    off_t end = lseek(fd, data, SEEK_HOLE);
    if (end < 0 && errno == ENXIO)
        return 0; /* it has become shorter */
    if (end < 0)
        return err_sys(err, "look for its holes");
    end = end < size ? end : size;
    *extent = (struct tar_extent){ (uint64_t)data, (uint64_t)(end - data) };
    return 1;
}

/* Where it has data, if there is enough else to say so. A number of blocks would not tell: EROFS
 * counts holes, too. */
static int extents_read(int fd, off_t size, struct export_extents *extents, struct err *err)
{
    struct tar_extent extent = {};
    uint64_t bytes = 0;
    int more = 1;
    if (size < HOLES_BYTES_LEAST || lseek(fd, 0, SEEK_HOLE) >= size)
        return 0;
    while ((more = extent_next(fd, (off_t)(extent.offset + extent.len), size, &extent, err)) > 0) {
        struct tar_extent *to = array_add(&extents->list);
        *to = extent;
        bytes += extent.len;
    }
    if (more < 0)
        return -1;
    if ((uint64_t)size - bytes < HOLES_BYTES_LEAST) {
        extents->list.len = 0;
    } else if (extents->list.len == 0) { /* an empty extent at the end says so */
        struct tar_extent *to = array_add(&extents->list);
        *to = (struct tar_extent){ (uint64_t)size, 0 };
    }
    return 0;
}

static int progress_tell(struct exporting *export, struct err *err)
{
    uint64_t position = tar_write_position(export->tar);
    if (position - export->told < PROGRESS_BYTES)
        return 0;
    export->told = position;
    return channel_progress(&export->job->channel, position, err);
}

/* What is in holes is handed to libarchive like all else, and it passes over it: the fewer calls,
 * the sooner. */
static int zeros_put(struct exporting *export, uint64_t len, struct err *err)
{
    while (len > 0) {
        size_t n = len < ZEROS_BYTES ? (size_t)len : ZEROS_BYTES;
        if (tar_write_data(export->tar, export->zeros, n, err) < 0)
            return -1;
        len -= n;
    }
    return 0;
}

/* So many bytes from there; what the file no longer has is zeros. */
static int data_put(struct exporting *export, int fd, const struct tar_extent *extent,
                    struct err *err)
{
    uint64_t at = extent->offset, end = extent->offset + extent->len;
    while (at < end) {
        size_t wanted = end - at < BUFFER_BYTES ? (size_t)(end - at) : BUFFER_BYTES;
        ssize_t n = pread(fd, export->buffer, wanted, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, "read it");
        if (n == 0)
            return zeros_put(export, end - at, err);
        if (tar_write_data(export->tar, export->buffer, (size_t)n, err) < 0 ||
            progress_tell(export, err) < 0)
            return -1;
        at += (uint64_t)n;
    }
    return 0;
}

static int content_put(struct exporting *export, int fd, const struct tar_item *item,
                       struct err *err)
{
    uint64_t size = (uint64_t)item->st.st_size, at = 0;
    const struct tar_extent all = { 0, size };
    if (item->n_extents == 0)
        return data_put(export, fd, &all, err);
    for (size_t i = 0; i < item->n_extents; i++) {
        if (zeros_put(export, item->extents[i].offset - at, err) < 0 ||
            data_put(export, fd, &item->extents[i], err) < 0)
            return -1;
        at = item->extents[i].offset + item->extents[i].len;
    }
    return zeros_put(export, size - at, err);
}

static int file_put(struct exporting *export, int fd, struct tar_item *item, struct err *err)
{
    auto_done(export_extents) extents = {};
    if (extents_read(fd, item->st.st_size, &extents, err) < 0)
        return -1;
    item->extents = extents.list.at;
    item->n_extents = extents.list.len;
    int follows = xattrs_read(export, fd, item, err);
    if (follows == 0)
        follows = tar_write_item(export->tar, item, err);
    xattrs_done(item);
    return follows > 0 ? content_put(export, fd, item, err) : follows;
}

static int file_visit(struct exporting *export, const struct merge_entry *entry, struct err *err)
{
    struct tar_item item = { .path = entry->path };
    auto_close int fd =
        openat(entry->directory, entry->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO))
        return 0; /* gone, or something else by now */
    if (fd < 0 || fstat(fd, &item.st) < 0)
        return err_sys(err, "open it");
    if (!S_ISREG(item.st.st_mode))
        return 0;
    export->job->bytes += (uint64_t)item.st.st_size;
    return file_put(export, fd, &item, err);
}

/* ---- others ---- */

static int directory_visit(struct exporting *export, const struct merge_entry *entry,
                           struct err *err)
{
    struct tar_item item = { .path = entry->path, .st = entry->st };
    if (!*entry->path)
        return 0; /* the top is whoever unpacks it's own */
    int result = entry->directory < 0 ? 0 : xattrs_read(export, entry->directory, &item, err);
    if (result == 0)
        result = tar_write_item(export->tar, &item, err);
    xattrs_done(&item);
    return result;
}

static int link_visit(struct exporting *export, const struct merge_entry *entry, struct err *err)
{
    char target[LINK_MAX_BYTES + 1];
    ssize_t len = readlinkat(entry->directory, entry->name, target, LINK_MAX_BYTES);
    if (len < 0 && (errno == ENOENT || errno == EINVAL))
        return 0; /* gone, or something else by now */
    if (len < 0)
        return err_sys(err, "read the link");
    target[len] = '\0';
    const struct tar_item item = { .path = entry->path, .target = target, .st = entry->st };
    return tar_write_item(export->tar, &item, err);
}

static int entry_put(struct exporting *export, const struct merge_entry *entry, struct err *err)
{
    const struct tar_item item = { .path = entry->path, .st = entry->st };
    switch (entry->st.st_mode & S_IFMT) {
    case S_IFDIR:
        return directory_visit(export, entry, err);
    case S_IFREG:
        return file_visit(export, entry, err);
    case S_IFLNK:
        return link_visit(export, entry, err);
    case S_IFSOCK:
        return 0; /* tar archives have none */
    default:
        return tar_write_item(export->tar, &item, err);
    }
}

static int visit(void *context, const struct merge_entry *entry, struct err *err)
{
    struct exporting *export = context;
    export->job->entries++;
    if (entry_put(export, entry, err) >= 0)
        return 0;
    return tar_write_failed(export->tar) ? -1 : err_wrap(err, "/%s", entry->path);
}

/* ---- the verb ---- */

/* As many as the request said, in messages behind it: before the process is confined. */
int job_export_prepare(struct job *job, struct err *err)
{
    size_t wanted = job->request.n_layers;
    if (wanted == 0 || wanted > TRANSFER_LAYERS_MAX)
        return err_set(err, ERR_INVALID, "a request that is none");
    job->layers = xcalloc(wanted, sizeof(*job->layers));
    while (job->n_layers < wanted) {
        char byte;
        size_t n = 0, room = wanted - job->n_layers;
        ssize_t len = handover_receive(job->channel.fd, &byte, sizeof(byte),
                                       job->layers + job->n_layers, room, &n);
        if (len <= 0 || n == 0)
            return err_set(err, ERR_INVALID, "the layers do not come");
        job->n_layers += n;
    }
    return 0;
}

static int zeros_make(struct exporting *export, struct err *err)
{
    void *at = mmap(NULL, ZEROS_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return err_sys(err, "make room for zeros");
    export->zeros = at;
    return 0;
}

int job_export(struct job *job, struct err *err)
{
    auto_done(exporting) export = {
        .job = job,
        .buffer = xmalloc(BUFFER_BYTES),
        .names = xmalloc(XATTR_BYTES_MAX),
    };
    if (zeros_make(&export, err) < 0 || tar_write_open(job->fds[1], &export.tar, err) < 0 ||
        merge_walk(job->layers, job->n_layers, visit, &export, err) < 0)
        return -1;
    return tar_write_end(export.tar, err);
}
