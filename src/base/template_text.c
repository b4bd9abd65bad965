/* SPDX-License-Identifier: Apache-2.0 */
/* Characters as Go's unicode, strconv and text/template have them: quoting, escaping for HTML,
 * JavaScript, URLs and JSON, upper and lower case. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/template_part.h"

void rune_add(struct str *out, uint32_t code)
{
    char bytes[4];
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        code = 0xfffd;
    if (code < 0x80) {
        str_add_char(out, (char)code);
        return;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3f));
    bytes[0] = (char)((0xf00U >> n & 0xff) | code);
    str_add_bytes(out, bytes, n);
}

struct code_range {
    uint32_t first;
    uint32_t last;
};

static bool in_ranges(const struct code_range *ranges, size_t n, uint32_t code)
{
    for (size_t i = 0; i < n; i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

/* Controls, blanks but the ordinary one, format characters, surrogates, private use and what is no
 * character. Codes that are not assigned yet count as characters. */
static const struct code_range unprinted[] = {
    { 0x0000, 0x001f },   { 0x007f, 0x00a0 },    { 0x00ad, 0x00ad },   { 0x0600, 0x0605 },
    { 0x061c, 0x061c },   { 0x06dd, 0x06dd },    { 0x070f, 0x070f },   { 0x1680, 0x1680 },
    { 0x180e, 0x180e },   { 0x2000, 0x200f },    { 0x2028, 0x202f },   { 0x205f, 0x206f },
    { 0x3000, 0x3000 },   { 0xd800, 0xf8ff },    { 0xfeff, 0xfeff },   { 0xfff0, 0xfffb },
    { 0xfffe, 0xffff },   { 0x110bd, 0x110bd },  { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
    { 0xe0000, 0xe00ff }, { 0xe01f0, 0x10ffff },
};

bool rune_is_printed(uint32_t code)
{
    return !in_ranges(unprinted, array_size(unprinted), code);
}

/* ---- quoting ---- */

static void rune_escape(struct str *out, uint32_t code, char quote, bool ascii)
{
    static const char letters[] = "abtnvfr"; /* 7 to 13 */
    if (code == (unsigned char)quote || code == '\\')
        str_addf(out, "\\%c", (int)code);
    else if (ascii ? code >= 0x20 && code < 0x7f : rune_is_printed(code))
        rune_add(out, code);
    else if (code >= 7 && code <= 13)
        str_addf(out, "\\%c", letters[code - 7]);
    else if (code < 0x20 || code == 0x7f)
        str_addf(out, "\\x%02" PRIx32, code);
    else
        str_addf(out, code < 0x10000 ? "\\u%04" PRIx32 : "\\U%08" PRIx32, code);
}

void rune_quote(struct str *out, uint32_t code, bool ascii)
{
    str_add_char(out, '\'');
    rune_escape(out, code, '\'', ascii);
    str_add_char(out, '\'');
}

void text_quote(struct str *out, struct view text, bool ascii)
{
    str_add_char(out, '"');
    for (size_t i = 0; i < text.len && !out->over;) {
        uint32_t code;
        size_t step = utf8_decode((const unsigned char *)text.at + i, text.len - i, &code);
        if (step > 0)
            rune_escape(out, code, '"', ascii);
        else
            str_addf(out, "\\x%02x", (unsigned char)text.at[i]);
        i += step > 0 ? step : 1;
    }
    str_add_char(out, '"');
}

bool text_fits_backquotes(struct view text)
{
    for (size_t i = 0; i < text.len;) {
        uint32_t code;
        size_t step = utf8_decode((const unsigned char *)text.at + i, text.len - i, &code);
        if (step == 0 || code == '`' || code == 0x7f || code == 0xfeff ||
            (code < 0x20 && code != '\t'))
            return false;
        i += step;
    }
    return true;
}

/* ---- escaping ---- */

/* What a character becomes, or NULL: it stays. */
static const char *html_of(unsigned char c)
{
    switch (c) {
    case '\0':
        return "\xef\xbf\xbd";
    case '"':
        return "&#34;";
    case '\'':
        return "&#39;";
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    default:
        return NULL;
    }
}

void text_html(struct str *out, struct view text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char *escaped = html_of((unsigned char)text.at[i]);
        if (escaped)
            str_add(out, escaped);
        else
            str_add_char(out, text.at[i]);
    }
}

void text_js(struct str *out, struct view text)
{
    for (size_t i = 0; i < text.len && !out->over;) {
        uint32_t code;
        size_t step = utf8_decode((const unsigned char *)text.at + i, text.len - i, &code);
        if (step == 0) {
            step = 1;
            code = 0xfffd;
        }
        if (code == '\\' || code == '\'' || code == '"')
            str_addf(out, "\\%c", (int)code);
        else if (code < 0x20 || (code < 0x80 && strchr("<>&=", (int)code)))
            str_addf(out, "\\u%04" PRIX32, code);
        else if (code < 0x80 || rune_is_printed(code))
            rune_add(out, code);
        else
            str_addf(out, "\\u%04" PRIX32, code);
        i += step;
    }
}

void text_url(struct str *out, struct view text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (letter || (c && strchr("-_.~", c)))
            str_add_char(out, c);
        else if (c == ' ')
            str_add_char(out, '+');
        else
            str_addf(out, "%%%02X", (unsigned char)c);
    }
}

/* ---- case ---- */

/* Letters whose capital lies `distance` before them, or with a distance of 1 pairs of which each
 * capital goes before its letter. Scripts beyond these have no case, or are left as they are. */
static const struct {
    uint32_t first; /* capitals from here */
    uint32_t last;  /* to here, of a row of capitals; to the last letter, of pairs */
    uint32_t distance;
} cases[] = {
    { 'A', 'Z', 32 },         { 0xc0, 0xd6, 32 },     { 0xd8, 0xde, 32 },
    { 0x100, 0x12f, 1 },      { 0x132, 0x137, 1 },    { 0x139, 0x148, 1 },
    { 0x14a, 0x177, 1 },      { 0x179, 0x17e, 1 },    { 0x1cd, 0x1dc, 1 },
    { 0x1de, 0x1ef, 1 },      { 0x1f8, 0x21f, 1 },    { 0x222, 0x233, 1 },
    { 0x391, 0x3a1, 32 },     { 0x3a3, 0x3ab, 32 },   { 0x3d8, 0x3ef, 1 },
    { 0x400, 0x40f, 80 },     { 0x410, 0x42f, 32 },   { 0x460, 0x481, 1 },
    { 0x48a, 0x4bf, 1 },      { 0x4c1, 0x4ce, 1 },    { 0x4d0, 0x52f, 1 },
    { 0x531, 0x556, 48 },     { 0x1e00, 0x1e95, 1 },  { 0x1ea0, 0x1eff, 1 },
    { 0x2160, 0x216f, 16 },   { 0x24b6, 0x24cf, 26 }, { 0xff21, 0xff3a, 32 },
    { 0x10400, 0x10427, 40 },
};

static uint32_t rune_lower(uint32_t code)
{
    for (size_t i = 0; i < array_size(cases); i++) {
        if (code < cases[i].first || code > cases[i].last)
            continue;
        if (cases[i].distance > 1)
            return code + cases[i].distance;
        return (code - cases[i].first) % 2 == 0 ? code + 1 : code;
    }
    return code;
}

static uint32_t rune_upper(uint32_t code)
{
    if (code == 0x131 || code == 0xff || code == 0x3c2) /* they lie apart from their capitals */
        return code == 0x131 ? 'I' : code == 0xff ? 0x178 : 0x3a3;
    for (size_t i = 0; i < array_size(cases); i++) {
        uint32_t distance = cases[i].distance;
        if (distance > 1 && code >= cases[i].first + distance && code <= cases[i].last + distance)
            return code - distance;
        if (distance == 1 && code > cases[i].first && code <= cases[i].last)
            return (code - cases[i].first) % 2 == 1 ? code - 1 : code;
    }
    return code;
}

/* Letters, digits and '_' are parts of words, and all beyond ASCII but blanks. */
static bool ends_word(uint32_t code)
{
    static const struct code_range within[] = {
        { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' }
    };
    static const struct code_range blanks[] = { { 0x85, 0x85 },     { 0xa0, 0xa0 },
                                                { 0x1680, 0x1680 }, { 0x2000, 0x200a },
                                                { 0x2028, 0x2029 }, { 0x202f, 0x202f },
                                                { 0x205f, 0x205f }, { 0x3000, 0x3000 } };
    if (code < 0x80)
        return !in_ranges(within, array_size(within), code);
    return in_ranges(blanks, array_size(blanks), code);
}

void text_case(struct str *out, struct view text, enum text_case to)
{
    bool begins = true;
    for (size_t i = 0; i < text.len;) {
        uint32_t code;
        size_t step = utf8_decode((const unsigned char *)text.at + i, text.len - i, &code);
        if (step == 0) {
            step = 1;
            code = 0xfffd;
        }
        if (to == CASE_LOWER)
            rune_add(out, rune_lower(code));
        else if (to == CASE_UPPER || begins)
            rune_add(out, rune_upper(code));
        else
            rune_add(out, code);
        begins = ends_word(code);
        i += step;
    }
}

/* ---- JSON ---- */

static void json_text(struct view text, struct str *out)
{
    str_add_char(out, '"');
    for (size_t i = 0; i < text.len && !out->over;) {
        uint32_t code;
        size_t step = utf8_decode((const unsigned char *)text.at + i, text.len - i, &code);
        static const char letters[] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                        ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\' };
        if (step == 0)
            str_add(out, "\\ufffd");
        else if (code < sizeof(letters) && letters[code])
            str_addf(out, "\\%c", letters[code]);
        else if (code < 0x20 || code == 0x2028 || code == 0x2029)
            str_addf(out, "\\u%04" PRIx32, code);
        else
            rune_add(out, code);
        i += step > 0 ? step : 1;
    }
    str_add_char(out, '"');
}

static void json_float(double real, struct str *out)
{
    char text[40];
    int precision = 0;
    if (isnan(real) || isinf(real)) {
        str_add(out, "null");
        return;
    }
    do
        (void)snprintf(text, sizeof(text), "%.*e", precision, real);
    while (strtod(text, NULL) != real && precision++ < 17);
    const char *e = strchr(text, 'e');
    int exponent = (int)strtol(e + 1, NULL, 10);
    if (real != 0 && (exponent < -6 || exponent >= 21)) {
        str_addf(out, "%.*s%s%d", (int)(e - text), text, exponent < 0 ? "e" : "e+", exponent);
    } else if (exponent <= precision) {
        str_addf(out, "%.*f", precision - exponent, real);
    } else { /* no digits but those that tell it from others */
        for (const char *at = text; at < e; at++)
            if (*at != '.')
                str_add_char(out, *at);
        for (int i = precision; i < exponent; i++)
            str_add_char(out, '0');
    }
}

static void json_members(const struct value *value, struct str *out)
{
    size_t n = 0;
    str_add_char(out, '{');
    for (size_t i = 0; i < value->map.len && !out->over; i++) {
        if (value->map.at[i].unwritten)
            continue;
        if (n++ > 0)
            str_add_char(out, ',');
        json_text(value->map.at[i].name, out);
        str_add_char(out, ':');
        value_json(&value->map.at[i].value, out);
    }
    str_add_char(out, '}');
}

void value_json(const struct value *value, struct str *out)
{
    if (value->null) {
        str_add(out, "null");
        return;
    }
    switch (value->kind) {
    case VALUE_NIL:
        str_add(out, "null");
        return;
    case VALUE_BOOL:
        str_add(out, value->truth ? "true" : "false");
        return;
    case VALUE_INT:
        str_addf(out, "%" PRId64, value->whole);
        return;
    case VALUE_UINT:
        str_addf(out, "%" PRIu64, value->natural);
        return;
    case VALUE_FLOAT:
        json_float(value->real, out);
        return;
    case VALUE_TEXT:
        json_text(value->text, out);
        return;
    case VALUE_LIST:
        str_add_char(out, '[');
        for (size_t i = 0; i < value->list.len && !out->over; i++) {
            if (i > 0)
                str_add_char(out, ',');
            value_json(&value->list.at[i], out);
        }
        str_add_char(out, ']');
        return;
    case VALUE_MAP:
    case VALUE_STRUCT:
    case VALUE_ROW: /* made before */
        json_members(value, out);
        return;
    }
}
