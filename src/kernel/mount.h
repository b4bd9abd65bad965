/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The mount API by descriptors (fsopen(2), fsmount(2), open_tree(2), mount_setattr(2),
 * move_mount(2)), thin and typed. All of it may run between clone and exec: no allocation; -1 with
 * errno. Descriptors are close-on-exec.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/libc.h"

enum mount_flags {
    MOUNT_RECURSIVE = 1 << 0, /* with all that is mounted below */
};

/* A detached copy of what is mounted at path; empty path: of dirfd itself. */
int mount_clone(int dirfd, const char *path, enum mount_flags flags);
/* The same of an absolute path in another mount namespace, a file of /proc/PID/ns, without what is
 * mounted below it. A process of its own goes there: the kernel clones for nobody outside. */
int mount_clone_lent(const char *namespace, const char *path);
/* The same, and changes the copy as mount_change does: one call since kernel 6.15, two before it. */
int mount_clone_changed(int dirfd, const char *path, uint64_t set, uint64_t clear,
                        uint64_t propagation, enum mount_flags flags);
/* Sets and clears MOUNT_ATTR_ bits of a mount; propagation is an MS_ word or 0. */
int mount_change(int mount, uint64_t set, uint64_t clear, uint64_t propagation,
                 enum mount_flags flags);
/* The same of the mount at a path, whose last component is no link. EINVAL: none is there. */
int mount_change_at(int dirfd, const char *path, uint64_t set);
/* Maps the owners of a detached mount by a user namespace, kernel 5.12. */
int mount_idmap(int mount, int userns, enum mount_flags flags);
/* Attaches a detached mount. The last component is not followed if it is a symbolic link; empty
 * path: on dirfd. */
int mount_attach(int mount, int dirfd, const char *path);
/* The same on what a path leads to, over all links. */
int mount_attach_through(int mount, const char *path);
/* Makes everything below / private or a slave (MS_PRIVATE, MS_SLAVE) to this mount namespace. */
int mount_propagation(uint64_t propagation);
/* Makes `root`, a mount attached in this namespace, the root and working directory, and lets go of
 * the old one. */
int mount_pivot(int root);
/* The same where the root directory is an initramfs, from which pivot_root(2) cannot lead away: moves
 * `root` over "/", and the old root stays below it, out of reach. */
int mount_chroot(int root);

/* A file system being configured. */
int fs_open(const char *type);
/* That of a mount, for other options. */
int fs_of(int mount);
int fs_reconfigure(int fs);
int fs_text(int fs, const char *key, const char *value);
int fs_flag(int fs, const char *key);
int fs_descriptor(int fs, const char *key, int value);
/* Makes the file system and gives its detached mount with MOUNT_ATTR_ bits. */
int fs_mount(int fs, uint64_t attributes);
/* Makes a file system and mounts it on the working directory, in one call: mount(2), with "." for its
 * path. Options are the file system's, "mode=755,size=64k". With MOUNT_ATTR_RDONLY the file system
 * itself is read-only, not this mount of it alone. */
int mount_here(const char *type, const char *source, uint64_t attributes, const char *options);
/* Mounts the file system in a file, read-only and detached; kernel 6.12 for EROFS. The path's last
 * link is followed. */
int mount_file(const char *type, const char *path);
/* The kernel's own words on why the last call on fs failed; "" if it has none. */
const char *fs_message(int fs, char *buffer, size_t size);
