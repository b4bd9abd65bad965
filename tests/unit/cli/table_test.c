/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <criterion/criterion.h>

#include "base/mem.h"

static const struct column columns[] = { { "ID", 0 }, { "COMMAND", 8 }, { "NAMES", 5 } };

static void fill(struct table *table)
{
    *table = (struct table){ .columns = columns, .n_columns = array_size(columns) };
    table_add(table, "0123456789ab");
    table_add(table, "a command of some length");
    table_add(table, "first");
    table_add(table, "1");
    table_add(table, "");
    table_add(table, "a-longer-name");
}

static void assert_format(const struct table *table, size_t width, const char *wanted)
{
    auto_done(str) out = {};
    table_format(table, width, &out);
    cr_expect_str_eq(str_text(&out), wanted);
}

Test(table, aligns_columns)
{
    auto_done(table) table = {};
    fill(&table);
    assert_format(&table, 0,
                  "ID             COMMAND                    NAMES\n"
                  "0123456789ab   a command of some length   first\n"
                  "1                                         a-longer-name\n");
}

Test(table, has_least_widths)
{
    auto_done(table) table = { .columns = columns, .n_columns = array_size(columns) };
    assert_format(&table, 0, "ID        COMMAND   NAMES\n");
    assert_format(&table, 5, "ID        COMMAND   NAMES\n");
}

Test(table, shortens_the_widest)
{
    auto_done(table) table = {};
    fill(&table);
    assert_format(&table, 45,
                  "ID             COMMAND          NAMES\n"
                  "0123456789ab   a command of \xe2\x80\xa6   first\n"
                  "1                               a-longer-name\n");
    assert_format(&table, 40,
                  "ID             COMMAND       NAMES\n"
                  "0123456789ab   a command \xe2\x80\xa6   first\n"
                  "1                            a-longer-n\xe2\x80\xa6\n");
}

Test(table, keeps_what_may_not_be_shortened)
{
    auto_done(table) table = {};
    fill(&table);
    assert_format(&table, 10,
                  "ID             COMMAND    NAMES\n"
                  "0123456789ab   a comma\xe2\x80\xa6   first\n"
                  "1                         a-lo\xe2\x80\xa6\n");
}

Test(table, escapes_cells)
{
    static const struct column one[] = { { "NAME", 0 } };
    auto_done(table) table = { .columns = one, .n_columns = 1 };
    table_add(&table, "a\033[2Jb\nc\\");
    assert_format(&table, 0, "NAME\na\\x1b[2Jb\\nc\\\\\n");
}

Test(table, counts_characters_not_bytes)
{
    cr_expect_eq(text_width("h\xc3\xa9\xc3\xa9", 5), 3);
    auto_done(str) whole = {};
    text_shorten(&whole, "h\xc3\xa9\xc3\xa9", 3);
    cr_expect_str_eq(str_text(&whole), "h\xc3\xa9\xc3\xa9");
    auto_done(str) cut = {};
    text_shorten(&cut, "h\xc3\xa9\xc3\xa9", 2);
    cr_expect_str_eq(str_text(&cut), "h\xe2\x80\xa6");
}
