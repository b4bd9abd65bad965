/* SPDX-License-Identifier: Apache-2.0 */
/* Paths through the links of a layer that is nowhere yet: path_resolution(7), with the layer's root
 * for "/". */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "transfer/erofs_tree.h"

enum { LINKS_MAX = 40 }; /* the kernel's, on one path */

enum step_result {
    STEP_FAILED = -1,
    STEP_THERE,
    STEP_MISSING,
};

struct walk {
    struct tree *tree;
    uint32_t directory; /* so far */
    int links;
};

static enum step_result failed(int errnum, struct err *err)
{
    errno = errnum;
    err_sys(err, "open its directory");
    return STEP_FAILED;
}

static enum step_result walk_path(struct walk *walk, struct view path, struct err *err);

static enum step_result walk_link(struct walk *walk, uint32_t entry, struct err *err)
{
    if (++walk->links > LINKS_MAX)
        return failed(ELOOP, err);
    auto_free char *target = xmalloc(MEMBER_TARGET_MAX + 1);
    if (erofs_link_read(walk->tree->image, walk->tree->entries[entry].value, target, err) < 0)
        return STEP_FAILED;
    if (*target == '/')
        walk->directory = TREE_ROOT;
    return walk_path(walk, view_of(target), err);
}

static enum step_result walk_step(struct walk *walk, struct view name, struct err *err)
{
    struct tree *tree = walk->tree;
    if (name.len == 0 || view_is(name, "."))
        return STEP_THERE;
    if (view_is(name, "..")) {
        walk->directory = tree->directories[walk->directory].parent; /* the root's is itself */
        return STEP_THERE;
    }
    uint32_t entry = tree_find(tree, walk->directory, name);
    if (entry == TREE_NONE)
        return STEP_MISSING;
    if (tree_type(tree, entry) == EROFS_SYMLINK)
        return walk_link(walk, entry, err);
    if (tree_type(tree, entry) != EROFS_DIRECTORY)
        return failed(ENOTDIR, err);
    walk->directory = tree->entries[entry].value;
    return STEP_THERE;
}

static enum step_result walk_path(struct walk *walk, struct view path, struct err *err)
{
    enum step_result result = STEP_THERE;
    struct view name;
    bool more = true;
    while (more && result == STEP_THERE) {
        more = view_cut(&path, '/', &name);
        result = walk_step(walk, name, err);
    }
    return result;
}

/* The directory of a path, made with its parents where it is missing. */
static int walk_making(struct walk *walk, struct view path, struct err *err)
{
    struct view name;
    bool more = path.len > 0;
    while (more) {
        more = view_cut(&path, '/', &name);
        uint32_t from = walk->directory;
        enum step_result result = walk_step(walk, name, err);
        if (result == STEP_FAILED)
            return -1;
        if (result == STEP_THERE)
            continue;
        if (tree_find(walk->tree, from, name) != TREE_NONE)
            return err_set(err, ERR_INVALID, "a link on its path leads to nothing");
        if (tree_add_directory(walk->tree, from, name, &walk->directory, err) < 0)
            return -1;
    }
    return 0;
}

int tree_parent(struct tree *tree, const char *path, uint32_t *ret_directory, struct view *ret_name,
                struct err *err)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;

    *ret_name = view_of(slash ? slash + 1 : path);
    if (!tree->parent_known || tree->parent.len != len ||
        memcmp(str_text(&tree->parent), path, len) != 0) {
        struct walk walk = { .tree = tree, .directory = TREE_ROOT };
        tree->parent_known = false;
        str_clear(&tree->parent);
        str_add_bytes(&tree->parent, path, len);
        if (walk_making(&walk, (struct view){ path, len }, err) < 0)
            return -1;
        tree->parent_directory = walk.directory;
        tree->parent_known = true;
    }
    *ret_directory = tree->parent_directory;
    return 0;
}
