/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A container's configuration as an OCI specification and a root file system: what runtime/ takes.
 * For engine/ alone.
 */
#include "engine/record.h"

/* All that a start hands to runtime_create. It owns spec, rootfs and maps. */
struct start_plan {
    struct spec spec;
    struct runtime_rootfs rootfs;
    struct strings paths; /* texts that rootfs borrows */
    struct pairs device_sources;
    bool userns;      /* not the host's user namespace */
    char *lender;     /* the mount namespace that has its /dev/shm, or NULL: it is its own */
    const char *lent; /* and where that is mounted */
    enum runtime_seccomp seccomp;
    unsigned optional_limits;
    const char *user;
};

/* Whether the container gets a user namespace, and if not, why: a word of the configuration that
 * cannot work in one. */
bool container_wants_userns(const struct engine *engine, const struct container_config *config,
                            const char **ret_why);

/* Makes the plan. maps are the user namespace's, or NULL for the host's. `layers` are directories
 * of the host, topmost first; files are the paths of hosts, hostname and resolv.conf for it, or
 * NULL. */
int start_plan_make(struct engine *engine, const struct container_config *config,
                    const struct id_maps *maps, const struct strings *layers, const char *run_dir,
                    struct start_plan *ret_plan, struct err *err);
void start_plan_done(struct start_plan *plan);
