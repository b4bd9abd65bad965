/* SPDX-License-Identifier: Apache-2.0 */
#include "image/cargo_write.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "image/archive.h"

enum { FILE_MODE = 0644 };

static const char layout_blobs[] = "blobs/sha256";
static const char directory_version[] = "Directory Transport Version: 1.1\n";

struct writing {
    const struct cargo *cargo;
    struct archive archive;
};

/* In a layout that was there, a blob may be as well. */
static bool is_there(const struct writing *writing, const char *path)
{
    return writing->archive.directory && faccessat(writing->archive.fd, path, F_OK, 0) == 0;
}

/* Beside it, then renamed: whatever has the name, which may be half of it or another's, gives way to
 * what was verified. */
static int blob_replace(const struct writing *writing, const char *path, int fd,
                        uint64_t size_bytes, struct err *err)
{
    const char *slash = strrchr(path, '/');
    int directory_len = slash ? (int)(slash - path) + 1 : 0;
    auto_free char *beside = xasprintf("%.*s.%s.part", directory_len, path, path + directory_len);
    int at = writing->archive.fd;
    (void)unlinkat(at, beside, 0); /* writing it says what is wrong */
    if (archive_file(&writing->archive, beside, fd, size_bytes, err) < 0)
        return -1;
    return renameat(at, beside, at, path) < 0 ? err_sys(err, "write %s", path) : 0;
}

static int blob_write(const struct writing *writing, const struct cargo_blob *blob,
                      const char *path, struct err *err)
{
    auto_close int fd = -1;
    if (cargo_open(writing->cargo, blob, &fd, err) < 0)
        return -1;
    if (writing->archive.directory)
        return blob_replace(writing, path, fd, blob->size, err);
    return archive_file(&writing->archive, path, fd, blob->size, err);
}

static int text_write(const struct writing *writing, const char *path, const void *data, size_t len,
                      struct err *err)
{
    if (is_there(writing, path))
        return 0;
    return archive_text(&writing->archive, path, data, len, err);
}

/* The same of a manifest. */
static int document_write(const struct writing *writing, const char *path,
                          const struct cargo_manifest *manifest, struct err *err)
{
    if (writing->archive.directory)
        return file_save(writing->archive.fd, path, manifest->data, manifest->len, FILE_MODE, 0,
                         err);
    return archive_text(&writing->archive, path, manifest->data, manifest->len, err);
}

/* ---- a layout ---- */

static int layout_blobs_write(const struct writing *writing, struct err *err)
{
    const struct cargo *cargo = writing->cargo;
    for (size_t i = 0; i < cargo->blobs.len; i++) {
        auto_free char *path =
            xasprintf("%s/%s", layout_blobs, digest_hex(cargo->blobs.at[i].digest));
        if (blob_write(writing, &cargo->blobs.at[i], path, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < cargo->manifests.len; i++) {
        const struct cargo_manifest *manifest = &cargo->manifests.at[i];
        auto_free char *path = xasprintf("%s/%s", layout_blobs, digest_hex(manifest->digest));
        if (document_write(writing, path, manifest, err) < 0)
            return -1;
    }
    return 0;
}

/* The index that is there, without what has the name. Returns 1, or 0: there is none. */
static int layout_index(const struct writing *writing, const char *name, struct oci_index *index,
                        struct err *err)
{
    auto_free char *data = NULL;
    size_t len;
    *index = (struct oci_index){ .schema_version = 2 };
    if (!writing->archive.directory)
        return 0;
    int found = file_load(writing->archive.fd, "index.json", OCI_INDEX_MAX_BYTES, &data, &len, err);
    if (found <= 0)
        return found;
    if (oci_index_parse(data, len, index, err) < 0)
        return err_wrap(err, "index.json");
    for (size_t i = index->manifests.len; i-- > 0;) {
        const char *own = pairs_value(&index->manifests.at[i].annotations, OCI_REF_NAME);
        if (text_same(own, name))
            index_remove(index, i);
    }
    return 1;
}

/* What a layout has held may not be lost by a power cut: its index is replaced by one that is on the
 * disk, with all that it names. */
static int layout_index_save(const struct writing *writing, const struct str *text, bool replaces,
                             struct err *err)
{
    int directory = writing->archive.fd;
    if (replaces && syncfs(directory) < 0)
        return err_sys(err, "sync the directory");
    return file_save(directory, "index.json", str_text(text), text->len, FILE_MODE,
                     replaces ? FILE_SYNC : 0, err);
}

static int layout_index_write(const struct writing *writing, const char *name, struct err *err)
{
    auto_done(oci_index) index = {};
    auto_done(str) text = {};
    const struct cargo_manifest *top = cargo_top(writing->cargo);
    int there = layout_index(writing, name, &index, err);
    if (there < 0)
        return -1;
    struct oci_descriptor *row = array_add(&index.manifests);
    row->media_type = xstrdup(top->media_type);
    row->digest = xstrdup(top->digest);
    row->size = (int64_t)top->len;
    if (name)
        pairs_put(&row->annotations, OCI_REF_NAME, name);
    oci_index_format(&index, &text);
    if (writing->archive.directory)
        return layout_index_save(writing, &text, there > 0, err);
    return archive_text(&writing->archive, "index.json", str_text(&text), text.len, err);
}

static int layout_write(const struct writing *writing, const char *name, struct err *err)
{
    auto_done(str) text = {};
    struct oci_layout layout = { .image_layout_version = xstrdup("1.0.0") };
    oci_layout_format(&layout, &text);
    oci_layout_done(&layout);
    if ((!is_there(writing, "blobs") && archive_directory(&writing->archive, "blobs", err) < 0) ||
        (!is_there(writing, layout_blobs) &&
         archive_directory(&writing->archive, layout_blobs, err) < 0) ||
        text_write(writing, "oci-layout", str_text(&text), text.len, err) < 0 ||
        layout_blobs_write(writing, err) < 0)
        return -1;
    return layout_index_write(writing, name, err);
}

/* ---- docker's archive ---- */

static int docker_write(const struct writing *writing, const char *name, struct err *err)
{
    const struct cargo *cargo = writing->cargo;
    const struct cargo_manifest *top = cargo_top(cargo);
    auto_done(oci_manifest) manifest = {};
    auto_done(oci_archive) archive = {};
    auto_done(str) text = {};
    if (top->list)
        return err_set(err, ERR_UNSUPPORTED,
                       "docker's archives hold images for one platform; leave --all out");
    if (oci_manifest_parse(top->data, top->len, &manifest, err) < 0)
        return -1;
    if (!manifest_is_image(&manifest))
        return err_set(err, ERR_UNSUPPORTED, "docker's archives hold images, and no artifacts");
    struct oci_archive_image *image = array_add(&archive.images);
    image->config = xasprintf("%s.json", digest_hex(manifest.config.digest));
    if (name)
        strings_add(&image->repo_tags, name);
    for (size_t i = 0; i < manifest.layers.len; i++)
        strings_addf(&image->layers, "%s.tar", digest_hex(manifest.layers.at[i].digest));
    for (size_t i = 0; i < cargo->blobs.len; i++) {
        const struct cargo_blob *blob = &cargo->blobs.at[i];
        auto_free char *path =
            xasprintf("%s.%s", digest_hex(blob->digest), blob->layer > 0 ? "tar" : "json");
        if (blob_write(writing, blob, path, err) < 0)
            return -1;
    }
    oci_archive_format(&archive, &text);
    return archive_text(&writing->archive, "manifest.json", str_text(&text), text.len, err);
}

/* ---- a plain directory ---- */

static int plain_write(const struct writing *writing, struct err *err)
{
    const struct cargo *cargo = writing->cargo;
    if (text_write(writing, "version", directory_version, strlen(directory_version), err) < 0)
        return -1;
    for (size_t i = 0; i < cargo->blobs.len; i++)
        if (blob_write(writing, &cargo->blobs.at[i], digest_hex(cargo->blobs.at[i].digest), err) <
            0)
            return -1;
    for (size_t i = 0; i < cargo->manifests.len; i++) {
        const struct cargo_manifest *manifest = &cargo->manifests.at[i];
        bool top = manifest == cargo_top(cargo);
        auto_free char *path = top ? xstrdup("manifest.json")
                                   : xasprintf("%s.manifest.json", digest_hex(manifest->digest));
        if (file_save(writing->archive.fd, path, manifest->data, manifest->len, FILE_MODE, 0, err) <
            0)
            return -1;
    }
    return 0;
}

int cargo_write(const struct cargo *cargo, enum cargo_format format, int fd, const char *name,
                struct err *err)
{
    const struct writing writing = {
        .cargo = cargo,
        .archive = { .fd = fd, .directory = format == CARGO_OCI_DIR || format == CARGO_DIR },
    };
    int result = -1;
    switch (format) {
    case CARGO_OCI_DIR:
    case CARGO_OCI_ARCHIVE:
        result = layout_write(&writing, name, err);
        break;
    case CARGO_DOCKER_ARCHIVE:
        result = docker_write(&writing, name, err);
        break;
    case CARGO_DIR:
        result = plain_write(&writing, err);
        break;
    }
    return result < 0 ? -1 : archive_end(&writing.archive, err);
}
