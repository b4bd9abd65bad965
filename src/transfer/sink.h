/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Where a layer goes: one reader, several sinks. The reader has checked names, limits and types;
 * the sink says what a path means while members come in any order, twice, and through links of the
 * same layer.
 */
#include <stddef.h>
#include <stdint.h>

#include "transfer/member.h"

struct sink;

struct sink_ops {
    /* The root is a directory whose path is "". A directory that is there already is given new
     * attributes. */
    int (*directory)(struct sink *sink, const struct member *member, struct err *err);
    /* Begins a file. Data follows, at rising offsets below the file's size; what is left out is a
     * hole. */
    int (*file)(struct sink *sink, const struct member *member, struct err *err);
    int (*data)(struct sink *sink, const void *at, size_t len, uint64_t offset, struct err *err);
    int (*file_end)(struct sink *sink, const struct member *member, struct err *err);
    int (*symlink)(struct sink *sink, const struct member *member, struct err *err);
    int (*hardlink)(struct sink *sink, const struct member *member, struct err *err);
    /* Devices, FIFOs, sockets. */
    int (*node)(struct sink *sink, const struct member *member, struct err *err);
    /* Hides path, or all below the directory path, in the layers below; not what this layer itself
     * brings. */
    int (*whiteout)(struct sink *sink, const char *path, struct err *err);
    int (*opaque)(struct sink *sink, const char *path, struct err *err);
    /* After the last member. */
    int (*commit)(struct sink *sink, struct err *err);
    void (*free)(struct sink *sink);
};

struct sink {
    const struct sink_ops *ops;
};

static inline void sink_free(struct sink *sink)
{
    if (sink)
        sink->ops->free(sink);
}

DROP(sink);

/* What a sink asks of whoever started it. */
struct sink_help {
    /* Makes a device node that the sink may not make itself. Returns 1; 0: it is to be left out. */
    int (*device)(void *context, const struct member *member, struct err *err);
    /* Tells what was left out. */
    void (*warning)(void *context, const char *text);
    void *context;
};

/* Fills an empty directory, whose descriptor is borrowed, as a lower layer for overlay mounted with
 * userxattr. */
struct sink *directory_sink_new(int root, const struct sink_help *help);
/* Writes an EROFS image of such a layer into an empty file, whose descriptor is borrowed, open for
 * reading too; one that takes more than max_bytes, and a little for each member, is an error (0:
 * any). Asks for no devices. */
struct sink *erofs_sink_new(int fd, uint64_t max_bytes, const struct sink_help *help);
/* One that takes more than room_bytes in all (0: any) fails as on a full disk, with ENOSPC. */
void erofs_sink_room(struct sink *base, uint64_t room_bytes);
