/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Lists of images: the rows that `images` shows, and the tree of their layers. */
#include "base/err.h"
#include "base/str.h"
#include "image/image.h"

enum { IMAGE_ID_SHORT = 12 };

/* Behind "sha256:", shortened unless `whole`, which has the prefix as well. Owned by the caller. */
char *image_id_shown(const char *id, bool whole);

/* Prints the images with the layers they share. */
int image_tree_print(struct images *images, const struct image_rows *rows, bool whole_ids,
                     struct err *err);

/* A layer of the tree. */
struct layer_node {
    char *diff_id;
    uint64_t packed_bytes;
    size_t parent;         /* 0 is the root, which is no layer */
    size_t first;          /* child; 0: none */
    size_t next;           /* of the same parent; 0: none */
    struct strings images; /* that end here */
};
struct layer_tree {
    struct layer_node *at;
    size_t len;
};
/* The node of an image's uppermost layer, made with those below it. sizes may be NULL. */
size_t layer_tree_add(struct layer_tree *tree, const struct strings *diff_ids,
                      const uint64_t *sizes);
enum layer_tree_flags {
    LAYER_TREE_UTF8 = 1 << 0, /* lines of box characters, else of - and | */
    LAYER_TREE_WHOLE_IDS = 1 << 1,
};
/* Adds lines as "├─ 4b82…\t2.1MB\tapp:1.0". */
void layer_tree_format(const struct layer_tree *tree, enum layer_tree_flags flags, struct str *out);
void layer_tree_done(struct layer_tree *tree);
/* Whether the user's locale says that text is UTF-8. */
bool locale_is_utf8(void);
