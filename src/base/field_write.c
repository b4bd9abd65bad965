/* SPDX-License-Identifier: Apache-2.0 */
/* Writing by field tables: straight from the struct to the text, no tree in between. */
#include "base/field.h"

#include <assert.h>
#include <string.h>

struct writer {
    struct str *out;
    int indent; /* 0: one line */
    int level;
    bool first; /* nothing stands between the brackets yet */
};

static void add_unsigned(struct str *out, uint64_t number, bool negative)
{
    char digits[21]; /* 2^64-1 has 20 */
    size_t at = sizeof(digits);

    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    if (negative)
        digits[--at] = '-';
    str_add_bytes(out, digits + at, sizeof(digits) - at);
}

static void add_signed(struct str *out, int64_t number)
{
    add_unsigned(out, number < 0 ? -(uint64_t)number : (uint64_t)number, number < 0);
}

static void add_escape(struct str *out, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    static const char letters[] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                    ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\' };

    if (c < sizeof(letters) && letters[c]) {
        str_add_bytes(out, (char[]){ '\\', letters[c] }, 2);
        return;
    }
    str_add_bytes(out, (char[]){ '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15] }, 6);
}

void json_add_text(struct str *out, const char *text)
{
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
    const unsigned char *at = (const unsigned char *)text, *plain = at;
    const unsigned char *end = at + strlen(text);

    str_add_char(out, '"');
    while (at < end) {
        uint32_t code;
        size_t len = *at < 0x80 ? 1 : utf8_decode(at, (size_t)(end - at), &code);

        if (len > 0 && *at >= 0x20 && *at != '"' && *at != '\\') {
            at += len;
            continue;
        }
        str_add_bytes(out, plain, (size_t)(at - plain));
        if (len > 0)
            add_escape(out, *at);
        else
            str_add_bytes(out, replacement, sizeof(replacement) - 1);
        plain = ++at;
    }
    str_add_bytes(out, plain, (size_t)(at - plain));
    str_add_char(out, '"');
}

/* ---- brackets, commas, indentation ---- */

static void line_begin(struct writer *writer)
{
    if (writer->indent == 0)
        return;
    str_add_char(writer->out, '\n');
    for (int i = 0; i < writer->indent * writer->level; i++)
        str_add_char(writer->out, ' ');
}

static void open_bracket(struct writer *writer, char bracket)
{
    str_add_char(writer->out, bracket);
    writer->level++;
    writer->first = true;
}

static void close_bracket(struct writer *writer, char bracket)
{
    writer->level--;
    if (!writer->first)
        line_begin(writer);
    str_add_char(writer->out, bracket);
    writer->first = false;
}

static void next_item(struct writer *writer)
{
    if (!writer->first)
        str_add_char(writer->out, ',');
    writer->first = false;
    line_begin(writer);
}

static void next_key(struct writer *writer, const char *key)
{
    next_item(writer);
    json_add_text(writer->out, key);
    str_add(writer->out, writer->indent > 0 ? ": " : ":");
}

/* ---- values ---- */

static size_t array_len(const void *array)
{
    return *(const size_t *)((const char *)array + sizeof(void *));
}

/* Whether there is something to write. An object in place counts as empty if none of its fields
 * would be written: an object that may be absent and yet has fields of F_ALWAYS must be a POINTER.
 */
static bool value_written(const struct field *field, const void *at)
{
    if (field->flags & (F_ALWAYS | F_NULL) && field->type != FIELD_TYPE_SEEN)
        return true;
    switch (field->type) {
    case FIELD_TYPE_END:
    case FIELD_TYPE_SEEN:
        return false;
    case FIELD_TYPE_BOOL:
        return *(const bool *)at;
    case FIELD_TYPE_I32:
    case FIELD_TYPE_U32:
        return *(const uint32_t *)at != 0;
    case FIELD_TYPE_I64:
    case FIELD_TYPE_U64:
        return *(const uint64_t *)at != 0;
    case FIELD_TYPE_MAYBE_BOOL:
        return ((const struct maybe_bool *)at)->set;
    case FIELD_TYPE_MAYBE_I64:
        return ((const struct maybe_i64 *)at)->set;
    case FIELD_TYPE_MAYBE_U64:
        return ((const struct maybe_u64 *)at)->set;
    case FIELD_TYPE_TEXT:
    case FIELD_TYPE_POINTER:
        return *(void *const *)at != NULL;
    case FIELD_TYPE_LIST:
    case FIELD_TYPE_SET:
        return ((const struct strings *)at)->len > 0;
    case FIELD_TYPE_U32S:
        return ((const struct u32s *)at)->len > 0;
    case FIELD_TYPE_PAIRS:
        return ((const struct pairs *)at)->len > 0;
    case FIELD_TYPE_OBJECT:
        for (const struct field *sub = field->sub; sub->type != FIELD_TYPE_END; sub++)
            if (value_written(sub, (const char *)at + sub->offset))
                return true;
        return false;
    case FIELD_TYPE_ARRAY:
    case FIELD_TYPE_MAP:
        return array_len(at) > 0;
    case FIELD_TYPE_ENUM:
        return *(const unsigned *)at != 0;
    }
    return false;
}

static void write_list(struct writer *writer, const struct strings *list)
{
    open_bracket(writer, '[');
    for (size_t i = 0; i < list->len; i++) {
        next_item(writer);
        json_add_text(writer->out, list->at[i]);
    }
    close_bracket(writer, ']');
}

static void write_u32s(struct writer *writer, const struct u32s *list)
{
    open_bracket(writer, '[');
    for (size_t i = 0; i < list->len; i++) {
        next_item(writer);
        add_unsigned(writer->out, list->at[i], false);
    }
    close_bracket(writer, ']');
}

static void write_set(struct writer *writer, const struct strings *list)
{
    open_bracket(writer, '{');
    for (size_t i = 0; i < list->len; i++) {
        next_key(writer, list->at[i]);
        str_add(writer->out, "{}");
    }
    close_bracket(writer, '}');
}

static void write_pairs(struct writer *writer, const struct pairs *pairs)
{
    open_bracket(writer, '{');
    for (size_t i = 0; i < pairs->len; i++) {
        next_key(writer, pairs->at[i].key);
        json_add_text(writer->out, pairs->at[i].value);
    }
    close_bracket(writer, '}');
}

static void write_bool(struct writer *writer, bool value)
{
    str_add(writer->out, value ? "true" : "false");
}

static void write_enum(struct writer *writer, const struct field *field, unsigned value)
{
    unsigned count = 0;

    while (field->names[count])
        count++;
    assert(value < count);
    json_add_text(writer->out, value < count ? field->names[value] : "");
}

static void write_object(struct writer *writer, const struct field *fields, const void *from);

static void write_array(struct writer *writer, const struct field *field, const void *array)
{
    bool is_map = field->type == FIELD_TYPE_MAP;
    const char *item = *(void *const *)array;

    open_bracket(writer, is_map ? '{' : '[');
    for (size_t i = 0; i < array_len(array); i++, item += field->size) {
        if (is_map)
            next_key(writer, *(char *const *)item);
        else
            next_item(writer);
        write_object(writer, field->sub, item);
    }
    close_bracket(writer, is_map ? '}' : ']');
}

/* What is not set is null where it must be written. */
static void write_maybe(struct writer *writer, const struct field *field, const void *at)
{
    const struct maybe_bool *truth = at;
    const struct maybe_i64 *number = at;
    const struct maybe_u64 *natural = at;

    if (!value_written(&(struct field){ .type = field->type }, at))
        str_add(writer->out, "null");
    else if (field->type == FIELD_TYPE_MAYBE_BOOL)
        write_bool(writer, truth->value);
    else if (field->type == FIELD_TYPE_MAYBE_I64)
        add_signed(writer->out, number->value);
    else
        add_unsigned(writer->out, natural->value, false);
}

static void write_value(struct writer *writer, const struct field *field, const void *at)
{
    if ((field->flags & F_NULL) && !value_written(&(struct field){ .type = field->type }, at)) {
        str_add(writer->out, "null");
        return;
    }
    switch (field->type) {
    case FIELD_TYPE_END:
    case FIELD_TYPE_SEEN:
        break;
    case FIELD_TYPE_BOOL:
        write_bool(writer, *(const bool *)at);
        break;
    case FIELD_TYPE_I32:
        add_signed(writer->out, *(const int32_t *)at);
        break;
    case FIELD_TYPE_U32:
        add_unsigned(writer->out, *(const uint32_t *)at, false);
        break;
    case FIELD_TYPE_I64:
        add_signed(writer->out, *(const int64_t *)at);
        break;
    case FIELD_TYPE_U64:
        add_unsigned(writer->out, *(const uint64_t *)at, false);
        break;
    case FIELD_TYPE_MAYBE_BOOL:
    case FIELD_TYPE_MAYBE_I64:
    case FIELD_TYPE_MAYBE_U64:
        write_maybe(writer, field, at);
        break;
    case FIELD_TYPE_TEXT:
        json_add_text(writer->out, *(char *const *)at ? *(char *const *)at : "");
        break;
    case FIELD_TYPE_LIST:
        write_list(writer, at);
        break;
    case FIELD_TYPE_U32S:
        write_u32s(writer, at);
        break;
    case FIELD_TYPE_PAIRS:
        write_pairs(writer, at);
        break;
    case FIELD_TYPE_SET:
        write_set(writer, at);
        break;
    case FIELD_TYPE_OBJECT:
        write_object(writer, field->sub, at);
        break;
    case FIELD_TYPE_POINTER:
        if (*(void *const *)at)
            write_object(writer, field->sub, *(void *const *)at);
        else
            str_add(writer->out, "null");
        break;
    case FIELD_TYPE_ARRAY:
    case FIELD_TYPE_MAP:
        write_array(writer, field, at);
        break;
    case FIELD_TYPE_ENUM:
        write_enum(writer, field, *(const unsigned *)at);
        break;
    }
}

static void write_object(struct writer *writer, const struct field *fields, const void *from)
{
    open_bracket(writer, '{');
    for (const struct field *field = fields; field->type != FIELD_TYPE_END; field++) {
        const void *at = (const char *)from + field->offset;

        if (!value_written(field, at))
            continue;
        next_key(writer, field->key);
        write_value(writer, field, at);
    }
    close_bracket(writer, '}');
}

void field_write(const struct field *fields, const void *from, int indent, struct str *out)
{
    struct writer writer = { .out = out, .indent = indent };

    if (fields->type == FIELD_TYPE_ARRAY && !fields->key[0])
        write_array(&writer, fields, (const char *)from + fields->offset);
    else
        write_object(&writer, fields, from);
}
