/* SPDX-License-Identifier: Apache-2.0 */
#include "base/field.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <string.h>
#include <time.h>

enum color { COLOR_NONE, COLOR_RED, COLOR_GREEN };
static const char *const color_names[] = { "", "red", "green", NULL };

struct item {
    char *name;
    int32_t count;
};
static const struct field item_fields[] = {
    FIELD_TEXT(item, name, "name", F_REQUIRED),
    FIELD_I32(item, count, "count", 0),
    FIELD_END,
};

struct entry {
    char *key;
    int64_t size;
    struct strings tags;
};
static const struct field entry_fields[] = {
    FIELD_I64(entry, size, "size", 0),
    FIELD_LIST(entry, tags, "tags", 0),
    FIELD_END,
};

struct all {
    bool flag;
    int32_t small;
    uint32_t natural;
    int64_t large;
    uint64_t limit;
    struct maybe_bool maybe;
    struct maybe_i64 maybe_large;
    struct maybe_u64 maybe_limit;
    struct maybe_u64 mode;
    char *text;
    struct strings list;
    struct u32s numbers;
    struct pairs labels;
    struct strings ports;
    struct item inner;
    struct item *owned;
    ARRAY_OF(item) items;
    ARRAY_OF(entry) entries;
    bool seen;
    enum color color;
};
static const struct field all_fields[] = {
    FIELD_BOOL(all, flag, "flag", 0),
    FIELD_I32(all, small, "small", 0),
    FIELD_U32(all, natural, "natural", 0),
    FIELD_I64(all, large, "large", 0),
    FIELD_U64(all, limit, "limit", 0),
    FIELD_MAYBE_BOOL(all, maybe, "maybe", 0),
    FIELD_MAYBE_I64(all, maybe_large, "maybeLarge", 0),
    FIELD_MAYBE_U64(all, maybe_limit, "maybeLimit", 0),
    FIELD_MAYBE_U64_TO(all, mode, "mode", 0, 0xffff),
    FIELD_TEXT(all, text, "text", 0),
    FIELD_LIST(all, list, "list", 0),
    FIELD_U32S(all, numbers, "numbers", 0),
    FIELD_PAIRS(all, labels, "labels", 0),
    FIELD_SET(all, ports, "ports", 0),
    FIELD_OBJECT(all, inner, "inner", 0, item, item_fields),
    FIELD_POINTER(all, owned, "owned", 0, item, item_fields),
    FIELD_ARRAY(all, items, "items", 0, item, item_fields),
    FIELD_MAP(all, entries, "entries", 0, entry, entry_fields),
    FIELD_SEEN(all, seen, "seen"),
    FIELD_ENUM(all, color, "color", 0, color, color_names),
    FIELD_END,
};

struct forced {
    bool flag;
    struct maybe_u64 maybe;
    char *text;
    struct strings list;
    struct u32s numbers;
    struct pairs pairs;
    struct strings set;
    struct item inner;
    struct item *owned;
    ARRAY_OF(item) items;
    ARRAY_OF(entry) entries;
    enum color color;
};
static const struct field forced_fields[] = {
    FIELD_BOOL(forced, flag, "flag", F_ALWAYS),
    FIELD_MAYBE_U64(forced, maybe, "maybe", F_ALWAYS),
    FIELD_TEXT(forced, text, "text", F_ALWAYS),
    FIELD_LIST(forced, list, "list", F_ALWAYS),
    FIELD_U32S(forced, numbers, "numbers", F_ALWAYS),
    FIELD_PAIRS(forced, pairs, "pairs", F_ALWAYS),
    FIELD_SET(forced, set, "set", F_ALWAYS),
    FIELD_OBJECT(forced, inner, "inner", F_ALWAYS, item, item_fields),
    FIELD_POINTER(forced, owned, "owned", F_ALWAYS, item, item_fields),
    FIELD_ARRAY(forced, items, "items", F_ALWAYS, item, item_fields),
    FIELD_MAP(forced, entries, "entries", F_ALWAYS, entry, entry_fields),
    FIELD_ENUM(forced, color, "color", F_ALWAYS, color, color_names),
    FIELD_END,
};

struct document_list {
    ARRAY_OF(item) items;
};
static const struct field document_list_fields[] = {
    FIELD_ARRAY(document_list, items, "", 0, item, item_fields),
    FIELD_END,
};

/* Everything there is, as field_write gives it. */
static const char all_json[] =
    "{\"flag\":true,\"small\":-2147483648,\"natural\":4294967295,\"large\":-9223372036854775808,"
    "\"limit\":18446744073709551615,\"maybe\":false,\"maybeLarge\":0,"
    "\"maybeLimit\":9223372036854775808,\"mode\":65535,\"text\":\"\",\"list\":[\"a\",\"\"],"
    "\"numbers\":[0,4294967295],\"labels\":{\"z\":\"1\",\"a\":\"2\"},\"ports\":{\"80/tcp\":{}},"
    "\"inner\":{\"name\":\"in\"},\"owned\":{\"name\":\"own\",\"count\":-1},"
    "\"items\":[{\"name\":\"x\"},{\"name\":\"y\",\"count\":2}],"
    "\"entries\":{\"b\":{\"size\":9223372036854775807},\"a\":{\"tags\":[\"t\"]}},"
    "\"color\":\"green\"}";

static int read_all(const char *json, struct all *into, struct err *err)
{
    return field_read(all_fields, json, strlen(json), "config.json", 0, into, err);
}

static void assert_fails(const char *json, const char *text)
{
    struct all all = {}, zero = {};
    struct err err = {};

    cr_assert_eq(read_all(json, &all, &err), -1, "%s was read", json);
    cr_assert_eq(err.kind, ERR_INVALID);
    cr_assert_str_eq(err.text, text);
    cr_assert(memcmp(&all, &zero, sizeof(all)) == 0, "something is left of %s", json);
}

/* Exact values: a rounded double would give other ones. */
Test(field, reads_every_type)
{
    struct all all = {};
    struct err err = {};

    cr_assert_eq(read_all(all_json, &all, &err), 0, "%s", err.text);
    cr_assert(all.flag);
    cr_assert_eq(all.small, INT32_MIN);
    cr_assert_eq(all.natural, UINT32_MAX);
    cr_assert_eq(all.large, INT64_MIN);
    cr_assert_eq(all.limit, UINT64_MAX);
    cr_assert(all.maybe.set && !all.maybe.value);
    cr_assert(all.maybe_large.set && all.maybe_large.value == 0);
    cr_assert(all.maybe_limit.set && all.maybe_limit.value == 9223372036854775808U);
    cr_assert(all.mode.set && all.mode.value == 65535);
    cr_assert_str_eq(all.text, "");
    cr_assert_eq(all.list.len, 2);
    cr_assert_str_eq(all.list.at[0], "a");
    cr_assert_null(all.list.at[2]);
    cr_assert_eq(all.numbers.len, 2);
    cr_assert_eq(all.numbers.at[1], UINT32_MAX);
    cr_assert_eq(all.labels.len, 2);
    cr_assert_str_eq(all.labels.at[0].key, "z");
    cr_assert_str_eq(pairs_value(&all.labels, "a"), "2");
    cr_assert_null(pairs_value(&all.labels, "b"));
    cr_assert_eq(all.ports.len, 1);
    cr_assert_str_eq(all.ports.at[0], "80/tcp");
    cr_assert_str_eq(all.inner.name, "in");
    cr_assert_eq(all.owned->count, -1);
    cr_assert_eq(all.items.len, 2);
    cr_assert_eq(all.items.at[1].count, 2);
    cr_assert_eq(all.entries.len, 2);
    cr_assert_str_eq(all.entries.at[0].key, "b");
    cr_assert_eq(all.entries.at[0].size, INT64_MAX);
    cr_assert_str_eq(all.entries.at[1].tags.at[0], "t");
    cr_assert_not(all.seen);
    cr_assert_eq(all.color, COLOR_GREEN);
    field_done(all_fields, &all);
}

Test(field, writes_what_it_read)
{
    struct all all = {};
    struct err err = {};
    auto_done(str) out = {};

    cr_assert_eq(read_all(all_json, &all, &err), 0, "%s", err.text);
    field_write(all_fields, &all, 0, &out);
    cr_assert_str_eq(str_text(&out), all_json);
    field_done(all_fields, &all);
}

Test(field, done_zeroes)
{
    struct all all = {}, zero = {};
    struct err err = {};

    cr_assert_eq(read_all(all_json, &all, &err), 0, "%s", err.text);
    field_done(all_fields, &all);
    cr_assert(memcmp(&all, &zero, sizeof(all)) == 0);
    field_done(all_fields, &all);
}

Test(field, leaves_out_what_is_empty)
{
    struct all all = {};
    auto_done(str) out = {};

    field_write(all_fields, &all, 0, &out);
    cr_assert_str_eq(str_text(&out), "{}");
}

Test(field, writes_always)
{
    struct forced forced = {};
    auto_done(str) out = {};

    field_write(forced_fields, &forced, 0, &out);
    cr_assert_str_eq(str_text(&out), "{\"flag\":false,\"maybe\":null,\"text\":\"\",\"list\":[],"
                                     "\"numbers\":[],\"pairs\":{},\"set\":{},\"inner\":{},"
                                     "\"owned\":null,\"items\":[],\"entries\":{},\"color\":\"\"}");
}

Test(field, writes_null_for_what_is_empty)
{
    static const struct field fields[] = {
        FIELD_LIST(forced, list, "list", F_NULL),
        FIELD_PAIRS(forced, pairs, "pairs", F_NULL),
        FIELD_SET(forced, set, "set", F_NULL),
        FIELD_END,
    };
    struct forced forced = {};
    auto_done(str) out = {};

    field_write(fields, &forced, 0, &out);
    cr_assert_str_eq(str_text(&out), "{\"list\":null,\"pairs\":null,\"set\":null}");
    str_done(&out);
    strings_add(&forced.list, "a");
    pairs_put(&forced.pairs, "k", "v");
    strings_add(&forced.set, "b");
    field_write(fields, &forced, 0, &out);
    cr_assert_str_eq(str_text(&out),
                     "{\"list\":[\"a\"],\"pairs\":{\"k\":\"v\"},\"set\":{\"b\":{}}}");
    field_done(fields, &forced);
}

Test(field, object_in_place_follows_its_fields)
{
    struct outer {
        struct forced inner;
    };
    static const struct field inner_fields[] = {
        FIELD_BOOL(forced, flag, "flag", F_ALWAYS),
        FIELD_END,
    };
    static const struct field outer_fields[] = {
        FIELD_OBJECT(outer, inner, "inner", 0, forced, inner_fields),
        FIELD_END,
    };
    struct outer outer = {};
    auto_done(str) out = {};

    field_write(outer_fields, &outer, 0, &out);
    cr_assert_str_eq(str_text(&out), "{\"inner\":{\"flag\":false}}");
}

Test(field, indents)
{
    struct all all = {};
    struct err err = {};
    auto_done(str) out = {};
    const char *json = "{\"list\":[\"a\",\"b\"],\"ports\":{\"80\":{}},\"owned\":{\"name\":\"n\"}}";

    cr_assert_eq(read_all(json, &all, &err), 0, "%s", err.text);
    field_write(all_fields, &all, 4, &out);
    cr_assert_str_eq(str_text(&out), "{\n"
                                     "    \"list\": [\n"
                                     "        \"a\",\n"
                                     "        \"b\"\n"
                                     "    ],\n"
                                     "    \"ports\": {\n"
                                     "        \"80\": {}\n"
                                     "    },\n"
                                     "    \"owned\": {\n"
                                     "        \"name\": \"n\"\n"
                                     "    }\n"
                                     "}");
    field_done(all_fields, &all);
}

Test(field, reads_and_writes_a_document_that_is_an_array)
{
    struct document_list list = {};
    struct err err = {};
    auto_done(str) out = {};
    const char *json = "[{\"name\":\"a\"},{\"name\":\"b\",\"count\":1}]";

    cr_assert_eq(field_read(document_list_fields, json, strlen(json), "m", 0, &list, &err), 0);
    cr_assert_eq(list.items.len, 2);
    field_write(document_list_fields, &list, 0, &out);
    cr_assert_str_eq(str_text(&out), json);
    field_done(document_list_fields, &list);

    cr_assert_eq(field_read(document_list_fields, "[{}]", 4, "m", 0, &list, &err), -1);
    cr_assert_str_eq(err.text, "m: /0/name: missing");
    cr_assert_eq(field_read(document_list_fields, "{}", 2, "m", 0, &list, &err), -1);
    cr_assert_str_eq(err.text, "m: expected an array, found an object");
    str_clear(&out);
    field_write(document_list_fields, &list, 0, &out);
    cr_assert_str_eq(str_text(&out), "[]");
}

Test(field, null_is_absent)
{
    struct all all = {};
    struct err err = {};

    cr_assert_eq(
        read_all("{\"flag\":null,\"small\":null,\"maybe\":null,\"text\":null,\"list\":null,"
                 "\"labels\":{\"a\":null},\"owned\":null,\"items\":null,\"entries\":null,"
                 "\"seen\":null,\"color\":null,\"inner\":null,\"mode\":null}",
                 &all, &err),
        0, "%s", err.text);
    cr_assert_not(all.maybe.set);
    cr_assert_not(all.mode.set);
    cr_assert_null(all.text);
    cr_assert_null(all.owned);
    cr_assert_eq(all.labels.len, 0);
    cr_assert_not(all.seen);
    assert_fails("{\"inner\":{\"name\":null}}", "config.json: /inner/name: missing");
}

Test(field, seen_is_any_value)
{
    struct all all = {};
    struct err err = {};
    auto_done(str) out = {};

    cr_assert_eq(read_all("{\"seen\":[1.5,{}]}", &all, &err), 0, "%s", err.text);
    cr_assert(all.seen);
    field_write(all_fields, &all, 0, &out);
    cr_assert_str_eq(str_text(&out), "{}");
}

Test(field, set_counts_keys)
{
    struct all all = {};
    struct err err = {};

    cr_assert_eq(read_all("{\"ports\":{\"80\":{},\"81\":null,\"82\":7}}", &all, &err), 0);
    cr_assert_eq(all.ports.len, 3);
    field_done(all_fields, &all);
}

Test(field, unknown_keys_pass_unless_asked)
{
    struct all all = {};
    struct err err = {};
    const char *json = "{\"inner\":{\"name\":\"n\",\"a/b~\":1}}";

    cr_assert_eq(read_all(json, &all, &err), 0, "%s", err.text);
    field_done(all_fields, &all);
    cr_assert_eq(field_read(all_fields, json, strlen(json), "config.json", FIELD_UNKNOWN_IS_ERROR,
                            &all, &err),
                 -1);
    cr_assert_str_eq(err.text, "config.json: /inner/a~1b~0: unknown key");
    cr_assert_null(all.inner.name);
}

Test(field, names_wrong_types)
{
    assert_fails("[]", "config.json: expected an object, found an array");
    assert_fails("{\"flag\":1}", "config.json: /flag: expected true or false, found a number");
    assert_fails("{\"maybe\":\"\"}", "config.json: /maybe: expected true or false, found a string");
    assert_fails("{\"small\":\"1\"}", "config.json: /small: expected a number, found a string");
    assert_fails("{\"limit\":true}", "config.json: /limit: expected a number, found a boolean");
    assert_fails("{\"small\":1.5}",
                 "config.json: /small: expected a whole number, found a fraction");
    assert_fails("{\"text\":{}}", "config.json: /text: expected a string, found an object");
    assert_fails("{\"list\":{}}", "config.json: /list: expected an array, found an object");
    assert_fails("{\"list\":[\"a\",\"b\",3]}",
                 "config.json: /list/2: expected a string, found a number");
    assert_fails("{\"list\":[null]}", "config.json: /list/0: expected a string, found null");
    assert_fails("{\"numbers\":[1,\"\"]}",
                 "config.json: /numbers/1: expected a number, found a string");
    assert_fails("{\"labels\":[]}", "config.json: /labels: expected an object, found an array");
    assert_fails("{\"labels\":{\"a\":\"b\",\"c/d\":1}}",
                 "config.json: /labels/c~1d: expected a string, found a number");
    assert_fails("{\"ports\":[]}", "config.json: /ports: expected an object, found an array");
    assert_fails("{\"inner\":1}", "config.json: /inner: expected an object, found a number");
    assert_fails("{\"owned\":[]}", "config.json: /owned: expected an object, found an array");
    assert_fails("{\"items\":{}}", "config.json: /items: expected an array, found an object");
    assert_fails("{\"items\":[{\"name\":\"a\"},null]}",
                 "config.json: /items/1: expected an object, found null");
    assert_fails("{\"entries\":{\"k\":{\"size\":1},\"l\":{\"tags\":[1]}}}",
                 "config.json: /entries/l/tags/0: expected a string, found a number");
    assert_fails("{\"color\":1}", "config.json: /color: expected a string, found a number");
    assert_fails("{\"color\":\"bl\\u001bue\"}",
                 "config.json: /color: \"bl\\x1bue\" is not one of red, green");
    assert_fails("{\"text\":\"kept?\",\"items\":[{\"name\":\"a\"},{}]}",
                 "config.json: /items/1/name: missing");
}

Test(field, names_wrong_ranges)
{
    assert_fails("{\"small\":2147483648}",
                 "config.json: /small: 2147483648 is not from -2147483648 to 2147483647");
    assert_fails("{\"natural\":-5}", "config.json: /natural: -5 is not from 0 to 4294967295");
    assert_fails("{\"limit\":-1}", "config.json: /limit: -1 is not from 0 to 18446744073709551615");
    assert_fails("{\"mode\":65536}", "config.json: /mode: 65536 is not from 0 to 65535");
    assert_fails("{\"numbers\":[4294967296]}",
                 "config.json: /numbers/0: 4294967296 is not from 0 to 4294967295");
}

/* The numbers that jansson does not read. */
Test(field, reads_numbers_beyond_int64)
{
    struct all all = {};
    struct err err = {};

    cr_assert_eq(
        read_all("{ \"limit\": 18446744073709551615, \"large\": 9007199254740993,\n"
                 "\"maybeLimit\":9223372036854775809,\"maybeLarge\":9223372036854771712,"
                 "\"x\":[1e999,123456789012345678901234567890,\"18446744073709551615\\\"\"],"
                 "\"small\":-0}",
                 &all, &err),
        0, "%s", err.text);
    cr_assert_eq(all.limit, UINT64_MAX);
    cr_assert_eq(all.large, 9007199254740993);
    cr_assert_eq(all.maybe_limit.value, 9223372036854775809U);
    cr_assert_eq(all.maybe_large.value, 9223372036854771712);

    assert_fails("{\"large\":9223372036854775808}",
                 "config.json: /large: 9223372036854775808 is not from -9223372036854775808 to "
                 "9223372036854775807");
    assert_fails("{\"limit\":18446744073709551616}",
                 "config.json: /limit: 18446744073709551616 is not from 0 to 18446744073709551615");
    assert_fails("{\"limit\":-18446744073709551615}", "config.json: /limit: -18446744073709551615 "
                                                      "is not from 0 to 18446744073709551615");
    assert_fails("{\"limit\":18446744073709551615,\"small\":1e0}",
                 "config.json: /small: expected a whole number, found a fraction");
    assert_fails("{\"limit\":18446744073709551615,\"text\":18446744073709551615}",
                 "config.json: /text: expected a string, found a number");
    assert_fails("{\"limit\":1234567890123456789012345678901234567890123}",
                 "config.json: /limit: 1234567890123456789012345678901234567890... is not from 0 "
                 "to 18446744073709551615");
}

Test(field, names_the_place_of_wrong_syntax)
{
    assert_fails("", "config.json: line 1, column 0: '[' or '{' expected near end of file");
    assert_fails("{\"flag\":true,\n  \"small\" 1}", "config.json: line 2, column 11: ':' expected "
                                                    "near '1'");
    assert_fails("{\"a\":1,\"a\":2}",
                 "config.json: line 1, column 10: duplicate object key near '\"a\"'");
    assert_fails("{} x", "config.json: line 1, column 4: end of file expected near 'x'");
    assert_fails("{\"text\":\"a\\u0000b\"}",
                 "config.json: line 1, column 18: zero byte in a string");
    assert_fails("{\"entries\":{\"a\\u0000b\":{}}}",
                 "config.json: line 1, column 22: zero byte in a string");
    /* Also behind a number that was replaced. */
    assert_fails("{\"limit\":18446744073709551615,\n \"small\" 1}",
                 "config.json: line 2, column 10: ':' expected near '1'");
    assert_fails("{\"limit\":18446744073709551615,\"small\":01}",
                 "config.json: line 1, column 39: invalid token near '0'");
}

Test(field, refuses_bytes_that_are_not_text)
{
    struct all all = {};
    struct err err = {};
    static const char raw_zero[] = "{\"text\":\"a\0b\"}";

    cr_assert_eq(read_all("{\"text\":\"\xff\"}", &all, &err), -1);
    cr_assert_eq(
        field_read(all_fields, raw_zero, sizeof(raw_zero) - 1, "config.json", 0, &all, &err), -1);
    cr_assert_null(all.text);
    /* A key may be anything that is a string, and is shown on a terminal. */
    assert_fails("{\"entries\":{\"\\u001b[2J\":1}}",
                 "config.json: /entries/\\x1b[2J: expected an object, found a number");
}

Test(field, limits_depth)
{
    auto_done(str) json = {};
    struct all all = {};
    struct err err = {};

    str_add(&json, "{\"x\":\"[[[\\\"[\",\"y\":");
    for (int i = 0; i < 63; i++)
        str_add_char(&json, '[');
    for (int i = 0; i < 63; i++)
        str_add_char(&json, ']');
    str_add_char(&json, '}');
    cr_assert_eq(read_all(json.at, &all, &err), 0, "%s", err.text);

    str_clear(&json);
    str_add(&json, "{\n\"y\":");
    for (int i = 0; i < 100000; i++)
        str_add_char(&json, '[');
    cr_assert_eq(read_all(json.at, &all, &err), -1);
    cr_assert_str_eq(err.text, "config.json: line 2: nested deeper than 64 levels");
}

Test(field, shortens_long_keys)
{
    auto_done(str) json = {};
    struct all all = {};
    struct err err = {};

    str_add(&json, "{\"entries\":{\"");
    for (int i = 0; i < 5000; i++)
        str_add_char(&json, 'k');
    str_add(&json, "\":1}}");
    cr_assert_eq(read_all(json.at, &all, &err), -1);
    cr_assert(text_ends(err.text, "kk...: expected an object, found a number"), "%s", err.text);
}

Test(field, escapes_text)
{
    auto_done(str) out = {};

    json_add_text(&out, "a\"\\/\b\f\n\r\t\x01\x1f\x7f é€😀");
    cr_assert_str_eq(str_text(&out), "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f é€😀\"");
    str_clear(&out);
    json_add_text(&out, "\xff"
                        "a\xc3\xed\xa0\x80\xe2\x82");
    cr_assert_str_eq(str_text(&out), "\"\ufffda\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\"");
    str_clear(&out);
    json_add_text(&out, "");
    cr_assert_str_eq(str_text(&out), "\"\"");
}

Test(field, writing_keeps_the_maximum)
{
    struct all all = { .text = (char[]){ "more than fits" } };
    auto_done(str) out = { .max_bytes = 10 };

    field_write(all_fields, &all, 4, &out);
    cr_assert(out.over);
    cr_assert_leq(out.len, 10);
}

Test(pairs, puts_replaces_copies)
{
    struct pairs pairs = {}, copy = {};

    pairs_put(&pairs, "a", "1");
    pairs_put(&pairs, "b", "2");
    pairs_put(&pairs, "a", "3");
    pairs_put(&pairs, "b", pairs.at[1].value);
    cr_assert_eq(pairs.len, 2);
    cr_assert_str_eq(pairs_value(&pairs, "a"), "3");
    cr_assert_str_eq(pairs_value(&pairs, "b"), "2");
    pairs_put(&copy, "gone", "x");
    pairs_copy(&copy, &pairs);
    cr_assert_eq(copy.len, 2);
    cr_assert_str_eq(copy.at[0].key, "a");
    cr_assert_neq(copy.at[0].value, pairs.at[0].value);
    pairs_done(&pairs);
    pairs_done(&copy);
    cr_assert_null(copy.at);
}

Test(array, adds_zeroed_items)
{
    ARRAY_OF(item) items = {};

    for (int i = 0; i < 100; i++) {
        struct item *item = array_add(&items);
        cr_assert_null(item->name);
        cr_assert_eq(item->count, 0);
        item->count = i + 1;
        item->name = (char *)"x";
    }
    cr_assert_eq(items.len, 100);
    cr_assert_eq(items.at[99].count, 100);
    cr_assert_eq(items.at[0].count, 1);
    free(items.at);
}
