/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sink that writes an EROFS image in one pass. A file's blocks and its inode are written when
 * it comes; what stays in memory is where it is in the tree (erofs_tree.c). Directories change
 * until the end, and are written then (erofs_commit.c). A file that a later member replaces leaves
 * unused blocks behind.
 *
 * Names, links on the way, replacement, whiteouts: all mean what they mean to the sink that fills a
 * directory. Times that no member gives are those of the member that made the file necessary, or
 * the epoch, so that the same archive makes the same image.
 */
#include "transfer/erofs_sink.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/mem.h"

enum {
    BAG_MAX_BYTES = EROFS_XATTRS_MOST + EROFS_SHARED_MOST, /* no more could be written */
    BAGS_MAX_BYTES = 32 << 20,
    MAJOR_MAX = 0xfff,
    MINOR_MAX = 0xfffff,
};

#define BAGS_WORK_MAX (UINT64_C(1) << 34) /* bytes: some seconds */

static struct erofs_sink *of(struct sink *sink)
{
    return (struct erofs_sink *)sink;
}

static void warn(const struct erofs_sink *sink, const char *path, const char *what)
{
    auto_free char *text = xasprintf("%s: %s", path, what);
    sink->help.warning(sink->help.context, text);
}

/* ---- places ---- */

/* Looks up the member's directory. The root itself can only be a directory. */
static int entry_place(struct erofs_sink *sink, const struct member *member,
                       uint32_t *ret_directory, struct view *ret_name, struct err *err)
{
    sink->tree.time = member->mtime;
    if (!*member->path)
        return err_set(err, ERR_INVALID, "the layer's root is no directory");
    return tree_parent(&sink->tree, member->path, ret_directory, ret_name, err);
}

/* Makes an entry for the member, in place of what has its name. */
static int entry_make(struct erofs_sink *sink, const struct member *member, enum erofs_type type,
                      uint32_t value, uint32_t *ret_entry, struct err *err)
{
    uint32_t directory, taken;
    struct view name;
    if (entry_place(sink, member, &directory, &name, err) < 0)
        return -1;
    while ((taken = tree_find(&sink->tree, directory, name)) != TREE_NONE) {
        tree_remove_entry(&sink->tree, taken);
        /* The way to it may have led through what is gone. */
        if (entry_place(sink, member, &directory, &name, err) < 0)
            return -1;
    }
    return tree_add(&sink->tree, directory, name, type, value, ret_entry, err);
}

static struct erofs_inode inode_of(const struct member *member, mode_t mode)
{
    return (struct erofs_inode){
        .mode = (uint16_t)mode,
        .nlink = 1,
        .uid = member->uid,
        .gid = member->gid,
        .seconds = member->mtime.tv_sec,
        .nanoseconds = (uint32_t)member->mtime.tv_nsec,
    };
}

/* ---- directories ---- */

/* The attributes of a directory, made if it has none. */
static struct str *bag_of(struct erofs_sink *sink, struct tree_directory *directory)
{
    if (directory->bag == 0) {
        if (sink->n_bags == sink->bags_room) {
            sink->bags_room = sink->bags_room > 0 ? sink->bags_room * 2 : 16;
            sink->bags = xrealloc(sink->bags, sink->bags_room, sizeof(*sink->bags));
        }
        sink->bags[sink->n_bags++] = (struct str){};
        directory->bag = sink->n_bags;
    }
    return &sink->bags[directory->bag - 1];
}

/* They are kept until the end, and a whole bag is gone through for each that is put into it: the
 * same directory may come again and again. */
static int bags_check(struct erofs_sink *sink, const struct str *bag, size_t before, size_t puts,
                      struct err *err)
{
    sink->bags_bytes += bag->len - before;
    sink->bags_work += (uint64_t)bag->len * (puts + 1);
    if (bag->len > BAG_MAX_BYTES)
        return err_set(err, ERR_INVALID, "the attributes of one directory are over %d KiB",
                       BAG_MAX_BYTES >> 10);
    if (sink->bags_work > BAGS_WORK_MAX)
        return err_set(err, ERR_INVALID,
                       "the attributes of the layer's directories change too often");
    if (sink->bags_bytes <= BAGS_MAX_BYTES)
        return 0;
    return err_set(err, ERR_INVALID, "the attributes of the layer's directories are over %d MiB",
                   BAGS_MAX_BYTES >> 20);
}

static int opaque_set(struct erofs_sink *sink, uint32_t number, struct err *err)
{
    struct str *bag = bag_of(sink, &sink->tree.directories[number]);
    size_t before = bag->len;
    erofs_bag_put(bag, EROFS_XATTR_USER, "overlay.opaque", "y", 1);
    return bags_check(sink, bag, before, 1, err);
}

/* Gives a directory what the member says. */
static int directory_set(struct erofs_sink *sink, uint32_t number, const struct member *member,
                         struct err *err)
{
    struct tree_directory *directory = &sink->tree.directories[number];
    mode_t mode = S_IFDIR | member->mode;

    if (member->n_xattrs > 0 || directory->bag > 0) {
        struct str *bag = bag_of(sink, directory);
        size_t before = bag->len;
        erofs_bag_chmod(bag, mode);
        erofs_bag_take(bag, member, &mode, &sink->help);
        if (bags_check(sink, bag, before, member->n_xattrs, err) < 0)
            return -1;
    }
    directory->mode = (uint16_t)mode;
    directory->uid = member->uid;
    directory->gid = member->gid;
    directory->seconds = member->mtime.tv_sec;
    directory->nanoseconds = (uint32_t)member->mtime.tv_nsec;
    return 0;
}

/* Gives the directory member itself, made if it was not there. *ret_opaque: it stands where a
 * whiteout was. */
static int directory_place(struct erofs_sink *sink, const struct member *member,
                           uint32_t *ret_number, bool *ret_opaque, struct err *err)
{
    struct tree *tree = &sink->tree;
    uint32_t parent;
    struct view name;
    *ret_opaque = false;
    if (entry_place(sink, member, &parent, &name, err) < 0)
        return -1;
    uint32_t taken = tree_find(tree, parent, name);
    if (taken != TREE_NONE && tree_type(tree, taken) == EROFS_DIRECTORY) {
        *ret_number = tree->entries[taken].value;
        return 0;
    }
    if (taken != TREE_NONE) {
        *ret_opaque = tree_type(tree, taken) == EROFS_WHITEOUT;
        tree_remove_entry(tree, taken);
        if (entry_place(sink, member, &parent, &name, err) < 0)
            return -1;
    }
    return tree_add_directory(tree, parent, name, ret_number, err);
}

static int sink_directory(struct sink *base, const struct member *member, struct err *err)
{
    struct erofs_sink *sink = of(base);
    uint32_t number = TREE_ROOT;
    bool opaque = false;
    if (*member->path && directory_place(sink, member, &number, &opaque, err) < 0)
        return -1;
    if (directory_set(sink, number, member, err) < 0)
        return -1;
    return opaque ? opaque_set(sink, number, err) : 0;
}

/* ---- files ---- */

static int sink_file(struct sink *base, const struct member *member, struct err *err)
{
    struct erofs_sink *sink = of(base);
    erofs_file_done(&sink->file);
    if (erofs_file_begin(&sink->file, &sink->image, member->size, err) < 0)
        return -1;
    return entry_make(sink, member, EROFS_FILE, 0, &sink->file_entry, err);
}

static int sink_data(struct sink *base, const void *at, size_t len, uint64_t offset,
                     struct err *err)
{
    struct erofs_sink *sink = of(base);
    return erofs_file_data(&sink->file, &sink->image, at, len, offset, err);
}

static int sink_file_end(struct sink *base, const struct member *member, struct err *err)
{
    struct erofs_sink *sink = of(base);
    auto_done(str) bag = {};
    auto_done(str) xattrs = {};
    mode_t mode = S_IFREG | member->mode;

    if (member->n_xattrs > 0) {
        erofs_bag_take(&bag, member, &mode, &sink->help);
        if (erofs_bag_encode(&bag, &sink->shared, EROFS_XATTRS_MOST, &xattrs) > 0)
            warn(sink, member->path, "some of its extended attributes are left out: too many");
    }
    struct erofs_inode_data data = {
        .inode = inode_of(member, mode),
        .xattrs = xattrs.at,
        .xattrs_len = xattrs.len,
    };
    uint32_t *nid = &sink->tree.entries[sink->file_entry].value;
    if (erofs_file_end(&sink->file, &sink->image, &data, nid, err) < 0)
        return -1;
    sink->chunked = sink->chunked || data.layout == EROFS_CHUNKED;
    erofs_file_done(&sink->file);
    return 0;
}

/* ---- links and nodes ---- */

static int sink_symlink(struct sink *base, const struct member *member, struct err *err)
{
    struct erofs_sink *sink = of(base);
    struct erofs_inode_data data = { .inode = inode_of(member, S_IFLNK | 0777) };
    uint32_t nid, entry;
    if (member->n_xattrs > 0)
        warn(sink, member->path, "its extended attributes are left out");
    if (erofs_text_add(&sink->image, member->target, &data, &nid, err) < 0)
        return -1;
    return entry_make(sink, member, EROFS_SYMLINK, nid, &entry, err);
}

static int sink_hardlink(struct sink *base, const struct member *member, struct err *err)
{
    struct erofs_sink *sink = of(base);
    struct tree *tree = &sink->tree;
    uint32_t directory, entry;
    struct view name;

    if (entry_place(sink, member, &directory, &name, err) < 0)
        return -1;
    if (!*member->target)
        return err_set(err, ERR_INVALID, "a hard link to the layer's root");
    uint32_t target = tree_find_strict(tree, member->target);
    if (target != TREE_NONE && target == tree_find(tree, directory, name))
        return 0;
    if (target != TREE_NONE && tree_type(tree, target) == EROFS_DIRECTORY)
        return err_set(err, ERR_INVALID, "a hard link to the directory %s", member->target);
    if (target != TREE_NONE && tree_find(tree, directory, name) != TREE_NONE) {
        tree_remove_entry(tree, tree_find(tree, directory, name));
        if (entry_place(sink, member, &directory, &name, err) < 0)
            return -1;
        target = tree_find_strict(tree, member->target); /* it may have gone with that */
    }
    if (target == TREE_NONE)
        return err_set(err, ERR_INVALID, "a hard link to %s, which this layer does not hold",
                       member->target);
    tree_link(tree, target);
    if (tree_add(tree, directory, name, tree_type(tree, target), tree->entries[target].value,
                 &entry, err) < 0)
        return -1;
    tree_link(tree, entry);
    return 0;
}

static int node_add(struct erofs_sink *sink, const struct member *member, mode_t mode,
                    uint32_t *ret_nid, struct err *err)
{
    unsigned major_number = major(member->device), minor_number = minor(member->device);
    struct erofs_inode_data data = { .inode = inode_of(member, mode) };
    if (major_number > MAJOR_MAX || minor_number > MINOR_MAX)
        return err_set(err, ERR_INVALID, "its device number is out of range");
    if (S_ISCHR(mode) || S_ISBLK(mode))
        data.inode.start =
            (minor_number & 0xff) | major_number << 8 | (minor_number & ~0xffU) << 12;
    return erofs_inode_add(&sink->image, &data, ret_nid, err);
}

static int sink_node(struct sink *base, const struct member *member, struct err *err)
{
    struct erofs_sink *sink = of(base);
    static const struct {
        mode_t format;
        enum erofs_type type;
        mode_t bits; /* of the mode, as the other sink keeps them */
    } types[] = {
        [MEMBER_CHARACTER] = { S_IFCHR, EROFS_CHARACTER, 07777 },
        [MEMBER_BLOCK] = { S_IFBLK, EROFS_BLOCK_DEVICE, 07777 },
        [MEMBER_FIFO] = { S_IFIFO, EROFS_FIFO, 0777 },
        [MEMBER_SOCKET] = { S_IFSOCK, EROFS_SOCKET, 0777 },
    };
    mode_t mode = types[member->type].format | (member->mode & types[member->type].bits);
    enum erofs_type type = types[member->type].type;
    uint32_t nid, entry;

    if (member->n_xattrs > 0)
        warn(sink, member->path, "its extended attributes are left out");
    /* The form whiteouts have on disk, as some tools pack them. */
    if (member->type == MEMBER_CHARACTER && member->device == makedev(0, 0)) {
        mode = S_IFCHR;
        type = EROFS_WHITEOUT;
    }
    if (node_add(sink, member, mode, &nid, err) < 0)
        return -1;
    return entry_make(sink, member, type, nid, &entry, err);
}

/* ---- whiteouts ---- */

static int sink_opaque(struct sink *base, const char *path, struct err *err)
{
    struct erofs_sink *sink = of(base);
    uint32_t number;
    struct view name;
    /* The marker lies in the directory: that is looked up, or made, as the parent of any member is.
     */
    auto_free char *marker = *path ? xasprintf("%s/.", path) : xstrdup(".");
    sink->tree.time = (struct timespec){};
    if (tree_parent(&sink->tree, marker, &number, &name, err) < 0)
        return -1;
    return opaque_set(sink, number, err);
}

static int sink_whiteout(struct sink *base, const char *path, struct err *err)
{
    struct erofs_sink *sink = of(base);
    struct tree *tree = &sink->tree;
    const struct member whiteout = { .type = MEMBER_CHARACTER, .path = path };
    uint32_t directory, entry;
    struct view name;

    tree->time = (struct timespec){};
    if (tree_parent(tree, path, &directory, &name, err) < 0)
        return -1;
    uint32_t taken = tree_find(tree, directory, name);
    if (taken == TREE_NONE) {
        uint32_t nid;
        if (node_add(sink, &whiteout, S_IFCHR, &nid, err) < 0)
            return -1;
        return tree_add(tree, directory, name, EROFS_WHITEOUT, nid, &entry, err);
    }
    /* The layer has such an entry itself: it hides those below, and a directory has to be told to.
     */
    return tree_type(tree, taken) == EROFS_DIRECTORY ? sink_opaque(base, path, err) : 0;
}

/* ---- the end ---- */

static int sink_commit(struct sink *base, struct err *err)
{
    return erofs_sink_complete(of(base), err);
}

static void erofs_sink_free(struct sink *base)
{
    struct erofs_sink *sink = of(base);
    for (uint32_t i = 0; i < sink->n_bags; i++)
        str_done(&sink->bags[i]);
    free(sink->bags);
    erofs_file_done(&sink->file);
    erofs_shared_done(&sink->shared);
    tree_done(&sink->tree);
    erofs_image_done(&sink->image);
    free(sink);
}

static const struct sink_ops erofs_ops = {
    .directory = sink_directory,
    .file = sink_file,
    .data = sink_data,
    .file_end = sink_file_end,
    .symlink = sink_symlink,
    .hardlink = sink_hardlink,
    .node = sink_node,
    .whiteout = sink_whiteout,
    .opaque = sink_opaque,
    .commit = sink_commit,
    .free = erofs_sink_free,
};

struct sink *erofs_sink_new(int fd, uint64_t max_bytes, const struct sink_help *help)
{
    struct erofs_sink *sink = xnew(struct erofs_sink);
    sink->sink.ops = &erofs_ops;
    sink->help = *help;
    erofs_image_init(&sink->image, fd, max_bytes);
    tree_init(&sink->tree, &sink->image);
    return &sink->sink;
}

void erofs_sink_room(struct sink *base, uint64_t room_bytes)
{
    of(base)->image.room_bytes = room_bytes;
}
