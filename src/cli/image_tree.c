/* SPDX-License-Identifier: Apache-2.0 */
/*
 * images --tree. A layer is the same where its content and all below it are the same, so layers are
 * put into a tree by their diff-ids from the lowest on, and each image's name at the last one. A
 * layer has the size of its blob, as it came: what it takes unpacked is not kept by itself.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "cli/cli.h"
#include "cli/image_list.h"
#include "cli/tabstop.h"

enum { SIZE_TEXT = 16 };

void layer_tree_done(struct layer_tree *tree)
{
    for (size_t i = 0; i < tree->len; i++) {
        free(tree->at[i].diff_id);
        strings_done(&tree->at[i].images);
    }
    free(tree->at);
    *tree = (struct layer_tree){};
}

static size_t node_add(struct layer_tree *tree, size_t parent, const char *diff_id, uint64_t bytes)
{
    struct layer_node *node = array_grow((void **)&tree->at, &tree->len, sizeof(*tree->at));
    *node =
        (struct layer_node){ .diff_id = xstrdup(diff_id), .parent = parent, .packed_bytes = bytes };
    return tree->len - 1;
}

/* The child with that content, made behind the others if there is none. */
static size_t child_find(struct layer_tree *tree, size_t parent, const char *diff_id,
                         uint64_t bytes)
{
    size_t last = 0;
    for (size_t i = tree->at[parent].first; i > 0; i = tree->at[i].next) {
        if (strcmp(tree->at[i].diff_id, diff_id) == 0)
            return i;
        last = i;
    }
    size_t child = node_add(tree, parent, diff_id, bytes);
    if (last > 0)
        tree->at[last].next = child;
    else
        tree->at[parent].first = child;
    return child;
}

size_t layer_tree_add(struct layer_tree *tree, const struct strings *diff_ids,
                      const uint64_t *sizes)
{
    size_t at = 0;
    if (tree->len == 0)
        (void)node_add(tree, 0, "", 0); /* the root */
    for (size_t i = 0; i < diff_ids->len; i++)
        at = child_find(tree, at, diff_ids->at[i], sizes ? sizes[i] : 0);
    return at;
}

/* ---- lines ---- */

struct lines {
    const char *branch; /* before a layer that others follow on the same one */
    const char *last;
    const char *beside; /* before what lies on such a layer */
    const char *below;
};

static const struct lines utf8_lines = { "├─ ", "└─ ", "│  ", "   " };
static const struct lines ascii_lines = { "|- ", "`- ", "|  ", "   " };

static void images_add(const struct layer_node *node, struct str *out)
{
    for (size_t i = 0; i < node->images.len; i++) {
        str_add(out, i > 0 ? ", " : "");
        text_escape(out, node->images.at[i], strlen(node->images.at[i]));
    }
}

/* The way up to the lowest layer, as lines beside those that go on. */
static void prefix_add(const struct layer_tree *tree, size_t i, const struct lines *lines,
                       struct str *out)
{
    const struct layer_node *node = &tree->at[i];
    if (node->parent == 0)
        return;
    prefix_add(tree, node->parent, lines, out);
    str_add(out, node->next > 0 ? lines->beside : lines->below);
}

static void node_line(const struct layer_tree *tree, size_t i, enum layer_tree_flags flags,
                      struct str *out)
{
    const struct layer_node *node = &tree->at[i];
    const struct lines *lines = flags & LAYER_TREE_UTF8 ? &utf8_lines : &ascii_lines;
    auto_free char *id = image_id_shown(node->diff_id, flags & LAYER_TREE_WHOLE_IDS);
    char size[SIZE_TEXT];
    if (node->parent > 0) {
        prefix_add(tree, node->parent, lines, out);
        str_add(out, node->next > 0 ? lines->branch : lines->last);
    }
    str_addf(out, "%s\t%s\t", id, size_format_decimal(node->packed_bytes, size));
    images_add(node, out);
    str_add_char(out, '\n');
}

/* The node that follows in the order of lines; 0: none. */
static size_t node_next(const struct layer_tree *tree, size_t i)
{
    if (tree->at[i].first > 0)
        return tree->at[i].first;
    while (i > 0 && tree->at[i].next == 0)
        i = tree->at[i].parent;
    return i > 0 ? tree->at[i].next : 0;
}

void layer_tree_format(const struct layer_tree *tree, enum layer_tree_flags flags, struct str *out)
{
    if (tree->len == 0)
        return;
    if (tree->at[0].images.len > 0) {
        str_add(out, "(no layer)\t0B\t");
        images_add(&tree->at[0], out);
        str_add_char(out, '\n');
    }
    for (size_t i = node_next(tree, 0); i > 0; i = node_next(tree, i))
        node_line(tree, i, flags, out);
}

bool locale_is_utf8(void)
{
    static const char *const variables[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    const char *locale = NULL;
    for (size_t i = 0; i < array_size(variables) && !(locale && locale[0]); i++)
        locale = getenv(variables[i]);
    return locale && (strcasestr(locale, "utf-8") || strcasestr(locale, "utf8"));
}

/* ---- from the store ---- */

/* "app:1.0 (4b825dc642cb, 12MB)" */
static void image_name_add(const struct image_row *row, bool whole_ids, struct strings *names)
{
    char size[SIZE_TEXT];
    auto_free char *id = image_id_shown(row->id, whole_ids);
    auto_free char *name = row->name ? image_familiar(row->name) : xstrdup("<none>");
    strings_addf(names, "%s (%s, %s)", name, id, size_format_decimal(row->size_bytes, size));
}

static int row_add(struct images *images, const struct image_row *row, bool whole_ids,
                   struct layer_tree *tree, struct err *err)
{
    auto_drop(image) *image = NULL;
    auto_done(oci_manifest) manifest = {};
    int found = image_find(images, row->digest, &image, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return 0; /* gone meanwhile, or a list with nothing for this machine */
    if (image_manifest(images, image, &manifest, err) < 0)
        return -1;
    const struct strings *diff_ids = &image->oci.rootfs.diff_ids;
    auto_free uint64_t *sizes = xcalloc(diff_ids->len + 1, sizeof(*sizes));
    for (size_t i = 0; i < diff_ids->len && i < manifest.layers.len; i++)
        sizes[i] = (uint64_t)manifest.layers.at[i].size;
    size_t node = layer_tree_add(tree, diff_ids, sizes);
    image_name_add(row, whole_ids, &tree->at[node].images);
    return 0;
}

int image_tree_print(struct images *images, const struct image_rows *rows, bool whole_ids,
                     struct err *err)
{
    auto_done(layer_tree) tree = {};
    auto_done(str) text = {};
    auto_done(str) out = {};
    for (size_t i = 0; i < rows->len; i++)
        if (row_add(images, &rows->at[i], whole_ids, &tree, err) < 0)
            return -1;
    str_add(&text, "LAYER\tPACKED\tIMAGES\n");
    layer_tree_format(
        &tree, (locale_is_utf8() ? LAYER_TREE_UTF8 : 0) | (whole_ids ? LAYER_TREE_WHOLE_IDS : 0),
        &text);
    tabstop_format((struct view){ text.at, text.len }, &out);
    return say(&out, err);
}
