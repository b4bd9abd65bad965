/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The blobs of images on their way into the store: all are digested, and layers unpacked, several
 * at a time. The process that digests a blob never parses its archive, and the one that unpacks it
 * never sees another's: so a digest can be relied upon whatever a layer holds. Of what is fetched
 * the one that digests it does nothing else but keep it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/ingest.h"
#include "image/remote.h"
#include "oci/image.h"

struct part {
    /* asked */
    char *digest;    /* the blob's: what it has to be, or NULL: to be found out */
    uint64_t number; /* in the ingest */
    char *wanted;    /* digest of what it has to unpack to, or NULL: whoever asks looks himself */
    bool stored;     /* it lies in the store already, under its digest, and not in the ingest */
    bool fetch;      /* it lies in no place yet, or partly (image/partial.h): the registry has it;
                      * its digest and size are known */
    bool kept;       /* it was fetched, and lies in the ingest by its place in the list */
    bool raw;        /* what it unpacks to is nobody's business */
    bool unpack;     /* into the ingest's layer of this part's place in the list */
    enum image_storage storage; /* what that is to be; AUTO: what the store's layers become */
    size_t layer;               /* counted from 1, for those who watch; 0: no layer */
    /* found */
    bool done;
    uint64_t size; /* bytes */
    int partial;   /* of one to be fetched: its file, locked; -1: not ours yet */
    bool unpacked; /* as asked; it may have to be digested once more nevertheless */
    bool waits;    /* others are fetching it */
    bool resumed;  /* its file was not begun by us */
    char *content; /* digest of what it unpacks to: a layer's diff-id */
    uint64_t content_size;
    enum layer_format format;
};

struct parts {
    struct part *at;
    size_t len;
    size_t n_layers;
    struct remote *remote; /* asked for those to be fetched; NULL: there are none */
    bool damaged;          /* what was left of an earlier fetch was not what it should have been: it
                            * is worth another attempt */
};

void parts_done(struct parts *parts);
/* Adds one, not yet asked for anything but to be digested. Gives its place. */
size_t parts_add(struct parts *parts, const char *digest, uint64_t number);
/* Adds one that is to be fetched, unless it is stored already. */
size_t parts_add_fetched(struct parts *parts, struct images *images, const char *digest,
                         uint64_t size_bytes);
/* Moves one that is done out of another list, which is left with none of what it held. */
size_t parts_take(struct parts *parts, struct parts *from, size_t place);

/* Finds a part done whose layer is here and whose blob is known to be that layer's. */
void part_settle(struct part *part, struct images *images);

/* Does what is not done yet. What was unpacked may still be changed until the helper is closed. */
int parts_run(struct parts *parts, const struct ingest *ingest, const struct helper *helper,
              const struct image_watch *watch, struct err *err);
