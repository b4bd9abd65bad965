/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Manifests as a registry gives them. */
#include "remote/operation.h"

/* Adds the header that names the formats we read. */
void manifest_accept(struct exchange *exchange);
/* Whether the answer, of status 200, is what was asked for: format, digest. */
int manifest_check(const struct exchange *exchange, const char *reference, struct err *err);
