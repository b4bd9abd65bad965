/* SPDX-License-Identifier: Apache-2.0 */
#include "image/trust_check.h"

#include <string.h>

#include "image/object.h"
#include "image/sign.h"
#include "image/store.h"
#include "image/trust.h"

int trust_init(struct trust *trust, const struct registry_environment *environment,
               const char *file, const struct reference *reference, struct err *err)
{
    struct registry_environment own;
    *trust = (struct trust){
        .reference = reference,
        .repository =
            reference ? reference_repository(reference) : xstrdup("an image without a name"),
    };
    if (!environment)
        registry_environment_read(&own);
    if (policy_load(environment ? environment : &own, file, &trust->policy, err) == 0 &&
        policy_require(&trust->policy, reference, &trust->scope, err) == 0)
        return 0;
    trust_done(trust);
    return -1;
}

void trust_done(struct trust *trust)
{
    policy_done(&trust->policy);
    intake_document_done(&trust->artifact);
    free(trust->repository);
    free(trust->tag);
    *trust = (struct trust){};
}

/* ---- requirements ---- */

struct judging {
    const struct trust *trust;
    const struct policy_requirement *requirement;
};

static bool name_taken(void *context, const char *signed_name)
{
    const struct judging *judging = context;
    return policy_takes(judging->requirement, judging->trust->reference, signed_name);
}

/* By any of the requirement's keys. */
static int requirement_check(const struct trust *trust,
                             const struct policy_requirement *requirement,
                             const struct helper *helper, const struct signatures *signatures,
                             const char *digest, struct err *err)
{
    struct judging judging = { trust, requirement };
    int more;
    err_set(err, ERR_DENIED, "the policy has no key for it");
    for (size_t i = 0;; i++) {
        auto_close int key = -1;
        auto_free char *reference = NULL;
        struct err problem;
        more = policy_key_open(requirement, i, &key, &problem);
        if (more < 0)
            *err = problem;
        if (more <= 0)
            return -1;
        if (signatures_verify(helper, signatures, key, digest, name_taken, &judging, &reference,
                              err) == 0)
            return 0;
    }
}

/* All requirements, each by whatever signature. */
static int digest_check(const struct trust *trust, const struct helper *helper,
                        const struct signatures *signatures, const char *digest, struct err *err)
{
    for (size_t i = 0; i < trust->scope->requirements.len; i++) {
        const struct policy_requirement *requirement = &trust->scope->requirements.at[i];
        if (requirement->type == POLICY_SIGSTORE &&
            requirement_check(trust, requirement, helper, signatures, digest, err) < 0)
            return -1;
    }
    return 0;
}

static int refused(const struct trust *trust, struct err *err)
{
    err_wrap(err, "%s is refused by %s", trust->repository, trust->policy.file);
    err->kind = ERR_DENIED;
    return -1;
}

/* ---- before it is pulled ---- */

/* Returns 1, or 0: it is not signed. */
static int digest_intake(struct trust *trust, struct intake *intake, const char *digest,
                         struct err *err)
{
    auto_done(signatures) signatures = {};
    auto_done(intake_document) artifact = {};
    int found = signatures_fetch(intake, digest, &signatures, &artifact, err);
    if (found <= 0)
        return found;
    if (digest_check(trust, &intake->helper, &signatures, digest, err) < 0)
        return -1;
    intake_document_done(&trust->artifact); /* of an attempt before */
    free(trust->tag);
    trust->artifact = artifact;
    artifact = (struct intake_document){};
    trust->tag = signature_tag(digest);
    return 1;
}

int trust_intake(struct trust *trust, struct intake *intake, const char *const *digests, size_t n,
                 struct err *err)
{
    if (!trust->scope)
        return 0;
    err_set(err, ERR_DENIED, "it is not signed");
    for (size_t i = 0; i < n; i++) {
        struct err problem;
        if (i > 0 && strcmp(digests[i], digests[i - 1]) == 0)
            continue;
        int found = digest_intake(trust, intake, digests[i], &problem);
        if (found > 0)
            return 0;
        if (found < 0) /* says more than that there is none */
            *err = problem;
    }
    return refused(trust, err);
}

int trust_keep(const struct trust *trust, struct images *images, struct err *err)
{
    auto_done(object_stored) stored = {};
    if (!trust->tag)
        return 0;
    const struct object_manifest manifest = {
        .repository = trust->repository,
        .tag = trust->tag,
        .digest = trust->artifact.digest,
        .media_type = MEDIA_OCI_MANIFEST,
        .data = trust->artifact.data,
        .len = trust->artifact.len,
    };
    int put = object_manifest_put(images, &manifest, &stored, err);
    if (put == 0)
        return err_set(err, ERR_CONFLICT, "%s went while its image was pulled", stored.missing);
    return put < 0 ? -1 : 0;
}

/* ---- before it is run ---- */

static int image_check(const struct trust *trust, struct images *images, const struct image *image,
                       struct err *err)
{
    const char *digests[] = { image->list, image->digest };
    struct helper helper;
    int result = -1;
    if (helper_open(images->transfer, images->root, &helper, err) < 0)
        return -1;
    err_set(err, ERR_DENIED, "it is not signed");
    for (size_t i = 0; trust->reference && i < array_size(digests) && result < 0; i++) {
        auto_done(signatures) signatures = {};
        struct err problem;
        int found = digests[i] ? signatures_load(images, trust->repository, digests[i], &signatures,
                                                 &problem)
                               : 0;
        if (found < 0)
            *err = problem;
        if (found > 0)
            result = digest_check(trust, &helper, &signatures, digests[i], err);
    }
    helper_close(&helper);
    return result;
}

static int name_trusted(struct images *images, const struct image *image,
                        const struct reference *reference,
                        const struct image_trust_options *options, struct err *err)
{
    auto_done(trust) trust = {};
    if (trust_init(&trust, options->environment, options->policy, reference, err) < 0)
        return -1;
    if (!trust.scope || image_check(&trust, images, image, err) == 0)
        return 0;
    return refused(&trust, err);
}

/* Whether the image has the name, or for a name with a digest one of the same repository. What
 * was asked for may be an alias, which says nothing. */
static bool image_is_called(const struct image *image, const struct reference *asked)
{
    auto_free char *normal = reference_format(asked);
    auto_free char *repository = reference_repository(asked);
    if (!asked->digest)
        return strings_have(&image->names, normal);
    for (size_t i = 0; i < image->names.len; i++) {
        auto_drop(reference) *own = NULL;
        struct err ignored;
        if (reference_parse(image->names.at[i], &own, &ignored) < 0)
            continue;
        auto_free char *other = reference_repository(own);
        if (strcmp(other, repository) == 0)
            return true;
    }
    return false;
}

int image_trusted(struct images *images, const struct image *image, const char *name,
                  const struct image_trust_options *options, struct err *err)
{
    auto_drop(reference) *asked = NULL;
    struct err ignored;
    if (reference_parse(name, &asked, &ignored) == 0 && image_is_called(image, asked))
        return name_trusted(images, image, asked, options, err);
    if (image->names.len == 0)
        return name_trusted(
            images, image, NULL, options,
            err); /* Asked for by its id or an alias: under one of its names it has to be good. */
    for (size_t i = 0; i < image->names.len; i++) {
        auto_drop(reference) *reference = NULL;
        if (reference_parse(image->names.at[i], &reference, err) == 0 &&
            name_trusted(images, image, reference, options, err) == 0)
            return 0;
    }
    return -1;
}
