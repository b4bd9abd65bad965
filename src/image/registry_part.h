/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between registry.c and registry_login.c: what one call of theirs reads of the user's files. */
#include "image/auth.h"
#include "image/registries.h"
#include "image/registry.h"

struct registry_sources {
    const struct registry_options *options;
    struct registry_environment environment;
    struct registries registries;
    struct auth auth;
};

/* `sources` must not move afterwards: its parts lead to one another. On failure there is nothing to
 * release. */
int registry_sources_load(struct registry_sources *sources, const struct registry_options *options,
                          struct err *err);
void registry_sources_done(struct registry_sources *sources);
