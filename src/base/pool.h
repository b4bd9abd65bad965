/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Memory that is released at once: for trees of small things that live and die together. {} is an
 * empty pool.
 */
#include <stddef.h>

#include "base/mem.h"
#include "base/str.h"

struct pool_block;
struct pool {
    struct pool_block *block; /* the one that is being filled; each knows the one before it */
    size_t used;              /* bytes handed out since the pool was empty */
};

void pool_done(struct pool *pool);
/* size bytes of zeroes, aligned for anything, the pool's. */
void *pool_get(struct pool *pool, size_t size);
/* A copy of text, closed by a zero byte. */
struct view pool_text(struct pool *pool, const char *at, size_t len);

#define pool_array(pool, type, n) ((type *)pool_get((pool), sizeof(type) * (n)))
