/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A part needs up to four processes. Alone, DIGEST reads the blob. With a layer to unpack: a plain
 * one is read by DIGEST and by UNPACK side by side; a compressed one goes through a ring (ring.h):
 * INFLATE digests the blob and fills it, CONTENT digests what it unpacks to, UNPACK takes that in.
 * None can go wrong without the others' work being thrown away. Where layers are files, PACK is in
 * UNPACK's place.
 *
 * A part that is to be fetched has two more in front: ruche-remote, which puts what comes into a
 * pipe, and KEEP, which digests that and writes it to the partial file, being the only one who can;
 * INFLATE follows in the file. So the network is never held up by an archive that takes its time,
 * and what was digested is what lies in the file.
 */
#include "image/part_run.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/partial.h"
#include "image/ring.h"
#include "image/source.h"

enum { PIPE_BYTES = 1 << 20, MAGIC_LEN = 4 };

static int part_open(const struct work *work, const struct part *part, int *ret_fd,
                     uint64_t *ret_size, struct err *err)
{
    if (part->stored)
        return blob_open(work->ingest->images, part->digest, ret_fd, ret_size, err);
    if (part->kept)
        return ingest_kept(work->ingest, (size_t)(part - work->parts->at), ret_fd, ret_size, err);
    if (part->fetch)
        return partial_read(work->ingest->images, part->digest, part->size, ret_fd, ret_size, err);
    return ingest_file(work->ingest, part->number, ret_fd, ret_size, err);
}

/* How it is packed, as ruche-transfer will see it; whatever is neither is read as it is. */
static int format_tell(int fd, enum layer_format *ret_format, struct err *err)
{
    unsigned char magic[MAGIC_LEN] = {};
    if (pread(fd, magic, sizeof(magic), 0) < 0)
        return err_sys(err, "read a blob");
    *ret_format = LAYER_PLAIN;
    if (memcmp(magic, "\x1f\x8b\x08", 3) == 0)
        *ret_format = LAYER_GZIP;
    if (memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0 ||
        ((magic[0] & 0xf0) == 0x50 && memcmp(magic + 1, "\x2a\x4d\x18", 3) == 0))
        *ret_format = LAYER_ZSTD;
    return 0;
}

/* Descriptors behind those that there are not are not handed in. */
static int request(struct work *work, struct run *run, size_t end, enum transfer_verb verb,
                   const int *fds, size_t n_fds, struct err *err)
{
    struct transfer_request wanted = work->request;
    wanted.verb = verb;
    if (end == END_KEEP)
        wanted.max_bytes = run->part->size;
    if (end == END_DIGEST && run->part->raw)
        memcpy(wanted.name, TRANSFER_RAW, sizeof(TRANSFER_RAW));
    while (n_fds > 0 && fds[n_fds - 1] < 0)
        n_fds--;
    return helper_request(work->helper, &wanted, fds, n_fds, &run->ends[end].socket, err);
}

static int pipe_make(int *ret_from, int *ret_to, struct err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(err, "make a pipe");
    *ret_from = ends[0];
    *ret_to = ends[1];
    (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES); /* a small one works too */
    return 0;
}

/* What the layer is written to. */
static int run_target(struct work *work, struct run *run, bool packed, int *ret_fd, struct err *err)
{
    if (packed)
        return ingest_layer_file(work->ingest, run->place, ret_fd, err);
    if (ingest_layer(work->ingest, run->place, &run->tree, err) < 0)
        return -1;
    return helper_directory(work->helper, run->tree, ret_fd, err);
}

/* INFLATE, CONTENT, and UNPACK or PACK, around a ring. */
static int run_chain(struct work *work, struct run *run, int blob, enum transfer_verb unpack,
                     int target, struct err *err)
{
    auto_done(ring) ring = RING_CLOSED;
    if (ring_make(&ring, err) < 0)
        return -1;
    const int inflate[] = { blob, ring.out[0], ring.in[0], ring.writable, run->arrivals };
    const int content[] = { ring.in[1], ring.out[1], ring.readable };
    const int sink[] = { ring.in[2], target, ring.out[2], ring.readable };
    run->chained = true;
    run->ends[END_DIGEST].tells = run->arrivals < 0 ? TELLS_BLOB : 0;
    run->ends[END_CONTENT].tells = TELLS_CONTENT;
    if (request(work, run, END_DIGEST, TRANSFER_INFLATE, inflate, array_size(inflate), err) < 0 ||
        request(work, run, END_CONTENT, TRANSFER_CONTENT, content, array_size(content), err) < 0)
        return -1;
    return request(work, run, END_UNPACK, unpack, sink, array_size(sink), err);
}

/* The digests of a blob that is not packed or not to be unpacked. */
static int run_digest(struct work *work, struct run *run, int blob, struct err *err)
{
    const int fds[] = { blob, run->arrivals };
    run->ends[END_DIGEST].tells = TELLS_BLOB | TELLS_CONTENT;
    return request(work, run, END_DIGEST, TRANSFER_DIGEST, fds, array_size(fds), err);
}

/* The layer's file or directory, and how its archive gets to whoever unpacks it. */
static int run_unpack(struct work *work, struct run *run, int blob, struct err *err)
{
    auto_close int target = -1;
    auto_close int from = -1;
    bool packed = run->part->storage == STORAGE_EROFS;
    uint64_t size;

    if ((run->part->storage == STORAGE_AUTO && layers_are_packed(work->ingest, &packed, err) < 0) ||
        run_target(work, run, packed, &target, err) < 0)
        return -1;
    enum transfer_verb verb = packed ? TRANSFER_PACK : TRANSFER_UNPACK;
    /* What is to be fetched may be packed or not. */
    if (run->fetch == FETCH_RUNS || run->part->format != LAYER_PLAIN)
        return run_chain(work, run, blob, verb, target, err);
    /* Opened once more: what is duplicated shares its place in the file. */
    if (part_open(work, run->part, &from, &size, err) < 0 || run_digest(work, run, blob, err) < 0)
        return -1;
    const int fds[] = { from, target };
    return request(work, run, END_UNPACK, verb, fds, array_size(fds), err);
}

/* Asks the registry for what is not in the file yet, and has it kept there. */
static int run_fetch(struct work *work, struct run *run, uint64_t have, struct err *err)
{
    struct remote_request wanted;
    auto_close int from = -1;
    auto_close int to = -1;
    auto_close int tell = -1;
    bool followed = !run->part->raw;
    if (pipe_make(&from, &to, err) < 0 || (followed && pipe_make(&run->arrivals, &tell, err) < 0) ||
        remote_request_init(&wanted, REMOTE_BLOB, run->part->digest, NULL, err) < 0)
        return -1;
    /* Whoever is told and does not listen has enough to do. */
    if (followed && fcntl(tell, F_SETFL, O_NONBLOCK) < 0)
        return err_sys(err, "prepare a pipe");
    const int keep[] = { from, run->part->partial, tell };
    run->ends[END_KEEP].tells = TELLS_BLOB;
    if (request(work, run, END_KEEP, TRANSFER_KEEP, keep, array_size(keep), err) < 0)
        return -1;
    wanted.bytes = run->part->size;
    wanted.offset = have;
    if (remote_send(work->parts->remote, &wanted, &to, 1, &run->fetch_id, err) < 0)
        return -1;
    run->fetch = FETCH_RUNS;
    return 0;
}

/* Whether part of the blob, or all, has to come from the registry first. Returns 1 if so. */
static int run_lacks(const struct run *run, uint64_t *ret_have, struct err *err)
{
    const struct part *part = run->part;
    struct stat st;
    if (!part->fetch)
        return 0;
    if (fstat(part->partial, &st) < 0)
        return err_sys(err, "look at a partial download");
    if ((uint64_t)st.st_size >= part->size)
        return 0;
    *ret_have = (uint64_t)st.st_size;
    return 1;
}

int run_begin(struct work *work, struct run *run, size_t place, struct err *err)
{
    struct part *part = &work->parts->at[place];
    auto_close int blob = -1;
    uint64_t have, size;

    run->part = part;
    run->place = place;
    run->chained = false;
    int lacks = run_lacks(run, &have, err);
    if (lacks < 0 || (lacks > 0 && run_fetch(work, run, have, err) < 0))
        return -1;
    step_tell(work, part, lacks > 0 ? IMAGE_STEP_FETCH : IMAGE_STEP_UNPACK);
    if (lacks > 0 && part->raw)
        return 0; /* to be kept is all */
    if (part_open(work, part, &blob, &size, err) < 0)
        return -1;
    if (lacks == 0) {
        part->size = size;
        if (format_tell(blob, &part->format, err) < 0)
            return -1;
    }
    int result = part->unpack && !part->unpacked ? run_unpack(work, run, blob, err)
                                                 : run_digest(work, run, blob, err);
    fd_close(&run->arrivals);
    return result;
}

void run_init(struct run *run)
{
    *run = (struct run){ .tree = -1, .arrivals = -1 };
    for (size_t i = 0; i < ENDS; i++)
        run->ends[i].socket = -1;
}

void run_clear(const struct work *work, struct run *run)
{
    if (run->fetch == FETCH_RUNS)
        remote_cancel(work->parts->remote, run->fetch_id);
    run->fetch = FETCH_NONE;
    run->part = NULL;
    fd_close(&run->tree);
    fd_close(&run->arrivals);
    for (size_t i = 0; i < ENDS; i++) {
        fd_close(&run->ends[i].socket);
        run->ends[i].failed = false;
        run->ends[i].tells = 0;
    }
}
