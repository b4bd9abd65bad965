/* SPDX-License-Identifier: Apache-2.0 */
/* Verifying an image by a key, with the signatures that are here or those of its registry. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "image/sign.h"
#include "image/store.h"
#include "image/trust.h"

struct verifying {
    struct images *images;
    const struct image_verify_options *options;
    const struct image_watch *watch;
    struct reference *reference; /* borrowed */
    char *repository;
    int key;
};

void image_verified_done(struct image_verified *verified)
{
    free(verified->digest);
    free(verified->reference);
    *verified = (struct image_verified){};
}

/* Of the same repository: who signed another tag of it meant this one as well if the digest is the
 * same. */
static bool repository_same(void *context, const char *text)
{
    const struct verifying *verifying = context;
    auto_drop(reference) *reference = NULL;
    struct err ignored;
    if (reference_parse(text, &reference, &ignored) < 0)
        return false;
    auto_free char *repository = reference_repository(reference);
    return strcmp(repository, verifying->repository) == 0;
}

static int digest_verify(struct verifying *verifying, const struct helper *helper,
                         const struct signatures *signatures, const char *digest,
                         struct image_verified *ret_verified, struct err *err)
{
    char *reference;
    if (signatures_verify(helper, signatures, verifying->key, digest, repository_same, verifying,
                          &reference, err) < 0)
        return -1;
    *ret_verified = (struct image_verified){ xstrdup(digest), reference };
    return 0;
}

/* ---- here ---- */

static int verify_with(struct verifying *verifying, const char *digest,
                       const struct signatures *signatures, struct image_verified *ret_verified,
                       struct err *err)
{
    struct helper helper;
    if (store_prepare(verifying->images, err) < 0 ||
        helper_open(verifying->images->transfer, verifying->images->root, &helper, err) < 0)
        return -1;
    int result = digest_verify(verifying, &helper, signatures, digest, ret_verified, err);
    helper_close(&helper);
    return result;
}

/* Returns 1; 0: the image is not here, or has no signatures here. */
static int verify_here(struct verifying *verifying, const char *name,
                       struct image_verified *ret_verified, struct err *err)
{
    auto_drop(image) *image = NULL;
    int found = image_find(verifying->images, name, &image, err);
    if (found <= 0)
        return found;
    int any = 0;
    const char *digests[] = { image->list, image->digest };
    for (size_t i = 0; i < array_size(digests); i++) {
        auto_done(signatures) signatures = {};
        if (!digests[i])
            continue;
        found =
            signatures_load(verifying->images, verifying->repository, digests[i], &signatures, err);
        if (found < 0)
            return -1;
        if (found == 0)
            continue;
        if (verify_with(verifying, digests[i], &signatures, ret_verified, err) == 0)
            return 1;
        any = -1;
    }
    return any;
}

/* ---- in the registry ---- */

static int verify_in(struct verifying *verifying, struct intake *intake,
                     struct image_verified *ret_verified, struct err *err)
{
    const struct reference *reference = verifying->reference;
    const char *wanted = reference->digest ? reference->digest : reference->tag;
    auto_done(intake_document) document = {};
    auto_done(intake_document) artifact = {};
    auto_done(signatures) signatures = {};
    if (intake_manifest(intake, wanted, &document, err) < 0)
        return -1;
    int found = signatures_fetch(intake, document.digest, &signatures, &artifact, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_DENIED, "it is not signed");
    return digest_verify(verifying, &intake->helper, &signatures, document.digest, ret_verified,
                         err);
}

static int verify_remote(struct verifying *verifying, struct image_verified *ret_verified,
                         struct err *err)
{
    static const struct registry_options defaults;
    const struct registry_options *registry =
        verifying->options->registry ? verifying->options->registry : &defaults;
    auto_done(remote_setup) setup = {};
    auto_done(remote) remote = REMOTE_CLOSED;
    struct intake intake;
    if (registry_setup(registry, verifying->reference, REGISTRY_PULL, &setup, err) < 0 ||
        remote_open(&setup, verifying->watch, &remote, err) < 0 ||
        intake_open(&intake, verifying->images, &remote, verifying->watch, err) < 0)
        return -1;
    int result = verify_in(verifying, &intake, ret_verified, err);
    intake_close(&intake);
    return result;
}

int image_verify(struct images *images, const char *name,
                 const struct image_verify_options *options, const struct image_watch *watch,
                 struct image_verified *ret_verified, struct err *err)
{
    auto_drop(reference) *reference = NULL;
    auto_free char *repository = NULL;
    auto_close int key = -1;
    if (reference_parse(name, &reference, err) < 0)
        return -1;
    repository = reference_repository(reference);
    key = open(options->key, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (key < 0)
        return err_sys(err, "open %s", options->key);
    struct verifying verifying = {
        .images = images,
        .options = options,
        .watch = watch,
        .reference = reference,
        .repository = repository,
        .key = key,
    };
    int found = options->remote ? 0 : verify_here(&verifying, name, ret_verified, err);
    if (found == 0)
        found = verify_remote(&verifying, ret_verified, err);
    return found < 0 ? err_wrap(err, "verify %s", name) : 0;
}
