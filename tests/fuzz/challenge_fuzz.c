/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a header WWW-Authenticate: what is made of it is a challenge that can be taken up, and
 * the same text once more changes nothing.
 *
 * clang -fsanitize=fuzzer,address,undefined; the corpus is tests/fuzz/challenge_corpus.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "remote/challenge.h"

static void demand(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* An exact copy, so that a byte read behind the end is seen. */
    auto_free char *header = xstrndup((const char *)data, size);
    auto_done(challenge) challenge = {};
    auto_done(challenge) again = {};
    challenge_read(header, &challenge);
    demand(challenge.scheme != CHALLENGE_BEARER || (challenge.realm && challenge.realm[0]));
    demand(challenge.scheme != CHALLENGE_NONE || !challenge.realm);
    challenge_read(header, &again);
    challenge_read(header, &again);
    demand(again.scheme == challenge.scheme && text_same(again.realm, challenge.realm) &&
           text_same(again.service, challenge.service) && text_same(again.scope, challenge.scope));
    return 0;
}
