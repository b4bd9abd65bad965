/* SPDX-License-Identifier: Apache-2.0 */
/* --help, laid out as docker's: two columns of options, 100 columns in all. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/option.h"

enum {
    WIDTH = 100,
    GAP = 3,
    LEFT_MAX = 38, /* wider options have their help on the next line */
};

static int option_compare(const void *a, const void *b)
{
    const struct option *const *left = a, *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

const struct option **option_sorted(const struct option *const *tables)
{
    size_t n = 0;

    for (const struct option *const *table = tables; table && *table; table++)
        for (const struct option *option = *table; option->type != OPTION_TYPE_END; option++)
            n++;

    const struct option **sorted = xcalloc(n + 1, sizeof(*sorted));
    n = 0;
    for (const struct option *const *table = tables; table && *table; table++)
        for (const struct option *option = *table; option->type != OPTION_TYPE_END; option++)
            sorted[n++] = option;
    qsort(sorted, n, sizeof(*sorted), option_compare);
    return sorted;
}

void option_describe(const struct option *option, struct str *out)
{
    str_add(out, option->help);
    for (const char *const *word = option->choices; word && *word; word++)
        str_addf(out, "%s%s", word == option->choices ? " (" : ", ", *word);
    if (option->choices)
        str_add_char(out, ')');
}

/* Columns on a terminal, if each character takes one. */
static size_t text_width(const char *text, size_t len)
{
    size_t width = 0;

    for (size_t i = 0; i < len; i++)
        width += ((unsigned char)text[i] & 0xc0) != 0x80;
    return width;
}

static void add_blanks(struct str *out, size_t n)
{
    while (n-- > 0)
        str_add_char(out, ' ');
}

/* Adds words up to the end of the paragraph, in lines that begin at `indent`; the first is begun
 * already. Gives where the paragraph ends. */
static const char *add_wrapped(struct str *out, const char *text, size_t indent)
{
    size_t column = indent;

    while (*text && *text != '\n') {
        size_t len = strcspn(text, " \n");
        size_t width = text_width(text, len);

        if (column > indent && column + 1 + width > WIDTH) {
            str_add_char(out, '\n');
            add_blanks(out, indent);
            column = indent;
        } else if (column > indent) {
            str_add_char(out, ' ');
            column++;
        }
        str_add_bytes(out, text, len);
        column += width;
        text += len;
        text += strspn(text, " ");
        /* A single end of line is a blank, unless a line of its own form follows. */
        if (*text == '\n' && text[1] && text[1] != '\n' && text[1] != ' ')
            text++;
    }
    str_add_char(out, '\n');
    return text;
}

/* Paragraphs; lines that begin with a blank stay as they are. */
static void add_text(struct str *out, const char *text)
{
    while (*text) {
        if (*text == '\n') {
            str_add_char(out, '\n');
            text++;
        } else if (*text == ' ') {
            size_t len = strcspn(text, "\n");
            str_add_bytes(out, text, len);
            str_add_char(out, '\n');
            text += len;
            text += *text == '\n';
        } else {
            text = add_wrapped(out, text, 0);
            text += *text == '\n';
        }
    }
}

/* "  -e, --env KEY=VALUE" */
static void add_left(struct str *out, const struct option *option)
{
    if (option->letter)
        str_addf(out, "  -%c, --%s", option->letter, option->name);
    else
        str_addf(out, "      --%s", option->name);
    if (option->value && option->type == OPTION_TYPE_OPTIONAL)
        str_addf(out, "[=%s]", option->value);
    else if (option->value)
        str_addf(out, " %s", option->value);
}

static size_t left_width(const struct option *option)
{
    auto_done(str) left = {};

    add_left(&left, option);
    return text_width(str_text(&left), left.len);
}

static void add_row(struct str *out, const struct option *option, size_t column)
{
    size_t width = left_width(option);
    auto_done(str) help = {};

    add_left(out, option);
    if (width + GAP > column) {
        str_add_char(out, '\n');
        width = 0;
    }
    add_blanks(out, column - width);
    option_describe(option, &help);
    (void)add_wrapped(out, str_text(&help), column);
}

void option_help(const struct option *const *tables, struct str *out)
{
    auto_free const struct option **sorted = option_sorted(tables);
    size_t widest = 0;

    for (size_t i = 0; sorted[i]; i++) {
        size_t width = left_width(sorted[i]);
        if (width > widest && width <= LEFT_MAX)
            widest = width;
    }
    for (size_t i = 0; sorted[i]; i++)
        add_row(out, sorted[i], widest + GAP);
}

const char *command_name(const struct command *command, size_t i)
{
    if (i == 0)
        return command->name;
    return command->also ? command->also[i - 1] : NULL;
}

/* "Also: ruche image pull": the names but the one that is known. */
static void add_names(struct str *out, const struct command *command, const char *known,
                      const char *program)
{
    auto_done(str) names = {};
    const char *name;

    for (size_t i = 0; (name = command_name(command, i)); i++)
        if (strcmp(name, known) != 0)
            str_addf(&names, "%s%s %s", names.len > 0 ? ", " : "", program, name);
    if (names.len == 0)
        return;
    str_add(out, "\nAlso: ");
    (void)add_wrapped(out, names.at, strlen("Also: "));
}

void command_help(const struct command *command, const char *program, struct str *out)
{
    command_help_as(command, command->name, program, out);
}

void command_help_as(const struct command *command, const char *name, const char *program,
                     struct str *out)
{
    auto_done(str) options = {};

    str_addf(out, "Usage:  %s %s", program, name);
    if (command->args && command->args[0])
        str_addf(out, " %s", command->args);
    str_add(out, "\n\n");
    add_text(out, command->summary);
    if (command->text) {
        str_add_char(out, '\n');
        add_text(out, command->text);
    }
    add_names(out, command, name, program);
    option_help(command->options, &options);
    if (options.len > 0)
        str_addf(out, "\nOptions:\n%s", options.at);
    if (command->examples && command->examples[0])
        str_add(out, "\nExamples:\n");
    for (const char *const *pair = command->examples; pair && pair[0]; pair += 2) {
        str_addf(out, "  %s\n        ", pair[0]);
        (void)add_wrapped(out, pair[1], 8);
    }
}
