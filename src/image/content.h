/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a stored layer's blob was found to unpack to, so that it need not be read again to be known:
 * an extended attribute of the blob's file. Where the file system has none, it is read again.
 */
#include "image/store.h"

/* Whether the blob is in the store. */
bool blob_present(struct images *images, const char *digest);
/* Notes what a blob unpacks to, which was verified. */
void blob_note_content(struct images *images, const char *digest, const char *content,
                       uint64_t size_bytes);
/* What was noted. Returns 1, or 0. *ret_content: owned by the caller. */
int blob_content(struct images *images, const char *digest, char **ret_content,
                 uint64_t *ret_size_bytes);
