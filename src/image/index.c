/* SPDX-License-Identifier: Apache-2.0 */
/* index.json of the layout: one row for each name of each image, and one for an image without any.
 */
#include <string.h>

#include "image/reference.h"
#include "image/registry.h"
#include "image/store.h"

static const char sha256[] = "sha256:";

void index_remove(struct oci_index *index, size_t i)
{
    oci_descriptor_done(&index->manifests.at[i]);
    index->manifests.len--;
    memmove(&index->manifests.at[i], &index->manifests.at[i + 1],
            (index->manifests.len - i) * sizeof(index->manifests.at[0]));
}

void index_unname(struct oci_index *index, size_t i)
{
    struct oci_descriptor bare = row_copy(&index->manifests.at[i], NULL);
    oci_descriptor_done(&index->manifests.at[i]);
    index->manifests.at[i] = bare;
}

/* A row without a name is there for an image that has no other. */
static void drop_spare_rows(struct oci_index *index)
{
    for (size_t i = index->manifests.len; i-- > 0;) {
        const struct oci_descriptor *row = &index->manifests.at[i];
        bool spare = false;
        if (pairs_value(&row->annotations, OCI_REF_NAME))
            continue;
        for (size_t k = 0; k < index->manifests.len && !spare; k++)
            spare = k != i && strcmp(index->manifests.at[k].digest, row->digest) == 0;
        if (spare)
            index_remove(index, i);
    }
}

void index_add(struct oci_index *index, struct oci_descriptor *row)
{
    const char *name = pairs_value(&row->annotations, OCI_REF_NAME);
    for (size_t i = index->manifests.len; name && i-- > 0;) {
        auto_free char *other = row_name(&index->manifests.at[i]);
        if (text_same(other, name))
            index_unname(index, i);
    }
    *array_add(&index->manifests) = *row;
    *row = (struct oci_descriptor){};
    drop_spare_rows(index);
}

/* ---- looking up ---- */

void row_found_done(struct row_found *found)
{
    free(found->member);
    *found = (struct row_found){};
}

static bool same_repository(const struct oci_descriptor *row, const struct reference *wanted,
                            struct reference **ret_reference)
{
    const char *text = pairs_value(&row->annotations, OCI_REF_NAME);
    auto_drop(reference) *reference = NULL;
    struct err ignored;
    if (!text || reference_parse(text, &reference, &ignored) < 0 ||
        strcmp(reference->domain, wanted->domain) != 0 ||
        strcmp(reference->path, wanted->path) != 0)
        return false;
    *ret_reference = take_ptr(reference);
    return true;
}

/* A row of that name; with a digest, a row of that repository and manifest, or taken from that
 * index. */
static bool row_fits(const struct oci_descriptor *row, const struct reference *wanted,
                     const char *normal)
{
    const char *text = pairs_value(&row->annotations, OCI_REF_NAME);
    if (!wanted->digest && text && strcmp(text, normal) == 0)
        return true;
    auto_drop(reference) *reference = NULL;
    if (!same_repository(row, wanted, &reference))
        return false;
    if (!wanted->digest)
        return text_same(reference->tag, wanted->tag);
    return strcmp(row->digest, wanted->digest) == 0 ||
           text_same(pairs_value(&row->annotations, NOTE_INDEX), wanted->digest);
}

/* What a list's members are searched for. */
struct sought {
    const char *hex; /* digits of a manifest's digest, or the first ones of an image's id */
    char *id;        /* found */
    char *digest;
};

static int sought_visit(void *context, const struct list_member *member, struct err *err)
{
    struct sought *sought = context;
    const char *digest = member->descriptor->digest;
    (void)err;
    if (!member->manifest || !manifest_is_image(member->manifest))
        return 0;
    const char *id = member->manifest->config.digest;
    if (strcmp(digest_hex(digest), sought->hex) != 0 && !text_starts(digest_hex(id), sought->hex))
        return 0;
    sought->digest = xstrdup(digest);
    sought->id = xstrdup(id);
    return 1;
}

static bool row_is_list(const struct oci_descriptor *row)
{
    return media_kind(row->media_type) == MEDIA_INDEX;
}

/* The member of a repository's list. */
static int find_member_by_name(struct images *images, const struct oci_index *index,
                               const struct reference *wanted, struct row_found *found,
                               struct err *err)
{
    for (size_t i = 0; i < index->manifests.len; i++) {
        const struct oci_descriptor *row = &index->manifests.at[i];
        auto_drop(reference) *reference = NULL;
        if (!row_is_list(row) || !same_repository(row, wanted, &reference))
            continue;
        struct sought sought = { .hex = digest_hex(wanted->digest) };
        if (list_walk(images, row->digest, sought_visit, &sought, err) < 0 &&
            err->kind != ERR_UNSUPPORTED) /* one that is too long is in no other's way */
            return -1;
        free(sought.id);
        if (!sought.digest)
            continue;
        *found = (struct row_found){ .row = i, .by_digest = true, .member = sought.digest };
        return 1;
    }
    return 0;
}

static int find_by_name(struct images *images, const struct oci_index *index,
                        const struct reference *wanted, struct row_found *found, struct err *err)
{
    auto_free char *normal = reference_format(wanted);
    for (size_t i = 0; i < index->manifests.len; i++) {
        if (!row_fits(&index->manifests.at[i], wanted, normal))
            continue;
        *found = (struct row_found){ .row = i, .by_digest = wanted->digest };
        return 1;
    }
    return wanted->digest ? find_member_by_name(images, index, wanted, found, err) : 0;
}

/* The digits of an id or of the beginning of one, or NULL. */
static const char *id_digits(const char *name)
{
    const char *hex = text_starts(name, sha256) ? name + strlen(sha256) : name;
    size_t len = strspn(hex, "0123456789abcdef");
    return len > 0 && len <= 64 && !hex[len] ? hex : NULL;
}

static int refuse_ambiguous(const char *hex, struct err *err)
{
    err_set(err, ERR_INVALID, "more than one image has an id that begins with %s", hex);
    return err_hint(err, "give more of it");
}

typedef bool row_test(const struct oci_descriptor *row, const char *id, const char *hex);

static bool row_is(const struct oci_descriptor *row, const char *id, const char *hex)
{
    return text_starts(digest_hex(id), hex) || strcmp(digest_hex(row->digest), hex) == 0;
}

static bool row_is_of_list(const struct oci_descriptor *row, const char *id, const char *hex)
{
    const char *from = pairs_value(&row->annotations, NOTE_INDEX);
    (void)id;
    return from && strcmp(digest_hex(from), hex) == 0;
}

/* The one image that passes a test. */
static int find_by_test(struct images *images, const struct oci_index *index, row_test *test,
                        const char *hex, struct row_found *found, struct err *err)
{
    auto_free char *first = NULL;
    for (size_t i = 0; i < index->manifests.len; i++) {
        auto_free char *id = NULL;
        if (row_id(images, &index->manifests.at[i], &id, err) < 0)
            return -1;
        if (!test(&index->manifests.at[i], id, hex) || text_same(first, id))
            continue;
        if (first)
            return refuse_ambiguous(hex, err);
        first = take_ptr(id);
        *found = (struct row_found){ .row = i, .by_digest = true };
    }
    return first ? 1 : 0;
}

/* An image's id, whole or its beginning, or the whole digest of its manifest; only then the digest
 * of a list it was taken from, which may be here as well. */
static int find_by_id(struct images *images, const struct oci_index *index, const char *hex,
                      struct row_found *found, struct err *err)
{
    int result = find_by_test(images, index, row_is, hex, found, err);
    return result == 0 ? find_by_test(images, index, row_is_of_list, hex, found, err) : result;
}

/* The same of images that only lists name. */
static int find_member_by_id(struct images *images, const struct oci_index *index, const char *hex,
                             struct row_found *found, struct err *err)
{
    auto_free char *first = NULL;
    for (size_t i = 0; i < index->manifests.len; i++) {
        const struct oci_descriptor *row = &index->manifests.at[i];
        struct sought sought = { .hex = hex };
        if (!row_is_list(row))
            continue;
        if (list_walk(images, row->digest, sought_visit, &sought, err) < 0 &&
            err->kind != ERR_UNSUPPORTED) /* one that is too long is in no other's way */
            return -1;
        auto_free char *id = sought.id;
        auto_free char *digest = sought.digest;
        if (!id || text_same(first, id))
            continue;
        if (first)
            return refuse_ambiguous(hex, err);
        first = take_ptr(id);
        *found = (struct row_found){ .row = i, .by_digest = true, .member = take_ptr(digest) };
    }
    return first ? 1 : 0;
}

/* A short name that means something else by the user's aliases: that is how it was pulled. */
static int find_by_alias(struct images *images, const struct oci_index *index, const char *name,
                         struct row_found *found, struct err *err)
{
    static const struct registry_options options;
    auto_done(strings) candidates = {};
    struct err ignored; /* then it means nothing that is here */
    int result = 0;
    if (registry_resolve(&options, name, &candidates, &ignored) < 0)
        return 0;
    for (size_t i = 0; i < candidates.len && result == 0; i++) {
        auto_drop(reference) *reference = NULL;
        if (reference_parse(candidates.at[i], &reference, err) < 0)
            return -1;
        result = find_by_name(images, index, reference, found, err);
    }
    return result;
}

int index_find(struct images *images, const struct oci_index *index, const char *name,
               struct row_found *ret_found, struct err *err)
{
    auto_drop(reference) *reference = NULL;
    auto_done(row_found) found = {};
    const char *hex = id_digits(name);
    int result = 0;
    if (reference_parse(name, &reference, err) < 0 && !hex)
        return -1;
    if (reference)
        result = find_by_name(images, index, reference, &found, err);
    if (result == 0 && hex)
        result = find_by_id(images, index, hex, &found, err);
    if (result == 0 && hex)
        result = find_member_by_id(images, index, hex, &found, err);
    if (result == 0 && reference)
        result = find_by_alias(images, index, name, &found, err);
    if (result <= 0)
        return result;
    *ret_found = found;
    found = (struct row_found){};
    return 1;
}
