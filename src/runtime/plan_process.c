/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/resource.h>

#include "base/program.h"
#include "kernel/namespace.h"
#include "runtime/plan_part.h"

static int capability_mask(const struct strings *names, uint64_t known, uint64_t *ret_mask,
                           struct err *err)
{
    *ret_mask = 0;
    for (size_t i = 0; i < names->len; i++) {
        int capability;
        if (capability_parse(names->at[i], &capability, err) < 0)
            return -1;
        *ret_mask |= UINT64_C(1) << capability;
    }
    *ret_mask &= known; /* less than asked for is what an older kernel can give */
    return 0;
}

static int plan_capabilities(const struct spec_process *from, bool userns,
                             struct plan_process *process, struct err *err)
{
    struct capability_sets *sets = &process->capabilities;
    const struct spec_capabilities *names = from->capabilities;
    if (!names)
        return 0;
    /* In the host's user namespace nobody can grant what he does not have himself. */
    uint64_t known = userns ? capability_all() : capability_permitted();
    if (capability_mask(&names->bounding, known, &sets->bounding, err) < 0 ||
        capability_mask(&names->effective, known, &sets->effective, err) < 0 ||
        capability_mask(&names->permitted, known, &sets->permitted, err) < 0 ||
        capability_mask(&names->inheritable, known, &sets->inheritable, err) < 0 ||
        capability_mask(&names->ambient, known, &sets->ambient, err) < 0)
        return -1;
    /* The kernel has no ambient capability that is not inheritable as well: capabilities(7). `runc
     * spec` asks for some. */
    sets->ambient &= sets->inheritable & sets->permitted;
    return 0;
}

static int plan_rlimits(const struct spec_process *from, struct plan_process *process,
                        struct err *err)
{
    process->rlimits = xcalloc(from->rlimits.len, sizeof(*process->rlimits));
    for (size_t i = 0; i < from->rlimits.len; i++) {
        const struct spec_rlimit *entry = &from->rlimits.at[i];
        struct rlimit_pair *limit = &process->rlimits[i];
        if (rlimit_find(entry->type, &limit->resource, err) < 0)
            return -1;
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
    if (request->flags & RUNTIME_INIT && program_path("ruche-init", &process->init, err) < 0)
        return -1;
    plan_env(from, process);
    if (plan_capabilities(from, plan->all_flags & CLONE_NEWUSER, process, err) < 0 ||
        plan_rlimits(from, process, err) < 0)
        return -1;
    return plan_seccomp_make(request, process, err);
}
