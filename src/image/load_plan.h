/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What an archive or a layout would bring into the store: its images and the blobs they are made
 * of, as its documents say. Nothing in it is verified yet.
 */
#include "image/part.h"
#include "image/source.h"

struct load_plan_image {
    struct strings names; /* in normal form */
    size_t config;        /* place of its part */
    size_t *layers;       /* places of theirs, lowest first; as many as oci has diff-ids */
    struct oci_image oci;
    bool has_manifest; /* false: it is made from the parts, once they are verified */
    size_t manifest;   /* place of its part */
    char *media_type;  /* of the manifest */
    char *index;       /* digest of the index it was chosen from, or NULL */
};

struct load_plan {
    struct load_plan_image *at;
    size_t len;
    struct parts parts;
};

/* Reads the documents of a source, of whichever kind it is. */
int load_plan_read(struct source *source, const struct image_watch *watch,
                   struct load_plan *ret_plan, struct err *err);
void load_plan_done(struct load_plan *plan);
/* Keeps the first `len` images; parts stay. */
void load_plan_cut(struct load_plan *plan, size_t len);

/* Fetches, digests and unpacks what has not been, as far as it was asked for, checks that all is what
 * the documents say, and makes manifests where there were none. Closes the helper, so that nobody
 * changes any more what was unpacked; one that is not open is opened. */
int load_plan_work(struct load_plan *plan, struct source *source, struct helper *helper,
                   const struct image_watch *watch, struct err *err);
/* Brings what was planned into the store: parts digested, or fetched first, layers unpacked, all
 * checked and synced, index and blobs changed under the lock. helper is closed; one that is not open
 * is opened. Adds what came to loads. */
int load_plan_carry_out(struct load_plan *plan, struct source *source, struct helper *helper,
                        const struct image_watch *watch, struct image_loads *loads,
                        struct err *err);

/* For the two readers: an image more, and its parts. */
struct load_plan_image *load_plan_add(struct load_plan *plan);
/* Finds the source's file and the part for it, added if it is new. size: what it has to be, or -1:
 * any. */
int load_plan_part(struct load_plan *plan, struct source *source, const char *path,
                   const char *digest, int64_t size, size_t *ret_part, struct err *err);
/* Reads the configuration from its part; its layers' parts must be there. */
int load_plan_config(struct load_plan *plan, struct source *source, struct load_plan_image *image,
                     size_t n_layers, struct err *err);
/* Adds a name; what is none is told and left out. */
void load_plan_name(struct load_plan_image *image, const char *name,
                    const struct image_watch *watch);

/* manifest.json of `docker save`; index.json of a layout. Return 1, or 0: the source is of another
 * kind. */
int load_plan_read_docker(struct load_plan *plan, struct source *source,
                          const struct image_watch *watch, struct err *err);
int load_plan_read_layout(struct load_plan *plan, struct source *source,
                          const struct image_watch *watch, struct err *err);
