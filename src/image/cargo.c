/* SPDX-License-Identifier: Apache-2.0 */
#include "image/cargo.h"

#include <inttypes.h>
#include <string.h>

#include "image/content.h"
#include "image/partial.h"
#include "image/platform.h"

enum { DEPTH_MAX = 4 };

static void manifest_done(struct cargo_manifest *manifest)
{
    free(manifest->digest);
    free(manifest->media_type);
    free(manifest->data);
    if (manifest->platform)
        oci_platform_done(manifest->platform);
    free(manifest->platform);
}

void cargo_done(struct cargo *cargo)
{
    for (size_t i = 0; i < cargo->blobs.len; i++)
        free(cargo->blobs.at[i].digest);
    free(cargo->blobs.at);
    for (size_t i = 0; i < cargo->manifests.len; i++)
        manifest_done(&cargo->manifests.at[i]);
    free(cargo->manifests.at);
    *cargo = (struct cargo){};
}

/* ---- adding ---- */

struct cargo_blob *cargo_add_blob(struct cargo *cargo, const struct oci_descriptor *descriptor,
                                  bool layer)
{
    for (size_t i = 0; i < cargo->blobs.len; i++)
        if (strcmp(cargo->blobs.at[i].digest, descriptor->digest) == 0)
            return &cargo->blobs.at[i];
    struct cargo_blob *blob = array_add(&cargo->blobs);
    blob->digest = xstrdup(descriptor->digest);
    blob->size = (uint64_t)descriptor->size;
    blob->layer = layer ? ++cargo->n_layers : 0;
    return blob;
}

bool cargo_has(const struct cargo *cargo, const char *digest)
{
    for (size_t i = 0; i < cargo->manifests.len; i++)
        if (strcmp(cargo->manifests.at[i].digest, digest) == 0)
            return true;
    return false;
}

void cargo_add_manifest(struct cargo *cargo, const char *digest, const char *media_type,
                        const void *data, size_t len)
{
    if (cargo_has(cargo, digest))
        return;
    struct cargo_manifest *manifest = array_add(&cargo->manifests);
    manifest->digest = xstrdup(digest);
    manifest->media_type = xstrdup(media_type);
    manifest->data = xstrndup(data, len);
    manifest->len = len;
    manifest->list = media_kind(media_type) == MEDIA_INDEX;
}

const struct cargo_manifest *cargo_top(const struct cargo *cargo)
{
    return &cargo->manifests.at[cargo->manifests.len - 1];
}

/* ---- from the store ---- */

static int blob_missing(const char *digest, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "its blob %s is not in the store", digest);
}

static int add_image(struct cargo *cargo, const char *digest, const char *media_type,
                     const char *data, size_t len, struct err *err)
{
    auto_done(oci_manifest) manifest = {};
    if (oci_manifest_parse(data, len, &manifest, err) < 0)
        return err_wrap(err, "%s", digest);
    if (!blob_present(cargo->images, manifest.config.digest))
        return blob_missing(manifest.config.digest, err);
    for (size_t i = 0; i < manifest.layers.len; i++) {
        const struct oci_descriptor *layer = &manifest.layers.at[i];
        if (!blob_present(cargo->images, layer->digest))
            return blob_missing(layer->digest, err);
        (void)cargo_add_blob(cargo, layer, true);
    }
    (void)cargo_add_blob(cargo, &manifest.config, false);
    const char *type = manifest.media_type ? manifest.media_type : media_type;
    cargo_add_manifest(cargo, digest, type ? type : MEDIA_OCI_MANIFEST, data, len);
    return 0;
}

static int add_stored(struct cargo *cargo, const char *digest, const char *media_type, int depth,
                      struct err *err);

/* Names what of a list is not here. */
static int members_check(const struct cargo *cargo, const struct oci_index *index, struct err *err)
{
    auto_done(str) missing = { .max_bytes = 300 };
    for (size_t i = 0; i < index->manifests.len; i++) {
        const struct oci_descriptor *member = &index->manifests.at[i];
        if (blob_present(cargo->images, member->digest))
            continue;
        str_add(&missing, missing.len > 0 ? ", " : "");
        if (member->platform)
            platform_format(member->platform, &missing);
        else
            str_add(&missing, member->digest);
    }
    if (missing.len == 0)
        return 0;
    auto_done(str) shown = {};
    text_escape(&shown, missing.at, missing.len);
    err_set(err, ERR_NOT_FOUND, "not all of the list is here; missing: %s", str_text(&shown));
    return err_hint(err, "`ruche image copy --all` copies lists whole");
}

static int add_list(struct cargo *cargo, const char *digest, const char *media_type,
                    const char *data, size_t len, int depth, struct err *err)
{
    auto_done(oci_index) index = {};
    if (depth == 0)
        return err_set(err, ERR_INVALID, "lists lie in one another deeper than %d", DEPTH_MAX);
    if (oci_index_parse(data, len, &index, err) < 0)
        return err_wrap(err, "%s", digest);
    if (members_check(cargo, &index, err) < 0)
        return -1;
    for (size_t i = 0; i < index.manifests.len; i++) {
        const struct oci_descriptor *member = &index.manifests.at[i];
        if (!cargo_has(cargo, member->digest) &&
            add_stored(cargo, member->digest, member->media_type, depth - 1, err) < 0)
            return -1;
    }
    const char *type = index.media_type ? index.media_type : media_type;
    cargo_add_manifest(cargo, digest, type ? type : MEDIA_OCI_INDEX, data, len);
    return 0;
}

static int add_stored(struct cargo *cargo, const char *digest, const char *media_type, int depth,
                      struct err *err)
{
    auto_free char *data = NULL;
    enum media_kind kind;
    size_t len;
    if (blob_load(cargo->images, digest, OCI_MANIFEST_MAX_BYTES, &data, &len, err) < 0 ||
        oci_document_kind(data, len, &kind, err) < 0)
        return -1;
    if (kind == MEDIA_INDEX)
        return add_list(cargo, digest, media_type, data, len, depth, err);
    return add_image(cargo, digest, media_type, data, len, err);
}

int cargo_add_stored(struct cargo *cargo, const char *digest, const char *media_type,
                     const struct cargo_wanted *wanted, struct err *err)
{
    auto_free char *member = NULL;
    auto_free char *data = NULL;
    enum media_kind kind;
    size_t len;
    if (wanted->platform) {
        if (blob_load(cargo->images, digest, OCI_MANIFEST_MAX_BYTES, &data, &len, err) < 0 ||
            oci_document_kind(data, len, &kind, err) < 0)
            return -1;
        if (kind == MEDIA_INDEX) {
            if (list_choose(cargo->images, digest, wanted->platform, &member, err) < 0)
                return -1;
            if (!member)
                return err_set(err, ERR_NOT_FOUND, "there is no image for that platform in it");
        }
    }
    return add_stored(cargo, member ? member : digest, member ? NULL : media_type, DEPTH_MAX, err);
}

/* ---- opening ---- */

int cargo_open(const struct cargo *cargo, const struct cargo_blob *blob, int *ret_fd,
               struct err *err)
{
    auto_close int fd = -1;
    uint64_t size = 0;
    int result = -1;
    switch (blob->place) {
    case CARGO_STORED:
        result = blob_open(cargo->images, blob->digest, &fd, &size, err);
        break;
    case CARGO_INGEST:
        result = ingest_file(cargo->ingest, blob->number, &fd, &size, err);
        break;
    case CARGO_KEPT:
        result = ingest_kept(cargo->ingest, blob->number, &fd, &size, err);
        break;
    case CARGO_PARTIAL:
        result = partial_read(cargo->images, blob->digest, blob->size, &fd, &size, err);
        break;
    }
    if (result < 0)
        return -1;
    if (size != blob->size)
        return err_set(err, ERR_INVALID, "%s is %" PRIu64 " bytes long, and should be %" PRIu64,
                       blob->digest, size, blob->size);
    *ret_fd = take_fd(fd);
    return 0;
}
