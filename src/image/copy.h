/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Images from one place to another, as they are: registries, layouts, archives, directories, the
 * store. Only what comes into the store is unpacked.
 */
#include "image/image.h"
#include "image/registry.h"

struct image_copy_options {
    const struct registry_options *from; /* NULL: as the user's files have it */
    const struct registry_options *to;
    const char *platform; /* "linux/arm64"; NULL: this machine's */
    bool all;             /* of a list, all of it */
};

/* Copies between places, which are written TRANSPORT:DETAIL (docs/formats/places.md). *ret_digest: of
 * what was copied; NULL: what an archive of docker's has no manifest for. Owned by the caller. watch
 * may be NULL. */
int image_copy(struct images *images, const char *from, const char *to,
               const struct image_copy_options *options, const struct image_watch *watch,
               char **ret_digest, struct err *err);
