/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Completion scripts for bash, zsh and fish, made from the same tables as --help: commands, flags,
 * the words a flag may be. Names of containers and images are asked for when they are needed, one a
 * line, with "ruche [GLOBAL OPTIONS] __complete containers|running|images|modes".
 */
#include "base/err.h"
#include "base/option.h"
#include "base/str.h"

/* Adds the script for shell, one of bash, zsh and fish; ERR_USAGE for any other. commands and
 * globals (the tables of options that stand before the command, or NULL) end in NULL. */
int completion_write(const char *shell, const struct command *const *commands,
                     const struct option *const *globals, struct str *out, struct err *err);
