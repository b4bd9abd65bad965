/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* ruche-registry as a whole: opens what it needs, confines itself, and serves until it is told to end.
 */
#include "registry/serve_args.h"

/* root: the state directory. Returns when SIGTERM or SIGINT came and what was under way is done; a
 * second signal ends that too. */
int serve_registry(const char *root, const struct registry_serve_args *args, struct err *err);
