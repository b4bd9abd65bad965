/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/erofs_tree.h"

#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/mem.h"

enum {
    IMPLIED_MODE = 0755,
    ENTRIES_FIRST = 1024,
    ENTRIES_MAX = 1 << 24,
    NAMES_FIRST = 64 << 10,
    NAMES_MAX = 512 << 20,
    TYPE_MASK = 0x0f,
    LINKED = 0x10, /* beside the type */
    NAME_HEAD = 2, /* type and length */
};

void tree_init(struct tree *tree, const struct erofs_image *image)
{
    *tree = (struct tree){ .image = image };
    /* Whoever makes an archive does not know which names meet. Without randomness he might. */
    (void)!getrandom(&tree->seed, sizeof(tree->seed), 0);
    tree->n_heads = ENTRIES_FIRST;
    tree->heads = xmalloc(tree->n_heads * sizeof(*tree->heads));
    memset(tree->heads, 0xff, tree->n_heads * sizeof(*tree->heads));
    tree->directories = xcalloc(1, sizeof(*tree->directories));
    tree->directories[0].mode = S_IFDIR | IMPLIED_MODE;
    tree->n_directories = tree->directories_room = 1;
}

void tree_done(struct tree *tree)
{
    free(tree->entries);
    free(tree->directories);
    free(tree->names);
    free(tree->heads);
    str_done(&tree->parent);
    *tree = (struct tree){};
}

/* ---- names ---- */

struct view tree_name(const struct tree *tree, uint32_t entry)
{
    const uint8_t *at = tree->names + tree->entries[entry].name;
    return (struct view){ (const char *)at + NAME_HEAD, at[1] };
}

enum erofs_type tree_type(const struct tree *tree, uint32_t entry)
{
    return (enum erofs_type)(tree->names[tree->entries[entry].name] & TYPE_MASK);
}

bool tree_is_linked(const struct tree *tree, uint32_t entry)
{
    return tree->names[tree->entries[entry].name] & LINKED;
}

void tree_link(struct tree *tree, uint32_t entry)
{
    tree->names[tree->entries[entry].name] |= LINKED;
}

static void type_set(struct tree *tree, uint32_t entry, enum erofs_type type)
{
    tree->names[tree->entries[entry].name] = (uint8_t)type;
}

static int name_add(struct tree *tree, struct view name, uint32_t *ret_place, struct err *err)
{
    size_t need = tree->names_len + NAME_HEAD + name.len;
    if (need > NAMES_MAX)
        return err_set(err, ERR_INVALID, "the layer's names are more than %d MiB", NAMES_MAX >> 20);
    if (need > tree->names_room) {
        tree->names_room = tree->names_room > 0 ? tree->names_room * 2 : NAMES_FIRST;
        tree->names = xrealloc(tree->names, tree->names_room, 1);
    }
    uint8_t *at = tree->names + tree->names_len;
    at[0] = EROFS_NOTHING;
    at[1] = (uint8_t)name.len;
    memcpy(at + NAME_HEAD, name.at, name.len);
    *ret_place = tree->names_len;
    tree->names_len = (uint32_t)need;
    return 0;
}

/* ---- finding ---- */

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9fb21c651e98df25);
    return hash ^ hash >> 32;
}

static uint32_t head_of(const struct tree *tree, uint32_t directory, struct view name)
{
    uint64_t hash = mix(tree->seed, (uint64_t)directory << 8 | name.len);
    uint64_t word;
    const char *at = name.at;
    size_t left = name.len;
    for (; left > sizeof(word); at += sizeof(word), left -= sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        hash = mix(hash, word);
    }
    word = 0;
    memcpy(&word, at, left);
    return (uint32_t)mix(hash, word) & (tree->n_heads - 1);
}

/* The entry of a name, also one that was removed. */
static uint32_t slot_find(const struct tree *tree, uint32_t directory, struct view name)
{
    uint32_t i = tree->heads[head_of(tree, directory, name)];
    for (; i != TREE_NONE; i = tree->entries[i].next) {
        struct view other = tree_name(tree, i);
        if (tree->entries[i].directory == directory && other.len == name.len &&
            memcmp(other.at, name.at, name.len) == 0)
            return i;
    }
    return TREE_NONE;
}

uint32_t tree_find(const struct tree *tree, uint32_t directory, struct view name)
{
    uint32_t entry = slot_find(tree, directory, name);
    return entry != TREE_NONE && tree_type(tree, entry) != EROFS_NOTHING ? entry : TREE_NONE;
}

uint32_t tree_find_strict(const struct tree *tree, const char *path)
{
    struct view rest = view_of(path);
    struct view name;
    uint32_t directory = TREE_ROOT;
    while (view_cut(&rest, '/', &name)) {
        uint32_t entry = tree_find(tree, directory, name);
        if (entry == TREE_NONE || tree_type(tree, entry) != EROFS_DIRECTORY)
            return TREE_NONE;
        directory = tree->entries[entry].value;
    }
    return tree_find(tree, directory, name);
}

/* ---- changing ---- */

static void heads_grow(struct tree *tree)
{
    tree->n_heads *= 2;
    tree->heads = xrealloc(tree->heads, tree->n_heads, sizeof(*tree->heads));
    memset(tree->heads, 0xff, tree->n_heads * sizeof(*tree->heads));
    for (uint32_t i = 0; i < tree->n_entries; i++) {
        struct tree_entry *entry = &tree->entries[i];
        uint32_t head = head_of(tree, entry->directory, tree_name(tree, i));
        entry->next = tree->heads[head];
        tree->heads[head] = i;
    }
}

static int slot_make(struct tree *tree, uint32_t directory, struct view name, uint32_t *ret_slot,
                     struct err *err)
{
    uint32_t place = 0;
    if (tree->n_entries == ENTRIES_MAX)
        return err_set(err, ERR_INVALID, "the layer has more than %d names", ENTRIES_MAX);
    if (name_add(tree, name, &place, err) < 0)
        return -1;
    if (tree->n_entries == tree->entries_room) {
        tree->entries_room = tree->entries_room > 0 ? tree->entries_room * 2 : ENTRIES_FIRST;
        tree->entries = xrealloc(tree->entries, tree->entries_room, sizeof(*tree->entries));
    }
    if (tree->n_entries == tree->n_heads)
        heads_grow(tree);
    uint32_t head = head_of(tree, directory, name);
    uint32_t slot = tree->n_entries++;
    tree->entries[slot] = (struct tree_entry){
        .directory = directory,
        .next = tree->heads[head],
        .name = place,
    };
    tree->heads[head] = slot;
    *ret_slot = slot;
    return 0;
}

int tree_add(struct tree *tree, uint32_t directory, struct view name, enum erofs_type type,
             uint32_t value, uint32_t *ret_entry, struct err *err)
{
    uint32_t slot = slot_find(tree, directory, name);
    if (slot == TREE_NONE && slot_make(tree, directory, name, &slot, err) < 0)
        return -1;
    type_set(tree, slot, type);
    tree->entries[slot].value = value;
    *ret_entry = slot;
    return 0;
}

int tree_add_directory(struct tree *tree, uint32_t directory, struct view name,
                       uint32_t *ret_directory, struct err *err)
{
    uint32_t entry, number = tree->n_directories;
    if (tree_add(tree, directory, name, EROFS_DIRECTORY, number, &entry, err) < 0)
        return -1;
    if (number == tree->directories_room) {
        tree->directories_room *= 2;
        tree->directories =
            xrealloc(tree->directories, tree->directories_room, sizeof(*tree->directories));
    }
    tree->directories[tree->n_directories++] = (struct tree_directory){
        .seconds = tree->time.tv_sec,
        .nanoseconds = (uint32_t)tree->time.tv_nsec,
        .parent = directory,
        .mode = S_IFDIR | IMPLIED_MODE,
    };
    *ret_directory = number;
    return 0;
}

void tree_remove_entry(struct tree *tree, uint32_t entry)
{
    enum erofs_type type = tree_type(tree, entry);
    if (type == EROFS_DIRECTORY)
        tree->directories[tree->entries[entry].value].flags |= TREE_GONE;
    /* The directory looked up last may have been below it or behind it. */
    if (type == EROFS_DIRECTORY || type == EROFS_SYMLINK)
        tree->parent_known = false;
    type_set(tree, entry, EROFS_NOTHING);
}
