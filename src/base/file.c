/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    LOAD_FIRST = 16 << 10,
    OPEN_ATTEMPTS = 64,
    SAVE_ATTEMPTS = 16,
    /* What is kept of a name in that of its temporary file, so that this is below NAME_MAX too. */
    TEMP_NAME_MAX = 200,
    TEMP_SIZE = 256,
    DIRENT_BUFFER_SIZE = 32 << 10,
};

int file_openat2(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
    bool creates = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
    struct open_how how = {
        .flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
        .mode = creates ? mode : 0, /* any other mode is EINVAL */
        .resolve = resolve,
    };

    /* EAGAIN: something was renamed while ".." was looked up, so that it could not be told whether
     * the path leads out. With RESOLVE_CACHED it is the answer. */
    int attempts = resolve & RESOLVE_CACHED ? 1 : OPEN_ATTEMPTS;
    int fd = -1;
    do
        fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
    while (fd < 0 && errno == EAGAIN && --attempts > 0);
    return fd;
}

/* Only AT_FDCWD is no root that the path has to stay below. */
static int open_below(int dirfd, const char *path, int flags, mode_t mode)
{
    return file_openat2(dirfd, path, flags, mode, dirfd == AT_FDCWD ? 0 : RESOLVE_BENEATH);
}

static int open_failed(const char *path, struct err *err)
{
    if (errno == EXDEV)
        return err_set(err, ERR_DENIED, "open %s: the path leads out of its directory", path);
    return err_sys(err, "open %s", path);
}

enum load_end {
    END_EMPTY, /* a read of 0 bytes: procfs, pipes and terminals give less than was asked for long
                  before */
    END_SHORT, /* a read of less than was asked for */
};

static int load_fd(int fd, enum load_end end, size_t max_bytes, char **ret_data, size_t *ret_len,
                   struct err *err)
{
    auto_free char *data = NULL;
    size_t len = 0, room = 0;
    size_t most =
        max_bytes < SIZE_MAX - 1 ? max_bytes + 1 : max_bytes; /* one more shows an excess */

    for (bool more = true; more;) {
        if (len == room) {
            room = room == 0 ? LOAD_FIRST : room * 4;
            room = room < most ? room : most;
            data = xrealloc(data, room + 1, 1);
        }
        ssize_t n = read(fd, data + len, room - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, "read");
        more = n > 0 && (end == END_EMPTY || len + (size_t)n == room);
        len += (size_t)n;
        if (len > max_bytes)
            return err_set(err, ERR_INVALID, "larger than the limit of %zu bytes", max_bytes);
    }

    data[len] = '\0';
    *ret_data = xrealloc(take_ptr(data), len + 1, 1);
    *ret_len = len;
    return 0;
}

int file_load_fd(int fd, size_t max_bytes, char **ret_data, size_t *ret_len, struct err *err)
{
    return load_fd(fd, END_EMPTY, max_bytes, ret_data, ret_len, err);
}

int file_load_own_fd(int fd, size_t max_bytes, char **ret_data, size_t *ret_len, struct err *err)
{
    return load_fd(fd, END_SHORT, max_bytes, ret_data, ret_len, err);
}

static int load(int dirfd, const char *path, enum load_end end, size_t max_bytes, char **ret_data,
                size_t *ret_len, struct err *err)
{
    auto_close int fd = open_below(dirfd, path, O_RDONLY | O_NOCTTY, 0);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        return open_failed(path, err);
    if (load_fd(fd, end, max_bytes, ret_data, ret_len, err) < 0)
        return err_wrap(err, "%s", path);
    return 1;
}

int file_load(int dirfd, const char *path, size_t max_bytes, char **ret_data, size_t *ret_len,
              struct err *err)
{
    return load(dirfd, path, END_EMPTY, max_bytes, ret_data, ret_len, err);
}

int file_load_own(int dirfd, const char *path, size_t max_bytes, char **ret_data, size_t *ret_len,
                  struct err *err)
{
    return load(dirfd, path, END_SHORT, max_bytes, ret_data, ret_len, err);
}

/* A path as its directory and the name in it. `own` is what dirfd was opened for it, or -1. */
struct place {
    int dirfd;
    int own;
    const char *name;
};

static void place_done(struct place *place)
{
    fd_close(&place->own);
}

/* Finds the directory a path's last name is in, without following the path out of dirfd. It is
 * opened if there is need: for a name further down, or to sync it. */
static int place_init(struct place *place, int dirfd, const char *path, bool sync, struct err *err)
{
    const char *slash = strrchr(path, '/');
    *place = (struct place){ .dirfd = dirfd, .own = -1, .name = slash ? slash + 1 : path };
    if (place->name[0] == '\0' || text_same(place->name, ".") || text_same(place->name, ".."))
        return err_set(err, ERR_INVALID, "\"%s\" does not end in a name", path);
    if (!slash && !sync)
        return 0;

    /* The slash is kept: it makes "/" of "/name". */
    auto_free char *dir = slash ? xstrndup(path, (size_t)(slash + 1 - path)) : xstrdup(".");
    int access = sync ? O_RDONLY : O_PATH;
    place->own = open_below(dirfd, dir, access | O_DIRECTORY, 0);
    if (place->own < 0)
        return open_failed(dir, err);
    place->dirfd = place->own;
    return 0;
}

/* Makes a file that was not there, with a name by which it is known for a left-over: .NAME.RANDOM
 */
static int temp_open(const struct place *place, mode_t mode, char temp[static TEMP_SIZE])
{
    for (int i = 0; i < SAVE_ATTEMPTS; i++) {
        uint64_t random = 0;
        if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
            return -1;
        (void)snprintf(temp, TEMP_SIZE, ".%.*s.%016" PRIx64, TEMP_NAME_MAX, place->name, random);
        int fd =
            openat(place->dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

static int temp_fill(int *fd, const void *data, size_t len, enum file_save_flags flags)
{
    if (fd_write_all(*fd, data, len) < 0)
        return -1;
    if ((flags & FILE_SYNC) && fsync(*fd) < 0)
        return -1;
    /* Network file systems say here that the disk is full. */
    return close(take_fd(*fd));
}

static int temp_rename(const struct place *place, const char *temp, enum file_save_flags flags)
{
    if (!(flags & FILE_EXCLUSIVE))
        return renameat(place->dirfd, temp, place->dirfd, place->name);
    int dirfd = place->dirfd;
    if (syscall(SYS_renameat2, dirfd, temp, dirfd, place->name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    /* A file system without RENAME_NOREPLACE (NFS, some in user space): a link does not replace
     * either. */
    if (linkat(place->dirfd, temp, place->dirfd, place->name, 0) < 0)
        return -1;
    (void)unlinkat(place->dirfd, temp, 0); /* the name is there: a left-over does no harm */
    return 0;
}

int file_save(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
              enum file_save_flags flags, struct err *err)
{
    auto_done(place) place = { .own = -1 };
    if (place_init(&place, dirfd, path, flags & FILE_SYNC, err) < 0)
        return err_wrap(err, "save %s", path);

    char temp[TEMP_SIZE];
    auto_close int fd = temp_open(&place, mode, temp);
    if (fd < 0)
        return err_sys(err, "save %s", path);

    if (temp_fill(&fd, data, len, flags) < 0 || temp_rename(&place, temp, flags) < 0) {
        (void)err_sys(err, "save %s", path);
        (void)unlinkat(place.dirfd, temp, 0); /* what failed is reported already */
        return -1;
    }
    if ((flags & FILE_SYNC) && fsync(place.dirfd) < 0)
        return err_sys(err, "save %s: sync its directory", path);
    return 0;
}

int file_poke(int dirfd, const char *path, const char *text)
{
    auto_close int fd = open_below(dirfd, path, O_WRONLY | O_NOCTTY, 0);
    if (fd < 0)
        return -1;

    /* One write: each is a command of its own to procfs and cgroupfs. */
    size_t len = strlen(text);
    ssize_t n = -1;
    do
        n = write(fd, text, len);
    while (n < 0 && errno == EINTR);
    int errnum = n < 0 ? errno : EIO;
    fd_close(&fd);
    if (n == (ssize_t)len)
        return 0;
    errno = errnum;
    return -1;
}

int descriptors_close_others(unsigned from, const int *kept, size_t n)
{
    for (;;) {
        /* The lowest that is kept, and not below what has been dealt with. */
        unsigned next = ~0U;
        for (size_t i = 0; i < n; i++)
            if (kept[i] >= 0 && (unsigned)kept[i] >= from && (unsigned)kept[i] < next)
                next = (unsigned)kept[i];
        if (next > from && syscall(SYS_close_range, from, next == ~0U ? next : next - 1, 0) < 0)
            return -1;
        if (next == ~0U)
            return 0;
        from = next + 1;
    }
}

int fd_write_all(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0) {
            errno = EIO;
            return -1;
        }
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

/* The length of the path without its last name: "a/b" gives "a", "a" gives "", "/a" gives "/". */
static size_t parent_len(const char *path, size_t len)
{
    while (len > 0 && path[len - 1] != '/')
        len--;
    while (len > 1 && path[len - 1] == '/')
        len--;
    return len;
}

/* Opens the first len bytes of path; nothing is the directory itself. */
static int prefix_open(int dirfd, char *path, size_t len, int flags)
{
    char behind = path[len];
    path[len] = '\0';
    int fd = open_below(dirfd, len > 0 ? path : ".", flags | O_DIRECTORY, 0);
    path[len] = behind;
    return fd;
}

/* Makes the next name behind path[0..*len) in the directory `parent`, and moves *len behind it.
 * Gives -1 with errno. */
static int next_make(int parent, char *path, size_t *len, mode_t mode)
{
    size_t start = *len + strspn(path + *len, "/");
    size_t end = start + strcspn(path + start, "/");
    char behind = path[end];
    path[end] = '\0';
    int made = mkdirat(parent, path + start, mode);
    path[end] = behind;
    *len = end;
    return made < 0 && errno != EEXIST ? -1 : 0;
}

int dir_open_made(int dirfd, const char *path, mode_t mode, int *ret_fd, struct err *err)
{
    auto_free char *copy = xstrdup(path);
    size_t full = strlen(copy);
    if (full == 0)
        return err_set(err, ERR_INVALID, "make directory \"\": the path is empty");
    while (full > 1 && copy[full - 1] == '/')
        copy[--full] = '\0';

    /* Up to the first directory that is there, mostly the path itself or its parent. */
    size_t len = full;
    auto_close int fd = prefix_open(dirfd, copy, len, O_RDONLY);
    while (fd < 0 && errno == ENOENT && parent_len(copy, len) < len) {
        len = parent_len(copy, len);
        fd = prefix_open(dirfd, copy, len, O_PATH);
    }

    /* And down again. Each is opened from dirfd: a link in the path may lead through "..". */
    while (fd >= 0 && len < full) {
        if (next_make(fd, copy, &len, mode) < 0)
            return err_sys(err, "make directory %.*s", (int)len, copy);
        fd_close(&fd);
        fd = prefix_open(dirfd, copy, len, len < full ? O_PATH : O_RDONLY);
    }
    if (fd < 0)
        return open_failed(path, err);
    *ret_fd = take_fd(fd);
    return 0;
}

int dir_make_all(int dirfd, const char *path, mode_t mode, struct err *err)
{
    auto_close int fd = -1;
    return dir_open_made(dirfd, path, mode, &fd, err);
}

int dir_list(int dirfd, const char *path, struct strings *ret_names, struct err *err)
{
    auto_close int fd = open_below(dirfd, path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        return open_failed(path, err);

    auto_free char *buffer = xmalloc(DIRENT_BUFFER_SIZE);
    auto_done(strings) names = {};
    ssize_t n = 0;
    while ((n = getdents64(fd, (void *)buffer, DIRENT_BUFFER_SIZE)) > 0) {
        for (ssize_t at = 0; at < n;) {
            const struct dirent64 *entry = (const struct dirent64 *)(buffer + at);
            if (!text_same(entry->d_name, ".") && !text_same(entry->d_name, ".."))
                strings_add(&names, entry->d_name);
            at += entry->d_reclen;
        }
    }
    if (n < 0)
        return err_sys(err, "read directory %s", path);

    *ret_names = names;
    names = (struct strings){};
    return 1;
}
