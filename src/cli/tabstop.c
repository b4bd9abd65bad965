/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tabstop.h"

#include <string.h>

#include "base/field.h"
#include "cli/table.h"

enum {
    GAP = 3,
    COLUMN_LEAST = 10, /* gap included */
};

struct cell {
    struct view text;
    size_t span; /* its column's width with the gap; 0: not known yet */
};

struct line {
    ARRAY_OF(cell) cells; /* the last one is in no column */
};

struct lines {
    ARRAY_OF(line) list;
};

static void lines_done(struct lines *lines)
{
    for (size_t i = 0; i < lines->list.len; i++)
        free(lines->list.at[i].cells.at);
    free(lines->list.at);
}

static void lines_cut(struct lines *lines, struct view text)
{
    struct view row, cell;
    while (text.len > 0) {
        struct line *line = array_add(&lines->list);
        (void)view_cut(&text, '\n', &row);
        bool more = true;
        while (more) {
            more = view_cut(&row, '\t', &cell);
            array_add(&line->cells)->text = cell;
        }
    }
}

static bool in_column(const struct line *line, size_t column)
{
    return column + 1 < line->cells.len;
}

/* From the column's first line on. */
static void column_measure(struct lines *lines, size_t first, size_t column)
{
    size_t span = COLUMN_LEAST, end = first;
    for (; end < lines->list.len && in_column(&lines->list.at[end], column); end++) {
        struct view text = lines->list.at[end].cells.at[column].text;
        size_t wanted = text_width(text.at, text.len) + GAP;
        span = wanted > span ? wanted : span;
    }
    for (size_t i = first; i < end; i++)
        lines->list.at[i].cells.at[column].span = span;
}

static void cell_add(const struct cell *cell, struct str *out)
{
    str_add_bytes(out, cell->text.at, cell->text.len);
    for (size_t at = text_width(cell->text.at, cell->text.len); at < cell->span; at++)
        str_add_char(out, ' ');
}

void tabstop_format(struct view text, struct str *out)
{
    auto_done(lines) lines = {};
    bool open = text.len > 0 && text.at[text.len - 1] != '\n';
    lines_cut(&lines, text);
    for (size_t i = 0; i < lines.list.len; i++) {
        struct line *line = &lines.list.at[i];
        for (size_t k = 0; k < line->cells.len; k++) {
            if (in_column(line, k) && line->cells.at[k].span == 0)
                column_measure(&lines, i, k);
            cell_add(&line->cells.at[k], out);
        }
        if (i + 1 < lines.list.len || !open)
            str_add_char(out, '\n');
    }
}
