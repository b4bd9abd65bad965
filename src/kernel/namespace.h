/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The eight namespaces (namespaces(7)) and the processes born into them. Async-signal-safe; -1 with
 * errno.
 */
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

/* kind, flag of clone and setns, file below /proc/PID/ns */
#define NAMESPACES(X)                                                                              \
    X(USER, CLONE_NEWUSER, "user")                                                                 \
    X(MOUNT, CLONE_NEWNS, "mnt")                                                                   \
    X(PID, CLONE_NEWPID, "pid")                                                                    \
    X(UTS, CLONE_NEWUTS, "uts")                                                                    \
    X(IPC, CLONE_NEWIPC, "ipc")                                                                    \
    X(NETWORK, CLONE_NEWNET, "net")                                                                \
    X(CGROUP, CLONE_NEWCGROUP, "cgroup")                                                           \
    X(TIME, CLONE_NEWTIME, "time")

enum namespace_kind {
#define X(kind, flag, file) NAMESPACE_##kind,
    NAMESPACES(X)
#undef X
        NAMESPACE_COUNT
};

uint64_t namespace_flag(enum namespace_kind kind);
const char *namespace_file(enum namespace_kind kind);

/* clone3(2): a child with its own copy of memory, born in the namespaces of `flags` and, unless
 * cgroup is -1, in that cgroup of v2. Returns 0 in the child, its pid in the parent, with a pidfd.
 */
pid_t namespace_clone(uint64_t flags, int cgroup, int *ret_pidfd);

/* Whether the caller's user namespace is the first: root of another makes no device nodes. */
bool namespace_user_is_first(void);

/* Brings up the loopback of the network namespace the caller is in, and gives a descriptor of that
 * namespace, if ret_namespace is not NULL. */
int loopback_up(int *ret_namespace);
