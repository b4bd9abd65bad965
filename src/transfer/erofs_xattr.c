/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/erofs_xattr.h"

#include <endian.h>
#include <string.h>

#include "transfer/erofs_acl.h"

enum {
    VALUE_MAX = UINT16_MAX,
    NAME_MAX_BYTES = 255, /* the kernel's, of the whole name */
    SHARED_MOST = 255,    /* of one file: their number is a byte */
    SLOTS_FIRST = 256,
    SLOTS_MOST = 1 << 16,
    CAPABILITY_2 = 20, /* bytes of security.capability by its version */
    CAPABILITY_3 = 24,
};

/* ---- entries ---- */

static size_t aligned(size_t len)
{
    return (len + 3) & ~(size_t)3;
}

struct entry {
    uint8_t prefix;
    const char *name;
    size_t name_len;
    const char *value;
    size_t len;
    size_t size; /* of all on the disk */
};

static struct entry entry_at(const struct str *bag, size_t place)
{
    struct erofs_xattr_entry head;
    memcpy(&head, bag->at + place, sizeof(head));
    struct entry entry = {
        .prefix = head.prefix,
        .name = bag->at + place + sizeof(head),
        .name_len = head.name_len,
        .len = le16toh(head.value_len),
    };
    entry.value = entry.name + entry.name_len;
    entry.size = aligned(sizeof(head) + entry.name_len + entry.len);
    return entry;
}

/* Finds an attribute's place; the bag's end if it has none such. */
static size_t bag_find(const struct str *bag, uint8_t prefix, const char *name)
{
    size_t place = 0;
    while (place < bag->len) {
        struct entry entry = entry_at(bag, place);
        if (entry.prefix == prefix && entry.name_len == strlen(name) &&
            memcmp(entry.name, name, entry.name_len) == 0)
            break;
        place += entry.size;
    }
    return place;
}

static void bag_remove(struct str *bag, uint8_t prefix, const char *name)
{
    size_t place = bag_find(bag, prefix, name);
    if (place == bag->len)
        return;
    size_t size = entry_at(bag, place).size;
    memmove(bag->at + place, bag->at + place + size, bag->len - place - size);
    bag->len -= size;
}

void erofs_bag_put(struct str *bag, uint8_t prefix, const char *name, const void *value, size_t len)
{
    static const char zeros[3];
    const struct erofs_xattr_entry head = {
        .name_len = (uint8_t)strlen(name),
        .prefix = prefix,
        .value_len = htole16((uint16_t)len),
    };
    bag_remove(bag, prefix, name);
    str_add_bytes(bag, &head, sizeof(head));
    str_add_bytes(bag, name, head.name_len);
    str_add_bytes(bag, value, len);
    str_add_bytes(bag, zeros, aligned(bag->len) - bag->len);
}

void erofs_bag_chmod(struct str *bag, mode_t mode)
{
    size_t place = bag_find(bag, EROFS_XATTR_ACL_ACCESS, "");
    if (place == bag->len)
        return;
    struct entry entry = entry_at(bag, place);
    acl_chmod(bag->at + (entry.value - bag->at), entry.len, mode);
}

/* ---- a member's ---- */

static const struct prefix {
    const char *text;
    uint8_t number;
} prefixes[] = {
    { "user.", EROFS_XATTR_USER },
    { "security.", EROFS_XATTR_SECURITY },
};

static bool capability_valid(const struct xattr *xattr)
{
    uint32_t magic = 0;
    if (xattr->len != CAPABILITY_2 && xattr->len != CAPABILITY_3)
        return false;
    memcpy(&magic, xattr->value, sizeof(magic));
    return le32toh(magic) >> 24 == (xattr->len == CAPABILITY_2 ? 2 : 3);
}

/* Gives the reason why the kernel would not take it, or NULL. */
static const char *plain_put(struct str *bag, const struct xattr *xattr)
{
    for (size_t i = 0; i < array_size(prefixes); i++) {
        if (!text_starts(xattr->name, prefixes[i].text))
            continue;
        const char *rest = xattr->name + strlen(prefixes[i].text);
        if (!*rest || strlen(xattr->name) > NAME_MAX_BYTES)
            return "its name is empty or too long";
        if (strcmp(xattr->name, "security.capability") == 0 && !capability_valid(xattr))
            return "no capabilities";
        erofs_bag_put(bag, prefixes[i].number, rest, xattr->value, xattr->len);
        return NULL;
    }
    return "of an unknown kind";
}

static const char *list_put(struct str *bag, const struct xattr *xattr, uint8_t prefix,
                            mode_t *mode)
{
    auto_done(str) list = {};
    switch (acl_take(xattr->value, xattr->len, mode, &list)) {
    case ACL_INVALID:
        return "no access control list";
    case ACL_MODE_ONLY:
        bag_remove(bag, prefix, "");
        return NULL;
    case ACL_KEPT:
        erofs_bag_put(bag, prefix, "", list.at, list.len);
        return NULL;
    }
    return NULL;
}

static const char *xattr_put(struct str *bag, const struct xattr *xattr, bool directory,
                             mode_t *mode)
{
    if (xattr->len > VALUE_MAX)
        return "it is too large";
    if (strcmp(xattr->name, "system.posix_acl_access") == 0)
        return list_put(bag, xattr, EROFS_XATTR_ACL_ACCESS, mode);
    if (strcmp(xattr->name, "system.posix_acl_default") != 0)
        return plain_put(bag, xattr);
    return directory ? list_put(bag, xattr, EROFS_XATTR_ACL_DEFAULT, NULL) : NULL;
}

void erofs_bag_take(struct str *bag, const struct member *member, mode_t *mode,
                    const struct sink_help *help)
{
    for (size_t i = 0; i < member->n_xattrs; i++) {
        const struct xattr *xattr = &member->xattrs[i];
        const char *why = xattr_put(bag, xattr, member->type == MEMBER_DIRECTORY, mode);
        if (!why)
            continue;
        auto_free char *text =
            xasprintf("%s: its attribute %s is left out: %s", member->path, xattr->name, why);
        help->warning(help->context, text);
    }
}

/* ---- shared ones ---- */

struct erofs_shared_slot {
    uint32_t hash; /* 0: free */
    uint32_t at;   /* in the area; or: met once */
};

static const uint32_t met_once = UINT32_MAX;

void erofs_shared_done(struct erofs_shared *shared)
{
    str_done(&shared->area);
    free(shared->slots);
    *shared = (struct erofs_shared){};
}

static uint32_t hash_of(const char *at, size_t len)
{
    uint64_t hash = len;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (uint8_t)at[i]) * UINT64_C(0x100000001b3);
    hash ^= hash >> 32;
    return (uint32_t)hash ? (uint32_t)hash : 1;
}

static void slots_grow(struct erofs_shared *shared)
{
    auto_free struct erofs_shared_slot *before = shared->slots;
    size_t n_before = shared->n_slots;
    shared->n_slots = n_before > 0 ? n_before * 4 : SLOTS_FIRST;
    shared->slots = xcalloc(shared->n_slots, sizeof(*shared->slots));
    for (size_t i = 0; i < n_before; i++) {
        if (before[i].hash == 0)
            continue;
        size_t to = before[i].hash & (shared->n_slots - 1);
        while (shared->slots[to].hash != 0)
            to = (to + 1) & (shared->n_slots - 1);
        shared->slots[to] = before[i];
    }
}

/* The slot of an entry, or a free one. Two entries of one hash, of which the first was met once,
 * are one to it: that only makes the second shared a little early. */
static struct erofs_shared_slot *slot_find(const struct erofs_shared *shared, uint32_t hash,
                                           const char *at, size_t len)
{
    size_t i = hash & (shared->n_slots - 1);
    for (;; i = (i + 1) & (shared->n_slots - 1)) {
        struct erofs_shared_slot *slot = &shared->slots[i];
        if (slot->hash == 0)
            return slot;
        if (slot->hash != hash)
            continue;
        if (slot->at == met_once || (shared->area.len - slot->at >= len &&
                                     memcmp(shared->area.at + slot->at, at, len) == 0))
            return slot;
    }
}

/* Gives the number of an entry in the shared area, or -1: it is to stand with its inode. */
static int64_t shared_number(struct erofs_shared *shared, const char *at, size_t len, bool force)
{
    if (shared->used * 2 >= shared->n_slots && shared->n_slots < SLOTS_MOST)
        slots_grow(shared);
    uint32_t hash = hash_of(at, len);
    struct erofs_shared_slot *slot = slot_find(shared, hash, at, len);
    bool fresh = slot->hash == 0;
    if (!fresh && slot->at != met_once)
        return slot->at / (int64_t)sizeof(uint32_t);
    if (fresh && shared->used * 2 >= shared->n_slots)
        return -1; /* so many kinds: nothing more is learnt */
    slot->hash = hash;
    shared->used += fresh;
    if (fresh)
        slot->at = met_once;
    if ((fresh && !force) || shared->area.len + len > EROFS_SHARED_MOST)
        return -1;
    slot->at = (uint32_t)shared->area.len;
    str_add_bytes(&shared->area, at, len);
    return slot->at / (int64_t)sizeof(uint32_t);
}

/* ---- what follows an inode ---- */

struct encoding {
    uint32_t numbers[SHARED_MOST];
    size_t n_shared;
    struct str entries;
    size_t left_out;
};

static size_t encoding_size(const struct encoding *encoding)
{
    return sizeof(struct erofs_xattr_head) + encoding->n_shared * sizeof(uint32_t) +
           encoding->entries.len;
}

static void encoding_add(struct encoding *encoding, struct erofs_shared *shared, const char *at,
                         size_t len, size_t room)
{
    bool fits = encoding_size(encoding) + len <= room;
    int64_t number = -1;
    if (encoding->n_shared < SHARED_MOST && encoding_size(encoding) + sizeof(uint32_t) <= room)
        number = shared_number(shared, at, len, !fits);
    if (number >= 0)
        encoding->numbers[encoding->n_shared++] = htole32((uint32_t)number);
    else if (fits)
        str_add_bytes(&encoding->entries, at, len);
    else
        encoding->left_out++;
}

size_t erofs_bag_encode(const struct str *bag, struct erofs_shared *shared, size_t room,
                        struct str *out)
{
    struct encoding encoding = {};
    for (size_t place = 0; place < bag->len;) {
        size_t size = entry_at(bag, place).size;
        encoding_add(&encoding, shared, bag->at + place, size, room);
        place += size;
    }
    const struct erofs_xattr_head head = { .shared = (uint8_t)encoding.n_shared };
    if (encoding_size(&encoding) > sizeof(head)) {
        str_add_bytes(out, &head, sizeof(head));
        str_add_bytes(out, encoding.numbers, encoding.n_shared * sizeof(uint32_t));
        str_add_bytes(out, str_text(&encoding.entries), encoding.entries.len);
    }
    str_done(&encoding.entries);
    return encoding.left_out;
}
