/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is taken instead of musl's own, under libc's names (the labels): the linker finds these before
 * the archive's. The allocator (heap.h), and open(2), behind which musl sets close-on-exec once more for
 * kernels before 2.6.23.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/heap.h"

int own_open(const char *path, int flags, ...) __asm__("open");
void *own_malloc(size_t len) __asm__("malloc");
void *own_calloc(size_t count, size_t len) __asm__("calloc");
void *own_realloc(void *at, size_t len) __asm__("realloc");
void own_free(void *at) __asm__("free");

int own_open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & (O_CREAT | O_TMPFILE)) {
        va_list args;
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
    }
    return openat(AT_FDCWD, path, flags, mode);
}

void *own_malloc(size_t len)
{
    return heap_alloc(len);
}

void *own_calloc(size_t count, size_t len)
{
    return heap_alloc_zeroed(count, len);
}

void *own_realloc(void *at, size_t len)
{
    return heap_resize(at, len);
}

void own_free(void *at)
{
    heap_release(at);
}
