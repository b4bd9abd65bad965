/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes into the store goes the ways of pull and load. Anything else becomes a cargo first:
 * documents read and verified, blobs fetched or taken into an ingest and verified, nothing unpacked.
 * Then the cargo is written, or uploaded.
 */
#include "image/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "image/cargo_write.h"
#include "image/intake.h"
#include "image/partial.h"
#include "image/place.h"
#include "image/platform.h"
#include "image/pull.h"
#include "image/push.h"
#include "image/remote.h"
#include "image/upload.h"

enum { DIR_MODE = 0755, FILE_MODE = 0644, NAMES_SHOWN_MAX = 300 };

static const struct registry_options no_options;

struct copy {
    struct images *images;
    const struct image_copy_options *options;
    const struct image_watch *watch;
    struct place from;
    struct place to;
    struct oci_platform platform;
    struct remote remote;
    struct intake intake;
    bool taken; /* the intake is open */
    struct cargo cargo;
    char *repository; /* of this registry, that the cargo comes from */
    char *domain;
};

static void copy_done(struct copy *copy)
{
    cargo_done(&copy->cargo);
    if (copy->taken)
        intake_close(&copy->intake);
    remote_close(&copy->remote);
    oci_platform_done(&copy->platform);
    place_done(&copy->from);
    place_done(&copy->to);
    free(copy->repository);
    free(copy->domain);
}

static const struct oci_platform *wanted(const struct copy *copy)
{
    return copy->options->all ? NULL : &copy->platform;
}

/* ---- from files ---- */

static int source_path_open(const struct place *place, int *ret_fd, struct err *err)
{
    bool directory = place->transport == TRANSPORT_OCI || place->transport == TRANSPORT_DIR;
    int fd = open(place->path, O_RDONLY | O_CLOEXEC | (directory ? O_DIRECTORY : 0));
    if (fd < 0)
        return err_sys(err, "open %s", place->path);
    *ret_fd = fd;
    return 0;
}

/* Takes the files of the place into the ingest; of a directory, as they are asked for. */
static int files_open(struct copy *copy, int fd, struct err *err)
{
    struct intake *intake = &copy->intake;
    if (intake_open(intake, copy->images, NULL, copy->watch, err) < 0)
        return -1;
    copy->taken = true;
    intake->plain = copy->from.transport == TRANSPORT_DIR;
    return source_open(&intake->ingest, fd, copy->watch, &intake->source, err);
}

static bool row_is(const struct oci_descriptor *row, const char *name)
{
    const char *own = pairs_value(&row->annotations, OCI_REF_NAME);
    const char *whole = pairs_value(&row->annotations, "io.containerd.image.name");
    return text_same(own, name) || text_same(whole, name);
}

static int row_ambiguous(const struct oci_index *index, const char *name, struct err *err)
{
    auto_done(str) names = { .max_bytes = NAMES_SHOWN_MAX };
    for (size_t i = 0; i < index->manifests.len; i++) {
        const char *own = pairs_value(&index->manifests.at[i].annotations, OCI_REF_NAME);
        str_add(&names, names.len > 0 && own ? ", " : "");
        text_escape(&names, own ? own : "", own ? strlen(own) : 0);
    }
    if (name)
        return err_set(err, ERR_NOT_FOUND, "it has no image %s, but: %s", name, str_text(&names));
    return err_set(err, ERR_USAGE, "it has %zu images; name one of: %s", index->manifests.len,
                   str_text(&names));
}

/* The row of a layout's index that is meant. */
static int layout_document(struct copy *copy, struct intake_document *document, struct err *err)
{
    auto_done(oci_index) index = {};
    auto_free char *data = NULL;
    const char *name = copy->from.name;
    size_t len;
    int found =
        source_load(&copy->intake.source, "index.json", OCI_INDEX_MAX_BYTES, &data, &len, err);
    if (found == 0)
        return err_set(err, ERR_INVALID, "it has no index.json");
    if (found < 0 || oci_index_parse(data, len, &index, err) < 0)
        return -1;
    for (size_t i = 0; i < index.manifests.len; i++)
        if (name ? row_is(&index.manifests.at[i], name) : index.manifests.len == 1)
            return intake_manifest_of(&copy->intake, &index.manifests.at[i], document, err);
    return row_ambiguous(&index, name, err);
}

/* ---- from docker's archive, which has no manifest ---- */

static int docker_choose(struct copy *copy, size_t *ret_place, struct err *err)
{
    struct load_plan *plan = &copy->intake.plan;
    auto_free char *normal = NULL;
    if (!copy->from.name && plan->len == 1) {
        *ret_place = 0;
        return 0;
    }
    if (!copy->from.name)
        return err_set(err, ERR_USAGE, "it has %zu images; name one of them behind a colon",
                       plan->len);
    if (image_normal(copy->from.name, &normal, err) < 0)
        return -1;
    for (size_t i = 0; i < plan->len; i++)
        if (strings_have(&plan->at[i].names, normal)) {
            *ret_place = i;
            return 0;
        }
    return err_set(err, ERR_NOT_FOUND, "it has no image %s", normal);
}

static bool plan_image_has(const struct load_plan_image *image, size_t part)
{
    if (part == image->config || (image->has_manifest && part == image->manifest))
        return true;
    for (size_t i = 0; i < image->oci.rootfs.diff_ids.len; i++)
        if (image->layers[i] == part)
            return true;
    return false;
}

/* Reads the archive's documents and keeps the one image that is meant, as the first. What belongs to
 * others is left alone. */
static int docker_read(struct copy *copy, struct err *err)
{
    struct load_plan *plan = &copy->intake.plan;
    size_t place = 0;
    if (load_plan_read(&copy->intake.source, copy->watch, plan, err) < 0 ||
        docker_choose(copy, &place, err) < 0)
        return -1;
    struct load_plan_image chosen = plan->at[place];
    plan->at[place] = plan->at[0];
    plan->at[0] = chosen;
    load_plan_cut(plan, 1);
    for (size_t i = 0; i < plan->parts.len; i++)
        if (!plan_image_has(&plan->at[0], i))
            plan->parts.at[i].stored = plan->parts.at[i].done = true;
    return 0;
}

static void docker_cargo_blob(struct copy *copy, size_t place, bool layer)
{
    const struct part *part = &copy->intake.plan.parts.at[place];
    const struct oci_descriptor descriptor = { .digest = part->digest,
                                               .size = (int64_t)part->size };
    struct cargo_blob *blob = cargo_add_blob(&copy->cargo, &descriptor, layer);
    blob->place = CARGO_INGEST;
    blob->number = part->number;
}

static int docker_cargo(struct copy *copy, struct err *err)
{
    struct intake *intake = &copy->intake;
    auto_free char *data = NULL;
    auto_close int fd = -1;
    uint64_t size;
    size_t len;
    if (docker_read(copy, err) < 0 ||
        load_plan_work(&intake->plan, &intake->source, &intake->helper, copy->watch, err) < 0)
        return -1;
    const struct load_plan_image *image = &intake->plan.at[0];
    const struct part *manifest = &intake->plan.parts.at[image->manifest];
    if (ingest_file(&intake->ingest, manifest->number, &fd, &size, err) < 0 ||
        file_load_fd(fd, OCI_MANIFEST_MAX_BYTES, &data, &len, err) < 0)
        return -1;
    copy->cargo.images = copy->images;
    copy->cargo.ingest = &intake->ingest;
    for (size_t i = 0; i < image->oci.rootfs.diff_ids.len; i++)
        docker_cargo_blob(copy, image->layers[i], true);
    docker_cargo_blob(copy, image->config, false);
    cargo_add_manifest(&copy->cargo, manifest->digest,
                       image->media_type ? image->media_type : MEDIA_OCI_MANIFEST, data, len);
    return 0;
}

/* ---- a cargo, from anywhere ---- */

static int files_cargo(struct copy *copy, struct err *err)
{
    auto_close int fd = -1;
    auto_done(intake_document) document = {};
    if (source_path_open(&copy->from, &fd, err) < 0 || files_open(copy, fd, err) < 0)
        return -1;
    if (copy->from.transport == TRANSPORT_DOCKER_ARCHIVE)
        return docker_cargo(copy, err);
    int result = copy->intake.plain
                     ? intake_manifest(&copy->intake, "manifest.json", &document, err)
                     : layout_document(copy, &document, err);
    if (result < 0)
        return -1;
    return intake_cargo(&copy->intake, wanted(copy), &document, &copy->cargo, err);
}

static int registry_cargo(struct copy *copy, struct err *err)
{
    auto_done(strings) candidates = {};
    auto_done(remote_setup) setup = {};
    auto_done(intake_document) document = {};
    auto_drop(reference) *reference = NULL;
    const struct registry_options *registry =
        copy->options->from ? copy->options->from : &no_options;
    if (registry_resolve(registry, copy->from.name, &candidates, err) < 0 ||
        reference_parse(candidates.at[0], &reference, err) < 0 ||
        registry_setup(registry, reference, REGISTRY_PULL, &setup, err) < 0 ||
        remote_open(&setup, copy->watch, &copy->remote, err) < 0 ||
        intake_open(&copy->intake, copy->images, &copy->remote, copy->watch, err) < 0)
        return -1;
    copy->taken = true;
    copy->domain = xstrdup(reference->domain);
    copy->repository = xstrdup(reference->path);
    const char *name = reference->digest ? reference->digest : reference->tag;
    if (intake_manifest(&copy->intake, name, &document, err) < 0)
        return -1;
    return intake_cargo(&copy->intake, wanted(copy), &document, &copy->cargo, err);
}

static int stored_cargo(struct copy *copy, struct err *err)
{
    auto_done(oci_index) index = {};
    auto_done(row_found) found = {};
    const struct cargo_wanted what = { .platform = wanted(copy) };
    if (index_load(copy->images, &index, err) < 0)
        return -1;
    int there = index_find(copy->images, &index, copy->from.name, &found, err);
    if (there < 0)
        return -1;
    if (there == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no image %s here", copy->from.name);
    const struct oci_descriptor *row = &index.manifests.at[found.row];
    copy->cargo.images = copy->images;
    return cargo_add_stored(&copy->cargo, found.member ? found.member : row->digest,
                            found.member ? NULL : row->media_type, &what, err);
}

static int copy_cargo(struct copy *copy, struct err *err)
{
    switch (copy->from.transport) {
    case TRANSPORT_STORE:
        return stored_cargo(copy, err);
    case TRANSPORT_DOCKER:
        return registry_cargo(copy, err);
    case TRANSPORT_OCI:
    case TRANSPORT_OCI_ARCHIVE:
    case TRANSPORT_DOCKER_ARCHIVE:
    case TRANSPORT_DIR:
        break;
    }
    return files_cargo(copy, err);
}

/* ---- to a registry ---- */

static void mounts_of_source(const struct copy *copy, const struct reference *to,
                             struct pairs *mounts)
{
    if (!text_same(copy->domain, to->domain) || text_same(copy->repository, to->path))
        return;
    for (size_t i = 0; i < copy->cargo.blobs.len; i++)
        pairs_put(mounts, copy->cargo.blobs.at[i].digest, copy->repository);
}

static int send_to(struct copy *copy, const struct reference *to, struct pairs *mounts,
                   struct err *err)
{
    auto_done(remote_setup) setup = {};
    auto_done(remote) remote = REMOTE_CLOSED;
    const struct registry_options *registry = copy->options->to ? copy->options->to : &no_options;
    const struct upload_options options = { .mounts = mounts, .tag = to->tag };
    if (upload_mounts(&copy->cargo, to, mounts, err) < 0 ||
        registry_setup(registry, to, REGISTRY_PUSH, &setup, err) < 0)
        return -1;
    mounts_of_source(copy, to, mounts);
    for (size_t i = 0; i < mounts->len; i++)
        if (!strings_have(&setup.mount_repositories, mounts->at[i].value))
            strings_add(&setup.mount_repositories, mounts->at[i].value);
    if (remote_open(&setup, copy->watch, &remote, err) < 0)
        return -1;
    return upload_cargo(&remote, &copy->cargo, &options, copy->watch, err);
}

static int copy_send(struct copy *copy, struct err *err)
{
    auto_done(strings) candidates = {};
    auto_drop(reference) *to = NULL;
    struct pairs mounts = {};
    const struct registry_options *registry = copy->options->to ? copy->options->to : &no_options;
    if (registry_resolve(registry, copy->to.name, &candidates, err) < 0 ||
        reference_parse(candidates.at[0], &to, err) < 0)
        return -1;
    int result = send_to(copy, to, &mounts, err);
    pairs_done(&mounts);
    return result;
}

/* ---- to files ---- */

static int directory_write(struct copy *copy, enum cargo_format format, struct err *err)
{
    auto_close int fd = -1;
    if (dir_open_made(AT_FDCWD, copy->to.path, DIR_MODE, &fd, err) < 0)
        return -1;
    return cargo_write(&copy->cargo, format, fd, copy->to.name, err);
}

/* An archive that is written, and has its name once it is whole; where a file cannot be without a
 * name, at once. */
struct archive_file {
    const char *path;
    int fd;
    bool unnamed;
    bool named; /* by us, and not whole yet */
};

static void archive_file_done(struct archive_file *file)
{
    fd_close(&file->fd);
    if (file->named)
        (void)unlink(file->path); /* half of one is of no use */
}

static int archive_refuse(const char *path, struct err *err)
{
    if (errno != EEXIST)
        return err_sys(err, "open %s", path);
    err_set(err, ERR_EXISTS, "%s is there already", path);
    return err_hint(err, "an archive is not added to; remove it, or name another file");
}

/* Only a pipe or a device may be there before. */
static int archive_file_open(struct archive_file *file, struct err *err)
{
    struct stat st;
    const char *slash = strrchr(file->path, '/');
    auto_free char *parent =
        slash ? xstrndup(file->path, (size_t)(slash - file->path) + 1) : xstrdup(".");
    bool there = stat(file->path, &st) == 0;
    if (!there)
        file->fd = open(parent, O_WRONLY | O_TMPFILE | O_CLOEXEC, FILE_MODE);
    file->unnamed = file->fd >= 0;
    if (file->unnamed)
        return 0;
    bool special = there && !S_ISREG(st.st_mode);
    int flags = special ? 0 : O_CREAT | O_EXCL;
    file->fd = open(file->path, O_WRONLY | O_CLOEXEC | flags, FILE_MODE);
    file->named = file->fd >= 0 && !special;
    return file->fd < 0 ? archive_refuse(file->path, err) : 0;
}

static int archive_file_close(struct archive_file *file, struct err *err)
{
    auto_free char *from = xasprintf("/proc/self/fd/%d", file->fd);
    file->named = false;
    if (file->unnamed && linkat(AT_FDCWD, from, AT_FDCWD, file->path, AT_SYMLINK_FOLLOW) < 0)
        return archive_refuse(file->path, err);
    return 0;
}

static int archive_write(struct copy *copy, enum cargo_format format, struct err *err)
{
    auto_done(archive_file) file = { .path = copy->to.path, .fd = -1 };
    auto_free char *normal = NULL;
    const char *name = copy->to.name;
    if (copy->to.name && format == CARGO_DOCKER_ARCHIVE &&
        image_normal(copy->to.name, &normal, err) < 0)
        return -1;
    if (archive_file_open(&file, err) < 0 ||
        cargo_write(&copy->cargo, format, file.fd, normal ? normal : name, err) < 0)
        return -1;
    return archive_file_close(&file, err);
}

static int cargo_to(struct copy *copy, struct err *err)
{
    switch (copy->to.transport) {
    case TRANSPORT_DOCKER:
        return copy_send(copy, err);
    case TRANSPORT_OCI:
        return directory_write(copy, CARGO_OCI_DIR, err);
    case TRANSPORT_DIR:
        return directory_write(copy, CARGO_DIR, err);
    case TRANSPORT_OCI_ARCHIVE:
        return archive_write(copy, CARGO_OCI_ARCHIVE, err);
    case TRANSPORT_DOCKER_ARCHIVE:
        return archive_write(copy, CARGO_DOCKER_ARCHIVE, err);
    case TRANSPORT_STORE:
        break;
    }
    return err_set(err, ERR_SYSTEM, "the store takes no cargo");
}

/* What was fetched only to be sent on is of no use here. */
static void partials_remove(const struct copy *copy)
{
    for (size_t i = 0; i < copy->cargo.blobs.len; i++) {
        const struct cargo_blob *blob = &copy->cargo.blobs.at[i];
        if (blob->place == CARGO_PARTIAL)
            partial_remove(copy->images, blob->digest, blob->size);
        if (blob->place == CARGO_KEPT)
            partial_drop(copy->images, blob->digest, blob->size);
    }
}

static int copy_on(struct copy *copy, char **ret_digest, struct err *err)
{
    if (copy_cargo(copy, err) < 0 || cargo_to(copy, err) < 0)
        return -1;
    partials_remove(copy);
    *ret_digest = xstrdup(cargo_top(&copy->cargo)->digest);
    return 0;
}

/* ---- to the store ---- */

static int pull_to_store(struct copy *copy, char **ret_digest, struct err *err)
{
    auto_done(image_pulled) pulled = {};
    const struct image_pull_options options = {
        .registry = copy->options->from,
        .platform = copy->options->platform,
        .store_as = copy->to.name,
    };
    if (image_pull(copy->images, copy->from.name, &options, copy->watch, &pulled, err) < 0)
        return -1;
    *ret_digest = take_ptr(pulled.digest);
    return 0;
}

static int tag_in_store(struct copy *copy, char **ret_digest, struct err *err)
{
    auto_drop(image) *image = NULL;
    if (image_tag(copy->images, copy->from.name, copy->to.name, err) < 0 ||
        image_find(copy->images, copy->to.name, &image, err) < 0)
        return -1;
    *ret_digest = image ? xstrdup(image->digest) : NULL;
    return 0;
}

static int files_plan(struct copy *copy, struct err *err)
{
    struct load_plan_image *image;
    auto_done(intake_document) document = {};
    if (copy->from.transport == TRANSPORT_DOCKER_ARCHIVE)
        return docker_read(copy, err);
    int result = copy->intake.plain
                     ? intake_manifest(&copy->intake, "manifest.json", &document, err)
                     : layout_document(copy, &document, err);
    if (result < 0 || intake_choose(&copy->intake, &copy->platform, &document, err) < 0)
        return -1;
    return intake_plan_image(&copy->intake, &document, &image, err);
}

static int files_to_store(struct copy *copy, char **ret_digest, struct err *err)
{
    auto_close int fd = -1;
    auto_free char *normal = NULL;
    auto_done(image_loads) loads = {};
    if (image_normal(copy->to.name, &normal, err) < 0 ||
        source_path_open(&copy->from, &fd, err) < 0 || files_open(copy, fd, err) < 0 ||
        files_plan(copy, err) < 0)
        return -1;
    struct load_plan_image *image = &copy->intake.plan.at[0];
    strings_done(&image->names);
    strings_add(&image->names, normal);
    if (intake_commit(&copy->intake, &loads, err) < 0)
        return -1;
    *ret_digest = xstrdup(copy->intake.plan.parts.at[copy->intake.plan.at[0].manifest].digest);
    return 0;
}

static int copy_to_store(struct copy *copy, char **ret_digest, struct err *err)
{
    if (copy->options->all)
        return err_set(err, ERR_UNSUPPORTED,
                       "the store takes an image for one platform; leave --all out");
    if (copy->from.transport == TRANSPORT_STORE)
        return tag_in_store(copy, ret_digest, err);
    if (copy->from.transport == TRANSPORT_DOCKER)
        return pull_to_store(copy, ret_digest, err);
    return files_to_store(copy, ret_digest, err);
}

int image_copy(struct images *images, const char *from, const char *to,
               const struct image_copy_options *options, const struct image_watch *watch,
               char **ret_digest, struct err *err)
{
    auto_done(copy) copy = {
        .images = images,
        .options = options,
        .watch = watch,
        .remote = REMOTE_CLOSED,
    };
    if (place_parse(from, &copy.from, err) < 0 || place_parse(to, &copy.to, err) < 0)
        return -1;
    if (!options->platform)
        platform_own(&copy.platform);
    else if (platform_parse(options->platform, &copy.platform, err) < 0)
        return -1;
    int result = copy.to.transport == TRANSPORT_STORE ? copy_to_store(&copy, ret_digest, err)
                                                      : copy_on(&copy, ret_digest, err);
    return result < 0 ? err_wrap(err, "copy %s to %s", from, to) : 0;
}
