/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last steps of every process, in a new container or in one that runs: from the privileges of
 * its namespace's root down to what the specification grants, then the program.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/landlock.h"
#include "kernel/terminal.h"
#include "runtime/start.h"

/* Before the first look at a file of the container's: a link there may lead to /proc/self/fd. */
int process_descriptors(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const struct runtime_request *request = start->plan->request;
    const int *stdio = request->stdio;
    bool terminal = start->plan->process.terminal;
    const int kept[] = {
        request->flags & RUNTIME_HOLD ? request->hold : -1,
        start->channel,
        start->root,
        start->proc,
        start->init,
        start->terminal,
        terminal ? -1 : stdio[0],
        terminal ? -1 : stdio[1],
        terminal ? -1 : stdio[2],
    };
    if (descriptors_close_others(3 + request->preserve_fds, kept, array_size(kept)) < 0)
        return step_fail(err, "close descriptors", NULL);
    return 0;
}

enum { FIRST_REALTIME_SIGNAL = 32 }; /* the kernel's, signal(7); nobody ignores those */

int process_signals(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const struct caller *caller = &start->plan->process.caller;
    /* What is blocked and ignored outlives execve(2): ruche's own, and the caller's, such as SIGINT
     * and SIGQUIT of whatever a shell starts in the background, which may be what the container is
     * to be stopped by. */
    sigset_t none;
    (void)sigemptyset(&none);
    if (caller->blocks_signals && sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        return step_fail(err, "reset the signals", NULL);
    for (int number = 1; number < FIRST_REALTIME_SIGNAL; number++)
        if (caller->signals_ignored & (UINT32_C(1) << (number - 1)))
            (void)signal(number, SIG_DFL); /* SIGKILL and SIGSTOP are so anyway */
    return 0;
}

int process_landlock(struct start *start, size_t i, struct err *err)
{
    (void)i;
    enum landlock_flags flags = start->plan->process.landlock_scope ? LANDLOCK_SCOPE_ABSTRACT : 0;
    auto_close int ruleset = landlock_prepare(start->root, flags);
    if (ruleset < 0 && flags)
        ruleset = landlock_prepare(start->root, 0);
    if (ruleset < 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
        return 0; /* a kernel without it: the other locks hold */
    if (ruleset < 0 || landlock_restrict(ruleset) < 0)
        return step_fail(err, "restrict by Landlock", NULL);
    return 0;
}

int process_identity_find(struct start *start, size_t i, struct err *err)
{
    (void)i;
    struct plan_process *process =
        (struct plan_process *)&start->plan->process; /* the child's copy */
    if (identity_find(process, start->identity, err) < 0)
        return -1;
    if (!process->home_missing)
        return 0;
    char **end = process->env;
    while (*end)
        end++;
    *end = start->identity->home;
    return 0;
}

int process_capabilities_bound(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const struct plan_process *process = &start->plan->process;
    /* A user namespace begins with all. */
    uint64_t held = start->plan->userns ? UINT64_MAX : process->caller.bounding;
    if (capability_bound(&process->capabilities, held) < 0)
        return step_fail(err, "bound the capabilities", NULL);
    return 0;
}

/* Out of the way of 0, 1 and 2: a caller without streams of his own gets those numbers for
 * anything. */
static int descriptor_raise(int *fd)
{
    if (*fd < 0 || *fd > 2)
        return 0;
    *fd = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
    return *fd < 0 ? -1 : 0;
}

/* Its user may open /dev/stdout anew. A device or a file of the host is not ours to give. */
static int stream_give(int fd, uint32_t uid, bool terminal)
{
    struct stat status;
    if (!terminal && uid == 0)
        return 0;
    if (fstat(fd, &status) < 0)
        return -1;
    if (!terminal && !S_ISFIFO(status.st_mode) && !S_ISSOCK(status.st_mode))
        return 0;
    return fchown(fd, uid, (gid_t)-1) < 0 && errno != EPERM && errno != EINVAL && errno != EROFS
               ? -1
               : 0;
}

int process_stdio(struct start *start, size_t i, struct err *err)
{
    (void)i;
    bool terminal = start->plan->process.terminal;
    int from[3];
    for (int fd = 0; fd < 3; fd++) {
        from[fd] = terminal ? start->terminal : start->plan->request->stdio[fd];
        if (from[fd] != fd && descriptor_raise(&from[fd]) < 0)
            return step_fail(err, "pass the streams on", NULL);
    }
    if (descriptor_raise(&start->channel) < 0 || descriptor_raise(&start->root) < 0 ||
        descriptor_raise(&start->init) < 0 || descriptor_raise(&start->proc) < 0)
        return step_fail(err, "pass the streams on", NULL);
    /* In the caller's session /dev/tty would be the caller's terminal. */
    if (setsid() < 0 || (terminal && terminal_control(start->terminal) < 0))
        return step_fail(err, terminal ? "take the terminal" : "begin a session", NULL);
    for (int fd = 0; fd < 3; fd++) {
        /* One that is the caller's own came to him through an execve. */
        if (from[fd] != fd && dup2(from[fd], fd) < 0)
            return step_fail(err, "pass the streams on", NULL);
        if (stream_give(fd, start->identity->uid, terminal) < 0)
            return step_fail(err, "give the streams to the user", NULL);
    }
    return 0;
}

/* Without no_new_privs only an administrator may load a filter: seccomp(2). */
static bool filter_is_privileged(const struct plan_process *process)
{
    return process->seccomp.len && !process->no_new_privileges;
}

enum { GROUPS_TOLD = 6 };

static void groups_warn(struct start *start, const gid_t *groups, size_t n)
{
    char text[CHANNEL_WARNING_SIZE], more[40] = "";
    int len = snprintf(text, sizeof(text), "group%s", n > 1 ? "s" : "");
    for (size_t i = 0; i < n && i < GROUPS_TOLD; i++)
        len += snprintf(text + len, sizeof(text) - (size_t)len, "%s%u", i ? ", " : " ", groups[i]);
    if (n > GROUPS_TOLD)
        (void)snprintf(more, sizeof(more), " and %zu more", n - GROUPS_TOLD);
    (void)snprintf(text + len, sizeof(text) - (size_t)len,
                   "%s of the container's /etc/group left out: not in its user namespace", more);
    channel_send_warning(start, text);
}

/* The kernel refuses numbers that are not mapped, and setgroups as a whole where a user mapped only
 * himself (user_namespaces(7)): who has no other ids has no groups either. Of what only the image's
 * /etc/group says, what can be had is taken then. */
static bool groups_set(struct start *start)
{
    struct identity *identity = start->identity;
    if (syscall(SYS_setgroups, identity->n_groups, identity->groups) == 0)
        return true;
    if (errno != EINVAL)
        return errno == EPERM && identity->n_asked == 0;
    size_t n_left = 0, n = identity->n_asked;
    gid_t left[START_GROUPS_MAX];
    for (size_t i = n; i < identity->n_groups; i++) {
        gid_t group = identity->groups[i];
        bool had = syscall(SYS_setgroups, 1L, &group) == 0;
        *(had ? &identity->groups[n++] : &left[n_left++]) = group;
    }
    identity->n_groups = n;
    if (n_left > 0)
        groups_warn(start, left, n_left);
    return syscall(SYS_setgroups, n, identity->groups) == 0;
}

static int ids_set(struct start *start, struct err *err)
{
    const struct identity *identity = start->identity;
    if (!groups_set(start))
        return step_fail(err, "set the groups", NULL);
    if (identity->uid && prctl(PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L) < 0)
        return step_fail(err, "keep capabilities over setuid", NULL);
    if (syscall(SYS_setresgid, identity->gid, identity->gid, identity->gid) < 0)
        return step_fail(err, "set the group id (is it in the range of the user namespace?)", NULL);
    if (syscall(SYS_setresuid, identity->uid, identity->uid, identity->uid) < 0)
        return step_fail(err, "set the user id (is it in the range of the user namespace?)", NULL);
    return 0;
}

/* What the caller was all along, and nothing has made it anything else. */
static bool is_identity(const struct start *start)
{
    const struct identity *identity = start->identity;
    return !start->plan->userns && start->plan->process.caller.is_root && identity->uid == 0 &&
           identity->gid == 0 && identity->n_groups == 0;
}

int process_identity_set(struct start *start, size_t i, struct err *err)
{
    const struct plan_process *process = &start->plan->process;
    bool stays = is_identity(start);
    (void)umask(process->umask_set ? (mode_t)process->umask : start->umask);
    if (!stays && ids_set(start, err) < 0)
        return -1;
    struct capability_sets sets = process->capabilities;
    if (filter_is_privileged(process)) {
        sets.permitted |= CAPABILITY_BIT(SYS_ADMIN);
        sets.effective |= CAPABILITY_BIT(SYS_ADMIN);
    }
    if (capability_set(&sets) < 0)
        return step_fail(err, "set the capabilities", NULL);
    /* It hid before; what shows again is who changes his ids (prctl(2), PR_SET_DUMPABLE). */
    return stays ? 0 : child_hide(start, i, err);
}

static const char *cwd_below_root(const struct start *start)
{
    const char *cwd = start->plan->process.cwd;
    cwd += strspn(cwd, "/");
    return *cwd ? cwd : ".";
}

int process_cwd_make(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const struct identity *identity = start->identity;
    const char *path = cwd_below_root(start);
    auto_close int there = target_open(start, path);
    if (there >= 0 || errno != ENOENT)
        return 0; /* process_cwd tells */
    auto_close int made = target_make(start, path, false);
    if (made < 0)
        return step_fail(err, "make working directory", start->plan->process.cwd);
    if (identity->uid && fchownat(made, "", identity->uid, identity->gid, AT_EMPTY_PATH) < 0)
        return step_fail(err, "give the working directory to the user", start->plan->process.cwd);
    return 0;
}

/* By the descriptor, so that no link of /proc leads out of the root. */
static int cwd_change(struct start *start)
{
    if (start->at_root && text_same(cwd_below_root(start), "."))
        return fchdir(start->root);
    auto_close int fd = target_open(start, cwd_below_root(start));
    return fd < 0 ? -1 : fchdir(fd);
}

/* A user begins where his image's author says, be it root's directory; a file system that lets in
 * its owner alone (NFS, FUSE) may refuse root. */
int process_cwd_enter(struct start *start, size_t i, struct err *err)
{
    (void)i;
    bool is_root = text_same(cwd_below_root(start), ".");
    start->in_cwd = (is_root && start->at_root && !start->away) || cwd_change(start) == 0;
    if (!start->in_cwd && errno != EACCES)
        return step_fail(err, "change to working directory", start->plan->process.cwd);
    return 0;
}

int process_cwd(struct start *start, size_t i, struct err *err)
{
    (void)i;
    if (!start->in_cwd && cwd_change(start) < 0)
        return step_fail(err, "change to working directory", start->plan->process.cwd);
    return 0;
}

int process_no_new_privileges(struct start *start, size_t i, struct err *err)
{
    (void)start;
    (void)i;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) < 0)
        return step_fail(err, "refuse new privileges", NULL);
    return 0;
}

int process_seccomp(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const struct plan_process *process = &start->plan->process;
    int listener = seccomp_filter_load(&process->seccomp, process->seccomp_flags);
    if (listener < 0)
        return step_fail(err, "load the seccomp filter", NULL);
    if (filter_is_privileged(process) && capability_lower(&process->capabilities) < 0)
        return step_fail(err, "set the capabilities", NULL);
    if (!process->seccomp_notify)
        return 0;
    int result = channel_send_listener(start, listener, err);
    fd_close(&listener);
    return result;
}

int process_low_limits(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const struct plan_process *process = &start->plan->process;
    bool clamped; /* as far as it is, the parent has said so */
    for (size_t n = 0; n < process->n_rlimits; n++)
        if (limit_is_low(&process->rlimits[n]) && rlimit_set(0, &process->rlimits[n], &clamped) < 0)
            return step_fail(err, "set limit", "nofile");
    return 0;
}

static int execute_init(struct start *start, struct err *err)
{
    const struct plan_process *process = &start->plan->process;
    (void)syscall(SYS_execveat, start->init, "", process->init_argv, process->env, AT_EMPTY_PATH);
    return step_fail(err, "execute ruche-init", NULL);
}

int process_execute(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const struct plan_process *process = &start->plan->process;
    if (channel_announce(start, err) < 0)
        return -1;
    if (start->init >= 0)
        return execute_init(start, err);
    return execute(process->argv, process->env, err);
}

/* --- counts and words ------------------------------------------------------------------------- */

size_t count_terminal(const struct plan *plan)
{
    return plan->process.terminal;
}

size_t count_init(const struct plan *plan)
{
    return plan->process.init != NULL;
}

size_t count_landlock(const struct plan *plan)
{
    return plan->process.landlock;
}

size_t count_low_limits(const struct plan *plan)
{
    size_t count = 0;
    for (size_t n = 0; n < plan->process.n_rlimits && !count; n++)
        count = limit_is_low(&plan->process.rlimits[n]);
    return count;
}

size_t count_make_cwd(const struct plan *plan)
{
    return plan->process.make_cwd;
}

size_t count_no_new_privileges(const struct plan *plan)
{
    return plan->process.no_new_privileges;
}

size_t count_seccomp_notify(const struct plan *plan)
{
    return plan->process.seccomp.len && plan->process.seccomp_notify;
}

size_t count_seccomp(const struct plan *plan)
{
    return plan->process.seccomp.len && !plan->process.seccomp_notify;
}

void describe_identity(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    (void)i;
    (void)arguments;
    if (plan->process.user)
        str_addf(words, " %s", plan->process.user);
    else
        str_addf(words, " %u:%u", plan->process.uid, plan->process.gid);
}

void describe_capabilities(const struct plan *plan, size_t i, struct str *words,
                           struct str *arguments)
{
    (void)i;
    const char *separator = " to ";
    for (int capability = 0; capability < 64; capability++) {
        if (!(plan->process.capabilities.bounding & (UINT64_C(1) << capability)))
            continue;
        const char *name = capability_name(capability);
        str_addf(words, "%s%s", separator, name ? name + sizeof("CAP_") - 1 : "?");
        separator = " ";
    }
    str_add(arguments, "PR_CAPBSET_DROP");
}

void describe_cwd(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    (void)i;
    (void)words;
    str_addf(arguments, "%s", plan->process.cwd);
}

void describe_seccomp(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    (void)i;
    (void)words;
    str_addf(arguments, "SECCOMP_SET_MODE_FILTER, %u instructions", plan->process.seccomp.len);
}

void describe_execute(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    (void)i;
    for (char *const *word = plan->process.argv; *word; word++) {
        str_add_char(words, ' ');
        text_escape(words, *word, strlen(*word));
    }
    str_addf(arguments, "%s", plan->process.argv[0]);
}
