/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removal of a tree that a stranger may have made, as deep as can be, with names and links chosen
 * to lead elsewhere, while somebody else may still be at work in it.
 *
 * One level is kept for each directory from the top down to the present one: a level removes what
 * is no directory in it, lists those that are, and then takes these one by one. It holds a
 * descriptor, and all is reached by a single name below one, so nothing is ever resolved through a
 * link or out of the tree. Level 0 is the directory the tree lies in, with one name on its list and
 * nothing else touched.
 *
 * No recursion and a bounded number of descriptors: of a deep tree only the lowest levels are held
 * open. The others are opened again through ".." on the way up, and must then be what they were:
 * somebody may have moved the directory meanwhile. A mount stops all: its removal is EBUSY, and
 * directories are entered with RESOLVE_NO_XDEV, which knows bind mounts of the same file system
 * too.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

enum {
    LEVELS_OPEN = 32,
    SCANS_MAX = 16,
    LEVELS_FIRST = 16,
    ENTRIES_SIZE = 32 << 10,
    PATH_SHOWN_MAX = 512,
};

struct level {
    int fd; /* -1: closed; it was the directory `dev`, `ino` */
    dev_t dev;
    ino_t ino;
    int scans;
    struct strings dirs; /* still to be removed; the last is the level below, if there is one */
};

struct removal {
    struct level *levels;
    size_t len;
    size_t room;
    char *entries; /* ENTRIES_SIZE bytes */
};

static void level_done(struct level *level)
{
    fd_close(&level->fd);
    strings_done(&level->dirs);
}

static void removal_done(struct removal *removal)
{
    for (size_t i = 0; i < removal->len; i++)
        level_done(&removal->levels[i]);
    free(removal->levels);
    free(removal->entries);
    *removal = (struct removal){};
}

/* Takes fd. */
static struct level *level_add(struct removal *removal, int fd)
{
    if (removal->len == removal->room) {
        removal->room = removal->room > 0 ? removal->room * 2 : LEVELS_FIRST;
        removal->levels = xrealloc(removal->levels, removal->room, sizeof(*removal->levels));
    }
    struct level *level = &removal->levels[removal->len++];
    *level = (struct level){ .fd = fd };
    return level;
}

static struct level *level_last(struct removal *removal)
{
    return &removal->levels[removal->len - 1];
}

static const char *last_dir(const struct level *level)
{
    return level->dirs.at[level->dirs.len - 1];
}

static void last_dir_forget(struct level *level)
{
    char *name = level->dirs.at[--level->dirs.len];
    level->dirs.at[level->dirs.len] = NULL;
    free(name);
}

/* Begins an error from errno on what is `name` in the last level. */
static int removal_failed(const struct removal *removal, const char *name, struct err *err)
{
    int errnum = errno;
    auto_done(str) path = { .max_bytes = PATH_SHOWN_MAX };
    for (size_t i = 0; i + 1 < removal->len; i++)
        str_addf(&path, "%s/", last_dir(&removal->levels[i]));
    str_add(&path, name);
    const char *cut = path.over ? "…" : "";

    if (errnum == EXDEV || errnum == EBUSY)
        return err_set(err, ERR_CONFLICT,
                       "remove %s%s: something is mounted there; unmount it first", str_text(&path),
                       cut);
    errno = errnum;
    return err_sys(err, "remove %s%s", str_text(&path), cut);
}

/* Lets us change a directory of the tree that its owner had closed. Level 0 is none. */
static bool level_permit(const struct removal *removal, const struct level *level)
{
    return level != &removal->levels[0] && fchmod(level->fd, S_IRWXU) == 0;
}

/* unlinkat in a level. Gone already is fine. Gives -1 with errno. */
static int entry_unlink(const struct removal *removal, const struct level *level, const char *name,
                        int flags)
{
    int done = unlinkat(level->fd, name, flags);
    if (done < 0 && errno == EACCES && level_permit(removal, level))
        done = unlinkat(level->fd, name, flags);
    return done < 0 && errno != ENOENT ? -1 : 0;
}

static int child_openat2(int dirfd, const char *name)
{
    return file_openat2(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0,
                        RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS);
}

/* Opens a directory of the last level, and makes it readable if need be. Gives -1 with errno. */
static int child_open(struct removal *removal, const char *name)
{
    const struct level *level = level_last(removal);
    int fd = child_openat2(level->fd, name);
    if (fd < 0 && errno == EACCES && level_permit(removal, level))
        fd = child_openat2(level->fd, name);
    if (fd >= 0 || errno != EACCES)
        return fd;
    if (fchmodat(level->fd, name, S_IRWXU, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    return child_openat2(level->fd, name);
}

/* Removes an entry that is no directory, lists one that is. */
static int entry_take(struct removal *removal, const struct dirent64 *entry, struct err *err)
{
    struct level *level = level_last(removal);
    const char *name = entry->d_name;
    if (text_same(name, ".") || text_same(name, ".."))
        return 0;

    /* A file system may not know the type, and it may change: EISDIR tells. */
    if (entry->d_type != DT_DIR) {
        if (entry_unlink(removal, level, name, 0) == 0)
            return 0;
        if (errno != EISDIR)
            return removal_failed(removal, name, err);
    }
    strings_add(&level->dirs, name);
    return 0;
}

static int level_scan(struct removal *removal, struct err *err)
{
    struct level *level = level_last(removal);
    if (++level->scans > SCANS_MAX) {
        errno = ENOTEMPTY; /* somebody makes files faster than we remove them */
        return removal_failed(removal, "", err);
    }

    ssize_t n = 0;
    while ((n = getdents64(level->fd, (void *)removal->entries, ENTRIES_SIZE)) > 0) {
        for (ssize_t at = 0; at < n;) {
            const struct dirent64 *entry = (const struct dirent64 *)(removal->entries + at);
            at += entry->d_reclen;
            if (entry_take(removal, entry, err) < 0)
                return -1;
        }
    }
    /* ENOENT: the directory itself was removed by somebody else. */
    return n < 0 && errno != ENOENT ? removal_failed(removal, "", err) : 0;
}

/* Closes the level that is LEVELS_OPEN above the last, remembering which it was. Level 0 stays
 * open: what is above it is not ours to pass through. */
static int level_park(struct removal *removal, struct err *err)
{
    if (removal->len <= LEVELS_OPEN + 1)
        return 0;
    struct level *level = &removal->levels[removal->len - 1 - LEVELS_OPEN];
    if (level->fd < 0)
        return 0;
    struct stat status;
    if (fstat(level->fd, &status) < 0)
        return removal_failed(removal, "", err);
    level->dev = status.st_dev;
    level->ino = status.st_ino;
    fd_close(&level->fd);
    return 0;
}

/* Opens the level above the last again if it was closed. */
static int level_reopen(struct removal *removal, struct err *err)
{
    const struct level *last = level_last(removal);
    struct level *above = level_last(removal) - 1;
    if (above->fd >= 0)
        return 0;

    above->fd = file_openat2(last->fd, "..", O_RDONLY | O_DIRECTORY, 0, RESOLVE_NO_XDEV);
    struct stat status;
    if (above->fd < 0 || fstat(above->fd, &status) < 0)
        return removal_failed(removal, "..", err);
    if (status.st_dev != above->dev || status.st_ino != above->ino)
        return err_set(err, ERR_CONFLICT, "a directory was moved while it was being removed");
    return 0;
}

/* Removes the next directory of the last level if it is empty, and enters it if it is not. */
static int step_down(struct removal *removal, struct err *err)
{
    struct level *level = level_last(removal);
    const char *name = last_dir(level);
    /* Many are empty, and an empty one can be removed without being read. */
    if (entry_unlink(removal, level, name, AT_REMOVEDIR) == 0) {
        last_dir_forget(level);
        return 0;
    }
    if (errno != ENOTEMPTY && errno != EEXIST)
        return removal_failed(removal, name, err);

    int fd = child_open(removal, name);
    if (fd < 0 && errno == ENOENT) {
        last_dir_forget(level);
        return 0;
    }
    if (fd < 0)
        return removal_failed(removal, name, err);
    (void)level_add(removal, fd);
    if (level_park(removal, err) < 0)
        return -1;
    return level_scan(removal, err);
}

/* Removes the last level, which should be empty, and goes back to the one above. */
static int step_up(struct removal *removal, struct err *err)
{
    if (level_reopen(removal, err) < 0)
        return -1;
    struct level *last = level_last(removal);
    struct level *above = last - 1;
    if (entry_unlink(removal, above, last_dir(above), AT_REMOVEDIR) == 0) {
        level_done(last);
        removal->len--;
        last_dir_forget(above);
        return 0;
    }

    /* Somebody has put something in, or the file system skips entries when others are removed
     * meanwhile. */
    if (errno != ENOTEMPTY && errno != EEXIST)
        return removal_failed(removal, "", err);
    if (lseek(last->fd, 0, SEEK_SET) < 0)
        return removal_failed(removal, "", err);
    return level_scan(removal, err);
}

int tree_remove(int dirfd, const char *path, struct err *err)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    auto_free char *parent = xstrndup(path, len);
    char *slash = strrchr(parent, '/');
    auto_free char *name = xstrdup(slash ? slash + 1 : parent);
    if (name[0] == '\0' || text_same(name, ".") || text_same(name, ".."))
        return err_set(err, ERR_INVALID, "remove \"%s\": the path does not end in a name", path);
    if (slash)
        slash[1] = '\0';

    int fd = file_openat2(dirfd, slash ? parent : ".", O_PATH | O_DIRECTORY, 0,
                          dirfd == AT_FDCWD ? 0 : RESOLVE_BENEATH);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 && errno == EXDEV)
        return err_set(err, ERR_DENIED, "remove %s: the path leads out of its directory", path);
    if (fd < 0)
        return err_sys(err, "remove %s", path);

    auto_done(removal) removal = {};
    struct level *top = level_add(&removal, fd);
    if (entry_unlink(&removal, top, name, 0) == 0)
        return 0;
    if (errno != EISDIR)
        return removal_failed(&removal, name, err);

    strings_add_taken(&top->dirs, take_ptr(name));
    removal.entries = xmalloc(ENTRIES_SIZE);
    while (removal.len > 1 || removal.levels[0].dirs.len > 0) {
        bool down = level_last(&removal)->dirs.len > 0;
        if ((down ? step_down(&removal, err) : step_up(&removal, err)) < 0)
            return -1;
    }
    return 0;
}
