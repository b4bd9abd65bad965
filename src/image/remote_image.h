/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What registries hold, told without bringing it: names, platforms, configurations, sizes. */
#include "image/image.h"
#include "image/registry.h"

struct reference;
struct remote;

/* For src/image: a registry client for the place that a name means; *ret_reference: the name in
 * full. */
int remote_image_open(const char *name, const struct registry_options *options,
                      enum registry_purpose purpose, struct reference **ret_reference,
                      struct remote *ret_remote, struct err *err);

struct remote_blob {
    char *media_type;
    char *digest;
    int64_t size; /* bytes */
};
/* What an image in a registry is, as its documents say. */
struct remote_image {
    char *name;   /* DOMAIN/PATH */
    char *digest; /* of what the tag means: an index or a manifest */
    char *media_type;
    struct strings tags;      /* of the repository */
    struct strings platforms; /* of an index: "linux/arm64/v8" */
    char *manifest;           /* digest of the platform's manifest */
    char *id;                 /* of its configuration */
    char *created;            /* RFC 3339 */
    char *architecture;
    char *variant;
    char *os;
    struct pairs labels;
    struct strings env;
    struct strings entrypoint;
    struct strings cmd;
    ARRAY_OF(remote_blob) layers;
    int64_t size; /* of all layers, packed */
};
extern const struct field remote_image_fields[];
void remote_image_done(struct remote_image *image);

/* Asks for all of that, of the platform's image ("linux/arm64"; NULL: this machine's). */
int image_remote_inspect(struct images *images, const char *name,
                         const struct registry_options *options, const char *platform,
                         struct remote_image *ret_image, struct err *err);
/* The manifest or index that a name means, verified, and its bytes. Owned by the caller. */
int image_remote_manifest(struct images *images, const char *name,
                          const struct registry_options *options, char **ret_data, size_t *ret_len,
                          struct err *err);

/* Removes a manifest from a registry, with all tags that mean it, or a tag alone where the registry
 * can do that. */
int image_remote_delete(const char *name, const struct registry_options *options, struct err *err);

/* One repository that a registry's search found. */
struct remote_hit {
    char *name;
    char *description;
    int64_t stars;
    bool official;
};
struct remote_hits {
    ARRAY_OF(remote_hit) hits;
};
void remote_hits_done(struct remote_hits *hits);
/* Asks a registry ("docker.io"; NULL: that) for repositories that the words fit. */
int image_remote_search(const char *registry, const char *words, size_t limit,
                        const struct registry_options *options, struct remote_hits *ret_hits,
                        struct err *err);

/* What in the repository is about the image of the name, signatures say. type: only of that
 * artifact type, or NULL. */
int image_remote_referrers(struct images *images, const char *name,
                           const struct registry_options *options, const char *type,
                           struct oci_index *ret_index, struct err *err);

/* The tags of a repository, which is given as a name without a tag. */
int image_remote_tags(const char *name, const struct registry_options *options,
                      struct strings *ret_tags, struct err *err);
/* The same as names in normal form. */
int image_remote_names(const char *name, const struct registry_options *options,
                       struct strings *ret_names, struct err *err);
