/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h> /* ST_RDONLY */
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/libc.h"
#include "base/mem.h"
#include "kernel/mount.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* kernel 6.3; before it copies may be executed anyway */
#endif

static const char own_file[] = "/proc/self/exe";
static const char copy_name[] = "ruche";
static const char copy_path[] = "/memfd:ruche"; /* how the link to such a copy begins */

bool guard_holds(void)
{
    struct statfs status = {};
    char path[sizeof(copy_path)] = "";
    if (statfs(own_file, &status) == 0 && status.f_flags & ST_RDONLY)
        return true;
    if (status.f_type && status.f_type != TMPFS_MAGIC) /* what a copy in memory lies in */
        return false;
    if (readlink(own_file, path, sizeof(path) - 1) < 0 || strcmp(path, copy_path) != 0)
        return false;
    auto_close int fd = open(own_file, O_RDONLY | O_CLOEXEC);
    int seals = fd < 0 ? -1 : fcntl(fd, F_GET_SEALS);
    return seals >= 0 && seals & F_SEAL_WRITE;
}

bool guard_file_is_ours(void)
{
    return access(own_file, W_OK) == 0;
}

/* Nobody can make it writable: it belongs to no mount namespace once its descriptor, which execve
 * closes, is gone (do_mount_setattr in the kernel's fs/namespace.c). */
static int mount_open(void)
{
    return mount_clone_changed(AT_FDCWD, own_file, MOUNT_ATTR_RDONLY, 0, MS_PRIVATE, 0);
}

static int copy_open(void)
{
    auto_close int from = open(own_file, O_RDONLY | O_CLOEXEC);
    auto_close int to = memfd_create(copy_name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (to < 0 && errno == EINVAL)
        to = memfd_create(copy_name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct stat status;
    if (from < 0 || to < 0 || fstat(from, &status) < 0)
        return -1;
    for (off_t left = status.st_size; left > 0;) {
        ssize_t n = sendfile(to, from, NULL, (size_t)left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        left -= n;
    }
    if (fcntl(to, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
        return -1;
    return take_fd(to);
}

int guard_execute(char **argv, struct err *err)
{
    char path[PATH_MAX];
    ssize_t len = readlink(own_file, path, sizeof(path) - 1);
    if (len < 0)
        return err_sys(err, "read %s", own_file);
    path[len] = '\0';
    auto_close int mount = mount_open();
    auto_close int copy = mount < 0 ? copy_open() : -1;
    if (mount < 0 && copy < 0)
        return err_sys(err, "keep %s from being written by the container", path);
    char *first = argv[0];
    argv[0] = path;
    (void)syscall(SYS_execveat, mount < 0 ? copy : mount, "", argv, environ, AT_EMPTY_PATH);
    argv[0] = first;
    return err_sys(err, "execute %s anew", path);
}
