/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The options of `run` and `create`, and the configuration that follows from them. Reading options
 * does nothing to the machine but read the files they name; what is wrong with a value is found
 * here, before anything is made.
 */
#include "base/option.h"
#include "cli/registry_options.h"

struct container_config;

struct container_args {
    /* its image */
    const char *pull;
    const char *platform;
    bool quiet;
    struct registry_args registry;
    /* what the container is */
    const char *name;
    struct strings labels;
    struct strings label_files;
    struct strings annotations;
    const char *rootfs;
    const char *cidfile;
    /* its process */
    const char *entrypoint;
    struct strings env;
    struct strings env_files;
    const char *workdir;
    const char *user;
    struct strings groups;
    bool stdin_open;
    bool terminal;
    bool init;
    const char *stop_signal;
    struct maybe_i64 stop_timeout_s;
    bool remove;
    /* its file system */
    struct strings volumes;
    struct strings mounts;
    struct strings tmpfs;
    struct strings devices;
    struct maybe_i64 shm_size_bytes;
    bool readonly;
    /* its limits */
    struct maybe_i64 memory_bytes;
    struct maybe_i64 memory_swap_bytes;
    struct maybe_i64 memory_reservation_bytes;
    struct maybe_i64 nano_cpus;
    struct maybe_i64 cpu_shares;
    struct maybe_i64 cpu_quota_us;
    struct maybe_i64 cpu_period_us;
    const char *cpuset_cpus;
    const char *cpuset_mems;
    struct maybe_i64 pids_limit;
    struct maybe_i64 blkio_weight;
    struct strings ulimits;
    struct strings sysctls;
    /* what keeps it apart */
    struct strings cap_add;
    struct strings cap_drop;
    bool privileged;
    struct strings security;
    const char *userns;
    const char *pid;
    const char *ipc;
    const char *uts;
    const char *cgroupns;
    const char *timens;
    const char *network;
    const char *hostname;
    const char *domainname;
    /* how it is started */
    bool detach;
    const char *sig_proxy;
    const char *explain;
    bool dry_run;
};

/* NULL-ended. */
extern const struct option *const run_options[];
extern const struct option *const create_options[];

/* What follows from the options and operands ([IMAGE] [COMMAND [ARG...]]). Adds a line to warnings
 * for what is done otherwise than asked. The namespaces of other containers are still by the name
 * they were given. The caller owns the result, also on failure, where it is empty. */
int container_args_config(const struct container_args *args, char *const *operands,
                          struct container_config *ret_config, struct strings *warnings,
                          struct err *err);
