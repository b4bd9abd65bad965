/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Blobs on their way from a registry: <root>/partial/HEX.SIZE, called by their digest and how long
 * they are said to be, for nobody to spoil another's by a wrong size. Whoever fills one has it
 * locked, so that a blob is fetched once whoever wants it, and what a crash left is gone on with
 * from where it ends. What is in them is verified by nobody before it is committed.
 */
#include "image/store.h"

#define DIR_PARTIAL "partial"

/* Opens the blob's file, reading and writing, and locks it. Returns 1; 0 if another process has it.
 * One that is longer than size_bytes is emptied. */
int partial_open(struct images *images, const char *digest, uint64_t size_bytes, int *ret_fd,
                 struct err *err);
/* Opens the blob's file for reading, from its beginning. */
int partial_read(struct images *images, const char *digest, uint64_t size_bytes, int *ret_fd,
                 uint64_t *ret_size, struct err *err);
/* Lets others have it, also those that hold copies of the descriptor, and closes it. */
void partial_close(int *fd);
/* Whether there is one of all its bytes, or the blob itself. */
bool partial_present(struct images *images, const char *digest, uint64_t size_bytes);
/* Moves it among the blobs. That another has done so is fine. Under the store's lock. */
int partial_commit(struct images *images, const char *digest, uint64_t size_bytes, struct err *err);
/* Removes it: what was in it is not what it should have been. */
void partial_remove(struct images *images, const char *digest, uint64_t size_bytes);
/* Removes all that nobody is filling. Gives their bytes. */
uint64_t partials_prune(struct images *images);
/* Removes those that nobody has filled for a week. */
void partials_expire(struct images *images);
