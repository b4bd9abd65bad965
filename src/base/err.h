/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Errors are values: a kind that decides what the outside sees (exit and HTTP status), and one line
 * of text. Whoever calls owns the struct; it has no pointers and fits one atomic write to a pipe.
 */
#include <stdarg.h>
#include <stdbool.h>

/* kind, name, exit status of the command line, HTTP status */
#define ERR_KINDS(X)                                                                               \
    X(NONE, "no error", 0, 200)                                                                    \
    X(USAGE, "wrong usage", 125, 400)                                                              \
    X(INVALID, "invalid", 125, 400)                                                                \
    X(NOT_FOUND, "not found", 125, 404)                                                            \
    X(EXISTS, "already exists", 125, 409)                                                          \
    X(CONFLICT, "conflict", 125, 409)                                                              \
    X(DENIED, "not permitted", 125, 403)                                                           \
    X(UNSUPPORTED, "not supported", 125, 501)                                                      \
    X(UNMAPPABLE, "owners cannot be mapped", 125, 501)                                             \
    X(SYSTEM, "system error", 125, 500)                                                            \
    X(NOT_EXECUTABLE, "cannot be executed", 126, 400)                                              \
    X(NO_COMMAND, "command not found", 127, 400)

enum err_kind {
#define X(kind, name, exit, http) ERR_##kind,
    ERR_KINDS(X)
#undef X
};

struct err {
    enum err_kind kind;
    int errnum; /* errno the chain began from, or 0 */
    char text[1000];
};

_Static_assert(sizeof(struct err) < 4096, "an error is handed over in one write to a pipe");

/* Begins a chain. Returns -1. */
int err_set(struct err *err, enum err_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Begins a chain from errno: "format: strerror". The kind follows from errno. Returns -1. */
int err_sys(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts what the caller was about before the text: "format: text". Returns -1. */
int err_wrap(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends a remedy: "text; format". Returns -1. */
int err_hint(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* That they give -1 is seen by compilers and analysers, too. */
static inline int err_minus_one(int result)
{
    (void)result;
    return -1;
}
#define err_set(...)  err_minus_one((err_set)(__VA_ARGS__))
#define err_sys(...)  err_minus_one((err_sys)(__VA_ARGS__))
#define err_wrap(...) err_minus_one((err_wrap)(__VA_ARGS__))
#define err_hint(...) err_minus_one((err_hint)(__VA_ARGS__))

/* Like err_set and err_sys, without allocation, locale or stdio: for a child between clone and
 * exec. The text is `what`, then `name` in quotes unless NULL; errnum 0 leaves the system's text
 * out. */
int err_plain(struct err *err, enum err_kind kind, int errnum, const char *what, const char *name);

const char *err_kind_name(enum err_kind kind);
int err_exit_status(const struct err *err);
int err_http_status(const struct err *err);
