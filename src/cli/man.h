/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Manual pages, made from the same tables as --help: one page a command, "image ls" is
 * ruche-image-ls(1), a command whose name is "" is ruche(1). The text is roff with the man macros,
 * in ASCII, the same for the same tables.
 */
#include "base/option.h"
#include "base/str.h"

/* Adds the command's page. globals are the options that stand before the command, or NULL. */
void man_write(const struct command *command, const struct option *const *globals, struct str *out);
