/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Where a command writes an archive to: standard output, or a file that has its name once it is
 * whole. What was called so before stays until then, whatever happens: it is replaced by what is on
 * the disk. A file that is new is left to the kernel to write, as by cp and tar: a power cut takes
 * it, and nothing that was there.
 */
#include <stdbool.h>

#include "base/err.h"

struct output {
    int fd;
    char *temporary; /* beside the file, where the file system has no files without a name */
    const char *path;
    bool unnamed;
    bool replaces; /* a file that is there */
    bool made;     /* a directory */
};

/* path, borrowed: NULL or "-" for standard output, which must be no terminal then. */
int output_open(struct output *output, const char *path, struct err *err);
/* A directory instead, which is made, or is empty. */
int output_directory(struct output *output, const char *path, struct err *err);
/* Gives the whole file its name. */
int output_close(struct output *output, struct err *err);
/* What was not closed is gone. */
void output_done(struct output *output);
