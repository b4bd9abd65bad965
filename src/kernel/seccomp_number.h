/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The numbers of system calls, architecture by architecture. libseccomp knows them up to its own
 * release; this adds the newer ones, and the calls that i386 has twice (socketcall(2), ipc(2)), of
 * which libseccomp gives no number.
 */
#include <stddef.h>
#include <stdint.h>

#include "kernel/seccomp.h"

/* clang-format off */
/* Kernel 6.4 to 6.18, the same on every architecture; the build machine's headers may be older. */
#define SECCOMP_NUMBERS_NEW(X)                                                                     \
    X(cachestat, 451)       X(fchmodat2, 452)         X(map_shadow_stack, 453)                     \
    X(futex_wake, 454)      X(futex_wait, 455)        X(futex_requeue, 456)                        \
    X(statmount, 457)       X(listmount, 458)         X(lsm_get_self_attr, 459)                    \
    X(lsm_set_self_attr, 460) X(lsm_list_modules, 461) X(mseal, 462)                               \
    X(setxattrat, 463)      X(getxattrat, 464)        X(listxattrat, 465)                          \
    X(removexattrat, 466)   X(open_tree_attr, 467)    X(file_getattr, 468)                         \
    X(file_setattr, 469)
/* clang-format on */

enum {
#define X(name, number) SECCOMP_NUMBER_##name = (number),
    SECCOMP_NUMBERS_NEW(X)
#undef X
};

/* A call that is also reached through another, whose first argument tells which is meant. */
struct seccomp_gate {
    char name[12];
    uint16_t number;                /* its own, 0 if it has none */
    uint16_t gate;                  /* of socketcall or ipc */
    struct seccomp_compare compare; /* how it is recognised there */
};

/* One architecture of this machine: a bit of enum seccomp_architecture, and what struct
 * seccomp_data has in arch. */
struct seccomp_machine {
    uint32_t bit;
    uint32_t token;
};

/* The machine's own architecture first, then those it runs besides. */
const struct seccomp_machine *seccomp_machines(size_t *ret_n);
/* The same as bits. */
uint32_t seccomp_architectures(void);
/* The number of a call given by name; -1: the architecture has none, or nobody knows the name. */
int seccomp_number(uint32_t token, const char *name);
/* How else a call is reached on the architecture, or NULL. */
const struct seccomp_gate *seccomp_gate(uint32_t token, const char *name);
