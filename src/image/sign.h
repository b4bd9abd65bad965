/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Signing images and looking at their signatures (image/signature.h has their form). Keys are files
 * of the user's, parsed by ruche-transfer alone; signatures are artifacts in the store and, pushed
 * and pulled, in registries.
 */
#include "image/image.h"
#include "image/intake.h"
#include "image/signature.h"

/* Signatures of one manifest, none of them verified. */
struct signature {
    char *payload;
    size_t len;
    char *text; /* base64 */
};
struct signatures {
    struct signature *at;
    size_t len;
};
void signatures_done(struct signatures *signatures);

/* Those in the store, respectively in the registry, with the artifact that they are in, all of which
 * is among the intake's parts then. Return 1, or 0: there are none. */
int signatures_load(struct images *images, const char *repository, const char *digest,
                    struct signatures *ret_signatures, struct err *err);
int signatures_fetch(struct intake *intake, const char *digest, struct signatures *ret_signatures,
                     struct intake_document *ret_artifact, struct err *err);

/* Whether a reference that was signed stands for the image that is asked about. */
typedef bool signature_judge(void *context, const char *reference);

/* Finds a signature by the key, which is open for reading, over the digest and a reference that the
 * judge takes. *ret_reference, which is owned by the caller: that one. ERR_DENIED with the reason if
 * there is none. */
int signatures_verify(const struct helper *helper, const struct signatures *signatures, int key,
                      const char *digest, signature_judge *judge, void *context,
                      char **ret_reference, struct err *err);
