/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a policy.json: what is read can be asked what must hold, and which signed names are
 * taken; what is refused leaves nothing, and one line that begins with the file's name.
 *
 * clang -fsanitize=fuzzer,address,undefined; the corpus is tests/fuzz/policy_corpus.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/policy.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char by_digest[] = "q.a.io:5000/d@sha256:" HEX64;
static const char *const names[] = { "busybox", "a.io/b/c:2", by_digest };

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void ask(const struct policy *policy, const struct reference *reference)
{
    const struct policy_scope *scope;
    struct err err = {};
    int result = policy_require(policy, reference, &scope, &err);
    demand(result == 0 || err.kind == ERR_DENIED || err.kind == ERR_UNSUPPORTED);
    for (size_t i = 0; scope && i < scope->requirements.len; i++)
        for (size_t j = 0; j < array_size(names); j++)
            (void)policy_takes(&scope->requirements.at[i], reference, names[j]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_done(policy) policy = {};
    struct err err = {};
    auto_free char *json = xmalloc(size > 0 ? size : 1);
    if (size > 0)
        memcpy(json, data, size);
    if (policy_parse(json, size, "fuzz", &policy, &err) < 0) {
        demand(text_starts(err.text, "fuzz: ") && !strchr(err.text, '\n'));
        demand(!policy.scopes.at && !policy.file);
        return 0;
    }
    for (size_t i = 0; i < array_size(names); i++) {
        auto_drop(reference) *reference = NULL;
        demand(reference_parse(names[i], &reference, &err) == 0);
        ask(&policy, reference);
    }
    return 0;
}
