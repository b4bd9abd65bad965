/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The files of an archive or an image layout, by path, once they lie in an ingest. Paths and links
 * are the archive's own and mean nothing on this machine.
 */
#include <stdbool.h>
#include <stdint.h>

#include "image/ingest.h"

struct source_file {
    char *path;      /* normal */
    char *target;    /* of a link: the path it means; NULL: a file */
    uint64_t number; /* in the ingest */
    uint64_t size;   /* bytes */
};

struct source {
    const struct ingest *ingest;
    int layout; /* a layout's directory, borrowed; -1: an archive */
    struct source_file
        *files; /* sorted by path; of a layout those asked for so far, in that order */
    size_t len;
    size_t room;
    uint64_t next;       /* the first number that is free */
    uint64_t read_bytes; /* of documents so far */
};

/* Spools an archive from fd into the ingest, or takes fd as a layout if it is a directory. */
int source_open(const struct ingest *ingest, int fd, const struct image_watch *watch,
                struct source *ret_source, struct err *err);
void source_done(struct source *source);

/* Finds a file. Returns 1 with its number and size, or 0. */
int source_find(struct source *source, const char *path, uint64_t *ret_number, uint64_t *ret_size,
                struct err *err);
/* Counts what is read of documents. ERR_INVALID: it is more than any honest archive's come to, such as
 * when one is named a thousand times. */
int source_count(struct source *source, size_t len, struct err *err);
/* Reads a document. Returns 1, or 0 if there is none. */
int source_load(struct source *source, const char *path, size_t max_bytes, char **ret_data,
                size_t *ret_len, struct err *err);
/* Adds a file of ours. */
int source_save(struct source *source, const void *data, size_t len, uint64_t *ret_number,
                struct err *err);
