/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What is to be sent somewhere else as it is: the blobs of images, and the manifests and lists that
 * name them, each after what it names. The bytes stay where they are, in the store, in an ingest or
 * among the partial downloads, and are opened from there.
 */
#include "image/ingest.h"
#include "oci/image.h"

enum cargo_place {
    CARGO_STORED,  /* among the store's blobs */
    CARGO_INGEST,  /* in the ingest, by number */
    CARGO_KEPT,    /* fetched, and kept in the ingest, by number */
    CARGO_PARTIAL, /* fetched whole, and not committed */
};

struct cargo_blob {
    char *digest;
    uint64_t size;
    size_t layer; /* counted from 1; 0: no layer but a configuration */
    enum cargo_place place;
    uint64_t number;
};

struct cargo_manifest {
    char *digest;
    char *media_type;
    char *data;
    size_t len;
    bool list;
    struct oci_platform *platform; /* what a list says that it is for; or NULL */
};

struct cargo {
    struct images *images;              /* borrowed */
    const struct ingest *ingest;        /* borrowed; NULL: nothing is in one */
    ARRAY_OF(cargo_blob) blobs;         /* each once */
    ARRAY_OF(cargo_manifest) manifests; /* each once; the last is what was asked for */
    size_t n_layers;
};

void cargo_done(struct cargo *cargo);

/* What of a thing in the store is to be sent. */
struct cargo_wanted {
    const struct oci_platform *platform; /* of a list, this manifest alone; NULL: the whole list */
};
/* Adds the manifest or list of that digest with all it names, from the store. ERR_NOT_FOUND: not all
 * of it is here. */
int cargo_add_stored(struct cargo *cargo, const char *digest, const char *media_type,
                     const struct cargo_wanted *wanted, struct err *err);
/* Adds a blob unless it is there, and gives it. It is a layer if `layer`. */
struct cargo_blob *cargo_add_blob(struct cargo *cargo, const struct oci_descriptor *descriptor,
                                  bool layer);
/* Whether a manifest is there. */
bool cargo_has(const struct cargo *cargo, const char *digest);
/* Adds a manifest unless it is there, with a copy of its bytes. */
void cargo_add_manifest(struct cargo *cargo, const char *digest, const char *media_type,
                        const void *data, size_t len);
/* The last one. */
const struct cargo_manifest *cargo_top(const struct cargo *cargo);
/* Opens a blob for reading, from its beginning. ERR_INVALID: it is not as long as it should be. */
int cargo_open(const struct cargo *cargo, const struct cargo_blob *blob, int *ret_fd,
               struct err *err);
