/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an image gets from the store into a registry: what is to be sent is listed (cargo.c), recoded
 * if other formats were asked for (recode.c), and uploaded (upload.c). Blobs that the registry has in
 * another repository, as far as names in the store tell, are mounted there instead.
 */
#include "image/push.h"

#include <string.h>

#include "image/object.h"
#include "image/platform.h"
#include "image/recode.h"
#include "image/reference.h"
#include "image/remote.h"
#include "image/signature.h"
#include "image/upload.h"
struct push {
    struct images *images;
    const struct image_push_options *options;
    const struct image_watch *watch;
    struct cargo cargo;
    struct recoding recoding;
    struct reference *to;
};

void image_pushed_done(struct image_pushed *pushed)
{
    free(pushed->name);
    free(pushed->digest);
    *pushed = (struct image_pushed){};
}

static void push_done(struct push *push)
{
    cargo_done(&push->cargo);
    recoding_close(&push->recoding);
    reference_free(push->to);
}

/* ---- what ---- */

static int push_look(struct push *push, const char *name, struct err *err)
{
    auto_done(oci_index) index = {};
    auto_done(row_found) found = {};
    auto_done(oci_platform) platform = {};
    struct cargo_wanted wanted = {};
    if (push->options->platform) {
        if (platform_parse(push->options->platform, &platform, err) < 0)
            return -1;
        wanted.platform = &platform;
    }
    if (index_load(push->images, &index, err) < 0)
        return -1;
    int there = index_find(push->images, &index, name, &found, err);
    if (there < 0)
        return -1;
    if (there == 0)
        return err_set(err, ERR_NOT_FOUND, "no image %s here", name);
    const struct oci_descriptor *row = &index.manifests.at[found.row];
    push->cargo.images = push->images;
    return cargo_add_stored(&push->cargo, found.member ? found.member : row->digest,
                            found.member ? NULL : row->media_type, &wanted, err);
}

static int push_recode(struct push *push, struct err *err)
{
    const struct recode_options options = {
        .format = push->options->format,
        .compression = push->options->compression,
    };
    if (options.format == IMAGE_FORMAT_AS_IS && options.compression == IMAGE_COMPRESSION_AS_IS)
        return 0;
    if (recoding_open(&push->recoding, push->images, err) < 0)
        return -1;
    return recode_cargo(&push->recoding, &push->cargo, &options, push->watch, err);
}

/* ---- where ---- */

static int destination_find(struct push *push, const char *name, struct err *err)
{
    const char *text = push->options->destination ? push->options->destination : name;
    auto_done(strings) candidates = {};
    if (registry_resolve(push->options->registry, text, &candidates, err) < 0 ||
        reference_parse(candidates.at[0], &push->to, err) < 0)
        return -1;
    if (push->to->digest)
        return err_set(err, ERR_INVALID, "\"%s\" has a digest, which cannot be given", text);
    return 0;
}

static int push_send(struct push *push, struct err *err)
{
    auto_done(remote_setup) setup = {};
    auto_done(remote) remote = REMOTE_CLOSED;
    struct pairs mounts = {};
    struct upload_options options = { .mounts = &mounts, .tag = push->to->tag };
    int result = upload_mounts(&push->cargo, push->to, &mounts, err);
    if (result == 0)
        result = registry_setup(push->options->registry, push->to, REGISTRY_PUSH, &setup, err);
    for (size_t i = 0; result == 0 && i < mounts.len; i++)
        if (!strings_have(&setup.mount_repositories, mounts.at[i].value))
            strings_add(&setup.mount_repositories, mounts.at[i].value);
    if (result == 0)
        result = remote_open(&setup, push->watch, &remote, err);
    if (result == 0)
        result = upload_cargo(&remote, &push->cargo, &options, push->watch, err);
    pairs_done(&mounts);
    return result;
}

static int push_run(struct push *push, const char *name, struct image_pushed *ret_pushed,
                    struct err *err)
{
    if (push_look(push, name, err) < 0 || push_recode(push, err) < 0 || push_send(push, err) < 0) {
        auto_free char *to = reference_format(push->to);
        return err_wrap(err, "push %s", to);
    }
    const struct cargo_manifest *top = cargo_top(&push->cargo);
    *ret_pushed = (struct image_pushed){
        .name = reference_format(push->to),
        .digest = xstrdup(top->digest),
        .size_bytes = top->len,
    };
    return 0;
}

static int push_one(struct images *images, const char *name,
                    const struct image_push_options *options, const struct image_watch *watch,
                    struct push *push, struct image_pushed *ret_pushed, struct err *err)
{
    *push = (struct push){
        .images = images,
        .options = options,
        .watch = watch,
        .recoding = RECODING_CLOSED,
    };
    if (destination_find(push, name, err) < 0)
        return err_wrap(err, "push");
    return push_run(push, name, ret_pushed, err);
}

/* Signatures of what was pushed, if there are any here by the name's repository, go with it. */
static int signatures_push(const struct push *push, const char *name, struct err *err)
{
    auto_drop(reference) *from = NULL;
    struct image_push_options options = { .registry = push->options->registry };
    struct err ignored;
    if (reference_parse(name, &from, &ignored) < 0)
        return 0;
    auto_free char *repository = reference_repository(from);
    for (size_t i = 0; i < push->cargo.manifests.len; i++) {
        const char *digest = push->cargo.manifests.at[i].digest;
        auto_free char *tag = signature_tag(digest);
        auto_free char *signatures = signature_name(from, digest);
        auto_free char *destination = signature_name(push->to, digest);
        auto_done(object) object = {};
        auto_done(image_pushed) pushed = {};
        auto_done(push) another = { .recoding = RECODING_CLOSED };
        int found = object_find(push->images, repository, tag, &object, err);
        if (found < 0)
            return -1;
        options.destination = destination;
        if (found > 0 &&
            push_one(push->images, signatures, &options, push->watch, &another, &pushed, err) < 0)
            return -1;
    }
    return 0;
}

int image_push(struct images *images, const char *name, const struct image_push_options *options,
               const struct image_watch *watch, struct image_pushed *ret_pushed, struct err *err)
{
    static const struct registry_options registry;
    struct image_push_options own = *options;
    if (!own.registry)
        own.registry = &registry;
    auto_done(push) push = { .recoding = RECODING_CLOSED };
    if (push_one(images, name, &own, watch, &push, ret_pushed, err) < 0)
        return -1;
    return signatures_push(&push, name, err);
}

int image_repository_names(struct images *images, const char *repository, struct strings *ret_names,
                           struct err *err)
{
    auto_done(oci_index) index = {};
    auto_done(strings) names = {};
    auto_drop(reference) *wanted = NULL;
    if (repository_parse(repository, &wanted, err) < 0 || index_load(images, &index, err) < 0)
        return -1;
    for (size_t i = 0; i < index.manifests.len; i++) {
        auto_drop(reference) *own = NULL;
        auto_free char *name = row_name(&index.manifests.at[i]);
        struct err ignored;
        if (!name || reference_parse(name, &own, &ignored) < 0 || !own->tag ||
            signature_is_tag(own->tag) || /* those go with their images */
            strcmp(own->domain, wanted->domain) != 0 || strcmp(own->path, wanted->path) != 0)
            continue;
        strings_add(&names, name);
    }
    if (names.len == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no image of the repository %s here",
                       repository);
    *ret_names = names;
    names = (struct strings){};
    return 0;
}
