/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    ALIGN = 16,
    SMALL = 128,        /* up to here a class every 16 bytes, */
    LARGEST = 64 << 10, /* up to here four between two powers of two, beyond pages of their own */
    SMALL_CLASSES = SMALL / ALIGN,
    SMALL_ORDER = 7, /* SMALL is 1 << SMALL_ORDER */
    CLASSES = SMALL_CLASSES + 9 * 4,
    CLASS_PAGES = CLASSES,
    FIRST_SIZE = 256 << 10,
    MORE_SIZE = 1 << 20,
};

enum { MARK_USED = 0x75736564, MARK_FREE = 0x66726565 };

/* In front of what the caller gets. */
struct block {
    uint32_t class;
    uint32_t mark;
    size_t size; /* of what follows; the mapping is that and this struct */
};
_Static_assert(sizeof(struct block) == ALIGN, "what follows a block's head is aligned");

struct free_block {
    struct block head;
    struct free_block *next;
};

/* An allocator is state of the whole program by its nature: the one place that has some. */
static struct {
    _Alignas(ALIGN) char first[FIRST_SIZE];
    char *at; /* NULL: nothing was taken yet */
    char *end;
    struct free_block *free[CLASSES];
} heap;

static uint32_t class_of(size_t len)
{
    if (len > LARGEST)
        return CLASS_PAGES;
    if (len <= SMALL)
        return len ? (uint32_t)((len - 1) / ALIGN) : 0;
    unsigned order = 63 - (unsigned)__builtin_clzl(len - 1);
    uint32_t step = (uint32_t)((len - 1) >> (order - 2)) & 3;
    return SMALL_CLASSES + (order - SMALL_ORDER) * 4 + step;
}

static size_t class_size(uint32_t class)
{
    if (class < SMALL_CLASSES)
        return (class + 1) * (size_t)ALIGN;
    unsigned order = SMALL_ORDER + (class - SMALL_CLASSES) / 4;
    size_t step = (class - SMALL_CLASSES) % 4 + 1;
    return ((size_t)1 << order) + (step << (order - 2));
}

static void *memory_map(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? NULL : at; /* errno is ENOMEM */
}

static void *pages_alloc(size_t len)
{
    if (len > PTRDIFF_MAX - sizeof(struct block)) {
        errno = ENOMEM;
        return NULL;
    }
    struct block *block = memory_map(len + sizeof(*block));
    if (!block)
        return NULL;
    *block = (struct block){ CLASS_PAGES, MARK_USED, len };
    return block + 1;
}

/* What is left at the end of a piece is not used any more: less than the largest block. */
static char *piece_take(size_t size)
{
    if (!heap.at) {
        heap.at = heap.first;
        heap.end = heap.first + sizeof(heap.first);
    }
    if ((size_t)(heap.end - heap.at) < size) {
        char *more = memory_map(MORE_SIZE);
        if (!more)
            return NULL;
        heap.at = more;
        heap.end = more + MORE_SIZE;
    }
    char *taken = heap.at;
    heap.at += size;
    return taken;
}

void *heap_alloc(size_t len)
{
    uint32_t class = class_of(len);
    if (class == CLASS_PAGES)
        return pages_alloc(len);
    struct free_block *reused = heap.free[class];
    if (reused) {
        heap.free[class] = reused->next;
        reused->head.mark = MARK_USED;
        return &reused->head + 1;
    }
    size_t size = class_size(class);
    struct block *block = (struct block *)(void *)piece_take(size + sizeof(*block));
    if (!block)
        return NULL;
    *block = (struct block){ class, MARK_USED, size };
    return block + 1;
}

void *heap_alloc_zeroed(size_t count, size_t len)
{
    size_t size;
    if (__builtin_mul_overflow(count, len, &size)) {
        errno = ENOMEM;
        return NULL;
    }
    void *at = heap_alloc(size);
    return at ? memset(at, 0, size) : NULL;
}

static struct block *block_of(void *at)
{
    static const char text[] = "memory was released twice, or its neighbour overwritten\n";
    struct block *block = (struct block *)at - 1;
    if (block->mark != MARK_USED || block->class > CLASS_PAGES) {
        (void)!write(STDERR_FILENO, text, sizeof(text) - 1); /* it ends either way */
        abort();
    }
    return block;
}

void heap_release(void *at)
{
    if (!at)
        return;
    struct block *block = block_of(at);
    if (block->class == CLASS_PAGES) {
        int saved = errno;
        (void)munmap(block, block->size + sizeof(*block));
        errno = saved; /* free(3) leaves it alone */
        return;
    }
    struct free_block *freed = (struct free_block *)block;
    freed->head.mark = MARK_FREE;
    freed->next = heap.free[block->class];
    heap.free[block->class] = freed;
}

/* The last block of the piece grows where it is: most that grow are. */
static bool grow_last(struct block *block, uint32_t class)
{
    size_t size = class_size(class);
    char *begin = (char *)(block + 1);
    if (begin + block->size != heap.at || (size_t)(heap.end - begin) < size)
        return false;
    heap.at = begin + size;
    block->class = class;
    block->size = size;
    return true;
}

void *heap_resize(void *at, size_t len)
{
    if (!at)
        return heap_alloc(len);
    struct block *block = block_of(at);
    uint32_t class = class_of(len);
    if (len <= block->size && block->class != CLASS_PAGES)
        return at;
    if (class != CLASS_PAGES && block->class != CLASS_PAGES && grow_last(block, class))
        return at;
    void *moved = heap_alloc(len);
    if (!moved)
        return NULL;
    memcpy(moved, at, len < block->size ? len : block->size);
    heap_release(at);
    return moved;
}
