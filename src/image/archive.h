/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An archive being written: a tar archive to a file or a pipe, or files in a directory. Members are
 * files called as we like, with fixed owners and times: the same images give the same bytes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct archive {
    int fd;         /* borrowed */
    bool directory; /* what is written lies in it, instead of in an archive */
};

/* Adds a directory with its parents, which a tar archive needs none of. */
int archive_directory(const struct archive *archive, const char *path, struct err *err);
int archive_text(const struct archive *archive, const char *path, const void *data, size_t len,
                 struct err *err);
/* Adds what the file holds, from its beginning. */
int archive_file(const struct archive *archive, const char *path, int file, uint64_t size_bytes,
                 struct err *err);
/* Ends the archive. */
int archive_end(const struct archive *archive, struct err *err);
