/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The parts a plan is made of, each in a file of its own. */
#include "runtime/plan.h"

int plan_process_make(const struct runtime_request *request, struct plan *plan, struct err *err);
int plan_attributes_make(const struct spec *spec, struct plan_attributes *attributes,
                         struct err *err);
void plan_attributes_done(struct plan_attributes *attributes);
int plan_seccomp_make(const struct runtime_request *request, struct plan_process *process,
                      struct err *err);
int plan_limits_make(const struct spec_resources *resources, struct cgroup_limits *ret_limits,
                     struct err *err);
int plan_resctrl_check(const struct runtime_request *request, struct err *err);
void plan_hooks_make(const struct runtime_request *request, struct plan *plan);
/* Lets the default devices pass whatever the rules say, if there are any. */
void plan_limits_allow_defaults(struct cgroup_limits *limits);
int plan_mounts_make(const struct runtime_request *request, struct plan *plan, struct err *err);
/* Adds something of the host; gives its index. */
size_t plan_source_add(struct plan *plan, const char *path, bool recursive);
