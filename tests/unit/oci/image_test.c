/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/image.h"

#include <string.h>

#include "json_value.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_0 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* clang-format off */
static const char manifest[] = JSON({
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "artifactType": "application/vnd.example+type",
    "config": {
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "digest": "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "size": 7023
    },
    "layers": [
        {
            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
            "digest": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "size": 32654,
            "urls": ["https://example.org/layer"],
            "annotations": { "org.example.a": "b" }
        },
        {
            "mediaType": "application/vnd.oci.image.layer.v1.tar+zstd",
            "digest": "sha512:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "size": 0,
            "data": "e30="
        }
    ],
    "subject": {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "size": 7682,
        "artifactType": "application/vnd.example+other"
    },
    "annotations": { "org.opencontainers.image.created": "2024-01-01T00:00:00Z" }
});

static const char docker_manifest[] = JSON({
    "schemaVersion": 2,
    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
    "config": {
        "mediaType": "application/vnd.docker.container.image.v1+json",
        "size": 1472,
        "digest": "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    },
    "layers": [{
        "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "size": 2207176,
        "digest": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    }]
});

static const char index_document[] = JSON({
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.index.v1+json",
    "artifactType": "application/vnd.example+type",
    "manifests": [
        {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "size": 7143,
            "platform": { "architecture": "arm", "os": "linux", "variant": "v7" },
            "annotations": { "org.opencontainers.image.ref.name": "v1.0" }
        },
        {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "size": 7682,
            "platform": {
                "architecture": "amd64",
                "os": "windows",
                "os.version": "10.0.14393.1066",
                "os.features": ["win32k"]
            }
        }
    ],
    "subject": {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "size": 1
    },
    "annotations": { "a": "b" }
});

static const char image[] = JSON({
    "created": "2024-10-31T22:22:56.015925234Z",
    "author": "A. N. Author <a@example.org>",
    "architecture": "arm64",
    "variant": "v8",
    "os": "linux",
    "os.version": "1",
    "os.features": ["a"],
    "config": {
        "User": "alice:staff",
        "ExposedPorts": { "8080/tcp": {}, "53/udp": {} },
        "Env": ["PATH=/usr/bin:/bin", "FOO=a well written poem"],
        "Entrypoint": ["/bin/my-app"],
        "Cmd": ["--foreground", "--config"],
        "Volumes": { "/var/job-result-data": {} },
        "WorkingDir": "/home/alice",
        "Labels": { "com.example.license": "GPL-3.0", "a": "" },
        "StopSignal": "SIGINT",
        "ArgsEscaped": true,
        "Healthcheck": {
            "Test": ["CMD-SHELL", "true"],
            "Interval": 30000000000,
            "Timeout": 5000000000,
            "StartPeriod": 1000000,
            "StartInterval": 2000000,
            "Retries": 3
        },
        "Shell": ["/bin/bash", "-c"],
        "OnBuild": ["RUN true"],
        "StopTimeout": 0
    },
    "rootfs": {
        "type": "layers",
        "diff_ids": [
            "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
        ]
    },
    "history": [
        { "created": "2024-10-31T22:22:54Z", "created_by": "ADD a", "author": "b", "comment": "c" },
        { "created_by": "CMD [\"sh\"]", "empty_layer": true }
    ],
    "docker_version": "20.10.24",
    "comment": "imported"
});
/* clang-format on */

#define ROUND(name)                                                                                \
    static char *name##_round(const char *text, size_t len, struct err *err)                       \
    {                                                                                              \
        struct oci_##name value = {};                                                              \
        struct str out = {};                                                                       \
                                                                                                   \
        if (oci_##name##_parse(text, len, &value, err) < 0)                                        \
            return NULL;                                                                           \
        oci_##name##_format(&value, &out);                                                         \
        oci_##name##_done(&value);                                                                 \
        return str_take(&out);                                                                     \
    }
ROUND(manifest)
ROUND(index)
ROUND(image)
ROUND(layout)
ROUND(archive)

static void rounds_to(json_round *round, const char *text, const char *wanted)
{
    struct err err = {};
    auto_free char *result = round(text, strlen(text), &err);

    cr_assert_not_null(result, "%s", err.text);
    json_value_same(result, wanted);
}

static void refuses(json_round *round, const char *text, enum err_kind kind, const char *error)
{
    struct err err = {};
    auto_free char *result = round(text, strlen(text), &err);

    cr_assert_null(result, "passed: %s", text);
    cr_assert_str_eq(err.text, error);
    cr_assert_eq(err.kind, kind);
}

Test(digest, is_valid_in_one_way_only)
{
    cr_assert(digest_valid("sha256:" HEX_0));
    cr_assert(digest_valid("sha512:" HEX_0 HEX_A));

    static const char *const wrong[] = {
        "",
        "sha256",
        "sha256:",
        HEX_0,
        "sha256:" HEX_0 "0",
        "sha256:" HEX_0 HEX_A,
        "sha256:" HEX_0 "/..",
        "sha512:" HEX_0,
        "sha384:" HEX_0,
        "SHA256:" HEX_0,
        " sha256:" HEX_0,
        "sha256:/" HEX_0,
        "sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
        "sha256:../../../../../../../../../../../../../../../../../../../../etc/shadow0",
    };
    for (size_t i = 0; i < array_size(wrong); i++)
        cr_assert_not(digest_valid(wrong[i]), "%s", wrong[i]);
    cr_assert_not(digest_valid(NULL));
}

Test(digest, gives_its_digits)
{
    cr_assert_str_eq(digest_hex("sha256:" HEX_0), HEX_0);
}

Test(media, says_what_a_blob_is)
{
    cr_assert_eq(media_kind(MEDIA_OCI_INDEX), MEDIA_INDEX);
    cr_assert_eq(media_kind(MEDIA_DOCKER_LIST), MEDIA_INDEX);
    cr_assert_eq(media_kind(MEDIA_OCI_MANIFEST), MEDIA_MANIFEST);
    cr_assert_eq(media_kind(MEDIA_DOCKER_MANIFEST), MEDIA_MANIFEST);
    cr_assert_eq(media_kind(MEDIA_OCI_CONFIG), MEDIA_CONFIG);
    cr_assert_eq(media_kind(MEDIA_DOCKER_CONFIG), MEDIA_CONFIG);
    cr_assert_eq(media_kind(MEDIA_OCI_LAYER), MEDIA_LAYER);
    cr_assert_eq(media_kind(MEDIA_OCI_EMPTY), MEDIA_OTHER);
    cr_assert_eq(media_kind(MEDIA_OCI_LAYER "+encrypted"), MEDIA_OTHER);
    cr_assert_eq(media_kind("application/vnd.oci.image"), MEDIA_OTHER);
    cr_assert_eq(media_kind(""), MEDIA_OTHER);
    cr_assert_eq(media_kind(NULL), MEDIA_OTHER);
}

Test(media, is_read_as_registries_answer_it)
{
    cr_assert_eq(media_kind(MEDIA_OCI_INDEX "; charset=utf-8"), MEDIA_INDEX);
    cr_assert_eq(media_kind(MEDIA_OCI_INDEX ";charset=utf-8"), MEDIA_INDEX);
    cr_assert_eq(media_kind("application/vnd.OCI.image.manifest.v1+JSON"), MEDIA_MANIFEST);
    cr_assert(media_is_docker(MEDIA_DOCKER_MANIFEST));
    cr_assert_not(media_is_docker(MEDIA_OCI_MANIFEST));
    cr_assert_not(media_is_docker("application/vnd.docker.other"));
}

Test(media, says_how_layers_are_packed)
{
    static const struct {
        const char *type;
        enum layer_format format;
    } layers[] = {
        { MEDIA_OCI_LAYER, LAYER_PLAIN },
        { MEDIA_OCI_LAYER_GZIP, LAYER_GZIP },
        { MEDIA_OCI_LAYER_ZSTD, LAYER_ZSTD },
        { MEDIA_DOCKER_LAYER, LAYER_PLAIN },
        { MEDIA_DOCKER_LAYER_GZIP, LAYER_GZIP },
        { MEDIA_DOCKER_LAYER_ZSTD, LAYER_ZSTD },
        { "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", LAYER_GZIP },
        { "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", LAYER_GZIP },
    };
    enum layer_format format;

    for (size_t i = 0; i < array_size(layers); i++) {
        cr_assert(media_layer_format(layers[i].type, &format), "%s", layers[i].type);
        cr_assert_eq(format, layers[i].format, "%s", layers[i].type);
    }
    cr_assert_not(media_layer_format(MEDIA_OCI_CONFIG, &format));
    cr_assert_not(media_layer_format(MEDIA_OCI_LAYER "+bzip2", &format));
    cr_assert_not(media_layer_format(NULL, &format));
    for (int i = LAYER_PLAIN; i <= LAYER_ZSTD; i++) {
        cr_assert(media_layer_format(layer_format_media_type((enum layer_format)i), &format));
        cr_assert_eq((int)format, i);
    }
}

Test(manifest, keeps_every_member)
{
    rounds_to(manifest_round, manifest, manifest);
    rounds_to(manifest_round, docker_manifest, docker_manifest);
}

Test(manifest, fills_in_the_members)
{
    struct err err = {};
    auto_done(oci_manifest) read = {};

    cr_assert_eq(oci_manifest_parse(manifest, strlen(manifest), &read, &err), 0, "%s", err.text);
    cr_assert_str_eq(read.config.digest, "sha256:" HEX_0);
    cr_assert_eq(read.config.size, 7023);
    cr_assert_eq(read.layers.len, 2);
    cr_assert_str_eq(read.layers.at[1].digest, "sha512:" HEX_0 HEX_0);
    cr_assert_str_eq(read.layers.at[1].data, "e30=");
    cr_assert_str_eq(pairs_value(&read.layers.at[0].annotations, "org.example.a"), "b");
    cr_assert_str_eq(read.subject->artifact_type, "application/vnd.example+other");
}

Test(manifest, names_the_place_of_each_wrong_type)
{
    static const char *const none[] = { NULL };

    cr_assert_gt(json_swap_all(manifest, "manifest", manifest_round, none), 25);
    json_cut_all(manifest, manifest_round);
}

#define CONFIG "\"config\":{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX_0 "\",\"size\":2}"

Test(manifest, may_have_no_layers)
{
    rounds_to(manifest_round, "{\"schemaVersion\":2," CONFIG ",\"layers\":null,\"manifests\":null}",
              "{\"schemaVersion\":2," CONFIG ",\"layers\":[]}");
}

/* A digest of this form must not become a path, nor a size of this kind room. */
Test(manifest, refuses_digests_and_sizes_that_cannot_be)
{
    static const struct {
        const char *digest;
        const char *size;
        const char *error;
    } rows[] = {
        { "sha256:../../etc/passwd", "1",
          "/digest: neither sha256: with 64 digits nor sha512: with 128" },
        { "sha256:" HEX_0 "0", "1",
          "/digest: neither sha256: with 64 digits nor sha512: with 128" },
        { "", "1", "/digest: neither sha256: with 64 digits nor sha512: with 128" },
        { "sha256:" HEX_0, "-1", "/size: -1 is negative" },
        { "sha256:" HEX_0, "9223372036854775808",
          "/size: 9223372036854775808 is not from -9223372036854775808 to 9223372036854775807" },
    };
    static const char *const forms[][2] = {
        { "{\"schemaVersion\":2,\"config\":%s,\"layers\":[]}", "/config" },
        { "{\"schemaVersion\":2," CONFIG ",\"layers\":[%s]}", "/layers/0" },
        { "{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"subject\":%s}", "/subject" },
    };

    for (size_t i = 0; i < array_size(rows) * array_size(forms); i++) {
        const char *const *form = forms[i / array_size(rows)];
        const char *slot = strstr(form[0], "%s");
        size_t row = i % array_size(rows);
        auto_free char *text =
            xasprintf("%.*s{\"mediaType\":\"a/b\",\"digest\":\"%s\",\"size\":%s}%s",
                      (int)(slot - form[0]), form[0], rows[row].digest, rows[row].size, slot + 2);
        auto_free char *error = xasprintf("manifest: %s%s", form[1], rows[row].error);

        refuses(manifest_round, text, ERR_INVALID, error);
    }
}

Test(manifest, is_no_index)
{
    refuses(manifest_round, index_document, ERR_INVALID, "manifest: is an index of manifests");
    refuses(manifest_round, "{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"manifests\":[]}",
            ERR_INVALID, "manifest: is an index and a manifest at once");
    refuses(manifest_round,
            "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX "\"," CONFIG ",\"layers\":[]}",
            ERR_INVALID, "manifest: /mediaType: of another kind of document");
}

/* clang-format off */
Test(manifest, is_not_of_schema_1)
{
    static const char text[] = JSON({
        "schemaVersion": 1,
        "name": "library/a",
        "tag": "latest",
        "architecture": "amd64",
        "fsLayers": [{ "blobSum": "sha256:a" }],
        "history": [{ "v1Compatibility": "{}" }]
    });
    static const char error[] =
        "manifest of docker's schema 1; push the image again with docker 1.10 or later";
    enum media_kind kind;
    struct err err = {};

    refuses(manifest_round, text, ERR_UNSUPPORTED, error);
    refuses(index_round, text, ERR_UNSUPPORTED, error);
    refuses(manifest_round, "{\"schemaVersion\":3," CONFIG ",\"layers\":[]}", ERR_UNSUPPORTED,
            "manifest: /schemaVersion: 3 is not 2");
    cr_assert_eq(oci_document_kind(text, strlen(text), &kind, &err), -1);
    cr_assert_eq(err.kind, ERR_UNSUPPORTED);
}
/* clang-format on */

Test(manifest, limits_layers_and_size)
{
    struct str text = {};
    struct err err = {};

    str_add(&text, "{\"schemaVersion\":2," CONFIG ",\"layers\":[");
    for (int i = 0; i <= OCI_LAYERS_MAX; i++)
        str_addf(&text, "%s{\"mediaType\":\"a/b\",\"digest\":\"sha256:" HEX_0 "\",\"size\":1}",
                 i > 0 ? "," : "");
    str_add(&text, "]}");
    refuses(manifest_round, str_text(&text), ERR_UNSUPPORTED,
            "manifest: /layers: 1001 layers, of which 1000 are possible");
    str_done(&text);

    char *large = calloc(1, OCI_MANIFEST_MAX_BYTES + 1);
    cr_assert_null(manifest_round(large, OCI_MANIFEST_MAX_BYTES + 1, &err));
    cr_assert_str_eq(err.text, "manifest: larger than 4 MiB");
    free(large);
}

Test(index, keeps_every_member)
{
    rounds_to(index_round, index_document, index_document);
    rounds_to(index_round, "{\"schemaVersion\":2,\"manifests\":null}",
              "{\"schemaVersion\":2,\"manifests\":[]}");
}

Test(index, names_the_place_of_each_wrong_type)
{
    static const char *const none[] = { NULL };

    cr_assert_gt(json_swap_all(index_document, "index", index_round, none), 25);
    json_cut_all(index_document, index_round);
}

Test(index, refuses_what_is_none)
{
    refuses(index_round, manifest, ERR_INVALID, "index: is a manifest");
    refuses(index_round, "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}", ERR_INVALID,
            "index: is an index and a manifest at once");
    refuses(index_round, "{\"schemaVersion\":2,\"manifests\":[]," CONFIG "}", ERR_INVALID,
            "index: is an index and a manifest at once");
    refuses(index_round,
            "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"a/b\","
            "\"digest\":\"sha256:a\",\"size\":1}]}",
            ERR_INVALID,
            "index: /manifests/0/digest: neither sha256: with 64 digits nor sha512: with 128");
    refuses(index_round, "[]", ERR_INVALID, "index: expected an object, found an array");
}

static enum media_kind kind_of(const char *text)
{
    enum media_kind kind;
    struct err err = {};

    cr_assert_eq(oci_document_kind(text, strlen(text), &kind, &err), 0, "%s", err.text);
    return kind;
}

Test(document, is_known_by_its_members)
{
    cr_assert_eq(kind_of(manifest), MEDIA_MANIFEST);
    cr_assert_eq(kind_of(docker_manifest), MEDIA_MANIFEST);
    cr_assert_eq(kind_of(index_document), MEDIA_INDEX);
    cr_assert_eq(kind_of(image), MEDIA_OTHER);
    cr_assert_eq(kind_of("{}"), MEDIA_OTHER);
    cr_assert_eq(kind_of("{\"schemaVersion\":2,\"layers\":[]}"), MEDIA_MANIFEST);
    cr_assert_eq(kind_of("{\"schemaVersion\":2,\"manifests\":[]}"), MEDIA_INDEX);
    cr_assert_eq(kind_of("{\"mediaType\":\"" MEDIA_OCI_INDEX "\"}"), MEDIA_INDEX);
    cr_assert_eq(kind_of("{\"mediaType\":\"" MEDIA_OCI_LAYER "\"}"), MEDIA_OTHER);
}

Test(document, is_not_two_things)
{
    enum media_kind kind;
    struct err err = {};
    static const char *const texts[] = {
        "{\"manifests\":[],\"layers\":[]}",
        "{\"manifests\":[],\"config\":{}}",
        "{\"mediaType\":\"" MEDIA_OCI_INDEX "\",\"layers\":[]}",
        "{\"mediaType\":\"" MEDIA_DOCKER_MANIFEST "\",\"manifests\":[]}",
    };

    for (size_t i = 0; i < array_size(texts); i++) {
        cr_assert_eq(oci_document_kind(texts[i], strlen(texts[i]), &kind, &err), -1, "%s",
                     texts[i]);
        cr_assert_eq(err.kind, ERR_INVALID);
    }
}

Test(image, keeps_every_member)
{
    rounds_to(image_round, image, image);
}

Test(image, fills_in_the_members)
{
    struct err err = {};
    auto_done(oci_image) read = {};

    cr_assert_eq(oci_image_parse(image, strlen(image), &read, &err), 0, "%s", err.text);
    cr_assert_str_eq(read.architecture, "arm64");
    cr_assert_str_eq(read.config.user, "alice:staff");
    cr_assert_eq(read.config.exposed_ports.len, 2);
    cr_assert(strings_have(&read.config.exposed_ports, "53/udp"));
    cr_assert(strings_have(&read.config.volumes, "/var/job-result-data"));
    cr_assert_str_eq(strings_value(&read.config.env, "FOO"), "a well written poem");
    cr_assert_str_eq(pairs_value(&read.config.labels, "a"), "");
    cr_assert_eq(read.config.healthcheck->interval, 30000000000);
    cr_assert(read.config.stop_timeout.set);
    cr_assert_str_eq(read.rootfs.diff_ids.at[1], "sha256:" HEX_0);
    cr_assert(read.history.at[1].empty_layer);
    cr_assert_not(read.history.at[0].empty_layer);
}

/* clang-format off */
/* As docker 20 to 28 write it: what is not set is null, false or "", and more than the OCI has. */
Test(image, reads_what_docker_writes)
{
    static const char text[] = JSON({
        "architecture": "amd64",
        "config": {
            "Hostname": "",
            "Domainname": "",
            "User": "",
            "AttachStdin": false,
            "Tty": false,
            "Env": ["PATH=/bin"],
            "Cmd": ["sh"],
            "Image": "sha256:a",
            "Volumes": null,
            "WorkingDir": "",
            "Entrypoint": null,
            "OnBuild": null,
            "Labels": null
        },
        "container": "abc",
        "container_config": { "Hostname": "abc", "Cmd": ["/bin/sh", "-c", "#(nop) "] },
        "created": "2023-05-11T20:25:48.122Z",
        "docker_version": "20.10.23",
        "history": null,
        "os": "linux",
        "rootfs": { "type": "layers" }
    });

    rounds_to(image_round, text, JSON({
        "architecture": "amd64",
        "config": { "User": "", "Env": ["PATH=/bin"], "Cmd": ["sh"], "WorkingDir": "" },
        "created": "2023-05-11T20:25:48.122Z",
        "docker_version": "20.10.23",
        "os": "linux",
        "rootfs": { "type": "layers", "diff_ids": [] }
    }));
}
/* clang-format on */

Test(image, names_the_place_of_each_wrong_type)
{
    static const char *const sets[] = { "/config/ExposedPorts/", "/config/Volumes/", NULL };

    cr_assert_gt(json_swap_all(image, "image", image_round, sets), 45);
    json_cut_all(image, image_round);
}

Test(image, refuses_what_cannot_be_unpacked)
{
    refuses(image_round, "{}", ERR_INVALID, "image: /rootfs: missing");
    refuses(image_round, "{\"rootfs\":{\"diff_ids\":[]}}", ERR_INVALID,
            "image: /rootfs/type: missing");
    refuses(image_round, "{\"rootfs\":{\"type\":\"layers+base\"}}", ERR_UNSUPPORTED,
            "image: /rootfs/type: not \"layers\"");
    refuses(image_round,
            "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX_A "\",\"../../x\"]}}",
            ERR_INVALID,
            "image: /rootfs/diff_ids/1: neither sha256: with 64 digits nor sha512: with 128");
}

Test(layout, has_a_version)
{
    rounds_to(layout_round, "{\"imageLayoutVersion\":\"1.0.0\"}",
              "{\"imageLayoutVersion\":\"1.0.0\"}");
    refuses(layout_round, "{}", ERR_INVALID, "oci-layout: /imageLayoutVersion: missing");
    refuses(layout_round, "{\"imageLayoutVersion\":\"2.0.0\"}", ERR_UNSUPPORTED,
            "oci-layout: /imageLayoutVersion: only versions 1.x are understood");
}

/* clang-format off */
Test(archive, is_an_array_of_images)
{
    static const char text[] = JSON([
        { "Config": "a.json", "RepoTags": ["a:1", "a:latest"], "Layers": ["b/layer.tar"] },
        { "Config": "blobs/sha256/c", "RepoTags": [], "Layers": [] }
    ]);
    struct err err = {};
    auto_done(oci_archive) read = {};

    rounds_to(archive_round, text, text);
    rounds_to(archive_round, "[]", "[]");
    rounds_to(archive_round, JSON([{ "Config": "a", "RepoTags": null, "LayerSources": {} }]),
              JSON([{ "Config": "a", "RepoTags": [], "Layers": [] }]));
    cr_assert_eq(oci_archive_parse(text, strlen(text), &read, &err), 0, "%s", err.text);
    cr_assert_eq(read.images.len, 2);
    cr_assert_str_eq(read.images.at[0].layers.at[0], "b/layer.tar");
}
/* clang-format on */

Test(archive, names_the_place_of_each_wrong_type)
{
    static const char text[] = JSON([ { "Config" : "a", "RepoTags" : ["a:1"], "Layers" : ["b"] } ]);
    static const char *const none[] = { NULL };

    cr_assert_eq(json_swap_all(text, "manifest.json", archive_round, none), 6);
    json_cut_all(text, archive_round);
    refuses(archive_round, "{}", ERR_INVALID, "manifest.json: expected an array, found an object");
    refuses(archive_round, "[{}]", ERR_INVALID, "manifest.json: /0/Config: missing");
}
