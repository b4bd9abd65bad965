/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Ranges of bytes in HTTP headers: of what is downloaded (RFC 9110, section 14), and of a chunk that
 * is uploaded, as the distribution specification writes it. */
#include <stdbool.h>
#include <stdint.h>

enum range_kind {
    RANGE_ALL,  /* none is asked for, or one that may be ignored: several, another unit, nonsense */
    RANGE_PART, /* one that is there, cut at the end */
    RANGE_BEYOND, /* 416 */
};

/* What `Range: bytes=…` means of `size` bytes; header may be NULL. *ret_first and *ret_len are set
 * for a PART. */
enum range_kind range_parse(const char *header, uint64_t size, uint64_t *ret_first,
                            uint64_t *ret_len);
/* "0-99" of an upload. False if it is none. */
bool chunk_range_parse(const char *header, uint64_t *ret_first, uint64_t *ret_last);
