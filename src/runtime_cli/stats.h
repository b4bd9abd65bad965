/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a container has used, as the object runc's `events --stats` prints as "data". */
#include "runtime_cli/container.h"

int stats_format(const struct cgroup *cgroup, struct str *out, struct err *err);
/* A file of the group in the hierarchy of a controller (v2's where v1 has none). Returns the
 * descriptor, or -1 with errno. */
int stats_open(const struct cgroup *cgroup, enum cgroup_controller controller, const char *v1,
               const char *v2, int flags);
