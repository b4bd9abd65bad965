/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the setup of a registry client: what is read comes out as JSON that reads back to the
 * same, what is refused leaves one line of error.
 *
 * clang -fsanitize=fuzzer,address,undefined; the corpus is tests/fuzz/remote_setup_corpus.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "remote/setup.h"

static void demand(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_done(remote_setup) setup = {};
    auto_done(remote_setup) back = {};
    auto_done(str) text = {};
    auto_done(str) again = {};
    auto_free char *json = xmalloc(size > 0 ? size : 1);
    struct err err = {};
    if (size > 0)
        memcpy(json, data, size);
    if (remote_setup_parse(json, size, &setup, &err) < 0) {
        demand(err.text[0] && !strchr(err.text, '\n') && !setup.endpoints.at);
        return 0;
    }
    demand(setup.endpoints.len > 0 && setup.endpoints.at[0].url && setup.endpoints.at[0].name);
    remote_setup_format(&setup, &text);
    demand(remote_setup_parse(text.at, text.len, &back, &err) == 0);
    remote_setup_format(&back, &again);
    demand(strcmp(text.at, again.at) == 0);
    return 0;
}
