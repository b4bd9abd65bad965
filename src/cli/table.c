/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "kernel/terminal.h"

enum {
    GAP = 3,
    COLUMN_LEAST = 10, /* gap included */
};

static const char ellipsis[] = "\xe2\x80\xa6";

size_t text_width(const char *text, size_t len)
{
    size_t width = 0;
    for (size_t i = 0; i < len; i++)
        width += ((unsigned char)text[i] & 0xc0) != 0x80;
    return width;
}

void text_shorten(struct str *out, const char *text, size_t width)
{
    size_t len = strlen(text);
    if (text_width(text, len) <= width) {
        str_add(out, text);
        return;
    }
    size_t kept = 0;
    for (size_t seen = 0; kept < len; kept++) {
        bool begins = ((unsigned char)text[kept] & 0xc0) != 0x80;
        if (begins && seen++ + 1 >= width)
            break;
    }
    str_add_bytes(out, text, kept);
    str_add(out, ellipsis);
}

size_t terminal_width(int fd)
{
    struct terminal_size size;
    return terminal_size_get(fd, &size) < 0 ? 0 : size.columns;
}

bool terminal_redraws(int fd)
{
    const char *kind = getenv("TERM");
    return kind && strcmp(kind, "dumb") != 0 && isatty(fd);
}

bool terminal_colours(int fd)
{
    const char *no = getenv("NO_COLOR");
    return !(no && no[0]) && terminal_redraws(fd);
}

void table_done(struct table *table)
{
    strings_done(&table->cells);
}

void table_add(struct table *table, const char *text)
{
    auto_done(str) cell = {};
    text_escape(&cell, text, strlen(text));
    strings_add_taken(&table->cells, str_take(&cell));
}

void table_add_shown(struct table *table, const char *text)
{
    strings_add(&table->cells, text);
}

/* Cells go round the columns. */
static size_t column_next(const struct table *table, size_t column)
{
    return column + 1 < table->n_columns ? column + 1 : 0;
}

/* How wide each column is, the last one included, without gaps. */
static void measure(const struct table *table, size_t *widths)
{
    for (size_t i = 0; i < table->n_columns; i++)
        widths[i] = text_width(table->columns[i].title, strlen(table->columns[i].title));
    size_t column = 0;
    for (size_t i = 0; i < table->cells.len; i++) {
        size_t width = text_width(table->cells.at[i], strlen(table->cells.at[i]));
        if (width > widths[column])
            widths[column] = width;
        column = column_next(table, column);
    }
}

static size_t column_span(const struct table *table, const size_t *widths, size_t i)
{
    if (i + 1 == table->n_columns)
        return widths[i];
    return widths[i] + GAP > COLUMN_LEAST ? widths[i] + GAP : COLUMN_LEAST;
}

/* Takes from the widest column that may be shortened until the line fits, or nothing is left to
 * take. */
static void fit(const struct table *table, size_t *widths, size_t width)
{
    size_t total = 0;
    for (size_t i = 0; i < table->n_columns; i++)
        total += column_span(table, widths, i);
    for (; total > width; total--) {
        size_t *widest = NULL;
        for (size_t i = 0; i < table->n_columns; i++) {
            size_t least = table->columns[i].least;
            size_t padded = i + 1 < table->n_columns ? COLUMN_LEAST - GAP : 0;
            if (least > 0 && widths[i] > least && widths[i] > padded &&
                (!widest || widths[i] > *widest))
                widest = &widths[i];
        }
        if (!widest)
            return;
        (*widest)--;
    }
}

static void add_cell(const struct table *table, const size_t *widths, size_t i, const char *text,
                     struct str *out)
{
    size_t begin = out->len;
    text_shorten(out, text, widths[i]);
    if (i + 1 == table->n_columns) {
        str_add_char(out, '\n');
        return;
    }
    size_t span = column_span(table, widths, i);
    for (size_t at = text_width(out->at + begin, out->len - begin); at < span; at++)
        str_add_char(out, ' ');
}

void table_format(const struct table *table, size_t width, struct str *out)
{
    size_t widths[TABLE_COLUMNS_MAX] = {};
    measure(table, widths);
    if (width > 0)
        fit(table, widths, width);
    for (size_t i = 0; i < table->n_columns; i++)
        add_cell(table, widths, i, table->columns[i].title, out);
    size_t column = 0;
    for (size_t i = 0; i < table->cells.len; i++) {
        add_cell(table, widths, column, table->cells.at[i], out);
        column = column_next(table, column);
    }
}

int table_print(const struct table *table, struct err *err)
{
    auto_done(str) text = {};
    table_format(table, terminal_width(STDOUT_FILENO), &text);
    return say(&text, err);
}
