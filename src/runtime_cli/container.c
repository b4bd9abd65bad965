/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime_cli/container.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/pidfd.h"

enum {
    ID_MAX = 1024,
    RECORD_MAX_BYTES = 17 << 20, /* it has the annotations of a config.json */
};

const char *const container_status_names[] = {
    [CONTAINER_CREATED] = "created",
    [CONTAINER_RUNNING] = "running",
    [CONTAINER_PAUSED] = "paused",
    [CONTAINER_STOPPED] = "stopped",
    NULL,
};

int container_id_check(const char *id, struct err *err)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.";
    size_t len = strlen(id);
    bool good = len && len <= ID_MAX && id[strspn(id, allowed)] == '\0' && strcmp(id, ".") != 0 &&
                strcmp(id, "..") != 0;
    if (good)
        return 0;
    auto_done(str) shown = {};
    text_escape(&shown, id, strnlen(id, 100));
    return err_set(
        err, ERR_INVALID,
        "invalid id \"%s\": letters, digits and _ + - . are what it may have, at most %d",
        str_text(&shown), ID_MAX);
}

/* --- the directory ---------------------------------------------------------------------------- */

static int directory_lock(int dir, const char *id, struct err *err)
{
    while (flock(dir, LOCK_EX) < 0)
        if (errno != EINTR)
            return err_sys(err, "lock container %s", id);
    return 0;
}

void container_unlock(const struct container *container)
{
    (void)flock(container->dir, LOCK_UN);
}

/* Its name may be another container's by now. */
static bool is_deleted(int dir)
{
    struct stat status;
    return fstat(dir, &status) == 0 && status.st_nlink == 0;
}

int container_lock(struct container *container, struct err *err)
{
    struct stat status;
    if (directory_lock(container->dir, container->id, err) < 0)
        return -1;
    if (fstat(container->dir, &status) < 0)
        return err_sys(err, "look at container %s", container->id);
    if (status.st_mode & S_ISVTX)
        container->hierarchies = 0;
    return status.st_nlink != 0;
}

/* In the directory's mode, where whoever locks it looks anyway. */
int container_spread(const struct container *container, struct err *err)
{
    if (fchmod(container->dir, S_ISVTX | 0700) < 0)
        return err_sys(err, "note in container %s that its cgroup spreads", container->id);
    return 0;
}

int container_make(struct program *program, const char *id, struct container *ret_container,
                   struct err *err)
{
    if (container_id_check(id, err) < 0 || root_open(program, true, err) < 0)
        return -1;
    if (mkdirat(program->root_fd, id, 0700) < 0) {
        if (errno == EEXIST)
            return err_set(err, ERR_EXISTS, "container with id exists: %s", id);
        return err_sys(err, "make %s/%s", program->root, id);
    }
    auto_close int dir =
        openat(program->root_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return err_sys(err, "open %s/%s", program->root, id);
    if (directory_lock(dir, id, err) < 0)
        return -1;
    *ret_container =
        (struct container){ .program = program, .id = xstrdup(id), .dir = take_fd(dir) };
    return 0;
}

int container_rebase(struct container *container, struct err *err)
{
    const struct cgroup_host *host;
    if (!container->record.cgroup_bases.len)
        return 0;
    if (program_cgroups(container->program, &host, err) < 0)
        return -1;
    container->cgroups = xnew(struct cgroup_host);
    cgroup_host_rebase(host, &container->record.cgroup_bases, container->cgroups);
    return 0;
}

int container_cgroups(const struct container *container, const struct cgroup_host **ret_host,
                      struct err *err)
{
    if (!container->cgroups)
        return program_cgroups(container->program, ret_host, err);
    *ret_host = container->cgroups;
    return 0;
}

static int record_load(struct container *container, struct err *err)
{
    auto_free char *text = NULL;
    size_t len;
    int found = file_load_own(container->dir, "state.json", RECORD_MAX_BYTES, &text, &len, err);
    if (found <= 0)
        return found;
    if (record_parse(text, len, &container->record, err) < 0)
        return -1;
    return container_rebase(container, err) < 0 ? -1 : 1;
}

int container_open(struct program *program, const char *id, enum container_open_flags flags,
                   struct container *ret_container, struct err *err)
{
    if (container_id_check(id, err) < 0)
        return -1;
    int found = root_open(program, false, err);
    if (found <= 0)
        return found;
    auto_done(container) container = { .program = program, .id = xstrdup(id) };
    container.dir = openat(program->root_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (container.dir < 0)
        return errno == ENOENT || errno == ENAMETOOLONG
                   ? 0
                   : err_sys(err, "open %s/%s", program->root, id);
    found = flags & CONTAINER_LOCK ? container_lock(&container, err) : 1;
    if (found <= 0)
        return found;
    found = record_load(&container, err);
    if (found < 0 && !(flags & CONTAINER_TORN))
        return err_wrap(err, "container %s", id);
    if (found == 0 && !(flags & CONTAINER_TORN))
        return 0;
    *ret_container = container;
    container = (struct container){ .dir = -1 };
    return 1;
}

int container_find(struct program *program, const char *id, enum container_open_flags flags,
                   struct container *ret_container, struct err *err)
{
    int found = container_open(program, id, flags, ret_container, err);
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "container \"%s\" does not exist", id);
    return found < 0 ? -1 : 0;
}

void container_done(struct container *container)
{
    if (container->cgroups)
        cgroup_host_done(container->cgroups);
    free(container->cgroups);
    free(container->id);
    fd_close(&container->dir);
    record_done(&container->record);
}

int container_save(const struct container *container, struct err *err)
{
    static const char beside[] = "state.json.new"; /* whoever is here holds the lock */
    auto_done(str) text = {};
    record_format(&container->record, &text);
    auto_leave int fd =
        openat(container->dir, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || fd_write_all(fd, text.at, text.len) < 0 ||
        renameat(container->dir, beside, container->dir, "state.json") < 0)
        return err_sys(err, "write state.json of container %s", container->id);
    return 0;
}

int container_forget(const struct container *container, struct err *err)
{
    /* state.json last: what a crash leaves can be found again. Most have no more than these. */
    static const char names[][16] = { "config.json", "state.json" };
    for (size_t i = 0; i < array_size(names); i++)
        if (unlinkat(container->dir, names[i], 0) < 0 && errno != ENOENT)
            return err_sys(err, "delete %s of container %s", names[i], container->id);
    if (unlinkat(container->program->root_fd, container->id, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    if (is_deleted(container->dir))
        return 0;
    return tree_remove(container->program->root_fd, container->id, err);
}

/* --- the process ------------------------------------------------------------------------------ */

int process_start(pid_t pid, uint64_t *ret_start, struct err *err)
{
    char path[32];
    char text[1024];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    auto_leave int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (len < 0)
        return errno == ENOENT || errno == ESRCH ? 0 : err_sys(err, "read %s", path);
    text[len] = '\0';
    /* The name in parentheses may have blanks and parentheses itself. */
    const char *at = strrchr(text, ')');
    if (!at || at[1] != ' ')
        return err_set(err, ERR_SYSTEM, "%s: it has no name", path);
    char state = at[2];
    for (int field = 2; field < 22 && at; field++)
        at = strchr(at + 1, ' ');
    if (!at)
        return err_set(err, ERR_SYSTEM, "%s: it is cut short", path);
    *ret_start = strtoull(at + 1, NULL, 10);
    return state != 'Z' && state != 'X';
}

static int process_lives(const struct container *container, struct err *err)
{
    const struct record *record = &container->record;
    uint64_t start = 0;
    if (record->pid <= 0)
        return 0;
    int found = process_start(record->pid, &start, err);
    return found == 1 ? start == record->pid_start : found;
}

int container_process(const struct container *container, int *ret_pidfd, struct err *err)
{
    if (container->record.pid <= 0)
        return 0;
    /* First held, then looked at: what it is now it stays. */
    auto_close int pidfd = pidfd_of(container->record.pid);
    if (pidfd < 0)
        return errno == ESRCH ? 0 : err_sys(err, "open process %d", container->record.pid);
    int lives = process_lives(container, err);
    if (lives == 1)
        *ret_pidfd = take_fd(pidfd);
    return lives;
}

/* Its directory in v2 alone, where there is one: opening the group opens all its hierarchies. */
static int v2_open(const struct container *container, const struct cgroup_host *host)
{
    if (host->v2 < 0)
        return -1;
    auto_free char *path = xasprintf("%s%s", host->at[host->v2].mount, container->record.cgroup);
    return open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int container_frozen(const struct container *container, struct err *err)
{
    const struct cgroup_host *host;
    if (!container->record.cgroup)
        return 0;
    if (container_cgroups(container, &host, err) < 0)
        return -1;
    auto_leave int v2 = v2_open(container, host);
    int freezer = cgroup_host_find(host, CGROUP_FREEZER);
    struct cgroup cgroup = {
        .host = host,
        .path = container->record.cgroup,
        .hierarchies = freezer >= 0 ? 1U << freezer : 0,
        .v2 = v2,
    };
    return cgroup_frozen(&cgroup, err);
}

int container_status(struct container *container, enum container_status *ret_status,
                     struct err *err)
{
    int lives = process_lives(container, err);
    if (lives < 0)
        return -1;
    *ret_status = CONTAINER_STOPPED;
    if (!lives)
        return 0;
    int frozen = container_frozen(container, err);
    if (frozen < 0)
        return -1;
    bool waits = faccessat(container->dir, CONTAINER_SOCKET, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    *ret_status = frozen ? CONTAINER_PAUSED : waits ? CONTAINER_CREATED : CONTAINER_RUNNING;
    return 0;
}

/* --- what it is made of ----------------------------------------------------------------------- */

int container_spec(const struct container *container, struct spec *ret_spec, struct err *err)
{
    auto_free char *text = NULL;
    size_t len;
    int found = file_load_own(container->dir, "config.json", SPEC_MAX_BYTES, &text, &len, err);
    if (found == 0)
        (void)err_set(err, ERR_NOT_FOUND, "its config.json is gone");
    if (found <= 0 || spec_parse(text, len, ret_spec, err) < 0)
        return err_wrap(err, "container %s", container->id);
    return 0;
}

int container_cgroup(const struct container *container, struct cgroup *ret_cgroup, struct err *err)
{
    const struct cgroup_host *host;
    if (!container->record.cgroup)
        return 0;
    if (container_cgroups(container, &host, err) < 0)
        return -1;
    return cgroup_open(host, container->record.cgroup, ret_cgroup, err);
}

int container_cgroup_find(const struct container *container, const char *what,
                          struct cgroup *ret_cgroup, struct err *err)
{
    int found = container_cgroup(container, ret_cgroup, err);
    if (found == 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s: container %s has no cgroup by which its processes are known", what,
                       container->id);
    return found < 0 ? -1 : 0;
}

int container_cgroup_kill(const struct container *container, struct err *err)
{
    const struct cgroup_host *host;
    if (!container->record.cgroup)
        return 0;
    if (container_cgroups(container, &host, err) < 0 ||
        cgroup_path_check(container->record.cgroup, err) < 0)
        return -1;
    auto_leave int v2 = v2_open(container, host);
    if (v2 >= 0) {
        struct cgroup cgroup = {
            .host = host,
            .path = container->record.cgroup,
            .hierarchies = 1U << host->v2,
            .v2 = v2,
        };
        return cgroup_kill(&cgroup, err);
    }
    struct cgroup cgroup = {};
    int found = container_cgroup(container, &cgroup, err);
    if (found <= 0)
        return found;
    int result = cgroup_kill(&cgroup, err);
    cgroup_close(&cgroup);
    return result;
}
