/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Options and commands as tables: parsing, --help, manual pages and shell completions come from the
 * same rows.
 *
 * Parsing is docker's (pflag): -it = -i -t, -eFOO / -e FOO / --env=FOO / --env FOO, --flag=false
 * for booleans,
 * -- ends options, and unless COMMAND_INTERSPERSED the first operand ends them too.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/field.h"
#include "base/str.h"

enum option_type {
    OPTION_TYPE_END,
    OPTION_TYPE_BOOL,     /* bool */
    OPTION_TYPE_TEXT,     /* const char *: the argument itself, not copied; the last one counts */
    OPTION_TYPE_LIST,     /* struct strings: each time one more */
    OPTION_TYPE_NUMBER,   /* struct maybe_i64 */
    OPTION_TYPE_SIZE,     /* struct maybe_i64, in bytes; -1 passes */
    OPTION_TYPE_NANO,     /* struct maybe_i64, decimal in 10^-9 */
    OPTION_TYPE_OPTIONAL, /* const char *: --explain is "", --explain=json is "json"; takes no
                             separate word */
};

struct option {
    enum option_type type;
    char letter;       /* 0: none */
    const char *name;  /* without dashes */
    const char *value; /* what --help calls the value; NULL for BOOL */
    const char *help;  /* one line, no full stop */
    uint32_t offset;
    int64_t lowest; /* of a NUMBER; both 0: any */
    int64_t highest;
    const char *const *choices; /* NULL-ended words a TEXT may be, also for completion; NULL: any */
};

#define OPTION_ROW(kind, s, m, want, l, n, v, h)                                                   \
    .type = OPTION_TYPE_##kind, .letter = (l), .name = (n), .value = (v), .help = (h),             \
    .offset = offsetof(struct s, m) + FIELD_CHECK(struct s, m, want)
#define OPTION_BOOL(s, m, l, n, h)                                                                 \
    {                                                                                              \
        OPTION_ROW(BOOL, s, m, bool, l, n, NULL, h)                                                \
    }
#define OPTION_TEXT(s, m, l, n, v, h)                                                              \
    {                                                                                              \
        OPTION_ROW(TEXT, s, m, const char *, l, n, v, h)                                           \
    }
#define OPTION_LIST(s, m, l, n, v, h)                                                              \
    {                                                                                              \
        OPTION_ROW(LIST, s, m, struct strings, l, n, v, h)                                         \
    }
#define OPTION_SIZE(s, m, l, n, v, h)                                                              \
    {                                                                                              \
        OPTION_ROW(SIZE, s, m, struct maybe_i64, l, n, v, h)                                       \
    }
#define OPTION_NANO(s, m, l, n, v, h)                                                              \
    {                                                                                              \
        OPTION_ROW(NANO, s, m, struct maybe_i64, l, n, v, h)                                       \
    }
#define OPTION_OPTIONAL(s, m, l, n, v, h)                                                          \
    {                                                                                              \
        OPTION_ROW(OPTIONAL, s, m, const char *, l, n, v, h)                                       \
    }
#define OPTION_NUMBER(s, m, l, n, v, low, high, h)                                                 \
    {                                                                                              \
        OPTION_ROW(NUMBER, s, m, struct maybe_i64, l, n, v, h), .lowest = (low), .highest = (high) \
    }
#define OPTION_CHOICE(s, m, l, n, v, words, h)                                                     \
    {                                                                                              \
        OPTION_ROW(TEXT, s, m, const char *, l, n, v, h), .choices = (words)                       \
    }
#define OPTION_END                                                                                 \
    {                                                                                              \
        .type = OPTION_TYPE_END                                                                    \
    }

enum command_flags {
    COMMAND_INTERSPERSED = 1 << 0, /* options may stand behind operands */
    COMMAND_HIDDEN = 1 << 1,       /* works, but is in no list */
    COMMAND_GUARDED = 1 << 2,      /* makes processes that could write the program's own file */
};

/* What the operands are, for completion. */
enum command_operands {
    OPERANDS_NONE,
    OPERANDS_CONTAINERS,
    OPERANDS_RUNNING,
    OPERANDS_IMAGES,
    OPERANDS_FILES
};

#define COMMAND_ALSO(...) ((const char *const[]){ __VA_ARGS__, NULL })

struct command {
    const char *name;                    /* "run"; "image ls" for a command of two words */
    const char *const *also;             /* its other names, by COMMAND_ALSO; NULL: none */
    const char *args;                    /* "[OPTIONS] IMAGE [COMMAND [ARG...]]" behind the name */
    const char *summary;                 /* one line, no full stop */
    const char *text;                    /* paragraphs for the manual and --help, or NULL */
    const char *const *examples;         /* pairs: command line, what it does; NULL-ended */
    const struct option *const *options; /* NULL-ended list of tables */
    enum command_flags flags;
    enum command_operands operands;
    int least;        /* operands at least */
    int most;         /* at most; -1: any number */
    size_t args_size; /* of the struct the options fill, zeroed before */
    /* context is what main handed to the dispatcher. Returns the exit status, or -1 with err. */
    int (*run)(void *context, void *args, char **operands, struct err *err);
};

/* Fills `args` from argv (no program or command name in it; NULL-ended). *ret_operands points at
 * the first operand in argv, which may have been reordered. Returns 1 when --help was asked for,
 * else 0. */
int option_parse(const struct option *const *tables, enum command_flags flags, void *args,
                 char **argv, char ***ret_operands, struct err *err);
/* Releases the lists the options filled. */
void option_done(const struct option *const *tables, void *args);
/* All rows of the tables by name, in a fresh array that ends in NULL; the caller frees it. */
const struct option **option_sorted(const struct option *const *tables);
/* True if the value is the word behind the option, unless it is attached. */
bool option_takes_word(const struct option *option);
/* Adds what the option does, and the words it may be: "Pull the image (always, missing, never)". */
void option_describe(const struct option *option, struct str *out);
/* "-e, --env KEY=VALUE   Set a variable" lines, aligned, sorted by name. */
void option_help(const struct option *const *tables, struct str *out);
/* The command's names: its own is 0, then the others; NULL behind the last. */
const char *command_name(const struct command *command, size_t i);
/* What `command --help` prints; program is "ruche". */
void command_help(const struct command *command, const char *program, struct str *out);
/* The same for a command that is called by this one of its names. */
void command_help_as(const struct command *command, const char *name, const char *program,
                     struct str *out);
/* The known word a few letters from this one, or beginning with it, for "did you mean"; or NULL. */
const char *option_nearest(const char *word, const char *const *words);
