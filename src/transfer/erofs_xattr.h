/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Extended attributes of an EROFS image. A bag is what one file has: entries as they stand on the
 * disk, one behind the other. Those that several files have are kept once for all, from the second
 * time on that they are met.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "transfer/erofs.h"
#include "transfer/member.h"
#include "transfer/sink.h"

/* Adds a member's attributes to a bag, in place of those of the same name. *mode becomes what an
 * access list says. What the kernel would not take is left out with a warning; so is a default
 * list, quietly, of what is no directory. */
void erofs_bag_take(struct str *bag, const struct member *member, mode_t *mode,
                    const struct sink_help *help);
/* Puts one attribute into a bag. */
void erofs_bag_put(struct str *bag, uint8_t prefix, const char *name, const void *value,
                   size_t len);
/* Does to a bag's access list what chmod does. */
void erofs_bag_chmod(struct str *bag, mode_t mode);

/* What several files have. */
struct erofs_shared {
    struct str area; /* as it will stand in the image */
    struct erofs_shared_slot *slots;
    size_t n_slots; /* a power of two */
    size_t used;
};

void erofs_shared_done(struct erofs_shared *shared);

/* Makes what stands behind an inode of a bag: at most `room` bytes, shared if need be. Returns how
 * many attributes had to be left out. out is empty before. */
size_t erofs_bag_encode(const struct str *bag, struct erofs_shared *shared, size_t room,
                        struct str *out);

enum {
    EROFS_XATTRS_MOST = 256 << 10, /* bytes that can follow an inode */
    EROFS_SHARED_MOST = 1 << 20,   /* of all that is shared */
};
