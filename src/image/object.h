/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The store as a registry's server sees it: blobs and manifests by digest, tags of repositories. A
 * repository is given in normal form, "docker.io/library/busybox"; what it has are the rows of that
 * name. Blobs that came and that no manifest names yet are kept for a day (<root>/loose).
 * Digests are sha256; who hands something in has verified it.
 */
#include "image/image.h"

/* Makes the directories that the calls below work in, for who gives up the right to make any. Gives
 * the one of blobs that no manifest names yet, in which uploads may lie as well: what is a day old in
 * there goes. */
int object_prepare(struct images *images, int *ret_loose, struct err *err);

/* ---- blobs ---- */

/* Opens a blob. Returns 1, or 0: it is not here. One that no manifest names yet is kept for a day
 * more. */
int object_blob_open(struct images *images, const char *digest, int *ret_fd, uint64_t *ret_size,
                     struct err *err);
/* Makes sure of a day more of a blob, for who is told that he need not send it: what needs it now may
 * go. Returns 1, or 0: it is not here. */
int object_blob_hold(struct images *images, const char *digest, struct err *err);
/* Moves a whole, verified file into the store. */
int object_blob_put(struct images *images, int dirfd, const char *name, const char *digest,
                    struct err *err);

/* Removes a blob that no manifest names. Returns 1, or 0: one of the store's, which goes with what
 * needs it. */
int object_blob_remove(struct images *images, const char *digest, struct err *err);

/* ---- manifests ---- */

struct object {
    char *digest;
    char *media_type;
    uint64_t size_bytes;
};
void object_done(struct object *object);

/* Finds a manifest or an index in the repository by tag or digest; its bytes are the blob of its
 * digest. Returns 1, or 0: it is not known there. */
int object_find(struct images *images, const char *repository, const char *reference,
                struct object *ret_object, struct err *err);

struct object_manifest {
    const char *repository;
    const char *tag; /* NULL: it is known by its digest only */
    const char *digest;
    const char *media_type; /* as the client says */
    const void *data;
    size_t len;
};
struct object_stored {
    char *subject; /* digest of what it is about, or NULL */
    char *missing; /* digest of a blob that it names and that is not here: it was not stored */
};
void object_stored_done(struct object_stored *stored);
/* Stores a manifest, an index or an artifact's manifest. Another that has the tag loses it, and
 * stays known by its digest. Returns 1, or 0: something is missing. ERR_INVALID, ERR_UNSUPPORTED:
 * it is no manifest, or not what its media type says. */
int object_manifest_put(struct images *images, const struct object_manifest *manifest,
                        struct object_stored *ret_stored, struct err *err);
/* Takes a tag away; what it meant stays known by its digest. Returns 1, or 0: there is none. */
int object_untag(struct images *images, const char *repository, const char *tag, struct err *err);
/* Takes a manifest out of the repository, with all its tags. Its image stays in the store without a
 * name, until it is pruned. Returns 1, or 0: it is not known there. */
int object_remove(struct images *images, const char *repository, const char *digest,
                  struct err *err);

/* ---- lists ---- */

/* Tags of a repository in the order of their bytes. Returns 1, or 0: there is no such repository. */
int object_tags(struct images *images, const char *repository, struct strings *ret_tags,
                struct err *err);
/* All repositories, in that order. */
int object_repositories(struct images *images, struct strings *ret_repositories, struct err *err);
/* What in the repository is about the manifest of the digest: descriptors with artifactType and the
 * manifests' annotations, up to 2 MiB of them, out of the first 64 MiB of manifests. artifact_type: only such, or NULL. */
int object_referrers(struct images *images, const char *repository, const char *subject,
                     const char *artifact_type, struct oci_index *ret_index, struct err *err);
