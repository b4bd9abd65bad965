/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* `run`'s options read as the command line reads them, down to the configuration. */
#include <criterion/criterion.h>

#include "cli/container_args.h"
#include "engine/engine.h"

struct parsed {
    int result; /* 0, or -1 with err */
    struct err err;
    struct container_config config;
    struct strings warnings;
    struct container_args args;
};

static inline void parsed_done(struct parsed *parsed)
{
    container_config_done(&parsed->config);
    strings_done(&parsed->warnings);
    option_done(run_options, &parsed->args);
}

/* words: as they stand behind "run"; NULL-ended. */
static inline struct parsed parsed_of(const char *const *words)
{
    char *argv[64] = {};
    char **operands;
    struct parsed parsed = {};
    for (size_t i = 0; words[i]; i++)
        argv[i] = (char *)words[i];
    parsed.result = option_parse(run_options, 0, &parsed.args, argv, &operands, &parsed.err);
    if (parsed.result == 0)
        parsed.result = container_args_config(&parsed.args, operands, &parsed.config,
                                              &parsed.warnings, &parsed.err);
    return parsed;
}

#define RUN(...) parsed_of((const char *const[]){ __VA_ARGS__, NULL })

/* Options before an image that is there. */
#define PARSE(name, ...)                                                                           \
    auto_done(parsed) name = RUN(__VA_ARGS__, "busybox");                                          \
    cr_assert_eq(name.result, 0, "%s", name.err.text)

/* They are refused with a text that has `part` in it, and nothing is given. */
#define REFUSE(part, ...)                                                                          \
    do {                                                                                           \
        auto_done(parsed) refused_ = RUN(__VA_ARGS__, "busybox");                                  \
        cr_expect_eq(refused_.result, -1, "not refused: %s", part);                                \
        cr_expect_not_null(strstr(refused_.err.text, part), "\"%s\" is not in: %s", part,          \
                           refused_.err.text);                                                     \
        cr_expect_eq(err_exit_status(&refused_.err), 125);                                         \
        cr_expect_null(refused_.config.image);                                                     \
    } while (0)

#define ASSERT_LIST(list, ...)                                                                     \
    do {                                                                                           \
        const char *const wanted_[] = { __VA_ARGS__ };                                             \
        cr_assert_eq((list).len, array_size(wanted_));                                             \
        for (size_t i_ = 0; i_ < (list).len; i_++)                                                 \
            cr_expect_str_eq((list).at[i_], wanted_[i_]);                                          \
    } while (0)
