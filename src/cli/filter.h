/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * --filter KEY=VALUE, as docker has it. A command lists its keys once, each with the test of a row;
 * a row passes if of every key that is given one value fits, or all, as the key's row says.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct filter_key {
    const char *name;
    /* Whether an item fits a value: 1, 0, or -1 with err. */
    int (*fits)(const void *item, void *context, const char *value, struct err *err);
    /* Refuses a value that is none; NULL: any will do. */
    int (*check)(const char *value, struct err *err);
    bool all;            /* of several values all have to fit, and not one */
    const char *missing; /* why it has no meaning here: then it is refused */
};

struct filter {
    const struct filter_key *key;
    const char *value; /* the argument's */
};

struct filters {
    const struct filter_key *keys; /* ended by {} */
    struct filter *at;
    size_t len;
};

/* Reads what the option gave, which must live on. keys is ended by {}. */
int filters_parse(const struct filter_key *keys, const struct strings *arguments,
                  struct filters *ret_filters, struct err *err);
void filters_done(struct filters *filters);
/* Gives 1 or 0, or -1 with err. */
int filters_pass(const struct filters *filters, const void *item, void *context, struct err *err);
/* The first value of a key, or NULL. */
const char *filters_value(const struct filters *filters, const char *name);

/* "KEY" or "KEY=VALUE" among labels. */
struct pairs;
bool filter_label_fits(const struct pairs *labels, const char *value);
