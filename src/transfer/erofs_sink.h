/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The sink that writes an EROFS image: what its files share. */
#include "transfer/erofs_file.h"
#include "transfer/erofs_tree.h"
#include "transfer/erofs_xattr.h"
#include "transfer/sink.h"

struct erofs_sink {
    struct sink sink;
    struct sink_help help;
    struct erofs_image image;
    struct tree tree;
    struct erofs_shared shared;
    struct erofs_file file; /* being written */
    uint32_t file_entry;
    bool chunked;     /* a file with holes was among them */
    struct str *bags; /* of the directories that have attributes */
    uint32_t n_bags, bags_room;
    size_t bags_bytes;
    uint64_t bags_work; /* bytes gone through */
};

/* Writes directories, link counts and superblock. */
int erofs_sink_complete(struct erofs_sink *sink, struct err *err);
