/* SPDX-License-Identifier: Apache-2.0 */
#include "image/part.h"

/* Others have had its lock meanwhile, and with it the file. */
static bool was_let_go(const struct part *part)
{
    return part->fetch && !part->stored && part->done && part->partial < 0;
}

/* Another list of them, which has their locks meanwhile. */
static void assure_begin(struct parts *parts, struct parts *again)
{
    for (size_t i = 0; i < parts->len; i++) {
        struct part *part = &parts->at[i];
        if (!was_let_go(part))
            continue;
        size_t place = parts_add(again, part->digest, 0);
        struct part *twin = &again->at[place];
        twin->fetch = true;
        twin->raw = true; /* what it unpacks to follows from what it is */
        twin->size = part->size;
    }
}

static void assure_end(struct parts *parts, struct parts *again)
{
    size_t place = 0;
    for (size_t i = 0; i < parts->len; i++) {
        struct part *part = &parts->at[i];
        if (!was_let_go(part))
            continue;
        struct part *twin = &again->at[place++];
        part->partial = twin->partial;
        twin->partial = -1;
        part->fetch = twin->fetch; /* another may have brought it into the store */
        part->stored = twin->stored;
    }
    parts->damaged = parts->damaged || again->damaged;
}

int parts_assure(struct parts *parts, const struct ingest *ingest, const struct helper *helper,
                 struct err *err)
{
    auto_done(parts) again = { .fetches = true };
    assure_begin(parts, &again);
    int result = parts_run(&again, ingest, helper, NULL, err);
    assure_end(parts, &again);
    return result;
}
