/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a registries.conf: what is read can be asked about names, and gives names again; what
 * is refused leaves one line that begins with the file's name.
 *
 * clang -fsanitize=fuzzer,address,undefined; the corpus is tests/fuzz/registries_corpus.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/registries.h"

static const char *const names[] = { "busybox", "user/app:1", "a.io/b/c:2", "q.a.io:5000/d" };

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void rewrite(const struct registries_entry *entry, const char *location,
                    const struct reference *reference, size_t matched)
{
    auto_drop(reference) *there = NULL;
    struct err err = {};
    if (location && registries_rewrite(entry, location, reference, matched, &there, &err) < 0)
        demand(err.kind == ERR_INVALID && text_starts(err.text, "fuzz: "));
}

static void ask(const struct registries *registries, const char *name)
{
    auto_drop(reference) *reference = NULL;
    auto_done(strings) candidates = {};
    struct err err = {};
    size_t matched = 0;
    if (registries_resolve(registries, name, &candidates, &err) < 0)
        demand(err.kind == ERR_INVALID && candidates.len == 0);
    else
        demand(candidates.len > 0);
    demand(reference_parse(name, &reference, &err) == 0);
    const struct registries_entry *entry = registries_find(registries, reference, &matched);
    if (!entry)
        return;
    demand(matched > 0);
    rewrite(entry, entry->location, reference, matched);
    for (size_t i = 0; i < entry->mirrors.len; i++)
        rewrite(entry, entry->mirrors.at[i].location, reference, matched);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_done(registries) registries = {};
    struct err err = {};
    auto_free char *toml = xmalloc(size > 0 ? size : 1);
    if (size > 0)
        memcpy(toml, data, size);
    /* Twice: the second is merged over the first. */
    for (int i = 0; i < 2; i++) {
        if (registries_parse(&registries, toml, size, "fuzz", &err) < 0) {
            demand(text_starts(err.text, "fuzz: ") && !strchr(err.text, '\n'));
            return 0;
        }
    }
    for (size_t i = 0; i < array_size(names); i++)
        ask(&registries, names[i]);
    return 0;
}
