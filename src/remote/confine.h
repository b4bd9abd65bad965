/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the client keeps of its rights before it reads the first byte of a stranger
 * (docs/design/0012-registry-client-apart.md): the network, and reading of what names are resolved
 * by and who is trusted.
 */
#include "base/err.h"

/* Confines the calling process, which has one thread yet, for good. */
int confine(struct err *err);
