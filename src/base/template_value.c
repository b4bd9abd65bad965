/* SPDX-License-Identifier: Apache-2.0 */
#include "base/template_value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

struct value value_natural(uint64_t natural)
{
    if (natural <= INT64_MAX)
        return value_int((int64_t)natural);
    return (struct value){ .kind = VALUE_UINT, .natural = natural };
}

/* ---- maps ---- */

static int view_order(struct view a, struct view b)
{
    size_t least = a.len < b.len ? a.len : b.len;
    int order = least > 0 ? memcmp(a.at, b.at, least) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int member_order(const void *a, const void *b)
{
    const struct value_member *first = a, *second = b;
    return view_order(first->name, second->name);
}

void value_members_sort(struct value_member *members, size_t n)
{
    if (n > 1)
        qsort(members, n, sizeof(*members), member_order);
}

const struct value_member *value_member(const struct value *value, struct view name)
{
    const struct value_member wanted = { .name = name };
    if (value->map.len == 0)
        return NULL;
    if (value->kind == VALUE_MAP)
        return bsearch(&wanted, value->map.at, value->map.len, sizeof(wanted), member_order);
    for (size_t i = 0; i < value->map.len; i++)
        if (view_order(value->map.at[i].name, name) == 0)
            return &value->map.at[i];
    return NULL;
}

bool value_truth(const struct value *value)
{
    switch (value->kind) {
    case VALUE_NIL:
        return false;
    case VALUE_BOOL:
        return value->truth;
    case VALUE_INT:
        return value->whole != 0;
    case VALUE_UINT:
        return value->natural != 0;
    case VALUE_FLOAT:
        return value->real != 0;
    case VALUE_TEXT:
        return value->text.len > 0;
    case VALUE_LIST:
        return value->list.len > 0;
    case VALUE_MAP:
        return value->map.len > 0;
    case VALUE_STRUCT:
    case VALUE_ROW:
        return true;
    }
    return false;
}

/* Go's names; what a list may hold of any kind is an interface. */
static const char *const kind_types[] = {
    [VALUE_NIL] = "interface {}",
    [VALUE_BOOL] = "bool",
    [VALUE_INT] = "int",
    [VALUE_UINT] = "uint64",
    [VALUE_FLOAT] = "float64",
    [VALUE_TEXT] = "string",
    [VALUE_LIST] = "[]interface {}",
    [VALUE_MAP] = "map[string]interface {}",
    [VALUE_STRUCT] = "struct",
    [VALUE_ROW] = "struct",
};

void value_type(const struct value *value, struct str *out)
{
    if (value->kind == VALUE_NIL)
        str_add(out, "<nil>");
    else if (value->kind == VALUE_LIST)
        str_addf(out, "[]%s", kind_types[value->of]);
    else if (value->kind == VALUE_MAP)
        str_addf(out, "map[string]%s", kind_types[value->of]);
    else
        str_add(out, kind_types[value->kind]);
}

/* ---- from structs ---- */

static struct view text_copy(const char *text, struct pool *pool)
{
    return pool_text(pool, text ? text : "", text ? strlen(text) : 0);
}

static struct value of_strings(const struct strings *list, struct pool *pool)
{
    struct value *items = pool_array(pool, struct value, list->len);
    for (size_t i = 0; i < list->len; i++)
        items[i] = value_text(text_copy(list->at[i], pool));
    return (struct value){ .kind = VALUE_LIST, .of = VALUE_TEXT, .list = { items, list->len } };
}

static struct value of_numbers(const struct u32s *list, struct pool *pool)
{
    struct value *items = pool_array(pool, struct value, list->len);
    for (size_t i = 0; i < list->len; i++)
        items[i] = value_int(list->at[i]);
    return (struct value){ .kind = VALUE_LIST, .of = VALUE_INT, .list = { items, list->len } };
}

static struct value of_set(const struct strings *list, struct pool *pool)
{
    struct value_member *members = pool_array(pool, struct value_member, list->len);
    for (size_t i = 0; i < list->len; i++) {
        members[i].name = text_copy(list->at[i], pool);
        members[i].value.kind = VALUE_STRUCT;
    }
    value_members_sort(members, list->len);
    return (struct value){ .kind = VALUE_MAP, .of = VALUE_STRUCT, .map = { members, list->len } };
}

static struct value of_pairs(const struct pairs *pairs, struct pool *pool)
{
    struct value_member *members = pool_array(pool, struct value_member, pairs->len);
    for (size_t i = 0; i < pairs->len; i++) {
        members[i].name = text_copy(pairs->at[i].key, pool);
        members[i].value = value_text(text_copy(pairs->at[i].value, pool));
    }
    value_members_sort(members, pairs->len);
    return (struct value){ .kind = VALUE_MAP, .of = VALUE_TEXT, .map = { members, pairs->len } };
}

struct item_array {
    const char *at;
    size_t len;
};

static struct value of_array(const struct field *field, const struct item_array *array,
                             struct pool *pool)
{
    struct value *items = pool_array(pool, struct value, array->len);
    for (size_t i = 0; i < array->len; i++)
        items[i] = value_of_fields(field->sub, array->at + i * field->size, pool);
    return (struct value){ .kind = VALUE_LIST, .of = VALUE_STRUCT, .list = { items, array->len } };
}

static struct value of_map(const struct field *field, const struct item_array *array,
                           struct pool *pool)
{
    struct value_member *members = pool_array(pool, struct value_member, array->len);
    for (size_t i = 0; i < array->len; i++) {
        const char *item = array->at + i * field->size;
        members[i].name = text_copy(*(char *const *)item, pool);
        members[i].value = value_of_fields(field->sub, item, pool);
    }
    value_members_sort(members, array->len);
    return (struct value){ .kind = VALUE_MAP, .of = VALUE_STRUCT, .map = { members, array->len } };
}

/* What may be absent is a pointer to Go, and then nil. */
static struct value of_maybe_bool(const struct maybe_bool *maybe)
{
    return maybe->set ? value_bool(maybe->value) : (struct value){};
}

static struct value of_maybe_i64(const struct maybe_i64 *maybe)
{
    return maybe->set ? value_int(maybe->value) : (struct value){};
}

static struct value of_maybe_u64(const struct maybe_u64 *maybe)
{
    return maybe->set ? value_natural(maybe->value) : (struct value){};
}

/* Whole numbers and booleans, those that may be absent as well. */
static struct value of_scalar(const struct field *field, const void *at)
{
    switch (field->type) {
    case FIELD_TYPE_BOOL:
    case FIELD_TYPE_SEEN:
        return value_bool(*(const bool *)at);
    case FIELD_TYPE_I32:
        return value_int(*(const int32_t *)at);
    case FIELD_TYPE_U32:
        return value_int(*(const uint32_t *)at);
    case FIELD_TYPE_I64:
        return value_int(*(const int64_t *)at);
    case FIELD_TYPE_U64:
        return value_natural(*(const uint64_t *)at);
    case FIELD_TYPE_MAYBE_BOOL:
        return of_maybe_bool(at);
    case FIELD_TYPE_MAYBE_I64:
        return of_maybe_i64(at);
    case FIELD_TYPE_MAYBE_U64:
        return of_maybe_u64(at);
    case FIELD_TYPE_END:
    case FIELD_TYPE_TEXT:
    case FIELD_TYPE_LIST:
    case FIELD_TYPE_U32S:
    case FIELD_TYPE_PAIRS:
    case FIELD_TYPE_SET:
    case FIELD_TYPE_OBJECT:
    case FIELD_TYPE_POINTER:
    case FIELD_TYPE_ARRAY:
    case FIELD_TYPE_MAP:
    case FIELD_TYPE_ENUM:
        break;
    }
    return (struct value){};
}

static struct value of_field(const struct field *field, const void *at, struct pool *pool)
{
    switch (field->type) {
    case FIELD_TYPE_TEXT:
        return value_text(text_copy(*(char *const *)at, pool));
    case FIELD_TYPE_ENUM:
        return value_text(text_copy(field->names[*(const unsigned *)at], pool));
    case FIELD_TYPE_LIST:
        return of_strings(at, pool);
    case FIELD_TYPE_U32S:
        return of_numbers(at, pool);
    case FIELD_TYPE_PAIRS:
        return of_pairs(at, pool);
    case FIELD_TYPE_SET:
        return of_set(at, pool);
    case FIELD_TYPE_OBJECT:
        return value_of_fields(field->sub, at, pool);
    case FIELD_TYPE_POINTER:
        if (!*(void *const *)at)
            return (struct value){};
        return value_of_fields(field->sub, *(void *const *)at, pool);
    case FIELD_TYPE_ARRAY:
        return of_array(field, at, pool);
    case FIELD_TYPE_MAP:
        return of_map(field, at, pool);
    case FIELD_TYPE_END:
    case FIELD_TYPE_BOOL:
    case FIELD_TYPE_I32:
    case FIELD_TYPE_U32:
    case FIELD_TYPE_I64:
    case FIELD_TYPE_U64:
    case FIELD_TYPE_MAYBE_BOOL:
    case FIELD_TYPE_MAYBE_I64:
    case FIELD_TYPE_MAYBE_U64:
    case FIELD_TYPE_SEEN:
        break;
    }
    return of_scalar(field, at);
}

/* Whether field_write would leave it out, but for F_ALWAYS and F_NULL. */
static bool is_empty(const struct field *field, const void *at, const struct value *value)
{
    switch (field->type) {
    case FIELD_TYPE_MAYBE_BOOL:
        return !((const struct maybe_bool *)at)->set;
    case FIELD_TYPE_MAYBE_I64:
        return !((const struct maybe_i64 *)at)->set;
    case FIELD_TYPE_MAYBE_U64:
        return !((const struct maybe_u64 *)at)->set;
    case FIELD_TYPE_TEXT:
        return !*(char *const *)at;
    case FIELD_TYPE_OBJECT:
        for (size_t i = 0; i < value->map.len; i++)
            if (!value->map.at[i].unwritten)
                return false;
        return true;
    case FIELD_TYPE_SEEN:
        return true;
    case FIELD_TYPE_END:
    case FIELD_TYPE_BOOL:
    case FIELD_TYPE_I32:
    case FIELD_TYPE_U32:
    case FIELD_TYPE_I64:
    case FIELD_TYPE_U64:
    case FIELD_TYPE_LIST:
    case FIELD_TYPE_U32S:
    case FIELD_TYPE_PAIRS:
    case FIELD_TYPE_SET:
    case FIELD_TYPE_POINTER:
    case FIELD_TYPE_ARRAY:
    case FIELD_TYPE_MAP:
    case FIELD_TYPE_ENUM:
        break;
    }
    return !value_truth(value);
}

struct value value_of_fields(const struct field *fields, const void *from, struct pool *pool)
{
    size_t n = 0;
    while (fields[n].type != FIELD_TYPE_END)
        n++;
    struct value_member *members = pool_array(pool, struct value_member, n);
    for (size_t i = 0; i < n; i++) {
        const void *at = (const char *)from + fields[i].offset;
        members[i].name = view_of(fields[i].key);
        members[i].value = of_field(&fields[i], at, pool);
        bool empty = is_empty(&fields[i], at, &members[i].value);
        bool always = (fields[i].flags & F_ALWAYS) && fields[i].type != FIELD_TYPE_SEEN;
        bool null = fields[i].flags & F_NULL;
        members[i].unwritten = !always && !null && empty;
        members[i].value.null = null && empty;
    }
    return (struct value){ .kind = VALUE_STRUCT, .map = { members, n } };
}

/* ---- from JSON ---- */

/*
 * json.h keeps whole numbers beyond int64 exactly, at the price of the fractions in the same
 * document. Such a document is therefore read a second time, with every number a double, and both
 * trees are gone through side by side.
 */
struct reading {
    struct document document;
    json_t *doubles; /* NULL: nothing is lost */
    struct pool *pool;
};

static struct value of_json(struct reading *reading, const json_t *json, const json_t *doubles);

static struct value of_json_array(struct reading *reading, const json_t *json,
                                  const json_t *doubles)
{
    size_t n = json_array_size(json);
    struct value *items = pool_array(reading->pool, struct value, n);
    struct value list = { .kind = VALUE_LIST, .list = { items, n } };
    bool texts = n > 0; /* docker's types know lists of texts, and lists of anything */
    for (size_t i = 0; i < n; i++) {
        items[i] = of_json(reading, json_array_get(json, i), json_array_get(doubles, i));
        texts = texts && items[i].kind == VALUE_TEXT;
    }
    list.of = texts ? VALUE_TEXT : VALUE_NIL;
    return list;
}

static struct value of_json_object(struct reading *reading, const json_t *json,
                                   const json_t *doubles)
{
    struct value_member *members =
        pool_array(reading->pool, struct value_member, json_object_size(json));
    const char *key;
    json_t *item;
    size_t n = 0;
    json_object_foreach((json_t *)json, key, item)
    {
        members[n].name = text_copy(key, reading->pool);
        members[n++].value = of_json(reading, item, json_object_get(doubles, key));
    }
    value_members_sort(members, n);
    return (struct value){ .kind = VALUE_MAP, .map = { members, n } };
}

static struct value of_json_number(struct reading *reading, const json_t *json,
                                   const json_t *doubles)
{
    struct whole whole;
    if (!document_whole(&reading->document, json, &whole))
        return value_float(json_real_value(doubles ? doubles : json));
    bool beyond = whole.beyond || (whole.negative && whole.size > (uint64_t)INT64_MAX + 1);
    if (beyond)
        return value_float(json_real_value(doubles));
    if (whole.negative)
        return value_int((int64_t)-whole.size);
    return value_natural(whole.size);
}

static struct value of_json(struct reading *reading, const json_t *json, const json_t *doubles)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return of_json_object(reading, json, doubles);
    case JSON_ARRAY:
        return of_json_array(reading, json, doubles);
    case JSON_STRING:
        return value_text(
            pool_text(reading->pool, json_string_value(json), json_string_length(json)));
    case JSON_INTEGER:
    case JSON_REAL:
        return of_json_number(reading, json, doubles);
    case JSON_TRUE:
    case JSON_FALSE:
        return value_bool(json_is_true(json));
    case JSON_NULL:
        break;
    }
    return (struct value){};
}

int value_of_json(const char *json, size_t len, const char *what, struct pool *pool,
                  struct value *ret_value, struct err *err)
{
    struct reading reading = { .pool = pool };
    if (document_open(&reading.document, json, len, what, err) < 0)
        return -1;
    if (reading.document.n_numbers > 0)
        reading.doubles = json_loadb(json, len, JSON_DECODE_INT_AS_REAL, NULL);
    int result = 0;
    if (reading.document.n_numbers > 0 && !reading.doubles)
        result = err_set(err, ERR_INVALID, "%s: a number is too big", what);
    else
        *ret_value = of_json(&reading, reading.document.root, reading.doubles);
    json_decref(reading.doubles);
    document_close(&reading.document);
    return result;
}

/* ---- rows ---- */

int value_made(const struct value *value, struct pool *pool, struct value *ret_value,
               struct err *err)
{
    if (value->kind != VALUE_ROW) {
        *ret_value = *value;
        return 0;
    }
    const struct value_class *class = value->row.class;
    size_t all = 0, n = 0;
    while (class->name(value->row.of, all))
        all++;
    struct value_member *members = pool_array(pool, struct value_member, all);
    for (size_t i = 0; i < all; i++) {
        if (class->wants_argument(value->row.of, i))
            continue;
        members[n].name = view_of(class->name(value->row.of, i));
        if (class->get(value->row.of, i, NULL, pool, &members[n++].value, err) < 0)
            return -1;
    }
    value_members_sort(members, n);
    *ret_value = (struct value){ .kind = VALUE_STRUCT, .map = { members, n } };
    return 0;
}
