/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Field tables: one row says which member of a struct a JSON key is, and of what type. One reader,
 * one writer and one release function serve every table. A row whose type does not fit its member
 * does not compile.
 *
 * Reading is lenient (unknown keys pass, unless F_STRICT is asked of field_read) and names what is
 * wrong by a JSON pointer; writing leaves out what is empty, unless F_ALWAYS.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* Numbers that may be absent. */
struct maybe_i64 {
    bool set;
    int64_t value;
};
struct maybe_u64 {
    bool set;
    uint64_t value;
};
struct maybe_bool {
    bool set;
    bool value;
};

/* "key": "value" objects, in the order of the document. */
struct pair {
    char *key;
    char *value;
};
struct pairs {
    struct pair *at;
    size_t len;
};
void pairs_done(struct pairs *pairs);
void pairs_put(struct pairs *pairs, const char *key, const char *value);
void pairs_copy(struct pairs *pairs, const struct pairs *from);
const char *pairs_value(const struct pairs *pairs, const char *key);

/* Arrays of numbers. */
struct u32s {
    uint32_t *at;
    size_t len;
};

enum field_type {
    FIELD_TYPE_END,
    FIELD_TYPE_BOOL,       /* bool */
    FIELD_TYPE_I32,        /* int32_t */
    FIELD_TYPE_U32,        /* uint32_t */
    FIELD_TYPE_I64,        /* int64_t */
    FIELD_TYPE_U64,        /* uint64_t */
    FIELD_TYPE_MAYBE_BOOL, /* struct maybe_bool */
    FIELD_TYPE_MAYBE_I64,  /* struct maybe_i64 */
    FIELD_TYPE_MAYBE_U64,  /* struct maybe_u64 */
    FIELD_TYPE_TEXT,       /* char *, owned; NULL when absent */
    FIELD_TYPE_LIST,       /* struct strings: array of strings */
    FIELD_TYPE_U32S,       /* struct u32s: array of numbers */
    FIELD_TYPE_PAIRS,      /* struct pairs: object of strings */
    FIELD_TYPE_SET, /* struct strings: object whose keys count ("ExposedPorts": {"80/tcp": {}}) */
    FIELD_TYPE_OBJECT,  /* a struct, in place */
    FIELD_TYPE_POINTER, /* struct *, owned; NULL when absent */
    FIELD_TYPE_ARRAY,   /* struct { item *at; size_t len; }: array of objects */
    FIELD_TYPE_MAP,     /* as ARRAY, of items whose first member is char *key: object of objects */
    FIELD_TYPE_SEEN,    /* bool: the key is there, with any value but null; never written */
    FIELD_TYPE_ENUM,    /* an enum, as one of `names`; NULL-ended, index is the value */
};

enum field_flags {
    F_REQUIRED = 1 << 0, /* reading fails where it is absent */
    F_ALWAYS = 1 << 1,   /* written even if empty, false or 0 */
    F_NULL = 1 << 2,     /* of LIST, SET, PAIRS: written as null if empty */
    F_MUST = F_REQUIRED | F_ALWAYS,
};

struct field {
    const char *key;
    enum field_type type;
    unsigned flags;
    uint32_t offset;
    uint32_t size;            /* of the struct behind OBJECT, POINTER, ARRAY, MAP; or the highest
                               * value of a MAYBE_U64, 0 being any */
    const struct field *sub;  /* its fields */
    const char *const *names; /* of an ENUM */
};

#define FIELD_CHECK(type, member, want)                                                            \
    (0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((type *)0)->member), want) ? 1 : -1]))
#define FIELD_ROW(kind, row, member, name, fl, want)                                               \
    {                                                                                              \
        .key = (name), .type = FIELD_TYPE_##kind, .flags = (fl),                                   \
        .offset = offsetof(row, member) + FIELD_CHECK(row, member, want)                           \
    }
#define FIELD_BOOL(s, m, key, fl) FIELD_ROW(BOOL, struct s, m, key, fl, bool)
#define FIELD_I32(s, m, key, fl)  FIELD_ROW(I32, struct s, m, key, fl, int32_t)
#define FIELD_U32(s, m, key, fl)  FIELD_ROW(U32, struct s, m, key, fl, uint32_t)
#define FIELD_I64(s, m, key, fl)  FIELD_ROW(I64, struct s, m, key, fl, int64_t)
#define FIELD_U64(s, m, key, fl)  FIELD_ROW(U64, struct s, m, key, fl, uint64_t)
#define FIELD_MAYBE_BOOL(s, m, key, fl)                                                            \
    FIELD_ROW(MAYBE_BOOL, struct s, m, key, fl, struct maybe_bool)
#define FIELD_MAYBE_I64(s, m, key, fl) FIELD_ROW(MAYBE_I64, struct s, m, key, fl, struct maybe_i64)
#define FIELD_MAYBE_U64(s, m, key, fl) FIELD_ROW(MAYBE_U64, struct s, m, key, fl, struct maybe_u64)
/* A MAYBE_U64 of 32 or fewer bits in the document. */
#define FIELD_MAYBE_U64_TO(s, m, name, fl, highest)                                                \
    {                                                                                              \
        .key = (name), .type = FIELD_TYPE_MAYBE_U64, .flags = (fl),                                \
        .offset = offsetof(struct s, m) + FIELD_CHECK(struct s, m, struct maybe_u64),              \
        .size = (highest)                                                                          \
    }
#define FIELD_TEXT(s, m, key, fl)  FIELD_ROW(TEXT, struct s, m, key, fl, char *)
#define FIELD_LIST(s, m, key, fl)  FIELD_ROW(LIST, struct s, m, key, fl, struct strings)
#define FIELD_U32S(s, m, key, fl)  FIELD_ROW(U32S, struct s, m, key, fl, struct u32s)
#define FIELD_PAIRS(s, m, key, fl) FIELD_ROW(PAIRS, struct s, m, key, fl, struct pairs)
#define FIELD_SEEN(s, m, key)      FIELD_ROW(SEEN, struct s, m, key, 0, bool)
#define FIELD_SET(s, m, key, fl)   FIELD_ROW(SET, struct s, m, key, fl, struct strings)
/* A struct in place: struct s { struct t m; } */
#define FIELD_OBJECT(s, m, name, fl, t, fields)                                                    \
    {                                                                                              \
        .key = (name), .type = FIELD_TYPE_OBJECT, .flags = (fl),                                   \
        .offset = offsetof(struct s, m) + FIELD_CHECK(struct s, m, struct t),                      \
        .size = sizeof(struct t), .sub = (fields)                                                  \
    }
/* struct s { struct t *m; } */
#define FIELD_POINTER(s, m, name, fl, t, fields)                                                   \
    {                                                                                              \
        .key = (name), .type = FIELD_TYPE_POINTER, .flags = (fl),                                  \
        .offset = offsetof(struct s, m) + FIELD_CHECK(struct s, m, struct t *),                    \
        .size = sizeof(struct t), .sub = (fields)                                                  \
    }
/* struct s { struct { struct t *at; size_t len; } m; }, declared with ARRAY_OF(t) */
#define FIELD_ARRAY(s, m, name, fl, t, fields)                                                     \
    {                                                                                              \
        .key = (name), .type = FIELD_TYPE_ARRAY, .flags = (fl),                                    \
        .offset = offsetof(struct s, m) + FIELD_CHECK(struct s, m.at, struct t *),                 \
        .size = sizeof(struct t), .sub = (fields)                                                  \
    }
/* As FIELD_ARRAY, for { "first": {…}, "second": {…} }. struct t begins with char *key, which
 * `fields` do not list. */
#define FIELD_MAP(s, m, name, fl, t, fields)                                                       \
    {                                                                                              \
        .key = (name), .type = FIELD_TYPE_MAP, .flags = (fl),                                      \
        .offset = offsetof(struct s, m) + FIELD_CHECK(struct s, m.at, struct t *) +                \
                  FIELD_CHECK(struct t, key, char *) +                                             \
                  0 * sizeof(char[offsetof(struct t, key) == 0 ? 1 : -1]),                         \
        .size = sizeof(struct t), .sub = (fields)                                                  \
    }
#define FIELD_ENUM(s, m, name, fl, t, enum_names)                                                  \
    {                                                                                              \
        .key = (name), .type = FIELD_TYPE_ENUM, .flags = (fl),                                     \
        .offset = offsetof(struct s, m) + FIELD_CHECK(struct s, m, enum t), .names = (enum_names)  \
    }
#define FIELD_END                                                                                  \
    {                                                                                              \
        .type = FIELD_TYPE_END                                                                     \
    }

#define ARRAY_OF(type)                                                                             \
    struct {                                                                                       \
        struct type *at;                                                                           \
        size_t len;                                                                                \
    }
/* Adds a zeroed item to an ARRAY_OF and gives its address. */
#define array_add(array)                                                                           \
    ((__typeof__((array)->at))array_grow((void **)&(array)->at, &(array)->len,                     \
                                         sizeof(*(array)->at)))
void *array_grow(void **at, size_t *len, size_t item_size);

enum field_read_flags {
    FIELD_UNKNOWN_IS_ERROR = 1 << 0,
};

/* Reads one JSON document into the zeroed struct at `into`. Duplicate keys, invalid UTF-8, depth
 * over 64 and whatever stands behind the document are errors. null is as if the key were absent. A
 * table whose first row has the key "" describes a document that is an array: that row is of type
 * ARRAY, and is the document. `what` names the document. On failure `into` is released. */
int field_read(const struct field *fields, const char *json, size_t len, const char *what,
               enum field_read_flags flags, void *into, struct err *err);
/* Adds the struct as one JSON object. indent 0: one line; else that many blanks a level. */
void field_write(const struct field *fields, const void *from, int indent, struct str *out);
/* Releases what the fields own and zeroes them. */
void field_done(const struct field *fields, void *at);
/* Adds text as a JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD. */
void json_add_text(struct str *out, const char *text);
