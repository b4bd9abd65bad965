/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between toml.c, which makes the tree, and toml_text.c, which reads the characters. Whatever fails
 * leaves an error that names the line. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum { TOML_SHOWN_MAX = 40 };

struct toml_reader {
    const char *at;
    const char *end;
    size_t line;
    size_t n_values;
    const char *what;
    struct err *err;
};

int toml_fail(const struct toml_reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "expected WANTED, found …" */
int toml_fail_here(const struct toml_reader *reader, const char *wanted);

bool toml_at_end(const struct toml_reader *reader);
/* The character so many bytes ahead; 0: the text is at its end. */
char toml_peek(const struct toml_reader *reader, size_t ahead);
bool toml_ahead_is(const struct toml_reader *reader, const char *text);
/* A character of keys without quotes. */
bool toml_is_bare(char c);
/* The value of a digit in any base up to 16, or 16. */
unsigned toml_digit(char c);

void toml_blanks_skip(struct toml_reader *reader);
/* Blanks, comments and empty lines, as in arrays. */
int toml_space_skip(struct toml_reader *reader);
/* What may stand behind a value or a header. */
int toml_line_end(struct toml_reader *reader);

/* A string of one line, or of several; at its first quote. */
int toml_string_read(struct toml_reader *reader, char **ret_text);
int toml_lines_read(struct toml_reader *reader, char **ret_text);
/* One or more parts with dots between them. */
int toml_key_read(struct toml_reader *reader, struct strings *parts);
