/* SPDX-License-Identifier: Apache-2.0 */
#include "image/signature.h"

#include <stdio.h>
#include <string.h>

#include "base/field.h"

static const char payload_type[] = "cosign container image signature";

/* ---- payload ---- */

struct payload_identity {
    char *reference;
};
struct payload_image {
    char *digest;
};
struct payload_critical {
    struct payload_identity identity;
    struct payload_image image;
    char *type;
};
struct payload_optional {
    char *creator;
};
struct payload {
    struct payload_critical critical;
    struct payload_optional optional;
};

static const struct field identity_fields[] = {
    FIELD_TEXT(payload_identity, reference, "docker-reference", F_MUST),
    FIELD_END,
};

static const struct field payload_image_fields[] = {
    FIELD_TEXT(payload_image, digest, "docker-manifest-digest", F_MUST),
    FIELD_END,
};

static const struct field critical_fields[] = {
    FIELD_OBJECT(payload_critical, identity, "identity", F_MUST, payload_identity, identity_fields),
    FIELD_OBJECT(payload_critical, image, "image", F_MUST, payload_image, payload_image_fields),
    FIELD_TEXT(payload_critical, type, "type", F_MUST),
    FIELD_END,
};

static const struct field optional_fields[] = {
    FIELD_TEXT(payload_optional, creator, "creator", 0),
    FIELD_END,
};

static const struct field payload_fields[] = {
    FIELD_OBJECT(payload, critical, "critical", F_MUST, payload_critical, critical_fields),
    FIELD_OBJECT(payload, optional, "optional", F_ALWAYS, payload_optional, optional_fields),
    FIELD_END,
};

void signature_claim_done(struct signature_claim *claim)
{
    free(claim->reference);
    free(claim->digest);
    *claim = (struct signature_claim){};
}

void signature_payload_format(const struct signature_claim *claim, struct str *out)
{
    struct payload payload = {
        .critical = {
            .identity = { .reference = xstrdup(claim->reference) },
            .image = { .digest = xstrdup(claim->digest) },
            .type = xstrdup(payload_type),
        },
        .optional = { .creator = xstrdup("ruche " RUCHE_VERSION) },
    };
    field_write(payload_fields, &payload, 0, out);
    field_done(payload_fields, &payload);
}

int signature_payload_parse(const char *json, size_t len, struct signature_claim *ret_claim,
                            struct err *err)
{
    struct payload payload = {};
    int result = 0;
    if (field_read(payload_fields, json, len, "signed payload", 0, &payload, err) < 0)
        return -1;
    if (strcmp(payload.critical.type, payload_type) != 0)
        result = err_set(err, ERR_INVALID, "what is signed is of another type than an image");
    else if (!digest_valid(payload.critical.image.digest))
        result = err_set(err, ERR_INVALID, "what is signed names no digest");
    else
        *ret_claim = (struct signature_claim){
            .reference = take_ptr(payload.critical.identity.reference),
            .digest = take_ptr(payload.critical.image.digest),
        };
    field_done(payload_fields, &payload);
    return result;
}

/* ---- names ---- */

static const char tag_begin[] = "sha256-";
static const char tag_end[] = ".sig";
enum { HEX_LEN = 64 };

char *signature_tag(const char *digest)
{
    return xasprintf("%s%s%s", tag_begin, digest_hex(digest), tag_end);
}

char *signature_name(const struct reference *reference, const char *digest)
{
    auto_free char *repository = reference_repository(reference);
    auto_free char *tag = signature_tag(digest);
    return xasprintf("%s:%s", repository, tag);
}

bool signature_is_tag(const char *tag)
{
    size_t begin = strlen(tag_begin);
    return tag && text_starts(tag, tag_begin) &&
           strspn(tag + begin, "0123456789abcdef") == HEX_LEN &&
           strcmp(tag + begin + HEX_LEN, tag_end) == 0;
}

/* ---- the artifact ---- */

void signature_manifest_add(struct oci_manifest *manifest, const char *payload_digest,
                            int64_t payload_size, const char *signature)
{
    if (manifest->schema_version == 0) {
        manifest->schema_version = 2;
        manifest->media_type = xstrdup(MEDIA_OCI_MANIFEST);
    }
    struct oci_descriptor *layer = array_add(&manifest->layers);
    layer->media_type = xstrdup(MEDIA_SIGNED_PAYLOAD);
    layer->digest = xstrdup(payload_digest);
    layer->size = payload_size;
    pairs_put(&layer->annotations, NOTE_SIGNATURE, signature);
}

void signature_config_format(const struct oci_manifest *manifest, struct str *out)
{
    struct oci_image image = {
        .architecture = xstrdup(""),
        .os = xstrdup(""),
        .rootfs = { .type = xstrdup("layers") },
    };
    for (size_t i = 0; i < manifest->layers.len; i++)
        strings_add(&image.rootfs.diff_ids, manifest->layers.at[i].digest);
    oci_image_format(&image, out);
    oci_image_done(&image);
}

const char *signature_of_layer(const struct oci_descriptor *layer)
{
    if (!layer->media_type || strcmp(layer->media_type, MEDIA_SIGNED_PAYLOAD) != 0)
        return NULL;
    return pairs_value(&layer->annotations, NOTE_SIGNATURE);
}
