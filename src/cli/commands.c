/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <string.h>

#include "base/mem.h"
#include "cli/family.h"
#include "cli/program.h"

const struct command *const commands[] = {
    /* containers */
    &run_command,
    &create_command,
    &start_command,
    &exec_command,
    &ps_command,
    &logs_command,
    &export_command,
    &inspect_command,
    &container_inspect_command,
    &wait_command,
    &stop_command,
    &kill_command,
    &pause_command,
    &unpause_command,
    &rm_command,
    /* images */
    &images_command,
    &image_inspect_command,
    &pull_command,
    &push_command,
    &search_command,
    &image_copy_command,
    &image_tags_command,
    &image_delete_command,
    &image_referrers_command,
    &load_command,
    &import_command,
    &save_command,
    &tag_command,
    &untag_command,
    &history_command,
    &rmi_command,
    &image_prune_command,
    &image_mount_command,
    &image_unmount_command,
    &manifest_create_command,
    &manifest_add_command,
    &manifest_annotate_command,
    &manifest_inspect_command,
    &manifest_remove_command,
    &manifest_rm_command,
    &manifest_push_command,
    &login_command,
    &logout_command,
    &image_sign_command,
    &image_verify_command,
    &registry_serve_command,
    /* ruche itself */
    &system_df_command,
    &system_prune_command,
    &system_check_command,
    &system_gc_command,
    &version_command,
    &help_command,
    &man_command,
    &completion_command,
    &complete_command,
    &monitor_command,
    &remove_command,
    NULL,
};

/* Whether the words begin with the name, which is one of them or two. */
static bool begin_with(char *const *words, const char *name)
{
    struct view first, rest = view_of(name);

    if (!view_cut(&rest, ' ', &first))
        return strcmp(words[0], name) == 0;
    return view_is(first, words[0]) && text_same(words[1], rest.at);
}

const struct command *command_find(char *const *words, const char **ret_name)
{
    const char *name;

    for (const struct command *const *at = commands; *at; at++) {
        for (size_t i = 0; (name = command_name(*at, i)); i++) {
            if (!begin_with(words, name))
                continue;
            *ret_name = name;
            return *at;
        }
    }
    return NULL;
}

int command_unknown(const char *word, const char *second, struct err *err)
{
    auto_done(family_words) words = {};
    auto_done(strings) names = {};
    const char *family = "", *blank = "";

    if (word[0])
        family_words(commands, view_of(word), &words);
    if (words.len > 0 && !second)
        return err_set(err, ERR_USAGE, "%s needs a subcommand", word);
    if (words.len > 0) {
        family = word;
        blank = " ";
        word = second;
    } else {
        family_words(commands, (struct view){}, &words);
    }

    for (size_t i = 0; i < words.len; i++)
        strings_add_taken(&names, xstrndup(words.at[i].word.at, words.at[i].word.len));
    (void)err_set(err, ERR_USAGE, "unknown command: %s%s%s", family, blank, word);
    const char *nearest = option_nearest(word, (const char *const *)names.at);
    return nearest ? err_hint(err, "did you mean %s%s%s?", family, blank, nearest) : -1;
}
