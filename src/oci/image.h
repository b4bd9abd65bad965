/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Documents of images: manifests, indexes and configurations of the OCI image-spec 1.1, the same of
 * Docker (manifest schema 2, image v1.2), and what names the contents of archives. All come from
 * strangers: a document that was parsed has valid digests and sizes. A struct owns what hangs from
 * it.
 */
#include "base/field.h"

#define MEDIA_OCI_INDEX         "application/vnd.oci.image.index.v1+json"
#define MEDIA_OCI_MANIFEST      "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_OCI_CONFIG        "application/vnd.oci.image.config.v1+json"
#define MEDIA_OCI_EMPTY         "application/vnd.oci.empty.v1+json"
#define MEDIA_OCI_LAYER         "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_OCI_LAYER_GZIP    "application/vnd.oci.image.layer.v1.tar+gzip"
#define MEDIA_OCI_LAYER_ZSTD    "application/vnd.oci.image.layer.v1.tar+zstd"
#define MEDIA_DOCKER_LIST       "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_DOCKER_MANIFEST   "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_DOCKER_CONFIG     "application/vnd.docker.container.image.v1+json"
#define MEDIA_DOCKER_LAYER      "application/vnd.docker.image.rootfs.diff.tar"
#define MEDIA_DOCKER_LAYER_GZIP "application/vnd.docker.image.rootfs.diff.tar.gzip"
#define MEDIA_DOCKER_LAYER_ZSTD "application/vnd.docker.image.rootfs.diff.tar.zstd"

/* The annotation of a descriptor in an index.json that names it: a tag, or a whole reference. */
#define OCI_REF_NAME "org.opencontainers.image.ref.name"

/* Largest documents that are read; registries take no larger manifests than that either. */
enum {
    OCI_MANIFEST_MAX_BYTES = 4 << 20,
    OCI_IMAGE_MAX_BYTES = 4 << 20,
    OCI_ARCHIVE_MAX_BYTES = 4 << 20
};
/* index.json of a store holds a row for each image. */
enum { OCI_INDEX_MAX_BYTES = 16 << 20 };
/* Layers of one manifest, docker's own limit being 127. */
enum { OCI_LAYERS_MAX = 1000 };

enum layer_format { LAYER_PLAIN, LAYER_GZIP, LAYER_ZSTD };

/* What a media type says a blob is. */
enum media_kind {
    MEDIA_OTHER,
    MEDIA_INDEX,
    MEDIA_MANIFEST,
    MEDIA_CONFIG,
    MEDIA_LAYER,
};

/* "sha256:" and 64 lower case hexadecimal digits, or "sha512:" and 128: only such a text may become
 * part of a path. */
bool digest_valid(const char *text);
/* Behind the colon of a valid digest. */
const char *digest_hex(const char *digest);

/* What a media type is; parameters behind a ';' do not count. NULL is OTHER. */
enum media_kind media_kind(const char *media_type);
/* Whether it is Docker's own (schema 2) and not the OCI's. */
bool media_is_docker(const char *media_type);
/* How a layer of that type is packed. False: no layer that can be read. */
bool media_layer_format(const char *media_type, enum layer_format *ret_format);
/* The OCI's media type of a layer packed so. */
const char *layer_format_media_type(enum layer_format format);

struct oci_platform {
    char *architecture;
    char *os;
    char *os_version;
    struct strings os_features;
    char *variant;
};

struct oci_descriptor {
    char *media_type;
    char *digest;
    int64_t size; /* bytes */
    struct strings urls;
    struct pairs annotations;
    char *data; /* the content itself, in base64 */
    struct oci_platform *platform;
    char *artifact_type;
};

struct oci_manifest {
    int32_t schema_version; /* 2 */
    char *media_type;
    char *artifact_type;
    struct oci_descriptor config;
    ARRAY_OF(oci_descriptor) layers; /* lowest first */
    struct oci_descriptor *subject;
    struct pairs annotations;
};

struct oci_index {
    int32_t schema_version; /* 2 */
    char *media_type;
    char *artifact_type;
    ARRAY_OF(oci_descriptor) manifests;
    struct oci_descriptor *subject;
    struct pairs annotations;
};

/* Docker's; durations in nanoseconds, 0 is the default. */
struct oci_healthcheck {
    struct strings test; /* "NONE" | "CMD" ARG… | "CMD-SHELL" LINE; empty: as the base image */
    int64_t interval;
    int64_t timeout;
    int64_t start_period;
    int64_t start_interval;
    int64_t retries;
};

/* "config": how a container of the image starts. */
struct oci_image_config {
    char *user;
    struct strings exposed_ports; /* "80/tcp" */
    struct strings env;
    struct strings entrypoint;
    struct strings cmd;
    struct strings volumes;
    char *working_dir;
    struct pairs labels;
    char *stop_signal;
    bool args_escaped;
    /* Docker's */
    struct oci_healthcheck *healthcheck;
    struct strings shell;
    struct strings on_build;
    struct maybe_i64 stop_timeout; /* seconds */
};

struct oci_rootfs {
    char *type; /* "layers" */
    struct strings diff_ids;
};

struct oci_history {
    char *created;
    char *created_by;
    char *author;
    char *comment;
    bool empty_layer;
};

struct oci_image {
    char *created; /* RFC 3339 */
    char *author;
    char *architecture;
    char *variant;
    char *os;
    char *os_version;
    struct strings os_features;
    struct oci_image_config config;
    struct oci_rootfs rootfs;
    ARRAY_OF(oci_history) history;
    char *docker_version;
    char *comment;
};

/* oci-layout, the file that marks an image layout. */
struct oci_layout {
    char *image_layout_version; /* "1.0.0" */
};

/* One image in the manifest.json of `docker save`. Paths in the archive, checked by nobody yet. */
struct oci_archive_image {
    char *config;
    struct strings repo_tags;
    struct strings layers;
};
struct oci_archive {
    ARRAY_OF(oci_archive_image) images;
};

extern const struct field oci_platform_fields[];
extern const struct field oci_descriptor_fields[];
extern const struct field oci_manifest_fields[];
extern const struct field oci_index_fields[];
extern const struct field oci_image_config_fields[];
extern const struct field oci_image_fields[];
extern const struct field oci_healthcheck_fields[];
extern const struct field oci_archive_image_fields[];

/* What a document is, by its media type or else its members: INDEX, MANIFEST, or OTHER for anything
 * else that is JSON. A document that is both is an error. */
int oci_document_kind(const char *json, size_t len, enum media_kind *ret_kind, struct err *err);

/* Each reads one document; errors name the place by a JSON pointer. Docker's schema 1 is
 * ERR_UNSUPPORTED. */
int oci_manifest_parse(const char *json, size_t len, struct oci_manifest *ret_manifest,
                       struct err *err);
int oci_index_parse(const char *json, size_t len, struct oci_index *ret_index, struct err *err);
int oci_image_parse(const char *json, size_t len, struct oci_image *ret_image, struct err *err);
int oci_layout_parse(const char *json, size_t len, struct oci_layout *ret_layout, struct err *err);
int oci_archive_parse(const char *json, size_t len, struct oci_archive *ret_archive,
                      struct err *err);

/* Add the document on one line. */
void oci_manifest_format(const struct oci_manifest *manifest, struct str *out);
void oci_index_format(const struct oci_index *index, struct str *out);
void oci_image_format(const struct oci_image *image, struct str *out);
void oci_layout_format(const struct oci_layout *layout, struct str *out);
void oci_archive_format(const struct oci_archive *archive, struct str *out);

/* Release what hangs from them and zero them. */
void oci_platform_done(struct oci_platform *platform);
void oci_descriptor_done(struct oci_descriptor *descriptor);
void oci_manifest_done(struct oci_manifest *manifest);
void oci_index_done(struct oci_index *index);
void oci_image_done(struct oci_image *image);
void oci_layout_done(struct oci_layout *layout);
void oci_archive_done(struct oci_archive *archive);
