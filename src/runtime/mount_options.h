/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The words of mounts[].options (runtime-spec, config.md "Mounts"; mount(8)) as what the kernel
 * takes. The rest are the file system's own options and stay words.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct mount_options {
    uint64_t set; /* MOUNT_ATTR_ bits to set, and to clear */
    uint64_t clear;
    uint64_t set_below; /* the same for all that is mounted below ("rro", "rnosuid" …) */
    uint64_t clear_below;
    uint64_t propagation; /* MS_ word, or 0 */
    bool propagation_below;
    bool bind;
    bool bind_below; /* "rbind" */
    bool remount;    /* what is mounted there changes its options */
    bool idmap;      /* owners are mapped */
    bool idmap_below;
    bool copy_up; /* "tmpcopyup": begins with what the directory below it holds */
    struct strings rest;
};

int mount_options_parse(const struct strings *words, const char *destination,
                        struct mount_options *ret_options, struct err *err);
void mount_options_done(struct mount_options *options);
/* A word of "shared", "rslave" …; false: none of them. */
bool mount_propagation_parse(const char *word, uint64_t *ret_propagation, bool *ret_below);
/* Whether a word is about a whole file system and so says nothing of a bind mount: "sync". */
bool mount_option_is_general(const char *word);
/* Adds the words, "ro,nosuid,rbind,mode=755", for people. */
void mount_options_format(const struct mount_options *options, struct str *out);
