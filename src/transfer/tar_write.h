/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A tar archive being written, by libarchive: pax (POSIX.1-2001), with extended attributes as the
 * field has them (SCHILY.xattr.*), files with holes as GNU tar has them, hard links to what came
 * before.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/mem.h"
#include "transfer/member.h"

struct tar_write;

/* A run of bytes in a file that is not a hole. */
struct tar_extent {
    uint64_t offset;
    uint64_t len;
};

/* What goes into the archive next. */
struct tar_item {
    const char *path;
    const char *target; /* of a symbolic link */
    struct stat st;
    const struct xattr *xattrs;
    size_t n_xattrs;
    const struct tar_extent *extents; /* of a file with holes; NULL: of one without */
    size_t n_extents;
};

/* fd is borrowed. */
int tar_write_open(int fd, struct tar_write **ret_tar, struct err *err);
/* Adds a member. Returns 1 if its data is to follow, all st.st_size bytes with what is in its holes;
 * 0: it has none, or is a link to a member that has it. */
int tar_write_item(struct tar_write *tar, const struct tar_item *item, struct err *err);
int tar_write_data(struct tar_write *tar, const void *data, size_t len, struct err *err);
/* Ends the archive. */
int tar_write_end(struct tar_write *tar, struct err *err);
/* Whether an error was of writing, and not of what was to be written. */
bool tar_write_failed(const struct tar_write *tar);
/* Bytes written. */
uint64_t tar_write_position(const struct tar_write *tar);
void tar_write_free(struct tar_write *tar);

DROP(tar_write);
