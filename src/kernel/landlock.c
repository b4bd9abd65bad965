/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/landlock.h"

#include <errno.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

/* As the kernel has it since 6.12; the build machine's header may be older and shorter. */
struct ruleset {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
};

enum { SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0 };

int landlock_prepare(int root_fd, enum landlock_flags flags)
{
    const struct ruleset ruleset = {
        .handled_access_fs =
            LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_REFER,
        .scoped = flags & LANDLOCK_SCOPE_ABSTRACT ? SCOPE_ABSTRACT_UNIX_SOCKET : 0,
    };
    const struct landlock_path_beneath_attr beneath = {
        .allowed_access = LANDLOCK_ACCESS_FS_REFER,
        .parent_fd = root_fd,
    };
    /* A kernel takes a struct longer than its own if what is over is zero. */
    auto_close int fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
    if (fd < 0) {
        if (errno == EINVAL || errno == E2BIG)
            errno = EOPNOTSUPP; /* without REFER (5.13 to 5.18), or without scopes */
        return -1;
    }
    if (syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
        return -1;
    return take_fd(fd);
}

int landlock_restrict(int ruleset_fd)
{
    return syscall(SYS_landlock_restrict_self, ruleset_fd, 0) < 0 ? -1 : 0;
}
