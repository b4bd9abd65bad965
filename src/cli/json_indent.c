/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/json_indent.h"

#include <string.h>

enum { INDENT = 4 };

static void line_begin(size_t level, struct str *out)
{
    str_add_char(out, '\n');
    for (size_t i = 0; i < level * INDENT; i++)
        str_add_char(out, ' ');
}

static const char *blanks_skip(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

/* DEL, C1 controls, and what turns the direction of writing: JSON itself escapes the rest. */
static bool acts_on_terminal(uint32_t code)
{
    return (code >= 0x7f && code <= 0x9f) || (code >= 0x202a && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

/* Copies one character. Gives what follows it. */
static const char *char_copy(const char *at, struct str *out)
{
    uint32_t code;
    size_t len = utf8_decode((const unsigned char *)at, strnlen(at, 4), &code);
    if (len == 0) {
        str_add(out, "\\ufffd");
        return at + 1;
    }
    if (acts_on_terminal(code))
        str_addf(out, "\\u%04x", code);
    else
        str_add_bytes(out, at, len);
    return at + len;
}

/* Copies a string, which begins at its quote. Gives what follows it. */
static const char *string_copy(const char *at, struct str *out)
{
    str_add_char(out, *at++);
    while (*at && *at != '"') {
        if (*at == '\\' && at[1])
            str_add_char(out, *at++);
        at = char_copy(at, out);
    }
    if (*at)
        str_add_char(out, *at++);
    return at;
}

void json_indent(const char *json, size_t level, struct str *out)
{
    const char *at = blanks_skip(json);
    while (*at) {
        char c = *at;
        if (c == '"') {
            at = blanks_skip(string_copy(at, out));
            continue;
        }
        at = blanks_skip(at + 1);
        if (c == '}' || c == ']')
            line_begin(level -= level > 0, out);
        str_add_char(out, c);
        if (c == ':')
            str_add_char(out, ' ');
        if (c == ',')
            line_begin(level, out);
        if (c != '{' && c != '[')
            continue;
        if (*at == '}' || *at == ']') { /* nothing in it: stays on the line */
            str_add_char(out, *at);
            at = blanks_skip(at + 1);
        } else {
            line_begin(++level, out);
        }
    }
}
