/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Bytes on their way through several processes, which none of them copies: memory that all have
 * mapped, in slots. The first fills a slot, the others look at it one after the other, each passing
 * it on by a few bytes in a pipe, the last one back to the first. Only the first can write to it. A
 * pipe that ends tells that whoever is before has nothing more, or is gone.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/mem.h"
#include "transfer/transfer.h"

enum { RING_SLOT_BYTES = 256 << 10, RING_SLOTS = TRANSFER_RING_BYTES / RING_SLOT_BYTES };

enum ring_end {
    RING_FIRST, /* fills slots */
    RING_NEXT,  /* looks at them */
    RING_LAST,
};

struct ring;

/* Maps memory, a file of TRANSFER_RING_BYTES that takes seals; in and out are pipes, borrowed. Once
 * the first has done so nobody else can for writing. */
int ring_open(int memory, int in, int out, enum ring_end end, struct ring **ret_ring,
              struct err *err);
void ring_free(struct ring *ring);
DROP(ring);

/* The first: the slot to be filled next, once all have seen what it held. NULL: they are gone. */
void *ring_room(struct ring *ring, struct err *err);
/* Passes it on with len bytes in it, which are more than 0. */
int ring_put(struct ring *ring, size_t len, struct err *err);

/* The next ones: the bytes of the slot that comes next. Returns their length; 0 at the end. */
ssize_t ring_get(struct ring *ring, const void **ret_at, struct err *err);
/* Passes it on. Nothing to do if none was got. */
int ring_pass(struct ring *ring, struct err *err);
