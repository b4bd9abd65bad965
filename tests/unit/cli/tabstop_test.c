/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tabstop.h"

#include <criterion/criterion.h>

#include "base/mem.h"

/* What Go's tabwriter makes of it, as docker has it set: at least ten wide, three blanks apart. */
/* clang-format off */
static const struct {
    const char *text;
    const char *formatted;
} rows[] = {
    { "A\tB\tC\n1\t2\t3\n",
      "A         B         C\n1         2         3\n" },
    { "CONTAINER ID\tNAMES\naaaaaaaaaaaa\tweb\n",
      "CONTAINER ID   NAMES\naaaaaaaaaaaa   web\n" },
    { "a\n",
      "a\n" },
    { "a\t\n",
      "a         \n" },
    { "\tb\n\tc\n",
      "          b\n          c\n" },
    { "a\tb\nplain line\nlonger than ten\tc\n",
      "a         b\nplain line\nlonger than ten   c\n" },
    { "a\tb\tc\nx\ty\nlonger than ten\tlonger than ten\tz\n",
      "a                 b         c\nx                 y\nlonger than ten   longer than ten   z\n" },
    { "héllo wörld\tx\nabc\ty\n",
      "héllo wörld   x\nabc           y\n" },
    { "a\tb\n\nlonger than ten\tc\n",
      "a         b\n\nlonger than ten   c\n" },
    { "a\tb",
      "a         b" },
    { "a\tb\n\tlonger than ten\t|\n1\t2\t3\n",
      "a         b\n          longer than ten   |\n1         2                 3\n" },
    { "",
      "" },
    { "\n\n",
      "\n\n" },
    { "a\tlonger than ten\tx\nb\nc\td\te\n",
      "a         longer than ten   x\nb\nc         d         e\n" },
};
/* clang-format on */

Test(tabstop, makes_columns)
{
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_done(str) out = {};
        tabstop_format(view_of(rows[i].text), &out);
        cr_expect_str_eq(str_text(&out), rows[i].formatted, "%s: %s", rows[i].text, str_text(&out));
    }
}
