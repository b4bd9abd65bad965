/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An unpacked layer has no digest of its own that anybody has signed. So its blob, which has, is
 * unpacked once more beside it, and what that gives is compared with what is there. What is fresh
 * is then there already to take the place of what is damaged.
 */
#include <errno.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "image/check.h"
#include "image/part.h"
#include "image/room.h"

enum { BATCH = 4 };

/* A layer that is unpacked. */
struct layer {
    char *diff_id;
    char *blob;
    enum image_storage storage;
};

struct layers {
    ARRAY_OF(layer) list;
};

static void layers_done(struct layers *layers)
{
    for (size_t i = 0; i < layers->list.len; i++) {
        free(layers->list.at[i].diff_id);
        free(layers->list.at[i].blob);
    }
    free(layers->list.at);
}

/* ---- which ---- */

static void layers_of(const struct check *check, const struct oci_manifest *manifest,
                      struct layers *layers)
{
    auto_done(oci_image) image = {};
    struct err ignored;
    if (!manifest_is_image(manifest) || strings_have(&check->bad, manifest->config.digest) ||
        blob_image_peek(check->images, manifest->config.digest, &image, &ignored) < 0 ||
        image.rootfs.diff_ids.len != manifest->layers.len)
        return;
    for (size_t i = 0; i < manifest->layers.len; i++) {
        const char *diff_id = image.rootfs.diff_ids.at[i], *blob = manifest->layers.at[i].digest;
        bool known = !layer_present(check->images, diff_id) || strings_have(&check->bad, blob);
        for (size_t k = 0; k < layers->list.len && !known; k++)
            known = strcmp(layers->list.at[k].diff_id, diff_id) == 0;
        if (known)
            continue;
        struct layer *layer = array_add(&layers->list);
        layer->diff_id = xstrdup(diff_id);
        layer->blob = xstrdup(blob);
        layer->storage = layer_storage(check->images, diff_id);
    }
}

struct finding {
    const struct check *check;
    struct layers *layers;
};

static int member_layers(void *context, const struct list_member *member, struct err *err)
{
    struct finding *finding = context;
    (void)err;
    if (member->manifest && !strings_have(&finding->check->bad, member->descriptor->digest))
        layers_of(finding->check, member->manifest, finding->layers);
    return 0;
}

/* Rows that cannot be read are faults already. */
static void layers_find(const struct check *check, struct layers *layers)
{
    struct finding finding = { .check = check, .layers = layers };
    for (size_t i = 0; i < check->index.manifests.len; i++) {
        const struct oci_descriptor *row = &check->index.manifests.at[i];
        auto_done(oci_manifest) manifest = {};
        struct err ignored;
        if (strings_have(&check->bad, row->digest))
            continue;
        if (media_kind(row->media_type) == MEDIA_INDEX)
            (void)list_walk(check->images, row->digest, member_layers, &finding, &ignored);
        else if (blob_manifest(check->images, row->digest, &manifest, &ignored) == 0)
            layers_of(check, &manifest, layers);
    }
}

/* ---- unpacked once more ---- */

static void part_add(struct parts *parts, struct images *images, const struct layer *layer)
{
    size_t place = parts_add(parts, layer->blob, 0);
    struct part *part = &parts->at[place];
    part->stored = true;
    part->unpack = true;
    part->storage = layer_storage(images, layer->diff_id); /* to compare like with like */
    part->storage = layer->storage;
    part->layer = ++parts->n_layers;
}

static char *fresh_path(const struct ingest *ingest, size_t place, const struct layer *layer)
{
    if (layer->storage == STORAGE_EROFS)
        return xasprintf("%s/layer-%zu%s", ingest->name, place, LAYER_EROFS);
    return xasprintf("%s/layer-%zu/%s", ingest->name, place, LAYER_TREE);
}

/* The running container, or mount, whose image has the layer; or NULL. */
static const char *layer_user(const struct check *check, const char *diff_id)
{
    for (size_t i = 0; i < check->running.len; i++) {
        auto_done(oci_image) image = {};
        struct err ignored;
        const char *id = check->running.at[i].key;
        if (digest_valid(id) && blob_image_peek(check->images, id, &image, &ignored) == 0 &&
            strings_have(&image.rootfs.diff_ids, diff_id))
            return check->running.at[i].value;
    }
    return NULL;
}

/* The fresh one takes the damaged one's place, which goes with the ingest. */
static int layer_exchange(struct check *check, const struct ingest *ingest, size_t place,
                          const struct layer *layer, struct err *err)
{
    const char *suffix = layer->storage == STORAGE_EROFS ? LAYER_EROFS : "";
    auto_free char *fresh = xasprintf("%s/layer-%zu%s", ingest->name, place, suffix);
    auto_free char *path = xasprintf("%s/%s%s", DIR_LAYERS, digest_hex(layer->diff_id), suffix);
    int root = check->images->root;
    if (syncfs(root) < 0)
        return err_sys(err, "sync the image store");
    if (text_ends(path, "/" LAYER_TREE))
        path[strlen(path) - strlen("/" LAYER_TREE)] = '\0';
    if (syscall(SYS_renameat2, root, fresh, root, path, RENAME_EXCHANGE) < 0)
        return err_sys(err, "exchange %s", path);
    return 0;
}

static int layer_judge(struct check *check, const struct ingest *ingest, size_t place,
                       const struct layer *layer, const struct sum *stored, const struct sum *fresh,
                       struct err *err)
{
    if (!stored->digest && stored->err.errnum == ENOENT)
        return 0; /* gone meanwhile */
    if (!fresh->digest) {
        *err = fresh->err;
        return -1;
    }
    check->result.layers++;
    check->result.bytes += stored->bytes;
    if (stored->digest && strcmp(stored->digest, fresh->digest) == 0)
        return 0;
    struct image_fault *fault =
        stored->digest
            ? check_fault(check, "layer %s is not what its blob unpacks to", layer->diff_id)
            : check_fault(check, "layer %s cannot be read: %s", layer->diff_id, stored->err.text);
    if (!(check->flags & IMAGES_CHECK_REPAIR))
        return 0;
    const char *user = layer_user(check, layer->diff_id);
    if (user) {
        fault_remedy(fault, false,
                     user_is_mount(user) ? "mounted at %s; unmount it and check again"
                                         : "in use by container %s; stop it and check again",
                     user);
        return 0;
    }
    if (layer_exchange(check, ingest, place, layer, err) < 0)
        return -1;
    fault_remedy(fault, true, "unpacked again");
    return 0;
}

/* Layers of one writer are compared as they lie there. One that an older ruche has written, or a newer
 * one, is not what this one would make of its blob, and as good: then what is in them is. */
static void pair_add(struct sums *sums, struct images *images, const struct layer *layer,
                     char *fresh)
{
    char *stored = image_layer_path(images, layer->diff_id);
    auto_free char *writer = NULL, *ours = NULL;
    if (layer->storage == STORAGE_EROFS) {
        writer = layer_writer(images, stored);
        ours = layer_writer(images, fresh);
    }
    bool mounted = writer && ours && strcmp(writer, ours) != 0;
    size_t first = sums_add(sums, stored);
    size_t second = sums_add(sums, fresh);
    sums->at[first].mounted = mounted;
    sums->at[second].mounted = mounted;
}

static int batch_compare(struct check *check, const struct ingest *ingest,
                         const struct layer *layers, size_t n, struct err *err)
{
    auto_done(sums) sums = {};
    for (size_t i = 0; i < n; i++)
        pair_add(&sums, check->images, &layers[i], fresh_path(ingest, i, &layers[i]));
    if (sums_run(&sums, check->images, &check->helper, check->watch, err) < 0 ||
        check_sums(&sums, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (layer_judge(check, ingest, i, &layers[i], &sums.at[2 * i], &sums.at[2 * i + 1], err) <
            0)
            return -1;
    return 0;
}

static int batch_unpack(struct check *check, const struct ingest *ingest,
                        const struct layer *layers, size_t n, struct err *err)
{
    auto_done(parts) parts = {};
    for (size_t i = 0; i < n; i++)
        part_add(&parts, check->images, &layers[i]);
    if (parts_run(&parts, ingest, &check->helper, NULL, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (strcmp(parts.at[i].content, layers[i].diff_id) != 0)
            return err_set(err, ERR_INVALID, "it unpacks to %s", parts.at[i].content);
    return 0;
}

/* A blob that does not unpack to what its image says: one by one, to say which. */
static void layer_refuse(struct check *check, const struct layer *layer, const struct err *why)
{
    check_fault(check, "layer %s cannot be unpacked from its blob: %s", layer->diff_id, why->text);
}

/* On a full disk nothing can be said of a layer, for which there has to be room a second time. */
static void layer_leave(struct check *check, const struct layer *layer, const struct err *why)
{
    check->result.unchecked++;
    if (!check->watch || !check->watch->warning)
        return;
    auto_free char *text =
        xasprintf("layer %s could not be checked: %s", layer->diff_id, why->text);
    check->watch->warning(check->watch->context, text);
}

static int layer_failed(struct check *check, const struct layer *layer, const struct err *why,
                        struct err *err)
{
    *err = *why;
    if (why->kind == ERR_NOT_FOUND)
        return 0; /* gone meanwhile */
    if (why->kind != ERR_INVALID && !room_lacked(why->errnum))
        return -1;
    if (why->kind == ERR_INVALID)
        layer_refuse(check, layer, why);
    else
        layer_leave(check, layer, why);
    return 0;
}

/* Returns 1, or 0 with the reason: they could not be unpacked, all of them at least. */
static int batch_try(struct check *check, const struct layer *layers, size_t n, struct err *why,
                     struct err *err)
{
    struct ingest ingest;
    if (ingest_open(check->images, &ingest, why) < 0)
        return 0;
    int result = batch_unpack(check, &ingest, layers, n, why) == 0;
    if (result > 0 && batch_compare(check, &ingest, layers, n, err) < 0)
        result = -1;
    ingest_close(&ingest);
    return result;
}

static int batch_check(struct check *check, const struct layer *layers, size_t n, struct err *err)
{
    struct err why = {};
    int result = batch_try(check, layers, n, &why, err);
    if (result > 0)
        return 0;
    if (n == 1)
        return result == 0 ? layer_failed(check, layers, &why, err) : -1;
    for (size_t i = 0; i < n; i++)
        if (batch_check(check, &layers[i], 1, err) < 0)
            return -1;
    return 0;
}

static int left_over_count(struct check *check, struct err *err)
{
    auto_done(strings) names = {};
    if (dir_list(check->images->root, DIR_LAYERS, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.len; i++) {
        auto_free char *hex = xstrndup(names.at[i], strcspn(names.at[i], "."));
        check->result.left_over += !sorted_have(&check->kept.layers, hex);
    }
    return 0;
}

int check_layers(struct check *check, struct err *err)
{
    auto_done(layers) layers = {};
    layers_find(check, &layers);
    for (size_t i = 0; i < layers.list.len; i += BATCH) {
        size_t rest = layers.list.len - i;
        if (batch_check(check, &layers.list.at[i], rest < BATCH ? rest : BATCH, err) < 0)
            return -1;
    }
    return left_over_count(check, err);
}
