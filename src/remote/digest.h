/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Digests of documents that lie in memory: "sha256:…" and "sha512:…". */
#include <stdbool.h>
#include <stddef.h>

/* Whether the bytes have that digest. ret_known: false if it is written in no way known here. */
bool digest_matches(const char *digest, const void *at, size_t len, bool *ret_known);
