/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What roff makes of plain text has to be undone everywhere: `\` begins an escape, `-` is a hyphen
 * and would not be found or copied as an option's dash, `'`, `` ` ``, `^` and `~` are typographic
 * marks, and a line that begins with `.` or `'` is a request. Characters beyond ASCII go as
 * \[uXXXX], whatever the reader's locale or encoding may be (groff_char(7)).
 */
#include "cli/man.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"

static const char *roff_escape(char c)
{
    switch (c) {
    case '\\':
        return "\\(rs";
    case '-':
        return "\\-";
    case '\'':
        return "\\(aq";
    case '`':
        return "\\(ga";
    case '^':
        return "\\(ha";
    case '~':
        return "\\(ti";
    case '"':
        return "\\(dq";
    default:
        return NULL;
    }
}

/* Adds text that may stand at the beginning of a line or in an argument. */
static void add_bytes(struct str *out, const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;

    if (len > 0 && *text == '.') /* a ' is escaped in any case */
        str_add(out, "\\&");
    while (len > 0) {
        uint32_t code = '?';
        size_t n = utf8_decode(at, len, &code);
        const char *escape = roff_escape((char)*at);

        if (escape)
            str_add(out, escape);
        else if (n == 1)
            str_add_char(out, (char)*at);
        else
            str_addf(out, "\\[u%04X]", n > 0 ? code : 0xfffdU);
        n = n > 0 ? n : 1;
        at += n;
        len -= n;
    }
}

static void add(struct str *out, const char *text)
{
    add_bytes(out, text, strlen(text));
}

/* "image ls" is ruche-image-ls; a command without a name is ruche itself. */
static void add_page_name(struct str *out, const char *name)
{
    str_add(out, name[0] ? "ruche\\-" : "ruche");
    for (const char *at = name; *at; at++)
        add_bytes(out, *at == ' ' ? "-" : at, 1);
}

/* Paragraphs; lines that begin with a blank stay as they are. */
static void add_text(struct str *out, const char *text)
{
    bool verbatim = false, paragraph = false;

    while (*text) {
        size_t len = strcspn(text, "\n");
        bool indented = *text == ' ';

        if (verbatim && !indented)
            str_add(out, ".fi\n.RE\n");
        if (len == 0) {
            paragraph = true;
        } else {
            if (paragraph)
                str_add(out, ".PP\n");
            paragraph = false;
            if (!verbatim && indented)
                str_add(out, ".RS 4\n.nf\n");
            size_t blanks = strspn(text, " ");
            add_bytes(out, text + blanks, len - blanks);
            str_add_char(out, '\n');
        }
        verbatim = indented;
        text += len;
        text += *text == '\n';
    }
    if (verbatim)
        str_add(out, ".fi\n.RE\n");
}

static void add_sentence(struct str *out, const char *text)
{
    size_t len = strlen(text);

    add_bytes(out, text, len);
    str_add(out, len > 0 && strchr(".!?", text[len - 1]) ? "\n" : ".\n");
}

static void add_option(struct str *out, const struct option *option)
{
    auto_done(str) help = {};

    str_add(out, ".TP\n\\fB");
    if (option->letter) {
        str_add(out, "\\-");
        add_bytes(out, &option->letter, 1);
        str_add(out, "\\fR, \\fB");
    }
    str_add(out, "\\-\\-");
    add(out, option->name);
    str_add(out, "\\fR");
    if (option->value) {
        bool optional = option->type == OPTION_TYPE_OPTIONAL;
        str_add(out, optional ? "[=\\fI" : " \\fI");
        add(out, option->value);
        str_add(out, optional ? "\\fR]" : "\\fR");
    }
    str_add_char(out, '\n');
    option_describe(option, &help);
    add_sentence(out, str_text(&help));
}

static void add_options(struct str *out, const struct option *const *tables)
{
    auto_free const struct option **sorted = option_sorted(tables);

    for (size_t i = 0; sorted[i]; i++)
        add_option(out, sorted[i]);
}

static bool has_rows(const struct option *const *tables)
{
    for (; tables && *tables; tables++)
        if ((*tables)->type != OPTION_TYPE_END)
            return true;
    return false;
}

static void add_examples(struct str *out, const char *const *pairs)
{
    if (!pairs || !pairs[0])
        return;
    str_add(out, ".SH EXAMPLES\n");
    for (; pairs[0]; pairs += 2) {
        str_add(out, ".TP\n\\fB");
        add(out, pairs[0]);
        str_add(out, "\\fR\n");
        add_sentence(out, pairs[1]);
    }
}

/* docker's, which are the shell's (POSIX, 2.8.2) but for 125. */
static void add_exit_status(struct str *out)
{
    static const char rows[][2][64] = {
        { "0", "Success" },
        { "125", "The command line was wrong, or ruche itself failed" },
        { "126", "A command to be run in a container could not be executed" },
        { "127", "A command to be run in a container was not found" },
        { "128+N", "A command run in a container was ended by signal N" },
    };

    str_add(out, ".SH \"EXIT STATUS\"\n");
    for (size_t i = 0; i < array_size(rows); i++) {
        str_addf(out, ".TP\n\\fB%s\\fR\n", rows[i][0]);
        add_sentence(out, rows[i][1]);
    }
    str_add(out,
            ".PP\nA command that waits for another in a container ends with the status of that "
            "one.\n");
}

static void add_page_names(struct str *out, const struct command *command)
{
    const char *name;

    for (size_t i = 0; (name = command_name(command, i)); i++) {
        str_add(out, i > 0 ? ", " : "");
        add_page_name(out, name);
    }
}

static void add_names(struct str *out, const struct command *command)
{
    const char *name;

    for (size_t i = 1; (name = command_name(command, i)); i++) {
        str_addf(out, "%s\\fBruche ", i == 1 ? "\n.PP\nAlso: " : ", ");
        add(out, name);
        str_add(out, "\\fR");
    }
}

void man_write(const struct command *command, const struct option *const *globals, struct str *out)
{
    str_add(out, ".TH \"");
    add_page_name(out, command->name);
    str_add(out, "\" \"1\" \"\" \"ruche\" \"User Commands\"\n.SH NAME\n");
    add_page_names(out, command);
    str_add(out, " \\- ");
    add(out, command->summary);

    str_add(out, "\n.SH SYNOPSIS\n\\fBruche\\fR");
    if (has_rows(globals))
        str_add(out, " [GLOBAL OPTIONS]");
    if (command->name[0]) {
        str_add(out, " \\fB");
        add(out, command->name);
        str_add(out, "\\fR");
    }
    if (command->args && command->args[0]) {
        str_add_char(out, ' ');
        add(out, command->args);
    }
    add_names(out, command);

    str_add(out, "\n.SH DESCRIPTION\n");
    add_sentence(out, command->summary);
    if (command->text) {
        str_add(out, ".PP\n");
        add_text(out, command->text);
    }

    str_add(out, ".SH OPTIONS\n");
    add_options(out, command->options);
    str_add(out, ".TP\n\\fB\\-\\-help\\fR\nShow a summary of the options.\n");
    if (has_rows(globals)) {
        str_add(out, ".SS \"Global options, before the command\"\n");
        add_options(out, globals);
    }
    add_examples(out, command->examples);
    add_exit_status(out);
    if (command->name[0])
        str_add(out, ".SH \"SEE ALSO\"\n\\fBruche\\fR(1)\n");
}
