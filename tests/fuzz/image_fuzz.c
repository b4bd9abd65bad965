/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a document of an image; the first byte says which: a manifest, an index, a
 * configuration, manifest.json of an archive, a signed payload. What is taken has valid digests, and
 * written out and read again it is the same document; what is refused says why in one line.
 *
 * clang -fsanitize=fuzzer,address,undefined; the corpus is tests/fuzz/image_corpus.
 */
#include <stdlib.h>
#include <string.h>

#include "image/signature.h"
#include "oci/image.h"

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void refused(const struct err *err)
{
    demand(err->text[0] && !strchr(err->text, '\n'));
}

/* Each reads a text, and writes it out again if it is such a document. */

static int manifest_again(const char *json, size_t len, struct str *out, struct err *err)
{
    auto_done(oci_manifest) manifest = {};
    if (oci_manifest_parse(json, len, &manifest, err) < 0)
        return -1;
    demand(digest_valid(manifest.config.digest));
    for (size_t i = 0; i < manifest.layers.len; i++) {
        demand(digest_valid(manifest.layers.at[i].digest) && manifest.layers.at[i].size >= 0);
        (void)signature_of_layer(&manifest.layers.at[i]);
    }
    oci_manifest_format(&manifest, out);
    return 0;
}

static int index_again(const char *json, size_t len, struct str *out, struct err *err)
{
    auto_done(oci_index) index = {};
    if (oci_index_parse(json, len, &index, err) < 0)
        return -1;
    for (size_t i = 0; i < index.manifests.len; i++)
        demand(digest_valid(index.manifests.at[i].digest));
    oci_index_format(&index, out);
    return 0;
}

static int config_again(const char *json, size_t len, struct str *out, struct err *err)
{
    auto_done(oci_image) image = {};
    if (oci_image_parse(json, len, &image, err) < 0)
        return -1;
    for (size_t i = 0; i < image.rootfs.diff_ids.len; i++)
        demand(digest_valid(image.rootfs.diff_ids.at[i]));
    oci_image_format(&image, out);
    return 0;
}

static int archive_again(const char *json, size_t len, struct str *out, struct err *err)
{
    auto_done(oci_archive) archive = {};
    if (oci_archive_parse(json, len, &archive, err) < 0)
        return -1;
    oci_archive_format(&archive, out);
    return 0;
}

static int payload_again(const char *json, size_t len, struct str *out, struct err *err)
{
    auto_done(signature_claim) claim = {};
    if (signature_payload_parse(json, len, &claim, err) < 0)
        return -1;
    demand(digest_valid(claim.digest));
    signature_payload_format(&claim, out);
    return 0;
}

typedef int again(const char *json, size_t len, struct str *out, struct err *err);
static again *const kinds[] = {
    manifest_again, index_again, config_again, archive_again, payload_again,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_done(str) once = {};
    auto_done(str) twice = {};
    enum media_kind kind;
    struct err err = {};
    if (size == 0)
        return 0;
    again *read = kinds[data[0] % array_size(kinds)];
    auto_free char *json = xstrndup((const char *)data + 1, size - 1);
    if (oci_document_kind(json, size - 1, &kind, &err) < 0)
        refused(&err);
    if (read(json, size - 1, &once, &err) < 0) {
        refused(&err);
        return 0;
    }
    demand(read(once.at, once.len, &twice, &err) == 0);
    demand(strcmp(once.at, twice.at) == 0);
    return 0;
}
