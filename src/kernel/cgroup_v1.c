/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is particular to v1: a cpuset begins empty and lets nobody in, the device list is changed by
 * additions and removals, and the freezer is asked again until all processes stand.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "kernel/cgroup.h"
#include "kernel/cgroup_part.h"
#include "kernel/device_filter.h"

enum {
    CPUSET_MAX_BYTES = 64 << 10,
    FREEZE_POLL_MS = 1,
};

/* --- cpuset --- */

static int load_list(const char *dir, const char *file, char **ret_list, struct err *err)
{
    auto_free char *path = xasprintf("%s/%s", dir, file);
    size_t len;
    int found = file_load(AT_FDCWD, path, CPUSET_MAX_BYTES, ret_list, &len, err);
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no %s", path);
    if (found < 0)
        return -1;
    (*ret_list)[strcspn(*ret_list, "\n")] = '\0';
    return 0;
}

/* Gives the directory its parent's list where it has none. */
static int fill_file(const char *parent, const char *dir, const char *file, struct err *err)
{
    auto_free char *own = NULL;
    auto_free char *from = NULL;
    if (load_list(dir, file, &own, err) < 0)
        return -1;
    if (*own)
        return 0;
    if (load_list(parent, file, &from, err) < 0)
        return -1;
    auto_free char *path = xasprintf("%s/%s", dir, file);
    if (file_poke(AT_FDCWD, path, from) < 0)
        return err_sys(err, "write \"%.100s\" to %s", from, path);
    return 0;
}

int cgroup_v1_fill_cpuset(const struct cgroup *cgroup, int hierarchy, struct err *err)
{
    const char *mount = cgroup->host->at[hierarchy].mount;
    auto_free char *parent = xstrdup(mount);
    for (const char *at = cgroup->path; *at;) {
        at += 1 + strcspn(at + 1, "/");
        char *dir = xasprintf("%s%.*s", mount, (int)(at - cgroup->path), cgroup->path);
        int filled = fill_file(parent, dir, "cpuset.cpus", err);
        if (filled == 0)
            filled = fill_file(parent, dir, "cpuset.mems", err);
        free(parent);
        parent = dir;
        if (filled < 0)
            return err_wrap(err, "cpuset");
    }
    return 0;
}

/* --- devices --- */

static int write_rule(const struct cgroup *cgroup, int hierarchy, bool allow, const char *rule,
                      struct err *err)
{
    if (cgroup_file_write(cgroup, hierarchy, allow ? "devices.allow" : "devices.deny", rule) == 0)
        return 0;
    (void)err_sys(err, "device rules: %s \"%s\"", allow ? "allow" : "deny", rule);
    if (err->errnum == EPERM)
        return err_hint(err, "the parent group does not allow these devices itself");
    if (err->errnum == EINVAL)
        return err_hint(err, "the default cannot change while there are groups below");
    return -1;
}

/* The kinds of access that an entry for the same devices has in the list. */
static unsigned access_in(const struct device_list *list, const struct cgroup_device_rule *rule)
{
    for (size_t i = 0; i < list->len; i++) {
        const struct cgroup_device_rule *at = &list->at[i];
        if (at->type == rule->type && at->major == rule->major && at->minor == rule->minor)
            return at->access;
    }
    return 0;
}

/* Writes what stands in `list` and not in `other`. */
static int write_difference(const struct cgroup *cgroup, int hierarchy,
                            const struct device_list *list, const struct device_list *other,
                            bool allow, struct err *err)
{
    for (size_t i = 0; i < list->len; i++) {
        struct cgroup_device_rule rule = list->at[i];
        rule.access &= ~access_in(other, &rule);
        if (!rule.access)
            continue;
        auto_free char *text = device_rule_format(&rule);
        if (write_rule(cgroup, hierarchy, allow, text, err) < 0)
            return -1;
    }
    return 0;
}

int cgroup_v1_set_devices(const struct cgroup *cgroup, int hierarchy,
                          const struct device_list *want, struct err *err)
{
    auto_free char *text = NULL;
    struct device_list now = {};
    int found = cgroup_file_load(cgroup, hierarchy, "devices.list", &text, err);
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "device rules: the group has no devices.list");
    if (found < 0 || device_list_parse(text, &now, err) < 0)
        return err_wrap(err, "device rules");

    /* A list that allows by default hides its exceptions, so it is begun anew. Otherwise nothing
     * that is allowed before and after is refused in between. */
    int result = 0;
    if (now.allow || want->allow) {
        result = write_rule(cgroup, hierarchy, want->allow, "a", err);
        device_list_done(&now);
    }
    if (result == 0)
        result = write_difference(cgroup, hierarchy, want, &now, !want->allow, err);
    if (result == 0)
        result = write_difference(cgroup, hierarchy, &now, want, want->allow, err);
    device_list_done(&now);
    return result;
}

/* --- freezer --- */

int cgroup_v1_frozen(const struct cgroup *cgroup, int hierarchy, struct err *err)
{
    auto_free char *state = NULL;
    int found = cgroup_file_load(cgroup, hierarchy, "freezer.state", &state, err);
    /* FREEZING: asked for, and not all stand yet. */
    return found <= 0 ? found : !text_starts(state, "THAWED");
}

/* 1 when all stand; 0 not yet. */
static int ask_freezer(const struct cgroup *cgroup, int hierarchy, struct err *err)
{
    auto_free char *state = NULL;
    /* Asked each time: a process that forked meanwhile may have slipped through (before
     * kernel 5.14). */
    if (cgroup_file_write(cgroup, hierarchy, "freezer.state", "FROZEN") < 0)
        return err_sys(err, "freeze: write to freezer.state of %s", cgroup->path);
    int found = cgroup_file_load(cgroup, hierarchy, "freezer.state", &state, err);
    return found <= 0 ? found : text_starts(state, "FROZEN");
}

int cgroup_v1_freeze(const struct cgroup *cgroup, int hierarchy, int timeout_ms, struct err *err)
{
    int64_t end = cgroup_now_ms() + timeout_ms;
    for (;;) {
        int frozen = ask_freezer(cgroup, hierarchy, err);
        if (frozen != 0)
            return frozen < 0 ? -1 : 0;
        if (cgroup_now_ms() >= end)
            break;
        cgroup_sleep_ms(FREEZE_POLL_MS);
    }
    (void)cgroup_file_write(cgroup, hierarchy, "freezer.state", "THAWED"); /* as before */
    return err_set(err, ERR_CONFLICT,
                   "cgroup %s did not freeze within %d ms; a process of it waits in the kernel",
                   cgroup->path, timeout_ms);
}

int cgroup_v1_thaw(const struct cgroup *cgroup, int hierarchy, struct err *err)
{
    if (cgroup_file_write(cgroup, hierarchy, "freezer.state", "THAWED") == 0)
        return 0;
    if (errno == ENOENT || errno == ENODEV) /* its processes ended, and somebody removed it */
        return 0;
    return err_sys(err, "thaw: write to freezer.state of %s", cgroup->path);
}
