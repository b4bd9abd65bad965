/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Id maps of user namespaces (user_namespaces(7)): reading subordinate ranges from /etc/subuid and
 * /etc/subgid (subuid(5)), writing a process's maps, by hand where we may and with newuidmap(1)
 * where we may not.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum { ID_MAP_MAX = 340 }; /* extents a map may have, kernel 4.15 */

struct id_extent {
    uint32_t inside;
    uint32_t outside;
    uint32_t count;
};

struct id_map {
    struct id_extent *at;
    size_t len;
};

struct id_maps {
    struct id_map uid;
    struct id_map gid;
};

void id_maps_done(struct id_maps *maps);
void id_map_add(struct id_map *map, uint32_t inside, uint32_t outside, uint32_t count);
/* The outside id of an inside one. False: not mapped. */
bool id_map_outside(const struct id_map *map, uint32_t inside, uint32_t *ret_outside);

/* Adds the ranges a file of subuid(5)'s format gives to the user, by name or number, with `inside`
 * going up from first_inside. name may be NULL. A missing file gives none. */
int id_map_add_subids(struct id_map *map, const char *path, const char *name, uint32_t id,
                      uint32_t first_inside, struct err *err);

/* Both halves of it: the file's text, owned by the caller, NULL if it is missing; and the ranges in
 * it. */
int subids_load(const char *path, char **ret_text, struct err *err);
void id_map_find_subids(struct id_map *map, const char *text, const char *name, uint32_t id,
                        uint32_t first_inside);

/* The maps of an ordinary user: 0 is the user, 1… are the subordinate ranges, if any. */
int id_maps_of_user(struct id_maps *ret_maps, struct err *err);

/* Writes the maps of a process that has just made a user namespace. As root by hand (two writes);
 * otherwise by newuidmap and newgidmap, or, when the maps are the user's own single ids, by hand
 * with setgroups denied. */
int id_maps_write(const struct id_maps *maps, pid_t pid, struct err *err);
