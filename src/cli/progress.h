/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What long work in several parts has come to, on standard error: where that is a terminal a bar for
 * each part that goes on, with its speed and the time that is left, drawn over; elsewhere a line
 * when a part comes to another step.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct image_watch;

enum progress_kind {
    PROGRESS_NONE,
    PROGRESS_LINES,
    PROGRESS_BARS,
};

/* How fast it goes, as of the last few seconds. */
struct progress_speed {
    uint64_t since_ns; /* of the measurement at hand; 0: none has begun */
    uint64_t since_bytes;
    double bytes_per_s; /* of those before; 0: not known */
};

struct progress_part {
    bool begun;
    bool ended;
    bool told;        /* a line of it was written */
    char *label;      /* "a1b2c3d4e5f6", or NULL: it is called by its number */
    const char *step; /* "downloading"; of static text; NULL: "unpacking" */
    uint64_t bytes;
    uint64_t total; /* 0: not known */
    struct progress_speed speed;
};

struct progress {
    enum progress_kind kind;
    bool colours;
    size_t lines;                /* that stand on the terminal, the cursor in the last */
    uint64_t drawn_ns;           /* when they were drawn last, CLOCK_MONOTONIC */
    struct progress_part *parts; /* from 0: reading, which comes before the others */
    size_t len;
    struct progress_speed speed; /* of all but the reading */
};

void progress_init(struct progress *progress, bool quiet);
void progress_done(struct progress *progress);
/* A part has come to bytes of total; total 0: not known. part is a number from 1 to n_parts, or 0:
 * reading. */
void progress_tell(struct progress *progress, size_t part, size_t n_parts, uint64_t bytes,
                   uint64_t total);
enum progress_flags {
    PROGRESS_LAST = 1 << 0,  /* the part has ended */
    PROGRESS_SHORT = 1 << 1, /* it is mostly over soon: a line only if it is not */
    PROGRESS_AFTER = 1 << 2, /* a line only if there was one before */
};
/* A part comes to another step, which is static text. label may be NULL. */
void progress_step(struct progress *progress, size_t part, size_t n_parts, const char *label,
                   const char *step, enum progress_flags flags);
/* Takes the bars away, so that something else may be written. */
void progress_clear(struct progress *progress);

/* A watcher of images that tells this progress, and warnings on standard error. */
struct image_watch progress_watch(struct progress *progress);

/* Notes a part at a time, without drawing. True: it is news that it has begun. */
bool progress_note(struct progress *progress, size_t part, size_t n_parts, uint64_t bytes,
                   uint64_t total, uint64_t now_ns);
/* Adds the lines, of at most `width` columns: for parts that go on, then for all together. Gives how
 * many. */
size_t progress_format(const struct progress *progress, size_t width, struct str *out);
