/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Text: struct str grows up to a maximum it has from birth, struct view looks at text that someone
 * else owns, struct strings is a list of owned strings that ends in NULL and so can be handed to
 * execve.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

enum { STR_MAX_DEFAULT = 64 << 20 };

/* {} is an empty one with the default maximum. `at` is NULL or ends in a zero byte. */
struct str {
    char *at;
    size_t len;
    size_t room;
    size_t max_bytes; /* 0: STR_MAX_DEFAULT */
    bool over;        /* something did not fit below the maximum: it and the rest are left out */
};

struct view {
    const char *at;
    size_t len;
};

void str_done(struct str *str);
void str_clear(struct str *str);
void str_add(struct str *str, const char *text);
void str_add_char(struct str *str, char c);
void str_add_bytes(struct str *str, const void *at, size_t len);
void str_addf(struct str *str, const char *format, ...) __attribute__((format(printf, 2, 3)));
void str_vaddf(struct str *str, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* The text, never NULL, still owned by str. */
const char *str_text(const struct str *str);
/* Hands the text over, never NULL; str is empty again. */
char *str_take(struct str *str);

static inline struct view view_of(const char *text)
{
    return (struct view){ text, text ? __builtin_strlen(text) : 0 };
}
bool view_is(struct view view, const char *text);
/* Splits at the first `at`: gives what is before it, leaves what is behind it. False: not there,
 * all given. */
bool view_cut(struct view *rest, char at, struct view *ret_head);

struct strings {
    char **at; /* NULL when empty; else ends in NULL */
    size_t len;
};

void strings_done(struct strings *list);
void strings_add(struct strings *list, const char *text);
/* Takes text. */
void strings_add_taken(struct strings *list, char *text);
void strings_addf(struct strings *list, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Makes list, whatever it held, a copy of from. */
void strings_copy(struct strings *list, const struct strings *from);
bool strings_have(const struct strings *list, const char *text);
/* For "KEY=VALUE" lists: sets or replaces the entry with the same key. */
void strings_put(struct strings *list, const char *entry);
/* The value of KEY in a list of "KEY=VALUE", or NULL. */
const char *strings_value(const struct strings *list, const char *key);

bool text_starts(const char *text, const char *prefix);
bool text_ends(const char *text, const char *suffix);
/* Both NULL, or both the same. */
bool text_same(const char *a, const char *b);
/* Reads one character. Gives its length in bytes, or 0 if it is not UTF-8 as RFC 3629 has it: cut
 * off, longer than need be, a surrogate, or above U+10FFFF. len is 1 or more. */
size_t utf8_decode(const unsigned char *at, size_t len, uint32_t *ret_code);
/* Adds text as it may be shown on a terminal: control and invalid UTF-8 bytes become \xNN, \n, \t …
 */
void text_escape(struct str *out, const char *text, size_t len);
/* The same of a sentence in which parts have been escaped already: backslashes stay as they are. */
void text_escape_rest(struct str *out, const char *text, size_t len);
