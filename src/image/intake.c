/* SPDX-License-Identifier: Apache-2.0 */
#include "image/intake.h"

#include <inttypes.h>
#include <string.h>

#include "image/content.h"
#include "image/platform.h"
#include "image/room.h"

enum { INDEX_DEPTH_MAX = 4, TYPE_SHOWN_MAX = 100 };

/* ---- birth and death ---- */

int intake_open(struct intake *intake, struct images *images, struct remote *remote,
                const struct image_watch *watch, struct err *err)
{
    *intake = (struct intake){
        .images = images,
        .remote = remote,
        .watch = watch,
        .ingest = { .directory = -1 },
        .helper = { .control = -1 },
    };
    if (ingest_open(images, &intake->ingest, err) < 0)
        return -1;
    intake->source = (struct source){ .ingest = &intake->ingest, .layout = -1 };
    if (helper_open(images->transfer, intake->ingest.directory, &intake->helper, err) < 0) {
        intake_close(intake);
        return -1;
    }
    return 0;
}

/* Whoever still writes to a partial file ends before its lock is let go. */
void intake_close(struct intake *intake)
{
    helper_close(&intake->helper);
    load_plan_done(&intake->plan);
    source_done(&intake->source);
    ingest_close(&intake->ingest);
}

void intake_document_done(struct intake_document *document)
{
    free(document->data);
    free(document->digest);
    free(document->media_type);
    *document = (struct intake_document){};
}

/* ---- documents ---- */

static int digest_check(const char *digest, struct err *err)
{
    if (text_starts(digest, "sha256:"))
        return 0;
    return err_set(err, ERR_UNSUPPORTED, "%s: digests other than sha256 are not supported", digest);
}

/* Puts what was brought among the parts and verifies it, or finds out its digest. */
static int document_take(struct intake *intake, const char *digest,
                         struct intake_document *document, struct err *err)
{
    auto_done(parts) one = {}; /* what else is planned has time, and needs the registry */
    uint64_t number;
    if (source_save(&intake->source, document->data, document->len, &number, err) < 0)
        return -1;
    size_t place = parts_add(&one, digest, number);
    if (parts_run(&one, &intake->ingest, &intake->helper, NULL, err) < 0)
        return -1;
    document->digest = xstrdup(one.at[place].digest);
    document->part = parts_take(&intake->plan.parts, &one, place);
    return 0;
}

/* Returns 1, or 0: the registry has none. */
static int manifest_ask(struct intake *intake, const char *name, struct intake_document *document,
                        struct err *err)
{
    struct remote_request request;
    auto_done(remote_answer) answer = {};
    if (remote_request_init(&request, REMOTE_MANIFEST, name, NULL, err) < 0 ||
        remote_document(intake->remote, &request, OCI_MANIFEST_MAX_BYTES, &document->data,
                        &document->len, &answer, err) < 0)
        return -1;
    if (answer.detail == 0)
        return 0;
    document->media_type = take_ptr(answer.media_type);
    return 1;
}

/* Where a blob lies in the files. Owned by the caller. */
static char *blob_file(const struct intake *intake, const char *digest)
{
    return xasprintf("%s%s", intake->plain ? "" : "blobs/sha256/", digest_hex(digest));
}

/* A manifest of a list in a plain directory has a name of its own. Returns 1, or 0. */
static int manifest_file(struct intake *intake, const char *name, struct intake_document *document,
                         struct err *err)
{
    auto_free char *path = digest_valid(name) ? blob_file(intake, name) : xstrdup(name);
    auto_free char *other = xasprintf("%s.manifest.json", path);
    int found = source_load(&intake->source, path, OCI_MANIFEST_MAX_BYTES, &document->data,
                            &document->len, err);
    if (found == 0 && intake->plain)
        found = source_load(&intake->source, other, OCI_MANIFEST_MAX_BYTES, &document->data,
                            &document->len, err);
    return found;
}

/* From the store, where it is known to be whole, or from the registry or the files. */
static int manifest_get(struct intake *intake, const char *name, struct intake_document *document,
                        struct err *err)
{
    const char *digest = digest_valid(name) ? name : NULL;
    int found = 1;
    if (digest && digest_check(digest, err) < 0)
        return -1;
    if (!intake->remote)
        found = manifest_file(intake, name, document, err);
    else if (!digest || !blob_present(intake->images, digest))
        found = manifest_ask(intake, name, document, err);
    else if (blob_load(intake->images, digest, OCI_MANIFEST_MAX_BYTES, &document->data,
                       &document->len, err) < 0)
        return -1;
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no %s %s%s", digest ? "manifest" : "tag", name,
                       intake->remote ? " in the registry" : "");
    return document_take(intake, digest, document, err);
}

int intake_manifest(struct intake *intake, const char *name, struct intake_document *ret_document,
                    struct err *err)
{
    auto_done(intake_document) document = {};
    if (manifest_get(intake, name, &document, err) < 0)
        return -1;
    *ret_document = document;
    document = (struct intake_document){};
    return 0;
}

static int size_check(const struct intake_document *document,
                      const struct oci_descriptor *descriptor, struct err *err)
{
    if (descriptor->size >= 0 && document->len == (uint64_t)descriptor->size)
        return 0;
    return err_set(err, ERR_INVALID, "%s is %zu bytes long, and should be %" PRId64,
                   descriptor->digest, document->len, descriptor->size);
}

int intake_manifest_of(struct intake *intake, const struct oci_descriptor *descriptor,
                       struct intake_document *ret_document, struct err *err)
{
    auto_done(intake_document) document = {};
    if (manifest_get(intake, descriptor->digest, &document, err) < 0 ||
        size_check(&document, descriptor, err) < 0)
        return -1;
    if (!document.media_type && descriptor->media_type)
        document.media_type = xstrdup(descriptor->media_type);
    *ret_document = document;
    document = (struct intake_document){};
    return 0;
}

static int config_ask(struct intake *intake, const struct oci_descriptor *descriptor,
                      struct intake_document *document, struct err *err)
{
    struct remote_request request;
    auto_done(remote_answer) answer = {};
    if (remote_request_init(&request, REMOTE_BLOB, descriptor->digest, NULL, err) < 0)
        return -1;
    request.bytes = (uint64_t)descriptor->size;
    return remote_document(intake->remote, &request, OCI_IMAGE_MAX_BYTES, &document->data,
                           &document->len, &answer, err);
}

static int config_file(struct intake *intake, const struct oci_descriptor *descriptor,
                       struct intake_document *document, struct err *err)
{
    auto_free char *path = blob_file(intake, descriptor->digest);
    int found = source_load(&intake->source, path, OCI_IMAGE_MAX_BYTES, &document->data,
                            &document->len, err);
    if (found == 0)
        return err_set(err, ERR_INVALID, "%s is missing", path);
    return found < 0 ? -1 : 0;
}

static int config_get(struct intake *intake, const struct oci_descriptor *descriptor,
                      struct intake_document *document, struct err *err)
{
    if (digest_check(descriptor->digest, err) < 0)
        return -1;
    if (descriptor->size < 0 || descriptor->size > OCI_IMAGE_MAX_BYTES)
        return err_set(err, ERR_INVALID, "it is %" PRId64 " bytes long, and may be %d at most",
                       descriptor->size, OCI_IMAGE_MAX_BYTES);
    int result;
    if (!intake->remote)
        result = config_file(intake, descriptor, document, err);
    else if (blob_present(intake->images, descriptor->digest))
        result = blob_load(intake->images, descriptor->digest, OCI_IMAGE_MAX_BYTES, &document->data,
                           &document->len, err);
    else
        result = config_ask(intake, descriptor, document, err);
    if (result < 0)
        return -1;
    if (size_check(document, descriptor, err) < 0)
        return -1;
    return document_take(intake, descriptor->digest, document, err);
}

int intake_config(struct intake *intake, const struct oci_descriptor *descriptor,
                  struct intake_document *ret_document, struct err *err)
{
    auto_done(intake_document) document = {};
    if (config_get(intake, descriptor, &document, err) < 0)
        return err_wrap(err, "its configuration");
    *ret_document = document;
    document = (struct intake_document){};
    return 0;
}

/* ---- from an index to a manifest ---- */

/* Returns 1 if the document was an index and its member has taken its place; 0: it is a manifest. */
static int choose_once(struct intake *intake, const struct oci_platform *platform,
                       struct intake_document *document, struct err *err)
{
    auto_done(oci_index) index = {};
    auto_done(intake_document) member = {};
    enum media_kind kind;
    size_t place;
    if (oci_document_kind(document->data, document->len, &kind, err) < 0)
        return err_wrap(err, "%s", document->digest);
    if (kind == MEDIA_MANIFEST)
        return 0;
    if (kind != MEDIA_INDEX)
        return err_set(err, ERR_UNSUPPORTED, "%s is neither a manifest nor an index of manifests",
                       document->digest);
    if (oci_index_parse(document->data, document->len, &index, err) < 0)
        return err_wrap(err, "%s", document->digest);
    if (platform_choose(&index, platform, &place, err) < 0 ||
        intake_manifest_of(intake, &index.manifests.at[place], &member, err) < 0)
        return -1;
    /* They change places. */
    struct intake_document was = *document;
    *document = member;
    member = was;
    return 1;
}

int intake_choose(struct intake *intake, const struct oci_platform *platform,
                  struct intake_document *document, struct err *err)
{
    for (int i = 0; i <= INDEX_DEPTH_MAX; i++) {
        int index = choose_once(intake, platform, document, err);
        if (index <= 0)
            return index;
    }
    return err_set(err, ERR_INVALID, "indexes lie in one another deeper than %d", INDEX_DEPTH_MAX);
}

/* ---- from a manifest to parts ---- */

static int artifact_refuse(const struct oci_manifest *manifest, struct err *err)
{
    auto_done(str) type = { .max_bytes = TYPE_SHOWN_MAX };
    const char *raw =
        manifest->artifact_type ? manifest->artifact_type : manifest->config.media_type;
    text_escape(&type, raw ? raw : "", raw ? strlen(raw) : 0);
    err_set(err, ERR_UNSUPPORTED, "it is no image but an artifact of the type %s", str_text(&type));
    return err_hint(err, "`ruche image copy` brings such");
}

static int layer_check(const struct oci_descriptor *layer, struct err *err)
{
    enum layer_format format;
    auto_done(str) type = { .max_bytes = TYPE_SHOWN_MAX };
    const char *raw = layer->media_type ? layer->media_type : "";
    if (layer->urls.len > 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "it is a foreign layer: it does not lie in the registry but where its maker "
                       "has put it, and is not fetched from there");
    if (digest_check(layer->digest, err) < 0)
        return -1;
    if (media_layer_format(raw, &format))
        return 0;
    text_escape(&type, raw, strlen(raw));
    return err_set(err, ERR_UNSUPPORTED, "it is of an unknown media type: %s", str_text(&type));
}

/* The part of a blob that lies in a file. */
static int file_part(struct intake *intake, const struct oci_descriptor *descriptor,
                     size_t *ret_place, struct err *err)
{
    auto_free char *path = blob_file(intake, descriptor->digest);
    uint64_t number, size;
    int found = source_find(&intake->source, path, &number, &size, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_INVALID, "%s is missing", path);
    if (size != (uint64_t)descriptor->size)
        return err_set(err, ERR_INVALID, "%s is %" PRIu64 " bytes long, and should be %" PRId64,
                       path, size, descriptor->size);
    *ret_place = parts_add(&intake->plan.parts, descriptor->digest, number);
    return 0;
}

/* What a document says of a blob's size before anybody has seen the blob. */
static int blob_check(const struct intake *intake, const struct oci_descriptor *descriptor,
                      struct err *err)
{
    uint64_t room = store_room(intake->images); /* what is here already takes none of it */
    if (descriptor->size < 0)
        return err_set(err, ERR_INVALID, "%s is said to be %" PRId64 " bytes long",
                       descriptor->digest, descriptor->size);
    if (!intake->remote || blob_present(intake->images, descriptor->digest))
        return 0;
    if ((uint64_t)descriptor->size > STORE_BYTES_MAX)
        return err_set(err, ERR_INVALID,
                       "%s is %" PRId64 " bytes long, and the image store takes at most %" PRIu64,
                       descriptor->digest, descriptor->size, STORE_BYTES_MAX);
    if ((uint64_t)descriptor->size > room)
        return room_refuse(intake->images, (uint64_t)descriptor->size, room, err);
    return 0;
}

/* The part of a blob; the same blob twice is one part. */
static int blob_part(struct intake *intake, const struct oci_descriptor *descriptor, bool layer,
                     size_t *ret_place, struct err *err)
{
    struct parts *parts = &intake->plan.parts;
    for (size_t i = 0; i < parts->len; i++) {
        if (!text_same(parts->at[i].digest, descriptor->digest))
            continue;
        if (parts->at[i].fetch && parts->at[i].size != (uint64_t)descriptor->size)
            return err_set(err, ERR_INVALID, "%s is said to be of two different sizes",
                           descriptor->digest);
        *ret_place = i;
        return 0;
    }
    if (blob_check(intake, descriptor, err) < 0)
        return -1;
    if (intake->remote)
        *ret_place = parts_add_fetched(parts, intake->images, descriptor->digest,
                                       (uint64_t)descriptor->size);
    else if (file_part(intake, descriptor, ret_place, err) < 0)
        return -1;
    if (layer)
        parts->at[*ret_place].layer = ++parts->n_layers;
    return 0;
}

static int layer_part(struct intake *intake, const struct oci_descriptor *layer,
                      const char *diff_id, size_t *ret_place, struct err *err)
{
    if (blob_part(intake, layer, true, ret_place, err) < 0)
        return -1;
    struct part *part = &intake->plan.parts.at[*ret_place];
    if (!part->wanted)
        part->wanted = xstrdup(diff_id);
    part_settle(part, intake->images);
    return 0;
}

static int layers_plan(struct intake *intake, const struct oci_manifest *manifest,
                       struct load_plan_image *image, struct err *err)
{
    size_t n = manifest->layers.len;
    for (size_t i = 0; i < n; i++)
        if (layer_check(&manifest->layers.at[i], err) < 0)
            return err_wrap(err, "layer %zu of %zu", i + 1, n);
    image->layers = xcalloc(n, sizeof(*image->layers));
    for (size_t i = 0; i < n; i++)
        if (layer_part(intake, &manifest->layers.at[i], image->oci.rootfs.diff_ids.at[i],
                       &image->layers[i], err) < 0)
            return err_wrap(err, "layer %zu of %zu", i + 1, n);
    return 0;
}

static int image_fill(struct intake *intake, const struct intake_document *document,
                      const struct oci_manifest *manifest, struct load_plan_image *image,
                      struct err *err)
{
    auto_done(intake_document) config = {};
    const char *type = manifest->media_type ? manifest->media_type : document->media_type;
    image->has_manifest = true;
    image->manifest = document->part;
    image->media_type = xstrdup(media_kind(type) == MEDIA_MANIFEST ? type : MEDIA_OCI_MANIFEST);
    if (intake_config(intake, &manifest->config, &config, err) < 0)
        return -1;
    image->config = config.part;
    if (oci_image_parse(config.data, config.len, &image->oci, err) < 0)
        return err_wrap(err, "its configuration");
    if (image->oci.rootfs.diff_ids.len != manifest->layers.len)
        return err_set(err, ERR_INVALID, "its configuration has %zu layers, its manifest %zu",
                       image->oci.rootfs.diff_ids.len, manifest->layers.len);
    return layers_plan(intake, manifest, image, err);
}

int intake_plan_image(struct intake *intake, const struct intake_document *document,
                      struct load_plan_image **ret_image, struct err *err)
{
    auto_done(oci_manifest) manifest = {};
    if (oci_manifest_parse(document->data, document->len, &manifest, err) < 0)
        return err_wrap(err, "%s", document->digest);
    if (!manifest_is_image(&manifest))
        return artifact_refuse(&manifest, err);
    struct load_plan_image *image = load_plan_add(&intake->plan);
    if (image_fill(intake, document, &manifest, image, err) < 0)
        return -1;
    *ret_image = image;
    return 0;
}

/* ---- what is sent on ---- */

static int cargo_plan(struct intake *intake, const struct oci_platform *platform,
                      const struct intake_document *document, int depth, struct cargo *cargo,
                      struct err *err);

/* Whether a blob lies in the registry: some do not, for reasons of their licence. */
static int blob_plan(struct intake *intake, const struct oci_descriptor *descriptor, bool layer,
                     struct cargo *cargo, struct err *err)
{
    size_t place;
    if (descriptor->urls.len > 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "it is a foreign layer: it does not lie in the registry");
    if (digest_check(descriptor->digest, err) < 0 ||
        blob_part(intake, descriptor, layer, &place, err) < 0)
        return -1;
    (void)cargo_add_blob(cargo, descriptor, layer);
    return 0;
}

static int manifest_plan(struct intake *intake, const struct intake_document *document,
                         struct cargo *cargo, struct err *err)
{
    auto_done(oci_manifest) manifest = {};
    if (oci_manifest_parse(document->data, document->len, &manifest, err) < 0)
        return err_wrap(err, "%s", document->digest);
    for (size_t i = 0; i < manifest.layers.len; i++)
        if (blob_plan(intake, &manifest.layers.at[i], true, cargo, err) < 0)
            return err_wrap(err, "layer %zu of %zu", i + 1, manifest.layers.len);
    if (blob_plan(intake, &manifest.config, false, cargo, err) < 0)
        return err_wrap(err, "its configuration");
    const char *type = manifest.media_type ? manifest.media_type : document->media_type;
    cargo_add_manifest(cargo, document->digest,
                       media_kind(type) == MEDIA_MANIFEST ? type : MEDIA_OCI_MANIFEST,
                       document->data, document->len);
    return 0;
}

/* Whatever is in a list, and in lists in it: no more than the store could hold. */
static int list_room(const struct cargo *cargo, size_t more, struct err *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < cargo->manifests.len; i++)
        bytes += cargo->manifests.at[i].len;
    if (cargo->manifests.len + more <= LIST_MEMBERS_MAX && bytes <= (size_t)DOCUMENTS_MAX_MIB << 20)
        return 0;
    err_set(err, ERR_UNSUPPORTED, "it is a list of more than %d manifests, or %d MiB of them",
            LIST_MEMBERS_MAX, DOCUMENTS_MAX_MIB);
    return err_hint(err, "choose one by --platform");
}

static int index_plan(struct intake *intake, const struct oci_platform *platform,
                      const struct intake_document *document, int depth, struct cargo *cargo,
                      struct err *err)
{
    auto_done(oci_index) index = {};
    size_t place;
    if (depth == 0)
        return err_set(err, ERR_INVALID, "indexes lie in one another deeper than %d",
                       INDEX_DEPTH_MAX);
    if (oci_index_parse(document->data, document->len, &index, err) < 0)
        return err_wrap(err, "%s", document->digest);
    if (platform ? platform_choose(&index, platform, &place, err) < 0
                 : list_room(cargo, index.manifests.len, err) < 0)
        return -1;
    for (size_t i = 0; i < index.manifests.len; i++) {
        auto_done(intake_document) member = {};
        if ((platform && i != place) || cargo_has(cargo, index.manifests.at[i].digest))
            continue;
        if (list_room(cargo, 1, err) < 0 ||
            intake_manifest_of(intake, &index.manifests.at[i], &member, err) < 0 ||
            cargo_plan(intake, platform, &member, depth - 1, cargo, err) < 0)
            return -1;
    }
    if (platform)
        return 0;
    const char *type = index.media_type ? index.media_type : document->media_type;
    cargo_add_manifest(cargo, document->digest,
                       media_kind(type) == MEDIA_INDEX ? type : MEDIA_OCI_INDEX, document->data,
                       document->len);
    return 0;
}

static int cargo_plan(struct intake *intake, const struct oci_platform *platform,
                      const struct intake_document *document, int depth, struct cargo *cargo,
                      struct err *err)
{
    enum media_kind kind;
    if (oci_document_kind(document->data, document->len, &kind, err) < 0)
        return err_wrap(err, "%s", document->digest);
    if (kind == MEDIA_INDEX)
        return index_plan(intake, platform, document, depth, cargo, err);
    if (kind == MEDIA_MANIFEST)
        return manifest_plan(intake, document, cargo, err);
    return err_set(err, ERR_UNSUPPORTED, "%s is neither a manifest nor an index of manifests",
                   document->digest);
}

/* Where each blob lies, now that all are here. */
static void cargo_place(const struct intake *intake, struct cargo *cargo)
{
    for (size_t i = 0; i < cargo->blobs.len; i++) {
        struct cargo_blob *blob = &cargo->blobs.at[i];
        for (size_t k = 0; k < intake->plan.parts.len; k++) {
            const struct part *part = &intake->plan.parts.at[k];
            if (!text_same(part->digest, blob->digest))
                continue;
            blob->place = part->stored  ? CARGO_STORED
                          : part->kept  ? CARGO_KEPT
                          : part->fetch ? CARGO_PARTIAL
                                        : CARGO_INGEST;
            blob->number = part->kept ? k : part->number;
        }
    }
}

int intake_cargo(struct intake *intake, const struct oci_platform *platform,
                 const struct intake_document *document, struct cargo *cargo, struct err *err)
{
    struct parts *parts = &intake->plan.parts;
    cargo->images = intake->images;
    cargo->ingest = &intake->ingest;
    if (cargo_plan(intake, platform, document, INDEX_DEPTH_MAX, cargo, err) < 0)
        return -1;
    /* What is in the store is read again only where it is sent to. */
    for (size_t i = 0; i < parts->len; i++) {
        parts->at[i].done = parts->at[i].done || parts->at[i].stored;
        parts->at[i].raw = true;
    }
    parts->remote = intake->remote;
    if (parts_run(parts, &intake->ingest, &intake->helper, intake->watch, err) < 0)
        return -1;
    cargo_place(intake, cargo);
    return 0;
}

int intake_commit(struct intake *intake, struct image_loads *loads, struct err *err)
{
    intake->plan.parts.remote = intake->remote;
    return load_plan_carry_out(&intake->plan, &intake->source, &intake->helper, intake->watch,
                               loads, err);
}
