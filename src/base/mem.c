/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What the command line exits with when the engine itself fails. */
enum { EXIT_OUT_OF_MEMORY = 125 };

/* Nothing is released or flushed: whatever is on disk is whole at any instant, and memory is needed
 * for all else. */
static _Noreturn void mem_exhausted(void)
{
    static const char text[] = "out of memory\n";
    ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);
    (void)written; /* there is nobody else to tell */
    _exit(EXIT_OUT_OF_MEMORY);
}

void *xmalloc(size_t size)
{
    void *at = malloc(size > 0 ? size : 1);
    if (!at)
        mem_exhausted();
    return at;
}

void *xcalloc(size_t count, size_t size)
{
    void *at = count > 0 && size > 0 ? calloc(count, size) : calloc(1, 1);
    if (!at)
        mem_exhausted();
    return at;
}

void *xrealloc(void *at, size_t count, size_t size)
{
    /* Nothing wanted is one byte: a size of 0 would release. */
    void *grown = count > 0 && size > 0 ? reallocarray(at, count, size) : realloc(at, 1);
    if (!grown)
        mem_exhausted();
    return grown;
}

char *xstrdup(const char *text)
{
    return xstrndup(text, strlen(text));
}

char *xstrndup(const char *text, size_t len)
{
    if (len == SIZE_MAX)
        mem_exhausted();
    char *copy = xmalloc(len + 1);
    if (len > 0)
        memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *xasprintf(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0)
        mem_exhausted();
    return text;
}

void fd_close(int *fd)
{
    if (*fd < 0)
        return;
    int errnum = errno;
    (void)close(*fd); /* the number is free again whatever close says */
    *fd = -1;
    errno = errnum;
}
