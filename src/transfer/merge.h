/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Layers on top of each other, read as overlayfs shows them: what an upper one has, and of the lower
 * ones what it neither replaces nor hides (whiteouts, opaque directories). Somebody may be changing
 * them meanwhile: links are never followed, and what goes away while it is looked at was not there.
 */
#include <stddef.h>
#include <sys/stat.h>

#include "base/err.h"

struct merge_entry {
    const char *path; /* from the top, "" being the top itself */
    const char *name; /* its last part, below `directory` */
    struct stat st;   /* as of a moment ago */
    int directory;    /* that it lies in; of a directory: itself, or -1 where none of it can be
                         opened, since something is mounted there */
};

typedef int merge_visitor(void *context, const struct merge_entry *entry, struct err *err);

/* Visits the top and all below it: a directory before what is in it, and that in the order of its
 * names. layers: directories, the topmost first, borrowed. */
int merge_walk(const int *layers, size_t n_layers, merge_visitor *visit, void *context,
               struct err *err);
