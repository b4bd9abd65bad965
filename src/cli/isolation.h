/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The options that open or close what keeps a container apart: capabilities, namespaces,
 * --security-opt. */
#include "base/err.h"

struct container_args;
struct container_config;

/* Checks them and sets the configuration's part. A namespace shared with a container is
 * "container:NAME" still. */
int isolation_set(const struct container_args *args, struct container_config *config,
                  struct err *err);
