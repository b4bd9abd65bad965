/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A cargo in other formats: layers packed anew, and manifests that say so, or that are docker's
 * instead of the OCI's. What comes of it lies in an ingest of its own, and is nowhere in the store.
 */
#include "image/cargo.h"
#include "image/push.h"

struct recoding {
    struct ingest ingest;
    struct helper helper;
    uint64_t next; /* number of a file in the ingest */
};

#define RECODING_CLOSED                                                                            \
    {                                                                                              \
        .ingest = { .directory = -1 }, .helper = {.userns = { .pid = -1 }, .control = -1 }         \
    }

struct recode_options {
    enum image_format format;
    enum image_compression compression;
};

int recoding_open(struct recoding *recoding, struct images *images, struct err *err);
void recoding_close(struct recoding *recoding);
/* Replaces what is otherwise in the cargo. The recoding must stay open as long as the cargo is
 * used. ERR_UNSUPPORTED: docker's manifests have no zstd. */
int recode_cargo(struct recoding *recoding, struct cargo *cargo,
                 const struct recode_options *options, const struct image_watch *watch,
                 struct err *err);
