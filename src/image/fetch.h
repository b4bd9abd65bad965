/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Archives that lie on a server: fetched by ruche-remote, by the rules for registries' certificates
 * and proxies. What came is a stranger's, as what a user names on his disk may be. */
#include <stdbool.h>

#include "image/image.h"
#include "image/registry.h"

/* Whether an operand means a URL and no file. */
bool image_is_url(const char *operand);
/* Fetches it whole, into a file of the store's file system that has no name. Gives it at its
 * beginning. */
int image_fetch(struct images *images, const char *url, const struct registry_options *options,
                const struct image_watch *watch, int *ret_fd, struct err *err);
