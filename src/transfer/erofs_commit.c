/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of an EROFS image. Directories hold the numbers of what is in them, and their parent's;
 * a number is a place, and the place of a directory depends on its size. So all are placed first,
 * with the room as a value that is tried out, and then written in the same order to the same
 * places.
 */
#include <endian.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "transfer/erofs_sink.h"

struct commit {
    struct erofs_sink *sink;
    uint32_t *order;  /* entries by directory, each directory's sorted by name */
    uint32_t *begins; /* by directory: its first in order; one more at the end */
    uint8_t *blocks;  /* of the directory being written */
    size_t blocks_room;
};

static struct view dot = { ".", 1 };
static struct view dot_dot = { "..", 2 };

/* ---- what is there ---- */

static bool is_live(const struct tree *tree, uint32_t entry)
{
    return tree_type(tree, entry) != EROFS_NOTHING &&
           !(tree->directories[tree->entries[entry].directory].flags & TREE_GONE);
}

/* A directory has a higher number than its parent. */
static void gone_spread(struct tree *tree)
{
    for (uint32_t i = 1; i < tree->n_directories; i++)
        tree->directories[i].flags |=
            tree->directories[tree->directories[i].parent].flags & TREE_GONE;
}

static int name_compare(struct view a, struct view b)
{
    int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

static int entry_compare(const void *a, const void *b, void *context)
{
    const struct tree *tree = context;
    return name_compare(tree_name(tree, *(const uint32_t *)a),
                        tree_name(tree, *(const uint32_t *)b));
}

/* Puts the entries in order, and counts links of directories. */
static void entries_sort(struct commit *commit)
{
    struct tree *tree = &commit->sink->tree;
    uint32_t n = tree->n_directories;
    commit->begins = xcalloc((size_t)n + 1, sizeof(uint32_t));
    commit->order = xmalloc((size_t)(tree->n_entries + 1) * sizeof(uint32_t));

    for (uint32_t i = 0; i < n; i++)
        tree->directories[i].nlink = 2;
    for (uint32_t i = 0; i < tree->n_entries; i++) {
        uint32_t directory = tree->entries[i].directory;
        if (!is_live(tree, i))
            continue;
        commit->begins[directory]++;
        tree->directories[directory].nlink += tree_type(tree, i) == EROFS_DIRECTORY;
    }
    uint32_t sum = 0;
    for (uint32_t i = 0; i <= n; i++) {
        sum += commit->begins[i];
        commit->begins[i] = sum; /* its end; filling it from there leaves its beginning */
    }
    for (uint32_t i = tree->n_entries; i-- > 0;)
        if (is_live(tree, i))
            commit->order[--commit->begins[tree->entries[i].directory]] = i;
    for (uint32_t i = 0; i < n; i++)
        qsort_r(commit->order + commit->begins[i], commit->begins[i + 1] - commit->begins[i],
                sizeof(uint32_t), entry_compare, tree);
}

/* ---- a directory's entries ---- */

struct listed {
    struct view name;
    uint32_t nid;
    enum erofs_type type;
};

/* Goes through a directory's entries in order, with "." and ".." among them. */
struct listing {
    const struct commit *commit;
    uint32_t directory;
    uint32_t next; /* in order */
    int dots;      /* given so far */
};

static struct listing listing_begin(const struct commit *commit, uint32_t directory)
{
    return (struct listing){ commit, directory, commit->begins[directory], 0 };
}

static bool listing_peek(const struct listing *listing, struct listed *ret_listed)
{
    const struct tree *tree = &listing->commit->sink->tree;
    const struct tree_directory *directory = &tree->directories[listing->directory];
    bool more = listing->next < listing->commit->begins[listing->directory + 1];
    uint32_t entry = more ? listing->commit->order[listing->next] : 0;
    struct view name = listing->dots == 0 ? dot : dot_dot;

    if (listing->dots < 2 && (!more || name_compare(name, tree_name(tree, entry)) < 0)) {
        uint32_t nid =
            listing->dots == 0 ? directory->nid : tree->directories[directory->parent].nid;
        *ret_listed = (struct listed){ name, nid, EROFS_DIRECTORY };
        return true;
    }
    if (!more)
        return false;
    enum erofs_type type = tree_type(tree, entry);
    uint32_t value = tree->entries[entry].value;
    *ret_listed = (struct listed){
        .name = tree_name(tree, entry),
        .nid = type == EROFS_DIRECTORY ? tree->directories[value].nid : value,
        .type = type == EROFS_WHITEOUT ? EROFS_CHARACTER : type,
    };
    return true;
}

static void listing_step(struct listing *listing, const struct listed *listed)
{
    if (view_is(listed->name, ".") || view_is(listed->name, ".."))
        listing->dots++;
    else
        listing->next++;
}

/* Takes what fits into one block. Gives how many, 0 behind the last, and the bytes they take. */
static size_t block_take(struct listing *listing, size_t *ret_len)
{
    struct listed listed;
    size_t n = 0, len = 0;
    while (listing_peek(listing, &listed) &&
           len + sizeof(struct erofs_dirent) + listed.name.len <= EROFS_BLOCK) {
        len += sizeof(struct erofs_dirent) + listed.name.len;
        listing_step(listing, &listed);
        n++;
    }
    *ret_len = len;
    return n;
}

static void block_put(struct listing *listing, size_t n, uint8_t *block)
{
    size_t name_at = n * sizeof(struct erofs_dirent);
    struct listed listed;
    for (size_t i = 0; i < n && listing_peek(listing, &listed); i++) {
        const struct erofs_dirent dirent = {
            .nid = htole64(listed.nid),
            .name_at = htole16((uint16_t)name_at),
            .type = (uint8_t)listed.type,
        };
        memcpy(block + i * sizeof(dirent), &dirent, sizeof(dirent));
        memcpy(block + name_at, listed.name.at, listed.name.len);
        name_at += listed.name.len;
        listing_step(listing, &listed);
    }
}

static uint64_t directory_size(const struct commit *commit, uint32_t number)
{
    struct listing listing = listing_begin(commit, number);
    uint64_t size = 0;
    size_t len, last = 0;
    while (block_take(&listing, &len) > 0) {
        size += EROFS_BLOCK;
        last = len;
    }
    return size - EROFS_BLOCK + last;
}

/* Makes all its blocks; the last one's rest is zeros. */
static void directory_fill(struct commit *commit, uint32_t number, uint64_t size)
{
    struct listing listing = listing_begin(commit, number);
    struct listing ahead = listing;
    size_t len, n, room = (size_t)(size + EROFS_BLOCK - 1) / EROFS_BLOCK * EROFS_BLOCK;
    if (room > commit->blocks_room) {
        free(commit->blocks);
        commit->blocks = xmalloc(room);
        commit->blocks_room = room;
    }
    memset(commit->blocks, 0, room);
    for (uint8_t *block = commit->blocks; (n = block_take(&ahead, &len)) > 0; block += EROFS_BLOCK)
        block_put(&listing, n, block);
}

/* ---- directories ---- */

/* How one lies in the image: the same whether it is tried out or written. */
struct shape {
    uint64_t size;
    size_t whole; /* bytes in blocks of its own */
    size_t tail;  /* bytes behind the inode */
    const struct str *xattrs;
};

static const struct str no_xattrs;

static struct shape shape_of(const struct commit *commit, uint32_t number)
{
    const struct tree_directory *directory = &commit->sink->tree.directories[number];
    struct shape shape = {
        .size = directory_size(commit, number),
        .xattrs = directory->bag > 0 ? &commit->sink->bags[directory->bag - 1] : &no_xattrs,
    };
    size_t block = number == TREE_ROOT ? EROFS_BLOCK - EROFS_ROOT_AT : EROFS_BLOCK;
    shape.tail = (size_t)(shape.size % EROFS_BLOCK);
    if (sizeof(struct erofs_inode) + shape.xattrs->len + shape.tail > block)
        shape.tail = 0;
    shape.whole = (size_t)((shape.size - shape.tail + EROFS_BLOCK - 1) / EROFS_BLOCK * EROFS_BLOCK);
    return shape;
}

/* Puts in the place of a directory's bag what follows its inode. The root's must fit into block 0.
 */
static void bags_encode(struct erofs_sink *sink)
{
    for (uint32_t i = 0; i < sink->tree.n_directories; i++) {
        const struct tree_directory *directory = &sink->tree.directories[i];
        if (directory->bag == 0)
            continue;
        struct str *bag = &sink->bags[directory->bag - 1];
        struct str encoded = {};
        size_t room = i == TREE_ROOT ? EROFS_BLOCK - EROFS_ROOT_AT - sizeof(struct erofs_inode)
                                     : (size_t)EROFS_XATTRS_MOST;
        if (erofs_bag_encode(bag, &sink->shared, room, &encoded) > 0)
            sink->help.warning(sink->help.context, "some extended attributes of a directory are "
                                                   "left out: too many");
        str_done(bag);
        *bag = encoded;
    }
}

static void directories_place(struct commit *commit)
{
    struct tree *tree = &commit->sink->tree;
    struct erofs_room room = commit->sink->image.room;
    for (uint32_t i = 0; i < tree->n_directories; i++) {
        struct tree_directory *directory = &tree->directories[i];
        if (directory->flags & TREE_GONE)
            continue;
        struct shape shape = shape_of(commit, i);
        room.end += shape.whole;
        uint64_t place = EROFS_ROOT_AT;
        if (i != TREE_ROOT)
            place =
                erofs_room_take(&room, sizeof(struct erofs_inode) + shape.xattrs->len + shape.tail);
        directory->nid = (uint32_t)(place / EROFS_SLOT);
    }
}

static int directory_write(struct commit *commit, uint32_t number, uint8_t root[EROFS_BLOCK],
                           struct err *err)
{
    struct erofs_image *image = &commit->sink->image;
    const struct tree_directory *directory = &commit->sink->tree.directories[number];
    struct shape shape = shape_of(commit, number);
    uint32_t nid;

    directory_fill(commit, number, shape.size);
    erofs_image_print(image, commit->blocks, shape.whole + shape.tail);
    const struct erofs_inode_data data = {
        .inode = {
            .mode = directory->mode,
            .size = shape.size,
            .start = (uint32_t)(image->room.end / EROFS_BLOCK),
            .uid = directory->uid,
            .gid = directory->gid,
            .seconds = directory->seconds,
            .nanoseconds = directory->nanoseconds,
            .nlink = directory->nlink,
        },
        .layout = shape.tail > 0 ? EROFS_INLINE : EROFS_PLAIN,
        .xattrs = shape.xattrs->at,
        .xattrs_len = shape.xattrs->len,
        .tail = commit->blocks + shape.whole,
        .tail_len = shape.tail,
    };
    if (erofs_image_append(image, commit->blocks, shape.whole, err) < 0)
        return -1;
    if (number == TREE_ROOT) {
        erofs_inode_put(image, &data, root + EROFS_ROOT_AT);
        return 0;
    }
    if (erofs_inode_add(image, &data, &nid, err) < 0)
        return -1;
    if (nid != directory->nid)
        return err_set(err, ERR_SYSTEM, "a directory of the layer is not where it should be");
    return 0;
}

static int directories_write(struct commit *commit, uint8_t root[EROFS_BLOCK], struct err *err)
{
    const struct tree *tree = &commit->sink->tree;
    for (uint32_t i = 0; i < tree->n_directories; i++)
        if (!(tree->directories[i].flags & TREE_GONE) && directory_write(commit, i, root, err) < 0)
            return -1;
    return 0;
}

/* ---- link counts ---- */

static int links_compare(const void *a, const void *b)
{
    uint32_t x = ((const struct erofs_links *)a)->nid, y = ((const struct erofs_links *)b)->nid;
    return x < y ? -1 : x > y;
}

/* Merges equal numbers, adding up. Gives how many differ from the 1 that is written. */
static size_t links_merge(struct erofs_links *links, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        struct erofs_links sum = { links[i].nid, 0 };
        for (; i < len && links[i].nid == sum.nid; i++)
            sum.nlink++;
        if (sum.nlink > 1)
            links[n++] = sum;
    }
    return n;
}

static int links_write(struct erofs_sink *sink, struct err *err)
{
    const struct tree *tree = &sink->tree;
    size_t len = 0;
    for (uint32_t i = 0; i < tree->n_entries; i++)
        len += tree_is_linked(tree, i) && is_live(tree, i);
    if (len == 0)
        return 0;
    auto_free struct erofs_links *links = xcalloc(len, sizeof(*links));
    len = 0;
    for (uint32_t i = 0; i < tree->n_entries; i++)
        if (tree_is_linked(tree, i) && is_live(tree, i))
            links[len++].nid = tree->entries[i].value;
    qsort(links, len, sizeof(*links), links_compare);
    return erofs_image_relink(&sink->image, links, links_merge(links, len), err);
}

/* ---- all of it ---- */

static int shared_write(struct erofs_sink *sink, struct erofs_super *super, struct err *err)
{
    struct erofs_image *image = &sink->image;
    const struct str *area = &sink->shared.area;
    super->xattr_block = htole32((uint32_t)(image->room.end / EROFS_BLOCK));
    if (area->len == 0)
        return 0;
    erofs_image_print(image, area->at, area->len);
    if (erofs_image_append(image, area->at, area->len, err) < 0)
        return -1;
    return erofs_image_fill(image, area->len, err);
}

static int commit_run(struct commit *commit, struct err *err)
{
    struct erofs_sink *sink = commit->sink;
    struct erofs_super super = {};
    uint8_t first[EROFS_BLOCK] = {};

    gone_spread(&sink->tree);
    entries_sort(commit);
    bags_encode(sink);
    directories_place(commit);
    if (directories_write(commit, first, err) < 0 || shared_write(sink, &super, err) < 0 ||
        erofs_image_flush(&sink->image, err) < 0 || links_write(sink, err) < 0)
        return -1;
    super.incompat = htole32(sink->chunked ? EROFS_INCOMPAT_CHUNKED : 0);
    super.inodes = htole64(sink->image.inodes);
    return erofs_image_finish(&sink->image, &super, first, err);
}

int erofs_sink_complete(struct erofs_sink *sink, struct err *err)
{
    struct commit commit = { .sink = sink };
    int result = commit_run(&commit, err);
    free(commit.order);
    free(commit.begins);
    free(commit.blocks);
    return result;
}
