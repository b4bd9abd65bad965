/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places in the container's root file system. Every path begins at its root and stays below it,
 * whatever links an image has on the way.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/start.h"

int target_open(struct start *start, const char *path)
{
    return file_openat2(start->root, path, O_PATH | O_CLOEXEC, 0,
                        RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

static int open_parent(struct start *start, char *path)
{
    char *slash = strrchr(path, '/');
    if (!slash)
        return target_open(start, ".");
    *slash = '\0';
    int directory = target_open(start, path);
    *slash = '/';
    return directory;
}

/* Makes the last component in its directory and opens it; -1 with ENOENT if that is not there. */
static int target_make_last(struct start *start, char *path, bool is_file)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    auto_close int directory = open_parent(start, path);
    if (directory < 0)
        return -1;
    auto_close int made =
        is_file ? openat(directory, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644) : -1;
    if (is_file ? made < 0 : mkdirat(directory, name, 0755) < 0)
        return -1;
    return openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

/* A path of our own, without slashes behind it. */
static int path_copy(char path[static PATH_MAX], const char *text)
{
    size_t len = strlen(text);
    if (len >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(path, text, len + 1);
    while (len && path[len - 1] == '/')
        path[--len] = '\0';
    return 0;
}

int target_make(struct start *start, const char *text, bool is_file)
{
    char path[PATH_MAX];
    if (path_copy(path, text) < 0)
        return -1;
    int target = target_make_last(start, path, is_file);
    if (target >= 0 || errno != ENOENT)
        return target;
    for (char *slash = path; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        auto_close int there = target_open(start, path);
        auto_close int made =
            there < 0 && errno == ENOENT ? target_make_last(start, path, false) : -1;
        if (there < 0 && made < 0)
            return -1;
    }
    return target_make_last(start, path, is_file);
}

/* Where the link at `path` leads, as a path of the same root. -1 with errno; EEXIST: it is none. */
static int link_read(struct start *start, char path[PATH_MAX])
{
    char link[PATH_MAX];
    char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) + 1 : 0;
    auto_close int directory = open_parent(start, path);
    ssize_t n = directory < 0 ? -1 : readlinkat(directory, path + len, link, sizeof(link) - 1);
    if (n < 0) {
        errno = errno == EINVAL ? EEXIST : errno;
        return -1;
    }
    link[n] = '\0';
    const char *to = link + strspn(link, "/");
    size_t more = strlen(to);
    if (to > link)
        len = 0;
    if (len + more >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(path + len, to, more + 1);
    return 0;
}

/* A link may lead to what is still to be made, as /etc/resolv.conf of a machine with
 * systemd-resolved does. */
int target_make_through(struct start *start, const char *text, bool is_file)
{
    enum { LINKS_MAX = 40 }; /* MAXSYMLINKS of the kernel */
    char path[PATH_MAX];
    if (path_copy(path, text) < 0)
        return -1;
    for (int links = 0; links < LINKS_MAX; links++) {
        int target = target_make(start, path, is_file);
        if (target >= 0 || errno != EEXIST || link_read(start, path) < 0)
            return target;
    }
    errno = ELOOP;
    return -1;
}

/* Links that lead to the root are refused: what is mounted on top of the root is out of reach of
 * every path but "/..", so that nothing would cover what has to be masked in it. */
static int target_follow(struct start *start, const char *path)
{
    auto_close int target = target_open(start, path);
    struct stat status, root;
    if (target < 0 || fstat(target, &status) < 0 || fstat(start->root, &root) < 0)
        return -1;
    if (status.st_dev == root.st_dev && status.st_ino == root.st_ino) {
        errno = ELOOP;
        return -1;
    }
    return take_fd(target);
}

int target_find(struct start *start, const char *path)
{
    int place = file_openat2(start->root, path, O_PATH | O_CLOEXEC, 0,
                             RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS);
    if (place >= 0 || errno != ELOOP)
        return place;
    start->linked = true;
    return target_follow(start, path);
}
