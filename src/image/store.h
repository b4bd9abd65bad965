/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Where images lie below the root, and their index: the list of manifests with names. For src/image
 * alone. */
#include "image/image.h"

#define DIR_OCI         "oci"
#define DIR_BLOBS       "oci/blobs/sha256"
#define DIR_LAYERS      "layers"
#define DIR_INGEST      "ingest"
#define DIR_TRASH       "trash"
#define DIR_LOOSE       "loose" /* whole blobs that no manifest names yet */
#define FILE_INDEX      "oci/index.json"
#define FILE_INDEX_COPY "oci/index.json.copy" /* for when it is damaged */
#define LAYER_TREE      "tree"                /* in a layer's directory */
#define LAYER_EROFS     ".erofs"              /* ends the name of a layer's file */

/* What the index keeps of an image besides the specification's members, so that lists read nothing
 * else. */
#define NOTE_ID      "ruche.image.id"
#define NOTE_SIZE    "ruche.image.size"
#define NOTE_CREATED "ruche.image.created"
/* Digest of the index that an image was taken from, which is kept as well. */
#define NOTE_INDEX "ruche.image.index"
/* Digest of the manifest that an artifact is about. */
#define NOTE_SUBJECT "ruche.subject"

/* Of the row itself, against bits that flip: see row_sum. */
#define NOTE_SUM "ruche.sum"

/* A row is one of these, told by its media type and notes, or for another tool's by its manifest.
 */
enum row_kind {
    ROW_IMAGE,    /* a manifest of one platform */
    ROW_LIST,     /* an index of manifests, of which those that are here are kept */
    ROW_ARTIFACT, /* a manifest of something else, a signature say: it has an artifactType */
};

struct images {
    int root;
    char *transfer;
    enum image_storage storage;
    enum { EROFS_UNTRIED, EROFS_WORKS, EROFS_FAILS } erofs; /* mounted from a file */
    bool prepared; /* object_prepare has made the directories */
};

/* Makes the directories and an empty layout where they are missing. */
int store_prepare(struct images *images, struct err *err);
/* Locks the index for changing it, until the descriptor is closed. */
int store_lock(struct images *images, int *ret_lock, struct err *err);

/* Reads the index; an absent one is empty. */
int index_load(struct images *images, struct oci_index *ret_index, struct err *err);
/* Writes it, under the lock. */
int index_save(struct images *images, struct oci_index *index, struct err *err);
/* Takes row i out. */
void index_remove(struct oci_index *index, size_t i);
/* The name of a row in normal form; NULL: it has none, or one that is none. Owned by the caller. */
char *row_name(const struct oci_descriptor *row);
int row_kind(struct images *images, const struct oci_descriptor *row, enum row_kind *ret_kind,
             struct err *err);
/* The id of a row's image, from its note or else its manifest; of a list or an artifact the digest.
 * Owned by the caller. */
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
/* Reading a configuration counts as a use of the image: it changes the file's time of access. */
int blob_image(struct images *images, const char *digest, struct oci_image *ret_image,
               struct err *err);
int blob_image_peek(struct images *images, const char *digest, struct oci_image *ret_image,
                    struct err *err); /* that does not */
/* Opens a blob for reading. */
int blob_open(struct images *images, const char *digest, int *ret_fd, uint64_t *ret_size,
              struct err *err);
/* Whether the layer is unpacked, in one way or the other. */
bool layer_present(struct images *images, const char *diff_id);
/* Which: STORAGE_EROFS or STORAGE_OVERLAY. */
enum image_storage layer_storage(struct images *images, const char *diff_id);
/* Who has written a layer's file, by the name in it; NULL: that cannot be read, or is none of ruche's.
 * Owned by the caller. path: below the root. */
char *layer_writer(struct images *images, const char *path);
/* Mounts a layer's file, detached. Returns -1 with errno. */
int layer_mount(int fd);
/* Opens one: the detached mount of its file, or its directory (O_PATH). */
int layer_open(struct images *images, const char *diff_id, int *ret_fd, struct err *err);

/* The digest of what a row is about: its note's, or its tag's as signatures have it. NULL: none.
 * Owned by the caller. */
char *row_subject(const struct oci_descriptor *row);
/* Bytes of its layers, unpacked if that is noted. */
int row_size(struct images *images, const struct oci_descriptor *row, uint64_t *ret_size,
             struct err *err);

struct row_found {
    size_t row;
    bool by_digest; /* told by an id or digest and not by its name */
    char *member;   /* digest of the manifest that is meant, one of the row's list; or NULL */
};
void row_found_done(struct row_found *found);
/* Whether its manifest, configuration and layers are all among the blobs. */
bool image_blobs_present(struct images *images, const struct image *image);
/* The row that `name` means. Returns 1, or 0. */
int index_find(struct images *images, const struct oci_index *index, const char *name,
               struct row_found *ret_found, struct err *err);

/* Whether a manifest is that of an image, and not of a signature or another artifact. */
bool manifest_is_image(const struct oci_manifest *manifest);
/* Makes the row of a manifest that is among the blobs: media type, digest, size and notes. name may
 * be NULL. */
int row_make(struct images *images, const char *digest, const char *name,
             struct oci_descriptor *ret_row, struct err *err);
/* Checksum of all that a row says but its NOTE_SUM: 16 hexadecimal digits, owned by the caller. Rows
 * get one when the index is saved. */
char *row_sum(const struct oci_descriptor *row);
/* Gives a row an annotation, in place of one it has. */
void row_note(struct oci_descriptor *row, const char *key, const char *value);

/* A manifest that a list names, itself or by a list in it, and that is here. */
struct list_member {
    const struct oci_descriptor *descriptor;
    const struct oci_manifest *manifest; /* NULL: it is a list, whose members follow */
};
enum { LIST_MEMBERS_MAX = 4096 };
/* Of what is read for one purpose: an archive's documents, a list with all in it. */
enum { DOCUMENTS_MAX_MIB = 64 };
typedef int list_visit(void *context, const struct list_member *member, struct err *err);
/* Visits the members of a list that are here, each once. A visit that gives 1 ends the walk, and is
 * what it gives. ERR_NOT_FOUND: the list itself is not here. ERR_UNSUPPORTED: it names more than
 * LIST_MEMBERS_MAX, in all that it holds, or documents of more than DOCUMENTS_MAX_MIB. */
int list_walk(struct images *images, const char *digest, list_visit *visit, void *context,
              struct err *err);
/* Visits what some lists name, and lists in them, by their word alone: here or not, and more than
 * once perhaps; each list is read once. As above otherwise. ERR_UNSUPPORTED: the lists come to more
 * than DOCUMENTS_MAX_MIB. */
int lists_names(struct images *images, const struct strings *lists, list_visit *visit,
                void *context, struct err *err);
/* The member, NULL if there is none, that fits the platform best. Owned by the caller. */
int list_choose(struct images *images, const char *digest, const struct oci_platform *wanted,
                char **ret_member, struct err *err);
/* Ids of the images among its members. */
int list_ids(struct images *images, const char *digest, struct strings *ret_ids, struct err *err);

/* What rows and configurations need: hexadecimal digits of digests and diff-ids, some several times.
 */
struct kept {
    struct strings blobs;
    struct strings layers;
};
void kept_done(struct kept *kept);
int kept_add_row(struct images *images, const struct oci_descriptor *row, struct kept *kept,
                 struct err *err);
int kept_add_config(struct images *images, const char *id, struct kept *kept, struct err *err);

/* Whether an image's user (image_users) is a place where it is mounted, and no container. */
static inline bool user_is_mount(const char *user)
{
    return user[0] == '/';
}

/* Moves blobs and layers to the trash that neither a row of the index nor an image with a user
 * (image_users) needs. Under the lock. */
int store_collect(struct images *images, const struct oci_index *index, const struct pairs *users,
                  struct err *err);
