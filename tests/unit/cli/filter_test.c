/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/filter.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/field.h"
#include "base/mem.h"
#include "cli/ps.h"

static int letter_fits(const void *item, void *context, const char *value, struct err *err)
{
    int *asked = context;
    (*asked)++;
    if (value[0] == '!')
        return err_set(err, ERR_NOT_FOUND, "there is none");
    return strchr(item, value[0]) != NULL;
}

static int letter_check(const char *value, struct err *err)
{
    return strlen(value) == 1 ? 0 : err_set(err, ERR_USAGE, "\"%s\" is no letter", value);
}

static const struct filter_key keys[] = {
    { "any", letter_fits, letter_check, false, NULL },
    { "every", letter_fits, NULL, true, NULL },
    { "later", NULL, NULL, false, "it does not exist yet" },
    {},
};

/* Up to three words, which stay in `words`. */
static int parse(struct strings *words, struct filters *filters, struct err *err, const char *first,
                 const char *second, const char *third)
{
    const char *const given[] = { first, second, third };
    for (size_t i = 0; i < array_size(given) && given[i]; i++)
        strings_add(words, given[i]);
    return filters_parse(keys, words, filters, err);
}

static const struct {
    const char *words[3];
    const char *item;
    int passes;
} passings[] = {
    { { NULL }, "x", 1 },
    { { "any=a" }, "abc", 1 },
    { { "any=z" }, "abc", 0 },
    { { "any=z", "any=c" }, "abc", 1 },
    { { "every=a", "every=c" }, "abc", 1 },
    { { "every=a", "every=z" }, "abc", 0 },
    { { "any=a", "every=z" }, "abc", 0 },
    { { "any=z", "any=a", "every=b" }, "abc", 1 },
    { { "every==" }, "a=b", 1 },
};

Test(filter, one_value_of_a_key_or_all_and_every_key)
{
    for (size_t i = 0; i < array_size(passings); i++) {
        auto_done(strings) words = {};
        auto_done(filters) filters = {};
        struct err err = {};
        int asked = 0;
        cr_assert_eq(parse(&words, &filters, &err, passings[i].words[0], passings[i].words[1],
                           passings[i].words[2]),
                     0, "%s", err.text);
        cr_expect_eq(filters_pass(&filters, passings[i].item, &asked, &err), passings[i].passes,
                     "%zu", i);
    }
}

Test(filter, asks_no_more_than_it_must)
{
    auto_done(strings) words = {};
    auto_done(filters) filters = {};
    struct err err = {};
    int asked = 0;
    cr_assert_eq(parse(&words, &filters, &err, "any=a", "any=b", "every=z"), 0);
    cr_assert_eq(filters_pass(&filters, "abc", &asked, &err), 0);
    cr_assert_eq(asked, 2);
    cr_assert_str_eq(filters_value(&filters, "any"), "a");
    cr_assert_null(filters_value(&filters, "none"));
}

static const struct {
    const char *word;
    const char *text;
    enum err_kind kind;
} refusals[] = {
    { "none=x", "--filter: there is no \"none\"; there are any, every", ERR_USAGE },
    { "any", "--filter any: a value is missing: any=VALUE", ERR_USAGE },
    { "any=", "--filter any: a value is missing: any=VALUE", ERR_USAGE },
    { "=x", "--filter: there is no \"\"; there are any, every", ERR_USAGE },
    { "any=xx", "--filter any: \"xx\" is no letter", ERR_USAGE },
    { "later=x", "--filter later: it does not exist yet", ERR_UNSUPPORTED },
};

Test(filter, refuses_what_it_does_not_know)
{
    for (size_t i = 0; i < array_size(refusals); i++) {
        auto_done(strings) words = {};
        struct filters filters = {};
        struct err err = {};
        cr_expect_lt(parse(&words, &filters, &err, "any=a", refusals[i].word, NULL), 0);
        cr_expect_str_eq(err.text, refusals[i].text, "%s", err.text);
        cr_expect_eq(err.kind, refusals[i].kind);
        cr_expect_null(filters.at);
    }
}

Test(filter, says_which_one_failed)
{
    auto_done(strings) words = {};
    auto_done(filters) filters = {};
    struct err err = {};
    int asked = 0;
    cr_assert_eq(parse(&words, &filters, &err, "every=!x", NULL, NULL), 0);
    cr_assert_lt(filters_pass(&filters, "abc", &asked, &err), 0);
    cr_assert_str_eq(err.text, "--filter every=!x: there is none");
    cr_assert_eq(err.kind, ERR_NOT_FOUND);
}

Test(filter, labels)
{
    struct pairs labels = {};
    pairs_put(&labels, "a", "1");
    pairs_put(&labels, "b.c", "x=y");
    pairs_put(&labels, "empty", "");
    cr_expect(filter_label_fits(&labels, "a"));
    cr_expect(filter_label_fits(&labels, "a=1"));
    cr_expect(!filter_label_fits(&labels, "a=2"));
    cr_expect(!filter_label_fits(&labels, "a="));
    cr_expect(filter_label_fits(&labels, "empty="));
    cr_expect(filter_label_fits(&labels, "b.c=x=y"));
    cr_expect(!filter_label_fits(&labels, "b"));
    cr_expect(!filter_label_fits(&labels, ""));
    pairs_done(&labels);
}

/* ---- those of ps that need no store ---- */

static int ps_fits(const char *word, const struct container_state *state)
{
    auto_done(strings) words = {};
    auto_done(filters) filters = {};
    struct ps ps = {};
    struct err err = {};
    strings_add(&words, word);
    if (filters_parse(ps_filters, &words, &filters, &err) < 0)
        return -1;
    return filters_pass(&filters, state, &ps, &err);
}

Test(filter, of_ps)
{
    static char id[] = "0123456789abcdef", name[] = "web.1";
    const struct container_state state = {
        .status = CONTAINER_EXITED, .id = id, .name = name, .exit_code = 137
    };
    static const struct {
        const char *word;
        int fits;
    } rows[] = {
        { "name=web", 1 },          { "name=eb", 1 },       { "name=^web", 1 },
        { "name=^/web", 1 },        { "name=^eb", 0 },      { "name=web.1$", 1 },
        { "name=a|1", 1 },          { "name=(", -1 },       { "id=0123", 1 },
        { "id=^abc", 0 },           { "status=exited", 1 }, { "status=running", 0 },
        { "status=restarting", 0 }, { "status=gone", -1 },  { "exited=137", 1 },
        { "exited=0", 0 },          { "exited=x", -1 },     { "health=healthy", -1 },
        { "is-task=true", -1 },     { "publish=80", -1 },
    };
    for (size_t i = 0; i < array_size(rows); i++)
        cr_expect_eq(ps_fits(rows[i].word, &state), rows[i].fits, "%s", rows[i].word);
}

Test(filter, of_ps_tells_the_dead)
{
    static char id[] = "0123456789abcdef";
    const struct container_state state = { .status = CONTAINER_UNKNOWN, .id = id };
    cr_expect_eq(ps_fits("status=dead", &state), 1);
    cr_expect_eq(ps_fits("status=exited", &state), 0);
    cr_expect_eq(ps_fits("name=x", &state), 0);
}
