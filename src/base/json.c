/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three things jansson leaves open are settled here:
 *
 * - Depth. Its limit is 2048 and fixed when it is built, so brackets are counted before it sees the
 * text.
 * - Whole numbers beyond int64. Resource limits are written as 18446744073709551615 and have to be
 * read exactly, but jansson fails with "too big integer", and its way out, reading every whole
 * number as a double, would round all others above 2^53 too (times in nanoseconds;
 * 9223372036854771712, which is "no memory limit"). So only when it has failed this way, the text
 * is read once more from a copy in which each whole number beyond int64 stands as N.5, N counting
 * from 1, and each number that is not a whole one as 0.5. A real number in the tree then says which
 * digits of the text it was, and nothing is rounded. What is put in is as long as what it replaces,
 * hence lines and columns stay true.
 * - Its hash seed comes from /dev/urandom unless it is given one: it gets a part of the random
 * bytes the kernel hands every program, which costs no system call.
 *
 * Zero bytes cannot come through: jansson refuses \u0000 in strings and keys unless asked not to.
 */
#include "base/json.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/field.h"
#include "base/mem.h"

/* From an opening quote at i to what stands behind the closing one, or the end. */
static size_t string_skip(const char *json, size_t len, size_t i)
{
    for (i++; i < len && json[i] != '"'; i++)
        if (json[i] == '\\')
            i++;
    return i < len ? i + 1 : len;
}

static size_t line_of(const char *json, size_t at)
{
    size_t line = 1;

    for (size_t i = 0; i < at; i++)
        line += json[i] == '\n';
    return line;
}

static int depth_check(const char *json, size_t len, const char *what, struct err *err)
{
    size_t depth = 0;

    for (size_t i = 0; i < len;) {
        char c = json[i];

        if (c == '"') {
            i = string_skip(json, len, i);
            continue;
        }
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && depth > 0)
            depth--;
        if (depth > JSON_DEPTH_MAX)
            return err_set(err, ERR_INVALID, "%s: line %zu: nested deeper than %d levels", what,
                           line_of(json, i), JSON_DEPTH_MAX);
        i++;
    }
    return 0;
}

static size_t digits_skip(struct view text, size_t i)
{
    while (i < text.len && text.at[i] >= '0' && text.at[i] <= '9')
        i++;
    return i;
}

enum token { TOKEN_BAD, TOKEN_WHOLE, TOKEN_REAL };

/* What JSON's grammar (RFC 8259, section 6) says of a run of number characters. */
static enum token token_kind(struct view token)
{
    size_t begin = token.at[0] == '-';
    size_t i = digits_skip(token, begin);

    if (i == begin || (token.at[begin] == '0' && i > begin + 1))
        return TOKEN_BAD;
    if (i == token.len)
        return TOKEN_WHOLE;
    if (token.at[i] == '.') {
        begin = i + 1;
        i = digits_skip(token, begin);
        if (i == begin)
            return TOKEN_BAD;
    }
    if (i < token.len && (token.at[i] == 'e' || token.at[i] == 'E')) {
        begin = i + 1;
        if (begin < token.len && (token.at[begin] == '+' || token.at[begin] == '-'))
            begin++;
        i = digits_skip(token, begin);
        if (i == begin)
            return TOKEN_BAD;
    }
    return i == token.len ? TOKEN_REAL : TOKEN_BAD;
}

static struct whole whole_parse(struct view token)
{
    struct whole whole = { .negative = token.at[0] == '-', .text = token };

    for (size_t i = whole.negative; i < token.len && !whole.beyond; i++) {
        unsigned digit = (unsigned)(token.at[i] - '0');
        whole.beyond = __builtin_mul_overflow(whole.size, 10U, &whole.size) ||
                       __builtin_add_overflow(whole.size, digit, &whole.size);
    }
    return whole;
}

bool whole_fits(const struct whole *whole, int64_t lowest, uint64_t highest)
{
    if (whole->beyond)
        return false;
    return whole->size <= (whole->negative ? -(uint64_t)lowest : highest);
}

static void token_replace(char *at, size_t len, const char *replacement)
{
    size_t used = strlen(replacement);

    assert(used <= len);
    memcpy(at, replacement, used);
    memset(at + used, ' ', len - used);
}

/* `copy` is where the token stands in the copy. */
static void number_hide(struct document *document, struct view token, char *copy)
{
    switch (token_kind(token)) {
    case TOKEN_BAD:
        return; /* jansson will say so */
    case TOKEN_REAL:
        token_replace(copy, token.len, "0.5"); /* no real is shorter than "1e1" */
        return;
    case TOKEN_WHOLE:
        break;
    }

    struct whole whole = whole_parse(token);
    if (whole_fits(&whole, INT64_MIN, INT64_MAX))
        return;
    struct view *kept =
        array_grow((void **)&document->numbers, &document->n_numbers, sizeof(*document->numbers));
    *kept = token;
    char replacement[32]; /* fits: the token has 19 digits, and N is less than the text's length /
                             19 */
    (void)snprintf(replacement, sizeof(replacement), "%zu.5", document->n_numbers);
    token_replace(copy, token.len, replacement);
}

static bool is_number_char(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

static void numbers_hide(struct document *document, const char *json, size_t len, char *copy)
{
    for (size_t i = 0; i < len;) {
        char c = json[i];

        if (c == '"') {
            i = string_skip(json, len, i);
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            size_t begin = i;
            while (i < len && is_number_char(json[i]))
                i++;
            number_hide(document, (struct view){ json + begin, i - begin }, copy + begin);
        } else {
            i++;
        }
    }
}

static void seed_hashes(void)
{
    const unsigned char *random = (const void *)getauxval(AT_RANDOM);
    uint32_t seed = 0;

    if (random)
        memcpy(&seed, random + 12,
               sizeof(seed));   /* the C library makes its stack guard of the first eight */
    json_object_seed(seed | 1); /* 0 would mean /dev/urandom; later calls change nothing */
}

int document_open(struct document *document, const char *json, size_t len, const char *what,
                  struct err *err)
{
    json_error_t error;

    *document = (struct document){};
    if (depth_check(json, len, what, err) < 0)
        return -1;
    seed_hashes();
    document->root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &error);
    if (!document->root && json_error_code(&error) == json_error_numeric_overflow) {
        auto_free char *copy = xmalloc(len);
        memcpy(copy, json, len);
        numbers_hide(document, json, len, copy);
        document->root = json_loadb(copy, len, JSON_REJECT_DUPLICATES, &error);
    }
    if (document->root)
        return 0;

    auto_done(str) shown = {};
    enum json_error_code code = json_error_code(&error);
    if (code == json_error_null_character || code == json_error_null_byte_in_key)
        str_add(&shown, "zero byte in a string");
    else
        text_escape(&shown, error.text, strlen(error.text)); /* it quotes the document */
    (void)err_set(err, ERR_INVALID, "%s: line %d, column %d: %s", what, error.line, error.column,
                  str_text(&shown));
    document_close(document);
    return -1;
}

void document_close(struct document *document)
{
    json_decref(document->root);
    free(document->numbers);
    *document = (struct document){};
}

bool document_whole(const struct document *document, const json_t *number, struct whole *ret_whole)
{
    if (json_is_integer(number)) {
        json_int_t value = json_integer_value(number);
        uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;
        *ret_whole = (struct whole){ .negative = value < 0, .size = size };
        return true;
    }
    double value = json_real_value(number);
    if (document->n_numbers == 0 || value < 1)
        return false;
    assert(value < (double)document->n_numbers + 1);
    *ret_whole = whole_parse(document->numbers[(size_t)value - 1]);
    return true;
}
