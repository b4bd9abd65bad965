/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process in a running container. A pid namespace takes only children of whoever joins it.
 *
 * Root joins it for the moment of the clone, and the child joins the rest. It can be seen from
 * inside at once, but as a process of the host's root, out of reach of all that is in a user
 * namespace of its own, and it is hidden before it becomes one of the container's.
 *
 * An ordinary user has rights over the pid namespace only inside the user namespace that owns it,
 * and cannot come back from there; and in the host's user namespace nothing hides from
 * CAP_SYS_PTRACE. So there is a process in between: it enters the cgroup, closes what
 * the caller had open, joins everything, makes the final process as a child of the parent's
 * (CLONE_PARENT), hands its pidfd back and is gone.
 *
 * Neither process can be looked at from inside before it executes.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/keyring.h"
#include "kernel/namespace.h"
#include "kernel/pidfd.h"
#include "runtime/join.h"

static int exec_cgroup(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const struct runtime_request *request = start->plan->request;
    int found = cgroup_open_below(request->cgroups, start->plan->cgroup, request->hierarchies,
                                  request->cgroups_below, &start->cgroup, err);
    start->cgroup_made = found == 1;
    if (found == 0) /* outside of it there would be no limits */
        return err_set(err, ERR_CONFLICT, "cgroup %s is gone; has the container ended?",
                       start->plan->cgroup);
    return found < 0 ? -1 : 0;
}

static uint64_t container_flags(const struct plan *plan)
{
    uint64_t flags = plan->all_flags;
    for (size_t join = 0; join < plan->n_joins; join++)
        flags |= plan->joins[join].flag;
    return flags | (plan->userns ? CLONE_NEWUSER : 0) | (plan->mount_path ? CLONE_NEWNS : 0);
}

/* What the child joins. */
static uint64_t join_flags(const struct plan *plan)
{
    uint64_t flags = container_flags(plan);
    return plan->exec_direct ? flags & ~(uint64_t)CLONE_NEWPID : flags;
}

static int clone_inside(struct start *start, int cgroup, struct err *err)
{
    auto_close int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    if (own < 0 || setns(start->join_pidfd, CLONE_NEWPID) < 0)
        return err_sys(err, "join the container's process namespace");
    start->pid = namespace_clone(0, cgroup, &start->pidfd);
    if (start->pid == 0)
        return 0;
    int saved = errno;
    if (setns(own, CLONE_NEWPID) < 0)
        return err_sys(err, "return to the caller's own process namespace");
    errno = saved;
    return start->pid < 0 ? err_sys(err, "make a process in the container; has it ended?") : 0;
}

static int exec_clone(struct start *start, size_t i, struct err *err)
{
    (void)i;
    int cgroup = start->cgroup_made ? start->cgroup.v2 : -1;
    if (start->plan->exec_direct && container_flags(start->plan) & CLONE_NEWPID) {
        if (clone_inside(start, cgroup, err) < 0)
            return -1;
    } else {
        start->pid = namespace_clone(0, cgroup, &start->pidfd);
        if (start->pid < 0)
            return err_sys(err, "make a process");
    }
    if (start->pid > 0) {
        fd_close(&start->peer);
        return 0;
    }
    struct err why = {};
    start->umask = umask(0);
    struct stamp *stamps = start->stamps;
    if (stamps)
        stamps += steps_count(&exec_parent_steps, start->plan);
    fd_close(&start->channel);
    start->channel = take_fd(start->peer);
    (void)steps_run(&exec_child_steps, start, stamps, &why);
    channel_send_error(start, &why);
    _exit(1);
}

static int exec_release(struct start *start, size_t i, struct err *err)
{
    (void)i;
    return channel_release(start, NULL, 0, err);
}

static int exec_reap(struct start *start, size_t i, struct err *err)
{
    (void)i;
    int status;
    if (pidfd_wait(start->pidfd, 0, &status) < 0)
        return err_sys(err, "wait for the process in between");
    fd_close(&start->pidfd);
    return 0;
}

static int exec_enter(struct start *start, size_t i, struct err *err)
{
    (void)i;
    if (cgroup_enter(&start->cgroup) < 0)
        return step_fail(err, "enter the cgroup", start->plan->cgroup);
    return 0;
}

static int exec_wait(struct start *start, size_t i, struct err *err)
{
    (void)i;
    return channel_wait(start, NULL, 0, err);
}

/* While nobody inside can see this process. */
static int exec_descriptors(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const int *stdio = start->plan->request->stdio;
    const int kept[] = { start->channel, start->join_pidfd, start->proc, start->home,
                         stdio[0],       stdio[1],          stdio[2] };
    unsigned from = 3 + start->plan->request->preserve_fds;
    if (descriptors_close_others(from, kept, array_size(kept)) < 0)
        return step_fail(err, "close descriptors", NULL);
    return 0;
}

static int exec_join(struct start *start, size_t i, struct err *err)
{
    (void)i;
    int flags = (int)join_flags(start->plan);
    if (flags && setns(start->join_pidfd, flags) < 0)
        return step_fail(err, "join the container's namespaces", NULL);
    /* Before anything of it can be seen inside: its root would be the host's. */
    return start->plan->mounts_inherited ? exec_inherited_enter(start, err) : 0;
}

static int exec_become_root(struct start *start, size_t i, struct err *err)
{
    if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
        return step_fail(err, "become root of the user namespace", NULL);
    return child_hide(start, i, err);
}

static int exec_make(struct start *start, size_t i, struct err *err)
{
    (void)i;
    return go_on_inside(start, 0, err);
}

static int exec_session(struct start *start, size_t i, struct err *err)
{
    (void)start;
    (void)i;
    /* Keys first: the session keyring of whoever called is not for the container. */
    if (keyring_renew() < 0 && errno != ENOSYS && errno != EDQUOT)
        return step_fail(err, "leave the caller's keyring", NULL);
    return 0;
}

static int exec_root(struct start *start, size_t i, struct err *err)
{
    (void)i;
    start->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (start->root < 0)
        return step_fail(err, "open the container's root", NULL);
    return 0;
}

static size_t count_cgroup(const struct plan *plan)
{
    return plan->cgroup != NULL;
}

static size_t count_userns(const struct plan *plan)
{
    return plan->userns;
}

static size_t count_direct(const struct plan *plan)
{
    return plan->exec_direct;
}

static size_t count_indirect(const struct plan *plan)
{
    return !plan->exec_direct;
}

static void describe_clone_exec(const struct plan *plan, size_t i, struct str *words,
                                struct str *arguments)
{
    (void)i;
    (void)arguments;
    str_add(words, plan->exec_direct ? " inside" : " in between");
}

static void describe_join(const struct plan *plan, size_t i, struct str *words,
                          struct str *arguments)
{
    (void)i;
    (void)words;
    str_addf(arguments, "pidfd, %#llx", (unsigned long long)join_flags(plan));
}

/* clang-format off */
static const struct step parent_table[] = {
    { "open the cgroup", "openat", "", count_cgroup, NULL, exec_cgroup },
    { "find the container's root", "open", "/proc/PID/root", count_inherited, NULL, exec_inherited_find },
    { "make a process", "clone3", "CLONE_PIDFD", NULL, describe_clone_exec, exec_clone },
    { "give the stream to the container's root", "fchown", "uid 0 of the namespace", count_streams, NULL, parent_streams },
    { "limit", "prlimit", "", count_limits, NULL, parent_limit },
    { "set the out-of-memory score", "write", "oom_score_adj", count_oom_score, NULL, parent_oom_score },
    { "let go", "sendmsg", "", NULL, NULL, exec_release },
    { "reap the process in between", "waitid", "P_PIDFD", count_indirect, NULL, exec_reap },
    { "hand the seccomp listener to its agent", "sendmsg", NULL, count_listener, describe_listener, parent_listener },
    { "watch until the program is executed", "recvmsg", "", NULL, NULL, parent_watch },
    {},
};

static const struct step child_table[] = {
    { "hide from the container", "prctl", "PR_SET_DUMPABLE, 0", count_direct, NULL, child_hide },
    { "bind to processors", "sched_setaffinity", "", count_processors_initial, NULL, process_processors_initial },
    { "enter the cgroup", "write", "tasks, \"0\"", count_cgroup, NULL, exec_enter },
    { "let go of the caller's processors", "sched_setaffinity", "", count_processors_reset, NULL, process_processors_reset },
    { "open the host's /proc", "open", "", count_label, NULL, process_label_open },
    { "wait for the parent", "recvmsg", "", NULL, NULL, exec_wait },
    { "hide from the container", "prctl", "PR_SET_DUMPABLE, 0", NULL, NULL, child_hide },
    { "close what the caller had open", "close_range", "", NULL, NULL, exec_descriptors },
    { "leave the caller's keys", "keyctl", "KEYCTL_JOIN_SESSION_KEYRING", NULL, NULL, exec_session },
    { "join the container's namespaces", "setns", NULL, NULL, describe_join, exec_join },
    { "become root of the user namespace", "setresuid", "0, 0, 0", count_userns, NULL, exec_become_root },
    { "make the process inside", "clone3", "CLONE_PARENT | CLONE_PIDFD", count_indirect, NULL, exec_make },
    { "open the container's root", "open", "/", NULL, NULL, exec_root },
    { "open the terminal", "openat, ioctl", "/dev/pts/ptmx, TIOCGPTPEER", count_terminal, NULL, child_terminal },
    PROCESS_STEPS_AS_ROOT,
    PROCESS_STEPS,
    {},
};
/* clang-format on */

const struct steps exec_parent_steps = { "parent", parent_table };
const struct steps exec_child_steps = { "child", child_table };
