/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/field.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/json_indent.h"
#include "cli/registry_options.h"
#include "engine/engine.h"
#include "image/image.h"
#include "image/remote_image.h"
#include "oci/image.h"

struct inspect_args {
    const char *type; /* NULL: any */
    const char *format;
    bool size;
    bool remote;
    bool raw;
    const char *platform;
    struct registry_args registry;
    const struct registry_options *registry_options; /* with `remote`, what they say */
};

static const char *const inspect_types[] = { "container", "image", NULL };

#define INSPECT_FORMAT_HELP "How to print: json, or a Go template such as '{{.Id}}'"

/* clang-format off */
static const struct option format_table[] = {
    OPTION_TEXT(inspect_args, format, 'f', "format", "FORMAT", INSPECT_FORMAT_HELP),
    OPTION_END,
};

static const struct option size_table[] = {
    OPTION_BOOL(inspect_args, size, 's', "size",
        "Of containers, add SizeRw and SizeRootFs: bytes of their own files, and with the image's"),
    OPTION_END,
};

static const struct option type_table[] = {
    OPTION_CHOICE(inspect_args, type, 0, "type", "TYPE", inspect_types, "Look for nothing else"),
    OPTION_END,
};

static const struct option remote_table[] = {
    OPTION_TEXT(inspect_args, platform, 0, "platform", "OS/ARCH[/VARIANT]",
        "Of a list in a registry, the image for this platform; this machine's by default"),
    OPTION_BOOL(inspect_args, raw, 0, "raw", "With --remote, print the manifest or index as it is"),
    OPTION_BOOL(inspect_args, remote, 0, "remote", "Look in the registry, and bring nothing"),
    REGISTRY_OPTIONS(inspect_args, registry),
    OPTION_END,
};
/* clang-format on */
static const struct option *const inspect_options[] = { format_table, size_table, type_table,
                                                        NULL };
static const struct option *const container_options[] = { format_table, size_table, NULL };
static const struct option *const image_options[] = { format_table, remote_table, NULL };

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

/* What is null there if it is empty: scripts ask for it by {{json .Config.Labels}}. */
static const struct field inspect_config_fields[] = {
    FIELD_TEXT(oci_image_config, user, "User", 0),
    FIELD_SET(oci_image_config, exposed_ports, "ExposedPorts", 0),
    FIELD_LIST(oci_image_config, env, "Env", F_NULL),
    FIELD_LIST(oci_image_config, cmd, "Cmd", F_NULL),
    FIELD_POINTER(oci_image_config, healthcheck, "Healthcheck", 0, oci_healthcheck, oci_healthcheck_fields),
    FIELD_BOOL(oci_image_config, args_escaped, "ArgsEscaped", 0),
    FIELD_SET(oci_image_config, volumes, "Volumes", F_NULL),
    FIELD_TEXT(oci_image_config, working_dir, "WorkingDir", 0),
    FIELD_LIST(oci_image_config, entrypoint, "Entrypoint", F_NULL),
    FIELD_LIST(oci_image_config, on_build, "OnBuild", F_NULL),
    FIELD_PAIRS(oci_image_config, labels, "Labels", F_NULL),
    FIELD_TEXT(oci_image_config, stop_signal, "StopSignal", 0),
    FIELD_MAYBE_I64(oci_image_config, stop_timeout, "StopTimeout", 0),
    FIELD_LIST(oci_image_config, shell, "Shell", 0),
    FIELD_END,
};

static const struct field inspect_image_fields[] = {
    FIELD_TEXT(inspect_image, id, "Id", F_ALWAYS),
    FIELD_LIST(inspect_image, repo_tags, "RepoTags", F_ALWAYS),
    FIELD_LIST(inspect_image, repo_digests, "RepoDigests", F_ALWAYS),
    FIELD_TEXT(inspect_image, comment, "Comment", 0),
    FIELD_TEXT(inspect_image, created, "Created", F_ALWAYS),
    FIELD_TEXT(inspect_image, author, "Author", 0),
    FIELD_OBJECT(inspect_image, config, "Config", F_ALWAYS, oci_image_config, inspect_config_fields),
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

/* Only looked at: what it points to stays the image's, but for the two lists of names. */
static struct inspect_image image_view(const struct image *image)
{
    const struct oci_image *oci = &image->oci;
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
    return view;
}

static void image_view_done(struct inspect_image *view)
{
    strings_done(&view->repo_tags);
    strings_done(&view->repo_digests);
}

/* ---- one object after the other ---- */

/* What is printed of an object: its JSON, or a template's idea of it. */
struct inspection {
    const struct inspect_args *args;
    struct str json; /* of all objects so far, without the brackets */
    size_t n;
};

static void inspection_done(struct inspection *inspection)
{
    str_done(&inspection->json);
}

static bool wants_template(const struct inspect_args *args)
{
    return args->format && args->format[0] && strcmp(args->format, "json") != 0;
}

/* "json" is an array on one line, no format the same indented. */
static void json_add(struct inspection *inspection, const char *object)
{
    struct str *json = &inspection->json;
    bool indented = !inspection->args->format || !inspection->args->format[0];
    if (inspection->n++ > 0)
        str_add(json, indented ? ",\n    " : ",");
    if (indented)
        json_indent(object, 1, json);
    else
        str_add(json, object);
}

static int object_value_print(struct inspection *inspection, const struct value *value,
                              struct err *err)
{
    auto_done(str) object = {};
    if (wants_template(inspection->args))
        return format_value(inspection->args->format, value, err);
    value_json(value, &object);
    json_add(inspection, str_text(&object));
    return 0;
}

/* Returns 1, or 0 if there is no such container. */
static int container_object(struct inspection *inspection, struct engine *engine, const char *name,
                            struct err *err)
{
    auto_drop(container) *container = NULL;
    auto_done(str) object = {};
    auto_done(pool) pool = {};
    struct container_sizes sizes;
    struct value value;
    if (container_find(engine, name, &container, err) < 0)
        return err->kind == ERR_NOT_FOUND ? 0 : -1;
    bool measured = inspection->args->size && container->config.version > 0;
    if (measured && container_measure(engine, &container->config, &sizes, err) < 0)
        return -1;
    const struct container_sizes *shown = measured ? &sizes : NULL;
    if (inspection->args->format && inspection->args->format[0]) {
        container_inspect_value(engine, container, shown, &pool, &value);
        return object_value_print(inspection, &value, err) < 0 ? -1 : 1;
    }
    container_inspect(engine, container, shown, &object);
    json_add(inspection, str_text(&object));
    return 1;
}

static int image_object(struct inspection *inspection, struct engine *engine, const char *name,
                        struct err *err)
{
    auto_drop(image) *image = NULL;
    auto_done(str) object = {};
    auto_done(pool) pool = {};
    struct images *images;
    int result = 1;
    if (engine_images(engine, &images, err) < 0)
        return -1;
    int found = image_find(images, name, &image, err);
    if (found <= 0)
        return found;
    struct inspect_image view = image_view(image);
    if (wants_template(inspection->args)) {
        const struct value value = value_of_fields(inspect_image_fields, &view, &pool);
        result = object_value_print(inspection, &value, err) < 0 ? -1 : 1;
    } else {
        field_write(inspect_image_fields, &view, 0, &object);
        json_add(inspection, str_text(&object));
    }
    image_view_done(&view);
    return result;
}

static int raw_print(struct images *images, const struct inspect_args *args, const char *name,
                     struct err *err)
{
    struct str text = {};
    if (image_remote_manifest(images, name, args->registry_options, &text.at, &text.len, err) < 0)
        return -1;
    int result = say(&text, err);
    free(text.at);
    return result;
}

static int remote_object(struct inspection *inspection, struct engine *engine, const char *name,
                         struct err *err)
{
    const struct inspect_args *args = inspection->args;
    auto_done(remote_image) image = {};
    auto_done(pool) pool = {};
    struct images *images;
    if (engine_images(engine, &images, err) < 0)
        return -1;
    if (args->raw)
        return raw_print(images, args, name, err);
    if (image_remote_inspect(images, name, args->registry_options, args->platform, &image, err) < 0)
        return -1;
    const struct value value = value_of_fields(remote_image_fields, &image, &pool);
    return object_value_print(inspection, &value, err);
}

static int object_inspect(struct inspection *inspection, struct cli *cli, const char *name,
                          struct err *err)
{
    const char *type = inspection->args->type;
    struct engine *engine;
    struct images *images;
    int found = 0;
    if (cli_engine(cli, &engine, err) < 0)
        return -1;
    if (inspection->args->remote)
        return remote_object(inspection, engine, name, err);
    if (!text_same(type, "image"))
        found = container_object(inspection, engine, name, err);
    if (found == 0 && !text_same(type, "container"))
        found = image_object(inspection, engine, name, err);
    if (found == 0 && text_same(type, "image"))
        return engine_images(engine, &images, err) < 0 ? -1 : image_absent(images, name, NULL, err);
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "no such %s: %s", type ? type : "object", name);
    return found < 0 ? -1 : 0;
}

static int json_say(const struct inspection *inspection, struct err *err)
{
    auto_done(str) out = {};
    bool indented = !inspection->args->format || !inspection->args->format[0];
    const char *json = str_text(&inspection->json);
    if (inspection->n == 0 || !indented)
        str_addf(&out, "[%s]\n", json);
    else
        str_addf(&out, "[\n    %s\n]\n", json);
    return say(&out, err);
}

static int inspect_objects(struct cli *cli, const struct inspect_args *args, char *const *names,
                           struct err *err)
{
    auto_done(inspection) inspection = { .args = args };
    int exit_status = 0;
    if (wants_template(args) && format_check(args->format, err) < 0)
        return -1;
    for (; *names; names++) {
        struct err why = {};
        if (object_inspect(&inspection, cli, *names, &why) == 0)
            continue;
        complain(why.text);
        exit_status = 1;
    }
    if (!wants_template(args) && !args->raw && json_say(&inspection, err) < 0)
        return -1;
    return exit_status;
}

static int inspect_run(void *context, void *args, char **operands, struct err *err)
{
    return inspect_objects(context, args, operands, err);
}

static int container_inspect_run(void *context, void *args_, char **operands, struct err *err)
{
    struct inspect_args *args = args_;
    args->type = "container";
    return inspect_objects(context, args, operands, err);
}

static int image_inspect_run(void *context, void *args_, char **operands, struct err *err)
{
    struct inspect_args *args = args_;
    struct registry_options registry;
    args->type = "image";
    if ((args->raw || args->platform) && !args->remote)
        return err_set(err, ERR_USAGE, "--raw and --platform go with --remote");
    if (!args->remote)
        return inspect_objects(context, args, operands, err);
    if (registry_args_read(&args->registry, &registry, err) < 0)
        return -1;
    args->registry_options = &registry;
    int result = inspect_objects(context, args, operands, err);
    registry_args_done(&args->registry);
    return result;
}

static const char *const inspect_examples[] = {
    "ruche inspect web",
    "All there is to know about a container",
    "ruche inspect --type image busybox",
    "About an image, even if a container has that name",
    "ruche inspect -f '{{.State.Pid}}' web",
    "One value of it",
    "ruche inspect -f '{{range .Config.Env}}{{println .}}{{end}}' web",
    "A list, one a line",
    "ruche inspect -f '{{json .HostConfig}}' web",
    "A part as JSON",
    "ruche inspect -s -f '{{.Name}} {{.SizeRw}}' web",
    "How many bytes a container's own files take",
    NULL,
};

static const char inspect_text[] =
    "Prints an array with one object for each name or id, in docker's form. A container goes "
    "before "
    "an image of the same name.\n\n"
    "With --format each object is printed by a Go template, in which members are named as they are "
    "in "
    "the JSON: {{.State.Running}}, {{index .Config.Labels \"a.b\"}}.";

const struct command inspect_command = {
    .name = "inspect",
    .args = "[OPTIONS] NAME [NAME...]",
    .summary = "Show all about containers and images, as JSON",
    .text = inspect_text,
    .examples = inspect_examples,
    .options = inspect_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_CONTAINERS,
    .least = 1,
    .most = -1,
    .args_size = sizeof(struct inspect_args),
    .run = inspect_run,
};

static const char *const container_inspect_examples[] = {
    "ruche container inspect web",
    "All there is to know about a container",
    NULL,
};

const struct command container_inspect_command = {
    .name = "container inspect",
    .args = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Show all about containers, as JSON",
    .text = inspect_text,
    .examples = container_inspect_examples,
    .options = container_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_CONTAINERS,
    .least = 1,
    .most = -1,
    .args_size = sizeof(struct inspect_args),
    .run = container_inspect_run,
};

static const char *const image_inspect_examples[] = {
    "ruche image inspect busybox",
    "All there is to know about an image",
    "ruche image inspect -f '{{join .RootFS.Layers \"\\n\"}}' busybox",
    "Its layers",
    "ruche image inspect --remote debian:12",
    "What an image in a registry is: platforms, configuration, sizes, tags",
    NULL,
};

const struct command image_inspect_command = {
    .name = "image inspect",
    .args = "[OPTIONS] IMAGE [IMAGE...]",
    .summary = "Show all about images, as JSON",
    .text = inspect_text,
    .examples = image_inspect_examples,
    .options = image_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_IMAGES,
    .least = 1,
    .most = -1,
    .args_size = sizeof(struct inspect_args),
    .run = image_inspect_run,
};
