/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The processes that work at one part, from their start to their end. For part.c, which listens to
 * them.
 */
#include "image/helper.h"
#include "image/part.h"

enum { PART_RUNS_MAX = 4 };

/* From the source on. END_DIGEST is DIGEST or INFLATE, END_UNPACK perhaps PACK. */
enum { END_KEEP, END_DIGEST, END_CONTENT, END_UNPACK, ENDS };

/* Of what an end has the digest. */
enum tells { TELLS_BLOB = 1 << 0, TELLS_CONTENT = 1 << 1 };

enum fetch { FETCH_NONE, FETCH_RUNS, FETCH_DONE, FETCH_FAILED };

/* A process that serves a part. */
struct end {
    int socket;       /* -1: none, or it is done */
    enum tells tells; /* and has not told yet */
    bool failed;
    struct err err;
};

struct run {
    struct part *part; /* NULL: free */
    size_t place;
    int tree;     /* the layer's directory, not mapped; -1: none, or a file */
    int arrivals; /* tells whoever follows KEEP in the file; -1: nobody does */
    bool chained; /* UNPACK is fed by INFLATE */
    struct end ends[ENDS];
    enum fetch fetch;
    uint64_t fetch_id; /* of the operation */
    struct err fetch_err;
};

struct work {
    struct parts *parts;
    const struct ingest *ingest;
    const struct image_watch *watch;
    const struct helper *helper;
    struct transfer_request request; /* limits */
    struct run runs[PART_RUNS_MAX];
    size_t at_once;
    size_t waiting;    /* parts that others are fetching */
    int64_t looked_ms; /* when they were asked for last, CLOCK_MONOTONIC */
};

/* One of none yet. */
void run_init(struct run *run);
/* Starts what the part at the place in the list needs. What was started when it fails is ended by
 * run_clear. */
int run_begin(struct work *work, struct run *run, size_t place, struct err *err);
/* Ends what still runs, and has the run free for another part. */
void run_clear(const struct work *work, struct run *run);
void step_tell(const struct work *work, const struct part *part, enum image_step step);
