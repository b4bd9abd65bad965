/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Room that files take on the disk, as du(1) counts it: allocated blocks, of directories too, a file
 * with several names once.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct usage {
    uint64_t bytes;
    uint64_t files;
    uint64_t unreadable; /* directories that could not be looked into */
    /* files with several names that were counted */
    struct usage_inode *seen;
    size_t n_seen;
    size_t room;
};

/* Counts path and all below it. Absent is fine. */
int usage_add(struct usage *usage, int dirfd, const char *path, struct err *err);
void usage_done(struct usage *usage);
