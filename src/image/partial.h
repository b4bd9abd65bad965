/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Blobs on their way from a registry: <root>/partial/HEX.SIZE, called by their digest and how long
 * they are said to be, for nobody to spoil another's by a wrong size. Whoever fills one has it
 * locked, so that a blob is fetched once whoever wants it, and what a crash left is gone on with
 * from where it ends. What is in them is verified by nobody before it is committed.
 *
 * The lock is the open file's, and is only ever let go by closing that: as long as a process is
 * there that can write to the file, be it one that its killed client has left for a moment, nobody
 * else has it.
 */
#include "image/ingest.h"

#define DIR_PARTIAL "partial"

/* Opens the blob's file, reading and writing, and locks it. Returns 1; 0 if another process has it.
 * One that is longer than size_bytes is emptied. */
int partial_open(struct images *images, const char *digest, uint64_t size_bytes, int *ret_fd,
                 struct err *err);
/* Opens the blob's file for reading, from its beginning. */
int partial_read(struct images *images, const char *digest, uint64_t size_bytes, int *ret_fd,
                 uint64_t *ret_size, struct err *err);
/* Lets others have a whole one, whose descriptor that is, and keeps what is in it in the ingest, by
 * its part's place: nobody ever writes to a whole one, whoever has it. */
int partial_keep(const struct ingest *ingest, size_t place, const char *digest, uint64_t size_bytes,
                 int *fd, struct err *err);
/* Whether there is one of all its bytes, or the blob itself. */
bool partial_present(struct images *images, const char *digest, uint64_t size_bytes);
/* Moves it among the blobs. That another has done so is fine. Under the store's lock. */
int partial_commit(struct images *images, const char *digest, uint64_t size_bytes, struct err *err);
/* Removes it, which is ours: what was in it is not what it should have been, or not wanted. */
void partial_remove(struct images *images, const char *digest, uint64_t size_bytes);
/* The same, unless it is somebody else's by now. */
void partial_drop(struct images *images, const char *digest, uint64_t size_bytes);
/* Removes all that nobody is filling. Gives their bytes. */
uint64_t partials_prune(struct images *images);
/* Removes those that nobody has filled for a week. */
void partials_expire(struct images *images);
