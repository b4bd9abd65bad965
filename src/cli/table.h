/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Tables of text as docker prints them: columns aligned, three blanks apart. On a terminal that is
 * too narrow for the lines, columns that may be shortened are.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

enum { TABLE_COLUMNS_MAX = 12 };

struct column {
    const char *title;
    size_t
        least; /* columns of the terminal it keeps when it is shortened; 0: it is never shortened */
};

struct table {
    const struct column *columns;
    size_t n_columns;     /* at most TABLE_COLUMNS_MAX */
    struct strings cells; /* row by row */
};

void table_done(struct table *table);
/* Adds a cell to the row at hand. Control characters are escaped. */
void table_add(struct table *table, const char *text);
/* The same with text that is escaped already. */
void table_add_shown(struct table *table, const char *text);
/* Adds the table; width is the terminal's, 0: any. */
void table_format(const struct table *table, size_t width, struct str *out);
/* Prints it; on a terminal, shortened to its width. */
int table_print(const struct table *table, struct err *err);

/* Columns on a terminal, if each character takes one. */
size_t text_width(const char *text, size_t len);
/* Text of at most `width` columns, cut at a character and with an ellipsis if need be. Adds it. */
void text_shorten(struct str *out, const char *text, size_t width);
/* Width of the terminal behind fd; 0: it is none. */
size_t terminal_width(int fd);
/* Whether lines that were written to fd can be drawn anew: a terminal that TERM knows. */
bool terminal_redraws(int fd);
/* Whether to colour what is written to fd: such a terminal, and NO_COLOR does not say otherwise. */
bool terminal_colours(int fd);
