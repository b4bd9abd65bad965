/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a command line by option tables; option_help.c writes about them. */
#include "base/option.h"

#include <string.h>

#include "base/mem.h"
#include "base/number.h"

struct parser {
    const struct option *const *tables;
    char *args;
    bool help;
    struct err *err;
};

/* Every command has it, unless its own rows use the name or the letter. */
static const struct option help_option = {
    .type = OPTION_TYPE_BOOL,
    .letter = 'h',
    .name = "help",
};

static const struct option *find_name(const struct parser *parser, struct view name)
{
    for (const struct option *const *table = parser->tables; *table; table++)
        for (const struct option *option = *table; option->type != OPTION_TYPE_END; option++)
            if (view_is(name, option->name))
                return option;
    return view_is(name, help_option.name) ? &help_option : NULL;
}

static const struct option *find_letter(const struct parser *parser, char letter)
{
    for (const struct option *const *table = parser->tables; *table; table++)
        for (const struct option *option = *table; option->type != OPTION_TYPE_END; option++)
            if (option->letter == letter)
                return option;
    return letter == help_option.letter ? &help_option : NULL;
}

bool option_takes_word(const struct option *option)
{
    return option->type != OPTION_TYPE_BOOL && option->type != OPTION_TYPE_OPTIONAL;
}

/* ---- values ---- */

/* What Go's strconv.ParseBool takes, and so docker. */
static int bool_parse(const struct option *option, const char *text, bool *ret_value,
                      struct err *err)
{
    static const char words[][6] = { "true",  "1", "t", "T", "TRUE",  "True",
                                     "false", "0", "f", "F", "FALSE", "False" };

    for (size_t i = 0; i < array_size(words); i++) {
        if (strcmp(words[i], text) == 0) {
            *ret_value = i < array_size(words) / 2;
            return 0;
        }
    }
    return err_set(err, ERR_USAGE, "--%s: \"%s\" is neither true nor false", option->name, text);
}

static int choice_check(const struct option *option, const char *text, struct err *err)
{
    auto_done(str) words = {};

    if (!option->choices)
        return 0;
    for (const char *const *word = option->choices; *word; word++) {
        if (strcmp(*word, text) == 0)
            return 0;
        str_addf(&words, "%s%s", words.len > 0 ? ", " : "", *word);
    }
    return err_set(err, ERR_USAGE, "--%s: \"%s\" is not one of %s", option->name, text,
                   str_text(&words));
}

static int number_set(const struct option *option, const char *text, struct maybe_i64 *number,
                      struct err *err)
{
    auto_free char *what = xasprintf("--%s", option->name);
    bool bounded = option->lowest != 0 || option->highest != 0;
    int result;

    if (option->type == OPTION_TYPE_SIZE)
        result = size_parse(text, true, what, &number->value, err);
    else if (option->type == OPTION_TYPE_NANO)
        result = nano_parse(text, what, &number->value, err);
    else
        result = number_parse(text, bounded ? option->lowest : INT64_MIN,
                              bounded ? option->highest : INT64_MAX, what, &number->value, err);
    if (result < 0) {
        if (err)
            err->kind = ERR_USAGE;
        return -1;
    }
    number->set = true;
    return 0;
}

static int option_set(struct parser *parser, const struct option *option, const char *text)
{
    void *at = option == &help_option ? &parser->help : (void *)(parser->args + option->offset);

    switch (option->type) {
    case OPTION_TYPE_END:
        break;
    case OPTION_TYPE_BOOL:
        return bool_parse(option, text, at, parser->err);
    case OPTION_TYPE_OPTIONAL:
    case OPTION_TYPE_TEXT:
        if ((text[0] || option->type == OPTION_TYPE_TEXT) &&
            choice_check(option, text, parser->err) < 0)
            return -1;
        *(const char **)at = text;
        return 0;
    case OPTION_TYPE_LIST:
        strings_add(at, text);
        return 0;
    case OPTION_TYPE_NUMBER:
    case OPTION_TYPE_SIZE:
    case OPTION_TYPE_NANO:
        return number_set(option, text, at, parser->err);
    }
    return 0;
}

/* What an option without a value means, where it may stand without one. */
static const char *value_implied(const struct option *option)
{
    return option->type == OPTION_TYPE_BOOL ? "true" : "";
}

/* ---- words ---- */

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

enum { NEAR_MAX = 64 };

/* Letters to insert, remove, replace or swap with their neighbour to make one word of the other. */
static size_t word_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][NEAR_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];

    for (size_t j = 0; j <= b_len; j++)
        above[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            row[j] = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least_of(row[j], least_of(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least_of(row[j], before[j - 2] + 1);
        }
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b_len];
}

const char *option_nearest(const char *word, const char *const *words)
{
    size_t len = strlen(word);
    size_t limit = len < 4 ? 1 : len < 9 ? 2 : 3, best = limit + 1;
    const char *nearest = NULL;

    if (len < 2 || len > NEAR_MAX)
        return NULL;
    for (; *words; words++) {
        size_t known_len = strlen(*words);
        if (known_len > NEAR_MAX)
            continue;
        size_t distance = word_distance(word, len, *words, known_len);
        if (distance > limit && len > 2 && text_starts(*words, word))
            distance = limit; /* cut short, as getopt allows */
        if (distance < best) {
            best = distance;
            nearest = *words;
        }
    }
    return nearest;
}

static int unknown_name(const struct parser *parser, struct view name)
{
    auto_free char *word = xstrndup(name.at, name.len);
    auto_free const struct option **options = option_sorted(parser->tables);
    auto_done(str) shown = {};
    size_t n = 0;

    text_escape(&shown, word, name.len);
    (void)err_set(parser->err, ERR_USAGE, "unknown flag: --%s", str_text(&shown));

    while (options[n])
        n++;
    auto_free const char **names = xcalloc(n + 1, sizeof(*names));
    for (size_t i = 0; i < n; i++)
        names[i] = options[i]->name;
    const char *nearest = option_nearest(word, names);
    return nearest ? err_hint(parser->err, "did you mean --%s?", nearest) : -1;
}

/* Both the letter and the word it stands in, as -verbose may have been meant as --verbose. */
static int unknown_letter(const struct parser *parser, const char *word, const char *at)
{
    struct view name, rest = view_of(word + 1);
    size_t len = 1;
    auto_done(str) letter = {};
    auto_done(str) shown = {};

    while (((unsigned char)at[len] & 0xc0) == 0x80)
        len++; /* the rest of a character beyond ASCII */
    text_escape(&letter, at, len);
    text_escape(&shown, word, strlen(word));
    (void)err_set(parser->err, ERR_USAGE, "unknown shorthand flag: '%s' in %s", str_text(&letter),
                  str_text(&shown));

    (void)view_cut(&rest, '=', &name);
    if (name.len > 1 && find_name(parser, name))
        return err_hint(parser->err, "did you mean --%.*s?", (int)name.len, name.at);
    return -1;
}

/* --name, --name=value or --name value. Returns how many words that was. */
static int parse_name(struct parser *parser, char **words)
{
    struct view name, value = view_of(words[0] + strlen("--"));
    bool attached = view_cut(&value, '=', &name);

    if (name.len == 0 || name.at[0] == '-') {
        auto_done(str) shown = {};
        text_escape(&shown, words[0], strlen(words[0]));
        return err_set(parser->err, ERR_USAGE, "bad flag syntax: %s", str_text(&shown));
    }
    const struct option *option = find_name(parser, name);
    if (!option)
        return unknown_name(parser, name);
    if (attached)
        return option_set(parser, option, value.at) < 0 ? -1 : 1;
    if (!option_takes_word(option))
        return option_set(parser, option, value_implied(option)) < 0 ? -1 : 1;
    if (!words[1])
        return err_set(parser->err, ERR_USAGE, "flag needs a value: --%s", option->name);
    return option_set(parser, option, words[1]) < 0 ? -1 : 2;
}

/* -it, -p80, -p=80 or -p 80. Returns how many words that was. */
static int parse_letters(struct parser *parser, char **words)
{
    for (const char *at = words[0] + 1; *at; at++) {
        const struct option *option = find_letter(parser, *at);

        if (!option)
            return unknown_letter(parser, words[0], at);
        if (at[1] == '=' && at[2]) /* pflag takes "-p=" for the value "=" */
            return option_set(parser, option, at + 2) < 0 ? -1 : 1;
        if (!option_takes_word(option)) {
            if (option_set(parser, option, value_implied(option)) < 0)
                return -1;
            continue;
        }
        if (at[1])
            return option_set(parser, option, at + 1) < 0 ? -1 : 1;
        if (!words[1])
            return err_set(parser->err, ERR_USAGE, "flag needs a value: --%s", option->name);
        return option_set(parser, option, words[1]) < 0 ? -1 : 2;
    }
    return 1;
}

/* Moves the n_used words at used in front of the n_operands words before them. */
static void operands_move_behind(char **used, int n_used, size_t n_operands)
{
    char *moved[2] = { used[0], n_used > 1 ? used[1] : NULL };

    memmove(used - n_operands + n_used, used - n_operands, n_operands * sizeof(*used));
    memcpy(used - n_operands, moved, (size_t)n_used * sizeof(*used));
}

int option_parse(const struct option *const *tables, enum command_flags flags, void *args,
                 char **argv, char ***ret_operands, struct err *err)
{
    static const struct option *const none[] = { NULL };
    struct parser parser = { .tables = tables ? tables : none, .args = args, .err = err };
    size_t n_operands = 0; /* those that stand just before word */
    char **word = argv;

    while (*word && !parser.help) {
        int used = 1;
        bool is_option = (*word)[0] == '-' && (*word)[1];
        bool is_end = is_option && strcmp(*word, "--") == 0;

        if (!is_option && !(flags & COMMAND_INTERSPERSED))
            break;
        if (!is_option) {
            n_operands++;
            word++;
            continue;
        }
        if (!is_end)
            used = (*word)[1] == '-' ? parse_name(&parser, word) : parse_letters(&parser, word);
        if (used < 0) {
            option_done(tables, args);
            return -1;
        }
        operands_move_behind(word, used, n_operands);
        word += used;
        if (is_end)
            break;
    }
    if (parser.help)
        option_done(tables, args);
    *ret_operands = word - n_operands;
    return parser.help;
}

void option_done(const struct option *const *tables, void *args)
{
    for (const struct option *const *table = tables; table && *table; table++)
        for (const struct option *option = *table; option->type != OPTION_TYPE_END; option++)
            if (option->type == OPTION_TYPE_LIST)
                strings_done((struct strings *)((char *)args + option->offset));
}
