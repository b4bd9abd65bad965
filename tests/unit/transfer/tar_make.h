/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* tar archives made by hand, so that they can hold what no tool writes. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

enum { BLOCK = 512 };

struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type;
    char target[100], magic[8], uname[32], gname[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a ustar header is a block");

struct entry {
    const char *name;
    char type;        /* '0' file, '1' hard link, '2' symbolic link, '3' character, '4' block, '5'
                         directory, '6' FIFO */
    const char *text; /* a file's content, a link's target */
    unsigned mode;    /* 0: 0644, of directories 0755 */
    long mtime;
    unsigned major, minor;
    long owner; /* 0: whoever runs the test */
};

static inline void block_fill(struct str *out)
{
    static const char zeros[BLOCK];
    if (out->len % BLOCK)
        str_add_bytes(out, zeros, BLOCK - out->len % BLOCK);
}

static inline void octal(char *at, int digits, size_t value)
{
    at[digits] = '\0';
    for (; digits-- > 0; value >>= 3)
        at[digits] = (char)('0' + (value & 7));
}

static inline void header_add(struct str *out, const struct entry *entry, size_t size)
{
    struct header header = { .type = entry->type, .magic = "ustar\00000" };
    unsigned mode = entry->mode ? entry->mode : entry->type == '5' ? 0755 : 0644;
    long owner = entry->owner ? entry->owner : (long)geteuid();
    memcpy(header.name, entry->name, strnlen(entry->name, sizeof(header.name)));
    if (entry->type == '1' || entry->type == '2')
        memcpy(header.target, entry->text, strnlen(entry->text, sizeof(header.target)));
    octal(header.mode, 7, mode);
    octal(header.uid, 7, (size_t)owner);
    octal(header.gid, 7, entry->owner ? (size_t)owner : getegid());
    octal(header.size, 11, size);
    octal(header.mtime, 11, (size_t)entry->mtime);
    octal(header.major, 7, entry->major);
    octal(header.minor, 7, entry->minor);
    memset(header.checksum, ' ', sizeof(header.checksum));
    size_t sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += ((unsigned char *)&header)[i];
    octal(header.checksum, 6, sum);
    str_add_bytes(out, &header, sizeof(header));
}

static inline void entry_add(struct str *out, const struct entry *entry)
{
    size_t size = entry->type == '0' && entry->text ? strlen(entry->text) : 0;
    header_add(out, entry, size);
    if (size > 0)
        str_add_bytes(out, entry->text, size);
    block_fill(out);
}

/* A pax header for the member behind it: "key=value" records. */
static inline void pax_add(struct str *out, const char *key, const char *value, size_t value_len)
{
    auto_done(str) body = {};
    size_t len = strlen(key) + value_len + 3, digits = 1;
    while (snprintf(NULL, 0, "%zu", len + digits) != (int)digits)
        digits++;
    str_addf(&body, "%zu %s=", len + digits, key);
    str_add_bytes(&body, value, value_len);
    str_add_char(&body, '\n');
    const struct entry entry = { .name = "pax", .type = 'x' };
    header_add(out, &entry, body.len);
    str_add_bytes(out, body.at, body.len);
    block_fill(out);
}

static inline void archive_end(struct str *out)
{
    static const char zeros[2 * BLOCK];
    str_add_bytes(out, zeros, sizeof(zeros));
}

static inline void archive_make(struct str *out, const struct entry *entries, size_t len)
{
    for (size_t i = 0; i < len; i++)
        entry_add(out, &entries[i]);
    archive_end(out);
}
