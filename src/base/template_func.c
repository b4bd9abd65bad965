/* SPDX-License-Identifier: Apache-2.0 */
/* The functions: those of text/template but `and` and `or`, which the interpreter cuts short, and
 * docker's. */
#include <string.h>

#include "base/template_part.h"

static int typed_error(struct err *err, const char *what, const struct value *value)
{
    auto_done(str) type = {};
    value_type(value, &type);
    return err_set(err, ERR_INVALID, "%s %s", what, str_text(&type));
}

/* Hands over what was written. */
static int give_text(const struct calling *calling, const struct str *text, struct value *ret_value,
                     struct err *err)
{
    if (text->over)
        return err_set(err, ERR_INVALID, "what it gives is larger than %d MiB",
                       TEMPLATE_MEMORY_MAX >> 20);
    *calling->steps += text->len / 64;
    *ret_value = value_text(pool_text(calling->pool, str_text(text), text->len));
    return 0;
}

#define auto_text auto_done(str) text = { .max_bytes = TEMPLATE_MEMORY_MAX }

/* ---- comparison ---- */

static bool comparable(const struct value *value)
{
    return value->kind != VALUE_LIST && value->kind != VALUE_MAP;
}

static bool is_whole(const struct value *value)
{
    return value->kind == VALUE_INT || value->kind == VALUE_UINT;
}

static int text_order(struct view a, struct view b)
{
    size_t least = a.len < b.len ? a.len : b.len;
    int order = least > 0 ? memcmp(a.at, b.at, least) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int whole_order(const struct value *a, const struct value *b)
{
    if (a->kind != b->kind) /* UINT is beyond INT */
        return a->kind == VALUE_UINT ? 1 : -1;
    if (a->kind == VALUE_UINT)
        return (a->natural > b->natural) - (a->natural < b->natural);
    return (a->whole > b->whole) - (a->whole < b->whole);
}

static int same_check(const struct value *a, const struct value *b, struct err *err)
{
    bool either_nil = a->kind == VALUE_NIL || b->kind == VALUE_NIL;
    if (!comparable(a) && b->kind != VALUE_NIL)
        return typed_error(err, "cannot compare a", a);
    if (!comparable(b) && a->kind != VALUE_NIL)
        return typed_error(err, "cannot compare a", b);
    if (either_nil || a->kind == b->kind || (is_whole(a) && is_whole(b)))
        return 0;
    auto_done(str) first = {}, second = {};
    value_type(a, &first);
    value_type(b, &second);
    return err_set(err, ERR_INVALID, "cannot compare %s and %s", str_text(&first),
                   str_text(&second));
}

static bool structs_same(const struct value *a, const struct value *b);

static bool is_same(const struct value *a, const struct value *b)
{
    if (is_whole(a) && is_whole(b))
        return whole_order(a, b) == 0;
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case VALUE_NIL:
        return true;
    case VALUE_BOOL:
        return a->truth == b->truth;
    case VALUE_FLOAT:
        return a->real == b->real;
    case VALUE_TEXT:
        return text_order(a->text, b->text) == 0;
    case VALUE_STRUCT:
        return structs_same(a, b);
    case VALUE_INT:
    case VALUE_UINT:
    case VALUE_LIST:
    case VALUE_MAP:
    case VALUE_ROW:
        break;
    }
    return false;
}

static bool structs_same(const struct value *a, const struct value *b)
{
    if (a->map.len != b->map.len)
        return false;
    for (size_t i = 0; i < a->map.len; i++)
        if (!is_same(&a->map.at[i].value, &b->map.at[i].value))
            return false;
    return true;
}

/* What going through a value once costs; of a struct with all that is in it. */
static void charge(const struct calling *calling, const struct value *value)
{
    if (value->kind == VALUE_TEXT)
        *calling->steps += value->text.len / 64;
    if (value->kind == VALUE_LIST)
        *calling->steps += value->list.len;
    if (value->kind == VALUE_MAP || value->kind == VALUE_STRUCT)
        *calling->steps += value->map.len;
    for (size_t i = 0; value->kind == VALUE_STRUCT && i < value->map.len; i++)
        charge(calling, &value->map.at[i].value);
}

static int call_eq(const struct calling *calling, struct value *ret_value, struct err *err)
{
    if (calling->n < 2)
        return err_set(err, ERR_INVALID, "wants something to compare with");
    *ret_value = value_bool(false);
    for (size_t i = 1; i < calling->n && !ret_value->truth; i++) {
        if (same_check(&calling->args[0], &calling->args[i], err) < 0)
            return -1;
        charge(calling, &calling->args[0]);
        *ret_value = value_bool(is_same(&calling->args[0], &calling->args[i]));
    }
    return 0;
}

static int call_ne(const struct calling *calling, struct value *ret_value, struct err *err)
{
    if (call_eq(calling, ret_value, err) < 0)
        return -1;
    ret_value->truth = !ret_value->truth;
    return 0;
}

/* -1, 0 or 1; 2 if one is not a number (NaN), beside which nothing is less or greater. */
static int order_of(const struct calling *calling, int *ret_order, struct err *err)
{
    const struct value *a = &calling->args[0], *b = &calling->args[1];
    if (is_whole(a) && is_whole(b)) {
        *ret_order = whole_order(a, b);
        return 0;
    }
    if (a->kind == b->kind && a->kind == VALUE_FLOAT) {
        *ret_order = a->real < b->real ? -1 : a->real > b->real ? 1 : a->real == b->real ? 0 : 2;
        return 0;
    }
    if (a->kind == b->kind && a->kind == VALUE_TEXT) {
        charge(calling, a);
        int order = text_order(a->text, b->text);
        *ret_order = (order > 0) - (order < 0);
        return 0;
    }
    auto_done(str) first = {}, second = {};
    value_type(a, &first);
    value_type(b, &second);
    return err_set(err, ERR_INVALID, "cannot order %s and %s", str_text(&first), str_text(&second));
}

static int call_lt(const struct calling *calling, struct value *ret_value, struct err *err)
{
    int order = 0;
    if (order_of(calling, &order, err) < 0)
        return -1;
    *ret_value = value_bool(order < 0);
    return 0;
}

static int call_le(const struct calling *calling, struct value *ret_value, struct err *err)
{
    int order = 0;
    if (order_of(calling, &order, err) < 0)
        return -1;
    *ret_value = value_bool(order <= 0);
    return 0;
}

static int call_gt(const struct calling *calling, struct value *ret_value, struct err *err)
{
    int order = 0;
    if (order_of(calling, &order, err) < 0)
        return -1;
    *ret_value = value_bool(order == 1);
    return 0;
}

static int call_ge(const struct calling *calling, struct value *ret_value, struct err *err)
{
    int order = 0;
    if (order_of(calling, &order, err) < 0)
        return -1;
    *ret_value = value_bool(order == 0 || order == 1);
    return 0;
}

static int call_not(const struct calling *calling, struct value *ret_value, struct err *err)
{
    (void)err;
    *ret_value = value_bool(!value_truth(&calling->args[0]));
    return 0;
}

/* ---- parts ---- */

static int call_len(const struct calling *calling, struct value *ret_value, struct err *err)
{
    const struct value *of = &calling->args[0];
    if (of->kind == VALUE_TEXT)
        *ret_value = value_int((int64_t)of->text.len);
    else if (of->kind == VALUE_LIST)
        *ret_value = value_int((int64_t)of->list.len);
    else if (of->kind == VALUE_MAP)
        *ret_value = value_int((int64_t)of->map.len);
    else
        return typed_error(err, "there is no length of", of);
    return 0;
}

/* An index into something of len parts, which may be len itself if `end`. */
static int index_read(const struct value *value, size_t len, bool end, size_t *ret_index,
                      struct err *err)
{
    if (value->kind == VALUE_UINT || (value->kind == VALUE_INT && value->whole < 0) ||
        (value->kind == VALUE_INT && (uint64_t)value->whole >= len + end)) {
        auto_done(str) shown = {};
        value_print(value, &shown);
        return err_set(err, ERR_INVALID, "index %s is out of range: there are %zu",
                       str_text(&shown), len);
    }
    if (value->kind != VALUE_INT)
        return typed_error(err, "cannot index with", value);
    *ret_index = (size_t)value->whole;
    return 0;
}

/* What a map has for keys it does not have. */
static struct value zero_of(enum value_kind kind)
{
    return (struct value){ .kind = kind };
}

static int index_map(const struct value *map, const struct value *key, struct value *ret_value,
                     struct err *err)
{
    if (key->kind != VALUE_TEXT)
        return typed_error(err, "keys of a map are texts, not", key);
    const struct value_member *member = value_member(map, key->text);
    *ret_value = member ? member->value : zero_of(map->of);
    return 0;
}

static int index_once(const struct value *of, const struct value *with, struct value *ret_value,
                      struct err *err)
{
    size_t at = 0;
    switch (of->kind) {
    case VALUE_LIST:
        if (index_read(with, of->list.len, false, &at, err) < 0)
            return -1;
        *ret_value = of->list.at[at];
        return 0;
    case VALUE_TEXT:
        if (index_read(with, of->text.len, false, &at, err) < 0)
            return -1;
        *ret_value = value_int((unsigned char)of->text.at[at]);
        return 0;
    case VALUE_MAP:
        return index_map(of, with, ret_value, err);
    case VALUE_NIL:
        return err_set(err, ERR_INVALID, "there is nothing to index: the value is nil");
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_UINT:
    case VALUE_FLOAT:
    case VALUE_STRUCT:
    case VALUE_ROW:
        break;
    }
    return typed_error(err, "cannot index a", of);
}

static int call_index(const struct calling *calling, struct value *ret_value, struct err *err)
{
    struct value at = calling->args[0];
    for (size_t i = 1; i < calling->n; i++) {
        struct value of = at;
        if (index_once(&of, &calling->args[i], &at, err) < 0)
            return -1;
    }
    *ret_value = at;
    return 0;
}

static int call_slice(const struct calling *calling, struct value *ret_value, struct err *err)
{
    const struct value *of = &calling->args[0];
    size_t n = calling->n - 1;
    size_t cut[3] = {};
    if (of->kind != VALUE_LIST && of->kind != VALUE_TEXT)
        return typed_error(err, "cannot slice a", of);
    size_t len = of->kind == VALUE_LIST ? of->list.len : of->text.len;
    if (n > 3 || (n == 3 && of->kind == VALUE_TEXT))
        return err_set(err, ERR_INVALID, "too many indexes: %zu", n);
    cut[1] = len;
    for (size_t i = 0; i < n; i++)
        if (index_read(&calling->args[i + 1], len, true, &cut[i], err) < 0)
            return -1;
    if (cut[0] > cut[1] || (n == 3 && cut[1] > cut[2]))
        return err_set(err, ERR_INVALID, "it would end before it begins: %zu, %zu", cut[0], cut[1]);
    *ret_value = *of;
    if (of->kind == VALUE_TEXT)
        ret_value->text = (struct view){ of->text.at + cut[0], cut[1] - cut[0] };
    if (of->kind == VALUE_TEXT)
        return 0;
    ret_value->list.at = of->list.at + cut[0];
    ret_value->list.len = cut[1] - cut[0];
    return 0;
}

static int call_call(const struct calling *calling, struct value *ret_value, struct err *err)
{
    (void)ret_value;
    return typed_error(err, "there are no functions among the values; this is a",
                       &calling->args[0]);
}

/* ---- printing ---- */

/* The operands as Go's Sprint has them: blanks between two that are both no texts. */
static void sprint(const struct value *args, size_t n, struct str *out)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && args[i].kind != VALUE_TEXT && args[i - 1].kind != VALUE_TEXT)
            str_add_char(out, ' ');
        value_print(&args[i], out);
    }
}

static int call_print(const struct calling *calling, struct value *ret_value, struct err *err)
{
    auto_text;
    sprint(calling->args, calling->n, &text);
    return give_text(calling, &text, ret_value, err);
}

static int call_println(const struct calling *calling, struct value *ret_value, struct err *err)
{
    auto_text;
    for (size_t i = 0; i < calling->n; i++) {
        if (i > 0)
            str_add_char(&text, ' ');
        value_print(&calling->args[i], &text);
    }
    str_add_char(&text, '\n');
    return give_text(calling, &text, ret_value, err);
}

static int call_printf(const struct calling *calling, struct value *ret_value, struct err *err)
{
    auto_text;
    for (size_t i = 0; i < calling->n; i++)
        charge(calling, &calling->args[i]); /* a precision may leave nothing of it */
    value_printf(calling->args[0].text, calling->args + 1, calling->n - 1, &text);
    return give_text(calling, &text, ret_value, err);
}

static int escape(const struct calling *calling, void (*with)(struct str *out, struct view text),
                  struct value *ret_value, struct err *err)
{
    auto_text;
    auto_done(str) printed = { .max_bytes = TEMPLATE_MEMORY_MAX };
    struct value *args = pool_array(calling->pool, struct value, calling->n);
    for (size_t i = 0; i < calling->n; i++)
        args[i] = calling->args[i].kind == VALUE_NIL ? value_text(view_of("<no value>"))
                                                     : calling->args[i];
    sprint(args, calling->n, &printed);
    with(&text, (struct view){ str_text(&printed), printed.len });
    return give_text(calling, &text, ret_value, err);
}

static int call_html(const struct calling *calling, struct value *ret_value, struct err *err)
{
    return escape(calling, text_html, ret_value, err);
}

static int call_js(const struct calling *calling, struct value *ret_value, struct err *err)
{
    return escape(calling, text_js, ret_value, err);
}

static int call_urlquery(const struct calling *calling, struct value *ret_value, struct err *err)
{
    return escape(calling, text_url, ret_value, err);
}

/* ---- docker's ---- */

/* Above a table dot has titles, which such functions leave as they are. */
static bool keeps_title(const struct calling *calling, struct value *ret_value)
{
    if (!(calling->flags & TEMPLATE_TITLES))
        return false;
    *ret_value = calling->args[0];
    return true;
}

static int call_json(const struct calling *calling, struct value *ret_value, struct err *err)
{
    auto_text;
    if (keeps_title(calling, ret_value))
        return 0;
    value_json(&calling->args[0], &text);
    return give_text(calling, &text, ret_value, err);
}

static int change_case(const struct calling *calling, enum text_case to, struct value *ret_value,
                       struct err *err)
{
    auto_text;
    if (keeps_title(calling, ret_value))
        return 0;
    text_case(&text, calling->args[0].text, to);
    return give_text(calling, &text, ret_value, err);
}

static int call_lower(const struct calling *calling, struct value *ret_value, struct err *err)
{
    return change_case(calling, CASE_LOWER, ret_value, err);
}

static int call_upper(const struct calling *calling, struct value *ret_value, struct err *err)
{
    return change_case(calling, CASE_UPPER, ret_value, err);
}

static int call_title(const struct calling *calling, struct value *ret_value, struct err *err)
{
    return change_case(calling, CASE_TITLE, ret_value, err);
}

static int call_truncate(const struct calling *calling, struct value *ret_value, struct err *err)
{
    int64_t len = calling->args[1].whole;
    if (keeps_title(calling, ret_value))
        return 0;
    if (len < 0)
        return err_set(err, ERR_INVALID, "a length is not negative");
    *ret_value = calling->args[0];
    if ((uint64_t)len < ret_value->text.len)
        ret_value->text.len = (size_t)len;
    return 0;
}

static int call_pad(const struct calling *calling, struct value *ret_value, struct err *err)
{
    auto_text;
    const struct value *args = calling->args;
    *ret_value = args[0];
    if (args[0].text.len == 0)
        return 0;
    if (args[1].whole < 0 || args[2].whole < 0)
        return err_set(err, ERR_INVALID, "a number of blanks is not negative");
    for (int64_t i = 0; i < args[1].whole && !text.over; i++)
        str_add_char(&text, ' ');
    str_add_bytes(&text, args[0].text.at, args[0].text.len);
    for (int64_t i = 0; i < args[2].whole && !text.over; i++)
        str_add_char(&text, ' ');
    return give_text(calling, &text, ret_value, err);
}

/* The part before the next separator; without a separator the next character. */
static struct view part_cut(struct view *rest, struct view separator)
{
    const char *found =
        separator.len > 0 ? memmem(rest->at, rest->len, separator.at, separator.len) : NULL;
    uint32_t code;
    size_t len = found ? (size_t)(found - rest->at) : rest->len;
    if (separator.len == 0 && rest->len > 0) {
        len = utf8_decode((const unsigned char *)rest->at, rest->len, &code);
        len = len > 0 ? len : 1;
    }
    struct view part = { rest->at, len };
    len += found ? separator.len : 0;
    rest->at += len;
    rest->len -= len;
    return part;
}

static size_t parts_count(struct view text, struct view separator)
{
    if (separator.len == 0)
        return text_runes(text.at, text.len);
    size_t n = 1;
    for (const char *at; (at = memmem(text.at, text.len, separator.at, separator.len)); n++) {
        text.len -= (size_t)(at - text.at) + separator.len;
        text.at = at + separator.len;
    }
    return n;
}

static int call_split(const struct calling *calling, struct value *ret_value, struct err *err)
{
    struct view rest = calling->args[0].text, separator = calling->args[1].text;
    size_t n = parts_count(rest, separator);
    if (n > TEMPLATE_MEMORY_MAX / sizeof(struct value))
        return err_set(err, ERR_INVALID, "there are too many parts");
    struct value *parts = pool_array(calling->pool, struct value, n);
    *calling->steps += rest.len / 64 + n;
    for (size_t i = 0; i < n; i++)
        parts[i] = value_text(part_cut(&rest, separator));
    *ret_value = (struct value){ .kind = VALUE_LIST, .of = VALUE_TEXT, .list = { parts, n } };
    return 0;
}

static int text_value_order(const void *a, const void *b)
{
    const struct value *first = a, *second = b;
    return text_order(first->text, second->text);
}

/* A map's values as texts, in their order. */
static struct value map_values(const struct calling *calling, const struct value *map)
{
    struct value *items = pool_array(calling->pool, struct value, map->map.len);
    for (size_t i = 0; i < map->map.len; i++) {
        auto_text;
        value_print(&map->map.at[i].value, &text);
        items[i] = value_text(pool_text(calling->pool, str_text(&text), text.len));
    }
    if (map->map.len > 1)
        qsort(items, map->map.len, sizeof(*items), text_value_order);
    return (struct value){ .kind = VALUE_LIST, .of = VALUE_TEXT, .list = { items, map->map.len } };
}

static int call_join(const struct calling *calling, struct value *ret_value, struct err *err)
{
    auto_text;
    struct value list = calling->args[0];
    struct view separator = calling->args[1].text;
    if (list.kind == VALUE_NIL) {
        *ret_value = value_text(view_of(""));
        return 0;
    }
    charge(calling, &list);
    if (list.kind == VALUE_MAP)
        list = map_values(calling, &list);
    if (list.kind != VALUE_LIST)
        return typed_error(err, "wants a list, not a", &list);
    for (size_t i = 0; i < list.list.len && !text.over; i++) {
        if (i > 0)
            str_add_bytes(&text, separator.at, separator.len);
        value_print(&list.list.at[i], &text);
    }
    return give_text(calling, &text, ret_value, err);
}

/* ---- the table ---- */

static const struct function functions[] = {
    { "and", "aa*", NULL },
    { "call", "aa*", call_call },
    { "eq", "aa*", call_eq },
    { "ge", "aa", call_ge },
    { "gt", "aa", call_gt },
    { "html", "a*", call_html },
    { "index", "aa*", call_index },
    { "join", "as", call_join },
    { "js", "a*", call_js },
    { "json", "a", call_json },
    { "le", "aa", call_le },
    { "len", "a", call_len },
    { "lower", "s", call_lower },
    { "lt", "aa", call_lt },
    { "ne", "aa", call_ne },
    { "not", "a", call_not },
    { "or", "aa*", NULL },
    { "pad", "sii", call_pad },
    { "print", "a*", call_print },
    { "printf", "sa*", call_printf },
    { "println", "a*", call_println },
    { "slice", "aa*", call_slice },
    { "split", "ss", call_split },
    { "title", "s", call_title },
    { "truncate", "si", call_truncate },
    { "upper", "s", call_upper },
    { "urlquery", "a*", call_urlquery },
};

const struct function *function_find(struct view name)
{
    for (size_t i = 0; i < array_size(functions); i++)
        if (view_is(name, functions[i].name))
            return &functions[i];
    return NULL;
}

void functions_list(struct str *out)
{
    for (size_t i = 0; i < array_size(functions); i++)
        str_addf(out, "%s%s", i > 0 ? ", " : "", functions[i].name);
}
