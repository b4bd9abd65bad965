/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Archives of images as the tests want them: true ones, and ones that lie. Digests are the
 * machine's sha256sum's. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "oci/image.h"

enum { BLOCK = 512 };

static inline void octal(char *at, int digits, size_t value)
{
    for (; digits-- > 0; value >>= 3)
        at[digits] = (char)('0' + (value & 7));
}

/* One member of a ustar archive: '0' file with data, '2' symbolic link to data, '5' directory, '3'
 * device. */
static inline void tar_add(struct str *out, const char *name, char type, const void *data,
                           size_t len)
{
    char header[BLOCK] = {};
    size_t size = type == '0' ? len : 0, sum = 0;
    memcpy(header, name, strlen(name));
    octal(header + 100, 7, type == '5' ? 0755 : 0644);
    octal(header + 108, 7, geteuid());
    octal(header + 116, 7, getegid());
    octal(header + 124, 11, size);
    octal(header + 136, 11, 1000);
    memset(header + 148, ' ', 8);
    header[156] = type;
    if (type == '2')
        memcpy(header + 157, data, len);
    memcpy(header + 257, "ustar\00000", 8);
    octal(header + 329, 7, 1); /* of a device: 1:3 */
    octal(header + 337, 7, 3);
    for (size_t i = 0; i < BLOCK; i++)
        sum += (unsigned char)header[i];
    octal(header + 148, 6, sum);
    header[154] = '\0';
    str_add_bytes(out, header, BLOCK);
    str_add_bytes(out, data, size);
    static const char zeros[BLOCK];
    if (size % BLOCK)
        str_add_bytes(out, zeros, BLOCK - size % BLOCK);
}

static inline void tar_text(struct str *out, const char *name, const char *text)
{
    tar_add(out, name, '0', text, strlen(text));
}

static inline void tar_end(struct str *out)
{
    static const char zeros[2 * BLOCK];
    str_add_bytes(out, zeros, sizeof(zeros));
}

/* "sha256:…", by the machine's sha256sum. Owned by the caller. */
static inline char *digest_of(const void *at, size_t len)
{
    auto_close int fd = memfd_create("digest", MFD_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(fd_write_all(fd, at, len), 0);
    auto_free char *command = xasprintf("sha256sum /proc/%d/fd/%d", (int)getpid(), fd);
    FILE *pipe = popen(command, "r");
    cr_assert_not_null(pipe);
    char hex[65] = {};
    cr_assert_eq(fread(hex, 1, 64, pipe), 64);
    pclose(pipe);
    return xasprintf("sha256:%s", hex);
}

/* A layer with one file. */
static inline void layer_make(struct str *out, const char *name, const char *text)
{
    tar_text(out, name, text);
    tar_end(out);
}

static inline char *config_make(const struct strings *diff_ids)
{
    auto_done(str) text = {};
    str_add(&text,
            "{\"created\":\"2024-01-02T03:04:05Z\",\"architecture\":\"amd64\",\"os\":\"linux\","
            "\"config\":{\"Cmd\":[\"sh\"]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[");
    for (size_t i = 0; i < diff_ids->len; i++)
        str_addf(&text, "%s\"%s\"", i > 0 ? "," : "", diff_ids->at[i]);
    str_add(&text, "]}}");
    return str_take(&text);
}

/* A docker-archive of one image with two layers; the second may be anything. */
static inline void docker_make(struct str *out, const char *tag, const struct str *first,
                               const struct str *second)
{
    auto_done(strings) diff_ids = {};
    strings_add_taken(&diff_ids, digest_of(first->at, first->len));
    strings_add_taken(&diff_ids, digest_of(second->at, second->len));
    auto_free char *config = config_make(&diff_ids);
    auto_free char *manifest = xasprintf("[{\"Config\":\"config.json\",\"RepoTags\":[%s%s%s],"
                                         "\"Layers\":[\"one/layer.tar\",\"two/layer.tar\"]}]",
                                         tag ? "\"" : "", tag ? tag : "", tag ? "\"" : "");
    tar_add(out, "first.tar", '0', first->at, first->len);
    tar_add(out, "one/layer.tar", '2', "../first.tar", strlen("../first.tar"));
    tar_add(out, "two/", '5', NULL, 0);
    tar_add(out, "two/layer.tar", '0', second->at, second->len);
    tar_text(out, "config.json", config);
    tar_text(out, "manifest.json", manifest);
    tar_end(out);
}

static inline void docker_plain(struct str *out, const char *tag, const char *text)
{
    auto_done(str) first = {};
    auto_done(str) second = {};
    layer_make(&first, "etc/base", "shared by all");
    layer_make(&second, "etc/own", text);
    docker_make(out, tag, &first, &second);
}

/* What an OCI archive says, so that it can lie. NULL: the truth. */
struct says {
    const char *layer_digest;
    const char *diff_id;
    const char *config_digest;
    long layer_size;
    const char *more; /* members added to the manifest, with a comma before */
    const char *platform;
};

static inline void blob_add(struct str *out, const char *digest, const void *at, size_t len)
{
    auto_free char *path = xasprintf("blobs/sha256/%s", digest_hex(digest));
    tar_add(out, path, '0', at, len);
}

static inline void oci_make(struct str *out, const char *name, const struct str *layer,
                            const struct says *says)
{
    auto_free char *layer_digest = digest_of(layer->at, layer->len);
    auto_done(strings) diff_ids = {};
    strings_add(&diff_ids, says->diff_id ? says->diff_id : layer_digest);
    auto_free char *config = config_make(&diff_ids);
    auto_free char *config_digest = digest_of(config, strlen(config));
    auto_free char *manifest = xasprintf(
        "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" MEDIA_OCI_CONFIG "\","
        "\"digest\":\"%s\",\"size\":%zu},\"layers\":[{\"mediaType\":\"" MEDIA_OCI_LAYER "\","
        "\"digest\":\"%s\",\"size\":%ld}]%s}",
        says->config_digest ? says->config_digest : config_digest, strlen(config),
        says->layer_digest ? says->layer_digest : layer_digest,
        says->layer_size ? says->layer_size : (long)layer->len, says->more ? says->more : "");
    auto_free char *manifest_digest = digest_of(manifest, strlen(manifest));
    auto_free char *index =
        xasprintf("{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\","
                  "\"digest\":\"%s\",\"size\":%zu%s%s,\"annotations\":{\"" OCI_REF_NAME "\":\"%s\","
                  "\"ruche.image.id\":\"sha256:evil\"}}]}",
                  manifest_digest, strlen(manifest), says->platform ? ",\"platform\":" : "",
                  says->platform ? says->platform : "", name);
    tar_text(out, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    tar_text(out, "index.json", index);
    blob_add(out, says->layer_digest ? says->layer_digest : layer_digest, layer->at, layer->len);
    blob_add(out, says->config_digest ? says->config_digest : config_digest, config,
             strlen(config));
    blob_add(out, manifest_digest, manifest, strlen(manifest));
    tar_end(out);
}
