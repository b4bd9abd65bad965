/* SPDX-License-Identifier: Apache-2.0 */
/* The characters of a TOML text: blanks, comments, ends of lines, strings and keys. */
#include "base/toml_part.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "base/toml.h"

int toml_fail(const struct toml_reader *reader, const char *format, ...)
{
    auto_done(str) text = {};
    va_list args;
    va_start(args, format);
    str_vaddf(&text, format, args);
    va_end(args);
    auto_done(str) shown = {};
    text_escape(&shown, str_text(&text), text.len);
    return err_set(reader->err, ERR_INVALID, "%s: line %zu: %s", reader->what, reader->line,
                   str_text(&shown));
}

/* ---- blanks, comments, ends of lines ---- */

bool toml_at_end(const struct toml_reader *reader)
{
    return reader->at == reader->end;
}

char toml_peek(const struct toml_reader *reader, size_t ahead)
{
    return (size_t)(reader->end - reader->at) > ahead ? reader->at[ahead] : '\0';
}

bool toml_ahead_is(const struct toml_reader *reader, const char *text)
{
    size_t len = strlen(text);
    return (size_t)(reader->end - reader->at) >= len && memcmp(reader->at, text, len) == 0;
}

void toml_blanks_skip(struct toml_reader *reader)
{
    while (toml_peek(reader, 0) == ' ' || toml_peek(reader, 0) == '\t')
        reader->at++;
}

/* How long an end of line is that stands here: 0, 1 or 2. */
static size_t newline_len(const struct toml_reader *reader)
{
    if (toml_peek(reader, 0) == '\n')
        return 1;
    return toml_ahead_is(reader, "\r\n") ? 2 : 0;
}

/* Controls but the tab have no place anywhere. */
static bool is_control(char c)
{
    unsigned char byte = (unsigned char)c;
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

int toml_fail_here(const struct toml_reader *reader, const char *wanted)
{
    unsigned char c = (unsigned char)toml_peek(reader, 0);
    if (toml_at_end(reader))
        return toml_fail(reader, "expected %s, found the end of the file", wanted);
    if (newline_len(reader) > 0)
        return toml_fail(reader, "expected %s, found the end of the line", wanted);
    if (c < 0x20 || c >= 0x7f)
        return toml_fail(reader, "expected %s, found the byte 0x%02x", wanted, c);
    return toml_fail(reader, "expected %s, found '%c'", wanted, c);
}

static int comment_skip(struct toml_reader *reader)
{
    toml_blanks_skip(reader);
    if (toml_peek(reader, 0) != '#')
        return 0;
    while (!toml_at_end(reader) && newline_len(reader) == 0) {
        if (is_control(*reader->at))
            return toml_fail_here(reader, "text in a comment");
        reader->at++;
    }
    return 0;
}

static bool newline_skip(struct toml_reader *reader)
{
    size_t len = newline_len(reader);
    reader->at += len;
    reader->line += len > 0;
    return len > 0;
}

/* What may stand behind a value or a header. */
int toml_line_end(struct toml_reader *reader)
{
    if (comment_skip(reader) < 0)
        return -1;
    if (!newline_skip(reader) && !toml_at_end(reader))
        return toml_fail_here(reader, "the end of the line");
    return 0;
}

/* Blanks, comments and empty lines, as in arrays. */
int toml_space_skip(struct toml_reader *reader)
{
    do {
        if (comment_skip(reader) < 0)
            return -1;
    } while (newline_skip(reader));
    return 0;
}

/* ---- strings ---- */

static void code_add(struct str *out, uint32_t code)
{
    if (code < 0x80) {
        str_add_char(out, (char)code);
    } else if (code < 0x800) {
        str_add_char(out, (char)(0xc0 | code >> 6));
        str_add_char(out, (char)(0x80 | (code & 0x3f)));
    } else if (code < 0x10000) {
        str_add_char(out, (char)(0xe0 | code >> 12));
        str_add_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
        str_add_char(out, (char)(0x80 | (code & 0x3f)));
    } else {
        str_add_char(out, (char)(0xf0 | code >> 18));
        str_add_char(out, (char)(0x80 | (code >> 12 & 0x3f)));
        str_add_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
        str_add_char(out, (char)(0x80 | (code & 0x3f)));
    }
}

/* The value of a digit in any base up to 16, or 16. */
unsigned toml_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A') + 10;
    return 16;
}

/* Behind \u or \U. */
static int code_read(struct toml_reader *reader, size_t n_digits, struct str *out)
{
    uint32_t code = 0;
    for (size_t i = 0; i < n_digits; i++) {
        unsigned digit = toml_digit(toml_peek(reader, 0));
        if (digit == 16)
            return toml_fail_here(reader, "a hexadecimal digit");
        code = code << 4 | digit;
        reader->at++;
    }
    if (code == 0)
        return toml_fail(reader, "zero byte in a string");
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return toml_fail(reader, "U+%04" PRIX32 " is no character", code);
    code_add(out, code);
    return 0;
}

/* At the backslash. */
static int escape_read(struct toml_reader *reader, struct str *out)
{
    static const char letters[] = "btnfr\"\\";
    static const char meant[] = "\b\t\n\f\r\"\\";
    char c = toml_peek(reader, 1);
    const char *letter = c ? strchr(letters, c) : NULL;
    reader->at++;
    if (letter) {
        str_add_char(out, meant[letter - letters]);
    } else if (c != 'u' && c != 'U') {
        return toml_fail_here(reader, "a letter that means something behind a backslash");
    }
    reader->at++;
    return letter ? 0 : code_read(reader, c == 'u' ? 4 : 8, out);
}

int toml_string_read(struct toml_reader *reader, char **ret_text)
{
    auto_done(str) out = {};
    char quote = *reader->at++;
    while (toml_peek(reader, 0) != quote) {
        if (toml_at_end(reader) || is_control(*reader->at))
            return toml_fail_here(reader, "the end of the string");
        if (quote == '"' && *reader->at == '\\') {
            if (escape_read(reader, &out) < 0)
                return -1;
        } else {
            str_add_char(&out, *reader->at++);
        }
    }
    reader->at++;
    *ret_text = str_take(&out);
    return 0;
}

/* A backslash before the end of a line takes all blanks and lines behind it away. True if it is
 * one. */
static bool fold_skip(struct toml_reader *reader)
{
    const char *begin = reader->at++;
    toml_blanks_skip(reader);
    if (newline_len(reader) == 0) {
        reader->at = begin;
        return false;
    }
    while (newline_skip(reader))
        toml_blanks_skip(reader);
    return true;
}

/* Of the quotes that stand here the last three end the string; up to two before belong to it. True
 * if it ends. */
static bool quotes_end(struct toml_reader *reader, char quote, struct str *out)
{
    size_t n = 0;
    while (n < 5 && toml_peek(reader, n) == quote)
        n++;
    reader->at += n;
    size_t own = n >= 3 ? n - 3 : n;
    for (size_t i = 0; i < own; i++)
        str_add_char(out, quote);
    return n >= 3;
}

int toml_lines_read(struct toml_reader *reader, char **ret_text)
{
    auto_done(str) out = {};
    char quote = *reader->at;
    size_t first_line = reader->line;
    reader->at += 3;
    (void)newline_skip(reader); /* the first is not part of it */
    while (!toml_at_end(reader)) {
        char c = *reader->at;
        if (c == quote) {
            if (!quotes_end(reader, quote, &out))
                continue;
            *ret_text = str_take(&out);
            return 0;
        }
        if (c == '\\' && quote == '"') {
            if (!fold_skip(reader) && escape_read(reader, &out) < 0)
                return -1;
        } else if (newline_skip(reader)) {
            str_add_char(&out, '\n');
        } else if (is_control(c)) {
            return toml_fail_here(reader, "text");
        } else {
            str_add_char(&out, c);
            reader->at++;
        }
    }
    return toml_fail(reader, "the string that begins on line %zu has no end", first_line);
}

/* ---- keys ---- */

bool toml_is_bare(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static int key_part_read(struct toml_reader *reader, char **ret_part)
{
    char c = toml_peek(reader, 0);
    if (c == '"' || c == '\'')
        return toml_string_read(reader, ret_part);
    size_t len = 0;
    while (toml_is_bare(toml_peek(reader, len)))
        len++;
    if (len == 0)
        return toml_fail_here(reader, "a key");
    *ret_part = xstrndup(reader->at, len);
    reader->at += len;
    return 0;
}

/* One or more parts with dots between them. */
int toml_key_read(struct toml_reader *reader, struct strings *parts)
{
    for (;;) {
        char *part = NULL;
        toml_blanks_skip(reader);
        if (key_part_read(reader, &part) < 0)
            return -1;
        strings_add_taken(parts, part);
        if (parts->len > TOML_DEPTH_MAX)
            return toml_fail(reader, "nested deeper than %d levels", TOML_DEPTH_MAX);
        toml_blanks_skip(reader);
        if (toml_peek(reader, 0) != '.')
            return 0;
        reader->at++;
    }
}
