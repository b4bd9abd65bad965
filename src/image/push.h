/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Images of the store into registries. */
#include "image/image.h"
#include "image/registry.h"

enum image_format {
    IMAGE_FORMAT_AS_IS,
    IMAGE_FORMAT_OCI,
    IMAGE_FORMAT_DOCKER, /* manifest of version 2, schema 2 */
};

enum image_compression {
    IMAGE_COMPRESSION_AS_IS,
    IMAGE_COMPRESSION_GZIP,
    IMAGE_COMPRESSION_ZSTD,
};

struct image_push_options {
    const struct registry_options *registry; /* NULL: as the user's files have it */
    const char *destination;                 /* the name there; NULL: the same */
    const char *platform;                    /* of a list, this one alone; NULL: all of it */
    enum image_format format;
    enum image_compression compression;
};

struct image_pushed {
    char *name;          /* normal form, there */
    char *digest;        /* of what the name means there now */
    uint64_t size_bytes; /* of that document */
};
void image_pushed_done(struct image_pushed *pushed);

/* Pushes an image, a list with all its images, or an artifact. watch may be NULL. */
int image_push(struct images *images, const char *name, const struct image_push_options *options,
               const struct image_watch *watch, struct image_pushed *ret_pushed, struct err *err);
/* The names in the store of a repository, in normal form, which is given as a name without a tag. Those
 * of signatures are left out: they go with their images. */
int image_repository_names(struct images *images, const char *repository, struct strings *ret_names,
                           struct err *err);
