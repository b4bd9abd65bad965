/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as TOML: what is read is JSON that the JSON reader takes, an object; what is refused adds
 * nothing and leaves one line that names the line.
 *
 * clang -fsanitize=fuzzer,address,undefined; the corpus is tests/fuzz/toml_corpus.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/toml.h"

static void demand(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct document document;
    struct err err = {};
    auto_done(str) json = {};
    /* An exact copy, so that a byte read behind the end is seen. */
    auto_free char *toml = xmalloc(size > 0 ? size : 1);
    if (size > 0)
        memcpy(toml, data, size);
    if (toml_to_json(toml, size, "fuzz", &json, &err) < 0) {
        demand(err.kind == ERR_INVALID && text_starts(err.text, "fuzz: "));
        demand(!strchr(err.text, '\n') && json.len == 0);
        return 0;
    }
    demand(document_open(&document, str_text(&json), json.len, "json", &err) == 0);
    demand(json_is_object(document.root));
    document_close(&document);
    return 0;
}
