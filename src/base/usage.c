/* SPDX-License-Identifier: Apache-2.0 */
/* Directories wait in a list by their paths, so that one is open at a time however deep they lie. */
#include "base/usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

enum { BLOCK = 512, ROOM_FIRST = 64 };

struct usage_inode {
    uint64_t device;
    uint64_t number; /* 0: free */
};

void usage_done(struct usage *usage)
{
    free(usage->seen);
    *usage = (struct usage){};
}

/* ---- files that were counted ---- */

/* Where it is, or would be: room is a power of two, and never full. */
static struct usage_inode *seen_place(struct usage_inode *seen, size_t room, uint64_t device,
                                      uint64_t number)
{
    size_t at = (size_t)((number ^ device << 32) * 0x9e3779b97f4a7c15 >> 20) & (room - 1);
    while (seen[at].number && (seen[at].number != number || seen[at].device != device))
        at = (at + 1) & (room - 1);
    return &seen[at];
}

static void seen_grow(struct usage *usage)
{
    size_t room = usage->room > 0 ? usage->room * 2 : ROOM_FIRST;
    struct usage_inode *seen = xcalloc(room, sizeof(*seen));
    for (size_t i = 0; i < usage->room; i++) {
        const struct usage_inode *old = &usage->seen[i];
        if (old->number)
            *seen_place(seen, room, old->device, old->number) = *old;
    }
    free(usage->seen);
    usage->seen = seen;
    usage->room = room;
}

/* Whether it is counted for the first time. */
static bool seen_add(struct usage *usage, const struct stat *st)
{
    if (usage->n_seen * 2 >= usage->room)
        seen_grow(usage);
    struct usage_inode *at = seen_place(usage->seen, usage->room, st->st_dev, st->st_ino);
    if (at->number)
        return false;
    *at = (struct usage_inode){ .device = st->st_dev, .number = st->st_ino };
    usage->n_seen++;
    return true;
}

static void count(struct usage *usage, const struct stat *st)
{
    if (!S_ISDIR(st->st_mode) && st->st_nlink > 1 && !seen_add(usage, st))
        return;
    usage->bytes += (uint64_t)st->st_blocks * BLOCK;
    usage->files++;
}

/* ---- directories ---- */

/* Counts what is in a directory, and puts the directories among it on the list. */
static int directory_count(struct usage *usage, int dirfd, const char *path,
                           struct strings *waiting, struct err *err)
{
    int fd = file_openat2(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0,
                          RESOLVE_NO_SYMLINKS);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory && fd >= 0)
        close(fd);
    if (!directory && (errno == EACCES || errno == ENAMETOOLONG))
        usage->unreadable++;
    if (!directory)
        return errno == ENOENT || errno == EACCES || errno == ENAMETOOLONG
                   ? 0
                   : err_sys(err, "open %s", path);
    const struct dirent *entry;
    while ((entry = readdir(directory))) {
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue; /* gone meanwhile */
        count(usage, &st);
        if (S_ISDIR(st.st_mode))
            strings_addf(waiting, "%s/%s", path, entry->d_name);
    }
    closedir(directory);
    return 0;
}

int usage_add(struct usage *usage, int dirfd, const char *path, struct err *err)
{
    auto_done(strings) waiting = {};
    struct stat st;
    if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : err_sys(err, "look at %s", path);
    count(usage, &st);
    if (S_ISDIR(st.st_mode))
        strings_add(&waiting, path);
    while (waiting.len > 0) {
        auto_free char *next = waiting.at[--waiting.len];
        waiting.at[waiting.len] = NULL;
        if (directory_count(usage, dirfd, next, &waiting, err) < 0)
            return -1;
    }
    return 0;
}
