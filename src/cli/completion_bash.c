/* SPDX-License-Identifier: Apache-2.0 */
/* Completion for bash: one function with a row for each command. Needs no other package, and
 * bash 4.0. */
#include "cli/completion_script.h"

#include "base/mem.h"

static const char bash_head[] =
    "# bash completion for ruche, made from its option tables\n"
    "\n"
    "# Puts the words up to the cursor into words: bash has taken them apart at = : @ too.\n"
    "_ruche_split() {\n"
    "    local line=${COMP_LINE:0:COMP_POINT} before word i\n"
    "    words=()\n"
    "    for ((i = 0; i < COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        [[ $word ]] || continue\n"
    "        before=${line%%\"$word\"*}\n"
    "        line=${line#\"$before$word\"}\n"
    "        if [[ $before || ${#words[@]} -eq 0 ]]; then\n"
    "            words+=(\"$word\")\n"
    "        else\n"
    "            words[${#words[@]}-1]+=$word\n"
    "        fi\n"
    "    done\n"
    "    if [[ $line == [[:space:]]* ]]; then\n"
    "        words+=(\"${line#\"${line%%[![:space:]]*}\"}\")\n"
    "    else\n"
    "        words[${#words[@]}-1]+=$line\n"
    "    fi\n"
    "}\n"
    "\n"
    "# Sets flag to the flag of the word $1 whose value is the next word, if there is one.\n"
    "_ruche_flag() {\n"
    "    local letter i\n"
    "    case $1 in\n"
    "    --*=*) ;;\n"
    "    --*) [[ \" $valued \" == *\" $1 \"* ]] && flag=$1 ;;\n"
    "    -*)\n"
    "        for ((i = 1; i < ${#1}; i++)); do\n"
    "            letter=-${1:i:1}\n"
    "            [[ \" $valued \" == *\" $letter \"* ]] || continue\n"
    "            ((i == ${#1} - 1)) && flag=$letter\n"
    "            break\n"
    "        done ;;\n"
    "    esac\n"
    "}\n"
    "\n"
    "# Offers what begins with cur, without what bash keeps before the last = : or @.\n"
    "_ruche_offer() {\n"
    "    local word i\n"
    "    case $kind in\n"
    "    none) return ;;\n"
    "    files) compopt -o default; return ;;\n"
    "    words) ;;\n"
    "    *) list=$(ruche \"${globals[@]}\" __complete \"$kind\" 2>/dev/null) ;;\n"
    "    esac\n"
    "    for ((i = ${#cur}; i > 0; i--)); do\n"
    "        [[ ${cur:i-1:1} == [=:@] && $COMP_WORDBREAKS == *\"${cur:i-1:1}\"* ]] && break\n"
    "    done\n"
    "    while read -r word; do\n"
    "        word=$prefix$word\n"
    "        [[ $word != \"$prefix\" && $word == \"$cur\"* ]] && COMPREPLY+=(\"${word:i}\")\n"
    "    done <<<\"${list// /$'\\n'}\"\n"
    "}\n"
    "\n"
    "_ruche() {\n"
    "    local words cur path='' flag='' ended='' prefix='' kind='' list='' word globals=()\n"
    "    local subs flags valued operands most mixed count=0\n"
    "    COMPREPLY=()\n"
    "    _ruche_split\n"
    "    cur=${words[${#words[@]}-1]}\n"
    "    _ruche_row ''\n"
    "    for word in \"${words[@]:1:${#words[@]}-2}\"; do\n"
    "        if [[ ! $path && ($flag || $word == -?*) ]]; then\n"
    "            globals+=(\"$word\")\n"
    "        fi\n"
    "        if [[ $flag ]]; then\n"
    "            flag=\n"
    "        elif [[ ! $ended && $word == -- ]]; then\n"
    "            ended=1\n"
    "        elif [[ ! $ended && $word == -?* ]]; then\n"
    "            _ruche_flag \"$word\"\n"
    "        elif [[ $subs ]]; then\n"
    "            path=${path:+$path }$word\n"
    "            _ruche_row \"$path\" || return 0\n"
    "        else\n"
    "            count=$((count + 1))\n"
    "            [[ $mixed ]] || ended=1\n"
    "        fi\n"
    "    done\n"
    "    if [[ $flag ]]; then\n"
    "        _ruche_value \"$path\" \"$flag\"\n"
    "    elif [[ ! $ended && $cur == --*=* ]]; then\n"
    "        prefix=${cur%%=*}=\n"
    "        _ruche_value \"$path\" \"${cur%%=*}\"\n"
    "    elif [[ ! $ended && $cur == -* ]]; then\n"
    "        kind=words list=$flags\n"
    "    elif [[ $subs ]]; then\n"
    "        kind=words list=$subs\n"
    "    elif ((most >= 0 && count >= most)); then\n"
    "        kind=none\n"
    "    elif [[ $mixed ]] || ((count == 0)); then\n"
    "        kind=$operands\n"
    "    else\n"
    "        kind=files\n"
    "    fi\n"
    "    _ruche_offer\n"
    "}\n";

/* The flags of a row, and those of them that take the next word. */
static void bash_flags(struct str *out, const struct option *const *tables)
{
    auto_free const struct option **sorted = option_sorted(tables);
    auto_done(str) flags = {};
    auto_done(str) valued = {};

    str_add(&flags, "--help");
    for (size_t i = 0; sorted[i]; i++) {
        struct str *both[] = { &flags, option_takes_word(sorted[i]) ? &valued : NULL };
        for (size_t k = 0; k < array_size(both) && both[k]; k++) {
            str_addf(both[k], "%s--%s", both[k]->len > 0 ? " " : "", sorted[i]->name);
            if (sorted[i]->letter)
                str_addf(both[k], " -%c", sorted[i]->letter);
        }
    }
    str_addf(out, "        flags='%s'\n", str_text(&flags));
    if (valued.len > 0)
        str_addf(out, "        valued='%s'\n", valued.at);
}

static void bash_subs(struct str *out, const struct family_words *words)
{
    str_add(out, "        subs='");
    for (size_t i = 0; i < words->len; i++)
        str_addf(out, "%s%.*s", i > 0 ? " " : "", (int)words->at[i].word.len, words->at[i].word.at);
    str_add(out, "' ;;\n");
}

static void bash_row(struct str *out, const struct command *command)
{
    const char *name;

    for (size_t i = 0; (name = command_name(command, i)); i++)
        str_addf(out, "%s'%s'", i > 0 ? " | " : "    ", name);
    str_add(out, ")\n");
    if (command->also)
        str_addf(out, "        path='%s'\n", command->name);
    bash_flags(out, command->options);
    str_addf(out, "        operands=%s", source_name(command_source(command)));
    if (command->most >= 0)
        str_addf(out, " most=%d", command->most);
    if (command->flags & COMMAND_INTERSPERSED)
        str_add(out, " mixed=1");
    str_add(out, " ;;\n");
}

static void bash_rows(const struct script *script)
{
    auto_done(family_words) words = {};

    family_words(script->commands, (struct view){}, &words);
    str_add(script->out, "\n# Sets what may follow the command $1, and path to its first name.\n"
                         "_ruche_row() {\n"
                         "    subs='' flags=--help valued='' operands=none most=-1 mixed=''\n"
                         "    case $1 in\n"
                         "    '')\n");
    bash_flags(script->out, script->globals);
    bash_subs(script->out, &words);
    for (size_t i = 0; i < words.len; i++) {
        auto_done(family_words) members = {};
        struct view family = words.at[i].word;
        if (words.at[i].command)
            continue;
        family_words(script->commands, family, &members);
        str_addf(script->out, "    '%.*s')\n", (int)family.len, family.at);
        bash_subs(script->out, &members);
    }
    for (const struct command *const *at = script->commands; *at; at++)
        if (command_shown(*at))
            bash_row(script->out, *at);
    str_add(script->out, "    *) return 1 ;;\n    esac\n}\n");
}

/* Only what is not as the last row of the script says. */
static void bash_values(struct str *out, const char *path, const struct option *const *tables)
{
    auto_free const struct option **sorted = option_sorted(tables);

    for (size_t i = 0; sorted[i]; i++) {
        const struct option *option = sorted[i];
        enum source source = option_source(option);

        if (source == SOURCE_FILES || option->type == OPTION_TYPE_BOOL)
            continue;
        str_addf(out, "    '%s --%s'", path, option->name);
        if (option->letter)
            str_addf(out, " | '%s -%c'", path, option->letter);
        str_addf(out, ") kind=%s", source_name(source));
        if (source == SOURCE_WORDS) {
            str_add(out, " list='");
            script_add_words(out, option->choices);
            str_add_char(out, '\'');
        }
        str_add(out, " ;;\n");
    }
}

void bash_write(const struct script *script)
{
    str_add(script->out, bash_head);
    bash_rows(script);
    str_add(script->out, "\n# Sets what the value of the flag $2 of the command $1 may be.\n"
                         "_ruche_value() {\n"
                         "    kind=files\n"
                         "    case \"$1 $2\" in\n");
    bash_values(script->out, "", script->globals);
    for (const struct command *const *at = script->commands; *at; at++)
        if (command_shown(*at))
            bash_values(script->out, (*at)->name, (*at)->options);
    str_add(script->out,
            "    *) [[ \" $valued \" == *\" $2 \"* ]] || kind=words list='true false' ;;\n"
            "    esac\n"
            "}\n"
            "\n"
            "complete -F _ruche ruche\n");
}
