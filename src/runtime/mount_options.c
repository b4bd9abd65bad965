/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/mount_options.h"

#include <string.h>

#include "base/libc.h"

/* word, MOUNT_ATTR_ bits it sets, bits it clears; "r" before one of them means all mounts below too
 */
#define ATTRIBUTES(X)                                                                              \
    X("ro", MOUNT_ATTR_RDONLY, 0)                                                                  \
    X("rw", 0, MOUNT_ATTR_RDONLY)                                                                  \
    X("nosuid", MOUNT_ATTR_NOSUID, 0)                                                              \
    X("suid", 0, MOUNT_ATTR_NOSUID)                                                                \
    X("nodev", MOUNT_ATTR_NODEV, 0)                                                                \
    X("dev", 0, MOUNT_ATTR_NODEV)                                                                  \
    X("noexec", MOUNT_ATTR_NOEXEC, 0)                                                              \
    X("exec", 0, MOUNT_ATTR_NOEXEC)                                                                \
    X("noatime", MOUNT_ATTR_NOATIME, 0)                                                            \
    X("atime", 0, MOUNT_ATTR__ATIME)                                                               \
    X("relatime", 0, MOUNT_ATTR__ATIME)                                                            \
    X("strictatime", MOUNT_ATTR_STRICTATIME, 0)                                                    \
    X("norelatime", MOUNT_ATTR_STRICTATIME, 0)                                                     \
    X("nostrictatime", 0, MOUNT_ATTR__ATIME)                                                       \
    X("nodiratime", MOUNT_ATTR_NODIRATIME, 0)                                                      \
    X("diratime", 0, MOUNT_ATTR_NODIRATIME)                                                        \
    X("nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0)                                                    \
    X("symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW)

struct attribute {
    char word[16];
    uint32_t set;
    uint32_t clear;
};

static const struct attribute attributes[] = {
#define X(word, set, clear) { word, set, clear },
    ATTRIBUTES(X)
#undef X
};

struct propagation {
    char word[16];
    uint32_t flag;
    bool below;
};

static const struct propagation propagations[] = {
    { "private", MS_PRIVATE, false },       { "rprivate", MS_PRIVATE, true },
    { "slave", MS_SLAVE, false },           { "rslave", MS_SLAVE, true },
    { "shared", MS_SHARED, false },         { "rshared", MS_SHARED, true },
    { "unbindable", MS_UNBINDABLE, false }, { "runbindable", MS_UNBINDABLE, true },
};

/* Words of other systems' fstab files that mean what holds anyway. */
static const char passed_over[][12] = { "defaults",   "async",   "loud",     "nomand",
                                        "noiversion", "silent",  "iversion", "nolazytime",
                                        "nofail",     "_netdev", "auto",     "noauto" };

/* Words that fsconfig takes for every type, and the access lists that every type has or has not. */
static const char general[][12] = { "sync", "dirsync", "lazytime", "mand", "acl", "noacl" };

static bool attribute_apply(const char *word, uint64_t *set, uint64_t *clear)
{
    for (size_t i = 0; i < array_size(attributes); i++) {
        const struct attribute *row = &attributes[i];
        if (strcmp(row->word, word) != 0)
            continue;
        /* Not three bits but one field: one time at most may be set, and all are cleared together.
         */
        if (row->set & MOUNT_ATTR__ATIME)
            *set &= ~(uint64_t)MOUNT_ATTR__ATIME;
        *set = (*set | row->set) & ~(uint64_t)row->clear;
        *clear = (*clear | row->clear) & ~(uint64_t)row->set;
        return true;
    }
    return false;
}

bool mount_propagation_parse(const char *word, uint64_t *ret_propagation, bool *ret_below)
{
    for (size_t i = 0; i < array_size(propagations); i++) {
        if (strcmp(propagations[i].word, word) != 0)
            continue;
        *ret_propagation = propagations[i].flag;
        *ret_below = propagations[i].below;
        return true;
    }
    return false;
}

static bool passed(const char *word)
{
    for (size_t i = 0; i < array_size(passed_over); i++)
        if (strcmp(passed_over[i], word) == 0)
            return true;
    return false;
}

bool mount_option_is_general(const char *word)
{
    for (size_t i = 0; i < array_size(general); i++)
        if (strcmp(general[i], word) == 0)
            return true;
    return false;
}

/* Words that are neither an attribute nor the file system's own. */
static bool special_apply(const char *word, struct mount_options *options)
{
    static const char words[][12] = { "bind", "rbind", "remount", "idmap", "ridmap", "tmpcopyup" };
    size_t i = 0;
    while (i < array_size(words) && strcmp(words[i], word) != 0)
        i++;
    switch (i) {
    case 1:
        options->bind_below = true;
        /* fall through */
    case 0:
        return options->bind = true;
    case 2:
        return options->remount = true;
    case 4:
        options->idmap_below = true;
        /* fall through */
    case 3:
        return options->idmap = true;
    case 5:
        return options->copy_up = true;
    default:
        return false;
    }
}

int mount_options_parse(const struct strings *words, const char *destination,
                        struct mount_options *ret_options, struct err *err)
{
    auto_done(mount_options) options = {};
    for (size_t i = 0; i < words->len; i++) {
        const char *word = words->at[i];
        if (passed(word) || attribute_apply(word, &options.set, &options.clear) ||
            mount_propagation_parse(word, &options.propagation, &options.propagation_below) ||
            special_apply(word, &options))
            continue;
        if (word[0] == 'r' && attribute_apply(word + 1, &options.set_below, &options.clear_below))
            continue;
        if (!*word)
            return err_set(err, ERR_INVALID, "mount on %s: option %zu is empty", destination, i);
        strings_add(&options.rest, word);
    }
    *ret_options = options;
    options = (struct mount_options){};
    return 0;
}

void mount_options_done(struct mount_options *options)
{
    strings_done(&options->rest);
}

static void add_word(struct str *out, const char *prefix, const char *word)
{
    if (out->len && out->at[out->len - 1] != '(')
        str_add_char(out, ',');
    str_add(out, prefix);
    str_add(out, word);
}

/* One word a bit: the first row that sets it. */
static void add_bits(struct str *out, const char *prefix, uint64_t set)
{
    for (size_t i = 0; i < array_size(attributes); i++) {
        if (!attributes[i].set || (set & attributes[i].set) != attributes[i].set)
            continue;
        add_word(out, prefix, attributes[i].word);
        set &= ~(uint64_t)attributes[i].set;
    }
}

void mount_options_format(const struct mount_options *options, struct str *out)
{
    if (options->remount)
        add_word(out, "", "remount");
    if (options->bind)
        add_word(out, options->bind_below ? "r" : "", "bind");
    if (options->idmap)
        add_word(out, options->idmap_below ? "r" : "", "idmap");
    if (options->copy_up)
        add_word(out, "", "tmpcopyup");
    add_bits(out, "", options->set);
    add_bits(out, "r", options->set_below);
    for (size_t i = 0; i < array_size(propagations); i++)
        if (options->propagation == propagations[i].flag &&
            options->propagation_below == propagations[i].below)
            add_word(out, "", propagations[i].word);
    for (size_t i = 0; i < options->rest.len; i++)
        add_word(out, "", options->rest.at[i]);
}
