/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Paths of the host as options have them. Nothing here looks at a file system, but for the working
 * directory. */
#include "base/err.h"

/* Makes a path absolute, without empty parts and "."; ".." stays, as what it means depends on
 * links. `what` names it in errors. Gives a fresh text. */
int path_absolute(const char *path, const char *what, char **ret_path, struct err *err);
