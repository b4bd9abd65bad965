/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as the options of a mount, words with commas: no bit is both set and cleared, at most
 * one access time is asked for, and what is not understood stays a word.
 *
 * clang -fsanitize=fuzzer,address,undefined; the corpus is tests/fuzz/mount_options_corpus.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "base/libc.h"
#include "runtime/mount_options.h"

static void demand(bool holds)
{
    if (!holds)
        abort();
}

/* NOATIME and STRICTATIME are values of one field. */
static bool one_time(uint64_t set)
{
    return (set & MOUNT_ATTR__ATIME) != (MOUNT_ATTR_NOATIME | MOUNT_ATTR_STRICTATIME);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mount_options options = {};
    struct err err = {};
    auto_done(strings) words = {};
    auto_done(str) shown = {};
    auto_free char *text = xstrndup((const char *)data, size);
    struct view rest = view_of(text);
    bool more = *text != '\0';
    while (more) {
        struct view word;
        more = view_cut(&rest, ',', &word);
        strings_add_taken(&words, xstrndup(word.at, word.len));
    }
    if (mount_options_parse(&words, "/there", &options, &err) < 0) {
        demand(strstr(err.text, "/there") != NULL);
        return 0;
    }
    demand(!(options.set & options.clear & ~(uint64_t)MOUNT_ATTR__ATIME));
    demand(!(options.set_below & options.clear_below & ~(uint64_t)MOUNT_ATTR__ATIME));
    demand(one_time(options.set) && one_time(options.set_below));
    demand(!options.bind_below || options.bind);
    demand(!options.idmap_below || options.idmap);
    demand(options.rest.len <= words.len);
    for (size_t i = 0; i < options.rest.len; i++)
        demand(strings_have(&words, options.rest.at[i]));
    mount_options_format(&options, &shown);
    mount_options_done(&options);
    return 0;
}
