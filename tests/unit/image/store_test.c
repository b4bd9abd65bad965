/* SPDX-License-Identifier: Apache-2.0 */
/* Whole loads by ruche-transfer, which RUCHE_TRANSFER names, into stores of their own. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "archive_make.h"
#include "base/file.h"
#include "base/str.h"
#include "image/image.h"

/* ---- stores ---- */

static char scratch_path[] = "/tmp/ruche-store-XXXXXX";
static int root = -1;
static struct images *images;
static struct strings warnings;

static void store_begin(void)
{
    cr_assert_not_null(getenv("RUCHE_TRANSFER"), "RUCHE_TRANSFER is the path of ruche-transfer");
    cr_assert_not_null(mkdtemp(scratch_path));
    root = open(scratch_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    images = images_open(root, getenv("RUCHE_TRANSFER"));
}

static size_t count(const char *directory)
{
    auto_done(strings) names = {};
    struct err err;
    (void)dir_list(root, directory, &names, &err);
    return names.len;
}

static void store_end(void)
{
    struct err err;
    cr_assert_eq(count("ingest"), 0, "something is left on its way");
    cr_assert_eq(count("trash"), 0, "something is left in the trash");
    images_close(images);
    strings_done(&warnings);
    cr_assert_eq(tree_remove(AT_FDCWD, scratch_path, &err), 0, "%s", err.text);
}

TestSuite(store, .init = store_begin, .fini = store_end, .timeout = 600);

static void warned(void *context, const char *text)
{
    (void)context;
    strings_add(&warnings, text);
}

static const struct image_watch watch = { .warning = warned };

static int load_bytes(const struct str *archive, struct image_loads *loads, struct err *err)
{
    auto_close int fd = memfd_create("archive", MFD_CLOEXEC);
    cr_assert_eq(fd_write_all(fd, archive->at, archive->len), 0);
    cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
    return image_load(images, fd, &watch, loads, err);
}

/* Loads, and gives the id of the only image. Owned by the caller. */
static char *load_good(const struct str *archive)
{
    auto_done(image_loads) loads = {};
    struct err err = {};
    cr_assert_eq(load_bytes(archive, &loads, &err), 0, "%s", err.text);
    cr_assert_eq(loads.len, 1);
    return xstrdup(loads.at[0].id);
}

static void load_bad(const struct str *archive, const char *words)
{
    auto_done(image_loads) loads = {};
    struct err err = {};
    size_t blobs = count("oci/blobs/sha256"), layers = count("layers");
    cr_assert_lt(load_bytes(archive, &loads, &err), 0, "not refused");
    cr_assert_not_null(strstr(err.text, words), "\"%s\" without \"%s\"", err.text, words);
    cr_assert_eq(count("oci/blobs/sha256"), blobs);
    cr_assert_eq(count("layers"), layers);
}

static char *load_docker(const char *tag, const char *text)
{
    auto_done(str) archive = {};
    docker_plain(&archive, tag, text);
    return load_good(&archive);
}

static struct image *find(const char *name)
{
    struct image *image = NULL;
    struct err err = {};
    cr_assert_eq(image_find(images, name, &image, &err), 1, "%s: %s", name, err.text);
    return image;
}

static bool absent(const char *name)
{
    struct image *image = NULL;
    struct err err = {};
    int found = image_find(images, name, &image, &err);
    cr_assert_geq(found, 0, "%s", err.text);
    image_free(image);
    return found == 0;
}

static void layer_holds(const struct image *image, size_t i, const char *path, const char *text)
{
    int fds[8];
    struct err err = {};
    auto_free char *data = NULL;
    size_t len;
    cr_assert_eq(image_layers_open(images, image, fds, &err), 0, "%s", err.text);
    cr_assert_eq(file_load(fds[i], path, 4096, &data, &len, &err), 1, "%s", err.text);
    cr_assert_str_eq(data, text);
    for (size_t k = 0; k < image->oci.rootfs.diff_ids.len; k++)
        close(fds[k]);
}

/* ---- loading ---- */

Test(store, an_empty_store_has_nothing)
{
    auto_done(image_rows) rows = {};
    struct err err;
    cr_assert_eq(images_list(images, &rows, &err), 0);
    cr_assert_eq(rows.len, 0);
    cr_assert(absent("busybox"));
    cr_assert_eq(count("."), 0, "looking makes nothing");
}

Test(store, loads_a_docker_archive)
{
    auto_free char *id = load_docker("busybox:1", "mine");
    auto_drop(image) *image = find("busybox:1");
    cr_assert_str_eq(image->id, id);
    cr_assert_eq(image->names.len, 1);
    cr_assert_str_eq(image->names.at[0], "docker.io/library/busybox:1");
    cr_assert_str_eq(image->oci.architecture, "amd64");
    cr_assert_str_eq(image->oci.config.cmd.at[0], "sh");
    cr_assert_eq(image->oci.rootfs.diff_ids.len, 2);
    cr_assert_gt(image->size_bytes, 2000);
    layer_holds(image, 0, "etc/base", "shared by all");
    layer_holds(image, 1, "etc/own", "mine");

    auto_done(oci_manifest) manifest = {};
    struct err err;
    cr_assert_eq(image_manifest(images, image, &manifest, &err), 0, "%s", err.text);
    cr_assert_eq(manifest.layers.len, 2);
    cr_assert_eq(count("oci/blobs/sha256"), 4, "two layers, a configuration, a manifest");
    cr_assert_eq(warnings.len, 0);
}

Test(store, loading_again_changes_nothing)
{
    auto_free char *id = load_docker("a", "x");
    auto_drop(image) *before = find("a");
    auto_free char *again = load_docker("a", "x");
    auto_drop(image) *after = find("a");
    auto_done(image_rows) rows = {};
    struct err err;
    cr_assert_str_eq(id, again);
    cr_assert_str_eq(before->digest, after->digest);
    cr_assert_eq(images_list(images, &rows, &err), 0);
    cr_assert_eq(rows.len, 1);
    cr_assert_str_eq(rows.at[0].created, "2024-01-02T03:04:05Z");
}

Test(store, a_name_moves_to_the_image_loaded_last)
{
    auto_free char *old = load_docker("a", "old");
    auto_free char *new = load_docker("a", "new");
    auto_drop(image) *now = find("a");
    auto_drop(image) *before = find(old);
    auto_done(image_rows) rows = {};
    struct err err;
    cr_assert_str_eq(now->id, new);
    cr_assert_eq(before->names.len, 0);
    cr_assert_eq(images_list(images, &rows, &err), 0);
    cr_assert_eq(rows.len, 2);
    cr_assert_null(rows.at[0].name);
}

Test(store, images_without_a_name)
{
    auto_free char *id = load_docker(NULL, "x");
    auto_drop(image) *image = find(id);
    cr_assert_eq(image->names.len, 0);
    /* A name takes the place of none. */
    auto_free char *again = load_docker("named", "x");
    auto_done(image_rows) rows = {};
    struct err err;
    cr_assert_eq(images_list(images, &rows, &err), 0);
    cr_assert_eq(rows.len, 1);
    cr_assert_str_eq(rows.at[0].name, "docker.io/library/named:latest");
}

Test(store, names_that_are_none_are_left_out)
{
    auto_free char *id = load_docker("Not/A/Name", "x");
    cr_assert_eq(warnings.len, 1);
    auto_drop(image) *image = find(id);
    cr_assert_eq(image->names.len, 0);
}

Test(store, finds_by_id_and_its_beginning)
{
    auto_free char *id = load_docker("a", "x");
    auto_free char *other = load_docker("b", "y");
    char prefix[13] = {};
    memcpy(prefix, digest_hex(id), 12);
    auto_drop(image) *by_prefix = find(prefix);
    cr_assert_str_eq(by_prefix->id, id);
    auto_drop(image) *by_digest = find(by_prefix->digest);
    cr_assert_str_eq(by_digest->id, id);
    auto_free char *with_digest = xasprintf("a@%s", by_prefix->digest);
    auto_drop(image) *by_both = find(with_digest);
    cr_assert_str_eq(by_both->id, id);
    auto_free char *foreign = xasprintf("b@%s", by_prefix->digest);
    cr_assert(absent(foreign), "another repository's digest");

    struct image *image = NULL;
    struct err err = {};
    cr_assert_lt(image_find(images, "sha256:", &image, &err), 0);
    cr_assert_lt(image_find(images, "../../etc/passwd", &image, &err), 0);
    cr_assert(absent("sha256:0000000000000000000000000000000000000000000000000000000000000000"));
}

Test(store, an_ambiguous_beginning_is_an_error)
{
    char first[16] = {};
    struct image *image = NULL;
    struct err err = {};
    /* Seventeen images share a first digit with some other. */
    for (int i = 0; i < 17; i++) {
        auto_free char *text = xasprintf("%d", i);
        auto_free char *id = load_docker(NULL, text);
        size_t digit = (size_t)(strchr("0123456789abcdef", digest_hex(id)[0]) - "0123456789abcdef");
        if (!first[digit]++)
            continue;
        char prefix[2] = { digest_hex(id)[0] };
        cr_assert_lt(image_find(images, prefix, &image, &err), 0);
        cr_assert_not_null(strstr(err.text, "more than one"));
        return;
    }
    cr_assert_fail("no two alike");
}

Test(store, reads_a_pipe)
{
    auto_done(str) archive = {};
    auto_done(image_loads) loads = {};
    struct err err = {};
    int ends[2];
    docker_plain(&archive, "piped", "x");
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)fd_write_all(ends[1], archive.at, archive.len);
        _exit(0);
    }
    close(ends[1]);
    cr_assert_eq(image_load(images, ends[0], NULL, &loads, &err), 0, "%s", err.text);
    cr_assert_not(absent("piped"));
    close(ends[0]);
}

Test(store, loads_an_oci_archive)
{
    auto_done(str) archive = {};
    auto_done(str) layer = {};
    layer_make(&layer, "f", "x");
    oci_make(&archive, "quay.io/some/name:tag", &layer, &(struct says){});
    auto_free char *id = load_good(&archive);
    auto_drop(image) *image = find("quay.io/some/name:tag");
    cr_assert_str_eq(image->id, id, "the archive's annotations count for nothing");
    layer_holds(image, 0, "f", "x");
}

Test(store, loads_a_layout_directory)
{
    auto_done(str) archive = {};
    auto_done(str) layer = {};
    auto_done(image_loads) loads = {};
    struct err err = {};
    layer_make(&layer, "f", "x");
    oci_make(&archive, "laid", &layer, &(struct says){});
    auto_free char *id = load_good(&archive);
    /* The store's own layout is one. */
    auto_close int layout = openat(root, "oci", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char second_path[] = "/tmp/ruche-store-XXXXXX";
    cr_assert_not_null(mkdtemp(second_path));
    auto_close int second_root = open(second_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct images *second = images_open(second_root, getenv("RUCHE_TRANSFER"));
    cr_assert_eq(image_load(second, layout, NULL, &loads, &err), 0, "%s", err.text);
    cr_assert_str_eq(loads.at[0].id, id);
    cr_assert_str_eq(loads.at[0].name, "docker.io/library/laid:latest");
    images_close(second);
    cr_assert_eq(tree_remove(AT_FDCWD, second_path, &err), 0);
}

Test(store, chooses_this_machines_platform)
{
    struct utsname name;
    uname(&name);
    bool arm = strcmp(name.machine, "aarch64") == 0;
    auto_done(str) archive = {};
    auto_done(str) entries = {};
    static const char *const platforms[] = { "s390x", "amd64", "arm64", "unknown" };
    for (size_t i = 0; i < array_size(platforms); i++) {
        auto_done(str) layer = {};
        layer_make(&layer, "arch", platforms[i]);
        auto_done(strings) diff_ids = {};
        strings_add_taken(&diff_ids, digest_of(layer.at, layer.len));
        auto_free char *config = config_make(&diff_ids);
        auto_free char *config_digest = digest_of(config, strlen(config));
        auto_free char *manifest = xasprintf(
            "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" MEDIA_OCI_CONFIG
            "\",\"digest\":\"%s\","
            "\"size\":%zu},\"layers\":[{\"mediaType\":\"" MEDIA_OCI_LAYER "\",\"digest\":\"%s\","
            "\"size\":%zu}]}",
            config_digest, strlen(config), diff_ids.at[0], layer.len);
        auto_free char *digest = digest_of(manifest, strlen(manifest));
        str_addf(&entries,
                 "%s{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"%s\",\"size\":%zu,"
                 "\"platform\":{\"os\":\"%s\",\"architecture\":\"%s\"}}",
                 i > 0 ? "," : "", digest, strlen(manifest), i == 3 ? "unknown" : "linux",
                 platforms[i]);
        /* Only what is chosen has to be there whole. */
        blob_add(&archive, digest, manifest, strlen(manifest));
        blob_add(&archive, config_digest, config, strlen(config));
        if (strcmp(platforms[i], arm ? "arm64" : "amd64") == 0)
            blob_add(&archive, diff_ids.at[0], layer.at, layer.len);
    }
    auto_free char *nested = xasprintf("{\"schemaVersion\":2,\"manifests\":[%s]}", entries.at);
    auto_free char *nested_digest = digest_of(nested, strlen(nested));
    auto_free char *index = xasprintf(
        "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" MEDIA_OCI_INDEX
        "\",\"digest\":\"%s\","
        "\"size\":%zu,\"annotations\":{\"io.containerd.image.name\":\"docker.io/library/multi:1\","
        "\"" OCI_REF_NAME "\":\"1\"}}]}",
        nested_digest, strlen(nested));
    blob_add(&archive, nested_digest, nested, strlen(nested));
    tar_text(&archive, "index.json", index);
    tar_end(&archive);

    auto_free char *id = load_good(&archive);
    auto_drop(image) *image = find("multi:1");
    layer_holds(image, 0, "arch", arm ? "arm64" : "amd64");
}

/* ---- what is refused ---- */

Test(store, digests_sizes_and_diff_ids_that_do_not_match)
{
    static const char other[] =
        "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    static const struct {
        struct says says;
        const char *words;
    } rows[] = {
        { { .layer_digest = other }, "damaged" },        { { .config_digest = other }, "damaged" },
        { { .diff_id = other }, "unpacks to" },          { { .layer_size = 5 }, "bytes long" },
        { { .more = ",\"manifests\":[]" }, "manifest" },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_done(str) archive = {};
        auto_done(str) layer = {};
        layer_make(&layer, "f", "x");
        oci_make(&archive, "bad", &layer, &rows[i].says);
        load_bad(&archive, rows[i].words);
        cr_assert(absent("bad"));
    }
}

Test(store, hostile_layers_are_named)
{
    auto_done(str) archive = {};
    auto_done(str) first = {};
    auto_done(str) second = {};
    layer_make(&first, "etc/base", "x");
    tar_text(&second, "fine", "x");
    auto_free char *outside = xasprintf("/tmp/ruche-escaped-%d", getpid());
    auto_free char *member = xasprintf("../../../..%s", outside);
    auto_free char *why = xasprintf("layer 2 of 2: member %s", member);
    tar_text(&second, member, "x");
    tar_end(&second);
    docker_make(&archive, "evil", &first, &second);
    load_bad(&archive, why);
    cr_assert_neq(access(outside, F_OK), 0);
}

Test(store, truncated_archives)
{
    auto_done(str) whole = {};
    docker_plain(&whole, "cut", "x");
    /* In the middle of the last file. */
    auto_done(str) cut = {};
    str_add_bytes(&cut, whole.at, whole.len - 2 * BLOCK - 400);
    load_bad(&cut, "truncated");
}

Test(store, what_is_no_image)
{
    auto_done(str) archive = {};
    tar_text(&archive, "etc/passwd", "root");
    tar_end(&archive);
    load_bad(&archive, "manifest.json");
    str_clear(&archive);
    str_addf(&archive, "%0600d", 5);
    load_bad(&archive, "archive");
    str_clear(&archive);
    tar_text(&archive, "manifest.json", "[]");
    tar_end(&archive);
    load_bad(&archive, "no image");
    str_clear(&archive);
    tar_text(&archive, "manifest.json", "[{\"Config\":\"../../../etc/passwd\",\"Layers\":[]}]");
    tar_end(&archive);
    load_bad(&archive, "missing");
}

Test(store, links_in_archives_lead_nowhere_else)
{
    auto_done(str) archive = {};
    tar_add(&archive, "c.json", '2', "/etc/hostname", strlen("/etc/hostname"));
    tar_add(&archive, "l", '2', "l", 1);
    tar_text(&archive, "manifest.json", "[{\"Config\":\"c.json\",\"Layers\":[\"l\"]}]");
    tar_end(&archive);
    load_bad(&archive, "missing");
}

Test(store, devices)
{
    auto_done(str) archive = {};
    auto_done(str) first = {};
    auto_done(str) second = {};
    int fds[2];
    struct err err;
    struct stat st;
    layer_make(&first, "etc/base", "x");
    tar_add(&second, "dev/null", '3', NULL, 0);
    tar_end(&second);
    docker_make(&archive, "dev", &first, &second);
    auto_free char *id = load_good(&archive);
    auto_drop(image) *image = find("dev");
    cr_assert_eq(image_layers_open(images, image, fds, &err), 0);
    bool made = fstatat(fds[1], "dev/null", &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (made) {
        cr_assert(S_ISCHR(st.st_mode));
        cr_assert_eq(st.st_rdev, 0x103);
        cr_assert_eq(st.st_mode & 07777, 0644);
    } else {
        cr_assert_neq(geteuid(), 0, "root makes devices");
        cr_assert_eq(warnings.len, 1);
    }
}

/* ---- names and removal ---- */

static const char *used;
static int asked;

/* The first question is answered with nothing if `late`. */
static int users(void *context, struct pairs *ids, struct err *err)
{
    bool late = *(bool *)context;
    (void)err;
    if (used && !(late && asked++ == 0))
        pairs_put(ids, used, "bee");
    return 0;
}

static int remove_image(const char *name, enum image_remove_flags flags,
                        struct image_removed *removed, struct err *err)
{
    bool late = false;
    return image_remove(images, name, flags, users, &late, removed, err);
}

Test(store, tags_and_untags)
{
    auto_free char *id = load_docker("a", "x");
    auto_done(image_removed) removed = {};
    struct err err = {};
    cr_assert_eq(image_tag(images, "a", "host.io/b:2", &err), 0, "%s", err.text);
    auto_drop(image) *image = find("host.io/b:2");
    cr_assert_str_eq(image->id, id);
    cr_assert_eq(image->names.len, 2);
    cr_assert_lt(image_tag(images, "missing", "c", &err), 0);
    cr_assert_eq(err.kind, ERR_NOT_FOUND);
    cr_assert_lt(image_tag(images, "a", "No Name", &err), 0);

    cr_assert_eq(remove_image("a", 0, &removed, &err), 0, "%s", err.text);
    cr_assert_eq(removed.untagged.len, 1);
    cr_assert_eq(removed.deleted.len, 0);
    cr_assert(absent("a"));
    cr_assert_not(absent("host.io/b:2"));
}

Test(store, removes_what_nothing_else_needs)
{
    auto_free char *a = load_docker("a", "x");
    auto_free char *b = load_docker("b", "y");
    auto_done(image_removed) removed = {};
    auto_done(image_removed) last = {};
    struct err err = {};
    cr_assert_eq(count("layers"), 3, "one is shared");
    cr_assert_eq(remove_image("a", 0, &removed, &err), 0, "%s", err.text);
    cr_assert_eq(removed.untagged.len, 1);
    cr_assert_eq(removed.deleted.len, 1);
    cr_assert_str_eq(removed.deleted.at[0], a);
    cr_assert_eq(count("layers"), 2);
    cr_assert_eq(count("oci/blobs/sha256"), 4);
    auto_drop(image) *image = find("b");
    layer_holds(image, 0, "etc/base", "shared by all");
    cr_assert_eq(remove_image(b, 0, &last, &err), 0, "%s", err.text);
    cr_assert_eq(count("layers"), 0);
    cr_assert_eq(count("oci/blobs/sha256"), 0);
    cr_assert_lt(remove_image("b", 0, &last, &err), 0);
    cr_assert_eq(err.kind, ERR_NOT_FOUND);
}

Test(store, several_names_want_force)
{
    auto_free char *id = load_docker("a", "x");
    auto_done(image_removed) removed = {};
    struct err err = {};
    cr_assert_eq(image_tag(images, "a", "b", &err), 0);
    cr_assert_lt(remove_image(id, 0, &removed, &err), 0);
    cr_assert_eq(err.kind, ERR_CONFLICT);
    cr_assert_not_null(strstr(err.text, "a:latest, b:latest"), "%s", err.text);
    cr_assert_eq(remove_image(id, IMAGE_REMOVE_FORCE, &removed, &err), 0, "%s", err.text);
    cr_assert_eq(removed.untagged.len, 2);
    cr_assert_eq(removed.deleted.len, 1);
    cr_assert_eq(count("layers"), 0);
}

Test(store, used_images_stay)
{
    auto_free char *id = load_docker("a", "x");
    auto_done(image_removed) removed = {};
    struct err err = {};
    used = id;
    cr_assert_lt(remove_image("a", 0, &removed, &err), 0);
    cr_assert_eq(err.kind, ERR_CONFLICT);
    cr_assert_not(absent("a"));

    cr_assert_eq(remove_image("a", IMAGE_REMOVE_FORCE, &removed, &err), 0, "%s", err.text);
    cr_assert_eq(removed.untagged.len, 1);
    cr_assert_eq(removed.deleted.len, 0);
    cr_assert(absent("a"));
    auto_drop(image) *image = find(id);
    layer_holds(image, 1, "etc/own", "x");
}

Test(store, a_container_that_comes_meanwhile_keeps_the_image)
{
    auto_free char *id = load_docker("a", "x");
    auto_done(image_removed) removed = {};
    struct err err = {};
    bool late = true;
    used = id;
    cr_assert_lt(image_remove(images, "a", 0, users, &late, &removed, &err), 0);
    cr_assert_eq(err.kind, ERR_CONFLICT);
    auto_drop(image) *image = find("a");
    layer_holds(image, 1, "etc/own", "x");
}

Test(store, prune)
{
    auto_free char *old = load_docker("a", "old");
    auto_free char *now = load_docker("a", "new");
    auto_done(image_removed) removed = {};
    auto_done(image_removed) all = {};
    struct err err = {};
    bool late = false;
    /* What a crash before the index was saved leaves. */
    cr_assert_eq(file_save(root, "oci/blobs/sha256/dead", "x", 1, 0600, 0, &err), 0);
    cr_assert_eq(dir_make_all(root, "layers/dead/tree", 0700, &err), 0);
    cr_assert_eq(images_prune(images, 0, users, &late, &removed, &err), 0, "%s", err.text);
    cr_assert_eq(removed.deleted.len, 1);
    cr_assert_str_eq(removed.deleted.at[0], old);
    cr_assert_eq(count("oci/blobs/sha256"), 4);
    cr_assert_eq(count("layers"), 2);
    cr_assert_not(absent("a"));
    cr_assert_eq(images_prune(images, IMAGES_PRUNE_ALL, users, &late, &all, &err), 0, "%s",
                 err.text);
    cr_assert_eq(all.deleted.len, 1);
    cr_assert_eq(count("oci/blobs/sha256"), 0);
    cr_assert_eq(count("layers"), 0);
}

/* ---- crashes and company ---- */

Test(store, leftovers_go_and_the_living_stay)
{
    struct err err = {};
    auto_free char *id = load_docker("a", "x");
    cr_assert_eq(dir_make_all(root, "ingest/dead/layer-0/tree/deep", 0700, &err), 0);
    cr_assert_eq(dir_make_all(root, "ingest/alive/layer-0/tree", 0700, &err), 0);
    cr_assert_eq(dir_make_all(root, "trash/thing", 0700, &err), 0);
    auto_close int lock = openat(root, "ingest/alive", O_RDONLY | O_DIRECTORY);
    cr_assert_eq(flock(lock, LOCK_EX), 0);
    auto_free char *other = load_docker("b", "y");
    cr_assert_eq(count("ingest"), 1);
    cr_assert_eq(count("ingest/alive"), 1);
    cr_assert_eq(count("trash"), 0);
    cr_assert_eq(tree_remove(root, "ingest/alive", &err), 0);
}

Test(store, missing_layers_are_unpacked_from_their_blobs)
{
    auto_free char *id = load_docker("a", "x");
    auto_drop(image) *image = find("a");
    struct err err = {};
    int fds[2];
    cr_assert_eq(tree_remove(root, "layers", &err), 0);
    cr_assert_lt(image_layers_open(images, image, fds, &err), 0);
    cr_assert_eq(err.kind, ERR_NOT_FOUND);
    cr_assert_eq(image_unpack(images, image, NULL, &err), 0, "%s", err.text);
    layer_holds(image, 0, "etc/base", "shared by all");
    layer_holds(image, 1, "etc/own", "x");
    cr_assert_eq(image_unpack(images, image, NULL, &err), 0, "%s", err.text);
}

Test(store, a_flipped_bit_is_found_and_mended)
{
    auto_free char *id = load_docker("a", "x");
    auto_drop(image) *image = find("a");
    struct err err = {};
    auto_free char *path =
        xasprintf("oci/blobs/sha256/%s", digest_hex(image->oci.rootfs.diff_ids.at[1]));
    {
        auto_close int fd = openat(root, path, O_WRONLY);
        cr_assert_eq(pwrite(fd, "y", 1, BLOCK), 1);
    }
    cr_assert_eq(tree_remove(root, "layers", &err), 0);
    cr_assert_lt(image_unpack(images, image, NULL, &err), 0);
    cr_assert_not_null(strstr(err.text, "damaged"), "%s", err.text);
    cr_assert_eq(count("layers"), 0);
    auto_free char *again = load_docker("a", "x");
    layer_holds(image, 1, "etc/own", "x");
}

Test(store, loads_side_by_side)
{
    pid_t children[6];
    for (size_t i = 0; i < array_size(children); i++) {
        children[i] = fork();
        if (children[i] != 0)
            continue;
        auto_free char *tag = xasprintf("t%zu", i / 2);
        auto_free char *id = load_docker(tag, i / 2 ? "same" : "other");
        _exit(0);
    }
    for (size_t i = 0; i < array_size(children); i++) {
        int status;
        cr_assert_eq(waitpid(children[i], &status, 0), children[i]);
        cr_assert_eq(status, 0);
    }
    for (int i = 0; i < 3; i++) {
        auto_free char *tag = xasprintf("t%d", i);
        auto_drop(image) *image = find(tag);
        layer_holds(image, 1, "etc/own", i ? "same" : "other");
    }
    cr_assert_eq(count("layers"), 3);
}

Test(store, killed_at_any_moment)
{
    struct err err = {};
    auto_done(image_removed) removed = {};
    bool late = false;
    for (unsigned delay = 0; delay < 60000; delay += 3000) {
        pid_t child = fork();
        if (child == 0) {
            auto_free char *id = load_docker("k", "x");
            _exit(0);
        }
        usleep(delay);
        (void)kill(child, SIGKILL);
        cr_assert_eq(waitpid(child, NULL, 0), child);
        /* The old state or the new one. */
        if (!absent("k")) {
            auto_drop(image) *image = find("k");
            layer_holds(image, 1, "etc/own", "x");
        }
    }
    cr_assert_eq(images_prune(images, IMAGES_PRUNE_ALL, users, &late, &removed, &err), 0, "%s",
                 err.text);
    cr_assert_eq(count("layers"), 0);
    cr_assert_eq(count("oci/blobs/sha256"), 0);
}
