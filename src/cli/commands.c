/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <string.h>

#include "cli/program.h"

const struct command *const commands[] = {
    /* containers */
    &run_command,
    &create_command,
    &start_command,
    &exec_command,
    &ps_command,
    &logs_command,
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
    &image_ls_command,
    &image_inspect_command,
    &pull_command,
    &image_pull_command,
    &push_command,
    &image_push_command,
    &search_command,
    &image_copy_command,
    &image_tags_command,
    &image_delete_command,
    &image_referrers_command,
    &load_command,
    &image_load_command,
    &import_command,
    &image_import_command,
    &save_command,
    &image_save_command,
    &tag_command,
    &image_tag_command,
    &untag_command,
    &image_untag_command,
    &history_command,
    &image_history_command,
    &rmi_command,
    &image_rm_command,
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

/* How many of the words are the command's name: 0, 1 or 2. */
static int words_of_name(const char *name, char *const *words)
{
    const char *blank = strchr(name, ' ');
    size_t len = blank ? (size_t)(blank - name) : strlen(name);
    if (strlen(words[0]) != len || strncmp(words[0], name, len) != 0)
        return 0;
    if (!blank)
        return 1;
    return words[1] && strcmp(words[1], blank + 1) == 0 ? 2 : 0;
}

const struct command *command_find(char *const *words, int *ret_words)
{
    for (const struct command *const *at = commands; *at; at++) {
        int n = words_of_name((*at)->name, words);
        if (n == 0)
            continue;
        *ret_words = n;
        return *at;
    }
    return NULL;
}

void commands_list(struct str *out)
{
    size_t widest = 0;
    for (const struct command *const *at = commands; *at; at++)
        if (!((*at)->flags & COMMAND_HIDDEN) && strlen((*at)->name) > widest)
            widest = strlen((*at)->name);
    for (const struct command *const *at = commands; *at; at++)
        if (!((*at)->flags & COMMAND_HIDDEN))
            str_addf(out, "  %-*s   %s\n", (int)widest, (*at)->name, (*at)->summary);
}
