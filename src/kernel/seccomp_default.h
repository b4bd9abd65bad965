/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The profile a process gets unless it is given another: what ordinary programs use, and what the
 * capabilities it holds are for. A number nobody knows is ENOSYS, so that libraries fall back; what
 * is known and closed is EPERM. Capabilities are bits as in capability.h.
 */
#include <stdint.h>

#include "kernel/seccomp.h"

enum seccomp_default_flags {
    /* Also i386's calls, on x86-64. Its socketcall(2) hides the address family from the filter. */
    SECCOMP_I386 = 1 << 0,
    /* Also 32-bit arm's, on aarch64. */
    SECCOMP_ARM = 1 << 1,
};

/* Gives rules to be compiled; released by seccomp_rules_done. */
void seccomp_default_rules(uint64_t capabilities, enum seccomp_default_flags flags,
                           struct seccomp_rules *ret_rules);
