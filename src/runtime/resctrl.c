/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cache and memory bandwidth (linux.intelRdt; the kernel's filesystems/resctrl.rst): a class of
 * service is a directory, its limits are lines of its file "schemata", its processes are in "tasks".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "base/file.h"
#include "runtime/plan_part.h"
#include "runtime/start.h"

enum { RESCTRL_MAGIC = 0x7655821 }; /* RDTGROUP_SUPER_MAGIC of linux/magic.h */

static const char resctrl_path[] = "/sys/fs/resctrl";

size_t count_resctrl(const struct plan *plan)
{
    return plan->rdt != NULL;
}

int plan_resctrl_check(const struct runtime_request *request, struct err *err)
{
    const struct spec_intel_rdt *rdt = request->spec->linux->intel_rdt;
    struct statfs status;
    if (!rdt)
        return 0;
    if (statfs(resctrl_path, &status) < 0 || status.f_type != RESCTRL_MAGIC)
        return err_set(err, ERR_UNSUPPORTED,
                       "config.json: /linux/intelRdt: no resctrl is mounted on %s; leave it out",
                       resctrl_path);
    if (!rdt->clos_id && !request->state)
        return err_set(err, ERR_INVALID, "config.json: /linux/intelRdt/closID: is missing");
    return 0;
}

static const char *class_name(const struct plan *plan)
{
    if (!plan->rdt->clos_id)
        return plan->request->state->id;
    return strcmp(plan->rdt->clos_id, "/") == 0 ? "." : plan->rdt->clos_id;
}

/* L3 without the MB lines it may have, if there is an MB line of its own; then the rest. */
static void schemata_join(const struct spec_intel_rdt *rdt, struct str *lines)
{
    struct view rest = view_of(rdt->l3_cache_schema);
    struct view line;
    bool more = rdt->l3_cache_schema != NULL;
    while (more) {
        more = view_cut(&rest, '\n', &line);
        if (line.len && !(rdt->mem_bw_schema && line.len > 3 && memcmp(line.at, "MB:", 3) == 0)) {
            str_add_bytes(lines, line.at, line.len);
            str_add_char(lines, '\n');
        }
    }
    if (rdt->mem_bw_schema)
        str_addf(lines, "%s\n", rdt->mem_bw_schema);
    for (size_t i = 0; i < rdt->schemata.len; i++)
        str_addf(lines, "%s\n", rdt->schemata.at[i]);
}

/* Whether each line is among those of the file, which the kernel writes with blanks before them. */
static bool schemata_same(const char *file, const struct str *lines)
{
    struct view rest = view_of(str_text(lines));
    struct view line;
    while (view_cut(&rest, '\n', &line)) {
        auto_free char *text = xstrndup(line.at, line.len);
        const char *at = strstr(file, text);
        if (!at || (at[line.len] && at[line.len] != '\n'))
            return false;
    }
    return true;
}

static int class_fill(int class, bool made, const struct str *lines, struct err *err)
{
    auto_free char *file = NULL;
    size_t len;
    if (!lines->len)
        return 0;
    if (made)
        return file_poke(class, "schemata", lines->at) < 0
                   ? err_sys(err, "write the schemata of /linux/intelRdt")
                   : 0;
    if (file_load(class, "schemata", 1 << 20, &file, &len, err) != 1)
        return err_set(err, ERR_SYSTEM, "read the schemata of /linux/intelRdt/closID");
    if (schemata_same(file, lines))
        return 0;
    return err_set(err, ERR_CONFLICT,
                   "config.json: /linux/intelRdt/closID: the class exists with other schemata");
}

static int class_enter(int class, const char *directory, pid_t pid)
{
    char number[16];
    auto_free char *path = xasprintf("%stasks", directory);
    (void)snprintf(number, sizeof(number), "%d", pid);
    return file_poke(class, path, number);
}

static int monitor_enter(const struct plan *plan, int class, pid_t pid)
{
    if (!plan->rdt->enable_monitoring || !plan->request->state)
        return 0;
    auto_free char *path = xasprintf("mon_groups/%s/", plan->request->state->id);
    if (mkdirat(class, path, 0755) < 0 && errno != EEXIST)
        return -1;
    return class_enter(class, path, pid);
}

int parent_resctrl(struct start *start, size_t i, struct err *err)
{
    (void)i;
    const struct plan *plan = start->plan;
    const char *name = class_name(plan);
    auto_done(str) lines = {};
    schemata_join(plan->rdt, &lines);
    auto_close int top = open(resctrl_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        return err_sys(err, "open %s", resctrl_path);
    /* A class that is only named has to be there. */
    bool make = lines.len || !plan->rdt->clos_id;
    start->resctrl_made = make && mkdirat(top, name, 0755) == 0;
    if (make && !start->resctrl_made && errno != EEXIST)
        return err_sys(err, "make class %s of /linux/intelRdt", name);
    auto_close int class = openat(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (class < 0)
        return err_sys(err, "config.json: /linux/intelRdt/closID: %s", name);
    if (class_fill(class, start->resctrl_made, &lines, err) < 0)
        return -1;
    if (class_enter(class, "", start->pid) < 0 || monitor_enter(plan, class, start->pid) < 0)
        return err_sys(err, "enter class %s of /linux/intelRdt", name);
    return 0;
}

void resctrl_undo(const struct start *start)
{
    auto_close int top = open(resctrl_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top >= 0)
        (void)unlinkat(top, class_name(start->plan), AT_REMOVEDIR);
}

void runtime_resctrl_remove(const char *id)
{
    auto_close int top = open(resctrl_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top >= 0)
        (void)unlinkat(top, id, AT_REMOVEDIR);
}
