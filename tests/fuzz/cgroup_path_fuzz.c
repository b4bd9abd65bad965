/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a cgroup's path: what is taken leads nowhere but down.
 *
 * clang -fsanitize=fuzzer,address,undefined; the corpus is tests/fuzz/cgroup_path_corpus.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "kernel/cgroup.h"

static void demand(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {};
    auto_free char *path = xstrndup((const char *)data, size);
    if (cgroup_path_check(path, &err) < 0) {
        demand(err.text[0] && !strchr(err.text, '\n'));
        return 0;
    }
    struct view rest = view_of(path + (path[0] == '/'));
    bool more = true;
    while (more) {
        struct view part;
        more = view_cut(&rest, '/', &part);
        demand(part.len > 0 && part.len <= 255 && !view_is(part, ".") && !view_is(part, ".."));
        for (size_t i = 0; i < part.len; i++)
            demand((unsigned char)part.at[i] >= ' ' && part.at[i] != 0x7f);
    }
    return 0;
}
