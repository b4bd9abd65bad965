/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as the name of an image: one that is taken means the same in its normal and in its short
 * form; one that is refused says why in one line.
 *
 * clang -fsanitize=fuzzer,address,undefined; the corpus is tests/fuzz/reference_corpus.
 */
#include <stdlib.h>
#include <string.h>

#include "image/reference.h"
#include "image/signature.h"
#include "oci/image.h"

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static char *again(const char *text)
{
    auto_drop(reference) *reference = NULL;
    struct err err;
    demand(reference_parse(text, &reference, &err) == 0);
    return reference_format(reference);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *text = xstrndup((const char *)data, size);
    auto_drop(reference) *reference = NULL;
    struct err err = {};
    auto_free char *short_form = reference_familiar(text);
    demand(short_form);
    (void)signature_is_tag(text);
    if (reference_parse(text, &reference, &err) < 0) {
        demand(err.text[0] && !strchr(err.text, '\n'));
        return 0;
    }
    demand(reference->tag || reference->digest);
    demand(!reference->digest || digest_valid(reference->digest));
    demand(!strstr(reference->path, "..") && reference->path[0] != '/');
    auto_free char *normal = reference_format(reference);
    auto_free char *twice = again(normal);
    demand(strcmp(normal, twice) == 0);
    auto_free char *familiar = reference_familiar(normal);
    auto_free char *back = again(familiar);
    demand(strcmp(normal, back) == 0);
    return 0;
}
