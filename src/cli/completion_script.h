/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the completion scripts of all shells are made from: the command and option tables, looked at
 * as a shell has to. A command's other names are but names there: what may follow it is written
 * once. For completion.c and completion_<shell>.c only.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/option.h"
#include "base/str.h"
#include "cli/family.h"

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
    SOURCE_MODES, /* of namespaces: the host's, or a container's */
};

void bash_write(const struct script *script);
void zsh_write(const struct script *script);
void fish_write(const struct script *script);

bool command_shown(const struct command *command);

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
