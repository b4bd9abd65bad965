/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and releasing by field tables; json.c parses the text, field_write.c writes. */
#include "base/field.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* Of what the document holds, no more than this many bytes are quoted in an error. */
enum { KEY_SHOWN_MAX = 100, DIGITS_SHOWN_MAX = 40 };

struct reader {
    struct document document;
    const char *what;
    enum field_read_flags flags;
    struct err *err;
};

/* Where reading is, from the inside out; becomes a JSON pointer only if there is something to
 * complain of. */
struct place {
    const struct place *up;
    const char *key; /* NULL: an index */
    size_t index;
};

/* ---- pairs and arrays ---- */

void pairs_done(struct pairs *pairs)
{
    for (size_t i = 0; i < pairs->len; i++) {
        free(pairs->at[i].key);
        free(pairs->at[i].value);
    }
    free(pairs->at);
    *pairs = (struct pairs){};
}

static struct pair *pairs_find(const struct pairs *pairs, const char *key)
{
    for (size_t i = 0; i < pairs->len; i++)
        if (strcmp(pairs->at[i].key, key) == 0)
            return &pairs->at[i];
    return NULL;
}

static void pairs_append(struct pairs *pairs, const char *key, const char *value)
{
    struct pair *pair = array_add(pairs);

    pair->key = xstrdup(key);
    pair->value = xstrdup(value);
}

void pairs_put(struct pairs *pairs, const char *key, const char *value)
{
    struct pair *pair = pairs_find(pairs, key);

    if (!pair) {
        pairs_append(pairs, key, value);
        return;
    }
    char *copy = xstrdup(value); /* before the release: it may be the value itself */
    free(pair->value);
    pair->value = copy;
}

void pairs_copy(struct pairs *pairs, const struct pairs *from)
{
    if (pairs == from)
        return;
    pairs_done(pairs);
    for (size_t i = 0; i < from->len; i++)
        pairs_append(pairs, from->at[i].key, from->at[i].value);
}

const char *pairs_value(const struct pairs *pairs, const char *key)
{
    const struct pair *pair = pairs_find(pairs, key);

    return pair ? pair->value : NULL;
}

void *array_grow(void **at, size_t *len, size_t item_size)
{
    char *grown = xrealloc(*at, *len + 1, item_size);
    void *item = grown + *len * item_size;

    memset(item, 0, item_size);
    *at = grown;
    (*len)++;
    return item;
}

/* The two members of an ARRAY_OF whose item type is known by its size only. */
static void **array_items(void *array)
{
    return array;
}

static size_t *array_len(void *array)
{
    return (size_t *)((char *)array + sizeof(void *));
}

/* ---- reading ---- */

static void place_add(struct str *out, const struct place *place)
{
    if (!place)
        return;
    place_add(out, place->up);
    if (!place->key) {
        str_addf(out, "/%zu", place->index);
        return;
    }
    str_add_char(out, '/');
    size_t shown = strnlen(place->key, KEY_SHOWN_MAX);
    for (size_t i = 0; i < shown; i++) {
        if (place->key[i] == '~')
            str_add(out, "~0"); /* RFC 6901 */
        else if (place->key[i] == '/')
            str_add(out, "~1");
        else
            str_add_char(out, place->key[i]);
    }
    if (place->key[shown])
        str_add(out, "...");
}

__attribute__((format(printf, 3, 4))) static int
reader_fail(const struct reader *reader, const struct place *place, const char *format, ...)
{
    auto_done(str) pointer = {};
    auto_done(str) text = {};
    va_list args;

    place_add(&pointer, place);
    if (pointer.len > 0) {
        text_escape(&text, pointer.at, pointer.len); /* keys come from the document */
        str_add(&text, ": ");
    }
    va_start(args, format);
    str_vaddf(&text, format, args);
    va_end(args);
    return err_set(reader->err, ERR_INVALID, "%s: %s", reader->what, str_text(&text));
}

static const char *value_kind(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

static int fail_expected(const struct reader *reader, const struct place *place, const char *wanted,
                         const json_t *value)
{
    return reader_fail(reader, place, "expected %s, found %s", wanted, value_kind(value));
}

/* A whole number in bounds, as two's complement. */
static int read_whole(const struct reader *reader, const struct place *place, const json_t *value,
                      int64_t lowest, uint64_t highest, uint64_t *ret_value)
{
    struct whole whole;

    if (!json_is_number(value))
        return fail_expected(reader, place, "a number", value);
    if (!document_whole(&reader->document, value, &whole))
        return reader_fail(reader, place, "expected a whole number, found a fraction");
    if (whole_fits(&whole, lowest, highest)) {
        *ret_value = whole.negative ? -whole.size : whole.size;
        return 0;
    }

    auto_done(str) digits = {};
    if (whole.text.len > DIGITS_SHOWN_MAX)
        str_addf(&digits, "%.*s...", DIGITS_SHOWN_MAX, whole.text.at);
    else if (whole.text.len > 0)
        str_add_bytes(&digits, whole.text.at, whole.text.len);
    else
        str_addf(&digits, "%s%" PRIu64, whole.negative ? "-" : "", whole.size);
    return reader_fail(reader, place, "%s is not from %" PRId64 " to %" PRIu64, str_text(&digits),
                       lowest, highest);
}

static int read_bool(const struct reader *reader, const struct place *place, const json_t *value,
                     bool *ret_value)
{
    if (!json_is_boolean(value))
        return fail_expected(reader, place, "true or false", value);
    *ret_value = json_is_true(value);
    return 0;
}

static int read_list(const struct reader *reader, const struct place *place, const json_t *value,
                     struct strings *list)
{
    size_t i;
    json_t *item;

    if (!json_is_array(value))
        return fail_expected(reader, place, "an array", value);
    json_array_foreach(value, i, item)
    {
        struct place inner = { .up = place, .index = i };

        if (!json_is_string(item))
            return fail_expected(reader, &inner, "a string", item);
        strings_add(list, json_string_value(item));
    }
    return 0;
}

static int read_u32s(const struct reader *reader, const struct place *place, const json_t *value,
                     struct u32s *list)
{
    size_t i;
    json_t *item;

    if (!json_is_array(value))
        return fail_expected(reader, place, "an array", value);
    if (json_array_size(value) == 0)
        return 0;
    list->at = xcalloc(json_array_size(value), sizeof(*list->at));
    list->len = json_array_size(value);
    json_array_foreach(value, i, item)
    {
        struct place inner = { .up = place, .index = i };
        uint64_t number = 0;

        if (read_whole(reader, &inner, item, 0, UINT32_MAX, &number) < 0)
            return -1;
        list->at[i] = (uint32_t)number;
    }
    return 0;
}

static int read_pairs(const struct reader *reader, const struct place *place, json_t *value,
                      struct pairs *pairs)
{
    const char *key;
    json_t *item;

    if (!json_is_object(value))
        return fail_expected(reader, place, "an object", value);
    json_object_foreach(value, key, item)
    {
        struct place inner = { .up = place, .key = key };

        if (json_is_null(item))
            continue;
        if (!json_is_string(item))
            return fail_expected(reader, &inner, "a string", item);
        pairs_append(pairs, key, json_string_value(item));
    }
    return 0;
}

static int read_set(const struct reader *reader, const struct place *place, json_t *value,
                    struct strings *list)
{
    const char *key;
    json_t *item;

    if (!json_is_object(value))
        return fail_expected(reader, place, "an object", value);
    json_object_foreach(value, key, item)
    {
        strings_add(list, key);
    }
    return 0;
}

static int read_enum(const struct reader *reader, const struct place *place, const json_t *value,
                     const char *const *names, unsigned *ret_value)
{
    if (!json_is_string(value))
        return fail_expected(reader, place, "a string", value);

    const char *word = json_string_value(value);
    size_t len = json_string_length(value);
    auto_done(str) text = {};
    for (unsigned i = 0; names[i]; i++) {
        if (strcmp(names[i], word) == 0) {
            *ret_value = i;
            return 0;
        }
        if (names[i][0])
            str_addf(&text, "%s%s", text.len > 0 ? ", " : "", names[i]);
    }
    auto_done(str) shown = {};
    text_escape(&shown, word, len > KEY_SHOWN_MAX ? KEY_SHOWN_MAX : len);
    return reader_fail(reader, place, "\"%s\" is not one of %s", str_text(&shown), str_text(&text));
}

static int read_object(const struct reader *reader, const struct place *place,
                       const struct field *fields, json_t *value, void *at);

static int read_array(const struct reader *reader, const struct place *place,
                      const struct field *field, const json_t *value, void *at)
{
    size_t i;
    json_t *item;

    if (!json_is_array(value))
        return fail_expected(reader, place, "an array", value);
    if (json_array_size(value) == 0)
        return 0;
    /* All items at once; those not read yet are zeroed, which field_done takes. */
    *array_items(at) = xcalloc(json_array_size(value), field->size);
    *array_len(at) = json_array_size(value);
    json_array_foreach(value, i, item)
    {
        struct place inner = { .up = place, .index = i };
        char *to = (char *)*array_items(at) + i * field->size;

        if (read_object(reader, &inner, field->sub, item, to) < 0)
            return -1;
    }
    return 0;
}

/* Items are added one by one, so that those there are always have a key. */
static int read_map(const struct reader *reader, const struct place *place,
                    const struct field *field, json_t *value, void *at)
{
    const char *key;
    json_t *item;

    if (!json_is_object(value))
        return fail_expected(reader, place, "an object", value);
    json_object_foreach(value, key, item)
    {
        struct place inner = { .up = place, .key = key };

        if (json_is_null(item))
            continue;
        void *to = array_grow(array_items(at), array_len(at), field->size);
        *(char **)to = xstrdup(key);
        if (read_object(reader, &inner, field->sub, item, to) < 0)
            return -1;
    }
    return 0;
}

static int read_text(const struct reader *reader, const struct place *place, const json_t *value,
                     char **ret_text)
{
    if (!json_is_string(value))
        return fail_expected(reader, place, "a string", value);
    *ret_text = xstrndup(json_string_value(value), json_string_length(value));
    return 0;
}

static int read_number(const struct reader *reader, const struct place *place,
                       const struct field *field, const json_t *value, void *at)
{
    /* clang-format off */
    static const struct {
        int64_t lowest;
        uint64_t highest;
    } bounds[] = {
        [FIELD_TYPE_I32] = { INT32_MIN, INT32_MAX },
        [FIELD_TYPE_U32] = { 0, UINT32_MAX },
        [FIELD_TYPE_I64] = { INT64_MIN, INT64_MAX },
        [FIELD_TYPE_U64] = { 0, UINT64_MAX },
        [FIELD_TYPE_MAYBE_I64] = { INT64_MIN, INT64_MAX },
        [FIELD_TYPE_MAYBE_U64] = { 0, UINT64_MAX },
    };
    /* clang-format on */
    enum field_type type = field->type;
    bool narrow = type == FIELD_TYPE_MAYBE_U64 && field->size > 0; /* FIELD_MAYBE_U64_TO */
    uint64_t highest = narrow ? field->size : bounds[type].highest;
    uint64_t number = 0;

    if (read_whole(reader, place, value, bounds[type].lowest, highest, &number) < 0)
        return -1;
    if (type == FIELD_TYPE_I32)
        *(int32_t *)at = (int32_t)number;
    else if (type == FIELD_TYPE_U32)
        *(uint32_t *)at = (uint32_t)number;
    else if (type == FIELD_TYPE_I64)
        *(int64_t *)at = (int64_t)number;
    else if (type == FIELD_TYPE_U64)
        *(uint64_t *)at = number;
    else if (type == FIELD_TYPE_MAYBE_I64)
        *(struct maybe_i64 *)at = (struct maybe_i64){ true, (int64_t)number };
    else
        *(struct maybe_u64 *)at = (struct maybe_u64){ true, number };
    return 0;
}

static int read_value(const struct reader *reader, const struct place *place,
                      const struct field *field, json_t *value, void *at)
{
    switch (field->type) {
    case FIELD_TYPE_END:
        break;
    case FIELD_TYPE_BOOL:
        return read_bool(reader, place, value, at);
    case FIELD_TYPE_I32:
    case FIELD_TYPE_U32:
    case FIELD_TYPE_I64:
    case FIELD_TYPE_U64:
    case FIELD_TYPE_MAYBE_I64:
    case FIELD_TYPE_MAYBE_U64:
        return read_number(reader, place, field, value, at);
    case FIELD_TYPE_MAYBE_BOOL: {
        struct maybe_bool *maybe = at;
        maybe->set = true;
        return read_bool(reader, place, value, &maybe->value);
    }
    case FIELD_TYPE_TEXT:
        return read_text(reader, place, value, at);
    case FIELD_TYPE_LIST:
        return read_list(reader, place, value, at);
    case FIELD_TYPE_U32S:
        return read_u32s(reader, place, value, at);
    case FIELD_TYPE_PAIRS:
        return read_pairs(reader, place, value, at);
    case FIELD_TYPE_SET:
        return read_set(reader, place, value, at);
    case FIELD_TYPE_OBJECT:
        return read_object(reader, place, field->sub, value, at);
    case FIELD_TYPE_POINTER:
        *(void **)at = xcalloc(1, field->size);
        return read_object(reader, place, field->sub, value, *(void **)at);
    case FIELD_TYPE_ARRAY:
        return read_array(reader, place, field, value, at);
    case FIELD_TYPE_MAP:
        return read_map(reader, place, field, value, at);
    case FIELD_TYPE_SEEN:
        *(bool *)at = true;
        return 0;
    case FIELD_TYPE_ENUM:
        return read_enum(reader, place, value, field->names, at);
    }
    return 0;
}

static int unknown_check(const struct reader *reader, const struct place *place,
                         const struct field *fields, json_t *object)
{
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value)
    {
        struct place inner = { .up = place, .key = key };
        const struct field *field = fields;

        while (field->type != FIELD_TYPE_END && strcmp(field->key, key) != 0)
            field++;
        if (field->type == FIELD_TYPE_END)
            return reader_fail(reader, &inner, "unknown key");
    }
    return 0;
}

static int read_object(const struct reader *reader, const struct place *place,
                       const struct field *fields, json_t *value, void *at)
{
    if (!json_is_object(value))
        return fail_expected(reader, place, "an object", value);
    if (reader->flags & FIELD_UNKNOWN_IS_ERROR && unknown_check(reader, place, fields, value) < 0)
        return -1;

    for (const struct field *field = fields; field->type != FIELD_TYPE_END; field++) {
        struct place inner = { .up = place, .key = field->key };
        json_t *member = json_object_get(value, field->key);

        if (!member || json_is_null(member)) {
            if (field->flags & F_REQUIRED)
                return reader_fail(reader, &inner, "missing");
            continue;
        }
        if (read_value(reader, &inner, field, member, (char *)at + field->offset) < 0)
            return -1;
    }
    return 0;
}

int field_read(const struct field *fields, const char *json, size_t len, const char *what,
               enum field_read_flags flags, void *into, struct err *err)
{
    struct reader reader = { .what = what, .flags = flags, .err = err };
    bool is_array = fields->type == FIELD_TYPE_ARRAY && !fields->key[0];
    int result;

    if (document_open(&reader.document, json, len, what, err) < 0)
        return -1;
    if (is_array)
        result =
            read_array(&reader, NULL, fields, reader.document.root, (char *)into + fields->offset);
    else
        result = read_object(&reader, NULL, fields, reader.document.root, into);
    if (result < 0)
        field_done(fields, into);
    document_close(&reader.document);
    return result;
}

/* ---- releasing ---- */

static void array_done(const struct field *field, void *at)
{
    char *items = *array_items(at);

    for (size_t i = 0; i < *array_len(at); i++) {
        char *item = items + i * field->size;
        field_done(field->sub, item);
        if (field->type == FIELD_TYPE_MAP)
            free(*(char **)item);
    }
    free(items);
    *array_items(at) = NULL;
    *array_len(at) = 0;
}

static void value_done(const struct field *field, void *at)
{
    switch (field->type) {
    case FIELD_TYPE_END:
        break;
    case FIELD_TYPE_BOOL:
    case FIELD_TYPE_SEEN:
        *(bool *)at = false;
        break;
    case FIELD_TYPE_I32:
    case FIELD_TYPE_U32:
        *(uint32_t *)at = 0;
        break;
    case FIELD_TYPE_I64:
    case FIELD_TYPE_U64:
        *(uint64_t *)at = 0;
        break;
    case FIELD_TYPE_MAYBE_BOOL:
        *(struct maybe_bool *)at = (struct maybe_bool){};
        break;
    case FIELD_TYPE_MAYBE_I64:
        *(struct maybe_i64 *)at = (struct maybe_i64){};
        break;
    case FIELD_TYPE_MAYBE_U64:
        *(struct maybe_u64 *)at = (struct maybe_u64){};
        break;
    case FIELD_TYPE_TEXT:
        free(*(char **)at);
        *(char **)at = NULL;
        break;
    case FIELD_TYPE_LIST:
    case FIELD_TYPE_SET:
        strings_done(at);
        break;
    case FIELD_TYPE_U32S:
        free(((struct u32s *)at)->at);
        *(struct u32s *)at = (struct u32s){};
        break;
    case FIELD_TYPE_PAIRS:
        pairs_done(at);
        break;
    case FIELD_TYPE_OBJECT:
        field_done(field->sub, at);
        break;
    case FIELD_TYPE_POINTER:
        if (*(void **)at)
            field_done(field->sub, *(void **)at);
        free(*(void **)at);
        *(void **)at = NULL;
        break;
    case FIELD_TYPE_ARRAY:
    case FIELD_TYPE_MAP:
        array_done(field, at);
        break;
    case FIELD_TYPE_ENUM:
        *(unsigned *)at = 0;
        break;
    }
}

void field_done(const struct field *fields, void *at)
{
    for (const struct field *field = fields; field->type != FIELD_TYPE_END; field++)
        value_done(field, (char *)at + field->offset);
}
