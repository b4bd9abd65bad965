/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hooks as steps. Those of creation see the container whole, with its mounts in place, but from
 * outside: its root is still a directory of the host's, on which the root file system is mounted,
 * so plans with such hooks change the root behind them. What they mount below it stays.
 */
#include <errno.h>

#include "kernel/mount.h"
#include "runtime/start.h"

int parent_hooks(struct start *start, size_t i, struct err *err)
{
    (void)i;
    static const enum hook_kind kinds[] = { HOOK_PRESTART, HOOK_CREATE_RUNTIME };
    const struct runtime_request *request = start->plan->request;
    struct oci_state state = *request->state; /* borrows all that hangs from it */
    /* Step 2 of the life cycle is done: runtime.md has "created" for what comes after it. That is
     * what those of old are told; to the newer ones runc says "creating". */
    char status[][sizeof("creating")] = { "created", "creating" };
    if (channel_await(start, 'H', err) < 0)
        return -1;
    state.pid = (struct maybe_i64){ true, start->pid };
    for (size_t kind = 0; kind < array_size(kinds); kind++) {
        state.status = status[kind];
        if (hooks_run(request->spec, kinds[kind], &state, err) < 0)
            return -1;
    }
    return channel_release(start, NULL, 0, err);
}

int child_runtime_hooks(struct start *start, size_t i, struct err *err)
{
    (void)i;
    return channel_ask_hooks(start, err);
}

int child_container_hook(struct start *start, size_t i, struct err *err)
{
    return hook_run(&start->plan->hooks.container, i, getpid(), err);
}

int child_pivot(struct start *start, size_t i, struct err *err)
{
    (void)i;
    return root_change(start, err);
}

int process_hook(struct start *start, size_t i, struct err *err)
{
    return hook_run(&start->plan->hooks.start, i, getpid(), err);
}

size_t count_runtime_hooks(const struct plan *plan)
{
    return plan->hooks.n_runtime != 0;
}

size_t count_container_hooks(const struct plan *plan)
{
    return plan->hooks.container.n;
}

size_t count_start_hooks(const struct plan *plan)
{
    return plan->hooks.start.n;
}

size_t count_pivot(const struct plan *plan)
{
    return plan_pivots_late(plan);
}

void describe_runtime_hooks(const struct plan *plan, size_t i, struct str *words,
                            struct str *arguments)
{
    (void)i;
    (void)words;
    str_addf(arguments, "%zu of prestart and createRuntime", plan->hooks.n_runtime);
}

void describe_container_hook(const struct plan *plan, size_t i, struct str *words,
                             struct str *arguments)
{
    str_addf(words, " %s", plan->hooks.container.kind);
    str_addf(arguments, "%s", plan->hooks.container.at[i].path);
}

void describe_start_hook(const struct plan *plan, size_t i, struct str *words,
                         struct str *arguments)
{
    str_addf(words, " %s", plan->hooks.start.kind);
    str_addf(arguments, "%s", plan->hooks.start.at[i].path);
}
