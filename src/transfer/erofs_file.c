/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/erofs_file.h"

#include <endian.h>
#include <string.h>

#include "base/mem.h"

enum {
    CHUNKS_MOST = 1 << 20,
    SIZE_TIB = 8, /* of one file, holes counted */
};

/* Chunks are as small as their number allows. */
static void chunks_choose(struct erofs_file *file)
{
    file->chunk_bits = EROFS_BLOCK_BITS;
    while (file->size >> file->chunk_bits >= CHUNKS_MOST)
        file->chunk_bits++;
    uint64_t chunk = UINT64_C(1) << file->chunk_bits;
    file->n_chunks = (size_t)((file->size + chunk - 1) / chunk);
}

int erofs_file_begin(struct erofs_file *file, const struct erofs_image *image, uint64_t size,
                     struct err *err)
{
    if (size > (uint64_t)SIZE_TIB << 40)
        return err_set(err, ERR_INVALID, "it is larger than the limit of %d TiB", SIZE_TIB);
    file->size = size;
    file->at = 0;
    file->start = image->room.end;
    file->tail_len = 0;
    file->chunks = NULL;
    chunks_choose(file);
    return 0;
}

void erofs_file_done(struct erofs_file *file)
{
    free(file->chunks);
    file->chunks = NULL;
}

/* ---- chunks ---- */

/* Notes the chunks that begin in `len` bytes at `offset` of the file, which stand at `place`. */
static void chunks_note(struct erofs_file *file, uint64_t offset, uint64_t len, uint64_t place)
{
    uint64_t chunk = UINT64_C(1) << file->chunk_bits;
    uint64_t i = (offset + chunk - 1) / chunk;
    for (; i * chunk < offset + len; i++)
        file->chunks[i] = htole32((uint32_t)((place + (i * chunk - offset)) / EROFS_BLOCK));
}

/* So far it has had no holes. */
static void chunks_make(struct erofs_file *file)
{
    file->chunks = xmalloc(file->n_chunks * sizeof(*file->chunks));
    memset(file->chunks, 0xff, file->n_chunks * sizeof(*file->chunks));
    chunks_note(file, 0, file->at, file->start);
}

/* ---- data ---- */

/* Whole blocks; at NULL: of zeros. */
static int blocks_add(struct erofs_file *file, struct erofs_image *image, const void *at,
                      uint64_t len, struct err *err)
{
    if (file->chunks)
        chunks_note(file, file->at, len, image->room.end);
    file->at += len;
    return at ? erofs_image_append(image, at, (size_t)len, err) : erofs_image_skip(image, len, err);
}

static int tail_add(struct erofs_file *file, struct erofs_image *image, struct err *err)
{
    file->at -= file->tail_len; /* they count as come when they stand in the tail */
    file->tail_len = 0;
    return blocks_add(file, image, file->tail, EROFS_BLOCK, err);
}

/* Follows what is there without a hole. */
static int bytes_add(struct erofs_file *file, struct erofs_image *image, const uint8_t *at,
                     uint64_t len, struct err *err)
{
    while (len > 0) {
        size_t room = EROFS_BLOCK - file->tail_len;
        uint64_t part = len < room ? len : room;
        if (file->tail_len == 0 && len >= EROFS_BLOCK) {
            part = len / EROFS_BLOCK * EROFS_BLOCK;
            if (blocks_add(file, image, at, part, err) < 0)
                return -1;
        } else {
            if (at)
                memcpy(file->tail + file->tail_len, at, (size_t)part);
            else
                memset(file->tail + file->tail_len, 0, (size_t)part);
            file->tail_len += (size_t)part;
            file->at += part;
            if (file->tail_len == EROFS_BLOCK && tail_add(file, image, err) < 0)
                return -1;
        }
        len -= part;
        at = at ? at + part : NULL;
    }
    return 0;
}

/* A hole up to an offset. What of it lies in a chunk that has data is zeros. */
static int hole_add(struct erofs_file *file, struct erofs_image *image, uint64_t to,
                    struct err *err)
{
    uint64_t chunk = UINT64_C(1) << file->chunk_bits;
    uint64_t first = (file->at + chunk - 1) / chunk * chunk;
    uint64_t last = to == file->size ? to : to / chunk * chunk;
    if (last > first) {
        if (bytes_add(file, image, NULL, first - file->at, err) < 0)
            return -1;
        if (!file->chunks)
            chunks_make(file);
        file->at = last;
    }
    return bytes_add(file, image, NULL, to - file->at, err);
}

int erofs_file_data(struct erofs_file *file, struct erofs_image *image, const void *at, size_t len,
                    uint64_t offset, struct err *err)
{
    if (offset > file->at && hole_add(file, image, offset, err) < 0)
        return -1;
    return bytes_add(file, image, at, len, err);
}

/* ---- inodes ---- */

/* Writes the last block, filled up with zeros. */
static int tail_close(struct erofs_file *file, struct erofs_image *image, struct err *err)
{
    if (file->tail_len == 0)
        return 0;
    size_t tail_len = file->tail_len;
    memset(file->tail + tail_len, 0, EROFS_BLOCK - tail_len);
    return tail_add(file, image, err);
}

int erofs_file_end(struct erofs_file *file, struct erofs_image *image,
                   struct erofs_inode_data *data, uint32_t *ret_nid, struct err *err)
{
    if (file->at < file->size && hole_add(file, image, file->size, err) < 0)
        return -1;
    data->inode.size = file->size;
    data->inode.start = (uint32_t)(file->start / EROFS_BLOCK);
    bool follows = file->tail_len > 0 && erofs_tail_fits(data->xattrs_len, file->tail_len);
    if (!file->chunks && follows) {
        data->layout = EROFS_INLINE;
        data->tail = file->tail;
        data->tail_len = file->tail_len;
        return erofs_inode_add(image, data, ret_nid, err);
    }
    if (tail_close(file, image, err) < 0)
        return -1;
    data->layout = EROFS_PLAIN;
    if (file->chunks) {
        data->layout = EROFS_CHUNKED;
        data->inode.start = file->chunk_bits - EROFS_BLOCK_BITS;
        data->tail = file->chunks;
        data->tail_len = file->n_chunks * sizeof(*file->chunks);
    }
    return erofs_inode_add(image, data, ret_nid, err);
}

int erofs_text_add(struct erofs_image *image, const char *text, struct erofs_inode_data *data,
                   uint32_t *ret_nid, struct err *err)
{
    size_t len = strlen(text);
    data->inode.size = len;
    data->layout = EROFS_INLINE;
    data->tail = text;
    data->tail_len = len;
    if (!erofs_tail_fits(data->xattrs_len, len)) {
        data->layout = EROFS_PLAIN;
        data->inode.start = (uint32_t)(image->room.end / EROFS_BLOCK);
        data->tail_len = 0;
        if (erofs_image_append(image, text, len, err) < 0 || erofs_image_fill(image, len, err) < 0)
            return -1;
    }
    return erofs_inode_add(image, data, ret_nid, err);
}
