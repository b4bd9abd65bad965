/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Go's templates (https://pkg.go.dev/text/template) with docker's functions, over the values of
 * template_value.h. A template is the user's: it cannot run for ever, nest without end or fill the
 * memory.
 */
#include "base/template_value.h"

struct template;

/* Parses it. Errors say where: "template: 1:5: unclosed action". Takes a copy of the text. */
int template_parse(const char *text, struct template **ret_template, struct err *err);
void template_free(struct template *template);
DROP(template);

enum template_flags {
    TEMPLATE_ESCAPE = 1 << 0, /* what a value brings is escaped for a terminal, but for \n and \t */
    TEMPLATE_TITLES = 1 << 1, /* dot has titles: json, lower, upper, title, truncate keep them */
};

/* Adds what the template makes of dot. What is made meanwhile is the pool's. */
int template_execute(const struct template *template, const struct value *dot,
                     enum template_flags flags, struct pool *pool, struct str *out,
                     struct err *err);
