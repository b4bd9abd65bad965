/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What templates work on: values as JSON has them, plus structs, whose members are known, and rows,
 * whose members are made when they are asked for. What a value points to is somebody else's,
 * mostly a pool's.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/field.h"
#include "base/pool.h"
#include "base/str.h"

enum value_kind {
    VALUE_NIL, /* nothing: JSON's null, or a key that a map does not have */
    VALUE_BOOL,
    VALUE_INT,
    VALUE_UINT, /* only what is beyond VALUE_INT */
    VALUE_FLOAT,
    VALUE_TEXT,
    VALUE_LIST,
    VALUE_MAP,    /* keys in order; one that is not there is no value */
    VALUE_STRUCT, /* members as they are listed; one that is not there is an error */
    VALUE_ROW,
};

struct value_class;
struct value_member;

struct value {
    enum value_kind kind;
    enum value_kind of; /* LIST, MAP: the kind of all that is in it; NIL: any */
    bool null;          /* LIST, MAP: empty, and null in JSON */
    union {
        bool truth;
        int64_t whole;
        uint64_t natural;
        double real;
        struct view text; /* any bytes */
        struct {
            const struct value *at;
            size_t len;
        } list;
        struct {
            const struct value_member *at;
            size_t len;
        } map; /* of STRUCT as well */
        struct {
            const struct value_class *class;
            void *of;
        } row;
    };
};

struct value_member {
    struct view name;
    struct value value;
    bool unwritten; /* left out of JSON: it is empty */
};

/* How a row's members are made. */
struct value_class {
    /* The i-th member's name; NULL behind the last. */
    const char *(*name)(void *of, size_t i);
    /* Whether it wants one argument, a text. */
    bool (*wants_argument)(void *of, size_t i);
    /* Makes it. argument is NULL, or what stands behind it. Its text is the pool's. */
    int (*get)(void *of, size_t i, const char *argument, struct pool *pool, struct value *ret_value,
               struct err *err);
};

static inline struct value value_text(struct view text)
{
    return (struct value){ .kind = VALUE_TEXT, .text = text };
}
static inline struct value value_bool(bool truth)
{
    return (struct value){ .kind = VALUE_BOOL, .truth = truth };
}
static inline struct value value_int(int64_t whole)
{
    return (struct value){ .kind = VALUE_INT, .whole = whole };
}
/* INT where it fits. */
struct value value_natural(uint64_t natural);
static inline struct value value_float(double real)
{
    return (struct value){ .kind = VALUE_FLOAT, .real = real };
}

/* A struct as its table has it: objects are structs, pairs and sets maps. Copies all into the pool.
 */
struct value value_of_fields(const struct field *fields, const void *from, struct pool *pool);
/* A JSON document: objects are maps. `what` names it in errors. */
int value_of_json(const char *json, size_t len, const char *what, struct pool *pool,
                  struct value *ret_value, struct err *err);
/* Puts a map's members in order, as look-ups expect. */
void value_members_sort(struct value_member *members, size_t n);
/* The member of a map or struct, or NULL. */
const struct value_member *value_member(const struct value *value, struct view name);

/* Whether `if` takes it for true. */
bool value_truth(const struct value *value);
/* As Go's %T has it: "int", "[]string", "map[string]interface {}". */
void value_type(const struct value *value, struct str *out);
/* Makes a row a struct, its members in order of their names; other values are themselves. */
int value_made(const struct value *value, struct pool *pool, struct value *ret_value,
               struct err *err);
/* As Go's %v has it: map[a:1 b:[x y]]. The value was made, as for all below. */
void value_print(const struct value *value, struct str *out);
/* As Go's Printf does it: every verb and flag, and its way to tell of wrong ones, %!d(string=x). */
void value_printf(struct view format, const struct value *args, size_t n, struct str *out);
/* As JSON on one line, as docker's json function has it. */
void value_json(const struct value *value, struct str *out);
