/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/template.h"
#include "template_rows.h"

/* Parses and executes; gives 0, or -1 with err. */
static int run(const char *text, const struct value *dot, enum template_flags flags,
               struct pool *pool, struct str *out, struct err *err)
{
    auto_drop(template) *template = NULL;
    if (template_parse(text, &template, err) < 0)
        return -1;
    return template_execute(template, dot, flags, pool, out, err);
}

static struct value document_value(struct pool *pool)
{
    struct value value;
    struct err err = {};
    cr_assert_eq(value_of_json(document, strlen(document), "document", pool, &value, &err), 0, "%s",
                 err.text);
    return value;
}

Test(template, gives_what_go_gives)
{
    auto_done(pool) pool = {};
    const struct value dot = document_value(&pool);
    for (size_t i = 0; i < array_size(given); i++) {
        auto_done(str) out = {};
        struct err err = {};
        cr_expect_eq(run(given[i].template, &dot, 0, &pool, &out, &err), 0, "%s: %s",
                     given[i].template, err.text);
        cr_expect_str_eq(str_text(&out), given[i].text, "%s: %s", given[i].template,
                         str_text(&out));
    }
}

Test(template, refuses_what_go_refuses)
{
    auto_done(pool) pool = {};
    const struct value dot = document_value(&pool);
    for (size_t i = 0; i < array_size(refused); i++) {
        auto_done(str) out = {};
        struct err err = {};
        cr_expect_lt(run(refused[i].template, &dot, 0, &pool, &out, &err), 0, "%s",
                     refused[i].template);
        cr_expect_eq(strncmp(err.text, refused[i].text, strlen(refused[i].text)), 0, "%s: %s",
                     refused[i].template, err.text);
        cr_expect_eq(err.kind, ERR_INVALID);
        cr_expect_null(strchr(err.text, '\n'));
    }
}

/* ---- structs ---- */

struct inner {
    char *name;
    bool on;
};
struct outer {
    char *id;
    char *nothing;
    uint64_t size;
    struct maybe_i64 limit;
    struct strings list;
    struct pairs labels;
    struct strings ports;
    struct inner inner;
    struct inner *absent;
    ARRAY_OF(inner) parts;
};
static const struct field inner_fields[] = {
    FIELD_TEXT(inner, name, "Name", F_ALWAYS),
    FIELD_BOOL(inner, on, "On", F_ALWAYS),
    FIELD_END,
};
static const struct field outer_fields[] = {
    FIELD_TEXT(outer, id, "Id", F_ALWAYS),
    FIELD_TEXT(outer, nothing, "Nothing", 0),
    FIELD_U64(outer, size, "Size", F_ALWAYS),
    FIELD_MAYBE_I64(outer, limit, "Limit", 0),
    FIELD_LIST(outer, list, "List", F_ALWAYS),
    FIELD_PAIRS(outer, labels, "Labels", F_ALWAYS),
    FIELD_SET(outer, ports, "Ports", 0),
    FIELD_OBJECT(outer, inner, "Inner", F_ALWAYS, inner, inner_fields),
    FIELD_POINTER(outer, absent, "Absent", 0, inner, inner_fields),
    FIELD_ARRAY(outer, parts, "Parts", F_ALWAYS, inner, inner_fields),
    FIELD_END,
};

static const char outer_json[] =
    "{\"Id\":\"x1\",\"Size\":18446744073709551615,\"List\":[\"a\",\"b\"],\"Labels\":{\"k.v\":\"1\","
    "\"a\":\"2\"},\"Ports\":{\"80/tcp\":{}},\"Inner\":{\"Name\":\"n\",\"On\":true},"
    "\"Parts\":[{\"Name\":\"p\",\"On\":false}]}";

static struct value outer_value(struct pool *pool)
{
    struct outer outer = {};
    struct err err = {};
    cr_assert_eq(field_read(outer_fields, outer_json, strlen(outer_json), "outer", 0, &outer, &err),
                 0, "%s", err.text);
    struct value value = value_of_fields(outer_fields, &outer, pool);
    field_done(outer_fields, &outer); /* the pool has copies */
    return value;
}

Test(template, knows_what_is_null_if_empty)
{
    static const struct field fields[] = {
        FIELD_LIST(outer, list, "List", F_NULL),
        FIELD_PAIRS(outer, labels, "Labels", F_NULL),
        FIELD_SET(outer, ports, "Ports", F_NULL),
        FIELD_END,
    };
    const struct outer outer = {};
    auto_done(pool) pool = {};
    auto_done(str) out = {};
    struct err err = {};
    const struct value dot = value_of_fields(fields, &outer, &pool);
    cr_assert_eq(
        run("{{.List}} {{len .Labels}} {{json .Labels}} {{json .}}", &dot, 0, &pool, &out, &err), 0,
        "%s", err.text);
    cr_assert_str_eq(str_text(&out), "[] 0 null {\"List\":null,\"Labels\":null,\"Ports\":null}");
}

Test(template, knows_the_members_of_structs)
{
    static const struct expected rows[] = {
        { "{{.Id}} {{.Size}} {{.Inner.Name}} {{.Inner.On}}", "x1 18446744073709551615 n true" },
        { "{{.Nothing}}|{{.Limit}}|{{.Absent}}", "|<no value>|<no value>" },
        { "{{.Labels.a}} {{index .Labels \"k.v\"}} {{.Labels.none}}|{{index .Labels \"none\"}}|",
          "2 1 <no value>||" },
        { "{{.List}} {{.Labels}} {{.Inner}} {{.Parts}} {{.Ports}}",
          "[a b] map[a:2 k.v:1] {n true} [{p false}] map[80/tcp:{}]" },
        { "{{range .Parts}}{{.Name}}{{end}}{{range $k, $v := .Ports}}{{$k}}{{end}}", "p80/tcp" },
        { "{{json .Labels}} {{json .Inner}} {{json .Ports}}",
          "{\"a\":\"2\",\"k.v\":\"1\"} {\"Name\":\"n\",\"On\":true} {\"80/tcp\":{}}" },
        { "{{printf \"%+v %T\" .Inner .Labels}}", "{Name:n On:true} map[string]string" },
        { "{{if .Inner}}yes{{end}}{{if .Absent}}no{{end}}", "yes" },
        { "{{eq .Size 18446744073709551615}}", NULL }, /* beyond what a constant may be */
        { "{{gt .Size 5}} {{eq .Size .Size}} {{lt .Size 5}}", "true true false" },
    };
    auto_done(pool) pool = {};
    const struct value dot = outer_value(&pool);
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_done(str) out = {};
        struct err err = {};
        int result = run(rows[i].template, &dot, 0, &pool, &out, &err);
        cr_expect_eq(result, rows[i].text ? 0 : -1, "%s: %s", rows[i].template, err.text);
        if (rows[i].text)
            cr_expect_str_eq(str_text(&out), rows[i].text, "%s: %s", rows[i].template,
                             str_text(&out));
    }
}

Test(template, names_the_members_there_are)
{
    auto_done(pool) pool = {};
    auto_done(str) out = {};
    const struct value dot = outer_value(&pool);
    struct err err = {};
    cr_assert_lt(run("{{.Inner.Nam}}", &dot, 0, &pool, &out, &err), 0);
    cr_assert_str_eq(err.text, "template: 1:3: can't evaluate field Nam; there are Name, On");
}

Test(template, writes_structs_as_their_table_does)
{
    auto_done(pool) pool = {};
    auto_done(str) json = {};
    const struct value dot = outer_value(&pool);
    value_json(&dot, &json);
    cr_assert_str_eq(str_text(&json),
                     "{\"Id\":\"x1\",\"Size\":18446744073709551615,\"List\":[\"a\",\"b\"],"
                     "\"Labels\":{\"a\":\"2\",\"k.v\":\"1\"},\"Ports\":{\"80/tcp\":{}},"
                     "\"Inner\":{\"Name\":\"n\",\"On\":true},"
                     "\"Parts\":[{\"Name\":\"p\",\"On\":false}]}");
}

/* ---- rows ---- */

static const char *member_name(void *of, size_t i)
{
    static const char *const names[] = { "Names", "ID", "Label", "Broken", NULL };
    (void)of;
    return names[i];
}

static const char *whole_name(void *of, size_t i)
{
    const char *name = member_name(of, i);
    return name && strcmp(name, "Broken") == 0 ? NULL : name;
}

static bool member_wants(void *of, size_t i)
{
    (void)of;
    return i == 2;
}

static int member_get(void *of, size_t i, const char *argument, struct pool *pool,
                      struct value *ret_value, struct err *err)
{
    int *made = of;
    (*made)++;
    if (i == 3)
        return err_set(err, ERR_NOT_FOUND, "it is gone");
    auto_free char *text = argument ? xasprintf("<%s>", argument) : xasprintf("m%zu", i);
    *ret_value = value_text(pool_text(pool, text, strlen(text)));
    return 0;
}

static const struct value_class row_class = { member_name, member_wants, member_get };
static const struct value_class whole_class = { whole_name, member_wants, member_get };

Test(template, makes_members_of_rows_when_they_are_asked_for)
{
    auto_done(pool) pool = {};
    auto_done(str) out = {};
    struct err err = {};
    int made = 0;
    const struct value dot = { .kind = VALUE_ROW, .row = { &row_class, &made } };
    cr_assert_eq(run("{{.ID}}{{if false}}{{.Names}}{{end}}", &dot, 0, &pool, &out, &err), 0, "%s",
                 err.text);
    cr_assert_str_eq(str_text(&out), "m1");
    cr_assert_eq(made, 1);
}

Test(template, rows)
{
    static const struct expected rows[] = {
        { "{{.Label \"a.b\"}} {{(.Label \"x\") | upper}} {{\"y\" | .Label}}", "<a.b> <X> <y>" },
        { "{{json .}}", "{\"ID\":\"m1\",\"Names\":\"m0\"}" },
        { "{{with $x := .}}{{$x.ID}}{{end}}{{range split .Names \"m\"}}{{.}};{{end}}", "m1;0;" },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_done(pool) pool = {};
        auto_done(str) out = {};
        struct err err = {};
        int made = 0;
        const struct value dot = { .kind = VALUE_ROW, .row = { &whole_class, &made } };
        cr_expect_eq(run(rows[i].template, &dot, 0, &pool, &out, &err), 0, "%s", err.text);
        cr_expect_str_eq(str_text(&out), rows[i].text, "%s", str_text(&out));
    }
}

Test(template, rows_tell_what_is_wrong)
{
    static const struct expected rows[] = {
        { "{{.Nope}}",
          "template: 1:3: can't evaluate field Nope; there are Names, ID, Label, Broken" },
        { "{{.Label}}", "template: 1:3: Label wants one text behind it: {{.Label \"name\"}}" },
        { "{{.Label 1}}", "template: 1:3: Label wants one text behind it: {{.Label \"name\"}}" },
        { "{{.ID 1}}", "template: 1:3: ID is not a function and takes no arguments" },
        { "{{.Broken}}", "template: 1:3: Broken: it is gone" },
        { "a\n {{json .}}", "template: 2:4: json: it is gone" },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_done(pool) pool = {};
        auto_done(str) out = {};
        struct err err = {};
        int made = 0;
        const struct value dot = { .kind = VALUE_ROW, .row = { &row_class, &made } };
        cr_expect_lt(run(rows[i].template, &dot, 0, &pool, &out, &err), 0);
        cr_expect_str_eq(err.text, rows[i].text, "%s", err.text);
    }
}

/* ---- flags ---- */

Test(template, escapes_values_for_a_terminal_and_not_its_own_text)
{
    auto_done(pool) pool = {};
    auto_done(str) out = {};
    struct err err = {};
    const struct value dot = value_text(view_of("a\x1b[31mb\\\xc2\x9b\nc\td\xff"));
    cr_assert_eq(run("\x1b[1m{{.}}{{println}}", &dot, TEMPLATE_ESCAPE, &pool, &out, &err), 0);
    cr_assert_str_eq(str_text(&out), "\x1b[1ma\\x1b[31mb\\\\xc2\\x9b\nc\td\\xff\n");
}

Test(template, leaves_titles_as_they_are)
{
    auto_done(pool) pool = {};
    auto_done(str) out = {};
    struct err err = {};
    const struct value dot = value_text(view_of("IMAGE ID"));
    cr_assert_eq(run("{{lower .}}|{{title .}}|{{json .}}|{{truncate . 2}}|{{pad . 1 1}}|", &dot,
                     TEMPLATE_TITLES, &pool, &out, &err),
                 0);
    cr_assert_str_eq(str_text(&out), "IMAGE ID|IMAGE ID|IMAGE ID|IMAGE ID| IMAGE ID |");
}

/* ---- limits ---- */

Test(template, ends_whatever_it_says)
{
    static const char *const endless[] = {
        "{{range 1000000000}}{{range 1000000000}}{{end}}{{end}}",
        "{{define \"r\"}}{{template \"r\" .}}{{end}}{{template \"r\" .}}",
        "{{define \"r\"}}{{template \"r\" .}}{{template \"r\" .}}{{end}}{{template \"r\" .}}",
        "{{$x := \"abcdefgh\"}}{{range 64}}{{$x = print $x $x}}{{end}}{{len $x}}",
        "{{$x := \"abcdefgh\"}}{{range 64}}{{$x = printf \"%s%s\" $x $x}}{{end}}{{len $x}}",
        "{{$x := printf \"%1000000d\" 1}}{{range 1000000}}{{$x}}{{end}}",
        "{{$x := printf \"%1000000d\" 1}}{{range 1000000000}}{{if eq $x $x}}{{end}}{{end}}",
        "{{$x := printf \"%1000000d\" 1}}{{range 1000000000}}{{$y := upper $x}}{{end}}",
        "{{$x := printf \"%1000000d\" 1}}{{range 1000000000}}{{$y := split $x \"\"}}{{end}}",
        "{{pad \"x\" 1000000000000 1000000000000}}",
        "{{$x := \"x\"}}{{range 40}}{{$x = join (split (pad $x 1000000 0) \"\") $x}}{{end}}",
        "{{range 1000000000}}x{{end}}",
        ("{{$x := split (pad \"x\" 400000 0) \" \"}}"
         "{{range 1000000000}}{{$y := join $x \"\"}}{{end}}"),
        ("{{$x := split (pad \"x\" 400000 0) \" \"}}"
         "{{range 1000000000}}{{$y := printf \"%.0s\" $x}}{{end}}"),
        ("{{define \"a\"}}{{range 100}}{{template \"b\" .}}{{end}}{{end}}"
         "{{define \"b\"}}{{range 100000}}{{template \"a\" .}}{{end}}{{end}}{{template \"a\" .}}"),
    };
    for (size_t i = 0; i < array_size(endless); i++) {
        auto_done(pool) pool = {};
        auto_done(str) out = {};
        struct err err = {};
        const struct value dot = {};
        cr_expect_lt(run(endless[i], &dot, 0, &pool, &out, &err), 0, "%s", endless[i]);
        cr_expect_lt(pool.used, (size_t)200 << 20, "%s takes %zu", endless[i], pool.used);
    }
}

static char *repeated(const char *what, size_t n)
{
    struct str text = {};
    for (size_t i = 0; i < n; i++)
        str_add(&text, what);
    return str_take(&text);
}

Test(template, knows_only_so_many_fields_of_fields)
{
    auto_done(pool) pool = {};
    auto_done(str) out = {};
    struct err err = {};
    struct template *template = NULL;
    const struct value dot = {};
    auto_free char *fields = repeated(".A", 101);
    auto_free char *chain =
        xasprintf("{{%s}} {{$%s}} {{(.)%s}}", fields + 2, fields + 2, fields + 2);
    cr_expect_eq(run(chain, &dot, 0, &pool, &out, &err), 0, "%s", err.text);
    cr_expect_str_eq(str_text(&out), "<no value> <no value> <no value>");
    auto_free char *more = xasprintf("{{%s}}", fields);
    cr_expect_lt(template_parse(more, &template, &err), 0);
    cr_expect_str_eq(err.text, "template: 1:203: more than 100 fields of fields");
}

Test(template, nests_only_so_deep)
{
    static const char *const openings[] = { "{{if 1}}", "{{range 1}}", "{{block \"x\" 1}}" };
    struct err err = {};
    for (size_t i = 0; i < array_size(openings); i++) {
        struct template *template = NULL;
        auto_free char *text = repeated(openings[i], 10000);
        cr_expect_lt(template_parse(text, &template, &err), 0);
        cr_expect(strstr(err.text, "nested deeper than 100 levels"), "%s", err.text);
    }
    struct template *template = NULL;
    auto_free char *parentheses = repeated("(", 10000);
    auto_free char *text = xasprintf("{{%s", parentheses);
    cr_expect_lt(template_parse(text, &template, &err), 0);
    cr_expect(strstr(err.text, "nested deeper than 100 levels"), "%s", err.text);
    auto_free char *elses = repeated("{{else if 1}}", 10000);
    auto_free char *chain = xasprintf("{{if 1}}%s", elses);
    cr_expect_lt(template_parse(chain, &template, &err), 0);
    cr_expect(strstr(err.text, "nested deeper than 100 levels"), "%s", err.text);
}

Test(template, is_of_a_certain_length)
{
    struct err err = {};
    struct template *template = NULL;
    auto_free char *text = repeated("12345678", 200000);
    cr_assert_lt(template_parse(text, &template, &err), 0);
    cr_assert_str_eq(err.text, "template: longer than 1048576 bytes");
}

Test(template, reads_numbers_of_every_size)
{
    static const struct expected rows[] = {
        { "[18446744073709551615, 5, -3, 0.25]", "[18446744073709551615,5,-3,0.25]" },
        { "{\"a\": [18446744073709551616, 1.5], \"b\": -9223372036854775808}",
          "{\"a\":[18446744073709552000,1.5],\"b\":-9223372036854775808}" },
        { "[-9223372036854775809, 7]", "[-9223372036854776000,7]" },
        { "[1e21, 1e-7, 100000000000000000000.5]", "[1e+21,1e-7,100000000000000000000]" },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_done(pool) pool = {};
        auto_done(str) json = {};
        struct value value;
        struct err err = {};
        cr_assert_eq(
            value_of_json(rows[i].template, strlen(rows[i].template), "x", &pool, &value, &err), 0,
            "%s", err.text);
        value_json(&value, &json);
        cr_expect_str_eq(str_text(&json), rows[i].text, "%s", str_text(&json));
    }
}
