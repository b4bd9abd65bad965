/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests of all kinds put into stores of their own, and what becomes of them. */
#include "image/object.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "archive_make.h"
#include "image/ingest.h"
#include "image/platform.h"

#define REPOSITORY "docker.io/library/app"

static char scratch_path[] = "/tmp/ruche-object-XXXXXX";
static int root = -1;
static struct images *images;

static void store_begin(void)
{
    cr_assert_not_null(mkdtemp(scratch_path));
    root = open(scratch_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    images = images_open(root, getenv("RUCHE_TRANSFER"));
}

static void store_end(void)
{
    struct err err;
    images_close(images);
    close(root);
    cr_assert_eq(tree_remove(AT_FDCWD, scratch_path, &err), 0, "%s", err.text);
}

TestSuite(object, .init = store_begin, .fini = store_end, .timeout = 600);

static size_t count(const char *directory)
{
    auto_done(strings) names = {};
    struct err err;
    (void)dir_list(root, directory, &names, &err);
    return names.len;
}

/* Hands a blob in. Gives its digest, owned by the caller. */
static char *blob_put(const char *text)
{
    struct ingest ingest;
    struct err err = {};
    char *digest = digest_of(text, strlen(text));
    cr_assert_eq(ingest_open(images, &ingest, &err), 0, "%s", err.text);
    cr_assert_eq(file_save(ingest.directory, "upload", text, strlen(text), 0600, 0, &err), 0);
    cr_assert_eq(object_blob_put(images, ingest.directory, "upload", digest, &err), 0, "%s",
                 err.text);
    ingest_close(&ingest);
    return digest;
}

static bool blob_here(const char *digest)
{
    auto_close int fd = -1;
    uint64_t size;
    struct err err = {};
    int found = object_blob_open(images, digest, &fd, &size, &err);
    cr_assert_geq(found, 0, "%s", err.text);
    return found;
}

/* Gives the digest, owned by the caller. */
static char *put(const char *tag, const char *type, const char *text)
{
    auto_done(object_stored) stored = {};
    struct err err = {};
    char *digest = digest_of(text, strlen(text));
    const struct object_manifest manifest = {
        .repository = REPOSITORY,
        .tag = tag,
        .digest = digest,
        .media_type = type,
        .data = text,
        .len = strlen(text),
    };
    cr_assert_eq(object_manifest_put(images, &manifest, &stored, &err), 1, "%s%s", err.text,
                 stored.missing ? stored.missing : "");
    return digest;
}

static bool known(const char *reference)
{
    auto_done(object) object = {};
    struct err err = {};
    int found = object_find(images, REPOSITORY, reference, &object, &err);
    cr_assert_geq(found, 0, "%s", err.text);
    return found;
}

static char *manifest_text(const char *config_type, const char *config, size_t config_len,
                           const char *layer_type, const char *layer, size_t layer_len,
                           const char *more)
{
    return xasprintf("{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_MANIFEST "\","
                     "\"config\":{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu},"
                     "\"layers\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}]%s}",
                     config_type, config, config_len, layer_type, layer, layer_len, more);
}

/* An image of one layer, for an architecture; its blobs are handed in. Both owned by the caller. */
static char *image_text(const char *architecture, char **ret_id)
{
    auto_done(str) layer = {};
    tar_text(&layer, "etc/own", architecture);
    tar_end(&layer);
    auto_free char *layer_digest = digest_of(layer.at, layer.len);
    struct ingest ingest;
    struct err err = {};
    cr_assert_eq(ingest_open(images, &ingest, &err), 0, "%s", err.text);
    cr_assert_eq(file_save(ingest.directory, "l", layer.at, layer.len, 0600, 0, &err), 0);
    cr_assert_eq(object_blob_put(images, ingest.directory, "l", layer_digest, &err), 0);
    ingest_close(&ingest);
    auto_free char *config =
        xasprintf("{\"architecture\":\"%s\",\"os\":\"linux\",\"created\":\"2024-05-06T07:08:09Z\","
                  "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}",
                  architecture, layer_digest);
    auto_free char *config_digest = blob_put(config);
    char *text = manifest_text(MEDIA_OCI_CONFIG, config_digest, strlen(config), MEDIA_OCI_LAYER,
                               layer_digest, layer.len, "");
    if (ret_id)
        *ret_id = take_ptr(config_digest);
    return text;
}

static char *put_image(const char *tag, const char *architecture, char **ret_id)
{
    auto_free char *text = image_text(architecture, ret_id);
    return put(tag, MEDIA_OCI_MANIFEST, text);
}

static char *put_signature(const char *tag, const char *subject, const char *text)
{
    auto_free char *config = blob_put("{}");
    auto_free char *layer = blob_put(text);
    auto_free char *more = xasprintf(
        ",\"artifactType\":\"application/x.sig\",\"annotations\":{\"note\":\"%s\","
        "\"" OCI_REF_NAME "\":\"docker.io/library/evil:latest\"},"
        "\"subject\":{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"%s\",\"size\":5}",
        text, subject);
    auto_free char *manifest = manifest_text(MEDIA_OCI_EMPTY, config, 2, "application/x.payload",
                                             layer, strlen(text), more);
    return put(tag, MEDIA_OCI_MANIFEST, manifest);
}

static char *own_architecture(void)
{
    auto_done(oci_platform) own = {};
    platform_own(&own);
    return xstrdup(own.architecture);
}

static void member_add(struct str *out, const char *digest, size_t size, const char *architecture)
{
    str_addf(out,
             "%s{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"%s\",\"size\":%zu,"
             "\"platform\":{\"architecture\":\"%s\",\"os\":\"linux\"}}",
             out->len > 0 ? "," : "", digest, size, architecture);
}

static char *put_list(const char *tag, const struct str *members)
{
    auto_free char *text = xasprintf("{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX "\","
                                     "\"manifests\":[%s]}",
                                     str_text(members));
    return put(tag, MEDIA_OCI_INDEX, text);
}

/* A list of this machine's image and another's. */
static char *put_two(const char *tag, char **ret_own_id, char **ret_other_id)
{
    auto_done(str) members = {};
    auto_free char *own = own_architecture();
    auto_free char *mine = put_image(NULL, own, ret_own_id);
    auto_free char *other = put_image(NULL, "vax", ret_other_id);
    member_add(&members, other, 5, "vax");
    member_add(&members, mine, 5, own);
    return put_list(tag, &members);
}

static struct image *find(const char *name)
{
    struct image *image = NULL;
    struct err err = {};
    cr_assert_eq(image_find(images, name, &image, &err), 1, "%s: %s", name, err.text);
    return image;
}

static bool late;
static char *used_id;

static int users(void *context, struct pairs *out, struct err *err)
{
    (void)context;
    (void)err;
    if (used_id)
        pairs_put(out, used_id, "box");
    return 0;
}

static int remove_it(const char *name, enum image_remove_flags flags, struct err *err)
{
    auto_done(image_removed) removed = {};
    return image_remove(images, name, flags, users, &late, &removed, err);
}

static void prune(enum images_prune_flags flags)
{
    auto_done(image_removed) removed = {};
    struct err err = {};
    cr_assert_eq(images_prune(images, flags, users, &late, &removed, &err), 0, "%s", err.text);
}

/* ---- blobs ---- */

Test(object, a_blob_waits_for_its_manifest)
{
    auto_free char *digest = blob_put("hello");
    cr_assert(blob_here(digest));
    cr_assert_eq(count("oci/blobs/sha256"), 0);
    cr_assert_eq(count("loose"), 1);
    prune(IMAGES_PRUNE_ALL);
    cr_assert(blob_here(digest), "it is young");
}

Test(object, a_blob_nobody_named_goes_after_a_day)
{
    auto_free char *digest = blob_put("hello");
    auto_free char *path = xasprintf("loose/%s", digest_hex(digest));
    const struct timespec old[2] = { { .tv_nsec = UTIME_OMIT },
                                     { .tv_sec = time(NULL) - 24 * 3600 - 60 } };
    cr_assert_eq(utimensat(root, path, old, 0), 0);
    cr_assert(blob_here(digest), "asking keeps it");
    prune(0);
    cr_assert(blob_here(digest));
    cr_assert_eq(utimensat(root, path, old, 0), 0);
    prune(0);
    cr_assert_not(blob_here(digest));
}

Test(object, digests_that_are_none)
{
    static const char *const rows[] = { "sha256:xyz", "../../etc/passwd", "", "sha256:" };
    for (size_t i = 0; i < array_size(rows); i++) {
        int fd;
        uint64_t size;
        struct err err = {};
        cr_assert_lt(object_blob_open(images, rows[i], &fd, &size, &err), 0);
        cr_assert_lt(object_remove(images, REPOSITORY, rows[i], &err), 0);
    }
}

/* ---- images ---- */

Test(object, an_image_is_an_image)
{
    auto_free char *own = own_architecture();
    auto_free char *id = NULL;
    auto_free char *digest = put_image("1.0", own, &id);
    auto_drop(image) *image = find("app:1.0");
    struct err err = {};
    cr_assert_str_eq(image->id, id);
    cr_assert_str_eq(image->digest, digest);
    cr_assert_null(image->list);
    cr_assert_eq(count("loose"), 0);
    cr_assert(known("1.0"));
    cr_assert(known(digest));
    cr_assert_not(known("2.0"));
    cr_assert_not(known(id), "a blob is no manifest");
    cr_assert_eq(image_unpack(images, image, NULL, &err), 0, "%s", err.text);
    cr_assert_eq(count("layers"), 1);
    prune(0);
    cr_assert_eq(count("oci/blobs/sha256"), 3);
}

Test(object, a_manifest_without_its_blobs)
{
    auto_free char *own = own_architecture();
    auto_free char *text = image_text(own, NULL);
    auto_done(object_stored) stored = {};
    struct err err = {};
    auto_free char *digest = digest_of(text, strlen(text));
    const struct object_manifest manifest = {
        .repository = REPOSITORY,
        .tag = "x",
        .digest = digest,
        .media_type = MEDIA_OCI_MANIFEST,
        .data = text,
        .len = strlen(text),
    };
    cr_assert_eq(tree_remove(root, "loose", &err), 0);
    cr_assert_eq(object_manifest_put(images, &manifest, &stored, &err), 0);
    cr_assert(digest_valid(stored.missing));
    cr_assert_not(known("x"));
}

Test(object, documents_that_are_something_else)
{
    static const char index[] = "{\"schemaVersion\":2,\"manifests\":[]}";
    static const char both[] = "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[],\"config\":{}}";
    static const char *const rows[][2] = {
        { MEDIA_OCI_MANIFEST, index }, { MEDIA_OCI_INDEX, both },
        { MEDIA_OCI_INDEX, "{" },      { MEDIA_OCI_INDEX, "[]" },
        { "application/json", index }, { MEDIA_OCI_INDEX, "{\"schemaVersion\":1}" },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_done(object_stored) stored = {};
        struct err err = {};
        auto_free char *digest = digest_of(rows[i][1], strlen(rows[i][1]));
        const struct object_manifest manifest = {
            .repository = REPOSITORY,
            .digest = digest,
            .media_type = rows[i][0],
            .data = rows[i][1],
            .len = strlen(rows[i][1]),
        };
        cr_assert_lt(object_manifest_put(images, &manifest, &stored, &err), 0, "%zu", i);
        cr_assert(err.kind == ERR_INVALID || err.kind == ERR_UNSUPPORTED);
    }
}

Test(object, a_tag_that_moves_leaves_the_digest)
{
    auto_free char *first = put_image("t", "vax", NULL);
    auto_free char *second = put_image("t", "pdp11", NULL);
    auto_done(object) object = {};
    auto_done(strings) tags = {};
    struct err err = {};
    cr_assert_eq(object_find(images, REPOSITORY, "t", &object, &err), 1);
    cr_assert_str_eq(object.digest, second);
    cr_assert_str_eq(object.media_type, MEDIA_OCI_MANIFEST);
    cr_assert(known(first));
    cr_assert_eq(object_tags(images, REPOSITORY, &tags, &err), 1);
    cr_assert_eq(tags.len, 1);
}

Test(object, untagged_it_is_known_by_its_digest)
{
    auto_free char *digest = put_image("b", "vax", NULL);
    auto_free char *again = put_image("a", "vax", NULL);
    auto_done(strings) tags = {};
    struct err err = {};
    cr_assert_eq(object_tags(images, REPOSITORY, &tags, &err), 1);
    cr_assert_eq(tags.len, 2);
    cr_assert_str_eq(tags.at[0], "a");
    cr_assert_eq(object_untag(images, REPOSITORY, "a", &err), 1);
    cr_assert_eq(object_untag(images, REPOSITORY, "a", &err), 0);
    cr_assert_eq(object_untag(images, REPOSITORY, "b", &err), 1);
    cr_assert(known(digest));
    cr_assert_eq(object_remove(images, "docker.io/library/other", digest, &err), 0);
    cr_assert_eq(object_remove(images, REPOSITORY, digest, &err), 1);
    cr_assert_not(known(digest));
    strings_done(&tags);
    cr_assert_eq(object_tags(images, REPOSITORY, &tags, &err), 0);
    cr_assert_neq(count("oci/blobs/sha256"), 0, "until it is pruned");
    prune(0);
    cr_assert_eq(count("oci/blobs/sha256"), 0);
}

Test(object, repositories)
{
    auto_free char *digest = put_image("b", "vax", NULL);
    auto_done(strings) list = {};
    struct err err = {};
    cr_assert_eq(image_tag(images, "app:b", "localhost:5000/z/y:1", &err), 0, "%s", err.text);
    cr_assert_eq(image_tag(images, "app:b", "app:c", &err), 0, "%s", err.text);
    cr_assert_eq(object_repositories(images, &list, &err), 0);
    cr_assert_eq(list.len, 2);
    cr_assert_str_eq(list.at[0], REPOSITORY);
    cr_assert_str_eq(list.at[1], "localhost:5000/z/y");
}

/* ---- lists ---- */

Test(object, a_list_is_this_machines_image)
{
    auto_free char *own_id = NULL;
    auto_free char *other_id = NULL;
    auto_free char *list = put_two("l", &own_id, &other_id);
    auto_drop(image) *image = find("app:l");
    auto_drop(image) *other = find(other_id);
    auto_drop(image) *exact = NULL;
    auto_done(oci_platform) vax = { .os = xstrdup("linux"), .architecture = xstrdup("vax") };
    struct err err = {};
    cr_assert_str_eq(image->id, own_id);
    cr_assert_str_eq(image->list, list);
    cr_assert_eq(image->names.len, 1);
    cr_assert_str_eq(other->id, other_id);
    cr_assert_eq(image_find_for(images, "app:l", &vax, &exact, &err), 1, "%s", err.text);
    cr_assert_str_eq(exact->id, other_id);
    auto_free char *by_list = xasprintf("app@%s", list);
    auto_free char *by_member = xasprintf("app@%s", other->digest);
    auto_drop(image) *again = find(by_list);
    auto_drop(image) *member = find(by_member);
    cr_assert_str_eq(again->id, own_id);
    cr_assert_str_eq(member->id, other_id);
}

Test(object, a_platform_that_is_not_there)
{
    auto_free char *digest = put_image("v", "vax", NULL);
    auto_drop(image) *image = NULL;
    auto_done(oci_platform) arm = { .os = xstrdup("linux"), .architecture = xstrdup("pdp11") };
    auto_done(str) members = {};
    struct err err = {};
    cr_assert_eq(image_find_for(images, "app:v", &arm, &image, &err), 0);
    member_add(&members, digest, 5, "vax");
    auto_free char *list = put_list("l", &members);
    cr_assert_eq(image_find(images, "app:l", &image, &err), 0, "not for this machine");
}

Test(object, the_list_stands_for_its_members)
{
    auto_free char *own_id = NULL;
    auto_free char *other_id = NULL;
    auto_free char *list = put_two("l", &own_id, &other_id);
    auto_drop(image) *other = find(other_id);
    auto_done(image_rows) rows = {};
    struct err err = {};
    cr_assert_eq(images_list(images, &rows, &err), 0, "%s", err.text);
    cr_assert_eq(rows.len, 1);
    cr_assert(rows.at[0].list);
    cr_assert_str_eq(rows.at[0].id, list);
    cr_assert_gt(rows.at[0].size_bytes, 0);
    cr_assert(known(other->digest));
    prune(0);
    cr_assert_eq(count("oci/blobs/sha256"), 7, "a list, two manifests, configurations, layers");
}

Test(object, a_list_of_which_a_part_is_here)
{
    auto_done(str) members = {};
    auto_free char *own = own_architecture();
    auto_free char *mine = put_image(NULL, own, NULL);
    static const char zero[] =
        "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    member_add(&members, zero, 5, "vax");
    member_add(&members, mine, 5, own);
    auto_free char *list = put_list("l", &members);
    auto_drop(image) *image = find("app:l");
    prune(0);
    cr_assert_eq(count("oci/blobs/sha256"), 4);
    cr_assert_not(known(zero));
}

static char *filler_text(const char *config, unsigned number)
{
    auto_free char *filler = xmalloc((4 << 20) - 2000);
    memset(filler, 'x', (4 << 20) - 2001);
    filler[(4 << 20) - 2001] = '\0';
    auto_free char *more = xasprintf(",\"annotations\":{\"%u\":\"%s\"}", number, filler);
    return manifest_text(MEDIA_OCI_EMPTY, config, 2, "application/x.payload", config, 2, more);
}

static int put_refused(const char *text, struct err *err)
{
    auto_done(object_stored) stored = {};
    auto_free char *digest = digest_of(text, strlen(text));
    const struct object_manifest manifest = {
        .repository = REPOSITORY,
        .tag = "refused",
        .digest = digest,
        .media_type = MEDIA_OCI_INDEX,
        .data = text,
        .len = strlen(text),
    };
    return object_manifest_put(images, &manifest, &stored, err);
}

#define LIST "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX "\",\"manifests\":[%s]%s}"

/* Each may be as long as manifests are, but not all of them together, whatever is said of them. */
Test(object, a_list_has_a_limit_in_all)
{
    auto_done(str) honest = {};
    auto_done(str) lying = {};
    struct err err = {};
    auto_free char *config = blob_put("{}");
    for (unsigned i = 0; i < 17; i++) {
        auto_free char *text = filler_text(config, i);
        auto_free char *digest = put(NULL, MEDIA_OCI_MANIFEST, text);
        member_add(&honest, digest, strlen(text), "vax");
        member_add(&lying, digest, 5, "vax");
    }
    auto_free char *true_text = xasprintf(LIST, str_text(&honest), "");
    auto_free char *false_text = xasprintf(LIST, str_text(&lying), "");
    cr_assert_lt(put_refused(true_text, &err), 0);
    cr_expect_eq(err.kind, ERR_UNSUPPORTED, "%s", err.text);
    cr_assert_lt(put_refused(false_text, &err), 0);
    cr_expect_eq(err.kind, ERR_UNSUPPORTED, "%s", err.text);
    cr_expect_not(known("refused"));
}

/* Whoever asks for a digest has only so many lists looked through for it. */
Test(object, lists_have_a_limit_in_all)
{
    static const char zero[] =
        "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    auto_free char *filler = xmalloc((4 << 20) - 2000);
    auto_done(object) object = {};
    auto_done(str) members = {};
    struct err err = {};
    memset(filler, 'x', (4 << 20) - 2001);
    filler[(4 << 20) - 2001] = '\0';
    auto_free char *mine = put_image("own", "vax", NULL);
    member_add(&members, mine, 5, "vax");
    for (unsigned i = 0; i < 17; i++) {
        auto_free char *more = xasprintf(",\"annotations\":{\"%u\":\"%s\"}", i, filler);
        auto_free char *text = xasprintf(LIST, i == 0 ? str_text(&members) : "", more);
        auto_free char *tag = xasprintf("l%u", i);
        auto_free char *digest = put(tag, MEDIA_OCI_INDEX, text);
        cr_assert(known(digest));
    }
    cr_expect(known(mine), "it has a row, or is in the first list");
    cr_assert_lt(object_find(images, REPOSITORY, zero, &object, &err), 0);
    cr_expect_eq(err.kind, ERR_UNSUPPORTED, "%s", err.text);
}

Test(object, lists_whose_members_are_anything)
{
    auto_done(str) members = {};
    auto_free char *own = own_architecture();
    auto_free char *mine = put_image(NULL, own, NULL);
    auto_free char *config = blob_put("not even JSON");
    auto_free char *layer = blob_put("x");
    auto_free char *broken =
        manifest_text(MEDIA_OCI_CONFIG, config, 13, MEDIA_OCI_LAYER, layer, 1, "");
    auto_free char *broken_digest = put("broken", MEDIA_OCI_MANIFEST, broken);
    member_add(&members, broken_digest, 5, "vax");
    member_add(&members, config, 5, own);
    member_add(&members, mine, 5, own);
    auto_free char *inner = put_list("inner", &members);
    str_addf(&members, ",{\"mediaType\":\"" MEDIA_OCI_INDEX "\",\"digest\":\"%s\",\"size\":1}",
             inner);
    auto_free char *outer = put_list("outer", &members);
    auto_drop(image) *image = find("app:outer");
    cr_assert_str_eq(image->oci.architecture, own);
    prune(0);
    auto_drop(image) *still = find("app:outer");
    cr_assert(known(inner));
}

Test(object, removing_a_list)
{
    auto_free char *own_id = NULL;
    auto_free char *other_id = NULL;
    auto_free char *list = put_two("l", &own_id, &other_id);
    struct err err = {};
    cr_assert_lt(remove_it(other_id, 0, &err), 0);
    cr_assert_eq(err.kind, ERR_CONFLICT);
    cr_assert_not_null(strstr(err.text, "belongs to the list app:l"), "%s", err.text);
    used_id = other_id;
    cr_assert_lt(remove_it("app:l", 0, &err), 0);
    cr_assert_eq(err.kind, ERR_CONFLICT);
    cr_assert_eq(remove_it("app:l", IMAGE_REMOVE_FORCE, &err), 0, "%s", err.text);
    auto_drop(image) *image = find(other_id);
    cr_assert_eq(image->names.len, 0);
    used_id = NULL;
    prune(0);
    cr_assert_eq(count("oci/blobs/sha256"), 0);
}

Test(object, a_member_gets_a_name_of_its_own)
{
    auto_free char *other_id = NULL;
    auto_free char *own_id = NULL;
    auto_free char *list = put_two("l", &own_id, &other_id);
    struct err err = {};
    cr_assert_eq(image_tag(images, other_id, "vax:1", &err), 0, "%s", err.text);
    cr_assert_eq(remove_it("app:l", 0, &err), 0, "%s", err.text);
    auto_drop(image) *image = find("vax:1");
    cr_assert_str_eq(image->id, other_id);
    cr_assert_eq(count("oci/blobs/sha256"), 3);
}

/* ---- artifacts ---- */

Test(object, referrers)
{
    auto_free char *subject = put_image("t", "vax", NULL);
    auto_free char *one = put_signature(NULL, subject, "one");
    auto_free char *two = put_signature("two", subject, "two");
    auto_done(oci_index) all = {};
    auto_done(oci_index) none = {};
    auto_done(oci_index) elsewhere = {};
    struct err err = {};
    cr_assert_eq(object_referrers(images, REPOSITORY, subject, NULL, &all, &err), 0, "%s",
                 err.text);
    cr_assert_eq(all.manifests.len, 2);
    cr_assert_str_eq(all.manifests.at[0].digest, one);
    cr_assert_str_eq(all.manifests.at[0].artifact_type, "application/x.sig");
    cr_assert_str_eq(pairs_value(&all.manifests.at[0].annotations, "note"), "one");
    cr_assert_eq(object_referrers(images, REPOSITORY, subject, "application/y", &none, &err), 0);
    cr_assert_eq(none.manifests.len, 0);
    cr_assert_eq(object_referrers(images, "docker.io/x/y", subject, NULL, &elsewhere, &err), 0);
    cr_assert_eq(elsewhere.manifests.len, 0);
}

Test(object, an_artifact_is_no_image)
{
    auto_free char *subject = put_image("t", "vax", NULL);
    auto_free char *digest = put_signature("sig", subject, "one");
    auto_drop(image) *image = NULL;
    auto_done(image_rows) rows = {};
    struct err err = {};
    cr_assert_lt(image_find(images, "app:sig", &image, &err), 0);
    cr_assert_eq(err.kind, ERR_UNSUPPORTED);
    cr_assert_eq(images_list(images, &rows, &err), 0);
    cr_assert_eq(rows.len, 1);
    auto_drop(image) *evil = NULL;
    cr_assert_eq(image_find(images, "evil", &evil, &err), 0, "its annotations are its own");
    cr_assert_eq(remove_it("app:sig", 0, &err), 0, "%s", err.text);
    cr_assert_not(known(digest));
}

Test(object, signatures_go_with_what_they_sign)
{
    auto_free char *subject = put_image("t", "vax", NULL);
    auto_free char *one = put_signature(NULL, subject, "one");
    auto_free char *tag = xasprintf("sha256-%s.sig", digest_hex(subject));
    auto_free char *elsewhere = digest_of("z", 1);
    auto_free char *two = put_signature(tag, elsewhere, "two");
    auto_free char *lone = put_signature("lone", elsewhere, "three");
    struct err err = {};
    prune(0);
    cr_assert(known(one));
    cr_assert_not(known(lone), "it is about nothing that is here");
    cr_assert_eq(remove_it("app:t", 0, &err), 0, "%s", err.text);
    prune(0);
    cr_assert_not(known(one));
    cr_assert_eq(count("oci/blobs/sha256"), 0);
}

Test(object, a_signature_as_cosign_has_it)
{
    /* An image's configuration, and a layer that is none. */
    auto_free char *config = blob_put("{\"architecture\":\"\",\"os\":\"\",\"rootfs\":{\"type\":"
                                      "\"layers\",\"diff_ids\":[]},\"config\":{}}");
    auto_free char *layer = blob_put("{\"critical\":{}}");
    auto_free char *text =
        manifest_text(MEDIA_OCI_CONFIG, config, 75,
                      "application/vnd.dev.cosign.simplesigning.v1+json", layer, 15, "");
    auto_free char *digest = put("s", MEDIA_OCI_MANIFEST, text);
    auto_done(image_rows) rows = {};
    struct err err = {};
    cr_assert_eq(images_list(images, &rows, &err), 0, "%s", err.text);
    cr_assert_eq(rows.len, 0);
    prune(0);
    cr_assert(known(digest));
    cr_assert_eq(count("oci/blobs/sha256"), 3);
}
