/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "transfer/flow.h"

/* What goes through the pipes is the length of a slot's bytes, in four bytes; slots follow one
 * another. */
struct ring {
    uint8_t *at;
    int in;
    int out;
    enum ring_end end;
    uint64_t taken;               /* slots that were got, or filled */
    size_t free;                  /* slots to be filled */
    uint32_t got;                 /* of the slot to be passed on; 0: none */
    uint32_t waiting[RING_SLOTS]; /* read from the pipe, and not looked at */
    size_t n_waiting;
    size_t next;
};

int ring_open(int memory, int in, int out, enum ring_end end, struct ring **ret_ring,
              struct err *err)
{
    int protection = end == RING_FIRST ? PROT_READ | PROT_WRITE : PROT_READ;
    void *at = mmap(NULL, TRANSFER_RING_BYTES, protection, MAP_SHARED, memory, 0);
    if (at == MAP_FAILED)
        return err_sys(err, "map memory that is shared");
    /* Nobody else ever will: whoever may open things might by way of /proc/self/fd. */
    if (end == RING_FIRST && fcntl(memory, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0) {
        err_sys(err, "seal memory that is shared");
        (void)munmap(at, TRANSFER_RING_BYTES);
        return -1;
    }
    struct ring *ring = xnew(struct ring);
    ring->at = at;
    ring->in = in;
    ring->out = out;
    ring->end = end;
    ring->free = end == RING_FIRST ? RING_SLOTS : 0;
    *ret_ring = ring;
    return 0;
}

void ring_free(struct ring *ring)
{
    if (!ring)
        return;
    (void)munmap(ring->at, TRANSFER_RING_BYTES);
    free(ring);
}

/* Takes one length out of the pipe. Returns 1, or 0 at its end. */
static int length_read(struct ring *ring, uint32_t *ret_length, struct err *err)
{
    if (ring->next == ring->n_waiting) {
        ssize_t n;
        /* Behind the last one is the first, who may be done. */
        if (flow_wait(ring->in, ring->end == RING_LAST ? -1 : ring->out, err) < 0)
            return -1;
        do
            n = read(ring->in, ring->waiting, sizeof(ring->waiting));
        while (n < 0 && errno == EINTR);
        if (n < 0)
            return err_sys(err, "read");
        if (n == 0)
            return 0;
        ring->next = 0;
        ring->n_waiting = (size_t)n / sizeof(uint32_t); /* they are written whole */
        if (ring->n_waiting == 0)
            return 0;
    }
    *ret_length = ring->waiting[ring->next++];
    return 1;
}

static int length_write(const struct ring *ring, uint32_t length, struct err *err)
{
    if (fd_write_all(ring->out, &length, sizeof(length)) == 0)
        return 0;
    if (ring->end == RING_LAST && errno == EPIPE) /* the first has filled all it had to fill */
        return 0;
    return err_sys(err, "hand on what was unpacked");
}

static uint8_t *slot_at(const struct ring *ring)
{
    return ring->at + (size_t)(ring->taken % RING_SLOTS) * RING_SLOT_BYTES;
}

void *ring_room(struct ring *ring, struct err *err)
{
    uint32_t ignored;
    if (ring->free > 0)
        return slot_at(ring);
    int more = length_read(ring, &ignored, err);
    if (more == 0) {
        errno = EPIPE;
        err_sys(err, "hand on what was unpacked");
    }
    if (more <= 0)
        return NULL;
    ring->free++;
    return slot_at(ring);
}

int ring_put(struct ring *ring, size_t len, struct err *err)
{
    ring->free--;
    ring->taken++;
    return length_write(ring, (uint32_t)len, err);
}

ssize_t ring_get(struct ring *ring, const void **ret_at, struct err *err)
{
    int more = length_read(ring, &ring->got, err);
    if (more <= 0) {
        ring->got = 0;
        return more;
    }
    if (ring->got == 0 || ring->got > RING_SLOT_BYTES)
        return err_set(err, ERR_SYSTEM, "a slot of shared memory that is none");
    *ret_at = slot_at(ring);
    ring->taken++;
    return (ssize_t)ring->got;
}

int ring_pass(struct ring *ring, struct err *err)
{
    if (ring->got == 0)
        return 0;
    uint32_t length = ring->got;
    ring->got = 0;
    return length_write(ring, length, err);
}
