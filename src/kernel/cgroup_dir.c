/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group's directories: made with their parents, removed with what a container has made below
 * them, and joined later by a group that lives.
 *
 * A container that may write its cgroups can nest them deep, so removal walks with one descriptor
 * at a time: down into a child that is not empty, up by "..". Each step removes a group, goes down,
 * or ends the walk.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "kernel/cgroup.h"
#include "kernel/cgroup_part.h"

enum {
    DIR_MODE = 0755,
    ADOPT_PASSES_MAX = 1000,
    PAUSE_MAX_MS = 16,
};

/* --- removal --- */

/* The first group below: 1 and its name (owned), 0 if there is none, -1 with errno. */
static int first_child(int dirfd, char **ret_name)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        fd_close(&fd);
        return -1;
    }
    const struct dirent *entry;
    errno = 0;
    while ((entry = readdir(dir)))
        if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 &&
            strcmp(entry->d_name, "..") != 0)
            break;
    int errnum = errno;
    int found = entry ? 1 : errnum ? -1 : 0;
    if (entry)
        *ret_name = xstrdup(entry->d_name);
    (void)closedir(dir);
    errno = errnum;
    return found;
}

/* kernfs counts a directory's links: two, and one for each directory in it. */
static bool has_children(int dirfd)
{
    struct stat st;
    return fstat(dirfd, &st) == 0 && st.st_nlink > 2;
}

/* Replaces *fd by a directory named from it. */
static int walk_to(int *fd, const char *name)
{
    int next = openat(*fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0)
        return -1;
    fd_close(fd);
    *fd = next;
    return 0;
}

/* One step of the walk; 1 to go on, 0 at its end. */
static int remove_step(int *fd, unsigned *depth)
{
    auto_free char *name = NULL;
    int found = first_child(*fd, &name);
    if (found < 0)
        return -1;
    if (found == 0) {
        if (*depth == 0)
            return 0;
        --*depth;
        return walk_to(fd, "..") < 0 ? -1 : 1;
    }
    if (unlinkat(*fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 1;
    if (errno != EBUSY || walk_to(fd, name) < 0)
        return -1;
    ++*depth;
    if (has_children(*fd))
        return 1;
    errno = EBUSY; /* so it is processes */
    return -1;
}

static int remove_below(const char *path)
{
    auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    unsigned depth = 0;
    int more = fd < 0 ? -1 : 1;
    while (more == 1)
        more = remove_step(&fd, &depth);
    int errnum = errno;
    fd_close(&fd);
    errno = errnum;
    return more;
}

int cgroup_dir_remove(const char *path)
{
    if (rmdir(path) == 0 || errno == ENOENT)
        return 0;
    struct stat st;
    if (errno != EBUSY)
        return -1;
    if (lstat(path, &st) < 0 || st.st_nlink <= 2) {
        errno = EBUSY;
        return -1;
    }
    if (remove_below(path) < 0)
        return errno == ENOENT ? 0 : -1;
    return rmdir(path) == 0 || errno == ENOENT ? 0 : -1;
}

/* One round over the hierarchies in *left. Gives one in which processes stand against it, or -1. */
static int remove_round(const struct cgroup *cgroup, unsigned *left, int *ret_busy, struct err *err)
{
    *ret_busy = -1;
    for (size_t i = 0; i < cgroup->host->len; i++) {
        if (!(*left & (1U << i)))
            continue;
        auto_free char *path = cgroup_file_path(cgroup, (int)i, NULL);
        /* Read-only is told before it is looked for; but then none has been made there either. */
        if (cgroup_dir_remove(path) == 0 || errno == EROFS)
            *left &= ~(1U << i);
        else if (errno == EBUSY)
            *ret_busy = (int)i;
        else
            return err_sys(err, "remove cgroup %s", path);
    }
    return 0;
}

int cgroup_remove_known(const struct cgroup *cgroup, int timeout_ms, struct err *err)
{
    const struct cgroup_host *host = cgroup->host;
    int64_t end = cgroup_now_ms() + timeout_ms;
    unsigned left = cgroup->hierarchies;
    for (int pause_ms = 1; left; pause_ms = pause_ms < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS) {
        int busy;
        if (remove_round(cgroup, &left, &busy, err) < 0)
            return -1;
        if (busy >= 0 && cgroup_now_ms() >= end)
            return err_set(err, ERR_CONFLICT,
                           "remove cgroup %s%s: it still has processes; kill them first",
                           host->at[busy].mount, cgroup->path);
        if (busy >= 0)
            cgroup_sleep_ms(pause_ms);
    }
    return 0;
}

int cgroup_remove(const struct cgroup *cgroup, int timeout_ms, struct err *err)
{
    const struct cgroup_host *host = cgroup->host;
    struct cgroup everywhere = *cgroup;
    for (size_t i = 0; i < host->len; i++)
        if (host->at[i].writable || (int)i == host->v2)
            everywhere.hierarchies |= 1U << i;
    return cgroup_remove_known(&everywhere, timeout_ms, err);
}

/* --- making --- */

static int make_failed(const char *path, struct err *err)
{
    (void)err_sys(err, "make cgroup %s", path);
    if (err->errnum == EAGAIN)
        return err_hint(err, "a parent's cgroup.max.descendants or cgroup.max.depth is reached");
    if (err->errnum == EACCES || err->errnum == EROFS || err->errnum == EPERM)
        return err_hint(
            err, "have a group delegated (systemd-run --user --scope -p Delegate=yes …), or as "
                 "root mount /sys/fs/cgroup read-write");
    return -1;
}

/* Each directory of path below the mount, the last one too. errno of the last one in *ret_errnum, 0
 * if made. */
static int make_all(const char *mount, const char *path, int *ret_errnum, struct err *err)
{
    for (const char *at = path; *at;) {
        at += 1 + strcspn(at + 1, "/");
        auto_free char *dir = xasprintf("%s%.*s", mount, (int)(at - path), path);
        *ret_errnum = mkdir(dir, DIR_MODE) < 0 ? errno : 0;
        if (*ret_errnum && *ret_errnum != EEXIST)
            return make_failed(dir, err);
    }
    return 0;
}

/* What is there was left behind by a crash, or is somebody's. */
static int make_anew(const char *path, struct err *err)
{
    if (cgroup_dir_remove(path) < 0 && errno == EBUSY)
        return err_set(err, ERR_CONFLICT,
                       "cgroup %s exists and has processes; kill them, or choose another path",
                       path);
    if (mkdir(path, DIR_MODE) < 0)
        return make_failed(path, err);
    return 0;
}

static int refuse_frozen(const struct cgroup *cgroup, int hierarchy, const char *path,
                         struct err *err)
{
    static const char *const files[][2] = { { "freezer.state", "FR" }, { "cgroup.freeze", "1" } };
    for (size_t i = 0; i < array_size(files); i++) {
        auto_free char *text = NULL;
        int found = cgroup_file_load(cgroup, hierarchy, files[i][0], &text, err);
        if (found < 0)
            return -1;
        if (found && text_starts(text, files[i][1]))
            return err_set(err, ERR_CONFLICT,
                           "container's cgroup unexpectedly frozen: %s; thaw or remove it", path);
    }
    return 0;
}

int cgroup_dir_make(struct cgroup *cgroup, int hierarchy, unsigned flags, struct err *err)
{
    const struct cgroup_hierarchy *at = &cgroup->host->at[hierarchy];
    auto_free char *path = cgroup_file_path(cgroup, hierarchy, NULL);
    int errnum = mkdir(path, DIR_MODE) < 0 ? errno : 0;
    if (errnum == ENOENT && make_all(at->mount, cgroup->path, &errnum, err) < 0)
        return -1;
    if (errnum && errnum != EEXIST) {
        errno = errnum;
        return make_failed(path, err);
    }
    bool join = flags & CGROUP_JOIN;
    if (errnum == EEXIST && (flags & CGROUP_REFUSE_FROZEN) &&
        refuse_frozen(cgroup, hierarchy, path, err) < 0)
        return -1;
    if (errnum == EEXIST && !join && make_anew(path, err) < 0)
        return -1;
    bool made = errnum != EEXIST || !join;
    bool has_cpuset = at->controllers & (1U << CGROUP_CPUSET);
    if (has_cpuset && cgroup_v1_fill_cpuset(cgroup, hierarchy, err) < 0) {
        if (made)
            (void)rmdir(path); /* the error before it is told */
        return -1;
    }
    cgroup->hierarchies |= 1U << hierarchy;
    return made;
}

/* --- adoption --- */

/* Moves the processes that are not there yet. Gives how many. */
static int adopt_pass(const struct cgroup *cgroup, const char *procs, struct err *err)
{
    struct cgroup_pids pids = {};
    if (cgroup_procs(cgroup, &pids, err) < 0)
        return -1;
    auto_free char *there = NULL;
    size_t len;
    int moved = file_load(AT_FDCWD, procs, 64 << 20, &there, &len, err) < 0 ? -1 : 0;
    for (size_t i = 0; i < pids.len && moved >= 0; i++) {
        auto_free char *line = xasprintf("\n%d\n", pids.at[i]);
        bool first = there && text_starts(there, line + 1);
        if (first || (there && strstr(there, line)))
            continue;
        line[strlen(line) - 1] = '\0';
        if (file_poke(AT_FDCWD, procs, line + 1) == 0)
            moved++;
        else if (errno != ESRCH) /* ended meanwhile */
            moved = err_sys(err, "move process %d to %s", pids.at[i], procs);
    }
    cgroup_pids_done(&pids);
    return moved;
}

int cgroup_adopt(struct cgroup *cgroup, int hierarchy, struct err *err)
{
    struct cgroup there = *cgroup;
    if (cgroup_dir_make(&there, hierarchy, CGROUP_JOIN, err) < 0)
        return -1;
    auto_free char *procs = cgroup_file_path(cgroup, hierarchy, "cgroup.procs");
    /* Children of those not moved yet are born outside: until a pass finds none. */
    for (int i = 0; i < ADOPT_PASSES_MAX; i++) {
        int moved = adopt_pass(cgroup, procs, err);
        if (moved < 0)
            return -1;
        if (moved == 0) {
            cgroup->hierarchies |= 1U << hierarchy;
            return 0;
        }
    }
    return err_set(err, ERR_CONFLICT,
                   "cgroup %s: its processes fork faster than they can be moved; freeze it first",
                   cgroup->path);
}
