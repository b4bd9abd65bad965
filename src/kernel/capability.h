/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Capabilities (capabilities(7)): names, and the five sets of a process put in place around a
 * change of user. Sets are bit masks by capability number. What runs between clone and exec neither
 * allocates nor prints.
 */
#include <stdint.h>

#include "base/err.h"

/* clang-format off */
/* number, constant: linux/capability.h, complete as of kernel 6.18 */
#define CAPABILITIES(X)                                                                            \
    X(0, CHOWN)            X(1, DAC_OVERRIDE)     X(2, DAC_READ_SEARCH)  X(3, FOWNER)              \
    X(4, FSETID)           X(5, KILL)             X(6, SETGID)           X(7, SETUID)              \
    X(8, SETPCAP)          X(9, LINUX_IMMUTABLE)  X(10, NET_BIND_SERVICE) X(11, NET_BROADCAST)     \
    X(12, NET_ADMIN)       X(13, NET_RAW)         X(14, IPC_LOCK)        X(15, IPC_OWNER)          \
    X(16, SYS_MODULE)      X(17, SYS_RAWIO)       X(18, SYS_CHROOT)      X(19, SYS_PTRACE)         \
    X(20, SYS_PACCT)       X(21, SYS_ADMIN)       X(22, SYS_BOOT)        X(23, SYS_NICE)           \
    X(24, SYS_RESOURCE)    X(25, SYS_TIME)        X(26, SYS_TTY_CONFIG)  X(27, MKNOD)              \
    X(28, LEASE)           X(29, AUDIT_WRITE)     X(30, AUDIT_CONTROL)   X(31, SETFCAP)            \
    X(32, MAC_OVERRIDE)    X(33, MAC_ADMIN)       X(34, SYSLOG)          X(35, WAKE_ALARM)         \
    X(36, BLOCK_SUSPEND)   X(37, AUDIT_READ)      X(38, PERFMON)         X(39, BPF)                \
    X(40, CHECKPOINT_RESTORE)
/* clang-format on */

enum capability {
#define X(number, constant) CAPABILITY_##constant = (number),
    CAPABILITIES(X)
#undef X
        CAPABILITY_COUNT,
};

#define CAPABILITY_BIT(constant) (UINT64_C(1) << CAPABILITY_##constant)

struct capability_sets {
    uint64_t bounding;
    uint64_t effective;
    uint64_t permitted;
    uint64_t inheritable;
    uint64_t ambient;
};

/* The number of "CAP_NET_RAW" or "net_raw", in any case. For "ALL" there is capability_all. */
int capability_parse(const char *name, int *ret_capability, struct err *err);
/* "CAP_NET_RAW", or NULL for a number that has no name here. */
const char *capability_name(int capability);
/* Every capability the running kernel knows, with or without a name here. */
uint64_t capability_all(void);
/* What the calling process is permitted: nobody can hand on more. */
uint64_t capability_permitted(void);

/* The first moment, before setuid and while CAP_SETPCAP is held: takes all but sets->bounding out
 * of the bounding set, which has nothing that is not in `held` (UINT64_MAX: it is not known). The
 * kernel takes one at a time. Async-signal-safe. Returns 0, or -1 with errno. */
int capability_bound(const struct capability_sets *sets, uint64_t held);
/* The second moment, after setuid (made with PR_SET_KEEPCAPS): permitted, effective, inheritable,
 * then ambient. Async-signal-safe. Returns 0, or -1 with errno. */
int capability_set(const struct capability_sets *sets);
/* A later moment: permitted, effective and inheritable once more, to less than they were; ambient
 * ones that are still both permitted and inheritable stay. Async-signal-safe. Returns 0, or -1 with
 * errno. */
int capability_lower(const struct capability_sets *sets);
