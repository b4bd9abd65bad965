/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Lists and documents as --format asks for them. A command lists once what its rows have, as a
 * table of struct format_column; from it come the plain table, `--format TEMPLATE`, `table
 * TEMPLATE`, `json`, -q and the words of the help. Nothing here owns the rows.
 *
 *     #define COLUMNS(X)                                                \
 *         X(ID, "IMAGE ID", id_add, 0, 0)                               \
 *         X(Repository, "REPOSITORY", repository_add, 12, 0)            \
 *         X(Label, NULL, label_add, 0, FORMAT_ARGUMENT)
 *     static const struct format_column columns[] = { COLUMNS(FORMAT_COLUMN) {} };
 *     static const struct format_list list = {
 *         .columns = columns, .table = "Repository ID", .quiet = "ID" };
 *     ... OPTION_TEXT(x_args, format, 0, "format", "FORMAT", FORMAT_HELP) ...
 *     .text = "Lists ...\n\n" FORMAT_TEXT COLUMNS(FORMAT_NAME)
 *     ... format_print(&list, args->format, flags, rows.at, rows.len, sizeof(*rows.at), &context,
 *                      err)
 */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "base/template_value.h"

/* What a column's function is told. */
struct format_row {
    const void *item;     /* the row */
    void *context;        /* the caller's: short or long ids, the time, what is read on demand */
    const char *argument; /* of {{.Label "x"}}, else NULL */
};

enum format_column_flags {
    FORMAT_ARGUMENT = 1 << 0, /* {{.NAME "word"}}: not in json, nor in a table */
    FORMAT_NUMBER = 1 << 1,   /* digits: a number to templates and in json, not a text */
    FORMAT_TRUTH = 1 << 2,    /* "true" or "false": a boolean to templates and in json */
    FORMAT_QUOTED = 1 << 3,   /* its controls are escaped already */
};

struct format_column {
    const char *name;  /* {{.NAME}} */
    const char *title; /* above the column */
    /* Adds the cell, as it is: what a terminal would act on is escaped later. Called only for what
     * is shown; -1 with err ends the list. */
    int (*add)(const struct format_row *row, struct str *out, struct err *err);
    uint8_t least; /* as in struct column: what it keeps on a narrow terminal; 0: all */
    enum format_column_flags flags;
};

struct format_list {
    const struct format_column *columns; /* ended by {} */
    const char *table; /* names of the plain table's columns, blanks between them */
    const char *quiet; /* what -q prints; NULL: there is no -q */
    const char *raw;   /* the template that `--format raw` is; NULL: none */
};

enum format_flags {
    FORMAT_QUIET = 1 << 0, /* -q; it goes before a format of the user's, with a warning */
    FORMAT_WHOLE = 1 << 1, /* --no-trunc: not shortened to the terminal */
};

/* Prints n rows at `at`, of `size` bytes each. format: NULL or "" or "table": the plain table;
 * "json": an object a line; "table TEMPLATE"; "raw"; or a TEMPLATE. */
int format_print(const struct format_list *list, const char *format, enum format_flags flags,
                 const void *at, size_t n, size_t size, void *context, struct err *err);

/* Prints one value (template_value.h) by a template, with a newline behind it; "json": on one line.
 */
int format_value(const char *format, const struct value *value, struct err *err);
/* Whether the template can be parsed: before anything is printed or done. */
int format_check(const char *format, struct err *err);

/* What a list of columns becomes: rows of the table, and their names in the help. */
#define FORMAT_COLUMN(name, title, add, least, flags) { #name, title, add, least, flags },
#define FORMAT_NAME(name, title, add, least, flags)   " " #name

/* For --help and the manual. */
#define FORMAT_HELP "How to print: json, table, or a Go template such as '{{.ID}}'"
#define FORMAT_TEXT                                                                                \
    "With --format 'table TEMPLATE' a line of titles goes before, and columns are aligned where "  \
    "the template has \\t. A template may name:"
