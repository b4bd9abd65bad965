/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/range.h"

#include <criterion/criterion.h>

#include "base/mem.h"

Test(range, downloads)
{
    static const struct {
        const char *header;
        enum range_kind kind;
        uint64_t first;
        uint64_t len;
    } rows[] = {
        { NULL, RANGE_ALL, 0, 0 },
        { "bytes=0-0", RANGE_PART, 0, 1 },
        { "bytes=0-9", RANGE_PART, 0, 10 },
        { "bytes=0-99", RANGE_PART, 0, 10 },
        { "bytes=3-", RANGE_PART, 3, 7 },
        { "bytes=9-", RANGE_PART, 9, 1 },
        { "Bytes= 3-4 ", RANGE_PART, 3, 2 },
        { "bytes=-3", RANGE_PART, 7, 3 },
        { "bytes=-30", RANGE_PART, 0, 10 },
        { "bytes=0-18446744073709551615", RANGE_PART, 0, 10 },
        { "bytes=10-", RANGE_BEYOND, 0, 0 },
        { "bytes=10-11", RANGE_BEYOND, 0, 0 },
        { "bytes=-0", RANGE_BEYOND, 0, 0 },
        { "bytes=5-3", RANGE_ALL, 0, 0 },
        { "bytes=0-1,3-4", RANGE_ALL, 0, 0 },
        { "lines=0-1", RANGE_ALL, 0, 0 },
        { "bytes=", RANGE_ALL, 0, 0 },
        { "bytes=-", RANGE_ALL, 0, 0 },
        { "bytes=x-1", RANGE_ALL, 0, 0 },
        { "bytes=1", RANGE_ALL, 0, 0 },
        { "bytes=18446744073709551616-", RANGE_ALL, 0, 0 },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        uint64_t first = 0, len = 0;
        cr_expect_eq(range_parse(rows[i].header, 10, &first, &len), rows[i].kind, "%s",
                     rows[i].header);
        cr_expect_eq(first, rows[i].first, "%s", rows[i].header);
        cr_expect_eq(len, rows[i].len, "%s", rows[i].header);
    }
}

Test(range, of_nothing)
{
    uint64_t first, len;
    cr_expect_eq(range_parse("bytes=0-", 0, &first, &len), RANGE_BEYOND);
    cr_expect_eq(range_parse("bytes=-1", 0, &first, &len), RANGE_BEYOND);
}

Test(range, chunks)
{
    static const char *const bad[] = {
        "",
        "1",
        "1-",
        "-1",
        "2-1",
        "a-b",
        "0-1/2",
        "bytes=0-1",
        " 0-1",
        "0-1 ",
        "0--1",
        "0-18446744073709551615",
        "0-18446744073709551616",
    };
    uint64_t first, last;
    cr_expect(chunk_range_parse("0-0", &first, &last));
    cr_expect_eq(last, 0);
    cr_expect(chunk_range_parse("10-99", &first, &last));
    cr_expect_eq(first, 10);
    cr_expect_eq(last, 99);
    for (size_t i = 0; i < array_size(bad); i++)
        cr_expect(!chunk_range_parse(bad[i], &first, &last), "%s", bad[i]);
}
