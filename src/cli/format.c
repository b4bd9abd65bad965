/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plain table goes straight from the columns' functions to cli/table.c: no template is parsed
 * for it. Everything else is a template: json is {{json .}}, and a table by template is the
 * template run once over the titles and once over each row, and its tabs made columns.
 */
#include "cli/format.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/template.h"
#include "cli/cli.h"
#include "cli/table.h"
#include "cli/tabstop.h"

static const char json_template[] = "{{json .}}";

struct rows {
    const struct format_list *list;
    enum format_flags flags;
    const char *at;
    size_t n;
    size_t size;
    void *context;
};

/* ---- the plain table ---- */

static const struct format_column *column_find(const struct format_list *list, struct view name)
{
    const struct format_column *column = list->columns;
    while (column->name && !view_is(name, column->name))
        column++;
    return column;
}

/* The columns that the names tell. Gives how many. */
static size_t columns_choose(const struct format_list *list, const char *names,
                             const struct format_column **chosen)
{
    struct view rest = view_of(names), name;
    size_t n = 0;
    bool more = true;
    while (more && n < TABLE_COLUMNS_MAX) {
        more = view_cut(&rest, ' ', &name);
        chosen[n++] = column_find(list, name);
    }
    return n;
}

static int cell_add(const struct rows *rows, const struct format_column *column, size_t i,
                    struct table *table, struct err *err)
{
    auto_done(str) text = {};
    const struct format_row row = { .item = rows->at + i * rows->size, .context = rows->context };
    if (column->add(&row, &text, err) < 0)
        return -1;
    if (column->flags & FORMAT_QUOTED)
        table_add_shown(table, str_text(&text));
    else
        table_add(table, str_text(&text));
    return 0;
}

static int plain_print(const struct rows *rows, struct err *err)
{
    const struct format_column *chosen[TABLE_COLUMNS_MAX];
    struct column columns[TABLE_COLUMNS_MAX];
    size_t n = columns_choose(rows->list, rows->list->table, chosen);
    auto_done(table) table = { .columns = columns, .n_columns = n };
    for (size_t i = 0; i < n; i++)
        columns[i] = (struct column){ chosen[i]->title, chosen[i]->least };
    for (size_t i = 0; i < rows->n; i++)
        for (size_t k = 0; k < n; k++)
            if (cell_add(rows, chosen[k], i, &table, err) < 0)
                return -1;
    if (!(rows->flags & FORMAT_WHOLE))
        return table_print(&table, err);
    auto_done(str) out = {};
    table_format(&table, 0, &out);
    return say(&out, err);
}

static int quiet_print(const struct rows *rows, struct err *err)
{
    const struct format_column *column = column_find(rows->list, view_of(rows->list->quiet));
    auto_done(str) out = {};
    for (size_t i = 0; i < rows->n; i++) {
        const struct format_row row = { rows->at + i * rows->size, rows->context, NULL };
        if (column->add(&row, &out, err) < 0)
            return -1;
        str_add_char(&out, '\n');
    }
    return say(&out, err);
}

/* ---- rows and titles as values ---- */

struct row_value {
    const struct rows *rows;
    struct format_row row;
};

static const char *row_name(void *of, size_t i)
{
    const struct row_value *value = of;
    return value->rows->list->columns[i].name;
}

static bool row_wants_argument(void *of, size_t i)
{
    const struct row_value *value = of;
    return value->rows->list->columns[i].flags & FORMAT_ARGUMENT;
}

static int row_get(void *of, size_t i, const char *argument, struct pool *pool,
                   struct value *ret_value, struct err *err)
{
    const struct row_value *value = of;
    const struct format_column *column = &value->rows->list->columns[i];
    struct format_row row = value->row;
    auto_done(str) text = {};
    uint64_t number;
    row.argument = argument;
    if (column->add(&row, &text, err) < 0)
        return -1;
    *ret_value = value_text(pool_text(pool, str_text(&text), text.len));
    if (column->flags & FORMAT_TRUTH)
        *ret_value = value_bool(strcmp(str_text(&text), "true") == 0);
    else if ((column->flags & FORMAT_NUMBER) &&
             number_parse_unsigned(str_text(&text), UINT64_MAX, column->name, &number, err) == 0)
        *ret_value = value_natural(number);
    return 0;
}

static const struct value_class row_class = { row_name, row_wants_argument, row_get };

/* {{.Label "com.example.some-key"}} has the title "some key". */
static struct view argument_title(const char *argument, struct pool *pool)
{
    const char *dot = strrchr(argument, '.');
    auto_free char *title = xstrdup(dot ? dot + 1 : argument);
    for (char *at = title; *at; at++)
        if (*at == '-' || *at == '_')
            *at = ' ';
    return pool_text(pool, title, strlen(title));
}

static int title_get(void *of, size_t i, const char *argument, struct pool *pool,
                     struct value *ret_value, struct err *err)
{
    const struct row_value *value = of;
    const struct format_column *column = &value->rows->list->columns[i];
    (void)err;
    *ret_value = value_text(argument        ? argument_title(argument, pool)
                            : column->title ? view_of(column->title)
                                            : view_of(column->name));
    return 0;
}

static const struct value_class title_class = { row_name, row_wants_argument, title_get };

/* ---- templates ---- */

/* A line of the template's. */
static int line_add(const struct template *template, const struct value *dot, struct str *out,
                    struct err *err)
{
    auto_done(pool) pool = {};
    enum template_flags flags = isatty(STDOUT_FILENO) ? TEMPLATE_ESCAPE : 0;
    if (template_execute(template, dot, flags, &pool, out, err) < 0)
        return err_wrap(err, "--format");
    str_add_char(out, '\n');
    return 0;
}

/* What fails over titles (the third part of one) may be right over rows: the line of titles then
 * ends where it failed, as docker's does. */
static void titles_add(const struct rows *rows, const struct template *template, struct str *out)
{
    struct row_value titles = { .rows = rows };
    const struct value dot = { .kind = VALUE_ROW, .row = { &title_class, &titles } };
    auto_done(pool) pool = {};
    struct err ignored;
    (void)template_execute(template, &dot, TEMPLATE_TITLES, &pool, out, &ignored);
    str_add_char(out, '\n');
}

static int lines_add(const struct rows *rows, const struct template *template, struct str *out,
                     struct err *err)
{
    for (size_t i = 0; i < rows->n; i++) {
        struct row_value row = { rows, { rows->at + i * rows->size, rows->context, NULL } };
        const struct value dot = { .kind = VALUE_ROW, .row = { &row_class, &row } };
        if (line_add(template, &dot, out, err) < 0)
            return -1;
    }
    return 0;
}

/* Without blanks at its ends, with \t and \n for what they mean. Owned by the caller. */
static char *template_text(const char *format)
{
    struct str text = {};
    format += strspn(format, " ");
    size_t len = strlen(format);
    while (len > 0 && format[len - 1] == ' ')
        len--;
    for (size_t i = 0; i < len; i++) {
        bool escape =
            format[i] == '\\' && i + 1 < len && (format[i + 1] == 't' || format[i + 1] == 'n');
        if (escape)
            i++;
        str_add_char(&text, !escape ? format[i] : format[i] == 't' ? '\t' : '\n');
    }
    return str_take(&text);
}

static int template_open(const char *format, struct template **ret_template, struct err *err)
{
    auto_free char *text = template_text(format);
    return template_parse(text, ret_template, err) < 0 ? err_wrap(err, "--format") : 0;
}

static int template_print(const struct rows *rows, const char *format, struct err *err)
{
    auto_drop(template) *template = NULL;
    auto_done(str) out = {};
    if (template_open(format, &template, err) < 0 || lines_add(rows, template, &out, err) < 0)
        return -1;
    return say(&out, err);
}

static int table_template_print(const struct rows *rows, const char *format, struct err *err)
{
    auto_drop(template) *template = NULL;
    auto_done(str) text = {};
    auto_done(str) out = {};
    if (template_open(format, &template, err) < 0)
        return -1;
    titles_add(rows, template, &text);
    if (lines_add(rows, template, &text, err) < 0)
        return -1;
    tabstop_format((struct view){ text.at, text.len }, &out);
    return say(&out, err);
}

int format_print(const struct format_list *list, const char *format, enum format_flags flags,
                 const void *at, size_t n, size_t size, void *context, struct err *err)
{
    const struct rows rows = { list, flags, at, n, size, context };
    static const char table[] = "table";
    bool plain = !format || !format[0] || strcmp(format, table) == 0;
    if (flags & FORMAT_QUIET) {
        if (!plain)
            warn_lines("--format is left aside, because of --quiet");
        return quiet_print(&rows, err);
    }
    if (plain)
        return plain_print(&rows, err);
    if (strcmp(format, "json") == 0)
        return template_print(&rows, json_template, err);
    if (list->raw && strcmp(format, "raw") == 0)
        return template_print(&rows, list->raw, err);
    if (text_starts(format, table) &&
        (format[strlen(table)] == ' ' || format[strlen(table)] == '{'))
        return table_template_print(&rows, format + strlen(table), err);
    return template_print(&rows, format, err);
}

int format_value(const char *format, const struct value *value, struct err *err)
{
    auto_drop(template) *template = NULL;
    auto_done(str) out = {};
    if (strcmp(format, "json") == 0)
        format = json_template;
    if (template_parse(format, &template, err) < 0)
        return err_wrap(err, "--format");
    if (line_add(template, value, &out, err) < 0)
        return -1;
    return say(&out, err);
}

int format_check(const char *format, struct err *err)
{
    auto_drop(template) *template = NULL;
    return template_parse(format, &template, err) < 0 ? err_wrap(err, "--format") : 0;
}
