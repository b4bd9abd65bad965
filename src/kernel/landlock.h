/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Landlock (landlock(7)) as a second lock on devices: no process beneath it makes a device node,
 * whatever its capabilities and whatever the device controller says. All is async-signal-safe and
 * gives -1 with errno.
 *
 * What a landlocked process loses besides, so that the caller can decide: mount(2), umount(2),
 * pivot_root(2) and the new mount calls are refused, and a process of another landlock domain
 * beside it cannot be traced nor its /proc/PID/{exe,root,fd,environ} be read. One domain is
 * inherited, two made alike are strangers.
 */

enum landlock_flags {
    LANDLOCK_SCOPE_ABSTRACT = 1 << 0, /* no abstract UNIX sockets made outside; kernel 6.12 */
};

/* Makes a ruleset: character and block devices cannot be made anywhere; hard links and renames
 * between directories, which landlock refuses unless told, are free beneath root_fd (the root
 * directory of the new root file system, O_PATH is enough). Gives a close-on-exec descriptor.
 * ENOSYS or EOPNOTSUPP: the kernel has no landlock, or not what is asked for (5.19 without flags).
 */
int landlock_prepare(int root_fd, enum landlock_flags flags);
/* Puts the calling process and those it starts beneath the ruleset, for good. Needs no_new_privs,
 * or CAP_SYS_ADMIN in its user namespace. */
int landlock_restrict(int ruleset_fd);
