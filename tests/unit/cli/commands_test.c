/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "cli/family.h"

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
    const char *name = NULL;
    char *one[] = { "run", "ls", NULL };
    cr_expect_eq(command_find(one, &name), &run_command);
    cr_expect_str_eq(name, "run");
    char *two[] = { "image", "prune", "x", NULL };
    cr_expect_eq(command_find(two, &name), &image_prune_command);
    cr_expect_str_eq(name, "image prune");
    char *half[] = { "image", NULL };
    cr_expect_null(command_find(half, &name));
    char *cut[] = { "ru", NULL };
    cr_expect_null(command_find(cut, &name));
    char *joined[] = { "image ls", NULL };
    cr_expect_null(command_find(joined, &name));
}

/* A name is one word or two; it is one command's, and no family's. */
static void assert_name_is_sole(const struct command *command, const char *name)
{
    auto_done(family_words) members = {};
    auto_done(strings) words = {};
    const char *found = NULL;
    struct view word, rest = view_of(name);

    while (rest.len > 0) {
        (void)view_cut(&rest, ' ', &word);
        strings_add_taken(&words, xstrndup(word.at, word.len));
    }
    cr_expect(words.len == 1 || words.len == 2, "%s", name);
    cr_expect_eq(command_find(words.at, &found), command, "%s", name);
    cr_expect_eq(found, name, "%s", name);
    family_words(commands, view_of(name), &members);
    cr_expect_eq(members.len, 0, "%s", name);
}

Test(commands, are_found_by_every_name)
{
    const char *name;
    for (const struct command *const *at = commands; *at; at++)
        for (size_t i = 0; (name = command_name(*at, i)); i++)
            assert_name_is_sole(*at, name);
}

/* What docker has two names for. */
Test(commands, have_dockers_names)
{
    static const struct {
        const struct command *command;
        const char *family, *names[4];
    } rows[] = {
        { &run_command, "container", { "run" } },
        { &create_command, "container", { "create" } },
        { &start_command, "container", { "start" } },
        { &exec_command, "container", { "exec" } },
        { &ps_command, "container", { "ls", "list", "ps" } },
        { &logs_command, "container", { "logs" } },
        { &container_inspect_command, "container", { "inspect" } },
        { &wait_command, "container", { "wait" } },
        { &stop_command, "container", { "stop" } },
        { &kill_command, "container", { "kill" } },
        { &pause_command, "container", { "pause" } },
        { &unpause_command, "container", { "unpause" } },
        { &rm_command, "container", { "rm", "remove" } },
        { &export_command, "container", { "export" } },
        { &images_command, "image", { "ls", "list" } },
        { &rmi_command, "image", { "rm", "remove" } },
        { &image_inspect_command, "image", { "inspect" } },
        { &pull_command, "image", { "pull" } },
        { &push_command, "image", { "push" } },
        { &load_command, "image", { "load" } },
        { &import_command, "image", { "import" } },
        { &save_command, "image", { "save" } },
        { &tag_command, "image", { "tag" } },
        { &history_command, "image", { "history" } },
        { &image_prune_command, "image", { "prune" } },
        { &manifest_rm_command, "manifest", { "rm" } },
        { &manifest_remove_command, "manifest", { "remove" } },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        for (const char *const *name = rows[i].names; *name; name++) {
            const char *found;
            char *words[] = { (char *)rows[i].family, (char *)*name, NULL };
            cr_expect_eq(command_find(words, &found), rows[i].command, "%s %s", rows[i].family,
                         *name);
        }
    }
}

Test(commands, unknown_ones_are_named_with_what_was_meant)
{
    static const char *const rows[][3] = {
        { "rnu", NULL, "unknown command: rnu; did you mean run?" },
        { "rnu", "x", "unknown command: rnu; did you mean run?" },
        { "xyzzy", NULL, "unknown command: xyzzy" },
        { "", NULL, "unknown command: " },
        { "", "ls", "unknown command: " },
        { "contaner", "ls", "unknown command: contaner; did you mean container?" },
        { "contai", NULL, "unknown command: contai; did you mean container?" },
        { "image", NULL, "image needs a subcommand" },
        { "image", "lst", "unknown command: image lst; did you mean image ls?" },
        { "image", "frobnicate", "unknown command: image frobnicate" },
        { "container", "delte", "unknown command: container delte" },
        { "__complet", NULL, "unknown command: __complet" },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        struct err err = {};
        cr_expect_eq(command_unknown(rows[i][0], rows[i][1], &err), -1);
        cr_expect_eq(err.kind, ERR_USAGE);
        cr_expect_str_eq(err.text, rows[i][2]);
    }
}

Test(commands, help_names_what_was_typed_and_the_others)
{
    auto_done(str) out = {};
    command_help(&pull_command, "ruche", &out);
    cr_expect(text_starts(out.at, "Usage:  ruche pull ["));
    cr_expect_not_null(strstr(out.at, "\n\nAlso: ruche image pull\n\nOptions:\n"));
    str_clear(&out);
    command_help_as(&pull_command, "image pull", "ruche", &out);
    cr_expect(text_starts(out.at, "Usage:  ruche image pull ["));
    cr_expect_not_null(strstr(out.at, "\n\nAlso: ruche pull\n\nOptions:\n"));
    str_clear(&out);
    command_help(&version_command, "ruche", &out);
    cr_expect_null(strstr(out.at, "Also:"));
}

Test(commands, have_families_with_summaries)
{
    auto_done(family_words) words = {};
    family_words(commands, (struct view){}, &words);
    for (size_t i = 0; i < words.len; i++)
        if (!words.at[i].command)
            cr_expect_str_neq(words.at[i].summary, "Group of commands", "%s", words.at[i].word.at);
}
