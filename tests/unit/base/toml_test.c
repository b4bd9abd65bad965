/* SPDX-License-Identifier: Apache-2.0 */
#include "base/toml.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"

static void reads(const char *toml, const char *json)
{
    auto_done(str) out = {};
    struct err err = {};
    cr_assert_eq(toml_to_json(toml, strlen(toml), "file", &out, &err), 0, "%s\nof\n%s", err.text,
                 toml);
    cr_expect_str_eq(str_text(&out), json, "%s\nbut it should be\n%s", str_text(&out), json);
}

/* The error begins with the file and the line, and has the words. */
static void refuses_bytes(const char *toml, size_t len, size_t line, const char *words)
{
    auto_done(str) out = {};
    struct err err = {};
    auto_free char *head = xasprintf("file: line %zu: ", line);
    cr_assert_lt(toml_to_json(toml, len, "file", &out, &err), 0, "it passes:\n%s", toml);
    cr_expect_eq(err.kind, ERR_INVALID);
    cr_expect(text_starts(err.text, head), "\"%s\" does not begin with \"%s\"", err.text, head);
    cr_expect_not_null(strstr(err.text, words), "\"%s\" does not say \"%s\"", err.text, words);
    cr_expect_eq(out.len, 0);
    for (const char *c = err.text; *c; c++)
        cr_assert_geq((unsigned char)*c, ' ', "a control byte in the error");
}

static void refuses(const char *toml, size_t line, const char *words)
{
    refuses_bytes(toml, strlen(toml), line, words);
}

Test(toml, keys_and_values)
{
    static const struct {
        const char *toml, *json;
    } rows[] = {
        { "", "{}" },
        { "\n  \t\n# nothing\r\n", "{}" },
        { "\xef\xbb\xbf"
          "a=1",
          "{\"a\":1}" },
        { "a = 1 # one", "{\"a\":1}" },
        { "a=true\r\nb\t=\tfalse\r\n", "{\"a\":true,\"b\":false}" },
        { "1234 = 'x'\n-_- = ''", "{\"1234\":\"x\",\"-_-\":\"\"}" },
        { "\"quoted key\" = 1\n'lit\\eral' = 2\n\"\" = 3",
          "{\"quoted key\":1,\"lit\\\\eral\":2,\"\":3}" },
        { "a.b.c = 1\na . \"b\" . d = 2\na.e=3", "{\"a\":{\"b\":{\"c\":1,\"d\":2},\"e\":3}}" },
        { "3.1 = 'no number'", "{\"3\":{\"1\":\"no number\"}}" },
        { "\"a.b\" = 1", "{\"a.b\":1}" },
    };
    for (size_t i = 0; i < array_size(rows); i++)
        reads(rows[i].toml, rows[i].json);
}

Test(toml, whole_numbers)
{
    reads("a=+99\nb=-17\nc=0\nd=-0\ne=+0", "{\"a\":99,\"b\":-17,\"c\":0,\"d\":0,\"e\":0}");
    reads("a=1_000\nb=5_349_221\nc=1_2_3", "{\"a\":1000,\"b\":5349221,\"c\":123}");
    reads("a=0xDEADBEEF\nb=0xdead_beef\nc=0o755\nd=0b1101",
          "{\"a\":3735928559,\"b\":3735928559,\"c\":493,\"d\":13}");
    reads("a=9223372036854775807\nb=-9223372036854775808",
          "{\"a\":9223372036854775807,\"b\":-9223372036854775808}");
    refuses("a=9223372036854775808", 1, "64 bits");
    refuses("a=-9223372036854775809", 1, "64 bits");
    refuses("a=99999999999999999999999", 1, "64 bits");
    refuses("a=0xffffffffffffffff", 1, "64 bits");
    refuses("a=012", 1, "begins with 0");
    refuses("a=-012", 1, "begins with 0");
    refuses("a=1__0", 1, "no number");
    refuses("a=1_", 1, "no number");
    refuses("a=_1", 1, "no value");
    refuses("a=+", 1, "value");
    refuses("a=0x", 1, "value");
    refuses("a=0xg", 1, "no number");
    refuses("a=0o8", 1, "no number");
    refuses("a=0b2", 1, "no number");
    refuses("a=+0x1", 1, "no number");
    refuses("a=12abc", 1, "no number");
    refuses("a=1 2", 1, "end of the line");
}

Test(toml, what_is_not_read)
{
    static const char *const dates[] = { "a=1979-05-27", "a=1979-05-27T07:32:00Z", "a=07:32:00",
                                         "a=1979-05-27 07:32:00.999999-07:00" };
    static const char *const fractions[] = { "a=1.0",  "a=-0.01", "a=5e+22", "a=6.6E-34", "a=inf",
                                             "a=-inf", "a=+nan",  "a=nan",   "a=0.5" };
    for (size_t i = 0; i < array_size(dates); i++)
        refuses(dates[i], 1, "date");
    for (size_t i = 0; i < array_size(fractions); i++)
        refuses(fractions[i], 1, "fraction");
}

Test(toml, strings)
{
    reads("a = \"I'm \\\"quoted\\\". \\\\ \\t\\n\\r\\b\\f\"",
          "{\"a\":\"I'm \\\"quoted\\\". \\\\ \\t\\n\\r\\b\\f\"}");
    reads("a = \"\\u00e9\\U0001F600\\u007e\"", "{\"a\":\"\xc3\xa9\xf0\x9f\x98\x80~\"}");
    reads("a = \"\\u20ac\" # \xe2\x82\xac", "{\"a\":\"\xe2\x82\xac\"}");
    reads("a = 'C:\\Users\\n'", "{\"a\":\"C:\\\\Users\\\\n\"}");
    reads("a = '\ttab'", "{\"a\":\"\\ttab\"}");
    refuses("a = \"\\x41\"", 1, "backslash");
    refuses("a = \"\\u12g4\"", 1, "hexadecimal");
    refuses("a = \"\\ud800\"", 1, "no character");
    refuses("a = \"\\U00110000\"", 1, "no character");
    refuses("a = \"\\u0000\"", 1, "zero byte");
    refuses("\n\na = \"x\n\"", 3, "end of the line");
    refuses("a = 'x", 1, "end of the file");
    refuses("a = \"\\", 1, "end of the file");
    refuses("a = \"\x01\"", 1, "0x01");
    refuses("a = '\x7f'", 1, "0x7f");
    refuses("a = x", 1, "quotes");
    refuses("a = truely", 1, "quotes");
    refuses("a =", 1, "end of the file");
    refuses("a = # x", 1, "found '#'");
}

Test(toml, strings_of_lines)
{
    reads("a = \"\"\"\none\ntwo\"\"\"", "{\"a\":\"one\\ntwo\"}");
    reads("a = \"\"\"\r\none\r\ntwo\"\"\"", "{\"a\":\"one\\ntwo\"}");
    reads("a = '''\none\\\ntwo'''", "{\"a\":\"one\\\\\\ntwo\"}");
    reads("a = \"\"\"one \\\n\n   \t two\\\n  \"\"\"", "{\"a\":\"one two\"}");
    reads("a = \"\"\"\\t\\   \n x\"\"\"", "{\"a\":\"\\tx\"}");
    reads("a = \"\"\"\"quoted\"\"\"\"\"", "{\"a\":\"\\\"quoted\\\"\\\"\"}");
    reads("a = '''it''s'''", "{\"a\":\"it''s\"}");
    reads("a = \"\"\"\"\"\"\nb = ''''''", "{\"a\":\"\",\"b\":\"\"}");
    refuses("a = \"\"\"x\n\n", 3, "begins on line 1");
    refuses("a = \"\"\"\\ x\"\"\"", 1, "backslash");
    refuses("a = \"\"\"\"\"\"\"\"\"", 1, "end of the line");
    refuses("a = '''\rx'''", 1, "0x0d");
    refuses("\"\"\"a\"\"\" = 1", 1, "'='");
}

Test(toml, arrays_and_inline_tables)
{
    reads("a = [ 1, 'two', [3, [4]], {b = 5, c.d = 6} ]",
          "{\"a\":[1,\"two\",[3,[4]],{\"b\":5,\"c\":{\"d\":6}}]}");
    reads("a = [ # first\n  1, # one\n\n  2,\n]\nb = []\nc=[\n]",
          "{\"a\":[1,2],\"b\":[],\"c\":[]}");
    reads("a = {}\nb = { }", "{\"a\":{},\"b\":{}}");
    reads("a = { b = [\n1\n] }", "{\"a\":{\"b\":[1]}}");
    refuses("a = [1 2]", 1, "',' or ']'");
    refuses("a = [,1]", 1, "value");
    refuses("a = [1,,2]", 1, "value");
    refuses("a = [1,\n2", 2, "end of the file");
    refuses("a = {b = 1,}", 1, "key");
    refuses("a = {b = 1\n}", 1, "end of the line");
    refuses("a = {b = 1, b = 2}", 1, "defined already");
    refuses("a = {b.c = 1, b = 2}", 1, "defined already");
    refuses("a = {b = {}, b.c = 2}", 1, "defined already");
}

Test(toml, tables)
{
    reads("[a]\nx=1\n[a.b]\ny=2\n[ c . \"d.e\" ] # c\nz=3",
          "{\"a\":{\"x\":1,\"b\":{\"y\":2}},\"c\":{\"d.e\":{\"z\":3}}}");
    reads("[a.b]\nx=1\n[a]\ny=2", "{\"a\":{\"b\":{\"x\":1},\"y\":2}}");
    reads("[[r]]\nn=1\n[[r.m]]\nk=1\n[[r.m]]\nk=2\n[r.t]\nx=0\n[[r]]\n[[r.m]]\nk=3\n[r.t]",
          "{\"r\":[{\"n\":1,\"m\":[{\"k\":1},{\"k\":2}],\"t\":{\"x\":0}},"
          "{\"m\":[{\"k\":3}],\"t\":{}}]}");
    reads("[fruit]\napple.color = 'red'\n[fruit.apple.taste]\nsweet = true",
          "{\"fruit\":{\"apple\":{\"color\":\"red\",\"taste\":{\"sweet\":true}}}}");
    reads("[[a.b]]\n[a.c]", "{\"a\":{\"b\":[{}],\"c\":{}}}");
}

Test(toml, second_definitions)
{
    static const struct {
        const char *toml;
        size_t line;
    } rows[] = {
        { "a=1\na=2", 2 },
        { "a=1\n\"a\"=2", 2 },
        { "[a]\n[a]", 2 },
        { "[a]\nb=1\n[a.b]", 3 },
        { "a=1\na.b=2", 2 },
        { "a=1\n[a]", 2 },
        { "a.b=1\n[a]", 2 },
        { "[fruit]\napple.color=1\n[fruit.apple]", 3 },
        { "[a.b]\nx=1\n[a]\nb.y=2", 4 },
        { "[a.b.c]\nx=1\n[a]\nb.c.t=2", 4 },
        { "a={b=1}\na.c=2", 2 },
        { "a={b=1}\n[a.c]", 2 },
        { "a={b.c=1}\n[a.b.d]", 2 },
        { "a={}\n[[a]]", 2 },
        { "a=[]\n[[a]]", 2 },
        { "a=[{}]\n[a.b]", 2 },
        { "[a]\n[[a]]", 2 },
        { "[[a]]\n[a]", 2 },
        { "[[a]]\n[[a.b]]\n[a.b]", 3 },
        { "[a.b]\n[[a]]", 2 },
    };
    for (size_t i = 0; i < array_size(rows); i++)
        refuses(rows[i].toml, rows[i].line, "defined already, on line ");
}

Test(toml, bad_lines)
{
    refuses("a", 1, "'='");
    refuses("a\n=1", 1, "'='");
    refuses("= 1", 1, "key");
    refuses("a. = 1", 1, "key");
    refuses(".a = 1", 1, "key");
    refuses("a b = 1", 1, "'='");
    refuses("\xc3\xa9 = 1", 1, "key");
    refuses("a = 1 b = 2", 1, "end of the line");
    refuses("[a", 1, "]");
    refuses("[]", 1, "key");
    refuses("[a]]", 1, "end of the line");
    refuses("[[a]", 1, "]]");
    refuses("[ [a]]", 1, "key");
    refuses("[a.]", 1, "key");
    refuses("[a] b=1", 1, "end of the line");
    refuses("a = 1\r", 1, "0x0d");
    refuses("# \x01", 1, "0x01");
    refuses("# \r x", 1, "0x0d");
    refuses("\na = '\xff'", 2, "UTF-8");
    refuses("# \xc0\x80", 1, "UTF-8");
    refuses_bytes("a=1\nb='\0'", 9, 2, "zero byte");
    refuses("\xef\xbb\xbf\xef\xbb\xbf", 1, "key");
}

/* What repeats so often: text, its number, and what stands before and behind. */
static void repeat(struct str *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        str_add(out, text);
}

Test(toml, limits)
{
    auto_done(str) toml = {};
    str_add(&toml, "a=");
    repeat(&toml, "[", 100000);
    refuses(str_text(&toml), 1, "nested deeper");
    str_clear(&toml);
    str_add(&toml, "a=");
    repeat(&toml, "{a=", 100000);
    refuses(str_text(&toml), 1, "nested deeper");
    str_clear(&toml);
    repeat(&toml, "a.", 100000);
    refuses(str_text(&toml), 1, "nested deeper");
    str_clear(&toml);
    str_add(&toml, "[");
    repeat(&toml, "a.", 100000);
    refuses(str_text(&toml), 1, "nested deeper");
    str_clear(&toml);
    str_add(&toml, "a=[");
    repeat(&toml, "1,", TOML_VALUES_MAX);
    refuses(str_text(&toml), 1, "values");
    str_clear(&toml);
    repeat(&toml, "#", TOML_BYTES_MAX + 1);
    struct err err = {};
    auto_done(str) out = {};
    cr_assert_lt(toml_to_json(toml.at, toml.len, "file", &out, &err), 0);
    cr_assert_not_null(strstr(err.text, "larger"));
    toml.at[toml.len - 1] = '\0';
    cr_assert_eq(toml_to_json(toml.at, toml.len - 1, "file", &out, &err), 0, "%s", err.text);
}

/* As deep as it may be. */
Test(toml, depth_that_is_allowed)
{
    auto_done(str) toml = {};
    auto_done(str) out = {};
    struct err err = {};
    str_add(&toml, "a=");
    repeat(&toml, "[", TOML_DEPTH_MAX);
    repeat(&toml, "]", TOML_DEPTH_MAX);
    cr_assert_eq(toml_to_json(toml.at, toml.len, "file", &out, &err), 0, "%s", err.text);
    refuses("a=[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", 1,
            "nested deeper");
}
