/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Every command there is, and the options that stand before it. From these tables come parsing,
 * help, manual and completion. */
#include "base/option.h"

struct cli;

/* What --help says of the program as a whole: a command with the name "". Its options are the
 * global ones. */
extern const struct command program_command;

/* NULL-ended, in the order in which --help lists them. */
extern const struct command *const commands[];

/* The command that the words begin with; *ret_name is which of its names they are. NULL: none. */
const struct command *command_find(char *const *words, const char **ret_name);
/* The error for words that no command has for its name, with the one that may be meant. second is
 * NULL if there is but one. */
int command_unknown(const char *word, const char *second, struct err *err);

/* run.c */
extern const struct command run_command;
extern const struct command create_command;
extern const struct command start_command;
/* exec.c */
extern const struct command exec_command;
/* ps.c */
extern const struct command ps_command;
/* logs.c */
extern const struct command logs_command;
/* life.c */
extern const struct command stop_command;
extern const struct command kill_command;
extern const struct command rm_command;
extern const struct command wait_command;
extern const struct command pause_command;
extern const struct command unpause_command;
/* inspect.c */
extern const struct command inspect_command;
extern const struct command container_inspect_command;
extern const struct command image_inspect_command;
/* image_list.c */
extern const struct command images_command;
/* images.c */
extern const struct command rmi_command;
extern const struct command tag_command;
extern const struct command untag_command;
/* history.c */
extern const struct command history_command;
/* pull.c */
extern const struct command pull_command;
/* push.c */
extern const struct command push_command;
/* image_remote.c */
extern const struct command search_command;
extern const struct command image_copy_command;
extern const struct command image_tags_command;
extern const struct command image_delete_command;
extern const struct command image_referrers_command;
/* load.c */
extern const struct command load_command;
/* export.c */
extern const struct command export_command;
/* prune.c */
extern const struct command image_prune_command;
extern const struct command system_prune_command;
/* system.c */
extern const struct command system_df_command;
extern const struct command system_check_command;
extern const struct command system_gc_command;
/* import.c */
extern const struct command import_command;
/* manifest.c */
extern const struct command manifest_create_command;
extern const struct command manifest_add_command;
extern const struct command manifest_annotate_command;
extern const struct command manifest_inspect_command;
extern const struct command manifest_remove_command;
extern const struct command manifest_rm_command;
extern const struct command manifest_push_command;
/* image_mount.c */
extern const struct command image_mount_command;
extern const struct command image_unmount_command;
/* save.c */
extern const struct command save_command;
/* sign.c */
extern const struct command image_sign_command;
extern const struct command image_verify_command;
/* registry.c */
extern const struct command registry_serve_command;
/* login.c */
extern const struct command login_command;
extern const struct command logout_command;
/* version.c */
extern const struct command version_command;
/* about.c */
extern const struct command help_command;
extern const struct command man_command;
extern const struct command completion_command;
extern const struct command complete_command;
extern const struct command monitor_command;
extern const struct command remove_command;
