/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/image_list.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/mem.h"

static void add(struct layer_tree *tree, const char *name, const char *layers)
{
    auto_done(strings) ids = {};
    uint64_t sizes[20];
    for (; *layers; layers++) {
        sizes[ids.len] = 1000 * (uint64_t)*layers;
        strings_addf(&ids, "sha256:%c", *layers);
    }
    size_t node = layer_tree_add(tree, &ids, sizes);
    strings_add(&tree->at[node].images, name);
}

static void assert_lines(const struct layer_tree *tree, bool utf8, const char *wanted)
{
    auto_done(str) out = {};
    layer_tree_format(tree, utf8 ? LAYER_TREE_UTF8 : 0, &out);
    cr_expect_str_eq(str_text(&out), wanted, "%s", str_text(&out));
}

Test(image_tree, shows_what_is_shared)
{
    auto_done(layer_tree) tree = {};
    add(&tree, "base", "a");
    add(&tree, "app", "abc");
    add(&tree, "app:2", "abc");
    add(&tree, "tool", "abd");
    add(&tree, "other", "ab");
    add(&tree, "third", "ae");
    add(&tree, "alone", "x");
    assert_lines(&tree, true,
                 "a\t97kB\tbase\n"
                 "├─ b\t98kB\tother\n"
                 "│  ├─ c\t99kB\tapp, app:2\n"
                 "│  └─ d\t100kB\ttool\n"
                 "└─ e\t101kB\tthird\n"
                 "x\t120kB\talone\n");
    assert_lines(&tree, false,
                 "a\t97kB\tbase\n"
                 "|- b\t98kB\tother\n"
                 "|  |- c\t99kB\tapp, app:2\n"
                 "|  `- d\t100kB\ttool\n"
                 "`- e\t101kB\tthird\n"
                 "x\t120kB\talone\n");
}

Test(image_tree, the_same_content_on_another_layer_is_another_layer)
{
    auto_done(layer_tree) tree = {};
    add(&tree, "one", "ab");
    add(&tree, "two", "cb");
    assert_lines(&tree, false, "a\t97kB\t\n`- b\t98kB\tone\nc\t99kB\t\n`- b\t98kB\ttwo\n");
}

Test(image_tree, an_image_may_have_no_layer)
{
    auto_done(layer_tree) tree = {};
    assert_lines(&tree, false, "");
    add(&tree, "scratch", "");
    add(&tree, "a", "a");
    assert_lines(&tree, false, "(no layer)\t0B\tscratch\na\t97kB\ta\n");
}

Test(image_tree, escapes_names)
{
    auto_done(layer_tree) tree = {};
    add(&tree, "a\x1b[31m", "a");
    assert_lines(&tree, false, "a\t97kB\ta\\x1b[31m\n");
}

Test(image_tree, the_locale_tells_the_charset)
{
    static const struct {
        const char *all, *type, *lang;
        bool utf8;
    } rows[] = {
        { NULL, NULL, NULL, false },         { NULL, NULL, "C", false },
        { NULL, NULL, "en_US.UTF-8", true }, { NULL, NULL, "C.utf8", true },
        { "C", NULL, "en_US.UTF-8", false }, { "", "de_DE.UTF-8", "C", true },
        { "", "POSIX", "C.UTF-8", false },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
        const char *const values[] = { rows[i].all, rows[i].type, rows[i].lang };
        for (size_t k = 0; k < array_size(names); k++)
            if (values[k])
                (void)setenv(names[k], values[k], 1);
            else
                (void)unsetenv(names[k]);
        cr_expect_eq(locale_is_utf8(), rows[i].utf8, "%zu", i);
    }
}
