/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The program as a whole: its global options, its help, its manual page. */
#include "base/option.h"
#include "image/image.h"

struct program_args {
    const char *root;
    const char *run;
    const char *storage;
    bool debug;
    bool version;
};

/* What a word of --storage-driver means; NULL: it was left out. */
enum image_storage program_storage(const char *word);
/* What `ruche --help` prints. */
void program_help(struct str *out);
/* Adds the paragraphs of the program's manual page: what it is, and its commands. */
void program_text(struct str *out);
