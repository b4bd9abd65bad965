/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Digests of many files and directories below the root, several found out at a time by
 * ruche-transfer. */
#include "image/helper.h"
#include "image/store.h"

struct sum {
    char *path;     /* below the root */
    bool mounted;   /* it is a layer's file, and what is in it is meant */
    char *digest;   /* found; NULL: it could not be read */
    uint64_t bytes; /* in it */
    struct err err; /* why it could not */
};
struct sums {
    struct sum *at;
    size_t len;
};
void sums_done(struct sums *sums);
/* Takes the path. Gives its place. */
size_t sums_add(struct sums *sums, char *path);
/* Whether one that has no digest is damaged. Else it may be whole: something was short just now. */
bool sum_damaged(const struct sum *sum);
/* Finds out all that have no digest yet. -1 only if ruche-transfer cannot be talked to. */
int sums_run(struct sums *sums, struct images *images, const struct helper *helper,
             const struct image_watch *watch, struct err *err);
