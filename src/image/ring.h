/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a layer's bytes go through on their way from INFLATE over CONTENT to UNPACK or PACK: memory
 * that the first may write to and the others only read, and the pipes between them. See
 * transfer/ring.h.
 */
#include "base/err.h"

enum { RING_PEERS = 3 };

struct ring {
    int writable;
    int readable;
    int in[RING_PEERS];  /* what peer number i reads from */
    int out[RING_PEERS]; /* and writes to, which is the next one's `in` */
};

#define RING_CLOSED                                                                                \
    {                                                                                              \
        .writable = -1, .readable = -1, .in = { -1, -1, -1 }, .out = { -1, -1, -1 }                \
    }

int ring_make(struct ring *ring, struct err *err);
void ring_done(struct ring *ring);
