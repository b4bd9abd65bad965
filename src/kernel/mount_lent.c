/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "kernel/mount.h"
#include "kernel/pidfd.h"

enum { LENDER_STACK = 16384 };

struct lent {
    int namespace;
    const char *path;
    int mount;
};

/* It shares memory and descriptors with the caller, who waits meanwhile. Its root is that
 * namespace's, so no link leads out of it. Its exit status is 0 or what went wrong. */
static int lent_clone(void *context)
{
    struct lent *lent = context;
    if (setns(lent->namespace, CLONE_NEWNS) < 0)
        return errno;
    lent->mount = mount_clone(AT_FDCWD, lent->path, 0);
    return lent->mount < 0 ? errno : 0;
}

int mount_clone_lent(const char *namespace, const char *path)
{
    _Alignas(16) char stack[LENDER_STACK];
    struct lent lent = { .path = path, .mount = -1 };
    lent.namespace = open(namespace, O_RDONLY | O_CLOEXEC);
    if (lent.namespace < 0)
        return -1;
    pid_t pid = clone(lent_clone, stack + sizeof(stack), CLONE_VM | CLONE_FILES, &lent);
    int status = pid < 0 ? -1 : child_await(pid);
    int why = status < 0 ? errno : status;
    (void)close(lent.namespace);
    errno = why;
    return why ? -1 : lent.mount;
}
