/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion for fish: a `complete` for each flag and operand, whose condition says where on the
 * line it may stand. fish asks each condition once a line, so what they ask about the line is found
 * out once.
 */
#include "cli/completion_script.h"

#include <string.h>

#include "base/mem.h"

static const char fish_head[] =
    "# fish completion for ruche, made from its option tables\n"
    "\n"
    "# Whether the value of the last flag in the word is the next word.\n"
    "function __ruche_waits --argument-names path word\n"
    "    switch $word\n"
    "        case '--*=*'\n"
    "            return 1\n"
    "        case '--*'\n"
    "            __ruche_takes \"$path\" $word\n"
    "        case '*'\n"
    "            set -l letters (string split '' -- (string sub -s 2 -- $word))\n"
    "            while set -q letters[1]\n"
    "                if __ruche_takes \"$path\" -$letters[1]\n"
    "                    test (count $letters) = 1\n"
    "                    return\n"
    "                end\n"
    "                set -e letters[1]\n"
    "            end\n"
    "            return 1\n"
    "    end\n"
    "end\n"
    "\n"
    "# Finds out the command's first name, whether its options have ended, the number of its\n"
    "# operands, the global options.\n"
    "function __ruche_walk\n"
    "    set -l words (commandline -opc)\n"
    "    set -l line (string escape -- $words)\n"
    "    test \"$line\" = \"$__ruche_line\"; and return\n"
    "    set -l path ''\n"
    "    set -l ended no\n"
    "    set -l waits no\n"
    "    set -l operands\n"
    "    set -l globals\n"
    "    for word in $words[2..-1]\n"
    "        if test -z \"$path\"; and begin; test $waits = yes; or string match -q -- '-?*' "
    "$word; end\n"
    "            set -a globals $word\n"
    "        end\n"
    "        if test $waits = yes\n"
    "            set waits no\n"
    "        else if test $ended = no -a x$word = x--\n"
    "            set ended yes\n"
    "        else if test $ended = no; and string match -q -- '-?*' $word\n"
    "            __ruche_waits \"$path\" $word; and set waits yes\n"
    "        else if contains -- \"$path\" $__ruche_groups\n"
    "            set path (__ruche_own (string trim -- \"$path $word\"))\n"
    "        else\n"
    "            set -a operands $word\n"
    "            contains -- \"$path\" $__ruche_mixed; or set ended yes\n"
    "        end\n"
    "    end\n"
    "    set -g __ruche_path \"$path\"\n"
    "    set -g __ruche_ended $ended\n"
    "    set -g __ruche_operands (count $operands)\n"
    "    set -g __ruche_globals $globals\n"
    "    set -g __ruche_line \"$line\"\n"
    "end\n"
    "\n"
    "# Whether the cursor is at the command, where its flags may stand.\n"
    "function __ruche_flags --argument-names path\n"
    "    __ruche_walk\n"
    "    test \"$__ruche_path\" = \"$path\" -a $__ruche_ended = no\n"
    "end\n"
    "\n"
    "# Whether the cursor is at one of the first operands; -1 means any.\n"
    "function __ruche_operand --argument-names path most\n"
    "    __ruche_walk\n"
    "    test \"$__ruche_path\" = \"$path\"; and test $most -lt 0 -o $__ruche_operands -lt $most\n"
    "end\n"
    "\n"
    "# Whether the cursor is behind the last operand there may be.\n"
    "function __ruche_beyond --argument-names path most\n"
    "    __ruche_walk\n"
    "    test \"$__ruche_path\" = \"$path\" -a $__ruche_operands -ge $most\n"
    "end\n"
    "\n"
    "function __ruche_list --argument-names kind\n"
    "    __ruche_walk\n"
    "    ruche $__ruche_globals __complete $kind 2>/dev/null\n"
    "end\n";

static void fish_quoted(struct str *out, const char *text)
{
    str_add_char(out, '\'');
    script_add_slashed(out, text, "\\'");
    str_add_char(out, '\'');
}

/* The flags of a command whose value is the next word. */
static void fish_takes(struct str *out, const char *path, const struct option *const *tables)
{
    auto_free const struct option **sorted = option_sorted(tables);
    bool begun = false;

    for (size_t i = 0; sorted[i]; i++) {
        if (!option_takes_word(sorted[i]))
            continue;
        if (!begun)
            str_addf(out, "        case '%s'\n            contains -- $flag", path);
        begun = true;
        str_addf(out, " --%s", sorted[i]->name);
        if (sorted[i]->letter)
            str_addf(out, " -%c", sorted[i]->letter);
    }
    if (begun)
        str_add_char(out, '\n');
}

static void fish_names(struct str *out, const struct command *command)
{
    const char *other;

    if (!command->also || !command_shown(command))
        return;
    str_add(out, "        case");
    for (size_t i = 1; (other = command_name(command, i)); i++)
        str_addf(out, " '%s'", other);
    str_addf(out, "\n            echo '%s'\n", command->name);
}

static void fish_tables(const struct script *script, const struct family_words *words)
{
    struct str *out = script->out;

    str_add(out,
            "\n# Commands that a second word follows, and those whose options mix with operands.\n"
            "set -g __ruche_groups ''");
    for (size_t i = 0; i < words->len; i++)
        if (!words->at[i].command)
            str_addf(out, " '%.*s'", (int)words->at[i].word.len, words->at[i].word.at);
    str_add(out, "\nset -g __ruche_mixed");
    for (const struct command *const *at = script->commands; *at; at++)
        if (command_shown(*at) && (*at)->flags & COMMAND_INTERSPERSED)
            str_addf(out, " '%s'", (*at)->name);

    str_add(out, "\n\n# The first name of a command.\n"
                 "function __ruche_own --argument-names path\n"
                 "    switch $path\n");
    for (const struct command *const *at = script->commands; *at; at++)
        fish_names(out, *at);
    str_add(out, "        case '*'\n            printf '%s\\n' $path\n    end\nend\n"
                 "\n# Whether the flag's value may be the next word.\n"
                 "function __ruche_takes --argument-names path flag\n"
                 "    switch $path\n");
    fish_takes(out, "", script->globals);
    for (const struct command *const *at = script->commands; *at; at++)
        if (command_shown(*at))
            fish_takes(out, (*at)->name, (*at)->options);
    str_add(out, "        case '*'\n            return 1\n    end\nend\n");
}

/* complete -n "__ruche_flags 'image ls'" */
static void fish_condition(struct str *out, const char *question, const char *path)
{
    str_addf(out, "complete -c ruche -n \"%s '%s'", question, path);
}

static void fish_source(struct str *out, const struct option *option)
{
    enum source source = option_source(option);

    if (option_takes_word(option))
        str_add(out, source == SOURCE_FILES ? " -r -F" : " -x");
    switch (source) {
    case SOURCE_NONE:
    case SOURCE_FILES:
        break;
    case SOURCE_WORDS:
        str_add(out, " -a '");
        script_add_words(out, option->choices);
        str_add_char(out, '\'');
        break;
    case SOURCE_CONTAINERS:
    case SOURCE_RUNNING:
    case SOURCE_IMAGES:
    case SOURCE_MODES:
        str_addf(out, " -a '(__ruche_list %s)'", source_name(source));
        break;
    }
}

static void fish_options(struct str *out, const char *path, const struct option *const *tables)
{
    auto_free const struct option **sorted = option_sorted(tables);

    for (size_t i = 0; sorted[i]; i++) {
        fish_condition(out, "__ruche_flags", path);
        str_add_char(out, '"');
        if (sorted[i]->letter)
            str_addf(out, " -s %c", sorted[i]->letter);
        str_addf(out, " -l %s", sorted[i]->name);
        fish_source(out, sorted[i]);
        str_add(out, " -d ");
        fish_quoted(out, sorted[i]->help);
        str_add_char(out, '\n');
    }
    fish_condition(out, "__ruche_flags", path);
    str_add(out, "\" -l help -d 'Show help'\n");
}

/* The words that may follow the program (group is empty) or a group. */
static void fish_commands(struct str *out, struct view group, const struct family_words *words)
{
    auto_free char *path = xstrndup(group.at, group.len);

    for (size_t i = 0; i < words->len; i++) {
        fish_condition(out, "__ruche_operand", path);
        str_addf(out, " -1\" -f -a '%.*s' -d ", (int)words->at[i].word.len, words->at[i].word.at);
        fish_quoted(out, words->at[i].summary);
        str_add_char(out, '\n');
    }
}

static void fish_operands(struct str *out, const struct command *command)
{
    enum source source = command_source(command);
    bool mixed = command->flags & COMMAND_INTERSPERSED;
    int most = source == SOURCE_NONE ? 0 : command->most;

    if (source != SOURCE_NONE && source != SOURCE_FILES && most != 0) {
        fish_condition(out, "__ruche_operand", command->name);
        str_addf(out, " %d\" -f -a '(__ruche_list %s)'\n", mixed ? most : 1, source_name(source));
    }
    if (most >= 0) {
        fish_condition(out, "__ruche_beyond", command->name);
        str_addf(out, " %d\" -f\n", most);
    }
}

void fish_write(const struct script *script)
{
    struct str *out = script->out;
    auto_done(family_words) words = {};

    family_words(script->commands, (struct view){}, &words);
    str_add(out, fish_head);
    fish_tables(script, &words);
    str_add(out, "\ncomplete -c ruche -e\n");
    fish_options(out, "", script->globals);
    fish_commands(out, (struct view){}, &words);
    for (size_t i = 0; i < words.len; i++) {
        auto_done(family_words) members = {};
        if (words.at[i].command)
            continue;
        family_words(script->commands, words.at[i].word, &members);
        fish_commands(out, words.at[i].word, &members);
    }
    for (const struct command *const *at = script->commands; *at; at++) {
        if (!command_shown(*at))
            continue;
        str_add_char(out, '\n');
        fish_options(out, (*at)->name, (*at)->options);
        fish_operands(out, *at);
    }
}
