/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What is packed in tests of streams and rings. */
#include <criterion/criterion.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>

#include "base/str.h"

/* Bytes that neither repeat nor are pure noise. */
static inline char *content_make(size_t size)
{
    char *at = xmalloc(size);
    unsigned seed = 7;
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1103515245 + 12345;
        at[i] = (char)((seed >> 16) & (i % 3 ? 0x0f : 0xff));
    }
    return at;
}

/* Adds what is at `at`, packed by gzip. */
static inline void gzip_add(struct str *out, const void *at, size_t len)
{
    auto_free uint8_t *room = xmalloc(len + len / 8 + 1024);
    struct isal_zstream zip;
    isal_deflate_stateless_init(&zip);
    zip.gzip_flag = IGZIP_GZIP;
    zip.end_of_stream = 1;
    zip.next_in = (uint8_t *)(uintptr_t)at;
    zip.avail_in = (uint32_t)len;
    zip.next_out = room;
    zip.avail_out = (uint32_t)(len + len / 8 + 1024);
    cr_assert_eq(isal_deflate_stateless(&zip), COMP_OK);
    str_add_bytes(out, room, zip.total_out);
}
