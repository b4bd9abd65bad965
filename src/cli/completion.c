/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each shell's script has a fixed part that finds out where on the command line the cursor is, and
 * tables made from ours. All walk the line by the same rules as option_parse: global options, the
 * command of one word or two (the scripts call it the path), its options and operands; a flag's
 * value may be attached or the next word, and where options do not mix with operands, all that
 * follows the first operand is a command line of its own, which gets files.
 */
#include "cli/completion.h"

#include <string.h>

#include "base/mem.h"
#include "cli/completion_script.h"

bool command_shown(const struct command *command)
{
    return !(command->flags & COMMAND_HIDDEN);
}

enum source command_source(const struct command *command)
{
    switch (command->operands) {
    case OPERANDS_NONE:
        return SOURCE_NONE;
    case OPERANDS_CONTAINERS:
        return SOURCE_CONTAINERS;
    case OPERANDS_RUNNING:
        return SOURCE_RUNNING;
    case OPERANDS_IMAGES:
        return SOURCE_IMAGES;
    case OPERANDS_FILES:
        return SOURCE_FILES;
    }
    return SOURCE_NONE;
}

enum source option_source(const struct option *option)
{
    if (option->choices)
        return SOURCE_WORDS;
    if (option->type != OPTION_TYPE_TEXT && option->type != OPTION_TYPE_LIST)
        return SOURCE_NONE;
    if (text_same(option->value, "CONTAINER"))
        return SOURCE_CONTAINERS;
    if (text_same(option->value, "MODE"))
        return SOURCE_MODES;
    return text_same(option->value, "IMAGE") ? SOURCE_IMAGES : SOURCE_FILES;
}

const char *source_name(enum source source)
{
    static const char names[][sizeof("containers")] = {
        [SOURCE_NONE] = "none",       [SOURCE_FILES] = "files",
        [SOURCE_WORDS] = "words",     [SOURCE_CONTAINERS] = "containers",
        [SOURCE_RUNNING] = "running", [SOURCE_IMAGES] = "images",
        [SOURCE_MODES] = "modes",
    };

    return names[source];
}

void script_add_slashed(struct str *out, const char *text, const char *special)
{
    for (; *text; text++) {
        if (strchr(special, *text))
            str_add_char(out, '\\');
        str_add_char(out, *text);
    }
}

void script_add_quoted(struct str *out, const char *text)
{
    str_add_char(out, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            str_add(out, "'\\''");
        else
            str_add_char(out, *text);
    }
    str_add_char(out, '\'');
}

void script_add_words(struct str *out, const char *const *words)
{
    for (const char *const *word = words; *word; word++)
        str_addf(out, "%s%s", word == words ? "" : " ", *word);
}

int completion_write(const char *shell, const struct command *const *commands,
                     const struct option *const *globals, struct str *out, struct err *err)
{
    struct script script = { .commands = commands, .globals = globals, .out = out };

    if (strcmp(shell, "bash") == 0)
        bash_write(&script);
    else if (strcmp(shell, "zsh") == 0)
        zsh_write(&script);
    else if (strcmp(shell, "fish") == 0)
        fish_write(&script);
    else
        return err_set(err, ERR_USAGE,
                       "no completion for the shell \"%s\"; there is bash, zsh, fish", shell);
    return 0;
}
