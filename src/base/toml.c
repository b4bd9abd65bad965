/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text is read into a tree, as a table may be added to from anywhere in it; then the tree is
 * written. What TOML forbids are second definitions, so each table remembers how it came to be:
 *
 *     [a.b]       b is HEADED; a, if it was not there, only IMPLIED: [a] may still come, once
 *     a.b = 1     a is DOTTED: further a.c = 2 may come in the same table, [a] may not
 *     a = { }     a is CLOSED, as is all below it
 *     [[a]]       a is a LISTED array of HEADED tables
 */
#include "base/toml.h"

#include <inttypes.h>
#include <string.h>

#include "base/field.h"
#include "base/mem.h"
#include "base/toml_part.h"

enum kind { KIND_TEXT, KIND_WHOLE, KIND_BOOL, KIND_ARRAY, KIND_TABLE };
enum origin { ORIGIN_CLOSED, ORIGIN_IMPLIED, ORIGIN_HEADED, ORIGIN_DOTTED, ORIGIN_LISTED };

struct toml_node {
    char *key; /* NULL: an item of an array, or the document */
    uint32_t hash;
    enum kind kind;
    enum origin origin; /* of a table or an array */
    unsigned depth;
    size_t line;
    char *text;
    int64_t whole; /* also of a BOOL */
    struct toml_node **items;
    size_t n_items;
    size_t room;
};

static int value_read(struct toml_reader *reader, struct toml_node *into);

/* ---- the tree ---- */

static void toml_node_free(struct toml_node *node)
{
    if (!node)
        return;
    for (size_t i = 0; i < node->n_items; i++)
        toml_node_free(node->items[i]);
    free(node->items);
    free(node->key);
    free(node->text);
    free(node);
}
DROP(toml_node);

static uint32_t key_hash(const char *key)
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 16777619U;
    return hash;
}

static struct toml_node *node_find(const struct toml_node *table, const char *key)
{
    uint32_t hash = key_hash(key);
    for (size_t i = 0; i < table->n_items; i++)
        if (table->items[i]->hash == hash && strcmp(table->items[i]->key, key) == 0)
            return table->items[i];
    return NULL;
}

/* Adds an item; key NULL: to an array. */
static int node_add(struct toml_reader *reader, struct toml_node *to, const char *key,
                    struct toml_node **ret_node)
{
    bool deep = to->depth + 1 > TOML_DEPTH_MAX;
    if (deep || ++reader->n_values > TOML_VALUES_MAX) {
        toml_fail(reader, deep ? "nested deeper than %d levels" : "more than %d values",
                  deep ? TOML_DEPTH_MAX : TOML_VALUES_MAX);
        return -1;
    }
    struct toml_node *node = xnew(struct toml_node);
    node->depth = to->depth + 1;
    node->line = reader->line;
    if (key) {
        node->key = xstrdup(key);
        node->hash = key_hash(key);
    }
    if (to->n_items == to->room) {
        to->room = to->room > 0 ? to->room * 2 : 8;
        to->items = xrealloc(to->items, to->room, sizeof(struct toml_node *));
    }
    to->items[to->n_items++] = node;
    *ret_node = node;
    return 0;
}

static int table_add(struct toml_reader *reader, struct toml_node *to, const char *key,
                     enum origin origin, struct toml_node **ret_table)
{
    if (node_add(reader, to, key, ret_table) < 0)
        return -1;
    (*ret_table)->kind = KIND_TABLE;
    (*ret_table)->origin = origin;
    return 0;
}

static int fail_twice(const struct toml_reader *reader, const struct toml_node *node)
{
    return toml_fail(reader, "\"%.*s\" is defined already, on line %zu", TOML_SHOWN_MAX, node->key,
                     node->line);
}

/* ---- values ---- */

static int fail_token(const struct toml_reader *reader, const char *fault)
{
    size_t len = 0;
    while (toml_is_bare(toml_peek(reader, len)) ||
           (toml_peek(reader, len) && strchr("+.:", toml_peek(reader, len))))
        len++;
    if (len == 0)
        return toml_fail_here(reader, "a value");
    return toml_fail(reader, "\"%.*s%s\" %s", (int)(len < TOML_SHOWN_MAX ? len : TOML_SHOWN_MAX),
                     reader->at, len > TOML_SHOWN_MAX ? "..." : "", fault);
}

/* Digits with single underscores between them; *ret_len: of all of it. */
static int digits_read(const struct toml_reader *reader, unsigned base, uint64_t *ret_value,
                       size_t *ret_len)
{
    uint64_t value = 0;
    size_t len = 0;
    for (;; len++) {
        char c = reader->at + len < reader->end ? reader->at[len] : '\0';
        if (c == '_' && len > 0 && reader->at[len - 1] != '_')
            continue;
        unsigned digit = toml_digit(c);
        if (digit >= base)
            break;
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return fail_token(reader, "is beyond 64 bits");
    }
    if (len == 0 || reader->at[len - 1] == '_')
        return fail_token(reader, "is no number");
    *ret_value = value;
    *ret_len = len;
    return 0;
}

/* What looks like a number and is none that is read. */
static const char *number_fault(const struct toml_reader *reader, size_t n_digits)
{
    char next = toml_peek(reader, n_digits);
    if ((n_digits == 4 && next == '-') || (n_digits == 2 && next == ':'))
        return "is a date or a time, which is not read here";
    if (next == '.' || next == 'e' || next == 'E')
        return "is a fraction, which is not read here";
    if (toml_is_bare(next) || next == ':' || next == '+')
        return "is no number";
    return *reader->at == '0' && n_digits > 1 ? "is a number that begins with 0" : NULL;
}

static int whole_read(struct toml_reader *reader, struct toml_node *into)
{
    static const struct {
        char letter;
        unsigned base;
    } bases[] = { { 'x', 16 }, { 'o', 8 }, { 'b', 2 } };
    bool negative = *reader->at == '-';
    bool is_signed = negative || *reader->at == '+';
    unsigned base = 10;
    uint64_t value = 0;
    size_t len = 0;

    reader->at += is_signed;
    for (size_t i = 0; i < array_size(bases); i++)
        if (!is_signed && toml_peek(reader, 0) == '0' && toml_peek(reader, 1) == bases[i].letter)
            base = bases[i].base;
    if (is_signed && (toml_ahead_is(reader, "inf") || toml_ahead_is(reader, "nan")))
        return fail_token(reader, "is a fraction, which is not read here");
    reader->at += base == 10 ? 0 : 2;
    if (digits_read(reader, base, &value, &len) < 0)
        return -1;
    const char *fault = base == 10 ? number_fault(reader, len) : NULL;
    if (!fault && toml_is_bare(toml_peek(reader, len)))
        fault = "is no number";
    if (fault)
        return fail_token(reader, fault);
    if (value > (uint64_t)INT64_MAX + negative)
        return fail_token(reader, "is beyond 64 bits");
    reader->at += len;
    into->kind = KIND_WHOLE;
    into->whole = negative ? (int64_t)-value : (int64_t)value;
    return 0;
}

static int word_read(struct toml_reader *reader, struct toml_node *into)
{
    bool is_true = toml_ahead_is(reader, "true");
    size_t len = is_true ? 4 : 5;
    if ((!is_true && !toml_ahead_is(reader, "false")) || toml_is_bare(toml_peek(reader, len))) {
        if (toml_ahead_is(reader, "inf") || toml_ahead_is(reader, "nan"))
            return fail_token(reader, "is a fraction, which is not read here");
        return fail_token(reader, "is no value; text stands in quotes");
    }
    reader->at += len;
    into->kind = KIND_BOOL;
    into->whole = is_true;
    return 0;
}

static int text_read(struct toml_reader *reader, struct toml_node *into)
{
    char quote = *reader->at;
    bool lines = toml_peek(reader, 1) == quote && toml_peek(reader, 2) == quote;
    into->kind = KIND_TEXT;
    return lines ? toml_lines_read(reader, &into->text) : toml_string_read(reader, &into->text);
}

static int array_read(struct toml_reader *reader, struct toml_node *into)
{
    into->kind = KIND_ARRAY;
    into->origin = ORIGIN_CLOSED;
    reader->at++;
    for (;;) {
        struct toml_node *item;
        if (toml_space_skip(reader) < 0)
            return -1;
        if (toml_peek(reader, 0) == ']')
            break;
        if (node_add(reader, into, NULL, &item) < 0 || value_read(reader, item) < 0 ||
            toml_space_skip(reader) < 0)
            return -1;
        if (toml_peek(reader, 0) == ']')
            break;
        if (toml_peek(reader, 0) != ',')
            return toml_fail_here(reader, "',' or ']' in an array");
        reader->at++;
    }
    reader->at++;
    return 0;
}

/* KEY = VALUE in a table. */
static int pair_read(struct toml_reader *reader, struct toml_node *table)
{
    auto_done(strings) parts = {};
    struct toml_node *node;
    if (toml_key_read(reader, &parts) < 0)
        return -1;
    if (toml_peek(reader, 0) != '=')
        return toml_fail_here(reader, "'=' behind a key");
    reader->at++;
    for (size_t i = 0; i + 1 < parts.len; i++) {
        node = node_find(table, parts.at[i]);
        if (node && (node->kind != KIND_TABLE || node->origin != ORIGIN_DOTTED))
            return fail_twice(reader, node);
        if (!node && table_add(reader, table, parts.at[i], ORIGIN_DOTTED, &node) < 0)
            return -1;
        table = node;
    }
    node = node_find(table, parts.at[parts.len - 1]);
    if (node)
        return fail_twice(reader, node);
    if (node_add(reader, table, parts.at[parts.len - 1], &node) < 0)
        return -1;
    toml_blanks_skip(reader);
    return value_read(reader, node);
}

/* What came by dots is as closed as the table it is in. */
static void table_close(struct toml_node *table)
{
    table->origin = ORIGIN_CLOSED;
    for (size_t i = 0; i < table->n_items; i++)
        if (table->items[i]->kind == KIND_TABLE && table->items[i]->origin != ORIGIN_CLOSED)
            table_close(table->items[i]);
}

static int inline_read(struct toml_reader *reader, struct toml_node *into)
{
    into->kind = KIND_TABLE;
    reader->at++;
    toml_blanks_skip(reader);
    bool more = toml_peek(reader, 0) != '}';
    while (more) {
        if (pair_read(reader, into) < 0)
            return -1;
        toml_blanks_skip(reader);
        more = toml_peek(reader, 0) == ',';
        if (!more && toml_peek(reader, 0) != '}')
            return toml_fail_here(reader, "',' or '}' in a table");
        reader->at += more;
    }
    reader->at++;
    table_close(into);
    return 0;
}

static int value_read(struct toml_reader *reader, struct toml_node *into)
{
    char c = toml_peek(reader, 0);
    if (c == '"' || c == '\'')
        return text_read(reader, into);
    if (c == '[')
        return array_read(reader, into);
    if (c == '{')
        return inline_read(reader, into);
    if (c == '+' || c == '-' || (c >= '0' && c <= '9'))
        return whole_read(reader, into);
    return word_read(reader, into);
}

/* ---- headers ---- */

/* The table a part of a header but its last leads to. */
static int header_step(struct toml_reader *reader, struct toml_node *from, const char *part,
                       struct toml_node **ret_table)
{
    struct toml_node *node = node_find(from, part);
    if (!node)
        return table_add(reader, from, part, ORIGIN_IMPLIED, ret_table);
    if (node->kind == KIND_ARRAY && node->origin == ORIGIN_LISTED)
        node = node->items[node->n_items - 1];
    else if (node->kind != KIND_TABLE || node->origin == ORIGIN_CLOSED)
        return fail_twice(reader, node);
    *ret_table = node;
    return 0;
}

static int header_table(struct toml_reader *reader, struct toml_node *from, const char *part,
                        struct toml_node **ret_table)
{
    struct toml_node *node = node_find(from, part);
    if (!node)
        return table_add(reader, from, part, ORIGIN_HEADED, ret_table);
    if (node->kind != KIND_TABLE || node->origin != ORIGIN_IMPLIED)
        return fail_twice(reader, node);
    node->origin = ORIGIN_HEADED;
    node->line = reader->line;
    *ret_table = node;
    return 0;
}

static int header_item(struct toml_reader *reader, struct toml_node *from, const char *part,
                       struct toml_node **ret_table)
{
    struct toml_node *node = node_find(from, part);
    if (node && (node->kind != KIND_ARRAY || node->origin != ORIGIN_LISTED))
        return fail_twice(reader, node);
    if (!node) {
        if (node_add(reader, from, part, &node) < 0)
            return -1;
        node->kind = KIND_ARRAY;
        node->origin = ORIGIN_LISTED;
    }
    return table_add(reader, node, NULL, ORIGIN_HEADED, ret_table);
}

/* [a.b] or [[a.b]]. */
static int header_read(struct toml_reader *reader, struct toml_node *document,
                       struct toml_node **ret_table)
{
    auto_done(strings) parts = {};
    bool listed = toml_ahead_is(reader, "[[");
    struct toml_node *table = document;
    reader->at += listed ? 2 : 1;
    if (toml_key_read(reader, &parts) < 0)
        return -1;
    if (!toml_ahead_is(reader, listed ? "]]" : "]"))
        return toml_fail_here(reader,
                              listed ? "]] behind a table's name" : "] behind a table's name");
    reader->at += listed ? 2 : 1;
    for (size_t i = 0; i + 1 < parts.len; i++)
        if (header_step(reader, table, parts.at[i], &table) < 0)
            return -1;
    const char *last = parts.at[parts.len - 1];
    if (listed)
        return header_item(reader, table, last, ret_table);
    return header_table(reader, table, last, ret_table);
}

/* ---- the document ---- */

static int utf8_check(struct toml_reader *reader)
{
    const char *begin = reader->at;
    size_t line = reader->line;
    int result = 0;
    while (!toml_at_end(reader) && result == 0) {
        uint32_t code;
        size_t left = (size_t)(reader->end - reader->at);
        size_t n = utf8_decode((const unsigned char *)reader->at, left, &code);
        if (n == 0 || *reader->at == '\0')
            result = toml_fail(reader, n == 0 ? "it is not UTF-8" : "it holds a zero byte");
        reader->line += *reader->at == '\n';
        reader->at += n;
    }
    reader->at = begin;
    reader->line = line;
    return result;
}

static int document_read(struct toml_reader *reader, struct toml_node *document)
{
    struct toml_node *table = document;
    if (utf8_check(reader) < 0)
        return -1;
    if (toml_ahead_is(reader, "\xef\xbb\xbf")) /* the mark some editors put first */
        reader->at += 3;
    for (;;) {
        if (toml_space_skip(reader) < 0)
            return -1;
        if (toml_at_end(reader))
            return 0;
        int result = toml_peek(reader, 0) == '[' ? header_read(reader, document, &table)
                                                 : pair_read(reader, table);
        if (result < 0 || toml_line_end(reader) < 0)
            return -1;
    }
}

static void node_write(const struct toml_node *node, struct str *json)
{
    bool table = node->kind == KIND_TABLE;
    switch (node->kind) {
    case KIND_TEXT:
        json_add_text(json, node->text);
        return;
    case KIND_WHOLE:
        str_addf(json, "%" PRId64, node->whole);
        return;
    case KIND_BOOL:
        str_add(json, node->whole ? "true" : "false");
        return;
    case KIND_ARRAY:
    case KIND_TABLE:
        break;
    }
    str_add_char(json, table ? '{' : '[');
    for (size_t i = 0; i < node->n_items; i++) {
        if (i > 0)
            str_add_char(json, ',');
        if (table) {
            json_add_text(json, node->items[i]->key);
            str_add_char(json, ':');
        }
        node_write(node->items[i], json);
    }
    str_add_char(json, table ? '}' : ']');
}

int toml_to_json(const char *toml, size_t len, const char *what, struct str *json, struct err *err)
{
    struct toml_reader reader = {
        .at = toml, .end = toml + len, .line = 1, .what = what, .err = err
    };
    auto_drop(toml_node) *document = xnew(struct toml_node);
    if (len > TOML_BYTES_MAX)
        return err_set(err, ERR_INVALID, "%s: it is larger than %d bytes", what, TOML_BYTES_MAX);
    document->kind = KIND_TABLE;
    document->origin = ORIGIN_CLOSED;
    if (document_read(&reader, document) < 0)
        return -1;
    node_write(document, json);
    return 0;
}
