/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/image.h"

#include <string.h>
#include <strings.h>

/* ---- digests and media types ---- */

static const struct {
    const char *prefix;
    size_t digits;
} digest_algorithms[] = {
    { "sha256:", 64 },
    { "sha512:", 128 },
};

bool digest_valid(const char *text)
{
    for (size_t i = 0; text && i < array_size(digest_algorithms); i++) {
        const char *hex = text + strlen(digest_algorithms[i].prefix);

        if (text_starts(text, digest_algorithms[i].prefix))
            return strspn(hex, "0123456789abcdef") == digest_algorithms[i].digits &&
                   !hex[digest_algorithms[i].digits];
    }
    return false;
}

const char *digest_hex(const char *digest)
{
    const char *colon = strchr(digest, ':');

    return colon ? colon + 1 : digest;
}

/* Layers that may not be handed on are unpacked like others; the OCI no longer wants new ones. */
#define MEDIA_OCI_FOREIGN    "application/vnd.oci.image.layer.nondistributable.v1.tar"
#define MEDIA_DOCKER_FOREIGN "application/vnd.docker.image.rootfs.foreign.diff.tar"

static const struct media {
    const char *type;
    enum media_kind kind;
    enum layer_format format; /* of a LAYER */
} medias[] = {
    { MEDIA_OCI_LAYER_GZIP, MEDIA_LAYER, LAYER_GZIP },
    { MEDIA_OCI_LAYER_ZSTD, MEDIA_LAYER, LAYER_ZSTD },
    { MEDIA_OCI_LAYER, MEDIA_LAYER, LAYER_PLAIN },
    { MEDIA_OCI_MANIFEST, MEDIA_MANIFEST, LAYER_PLAIN },
    { MEDIA_OCI_INDEX, MEDIA_INDEX, LAYER_PLAIN },
    { MEDIA_OCI_CONFIG, MEDIA_CONFIG, LAYER_PLAIN },
    { MEDIA_DOCKER_LAYER_GZIP, MEDIA_LAYER, LAYER_GZIP },
    { MEDIA_DOCKER_LAYER_ZSTD, MEDIA_LAYER, LAYER_ZSTD },
    { MEDIA_DOCKER_LAYER, MEDIA_LAYER, LAYER_PLAIN },
    { MEDIA_DOCKER_MANIFEST, MEDIA_MANIFEST, LAYER_PLAIN },
    { MEDIA_DOCKER_LIST, MEDIA_INDEX, LAYER_PLAIN },
    { MEDIA_DOCKER_CONFIG, MEDIA_CONFIG, LAYER_PLAIN },
    { MEDIA_OCI_FOREIGN "+gzip", MEDIA_LAYER, LAYER_GZIP },
    { MEDIA_OCI_FOREIGN "+zstd", MEDIA_LAYER, LAYER_ZSTD },
    { MEDIA_OCI_FOREIGN, MEDIA_LAYER, LAYER_PLAIN },
    { MEDIA_DOCKER_FOREIGN ".gzip", MEDIA_LAYER, LAYER_GZIP },
    { MEDIA_DOCKER_FOREIGN, MEDIA_LAYER, LAYER_PLAIN },
};

static const struct media *media_find(const char *media_type)
{
    /* "…+json; charset=utf-8" is what some registries answer. */
    size_t len = media_type ? strcspn(media_type, "; ") : 0;

    for (size_t i = 0; len > 0 && i < array_size(medias); i++)
        if (strncasecmp(medias[i].type, media_type, len) == 0 && !medias[i].type[len])
            return &medias[i];
    return NULL;
}

enum media_kind media_kind(const char *media_type)
{
    const struct media *media = media_find(media_type);

    return media ? media->kind : MEDIA_OTHER;
}

bool media_is_docker(const char *media_type)
{
    const struct media *media = media_find(media_type);

    return media && text_starts(media->type, "application/vnd.docker.");
}

bool media_layer_format(const char *media_type, enum layer_format *ret_format)
{
    const struct media *media = media_find(media_type);

    if (!media || media->kind != MEDIA_LAYER)
        return false;
    *ret_format = media->format;
    return true;
}

const char *layer_format_media_type(enum layer_format format)
{
    switch (format) {
    case LAYER_PLAIN:
        return MEDIA_OCI_LAYER;
    case LAYER_GZIP:
        return MEDIA_OCI_LAYER_GZIP;
    case LAYER_ZSTD:
        return MEDIA_OCI_LAYER_ZSTD;
    }
    return MEDIA_OCI_LAYER;
}

/* ---- tables ---- */

/* What a document's keys say of its kind, to refuse one that can be read in two ways. */
struct document {
    bool manifests;
    bool layers;
    bool config;
    bool fs_layers;
    char *media_type;
    int32_t schema_version;
};

/* Read into the struct that is handed out, which comes first, and beside it. */
struct manifest_document {
    struct oci_manifest manifest;
    bool manifests;
    bool fs_layers;
};
struct index_document {
    struct oci_index index;
    bool layers;
    bool config;
    bool fs_layers;
};
_Static_assert(offsetof(struct manifest_document, manifest) == 0 &&
                   offsetof(struct index_document, index) == 0,
               "rows of the one struct are used for the other");

/* clang-format off */
const struct field oci_platform_fields[] = {
    FIELD_TEXT(oci_platform, architecture, "architecture", F_ALWAYS),
    FIELD_TEXT(oci_platform, os, "os", F_ALWAYS),
    FIELD_TEXT(oci_platform, os_version, "os.version", 0),
    FIELD_LIST(oci_platform, os_features, "os.features", 0),
    FIELD_TEXT(oci_platform, variant, "variant", 0),
    FIELD_END,
};

const struct field oci_descriptor_fields[] = {
    FIELD_TEXT(oci_descriptor, media_type, "mediaType", F_MUST),
    FIELD_TEXT(oci_descriptor, digest, "digest", F_MUST),
    FIELD_I64(oci_descriptor, size, "size", F_MUST),
    FIELD_LIST(oci_descriptor, urls, "urls", 0),
    FIELD_PAIRS(oci_descriptor, annotations, "annotations", 0),
    FIELD_TEXT(oci_descriptor, data, "data", 0),
    FIELD_POINTER(oci_descriptor, platform, "platform", 0, oci_platform, oci_platform_fields),
    FIELD_TEXT(oci_descriptor, artifact_type, "artifactType", 0),
    FIELD_END,
};

/* null stands for an empty array where it comes from programs in Go, so neither array is required. */
#define MANIFEST_ROWS                                                                              \
    FIELD_I32(oci_manifest, schema_version, "schemaVersion", F_MUST),                              \
    FIELD_TEXT(oci_manifest, media_type, "mediaType", 0),                                          \
    FIELD_TEXT(oci_manifest, artifact_type, "artifactType", 0),                                    \
    FIELD_OBJECT(oci_manifest, config, "config", F_MUST, oci_descriptor, oci_descriptor_fields),   \
    FIELD_ARRAY(oci_manifest, layers, "layers", F_ALWAYS, oci_descriptor, oci_descriptor_fields),  \
    FIELD_POINTER(oci_manifest, subject, "subject", 0, oci_descriptor, oci_descriptor_fields),     \
    FIELD_PAIRS(oci_manifest, annotations, "annotations", 0)
#define INDEX_ROWS                                                                                 \
    FIELD_I32(oci_index, schema_version, "schemaVersion", F_MUST),                                 \
    FIELD_TEXT(oci_index, media_type, "mediaType", 0),                                             \
    FIELD_TEXT(oci_index, artifact_type, "artifactType", 0),                                       \
    FIELD_ARRAY(oci_index, manifests, "manifests", F_ALWAYS, oci_descriptor, oci_descriptor_fields), \
    FIELD_POINTER(oci_index, subject, "subject", 0, oci_descriptor, oci_descriptor_fields),        \
    FIELD_PAIRS(oci_index, annotations, "annotations", 0)

const struct field oci_manifest_fields[] = { MANIFEST_ROWS, FIELD_END };
const struct field oci_index_fields[] = { INDEX_ROWS, FIELD_END };

static const struct field manifest_document_fields[] = {
    FIELD_SEEN(manifest_document, manifests, "manifests"),
    FIELD_SEEN(manifest_document, fs_layers, "fsLayers"),
    MANIFEST_ROWS,
    FIELD_END,
};

static const struct field index_document_fields[] = {
    FIELD_SEEN(index_document, layers, "layers"),
    FIELD_SEEN(index_document, config, "config"),
    FIELD_SEEN(index_document, fs_layers, "fsLayers"),
    INDEX_ROWS,
    FIELD_END,
};

static const struct field document_fields[] = {
    FIELD_SEEN(document, manifests, "manifests"),
    FIELD_SEEN(document, layers, "layers"),
    FIELD_SEEN(document, config, "config"),
    FIELD_SEEN(document, fs_layers, "fsLayers"),
    FIELD_TEXT(document, media_type, "mediaType", 0),
    FIELD_I32(document, schema_version, "schemaVersion", 0),
    FIELD_END,
};

const struct field oci_healthcheck_fields[] = {
    FIELD_LIST(oci_healthcheck, test, "Test", 0),
    FIELD_I64(oci_healthcheck, interval, "Interval", 0),
    FIELD_I64(oci_healthcheck, timeout, "Timeout", 0),
    FIELD_I64(oci_healthcheck, start_period, "StartPeriod", 0),
    FIELD_I64(oci_healthcheck, start_interval, "StartInterval", 0),
    FIELD_I64(oci_healthcheck, retries, "Retries", 0),
    FIELD_END,
};

const struct field oci_image_config_fields[] = {
    FIELD_TEXT(oci_image_config, user, "User", 0),
    FIELD_SET(oci_image_config, exposed_ports, "ExposedPorts", 0),
    FIELD_LIST(oci_image_config, env, "Env", 0),
    FIELD_LIST(oci_image_config, entrypoint, "Entrypoint", 0),
    FIELD_LIST(oci_image_config, cmd, "Cmd", 0),
    FIELD_SET(oci_image_config, volumes, "Volumes", 0),
    FIELD_TEXT(oci_image_config, working_dir, "WorkingDir", 0),
    FIELD_PAIRS(oci_image_config, labels, "Labels", 0),
    FIELD_TEXT(oci_image_config, stop_signal, "StopSignal", 0),
    FIELD_BOOL(oci_image_config, args_escaped, "ArgsEscaped", 0),
    FIELD_POINTER(oci_image_config, healthcheck, "Healthcheck", 0, oci_healthcheck, oci_healthcheck_fields),
    FIELD_LIST(oci_image_config, shell, "Shell", 0),
    FIELD_LIST(oci_image_config, on_build, "OnBuild", 0),
    FIELD_MAYBE_I64(oci_image_config, stop_timeout, "StopTimeout", 0),
    FIELD_END,
};

static const struct field rootfs_fields[] = {
    FIELD_TEXT(oci_rootfs, type, "type", F_MUST),
    FIELD_LIST(oci_rootfs, diff_ids, "diff_ids", F_ALWAYS),
    FIELD_END,
};

static const struct field history_fields[] = {
    FIELD_TEXT(oci_history, created, "created", 0),
    FIELD_TEXT(oci_history, created_by, "created_by", 0),
    FIELD_TEXT(oci_history, author, "author", 0),
    FIELD_TEXT(oci_history, comment, "comment", 0),
    FIELD_BOOL(oci_history, empty_layer, "empty_layer", 0),
    FIELD_END,
};

const struct field oci_image_fields[] = {
    FIELD_TEXT(oci_image, created, "created", 0),
    FIELD_TEXT(oci_image, author, "author", 0),
    FIELD_TEXT(oci_image, architecture, "architecture", F_ALWAYS),
    FIELD_TEXT(oci_image, variant, "variant", 0),
    FIELD_TEXT(oci_image, os, "os", F_ALWAYS),
    FIELD_TEXT(oci_image, os_version, "os.version", 0),
    FIELD_LIST(oci_image, os_features, "os.features", 0),
    FIELD_OBJECT(oci_image, config, "config", 0, oci_image_config, oci_image_config_fields),
    FIELD_OBJECT(oci_image, rootfs, "rootfs", F_MUST, oci_rootfs, rootfs_fields),
    FIELD_ARRAY(oci_image, history, "history", 0, oci_history, history_fields),
    FIELD_TEXT(oci_image, docker_version, "docker_version", 0),
    FIELD_TEXT(oci_image, comment, "comment", 0),
    FIELD_END,
};

static const struct field layout_fields[] = {
    FIELD_TEXT(oci_layout, image_layout_version, "imageLayoutVersion", F_MUST),
    FIELD_END,
};

const struct field oci_archive_image_fields[] = {
    FIELD_TEXT(oci_archive_image, config, "Config", F_MUST),
    FIELD_LIST(oci_archive_image, repo_tags, "RepoTags", F_ALWAYS),
    FIELD_LIST(oci_archive_image, layers, "Layers", F_ALWAYS),
    FIELD_END,
};

static const struct field archive_fields[] = {
    FIELD_ARRAY(oci_archive, images, "", F_ALWAYS, oci_archive_image, oci_archive_image_fields),
    FIELD_END,
};
/* clang-format on */

/* ---- reading ---- */

static int document_read(const struct field *fields, const char *json, size_t len, size_t max_bytes,
                         const char *what, void *into, struct err *err)
{
    if (len > max_bytes)
        return err_set(err, ERR_INVALID, "%s: larger than %zu MiB", what, max_bytes >> 20);
    return field_read(fields, json, len, what, 0, into, err);
}

/* A document of both kinds would be two images under one digest, as its reader likes
 * (CVE-2021-41190). */
static int both_refuse(const char *what, struct err *err)
{
    return err_set(err, ERR_INVALID, "%s: is an index and a manifest at once", what);
}

static int kind_of(const struct document *document, enum media_kind *ret_kind, struct err *err)
{
    enum media_kind said = media_kind(document->media_type);
    enum media_kind kind = document->manifests ? MEDIA_INDEX
                           : document->layers  ? MEDIA_MANIFEST
                                               : MEDIA_OTHER;

    if (document->schema_version == 1 || document->fs_layers)
        return err_set(
            err, ERR_UNSUPPORTED,
            "manifest of docker's schema 1; push the image again with docker 1.10 or later");
    if (document->manifests && (document->layers || document->config))
        return both_refuse("document", err);
    if (kind == MEDIA_OTHER)
        kind = said == MEDIA_INDEX || said == MEDIA_MANIFEST ? said : MEDIA_OTHER;
    else if (said != MEDIA_OTHER && said != kind)
        return err_set(err, ERR_INVALID, "document: /mediaType: of another kind than its members");
    *ret_kind = kind;
    return 0;
}

int oci_document_kind(const char *json, size_t len, enum media_kind *ret_kind, struct err *err)
{
    struct document document = {};

    if (document_read(document_fields, json, len, OCI_INDEX_MAX_BYTES, "document", &document, err) <
        0)
        return -1;
    int result = kind_of(&document, ret_kind, err);
    field_done(document_fields, &document);
    return result;
}

/* A document was refused: if that is because it is something else, says so instead. Returns -1. */
static int kind_explain(const char *json, size_t len, enum media_kind wanted, struct err *err)
{
    struct err other = {};
    enum media_kind kind = wanted;

    if (len > OCI_INDEX_MAX_BYTES)
        return -1;
    if (oci_document_kind(json, len, &kind, &other) < 0 && other.kind == ERR_UNSUPPORTED)
        *err = other;
    else if (kind == MEDIA_INDEX && wanted == MEDIA_MANIFEST)
        return err_set(err, ERR_INVALID, "manifest: is an index of manifests");
    else if (kind == MEDIA_MANIFEST && wanted == MEDIA_INDEX)
        return err_set(err, ERR_INVALID, "index: is a manifest");
    return -1;
}

static int schema_check(int32_t version, const char *media_type, enum media_kind kind,
                        const char *what, struct err *err)
{
    enum media_kind said = media_kind(media_type);

    if (version != 2)
        return err_set(err, ERR_UNSUPPORTED, "%s: /schemaVersion: %d is not 2", what, version);
    if (said != MEDIA_OTHER && said != kind)
        return err_set(err, ERR_INVALID, "%s: /mediaType: of another kind of document", what);
    return 0;
}

/* Digests become paths, and sizes room. `at` names the document and the place in it. */
static int descriptor_check(const struct oci_descriptor *descriptor, const char *at,
                            struct err *err)
{
    if (!digest_valid(descriptor->digest))
        return err_set(err, ERR_INVALID,
                       "%s/digest: neither sha256: with 64 digits nor sha512: with 128", at);
    if (descriptor->size < 0)
        return err_set(err, ERR_INVALID, "%s/size: %lld is negative", at,
                       (long long)descriptor->size);
    return 0;
}

static int descriptors_check(const struct oci_descriptor *descriptors, size_t len, const char *at,
                             struct err *err)
{
    for (size_t i = 0; i < len; i++) {
        auto_free char *inner = xasprintf("%s/%zu", at, i);

        if (descriptor_check(&descriptors[i], inner, err) < 0)
            return -1;
    }
    return 0;
}

static int layers_count_check(size_t count, const char *at, struct err *err)
{
    if (count <= OCI_LAYERS_MAX)
        return 0;
    return err_set(err, ERR_UNSUPPORTED, "%s: %zu layers, of which %d are possible", at, count,
                   OCI_LAYERS_MAX);
}

static int manifest_check(const struct manifest_document *document, struct err *err)
{
    const struct oci_manifest *manifest = &document->manifest;

    if (document->manifests || document->fs_layers)
        return both_refuse("manifest", err);
    if (schema_check(manifest->schema_version, manifest->media_type, MEDIA_MANIFEST, "manifest",
                     err) < 0)
        return -1;
    if (layers_count_check(manifest->layers.len, "manifest: /layers", err) < 0)
        return -1;
    if (descriptor_check(&manifest->config, "manifest: /config", err) < 0)
        return -1;
    if (manifest->subject && descriptor_check(manifest->subject, "manifest: /subject", err) < 0)
        return -1;
    return descriptors_check(manifest->layers.at, manifest->layers.len, "manifest: /layers", err);
}

int oci_manifest_parse(const char *json, size_t len, struct oci_manifest *ret_manifest,
                       struct err *err)
{
    struct manifest_document document = {};

    if (document_read(manifest_document_fields, json, len, OCI_MANIFEST_MAX_BYTES, "manifest",
                      &document, err) < 0)
        return kind_explain(json, len, MEDIA_MANIFEST, err);
    if (manifest_check(&document, err) < 0) {
        field_done(manifest_document_fields, &document);
        return kind_explain(json, len, MEDIA_MANIFEST, err);
    }
    *ret_manifest = document.manifest;
    return 0;
}

static int index_check(const struct index_document *document, struct err *err)
{
    const struct oci_index *index = &document->index;

    if (document->layers || document->config || document->fs_layers)
        return both_refuse("index", err);
    if (schema_check(index->schema_version, index->media_type, MEDIA_INDEX, "index", err) < 0)
        return -1;
    if (index->subject && descriptor_check(index->subject, "index: /subject", err) < 0)
        return -1;
    return descriptors_check(index->manifests.at, index->manifests.len, "index: /manifests", err);
}

int oci_index_parse(const char *json, size_t len, struct oci_index *ret_index, struct err *err)
{
    struct index_document document = {};

    if (document_read(index_document_fields, json, len, OCI_INDEX_MAX_BYTES, "index", &document,
                      err) < 0)
        return kind_explain(json, len, MEDIA_INDEX, err);
    if (index_check(&document, err) < 0) {
        field_done(index_document_fields, &document);
        return kind_explain(json, len, MEDIA_INDEX, err);
    }
    *ret_index = document.index;
    return 0;
}

static int image_check(const struct oci_image *image, struct err *err)
{
    const struct strings *diff_ids = &image->rootfs.diff_ids;

    if (!text_same(image->rootfs.type, "layers"))
        return err_set(err, ERR_UNSUPPORTED, "image: /rootfs/type: not \"layers\"");
    if (layers_count_check(diff_ids->len, "image: /rootfs/diff_ids", err) < 0)
        return -1;
    for (size_t i = 0; i < diff_ids->len; i++)
        if (!digest_valid(diff_ids->at[i]))
            return err_set(
                err, ERR_INVALID,
                "image: /rootfs/diff_ids/%zu: neither sha256: with 64 digits nor sha512: "
                "with 128",
                i);
    return 0;
}

int oci_image_parse(const char *json, size_t len, struct oci_image *ret_image, struct err *err)
{
    struct oci_image image = {};

    if (document_read(oci_image_fields, json, len, OCI_IMAGE_MAX_BYTES, "image", &image, err) < 0)
        return -1;
    if (image_check(&image, err) < 0) {
        oci_image_done(&image);
        return -1;
    }
    *ret_image = image;
    return 0;
}

static int layout_check(const struct oci_layout *layout, struct err *err)
{
    if (text_starts(layout->image_layout_version, "1."))
        return 0;
    return err_set(err, ERR_UNSUPPORTED,
                   "oci-layout: /imageLayoutVersion: only versions 1.x are understood");
}

int oci_layout_parse(const char *json, size_t len, struct oci_layout *ret_layout, struct err *err)
{
    struct oci_layout layout = {};

    if (document_read(layout_fields, json, len, OCI_MANIFEST_MAX_BYTES, "oci-layout", &layout,
                      err) < 0)
        return -1;
    if (layout_check(&layout, err) < 0) {
        oci_layout_done(&layout);
        return -1;
    }
    *ret_layout = layout;
    return 0;
}

static int archive_check(const struct oci_archive *archive, struct err *err)
{
    for (size_t i = 0; i < archive->images.len; i++) {
        auto_free char *at = xasprintf("manifest.json: /%zu/Layers", i);

        if (layers_count_check(archive->images.at[i].layers.len, at, err) < 0)
            return -1;
    }
    return 0;
}

int oci_archive_parse(const char *json, size_t len, struct oci_archive *ret_archive,
                      struct err *err)
{
    struct oci_archive archive = {};

    if (document_read(archive_fields, json, len, OCI_ARCHIVE_MAX_BYTES, "manifest.json", &archive,
                      err) < 0)
        return -1;
    if (archive_check(&archive, err) < 0) {
        oci_archive_done(&archive);
        return -1;
    }
    *ret_archive = archive;
    return 0;
}

/* ---- writing and releasing ---- */

void oci_manifest_format(const struct oci_manifest *manifest, struct str *out)
{
    field_write(oci_manifest_fields, manifest, 0, out);
}

void oci_index_format(const struct oci_index *index, struct str *out)
{
    field_write(oci_index_fields, index, 0, out);
}

void oci_image_format(const struct oci_image *image, struct str *out)
{
    field_write(oci_image_fields, image, 0, out);
}

void oci_layout_format(const struct oci_layout *layout, struct str *out)
{
    field_write(layout_fields, layout, 0, out);
}

void oci_archive_format(const struct oci_archive *archive, struct str *out)
{
    field_write(archive_fields, archive, 0, out);
}

void oci_platform_done(struct oci_platform *platform)
{
    field_done(oci_platform_fields, platform);
}

void oci_descriptor_done(struct oci_descriptor *descriptor)
{
    field_done(oci_descriptor_fields, descriptor);
}

void oci_manifest_done(struct oci_manifest *manifest)
{
    field_done(oci_manifest_fields, manifest);
}

void oci_index_done(struct oci_index *index)
{
    field_done(oci_index_fields, index);
}

void oci_image_done(struct oci_image *image)
{
    field_done(oci_image_fields, image);
}

void oci_layout_done(struct oci_layout *layout)
{
    field_done(layout_fields, layout);
}

void oci_archive_done(struct oci_archive *archive)
{
    field_done(archive_fields, archive);
}
