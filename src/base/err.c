/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/errnum.h"

enum { NAME_SIZE = 37 };

/* Arrays and not pointers: the table needs no relocation at the program's start. */
struct err_row {
    char name[NAME_SIZE];
    uint8_t exit_status;
    uint16_t http_status;
};

static const struct err_row err_rows[] = {
#define X(kind, name, exit, http) [ERR_##kind] = { name, exit, http },
    ERR_KINDS(X)
#undef X
};

#define X(kind, name, exit, http)                                                                  \
    _Static_assert(sizeof(name) <= NAME_SIZE, "the name of ERR_" #kind " is too long");
ERR_KINDS(X)
#undef X

static const char ellipsis[] = "…";

enum {
    TEXT_LEN_MAX = sizeof(((struct err *)NULL)->text) - 1,
    ELLIPSIS_LEN = sizeof(ellipsis) - 1,
    UTF8_LEN_MAX = 4,
    /* One byte more than fits, so that what is too long is seen to be. */
    PART_SIZE = TEXT_LEN_MAX + 2,
};

/* A kind that came through a pipe may be any number. */
static const struct err_row *row_of(enum err_kind kind)
{
    bool known = (unsigned)kind < sizeof(err_rows) / sizeof(err_rows[0]);
    return &err_rows[known ? kind : ERR_SYSTEM];
}

static enum err_kind kind_of(int errnum)
{
    switch (errnum) {
    case ENOENT:
        return ERR_NOT_FOUND;
    case EEXIST:
        return ERR_EXISTS;
    case EPERM:
    case EACCES:
        return ERR_DENIED;
    case ENOSYS:
    case EOPNOTSUPP:
        return ERR_UNSUPPORTED;
    case EBUSY:
        return ERR_CONFLICT;
    default:
        return ERR_SYSTEM;
    }
}

/* The text that is text[0..len) gets `more` behind it and is cut where it is longer than `limit`:
 * at a character's beginning, with an ellipsis. Gives the new length. Nothing but bytes is moved,
 * so that it may be called between clone and exec. */
static size_t text_put(char *text, size_t len, size_t limit, const char *more)
{
    size_t more_len = strlen(more);
    if (len + more_len <= limit) {
        memcpy(text + len, more, more_len + 1);
        return len + more_len;
    }

    if (len < limit)
        memcpy(text + len, more, limit - len);
    size_t cut = limit - ELLIPSIS_LEN;
    for (int i = 1; i < UTF8_LEN_MAX && cut > 0 && (text[cut] & 0xc0) == 0x80; i++)
        cut--;
    memcpy(text + cut, ellipsis, sizeof(ellipsis));
    return cut + ELLIPSIS_LEN;
}

/* Puts ": " and errno in words behind the text, which is shortened if need be. */
static void put_head_and_errnum(char *text, const char *head, size_t len, int errnum)
{
    const char *cause = errnum != 0 ? errnum_text(errnum) : "";
    size_t cause_len = errnum != 0 ? strlen(": ") + strlen(cause) : 0;

    len = text_put(text, len, TEXT_LEN_MAX - cause_len, head);
    if (errnum == 0)
        return;
    len = text_put(text, len, TEXT_LEN_MAX, ": ");
    (void)text_put(text, len, TEXT_LEN_MAX, cause);
}

/* Formats beside err->text, which may be among the arguments. */
__attribute__((format(printf, 2, 0))) static void part_format(char part[static PART_SIZE],
                                                              const char *format, va_list args)
{
    if (vsnprintf(part, PART_SIZE, format, args) < 0)
        part[0] = '\0';
}

int(err_set)(struct err *err, enum err_kind kind, const char *format, ...)
{
    if (!err)
        return -1;

    char part[PART_SIZE];
    va_list args;
    va_start(args, format);
    part_format(part, format, args);
    va_end(args);

    err->kind = kind;
    err->errnum = 0;
    (void)text_put(err->text, 0, TEXT_LEN_MAX, part);
    return -1;
}

int(err_sys)(struct err *err, const char *format, ...)
{
    int errnum = errno;
    if (!err)
        return -1;

    char part[PART_SIZE];
    va_list args;
    va_start(args, format);
    part_format(part, format, args);
    va_end(args);

    err->kind = kind_of(errnum);
    err->errnum = errnum;
    put_head_and_errnum(err->text, part, 0, errnum);
    errno = errnum;
    return -1;
}

int(err_wrap)(struct err *err, const char *format, ...)
{
    if (!err)
        return -1;

    char part[PART_SIZE], old[sizeof(err->text)];
    va_list args;
    va_start(args, format);
    part_format(part, format, args);
    va_end(args);

    size_t old_len = strnlen(err->text, TEXT_LEN_MAX);
    memcpy(old, err->text, old_len);
    old[old_len] = '\0';

    /* The cause says more than the circumstances: these are the first to be cut, but not below a
     * half. */
    size_t room = TEXT_LEN_MAX - strlen(": ") - old_len;
    if (old_len > TEXT_LEN_MAX / 2)
        room = TEXT_LEN_MAX / 2;
    size_t len = text_put(err->text, 0, room, part);
    if (old_len > 0) {
        len = text_put(err->text, len, TEXT_LEN_MAX, ": ");
        (void)text_put(err->text, len, TEXT_LEN_MAX, old);
    }
    return -1;
}

int(err_hint)(struct err *err, const char *format, ...)
{
    if (!err)
        return -1;

    char part[PART_SIZE];
    va_list args;
    va_start(args, format);
    part_format(part, format, args);
    va_end(args);

    size_t len = strnlen(err->text, TEXT_LEN_MAX);
    if (len > 0)
        len = text_put(err->text, len, TEXT_LEN_MAX, "; ");
    (void)text_put(err->text, len, TEXT_LEN_MAX, part);
    return -1;
}

int err_plain(struct err *err, enum err_kind kind, int errnum, const char *what, const char *name)
{
    if (!err)
        return -1;

    err->kind = kind;
    err->errnum = errnum;
    if (!name) {
        put_head_and_errnum(err->text, what, 0, errnum);
        return -1;
    }

    /* Half of the text is the most a name gets, so that the quote behind it and the cause remain.
     */
    size_t len = text_put(err->text, 0, TEXT_LEN_MAX / 4, what);
    len = text_put(err->text, len, TEXT_LEN_MAX, " \"");
    len = text_put(err->text, len, len + TEXT_LEN_MAX / 2, name);
    put_head_and_errnum(err->text, "\"", len, errnum);
    return -1;
}

const char *err_kind_name(enum err_kind kind)
{
    return row_of(kind)->name;
}

int err_exit_status(const struct err *err)
{
    return row_of(err->kind)->exit_status;
}

int err_http_status(const struct err *err)
{
    return row_of(err->kind)->http_status;
}
