/* SPDX-License-Identifier: Apache-2.0 */
#include "image/ring.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "transfer/transfer.h"

enum { PATH_SIZE = 32 };

/* Opened once more for reading only: whoever has no more than that cannot map it for writing. The
 * one that may seals it as soon as it has. */
static int memory_make(struct ring *ring, struct err *err)
{
    char path[PATH_SIZE];
    ring->writable = memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (ring->writable < 0 || ftruncate(ring->writable, TRANSFER_RING_BYTES) < 0 ||
        fcntl(ring->writable, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
        return err_sys(err, "make memory to be shared");
    snprintf(path, sizeof(path), "/proc/self/fd/%d", ring->writable);
    ring->readable = open(path, O_RDONLY | O_CLOEXEC);
    return ring->readable < 0 ? err_sys(err, "open memory to be shared") : 0;
}

int ring_make(struct ring *ring, struct err *err)
{
    if (memory_make(ring, err) < 0)
        return -1;
    for (size_t i = 0; i < RING_PEERS; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
            return err_sys(err, "make a pipe");
        ring->out[i] = ends[1];
        ring->in[(i + 1) % RING_PEERS] = ends[0];
    }
    return 0;
}

void ring_done(struct ring *ring)
{
    fd_close(&ring->writable);
    fd_close(&ring->readable);
    for (size_t i = 0; i < RING_PEERS; i++) {
        fd_close(&ring->in[i]);
        fd_close(&ring->out[i]);
    }
}
