/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"

Test(commands, are_complete)
{
    for (const struct command *const *at = commands; *at; at++) {
        const struct command *command = *at;
        size_t n = 0;
        cr_expect_not_null(command->run, "%s", command->name);
        cr_expect_not_null(command->args, "%s", command->name);
        cr_expect(command->summary && command->summary[0], "%s", command->name);
        cr_expect_neq(command->summary[strlen(command->summary) - 1], '.', "%s", command->name);
        cr_expect_gt(command->args_size, 0, "%s", command->name);
        cr_expect(command->most == -1 || command->most >= command->least, "%s", command->name);
        while (command->examples && command->examples[n])
            n++;
        cr_expect_eq(n % 2, 0, "%s: an example without words", command->name);
        for (size_t i = 0; i < n; i += 2)
            cr_expect_not_null(strstr(command->examples[i], "ruche"), "%s", command->name);
    }
}

/* Two rows of one name or letter would hide each other. */
static void assert_no_doubles(const struct command *command)
{
    auto_free const struct option **options = option_sorted(command->options);
    for (size_t i = 0; options[i]; i++) {
        cr_expect(i == 0 || strcmp(options[i - 1]->name, options[i]->name) != 0, "%s --%s",
                  command->name, options[i]->name);
        for (size_t k = 0; k < i; k++)
            cr_expect(!options[i]->letter || options[i]->letter != options[k]->letter, "%s -%c",
                      command->name, options[i]->letter);
        bool plain = options[i]->type == OPTION_TYPE_BOOL;
        cr_expect_eq(options[i]->value == NULL, plain, "%s --%s", command->name, options[i]->name);
    }
}

Test(commands, have_no_double_options)
{
    assert_no_doubles(&program_command);
    for (const struct command *const *at = commands; *at; at++)
        assert_no_doubles(*at);
}

Test(commands, are_found_by_one_word_or_two)
{
    int n = 0;
    char *one[] = { "run", "ls", NULL };
    cr_expect_eq(command_find(one, &n), &run_command);
    cr_expect_eq(n, 1);
    char *two[] = { "image", "ls", "x", NULL };
    cr_expect_eq(command_find(two, &n), &image_ls_command);
    cr_expect_eq(n, 2);
    char *half[] = { "image", NULL };
    cr_expect_null(command_find(half, &n));
    char *cut[] = { "ru", NULL };
    cr_expect_null(command_find(cut, &n));
    char *joined[] = { "image ls", NULL };
    cr_expect_null(command_find(joined, &n));
}

Test(commands, list_leaves_hidden_ones_out)
{
    auto_done(str) list = {};
    commands_list(&list);
    cr_expect_not_null(strstr(list.at, "  run "));
    cr_expect_null(strstr(list.at, "__complete"));
    cr_expect_null(strstr(list.at, "__remove"));
}
