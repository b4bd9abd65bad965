/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container is made by two processes, and this is all they do:
 *
 *   parent                                 child
 *   cgroup, limits
 *   joins namespaces by path
 *   clone3 into the cgroup ─────────────▶  enters v1 cgroups, leaves the caller's keys behind
 *   writes the id maps                     has its network namespace made beside it (network.c)
 *   has the container's directories made
 *   clones layers and sources, maps them
 *   makes /dev with its nodes, if the
 *   child cannot
 *   hands them over  ───────────────────▶  becomes root of its namespace
 *                                          (a pid namespace that is joined it enters behind the
 *                                          change of the root, as another process: join.c)
 *                                          layers → pivot_root → mounts, and when the first of them
 *                                          needs it (in a user namespace before all) the network
 *                                          namespace → masks
 *   watches  ◀──── terminal, error ──────  drops privileges, executes
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/keyring.h"
#include "kernel/mount.h"
#include "kernel/namespace.h"
#include "kernel/pidfd.h"
#include "runtime/describe.h"
#include "runtime/join.h"

/* --- the parent's steps ----------------------------------------------------------------------- */

void start_warn(struct start *start, const char *text)
{
    size_t len = strlen(start->warning);
    (void)snprintf(start->warning + len, sizeof(start->warning) - len, "%s%s", len ? "; " : "",
                   text);
}

static int parent_cgroup(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const struct plan *plan = start->plan;
    int made = cgroup_create(plan->request->cgroups, plan->cgroup, &plan->limits,
                             plan->request->cgroup_flags, &start->cgroup, err);
    start->cgroup_made = made == 1;
    return made < 0 ? -1 : 0;
}

static const char *own_namespace(uint32_t flag, char path[static 32])
{
    for (int kind = 0; kind < NAMESPACE_COUNT; kind++)
        if (namespace_flag(kind) == flag)
            (void)snprintf(path, 32, "/proc/self/ns/%s", namespace_file(kind));
    return path;
}

/* Before the clone: a pid namespace takes only children, and a new user namespace would have no say
 * over the rest. */
static int parent_join(struct start *start, size_t i, struct err *err)
{
    const struct plan_join *join = &start->plan->joins[i];
    char path[32] = "";
    auto_close int own = open(own_namespace(join->flag, path), O_RDONLY | O_CLOEXEC);
    if (own < 0)
        return err_sys(err, "open %s", path);
    auto_close int fd = open(join->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, (int)join->flag) < 0)
        return err_sys(err, "join namespace %s", join->path);
    start->own[i] = take_fd(own);
    return 0;
}

int start_go_back(struct start *start)
{
    int result = 0;
    for (size_t i = 0; start->own && i < start->plan->n_joins; i++) {
        if (start->own[i] >= 0 && setns(start->own[i], (int)start->plan->joins[i].flag) < 0)
            result = -1;
        fd_close(&start->own[i]);
    }
    return result;
}

/* The caller lives on, and makes other containers. */
static int parent_go_back(struct start *start, size_t i, struct err *err)
{
    (void)i;
    if (start_go_back(start) < 0)
        return err_sys(err, "return to the caller's own namespaces");
    return 0;
}

static _Noreturn void child_run(struct start *start)
{
    struct err err = {};
    struct stamp *stamps = start->stamps;
    if (stamps)
        stamps += steps_count(&create_parent_steps, start->plan);
    start->umask = umask(0);
    fd_close(&start->channel);
    start->channel = take_fd(start->peer);
    (void)steps_run(&create_child_steps, start, stamps, &err);
    channel_send_error(start, &err);
    _exit(1);
}

static int parent_clone(struct start *start, size_t i, struct err *err)
{
    (void)i;
    int cgroup = start->cgroup_made ? start->cgroup.v2 : -1;
    uint64_t flags = start->plan->user_path ? 0 : start->plan->clone_flags;
    start->pid = namespace_clone(flags, cgroup, &start->pidfd);
    if (start->pid < 0) {
        (void)err_sys(err, "make a process in new namespaces");
        if (start->plan->clone_flags & CLONE_NEWUSER)
            (void)err_hint(err,
                           "user namespaces may be switched off (sysctl user.max_user_namespaces, "
                           "kernel.unprivileged_userns_clone)");
        return -1;
    }
    if (start->pid == 0)
        child_run(start);
    fd_close(&start->peer);
    return 0;
}

static bool needs_userns(const struct plan *plan)
{
    return owners_mapped(plan) || plan->maps_mounts || (plan->dev_made && plan->userns);
}

static int parent_maps(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const char *joined = start->plan->user_path;
    if (!joined && id_maps_write(&start->plan->maps, start->pid, err) < 0)
        return -1;
    if (!start->plan->privileged || !needs_userns(start->plan))
        return 0;
    char own[40];
    (void)snprintf(own, sizeof(own), "/proc/%d/ns/user", start->pid);
    const char *path = joined ? joined : own;
    start->userns = open(path, O_RDONLY | O_CLOEXEC);
    if (start->userns < 0)
        return err_sys(err, "open %s", path);
    return 0;
}

static int parent_prepare(struct start *start, size_t i, struct err *err)
{
    (void)i;
    return start->plan->request->prepare(start->plan->request->prepare_context, err);
}

static int parent_source(struct start *start, size_t i, struct err *err)
{
    const struct plan_source *source = &start->plan->sources[i];
    if (source_clone(start, i) < 0) {
        int errnum = errno;
        err_sys(err, "open %s", source->path);
        return errnum == ENOTBLK ? err_hint(err, "from a file layers can be mounted since Linux "
                                                 "6.12, and not of every file system")
                                 : -1;
    }
    return source_map(start, i, err);
}

int parent_streams(struct start *start, size_t i, struct err *err)
{
    /* A program may open /dev/stdout anew, so its streams belong to the container's root. Only
     * pipes and sockets: what the caller passed on as it is keeps its owner. */
    struct stat status;
    uint32_t uid;
    uint32_t gid;
    int fd = start->plan->request->stdio[i];
    const struct id_maps *maps = &start->plan->maps;
    if (fstat(fd, &status) < 0)
        return err_sys(err, "look at stream %zu", i);
    if ((S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)) &&
        id_map_outside(&maps->uid, 0, &uid) && id_map_outside(&maps->gid, 0, &gid) &&
        uid != status.st_uid && fchown(fd, uid, gid) < 0 && errno != EPERM)
        return err_sys(err, "give stream %zu to the container", i);
    return 0; /* EPERM: a pipe of someone else's, which then cannot be opened anew */
}

/* What the child itself has open at most, but for hundreds of mounts. */
enum { LOW_NOFILE = 1024 };

bool limit_is_low(const struct rlimit_pair *limit)
{
    return limit->resource == RLIMIT_NOFILE && limit->soft < LOW_NOFILE;
}

int parent_limit(struct start *start, size_t i, struct err *err)
{
    const struct rlimit_pair *limit = &start->plan->process.rlimits[i];
    struct rlimit_pair for_now = *limit;
    bool clamped = false;
    if (limit_is_low(limit)) {
        for_now.soft = LOW_NOFILE;
        for_now.hard = limit->hard > LOW_NOFILE ? limit->hard : LOW_NOFILE;
    }
    if (rlimit_set(start->pid, &for_now, &clamped) < 0)
        return err_sys(err, "set limit %s", rlimit_name(limit->resource));
    if (clamped && for_now.hard == limit->hard) {
        char text[100];
        (void)snprintf(text, sizeof(text),
                       "limit %s cannot be raised so far here: the most there is holds",
                       rlimit_name(limit->resource));
        start_warn(start, text);
    }
    return 0;
}

int parent_oom_score(struct start *start, size_t i, struct err *err)
{
    (void)i;
    char path[40];
    char value[16];
    int64_t score = start->plan->process.oom_score_adj.value;
    (void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", start->pid);
    (void)snprintf(value, sizeof(value), "%lld", (long long)score);
    if (file_poke(AT_FDCWD, path, value) == 0)
        return 0;
    if (errno != EACCES && errno != EPERM)
        return err_sys(err, "set oom_score_adj to %s", value);
    start_warn(start, "oom_score_adj cannot be lowered here: it stays as it is");
    return 0;
}

static int parent_record(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const struct runtime_request *request = start->plan->request;
    return request->record(request->record_context, start->pid, start->cgroup_made, err);
}

/* While the child can still be looked at: an ordinary user's hides as soon as it is let go. */
static int parent_hold_mounts(struct start *start, size_t i, struct err *err)
{
    (void)i;
    char path[40];
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", start->pid);
    start->held = open(path, O_RDONLY | O_CLOEXEC);
    return start->held < 0 ? err_sys(err, "open %s", path) : 0;
}

static int parent_release(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const struct plan *plan = start->plan;
    return channel_release(start, start->sources, plan_handed(plan), err);
}

int parent_watch(struct start *start, size_t i, struct err *err)
{
    (void)i;
    return channel_watch(start, err);
}

/* --- the child's steps ------------------------------------------------------------------------ */

static int child_cgroup(struct start *start, size_t i, struct err *err)
{
    (void)i;
    if (start->cgroup_made && cgroup_enter(&start->cgroup) < 0)
        return step_fail(err, "enter the cgroup", start->plan->cgroup);
    return 0;
}

static int child_keyring(struct start *start, size_t i, struct err *err)
{
    (void)start;
    (void)i;
    /* A kernel without keys has none to leave behind; a user beyond his quota of keyrings has the
     * filter of keyctl(2). */
    if (keyring_renew() < 0 && errno != ENOSYS && errno != EDQUOT)
        return step_fail(err, "leave the caller's keyring", NULL);
    return 0;
}

static int child_unshare(struct start *start, size_t i, struct err *err)
{
    (void)i;
    if (unshare((int)start->plan->unshare_flags) < 0)
        return step_fail(err, "make namespaces", NULL);
    return 0;
}

static int child_time_offset(struct start *start, size_t i, struct err *err)
{
    const struct spec_time_offset *offset = &start->plan->time_offsets[i];
    char line[80];
    (void)snprintf(line, sizeof(line), "%s %lld %u", offset->key, (long long)offset->secs,
                   offset->nanosecs);
    if (file_poke(AT_FDCWD, "/proc/self/timens_offsets", line) < 0)
        return step_fail(err, "set the clock offset", line);
    if (i + 1 < start->plan->n_time_offsets)
        return 0;
    /* execve(2) enters the namespace by itself only since kernel 6.3. */
    auto_close int fd = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWTIME) < 0)
        return step_fail(err, "enter the time namespace", NULL);
    return 0;
}

static int child_loopback(struct start *start, size_t i, struct err *err)
{
    (void)start;
    (void)i;
    if (loopback_up(NULL) < 0)
        return step_fail(err, "bring up the loopback interface", NULL);
    return 0;
}

/* Through the host's /proc, which is still in sight: what is written there is the writer's
 * namespace's. Those of the ipc namespace belong to its root (ipc_permissions in the kernel's
 * ipc/ipc_sysctl.c). */
static int child_sysctl(struct start *start, size_t i, struct err *err)
{
    const struct plan_sysctl *sysctl = &start->plan->sysctls[i];
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "/proc/sys/%s", sysctl->path);
    if (file_poke(AT_FDCWD, path, sysctl->value) < 0)
        return step_fail(err, "set sysctl", sysctl->path);
    return 0;
}

static int child_wait(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const struct plan *plan = start->plan;
    if (channel_wait(start, start->sources, plan_handed(plan), err) < 0)
        return -1;
    if (plan_dev_handed(plan))
        start->mounts[plan->dev_mount] = take_fd(start->sources[plan->n_sources]);
    return 0;
}

/* Not before the id maps are written: an ordinary user's parent could not write those of a hidden
 * process. */
int child_hide(struct start *start, size_t i, struct err *err)
{
    (void)start;
    (void)i;
    if (prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L) < 0)
        return step_fail(err, "hide from the container", NULL);
    return 0;
}

static int child_become_root(struct start *start, size_t i, struct err *err)
{
    if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
        return step_fail(err, "become root of the user namespace", NULL);
    return child_hide(start, i, err);
}

static int child_propagation(struct start *start, size_t i, struct err *err)
{
    (void)start;
    (void)i;
    /* A slave, not private: what the host unmounts meanwhile must not stay alive here. */
    if (mount_propagation(MS_SLAVE) < 0)
        return step_fail(err, "keep mounts from the host", NULL);
    return 0;
}

static int child_init_open(struct start *start, size_t i, struct err *err)
{
    (void)i;
    /* It becomes /proc/1/exe, which leads whoever opens it to the host's own file: by a mount that
     * is read-only. */
    start->init = mount_clone_changed(AT_FDCWD, start->plan->process.init,
                                      MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0,
                                      MS_PRIVATE, 0);
    if (start->init < 0)
        return step_fail(err, "open", start->plan->process.init);
    return 0;
}

static int child_hostname(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const char *name = start->plan->hostname;
    if (sethostname(name, strlen(name)) < 0)
        return step_fail(err, "set the host name", name);
    return 0;
}

static int child_domainname(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const char *name = start->plan->domainname;
    if (setdomainname(name, strlen(name)) < 0)
        return step_fail(err, "set the domain name", name);
    return 0;
}

/* --- counts ----------------------------------------------------------------------------------- */

static bool has_userns(const struct plan *plan)
{
    return plan->userns;
}

static size_t count_cgroup(const struct plan *plan)
{
    return plan->cgroup != NULL;
}

static size_t count_prepare(const struct plan *plan)
{
    return plan->request->prepare != NULL;
}

static size_t count_record(const struct plan *plan)
{
    return plan->request->record != NULL;
}

static size_t count_late_record(const struct plan *plan)
{
    return count_record(plan) && count_pids(plan);
}

/* What a process in between makes is not the child's. */
static size_t count_hold_mounts(const struct plan *plan)
{
    return plan->request->flags & RUNTIME_HOLD_MOUNTS && plan->clone_flags & CLONE_NEWNS &&
           !plan->user_path;
}

static size_t count_keyring(const struct plan *plan)
{
    return !(plan->request->flags & RUNTIME_KEEP_KEYRING);
}

static size_t count_maps(const struct plan *plan)
{
    return has_userns(plan);
}

/* Root clones mounts before the child sees them; an ordinary user's child does it as root of its
 * namespace. */
static size_t count_parent_sources(const struct plan *plan)
{
    return plan_sources_handed(plan);
}

static size_t count_child_binds(const struct plan *plan)
{
    return plan->binds_by_child ? plan->n_sources - plan->n_root_sources : 0;
}

static size_t count_child_sources(const struct plan *plan)
{
    return plan->privileged ? 0 : plan->n_sources;
}

size_t count_streams(const struct plan *plan)
{
    return has_userns(plan) && plan->privileged && !plan->process.terminal ? 3 : 0;
}

size_t count_limits(const struct plan *plan)
{
    return plan->process.n_rlimits;
}

size_t count_oom_score(const struct plan *plan)
{
    return plan->process.oom_score_adj.set;
}

static size_t count_unshare(const struct plan *plan)
{
    return plan->unshare_flags != 0;
}

static size_t count_joins(const struct plan *plan)
{
    return count_joins_inside(plan) ? 0 : plan->n_joins;
}

static size_t count_joined(const struct plan *plan)
{
    return count_joins(plan) != 0;
}

static size_t count_time_offsets(const struct plan *plan)
{
    return plan->n_time_offsets;
}

static size_t count_network(const struct plan *plan)
{
    return plan->network_beside;
}

static size_t count_network_first(const struct plan *plan)
{
    return plan->network_beside && !plan->network_last;
}

static size_t count_network_last(const struct plan *plan)
{
    return plan->network_last;
}

static size_t count_loopback(const struct plan *plan)
{
    return plan->loopback;
}

static size_t count_sysctls(const struct plan *plan)
{
    return plan->n_sysctls;
}

/* A mount namespace of another user namespace is a slave from birth: mount_namespaces(7). */
static size_t count_propagation(const struct plan *plan)
{
    return !has_userns(plan) || plan->mount_path;
}

static size_t count_mounts(const struct plan *plan)
{
    return plan->n_mounts_first;
}

static size_t count_mounts_rest(const struct plan *plan)
{
    return plan->n_mounts - plan->n_mounts_first;
}

static size_t count_layers(const struct plan *plan)
{
    return plan->request->rootfs->kind == ROOTFS_OVERLAY;
}

static size_t count_fs(const struct plan *plan)
{
    return plan->n_early_fs;
}

static size_t count_late_fs(const struct plan *plan)
{
    return plan->n_fs - plan->n_early_fs;
}

static size_t count_late(const struct plan *plan)
{
    return plan->n_late;
}

static size_t count_root_propagation(const struct plan *plan)
{
    return plan->root_propagation && plan->root_propagation != MS_PRIVATE;
}

static size_t count_dev_made(const struct plan *plan)
{
    return plan_dev_handed(plan);
}

static size_t count_dev(const struct plan *plan)
{
    return plan->dev && !plan->dev_made;
}

static size_t count_masked(const struct plan *plan)
{
    return plan->masked ? plan->masked->len : 0;
}

static size_t count_readonly(const struct plan *plan)
{
    return plan->readonly ? plan->readonly->len : 0;
}

static size_t count_root_readonly(const struct plan *plan)
{
    return plan->root_readonly;
}

static size_t count_hostname(const struct plan *plan)
{
    return plan->hostname != NULL;
}

static size_t count_domainname(const struct plan *plan)
{
    return plan->domainname != NULL;
}

/* --- the tables ------------------------------------------------------------------------------- */

/* clang-format off */
static const struct step parent_table[] = {
    { "make the cgroup", "mkdir", NULL, count_cgroup, describe_cgroup, parent_cgroup },
    { "join namespace", "setns", NULL, count_joins, describe_join, parent_join },
    { "hold the caller's mount namespace", "open", "/proc/self/ns/mnt", count_inherited, NULL, parent_inherit },
    { "hold the process namespace", "open", NULL, count_pids, describe_pids, parent_pids },
    { "make a process in new namespaces", "clone3", NULL, NULL, describe_clone, parent_clone },
    { "return to the caller's own namespaces", "setns", "", count_joined, NULL, parent_go_back },
    { "wait for the process inside", "recvmsg, waitid", "", count_between, NULL, parent_between },
    { "map user and group ids", "write", NULL, count_maps, describe_maps, parent_maps },
    { "make the container's directories", "mkdirat, openat", "", count_prepare, NULL, parent_prepare },
    { "clone mount", "open_tree_attr", NULL, count_parent_sources, describe_source, parent_source },
    { "give the stream to the container's root", "fchown", "uid 0 of the namespace", count_streams, NULL, parent_streams },
    { "limit", "prlimit", NULL, count_limits, describe_limit, parent_limit },
    { "set the out-of-memory score", "write", "oom_score_adj", count_oom_score, NULL, parent_oom_score },
    { "enter the class of cache and bandwidth", "write", "resctrl", count_resctrl, NULL, parent_resctrl },
    { "move network device", "sendmsg", NULL, count_netdevices, describe_netdevice, parent_netdevice },
    { "write the process down", "write, renameat", "", count_record, NULL, parent_record },
    { "make /dev", "fsopen, fsmount, mknodat", "", count_dev_made, NULL, parent_dev },
    { "hold the mounts for their end", "open", "/proc/PID/ns/mnt", count_hold_mounts, NULL, parent_hold_mounts },
    { "hand over and let go", "sendmsg", NULL, NULL, describe_release, parent_release },
    { "wait for the process inside", "recvmsg, waitid", "", count_pids, NULL, parent_between },
    { "write the process down", "write, renameat", "", count_late_record, NULL, parent_record },
    { "let it go on", "sendmsg", "", count_pids, NULL, parent_go_on },
    { "run hooks", "clone, execve", NULL, count_runtime_hooks, describe_runtime_hooks, parent_hooks },
    { "hand the seccomp listener to its agent", "sendmsg", NULL, count_listener, describe_listener, parent_listener },
    { "watch until the program is executed", "recvmsg", "", NULL, NULL, parent_watch },
    {},
};

static const struct step child_table[] = {
    { "enter the cgroup", "write", "tasks, \"0\"", count_cgroup, NULL, child_cgroup },
    { "join the user namespace", "setns, setresuid", NULL, count_between, describe_user_path, child_join_user },
    { "join namespace", "setns", NULL, count_joins_inside, describe_join, child_join },
    { "make the process inside", "clone3", NULL, count_between, describe_clone, child_make_inside },
    { "make namespaces", "unshare", NULL, count_unshare, describe_unshare, child_unshare },
    { "shift the clock", "write", NULL, count_time_offsets, describe_time, child_time_offset },
    { "make a network namespace beside", "clone, unshare", "CLONE_NEWNET", count_network, NULL, child_network_begin },
    { "let go of the caller's processors", "sched_setaffinity", "", count_processors_reset, NULL, process_processors_reset },
    { "leave the caller's keys", "keyctl", "KEYCTL_JOIN_SESSION_KEYRING", count_keyring, NULL, child_keyring },
    { "open the host's /proc", "open", "", count_label, NULL, process_label_open },
    { "bring up the loopback interface", "ioctl", "SIOCSIFFLAGS, lo, IFF_UP", count_loopback, NULL, child_loopback },
    { "clone device", "open_tree", "OPEN_TREE_CLONE", device_count, describe_device, child_devices_clone },
    { "open ruche-init", "open_tree_attr", "MOUNT_ATTR_RDONLY", count_init, NULL, child_init_open },
    { "wait for the parent", "recvmsg", "", NULL, NULL, child_wait },
    { "hide from the container", "prctl", "PR_SET_DUMPABLE, 0", NULL, NULL, child_hide },
    { "become root of the user namespace", "setresuid", "0, 0, 0", count_maps, NULL, child_become_root },
    { "clone mount", "open_tree_attr", NULL, count_child_binds, describe_bind, child_bind_clone },
    { "join the mount namespace", "setns", NULL, count_join_mount, describe_mount_path, child_join_mount },
    { "keep mounts from the host", "mount_setattr", "/, AT_RECURSIVE, MS_SLAVE", count_propagation, NULL, child_propagation },
    { "clone mount", "open_tree_attr", NULL, count_child_sources, describe_source, child_sources_clone },
    { "lay the layers on each other", "fsopen, fsmount", NULL, count_layers, describe_layers, child_layers_mount },
    { "make file system", "fsopen, fsmount", NULL, count_fs, describe_fs, child_mount_make },
    { "enter the network namespace", "waitid, setns", "CLONE_NEWNET", count_network_first, NULL, child_network_enter },
    { "set sysctl", "write", NULL, count_sysctls, describe_sysctl, child_sysctl },
    { "make file system", "fsopen, fsmount", NULL, count_late_fs, describe_late_fs, child_late_mount_make },
    { "change to the root file system", "move_mount, pivot_root", NULL, NULL, describe_root, child_root_mount },
    { "make the process inside", "setns, clone3", NULL, count_pids, describe_pids, child_enter_pids },
    { "mount", "mount or move_mount", NULL, count_mounts, describe_mount, child_mount },
    { "enter the network namespace", "waitid, setns", "CLONE_NEWNET", count_network_last, NULL, child_network_enter },
    { "mount", "mount or move_mount", NULL, count_mounts_rest, describe_mounts_rest, child_mount_rest },
    { "place device", "move_mount", "", device_count, describe_device, child_device },
    { "link the streams in /dev", "symlinkat", "/proc/self/fd", count_dev, NULL, child_device_links },
    { "open the terminal", "openat, ioctl", "/dev/pts/ptmx, TIOCGPTPEER", count_terminal, NULL, child_terminal },
    { "place device", "move_mount", "", count_far_devices, describe_far_device, child_far_device },
    { "make read-only what is complete", "mount_setattr", "MOUNT_ATTR_RDONLY", count_late, describe_late, child_late_readonly },
    { "wait for the runtime's hooks", "sendmsg, recvmsg", "", count_runtime_hooks, NULL, child_runtime_hooks },
    { "run hook", "clone, execve", NULL, count_container_hooks, describe_container_hook, child_container_hook },
    { "change to the root file system", "pivot_root", "", count_pivot, NULL, child_pivot },
    { "set the host name", "sethostname", NULL, count_hostname, describe_hostname, child_hostname },
    { "set the domain name", "setdomainname", NULL, count_domainname, describe_domainname, child_domainname },
    { "mask", "mount or open_tree, move_mount", NULL, count_masked, describe_masked, child_mask },
    { "make read-only", "open_tree_attr, move_mount", NULL, count_readonly, describe_readonly, child_readonly },
    { "set the root's propagation", "mount_setattr", "", count_root_propagation, NULL, child_root_propagation },
    { "return to the caller's mount namespace", "open_tree, setns, chroot", "CLONE_NEWNS", count_inherited, NULL, child_inherit },
    PROCESS_STEPS_AS_ROOT,
    { "make the root file system read-only", "mount_setattr", "MOUNT_ATTR_RDONLY", count_root_readonly, NULL, child_root_readonly },
    PROCESS_STEPS,
    {},
};
/* clang-format on */

const struct steps create_parent_steps = { "parent", parent_table };
const struct steps create_child_steps = { "child", child_table };
