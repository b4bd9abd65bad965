/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A file's data on its way into an EROFS image: whole blocks as they come, the rest with the inode.
 * A file with holes is divided into chunks, of which those that are holes take no room.
 */
#include "transfer/erofs_image.h"

struct erofs_file {
    uint64_t size;
    uint64_t at;    /* what is before it has come, or is a hole */
    uint64_t start; /* place of the first block in the image */
    uint8_t tail[EROFS_BLOCK];
    size_t tail_len;
    unsigned chunk_bits;
    uint32_t *chunks; /* each one's block as it stands on the disk; NULL: no holes so far */
    size_t n_chunks;
};

/* Begins a file of so many bytes. */
int erofs_file_begin(struct erofs_file *file, const struct erofs_image *image, uint64_t size,
                     struct err *err);
/* Data that follows in place of or behind a hole. */
int erofs_file_data(struct erofs_file *file, struct erofs_image *image, const void *at, size_t len,
                    uint64_t offset, struct err *err);
/* Writes the inode: of data, what is not the file's contents is set already. */
int erofs_file_end(struct erofs_file *file, struct erofs_image *image,
                   struct erofs_inode_data *data, uint32_t *ret_nid, struct err *err);
void erofs_file_done(struct erofs_file *file);

/* Writes the inode of what is at hand as a whole: a link's target. */
int erofs_text_add(struct erofs_image *image, const char *text, struct erofs_inode_data *data,
                   uint32_t *ret_nid, struct err *err);
