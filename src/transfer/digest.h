/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* SHA-256 of what streams by, by libcrypto. */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

enum { DIGEST_TEXT_SIZE = 7 + 64 + 1 }; /* "sha256:" and hexadecimal digits */

struct digest;

/* Loads what libcrypto wants from files; before a process is confined. */
int digest_prepare(struct err *err);
struct digest *digest_new(void);
void digest_add(struct digest *digest, const void *at, size_t len);
/* Ends it. */
void digest_text(struct digest *digest, char text[static DIGEST_TEXT_SIZE]);
void digest_free(struct digest *digest);

DROP(digest);
