/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467 /* asm-generic/unistd.h, as on x86 */
#endif

static unsigned clone_how(const char *path, enum mount_flags flags)
{
    return OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (*path ? 0U : AT_EMPTY_PATH) |
           (flags & MOUNT_RECURSIVE ? (unsigned)AT_RECURSIVE : 0U);
}

int mount_clone(int dirfd, const char *path, enum mount_flags flags)
{
    return (int)syscall(SYS_open_tree, dirfd, path, clone_how(path, flags));
}

/* The access time bits are one field: setting one means clearing the others first. */
static struct mount_attr attributes_of(uint64_t set, uint64_t clear, uint64_t propagation)
{
    if (set & (MOUNT_ATTR_NOATIME | MOUNT_ATTR_STRICTATIME))
        clear |= MOUNT_ATTR__ATIME;
    return (struct mount_attr){ .attr_set = set, .attr_clr = clear, .propagation = propagation };
}

int mount_clone_changed(int dirfd, const char *path, uint64_t set, uint64_t clear,
                        uint64_t propagation, enum mount_flags flags)
{
    struct mount_attr attr = attributes_of(set, clear, propagation);
    int mount =
        (int)syscall(SYS_open_tree_attr, dirfd, path, clone_how(path, flags), &attr, sizeof(attr));
    /* EPERM: a filter around us that does not know the call either. Can go with kernel 6.15. */
    if (mount >= 0 || (errno != ENOSYS && errno != EPERM))
        return mount;
    mount = mount_clone(dirfd, path, flags);
    if (mount < 0 || mount_change(mount, set, clear, propagation, flags) == 0)
        return mount;
    int saved = errno;
    (void)close(mount);
    errno = saved;
    return -1;
}

static int mount_setattr_at(int dirfd, const char *path, const struct mount_attr *attr,
                            enum mount_flags flags)
{
    unsigned how = *path ? 0 : AT_EMPTY_PATH;
    if (flags & MOUNT_RECURSIVE)
        how |= AT_RECURSIVE;
    return (int)syscall(SYS_mount_setattr, dirfd, path, how, attr, sizeof(*attr));
}

int mount_change(int mount, uint64_t set, uint64_t clear, uint64_t propagation,
                 enum mount_flags flags)
{
    struct mount_attr attr = attributes_of(set, clear, propagation);
    return mount_setattr_at(mount, "", &attr, flags);
}

int mount_change_at(int dirfd, const char *path, uint64_t set)
{
    struct mount_attr attr = attributes_of(set, 0, 0);
    return (int)syscall(SYS_mount_setattr, dirfd, path, AT_SYMLINK_NOFOLLOW, &attr, sizeof(attr));
}

int mount_idmap(int mount, int userns, enum mount_flags flags)
{
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns };
    return mount_setattr_at(mount, "", &attr, flags);
}

int mount_attach(int mount, int dirfd, const char *path)
{
    unsigned how = MOVE_MOUNT_F_EMPTY_PATH;
    if (!*path)
        how |= MOVE_MOUNT_T_EMPTY_PATH;
    return (int)syscall(SYS_move_mount, mount, "", dirfd, path, how);
}

int mount_attach_through(int mount, const char *path)
{
    return (int)syscall(SYS_move_mount, mount, "", AT_FDCWD, path,
                        MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS);
}

int mount_propagation(uint64_t propagation)
{
    struct mount_attr attr = { .propagation = propagation };
    return mount_setattr_at(AT_FDCWD, "/", &attr, MOUNT_RECURSIVE);
}

int mount_pivot(int root)
{
    if (fchdir(root) < 0)
        return -1;
    /* With "." for both the old root ends up below the new one, where umount2 finds it:
     * pivot_root(2), NOTES. */
    if (syscall(SYS_pivot_root, ".", ".") < 0)
        return -1;
    return umount2(".", MNT_DETACH);
}

int mount_chroot(int root)
{
    /* One that lies on "/" already (EINVAL, ELOOP: on itself) need not be moved. */
    if (fchdir(root) < 0)
        return -1;
    if (mount_attach(root, AT_FDCWD, "/") < 0 && errno != EINVAL && errno != ELOOP)
        return -1;
    if (chroot(".") < 0)
        return -1;
    return chdir("/");
}

int fs_open(const char *type)
{
    return (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
}

int fs_of(int mount)
{
    return (int)syscall(SYS_fspick, mount, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
}

int fs_reconfigure(int fs)
{
    return (int)syscall(SYS_fsconfig, fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
}

int fs_text(int fs, const char *key, const char *value)
{
    return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0);
}

int fs_flag(int fs, const char *key)
{
    return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, key, NULL, 0);
}

int fs_descriptor(int fs, const char *key, int value)
{
    return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_FD, key, NULL, value);
}

int fs_mount(int fs, uint64_t attributes)
{
    if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -1;
    return (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes);
}

/* MOUNT_ATTR_ bits in the words of mount(2). */
static const struct {
    uint32_t attribute;
    uint32_t of; /* the bits of the field it is in */
    unsigned long flag;
} words[] = {
    { MOUNT_ATTR_RDONLY, MOUNT_ATTR_RDONLY, MS_RDONLY },
    { MOUNT_ATTR_NOSUID, MOUNT_ATTR_NOSUID, MS_NOSUID },
    { MOUNT_ATTR_NODEV, MOUNT_ATTR_NODEV, MS_NODEV },
    { MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOEXEC, MS_NOEXEC },
    { MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, MS_NOATIME },
    { MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, MS_STRICTATIME },
    { MOUNT_ATTR_NODIRATIME, MOUNT_ATTR_NODIRATIME, MS_NODIRATIME },
    { MOUNT_ATTR_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW },
};

int mount_here(const char *type, const char *source, uint64_t attributes, const char *options)
{
    unsigned long flags = 0;
    uint64_t left = attributes;
    for (size_t i = 0; i < array_size(words); i++) {
        if ((attributes & words[i].of) != words[i].attribute)
            continue;
        flags |= words[i].flag;
        left &= ~(uint64_t)words[i].of;
    }
    if (left) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_mount, source ? source : "none", ".", type, flags, options);
}

int mount_file(const char *type, const char *path)
{
    int fs = fs_open(type);
    if (fs < 0)
        return -1;
    int mount = -1;
    if (fs_text(fs, "source", path) == 0 && fs_flag(fs, "ro") == 0)
        mount = fs_mount(fs, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME);
    int saved = errno;
    (void)close(fs);
    errno = saved;
    return mount;
}

const char *fs_message(int fs, char *buffer, size_t size)
{
    int saved = errno;
    ssize_t len = read(fs, buffer, size - 1);
    errno = saved;
    if (len < 2)
        return "";
    /* "e overlay: text\n": a letter for the severity stands first */
    if (buffer[len - 1] == '\n')
        len--;
    buffer[len] = '\0';
    return buffer + 2;
}
