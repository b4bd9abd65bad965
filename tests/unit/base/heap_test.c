/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

static void fill(void *at, size_t len, unsigned seed)
{
    unsigned char *bytes = at;
    for (size_t i = 0; i < len; i++)
        bytes[i] = (unsigned char)(i * 31 + seed);
}

static bool is_filled(const void *at, size_t len, unsigned seed)
{
    const unsigned char *bytes = at;
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != (unsigned char)(i * 31 + seed))
            return false;
    return true;
}

Test(heap, gives_blocks_of_every_size_that_do_not_overlap)
{
    enum { BLOCKS = 1200 };
    static void *blocks[BLOCKS];
    for (unsigned i = 0; i < BLOCKS; i++) {
        size_t len = i < 300 ? i : i * 97;
        blocks[i] = heap_alloc(len);
        cr_assert(blocks[i]);
        cr_assert_eq((uintptr_t)blocks[i] % 16, 0);
        fill(blocks[i], len, i);
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        cr_expect(is_filled(blocks[i], i < 300 ? i : i * 97, i), "block %u", i);
    for (unsigned i = 0; i < BLOCKS; i++)
        heap_release(blocks[i]);
}

Test(heap, uses_what_was_released)
{
    for (size_t len = 0; len < 70000; len = len * 5 / 4 + 1) {
        void *at = heap_alloc(len);
        void *fence = heap_alloc(1);
        heap_release(at);
        if (len <= 65536)
            cr_expect_eq(heap_alloc(len), at, "%zu", len);
        heap_release(fence);
    }
}

Test(heap, keeps_what_grows_and_shrinks)
{
    char *at = NULL;
    size_t had = 0;
    for (size_t len = 1; len < 300000; len = len * 3 / 2 + 1) {
        at = heap_resize(at, len);
        cr_assert(at);
        cr_expect(is_filled(at, had, 5), "%zu to %zu", had, len);
        fill(at, len, 5);
        had = len;
        if (len % 2)
            (void)heap_alloc(24); /* something stands behind it now */
    }
    at = heap_resize(at, 100);
    cr_expect(is_filled(at, 100, 5));
    heap_release(at);
}

Test(heap, zeroes_what_was_used_before)
{
    unsigned char *at = heap_alloc(500);
    memset(at, 0xff, 500);
    heap_release(at);
    at = heap_alloc_zeroed(5, 100);
    for (size_t i = 0; i < 500; i++)
        cr_assert_eq(at[i], 0);
    heap_release(at);
}

Test(heap, refuses_what_there_cannot_be)
{
    errno = 0;
    cr_expect_null(heap_alloc(SIZE_MAX));
    cr_expect_eq(errno, ENOMEM);
    errno = 0;
    cr_expect_null(heap_alloc_zeroed(SIZE_MAX / 2, 3));
    cr_expect_eq(errno, ENOMEM);
    char *at = heap_alloc(10);
    cr_expect_null(heap_resize(at, SIZE_MAX - 100));
    heap_release(at);
    heap_release(NULL);
}

Test(heap, leaves_errno_alone_when_it_releases)
{
    void *small = heap_alloc(10);
    void *large = heap_alloc(1 << 20);
    errno = EXDEV;
    heap_release(small);
    heap_release(large);
    cr_expect_eq(errno, EXDEV);
}

Test(heap, ends_when_memory_is_released_twice, .signal = SIGABRT)
{
    void *at = heap_alloc(40);
    heap_release(at);
    heap_release(at);
}

Test(heap, ends_when_a_neighbour_was_overwritten, .signal = SIGABRT)
{
    char *first = heap_alloc(16);
    char *second = heap_alloc(16);
    memset(first, 'x', 32);
    heap_release(second);
}
