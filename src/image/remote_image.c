/* SPDX-License-Identifier: Apache-2.0 */
#include "image/remote_image.h"

#include <string.h>

#include "base/json.h"
#include "image/intake.h"
#include "image/platform.h"
#include "image/reference.h"
#include "image/remote.h"

enum {
    TAGS_MAX_BYTES = 16 << 20,
    SEARCH_MAX_BYTES = 4 << 20,
    PLATFORM_TEXT_MAX = 100,
};

/* clang-format off */
static const struct field blob_fields[] = {
    FIELD_TEXT(remote_blob, media_type, "MediaType", F_ALWAYS),
    FIELD_TEXT(remote_blob, digest, "Digest", F_ALWAYS),
    FIELD_I64(remote_blob, size, "Size", F_ALWAYS),
    FIELD_END,
};

const struct field remote_image_fields[] = {
    FIELD_TEXT(remote_image, name, "Name", F_ALWAYS),
    FIELD_TEXT(remote_image, digest, "Digest", F_ALWAYS),
    FIELD_TEXT(remote_image, media_type, "MediaType", F_ALWAYS),
    FIELD_LIST(remote_image, tags, "RepoTags", F_ALWAYS),
    FIELD_LIST(remote_image, platforms, "Platforms", F_ALWAYS),
    FIELD_TEXT(remote_image, manifest, "Manifest", F_ALWAYS),
    FIELD_TEXT(remote_image, id, "Id", F_ALWAYS),
    FIELD_TEXT(remote_image, created, "Created", F_ALWAYS),
    FIELD_TEXT(remote_image, architecture, "Architecture", F_ALWAYS),
    FIELD_TEXT(remote_image, variant, "Variant", 0),
    FIELD_TEXT(remote_image, os, "Os", F_ALWAYS),
    FIELD_PAIRS(remote_image, labels, "Labels", F_ALWAYS),
    FIELD_LIST(remote_image, env, "Env", F_ALWAYS),
    FIELD_LIST(remote_image, entrypoint, "Entrypoint", F_ALWAYS),
    FIELD_LIST(remote_image, cmd, "Cmd", F_ALWAYS),
    FIELD_ARRAY(remote_image, layers, "Layers", F_ALWAYS, remote_blob, blob_fields),
    FIELD_I64(remote_image, size, "Size", F_ALWAYS),
    FIELD_END,
};

static const struct field hit_fields[] = {
    FIELD_TEXT(remote_hit, name, "name", F_REQUIRED),
    FIELD_TEXT(remote_hit, description, "description", 0),
    FIELD_I64(remote_hit, stars, "star_count", 0),
    FIELD_BOOL(remote_hit, official, "is_official", 0),
    FIELD_END,
};
static const struct field hits_fields[] = {
    FIELD_ARRAY(remote_hits, hits, "results", 0, remote_hit, hit_fields),
    FIELD_END,
};
/* clang-format on */

void remote_image_done(struct remote_image *image)
{
    field_done(remote_image_fields, image);
}

void remote_hits_done(struct remote_hits *hits)
{
    field_done(hits_fields, hits);
}

static const struct registry_options no_options;

/* ---- one registry ---- */

/* A registry client for the place that a name means. *ret_reference: the name, in full. */
int remote_image_open(const char *name, const struct registry_options *options,
                      enum registry_purpose purpose, struct reference **ret_reference,
                      struct remote *ret_remote, struct err *err)
{
    auto_done(strings) candidates = {};
    auto_done(remote_setup) setup = {};
    auto_drop(reference) *reference = NULL;
    if (!options)
        options = &no_options;
    if (registry_resolve(options, name, &candidates, err) < 0 ||
        reference_parse(candidates.at[0], &reference, err) < 0 ||
        registry_setup(options, reference, purpose, &setup, err) < 0 ||
        remote_open(&setup, NULL, ret_remote, err) < 0)
        return -1;
    *ret_reference = take_ptr(reference);
    return 0;
}

/* ---- tags ---- */

/* A document that is an array of strings, of which those that can be no tags are left out. */
static int tags_parse(const char *data, size_t len, struct strings *tags, struct err *err)
{
    struct document document;
    size_t i;
    json_t *item;
    if (document_open(&document, data, len, "tags", err) < 0)
        return -1;
    if (!json_is_array(document.root)) {
        document_close(&document);
        return err_set(err, ERR_SYSTEM, "ruche-remote says what it cannot say");
    }
    json_array_foreach(document.root, i, item)
    {
        if (json_is_string(item))
            strings_add(tags, json_string_value(item));
    }
    document_close(&document);
    return 0;
}

/* Tags, or the repositories of a registry. */
static int names_ask(struct remote *remote, enum remote_op op, struct strings *tags,
                     struct err *err)
{
    struct remote_request request;
    auto_done(remote_answer) answer = {};
    auto_free char *data = NULL;
    size_t len;
    if (remote_request_init(&request, op, NULL, NULL, err) < 0 ||
        remote_document(remote, &request, TAGS_MAX_BYTES, &data, &len, &answer, err) < 0)
        return -1;
    return tags_parse(data, len, tags, err);
}

static int tags_get(const char *name, const struct registry_options *options,
                    struct reference **ret_reference, struct strings *ret_tags, struct err *err)
{
    auto_done(remote) remote = REMOTE_CLOSED;
    auto_done(strings) tags = {};
    auto_drop(reference) *checked = NULL;
    auto_drop(reference) *reference = NULL;
    if (repository_parse(name, &checked, err) < 0 ||
        remote_image_open(name, options, REGISTRY_PULL, &reference, &remote, err) < 0)
        return -1;
    if (names_ask(&remote, REMOTE_TAGS, &tags, err) < 0) {
        auto_free char *repository = reference_repository(reference);
        return err_wrap(err, "tags of %s", repository);
    }
    *ret_reference = take_ptr(reference);
    *ret_tags = tags;
    tags = (struct strings){};
    return 0;
}

int image_remote_tags(const char *name, const struct registry_options *options,
                      struct strings *ret_tags, struct err *err)
{
    auto_drop(reference) *reference = NULL;
    return tags_get(name, options, &reference, ret_tags, err);
}

int image_remote_names(const char *name, const struct registry_options *options,
                       struct strings *ret_names, struct err *err)
{
    auto_drop(reference) *reference = NULL;
    auto_done(strings) tags = {};
    auto_done(strings) names = {};
    if (tags_get(name, options, &reference, &tags, err) < 0)
        return -1;
    for (size_t i = 0; i < tags.len; i++) {
        auto_drop(reference) *checked = NULL;
        struct err ignored; /* no tag; nobody could pull it */
        auto_free char *text =
            xasprintf("%s/%s:%s", reference->domain, reference->path, tags.at[i]);
        if (reference_parse(text, &checked, &ignored) == 0)
            strings_add(&names, text);
    }
    *ret_names = names;
    names = (struct strings){};
    return 0;
}

/* ---- one image ---- */

struct look {
    struct remote remote;
    struct intake intake;
    bool taken;
    struct reference *reference;
};

static void look_done(struct look *look)
{
    if (look->taken)
        intake_close(&look->intake);
    remote_close(&look->remote);
    reference_free(look->reference);
}

/* Brings what the name means. */
static int look_open(struct look *look, struct images *images, const char *name,
                     const struct registry_options *options, struct intake_document *document,
                     struct err *err)
{
    if (remote_image_open(name, options, REGISTRY_PULL, &look->reference, &look->remote, err) < 0 ||
        intake_open(&look->intake, images, &look->remote, NULL, err) < 0)
        return -1;
    look->taken = true;
    const struct reference *reference = look->reference;
    return intake_manifest(&look->intake, reference->digest ? reference->digest : reference->tag,
                           document, err);
}

static char *copy_or_null(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

static int platforms_fill(const struct intake_document *document, struct remote_image *image,
                          struct err *err)
{
    auto_done(oci_index) index = {};
    enum media_kind kind;
    if (oci_document_kind(document->data, document->len, &kind, err) < 0)
        return -1;
    image->media_type = copy_or_null(document->media_type);
    if (kind != MEDIA_INDEX)
        return 0;
    if (oci_index_parse(document->data, document->len, &index, err) < 0)
        return -1;
    for (size_t i = 0; i < index.manifests.len; i++) {
        auto_done(str) text = { .max_bytes = PLATFORM_TEXT_MAX };
        if (!index.manifests.at[i].platform)
            continue;
        platform_format(index.manifests.at[i].platform, &text);
        if (!strings_have(&image->platforms, str_text(&text)))
            strings_add(&image->platforms, str_text(&text));
    }
    return 0;
}

static void layers_fill(const struct oci_manifest *manifest, struct remote_image *image)
{
    for (size_t i = 0; i < manifest->layers.len; i++) {
        const struct oci_descriptor *layer = &manifest->layers.at[i];
        struct remote_blob *blob = array_add(&image->layers);
        blob->media_type = copy_or_null(layer->media_type);
        blob->digest = xstrdup(layer->digest);
        blob->size = layer->size;
        image->size += layer->size;
    }
}

/* What the configuration says; of an artifact, nothing. */
static int config_fill(struct look *look, const struct oci_manifest *manifest,
                       struct remote_image *image, struct err *err)
{
    auto_done(intake_document) config = {};
    auto_done(oci_image) oci = {};
    image->id = xstrdup(manifest->config.digest);
    if (!manifest_is_image(manifest))
        return 0;
    if (intake_config(&look->intake, &manifest->config, &config, err) < 0 ||
        oci_image_parse(config.data, config.len, &oci, err) < 0)
        return -1;
    image->created = take_ptr(oci.created);
    image->architecture = take_ptr(oci.architecture);
    image->variant = take_ptr(oci.variant);
    image->os = take_ptr(oci.os);
    pairs_copy(&image->labels, &oci.config.labels);
    strings_copy(&image->env, &oci.config.env);
    strings_copy(&image->entrypoint, &oci.config.entrypoint);
    strings_copy(&image->cmd, &oci.config.cmd);
    return 0;
}

static int inspect_fill(struct look *look, const struct oci_platform *platform,
                        struct intake_document *document, struct remote_image *image,
                        struct err *err)
{
    auto_done(oci_manifest) manifest = {};
    image->name = reference_repository(look->reference);
    image->digest = xstrdup(document->digest);
    if (platforms_fill(document, image, err) < 0 ||
        names_ask(&look->remote, REMOTE_TAGS, &image->tags, err) < 0 ||
        intake_choose(&look->intake, platform, document, err) < 0 ||
        oci_manifest_parse(document->data, document->len, &manifest, err) < 0)
        return -1;
    image->manifest = xstrdup(document->digest);
    layers_fill(&manifest, image);
    return config_fill(look, &manifest, image, err);
}

int image_remote_inspect(struct images *images, const char *name,
                         const struct registry_options *options, const char *platform,
                         struct remote_image *ret_image, struct err *err)
{
    auto_done(look) look = { .remote = REMOTE_CLOSED };
    auto_done(intake_document) document = {};
    auto_done(oci_platform) wanted = {};
    auto_done(remote_image) image = {};
    if (!platform)
        platform_own(&wanted);
    else if (platform_parse(platform, &wanted, err) < 0)
        return -1;
    if (look_open(&look, images, name, options, &document, err) < 0 ||
        inspect_fill(&look, &wanted, &document, &image, err) < 0)
        return err_wrap(err, "inspect %s", name);
    *ret_image = image;
    image = (struct remote_image){};
    return 0;
}

int image_remote_manifest(struct images *images, const char *name,
                          const struct registry_options *options, char **ret_data, size_t *ret_len,
                          struct err *err)
{
    auto_done(look) look = { .remote = REMOTE_CLOSED };
    auto_done(intake_document) document = {};
    if (look_open(&look, images, name, options, &document, err) < 0)
        return err_wrap(err, "inspect %s", name);
    *ret_len = document.len;
    *ret_data = take_ptr(document.data);
    return 0;
}

/* ---- removing ---- */

static int delete_ask(struct remote *remote, const char *name, struct err *err)
{
    struct remote_request request;
    auto_done(remote_answer) answer = {};
    if (remote_request_init(&request, REMOTE_DELETE, name, NULL, err) < 0)
        return -1;
    return remote_ask(remote, &request, NULL, 0, &answer, err);
}

/* By its digest, which every registry that deletes at all understands. */
static int delete_by_tag(struct remote *remote, const char *tag, struct err *err)
{
    struct remote_request request;
    auto_done(remote_answer) answer = {};
    if (remote_request_init(&request, REMOTE_MANIFEST, tag, NULL, err) < 0)
        return -1;
    request.flags = REMOTE_HEAD;
    if (remote_ask(remote, &request, NULL, 0, &answer, err) < 0)
        return -1;
    if (answer.detail == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no tag %s in the registry", tag);
    if (!answer.digest)
        return err_set(err, ERR_UNSUPPORTED, "the registry does not tell the manifest's digest");
    return delete_ask(remote, answer.digest, err);
}

int image_remote_delete(const char *name, const struct registry_options *options, struct err *err)
{
    auto_done(remote) remote = REMOTE_CLOSED;
    auto_drop(reference) *reference = NULL;
    if (remote_image_open(name, options, REGISTRY_PUSH, &reference, &remote, err) < 0)
        return -1;
    int result = reference->digest ? delete_ask(&remote, reference->digest, err)
                                   : delete_by_tag(&remote, reference->tag, err);
    return result < 0 ? err_wrap(err, "delete %s", name) : 0;
}

/* ---- searching ---- */

/* A registry without a search has at most a list of all it has. */
static int catalog_search(struct remote *remote, const char *words, size_t limit,
                          struct remote_hits *hits, struct err *err)
{
    auto_done(strings) names = {};
    if (names_ask(remote, REMOTE_CATALOG, &names, err) < 0)
        return -1;
    for (size_t i = 0; i < names.len && hits->hits.len < limit; i++)
        if (strstr(names.at[i], words))
            array_add(&hits->hits)->name = xstrdup(names.at[i]);
    return 0;
}

static int search_ask(struct remote *remote, const char *words, size_t limit,
                      struct remote_hits *hits, struct err *err)
{
    struct remote_request request;
    auto_done(remote_answer) answer = {};
    auto_free char *data = NULL;
    size_t len;
    if (remote_request_init(&request, REMOTE_SEARCH, words, NULL, err) < 0)
        return -1;
    request.bytes = limit;
    if (remote_document(remote, &request, SEARCH_MAX_BYTES, &data, &len, &answer, err) < 0)
        return -1;
    return field_read(hits_fields, data, len, "what the registry found", 0, hits, err);
}

/* Docker's search is with a host that has no repositories. */
static void search_place(struct remote_setup *setup)
{
    for (size_t i = 0; i < setup->endpoints.len; i++) {
        struct remote_endpoint *endpoint = &setup->endpoints.at[i];
        if (!endpoint->url || strcmp(endpoint->url, "https://registry-1.docker.io") != 0)
            continue;
        free(endpoint->url);
        endpoint->url = xstrdup("https://index.docker.io");
    }
}

int image_remote_search(const char *registry, const char *words, size_t limit,
                        const struct registry_options *options, struct remote_hits *ret_hits,
                        struct err *err)
{
    auto_done(remote) remote = REMOTE_CLOSED;
    auto_done(remote_setup) setup = {};
    auto_done(remote_hits) hits = {};
    struct err refused;
    if (!options)
        options = &no_options;
    if (registry_setup_host(options, registry ? registry : "docker.io", &setup, err) < 0)
        return -1;
    search_place(&setup);
    if (remote_open(&setup, NULL, &remote, err) < 0)
        return -1;
    if (search_ask(&remote, words, limit, &hits, &refused) < 0) {
        *err = refused;
        if (refused.kind != ERR_NOT_FOUND && refused.kind != ERR_UNSUPPORTED)
            return err_wrap(err, "search");
        if (catalog_search(&remote, words, limit, &hits, err) < 0)
            return err_wrap(err, "search");
    }
    *ret_hits = hits;
    hits = (struct remote_hits){};
    return 0;
}

/* ---- referrers ---- */

int image_remote_referrers(struct images *images, const char *name,
                           const struct registry_options *options, const char *type,
                           struct oci_index *ret_index, struct err *err)
{
    auto_done(look) look = { .remote = REMOTE_CLOSED };
    auto_done(intake_document) document = {};
    auto_done(remote_answer) answer = {};
    auto_free char *data = NULL;
    struct remote_request request;
    size_t len;
    if (look_open(&look, images, name, options, &document, err) < 0 ||
        remote_request_init(&request, REMOTE_REFERRERS, document.digest, type, err) < 0 ||
        remote_document(&look.remote, &request, OCI_MANIFEST_MAX_BYTES, &data, &len, &answer, err) <
            0 ||
        oci_index_parse(data, len, ret_index, err) < 0)
        return err_wrap(err, "referrers of %s", name);
    return 0;
}
