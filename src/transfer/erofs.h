/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * EROFS on disk, as far as it is written here: kernel documentation, filesystems/erofs.rst. All
 * numbers are little-endian. The metadata area begins at block 0, so that an inode may lie anywhere
 * and its number ("nid") is its place in the image by 32 bytes.
 */
#include <stdint.h>

enum {
    EROFS_BLOCK_BITS = 12,
    EROFS_BLOCK = 1 << EROFS_BLOCK_BITS,
    EROFS_SLOT = 32,
    EROFS_SUPER_AT = 1024,
    EROFS_ROOT_AT = EROFS_SUPER_AT + 128, /* its number has 16 bits, so it stands in block 0 */
};

#define EROFS_MAGIC       UINT32_C(0xe0f5e1e2)
#define EROFS_HOLE        UINT32_MAX          /* in the place of a chunk's block */
#define EROFS_IMAGE_LIMIT (UINT64_C(1) << 37) /* nids are kept in 32 bits */

/* The volume name says who has written an image: with each change of what becomes of an archive the
 * number goes up. Images of one writer can be compared byte by byte. */
#define EROFS_WRITER "ruche 1"

enum {
    EROFS_COMPAT_CHECKSUM = 1 << 0,
    EROFS_COMPAT_MTIME = 1 << 1,
    EROFS_INCOMPAT_CHUNKED = 1 << 2, /* kernel 5.15 */
};

enum erofs_layout {
    EROFS_PLAIN = 0,   /* its data lies in blocks of its own */
    EROFS_INLINE = 2,  /* but for the last, not whole one, which follows the inode */
    EROFS_CHUNKED = 4, /* a list of chunks' blocks follows the inode */
};

enum {
    EROFS_EXTENDED = 1,   /* bit 0 of an inode's format: the long form */
    EROFS_LAYOUT_BIT = 1, /* where the layout begins in it */
};

struct erofs_super {
    uint32_t magic;
    uint32_t checksum; /* CRC-32C of the rest of block 0 from here on */
    uint32_t compat;
    uint8_t block_bits;
    uint8_t extra_slots;
    uint16_t root_nid;
    uint64_t inodes;
    uint64_t build_seconds;
    uint32_t build_nanoseconds;
    uint32_t blocks;
    uint32_t meta_block;
    uint32_t xattr_block; /* where shared attributes begin */
    uint8_t uuid[16];
    char volume_name[16];
    uint32_t incompat;
    uint8_t reserved[44];
};
_Static_assert(sizeof(struct erofs_super) == 128, "a superblock");

struct erofs_inode {
    uint16_t format;
    uint16_t xattr_count; /* 0, or 1 + words of attributes behind their head */
    uint16_t mode;
    uint16_t reserved;
    uint64_t size;
    uint32_t start; /* its first block, a device's number, or the size of its chunks */
    uint32_t ino;
    uint32_t uid;
    uint32_t gid;
    int64_t seconds;
    uint32_t nanoseconds;
    uint32_t nlink;
    uint8_t reserved2[16];
};
_Static_assert(sizeof(struct erofs_inode) == 64, "an inode");

struct erofs_xattr_head {
    uint32_t filter;
    uint8_t shared; /* how many numbers of shared attributes follow */
    uint8_t reserved[7];
};
_Static_assert(sizeof(struct erofs_xattr_head) == 12, "the head of attributes");

/* Name and value follow, filled up to 4 bytes. */
struct erofs_xattr_entry {
    uint8_t name_len;
    uint8_t prefix;
    uint16_t value_len;
};
_Static_assert(sizeof(struct erofs_xattr_entry) == 4, "an attribute");

enum {
    EROFS_XATTR_USER = 1,
    EROFS_XATTR_ACL_ACCESS = 2,
    EROFS_XATTR_ACL_DEFAULT = 3,
    EROFS_XATTR_SECURITY = 6,
};

/* A directory's blocks begin with these, sorted by name; their names follow. */
struct erofs_dirent {
    uint64_t nid;
    uint16_t name_at; /* in the block */
    uint8_t type;
    uint8_t reserved;
} __attribute__((packed));
_Static_assert(sizeof(struct erofs_dirent) == 12, "a directory entry");

/* The kernel's FT_ numbers, and one that is a character device on the disk. */
enum erofs_type {
    EROFS_NOTHING,
    EROFS_FILE,
    EROFS_DIRECTORY,
    EROFS_CHARACTER,
    EROFS_BLOCK_DEVICE,
    EROFS_FIFO,
    EROFS_SOCKET,
    EROFS_SYMLINK,
    EROFS_WHITEOUT,
};
