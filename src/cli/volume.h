/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The options that put something into a container's file system: --volume, --mount, --tmpfs,
 * --device. */
#include "base/err.h"
#include "base/str.h"

struct container_args;
struct container_config;

/* Checks them and sets the configuration's mounts and devices. Nothing is looked for on the host.
 * Adds to warnings what is not done as asked. */
int volumes_set(const struct container_args *args, struct container_config *config,
                struct strings *warnings, struct err *err);

/* One line of comma-separated values (RFC 4180) as --mount has them: a field that begins with a
 * quote goes to the next one, and "" in it is one quote. ERR_INVALID where a quote stands elsewhere
 * or is not closed. */
int csv_parse(const char *line, struct strings *ret_fields, struct err *err);
