/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The file that an EROFS image becomes: written from its beginning to its end in large pieces.
 * Inodes with what belongs to them fill a few blocks that are held open for them; such a block has
 * its place from the start and is written when it is full.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "transfer/erofs.h"
#include "transfer/member.h"

enum { EROFS_OPEN_BLOCKS = 8 };

/* Where inodes go: a value of its own, so that it can be tried out in advance. */
struct erofs_room {
    uint64_t end; /* of the image so far; always whole blocks */
    struct {
        uint64_t at;   /* 0: none */
        uint32_t used; /* bytes */
    } open[EROFS_OPEN_BLOCKS];
};

struct erofs_image {
    int fd;          /* borrowed; readable too */
    uint8_t *buffer; /* what stands at the end and is not written yet */
    size_t used;
    uint64_t base;       /* where in the file the buffer begins */
    uint64_t max_bytes;  /* of file data; 0: any */
    uint64_t room_bytes; /* of what is written; 0: any */
    uint64_t written;    /* without what is a hole of the file */
    struct erofs_room room;
    uint8_t (*blocks)[EROFS_BLOCK]; /* those held open */
    uint32_t inodes;
    uint64_t print[2]; /* of all inodes and directories, for the UUID */
};

/* fd is an empty file. Block 0 is left out, for erofs_image_finish. What the image takes on the disk
 * may be max_bytes and a little for each inode; 0: any. */
void erofs_image_init(struct erofs_image *image, int fd, uint64_t max_bytes);
void erofs_image_done(struct erofs_image *image);

/* Adds bytes at the end; whoever does takes care that it is whole blocks in the end. */
int erofs_image_append(struct erofs_image *image, const void *at, size_t len, struct err *err);
/* Adds zeros, many of them as a hole of the file. */
int erofs_image_skip(struct erofs_image *image, uint64_t len, struct err *err);
/* Adds what is missing to a block of which len bytes were added. */
int erofs_image_fill(struct erofs_image *image, uint64_t len, struct err *err);

/* An inode in the host's byte order, but for `format` and `ino`, which are made. */
struct erofs_inode_data {
    struct erofs_inode inode;
    enum erofs_layout layout;
    const void *xattrs; /* their head and all, a multiple of 4 bytes */
    size_t xattrs_len;
    const void *tail; /* the data that follows: EROFS_INLINE's and EROFS_CHUNKED's */
    size_t tail_len;
};

/* Whether a tail can follow such an inode: all must lie in one block. */
static inline bool erofs_tail_fits(size_t xattrs_len, size_t tail_len)
{
    return sizeof(struct erofs_inode) + xattrs_len + tail_len <= EROFS_BLOCK;
}

/* Finds the place of an inode with all that belongs to it. Changes room alone. */
uint64_t erofs_room_take(struct erofs_room *room, size_t len);
/* Puts together an inode with what follows it. out has room for all. */
void erofs_inode_put(struct erofs_image *image, const struct erofs_inode_data *data, void *out);
/* Writes an inode. */
int erofs_inode_add(struct erofs_image *image, const struct erofs_inode_data *data,
                    uint32_t *ret_nid, struct err *err);
/* Reads the target of a symbolic link that was added. */
int erofs_link_read(const struct erofs_image *image, uint32_t nid,
                    char ret_target[MEMBER_TARGET_MAX + 1], struct err *err);
/* Takes note of content in the fingerprint. */
void erofs_image_print(struct erofs_image *image, const void *at, size_t len);

/* Writes all that is open; nothing can be added then. */
int erofs_image_flush(struct erofs_image *image, struct err *err);
/* Changes the link counts of inodes, sorted by their numbers: after the flush. */
struct erofs_links {
    uint32_t nid;
    uint32_t nlink;
};
int erofs_image_relink(struct erofs_image *image, const struct erofs_links *links, size_t len,
                       struct err *err);
/* Completes block 0, in which the root's inode stands, by the superblock, and writes it. */
int erofs_image_finish(struct erofs_image *image, struct erofs_super *super,
                       uint8_t block[EROFS_BLOCK], struct err *err);
