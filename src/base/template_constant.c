/* SPDX-License-Identifier: Apache-2.0 */
/* Constants as Go writes them: 1_000, 0x1F, 0b11, 1e3, 0x1p-2, 'x', "a\tb", `raw`. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/template_part.h"

/* ---- numbers ---- */

static bool is_hexadecimal(const char *digits)
{
    return digits[0] == '0' && (digits[1] | 0x20) == 'x';
}

/* A '_' stands between digits, or behind the prefix of a base. */
static bool underscores_fit(struct view text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] != '_')
            continue;
        if (i == 0 || i + 1 == text.len || !isalnum((unsigned char)text.at[i - 1]) ||
            !isxdigit((unsigned char)text.at[i + 1]))
            return false;
    }
    return true;
}

/* Without underscores; a sign stays. Owned by the caller. */
static char *number_bare(struct view text)
{
    struct str bare = {};
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] != '_')
            str_add_char(&bare, text.at[i]);
    return str_take(&bare);
}

/* Gives 1, 0 if it is none, or -1 if it is one beyond 64 bits. */
static int whole_parse(const char *digits, uint64_t *ret_size)
{
    static const char prefixes[] = "xob";
    static const int bases[] = { 16, 8, 2 };
    int base = digits[0] == '0' && digits[1] ? 8 : 10;
    const char *prefix = digits[0] == '0' && digits[1] ? strchr(prefixes, digits[1] | 0x20) : NULL;
    if (prefix) {
        base = bases[prefix - prefixes];
        digits += 2;
    }
    char *end;
    if (!isxdigit((unsigned char)digits[0]))
        return 0;
    errno = 0;
    *ret_size = strtoull(digits, &end, base);
    if (*end)
        return 0;
    return errno == ERANGE ? -1 : 1;
}

static bool float_parse(const char *digits, double *ret_real)
{
    char *end;
    bool point = strpbrk(digits, is_hexadecimal(digits) ? "pP" : ".eE") != NULL;
    if (!point || (!isdigit((unsigned char)digits[0]) && digits[0] != '.'))
        return false;
    *ret_real = strtod(digits, &end);
    return !*end;
}

static int number_value(struct view source, const struct token *token, struct value *ret_value,
                        struct err *err)
{
    auto_free char *bare = number_bare(token->text);
    bool negative = bare[0] == '-';
    const char *digits = bare + (negative || bare[0] == '+');
    uint64_t size = 0;
    double real;
    int whole = underscores_fit(token->text) ? whole_parse(digits, &size) : 0;
    if (whole > 0 && size <= (uint64_t)INT64_MAX + negative) {
        *ret_value = value_int(negative ? (int64_t)-size : (int64_t)size);
        return 0;
    }
    if (whole != 0)
        return template_error(source, token->at, err, "%.*s is beyond 64 bits",
                              (int)token->text.len, token->text.at);
    if (underscores_fit(token->text) && float_parse(digits, &real)) {
        *ret_value = value_float(negative ? -real : real);
        return 0;
    }
    size_t len = strlen(digits);
    if (len > 1 && digits[len - 1] == 'i' && isdigit((unsigned char)digits[len - 2]))
        return template_error(source, token->at, err, "complex numbers are not supported");
    return template_error(source, token->at, err, "\"%.*s\" is not a number", (int)token->text.len,
                          token->text.at);
}

/* ---- quotes ---- */

static int digits_take(struct view *rest, size_t n, int base, uint32_t *ret_code)
{
    char digits[9] = {};
    char *end;
    if (rest->len < n)
        return -1;
    memcpy(digits, rest->at, n);
    if (!isxdigit((unsigned char)digits[0]))
        return -1;
    *ret_code = (uint32_t)strtoul(digits, &end, base);
    rest->at += n;
    rest->len -= n;
    return *end ? -1 : 0;
}

/* An escape behind its backslash. A byte (\xff, \377) is added as it is. */
static int escape_add(struct view *rest, char quote, struct str *out)
{
    static const char letters[] = "abtnvfr";
    uint32_t code;
    char c = rest->at[0];
    const char *letter = strchr(letters, c);
    if (c >= '0' && c <= '7') {
        if (digits_take(rest, 3, 8, &code) < 0 || code > 0xff)
            return -1;
        str_add_char(out, (char)code);
        return 0;
    }
    rest->at++;
    rest->len--;
    if (c == 'x') {
        if (digits_take(rest, 2, 16, &code) < 0)
            return -1;
        str_add_char(out, (char)code);
        return 0;
    }
    if (c == 'u' || c == 'U') {
        if (digits_take(rest, c == 'u' ? 4 : 8, 16, &code) < 0 || code > 0x10ffff ||
            (code >= 0xd800 && code <= 0xdfff))
            return -1;
        rune_add(out, code);
        return 0;
    }
    if (c && letter)
        str_add_char(out, (char)(7 + (letter - letters)));
    else if (c == '\\' || c == quote)
        str_add_char(out, c);
    else
        return -1;
    return 0;
}

/* What stands between the quotes. */
static int unquote(struct view text, char quote, struct str *out)
{
    while (text.len > 0) {
        if (text.at[0] != '\\') {
            str_add_char(out, text.at[0]);
            text.at++;
            text.len--;
            continue;
        }
        text.at++;
        text.len--;
        if (text.len == 0 || escape_add(&text, quote, out) < 0)
            return -1;
    }
    return 0;
}

static int rune_value(struct view inner, struct value *ret_value)
{
    auto_done(str) text = {};
    uint32_t code;
    if (unquote(inner, '\'', &text) < 0 || text.len == 0)
        return -1;
    size_t step = utf8_decode((const unsigned char *)text.at, text.len, &code);
    if (step == 0 && text.len == 1 && inner.at[0] == '\\') { /* '\xff' is a number as well */
        *ret_value = value_int((unsigned char)text.at[0]);
        return 0;
    }
    if (step != text.len)
        return -1;
    *ret_value = value_int(code);
    return 0;
}

int token_value(struct view source, const struct token *token, struct pool *pool,
                struct value *ret_value, struct err *err)
{
    auto_done(str) text = {};
    if (token->kind == TOKEN_NUMBER)
        return number_value(source, token, ret_value, err);
    struct view inner = { token->text.at + 1, token->text.len - 2 };
    if (token->kind == TOKEN_RUNE) {
        if (rune_value(inner, ret_value) < 0)
            return template_error(source, token->at, err, "%.*s is not one character",
                                  (int)token->text.len, token->text.at);
        return 0;
    }
    if (token->kind == TOKEN_RAW) {
        for (size_t i = 0; i < inner.len; i++) /* as Go reads its sources */
            if (inner.at[i] != '\r')
                str_add_char(&text, inner.at[i]);
    } else if (unquote(inner, '"', &text) < 0) {
        return template_error(source, token->at, err, "%.*s has a wrong escape",
                              (int)token->text.len, token->text.at);
    }
    *ret_value = value_text(pool_text(pool, str_text(&text), text.len));
    return 0;
}
