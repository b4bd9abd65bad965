/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "base/file.h"
#include "base/str.h"
#include "packed.h"
#include "transfer/stream.h"

enum { CONTENT_SIZE = 3 << 20 };

static void zstd_add(struct str *out, const void *at, size_t len)
{
    size_t bound = ZSTD_compressBound(len);
    auto_free char *room = xmalloc(bound);
    size_t n = ZSTD_compress(room, bound, at, len, 3);
    cr_assert_not(ZSTD_isError(n));
    str_add_bytes(out, room, n);
}

static int memory_of(const void *at, size_t len)
{
    int fd = memfd_create("stream", MFD_CLOEXEC);
    cr_assert_eq(fd_write_all(fd, at, len), 0);
    cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* Reads all into out. -1 with err. */
static int read_all(int fd, uint64_t max_bytes, struct str *out, struct err *err)
{
    auto_drop(stream) *stream = stream_new(fd, max_bytes);
    const void *at;
    ssize_t n;
    while ((n = stream_read(stream, &at, err)) > 0)
        str_add_bytes(out, at, (size_t)n);
    return n < 0 ? -1 : 0;
}

static int read_bytes(const struct str *in, uint64_t max_bytes, struct str *out, struct err *err)
{
    auto_close int fd = memory_of(str_text(in), in->len);
    return read_all(fd, max_bytes, out, err);
}

static void expect_failure(const struct str *in, const char *words)
{
    auto_done(str) out = {};
    struct err err;
    cr_assert_lt(read_bytes(in, 0, &out, &err), 0, "no failure for %s", words);
    cr_assert_not_null(strstr(err.text, words), "\"%s\" does not say \"%s\"", err.text, words);
}

Test(stream, plain_bytes_pass)
{
    auto_done(str) in = {};
    auto_done(str) out = {};
    struct err err;
    cr_assert_eq(read_bytes(&in, 0, &out, &err), 0);
    cr_assert_eq(out.len, 0);
    str_add(&in, "\x1f\x8b"); /* half a magic number */
    cr_assert_eq(read_bytes(&in, 0, &out, &err), 0);
    cr_assert_eq(out.len, 2);
}

Test(stream, gzip_and_zstd_members_follow_one_another)
{
    auto_free char *content = content_make(CONTENT_SIZE);
    void (*const add[])(struct str *, const void *, size_t) = { gzip_add, zstd_add };
    for (size_t k = 0; k < array_size(add); k++) {
        auto_done(str) in = {};
        auto_done(str) out = {};
        struct err err;
        /* Members from one byte to many buffers, so that they end everywhere in a buffer. */
        for (size_t at = 0, step = 1; at < CONTENT_SIZE; at += step, step = step * 3 / 2 + 1) {
            if (at + step > CONTENT_SIZE)
                step = CONTENT_SIZE - at;
            add[k](&in, content + at, step);
        }
        cr_assert_eq(read_bytes(&in, 0, &out, &err), 0, "%s", err.text);
        cr_assert_eq(out.len, CONTENT_SIZE);
        cr_assert_eq(memcmp(out.at, content, CONTENT_SIZE), 0);
    }
}

Test(stream, many_tiny_members)
{
    auto_done(str) in = {};
    auto_done(str) out = {};
    struct err err;
    for (int i = 0; i < 20000; i++)
        gzip_add(&in, "0123456789", (size_t)(i % 10));
    cr_assert_eq(read_bytes(&in, 0, &out, &err), 0, "%s", err.text);
    cr_assert_eq(out.len, 2000 * 45);
}

Test(stream, pipes_give_little_at_a_time)
{
    auto_done(str) in = {};
    auto_done(str) out = {};
    struct err err;
    int ends[2];
    gzip_add(&in, "hello", 5);
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        for (size_t i = 0; i < in.len; i++) {
            (void)!write(ends[1], in.at + i, 1);
            usleep(500);
        }
        _exit(0);
    }
    close(ends[1]);
    cr_assert_eq(read_all(ends[0], 0, &out, &err), 0, "%s", err.text);
    cr_assert_str_eq(str_text(&out), "hello");
    close(ends[0]);
}

Test(stream, truncated_data_is_an_error_wherever_it_ends)
{
    auto_free char *content = content_make(2000);
    struct {
        void (*add)(struct str *, const void *, size_t);
        size_t least; /* less is no magic number */
    } const rows[] = { { gzip_add, 3 }, { zstd_add, 4 } };
    for (size_t k = 0; k < array_size(rows); k++) {
        auto_done(str) whole = {};
        rows[k].add(&whole, content, 2000);
        for (size_t len = rows[k].least; len < whole.len; len++) {
            auto_done(str) in = {};
            str_add_bytes(&in, whole.at, len);
            expect_failure(&in, "truncated");
        }
    }
}

Test(stream, garbage_behind_the_end_is_an_error)
{
    auto_done(str) in = {};
    gzip_add(&in, "hello", 5);
    str_add(&in, "x");
    expect_failure(&in, "something follows");
    str_clear(&in);
    zstd_add(&in, "hello", 5);
    str_add(&in, "garbage");
    expect_failure(&in, "zstd data");
}

Test(stream, flipped_bits_are_an_error)
{
    auto_done(str) in = {};
    auto_free char *content = content_make(5000);
    gzip_add(&in, content, 5000);
    in.at[in.len - 6] ^= 1; /* in the checksum */
    expect_failure(&in, "checksum");
    in.at[in.len - 6] ^= 1;
    in.at[in.len - 2] ^= 1; /* in the length */
    expect_failure(&in, "damaged");
}

Test(stream, bombs_stop_at_the_limit)
{
    auto_done(str) in = {};
    auto_done(str) out = {};
    auto_free char *zeros = xcalloc(1, 64 << 20);
    struct err err;
    gzip_add(&in, zeros, 64 << 20);
    cr_assert_lt(read_bytes(&in, 1 << 20, &out, &err), 0);
    cr_assert_leq(out.len, 2 << 20);
    cr_assert_not_null(strstr(err.text, "limit"));
    str_clear(&out);
    cr_assert_eq(read_bytes(&in, 64 << 20, &out, &err), 0);
}

static void count(void *context, const void *at, size_t len)
{
    (void)at;
    *(size_t *)context += len;
}

Test(stream, watchers_see_what_was_read)
{
    auto_done(str) in = {};
    auto_free char *content = content_make(CONTENT_SIZE);
    size_t seen = 0;
    struct err err;
    const void *at;
    gzip_add(&in, content, CONTENT_SIZE);
    auto_close int fd = memory_of(in.at, in.len);
    auto_drop(stream) *stream = stream_new(fd, 0);
    stream_watch(stream, count, &seen);
    while (stream_read(stream, &at, &err) > 0)
        continue;
    cr_assert_eq(seen, in.len);
    cr_assert_eq(stream_position(stream), in.len);
    cr_assert_not(stream_plain(stream));
}

/* A checksum that does not match is an error, unless a digest tells anyway. */
Test(stream, checksums_are_for_those_without_a_digest)
{
    auto_free char *content = content_make(1000);
    char packed[2000];
    struct err err;
    const void *at;
    ZSTD_CCtx *context = ZSTD_createCCtx();
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    size_t len = ZSTD_compress2(context, packed, sizeof(packed), content, 1000);
    cr_assert_not(ZSTD_isError(len));
    ZSTD_freeCCtx(context);
    packed[len - 1] ^= 1;
    auto_close int fd = memory_of(packed, len);
    auto_drop(stream) *stream = stream_new(fd, 0);
    cr_assert_lt(stream_read(stream, &at, &err), 0);
    cr_expect(strstr(err.text, "checksum"), "%s", err.text);
    cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
    auto_drop(stream) *trusting = stream_new(fd, 0);
    stream_trust(trusting);
    cr_assert_eq(stream_read(trusting, &at, &err), 1000);
    cr_assert_eq(memcmp(at, content, 1000), 0);
}
