/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What long work has come to, on standard error: a bar that is drawn over where that is a terminal,
 * a line for each part elsewhere.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum progress_kind {
    PROGRESS_NONE,
    PROGRESS_LINES,
    PROGRESS_BAR,
};

struct progress {
    enum progress_kind kind;
    size_t width; /* of the terminal */
    bool drawn;   /* a bar stands in the line */
    size_t part;
    uint64_t drawn_ns; /* when it was drawn last, CLOCK_MONOTONIC */
};

void progress_init(struct progress *progress, bool quiet);
/* bytes of total; total 0: not known. part is a number from 1, or 0: reading. */
void progress_tell(struct progress *progress, size_t part, size_t n_parts, uint64_t bytes,
                   uint64_t total);
/* Takes the bar away, so that something else may be written. */
void progress_clear(struct progress *progress);
/* Adds "layer 2 of 5  [=====>    ] 12.5MB of 50MB" in at most `width` columns. */
void progress_format(size_t width, size_t part, size_t n_parts, uint64_t bytes, uint64_t total,
                     struct str *out);
