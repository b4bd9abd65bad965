/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Resource limits (getrlimit(2)): the table of the sixteen, "nofile=1024:2048" as people write it,
 * and setting one where raising may be refused.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* constant behind RLIMIT_, name */
#define RLIMITS(X)                                                                                 \
    X(AS, as)                                                                                      \
    X(CORE, core)                                                                                  \
    X(CPU, cpu)                                                                                    \
    X(DATA, data)                                                                                  \
    X(FSIZE, fsize)                                                                                \
    X(LOCKS, locks)                                                                                \
    X(MEMLOCK, memlock)                                                                            \
    X(MSGQUEUE, msgqueue)                                                                          \
    X(NICE, nice)                                                                                  \
    X(NOFILE, nofile)                                                                              \
    X(NPROC, nproc)                                                                                \
    X(RSS, rss)                                                                                    \
    X(RTPRIO, rtprio)                                                                              \
    X(RTTIME, rttime)                                                                              \
    X(SIGPENDING, sigpending)                                                                      \
    X(STACK, stack)

#define RLIMIT_UNLIMITED UINT64_MAX /* what the kernel calls RLIM64_INFINITY */

struct rlimit_pair {
    int resource; /* RLIMIT_… */
    uint64_t soft;
    uint64_t hard;
};

/* The resource called "nofile" or "RLIMIT_NOFILE", in any case. */
int rlimit_find(const char *name, int *ret_resource, struct err *err);
/* "nofile", or NULL. */
const char *rlimit_name(int resource);
/* "RLIMIT_NOFILE", or NULL. */
const char *rlimit_constant(int resource);
/* "nofile=1024:2048", "nofile=1024" (both limits), "core=-1", "core=unlimited". The soft limit may
 * not be above the hard one. */
int rlimit_parse(const char *text, struct rlimit_pair *ret_pair, struct err *err);
/* Sets a limit of a process, 0 being the caller. Where raising the hard limit is not permitted, it
 * stays as it is, the soft limit is at most that, and *ret_clamped is true. Async-signal-safe.
 * Returns 0, or -1 with errno. */
int rlimit_set(pid_t pid, const struct rlimit_pair *pair, bool *ret_clamped);
