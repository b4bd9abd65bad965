/* SPDX-License-Identifier: Apache-2.0 */
/* Completion for zsh: a function for each command, by which _arguments does the rest
 * (zshcompsys(1)). */
#include "cli/completion_script.h"

#include "base/mem.h"

static const char zsh_head[] =
    "#compdef ruche\n"
    "# zsh completion for ruche, made from its option tables\n"
    "\n"
    "# The last argument is what to ask for, those before it are for compadd.\n"
    "_ruche_list() {\n"
    "    local -a names\n"
    "    names=(${(f)\"$(_call_program $argv[-1] ruche ${(q)ruche_globals} __complete $argv[-1] "
    "2>/dev/null)\"})\n"
    "    compadd \"${(@)argv[1,-2]}\" -a names\n"
    "}\n";

static const char zsh_tail[] = "\n"
                               "    local name value\n"
                               "    for name value in \"${(@kv)opt_args}\"; do\n"
                               "        ruche_globals+=($name ${value//\\\\:/:})\n"
                               "    done\n"
                               "    case $state in\n"
                               "    command) _ruche_commands && ret=0 ;;\n"
                               "    argument)\n"
                               "        curcontext=\"${curcontext%:*:*}:ruche-$words[1]:\"\n"
                               "        _call_function ret _ruche-$words[1] ;;\n"
                               "    esac\n"
                               "    return ret\n"
                               "}\n"
                               "\n"
                               "if [[ $funcstack[1] == _ruche ]]; then\n"
                               "    _ruche \"$@\"\n"
                               "else\n"
                               "    compdef _ruche ruche\n"
                               "fi\n";

/* What stands behind a flag's description: ":VALUE:action". */
static void zsh_action(struct str *spec, const struct option *option)
{
    enum source source = option_source(option);

    if (option->type == OPTION_TYPE_BOOL)
        return;
    str_add(spec, option->type == OPTION_TYPE_OPTIONAL ? "::" : ":");
    script_add_slashed(spec, option->value ? option->value : "value", "\\:");
    str_add_char(spec, ':');
    switch (source) {
    case SOURCE_NONE:
        str_add_char(spec, ' ');
        break;
    case SOURCE_FILES:
        str_add(spec, "_files");
        break;
    case SOURCE_WORDS:
        str_add_char(spec, '(');
        script_add_words(spec, option->choices);
        str_add_char(spec, ')');
        break;
    case SOURCE_CONTAINERS:
    case SOURCE_RUNNING:
    case SOURCE_IMAGES:
    case SOURCE_MODES:
        str_addf(spec, "_ruche_list %s", source_name(source));
        break;
    }
}

/* One argument of _arguments, "(-n --name)--name=[help]:VALUE:action", on a line of its own. */
static void zsh_spec(struct str *out, const struct option *option, bool letter)
{
    auto_done(str) spec = {};

    if (option->type == OPTION_TYPE_LIST)
        str_add_char(&spec, '*');
    else if (option->letter)
        str_addf(&spec, "(-%c --%s)", option->letter, option->name);
    if (letter)
        str_addf(&spec, "-%c", option->letter);
    else
        str_addf(&spec, "--%s", option->name);
    if (option->type == OPTION_TYPE_OPTIONAL)
        str_add(&spec, letter ? "-" : "=-");
    else if (option_takes_word(option))
        str_add(&spec, letter ? "+" : "=");

    str_add_char(&spec, '[');
    script_add_slashed(&spec, option->help, "\\[]");
    str_add_char(&spec, ']');
    zsh_action(&spec, option);
    str_add(out, "        ");
    script_add_quoted(out, str_text(&spec));
    str_add(out, " \\\n");
}

static void zsh_specs(struct str *out, const struct option *const *tables)
{
    auto_free const struct option **sorted = option_sorted(tables);

    for (size_t i = 0; sorted[i]; i++) {
        if (sorted[i]->letter)
            zsh_spec(out, sorted[i], true);
        zsh_spec(out, sorted[i], false);
    }
    str_add(out, "        '(- *)--help[Show help]'");
}

static void zsh_operands(struct str *out, const struct command *command)
{
    enum source source = command_source(command);
    bool mixed = command->flags & COMMAND_INTERSPERSED;
    auto_done(str) action = {};

    if (source == SOURCE_NONE || command->most == 0)
        return;
    if (source == SOURCE_FILES)
        str_add(&action, "files:_files");
    else
        str_addf(&action, "%s:_ruche_list %s", source_name(source), source_name(source));
    if (!mixed) {
        str_addf(out, " \\\n        '1:%s'", action.at);
        if (command->most != 1)
            str_add(out, " \\\n        '*:files:_files'");
    } else if (command->most < 0) {
        str_addf(out, " \\\n        '*:%s'", action.at);
    } else {
        for (int i = 1; i <= command->most; i++)
            str_addf(out, " \\\n        '%d:%s'", i, action.at);
    }
}

/* The words that may follow the program (group is empty) or a group, as "name:summary". */
static void zsh_commands(struct str *out, struct view group, const struct family_words *words)
{
    str_addf(out, "\n_ruche%s%.*s_commands() {\n    local -a commands=(\n",
             group.len > 0 ? "-" : "", (int)group.len, group.len > 0 ? group.at : "");
    for (size_t i = 0; i < words->len; i++) {
        auto_done(str) text = {};

        str_add_bytes(&text, words->at[i].word.at, words->at[i].word.len);
        str_addf(&text, ":%s", words->at[i].summary);
        str_add(out, "        ");
        script_add_quoted(out, text.at);
        str_add_char(out, '\n');
    }
    str_add(out, "    )\n    _describe -t commands command commands\n}\n");
}

static void zsh_group(const struct script *script, struct view group)
{
    auto_done(family_words) words = {};
    int len = (int)group.len;

    family_words(script->commands, group, &words);
    zsh_commands(script->out, group, &words);
    str_addf(script->out,
             "\n_ruche-%.*s() {\n"
             "    local curcontext=$curcontext state line ret=1\n"
             "    _arguments -C -A '-*' '(- *)--help[Show help]' \\\n"
             "        '1:command:->command' '*::argument:->argument' && ret=0\n"
             "    case $state in\n"
             "    command) _ruche-%.*s_commands && ret=0 ;;\n"
             "    argument) _call_function ret _ruche-%.*s-$words[1] ;;\n"
             "    esac\n"
             "    return ret\n"
             "}\n",
             len, group.at, len, group.at, len, group.at);
}

/* The function of a command: "_ruche-image-ls". */
static void zsh_name(struct str *out, const char *name)
{
    str_add(out, "_ruche-");
    for (; *name; name++)
        str_add_char(out, *name == ' ' ? '-' : *name);
}

static void zsh_command(struct str *out, const struct command *command)
{
    const char *other;

    str_add_char(out, '\n');
    zsh_name(out, command->name);
    str_addf(out, "() {\n    _arguments -s -S%s \\\n",
             command->flags & COMMAND_INTERSPERSED ? "" : " -A '-*'");
    zsh_specs(out, command->options);
    zsh_operands(out, command);
    str_add(out, "\n}\n");
    for (size_t i = 1; (other = command_name(command, i)); i++) {
        zsh_name(out, other);
        str_add(out, "() { ");
        zsh_name(out, command->name);
        str_add(out, " }\n");
    }
}

void zsh_write(const struct script *script)
{
    struct str *out = script->out;
    auto_done(family_words) words = {};

    family_words(script->commands, (struct view){}, &words);
    str_add(out, zsh_head);
    zsh_commands(out, (struct view){}, &words);
    for (size_t i = 0; i < words.len; i++)
        if (!words.at[i].command)
            zsh_group(script, words.at[i].word);
    for (const struct command *const *at = script->commands; *at; at++)
        if (command_shown(*at))
            zsh_command(out, *at);
    str_add(out, "\n_ruche() {\n"
                 "    local curcontext=$curcontext state line ret=1\n"
                 "    local -a ruche_globals\n"
                 "    typeset -A opt_args\n"
                 "    _arguments -C -s -S -A '-*' \\\n");
    zsh_specs(out, script->globals);
    str_add(out, " \\\n        '1:command:->command' '*::argument:->argument' && ret=0\n");
    str_add(out, zsh_tail);
}
