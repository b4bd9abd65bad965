/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the index: what they say, or for another tool's the documents that they mean. */
#include <inttypes.h>
#include <string.h>

#include "base/number.h"
#include "image/platform.h"
#include "image/reference.h"
#include "image/store.h"

char *row_name(const struct oci_descriptor *row)
{
    auto_drop(reference) *reference = NULL;
    struct err ignored;
    const char *text = pairs_value(&row->annotations, OCI_REF_NAME);
    if (!text || reference_parse(text, &reference, &ignored) < 0)
        return NULL;
    return reference_format(reference);
}

bool manifest_is_image(const struct oci_manifest *manifest)
{
    enum layer_format format;
    if (media_kind(manifest->config.media_type) != MEDIA_CONFIG)
        return false;
    /* Signatures have an image's configuration, but no layers of one. */
    for (size_t i = 0; i < manifest->layers.len; i++)
        if (!media_layer_format(manifest->layers.at[i].media_type, &format))
            return false;
    return true;
}

static const char *noted_id(const struct oci_descriptor *row)
{
    const char *note = pairs_value(&row->annotations, NOTE_ID);
    return note && digest_valid(note) ? note : NULL;
}

/* Another tool wrote the row: its document says what it is. */
static int document_kind(struct images *images, const struct oci_descriptor *row,
                         enum row_kind *ret_kind, struct err *err)
{
    auto_free char *data = NULL;
    auto_done(oci_manifest) manifest = {};
    enum media_kind kind;
    size_t len;
    if (blob_load(images, row->digest, OCI_MANIFEST_MAX_BYTES, &data, &len, err) < 0)
        return -1;
    if (oci_document_kind(data, len, &kind, err) < 0)
        return err_wrap(err, "%s", row->digest);
    if (kind == MEDIA_INDEX) {
        *ret_kind = ROW_LIST;
        return 0;
    }
    if (oci_manifest_parse(data, len, &manifest, err) < 0)
        return err_wrap(err, "%s", row->digest);
    *ret_kind = manifest_is_image(&manifest) ? ROW_IMAGE : ROW_ARTIFACT;
    return 0;
}

int row_kind(struct images *images, const struct oci_descriptor *row, enum row_kind *ret_kind,
             struct err *err)
{
    enum media_kind kind = media_kind(row->media_type);
    if (kind == MEDIA_OTHER || (kind == MEDIA_MANIFEST && !noted_id(row) && !row->artifact_type))
        return document_kind(images, row, ret_kind, err);
    *ret_kind = kind == MEDIA_INDEX ? ROW_LIST : noted_id(row) ? ROW_IMAGE : ROW_ARTIFACT;
    return 0;
}

int row_id(struct images *images, const struct oci_descriptor *row, char **ret_id, struct err *err)
{
    auto_done(oci_manifest) manifest = {};
    enum row_kind kind;
    if (noted_id(row)) {
        *ret_id = xstrdup(noted_id(row));
        return 0;
    }
    if (row_kind(images, row, &kind, err) < 0)
        return -1;
    if (kind != ROW_IMAGE) {
        *ret_id = xstrdup(row->digest);
        return 0;
    }
    if (blob_manifest(images, row->digest, &manifest, err) < 0)
        return -1;
    *ret_id = xstrdup(manifest.config.digest);
    return 0;
}

/* "sha256-HEX.sig" is how tools without referrers tag what is about sha256:HEX. */
static char *tagged_subject(const struct oci_descriptor *row)
{
    static const char prefix[] = "sha256-";
    enum { DIGITS = 64 };
    const char *text = pairs_value(&row->annotations, OCI_REF_NAME);
    const char *colon = text ? strrchr(text, ':') : NULL;
    if (!colon || !text_starts(colon + 1, prefix))
        return NULL;
    const char *hex = colon + 1 + strlen(prefix);
    size_t len = strspn(hex, "0123456789abcdef");
    if (len != DIGITS || (hex[len] && hex[len] != '.'))
        return NULL;
    return xasprintf("sha256:%.*s", DIGITS, hex);
}

char *row_subject(const struct oci_descriptor *row)
{
    const char *note = pairs_value(&row->annotations, NOTE_SUBJECT);
    return note && digest_valid(note) ? xstrdup(note) : tagged_subject(row);
}

/* ---- sizes ---- */

static uint64_t manifest_size(const struct oci_manifest *manifest)
{
    uint64_t size = 0;
    for (size_t i = 0; i < manifest->layers.len; i++)
        size += (uint64_t)manifest->layers.at[i].size;
    return size;
}

static int size_visit(void *context, const struct list_member *member, struct err *err)
{
    uint64_t *size = context;
    (void)err;
    if (member->manifest)
        *size += manifest_size(member->manifest);
    return 0;
}

int row_size(struct images *images, const struct oci_descriptor *row, uint64_t *ret_size,
             struct err *err)
{
    const char *note = pairs_value(&row->annotations, NOTE_SIZE);
    auto_done(oci_manifest) manifest = {};
    enum row_kind kind;
    struct err ignored;
    if (note && number_parse_unsigned(note, UINT64_MAX, "size", ret_size, &ignored) == 0)
        return 0;
    if (row_kind(images, row, &kind, err) < 0)
        return -1;
    if (kind == ROW_LIST) {
        *ret_size = 0;
        return list_walk(images, row->digest, size_visit, ret_size, err);
    }
    if (blob_manifest(images, row->digest, &manifest, err) < 0)
        return -1;
    *ret_size = manifest_size(&manifest);
    return 0;
}

/* ---- sums ---- */

/* CRC-64 of ECMA-182: finds any run of up to 64 flipped bits. */
static uint64_t crc64(const char *at, size_t len)
{
    static const uint64_t polynomial = 0x42f0e1eba9ea3693;
    uint64_t crc = 0;
    for (size_t i = 0; i < len; i++) {
        crc ^= (uint64_t)(unsigned char)at[i] << 56;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & ((uint64_t)1 << 63) ? crc << 1 ^ polynomial : crc << 1;
    }
    return crc;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

/* Annotations count in the order of their keys: tools that add a row may write the others in
 * another order. */
char *row_sum(const struct oci_descriptor *row)
{
    struct oci_descriptor bare = *row;
    auto_done(str) text = {};
    bare.annotations = (struct pairs){};
    for (size_t i = 0; i < row->annotations.len; i++)
        if (strcmp(row->annotations.at[i].key, NOTE_SUM) != 0)
            pairs_put(&bare.annotations, row->annotations.at[i].key, row->annotations.at[i].value);
    if (bare.annotations.len > 1)
        qsort(bare.annotations.at, bare.annotations.len, sizeof(struct pair), by_key);
    field_write(oci_descriptor_fields, &bare, 0, &text);
    pairs_done(&bare.annotations);
    return xasprintf("%016" PRIx64, crc64(str_text(&text), text.len));
}

/* ---- making ---- */

static void note_drop(struct oci_descriptor *row, const char *key)
{
    struct pairs kept = {};
    for (size_t i = 0; i < row->annotations.len; i++)
        if (strcmp(row->annotations.at[i].key, key) != 0)
            pairs_put(&kept, row->annotations.at[i].key, row->annotations.at[i].value);
    pairs_done(&row->annotations);
    row->annotations = kept;
}

void row_note(struct oci_descriptor *row, const char *key, const char *value)
{
    if (strcmp(key, NOTE_SUM) != 0)
        note_drop(row, NOTE_SUM);
    for (size_t i = 0; i < row->annotations.len; i++)
        if (strcmp(row->annotations.at[i].key, key) == 0) {
            free(row->annotations.at[i].value);
            row->annotations.at[i].value = xstrdup(value);
            return;
        }
    pairs_put(&row->annotations, key, value);
}

struct oci_descriptor row_copy(const struct oci_descriptor *row, const char *name)
{
    struct oci_descriptor copy = {
        .media_type = row->media_type ? xstrdup(row->media_type) : NULL,
        .digest = xstrdup(row->digest),
        .size = row->size,
        .artifact_type = row->artifact_type ? xstrdup(row->artifact_type) : NULL,
    };
    if (row->platform) {
        copy.platform = xnew(struct oci_platform);
        platform_copy(copy.platform, row->platform);
    }
    for (size_t i = 0; i < row->annotations.len; i++)
        if (strcmp(row->annotations.at[i].key, OCI_REF_NAME) != 0 &&
            strcmp(row->annotations.at[i].key, NOTE_SUM) != 0)
            pairs_put(&copy.annotations, row->annotations.at[i].key, row->annotations.at[i].value);
    if (name)
        pairs_put(&copy.annotations, OCI_REF_NAME, name);
    return copy;
}

static int notes_of_image(struct images *images, const struct oci_manifest *manifest,
                          struct oci_descriptor *row, struct err *err)
{
    auto_done(oci_image) image = {};
    if (blob_image_peek(images, manifest->config.digest, &image, err) < 0)
        return -1;
    row_note(row, NOTE_ID, manifest->config.digest);
    row_note(row, NOTE_CREATED, image.created ? image.created : "");
    return 0;
}

static void notes_of_artifact(const struct oci_manifest *manifest, struct oci_descriptor *row)
{
    const char *type = manifest->artifact_type && *manifest->artifact_type
                           ? manifest->artifact_type
                           : manifest->config.media_type;
    row->artifact_type = xstrdup(type);
}

static int row_fill(struct images *images, const char *data, size_t len, struct oci_descriptor *row,
                    struct err *err)
{
    auto_done(oci_manifest) manifest = {};
    auto_done(oci_index) index = {};
    enum media_kind kind;
    if (oci_document_kind(data, len, &kind, err) < 0)
        return -1;
    if (kind == MEDIA_INDEX) {
        if (oci_index_parse(data, len, &index, err) < 0)
            return -1;
        row->media_type = xstrdup(index.media_type ? index.media_type : MEDIA_OCI_INDEX);
        if (index.artifact_type && *index.artifact_type)
            row->artifact_type = xstrdup(index.artifact_type);
        if (index.subject)
            row_note(row, NOTE_SUBJECT, index.subject->digest);
        return 0;
    }
    if (oci_manifest_parse(data, len, &manifest, err) < 0)
        return -1;
    row->media_type = xstrdup(manifest.media_type ? manifest.media_type : MEDIA_OCI_MANIFEST);
    if (manifest.subject)
        row_note(row, NOTE_SUBJECT, manifest.subject->digest);
    if (manifest_is_image(&manifest)) {
        int noted = notes_of_image(images, &manifest, row, err);
        if (noted == 0 || (err->kind != ERR_INVALID && err->kind != ERR_UNSUPPORTED))
            return noted;
        /* It says that it is an image, and its configuration is none. */
    }
    notes_of_artifact(&manifest, row);
    return 0;
}

int row_make(struct images *images, const char *digest, const char *name,
             struct oci_descriptor *ret_row, struct err *err)
{
    auto_done(oci_descriptor) row = { .digest = xstrdup(digest) };
    auto_free char *data = NULL;
    size_t len;
    if (blob_load(images, digest, OCI_MANIFEST_MAX_BYTES, &data, &len, err) < 0)
        return -1;
    row.size = (int64_t)len;
    if (row_fill(images, data, len, &row, err) < 0)
        return err_wrap(err, "%s", digest);
    if (name)
        pairs_put(&row.annotations, OCI_REF_NAME, name);
    *ret_row = row;
    row = (struct oci_descriptor){};
    return 0;
}
