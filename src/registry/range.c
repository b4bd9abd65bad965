/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/range.h"

#include <stddef.h>
#include <strings.h>

enum { BASE = 10 };

/* Reads digits. False if there are none, or more than 64 bits of them. */
static bool read_number(const char **at, uint64_t *ret_value)
{
    const char *begin = *at;
    uint64_t value = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        unsigned digit = (unsigned)(**at - '0');
        if (__builtin_mul_overflow(value, (unsigned)BASE, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *ret_value = value;
    return *at > begin;
}

static const char *skip_blanks(const char *at)
{
    while (*at == ' ' || *at == '\t')
        at++;
    return at;
}

static enum range_kind suffix_range(uint64_t wanted, uint64_t size, uint64_t *ret_first,
                                    uint64_t *ret_len)
{
    if (wanted == 0 || size == 0)
        return RANGE_BEYOND;
    *ret_len = wanted < size ? wanted : size;
    *ret_first = size - *ret_len;
    return RANGE_PART;
}

enum range_kind range_parse(const char *header, uint64_t size, uint64_t *ret_first,
                            uint64_t *ret_len)
{
    static const char unit[] = "bytes=";
    uint64_t first = 0;
    uint64_t last = UINT64_MAX;
    if (!header || strncasecmp(header, unit, sizeof(unit) - 1) != 0)
        return RANGE_ALL;
    const char *at = skip_blanks(header + sizeof(unit) - 1);
    bool suffix = *at == '-';
    if (!suffix && !read_number(&at, &first))
        return RANGE_ALL;
    if (*at++ != '-')
        return RANGE_ALL;
    bool open = *skip_blanks(at) == '\0';
    if (open ? suffix : !read_number(&at, &last))
        return RANGE_ALL;
    if (*skip_blanks(at) != '\0')
        return RANGE_ALL;
    if (suffix)
        return suffix_range(last, size, ret_first, ret_len);
    if (last < first)
        return RANGE_ALL;
    if (first >= size)
        return RANGE_BEYOND;
    *ret_first = first;
    *ret_len = (last < size ? last + 1 : size) - first;
    return RANGE_PART;
}

bool chunk_range_parse(const char *header, uint64_t *ret_first, uint64_t *ret_last)
{
    uint64_t first;
    uint64_t last;
    const char *at = header;
    if (!read_number(&at, &first) || *at++ != '-' || !read_number(&at, &last) || *at != '\0')
        return false;
    if (last < first || last == UINT64_MAX)
        return false;
    *ret_first = first;
    *ret_last = last;
    return true;
}
