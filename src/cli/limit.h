/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The options that limit what a container uses: memory, CPU, processes, resource limits, and kernel
 * parameters. */
#include "base/err.h"

struct container_args;
struct container_config;

/* Checks them, alone and against each other, and sets the configuration's part. */
int limits_set(const struct container_args *args, struct container_config *config, struct err *err);
