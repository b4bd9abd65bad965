/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What long work in several parts has come to, on standard error: a bar that is drawn over where
 * that is a terminal, elsewhere a line when a part begins. Parts may go on at the same time; the
 * bar is that of all of them.
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

struct progress_part {
    bool begun;
    uint64_t bytes;
    uint64_t total; /* 0: not known */
};

struct progress {
    enum progress_kind kind;
    size_t width;                /* of the terminal */
    bool drawn;                  /* a bar stands in the line */
    uint64_t drawn_ns;           /* when it was drawn last, CLOCK_MONOTONIC */
    struct progress_part *parts; /* from 0: reading, which comes before the others */
    size_t len;
};

void progress_init(struct progress *progress, bool quiet);
void progress_done(struct progress *progress);
/* A part has come to bytes of total; total 0: not known. part is a number from 1 to n_parts, or 0:
 * reading. */
void progress_tell(struct progress *progress, size_t part, size_t n_parts, uint64_t bytes,
                   uint64_t total);
/* Takes the bar away, so that something else may be written. */
void progress_clear(struct progress *progress);

/* Notes a part, without drawing. True: it is news that it has begun. */
bool progress_note(struct progress *progress, size_t part, size_t n_parts, uint64_t bytes,
                   uint64_t total);
/* Adds "unpacking 2 layers  [=====>    ]  12.5MB of 50MB" in at most `width` columns. */
void progress_format(const struct progress *progress, size_t width, struct str *out);
