/* SPDX-License-Identifier: Apache-2.0 */
/* gzip by isa-l, at the level that packs best, which is many times as fast as zlib's; zstd at the
 * level that is its default. The same input gives the same bytes. */
#include "transfer/encoder.h"

#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include "base/mem.h"

enum { GZIP_LEVEL = 3, ZSTD_LEVEL = 3 };

struct gzip {
    struct isal_zstream stream;
    uint8_t buffer[ISAL_DEF_LVL3_DEFAULT];
};

static void *gzip_make(void)
{
    struct gzip *gzip = xnew(struct gzip);
    isal_deflate_init(&gzip->stream);
    gzip->stream.gzip_flag = IGZIP_GZIP;
    gzip->stream.level = GZIP_LEVEL;
    gzip->stream.level_buf = gzip->buffer;
    gzip->stream.level_buf_size = sizeof(gzip->buffer);
    return gzip;
}

static int gzip_step(void *state, struct encoder_buffers *buffers, bool last, bool *ret_ended,
                     struct err *err)
{
    struct gzip *gzip = state;
    struct isal_zstream *stream = &gzip->stream;
    stream->next_in = (uint8_t *)(uintptr_t)buffers->in;
    stream->avail_in = (uint32_t)buffers->in_len;
    stream->next_out = buffers->out;
    stream->avail_out = (uint32_t)buffers->out_len;
    stream->end_of_stream = last;
    stream->flush = NO_FLUSH;
    if (isal_deflate(stream) != COMP_OK)
        return err_set(err, ERR_SYSTEM, "the gzip data cannot be made");
    buffers->in = stream->next_in;
    buffers->in_len = stream->avail_in;
    buffers->out = stream->next_out;
    buffers->out_len = stream->avail_out;
    *ret_ended = stream->internal_state.state == ZSTATE_END;
    return 0;
}

const struct encoder encoder_gzip = {
    .name = "gzip",
    .make = gzip_make,
    .drop = free,
    .step = gzip_step,
};

static void *zstd_make(void)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    if (!context)
        return NULL;
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, ZSTD_LEVEL);
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    return context;
}

static void zstd_drop(void *state)
{
    (void)ZSTD_freeCCtx(state);
}

static int zstd_step(void *state, struct encoder_buffers *buffers, bool last, bool *ret_ended,
                     struct err *err)
{
    ZSTD_inBuffer in = { buffers->in, buffers->in_len, 0 };
    ZSTD_outBuffer out = { buffers->out, buffers->out_len, 0 };
    size_t left = ZSTD_compressStream2(state, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left))
        return err_set(err, ERR_SYSTEM, "the zstd data cannot be made: %s",
                       ZSTD_getErrorName(left));
    buffers->in += in.pos;
    buffers->in_len -= in.pos;
    buffers->out += out.pos;
    buffers->out_len -= out.pos;
    *ret_ended = last && left == 0;
    return 0;
}

const struct encoder encoder_zstd = {
    .name = "zstd",
    .make = zstd_make,
    .drop = zstd_drop,
    .step = zstd_step,
};
