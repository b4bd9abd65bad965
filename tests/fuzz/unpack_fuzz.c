/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a layer's archive, unpacked into a directory with a canary beside it, and packed
 * into an image: whatever happens, the canary lives, nothing else appears next to the layer, and
 * what is refused leaves one line of error.
 *
 * Headers' checksums are mended first, or hardly any input would come further than the first one.
 *
 * clang -fsanitize=fuzzer,address,undefined; the corpus is tests/fuzz/unpack_corpus. TMPDIR on a
 * tmpfs is kind.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "transfer/tar.h"
#include "transfer/unpack.h"

enum { BLOCK = 512, CHECKSUM_AT = 148, SIZE_AT = 124, MAX_BYTES = 1 << 20, MAX_ENTRIES = 200 };

static int scratch = -1;

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static int device_refuse(void *context, const struct member *member, struct err *err)
{
    (void)context;
    (void)member;
    (void)err;
    return 0;
}

static void warning_pass(void *context, const char *text)
{
    (void)context;
    (void)text;
}

static int progress_pass(void *context, uint64_t bytes, struct err *err)
{
    (void)context;
    (void)bytes;
    (void)err;
    return 0;
}

/* Goes from header to header by the sizes they tell. */
static void checksums_mend(uint8_t *at, size_t len)
{
    for (size_t place = 0; place + BLOCK <= len;) {
        uint8_t *header = at + place;
        size_t size = 0;
        unsigned sum = 0;
        for (int i = 0; i < 11 && header[SIZE_AT + i] >= '0' && header[SIZE_AT + i] <= '7'; i++)
            size = size * 8 + (size_t)(header[SIZE_AT + i] - '0');
        memset(header + CHECKSUM_AT, ' ', 8);
        for (int i = 0; i < BLOCK; i++)
            sum += header[i];
        if (sum == 8 * ' ') {
            memset(header + CHECKSUM_AT, 0, 8); /* the end: a block of zeros */
        } else {
            for (int i = 5; i >= 0; i--, sum >>= 3)
                header[CHECKSUM_AT + i] = (uint8_t)('0' + (sum & 7));
            header[CHECKSUM_AT + 6] = 0;
        }
        size_t blocks = (size + BLOCK - 1) / BLOCK;
        if (blocks > len / BLOCK)
            return;
        place += BLOCK + blocks * BLOCK;
    }
}

static char *scratch_path;

static void scratch_remove(void)
{
    struct err err;
    (void)tree_remove(AT_FDCWD, scratch_path, &err);
    free(scratch_path);
}

static void scratch_open(void)
{
    const char *directory = getenv("TMPDIR");
    char *path = xasprintf("%s/ruche-fuzz-XXXXXX", directory ? directory : "/tmp");
    struct err err;
    scratch_path = path;
    umask(0);
    tar_prepare();
    demand(mkdtemp(path) != NULL && atexit(scratch_remove) == 0);
    scratch = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    demand(scratch >= 0);
    demand(file_save(scratch, "canary", "alive", 5, 0644, 0, &err) == 0);
}

static void canary_check(void)
{
    auto_done(strings) names = {};
    auto_free char *text = NULL;
    struct stat st;
    struct err err;
    size_t len;
    demand(dir_list(scratch, ".", &names, &err) == 1 && names.len == 2);
    demand(file_load(scratch, "canary", 16, &text, &len, &err) == 1 && strcmp(text, "alive") == 0);
    demand(fstatat(scratch, "canary", &st, AT_SYMLINK_NOFOLLOW) == 0);
    demand(st.st_nlink == 1 && (st.st_mode & 07777) == 0644);
}

static void unpack_once(const uint8_t *data, size_t size)
{
    static const struct sink_help help = { .device = device_refuse, .warning = warning_pass };
    static const struct unpack_limits limits = { .max_bytes = MAX_BYTES,
                                                 .max_entries = MAX_ENTRIES };
    struct unpack_result result;
    struct err err = {};
    int layer;

    demand(dir_open_made(scratch, "layer", 0755, &layer, &err) == 0);
    auto_close int archive = memfd_create("archive", MFD_CLOEXEC);
    demand(fd_write_all(archive, data, size) == 0 && lseek(archive, 0, SEEK_SET) == 0);
    {
        auto_drop(stream) *stream = stream_new(archive, MAX_BYTES);
        auto_drop(sink) *sink = directory_sink_new(layer, &help);
        if (unpack_layer(stream, sink, &limits, &help, progress_pass, &result, &err) < 0)
            demand(err.text[0] && !strchr(err.text, '\n'));
    }
    close(layer);
    canary_check();
    demand(tree_remove(scratch, "layer", &err) == 0);
}

/* The same as an EROFS image. */
static void pack_once(const uint8_t *data, size_t size)
{
    static const struct sink_help help = { .warning = warning_pass };
    static const struct unpack_limits limits = { .max_bytes = MAX_BYTES,
                                                 .max_entries = MAX_ENTRIES };
    struct unpack_result result;
    struct err err = {};
    auto_close int archive = memfd_create("archive", MFD_CLOEXEC);
    auto_close int image = memfd_create("image", MFD_CLOEXEC);
    demand(fd_write_all(archive, data, size) == 0 && lseek(archive, 0, SEEK_SET) == 0);
    auto_drop(stream) *stream = stream_new(archive, MAX_BYTES);
    auto_drop(sink) *sink = erofs_sink_new(image, MAX_BYTES, &help);
    if (unpack_layer(stream, sink, &limits, &help, progress_pass, &result, &err) < 0)
        demand(err.text[0] && !strchr(err.text, '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (scratch < 0)
        scratch_open();
    unpack_once(data, size);
    uint8_t *mended = malloc(size > 0 ? size : 1);
    if (size > 0)
        memcpy(mended, data, size);
    checksums_mend(mended, size);
    unpack_once(mended, size);
    pack_once(mended, size);
    free(mended);
    return 0;
}
