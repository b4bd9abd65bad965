/* SPDX-License-Identifier: Apache-2.0 */
/* gzip (RFC 1952) by isa-l's igzip, two to three times as fast as zlib. Members may follow one
 * another. */
#include <isa-l/igzip_lib.h>

#include "base/mem.h"
#include "transfer/decoder.h"

struct gzip {
    struct inflate_state inflate;
    bool inside; /* a member has begun and not ended */
};

static void *gzip_make(bool trusted)
{
    (void)trusted; /* its checksum costs next to nothing */
    struct gzip *gzip = xnew(struct gzip);
    isal_inflate_init(&gzip->inflate);
    gzip->inflate.crc_flag = ISAL_GZIP;
    return gzip;
}

static int gzip_failed(int result, struct err *err)
{
    if (result == ISAL_INCORRECT_CHECKSUM)
        return err_set(err, ERR_INVALID, "the gzip data is damaged: its checksum does not match");
    return err_set(err, ERR_INVALID, "the gzip data is damaged");
}

static int gzip_step(void *state, struct decoder_buffers *buffers, bool *ret_whole, struct err *err)
{
    struct gzip *gzip = state;
    struct inflate_state *inflate = &gzip->inflate;

    if (!gzip->inside && buffers->in_len > 0) {
        /* A second member may follow, and nothing else. */
        if (buffers->in[0] != 0x1f)
            return err_set(err, ERR_INVALID, "something follows the end of the gzip data");
        gzip->inside = true;
    }
    inflate->next_in = (uint8_t *)(uintptr_t)buffers->in;
    inflate->avail_in = (uint32_t)buffers->in_len;
    inflate->next_out = buffers->out;
    inflate->avail_out = (uint32_t)buffers->out_len;
    int result = isal_inflate(inflate);
    if (result < 0)
        return gzip_failed(result, err);

    buffers->in = inflate->next_in;
    buffers->in_len = inflate->avail_in;
    buffers->out = inflate->next_out;
    buffers->out_len = inflate->avail_out;
    if (inflate->block_state == ISAL_BLOCK_FINISH) {
        isal_inflate_reset(inflate);
        gzip->inside = false;
    }
    *ret_whole = !gzip->inside;
    return 0;
}

const struct decoder decoder_gzip = {
    .name = "gzip",
    .make = gzip_make,
    .drop = free,
    .step = gzip_step,
};
