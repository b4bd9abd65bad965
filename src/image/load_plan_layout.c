/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OCI image layout: index.json lists manifests, or indexes of manifests for several platforms,
 * of which this machine's is taken. Blobs lie under their digests.
 */
#include <string.h>
#include <sys/utsname.h>

#include "image/load_plan.h"

enum { INDEX_DEPTH_MAX = 4 };

/* What containerd and docker call the whole name; the specification's ref.name is a mere tag with
 * them. */
static const char image_name[] = "io.containerd.image.name";

struct reading {
    struct load_plan *plan;
    struct source *source;
    const struct image_watch *watch;
};

/* ---- platforms ---- */

/* machine of uname(2), architecture, variant; images call them as Go does */
static const char platforms[][3][12] = {
    { "x86_64", "amd64", "" },    { "aarch64", "arm64", "v8" }, { "armv7l", "arm", "v7" },
    { "armv6l", "arm", "v6" },    { "riscv64", "riscv64", "" }, { "ppc64le", "ppc64le", "" },
    { "s390x", "s390x", "" },     { "i686", "386", "" },        { "loongarch64", "loong64", "" },
    { "mips64", "mips64le", "" },
};

static const char *own_architecture(const char **ret_variant)
{
    static const char unknown[] = "unknown";
    struct utsname name;
    *ret_variant = "";
    if (uname(&name) < 0)
        return unknown;
    for (size_t i = 0; i < array_size(platforms); i++) {
        if (strcmp(platforms[i][0], name.machine) != 0)
            continue;
        *ret_variant = platforms[i][2];
        return platforms[i][1];
    }
    return unknown;
}

/* 0: not this machine's; 2: its variant too, or none is named. */
static int platform_fits(const struct oci_platform *platform)
{
    const char *variant;
    const char *own = own_architecture(&variant);
    if (!platform)
        return 1;
    if (!text_same(platform->os, "linux") || !text_same(platform->architecture, own))
        return 0;
    return !platform->variant || strcmp(platform->variant, variant) == 0 ? 2 : 1;
}

static int none_fits(const struct oci_index *index, struct err *err)
{
    auto_done(str) there = { .max_bytes = 300 };
    const char *variant;
    for (size_t i = 0; i < index->manifests.len; i++) {
        const struct oci_platform *platform = index->manifests.at[i].platform;
        if (!platform || text_same(platform->os, "unknown"))
            continue;
        auto_free char *text =
            xasprintf("%s%s/%s", there.len > 0 ? ", " : "", platform->os, platform->architecture);
        text_escape(&there, text, strlen(text));
    }
    return err_set(err, ERR_UNSUPPORTED, "there is no image for linux/%s in it, only for: %s",
                   own_architecture(&variant), str_text(&there));
}

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
    const struct oci_descriptor *best = NULL;
    int best_fit = 0;
    if (depth == 0)
        return err_set(err, ERR_INVALID, "indexes lie in one another deeper than %d",
                       INDEX_DEPTH_MAX);
    if (oci_index_parse(data, len, &index, err) < 0)
        return -1;
    for (size_t i = 0; i < index.manifests.len; i++) {
        int fit = platform_fits(index.manifests.at[i].platform);
        if (fit <= best_fit)
            continue;
        best = &index.manifests.at[i];
        best_fit = fit;
    }
    if (!best)
        return none_fits(&index, err);
    return descriptor_read(reading, best, names, depth - 1, err);
}

static int descriptor_read(const struct reading *reading, const struct oci_descriptor *descriptor,
                           const struct strings *names, int depth, struct err *err)
{
    auto_free char *path = NULL;
    auto_free char *data = NULL;
    auto_done(oci_manifest) manifest = {};
    enum media_kind kind;
    size_t len;

    if (descriptor_path(descriptor, &path, err) < 0)
        return -1;
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
static bool row_skip(const struct oci_index *index, size_t i)
{
    const struct oci_descriptor *row = &index->manifests.at[i];
    enum media_kind kind = media_kind(row->media_type);
    if (kind != MEDIA_OTHER && kind != MEDIA_MANIFEST && kind != MEDIA_INDEX)
        return true;
    if (platform_fits(row->platform) > 0)
        return false;
    for (size_t k = 0; k < index->manifests.len; k++)
        if (k != i && text_same(row_label(&index->manifests.at[k]), row_label(row)) &&
            platform_fits(index->manifests.at[k].platform) > 0)
            return true;
    return false;
}

int load_plan_read_layout(struct load_plan *plan, struct source *source,
                          const struct image_watch *watch, struct err *err)
{
    const struct reading reading = { .plan = plan, .source = source, .watch = watch };
    auto_done(oci_index) index = {};
    auto_free char *data = NULL;
    size_t len;
    int found = source_load(source, "index.json", OCI_INDEX_MAX_BYTES, &data, &len, err);
    if (found <= 0)
        return found;
    if (oci_index_parse(data, len, &index, err) < 0)
        return err_wrap(err, "index.json");
    for (size_t i = 0; i < index.manifests.len; i++) {
        const struct oci_descriptor *row = &index.manifests.at[i];
        auto_done(strings) names = {};
        if (row_skip(&index, i))
            continue;
        if (row_label(row))
            strings_add(&names, row_label(row));
        if (descriptor_read(&reading, row, &names, INDEX_DEPTH_MAX, err) < 0)
            return err_wrap(err, "image %zu of %zu", i + 1, index.manifests.len);
    }
    return 1;
}
