/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * When and where a process runs: scheduler (sched_setattr(2)), I/O priority (ioprio_set(2)),
 * processors (sched_setaffinity(2)), memory nodes (set_mempolicy(2)) and execution domain
 * (personality(2)) of the calling thread. Values are parsed ahead; what sets them is
 * async-signal-safe and gives 0, or -1 with errno.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum {
    NUMBERS_MAX = 8192, /* processors a kernel can be built for (NR_CPUS), nodes are fewer */
    NUMBERS_WORDS = NUMBERS_MAX / 64,
};

/* A set of processors or of memory nodes. */
struct number_set {
    uint64_t words[NUMBERS_WORDS];
};

/* "0-3,7" as the kernel writes lists (cpuset(7)). `what` names it in the error. */
int number_set_parse(const char *text, const char *what, struct number_set *ret_set,
                     struct err *err);

/* struct sched_attr of the kernel's uapi, which libcs have under different names. */
struct schedule {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns;
    uint64_t deadline_ns;
    uint64_t period_ns;
};

struct memory_policy {
    int mode; /* MPOL_, with its flags */
    struct number_set nodes;
};

/* The bit of "SCHED_FLAG_RESET_ON_FORK" and its kin. False: no such word. */
bool schedule_flag(const char *word, uint64_t *ret_flag);
/* The bit of "MPOL_F_STATIC_NODES" and its kin. False: no such word. */
bool memory_policy_flag(const char *word, int *ret_flag);

int schedule_set(const struct schedule *schedule);
/* class as in linux/ioprio.h: 1 real time, 2 best effort, 3 idle. */
int io_priority_set(int class, int priority);
int processors_set(const struct number_set *processors);
/* Every processor that the cpuset of the process lets it have. */
int processors_reset(void);
int memory_policy_set(const struct memory_policy *policy);
int execution_domain_set(bool bits32);
