/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The end of a container: its processes, its cgroup, what is left of it on disk. */
#include "runtime_cli/container.h"

/* SIGKILL for all of it, and waits until its first process is gone. */
int container_kill(const struct container *container, struct err *err);
/* Removes a container whose first process has ended: processes it left, cgroup, hooks, directory. */
int container_remove(struct container *container, struct err *err);
