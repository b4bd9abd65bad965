/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the completion scripts of all shells are made from: the command and option tables, looked at
 * as a shell has to. For completion.c and completion_<shell>.c only.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/option.h"
#include "base/str.h"

struct script {
    const struct command *const *commands;
    const struct option *const *globals;
    struct str *out;
};

/* Where candidates for an operand or a value come from. */
enum source {
    SOURCE_NONE,
    SOURCE_FILES,
    SOURCE_WORDS, /* the option's choices */
    SOURCE_CONTAINERS,
    SOURCE_RUNNING,
    SOURCE_IMAGES,
};

/* A word that may follow the program, or a group. */
struct entry {
    struct view name;
    const char *summary; /* NULL: a group of commands */
};

void bash_write(const struct script *script);
void zsh_write(const struct script *script);
void fish_write(const struct script *script);

bool command_shown(const struct command *command);
/* "image" of "image ls"; empty for a command of one word. */
struct view command_group(const struct command *command);
/* Whether this is the first command shown of its group. */
bool script_begins_group(const struct script *script, const struct command *command);
/* Whether there is a group of this name. */
bool script_has_group(const struct script *script, const char *name);
/* What the command adds to the words that may follow a group, or the program if group is empty.
 * False: nothing. */
bool script_entry(const struct script *script, const struct command *command, struct view group,
                  struct entry *ret_entry);

/* For the first operand. With COMMAND_INTERSPERSED for all there may be; without, files follow. */
enum source command_source(const struct command *command);
enum source option_source(const struct option *option);
/* "none", "files", "words", or what __complete is asked for. */
const char *source_name(enum source source);

/* Adds text with a backslash before each of the characters in special. */
void script_add_slashed(struct str *out, const char *text, const char *special);
/* Adds text as one word of bash and zsh. */
void script_add_quoted(struct str *out, const char *text);
/* Adds words with blanks between. */
void script_add_words(struct str *out, const char *const *words);
