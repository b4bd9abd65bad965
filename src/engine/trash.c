/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that were removed. One rename takes a record out of sight; deleting its tree may take
 * long, and may be cut off. Whoever deletes holds flock(2) on the tree's top, so that nobody does
 * the same work beside him. The image store puts its own left-overs into the same directory, under
 * names that are no ids; those are its business.
 *
 * An ordinary user's container writes files of his subordinate ids, which only the root of a user
 * namespace with these ids can remove: it is this program, started there with the hidden command
 * "__remove" and the directory's descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/record_part.h"
#include "kernel/userns.h"

enum {
    TRASH_MODE = 0711,
    NLINK_WITHOUT_DIRS = 2, /* of a directory, where the file system counts */
};

static char *trash_path(const char *id, char *buffer)
{
    (void)snprintf(buffer, RECORD_PATH_SIZE, "trash/%s", id);
    return buffer;
}

int trash_put_record(int root_fd, const char *id, struct err *err)
{
    char from[RECORD_PATH_SIZE], to[RECORD_PATH_SIZE];
    (void)record_path(id, NULL, from);
    (void)trash_path(id, to);
    if (renameat(root_fd, from, root_fd, to) == 0)
        return 1;
    if (errno == ENOENT && mkdirat(root_fd, "trash", TRASH_MODE) < 0 && errno != EEXIST)
        return err_sys(err, "make the trash directory");
    if (renameat(root_fd, from, root_fd, to) == 0)
        return 1;
    if (errno == ENOENT)
        return 0;
    return err_sys(err, "move container %.*s to the trash", CONTAINER_ID_SHORT_LEN, id);
}

static int remove_in_userns(int dir_fd, struct err *err)
{
    static const char *const argv[] = { "/proc/self/exe", "__remove", NULL };
    struct userns_program program = { .argv = argv, .fds = &dir_fd, .n_fds = 1 };
    auto_done(id_maps) maps = {};
    struct userns userns;
    int status = 0;

    if (id_maps_of_user(&maps, err) < 0 || userns_open(&maps, &userns, err) < 0)
        return -1;
    int result = userns_exec(&userns, &program, err);
    if (result == 0)
        result = userns_wait(&userns, &status, err);
    userns_close(&userns);
    if (result == 0 && status != 0)
        return err_set(err, ERR_SYSTEM, "removing files of subordinate ids failed with %s %d",
                       WIFSIGNALED(status) ? "signal" : "status",
                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return result;
}

static int locked_delete(int root_fd, const char *path, int dir_fd, struct err *err)
{
    struct err first = {};
    if (tree_remove(root_fd, path, &first) == 0)
        return 0;
    if (first.kind != ERR_DENIED || geteuid() == 0) {
        if (err)
            *err = first;
        return -1;
    }
    if (remove_in_userns(dir_fd, err) < 0)
        return err_wrap(err, "remove %s", path);
    return tree_remove(root_fd, path, err);
}

int trash_delete(struct engine *engine, const char *id, struct err *err)
{
    char path[RECORD_PATH_SIZE];
    int root_fd;
    if (engine_root_fd(engine, &root_fd, err) < 0)
        return -1;
    auto_close int fd =
        openat(root_fd, trash_path(id, path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_sys(err, "open %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return 0;
    return locked_delete(root_fd, path, fd, err);
}

int engine_trash_sweep(struct engine *engine, struct err *err)
{
    auto_done(strings) names = {};
    struct stat status;
    int root_fd;
    if (engine_root_fd(engine, &root_fd, err) < 0)
        return -1;
    if (fstatat(root_fd, "trash", &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : err_sys(err, "look at the trash directory");
    if (status.st_nlink == NLINK_WITHOUT_DIRS)
        return 0;
    if (dir_list(root_fd, "trash", &names, err) < 0)
        return -1;

    int result = 0;
    for (size_t i = 0; i < names.len; i++)
        if (container_id_valid(names.at[i]) && trash_delete(engine, names.at[i], err) < 0)
            result = -1; /* the others can be deleted all the same */
    return result;
}

int trash_remove_inside(int dir_fd, struct err *err)
{
    auto_done(strings) names = {};
    if (dir_list(dir_fd, ".", &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.len; i++)
        if (tree_remove(dir_fd, names.at[i], err) < 0)
            return -1;
    return 0;
}
