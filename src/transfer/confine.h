/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a process keeps of its rights before it reads the first foreign byte
 * (docs/design/0002-confined-transfer.md): no new privileges, limits, Landlock, few capabilities of
 * its user namespace or none, a short list of system calls.
 */
#include "base/err.h"
#include "kernel/seccomp.h"
#include "transfer/transfer.h"

/* Filters, made once: one for each verb. */
struct confinement {
    struct seccomp_filter filters[TRANSFER_VERB_COUNT];
};

int confinement_init(struct confinement *confinement, struct err *err);
void confinement_done(struct confinement *confinement);
/* Confines the calling process for good. directories: what it may work in. */
int confinement_enter(const struct confinement *confinement, enum transfer_verb verb,
                      const int *directories, size_t n_directories, struct err *err);
