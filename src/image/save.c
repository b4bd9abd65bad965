/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images out of the store. First it is planned which blobs and documents lie where in the archive,
 * then that is written. Blobs go as they are: what reads a docker-archive takes compressed layers
 * too, though docker itself wrote plain ones for long.
 */
#include <string.h>
#include <sys/stat.h>

#include "image/archive.h"
#include "image/platform.h"
#include "image/reference.h"
#include "image/store.h"

#define ANNOTATION_CONTAINERD "io.containerd.image.name"

static const char layout_blobs[] = "blobs/sha256";
static const char directory_version[] = "Directory Transport Version: 1.1\n";

struct member {
    char *path;
    char *digest;    /* of the blob it is, or NULL */
    struct str text; /* else */
};

struct save {
    struct images *images;
    const struct image_save *options;
    struct oci_platform platform; /* if one is asked for */
    ARRAY_OF(member) members;
    struct strings paths; /* of theirs */
    /* of a docker-archive */
    struct oci_archive docker;
    struct strings ids; /* of the images in it, in their order */
    /* of a layout */
    struct oci_index index;
};

static void save_done(struct save *save)
{
    for (size_t i = 0; i < save->members.len; i++) {
        free(save->members.at[i].path);
        free(save->members.at[i].digest);
        str_done(&save->members.at[i].text);
    }
    free(save->members.at);
    strings_done(&save->paths);
    oci_archive_done(&save->docker);
    strings_done(&save->ids);
    oci_index_done(&save->index);
    oci_platform_done(&save->platform);
}

/* ---- members ---- */

/* Takes the path. One that several images share is there once. */
static struct member *member_add(struct save *save, char *path)
{
    auto_free char *own = path;
    if (strings_have(&save->paths, own))
        return NULL;
    strings_add(&save->paths, own);
    struct member *member = array_add(&save->members);
    member->path = take_ptr(own);
    return member;
}

static void blob_add(struct save *save, const char *digest, char *path)
{
    struct member *member = member_add(save, path);
    if (member)
        member->digest = xstrdup(digest);
}

static struct str *text_add(struct save *save, const char *path)
{
    struct member *member = member_add(save, xstrdup(path));
    return member ? &member->text : NULL;
}

/* ---- docker-archive ---- */

static struct oci_archive_image *docker_image(struct save *save, const char *id)
{
    for (size_t i = 0; i < save->ids.len; i++)
        if (strcmp(save->ids.at[i], id) == 0)
            return &save->docker.images.at[i];
    return NULL;
}

static int docker_plan(struct save *save, const struct image *image, const char *name,
                       struct err *err)
{
    auto_done(oci_manifest) manifest = {};
    const struct strings *diff_ids = &image->oci.rootfs.diff_ids;
    struct oci_archive_image *out = docker_image(save, image->id);
    if (out) {
        if (name && !strings_have(&out->repo_tags, name))
            strings_add(&out->repo_tags, name);
        return 0;
    }
    if (image_manifest(save->images, image, &manifest, err) < 0)
        return -1;
    if (manifest.layers.len != diff_ids->len)
        return err_set(err, ERR_INVALID, "its configuration has %zu layers, its manifest %zu",
                       diff_ids->len, manifest.layers.len);
    out = array_add(&save->docker.images);
    strings_add(&save->ids, image->id);
    out->config = xasprintf("%s.json", digest_hex(image->id));
    if (name)
        strings_add(&out->repo_tags, name);
    blob_add(save, image->id, xstrdup(out->config));
    for (size_t i = 0; i < diff_ids->len; i++) {
        strings_addf(&out->layers, "%s.tar", digest_hex(diff_ids->at[i]));
        blob_add(save, manifest.layers.at[i].digest, xstrdup(out->layers.at[i]));
    }
    return 0;
}

/* "repositories", which programs of before 2015 read: {"busybox":{"latest":"ID"}}. */
static void repositories_format(const struct save *save, struct str *out)
{
    struct strings lines = {};
    for (size_t i = 0; i < save->docker.images.len; i++) {
        const struct strings *names = &save->docker.images.at[i].repo_tags;
        for (size_t k = 0; k < names->len; k++)
            strings_addf(&lines, "%s %s", names->at[k], digest_hex(save->ids.at[i]));
    }
    auto_free char *open = xstrdup("");
    str_add_char(out, '{');
    for (size_t i = 0; i < lines.len; i++) {
        char *id = strchr(lines.at[i], ' '), *tag = NULL;
        *id++ = '\0';
        tag = strrchr(lines.at[i], ':');
        *tag++ = '\0';
        bool same = strcmp(open, lines.at[i]) == 0;
        str_add(out, same ? "," : *open ? "}," : "");
        if (!same) {
            json_add_text(out, lines.at[i]);
            str_add(out, ":{");
            free(open);
            open = xstrdup(lines.at[i]);
        }
        json_add_text(out, tag);
        str_add_char(out, ':');
        json_add_text(out, id);
    }
    str_add(out, lines.len > 0 ? "}}\n" : "}\n");
    strings_done(&lines);
}

/* ---- a layout ---- */

static void layout_blob(struct save *save, const char *digest)
{
    blob_add(save, digest, xasprintf("%s/%s", layout_blobs, digest_hex(digest)));
}

static void layout_manifest(struct save *save, const struct oci_manifest *manifest)
{
    layout_blob(save, manifest->config.digest);
    for (size_t i = 0; i < manifest->layers.len; i++)
        layout_blob(save, manifest->layers.at[i].digest);
}

static int layout_visit(void *context, const struct list_member *member, struct err *err)
{
    (void)err;
    layout_blob(context, member->descriptor->digest);
    if (member->manifest)
        layout_manifest(context, member->manifest);
    return 0;
}

static void layout_row(struct save *save, const struct oci_descriptor *row, const char *name)
{
    for (size_t i = 0; i < save->index.manifests.len; i++) {
        const struct oci_descriptor *other = &save->index.manifests.at[i];
        if (strcmp(other->digest, row->digest) == 0 &&
            text_same(pairs_value(&other->annotations, OCI_REF_NAME), name))
            return;
    }
    struct oci_descriptor *out = array_add(&save->index.manifests);
    out->media_type = xstrdup(row->media_type);
    out->digest = xstrdup(row->digest);
    out->size = row->size;
    if (!name)
        return;
    pairs_put(&out->annotations, ANNOTATION_CONTAINERD, name);
    pairs_put(&out->annotations, OCI_REF_NAME, name);
}

static int layout_plan(struct save *save, const struct oci_descriptor *row, const char *name,
                       struct err *err)
{
    auto_done(oci_manifest) manifest = {};
    layout_row(save, row, name);
    layout_blob(save, row->digest);
    if (media_kind(row->media_type) == MEDIA_INDEX)
        return list_walk(save->images, row->digest, layout_visit, save, err);
    if (blob_manifest(save->images, row->digest, &manifest, err) < 0)
        return -1;
    layout_manifest(save, &manifest);
    return 0;
}

/* ---- containers/image's directory ---- */

static int directory_plan(struct save *save, const struct image *image, struct err *err)
{
    auto_done(oci_manifest) manifest = {};
    if (save->members.len > 0)
        return err_set(err, ERR_USAGE, "a directory of this format holds one image");
    if (image_manifest(save->images, image, &manifest, err) < 0)
        return -1;
    str_add(text_add(save, "version"), directory_version);
    blob_add(save, image->digest, xstrdup("manifest.json"));
    blob_add(save, manifest.config.digest, xstrdup(digest_hex(manifest.config.digest)));
    for (size_t i = 0; i < manifest.layers.len; i++) {
        const char *digest = manifest.layers.at[i].digest;
        blob_add(save, digest, xstrdup(digest_hex(digest)));
    }
    return 0;
}

/* ---- the plan ---- */

/* The name of the row that was found, NULL if it was found by its id. */
static char *found_name(const struct oci_index *index, const struct row_found *found)
{
    return found->by_digest ? NULL : row_name(&index->manifests.at[found->row]);
}

static int image_plan(struct save *save, const char *operand, const char *name, struct err *err)
{
    auto_drop(image) *image = NULL;
    const struct oci_platform *platform = save->options->platform ? &save->platform : NULL;
    int found = image_find_for(save->images, operand, platform, &image, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no image for that platform here");
    auto_done(oci_descriptor) row = {};
    switch (save->options->format) {
    case IMAGE_SAVE_DOCKER_ARCHIVE:
        return docker_plan(save, image, name, err);
    case IMAGE_SAVE_DOCKER_DIR:
        return directory_plan(save, image, err);
    case IMAGE_SAVE_OCI_ARCHIVE:
    case IMAGE_SAVE_OCI_DIR:
        if (row_make(save->images, image->digest, NULL, &row, err) < 0)
            return -1;
        return layout_plan(save, &row, name, err);
    }
    return 0;
}

static bool is_layout(enum image_save_format format)
{
    return format == IMAGE_SAVE_OCI_ARCHIVE || format == IMAGE_SAVE_OCI_DIR;
}

static int operand_plan(struct save *save, const struct oci_index *index, const char *operand,
                        struct err *err)
{
    auto_done(row_found) found = {};
    enum row_kind kind;
    int result = index_find(save->images, index, operand, &found, err);
    if (result < 0)
        return -1;
    if (result == 0)
        return err_set(err, ERR_NOT_FOUND, "no image %s here", operand);
    const struct oci_descriptor *row = &index->manifests.at[found.row];
    auto_free char *name = found_name(index, &found);
    if (row_kind(save->images, row, &kind, err) < 0)
        return -1;
    /* A list goes with all its members that are here, an artifact as it is; other formats have
     * neither. */
    bool whole = kind == ROW_ARTIFACT || (kind == ROW_LIST && !save->options->platform);
    if (is_layout(save->options->format) && whole && !found.member)
        return layout_plan(save, row, name, err);
    return image_plan(save, operand, name, err);
}

static void documents_plan(struct save *save)
{
    auto_done(str) layout = {};
    switch (save->options->format) {
    case IMAGE_SAVE_DOCKER_ARCHIVE:
        oci_archive_format(&save->docker, text_add(save, "manifest.json"));
        repositories_format(save, text_add(save, "repositories"));
        break;
    case IMAGE_SAVE_OCI_ARCHIVE:
    case IMAGE_SAVE_OCI_DIR: {
        struct oci_layout version = { .image_layout_version = xstrdup("1.0.0") };
        oci_layout_format(&version, text_add(save, "oci-layout"));
        oci_layout_done(&version);
        oci_index_format(&save->index, text_add(save, "index.json"));
        break;
    }
    case IMAGE_SAVE_DOCKER_DIR:
        break;
    }
}

/* ---- writing ---- */

static int member_write(const struct save *save, const struct archive *archive,
                        const struct member *member, struct err *err)
{
    auto_close int fd = -1;
    uint64_t size;
    if (!member->digest)
        return archive_text(archive, member->path, str_text(&member->text), member->text.len, err);
    if (blob_open(save->images, member->digest, &fd, &size, err) < 0)
        return -1;
    return archive_file(archive, member->path, fd, size, err);
}

static int save_write(const struct save *save, int fd, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_sys(err, "look at the archive");
    const struct archive archive = { .fd = fd, .directory = S_ISDIR(st.st_mode) };
    if (is_layout(save->options->format) && (archive_directory(&archive, "blobs", err) < 0 ||
                                             archive_directory(&archive, layout_blobs, err) < 0))
        return -1;
    for (size_t i = 0; i < save->members.len; i++)
        if (member_write(save, &archive, &save->members.at[i], err) < 0)
            return -1;
    return archive_end(&archive, err);
}

int image_save(struct images *images, char *const *names, const struct image_save *options, int fd,
               struct err *err)
{
    auto_done(save) save = { .images = images, .options = options };
    auto_done(oci_index) index = {};
    save.index.schema_version = 2;
    save.index.media_type = xstrdup(MEDIA_OCI_INDEX);
    if (index_load(images, &index, err) < 0 ||
        (options->platform && platform_parse(options->platform, &save.platform, err) < 0))
        return -1;
    for (size_t i = 0; names[i]; i++)
        if (operand_plan(&save, &index, names[i], err) < 0)
            return err_wrap(err, "save %s", names[i]);
    documents_plan(&save);
    return save_write(&save, fd, err);
}
