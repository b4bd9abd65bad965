/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of a group: listed, signalled, stopped, killed.
 *
 * A pid that was read may be another process's a moment later. So before a signal a pidfd is
 * opened, and the list read again: a pid that is listed still either has been in the group all the
 * time, or names a process that has ended, which a pidfd does not reach.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "kernel/cgroup.h"
#include "kernel/cgroup_part.h"

enum {
    PROCS_MAX_BYTES = 64 << 20,
    KILL_PASSES_MAX = 100,
    KILL_FREEZE_MS = 500,
    KILL_REMOVE_MS = 1000, /* until those who were killed are gone */
};

int64_t cgroup_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void cgroup_sleep_ms(int ms)
{
    struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
    (void)nanosleep(&pause, NULL); /* shorter by a signal is fine */
}

/* --- the list --- */

static void add_pids(const char *text, struct cgroup_pids *pids)
{
    while (*text) {
        char *end;
        long pid = strtol(text, &end, 10);
        if (end == text)
            break;
        /* 0 stands for a process of a pid namespace we do not see into. */
        if (pid > 0 && pid <= INT32_MAX)
            *(pid_t *)array_grow((void **)&pids->at, &pids->len, sizeof(*pids->at)) = (pid_t)pid;
        text = end + (*end == '\n');
    }
}

static bool is_gone(int errnum)
{
    return errnum == ENOENT || errnum == ENODEV;
}

/* Takes the descriptor of the group at `path`, and adds the groups in it to the queue. */
static void queue_children(int fd, const char *path, struct strings *queue)
{
    DIR *dir = fdopendir(fd);
    if (!dir) {
        fd_close(&fd);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(dir)))
        if (entry->d_type == DT_DIR && !text_same(entry->d_name, ".") &&
            !text_same(entry->d_name, ".."))
            strings_addf(queue, "%s%s%s", path, *path ? "/" : "", entry->d_name);
    (void)closedir(dir);
}

static int list_group(int top, const char *path, struct strings *queue, struct cgroup_pids *pids,
                      struct err *err)
{
    auto_free char *text = NULL;
    size_t len;
    struct stat st;
    struct err cause = {};
    auto_close int dir = openat(top, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return is_gone(errno) ? 0 : err_sys(err, "open group %s", path);
    auto_close int procs = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    if (procs < 0)
        return is_gone(errno) ? 0 : err_sys(err, "open cgroup.procs");
    /* A threaded group's processes are listed by the group its domain is. */
    if (file_load_fd(procs, PROCS_MAX_BYTES, &text, &len, &cause) == 0) {
        add_pids(text, pids);
    } else if (!is_gone(cause.errnum) && cause.errnum != EOPNOTSUPP) {
        *err = cause;
        return err_wrap(err, "cgroup.procs");
    }
    /* kernfs counts a directory's links: two, and one for each directory in it. */
    if (fstat(dir, &st) == 0 && st.st_nlink > 2)
        queue_children(take_fd(dir), path, queue);
    return 0;
}

int cgroup_procs(const struct cgroup *cgroup, struct cgroup_pids *ret_pids, struct err *err)
{
    struct cgroup_pids pids = {};
    auto_done(strings) queue = {};
    int home = cgroup_home(cgroup);
    auto_close int dir = -1;
    if (home >= 0) {
        auto_free char *path = cgroup_file_path(cgroup, home, NULL);
        dir = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir < 0 && !is_gone(errno))
            return err_sys(err, "open cgroup %s", path);
    }
    if (dir >= 0)
        strings_add(&queue, "");
    for (size_t i = 0; i < queue.len; i++) {
        if (list_group(dir, queue.at[i], &queue, &pids, err) == 0)
            continue;
        cgroup_pids_done(&pids);
        return err_wrap(err, "list processes of cgroup %s", cgroup->path);
    }
    *ret_pids = pids;
    return 0;
}

void cgroup_pids_done(struct cgroup_pids *pids)
{
    free(pids->at);
    *pids = (struct cgroup_pids){};
}

/* --- signals --- */

static bool has_pid(const struct cgroup_pids *pids, size_t hint, pid_t pid)
{
    /* The second list is most often the first again. */
    if (hint < pids->len && pids->at[hint] == pid)
        return true;
    for (size_t i = 0; i < pids->len; i++)
        if (pids->at[i] == pid)
            return true;
    return false;
}

/* Descriptors are few, processes may be many: some at a time. */
enum { SIGNAL_BATCH = 128 };

static int signal_batch(const struct cgroup *cgroup, const pid_t *at, size_t n, int signal,
                        struct err *err)
{
    int fds[SIGNAL_BATCH];
    struct cgroup_pids again = {};
    for (size_t i = 0; i < n; i++)
        fds[i] = (int)syscall(SYS_pidfd_open, at[i], 0);
    int result = cgroup_procs(cgroup, &again, err);
    for (size_t i = 0; i < n; i++) {
        bool ours = result >= 0 && fds[i] >= 0 && has_pid(&again, i, at[i]);
        if (ours && syscall(SYS_pidfd_send_signal, fds[i], signal, NULL, 0) < 0 && errno != ESRCH)
            result = err_sys(err, "signal process %d", at[i]);
        fd_close(&fds[i]);
    }
    cgroup_pids_done(&again);
    return result;
}

/* Gives how many processes there were. */
static int signal_all(const struct cgroup *cgroup, int signal, struct err *err)
{
    struct cgroup_pids pids = {};
    int result = cgroup_procs(cgroup, &pids, err);
    for (size_t i = 0; i < pids.len && result == 0; i += SIGNAL_BATCH) {
        size_t n = pids.len - i < SIGNAL_BATCH ? pids.len - i : SIGNAL_BATCH;
        result = signal_batch(cgroup, pids.at + i, n, signal, err);
    }
    int count = (int)pids.len;
    cgroup_pids_done(&pids);
    return result < 0 ? -1 : count;
}

int cgroup_signal(const struct cgroup *cgroup, int signal, struct err *err)
{
    return signal_all(cgroup, signal, err) < 0 ? -1 : 0;
}

/* --- stop and go --- */

/* v1's freezer, where v2 cannot. */
static int freezer_of(const struct cgroup *cgroup, struct err *err)
{
    int freezer = cgroup_host_find(cgroup->host, CGROUP_FREEZER);
    if (freezer >= 0 && cgroup->host->at[freezer].writable)
        return freezer;
    return err_set(
        err, ERR_UNSUPPORTED,
        "freeze: neither cgroup.freeze (kernel 5.2) nor the freezer controller of cgroup v1");
}

int cgroup_freeze(struct cgroup *cgroup, int timeout_ms, struct err *err)
{
    int done = cgroup->v2 >= 0 ? cgroup_v2_freeze(cgroup, timeout_ms, err) : 0;
    if (done != 0)
        return done < 0 ? -1 : 0;
    int freezer = freezer_of(cgroup, err);
    if (freezer < 0)
        return -1;
    if (!(cgroup->hierarchies & (1U << freezer)) && cgroup_adopt(cgroup, freezer, err) < 0)
        return -1;
    return cgroup_v1_freeze(cgroup, freezer, timeout_ms, err);
}

int cgroup_thaw(const struct cgroup *cgroup, struct err *err)
{
    int done = cgroup->v2 >= 0 ? cgroup_v2_thaw(cgroup, err) : 0;
    if (done != 0)
        return done < 0 ? -1 : 0;
    int freezer = cgroup_host_find(cgroup->host, CGROUP_FREEZER);
    bool has_it = freezer >= 0 && (cgroup->hierarchies & (1U << freezer));
    return has_it ? cgroup_v1_thaw(cgroup, freezer, err) : 0;
}

int cgroup_frozen(const struct cgroup *cgroup, struct err *err)
{
    bool frozen = false;
    int found = cgroup->v2 >= 0 ? cgroup_v2_frozen(cgroup, &frozen, err) : 0;
    if (found != 0)
        return found < 0 ? -1 : frozen;
    int freezer = cgroup_host_find(cgroup->host, CGROUP_FREEZER);
    bool has_it = freezer >= 0 && (cgroup->hierarchies & (1U << freezer));
    return has_it ? cgroup_v1_frozen(cgroup, freezer, err) : 0;
}

/* Without cgroup.kill: stopped, that none forks meanwhile, or else until none is left. A group that
 * is gone already has nobody, and needs no freezer. */
static int kill_each(struct cgroup *cgroup, struct err *err)
{
    struct err ignored = {};
    int first = signal_all(cgroup, SIGKILL, err);
    if (first <= 0)
        return first;
    bool stands = cgroup_freeze(cgroup, KILL_FREEZE_MS, &ignored) == 0;
    int count = 1;
    for (int i = 0; i < (stands ? 1 : KILL_PASSES_MAX) && count > 0; i++) {
        if (i)
            cgroup_sleep_ms(1);
        count = signal_all(cgroup, SIGKILL, err);
    }
    int thawed = stands ? cgroup_thaw(cgroup, err) : 0;
    return count < 0 || thawed < 0 ? -1 : 0;
}

int cgroup_kill(const struct cgroup *cgroup, struct err *err)
{
    int done = cgroup->v2 >= 0 ? cgroup_v2_kill(cgroup, err) : 0;
    if (done != 0)
        return done < 0 ? -1 : 0;
    struct err ignored = {};
    struct cgroup copy = *cgroup; /* it may get a freezer, which the caller need not know */
    int result = kill_each(&copy, err);
    const struct cgroup added = {
        .host = cgroup->host,
        .path = cgroup->path,
        .hierarchies = copy.hierarchies & ~cgroup->hierarchies,
        .v2 = -1,
    };
    if (added.hierarchies) /* what stays is found by whoever looks everywhere */
        (void)cgroup_remove_known(&added, KILL_REMOVE_MS, &ignored);
    return result;
}
