/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The policy carried out: before an image is pulled, and before one is run. What is signed by one of
 * the keys may be the manifest, or the list that names it by its digest.
 */
#include "image/intake.h"
#include "image/policy.h"

/* What the policy wants of a name. */
struct trust {
    struct policy policy;
    const struct policy_scope *scope;  /* NULL: nothing */
    const struct reference *reference; /* borrowed; NULL: the image has no name */
    char *repository;
    char *tag;                       /* of the signatures that were found good, */
    struct intake_document artifact; /* which are these */
};

/* Reads the policy: that in `file`, or the user's if NULL. An image that is here may be without a
 * name: reference is NULL. ERR_DENIED: it takes no such image. */
int trust_init(struct trust *trust, const struct registry_environment *environment,
               const char *file, const struct reference *reference, struct err *err);
void trust_done(struct trust *trust);

/* Sees to it that one of the digests, what the name means and the manifest chosen from it, is signed
 * as the policy wants it, by signatures of the registry. ERR_DENIED: none is. */
int trust_intake(struct trust *trust, struct intake *intake, const char *const *digests, size_t n,
                 struct err *err);
/* Keeps these signatures, once the intake is committed. */
int trust_keep(const struct trust *trust, struct images *images, struct err *err);
