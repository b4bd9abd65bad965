/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/json_indent.h"

#include <criterion/criterion.h>

#include "base/mem.h"

static void assert_indent(const char *json, size_t level, const char *wanted)
{
    auto_done(str) out = {};
    json_indent(json, level, &out);
    cr_expect_str_eq(str_text(&out), wanted);
}

Test(json_indent, lays_out_levels)
{
    assert_indent("{\"a\":1,\"b\":[true,{\"c\":null}]}", 0,
                  "{\n"
                  "    \"a\": 1,\n"
                  "    \"b\": [\n"
                  "        true,\n"
                  "        {\n"
                  "            \"c\": null\n"
                  "        }\n"
                  "    ]\n"
                  "}");
    assert_indent("{\"a\":1}", 1, "{\n        \"a\": 1\n    }");
}

Test(json_indent, does_not_care_how_it_was_laid_out)
{
    assert_indent(" { \"a\" : [ 1 ,\n\t2 ] } \n", 0,
                  "{\n    \"a\": [\n        1,\n        2\n    ]\n}");
}

Test(json_indent, leaves_what_is_empty_on_the_line)
{
    assert_indent("{\"a\":{},\"b\":[ ]}", 0, "{\n    \"a\": {},\n    \"b\": []\n}");
    assert_indent("{}", 0, "{}");
}

Test(json_indent, leaves_texts_alone)
{
    assert_indent("{\"a,b: {\":\"\\\"}\\\\\"}", 0, "{\n    \"a,b: {\": \"\\\"}\\\\\"\n}");
}

Test(json_indent, escapes_what_acts_on_a_terminal)
{
    assert_indent("\"\x7f\xc2\x9b\xe2\x80\xae\xc3\xa9\xff\"", 0,
                  "\"\\u007f\\u009b\\u202e\xc3\xa9\\ufffd\"");
}
