/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* JSON in C as it is written, and tests for any table: each value is kept, each is looked at. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/field.h"
#include "base/mem.h"

#define JSON(...) #__VA_ARGS__

/* Fails unless both texts are JSON of the same value, objects being without order. */
static inline void json_value_same(const char *text, const char *wanted)
{
    json_t *a = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_t *b = json_loads(wanted, JSON_REJECT_DUPLICATES, NULL);

    cr_assert_not_null(a, "not JSON: %s", text);
    cr_assert_not_null(b, "not JSON: %s", wanted);
    cr_assert(json_equal(a, b), "got    %s\nwanted %s", text, wanted);
    json_decref(a);
    json_decref(b);
}

/* Parses the text and gives it back formatted, or NULL with err. */
typedef char *json_round(const char *text, size_t len, struct err *err);

struct json_swap {
    json_t *root;
    json_round *round;
    const char *document;        /* how its errors begin */
    const char *const *pointers; /* NULL-ended: anything may stand below these */
    size_t count;
};

/* The document with one value replaced must be refused by an error that names the place. */
static inline void json_swap_check(struct json_swap *swap, const char *pointer)
{
    struct err err = {};
    auto_free char *text = json_dumps(swap->root, JSON_COMPACT);
    auto_free char *wanted = xasprintf("%s: %s: ", swap->document, pointer);

    for (size_t i = 0; swap->pointers[i]; i++)
        if (text_starts(pointer, swap->pointers[i]))
            return;
    auto_free char *result = swap->round(text, strlen(text), &err);
    cr_assert_null(result, "%s: a wrong type passed", pointer);
    cr_assert_eq(err.kind, ERR_INVALID);
    cr_assert(text_starts(err.text, wanted), "got \"%s\", wanted \"%s\"", err.text, wanted);
    swap->count++;
}

static inline void json_swap_below(struct json_swap *swap, json_t *node, const char *pointer)
{
    void *iter = json_object_iter(node);

    for (; iter; iter = json_object_iter_next(node, iter)) {
        json_t *kept = json_incref(json_object_iter_value(iter));
        auto_free char *inner = xasprintf("%s/%s", pointer, json_object_iter_key(iter));

        json_object_iter_set_new(node, iter, json_real(0.5));
        json_swap_check(swap, inner);
        json_object_iter_set_new(node, iter, kept);
        json_swap_below(swap, kept, inner);
    }
    for (size_t i = 0; i < json_array_size(node); i++) {
        json_t *kept = json_incref(json_array_get(node, i));
        auto_free char *inner = xasprintf("%s/%zu", pointer, i);

        json_array_set_new(node, i, json_real(0.5));
        json_swap_check(swap, inner);
        json_array_set_new(node, i, kept);
        json_swap_below(swap, kept, inner);
    }
}

/* Puts 0.5, which no member takes, in the place of each value in turn. Returns how many those are.
 */
static inline size_t json_swap_all(const char *text, const char *document, json_round *round,
                                   const char *const *pointers)
{
    struct json_swap swap = {
        .root = json_loads(text, 0, NULL),
        .round = round,
        .document = document,
        .pointers = pointers,
    };

    cr_assert_not_null(swap.root);
    json_swap_below(&swap, swap.root, "");
    json_decref(swap.root);
    return swap.count;
}

/* No beginning of the document may pass, or read behind its end. */
static inline void json_cut_all(const char *text, json_round *round)
{
    for (size_t len = 0; len < strlen(text); len++) {
        struct err err = {};
        char *copy = malloc(len + 1); /* of that size: a sanitizer sees what is read behind it */

        memcpy(copy, text, len);
        char *result = round(copy, len, &err);
        cr_assert_null(result, "the first %zu bytes passed", len);
        cr_assert_eq(err.kind, ERR_INVALID);
        free(copy);
    }
}
