/* SPDX-License-Identifier: Apache-2.0 */
#include "image/sign.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "image/object.h"
#include "image/store.h"
#include "image/trust.h"

void signatures_done(struct signatures *signatures)
{
    for (size_t i = 0; i < signatures->len; i++) {
        free(signatures->at[i].payload);
        free(signatures->at[i].text);
    }
    free(signatures->at);
    *signatures = (struct signatures){};
}

/* Takes payload. */
static void signatures_add(struct signatures *signatures, char *payload, size_t len,
                           const char *text)
{
    signatures->at = xrealloc(signatures->at, signatures->len + 1, sizeof(*signatures->at));
    signatures->at[signatures->len++] = (struct signature){ payload, len, xstrdup(text) };
}

/* ---- asking ruche-transfer ---- */

static int memory_of(const void *data, size_t len, int *ret_fd, struct err *err)
{
    auto_close int fd = memfd_create("signing", MFD_CLOEXEC);
    if (fd < 0 || fd_write_all(fd, data, len) < 0)
        return err_sys(err, "hand something to ruche-transfer");
    *ret_fd = take_fd(fd);
    return 0;
}

/* One verb over three files. *ret_text, which may be NULL: the text of its answer. */
static int helper_ask(const struct helper *helper, enum transfer_verb verb, int key, int payload,
                      int extra, char **ret_text, struct err *err)
{
    const struct transfer_request request = { .version = TRANSFER_VERSION, .verb = verb };
    const int fds[] = { key, payload, extra };
    auto_close int socket = -1;
    auto_free char *text = NULL;
    struct transfer_event event;
    if (helper_request(helper, &request, fds, array_size(fds), &socket, err) < 0)
        return -1;
    for (;;) {
        if (helper_event(socket, &event, err) < 0)
            return -1;
        if (event.kind == TRANSFER_FAILED) {
            event_error(&event, err);
            return -1;
        }
        if (event.kind == TRANSFER_DONE)
            break;
        if (event.kind != TRANSFER_SIGNATURE || text || !ret_text)
            return err_set(err, ERR_SYSTEM, "ruche-transfer says what it cannot say");
        text = xstrdup(event_text(&event, 0));
    }
    if (ret_text && !text)
        return err_set(err, ERR_SYSTEM, "ruche-transfer says what it cannot say");
    if (ret_text)
        *ret_text = take_ptr(text);
    return 0;
}

/* ---- looking at signatures ---- */

static int signature_verify(const struct helper *helper, const struct signature *signature, int key,
                            const char *digest, signature_judge *judge, void *context,
                            char **ret_reference, struct err *err)
{
    auto_done(signature_claim) claim = {};
    auto_close int payload = -1;
    auto_close int text = -1;
    if (memory_of(signature->payload, signature->len, &payload, err) < 0 ||
        memory_of(signature->text, strlen(signature->text), &text, err) < 0 ||
        helper_ask(helper, TRANSFER_VERIFY, key, payload, text, NULL, err) < 0 ||
        signature_payload_parse(signature->payload, signature->len, &claim, err) < 0)
        return -1;
    if (strcmp(claim.digest, digest) != 0)
        return err_set(err, ERR_DENIED, "the signature is for another image");
    if (!judge(context, claim.reference)) {
        auto_done(str) shown = { .max_bytes = 300 };
        text_escape(&shown, claim.reference, strlen(claim.reference));
        return err_set(err, ERR_DENIED, "the signature is for another name, %s", str_text(&shown));
    }
    *ret_reference = take_ptr(claim.reference);
    return 0;
}

int signatures_verify(const struct helper *helper, const struct signatures *signatures, int key,
                      const char *digest, signature_judge *judge, void *context,
                      char **ret_reference, struct err *err)
{
    err_set(err, ERR_DENIED, "it is not signed");
    for (size_t i = 0; i < signatures->len; i++)
        if (signature_verify(helper, &signatures->at[i], key, digest, judge, context, ret_reference,
                             err) == 0)
            return 0;
    return -1;
}

/* ---- finding them ---- */

/* The layers of an artifact's manifest that are signatures. */
static int layers_check(const struct oci_manifest *manifest, struct err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < manifest->layers.len; i++) {
        if (!signature_of_layer(&manifest->layers.at[i]))
            continue;
        if (manifest->layers.at[i].size > SIGNED_PAYLOAD_MAX_BYTES)
            return err_set(err, ERR_INVALID, "a signature's payload is larger than %d bytes",
                           SIGNED_PAYLOAD_MAX_BYTES);
        n++;
    }
    if (n > SIGNATURES_MAX)
        return err_set(err, ERR_INVALID, "more than %d signatures", SIGNATURES_MAX);
    return 0;
}

int signatures_load(struct images *images, const char *repository, const char *digest,
                    struct signatures *ret_signatures, struct err *err)
{
    auto_free char *tag = signature_tag(digest);
    auto_done(object) object = {};
    auto_done(oci_manifest) manifest = {};
    auto_done(signatures) signatures = {};
    int found = object_find(images, repository, tag, &object, err);
    if (found <= 0)
        return found;
    if (blob_manifest(images, object.digest, &manifest, err) < 0 ||
        layers_check(&manifest, err) < 0)
        return -1;
    for (size_t i = 0; i < manifest.layers.len; i++) {
        const struct oci_descriptor *layer = &manifest.layers.at[i];
        const char *text = signature_of_layer(layer);
        char *payload;
        size_t len;
        if (!text)
            continue;
        if (blob_load(images, layer->digest, SIGNED_PAYLOAD_MAX_BYTES, &payload, &len, err) < 0)
            return -1;
        signatures_add(&signatures, payload, len, text);
    }
    *ret_signatures = signatures;
    signatures = (struct signatures){};
    return ret_signatures->len > 0;
}

/* The payloads that are signed, and the configuration, without which it is no artifact. */
static int artifact_fetch(struct intake *intake, const struct oci_manifest *manifest,
                          struct signatures *signatures, struct err *err)
{
    auto_done(intake_document) config = {};
    if (layers_check(manifest, err) < 0 ||
        intake_config(intake, &manifest->config, &config, err) < 0)
        return -1;
    for (size_t i = 0; i < manifest->layers.len; i++) {
        const struct oci_descriptor *layer = &manifest->layers.at[i];
        const char *text = signature_of_layer(layer);
        auto_done(intake_document) payload = {};
        if (!text)
            return err_set(err, ERR_INVALID, "its signatures have a layer that is none");
        if (intake_config(intake, layer, &payload, err) < 0)
            return -1;
        size_t len = payload.len;
        signatures_add(signatures, take_ptr(payload.data), len, text);
    }
    return 0;
}

int signatures_fetch(struct intake *intake, const char *digest, struct signatures *ret_signatures,
                     struct intake_document *ret_artifact, struct err *err)
{
    auto_free char *tag = signature_tag(digest);
    auto_done(intake_document) artifact = {};
    auto_done(oci_manifest) manifest = {};
    auto_done(signatures) signatures = {};
    if (intake_manifest(intake, tag, &artifact, err) < 0)
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    if (oci_manifest_parse(artifact.data, artifact.len, &manifest, err) < 0 ||
        artifact_fetch(intake, &manifest, &signatures, err) < 0)
        return err_wrap(err, "signatures");
    *ret_signatures = signatures;
    signatures = (struct signatures){};
    *ret_artifact = artifact;
    artifact = (struct intake_document){};
    return ret_signatures->len > 0;
}

/* ---- signing ---- */

/* What is being signed, and the artifact that grows by it. */
struct signing {
    struct images *images;
    const struct image_sign_options *options;
    const struct reference *reference;
    char *repository;
    struct ingest ingest;
    struct helper helper;
    struct parts parts;
};

static void signing_done(struct signing *signing)
{
    parts_done(&signing->parts);
    helper_close(&signing->helper);
    ingest_close(&signing->ingest);
    free(signing->repository);
}

/* Writes a document of ours into the ingest and finds out its digest. *ret_part: its place. */
static int document_save(struct signing *signing, const struct str *text, size_t *ret_part,
                         struct err *err)
{
    size_t number = signing->parts.len;
    if (ingest_save(&signing->ingest, number, str_text(text), text->len, err) < 0)
        return -1;
    *ret_part = parts_add(&signing->parts, NULL, number);
    return parts_run(&signing->parts, &signing->ingest, &signing->helper, NULL, err);
}

/* Puts such a one among the store's blobs; the store's lock guards what names it. */
static int document_put(struct signing *signing, size_t part, struct err *err)
{
    char name[24];
    (void)snprintf(name, sizeof(name), "%zu", part);
    return object_blob_put(signing->images, signing->ingest.directory, name,
                           signing->parts.at[part].digest, err);
}

static int passphrase_open(const char *path, int *ret_fd, struct err *err)
{
    if (!path)
        return memory_of("", 0, ret_fd, err);
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return *ret_fd < 0 ? err_sys(err, "open %s", path) : 0;
}

static int payload_sign(struct signing *signing, const struct str *payload, char **ret_signature,
                        struct err *err)
{
    const struct image_sign_options *options = signing->options;
    auto_close int text = -1;
    auto_close int passphrase = -1;
    auto_close int key = open(options->key, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (key < 0)
        return err_sys(err, "open %s", options->key);
    if (memory_of(payload->at, payload->len, &text, err) < 0 ||
        passphrase_open(options->passphrase_file, &passphrase, err) < 0)
        return -1;
    if (helper_ask(&signing->helper, TRANSFER_SIGN, key, text, passphrase, ret_signature, err) < 0)
        return err_wrap(err, "%s", options->key);
    return 0;
}

/* The artifact that is there already, to which a signature is added. Returns 1, or 0: none. */
static int artifact_load(struct signing *signing, const char *tag, struct object *artifact,
                         struct oci_manifest *manifest, struct err *err)
{
    int found = object_find(signing->images, signing->repository, tag, artifact, err);
    if (found <= 0)
        return found;
    return blob_manifest(signing->images, artifact->digest, manifest, err) < 0 ? -1 : 1;
}

static int artifact_put(struct signing *signing, const char *tag, struct oci_manifest *manifest,
                        struct err *err)
{
    auto_done(str) config = {};
    auto_done(str) text = {};
    auto_done(object_stored) stored = {};
    size_t part;
    signature_config_format(manifest, &config);
    if (document_save(signing, &config, &part, err) < 0)
        return -1;
    oci_descriptor_done(&manifest->config);
    manifest->config = (struct oci_descriptor){
        .media_type = xstrdup(MEDIA_OCI_CONFIG),
        .digest = xstrdup(signing->parts.at[part].digest),
        .size = (int64_t)config.len,
    };
    if (document_put(signing, part, err) < 0)
        return -1;
    oci_manifest_format(manifest, &text);
    if (document_save(signing, &text, &part, err) < 0)
        return -1;
    const struct object_manifest artifact = {
        .repository = signing->repository,
        .tag = tag,
        .digest = signing->parts.at[part].digest,
        .media_type = MEDIA_OCI_MANIFEST,
        .data = text.at,
        .len = text.len,
    };
    int put = object_manifest_put(signing->images, &artifact, &stored, err);
    if (put == 0)
        return err_set(err, ERR_CONFLICT, "%s went while it was signed", stored.missing);
    return put < 0 ? -1 : 0;
}

/* One adds to the signatures of the store at a time: what another adds meanwhile would be lost. The
 * store's own lock is taken within. */
static int signatures_lock(struct images *images, int *ret_lock, struct err *err)
{
    auto_close int lock = -1;
    if (object_prepare(images, &lock, err) < 0)
        return -1;
    while (flock(lock, LOCK_EX) < 0)
        if (errno != EINTR)
            return err_sys(err, "lock the signatures");
    *ret_lock = take_fd(lock);
    return 0;
}

static int manifest_sign(struct signing *signing, const char *digest, struct err *err)
{
    auto_free char *name = reference_format(signing->reference);
    auto_free char *tag = signature_tag(digest);
    auto_free char *signature = NULL;
    auto_done(str) payload = {};
    auto_done(oci_manifest) manifest = {};
    auto_done(object) before = {};
    auto_close int lock = -1;
    size_t part;
    signature_payload_format(&(const struct signature_claim){ name, (char *)(uintptr_t)digest },
                             &payload);
    if (payload_sign(signing, &payload, &signature, err) < 0 ||
        document_save(signing, &payload, &part, err) < 0 || document_put(signing, part, err) < 0 ||
        signatures_lock(signing->images, &lock, err) < 0)
        return -1;
    int had = artifact_load(signing, tag, &before, &manifest, err);
    if (had < 0)
        return -1;
    signature_manifest_add(&manifest, signing->parts.at[part].digest, (int64_t)payload.len,
                           signature);
    if (artifact_put(signing, tag, &manifest, err) < 0)
        return -1;
    /* All that it said the new one says as well. */
    if (had && object_remove(signing->images, signing->repository, before.digest, err) < 0)
        return -1;
    return 0;
}

static int signing_open(struct signing *signing, struct err *err)
{
    if (ingest_open(signing->images, &signing->ingest, err) < 0)
        return -1;
    return helper_open(signing->images->transfer, signing->ingest.directory, &signing->helper, err);
}

int image_sign(struct images *images, const char *name, const struct image_sign_options *options,
               struct strings *ret_names, struct err *err)
{
    auto_drop(reference) *reference = NULL;
    auto_drop(image) *image = NULL;
    auto_done(signing) signing = {
        .images = images,
        .options = options,
        .ingest = { .directory = -1 },
        .helper = { .control = -1 },
    };
    if (reference_parse(name, &reference, err) < 0)
        return -1;
    int found = image_find(images, name, &image, err);
    if (found < 0)
        return -1;
    if (found == 0) {
        err_set(err, ERR_NOT_FOUND, "no image %s here", name);
        return err_hint(err, "pull it first");
    }
    auto_free char *normal = reference_format(reference);
    if (!reference->digest && !strings_have(&image->names, normal))
        return err_set(err, ERR_INVALID, "%s is an id; sign the image by its name", name);
    signing.reference = reference;
    signing.repository = reference_repository(reference);
    /* Of one that was taken from a list both: who pulls it asks for the one or the other. */
    const char *digests[] = { image->digest, image->list };
    if (signing_open(&signing, err) < 0)
        return -1;
    for (size_t i = 0; i < array_size(digests); i++) {
        if (!digests[i])
            continue;
        if (manifest_sign(&signing, digests[i], err) < 0)
            return -1;
        strings_add_taken(ret_names, signature_name(reference, digests[i]));
    }
    return 0;
}
