/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists: indexes of manifests for several platforms. Of their members those count that are here; a
 * list may name lists. What a member holds is a stranger's: one that cannot be read is in nobody's
 * way.
 */
#include <string.h>

#include "image/platform.h"
#include "image/store.h"

enum { LIST_DEPTH_MAX = 4 };

struct walk {
    struct images *images;
    list_visit *visit;
    void *context;
    struct strings seen; /* digests: a member that is named a thousand times is one */
    size_t bytes;        /* of the documents that were read */
};

static void walk_done(struct walk *walk)
{
    strings_done(&walk->seen);
}

/* Whether there is room for another document. */
static int walk_room(struct walk *walk, size_t len, struct err *err)
{
    walk->bytes += len;
    if (walk->bytes <= (size_t)DOCUMENTS_MAX_MIB << 20)
        return 0;
    err_set(err, ERR_UNSUPPORTED, "a list with more than %d MiB of manifests", DOCUMENTS_MAX_MIB);
    return err_hint(err, "remove it");
}

static int walk_index(struct walk *walk, const char *data, size_t len, int depth, struct err *err);

static int walk_member(struct walk *walk, const struct oci_descriptor *descriptor, int depth,
                       struct err *err)
{
    auto_free char *data = NULL;
    auto_done(oci_manifest) manifest = {};
    struct list_member member = { .descriptor = descriptor };
    enum media_kind kind;
    struct err foreign;
    size_t len;

    if (blob_load(walk->images, descriptor->digest, OCI_MANIFEST_MAX_BYTES, &data, &len, err) < 0)
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    if (walk_room(walk, len, err) < 0)
        return -1;
    if (oci_document_kind(data, len, &kind, &foreign) < 0)
        kind = MEDIA_OTHER;
    if (kind == MEDIA_MANIFEST && oci_manifest_parse(data, len, &manifest, &foreign) == 0)
        member.manifest = &manifest;
    int result = walk->visit(walk->context, &member, err);
    if (result != 0 || kind != MEDIA_INDEX || depth >= LIST_DEPTH_MAX)
        return result;
    return walk_index(walk, data, len, depth + 1, err);
}

static int walk_index(struct walk *walk, const char *data, size_t len, int depth, struct err *err)
{
    auto_done(oci_index) index = {};
    struct err foreign;
    if (oci_index_parse(data, len, &index, depth > 1 ? &foreign : err) < 0)
        return depth > 1 ? 0 : -1;
    for (size_t i = 0; i < index.manifests.len; i++) {
        const struct oci_descriptor *descriptor = &index.manifests.at[i];
        if (strings_have(&walk->seen, descriptor->digest))
            continue;
        /* Who asks what is to be kept must not take a part for all. */
        if (walk->seen.len == LIST_MEMBERS_MAX) {
            err_set(err, ERR_UNSUPPORTED, "a list of more than %d manifests", LIST_MEMBERS_MAX);
            return err_hint(err, "remove it");
        }
        strings_add(&walk->seen, descriptor->digest);
        int result = walk_member(walk, descriptor, depth, err);
        if (result != 0)
            return result;
    }
    return 0;
}

int list_walk(struct images *images, const char *digest, list_visit *visit, void *context,
              struct err *err)
{
    auto_done(walk) walk = { .images = images, .visit = visit, .context = context };
    auto_free char *data = NULL;
    size_t len;
    if (blob_load(images, digest, OCI_MANIFEST_MAX_BYTES, &data, &len, err) < 0)
        return -1;
    int result = walk_room(&walk, len, err);
    if (result == 0)
        result = walk_index(&walk, data, len, 1, err);
    return result < 0 ? err_wrap(err, "%s", digest) : result;
}

/* ---- what they name ---- */

static int names_visit(struct walk *walk, const char *digest, int depth, struct err *err)
{
    auto_free char *data = NULL;
    auto_done(oci_index) index = {};
    struct err foreign;
    size_t len;
    int result = 0;
    if (strings_have(&walk->seen, digest))
        return 0;
    strings_add(&walk->seen, digest);
    if (blob_load(walk->images, digest, OCI_MANIFEST_MAX_BYTES, &data, &len, err) < 0)
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    if (walk_room(walk, len, err) < 0)
        return -1;
    if (oci_index_parse(data, len, &index, &foreign) < 0)
        return 0;
    for (size_t i = 0; result == 0 && i < index.manifests.len; i++) {
        const struct list_member member = { .descriptor = &index.manifests.at[i] };
        result = walk->visit(walk->context, &member, err);
        bool list = media_kind(member.descriptor->media_type) == MEDIA_INDEX;
        if (result == 0 && list && depth < LIST_DEPTH_MAX)
            result = names_visit(walk, member.descriptor->digest, depth + 1, err);
    }
    return result;
}

int lists_names(struct images *images, const struct strings *lists, list_visit *visit,
                void *context, struct err *err)
{
    auto_done(walk) walk = { .images = images, .visit = visit, .context = context };
    int result = 0;
    for (size_t i = 0; result == 0 && i < lists->len; i++)
        result = names_visit(&walk, lists->at[i], 1, err);
    return result;
}

/* ---- which of them ---- */

struct choice {
    struct images *images;
    const struct oci_platform *wanted;
    int fit;
    char *digest;
};

/* A list need not say of which platform a member is; then its configuration does. */
static int member_fit(const struct choice *choice, const struct list_member *member, int *ret_fit,
                      struct err *err)
{
    auto_done(oci_image) image = {};
    *ret_fit = 0;
    if (member->descriptor->platform) {
        *ret_fit = platform_fits(member->descriptor->platform, choice->wanted);
        return 0;
    }
    if (blob_image_peek(choice->images, member->manifest->config.digest, &image, err) < 0)
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    const struct oci_platform platform = { .os = image.os,
                                           .architecture = image.architecture,
                                           .variant = image.variant };
    *ret_fit = platform_fits(&platform, choice->wanted);
    return 0;
}

static int choose_visit(void *context, const struct list_member *member, struct err *err)
{
    struct choice *choice = context;
    int fit;
    if (!member->manifest || !manifest_is_image(member->manifest))
        return 0;
    if (member_fit(choice, member, &fit, err) < 0)
        return -1;
    if (fit <= choice->fit)
        return 0;
    free(choice->digest);
    choice->digest = xstrdup(member->descriptor->digest);
    choice->fit = fit;
    return 0;
}

int list_choose(struct images *images, const char *digest, const struct oci_platform *wanted,
                char **ret_member, struct err *err)
{
    struct choice choice = { .images = images, .wanted = wanted };
    if (list_walk(images, digest, choose_visit, &choice, err) < 0) {
        free(choice.digest);
        return -1;
    }
    *ret_member = choice.digest;
    return 0;
}

static int ids_visit(void *context, const struct list_member *member, struct err *err)
{
    struct strings *ids = context;
    (void)err;
    if (member->manifest && manifest_is_image(member->manifest))
        strings_add(ids, member->manifest->config.digest);
    return 0;
}

int list_ids(struct images *images, const char *digest, struct strings *ret_ids, struct err *err)
{
    auto_done(strings) ids = {};
    if (list_walk(images, digest, ids_visit, &ids, err) < 0)
        return -1;
    *ret_ids = ids;
    ids = (struct strings){};
    return 0;
}
