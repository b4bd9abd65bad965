/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/erofs_image.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/number.h"

enum {
    BUFFER_SIZE = 512 << 10,
    SKIP_LEAST = 64 << 10, /* from here on zeros become a hole */
    WINDOW = 64 << 10,
    SPARE = 2 * EROFS_BLOCK, /* an inode, and what is missing to the last block of its data */
};

static const uint8_t zeros[EROFS_BLOCK];

void erofs_image_init(struct erofs_image *image, int fd, uint64_t max_bytes)
{
    *image = (struct erofs_image){
        .fd = fd,
        .buffer = xmalloc(BUFFER_SIZE),
        .base = EROFS_BLOCK,
        .max_bytes = max_bytes,
        .room = { .end = EROFS_BLOCK },
        .blocks = xcalloc(EROFS_OPEN_BLOCKS, EROFS_BLOCK),
    };
}

void erofs_image_done(struct erofs_image *image)
{
    free(image->buffer);
    free(image->blocks);
    *image = (struct erofs_image){ .fd = -1 };
}

/* ---- the end ---- */

/* Writes both, over partial writes. */
static int write_at(int fd, struct iovec *parts, int n, uint64_t offset, struct err *err)
{
    while (n > 0) {
        if (parts->iov_len == 0) {
            parts++;
            n--;
            continue;
        }
        ssize_t len = pwritev(fd, parts, n, (off_t)offset);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return err_sys(err, "write the layer");
        offset += (uint64_t)len;
        for (int i = 0; i < n && len > 0; i++) {
            size_t taken = (size_t)len < parts[i].iov_len ? (size_t)len : parts[i].iov_len;
            parts[i].iov_base = (uint8_t *)parts[i].iov_base + taken;
            parts[i].iov_len -= taken;
            len -= (ssize_t)taken;
        }
    }
    return 0;
}

/* Writes what is in the buffer, and what comes behind it. */
static int buffer_write(struct erofs_image *image, const void *at, size_t len, struct err *err)
{
    struct iovec parts[] = {
        { image->buffer, image->used },
        { (void *)(uintptr_t)at, len },
    };
    if (write_at(image->fd, parts, array_size(parts), image->base, err) < 0)
        return -1;
    image->base += image->used + len;
    image->used = 0;
    return 0;
}

/* A file that is one hole, or has a thousand attributes, takes room that no file data pays for. */
static int written_check(const struct erofs_image *image, struct err *err)
{
    uint64_t spare = ((uint64_t)image->inodes + 2) * SPARE; /* the root, and the one to come */
    char limit[16];
    if (image->room_bytes > 0 && image->written > image->room_bytes) {
        errno = ENOSPC;
        return err_sys(err, "write the layer");
    }
    if (image->max_bytes == 0 || image->written <= spare ||
        image->written - spare <= image->max_bytes)
        return 0;
    return err_set(err, ERR_INVALID, "the layer unpacks to more than the limit of %s",
                   size_format(image->max_bytes, limit));
}

/* Whatever takes room comes through here. Large pieces are written from where they are. */
static int buffer_add(struct erofs_image *image, const void *at, size_t len, struct err *err)
{
    image->written += len;
    if (written_check(image, err) < 0)
        return -1;
    if (len >= BUFFER_SIZE - image->used)
        return buffer_write(image, at, len, err);
    memcpy(image->buffer + image->used, at, len);
    image->used += len;
    return 0;
}

static int limit_check(const struct erofs_image *image, uint64_t len, struct err *err)
{
    char limit[16];
    if (len <= EROFS_IMAGE_LIMIT && image->room.end <= EROFS_IMAGE_LIMIT - len)
        return 0;
    return err_set(err, ERR_INVALID, "the layer takes more than the limit of %s",
                   size_format(EROFS_IMAGE_LIMIT, limit));
}

int erofs_image_append(struct erofs_image *image, const void *at, size_t len, struct err *err)
{
    if (limit_check(image, len, err) < 0 || buffer_add(image, at, len, err) < 0)
        return -1;
    image->room.end += len;
    return 0;
}

int erofs_image_skip(struct erofs_image *image, uint64_t len, struct err *err)
{
    if (limit_check(image, len, err) < 0)
        return -1;
    if (len >= SKIP_LEAST) {
        if (buffer_write(image, NULL, 0, err) < 0)
            return -1;
        image->base += len;
        image->room.end += len;
        return 0;
    }
    while (len > 0) {
        size_t part = len < sizeof(zeros) ? (size_t)len : sizeof(zeros);
        if (erofs_image_append(image, zeros, part, err) < 0)
            return -1;
        len -= part;
    }
    return 0;
}

int erofs_image_fill(struct erofs_image *image, uint64_t len, struct err *err)
{
    size_t over = (size_t)(len % EROFS_BLOCK);
    return over == 0 ? 0 : erofs_image_skip(image, EROFS_BLOCK - over, err);
}

/* ---- what was added before ---- */

/* A block that may be in the buffer still. It never lies across the buffer's beginning: both are
 * whole blocks. */
static int block_write(struct erofs_image *image, uint64_t place, const void *at, struct err *err)
{
    if (place >= image->base) {
        memcpy(image->buffer + (place - image->base), at, EROFS_BLOCK);
        return 0;
    }
    struct iovec part = { (void *)(uintptr_t)at, EROFS_BLOCK };
    return write_at(image->fd, &part, 1, place, err);
}

static int file_read(int fd, void *out, size_t len, uint64_t place, struct err *err)
{
    for (size_t had = 0; had < len;) {
        ssize_t n = pread(fd, (uint8_t *)out + had, len - had, (off_t)(place + had));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? err_sys(err, "read the layer")
                         : err_set(err, ERR_SYSTEM, "the layer's file was cut short");
        had += (size_t)n;
    }
    return 0;
}

/* Reads what lies in one block. */
static int image_read(const struct erofs_image *image, uint64_t place, void *out, size_t len,
                      struct err *err)
{
    for (size_t i = 0; i < EROFS_OPEN_BLOCKS; i++) {
        uint64_t at = image->room.open[i].at;
        if (at == 0 || place < at || place - at >= EROFS_BLOCK)
            continue;
        memcpy(out, image->blocks[i] + (place - at), len);
        return 0;
    }
    if (place < image->base)
        return file_read(image->fd, out, len, place, err);
    memcpy(out, image->buffer + (place - image->base), len);
    return 0;
}

/* ---- inodes ---- */

static size_t slots(size_t len)
{
    return (len + EROFS_SLOT - 1) / EROFS_SLOT * EROFS_SLOT;
}

/* The open block that it fills best; else the fullest is closed and a new one opened. */
static size_t room_choose(const struct erofs_room *room, size_t len)
{
    size_t best = EROFS_OPEN_BLOCKS, fullest = 0;
    for (size_t i = 0; i < EROFS_OPEN_BLOCKS; i++) {
        if (room->open[i].at == 0)
            return best < EROFS_OPEN_BLOCKS ? best : i;
        if (room->open[i].used + len <= EROFS_BLOCK &&
            (best == EROFS_OPEN_BLOCKS || room->open[i].used > room->open[best].used))
            best = i;
        if (room->open[i].used > room->open[fullest].used)
            fullest = i;
    }
    return best < EROFS_OPEN_BLOCKS ? best : fullest;
}

/* The open block `i` is to be another one: it has no room for len bytes. */
static bool room_is_new(const struct erofs_room *room, size_t i, size_t len)
{
    return room->open[i].at == 0 || room->open[i].used + len > EROFS_BLOCK;
}

uint64_t erofs_room_take(struct erofs_room *room, size_t len)
{
    len = slots(len);
    if (len > EROFS_BLOCK) {
        uint64_t place = room->end;
        room->end += (len + EROFS_BLOCK - 1) / EROFS_BLOCK * EROFS_BLOCK;
        return place;
    }
    size_t i = room_choose(room, len);
    if (room_is_new(room, i, len)) {
        room->open[i].at = room->end;
        room->open[i].used = 0;
        room->end += EROFS_BLOCK;
    }
    uint64_t place = room->open[i].at + room->open[i].used;
    room->open[i].used += (uint32_t)len;
    return place;
}

void erofs_image_print(struct erofs_image *image, const void *at, size_t len)
{
    const uint8_t *from = at;
    uint64_t *print = image->print;
    for (; len >= sizeof(uint64_t); from += sizeof(uint64_t), len -= sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, from, sizeof(word));
        print[0] = (print[0] ^ le64toh(word)) * UINT64_C(0x9e3779b97f4a7c15);
        print[0] ^= print[0] >> 32;
        print[1] = (print[1] + print[0]) * UINT64_C(0xd6e8feb86659fd93);
        print[1] ^= print[1] >> 29;
    }
}

void erofs_inode_put(struct erofs_image *image, const struct erofs_inode_data *data, void *out)
{
    const struct erofs_inode *from = &data->inode;
    size_t words = data->xattrs_len / sizeof(uint32_t);
    size_t head_words = sizeof(struct erofs_xattr_head) / sizeof(uint32_t);
    const struct erofs_inode inode = {
        .format = htole16((uint16_t)(EROFS_EXTENDED | data->layout << EROFS_LAYOUT_BIT)),
        .xattr_count = htole16((uint16_t)(words > 0 ? words - head_words + 1 : 0)),
        .mode = htole16(from->mode),
        .size = htole64(from->size),
        .start = htole32(from->start),
        .ino = htole32(++image->inodes),
        .uid = htole32(from->uid),
        .gid = htole32(from->gid),
        .seconds = (int64_t)htole64((uint64_t)from->seconds),
        .nanoseconds = htole32(from->nanoseconds),
        .nlink = htole32(from->nlink),
    };
    uint8_t *to = out;
    memcpy(to, &inode, sizeof(inode));
    if (data->xattrs_len > 0)
        memcpy(to + sizeof(inode), data->xattrs, data->xattrs_len);
    if (data->tail_len > 0)
        memcpy(to + sizeof(inode) + data->xattrs_len, data->tail, data->tail_len);
    erofs_image_print(image, &inode, sizeof(inode));
}

/* One that is larger than a block stands in blocks of its own. */
static int large_inode_add(struct erofs_image *image, const struct erofs_inode_data *data,
                           size_t len, struct err *err)
{
    auto_free uint8_t *whole = xmalloc(len);
    erofs_inode_put(image, data, whole);
    if (erofs_image_append(image, whole, len, err) < 0)
        return -1;
    return erofs_image_fill(image, len, err);
}

int erofs_inode_add(struct erofs_image *image, const struct erofs_inode_data *data,
                    uint32_t *ret_nid, struct err *err)
{
    size_t len = sizeof(struct erofs_inode) + data->xattrs_len + data->tail_len;

    if (slots(len) > EROFS_BLOCK) {
        *ret_nid = (uint32_t)(image->room.end / EROFS_SLOT);
        return large_inode_add(image, data, len, err);
    }
    size_t i = room_choose(&image->room, slots(len));
    if (room_is_new(&image->room, i, slots(len))) {
        uint64_t full = image->room.open[i].at;
        if (full > 0 && block_write(image, full, image->blocks[i], err) < 0)
            return -1;
        memset(image->blocks[i], 0, EROFS_BLOCK);
        if (limit_check(image, EROFS_BLOCK, err) < 0 ||
            buffer_add(image, zeros, EROFS_BLOCK, err) < 0)
            return -1;
    }
    uint64_t place = erofs_room_take(&image->room, len);
    erofs_inode_put(image, data, image->blocks[i] + place % EROFS_BLOCK);
    *ret_nid = (uint32_t)(place / EROFS_SLOT);
    return 0;
}

int erofs_link_read(const struct erofs_image *image, uint32_t nid,
                    char ret_target[MEMBER_TARGET_MAX + 1], struct err *err)
{
    uint64_t place = (uint64_t)nid * EROFS_SLOT;
    struct erofs_inode inode;
    if (image_read(image, place, &inode, sizeof(inode), err) < 0)
        return -1;
    size_t len = (size_t)le64toh(inode.size);
    if (len > MEMBER_TARGET_MAX)
        return err_set(err, ERR_SYSTEM, "a link in the layer is damaged");
    place += sizeof(inode);
    if (le16toh(inode.format) >> EROFS_LAYOUT_BIT == EROFS_PLAIN)
        place = (uint64_t)le32toh(inode.start) * EROFS_BLOCK;
    if (image_read(image, place, ret_target, len, err) < 0)
        return -1;
    ret_target[len] = '\0';
    return 0;
}

/* ---- completion ---- */

int erofs_image_flush(struct erofs_image *image, struct err *err)
{
    for (size_t i = 0; i < EROFS_OPEN_BLOCKS; i++) {
        uint64_t at = image->room.open[i].at;
        if (at > 0 && block_write(image, at, image->blocks[i], err) < 0)
            return -1;
        image->room.open[i].at = 0;
    }
    return buffer_write(image, NULL, 0, err);
}

int erofs_image_relink(struct erofs_image *image, const struct erofs_links *links, size_t len,
                       struct err *err)
{
    auto_free uint8_t *window = len > 0 ? xmalloc(WINDOW) : NULL;
    for (size_t i = 0; i < len;) {
        uint64_t place = (uint64_t)links[i].nid * EROFS_SLOT / EROFS_BLOCK * EROFS_BLOCK;
        uint64_t left = image->room.end - place;
        size_t size = left < WINDOW ? (size_t)left : WINDOW;
        if (file_read(image->fd, window, size, place, err) < 0)
            return -1;
        for (; i < len; i++) {
            uint64_t at = (uint64_t)links[i].nid * EROFS_SLOT - place;
            if (at >= size)
                break;
            uint32_t nlink = htole32(links[i].nlink);
            memcpy(window + at + offsetof(struct erofs_inode, nlink), &nlink, sizeof(nlink));
        }
        struct iovec part = { window, size };
        if (write_at(image->fd, &part, 1, place, err) < 0)
            return -1;
    }
    return 0;
}

/* CRC-32C, bit by bit: of 3 KiB, once a layer. The kernel leaves out the last inversion. */
static uint32_t checksum(const uint8_t *at, size_t len)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < len; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
    }
    return crc;
}

/* A UUID that content makes, version 8 (RFC 9562, 5.8). overlayfs tells layers apart by it. */
static void uuid_put(const struct erofs_image *image, uint8_t uuid[16])
{
    uint64_t words[2] = { htole64(image->print[0]), htole64(image->print[1]) };
    memcpy(uuid, words, sizeof(words));
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x80);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

int erofs_image_finish(struct erofs_image *image, struct erofs_super *super,
                       uint8_t block[EROFS_BLOCK], struct err *err)
{
    super->magic = htole32(EROFS_MAGIC);
    super->compat = htole32(EROFS_COMPAT_CHECKSUM | EROFS_COMPAT_MTIME);
    super->block_bits = EROFS_BLOCK_BITS;
    super->root_nid = htole16(EROFS_ROOT_AT / EROFS_SLOT);
    super->blocks = htole32((uint32_t)(image->room.end / EROFS_BLOCK));
    uuid_put(image, super->uuid);
    memcpy(super->volume_name, EROFS_WRITER, sizeof(EROFS_WRITER));
    memcpy(block + EROFS_SUPER_AT, super, sizeof(*super));
    super->checksum = htole32(checksum(block + EROFS_SUPER_AT, EROFS_BLOCK - EROFS_SUPER_AT));
    memcpy(block + EROFS_SUPER_AT, super, sizeof(*super));

    struct iovec part = { block, EROFS_BLOCK };
    if (write_at(image->fd, &part, 1, 0, err) < 0)
        return -1;
    /* Its last blocks may be a hole. */
    if (ftruncate(image->fd, (off_t)image->room.end) < 0)
        return err_sys(err, "write the layer");
    return 0;
}
