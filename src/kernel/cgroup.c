/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group's life. Making one is: a directory in each hierarchy the plan names, the values, then the
 * descriptors by which a child enters. Whatever fails on the way, the directories made so far go
 * again.
 */
#include "kernel/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "kernel/cgroup_part.h"
#include "kernel/device_filter.h"

enum {
    FILE_MAX_BYTES = 4 << 20,
    PATH_LEN_MAX = 3000, /* with the mount and a file's name below PATH_MAX */
};

/* --- paths and files --- */

static bool is_bad_component(struct view name)
{
    if (name.len == 0 || name.len > NAME_MAX || view_is(name, ".") || view_is(name, ".."))
        return true;
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.at[i] < ' ' || name.at[i] == 0x7f)
            return true;
    return false;
}

int cgroup_path_check(const char *path, struct err *err)
{
    struct view rest = view_of(*path == '/' ? path + 1 : path);
    struct view name;
    if (rest.len > PATH_LEN_MAX)
        return err_set(err, ERR_INVALID, "cgroup path: longer than %d bytes", PATH_LEN_MAX);
    for (bool more = true; more;) {
        more = view_cut(&rest, '/', &name);
        if (!is_bad_component(name))
            continue;
        auto_done(str) shown = {};
        text_escape(&shown, path, strnlen(path, 200));
        return err_set(
            err, ERR_INVALID,
            "cgroup path \"%s\": each part needs 1 to 255 bytes, without control characters, and "
            "not . or ..",
            str_text(&shown));
    }
    return 0;
}

char *cgroup_file_path(const struct cgroup *cgroup, int hierarchy, const char *file)
{
    return xasprintf("%s%s%s%s", cgroup->host->at[hierarchy].mount, cgroup->path, file ? "/" : "",
                     file ? file : "");
}

int cgroup_file_open(const struct cgroup *cgroup, int hierarchy, const char *file, int flags)
{
    if (hierarchy == cgroup->host->v2 && cgroup->v2 >= 0)
        return openat(cgroup->v2, file, flags | O_CLOEXEC | O_NOCTTY);
    auto_free char *path = cgroup_file_path(cgroup, hierarchy, file);
    return open(path, flags | O_CLOEXEC | O_NOCTTY);
}

int cgroup_file_write(const struct cgroup *cgroup, int hierarchy, const char *file,
                      const char *value)
{
    int fd = cgroup_file_open(cgroup, hierarchy, file, O_WRONLY);
    if (fd < 0)
        return -1;
    ssize_t n;
    do
        n = write(fd, value, strlen(value));
    while (n < 0 && errno == EINTR);
    int errnum = errno;
    fd_close(&fd);
    errno = errnum;
    return n < 0 ? -1 : 0;
}

int cgroup_file_load(const struct cgroup *cgroup, int hierarchy, const char *file, char **ret_text,
                     struct err *err)
{
    struct err cause = {};
    size_t len;
    auto_close int fd = cgroup_file_open(cgroup, hierarchy, file, O_RDONLY);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        return err_sys(err, "open %s of cgroup %s", file, cgroup->path);
    if (file_load_fd(fd, FILE_MAX_BYTES, ret_text, &len, &cause) == 0)
        return 1;
    if (cause.errnum == ENODEV)
        return 0;
    *err = cause;
    return err_wrap(err, "%s of cgroup %s", file, cgroup->path);
}

int cgroup_home(const struct cgroup *cgroup)
{
    const struct cgroup_host *host = cgroup->host;
    if (cgroup->v2 >= 0)
        return host->v2;
    int freezer = cgroup_host_find(host, CGROUP_FREEZER);
    if (freezer >= 0 && (cgroup->hierarchies & (1U << freezer)))
        return freezer;
    for (size_t i = 0; i < host->len; i++)
        if (cgroup->hierarchies & (1U << i))
            return (int)i;
    return -1;
}

/* "/a/b" begins at the top, "a/b" where we may. */
char *cgroup_whole_path(const struct cgroup_host *host, const char *path)
{
    if (*path == '/')
        return xstrdup(path);
    return xasprintf("%s/%s", host->base ? host->base : "", path);
}

/* --- making --- */

static int open_v2(struct cgroup *cgroup, struct err *err)
{
    auto_free char *path = cgroup_file_path(cgroup, cgroup->host->v2, NULL);
    cgroup->v2 = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return cgroup->v2 < 0 ? err_sys(err, "open cgroup %s", path) : 0;
}

/* Gives in *ret_made which of them were not there before. */
static int make_dirs(struct cgroup *cgroup, unsigned hierarchies, unsigned flags,
                     unsigned *ret_made, struct err *err)
{
    for (size_t i = 0; i < cgroup->host->len; i++) {
        if (!(hierarchies & (1U << i)))
            continue;
        int made = cgroup_dir_make(cgroup, (int)i, flags, err);
        if (made < 0)
            return -1;
        *ret_made |= (unsigned)made << i;
    }
    bool has_v2 = cgroup->host->v2 >= 0 && (hierarchies & (1U << cgroup->host->v2));
    return has_v2 ? open_v2(cgroup, err) : 0;
}

static int open_tasks(struct cgroup *cgroup, struct err *err)
{
    for (size_t i = 0; i < cgroup->host->len; i++) {
        if (!(cgroup->hierarchies & (1U << i)) || (int)i == cgroup->host->v2)
            continue;
        int fd = cgroup_file_open(cgroup, (int)i, "tasks", O_WRONLY);
        if (fd < 0)
            return err_sys(err, "open %s%s/tasks", cgroup->host->at[i].mount, cgroup->path);
        cgroup->tasks[cgroup->n_tasks++] = fd;
    }
    return 0;
}

static int attach_filter(struct cgroup *cgroup, const struct cgroup_limits *limits, bool update,
                         struct err *err)
{
    struct err why = {};
    int attached = device_filter_attach(cgroup->v2, limits->device_rules.at,
                                        limits->device_rules.len, update, &why);
    if (attached > 0)
        return 0;
    if (attached == 0 && !limits->need_device_rules) {
        cgroup->dropped |= 1U << CGROUP_DEVICES;
        return 0;
    }
    *err = why;
    return -1;
}

static const struct cgroup_device_rule allow_all = {
    .allow = true, .type = 'a', .major = -1, .minor = -1, .access = CGROUP_DEVICE_ALL
};

/* v1's list says all of it: a program of ours from before goes. */
static int update_list(struct cgroup *cgroup, int v1, const struct device_list *list,
                       struct err *err)
{
    struct err why = {};
    bool there = cgroup->hierarchies & (1U << v1);
    if (!there && cgroup_adopt(cgroup, v1, err) < 0)
        return -1;
    if (cgroup_v1_set_devices(cgroup, v1, list, err) < 0)
        return -1;
    if (cgroup->v2 < 0 || device_filter_attach(cgroup->v2, &allow_all, 1, true, &why) >= 0)
        return 0;
    *err = why;
    return -1;
}

/* v1's list cannot say it: a program decides, and what list there is opens. */
static int update_filter(struct cgroup *cgroup, const struct cgroup_limits *limits, int v1,
                         struct err *err)
{
    if (attach_filter(cgroup, limits, true, err) < 0)
        return -1;
    if (v1 < 0 || !(cgroup->hierarchies & (1U << v1)))
        return 0;
    struct device_list open = { .allow = true };
    return cgroup_v1_set_devices(cgroup, v1, &open, err);
}

/* Of a group that may have rules already. */
static int update_devices(struct cgroup *cgroup, const struct cgroup_limits *limits,
                          enum cgroup_device_means means, struct err *err)
{
    int v1 = cgroup_host_find(cgroup->host, CGROUP_DEVICES);
    struct device_list list = {};
    if (means == CGROUP_DEVICE_MEANS_NONE)
        return 0;
    if (means == CGROUP_DEVICE_MEANS_BPF)
        return update_filter(cgroup, limits, v1, err);
    (void)device_list_make(limits->device_rules.at, limits->device_rules.len,
                           &list); /* as planned */
    int result = update_list(cgroup, v1, &list, err);
    device_list_done(&list);
    return result;
}

static int fill_group(struct cgroup *cgroup, const struct cgroup_plan *plan,
                      const struct cgroup_limits *limits, unsigned flags, struct err *err)
{
    if (cgroup_apply(cgroup, plan, limits->optional, err) < 0)
        return -1;
    bool joins = flags & CGROUP_JOIN;
    if (joins && update_devices(cgroup, limits, plan->devices, err) < 0)
        return -1;
    bool by_program = plan->devices == CGROUP_DEVICE_MEANS_BPF;
    if (!joins && by_program && attach_filter(cgroup, limits, false, err) < 0)
        return -1;
    return open_tasks(cgroup, err);
}

static void undo(struct cgroup *cgroup, unsigned made)
{
    for (size_t i = 0; i < cgroup->host->len; i++) {
        if (!(made & (1U << i)))
            continue;
        auto_free char *path = cgroup_file_path(cgroup, (int)i, NULL);
        (void)cgroup_dir_remove(path); /* the error that led here is told, not this one */
    }
    cgroup_close(cgroup);
}

static int make_group(const struct cgroup_host *host, const char *path,
                      const struct cgroup_plan *plan, const struct cgroup_limits *limits,
                      unsigned flags, struct cgroup *ret_cgroup, struct err *err)
{
    struct cgroup cgroup = {
        .host = host, .path = cgroup_whole_path(host, path), .v2 = -1, .dropped = plan->dropped
    };
    unsigned made = 0;
    if (make_dirs(&cgroup, plan->hierarchies, flags, &made, err) < 0 ||
        fill_group(&cgroup, plan, limits, flags, err) < 0) {
        undo(&cgroup, made);
        return -1;
    }
    *ret_cgroup = cgroup;
    return 1;
}

int cgroup_create(const struct cgroup_host *host, const char *path,
                  const struct cgroup_limits *limits, unsigned flags, struct cgroup *ret_cgroup,
                  struct err *err)
{
    struct cgroup_plan plan;
    if (cgroup_path_check(path, err) < 0 ||
        cgroup_plan_make(host, limits, flags & ~(unsigned)CGROUP_UPDATE, &plan, err) < 0)
        return -1;
    int result = 0;
    if (plan.hierarchies)
        result = make_group(host, path, &plan, limits, flags, ret_cgroup, err);
    cgroup_plan_done(&plan);
    return result;
}

/* "cpu" of "cpu,cpuacct". */
static bool names_have(const char *names, const char *controller)
{
    struct view rest = view_of(names);
    struct view name;
    for (bool more = true; more;) {
        more = view_cut(&rest, ',', &name);
        if (view_is(name, controller))
            return true;
    }
    return false;
}

/* Where in a hierarchy below the group, or NULL. */
static const char *below_in(const struct pairs *below, const struct cgroup_hierarchy *at)
{
    for (size_t i = 0; below && i < below->len; i++)
        if (!*below->at[i].key || names_have(at->names, below->at[i].key))
            return *below->at[i].value ? below->at[i].value : NULL;
    return NULL;
}

static int below_check(const struct cgroup_host *host, const struct pairs *below, struct err *err)
{
    for (size_t i = 0; below && i < below->len; i++) {
        bool known = !*below->at[i].key;
        for (size_t h = 0; h < host->len && !known; h++)
            known = names_have(host->at[h].names, below->at[i].key);
        if (!known)
            return err_set(err, ERR_INVALID, "unknown controller %s", below->at[i].key);
        if (*below->at[i].value && cgroup_path_check(below->at[i].value, err) < 0)
            return -1;
    }
    return 0;
}

/* Whether the group is in the hierarchy: 1 or 0. */
static int open_in(struct cgroup *cgroup, size_t i, const char *below, struct err *err)
{
    bool is_v2 = (int)i == cgroup->host->v2;
    auto_free char *group = cgroup_file_path(cgroup, (int)i, NULL);
    const char *slash = !below || *below == '/' ? "" : "/";
    auto_free char *file =
        xasprintf("%s%s%s%s", group, slash, below ? below : "", is_v2 ? "" : "/tasks");
    int fd =
        open(file, is_v2 ? O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC : O_WRONLY | O_CLOEXEC);
    /* Where the whole group is not, neither is a part of it. */
    if (fd < 0 && errno == ENOENT && (!below || (access(group, F_OK) < 0 && errno == ENOENT)))
        return 0;
    /* runc's words: its callers look for them. */
    if (fd < 0 && errno == ENOENT && below)
        return err_set(err, ERR_NOT_FOUND,
                       "adding pid of the process to %s%s%s/cgroup.procs: no such file or "
                       "directory; make that group first",
                       group, slash, below);
    if (fd < 0)
        return err_sys(err, "open %s", file);
    *(is_v2 ? &cgroup->v2 : &cgroup->tasks[cgroup->n_tasks++]) = fd;
    cgroup->hierarchies |= 1U << i;
    return 1;
}

/* In those hierarchies of `where` that it is in. */
static int open_where(const struct cgroup_host *host, const char *path, unsigned where,
                      const struct pairs *below, struct cgroup *ret_cgroup, struct err *err)
{
    struct cgroup cgroup = { .host = host, .path = cgroup_whole_path(host, path), .v2 = -1 };
    int found = 0;
    for (size_t i = 0; i < host->len && found >= 0; i++)
        if (where & 1U << i && ((int)i == host->v2 || host->at[i].writable))
            found = open_in(&cgroup, i, below_in(below, &host->at[i]), err);
    if (found < 0 || !cgroup.hierarchies) {
        cgroup_close(&cgroup);
        return found < 0 ? -1 : 0;
    }
    *ret_cgroup = cgroup;
    return 1;
}

int cgroup_open_below(const struct cgroup_host *host, const char *path, unsigned known,
                      const struct pairs *below, struct cgroup *ret_cgroup, struct err *err)
{
    if (cgroup_path_check(path, err) < 0 || below_check(host, below, err) < 0)
        return -1;
    int found = known ? open_where(host, path, known, below, ret_cgroup, err) : 0;
    if (found > 0 && ret_cgroup->hierarchies == known)
        return 1;
    if (found > 0)
        cgroup_close(ret_cgroup);
    return found < 0 ? -1 : open_where(host, path, UINT_MAX, below, ret_cgroup, err);
}

int cgroup_open(const struct cgroup_host *host, const char *path, struct cgroup *ret_cgroup,
                struct err *err)
{
    return cgroup_open_below(host, path, 0, NULL, ret_cgroup, err);
}

void cgroup_close(struct cgroup *cgroup)
{
    if (!cgroup->path)
        return;
    fd_close(&cgroup->v2);
    for (size_t i = 0; i < cgroup->n_tasks; i++)
        fd_close(&cgroup->tasks[i]);
    for (size_t i = 0; i < cgroup->n_written; i++)
        fd_close(&cgroup->written[i]);
    free(cgroup->path);
    *cgroup = (struct cgroup){};
}

/* --- entering --- */

int cgroup_enter(const struct cgroup *cgroup)
{
    /* To `tasks`, and as "0": for the calling thread alone the kernel takes no lock on all
     * processes. */
    for (size_t i = 0; i < cgroup->n_tasks; i++)
        if (write(cgroup->tasks[i], "0", 1) != 1)
            return -1;
    return 0;
}

int cgroup_enter_v2(const struct cgroup *cgroup)
{
    if (!cgroup->path || cgroup->v2 < 0)
        return 0;
    int fd = openat(cgroup->v2, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = write(fd, "0", 1);
    int errnum = errno;
    (void)close(fd);
    errno = errnum;
    return n == 1 ? 0 : -1;
}

/* --- change --- */

/* v2 has no failing limit: one below the usage has processes killed until it holds. */
static int check_usage(const struct cgroup *cgroup, const struct cgroup_limits *limits,
                       struct err *err)
{
    auto_free char *text = NULL;
    uint64_t used;
    const struct maybe_i64 *limit = &limits->memory_bytes;
    bool of_v1 = cgroup_host_find(cgroup->host, CGROUP_MEMORY) >= 0;
    if (!limit->set || limit->value < 0 || of_v1 || cgroup->v2 < 0)
        return 0;
    int found = cgroup_file_load(cgroup, cgroup->host->v2, "memory.current", &text, err);
    if (found <= 0 || !text)
        return found;
    text[strcspn(text, "\n")] = '\0';
    if (number_parse_unsigned(text, UINT64_MAX, "memory.current", &used, err) < 0)
        return -1;
    if (used <= (uint64_t)limit->value)
        return 0;
    return err_set(err, ERR_CONFLICT,
                   "memory limit of %lld bytes: %llu are in use; stop something in the group first",
                   (long long)limit->value, (unsigned long long)used);
}

static int adopt_for_writes(struct cgroup *cgroup, const struct cgroup_plan *plan, struct err *err)
{
    for (size_t i = 0; i < plan->writes.len; i++) {
        const struct cgroup_write *write = &plan->writes.at[i];
        bool needed =
            !(write->flags & CGROUP_WRITE_MAY_MISS) && write->hierarchy != cgroup->host->v2;
        if (!needed || (cgroup->hierarchies & (1U << write->hierarchy)))
            continue;
        if (cgroup_adopt(cgroup, write->hierarchy, err) < 0)
            return err_wrap(err, "%s", write->limit);
    }
    return 0;
}

int cgroup_update(struct cgroup *cgroup, const struct cgroup_limits *limits, unsigned flags,
                  struct err *err)
{
    struct cgroup_plan plan;
    if ((flags & CGROUP_CHECK_USAGE) && check_usage(cgroup, limits, err) < 0)
        return -1;
    if (cgroup_plan_make(cgroup->host, limits, flags | CGROUP_UPDATE, &plan, err) < 0)
        return -1;
    int result = adopt_for_writes(cgroup, &plan, err);
    if (result == 0)
        result = cgroup_apply(cgroup, &plan, limits->optional, err);
    if (result == 0)
        result = update_devices(cgroup, limits, plan.devices, err);
    cgroup->dropped |= plan.dropped;
    cgroup_plan_done(&plan);
    return result;
}

int cgroup_delegate(const struct cgroup *cgroup, uid_t uid, gid_t gid, struct err *err)
{
    static const char least[] = "cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n";
    auto_free char *listed = NULL;
    size_t len;
    if (!cgroup->path || cgroup->v2 < 0)
        return 0;
    int found =
        file_load(AT_FDCWD, "/sys/kernel/cgroup/delegate", FILE_MAX_BYTES, &listed, &len, err);
    if (found < 0)
        return -1;
    if (fchownat(cgroup->v2, "", uid, gid, AT_EMPTY_PATH) < 0)
        return err_sys(err, "give cgroup %s to user %u", cgroup->path, uid);
    struct view rest = view_of(found ? listed : least);
    struct view line;
    while (view_cut(&rest, '\n', &line)) {
        auto_free char *file = xstrndup(line.at, line.len);
        if (strchr(file, '/') || fchownat(cgroup->v2, file, uid, gid, AT_SYMLINK_NOFOLLOW) == 0)
            continue;
        if (errno != ENOENT) /* that controller is off */
            return err_sys(err, "give %s of cgroup %s to user %u", file, cgroup->path, uid);
    }
    return 0;
}
