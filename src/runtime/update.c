/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/plan_part.h"

int runtime_limits(const struct spec_resources *resources, struct cgroup_limits *ret_limits,
                   struct err *err)
{
    struct cgroup_limits limits = {};
    if (plan_limits_make(resources, &limits, err) < 0) {
        cgroup_limits_done(&limits);
        return -1;
    }
    *ret_limits = limits;
    return 0;
}

int runtime_update(struct cgroup *cgroup, const struct spec_resources *resources, struct err *err)
{
    struct cgroup_limits limits = {};
    const struct spec_memory *memory = resources->memory;
    bool checked = memory && memory->check_before_update.set && memory->check_before_update.value;
    int result = plan_limits_make(resources, &limits, err);
    plan_limits_allow_defaults(&limits);
    /* Both are one number in v1: memory without a limit cannot stand below swap that has one. */
    if (limits.memory_bytes.set && limits.memory_bytes.value < 0 && !limits.memory_swap_bytes.set)
        limits.memory_swap_bytes = limits.memory_bytes;
    if (result == 0)
        result = cgroup_update(cgroup, &limits, checked ? CGROUP_CHECK_USAGE : 0, err);
    cgroup_limits_done(&limits);
    return result;
}
