/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is particular to v2: controllers are switched on from the top down, each level for those
 * below it, and the core can freeze and kill a whole group. The core's files are there in a hybrid
 * layout as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "kernel/cgroup.h"
#include "kernel/cgroup_part.h"

enum { EVENTS_SIZE = 256 };

/* --- controllers --- */

static int refuse_controller(const char *dir, const char *name, int errnum, struct err *err)
{
    if (errnum == ENOENT || errnum == EINVAL)
        return err_set(
            err, ERR_UNSUPPORTED,
            "the %s controller is not in %s/cgroup.controllers; have it delegated to this group "
            "(systemd: Delegate=yes), or boot without cgroup_disable=%s",
            name, dir, name);
    if (errnum == EBUSY)
        return err_set(err, ERR_UNSUPPORTED,
                       "the %s controller cannot be switched on in %s: cgroup v2 does not allow it "
                       "where processes are; move those into a group below it first",
                       name, dir);
    errno = errnum;
    (void)err_sys(err, "switch the %s controller on in %s", name, dir);
    if (errnum == EACCES || errnum == EROFS)
        (void)err_hint(err, "have the group delegated (systemd: Delegate=yes)");
    if (errnum == EOPNOTSUPP)
        (void)err_hint(err, "the group is threaded and has no such controller");
    return -1;
}

/* Not at the hierarchy's root, the one group without a cgroup.type: there it does not matter. */
static bool holds_processes(const char *dir)
{
    auto_free char *type = xasprintf("%s/cgroup.type", dir);
    auto_free char *procs = xasprintf("%s/cgroup.procs", dir);
    char byte;
    if (faccessat(AT_FDCWD, type, F_OK, 0) < 0)
        return false;
    auto_close int fd = open(procs, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &byte, 1) == 1;
}

/* 0, or errno. The kernel refuses most controllers where processes are, but not pids or cpu: it
 * makes a threaded domain of the group, and those below it cannot have processes any more. So it is
 * we who refuse. */
static int switch_on(const char *dir, const char *value)
{
    auto_free char *file = xasprintf("%s/cgroup.subtree_control", dir);
    if (holds_processes(dir))
        return EBUSY;
    return file_poke(AT_FDCWD, file, value) == 0 ? 0 : errno;
}

bool cgroup_v2_enable(const struct cgroup *cgroup, enum cgroup_controller controller,
                      struct err *ret_why)
{
    const char *mount = cgroup->host->at[cgroup->host->v2].mount;
    const char *name = cgroup_controller_v2(controller);
    if (!*name) {
        (void)err_set(ret_why, ERR_UNSUPPORTED, "cgroup v2 has no %s controller",
                      cgroup_controller_v1(controller));
        return false;
    }
    auto_free char *value = xasprintf("+%s", name);
    bool on = false;
    bool told = false;
    for (const char *at = cgroup->path; *at; at += 1 + strcspn(at + 1, "/")) {
        auto_free char *dir = xasprintf("%s%.*s", mount, (int)(at - cgroup->path), cgroup->path);
        int errnum = switch_on(dir, value);
        /* Levels above a delegated group are not ours to write, and may have it on already. Of the
         * others the first that fails is the cause. */
        if (errnum && !told)
            (void)refuse_controller(dir, name, errnum, ret_why);
        told = errnum && errnum != EACCES && errnum != EPERM;
        on = !errnum;
    }
    if (on)
        *ret_why = (struct err){};
    return on;
}

/* --- freezing --- */

/* The value of a key in cgroup.events, -1 if it cannot be read. */
static int event_value(int fd, const char *key)
{
    char text[EVENTS_SIZE];
    ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
    if (len < 0)
        return -1;
    text[len] = '\0';
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
        if (text_starts(line, key) && line[strlen(key)] == ' ')
            return line[strlen(key) + 1] == '1';
    return -1;
}

/* 1 once all stand; 0 when the time is over. */
static int wait_frozen(int events, int timeout_ms)
{
    int64_t end = cgroup_now_ms() + timeout_ms;
    for (;;) {
        int frozen = event_value(events, "frozen");
        int64_t left = end - cgroup_now_ms();
        if (frozen != 0 || left <= 0)
            return frozen;
        /* The read before it is what the kernel's notification counts from. */
        struct pollfd wait = { .fd = events, .events = POLLPRI };
        if (poll(&wait, 1, (int)left) < 0 && errno != EINTR)
            return -1;
    }
}

int cgroup_v2_freeze(const struct cgroup *cgroup, int timeout_ms, struct err *err)
{
    int v2 = cgroup->host->v2;
    auto_close int events = cgroup_file_open(cgroup, v2, "cgroup.events", O_RDONLY);
    if (events < 0)
        return err_sys(err, "freeze: open cgroup.events of %s", cgroup->path);
    if (cgroup_file_write(cgroup, v2, "cgroup.freeze", "1") < 0) {
        if (errno == ENOENT)
            return 0;
        return err_sys(err, "freeze: write to cgroup.freeze of %s", cgroup->path);
    }
    int frozen = wait_frozen(events, timeout_ms);
    if (frozen == 1)
        return 1;
    if (frozen < 0)
        (void)err_sys(err, "freeze: read cgroup.events of %s", cgroup->path);
    else
        (void)err_set(err, ERR_CONFLICT,
                      "cgroup %s did not freeze within %d ms; a process of it waits in the kernel",
                      cgroup->path, timeout_ms);
    (void)cgroup_file_write(cgroup, v2, "cgroup.freeze", "0"); /* as before */
    return -1;
}

int cgroup_v2_thaw(const struct cgroup *cgroup, struct err *err)
{
    if (cgroup_file_write(cgroup, cgroup->host->v2, "cgroup.freeze", "0") == 0)
        return 1;
    if (errno == ENOENT || errno == ENODEV)
        return 0;
    return err_sys(err, "thaw: write to cgroup.freeze of %s", cgroup->path);
}

int cgroup_v2_frozen(const struct cgroup *cgroup, bool *ret_frozen, struct err *err)
{
    char value = '0';
    auto_close int fd = cgroup_file_open(cgroup, cgroup->host->v2, "cgroup.freeze", O_RDONLY);
    if (fd < 0 && errno == ENOENT)
        return 0;
    ssize_t len = fd < 0 ? -1 : read(fd, &value, 1);
    if (len < 0)
        return errno == ENODEV ? 0 : err_sys(err, "cgroup.freeze of cgroup %s", cgroup->path);
    *ret_frozen = value == '1';
    return 1;
}

int cgroup_v2_kill(const struct cgroup *cgroup, struct err *err)
{
    if (cgroup_file_write(cgroup, cgroup->host->v2, "cgroup.kill", "1") == 0)
        return 1;
    if (errno == ENOENT || errno == ENODEV)
        return 0;
    return err_sys(err, "kill: write to cgroup.kill of %s", cgroup->path);
}
