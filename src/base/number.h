/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Numbers as people write them: whole, sizes with units, decimals, durations. Nothing is rounded
 * silently. */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* A whole number from lowest to highest, decimal, no blanks, no sign but '-'. `what` names it in
 * the error. */
int number_parse(const char *text, int64_t lowest, int64_t highest, const char *what,
                 int64_t *ret_value, struct err *err);
/* As above for unsigned numbers up to 2^64-1. */
int number_parse_unsigned(const char *text, uint64_t highest, const char *what, uint64_t *ret_value,
                          struct err *err);
/* "512", "64k", "1.5g", "10MiB" in bytes, units of 1024 as docker has them; -1 only if
 * allow_minus_one. */
int size_parse(const char *text, bool allow_minus_one, const char *what, int64_t *ret_bytes,
               struct err *err);
/* A decimal in billionths (10^-9), at most nine places: "1.5" gives 1500000000. Used for --cpus. */
int nano_parse(const char *text, const char *what, int64_t *ret_nano, struct err *err);
/* "10", "1.5s", "2m30s" in milliseconds; a number alone is in seconds. */
int duration_parse(const char *text, const char *what, int64_t *ret_ms, struct err *err);
/* 1536 → "1.5 KiB"; buffer of at least 16 bytes. Returns the buffer. */
char *size_format(uint64_t bytes, char *buffer);
/* docker's decimal sizes: 1536 → "1.54kB"; buffer of at least 16 bytes. Returns the buffer. */
char *size_format_decimal(uint64_t bytes, char *buffer);
