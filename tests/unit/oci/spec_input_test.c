/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json as it should not be: cut off at every byte, and with a value of every wrong type and
 * range in the place of each member, which the field tables name. Each is refused in one line that
 * says where.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "oci/spec.h"

TestSuite(spec_input, .timeout = 600);

static const char whole[] =
    "{\"ociVersion\":\"1.3.0\",\"hostname\":\"hive\",\"process\":{\"terminal\":true,"
    "\"consoleSize\":"
    "{\"height\":24,\"width\":80},\"user\":{\"uid\":1,\"gid\":2,\"umask\":18,\"additionalGids\":[3,"
    "4]},"
    "\"args\":[\"sh\",\"-c\",\"\\u00e9 \\\" \\\\ "
    "\\n\"],\"env\":[\"A=b\"],\"cwd\":\"/\",\"capabilities\":"
    "{\"bounding\":[\"CAP_KILL\"]},\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":1,\"hard\":2}]"
    ","
    "\"oomScoreAdj\":-5},\"root\":{\"path\":\"rootfs\",\"readonly\":true},\"mounts\":[{"
    "\"destination\":"
    "\"/"
    "proc\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\"]}],\"hooks\":{"
    "\"prestart\":"
    "[{\"path\":\"/"
    "x\",\"timeout\":3}]},\"annotations\":{\"a\":\"b\"},\"linux\":{\"namespaces\":[{\"type\":"
    "\"pid\"}],\"resources\":{\"memory\":{\"limit\":-1},\"devices\":[{\"allow\":false,\"access\":"
    "\"rwm\"}]},"
    "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mount\"],"
    "\"action\":"
    "\"SCMP_ACT_ERRNO\",\"errnoRet\":1}]}}}";

static void is_refused(const char *json, size_t len, const char *where)
{
    struct spec spec = {};
    struct spec zero = {};
    struct err err = {};
    cr_assert_eq(spec_parse(json, len, &spec, &err), -1, "taken: %.*s", (int)len, json);
    cr_expect_eq(err.kind, ERR_INVALID, "%s", err.text);
    cr_expect(text_starts(err.text, "config.json: "), "%s", err.text);
    cr_expect(err.text[0] && !strchr(err.text, '\n'), "%s", err.text);
    cr_expect(!where || strstr(err.text, where), "%s is not in \"%s\" of %s", where, err.text,
              json);
    cr_expect_eq(memcmp(&spec, &zero, sizeof(spec)), 0);
}

Test(spec_input, is_refused_cut_off_at_every_byte)
{
    struct spec spec = {};
    struct err err = {};
    cr_assert_eq(spec_parse(whole, strlen(whole), &spec, &err), 0, "%s", err.text);
    spec_done(&spec);
    for (size_t len = 0; len < strlen(whole); len++)
        is_refused(whole, len, NULL);
}

/* --- members of every type -------------------------------------------------------------------- */

static void add_valid(struct str *out, const struct field *field);

/* The object's members that have to be there, but one that the caller writes himself. */
static void add_required(struct str *out, const struct field *fields, const struct field *but)
{
    for (; fields->type != FIELD_TYPE_END; fields++) {
        if (!(fields->flags & F_REQUIRED) || fields == but)
            continue;
        str_addf(out, "\"%s\":", fields->key);
        add_valid(out, fields);
        str_add_char(out, ',');
    }
}

static void add_object(struct str *out, const struct field *fields)
{
    str_add_char(out, '{');
    add_required(out, fields, NULL);
    if (out->at[out->len - 1] == ',')
        out->at[--out->len] = '\0';
    str_add_char(out, '}');
}

static void add_valid(struct str *out, const struct field *field)
{
    switch (field->type) {
    case FIELD_TYPE_BOOL:
    case FIELD_TYPE_MAYBE_BOOL:
    case FIELD_TYPE_SEEN:
        str_add(out, "true");
        return;
    case FIELD_TYPE_TEXT:
        str_add(out, strcmp(field->key, "ociVersion") == 0 ? "\"1.3.0\"" : "\"/x\"");
        return;
    case FIELD_TYPE_ENUM:
        str_addf(out, "\"%s\"", field->names[0]);
        return;
    case FIELD_TYPE_LIST:
        str_add(out, "[\"x\"]");
        return;
    case FIELD_TYPE_PAIRS:
    case FIELD_TYPE_SET:
    case FIELD_TYPE_MAP:
        str_add(out, "{}");
        return;
    case FIELD_TYPE_U32S:
    case FIELD_TYPE_ARRAY:
        str_add(out, "[]");
        return;
    case FIELD_TYPE_OBJECT:
    case FIELD_TYPE_POINTER:
        add_object(out, field->sub);
        return;
    case FIELD_TYPE_I32:
    case FIELD_TYPE_U32:
    case FIELD_TYPE_I64:
    case FIELD_TYPE_U64:
    case FIELD_TYPE_MAYBE_I64:
    case FIELD_TYPE_MAYBE_U64:
    case FIELD_TYPE_END:
        str_add(out, "1");
        return;
    }
}

/* Values that are not of the type; the list ends in NULL. */
static const char *const *wrong_values(enum field_type type)
{
    static const char *const no_bool[] = { "1", "\"true\"", "[]", "{}", NULL };
    static const char *const no_text[] = { "1", "true", "[]", "{}", "[\"x\"]", NULL };
    static const char *const no_i32[] = { "\"1\"",      "true",        "1.5",  "[]", "{}",
                                          "2147483648", "-2147483649", "1e99", NULL };
    static const char *const no_u32[] = { "\"1\"", "true", "1.5",        "[]",
                                          "{}",    "-1",   "4294967296", NULL };
    static const char *const no_i64[] = {
        "\"1\"", "true", "1.5", "[]", "{}", "9223372036854775808", "-9223372036854775809", NULL
    };
    static const char *const no_u64[] = {
        "\"1\"", "true", "1.5", "[]", "{}", "-1", "18446744073709551616", NULL
    };
    static const char *const no_list[] = { "1", "\"x\"", "{}", "[1]", "[\"x\",true]", NULL };
    static const char *const no_u32s[] = { "1",    "\"x\"",        "{}", "[\"1\"]",
                                           "[-1]", "[4294967296]", NULL };
    static const char *const no_pairs[] = { "1", "\"x\"", "[]", "{\"a\":1}", NULL };
    static const char *const no_object[] = { "1", "\"x\"", "true", "[]", "[{}]", NULL };
    static const char *const no_array[] = { "1", "\"x\"", "{}", "[1]", "[[]]", NULL };
    static const char *const no_map[] = { "1", "\"x\"", "[]", "{\"a\":1}", NULL };
    static const char *const no_enum[] = {
        "1", "\"nothing of the kind\"", "\"\"", "[]", "{}", NULL
    };
    static const char *const none[] = { NULL };
    switch (type) {
    case FIELD_TYPE_BOOL:
    case FIELD_TYPE_MAYBE_BOOL:
        return no_bool;
    case FIELD_TYPE_TEXT:
        return no_text;
    case FIELD_TYPE_I32:
        return no_i32;
    case FIELD_TYPE_U32:
        return no_u32;
    case FIELD_TYPE_I64:
    case FIELD_TYPE_MAYBE_I64:
        return no_i64;
    case FIELD_TYPE_U64:
    case FIELD_TYPE_MAYBE_U64:
        return no_u64;
    case FIELD_TYPE_LIST:
        return no_list;
    case FIELD_TYPE_U32S:
        return no_u32s;
    case FIELD_TYPE_PAIRS:
        return no_pairs;
    case FIELD_TYPE_OBJECT:
    case FIELD_TYPE_POINTER:
        return no_object;
    case FIELD_TYPE_ARRAY:
        return no_array;
    case FIELD_TYPE_MAP:
        return no_map;
    case FIELD_TYPE_ENUM:
        return no_enum;
    case FIELD_TYPE_SET:
    case FIELD_TYPE_SEEN:
    case FIELD_TYPE_END:
        return none;
    }
    return none;
}

struct place {
    const char *before; /* the document up to the object's first member, */
    const char *behind; /* and from its end on */
    const char *pointer;
};

static size_t members;

static void try_object(const struct field *fields, const struct place *place);

static void try_member(const struct field *fields, const struct field *field,
                       const struct place *place)
{
    auto_done(str) required = {};
    add_required(&required, fields, field);
    auto_free char *before =
        xasprintf("%s%s\"%s\":", place->before, str_text(&required), field->key);
    auto_free char *pointer = xasprintf("%s/%s", place->pointer, field->key);
    members++;
    for (const char *const *wrong = wrong_values(field->type); *wrong; wrong++) {
        auto_free char *json = xasprintf("%s%s%s", before, *wrong, place->behind);
        is_refused(json, strlen(json), pointer);
    }
    if (!field->sub)
        return;
    bool array = field->type == FIELD_TYPE_ARRAY;
    bool map = field->type == FIELD_TYPE_MAP;
    auto_free char *inner_before = xasprintf("%s%s", before, array ? "[{" : map ? "{\"k\":{" : "{");
    auto_free char *inner_behind = xasprintf("%s%s",
                                             array ? "}]"
                                             : map ? "}}"
                                                   : "}",
                                             place->behind);
    auto_free char *inner_pointer = xasprintf("%s%s", pointer, array ? "/0" : map ? "/k" : "");
    try_object(field->sub, &(struct place){ inner_before, inner_behind, inner_pointer });
}

static void try_object(const struct field *fields, const struct place *place)
{
    for (const struct field *field = fields; field->type != FIELD_TYPE_END; field++)
        try_member(fields, field, place);
}

Test(spec_input, is_refused_with_a_wrong_value_in_any_place)
{
    try_object(spec_fields, &(struct place){ "{", "}", "" });
    cr_expect(members > 150, "%zu members", members);
}

/* --- documents that are none ------------------------------------------------------------------ */

Test(spec_input, is_refused_when_it_is_no_json)
{
    static const char *const texts[] = {
        "",
        " ",
        "null",
        "[]",
        "\"x\"",
        "{",
        "{}}",
        "{\"ociVersion\":\"1.3.0\",\"ociVersion\":\"1.3.0\"}",
        "{\"ociVersion\":\"1.3.0\"} x",
        "{\"ociVersion\":\"1.3.0\",\"hostname\":\"\xff\"}",
        "{\"ociVersion\":\"1.3.0\",\"hostname\":\"\xc0\xaf\"}",
        "{\"ociVersion\":\"1.3.0\",\"hostname\":\"\\u0000\"}",
        "{\"ociVersion\":\"1.3.0\",\"hostname\":\"\\ud800\"}",
        "{\"ociVersion\":\"1.3.0\",\"hostname\":\"a\nb\"}",
    };
    for (size_t i = 0; i < array_size(texts); i++)
        is_refused(texts[i], strlen(texts[i]), NULL);
}

Test(spec_input, is_refused_when_it_is_deep_or_large)
{
    auto_done(str) deep = {};
    str_add(&deep, "{\"ociVersion\":\"1.3.0\",\"x\":");
    for (int i = 0; i < 100000; i++)
        str_add_char(&deep, '[');
    is_refused(deep.at, deep.len, NULL);

    auto_done(str) large = {};
    str_add(&large, "{\"ociVersion\":\"1.3.0\",\"hostname\":\"");
    for (int i = 0; i < SPEC_MAX_BYTES / 16 + 1; i++)
        str_add(&large, "0123456789abcdef");
    str_add(&large, "\"}");
    is_refused(large.at, large.len, "larger");
}

Test(spec_input, names_maps_that_cannot_be)
{
    static const struct {
        const char *rows;
        const char *where;
    } rows[] = {
        { "{\"containerID\":0,\"hostID\":1,\"size\":0}", "/linux/uidMappings/0/size" },
        { "{\"containerID\":1,\"hostID\":1,\"size\":4294967295}", "/linux/uidMappings/0/size" },
        { "{\"containerID\":0,\"hostID\":1,\"size\":5},{\"containerID\":4,\"hostID\":9,\"size\":1}",
          "/linux/uidMappings/1" },
        { "{\"containerID\":0,\"hostID\":1,\"size\":5},{\"containerID\":9,\"hostID\":5,\"size\":1}",
          "/linux/uidMappings/1" },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_free char *json =
            xasprintf("{\"ociVersion\":\"1.3.0\",\"linux\":{\"uidMappings\":[%s]}}", rows[i].rows);
        is_refused(json, strlen(json), rows[i].where);
    }
}
