/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What is on its way into the store: a directory <root>/ingest/RANDOM with files called by numbers
 * and layers being unpacked, locked by whoever fills it. An unlocked one is what a crash left, and
 * goes.
 */
#include <stdint.h>

#include "image/helper.h"
#include "image/store.h"

struct ingest {
    struct images *images;
    char name[40]; /* below the root */
    int directory; /* locked; -1: not open */
};

/* Removes what is left of others' crashes, and makes a fresh one. */
int ingest_open(struct images *images, struct ingest *ret_ingest, struct err *err);
/* Removes it. Of what cannot be removed the next one gets rid. */
void ingest_close(struct ingest *ingest);

/* Opens file `number` for reading. It must be a plain file, and nothing else may have it open any
 * more. */
int ingest_file(const struct ingest *ingest, uint64_t number, int *ret_fd, uint64_t *ret_size,
                struct err *err);
/* Makes file `number`, empty, for writing. */
int ingest_make(const struct ingest *ingest, uint64_t number, int *ret_fd, struct err *err);
/* Makes file `number` with the content. */
int ingest_save(const struct ingest *ingest, uint64_t number, const void *data, size_t len,
                struct err *err);
/* Gives a blob that is whole and lies at path below the root, open as `file`, a name here too, by its
 * part's place: what becomes of the other one is nobody's business here any more. */
int ingest_keep(const struct ingest *ingest, size_t place, const char *path, int file,
                struct err *err);
/* Opens it for reading, from its beginning. */
int ingest_kept(const struct ingest *ingest, size_t place, int *ret_fd, uint64_t *ret_size,
                struct err *err);
/* Copies a plain file, by reference where the file system can. */
int ingest_copy(const struct ingest *ingest, uint64_t number, int from, struct err *err);
/* Makes the directory that layer `number` is unpacked into. */
int ingest_layer(const struct ingest *ingest, size_t number, int *ret_fd, struct err *err);
/* Makes the empty file that it is packed into instead. */
int ingest_layer_file(const struct ingest *ingest, size_t number, int *ret_fd, struct err *err);
/* Whether layers become files, EROFS images: if that is not said, what works here is found out once.
 */
int layers_are_packed(const struct ingest *ingest, bool *ret_packed, struct err *err);

/* Move what is whole and verified to its place; an own copy replaces an equal one (blobs), or is
 * left (layers). Under the store's lock. */
int ingest_commit_blob(const struct ingest *ingest, uint64_t number, const char *digest,
                       struct err *err);
int ingest_commit_kept(const struct ingest *ingest, size_t place, const char *digest,
                       struct err *err);
int ingest_commit_layer(const struct ingest *ingest, size_t number, const char *diff_id,
                        struct err *err);

/* Moves what lies at path to the trash. Absent is fine: returns 0, else 1. */
int trash_put(struct images *images, const char *path, struct err *err);
/* Removes what is in the trash, ingests of the dead, and blobs that nobody named for a day. What
 * cannot be removed now is left, quietly. */
void trash_empty(struct images *images);
