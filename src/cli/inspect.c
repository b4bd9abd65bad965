/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/field.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/json_indent.h"
#include "engine/engine.h"
#include "image/image.h"
#include "oci/image.h"

struct inspect_args {
    const char *type;
};

static const char *const inspect_types[] = { "container", "image", NULL };

/* clang-format off */
static const struct option inspect_table[] = {
    OPTION_CHOICE(inspect_args, type, 0, "type", "TYPE", inspect_types, "Look for nothing else"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const inspect_options[] = { inspect_table, NULL };

/* ---- images: docker's keys ---- */

struct inspect_rootfs {
    char *type;
    struct strings layers;
};

struct inspect_image {
    char *id;
    struct strings repo_tags;
    struct strings repo_digests;
    char *comment;
    char *created;
    char *author;
    struct oci_image_config config;
    char *architecture;
    char *variant;
    char *os;
    char *os_version;
    uint64_t size;
    struct inspect_rootfs rootfs;
};

/* clang-format off */
static const struct field inspect_rootfs_fields[] = {
    FIELD_TEXT(inspect_rootfs, type, "Type", F_ALWAYS),
    FIELD_LIST(inspect_rootfs, layers, "Layers", F_ALWAYS),
    FIELD_END,
};

static const struct field inspect_image_fields[] = {
    FIELD_TEXT(inspect_image, id, "Id", F_ALWAYS),
    FIELD_LIST(inspect_image, repo_tags, "RepoTags", F_ALWAYS),
    FIELD_LIST(inspect_image, repo_digests, "RepoDigests", F_ALWAYS),
    FIELD_TEXT(inspect_image, comment, "Comment", 0),
    FIELD_TEXT(inspect_image, created, "Created", F_ALWAYS),
    FIELD_TEXT(inspect_image, author, "Author", 0),
    FIELD_OBJECT(inspect_image, config, "Config", F_ALWAYS, oci_image_config, oci_image_config_fields),
    FIELD_TEXT(inspect_image, architecture, "Architecture", F_ALWAYS),
    FIELD_TEXT(inspect_image, variant, "Variant", 0),
    FIELD_TEXT(inspect_image, os, "Os", F_ALWAYS),
    FIELD_TEXT(inspect_image, os_version, "OsVersion", 0),
    FIELD_U64(inspect_image, size, "Size", F_ALWAYS),
    FIELD_OBJECT(inspect_image, rootfs, "RootFS", F_ALWAYS, inspect_rootfs, inspect_rootfs_fields),
    FIELD_END,
};
/* clang-format on */

/* "busybox:latest" → tag, "busybox@sha256:…" → digest of the manifest. */
static void names_add(const struct image *image, struct inspect_image *to)
{
    for (size_t i = 0; i < image->names.len; i++) {
        auto_free char *name = image_familiar(image->names.at[i]);
        char *at = strchr(name, '@');
        if (!at)
            strings_add(&to->repo_tags, name);
        char *colon = strrchr(name, ':');
        if (at)
            *at = '\0';
        else if (colon && !strchr(colon, '/'))
            *colon = '\0';
        auto_free char *digest = xasprintf("%s@%s", name, image->digest);
        if (!strings_have(&to->repo_digests, digest))
            strings_add(&to->repo_digests, digest);
    }
}

static void image_inspect(const struct image *image, struct str *out)
{
    const struct oci_image *oci = &image->oci;
    /* Only looked at: what it points to stays the image's, but for the two lists. */
    struct inspect_image view = {
        .id = image->id,
        .comment = oci->comment,
        .created = oci->created,
        .author = oci->author,
        .config = oci->config,
        .architecture = oci->architecture,
        .variant = oci->variant,
        .os = oci->os,
        .os_version = oci->os_version,
        .size = image->size_bytes,
        .rootfs = { .type = oci->rootfs.type, .layers = oci->rootfs.diff_ids },
    };
    names_add(image, &view);
    field_write(inspect_image_fields, &view, 0, out);
    strings_done(&view.repo_tags);
    strings_done(&view.repo_digests);
}

/* ---- one object after the other ---- */

/* Returns 1, or 0 if there is no such container. */
static int container_object(struct engine *engine, const char *name, struct str *object,
                            struct err *err)
{
    auto_drop(container) *container = NULL;
    if (container_find(engine, name, &container, err) < 0)
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    container_inspect(engine, container, object);
    return 1;
}

static int image_object(struct engine *engine, const char *name, struct str *object,
                        struct err *err)
{
    auto_drop(image) *image = NULL;
    struct images *images;
    if (engine_images(engine, &images, err) < 0)
        return -1;
    int found = image_find(images, name, &image, err);
    if (found > 0)
        image_inspect(image, object);
    return found;
}

static int object_find(struct cli *cli, const struct inspect_args *args, const char *name,
                       struct str *object, struct err *err)
{
    struct engine *engine;
    int found = 0;
    if (cli_engine(cli, &engine, err) < 0)
        return -1;
    if (!text_same(args->type, "image"))
        found = container_object(engine, name, object, err);
    if (found == 0 && !text_same(args->type, "container"))
        found = image_object(engine, name, object, err);
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "no such %s: %s", args->type ? args->type : "object",
                       name);
    return found < 0 ? -1 : 0;
}

static int inspect_run(void *context, void *args, char **operands, struct err *err)
{
    auto_done(str) out = {};
    size_t n = 0;
    int exit_status = 0;
    for (char **name = operands; *name; name++) {
        auto_done(str) object = {};
        struct err why = {};
        if (object_find(context, args, *name, &object, &why) < 0) {
            complain(why.text);
            exit_status = 1;
            continue;
        }
        str_add(&out, n++ > 0 ? ",\n    " : "[\n    ");
        json_indent(str_text(&object), 1, &out);
    }
    str_add(&out, n > 0 ? "\n]\n" : "[]\n");
    if (say(&out, err) < 0)
        return -1;
    return exit_status;
}

static const char *const inspect_examples[] = {
    "ruche inspect web",
    "All there is to know about a container",
    "ruche inspect --type image busybox",
    "About an image, even if a container has that name",
    "ruche inspect web | jq -r '.[0].State.Pid'",
    "One value of it",
    NULL,
};

const struct command inspect_command = {
    .name = "inspect",
    .args = "[OPTIONS] NAME [NAME...]",
    .summary = "Show all about containers and images, as JSON",
    .text = "Prints an array with one object for each name or id, in docker's form. A container "
            "goes before an image of the same name.",
    .examples = inspect_examples,
    .options = inspect_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_CONTAINERS,
    .least = 1,
    .most = -1,
    .args_size = sizeof(struct inspect_args),
    .run = inspect_run,
};
