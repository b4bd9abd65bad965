/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Where images lie below the root, and their index: the list of manifests with names. For src/image
 * alone. */
#include "image/image.h"

#define DIR_OCI    "oci"
#define DIR_BLOBS  "oci/blobs/sha256"
#define DIR_LAYERS "layers"
#define DIR_INGEST "ingest"
#define DIR_TRASH  "trash"
#define FILE_INDEX "oci/index.json"
#define LAYER_TREE "tree" /* in a layer's directory */

/* What the index keeps of an image besides the specification's members, so that lists read nothing
 * else. */
#define NOTE_ID      "ruche.image.id"
#define NOTE_SIZE    "ruche.image.size"
#define NOTE_CREATED "ruche.image.created"

struct images {
    int root;
    char *transfer;
};

/* Makes the directories and an empty layout where they are missing. */
int store_prepare(struct images *images, struct err *err);
/* Locks the index for changing it, until the descriptor is closed. */
int store_lock(struct images *images, int *ret_lock, struct err *err);

/* Reads the index; an absent one is empty. */
int index_load(struct images *images, struct oci_index *ret_index, struct err *err);
/* Writes it, under the lock. */
int index_save(struct images *images, const struct oci_index *index, struct err *err);
/* Takes row i out. */
void index_remove(struct oci_index *index, size_t i);
/* The name of a row in normal form; NULL: it has none, or one that is none. Owned by the caller. */
char *row_name(const struct oci_descriptor *row);
/* The id of a row's image, from its note or else its manifest. Owned by the caller. */
int row_id(struct images *images, const struct oci_descriptor *row, char **ret_id, struct err *err);
/* Takes the name of row i away. */
void index_unname(struct oci_index *index, size_t i);
/* Adds a row. If it has a name (a normal one), whatever row had that name has none any more; rows
 * without a name beside others of the same manifest go. Takes what hangs from row. */
void index_add(struct oci_index *index, struct oci_descriptor *row);
/* A row like another but for its name, which may be NULL. */
struct oci_descriptor row_copy(const struct oci_descriptor *row, const char *name);

/* Reads a document among the blobs. ERR_NOT_FOUND if it is missing. */
int blob_load(struct images *images, const char *digest, size_t max_bytes, char **ret_data,
              size_t *ret_len, struct err *err);
int blob_manifest(struct images *images, const char *digest, struct oci_manifest *ret_manifest,
                  struct err *err);
int blob_image(struct images *images, const char *digest, struct oci_image *ret_image,
               struct err *err);
/* Opens a blob for reading. */
int blob_open(struct images *images, const char *digest, int *ret_fd, uint64_t *ret_size,
              struct err *err);
/* Whether the layer is unpacked. */
bool layer_present(struct images *images, const char *diff_id);

/* The row that `name` means; *ret_by_digest: it was told by an id or digest and not by its name.
 * Returns 1, or 0. */
int index_find(struct images *images, const struct oci_index *index, const char *name,
               size_t *ret_row, bool *ret_by_digest, struct err *err);

/* Moves blobs and layers to the trash that neither a row of the index nor an image with a user
 * (image_users) needs. Under the lock. */
int store_collect(struct images *images, const struct oci_index *index, const struct pairs *users,
                  struct err *err);
