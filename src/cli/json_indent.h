/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* JSON laid out for people: four blanks a level, as docker's inspect has it. */
#include <stddef.h>

#include "base/str.h"

/* Adds a valid JSON text, however it was laid out, with its lines `level` levels deep; the first is
 * begun already. What a terminal would act on is escaped (\u009b), which does not change the value.
 */
void json_indent(const char *json, size_t level, struct str *out);
