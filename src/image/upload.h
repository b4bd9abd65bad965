/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A cargo into a repository of a registry: blobs side by side, then manifests in their order. */
#include "image/cargo.h"
#include "image/reference.h"
#include "image/remote.h"

struct upload_options {
    /* Where the same registry may have a blob already: digest → repository ("library/debian"). */
    const struct pairs *mounts;
    const char *tag; /* of the last manifest; NULL: it is known by its digest only */
};

/* What of the store is by its names in other repositories of the registry: blobs of the cargo, and
 * where they may be. */
int upload_mounts(const struct cargo *cargo, const struct reference *reference,
                  struct pairs *ret_mounts, struct err *err);
/* Sends what the registry has not yet. watch may be NULL. */
int upload_cargo(struct remote *remote, const struct cargo *cargo,
                 const struct upload_options *options, const struct image_watch *watch,
                 struct err *err);
