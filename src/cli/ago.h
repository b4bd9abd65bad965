/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Times as people tell them. */
#include <stdint.h>

#include "base/str.h"

/* Adds "About a minute", "3 hours", "2 weeks": docker's words for a length of time. Below 0 is 0.
 */
void span_format(int64_t seconds, struct str *out);
/* Adds how long ago a time in RFC 3339 is from now (seconds since 1970), with " ago" behind it;
 * "N/A" if it is none. */
void ago_format(const char *time, int64_t now_s, struct str *out);
/* Adds how long it is since then, without "ago". */
void since_format(const char *time, int64_t now_s, struct str *out);
/* Adds a time in RFC 3339 as docker shows it, in the zone of the user:
 * "2026-01-02 03:04:05 +0000 UTC". */
void date_format(const char *time, struct str *out);
