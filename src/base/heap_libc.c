/* SPDX-License-Identifier: Apache-2.0 */
/* The allocator under libc's names, for the programs that are linked against musl: the linker takes
 * these instead of the archive's. */
#include "base/heap.h"

#include <stdlib.h>

void *malloc(size_t len)
{
    return heap_alloc(len);
}

void *calloc(size_t count, size_t len)
{
    return heap_alloc_zeroed(count, len);
}

void *realloc(void *at, size_t len)
{
    return heap_resize(at, len);
}

void free(void *at)
{
    heap_release(at);
}
