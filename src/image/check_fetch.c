/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a check found damaged is fetched from where its name says that it comes from: by its digest,
 * so that it is the same, and nothing is fetched that is still here. Images that came from elsewhere
 * are found nowhere, which is no fault of the check.
 */
#include <string.h>

#include "image/check.h"
#include "image/pull.h"
#include "image/reference.h"

/* Whether it is whole again. */
static bool image_fetch(struct check *check, const char *name, const char *digest)
{
    auto_drop(reference) *reference = NULL;
    auto_done(image_pulled) pulled = {};
    struct err why;
    if (reference_parse(name, &reference, &why) < 0)
        return false;
    auto_free char *repository = reference_repository(reference);
    auto_free char *wanted = xasprintf("%s@%s", repository, digest);
    const struct image_pull_options options = { .store_as = name };
    if (image_pull(check->images, wanted, &options, check->watch, &pulled, &why) == 0)
        return true;
    if (check->watch && check->watch->warning)
        check->watch->warning(check->watch->context, why.text);
    return false;
}

void check_fetch(struct check *check)
{
    struct strings left = {};
    struct strings *again = &check->result.again;
    for (size_t i = 0; i < again->len; i++) {
        const char *digest = pairs_value(&check->lost, again->at[i]);
        bool whole = digest && image_fetch(check, again->at[i], digest);
        strings_add(whole ? &check->result.fetched : &left, again->at[i]);
    }
    strings_done(again);
    *again = left;
}
