/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_add(struct str *out, const void *data, size_t len)
{
    const unsigned char *at = data;
    for (; len > 0; at += 3) {
        size_t n = len < 3 ? len : 3;
        uint32_t bits = (uint32_t)at[0] << 16 | (n > 1 ? (uint32_t)at[1] << 8 : 0) |
                        (n > 2 ? (uint32_t)at[2] : 0);
        for (size_t i = 0; i < 4; i++)
            str_add_char(out, i <= n ? digits[bits >> (18 - 6 * i) & 0x3f] : '=');
        len -= n;
    }
}

static int digit_value(char c)
{
    const char *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : -1;
}

bool base64_decode(const char *text, size_t len, char **ret_data, size_t *ret_len)
{
    auto_free char *data = xmalloc(len / 4 * 3 + 4);
    size_t n_digits = 0, n_pads = 0, n = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n')
            continue;
        if (text[i] == '=') {
            n_pads++;
            continue;
        }
        int value = digit_value(text[i]);
        if (value < 0 || n_pads > 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        if (++n_digits % 4 != 1)
            data[n++] = (char)(bits >> (6 - 2 * ((n_digits - 1) % 4)));
    }
    /* One digit is no byte; if there is padding, it fills the last four. */
    if (n_digits % 4 == 1 || n_pads > 2 || (n_pads > 0 && (n_digits + n_pads) % 4 != 0))
        return false;
    data[n] = '\0';
    *ret_data = take_ptr(data);
    *ret_len = n;
    return true;
}
