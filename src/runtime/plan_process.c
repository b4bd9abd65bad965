/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/program.h"
#include "kernel/namespace.h"
#include "runtime/plan_part.h"

/* A name nobody knows is left out with a warning (config.md, "capabilities"): that grants less. */
static uint64_t capability_mask(const struct strings *names, uint64_t known, struct plan *plan)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < names->len; i++) {
        int capability;
        struct err unknown = {};
        if (capability_parse(names->at[i], &capability, &unknown) == 0)
            mask |= UINT64_C(1) << capability;
        else if (!strstr(plan->warning, names->at[i]))
            plan_warn(plan, "capability %.60s is left out: it is not known", names->at[i]);
    }
    return mask & known; /* less than asked for is what an older kernel can give */
}

static void plan_capabilities(const struct spec_process *from, struct plan *plan)
{
    struct capability_sets *sets = &plan->process.capabilities;
    const struct spec_capabilities *names = from->capabilities;
    if (!names)
        return;
    /* In the host's user namespace nobody can grant what he does not have himself. */
    uint64_t known = plan->userns ? capability_all() : plan->process.caller.permitted;
    sets->bounding = capability_mask(&names->bounding, known, plan);
    sets->effective = capability_mask(&names->effective, known, plan);
    sets->permitted = capability_mask(&names->permitted, known, plan);
    sets->inheritable = capability_mask(&names->inheritable, known, plan);
    sets->ambient = capability_mask(&names->ambient, known, plan);
    /* The kernel has no ambient capability that is not inheritable as well: capabilities(7). `runc
     * spec` asks for some. */
    sets->ambient &= sets->inheritable & sets->permitted;
}

static int plan_rlimits(const struct runtime_request *request, struct plan_process *process,
                        struct err *err)
{
    const struct spec_process *from = request->spec->process;
    process->rlimits = xcalloc(from->rlimits.len, sizeof(*process->rlimits));
    for (size_t i = 0; i < from->rlimits.len; i++) {
        const struct spec_rlimit *entry = &from->rlimits.at[i];
        struct rlimit_pair *limit = &process->rlimits[i];
        if (rlimit_find(entry->type, &limit->resource, err) < 0)
            return plan_fail(request, "/process/rlimits", err);
        limit->soft = entry->soft;
        limit->hard = entry->hard;
        process->n_rlimits++;
    }
    return 0;
}

static void plan_env(const struct spec_process *from, struct plan_process *process)
{
    process->env = xcalloc(from->env.len + 2, sizeof(*process->env));
    for (size_t i = 0; i < from->env.len; i++)
        process->env[i] = from->env.at[i];
    process->home_missing = !strings_value(&from->env, "HOME");
}

static int plan_init(const struct spec_process *from, struct plan_process *process, struct err *err)
{
    static const char *const head[] = { "ruche-init", "--" };
    if (program_path("ruche-init", &process->init, err) < 0)
        return -1;
    process->init_argv = xcalloc(array_size(head) + from->args.len + 1, sizeof(char *));
    memcpy(process->init_argv, head, sizeof(head));
    memcpy(process->init_argv + array_size(head), from->args.at, from->args.len * sizeof(char *));
    return 0;
}

int plan_process_make(const struct runtime_request *request, struct plan *plan, struct err *err)
{
    const struct spec_process *from = request->spec->process;
    struct plan_process *process = &plan->process;
    if (!from->args.len)
        return err_set(err, ERR_INVALID, "no command to execute");
    if (!from->cwd || from->cwd[0] != '/')
        return err_set(err, ERR_INVALID, "working directory %s: not an absolute path",
                       from->cwd ? from->cwd : "\"\"");
    process->argv = from->args.at;
    process->cwd = from->cwd;
    process->make_cwd = request->flags & RUNTIME_MAKE_CWD && from->cwd[1];
    process->terminal = from->terminal;
    process->console_size = from->console_size;
    process->user = request->user;
    process->uid = from->user.uid;
    process->gid = from->user.gid;
    process->umask_set = from->user.umask.set;
    process->umask = (uint32_t)from->user.umask.value;
    process->groups = from->user.additional_gids.at;
    process->n_groups = from->user.additional_gids.len;
    process->group_names = request->groups;
    process->no_new_privileges = from->no_new_privileges;
    process->landlock = request->flags & RUNTIME_LANDLOCK;
    process->landlock_scope = !(plan->all_flags & CLONE_NEWNET);
    process->oom_score_adj = from->oom_score_adj;
    if (request->flags & RUNTIME_INIT && plan_init(from, process, err) < 0)
        return -1;
    plan_env(from, process);
    plan_capabilities(from, plan);
    if (plan_rlimits(request, process, err) < 0 ||
        plan_attributes_make(request->spec, &process->attributes, err) < 0)
        return -1;
    return plan_seccomp_make(request, process, err);
}
