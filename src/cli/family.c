/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/family.h"

#include <string.h>

#include "base/field.h"
#include "base/mem.h"

/* ---- words ---- */

void family_words_done(struct family_words *words)
{
    free(words->at);
    *words = (struct family_words){};
}

/* Empty for a name of one word. What is behind it is in *ret_word. */
static struct view name_family(const char *name, struct view *ret_word)
{
    struct view family;

    *ret_word = view_of(name);
    if (view_cut(ret_word, ' ', &family))
        return family;
    *ret_word = family;
    return (struct view){};
}

static bool view_same(struct view a, struct view b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static const char *family_summary(struct view family)
{
    static const char *const rows[][2] = {
        { "container", "Manage containers" },
        { "image", "Manage images" },
        { "manifest", "Manage lists of images for several platforms" },
        { "registry", "Manage a registry" },
        { "system", "Manage what ruche keeps" },
    };

    for (size_t i = 0; i < array_size(rows); i++)
        if (view_is(family, rows[i][0]))
            return rows[i][1];
    return "Group of commands";
}

static void words_add(struct family_words *words, struct view word, const struct command *command)
{
    bool again = false;

    for (size_t i = 0; i < words->len; i++) {
        if (!command && !words->at[i].command && view_same(words->at[i].word, word))
            return; /* the family is there */
        again = again || (command && words->at[i].command == command);
    }
    *array_add(words) = (struct family_word){
        .word = word,
        .summary = command ? command->summary : family_summary(word),
        .command = command,
        .again = again,
    };
}

void family_words(const struct command *const *commands, struct view family,
                  struct family_words *ret_words)
{
    struct family_words words = {};
    struct view word;
    const char *name;

    for (; *commands; commands++) {
        if ((*commands)->flags & COMMAND_HIDDEN)
            continue;
        for (size_t i = 0; (name = command_name(*commands, i)); i++) {
            struct view own = name_family(name, &word);
            if (view_same(own, family))
                words_add(&words, word, *commands);
            else if (family.len == 0)
                words_add(&words, own, NULL);
        }
    }
    *ret_words = words;
}

/* ---- help ---- */

static void words_list(const struct family_words *words, struct str *out)
{
    size_t widest = 0;

    for (size_t i = 0; i < words->len; i++)
        if (!words->at[i].again && words->at[i].word.len > widest)
            widest = words->at[i].word.len;
    for (size_t i = 0; i < words->len; i++) {
        const struct family_word *row = &words->at[i];
        if (!row->again)
            str_addf(out, "  %-*.*s   %s\n", (int)widest, (int)row->word.len, row->word.at,
                     row->summary);
    }
}

bool family_help(const struct command *const *commands, const char *family, struct str *out)
{
    auto_done(family_words) words = {};
    struct view name = view_of(family);

    if (name.len > 0)
        family_words(commands, name, &words);
    if (words.len == 0)
        return false;
    str_addf(out, "Usage:  ruche %s COMMAND\n\n%s\n\nCommands:\n", family, family_summary(name));
    words_list(&words, out);
    str_addf(out, "\n'ruche %s COMMAND --help' tells more of a command.\n", family);
    return true;
}

void family_list_all(const struct command *const *commands, struct str *out)
{
    auto_done(family_words) words = {};

    for (; *commands; commands++)
        if (!((*commands)->flags & COMMAND_HIDDEN))
            words_add(&words, view_of((*commands)->name), *commands);
    words_list(&words, out);
}
