/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The program as a whole: its global options, its help, its manual page. */
#include "base/option.h"

struct program_args {
    const char *root;
    const char *run;
    bool debug;
    bool version;
};

/* What `ruche --help` prints. */
void program_help(struct str *out);
/* Adds the paragraphs of the program's manual page: what it is, and its commands. */
void program_text(struct str *out);
