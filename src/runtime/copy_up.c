/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a directory of the image holds, copied into the tmpfs that covers it (mount option
 * "tmpcopyup"). All by descriptors and names without a slash, no link is followed; runs between
 * clone and exec. Sockets and device nodes stay behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "runtime/start.h"

enum {
    COPY_DEPTH_MAX = 64,
    COPY_CHUNK = 1 << 30,
};

/* What getdents64(2) writes. */
struct directory_entry {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    unsigned char type;
    char name[];
};

static int directory_copy(int from, int to, unsigned depth);

static int file_copy(int from, int to, const char *name, mode_t mode)
{
    auto_close int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    auto_close int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    ssize_t n;
    if (in < 0 || out < 0)
        return -1;
    do
        n = sendfile(out, in, NULL, COPY_CHUNK);
    while (n > 0);
    return n < 0 ? -1 : 0;
}

static int link_copy(int from, int to, const char *name)
{
    char target[PATH_MAX];
    ssize_t len = readlinkat(from, name, target, sizeof(target) - 1);
    if (len < 0)
        return -1;
    target[len] = '\0';
    return symlinkat(target, to, name);
}

static int below_copy(int from, int to, const char *name, unsigned depth)
{
    if (mkdirat(to, name, 0700) < 0)
        return -1;
    auto_close int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    auto_close int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return in < 0 || out < 0 ? -1 : directory_copy(in, out, depth + 1);
}

/* Owner first: changing it takes set-user-ID bits away. Times last. */
static int entry_finish(int to, const char *name, const struct stat *status)
{
    const struct timespec times[] = { status->st_atim, status->st_mtim };
    if (fchownat(to, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    if (!S_ISLNK(status->st_mode) && fchmodat(to, name, status->st_mode & 07777, 0) < 0)
        return -1;
    return utimensat(to, name, times, AT_SYMLINK_NOFOLLOW);
}

static int entry_copy(int from, int to, const char *name, unsigned depth)
{
    struct stat status;
    int result;
    if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    switch (status.st_mode & S_IFMT) {
    case S_IFDIR:
        result = below_copy(from, to, name, depth);
        break;
    case S_IFREG:
        result = file_copy(from, to, name, 0600);
        break;
    case S_IFLNK:
        result = link_copy(from, to, name);
        break;
    case S_IFIFO:
        result = mknodat(to, name, S_IFIFO | 0600, 0);
        break;
    default:
        return 0;
    }
    return result < 0 ? -1 : entry_finish(to, name, &status);
}

static int directory_copy(int from, int to, unsigned depth)
{
    union {
        uint64_t aligned;
        char room[4096];
    } buffer;
    long len;
    if (depth > COPY_DEPTH_MAX) {
        errno = ELOOP;
        return -1;
    }
    while ((len = syscall(SYS_getdents64, from, buffer.room, sizeof(buffer.room))) > 0) {
        for (long at = 0; at < len;) {
            const struct directory_entry *entry =
                (const struct directory_entry *)(buffer.room + at);
            at += entry->length;
            if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
                continue;
            if (entry_copy(from, to, entry->name, depth) < 0)
                return -1;
        }
    }
    return len < 0 ? -1 : 0;
}

int copy_up(int from, int to)
{
    auto_close int in = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_close int out = openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return in < 0 || out < 0 ? -1 : directory_copy(in, out, 0);
}
