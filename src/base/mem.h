/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Memory and ownership: allocation that ends the process when memory is out, and clean-up
 * attributes by which a declaration says how what it holds is released.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *at, size_t count, size_t size);
char *xstrdup(const char *text) __attribute__((returns_nonnull));
/* Copies len bytes and closes them with a zero byte. */
char *xstrndup(const char *text, size_t len) __attribute__((returns_nonnull));
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

#define xnew(type) ((type *)xcalloc(1, sizeof(type)))

static inline void mem_free_at(void *at)
{
    free(*(void **)at);
}

static inline void mem_close_at(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

enum { LEFT_OPEN_MOST = 256 };
static inline void mem_leave_at(const int *fd)
{
    if (*fd >= LEFT_OPEN_MOST)
        (void)close(*fd);
}

#define auto_free  __attribute__((cleanup(mem_free_at), unused))
#define auto_close __attribute__((cleanup(mem_close_at), unused))
/* Of a process that soon closes all it has open, or ends: only where there is very much, at once. */
#define auto_leave __attribute__((cleanup(mem_leave_at), unused))
/* auto_drop(image) *img: released by image_free; auto_done(str) s: released by str_done. */
#define auto_drop(type) __attribute__((cleanup(type##_drop_at), unused)) struct type
#define auto_done(type) __attribute__((cleanup(type##_done), unused)) struct type

/* Declares what auto_drop(type) needs; stands below the declaration of type_free. */
#define DROP(type)                                                                                 \
    static inline void type##_drop_at(struct type **at)                                            \
    {                                                                                              \
        type##_free(*at);                                                                          \
    }                                                                                              \
    struct type

/* The value, leaving NULL or -1 behind: the visible hand-over of ownership. */
#define take_ptr(at)                                                                               \
    __extension__({                                                                                \
        __typeof__(at) taken_ = (at);                                                              \
        (at) = NULL;                                                                               \
        taken_;                                                                                    \
    })

static inline int mem_take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}
#define take_fd(fd) mem_take_fd(&(fd))

/* Closes *fd if it is open and leaves -1. errno is kept. */
void fd_close(int *fd);

#define array_size(array) (sizeof(array) / sizeof((array)[0]))
