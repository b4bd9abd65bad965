/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A root file system becomes an image of one layer. The archive is the layer's blob as it is. First
 * it is digested and unpacked; what it unpacks to is then known, and the configuration and manifest
 * that name it are made; the rest is as with an archive of an image.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "image/change.h"
#include "image/load_plan.h"
#include "image/platform.h"
#include "image/reference.h"
#include "image/room.h"

enum { BUFFER_BYTES = 256 << 10, LAYER_NUMBER = 0 };

/* ---- the archive ---- */

/* Formats that a layer cannot have. */
static const struct {
    const char *name;
    const char *program;
    size_t len;
    unsigned char magic[6];
} foreign[] = {
    { "xz", "xz", 6, { 0xfd, '7', 'z', 'X', 'Z', 0 } },
    { "bzip2", "bzip2", 3, { 'B', 'Z', 'h' } },
    { "lz4", "lz4", 4, { 0x04, 0x22, 0x4d, 0x18 } },
    { "zip", "unzip", 4, { 'P', 'K', 3, 4 } },
};

static int format_check(const unsigned char *at, size_t len, struct err *err)
{
    if (len == 0)
        return err_set(err, ERR_INVALID, "the archive is empty");
    for (size_t i = 0; i < array_size(foreign); i++)
        if (len >= foreign[i].len && memcmp(at, foreign[i].magic, foreign[i].len) == 0) {
            err_set(err, ERR_UNSUPPORTED, "layers cannot be compressed by %s", foreign[i].name);
            return err_hint(err, "unpack it first, by %s, or pack it by gzip or zstd",
                            foreign[i].program);
        }
    return 0;
}

/* From whatever it is: a pipe too. */
static int archive_copy(const struct ingest *ingest, int from, struct err *err)
{
    auto_free char *name = xasprintf("%d", LAYER_NUMBER);
    auto_free char *buffer = xmalloc(BUFFER_BYTES);
    uint64_t room = store_room(ingest->images), size = 0;
    auto_close int to =
        openat(ingest->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0)
        return err_sys(err, "make a file in the store");
    for (;;) {
        ssize_t n = read(from, buffer, BUFFER_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, "read the archive");
        if (size == 0 && format_check((const unsigned char *)buffer, (size_t)n, err) < 0)
            return -1;
        if (n == 0)
            return 0;
        size += (uint64_t)n;
        if (size > STORE_BYTES_MAX)
            return err_set(err, ERR_INVALID, "the archive is larger than the store may take");
        if (size <= room && fd_write_all(to, buffer, (size_t)n) == 0)
            continue;
        if (size > room || errno == ENOSPC)
            return room_refuse(ingest->images, size, room, err);
        return err_sys(err, "write to the store");
    }
}

/* ---- the image ---- */

struct importing {
    const struct image_import *options;
    const struct image_watch *watch;
    struct ingest ingest;
    struct source source;
    struct load_plan plan;
    struct helper helper;
};

static void importing_done(struct importing *importing)
{
    load_plan_done(&importing->plan);
    source_done(&importing->source);
    helper_close(&importing->helper);
    ingest_close(&importing->ingest);
}

static int layer_work(struct importing *importing, struct err *err)
{
    struct load_plan *plan = &importing->plan;
    const struct ingest *ingest = &importing->ingest;
    size_t place = parts_add(&plan->parts, NULL, LAYER_NUMBER);
    struct part *part = &plan->parts.at[place];
    part->unpack = true;
    part->layer = ++plan->parts.n_layers;
    if (helper_open(ingest->images->transfer, ingest->directory, &importing->helper, err) < 0)
        return -1;
    return parts_run(&plan->parts, ingest, &importing->helper, importing->watch, err);
}

static int config_fill(const struct image_import *options, struct oci_image *image, struct err *err)
{
    auto_done(oci_platform) platform = {};
    if (options->platform) {
        if (platform_parse(options->platform, &platform, err) < 0)
            return -1;
    } else {
        platform_own(&platform);
    }
    image->os = take_ptr(platform.os);
    image->architecture = take_ptr(platform.architecture);
    image->variant = take_ptr(platform.variant);
    image->created = xstrdup(options->created);
    for (size_t i = 0; options->changes && i < options->changes->len; i++)
        if (config_change(&image->config, options->changes->at[i], err) < 0)
            return -1;
    return 0;
}

static int config_make(struct importing *importing, struct load_plan_image *entry, struct err *err)
{
    const struct image_import *options = importing->options;
    struct load_plan *plan = &importing->plan;
    auto_done(str) text = {};
    uint64_t number;
    struct oci_image *image = &entry->oci;
    if (config_fill(options, image, err) < 0)
        return -1;
    image->rootfs.type = xstrdup("layers");
    strings_add(&image->rootfs.diff_ids, plan->parts.at[0].content);
    struct oci_history *history = array_add(&image->history);
    history->created = xstrdup(options->created);
    history->comment = xstrdup(options->message ? options->message : "imported");
    oci_image_format(image, &text);
    if (text.len > OCI_IMAGE_MAX_BYTES)
        return err_set(err, ERR_INVALID, "the configuration is too large");
    if (source_save(&importing->source, str_text(&text), text.len, &number, err) < 0)
        return -1;
    entry->config = parts_add(&plan->parts, NULL, number);
    return 0;
}

static int import_work(struct importing *importing, int fd, struct image_loads *loads,
                       struct err *err)
{
    const struct image_import *options = importing->options;
    struct load_plan_image *entry = load_plan_add(&importing->plan);
    if (options->name) {
        auto_drop(reference) *reference = NULL;
        if (reference_parse(options->name, &reference, err) < 0)
            return -1;
        if (reference->digest)
            return err_set(err, ERR_INVALID, "\"%s\" has a digest, which cannot be given",
                           options->name);
        strings_add_taken(&entry->names, reference_format(reference));
    }
    entry->layers = xcalloc(1, sizeof(*entry->layers));
    entry->media_type = xstrdup(MEDIA_OCI_MANIFEST);
    if (archive_copy(&importing->ingest, fd, err) < 0 || layer_work(importing, err) < 0 ||
        config_make(importing, entry, err) < 0)
        return -1;
    return load_plan_carry_out(&importing->plan, &importing->source, &importing->helper, NULL,
                               loads, err);
}

int image_import(struct images *images, int fd, const struct image_import *options,
                 const struct image_watch *watch, struct image_loads *ret_loads, struct err *err)
{
    struct oci_image trial = {};
    auto_done(image_loads) loads = {};
    /* What is wrong with the changes need not wait for the archive. */
    int tried = config_fill(options, &trial, err);
    oci_image_done(&trial);
    if (tried < 0)
        return -1;
    struct importing importing = { .options = options,
                                   .watch = watch,
                                   .helper = { .control = -1 } };
    if (ingest_open(images, &importing.ingest, err) < 0)
        return -1;
    importing.source =
        (struct source){ .ingest = &importing.ingest, .layout = -1, .next = LAYER_NUMBER + 1 };
    int result = import_work(&importing, fd, &loads, err);
    importing_done(&importing);
    if (result < 0)
        return -1;
    *ret_loads = loads;
    loads = (struct image_loads){};
    return 0;
}
