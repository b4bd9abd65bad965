/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Families of commands: those of whose names the first word is the same, as the "image" of
 * "image ls". Help, errors and the completion scripts look at the command table by them.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/option.h"
#include "base/str.h"

struct family_word {
    struct view word;
    const char *summary;           /* the command's, or "Manage images" */
    const struct command *command; /* NULL: the word is the name of a family */
    bool again;                    /* a word before it is of the same command */
};

struct family_words {
    struct family_word *at;
    size_t len;
};

void family_words_done(struct family_words *words);
/* Gives the words that may follow the name of a family, or the program if that is "": of commands
 * that are shown, in the order of the table, which ends in NULL. None: it is no family. The views
 * are of the table's names. */
void family_words(const struct command *const *commands, struct view family,
                  struct family_words *ret_words);
/* Adds what `ruche image` prints. False: it is no family. */
bool family_help(const struct command *const *commands, const char *family, struct str *out);
/* Adds "  run   Create a container and start it" for every command that is shown. */
void family_list_all(const struct command *const *commands, struct str *out);
