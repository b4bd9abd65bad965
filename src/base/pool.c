/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <stdalign.h>
#include <string.h>

enum { BLOCK_BYTES = 8 << 10 };

struct pool_block {
    struct pool_block *before;
    size_t room;
    size_t used;
    max_align_t at[];
};

void pool_done(struct pool *pool)
{
    while (pool->block) {
        struct pool_block *block = pool->block;
        pool->block = block->before;
        free(block);
    }
    *pool = (struct pool){};
}

static void block_add(struct pool *pool, size_t size)
{
    size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
    struct pool_block *block = xmalloc(sizeof(*block) + room);
    block->before = pool->block;
    block->room = room;
    block->used = 0;
    pool->block = block;
}

void *pool_get(struct pool *pool, size_t size)
{
    size_t rounded =
        (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    if (!pool->block || pool->block->room - pool->block->used < rounded)
        block_add(pool, rounded);
    void *at = (char *)pool->block->at + pool->block->used;
    pool->block->used += rounded;
    pool->used += rounded;
    memset(at, 0, rounded);
    return at;
}

struct view pool_text(struct pool *pool, const char *at, size_t len)
{
    char *copy = pool_get(pool, len + 1);
    if (len > 0)
        memcpy(copy, at, len);
    return (struct view){ copy, len };
}
