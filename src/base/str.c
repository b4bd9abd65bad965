/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <stdio.h>
#include <string.h>

enum {
    STR_ROOM_FIRST = 64,
    STRINGS_ROOM_FIRST = 8,
};

static size_t str_left(const struct str *str)
{
    size_t max = str->max_bytes > 0 ? str->max_bytes : (size_t)STR_MAX_DEFAULT;
    return str->over || str->len >= max ? 0 : max - str->len;
}

/* Makes room for len more bytes and the zero byte. len is below the maximum. */
static void str_reserve(struct str *str, size_t len)
{
    size_t need = str->len + len + 1;
    if (need <= str->room)
        return;
    size_t room = str->room > 0 ? str->room : STR_ROOM_FIRST;
    while (room < need)
        room *= 2;
    str->at = xrealloc(str->at, room, 1);
    str->room = room;
}

void str_done(struct str *str)
{
    free(str->at);
    *str = (struct str){ .max_bytes = str->max_bytes };
}

void str_clear(struct str *str)
{
    str->len = 0;
    str->over = false;
    if (str->at)
        str->at[0] = '\0';
}

void str_add(struct str *str, const char *text)
{
    str_add_bytes(str, text, strlen(text));
}

void str_add_char(struct str *str, char c)
{
    str_add_bytes(str, &c, 1);
}

void str_add_bytes(struct str *str, const void *at, size_t len)
{
    size_t left = str_left(str);
    size_t fits = len <= left ? len : left;
    if (fits > 0) {
        str_reserve(str, fits);
        memcpy(str->at + str->len, at, fits);
        str->len += fits;
        str->at[str->len] = '\0';
    }
    if (fits < len)
        str->over = true;
}

void str_addf(struct str *str, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    str_vaddf(str, format, args);
    va_end(args);
}

void str_vaddf(struct str *str, const char *format, va_list args)
{
    va_list first;
    va_copy(first, args);
    size_t room = str->room - str->len;
    int wanted = vsnprintf(room > 0 ? str->at + str->len : NULL, room, format, first);
    va_end(first);

    size_t left = str_left(str);
    size_t len = wanted < 0 ? 0 : (size_t)wanted;
    size_t fits = len <= left ? len : left;
    if (fits > 0 && fits >= room) {
        str_reserve(str, fits);
        (void)vsnprintf(str->at + str->len, fits + 1, format, args);
    }

    str->len += fits;
    if (str->at)
        str->at[str->len] = '\0';
    if (wanted < 0 || fits < len)
        str->over = true;
}

const char *str_text(const struct str *str)
{
    return str->at ? str->at : "";
}

char *str_take(struct str *str)
{
    char *text = str->at ? str->at : xstrdup("");
    *str = (struct str){ .max_bytes = str->max_bytes };
    return text;
}

bool view_is(struct view view, const char *text)
{
    size_t len = strlen(text);
    return view.len == len && (len == 0 || memcmp(view.at, text, len) == 0);
}

bool view_cut(struct view *rest, char at, struct view *ret_head)
{
    const char *found = rest->len > 0 ? memchr(rest->at, at, rest->len) : NULL;
    if (!found) {
        *ret_head = *rest;
        *rest = (struct view){ rest->at ? rest->at + rest->len : NULL, 0 };
        return false;
    }
    size_t head_len = (size_t)(found - rest->at);
    *ret_head = (struct view){ rest->at, head_len };
    *rest = (struct view){ found + 1, rest->len - head_len - 1 };
    return true;
}

void strings_done(struct strings *list)
{
    for (size_t i = 0; i < list->len; i++)
        free(list->at[i]);
    free(list->at);
    *list = (struct strings){};
}

void strings_add(struct strings *list, const char *text)
{
    strings_add_taken(list, xstrdup(text));
}

void strings_add_taken(struct strings *list, char *text)
{
    size_t room = STRINGS_ROOM_FIRST;
    while (room < list->len + 2)
        room *= 2;
    /* The allocator knows the room there is; asking for what is there already costs next to
     * nothing. */
    list->at = xrealloc(list->at, room, sizeof(*list->at));
    list->at[list->len++] = text;
    list->at[list->len] = NULL;
}

void strings_addf(struct strings *list, const char *format, ...)
{
    auto_done(str) text = {};
    va_list args;
    va_start(args, format);
    str_vaddf(&text, format, args);
    va_end(args);
    strings_add_taken(list, str_take(&text));
}

void strings_copy(struct strings *list, const struct strings *from)
{
    if (list == from)
        return;
    strings_done(list);
    for (size_t i = 0; i < from->len; i++)
        strings_add(list, from->at[i]);
}

bool strings_have(const struct strings *list, const char *text)
{
    for (size_t i = 0; i < list->len; i++)
        if (strcmp(list->at[i], text) == 0)
            return true;
    return false;
}

void strings_put(struct strings *list, const char *entry)
{
    size_t key_len = strcspn(entry, "=");
    for (size_t i = 0; i < list->len; i++) {
        char *old = list->at[i];
        if (strncmp(old, entry, key_len) != 0 || (old[key_len] != '=' && old[key_len] != '\0'))
            continue;
        list->at[i] = xstrdup(entry);
        free(old); /* not before: the new entry may be the old one */
        return;
    }
    strings_add(list, entry);
}

const char *strings_value(const struct strings *list, const char *key)
{
    size_t key_len = strlen(key);
    for (size_t i = 0; i < list->len; i++)
        if (strncmp(list->at[i], key, key_len) == 0 && list->at[i][key_len] == '=')
            return list->at[i] + key_len + 1;
    return NULL;
}

bool text_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *text, const char *suffix)
{
    size_t len = strlen(text), suffix_len = strlen(suffix);
    return len >= suffix_len && memcmp(text + len - suffix_len, suffix, suffix_len) == 0;
}

bool text_same(const char *a, const char *b)
{
    if (!a || !b)
        return a == b;
    return strcmp(a, b) == 0;
}

size_t utf8_decode(const unsigned char *at, size_t len, uint32_t *ret_code)
{
    static const uint32_t lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t n = at[0] < 0x80 ? 1 : at[0] < 0xc0 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (n == 0 || n > len || at[0] > 0xf4)
        return 0;

    uint32_t code = n == 1 ? at[0] : at[0] & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3f);
    }
    if (code < lowest[n] || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff)
        return 0;
    *ret_code = code;
    return n;
}

/* Controls (C0, DEL, C1) act on the terminal, the bidirectional overrides make text read otherwise
 * than it stands. */
static bool code_is_shown(uint32_t code)
{
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f))
        return false;
    return !(code >= 0x202a && code <= 0x202e) && !(code >= 0x2066 && code <= 0x2069);
}

static const char *char_escape(unsigned char c)
{
    switch (c) {
    case '\n':
        return "\\n";
    case '\t':
        return "\\t";
    case '\r':
        return "\\r";
    case '\\':
        return "\\\\";
    default:
        return NULL;
    }
}

static void escape_all(struct str *out, const char *text, size_t len, bool backslashes)
{
    const unsigned char *at = (const unsigned char *)text;
    while (len > 0) {
        uint32_t code = 0;
        size_t n = utf8_decode(at, len, &code);
        const char *escape = char_escape(at[0]);
        if (escape && (at[0] != '\\' || backslashes))
            str_add(out, escape);
        else if (n > 0 && code_is_shown(code))
            str_add_bytes(out, at, n);
        else
            for (size_t i = 0; i < (n > 0 ? n : 1); i++)
                str_addf(out, "\\x%02x", at[i]);
        n = n > 0 ? n : 1;
        at += n;
        len -= n;
    }
}

void text_escape(struct str *out, const char *text, size_t len)
{
    escape_all(out, text, len, true);
}

void text_escape_rest(struct str *out, const char *text, size_t len)
{
    escape_all(out, text, len, false);
}
