/* SPDX-License-Identifier: Apache-2.0 */
/* A blob's way from whoever keeps it to whoever unpacks it, with a thread for each process. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "packed.h"
#include "transfer/digest.h"
#include "transfer/job.h"
#include "transfer/ring.h"
#include "transfer/stream.h"

enum { PEERS = 3, CONTENT_BYTES = 3 * TRANSFER_RING_BYTES + 12345 };

/* The pipes of a ring, as each peer has them. */
struct pipes {
    int in[PEERS];
    int out[PEERS];
    int memory;
};

static void pipes_make(struct pipes *pipes)
{
    pipes->memory = memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    cr_assert_eq(ftruncate(pipes->memory, TRANSFER_RING_BYTES), 0);
    for (int i = 0; i < PEERS; i++) {
        int ends[2];
        cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
        pipes->out[i] = ends[1];
        pipes->in[(i + 1) % PEERS] = ends[0];
    }
    (void)signal(SIGPIPE, SIG_IGN);
}

static void digest_of(const void *at, size_t len, char text[static DIGEST_TEXT_SIZE])
{
    auto_drop(digest) *digest = digest_new();
    digest_add(digest, at, len);
    digest_text(digest, text);
}

/* ---- jobs ---- */

struct working {
    struct job job;
    int (*verb)(struct job *job, struct err *err);
    int events;
    int result;
    struct err err;
    pthread_t thread;
};

static void *work(void *context)
{
    struct working *working = context;
    working->result = working->verb(&working->job, &working->err);
    for (size_t i = 1; i < TRANSFER_FDS_MAX; i++)
        fd_close(&working->job.fds[i]); /* as when a process ends */
    return NULL;
}

/* Takes the descriptors, up to five, -1 behind the last. */
static void work_begin(struct working *working, int (*verb)(struct job *, struct err *),
                       uint64_t max_bytes, const int fds[static TRANSFER_FDS_MAX - 1])
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    *working = (struct working){
        .job = { .channel = { ends[1] }, .request = { .max_bytes = max_bytes }, .fds = { -1 } },
        .verb = verb,
        .events = ends[0],
    };
    memcpy(working->job.fds + 1, fds, sizeof(int) * (TRANSFER_FDS_MAX - 1));
    cr_assert_eq(pthread_create(&working->thread, NULL, work, working), 0);
}

/* Its digests, as many as it told; each text is empty or a digest. */
static void work_end(struct working *working, struct transfer_event *ret_digests)
{
    struct transfer_event event = {};
    cr_assert_eq(pthread_join(working->thread, NULL), 0);
    *ret_digests = (struct transfer_event){};
    while (recv(working->events, &event, sizeof(event), MSG_DONTWAIT) > 0)
        if (event.kind == TRANSFER_DIGESTS)
            *ret_digests = event;
    close(working->events);
    close(working->job.channel.fd);
}

static const char *second_text(const struct transfer_event *event)
{
    return event->texts + strlen(event->texts) + 1;
}

/* The last peer: all that comes, or as many bytes of it. */
static void take(const struct pipes *pipes, size_t most, struct str *out)
{
    struct ring *ring;
    struct err err;
    const void *at;
    ssize_t len = 1;
    cr_assert_eq(ring_open(pipes->memory, pipes->in[2], pipes->out[2], RING_LAST, &ring, &err), 0);
    auto_drop(stream) *stream = stream_new_ring(ring);
    while (out->len < most && (len = stream_read(stream, &at, &err)) > 0)
        str_add_bytes(out, at, (size_t)len);
    cr_assert_geq(len, 0, "%s", err.text);
    close(pipes->in[2]);
    close(pipes->out[2]);
}

struct feeding {
    const struct str *blob;
    size_t from;
    int fd;
};

static void *feed_all(void *context)
{
    const struct feeding *feeding = context;
    size_t len = feeding->blob->len, piece = 70001;
    for (size_t at = feeding->from; at < len; at += piece) {
        if (fd_write_all(feeding->fd, feeding->blob->at + at, len - at < piece ? len - at : piece))
            break;
        if (at % 3 == 0)
            usleep(200); /* readers have to wait now and then */
    }
    close(feeding->fd);
    return NULL;
}

/* A blob that comes in pieces through a pipe, behind what is in the file already, is kept,
 * inflated, digested and taken. */
static void goes_round(const struct str *blob, size_t there, const char *content)
{
    struct working keep, inflate, digest;
    struct transfer_event kept, inflated, digested;
    struct pipes pipes;
    char blob_digest[DIGEST_TEXT_SIZE], content_digest[DIGEST_TEXT_SIZE];
    char path[] = "/var/tmp/ruche-ring-XXXXXX";
    int feed[2], told[2];
    auto_done(str) out = {};
    pipes_make(&pipes);
    int file = mkstemp(path), reads = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert(file >= 0 && reads >= 0 && unlink(path) == 0);
    int copy = fcntl(file, F_DUPFD_CLOEXEC, 0);
    cr_assert_eq(fd_write_all(file, blob->at, there), 0);
    cr_assert(pipe2(feed, O_CLOEXEC) == 0 && pipe2(told, O_CLOEXEC) == 0);
    cr_assert_eq(fcntl(told[1], F_SETFL, O_NONBLOCK), 0);

    work_begin(&keep, job_keep, blob->len, (const int[]){ feed[0], file, told[1], -1, -1 });
    work_begin(&inflate, job_inflate, 1 << 30,
               (const int[]){ reads, pipes.out[0], pipes.in[0], dup(pipes.memory), told[0] });
    work_begin(&digest, job_content, 0,
               (const int[]){ pipes.in[1], pipes.out[1], dup(pipes.memory), -1, -1 });
    pthread_t thread;
    struct feeding feeding = { blob, there, feed[1] };
    cr_assert_eq(pthread_create(&thread, NULL, feed_all, &feeding), 0);
    take(&pipes, SIZE_MAX, &out);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    work_end(&keep, &kept);
    work_end(&inflate, &inflated);
    work_end(&digest, &digested);

    cr_assert_eq(keep.result, 0, "%s", keep.err.text);
    cr_assert_eq(inflate.result, 0, "%s", inflate.err.text);
    cr_assert_eq(digest.result, 0, "%s", digest.err.text);
    cr_assert(out.len == CONTENT_BYTES && memcmp(out.at, content, out.len) == 0);
    digest_of(blob->at, blob->len, blob_digest);
    digest_of(content, CONTENT_BYTES, content_digest);
    cr_expect_str_eq(kept.texts, blob_digest);
    cr_expect_eq(kept.bytes, blob->len);
    cr_expect_str_eq(second_text(&digested), content_digest);
    cr_expect_eq(digested.number, CONTENT_BYTES);
    cr_expect_eq(inflated.texts[0], '\0', "who inflates has no say");
    auto_free char *stored = xmalloc(blob->len + 1);
    cr_assert_eq(pread(copy, stored, blob->len + 1, 0), (ssize_t)blob->len);
    cr_assert_eq(memcmp(stored, blob->at, blob->len), 0);
    close(copy);
    close(pipes.memory);
}

Test(ring, a_blob_goes_round)
{
    auto_done(str) plain = {};
    auto_done(str) packed = {};
    auto_free char *content = content_make(CONTENT_BYTES);
    str_add_bytes(&plain, content, CONTENT_BYTES);
    gzip_add(&packed, content, CONTENT_BYTES);
    goes_round(&packed, 0, content);
    goes_round(&packed, 100, content);
    goes_round(&packed, packed.len, content);
    goes_round(&plain, 0, content);
    goes_round(&plain, 3 << 20, content);
}

/* The first two peers, on a blob in a file. */
static void whole_begin(const struct str *packed, struct pipes *pipes, struct working *inflate,
                        struct working *digest)
{
    pipes_make(pipes);
    int blob = memfd_create("blob", MFD_CLOEXEC);
    cr_assert_eq(fd_write_all(blob, packed->at, packed->len), 0);
    cr_assert_eq(lseek(blob, 0, SEEK_SET), 0);
    work_begin(inflate, job_inflate, 0,
               (const int[]){ blob, pipes->out[0], pipes->in[0], dup(pipes->memory), -1 });
    work_begin(digest, job_content, 0,
               (const int[]){ pipes->in[1], pipes->out[1], dup(pipes->memory), -1, -1 });
}

/* From a file that is whole, INFLATE has the blob's digest. */
Test(ring, a_whole_file_goes_round)
{
    struct working inflate, digest;
    struct transfer_event inflated, digested;
    struct pipes pipes;
    char blob_digest[DIGEST_TEXT_SIZE];
    auto_done(str) packed = {};
    auto_done(str) out = {};
    auto_free char *content = content_make(CONTENT_BYTES);
    gzip_add(&packed, content, CONTENT_BYTES);
    whole_begin(&packed, &pipes, &inflate, &digest);
    take(&pipes, SIZE_MAX, &out);
    work_end(&inflate, &inflated);
    work_end(&digest, &digested);
    cr_assert(inflate.result == 0 && digest.result == 0);
    cr_assert(out.len == CONTENT_BYTES && memcmp(out.at, content, out.len) == 0);
    digest_of(packed.at, packed.len, blob_digest);
    cr_expect_str_eq(inflated.texts, blob_digest);
    cr_expect_eq(inflated.bytes, packed.len);
    close(pipes.memory);
}

/* Whoever is in front ends too, and for that reason. */
Test(ring, the_last_one_goes_away)
{
    struct working inflate, digest;
    struct transfer_event ignored;
    struct pipes pipes;
    auto_done(str) packed = {};
    auto_done(str) out = {};
    auto_free char *content = content_make(CONTENT_BYTES);
    gzip_add(&packed, content, CONTENT_BYTES);
    whole_begin(&packed, &pipes, &inflate, &digest);
    take(&pipes, RING_SLOT_BYTES, &out);
    work_end(&inflate, &ignored);
    cr_expect_eq(ignored.kind, 0, "no digest of a part");
    work_end(&digest, &ignored);
    cr_expect(inflate.result < 0 && inflate.err.errnum == EPIPE, "%s", inflate.err.text);
    close(pipes.memory);
}

Test(ring, who_follows_goes_away)
{
    struct working keep;
    struct transfer_event kept;
    int feed[2], told[2];
    (void)signal(SIGPIPE, SIG_IGN);
    cr_assert(pipe2(feed, O_CLOEXEC) == 0 && pipe2(told, O_CLOEXEC) == 0);
    close(told[0]);
    cr_assert_eq(fd_write_all(feed[1], "0123456789", 10), 0);
    work_begin(&keep, job_keep, 100,
               (const int[]){ feed[0], memfd_create("kept", MFD_CLOEXEC), told[1], -1, -1 });
    work_end(&keep, &kept);
    cr_expect(keep.result < 0 && keep.err.errnum == EPIPE, "%s", keep.err.text);
    cr_expect_eq(kept.kind, 0);
    close(feed[1]);
}

/* Nothing comes any more: that is no reason to wait for it. */
Test(ring, who_follows_goes_away_while_nothing_comes)
{
    struct working keep;
    struct transfer_event kept;
    int feed[2], told[2];
    (void)signal(SIGPIPE, SIG_IGN);
    cr_assert(pipe2(feed, O_CLOEXEC) == 0 && pipe2(told, O_CLOEXEC) == 0);
    work_begin(&keep, job_keep, 100,
               (const int[]){ feed[0], memfd_create("kept", MFD_CLOEXEC), told[1], -1, -1 });
    usleep(20000);
    close(told[0]);
    work_end(&keep, &kept);
    cr_expect(keep.result < 0 && keep.err.errnum == EPIPE, "%s", keep.err.text);
    close(feed[1]);
}

/* More comes than the blob is long. */
Test(ring, keeps_no_more_than_was_promised)
{
    struct working keep;
    struct transfer_event kept;
    int feed[2];
    struct stat st;
    int file = memfd_create("kept", MFD_CLOEXEC), copy = dup(file);
    cr_assert_eq(pipe2(feed, O_CLOEXEC), 0);
    cr_assert_eq(fd_write_all(feed[1], "0123456789", 10), 0);
    close(feed[1]);
    work_begin(&keep, job_keep, 9, (const int[]){ feed[0], file, -1, -1, -1 });
    work_end(&keep, &kept);
    cr_expect(keep.result < 0 && keep.err.kind == ERR_INVALID, "%s", keep.err.text);
    cr_expect_eq(kept.kind, 0);
    cr_assert(fstat(copy, &st) == 0 && st.st_size <= 9);
    close(copy);
}

/* What the pipe says is not believed. */
Test(ring, slots_that_are_none)
{
    static const uint32_t lengths[] = { 0, RING_SLOT_BYTES + 1, UINT32_MAX };
    for (size_t i = 0; i < array_size(lengths); i++) {
        struct pipes pipes;
        struct ring *ring;
        struct err err;
        const void *at;
        pipes_make(&pipes);
        cr_assert_eq(ring_open(pipes.memory, pipes.in[1], pipes.out[1], RING_NEXT, &ring, &err), 0);
        cr_assert_eq(fd_write_all(pipes.out[0], &lengths[i], sizeof(lengths[i])), 0);
        cr_expect_lt(ring_get(ring, &at, &err), 0);
        ring_free(ring);
    }
}

/* Whoever has it for reading, and may open things, opens it anew by way of its descriptor. */
Test(ring, only_the_first_ever_writes)
{
    struct pipes pipes;
    struct ring *first, *last;
    struct err err;
    const void *at;
    pipes_make(&pipes);
    auto_free char *path = xasprintf("/proc/self/fd/%d", pipes.memory);
    int readable = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_eq(ring_open(pipes.memory, pipes.in[0], pipes.out[0], RING_FIRST, &first, &err), 0);
    cr_assert_eq(ring_open(readable, pipes.in[1], pipes.out[1], RING_NEXT, &last, &err), 0);
    auto_free char *again = xasprintf("/proc/self/fd/%d", readable);
    int writable = open(again, O_RDWR | O_CLOEXEC);
    cr_assert_geq(writable, 0);
    cr_expect(write(writable, "x", 1) < 0 && errno == EPERM);
    cr_expect_eq(mmap(NULL, TRANSFER_RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, writable, 0),
                 MAP_FAILED);
    char *room = ring_room(first, &err);
    memcpy(room, "hello", 5);
    cr_assert_eq(ring_put(first, 5, &err), 0);
    cr_assert_eq(ring_get(last, &at, &err), 5);
    cr_expect_arr_eq(at, "hello", 5);
    ring_free(first);
    ring_free(last);
}
