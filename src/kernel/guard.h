/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The running program's own file, kept from being written by what it starts: before a container's
 * process executes its command it is this program, and /proc/PID/exe leads whoever may look to its
 * file on the host (CVE-2019-5736). Executed anew from a read-only mount of that file which is
 * mounted nowhere, or from a sealed copy where there may be no mounts, it leads nowhere that can be
 * written.
 */
#include <stdbool.h>

#include "base/err.h"

/* Whether it needs no guard: it is on a read-only mount, or a sealed copy. */
bool guard_holds(void);
/* Whether an ordinary user, whose containers have his own rights over files, could write it. */
bool guard_file_is_ours(void);
/* Executes the program anew with these arguments, of which the first is replaced by its path, and
 * the same environment. Returns only if that fails: -1. */
int guard_execute(char **argv, struct err *err);
