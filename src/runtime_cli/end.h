/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The end of a container: its processes, its cgroup, what is left of it on disk. */
#include "runtime_cli/attend.h"
#include "runtime_cli/container.h"

/* SIGKILL for all of it, and waits until its first process is gone. */
int container_kill(const struct container *container, struct err *err);
/* Removes a container whose first process has ended: processes it left, cgroup, hooks, directory. */
int container_remove(struct container *container, struct err *err);
/* Both, for one whose making failed; what goes wrong is a warning. */
void container_undo(struct container *container);

enum container_attend_flags {
    CONTAINER_KEEP = 1 << 0, /* it stays when its process has ended */
};
/* Attends to its process until that ends, and removes it. Gives the exit code. The container is
 * locked, and others may change it meanwhile. */
int container_attend(struct container *container, struct attend *attend,
                     const struct runtime_process *process, enum container_attend_flags flags,
                     struct err *err);
