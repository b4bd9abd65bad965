/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The log of a container as its monitor writes it (docs/formats/log.md): lines with a time and
 * their stream, in files of limited size. Nothing is made before the first byte.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

enum log_stream {
    LOG_STDOUT,
    LOG_STDERR,
};

enum {
    LOG_FILE_MAX_BYTES = 10 << 20,
    LOG_FILES = 3,
    LOG_LINE_MAX_BYTES = 16 << 10, /* longer ones are written in parts */
};

struct logfile {
    int record_fd; /* of the container's directory; borrowed */
    int dir_fd;
    int fd;
    size_t size_bytes;
    struct str line[2]; /* of each stream: what has no end yet */
};

void logfile_init(struct logfile *log, int record_fd);
void logfile_done(struct logfile *log);
/* Adds what a stream said. A log that cannot be written loses it: the container goes on. */
void logfile_add(struct logfile *log, enum log_stream stream, const char *at, size_t len);
/* Writes what is left of lines without an end. */
void logfile_flush(struct logfile *log);
