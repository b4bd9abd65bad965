/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/family.h"

#include <criterion/criterion.h>

#include "base/mem.h"

static const struct command list = {
    .name = "boxes",
    .also = COMMAND_ALSO("box ls", "box list", "bs"),
    .summary = "List boxes",
};
static const struct command secret = {
    .name = "__box",
    .also = COMMAND_ALSO("box secret", "hidden family"),
    .summary = "Nobody's business",
    .flags = COMMAND_HIDDEN,
};
static const struct command open_it = { .name = "box open", .summary = "Open a box" };
static const struct command image = { .name = "image ls", .summary = "List images" };
static const struct command *const table[] = { &list, &secret, &open_it, &image, NULL };

/* "boxes box+ bs=": + a family, = once more. */
static char *words_of(const char *family)
{
    auto_done(family_words) words = {};
    auto_done(str) out = {};

    family_words(table, view_of(family), &words);
    for (size_t i = 0; i < words.len; i++) {
        const struct family_word *row = &words.at[i];
        str_addf(&out, "%s%.*s%s%s", i > 0 ? " " : "", (int)row->word.len, row->word.at,
                 row->command ? "" : "+", row->again ? "=" : "");
    }
    return str_take(&out);
}

Test(family, has_words_by_all_names)
{
    static const char *const rows[][2] = {
        { "", "boxes box+ bs= image+" },
        { "box", "ls list= open" },
        { "image", "ls" },
        { "boxes", "" },
        { "bo", "" },
        { "hidden", "" },
    };

    for (size_t i = 0; i < array_size(rows); i++) {
        auto_free char *words = words_of(rows[i][0]);
        cr_expect_str_eq(words, rows[i][1], "\"%s\": %s", rows[i][0], words);
    }
}

Test(family, help_has_each_command_once)
{
    auto_done(str) out = {};

    cr_assert(family_help(table, "box", &out));
    cr_expect_str_eq(out.at, "Usage:  ruche box COMMAND\n"
                             "\n"
                             "Group of commands\n"
                             "\n"
                             "Commands:\n"
                             "  ls     List boxes\n"
                             "  open   Open a box\n"
                             "\n"
                             "'ruche box COMMAND --help' tells more of a command.\n");
    str_clear(&out);
    cr_assert(family_help(table, "image", &out));
    cr_expect(text_starts(out.at, "Usage:  ruche image COMMAND\n\nManage images\n\n"));
}

Test(family, help_is_of_families_only)
{
    static const char *const none[] = { "", "boxes", "bo", "hidden", "box ls", "box " };
    auto_done(str) out = {};

    for (size_t i = 0; i < array_size(none); i++)
        cr_expect_not(family_help(table, none[i], &out), "%s", none[i]);
    cr_expect_eq(out.len, 0);
}

Test(family, whole_list_is_by_first_names)
{
    auto_done(str) out = {};

    family_list_all(table, &out);
    cr_expect_str_eq(out.at, "  boxes      List boxes\n"
                             "  box open   Open a box\n"
                             "  image ls   List images\n");
}
