/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Base64 (RFC 4648), the alphabet with + and /. */
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

void base64_add(struct str *out, const void *data, size_t len);
/* Gives the bytes in a fresh buffer closed by a zero byte. Padding may be left out, blanks and ends
 * of lines are passed over. False: it is not base64. */
bool base64_decode(const char *text, size_t len, char **ret_data, size_t *ret_len);
