/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Where the parts of ruche are that are files of their own: beside the running program, as in a
 * build directory, else where they were installed.
 */
#include "base/err.h"

/* Gives the path of another program of ruche's ("ruche-transfer"). Owned by the caller. */
int program_path(const char *name, char **ret_path, struct err *err);
/* The same for a data file ("busybox.tar"). Returns 1, or 0 if there is none. */
int program_data_path(const char *name, char **ret_path, struct err *err);
