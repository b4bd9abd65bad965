/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masked and read-only paths: files are covered by /dev/null, directories by an empty one, what is
 * not there by nothing. The root is the container's by now, and nobody else is in it yet.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "kernel/mount.h"
#include "runtime/start.h"

/* --- what is there ---------------------------------------------------------------------------- */

/* getdents64(2) */
struct entry {
    uint64_t inode;
    int64_t next;
    uint16_t len;
    uint8_t type;
    char name[];
};

enum { ENTRY_MOST = offsetof(struct entry, name) + NAME_MAX + 1 + sizeof(uint64_t) };

enum kind { KIND_UNKNOWN, KIND_NONE, KIND_FILE, KIND_DIRECTORY };

static const char proc[] = "/proc/";

static bool is_process(const char *name)
{
    return *name >= '0' && *name <= '9';
}

/* Processes come behind all else (proc_root_readdir in the kernel's fs/proc/root.c). */
static bool proc_has_process(const char *names, long len)
{
    for (long at = 0; at < len; at += ((const struct entry *)(names + at))->len)
        if (is_process(((const struct entry *)(names + at))->name))
            return true;
    return false;
}

/* Most of what is masked lies in /proc and is not there. One look at all of it is cheaper than one at
 * each. */
static void proc_list(struct start *start)
{
    auto_leave int fd = open(proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    long len = 0;
    bool whole = false;
    /* Whoever is stopped or frozen meanwhile gets a part of it. */
    while (fd >= 0 && !whole && len <= START_PROC_NAMES - ENTRY_MOST) {
        char *names = start->proc_names + len;
        long more = syscall(SYS_getdents64, fd, names, START_PROC_NAMES - len);
        if (more < 0)
            break;
        whole = more == 0 || proc_has_process(names, more);
        len += more;
    }
    start->n_proc_names = whole && len > 0 ? len : -1;
}

/* By the list. Numbers are processes, of which it has not all that are found by name. */
static enum kind proc_kind(struct start *start, const char *path)
{
    const char *name = path + sizeof(proc) - 1;
    if (!start->proc_names || !text_starts(path, proc) || strchr(name, '/') || *name == '.' ||
        !*name || is_process(name))
        return KIND_UNKNOWN;
    if (start->n_proc_names == 0)
        proc_list(start);
    if (start->n_proc_names < 0)
        return KIND_UNKNOWN;
    for (long at = 0; at < start->n_proc_names;) {
        const struct entry *entry = (const struct entry *)(start->proc_names + at);
        if (strcmp(entry->name, name) == 0)
            return entry->type == DT_DIR   ? KIND_DIRECTORY
                   : entry->type == DT_REG ? KIND_FILE
                                           : KIND_UNKNOWN;
        at += entry->len;
    }
    return KIND_NONE;
}

static enum kind path_kind(struct start *start, const char *path)
{
    struct stat status;
    enum kind kind = proc_kind(start, path);
    if (kind != KIND_UNKNOWN)
        return kind;
    if (stat(path, &status) < 0)
        return errno == ENOENT ? KIND_NONE : KIND_UNKNOWN;
    return S_ISDIR(status.st_mode) ? KIND_DIRECTORY : KIND_FILE;
}

/* --- covers ----------------------------------------------------------------------------------- */

enum {
    EMPTY_ATTRIBUTES = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
};

/* What an image or a volume calls /dev/null has to be one. */
static int null_clone(struct start *start)
{
    auto_close int null = mount_clone(start->root, "dev/null", 0);
    struct stat status;
    if (null < 0 || fstat(null, &status) < 0)
        return -1;
    if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(1, 3)) {
        errno = ENXIO;
        return -1;
    }
    return take_fd(null);
}

static int empty_make(void)
{
    auto_leave int fs = fs_open("tmpfs");
    return fs < 0 ? -1 : fs_mount(fs, EMPTY_ATTRIBUTES);
}

static const char cannot_make[] = "make an empty directory or open /dev/null to mask";

static int cover_attach(int cover, const char *path, struct err *err)
{
    return mount_attach_through(cover, path) < 0 ? step_fail(err, "mask", path) : 0;
}

/* The first cover of a kind is made, the others are copies of it. */
static int file_cover(struct start *start, const char *path, struct err *err)
{
    if (start->null < 0) {
        start->null = null_clone(start);
        return start->null < 0 ? step_fail(err, cannot_make, path)
                               : cover_attach(start->null, path, err);
    }
    auto_leave int copy = mount_clone(start->null, "", 0);
    return copy < 0 ? step_fail(err, "mask", path) : cover_attach(copy, path, err);
}

static int directory_cover(struct start *start, const char *path, struct err *err)
{
    auto_leave int cover = start->empty ? mount_clone(AT_FDCWD, start->empty, 0) : -1;
    if (cover >= 0)
        return cover_attach(cover, path, err);
    start->empty = path;
    start->away = true;
    if (chdir(path) == 0 && mount_here("tmpfs", NULL, EMPTY_ATTRIBUTES, "") == 0)
        return 0;
    cover = empty_make();
    return cover < 0 ? step_fail(err, cannot_make, path) : cover_attach(cover, path, err);
}

/* Asked first what it is: to drop a mount that does not fit costs a wait for all processors. */
int child_mask(struct start *start, size_t i, struct err *err)
{
    const char *path = start->plan->masked->at[i];
    switch (path_kind(start, path)) {
    case KIND_NONE:
        return 0;
    case KIND_FILE:
        return file_cover(start, path, err);
    case KIND_DIRECTORY:
        return directory_cover(start, path, err);
    case KIND_UNKNOWN:
        break;
    }
    return step_fail(err, "look at", path);
}

/* --- read-only -------------------------------------------------------------------------------- */

int child_readonly(struct start *start, size_t i, struct err *err)
{
    const char *path = start->plan->readonly->at[i];
    if (proc_kind(start, path) == KIND_NONE)
        return 0;
    auto_leave int mount =
        mount_clone_changed(AT_FDCWD, path, MOUNT_ATTR_RDONLY, 0, 0, MOUNT_RECURSIVE);
    if (mount < 0 && errno == ENOENT)
        return 0;
    if (mount < 0 || mount_attach_through(mount, path) < 0)
        return step_fail(err, "make read-only", path);
    return 0;
}

/* --- the parent's ----------------------------------------------------------------------------- */

enum { LIST_LEAST = 4 };

static size_t count_in_proc(const struct strings *paths)
{
    size_t n = 0;
    for (size_t i = 0; paths && i < paths->len; i++)
        n += text_starts(paths->at[i], proc);
    return n;
}

char *proc_names_new(const struct plan *plan)
{
    bool pays = count_in_proc(plan->masked) + count_in_proc(plan->readonly) >= LIST_LEAST;
    return plan->proc_own && pays ? xmalloc(START_PROC_NAMES) : NULL;
}
