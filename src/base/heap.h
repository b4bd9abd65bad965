/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Memory for programs that live for milliseconds: malloc(3) of the two that are linked against musl
 * (musl.c), whose own maps and unmaps pages for every few blocks. Blocks come from one piece of
 * memory that costs no system call, and go to a list of their size when they are free. For one
 * thread.
 */
#include <stddef.h>

/* As malloc, calloc, realloc and free: aligned to 16 bytes; NULL with ENOMEM. A block that is
 * released twice, or was never given, ends the program. */
void *heap_alloc(size_t len);
void *heap_alloc_zeroed(size_t count, size_t len);
void *heap_resize(void *at, size_t len);
void heap_release(void *at);
