/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing a plan's values. Nothing is looked at first: a v2 file that is missing means that its
 * controller is not switched on in the parent, so that is done and the file tried again; one that
 * is still missing is a limit that cannot be had here. Limits that restrict each other (a set) are
 * written in the plan's order, and what the kernel refuses once more after the others: raising and
 * lowering need opposite orders, and which it is need not be known.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "kernel/cgroup.h"
#include "kernel/cgroup_part.h"

enum { SET_SIZE_MAX = 8 };

/* Holds the file last written, for rules come in rows of twenty. */
struct writer {
    struct cgroup *cgroup;
    unsigned optional;
    unsigned tried; /* 1 << controller: switched on, or not to be had */
    const struct cgroup_write *opened;
    int fd;
    enum cgroup_controller why_of;
    struct err why; /* why that one could not be switched on, or ERR_NONE */
};

enum outcome { OUTCOME_DONE, OUTCOME_MISSING, OUTCOME_REFUSED };

/* --- what to say --- */

struct remedy_row {
    char part[14]; /* of the file's name */
    char text[80];
};

static const struct remedy_row missing_rows[] = {
    { "memsw", "swap is not accounted; boot with swapaccount=1, or limit memory alone" },
    { "swap", "swap is not accounted; boot with swapaccount=1, or limit memory alone" },
    { "hugetlb", "the kernel has no pages of that size; see /sys/kernel/mm/hugepages" },
    { "weight", "no I/O scheduler with weights; load the bfq module, or throttle instead" },
    { "io.max", "the kernel is built without CONFIG_BLK_DEV_THROTTLING" },
    { "throttle", "the kernel is built without CONFIG_BLK_DEV_THROTTLING" },
    { "idle", "it needs kernel 5.15" },
    { "burst", "it needs kernel 5.14" },
    { "cfs", "the kernel is built without CONFIG_CFS_BANDWIDTH" },
    { "cpu.max", "the kernel is built without CONFIG_CFS_BANDWIDTH" },
    { "rt_", "the kernel is built without CONFIG_RT_GROUP_SCHED" },
};

struct refusal_row {
    uint8_t controller;
    uint8_t errnum;
    char text[90];
};

static const struct refusal_row refusal_rows[] = {
    { CGROUP_MEMORY, EBUSY, "more than that is in use; stop something in the group first" },
    { CGROUP_MEMORY, EINVAL, "a memory limit must not be above the memory+swap limit; give both" },
    { CGROUP_CPU, EINVAL, "it is out of range, or more than the parent group has" },
    { CGROUP_CPUSET, EACCES, "the parent group does not have all of them" },
    { CGROUP_CPUSET, EINVAL, "the parent group or the machine does not have all of them" },
    { CGROUP_CPUSET, ERANGE, "the machine has no such CPU or memory node" },
    { CGROUP_CPUSET, ENOSPC, "a group with processes needs at least one" },
    { CGROUP_BLKIO, ENODEV, "there is no such block device" },
    { CGROUP_DEVICES, EPERM, "the parent group does not allow these devices itself" },
    { CGROUP_RDMA, ENODEV, "there is no such RDMA device" },
    { CGROUP_NET_PRIO, ENODEV, "there is no such interface" },
    { CGROUP_PIDS, EINVAL, "give a number up to 4194304" },
};

static void add_missing_remedy(const char *file, struct err *err)
{
    for (size_t i = 0; i < array_size(missing_rows); i++)
        if (strstr(file, missing_rows[i].part)) {
            (void)err_hint(err, "%s", missing_rows[i].text);
            return;
        }
}

/* 0 if the limit may be left out. */
static int report_missing(struct writer *writer, const struct cgroup_write *write, struct err *err)
{
    struct cgroup *cgroup = writer->cgroup;
    if (write->controller < CGROUP_CONTROLLER_COUNT &&
        (writer->optional & (1U << write->controller))) {
        cgroup->dropped |= 1U << write->controller;
        return 0;
    }
    if (writer->why.kind != ERR_NONE) {
        *err = writer->why;
        err->kind = ERR_UNSUPPORTED;
        return err_wrap(err, "%s", write->limit);
    }
    auto_free char *path = cgroup_file_path(cgroup, write->hierarchy, write->file);
    (void)err_set(err, ERR_UNSUPPORTED, "%s: there is no %s", write->limit, path);
    add_missing_remedy(write->file, err);
    return -1;
}

static int report_refused(struct writer *writer, const struct cgroup_write *write, int errnum,
                          struct err *err)
{
    auto_free char *path = cgroup_file_path(writer->cgroup, write->hierarchy, write->file);
    errno = errnum;
    (void)err_sys(err, "%s: write \"%.100s\" to %s", write->limit, write->value, path);
    if (errnum == EINVAL || errnum == ERANGE || errnum == ENODEV || errnum == ENOSPC)
        err->kind = ERR_INVALID;
    for (size_t i = 0; i < array_size(refusal_rows); i++)
        if (refusal_rows[i].controller == write->controller && refusal_rows[i].errnum == errnum)
            return err_hint(err, "%s", refusal_rows[i].text);
    return -1;
}

/* --- one value --- */

static bool same_file(const struct cgroup_write *a, const struct cgroup_write *b)
{
    return a && a->hierarchy == b->hierarchy && strcmp(a->file, b->file) == 0;
}

/* The file last written is not closed by itself, as long as there is room. */
static void leave_file(struct writer *writer)
{
    struct cgroup *cgroup = writer->cgroup;
    if (writer->fd >= 0 && cgroup->n_written < CGROUP_WRITTEN_MAX)
        cgroup->written[cgroup->n_written++] = take_fd(writer->fd);
    fd_close(&writer->fd);
}

static int open_file(struct writer *writer, const struct cgroup_write *write)
{
    if (writer->fd >= 0 && same_file(writer->opened, write))
        return 0;
    leave_file(writer);
    writer->opened = write;
    bool looked_for = !write->value;
    bool reads = looked_for || (write->flags & CGROUP_WRITE_KEEP_QUOTA);
    int flags = looked_for ? O_PATH : reads ? O_RDWR : O_WRONLY;
    writer->fd = cgroup_file_open(writer->cgroup, write->hierarchy, write->file, flags);
    return writer->fd < 0 ? -1 : 0;
}

/* "max 100000" in the file and "max 50000" to write: the quota stays, the period is new. */
static char *value_with_quota(int fd, const char *value)
{
    char now[64] = {};
    if (pread(fd, now, sizeof(now) - 1, 0) <= 0)
        return xstrdup(value);
    const char *period = strchr(value, ' ');
    return xasprintf("%.*s%s", (int)strcspn(now, " \n"), now, period ? period : "");
}

static int write_value(struct writer *writer, const struct cgroup_write *write)
{
    if (!write->value)
        return 0;
    auto_free char *value = write->flags & CGROUP_WRITE_KEEP_QUOTA
                                ? value_with_quota(writer->fd, write->value)
                                : xstrdup(*write->value ? write->value : "\n");
    ssize_t n;
    do
        n = pwrite(writer->fd, value, strlen(value), 0);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -1 : 0;
}

/* Once for each controller. */
static bool switch_on(struct writer *writer, const struct cgroup_write *write)
{
    bool of_v2 = write->hierarchy == writer->cgroup->host->v2;
    bool again = writer->why_of == write->controller;
    if (!again)
        writer->why = (struct err){};
    if (!of_v2 || write->controller == CGROUP_CONTROLLER_COUNT)
        return false;
    if (writer->tried & (1U << write->controller))
        return false;
    writer->tried |= 1U << write->controller;
    writer->why_of = write->controller;
    return cgroup_v2_enable(writer->cgroup, write->controller, &writer->why);
}

/* The outcome; if it was refused, errno. */
static enum outcome write_one(struct writer *writer, const struct cgroup_write *write)
{
    bool opened = open_file(writer, write) == 0;
    if (!opened && errno != ENOENT)
        return OUTCOME_REFUSED;
    if (!opened && !switch_on(writer, write))
        return OUTCOME_MISSING;
    if (!opened && open_file(writer, write) < 0)
        return errno == ENOENT ? OUTCOME_MISSING : OUTCOME_REFUSED;
    return write_value(writer, write) < 0 ? OUTCOME_REFUSED : OUTCOME_DONE;
}

/* --- all of them --- */

/* Writes one of no set, or its stand-in. Gives how many writes that was. */
static int apply_single(struct writer *writer, const struct cgroup_write *write, size_t *ret_count,
                        struct err *err)
{
    enum outcome outcome = write_one(writer, write);
    bool has_other = write->flags & CGROUP_WRITE_OR_NEXT;
    *ret_count = 1;
    switch (outcome) {
    case OUTCOME_DONE:
        *ret_count += has_other;
        return 0;
    case OUTCOME_MISSING:
        if (has_other || (write->flags & CGROUP_WRITE_MAY_MISS))
            return 0;
        return report_missing(writer, write, err);
    case OUTCOME_REFUSED:
        break;
    }
    return report_refused(writer, write, errno, err);
}

/* One round over those of a set that are still to do. Gives whether any was written. */
static int apply_round(struct writer *writer, const struct cgroup_write *set, size_t n,
                       int *errnums, bool *ret_moved, struct err *err)
{
    *ret_moved = false;
    for (size_t i = 0; i < n; i++) {
        if (!errnums[i])
            continue;
        enum outcome outcome = write_one(writer, &set[i]);
        errnums[i] = outcome == OUTCOME_REFUSED ? errno : 0;
        *ret_moved |= outcome == OUTCOME_DONE;
        bool fatal = outcome == OUTCOME_MISSING && !(set[i].flags & CGROUP_WRITE_MAY_MISS);
        if (fatal && report_missing(writer, &set[i], err) < 0)
            return -1;
    }
    return 0;
}

static int apply_set(struct writer *writer, const struct cgroup_write *set, size_t n,
                     struct err *err)
{
    int errnums[SET_SIZE_MAX];
    bool moved = true;
    for (size_t i = 0; i < n; i++)
        errnums[i] = -1; /* to do */
    for (size_t left = n; left && moved;) {
        if (apply_round(writer, set, n, errnums, &moved, err) < 0)
            return -1;
        left = 0;
        for (size_t i = 0; i < n; i++)
            left += errnums[i] != 0;
    }
    for (size_t i = 0; i < n; i++)
        if (errnums[i])
            return report_refused(writer, &set[i], errnums[i], err);
    return 0;
}

static size_t set_size(const struct cgroup_write *writes, size_t n)
{
    size_t i = 1;
    while (i < n && i < SET_SIZE_MAX && writes[i].set == writes[0].set)
        i++;
    return i;
}

int cgroup_apply(struct cgroup *cgroup, const struct cgroup_plan *plan, unsigned optional,
                 struct err *err)
{
    struct writer writer = {
        .cgroup = cgroup, .optional = optional, .fd = -1, .why_of = CGROUP_CONTROLLER_COUNT
    };
    int result = 0;
    size_t step = 0;
    for (size_t i = 0; i < plan->writes.len && result == 0; i += step) {
        const struct cgroup_write *at = &plan->writes.at[i];
        if (!at->set) {
            result = apply_single(&writer, at, &step, err);
            continue;
        }
        step = set_size(at, plan->writes.len - i);
        result = apply_set(&writer, at, step, err);
    }
    leave_file(&writer);
    return result;
}
