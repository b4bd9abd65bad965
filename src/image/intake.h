/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What is on its way into the store, or through it: an ingest, the documents brought into it so far
 * and the plan that follows from them. It comes from a registry, or from files that were taken into
 * the ingest before. A document is parsed only after its digest was verified, or found out where
 * none was given.
 */
#include "image/cargo.h"
#include "image/load_plan.h"
#include "image/reference.h"

struct intake {
    struct images *images;
    struct remote *remote; /* borrowed; NULL: all is in `source` */
    bool plain;            /* there, files are called by their digests; else they lie in a layout */
    const struct image_watch *watch;
    struct ingest ingest;
    struct source source; /* of a registry: has no files but those brought */
    struct load_plan plan;
    struct helper helper;
};

/* Opened in place: it points into itself. remote NULL: the caller opens `source`. */
int intake_open(struct intake *intake, struct images *images, struct remote *remote,
                const struct image_watch *watch, struct err *err);
void intake_close(struct intake *intake);

/* A manifest, index or configuration, verified. */
struct intake_document {
    char *data; /* ends in a zero byte that is not counted */
    size_t len;
    char *digest;
    char *media_type; /* as the registry says; NULL: nobody said */
    size_t part;      /* its place in the plan */
};
void intake_document_done(struct intake_document *document);

/* Brings a manifest or index by its tag or digest; of files, also by the path of one. ERR_NOT_FOUND:
 * there is none of that name. */
int intake_manifest(struct intake *intake, const char *name, struct intake_document *ret_document,
                    struct err *err);
/* Brings the manifest or index that a descriptor means; ERR_INVALID also if its size is not true. */
int intake_manifest_of(struct intake *intake, const struct oci_descriptor *descriptor,
                       struct intake_document *ret_document, struct err *err);
/* Brings a blob that is a document: a configuration. */
int intake_config(struct intake *intake, const struct oci_descriptor *descriptor,
                  struct intake_document *ret_document, struct err *err);

/* Goes from a document down through indexes to the manifest for the platform, which takes the
 * document's place. */
int intake_choose(struct intake *intake, const struct oci_platform *platform,
                  struct intake_document *document, struct err *err);
/* Plans the image of a manifest, with its configuration and layers, of which those that are stored
 * are not fetched. ERR_UNSUPPORTED: it is none, or has layers that lie elsewhere. */
int intake_plan_image(struct intake *intake, const struct intake_document *document,
                      struct load_plan_image **ret_image, struct err *err);
/* Plans what a document names, to be sent on as it is: of an index the manifest for the platform, or
 * all of it if that is NULL; artifacts too. Fetches and verifies all of it, without unpacking.
 * Ends the remote. */
int intake_cargo(struct intake *intake, const struct oci_platform *platform,
                 const struct intake_document *document, struct cargo *cargo, struct err *err);
/* Fetches, unpacks, checks and commits. Ends the remote. */
int intake_commit(struct intake *intake, struct image_loads *loads, struct err *err);
