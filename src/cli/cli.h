/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The command line of ruche: global options, the command table, and what the commands share. A
 * command reads its arguments, calls the engine and prints; it owns nothing that outlives it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct engine;
struct images;

/* What main hands to every command as its context. */
struct cli {
    char **argv;      /* as the program was called, in its order */
    const char *root; /* --root and --run; NULL: the defaults */
    const char *run;
    const char *storage; /* --storage-driver, one of its words; NULL: what works */
    bool debug;
    uint64_t begun_ns;     /* CLOCK_MONOTONIC; only with debug */
    struct engine *engine; /* NULL until cli_engine */
};

/* The whole program: argv with the program's name in front. Gives the exit status. */
int cli_main(char **argv);

/* Gives the engine, which stays the context's; opened by the first call. */
int cli_engine(struct cli *cli, struct engine **ret_engine, struct err *err);
/* The same with its images. ret_engine may be NULL. */
int cli_images(struct cli *cli, struct engine **ret_engine, struct images **ret_images,
               struct err *err);

/* Before a container that could write this program's file is made or entered: executes the program
 * anew, guarded, unless it is (kernel/guard.h). Nothing must have been done yet. */
int cli_guard(struct cli *cli, bool exposed, struct err *err);

/* Writes to standard output at once. */
int say(const struct str *text, struct err *err);
/* Writes one line to standard output as it is. */
int say_line(const char *text, struct err *err);
/* "ruche: TEXT" on standard error, with what a terminal would act on escaped. */
void complain(const char *text);
/* "ruche: warning: LINE" on standard error for each line, escaped as well. */
void warn_lines(const char *lines);

/* Work on one operand of a command that takes several. */
typedef int operand_work(struct cli *cli, const void *args, const char *operand, struct err *err);

enum each_flags {
    EACH_ECHO = 1 << 0,            /* the operand is printed when its work is done */
    EACH_AT_ONCE = 1 << 1,         /* in a process each, as the work waits; it must not print */
    EACH_MISSING_IS_FINE = 1 << 2, /* what does not exist is complained about, and no failure */
};
/* Works on every operand, whatever happens to those before it; complains about each that fails.
 * Gives the exit status: 0, or 1 if one failed. */
int operands_each(struct cli *cli, const void *args, char **operands, operand_work *work,
                  enum each_flags flags);
