/* SPDX-License-Identifier: Apache-2.0 */
/* zstd (RFC 8878). Frames may follow one another; the window is what the format asks every reader
 * for, 128 MiB. */
#define ZSTD_STATIC_LINKING_ONLY /* for ZSTD_d_forceIgnoreChecksum */
#include <zstd.h>
#include <zstd_errors.h>

#include "transfer/decoder.h"

static void *zstd_make(bool trusted)
{
    ZSTD_DStream *stream = ZSTD_createDStream();
    /* A library that does not know it looks at checksums. */
    if (stream && trusted)
        (void)ZSTD_DCtx_setParameter(stream, ZSTD_d_forceIgnoreChecksum, ZSTD_d_ignoreChecksum);
    return stream;
}

static void zstd_drop(void *state)
{
    (void)ZSTD_freeDStream(state);
}

static int zstd_failed(size_t code, struct err *err)
{
    switch (ZSTD_getErrorCode(code)) {
    case ZSTD_error_prefix_unknown:
        return err_set(err, ERR_INVALID, "something follows the end of the zstd data");
    case ZSTD_error_checksum_wrong:
        return err_set(err, ERR_INVALID, "the zstd data is damaged: its checksum does not match");
    case ZSTD_error_frameParameter_windowTooLarge:
        return err_set(err, ERR_UNSUPPORTED, "the zstd data wants more than 128 MiB of memory");
    default:
        return err_set(err, ERR_INVALID, "the zstd data is damaged");
    }
}

static int zstd_step(void *state, struct decoder_buffers *buffers, bool *ret_whole, struct err *err)
{
    ZSTD_inBuffer in = { buffers->in, buffers->in_len, 0 };
    ZSTD_outBuffer out = { buffers->out, buffers->out_len, 0 };

    size_t left = ZSTD_decompressStream(state, &out, &in);
    if (ZSTD_isError(left))
        return zstd_failed(left, err);
    buffers->in += in.pos;
    buffers->in_len -= in.pos;
    buffers->out += out.pos;
    buffers->out_len -= out.pos;
    *ret_whole = left == 0;
    return 0;
}

const struct decoder decoder_zstd = {
    .name = "zstd",
    .make = zstd_make,
    .drop = zstd_drop,
    .step = zstd_step,
};
