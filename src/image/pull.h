/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Images from registries into the store: asked for by name, chosen for a platform, and brought so
 * that nothing is fetched that is here already. Names of what registries hold are told as well.
 */
#include "image/image.h"
#include "image/registry.h"

struct image_pull_options {
    const struct registry_options *registry; /* NULL: as the user's files have it */
    const char *platform;                    /* "linux/arm64"; NULL: this machine's */
    const char *store_as;                    /* the name it gets here; NULL: the same */
    const char *policy;                      /* file of the policy of trust; NULL: the user's */
};

/* What was pulled, or was here already. */
struct image_pulled {
    char *name;   /* normal form */
    char *id;     /* digest of its configuration */
    char *digest; /* of what the name means: an index, or a manifest */
    bool newer;   /* the name did not mean it before */
};
void image_pulled_done(struct image_pulled *pulled);

/* Pulls an image by tag or digest. watch may be NULL. */
int image_pull(struct images *images, const char *name, const struct image_pull_options *options,
               const struct image_watch *watch, struct image_pulled *ret_pulled, struct err *err);
