/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OCI image layout: index.json lists manifests, or indexes of manifests for several platforms,
 * of which this machine's is taken. Blobs lie under their digests.
 */
#include <string.h>

#include "image/load_plan.h"
#include "image/platform.h"

enum { INDEX_DEPTH_MAX = 4 };

/* What containerd and docker call the whole name; the specification's ref.name is a mere tag with
 * them. */
static const char image_name[] = "io.containerd.image.name";

struct reading {
    struct load_plan *plan;
    struct source *source;
    const struct image_watch *watch;
    const struct oci_platform *platform;
};

/* ---- documents ---- */

static int descriptor_path(const struct oci_descriptor *descriptor, char **ret_path,
                           struct err *err)
{
    if (!text_starts(descriptor->digest, "sha256:"))
        return err_set(err, ERR_UNSUPPORTED, "%s: digests other than sha256 are not supported",
                       descriptor->digest);
    *ret_path = xasprintf("blobs/sha256/%s", digest_hex(descriptor->digest));
    return 0;
}

static int descriptor_part(const struct reading *reading, const struct oci_descriptor *descriptor,
                           size_t *ret_part, struct err *err)
{
    auto_free char *path = NULL;
    if (descriptor_path(descriptor, &path, err) < 0)
        return -1;
    return load_plan_part(reading->plan, reading->source, path, descriptor->digest,
                          descriptor->size, ret_part, err);
}

static int manifest_read(const struct reading *reading, const struct oci_descriptor *descriptor,
                         const struct oci_manifest *manifest, struct load_plan_image *image,
                         struct err *err)
{
    const char *type = manifest->media_type ? manifest->media_type : descriptor->media_type;
    enum layer_format format;

    image->has_manifest = true;
    image->media_type = xstrdup(type ? type : MEDIA_OCI_MANIFEST);
    if (descriptor_part(reading, descriptor, &image->manifest, err) < 0)
        return -1;
    if (media_kind(manifest->config.media_type) != MEDIA_CONFIG)
        return err_set(err, ERR_UNSUPPORTED, "no image but an artifact");
    if (descriptor_part(reading, &manifest->config, &image->config, err) < 0)
        return -1;
    image->layers = xcalloc(manifest->layers.len, sizeof(*image->layers));
    for (size_t i = 0; i < manifest->layers.len; i++) {
        const struct oci_descriptor *layer = &manifest->layers.at[i];
        if (!media_layer_format(layer->media_type, &format))
            return err_set(err, ERR_UNSUPPORTED, "layer %zu is of an unknown media type", i + 1);
        if (descriptor_part(reading, layer, &image->layers[i], err) < 0)
            return err_wrap(err, "layer %zu of %zu", i + 1, manifest->layers.len);
    }
    return load_plan_config(reading->plan, reading->source, image, manifest->layers.len, err);
}

/* Goes down from a row of index.json to this machine's manifest, and adds the image. */
static int descriptor_read(const struct reading *reading, const struct oci_descriptor *descriptor,
                           const struct strings *names, int depth, struct err *err);

static int index_choose(const struct reading *reading, const char *data, size_t len,
                        const struct strings *names, int depth, struct err *err)
{
    auto_done(oci_index) index = {};
    size_t place;
    if (depth == 0)
        return err_set(err, ERR_INVALID, "indexes lie in one another deeper than %d",
                       INDEX_DEPTH_MAX);
    if (oci_index_parse(data, len, &index, err) < 0 ||
        platform_choose(&index, reading->platform, &place, err) < 0)
        return -1;
    return descriptor_read(reading, &index.manifests.at[place], names, depth - 1, err);
}

static int descriptor_read(const struct reading *reading, const struct oci_descriptor *descriptor,
                           const struct strings *names, int depth, struct err *err)
{
    auto_free char *path = NULL;
    auto_done(oci_manifest) manifest = {};
    enum media_kind kind;
    size_t len;

    if (descriptor_path(descriptor, &path, err) < 0)
        return -1;
    auto_free char *data = NULL;
    int found = source_load(reading->source, path, OCI_MANIFEST_MAX_BYTES, &data, &len, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_INVALID, "%s is missing", path);
    if (oci_document_kind(data, len, &kind, err) < 0)
        return err_wrap(err, "%s", path);
    if (kind == MEDIA_INDEX)
        return index_choose(reading, data, len, names, depth, err);
    if (oci_manifest_parse(data, len, &manifest, err) < 0)
        return err_wrap(err, "%s", path);

    struct load_plan_image *image = load_plan_add(reading->plan);
    for (size_t i = 0; i < names->len; i++)
        load_plan_name(image, names->at[i], reading->watch);
    return manifest_read(reading, descriptor, &manifest, image, err);
}

/* ---- index.json ---- */

static const char *row_label(const struct oci_descriptor *row)
{
    const char *name = pairs_value(&row->annotations, image_name);
    return name ? name : pairs_value(&row->annotations, OCI_REF_NAME);
}

/* Another row has the same name and is this machine's, while this one is not; or it is no image at
 * all. */
static bool row_skip(const struct reading *reading, const struct oci_index *index, size_t i)
{
    const struct oci_descriptor *row = &index->manifests.at[i];
    enum media_kind kind = media_kind(row->media_type);
    if (kind != MEDIA_OTHER && kind != MEDIA_MANIFEST && kind != MEDIA_INDEX)
        return true;
    if (platform_fits(row->platform, reading->platform) > 0)
        return false;
    for (size_t k = 0; k < index->manifests.len; k++)
        if (k != i && text_same(row_label(&index->manifests.at[k]), row_label(row)) &&
            platform_fits(index->manifests.at[k].platform, reading->platform) > 0)
            return true;
    return false;
}

int load_plan_read_layout(struct load_plan *plan, struct source *source,
                          const struct image_watch *watch, struct err *err)
{
    auto_done(oci_platform) platform = {};
    const struct reading reading = {
        .plan = plan, .source = source, .watch = watch, .platform = &platform
    };
    auto_done(oci_index) index = {};
    auto_free char *data = NULL;
    size_t len;
    int found = source_load(source, "index.json", OCI_INDEX_MAX_BYTES, &data, &len, err);
    if (found <= 0)
        return found;
    if (oci_index_parse(data, len, &index, err) < 0)
        return err_wrap(err, "index.json");
    if (index.manifests.len > LIST_MEMBERS_MAX)
        return err_set(err, ERR_UNSUPPORTED, "index.json: more than %d manifests",
                       LIST_MEMBERS_MAX);
    platform_own(&platform);
    for (size_t i = 0; i < index.manifests.len; i++) {
        const struct oci_descriptor *row = &index.manifests.at[i];
        auto_done(strings) names = {};
        if (row_skip(&reading, &index, i))
            continue;
        if (row_label(row))
            strings_add(&names, row_label(row));
        if (descriptor_read(&reading, row, &names, INDEX_DEPTH_MAX, err) < 0)
            return err_wrap(err, "image %zu of %zu", i + 1, index.manifests.len);
    }
    return 1;
}
