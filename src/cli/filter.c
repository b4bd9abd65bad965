/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/filter.h"

#include <string.h>

#include "base/field.h"
#include "base/mem.h"

void filters_done(struct filters *filters)
{
    free(filters->at);
    *filters = (struct filters){};
}

static const struct filter_key *key_find(const struct filter_key *keys, struct view name)
{
    while (keys->name && !view_is(name, keys->name))
        keys++;
    return keys->name ? keys : NULL;
}

static int no_key(const struct filter_key *keys, struct view name, struct err *err)
{
    auto_done(str) known = {};
    for (const struct filter_key *key = keys; key->name; key++)
        if (!key->missing)
            str_addf(&known, "%s%s", known.len > 0 ? ", " : "", key->name);
    err_set(err, ERR_USAGE, "--filter: there is no \"%.*s\"", (int)name.len, name.at);
    return err_hint(err, "there are %s", str_text(&known));
}

static int filter_parse(const struct filter_key *keys, const char *argument, struct filter *filter,
                        struct err *err)
{
    struct view rest = view_of(argument), name;
    bool has_value = view_cut(&rest, '=', &name);
    filter->key = key_find(keys, name);
    if (!filter->key)
        return no_key(keys, name, err);
    if (filter->key->missing)
        return err_set(err, ERR_UNSUPPORTED, "--filter %s: %s", filter->key->name,
                       filter->key->missing);
    if (!has_value || rest.len == 0)
        return err_set(err, ERR_USAGE, "--filter %s: a value is missing: %s=VALUE",
                       filter->key->name, filter->key->name);
    filter->value = rest.at;
    if (filter->key->check && filter->key->check(filter->value, err) < 0)
        return err_wrap(err, "--filter %s", filter->key->name);
    return 0;
}

int filters_parse(const struct filter_key *keys, const struct strings *arguments,
                  struct filters *ret_filters, struct err *err)
{
    struct filters filters = { .keys = keys };
    if (arguments->len > 0)
        filters.at = xcalloc(arguments->len, sizeof(*filters.at));
    for (size_t i = 0; i < arguments->len; i++) {
        if (filter_parse(keys, arguments->at[i], &filters.at[filters.len++], err) == 0)
            continue;
        filters_done(&filters);
        return -1;
    }
    *ret_filters = filters;
    return 0;
}

/* All values of one key. Gives 1 where there is none. */
static int key_passes(const struct filters *filters, const struct filter_key *key, const void *item,
                      void *context, struct err *err)
{
    int passes = 1;
    for (size_t i = 0; i < filters->len; i++) {
        if (filters->at[i].key != key)
            continue;
        passes = key->fits(item, context, filters->at[i].value, err);
        if (passes < 0)
            return err_wrap(err, "--filter %s=%s", key->name, filters->at[i].value);
        if ((passes == 0) == key->all) /* that settles it */
            break;
    }
    return passes;
}

int filters_pass(const struct filters *filters, const void *item, void *context, struct err *err)
{
    int passes = 1;
    if (filters->len == 0)
        return 1;
    for (const struct filter_key *key = filters->keys; key->name && passes > 0; key++)
        passes = key_passes(filters, key, item, context, err);
    return passes;
}

const char *filters_value(const struct filters *filters, const char *name)
{
    for (size_t i = 0; i < filters->len; i++)
        if (strcmp(filters->at[i].key->name, name) == 0)
            return filters->at[i].value;
    return NULL;
}

bool filter_label_fits(const struct pairs *labels, const char *value)
{
    struct view rest = view_of(value), key;
    bool has_value = view_cut(&rest, '=', &key);
    for (size_t i = 0; i < labels->len; i++)
        if (view_is(key, labels->at[i].key))
            return !has_value || strcmp(labels->at[i].value, rest.at) == 0;
    return false;
}
