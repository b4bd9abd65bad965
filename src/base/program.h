/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What our programs have in common from their start, and where the parts are that are files of their
 * own: beside the running program, as in a build directory, else where they were installed.
 */
#include "base/err.h"

/* Gives the path the program was started from. Owned by the caller. */
int program_own_path(char **ret_path, struct err *err);
/* Gives the path of another program of ruche's ("ruche-transfer"). Owned by the caller. */
int program_path(const char *name, char **ret_path, struct err *err);
/* The same for a data file ("busybox.tar"). Returns 1, or 0 if there is none. */
int program_data_path(const char *name, char **ret_path, struct err *err);
/* The arguments in their order, before parsing puts options in front of operands. The array is the
 * caller's, the words are not. */
char **program_argv_copy(char **argv);
/* Opens /dev/null as each standard stream that the caller closed: whatever was opened next would be
 * taken for it. */
void program_streams_fill(void);
/* A write beyond the limit of a file's size (ulimit -f) fails with EFBIG, instead of ending the
 * program half-way. By a handler, which unlike SIG_IGN no program that is executed inherits. */
void program_size_limit_survive(void);
