/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last steps of every process, in a new container or in one that runs: from the privileges of its namespace's root
 * down to what the specification grants, then the program.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/landlock.h"
#include "kernel/terminal.h"
#include "runtime/start.h"

int process_signals(struct start *start, size_t i, struct err *err)
{
    (void)start;
    (void)i;
    /* What ruche itself blocks and ignores would outlive execve(2); the rest is as the caller wants it. */
    sigset_t none;
    (void)sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0 || signal(SIGPIPE, SIG_DFL) == SIG_ERR)
        return step_fail(err, "reset the signals", NULL);
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
    struct plan_process *process = (struct plan_process *)&start->plan->process; /* the child's copy */
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
    if (capability_bound(&start->plan->process.capabilities) < 0)
        return step_fail(err, "bound the capabilities", NULL);
    return 0;
}

int process_stdio(struct start *start, size_t i, struct err *err)
{
    (void)i;
    bool terminal = start->plan->process.terminal;
    if (terminal && (setsid() < 0 || terminal_control(start->terminal) < 0))
        return step_fail(err, "take the terminal", NULL);
    for (int fd = 0; fd < 3; fd++) {
        int from = terminal ? start->terminal : start->plan->request->stdio[fd];
        if (from == fd ? fcntl(fd, F_SETFD, 0) < 0 : dup2(from, fd) < 0)
            return step_fail(err, "pass the streams on", NULL);
        /* Its user may open /dev/stdout anew. What is not ours to give (a file of the host) stays as it is. */
        if ((start->identity->uid != 0 || terminal) && fchown(fd, start->identity->uid, (gid_t)-1) < 0 &&
            errno != EPERM && errno != EINVAL && errno != EROFS)
            return step_fail(err, "give the streams to the user", NULL);
    }
    return 0;
}

int process_identity_set(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const struct plan_process *process = &start->plan->process;
    const struct identity *identity = start->identity;
    if (process->umask_set)
        (void)umask((mode_t)process->umask);
    /* The kernel refuses setgroups where a user mapped only himself: user_namespaces(7). Then there are none to set. */
    if (syscall(SYS_setgroups, identity->n_groups, identity->groups) < 0 &&
        (errno != EPERM || identity->n_groups))
        return step_fail(err, "set the groups", NULL);
    if (identity->uid && prctl(PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L) < 0)
        return step_fail(err, "keep capabilities over setuid", NULL);
    if (syscall(SYS_setresgid, identity->gid, identity->gid, identity->gid) < 0)
        return step_fail(err, "set the group id (is it in the range of the user namespace?)", NULL);
    if (syscall(SYS_setresuid, identity->uid, identity->uid, identity->uid) < 0)
        return step_fail(err, "set the user id (is it in the range of the user namespace?)", NULL);
    if (capability_set(&process->capabilities) < 0)
        return step_fail(err, "set the capabilities", NULL);
    return 0;
}

int process_cwd_make(struct start *start, size_t i, struct err *err)
{
    (void)i;
    char path[PATH_MAX];
    const char *cwd = start->plan->process.cwd;
    size_t len = strlen(cwd);
    if (access(cwd, F_OK) == 0 || len >= sizeof(path))
        return 0; /* process_cwd tells */
    memcpy(path, cwd, len + 1);
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return step_fail(err, "make working directory", cwd);
    if (start->identity->uid && chown(path, start->identity->uid, start->identity->gid) < 0)
        return step_fail(err, "give the working directory to the user", cwd);
    return 0;
}

int process_cwd(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const char *cwd = start->plan->process.cwd;
    char path[PATH_MAX];
    if (chdir(cwd) < 0)
        return step_fail(err, "change to working directory", cwd);
    /* A link to a descriptor in /proc could lead out of the root; then the kernel says "(unreachable)". */
    if (syscall(SYS_getcwd, path, sizeof(path)) < 0 || path[0] != '/')
        return err_plain(err, ERR_DENIED, 0, "the working directory is outside of the container", cwd);
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
    if (seccomp_filter_load(&process->seccomp, process->seccomp_flags) < 0)
        return step_fail(err, "load the seccomp filter", NULL);
    return 0;
}

static int execute_init(struct start *start, struct err *err)
{
    const struct plan_process *process = &start->plan->process;
    char *argv[1026] = { (char *)"ruche-init", (char *)"--" };
    size_t n = 0;
    for (; process->argv[n]; n++) {
        if (n + 3 > array_size(argv))
            return err_plain(err, ERR_INVALID, 0, "too many arguments for an init process", NULL);
        argv[n + 2] = process->argv[n];
    }
    (void)syscall(SYS_execveat, start->init, "", argv, process->env, AT_EMPTY_PATH);
    return step_fail(err, "execute ruche-init", NULL);
}

int process_execute(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const struct plan_process *process = &start->plan->process;
    /* Whatever the caller of ruche had open stays outside. */
    if (syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return step_fail(err, "close descriptors", NULL);
    if (channel_announce(start, err) < 0)
        return -1;
    if (start->init >= 0)
        return execute_init(start, err);
    return execute(process->argv, process->env, err);
}

/* --- counts and words ----------------------------------------------------------------------------------------- */

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

size_t count_make_cwd(const struct plan *plan)
{
    return plan->process.make_cwd;
}

size_t count_no_new_privileges(const struct plan *plan)
{
    return plan->process.no_new_privileges;
}

size_t count_seccomp_privileged(const struct plan *plan)
{
    return plan->process.seccomp.len && !plan->process.no_new_privileges;
}

size_t count_seccomp(const struct plan *plan)
{
    return plan->process.seccomp.len && plan->process.no_new_privileges;
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

void describe_capabilities(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
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
