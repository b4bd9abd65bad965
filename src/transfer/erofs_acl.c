/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/erofs_acl.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

enum { ACL_VERSION = 2, ACL_HEAD = 4 };

/* In the order in which they stand in a list. */
enum acl_tag {
    TAG_OWNER = 0x01,
    TAG_USER = 0x02,
    TAG_GROUP_OWNER = 0x04,
    TAG_GROUP = 0x08,
    TAG_MASK = 0x10,
    TAG_OTHER = 0x20,
};

struct acl_entry {
    uint16_t tag;
    uint16_t permissions;
    uint32_t id;
};
_Static_assert(sizeof(struct acl_entry) == 8, "an entry of a list");

static struct acl_entry entry_read(const uint8_t *at)
{
    struct acl_entry entry;
    memcpy(&entry, at, sizeof(entry));
    return (struct acl_entry){ le16toh(entry.tag), le16toh(entry.permissions), le32toh(entry.id) };
}

/* Whether an entry may stand behind one with the tag `before`, 0: at the beginning. */
static bool entry_follows(unsigned before, unsigned tag)
{
    switch (tag) {
    case TAG_OWNER:
        return before == 0;
    case TAG_USER:
        return before == TAG_OWNER || before == TAG_USER;
    case TAG_GROUP_OWNER:
        return before == TAG_OWNER || before == TAG_USER;
    case TAG_GROUP:
        return before == TAG_GROUP_OWNER || before == TAG_GROUP;
    case TAG_MASK:
        return before == TAG_GROUP_OWNER || before == TAG_GROUP;
    case TAG_OTHER:
        return before == TAG_GROUP_OWNER || before == TAG_MASK || before == TAG_GROUP;
    default:
        return false;
    }
}

static bool names_someone(unsigned tag)
{
    return tag == TAG_USER || tag == TAG_GROUP;
}

/* Each tag of the list, or 0: it is invalid. */
static unsigned list_check(const uint8_t *at, size_t len)
{
    unsigned before = 0, seen = 0;
    for (; len > 0; at += sizeof(struct acl_entry), len -= sizeof(struct acl_entry)) {
        struct acl_entry entry = entry_read(at);
        if (!entry_follows(before, entry.tag) || entry.permissions > 7)
            return 0;
        if (names_someone(entry.tag) && entry.id == UINT32_MAX)
            return 0;
        before = entry.tag;
        seen |= entry.tag;
    }
    bool masked = !(seen & (TAG_USER | TAG_GROUP)) || seen & TAG_MASK;
    return before == TAG_OTHER && masked ? seen : 0;
}

static mode_t mode_of(const uint8_t *at, size_t len, mode_t mode)
{
    for (; len > 0; at += sizeof(struct acl_entry), len -= sizeof(struct acl_entry)) {
        struct acl_entry entry = entry_read(at);
        if (entry.tag == TAG_OWNER)
            mode = (mode & ~0700U) | (mode_t)entry.permissions << 6;
        if (entry.tag == TAG_GROUP_OWNER || entry.tag == TAG_MASK)
            mode = (mode & ~070U) | (mode_t)entry.permissions << 3;
        if (entry.tag == TAG_OTHER)
            mode = (mode & ~07U) | entry.permissions;
    }
    return mode;
}

enum acl_result acl_take(const void *value, size_t len, mode_t *mode, struct str *out)
{
    const uint8_t *at = value;
    uint32_t version;

    if (len < ACL_HEAD || (len - ACL_HEAD) % sizeof(struct acl_entry) != 0)
        return ACL_INVALID;
    memcpy(&version, at, sizeof(version));
    if (le32toh(version) != ACL_VERSION)
        return ACL_INVALID;
    if (len == ACL_HEAD)
        return ACL_MODE_ONLY;
    unsigned seen = list_check(at + ACL_HEAD, len - ACL_HEAD);
    if (!seen)
        return ACL_INVALID;
    if (mode) {
        *mode = mode_of(at + ACL_HEAD, len - ACL_HEAD, *mode);
        if (!(seen & (TAG_USER | TAG_GROUP | TAG_MASK)))
            return ACL_MODE_ONLY;
    }
    size_t begin = out->len;
    str_add_bytes(out, value, len);
    /* The ids of the others mean nothing, and are read back as -1. */
    for (size_t i = ACL_HEAD; i < len; i += sizeof(struct acl_entry))
        if (!names_someone(entry_read(at + i).tag))
            memset(out->at + begin + i + offsetof(struct acl_entry, id), 0xff, sizeof(uint32_t));
    return ACL_KEPT;
}

void acl_chmod(void *value, size_t len, mode_t mode)
{
    uint8_t *at = (uint8_t *)value + ACL_HEAD;
    uint8_t *group = NULL;
    for (size_t left = len - ACL_HEAD; left >= sizeof(struct acl_entry);
         at += sizeof(struct acl_entry), left -= sizeof(struct acl_entry)) {
        unsigned tag = entry_read(at).tag;
        uint8_t *permissions = at + offsetof(struct acl_entry, permissions);
        if (tag == TAG_OWNER)
            *permissions = mode >> 6 & 7;
        if (tag == TAG_OTHER)
            *permissions = mode & 7;
        if (tag == TAG_GROUP_OWNER || tag == TAG_MASK)
            group = permissions; /* the mask stands behind */
    }
    if (group)
        *group = mode >> 3 & 7;
}
