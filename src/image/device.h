/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Device nodes of layers, which the process that unpacks them has no right to make. */
#include <stdint.h>
#include <sys/types.h>

/* Makes a node at a path a stranger gave, never outside of the layer's directory. Returns 0, an
 * errno, or -1 where this user may make none, so that it is left out. */
int layer_device(int tree, const char *path, mode_t mode, dev_t device);
