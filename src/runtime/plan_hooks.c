/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/plan_part.h"

void plan_hooks_make(const struct runtime_request *request, struct plan *plan)
{
    struct plan_hooks *hooks = &plan->hooks;
    const struct spec *spec = request->spec;
    if (!request->state || !spec->hooks)
        return;
    hooks->n_runtime = spec->hooks->prestart.len + spec->hooks->create_runtime.len;
    hooks->container = hooks_find(spec, HOOK_CREATE_CONTAINER);
    hooks->start = hooks_find(spec, HOOK_START_CONTAINER);
    if (request->rootfs->kind == ROOTFS_DIRECTORY)
        hooks->container.directory = request->rootfs->lower.at[0];
    if (hooks->container.n)
        hooks->container.state = hooks->creating = hooks_state(request->state, "creating");
    if (hooks->start.n)
        hooks->start.state = hooks->created = hooks_state(request->state, "created");
}

bool plan_pivots_late(const struct plan *plan)
{
    return plan->hooks.n_runtime || plan->hooks.container.n;
}
