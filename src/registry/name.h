/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Names as the distribution specification has them in its paths, and what they are called in ruche's
 * store: repository R is what `ruche run R` would mean by it.
 */
#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

/* "library/busybox": lower case letters and digits, between them '.', '_', '__' or dashes; at most
 * 255 characters. */
bool repository_valid(const char *name);
/* "1.0": letters, digits, '_', and behind the first also '.' and '-'; at most 128. */
bool tag_valid(const char *tag);

/* "busybox" → "docker.io/library/busybox". -1 if the store has no such names. Owned by the caller.
 */
int repository_normal(const char *name, char **ret_normal, struct err *err);
/* And back, in short: "docker.io/library/busybox" → "busybox". NULL if it cannot stand in a path
 * ("localhost:5000/app"). Owned by the caller. */
char *repository_shown(const char *normal);
