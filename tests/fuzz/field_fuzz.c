/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes into field_read, with a table of every type: what is read must come out of field_write
 * as JSON that reads back to the same text, what is refused must leave the struct zeroed and one
 * line of error behind.
 *
 * clang -fsanitize=fuzzer,address,undefined; the corpus is tests/fuzz/field_corpus.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/field.h"

enum word { WORD_NONE, WORD_ONE, WORD_TWO };
static const char *const word_names[] = { "", "one", "two", NULL };

struct leaf {
    char *key;
    char *text;
    struct maybe_u64 number;
    struct strings list;
};
static const struct field leaf_fields[] = {
    FIELD_TEXT(leaf, text, "t", F_REQUIRED),
    FIELD_MAYBE_U64(leaf, number, "n", F_ALWAYS),
    FIELD_LIST(leaf, list, "l", 0),
    FIELD_END,
};

static const struct field inner_fields[] = {
    FIELD_TEXT(leaf, text, "t", 0),
    FIELD_MAYBE_U64(leaf, number, "n", 0),
    FIELD_END,
};

struct tree {
    bool truth;
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    uint64_t u64;
    struct maybe_bool maybe_bool;
    struct maybe_i64 maybe_i64;
    struct maybe_u64 maybe_byte;
    struct u32s numbers;
    struct pairs pairs;
    struct strings set;
    struct leaf inner;
    struct tree *next;
    ARRAY_OF(leaf) leaves;
    ARRAY_OF(leaf) map;
    enum word word;
};
static const struct field tree_fields[] = {
    FIELD_BOOL(tree, truth, "b", 0),
    FIELD_I32(tree, i32, "i", 0),
    FIELD_U32(tree, u32, "u", F_ALWAYS),
    FIELD_I64(tree, i64, "I", 0),
    FIELD_U64(tree, u64, "U", 0),
    FIELD_MAYBE_BOOL(tree, maybe_bool, "mb", 0),
    FIELD_MAYBE_I64(tree, maybe_i64, "mi", 0),
    FIELD_MAYBE_U64_TO(tree, maybe_byte, "mu", 0, 255),
    FIELD_U32S(tree, numbers, "us", 0),
    FIELD_PAIRS(tree, pairs, "p", 0),
    FIELD_SET(tree, set, "s", 0),
    FIELD_OBJECT(tree, inner, "o", 0, leaf, inner_fields),
    FIELD_POINTER(tree, next, "next", 0, tree, tree_fields),
    FIELD_ARRAY(tree, leaves, "a", F_ALWAYS, leaf, leaf_fields),
    FIELD_MAP(tree, map, "m", 0, leaf, leaf_fields),
    FIELD_ENUM(tree, word, "w", 0, word, word_names),
    FIELD_END,
};

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void round_trip(const char *json, size_t len, enum field_read_flags flags)
{
    struct tree first = {}, second = {}, zero = {};
    struct err err = {};
    auto_done(str) text = {};
    auto_done(str) again = {};

    if (field_read(tree_fields, json, len, "fuzz", flags, &first, &err) < 0) {
        demand(err.kind == ERR_INVALID && err.text[0] && !strchr(err.text, '\n'));
        demand(memcmp(&first, &zero, sizeof(first)) == 0);
        return;
    }
    field_write(tree_fields, &first, 0, &text);
    demand(field_read(tree_fields, text.at, text.len, "fuzz", FIELD_UNKNOWN_IS_ERROR, &second,
                      &err) == 0);
    field_write(tree_fields, &second, 0, &again);
    demand(strcmp(text.at, again.at) == 0);

    str_clear(&again);
    field_write(tree_fields, &second, 4, &again);
    field_done(tree_fields, &second);
    demand(field_read(tree_fields, again.at, again.len, "fuzz", 0, &second, &err) == 0);
    field_done(tree_fields, &second);
    field_done(tree_fields, &first);
    demand(memcmp(&first, &zero, sizeof(first)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* An exact copy, so that a byte read behind the end is seen. */
    char *json = malloc(size > 0 ? size : 1);
    if (size > 0)
        memcpy(json, data, size);
    round_trip(json, size, 0);
    round_trip(json, size, FIELD_UNKNOWN_IS_ERROR);
    free(json);
    return 0;
}
