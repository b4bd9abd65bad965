/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Signatures of images in the form that cosign and containers/image keep: a payload ("simple
 * signing") that names a reference and a manifest's digest; the payload is the layer of an artifact
 * called REPOSITORY:sha256-HEX.sig, its signature an annotation of that layer. This module knows
 * the documents; keys are ruche-transfer's.
 */
#include "base/err.h"
#include "base/str.h"
#include "image/reference.h"
#include "oci/image.h"

#define MEDIA_SIGNED_PAYLOAD "application/vnd.dev.cosign.simplesigning.v1+json"
#define NOTE_SIGNATURE       "dev.cosignproject.cosign/signature"

enum { SIGNED_PAYLOAD_MAX_BYTES = 64 << 10, SIGNATURES_MAX = 100 };

/* What a payload claims. */
struct signature_claim {
    char *reference; /* "registry.example/app:1.0" */
    char *digest;    /* of the manifest it is about */
};

void signature_claim_done(struct signature_claim *claim);

/* The tag below which the signatures of a manifest are kept. Owned by the caller. */
char *signature_tag(const char *digest);
/* The same with the repository before it: a whole name in normal form. Owned by the caller. */
char *signature_name(const struct reference *reference, const char *digest);
/* Whether a tag is such a one. */
bool signature_is_tag(const char *tag);

void signature_payload_format(const struct signature_claim *claim, struct str *out);
/* A payload of another type is an error. */
int signature_payload_parse(const char *json, size_t len, struct signature_claim *ret_claim,
                            struct err *err);

/* Adds a signature to an artifact's manifest, which may be empty: the payload's blob and the
 * signature. */
void signature_manifest_add(struct oci_manifest *manifest, const char *payload_digest,
                            int64_t payload_size, const char *signature);
/* The artifact's configuration: an image's that has the payloads for layers, as tools expect that
 * know nothing of signatures. */
void signature_config_format(const struct oci_manifest *manifest, struct str *out);
/* The signature of a layer; NULL: the layer is none. */
const char *signature_of_layer(const struct oci_descriptor *layer);
