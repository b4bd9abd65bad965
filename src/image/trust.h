/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Which images are to be trusted: signing them, verifying them by a key, and what the user's policy
 * (containers-policy.json(5)) asks of an image before it is pulled or run.
 */
#include "image/image.h"
#include "image/registry.h"

struct image_sign_options {
    const char *key;             /* path of a private key in PEM: ECDSA P-256 or Ed25519 */
    const char *passphrase_file; /* its first line opens the key; NULL: it is not sealed */
};

/* Signs an image that is here by its name. The signature is stored as an artifact beside it; its
 * names, of which there are two if the image was taken from a list, are added to ret_names. */
int image_sign(struct images *images, const char *name, const struct image_sign_options *options,
               struct strings *ret_names, struct err *err);

struct image_verify_options {
    const char *key;                         /* path of a public key in PEM */
    const struct registry_options *registry; /* NULL: as the user's files have it */
    bool remote; /* asks the registry even if the image and its signatures are here */
};

struct image_verified {
    char *digest;    /* what was signed */
    char *reference; /* and under which name */
};
void image_verified_done(struct image_verified *verified);

/* Looks for a signature by the key over what the name means, for a name of the same repository; here,
 * or in the registry if the image or its signatures are not here. ERR_DENIED: there is none, with
 * the reason. watch may be NULL. */
int image_verify(struct images *images, const char *name,
                 const struct image_verify_options *options, const struct image_watch *watch,
                 struct image_verified *ret_verified, struct err *err);

struct image_trust_options {
    const struct registry_environment *environment; /* NULL: the process's */
    const char *policy;                             /* its file; NULL: the user's */
};

/* Whether the policy lets an image run that is here and was asked for by the name. ERR_DENIED: it
 * does not, with the reason. */
int image_trusted(struct images *images, const struct image *image, const char *name,
                  const struct image_trust_options *options, struct err *err);
