/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The values of headers that registries answer with. False: it is not written as it should be. */
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Retry-After: seconds, or a date, which is counted from `now`. */
bool retry_after_parse(const char *text, time_t now, uint32_t *ret_seconds);
/* Content-Range: "bytes 10-19/100": first and last byte, and the whole's size (UINT64_MAX: not
 * told). "bytes" followed by a star for the range is false. */
bool content_range_parse(const char *text, uint64_t *ret_first, uint64_t *ret_last,
                         uint64_t *ret_size);
/* Range of an upload: "0-1023" (or with "bytes=" before it): how many bytes have arrived, 1024. The
 * registries' "0-0" for nothing is taken as nothing. */
bool upload_range_parse(const char *text, uint64_t *ret_bytes);
/* Link: the URL whose relation is "next", or NULL. The caller's. */
char *link_next(const char *text);
