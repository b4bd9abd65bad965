/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces that are not the container's own.
 *
 * A container whose mount namespace is the caller's (config-linux.md, "Namespaces": what is not named
 * is inherited) must leave no mount in it. So it begins in a namespace of its own like all others,
 * makes its root there, takes a detached copy of that, goes back to the caller's namespace, and has
 * the copy as its root: nobody else sees it, nothing is above it, and it is gone with its last
 * process.
 */
#include "runtime/join.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "kernel/mount.h"
#include "kernel/namespace.h"
#include "kernel/pidfd.h"

size_t count_between(const struct plan *plan)
{
    return plan->user_path != NULL;
}

/* An ordinary user may join them as root of the user namespace that they belong to. */
size_t count_joins_inside(const struct plan *plan)
{
    return plan->user_path && !plan->privileged ? plan->n_joins : 0;
}

size_t count_join_mount(const struct plan *plan)
{
    return plan->mount_path != NULL;
}

void describe_user_path(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    (void)i;
    (void)words;
    str_addf(arguments, "%s", plan->user_path);
}

void describe_mount_path(const struct plan *plan, size_t i, struct str *words,
                         struct str *arguments)
{
    (void)i;
    (void)words;
    str_addf(arguments, "%s", plan->mount_path);
}

int parent_between(struct start *start, size_t i, struct err *err)
{
    (void)i;
    int status;
    if (channel_await(start, 'P', err) < 0)
        return -1;
    if (pidfd_wait(start->pidfd, 0, &status) < 0)
        return err_sys(err, "wait for the process in between");
    fd_close(&start->pidfd);
    start->pidfd = take_fd(start->made);
    start->pid = pidfd_number(start->pidfd);
    return 0;
}

static int join(const char *path, int flag, const char *what, struct err *err)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, flag) < 0)
        return step_fail(err, what, path);
    return 0;
}

int child_join_user(struct start *start, size_t i, struct err *err)
{
    (void)i;
    /* Not to be looked at from inside, where its root has power over us from here on. */
    if (child_hide(start, i, err) < 0 ||
        join(start->plan->user_path, CLONE_NEWUSER, "join user namespace", err) < 0)
        return -1;
    if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
        return step_fail(err, "become root of the user namespace", start->plan->user_path);
    return child_hide(start, i, err);
}

int child_join(struct start *start, size_t i, struct err *err)
{
    const struct plan_join *wanted = &start->plan->joins[i];
    return join(wanted->path, (int)wanted->flag, "join namespace", err);
}

int go_on_inside(struct start *start, uint64_t flags, struct err *err)
{
    int pidfd = -1;
    pid_t pid = namespace_clone(flags | CLONE_PARENT, -1, &pidfd);
    if (pid < 0)
        return step_fail(err, "make the process inside", NULL);
    if (pid == 0)
        return 0; /* it goes on with the steps */
    struct err ignored = {};
    if (channel_send_process(start, pidfd, &ignored) < 0)
        (void)pidfd_signal(pidfd, SIGKILL); /* nobody would know of it */
    _exit(0);
}

int child_make_inside(struct start *start, size_t i, struct err *err)
{
    (void)i;
    return go_on_inside(start, start->plan->clone_flags, err);
}

int child_join_mount(struct start *start, size_t i, struct err *err)
{
    (void)i;
    return join(start->plan->mount_path, CLONE_NEWNS, "join mount namespace", err);
}

/* --- a pid namespace that others live in ------------------------------------------------------- */

/* Besides sources, mounts and devices. */
enum { KEPT_SINGLE = 12 };

size_t kept_most(const struct plan *plan, size_t n_devices)
{
    return plan->n_sources + 1 + plan->n_mounts + n_devices + KEPT_SINGLE;
}

size_t count_pids(const struct plan *plan)
{
    return plan->pid_path != NULL;
}

void describe_pids(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    (void)i;
    (void)words;
    str_addf(arguments, "%s", plan->pid_path);
}

/* While its path is the caller's. */
int parent_pids(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const char *path = start->plan->pid_path;
    start->pids = open(path, O_RDONLY | O_CLOEXEC);
    return start->pids < 0 ? err_sys(err, "join namespace %s", path) : 0;
}

int parent_go_on(struct start *start, size_t i, struct err *err)
{
    (void)i;
    return channel_release(start, NULL, 0, err);
}

/* What is still to be mounted, the way to the parent, and the program's own: none of it is the host's
 * alone. */
static int others_close(const struct start *start)
{
    const struct plan *plan = start->plan;
    const struct runtime_request *request = plan->request;
    const int single[KEPT_SINGLE] = {
        start->channel,    start->root,       start->dev,
        start->null,       start->proc,       start->init,
        start->spent,      request->stdio[0], request->stdio[1],
        request->stdio[2], start->terminal,   request->flags & RUNTIME_HOLD ? request->hold : -1,
    };
    size_t n = 0;
    for (size_t i = 0; i < KEPT_SINGLE; i++)
        start->kept[n++] = single[i];
    for (size_t i = 0; i < plan->n_sources + 1; i++)
        start->kept[n++] = start->sources[i];
    for (size_t i = 0; i < plan->n_mounts; i++)
        start->kept[n++] = start->mounts[i];
    for (size_t i = 0; i < start->n_devices; i++)
        start->kept[n++] = start->devices[i];
    return descriptors_close_others(3 + request->preserve_fds, start->kept, n);
}

/* A pid namespace takes only children, so the child makes another one there, in whose place it ends. It
 * waits until that has been written down. */
int child_enter_pids(struct start *start, size_t i, struct err *err)
{
    (void)i;
    if (setns(start->pids, CLONE_NEWPID) < 0 || others_close(start) < 0)
        return step_fail(err, "join namespace", start->plan->pid_path);
    if (go_on_inside(start, 0, err) < 0)
        return -1;
    return channel_wait(start, NULL, 0, err);
}

/* --- the caller's mount namespace ------------------------------------------------------------- */

size_t count_inherited(const struct plan *plan)
{
    return plan->mounts_inherited;
}

int parent_inherit(struct start *start, size_t i, struct err *err)
{
    (void)i;
    start->home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    return start->home < 0 ? err_sys(err, "open /proc/self/ns/mnt") : 0;
}

int child_inherit(struct start *start, size_t i, struct err *err)
{
    (void)i;
    int copy = mount_clone(start->root, "", MOUNT_RECURSIVE);
    if (copy < 0 || setns(start->home, CLONE_NEWNS) < 0 || fchdir(copy) < 0 || chroot(".") < 0)
        return step_fail(err, "return to the caller's mount namespace", NULL);
    start->root = copy;
    start->at_root = true;
    start->away = false;
    return 0;
}

int exec_inherited_find(struct start *start, size_t i, struct err *err)
{
    (void)i;
    char path[40];
    (void)snprintf(path, sizeof(path), "/proc/%d/root", pidfd_number(start->join_pidfd));
    start->home = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (start->home < 0)
        return err_sys(err, "open the container's root");
    /* The number was its own all the time. */
    if (pidfd_poll(start->join_pidfd, 0) != 0)
        return err_set(err, ERR_CONFLICT, "the container has ended");
    return 0;
}

int exec_inherited_enter(struct start *start, struct err *err)
{
    if (fchdir(start->home) < 0 || chroot(".") < 0)
        return step_fail(err, "change to the container's root", NULL);
    return 0;
}
