/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One compression: what struct stream needs of it. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct decoder_buffers {
    const uint8_t *in; /* moves on as it is read */
    size_t in_len;
    uint8_t *out; /* moves on as it is filled */
    size_t out_len;
};

struct decoder {
    const char *name; /* "gzip" */
    /* trusted: a digest tells whether the data is what it should be. NULL: out of memory. */
    void *(*make)(bool trusted);
    void (*drop)(void *state);
    /* Goes on as far as the buffers allow. *ret_whole: what was read ends where compressed data may
     * end. */
    int (*step)(void *state, struct decoder_buffers *buffers, bool *ret_whole, struct err *err);
};

extern const struct decoder decoder_gzip;
extern const struct decoder decoder_zstd;
