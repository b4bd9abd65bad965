/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a config.json: what is read comes out again as JSON that reads back to the same
 * text; what is refused leaves nothing, and one line that begins with the document's name.
 *
 * clang -fsanitize=fuzzer,address,undefined; the corpus is tests/fuzz/spec_corpus.
 */
#include <stdlib.h>
#include <string.h>

#include "oci/spec.h"

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void format(const struct spec *spec, struct str *out)
{
    spec_format(spec, out);
    demand(!strchr(str_text(out), '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spec spec = {}, again = {}, zero = {};
    struct err err = {};
    auto_done(str) first = {};
    auto_done(str) second = {};
    /* An exact copy, so that a byte read behind the end is seen. */
    auto_free char *json = xmalloc(size > 0 ? size : 1);
    if (size > 0)
        memcpy(json, data, size);
    if (spec_parse(json, size, &spec, &err) < 0) {
        demand(err.text[0] && !strchr(err.text, '\n') && text_starts(err.text, "config.json: "));
        demand(memcmp(&spec, &zero, sizeof(spec)) == 0);
        return 0;
    }
    format(&spec, &first);
    spec_done(&spec);
    demand(memcmp(&spec, &zero, sizeof(spec)) == 0);
    demand(spec_parse(first.at, first.len, &again, &err) == 0);
    format(&again, &second);
    spec_done(&again);
    demand(strcmp(first.at, second.at) == 0);
    return 0;
}
