/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Containers prepared from images that may have to be pulled first, as --pull says: for `run` and
 * `create`. Progress is shown on standard error.
 */
#include "base/err.h"

struct cli;
struct container;
struct container_args;
struct container_config;

/* container_prepare (engine/engine.h), with the image pulled before it, or when it turns out to be
 * missing, or never. */
int image_get_prepare(struct cli *cli, const struct container_args *args,
                      struct container_config *config, struct container **ret_container,
                      struct err *err);
