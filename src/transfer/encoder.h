/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Compression: what job_deflate.c needs of each kind. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct encoder_buffers {
    const uint8_t *in; /* moves on as it is read */
    size_t in_len;
    uint8_t *out; /* moves on as it is filled */
    size_t out_len;
};

struct encoder {
    const char *name;    /* "gzip" */
    void *(*make)(void); /* NULL: out of memory */
    void (*drop)(void *state);
    /* Goes on as far as the buffers allow. last: no more input follows. *ret_ended: all of it has
     * been given. */
    int (*step)(void *state, struct encoder_buffers *buffers, bool last, bool *ret_ended,
                struct err *err);
};

extern const struct encoder encoder_gzip;
extern const struct encoder encoder_zstd;
