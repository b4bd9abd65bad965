/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The names of an EROFS image while members come in: what is where, in some 40 bytes an entry and
 * as much again a directory. Inodes of all but directories are in the image already. A name is
 * found by its directory and its text; paths mean what struct beneath makes of them on a disk.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/err.h"
#include "base/str.h"
#include "transfer/erofs_image.h"

enum { TREE_ROOT = 0 }; /* the number of the root directory */

#define TREE_NONE UINT32_MAX /* no entry */

struct tree_entry {
    uint32_t directory;
    uint32_t next;  /* of the same hash */
    uint32_t name;  /* where it is in the names */
    uint32_t value; /* a directory's number, else a nid */
};

enum tree_directory_flags {
    TREE_GONE = 1 << 0, /* removed, and all below it */
};

struct tree_directory {
    int64_t seconds;
    uint32_t nanoseconds;
    uint32_t uid;
    uint32_t gid;
    uint32_t parent;
    uint32_t nid;   /* when all is in */
    uint32_t nlink; /* likewise */
    uint32_t bag;   /* 1 + the number of its attributes, or 0 */
    uint16_t mode;
    uint16_t flags;
};

struct tree {
    const struct erofs_image *image; /* where links are read */
    struct tree_entry *entries;
    uint32_t n_entries, entries_room;
    struct tree_directory *directories;
    uint32_t n_directories, directories_room;
    uint8_t *names; /* each: type and flag, length, text */
    uint32_t names_len, names_room;
    uint32_t *heads; /* by hash: an entry */
    uint32_t n_heads;
    uint64_t seed;
    struct timespec time; /* of directories that are made because they are missing */
    struct str parent;    /* the path looked up last */
    uint32_t parent_directory;
    bool parent_known;
};

void tree_init(struct tree *tree, const struct erofs_image *image);
void tree_done(struct tree *tree);

struct view tree_name(const struct tree *tree, uint32_t entry);
/* EROFS_NOTHING: it was removed. */
enum erofs_type tree_type(const struct tree *tree, uint32_t entry);
/* Whether other entries may mean the same inode. */
bool tree_is_linked(const struct tree *tree, uint32_t entry);
void tree_link(struct tree *tree, uint32_t entry);

/* The entry of a name, or TREE_NONE. */
uint32_t tree_find(const struct tree *tree, uint32_t directory, struct view name);
/* Makes an entry of a name that is free. */
int tree_add(struct tree *tree, uint32_t directory, struct view name, enum erofs_type type,
             uint32_t value, uint32_t *ret_entry, struct err *err);
/* Makes a directory, and its entry, of a name that is free: root's, with mode 0755 and the tree's
 * time. */
int tree_add_directory(struct tree *tree, uint32_t directory, struct view name,
                       uint32_t *ret_directory, struct err *err);
/* Takes an entry away, and all below it. */
void tree_remove_entry(struct tree *tree, uint32_t entry);

/* Gives the directory that a path's last name is in, made with its own parents if absent, and that
 * name. Links on the way lead where they would in a container. */
int tree_parent(struct tree *tree, const char *path, uint32_t *ret_directory, struct view *ret_name,
                struct err *err);
/* The entry of a path of directories that are none but that; or TREE_NONE. */
uint32_t tree_find_strict(const struct tree *tree, const char *path);
