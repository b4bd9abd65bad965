/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is taken instead of musl's own, under libc's names (the labels): the linker finds these before
 * the archive's. The allocator (heap.h); open(2), behind which musl sets close-on-exec once more for
 * kernels before 2.6.23; memcpy and memmove, which musl does by one string instruction that takes as long for a byte
 * as for a hundred, and jansson builds its texts byte by byte.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/heap.h"

int own_open(const char *path, int flags, ...) __asm__("open");
void *own_malloc(size_t len) __asm__("malloc");
void *own_calloc(size_t count, size_t len) __asm__("calloc");
void *own_realloc(void *at, size_t len) __asm__("realloc");
void own_free(void *at) __asm__("free");
#ifdef __x86_64__
void *own_memcpy(void *restrict to, const void *restrict from, size_t len) __asm__("memcpy");
void *own_memmove(void *to, const void *from, size_t len) __asm__("memmove");
#endif

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

#ifdef __x86_64__
/* The first and the last bytes of a length, which overlap in the middle; all are read before one is
 * written. A constant size is inlined. */
#define COPY_ENDS(size)                                                                            \
    do {                                                                                           \
        struct {                                                                                   \
            char bytes[size];                                                                      \
        } first, last;                                                                             \
        __builtin_memcpy(&first, from, size);                                                      \
        __builtin_memcpy(&last, (const char *)from + len - (size), size);                          \
        __builtin_memcpy(to, &first, size);                                                        \
        __builtin_memcpy((char *)to + len - (size), &last, size);                                  \
    } while (0)

static void copy_many(void *to, const void *from, size_t len)
{
    if ((uintptr_t)to - (uintptr_t)from >= len) {
        __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(len) : : "memory");
        return;
    }
    to = (char *)to + len - 1; /* it lies behind and overlaps: from the end */
    from = (const char *)from + len - 1;
    __asm__ volatile("std; rep movsb; cld" : "+D"(to), "+S"(from), "+c"(len) : : "memory", "cc");
}

/* No loop in it, which a compiler might make a call of memcpy. */
void *own_memmove(void *to, const void *from, size_t len)
{
    if (len > 64)
        copy_many(to, from, len);
    else if (len >= 32)
        COPY_ENDS(32);
    else if (len >= 16)
        COPY_ENDS(16);
    else if (len >= 8)
        COPY_ENDS(8);
    else if (len >= 4)
        COPY_ENDS(4);
    else if (len >= 2)
        COPY_ENDS(2);
    else if (len)
        *(char *)to = *(const char *)from;
    return to;
}

void *own_memcpy(void *restrict to, const void *restrict from, size_t len)
{
    return own_memmove(to, from, len);
}
#endif
