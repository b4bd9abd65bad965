/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an image gets from a registry into the store:
 *
 *     resolve    the name means one place, by the user's files
 *     unchanged  if an image of the name is here, one HEAD tells whether it is still the same
 *     manifest   brought and verified; of an index, the manifest for the platform
 *     trust      signatures are looked at, if the user's policy wants any
 *     layers     configuration, then the layers that are not here: fetched, digested, inflated and
 *                unpacked at once, several at a time (part.c)
 *     commit     as of an archive that is loaded (load.c)
 *
 * What was left of a fetch that was broken off may be damaged, by a power cut say. Then it is thrown
 * away and everything done once more, of which what was brought meanwhile is a part.
 */
#include "image/pull.h"

#include <string.h>

#include "image/content.h"
#include "image/intake.h"
#include "image/platform.h"
#include "image/trust_check.h"

enum { ATTEMPTS = 3 };

struct pull {
    struct images *images;
    const struct image_pull_options *options;
    const struct image_watch *watch;
    struct reference *reference; /* borrowed */
    struct oci_platform platform;
    struct remote remote;
    struct trust trust;
    char *name;         /* normal form, in which it is stored */
    struct image *here; /* what has the name now, for the platform; or NULL */
    bool found;         /* the registry has what the name means */
};

void image_pulled_done(struct image_pulled *pulled)
{
    free(pulled->name);
    free(pulled->id);
    free(pulled->digest);
    *pulled = (struct image_pulled){};
}

static void pull_done(struct pull *pull)
{
    remote_close(&pull->remote);
    trust_done(&pull->trust);
    oci_platform_done(&pull->platform);
    image_free(pull->here);
    free(pull->name);
}

/* ---- what is here ---- */

static bool layers_present(const struct pull *pull, const struct image *image)
{
    for (size_t i = 0; i < image->oci.rootfs.diff_ids.len; i++)
        if (!layer_present(pull->images, image->oci.rootfs.diff_ids.at[i]))
            return false;
    return true;
}

static const char *top_digest(const struct image *image)
{
    return image->list ? image->list : image->digest;
}

static bool is_for(const struct oci_image *image, const struct oci_platform *wanted)
{
    const struct oci_platform platform = {
        .os = image->os,
        .architecture = image->architecture,
        .variant = image->variant,
    };
    return platform_fits(&platform, wanted) > 0;
}

/* Of a list it may be another platform's, for which somebody asked earlier. */
static bool here_serves(const struct pull *pull)
{
    return (!pull->here->list || is_for(&pull->here->oci, &pull->platform)) &&
           layers_present(pull, pull->here) && image_blobs_present(pull->images, pull->here);
}

static int here_find(struct pull *pull, struct err *err)
{
    struct err problem; /* whatever is wrong with it, it is replaced */
    const struct oci_platform *platform = pull->options->platform ? &pull->platform : NULL;
    int found = image_find_for(pull->images, pull->name, platform, &pull->here, &problem);
    if (found < 0 && problem.kind == ERR_SYSTEM) {
        *err = problem;
        return -1;
    }
    if (found > 0 && !here_serves(pull)) {
        image_free(pull->here);
        pull->here = NULL;
    }
    return 0;
}

/* Whether the registry still means the same by the name. Returns 1, or 0. */
static int here_unchanged(struct pull *pull, struct err *err)
{
    struct remote_request request;
    auto_done(remote_answer) answer = {};
    if (remote_request_init(&request, REMOTE_MANIFEST, pull->reference->tag, NULL, err) < 0)
        return -1;
    request.flags = REMOTE_HEAD;
    if (remote_ask(&pull->remote, &request, NULL, 0, &answer, err) < 0)
        return err->kind == ERR_UNSUPPORTED ? 0 : -1;
    return answer.detail && answer.digest && strcmp(answer.digest, top_digest(pull->here)) == 0;
}

static void pulled_fill(const struct pull *pull, const char *id, const char *digest,
                        struct image_pulled *ret_pulled)
{
    bool same = pull->here && strcmp(pull->here->id, id) == 0 &&
                strcmp(top_digest(pull->here), digest) == 0;
    *ret_pulled = (struct image_pulled){
        .name = xstrdup(pull->name),
        .id = xstrdup(id),
        .digest = xstrdup(digest),
        .newer = !same,
    };
}

/* ---- what is not ---- */

/* An image without an index says itself what it is for. */
static int platform_check(const struct pull *pull, const struct oci_image *image, struct err *err)
{
    const struct oci_platform platform = {
        .os = image->os,
        .architecture = image->architecture,
        .variant = image->variant,
    };
    auto_done(str) is = {};
    auto_done(str) wanted = {};
    if (is_for(image, &pull->platform))
        return 0;
    platform_format(&platform, &is);
    platform_format(&pull->platform, &wanted);
    if (pull->options->platform)
        return err_set(err, ERR_UNSUPPORTED, "there is no image for %s, only for: %s",
                       str_text(&wanted), str_text(&is));
    auto_free char *text =
        xasprintf("the image is for %s, and this machine is %s", str_text(&is), str_text(&wanted));
    if (pull->watch && pull->watch->warning)
        pull->watch->warning(pull->watch->context, text);
    return 0;
}

static int pull_into(struct pull *pull, struct intake *intake, struct image_pulled *ret_pulled,
                     struct err *err)
{
    const char *wanted = pull->reference->digest ? pull->reference->digest : pull->reference->tag;
    auto_done(intake_document) document = {};
    auto_done(image_loads) loads = {};
    struct load_plan_image *image;
    if (intake_manifest(intake, wanted, &document, err) < 0)
        return -1;
    pull->found = true;
    auto_free char *digest = xstrdup(document.digest);
    if (intake_choose(intake, &pull->platform, &document, err) < 0)
        return -1;
    const char *digests[] = { digest, document.digest };
    if (trust_intake(&pull->trust, intake, digests, array_size(digests), err) < 0 ||
        intake_plan_image(intake, &document, &image, err) < 0 ||
        platform_check(pull, &image->oci, err) < 0)
        return -1;
    if (strcmp(digest, document.digest) != 0)
        image->index = xstrdup(digest);
    strings_add(&image->names, pull->name);
    if (intake_commit(intake, &loads, err) < 0 || trust_keep(&pull->trust, pull->images, err) < 0)
        return -1;
    pulled_fill(pull, loads.at[0].id, digest, ret_pulled);
    return 0;
}

static int pull_new(struct pull *pull, const struct remote_setup *setup,
                    struct image_pulled *ret_pulled, struct err *err)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        struct intake intake;
        /* ruche-transfer has begun by the time that ruche-remote has. */
        if (intake_open(&intake, pull->images, &pull->remote, pull->watch, err) < 0)
            return -1;
        int result = pull->remote.helper.control >= 0
                         ? 0
                         : remote_open(setup, pull->watch, &pull->remote, err);
        if (result == 0)
            result = pull_into(pull, &intake, ret_pulled, err);
        bool again = result < 0 && intake.plan.parts.damaged;
        intake_close(&intake);
        if (!again)
            return result;
        if (pull->watch && pull->watch->warning)
            pull->watch->warning(pull->watch->context,
                                 "what was left of an earlier pull is damaged; it is fetched anew");
    }
    return -1;
}

/* ---- one name ---- */

static int pull_reference(struct pull *pull, struct image_pulled *ret_pulled, struct err *err)
{
    auto_done(remote_setup) setup = {};
    if (trust_init(&pull->trust, pull->options->registry->environment, pull->options->policy,
                   pull->reference, err) < 0 ||
        here_find(pull, err) < 0)
        return -1;
    /* What has to be signed is looked at anew: the policy may have changed since. */
    if (pull->trust.scope) {
        image_free(pull->here);
        pull->here = NULL;
    }
    if (pull->here && pull->reference->digest) {
        pulled_fill(pull, pull->here->id, pull->reference->digest, ret_pulled);
        return 0;
    }
    if (registry_setup(pull->options->registry, pull->reference, REGISTRY_PULL, &setup, err) < 0)
        return -1;
    if (!pull->here)
        return pull_new(pull, &setup, ret_pulled, err);
    if (remote_open(&setup, pull->watch, &pull->remote, err) < 0)
        return -1;
    int unchanged = here_unchanged(pull, err);
    if (unchanged <= 0)
        return unchanged < 0 ? -1 : pull_new(pull, &setup, ret_pulled, err);
    pulled_fill(pull, pull->here->id, top_digest(pull->here), ret_pulled);
    return 0;
}

static char *name_stored(const struct reference *reference)
{
    if (!reference->digest)
        return reference_format(reference);
    return xasprintf("%s/%s@%s", reference->domain, reference->path, reference->digest);
}

/* Whether the registry says that it has no such thing, or none for us. What we refuse ourselves, for
 * want of a signature or a good certificate, is nothing to look for elsewhere. */
static bool is_elsewhere(const struct err *err)
{
    return err->kind == ERR_NOT_FOUND || (err->kind == ERR_DENIED && err->errnum == REMOTE_REFUSES);
}

/* *ret_next: the name's next candidate may be tried. */
static int pull_candidate(struct images *images, const char *name,
                          const struct image_pull_options *options, const struct image_watch *watch,
                          struct image_pulled *ret_pulled, bool *ret_next, struct err *err)
{
    *ret_next = false;
    auto_drop(reference) *reference = NULL;
    if (reference_parse(name, &reference, err) < 0)
        return -1;
    auto_done(pull) pull = {
        .images = images,
        .options = options,
        .watch = watch,
        .reference = reference,
        .remote = REMOTE_CLOSED,
    };
    if (!options->platform)
        platform_own(&pull.platform);
    else if (platform_parse(options->platform, &pull.platform, err) < 0)
        return -1;
    if (!options->store_as)
        pull.name = name_stored(reference);
    else if (image_normal(options->store_as, &pull.name, err) < 0)
        return -1;
    if (pull_reference(&pull, ret_pulled, err) < 0) {
        *ret_next = !pull.found && is_elsewhere(err);
        return err_wrap(err, "pull %s", name);
    }
    return 0;
}

int image_pull(struct images *images, const char *name, const struct image_pull_options *options,
               const struct image_watch *watch, struct image_pulled *ret_pulled, struct err *err)
{
    static const struct image_pull_options defaults;
    static const struct registry_options registry;
    struct image_pull_options own = options ? *options : defaults;
    auto_done(strings) candidates = {};
    if (!own.registry)
        own.registry = &registry;
    if (registry_resolve(own.registry, name, &candidates, err) < 0)
        return -1;
    /* Several only where the user's configuration says that they are to be tried in turn. */
    for (size_t i = 0; i < candidates.len; i++) {
        bool next;
        if (pull_candidate(images, candidates.at[i], &own, watch, ret_pulled, &next, err) == 0)
            return 0;
        if (!next)
            return -1;
    }
    return -1;
}
