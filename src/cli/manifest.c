/* SPDX-License-Identifier: Apache-2.0 */
/* manifest create, add, annotate, inspect, remove, rm, push: lists of images for several platforms. */
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/json_indent.h"
#include "cli/progress.h"
#include "cli/registry_options.h"
#include "engine/engine.h"
#include "image/image.h"
#include "image/push.h"
#include "image/remote_image.h"

/* What a command that changed a list prints: its digest. */
static int digest_say(struct images *images, const char *name, struct err *err)
{
    auto_done(image_rows) rows = {};
    auto_free char *normal = NULL;
    if (image_normal(name, &normal, err) < 0 || images_list(images, &rows, err) < 0)
        return -1;
    for (size_t i = 0; i < rows.len; i++)
        if (text_same(rows.at[i].name, normal))
            return say_line(rows.at[i].digest, err);
    return 0;
}

/* ---- what is said of a member ---- */

struct member_args {
    bool all;
    const char *os;
    const char *architecture;
    const char *variant;
    const char *os_version;
    struct strings os_features;
    struct strings annotations;
};

/* clang-format off */
static const struct option member_table[] = {
    OPTION_LIST(member_args, annotations, 0, "annotation", "KEY=VALUE", "Note something with it"),
    OPTION_TEXT(member_args, architecture, 0, "arch", "ARCH", "Instead of the architecture it says it is for"),
    OPTION_TEXT(member_args, os, 0, "os", "OS", "Instead of its operating system"),
    OPTION_LIST(member_args, os_features, 0, "os-features", "FEATURE", "What it needs of that"),
    OPTION_TEXT(member_args, os_version, 0, "os-version", "VERSION", "Instead of the version of that"),
    OPTION_TEXT(member_args, variant, 0, "variant", "VARIANT", "Instead of the variant of its architecture"),
    OPTION_END,
};
static const struct option all_table[] = {
    OPTION_BOOL(member_args, all, 0, "all", "Of a list, add all images that are here, and not this machine's only"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const add_options[] = { all_table, member_table, NULL };
static const struct option *const annotate_options[] = { member_table, NULL };

static struct image_list_change change_of(const struct member_args *args)
{
    return (struct image_list_change){
        .flags = args->all ? IMAGE_LIST_ALL : 0,
        .os = args->os,
        .architecture = args->architecture,
        .variant = args->variant,
        .os_version = args->os_version,
        .os_features = &args->os_features,
        .annotations = &args->annotations,
    };
}

/* ---- create ---- */

struct create_args {
    bool all;
    bool amend;
};

/* clang-format off */
static const struct option create_table[] = {
    OPTION_BOOL(create_args, all, 0, "all", "Of a list, add all images that are here, and not this machine's only"),
    OPTION_BOOL(create_args, amend, 'a', "amend", "Add to the list if there is one"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const create_options[] = { create_table, NULL };

static int create_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct create_args *args = args_;
    struct images *images;
    const struct image_list_change change = {
        .flags = (args->all ? IMAGE_LIST_ALL : 0) | (args->amend ? IMAGE_LIST_AMEND : 0),
    };
    if (cli_images(context, NULL, &images, err) < 0 ||
        image_list_create(images, operands[0], operands + 1, &change, err) < 0)
        return -1;
    return digest_say(images, operands[0], err);
}

static const char *const create_examples[] = {
    "ruche manifest create app:1.0 app:1.0-amd64 app:1.0-arm64",
    "One name for the images of two architectures",
    "ruche manifest create --amend app:1.0 app:1.0-riscv64",
    "A third one",
    NULL,
};

const struct command manifest_create_command = {
    .name = "manifest create",
    .args = "[OPTIONS] LIST [IMAGE...]",
    .summary = "Make a list of images for several platforms",
    .text = "The images must be on this machine. Prints the list's digest. A name that means a "
            "list means the image for the machine at hand.",
    .examples = create_examples,
    .options = create_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_IMAGES,
    .least = 1,
    .most = -1,
    .args_size = sizeof(struct create_args),
    .run = create_run,
};

/* ---- add, annotate ---- */

static int add_run(void *context, void *args, char **operands, struct err *err)
{
    struct images *images;
    const struct image_list_change change = change_of(args);
    if (cli_images(context, NULL, &images, err) < 0 ||
        image_list_add(images, operands[0], operands[1], &change, err) < 0)
        return -1;
    return digest_say(images, operands[0], err);
}

static const char *const add_examples[] = {
    "ruche manifest add app:1.0 app:1.0-arm --arch arm --variant v6",
    "An image that does not say for which processor it is",
    NULL,
};

const struct command manifest_add_command = {
    .name = "manifest add",
    .args = "[OPTIONS] LIST IMAGE",
    .summary = "Add an image to a list",
    .text = "One that is in the list already is taken anew. Prints the list's digest.",
    .examples = add_examples,
    .options = add_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_IMAGES,
    .least = 2,
    .most = 2,
    .args_size = sizeof(struct member_args),
    .run = add_run,
};

static int annotate_run(void *context, void *args, char **operands, struct err *err)
{
    struct images *images;
    const struct image_list_change change = change_of(args);
    if (cli_images(context, NULL, &images, err) < 0 ||
        image_list_annotate(images, operands[0], operands[1], &change, err) < 0)
        return -1;
    return digest_say(images, operands[0], err);
}

static const char *const annotate_examples[] = {
    "ruche manifest annotate app:1.0 app:1.0-arm --variant v6",
    "Say of an image which processor it needs",
    NULL,
};

const struct command manifest_annotate_command = {
    .name = "manifest annotate",
    .args = "[OPTIONS] LIST IMAGE|DIGEST",
    .summary = "Change what a list says of an image",
    .text = "An empty value takes away what is said. Prints the list's digest.",
    .examples = annotate_examples,
    .options = annotate_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_IMAGES,
    .least = 2,
    .most = 2,
    .args_size = sizeof(struct member_args),
    .run = annotate_run,
};

/* ---- inspect ---- */

struct inspect_args {
    struct registry_args registry;
};

/* clang-format off */
static const struct option inspect_table[] = {
    REGISTRY_OPTIONS(inspect_args, registry),
    OPTION_END,
};
/* clang-format on */
static const struct option *const inspect_options[] = { inspect_table, NULL };

static int remote_document(struct images *images, struct registry_args *args, const char *name,
                           struct str *text, struct err *err)
{
    struct registry_options options;
    if (registry_args_read(args, &options, err) < 0)
        return -1;
    int result = image_remote_manifest(images, name, &options, &text->at, &text->len, err);
    registry_args_done(args);
    return result < 0 ? err_wrap(err, "%s is not here", name) : 0;
}

static int inspect_run(void *context, void *args_, char **operands, struct err *err)
{
    struct inspect_args *args = args_;
    struct images *images;
    auto_done(str) document = {};
    auto_done(str) out = {};
    if (cli_images(context, NULL, &images, err) < 0)
        return -1;
    int result = image_document(images, operands[0], &document, err);
    if (result < 0 && err->kind == ERR_NOT_FOUND)
        result = remote_document(images, &args->registry, operands[0], &document, err);
    if (result < 0)
        return -1;
    json_indent(str_text(&document), 0, &out);
    str_add_char(&out, '\n');
    return say(&out, err);
}

static const char *const inspect_examples[] = {
    "ruche manifest inspect app:1.0",
    "The list, as a registry would get it",
    "ruche manifest inspect registry.example/app:1.0",
    "One that is in a registry only",
    NULL,
};

const struct command manifest_inspect_command = {
    .name = "manifest inspect",
    .args = "[OPTIONS] LIST|IMAGE",
    .summary = "Show a list, or an image's manifest",
    .text = "Prints the document that is stored here, or in the registry if there is none here, "
            "laid out for reading.",
    .examples = inspect_examples,
    .options = inspect_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_IMAGES,
    .least = 1,
    .most = 1,
    .args_size = sizeof(struct inspect_args),
    .run = inspect_run,
};

/* ---- remove, rm ---- */

struct no_args {
    char unused;
};

static int remove_run(void *context, void *args, char **operands, struct err *err)
{
    struct images *images;
    (void)args;
    if (cli_images(context, NULL, &images, err) < 0)
        return -1;
    for (char **member = operands + 1; *member; member++)
        if (image_list_remove(images, operands[0], *member, err) < 0)
            return -1;
    return digest_say(images, operands[0], err);
}

static const char *const remove_examples[] = {
    "ruche manifest remove app:1.0 app:1.0-arm",
    "Take one image out of a list",
    NULL,
};

const struct command manifest_remove_command = {
    .name = "manifest remove",
    .args = "LIST IMAGE|DIGEST [IMAGE|DIGEST...]",
    .summary = "Take images out of a list",
    .text = "The images themselves stay, if they have names. Prints the list's digest.",
    .examples = remove_examples,
    .operands = OPERANDS_IMAGES,
    .least = 2,
    .most = -1,
    .args_size = sizeof(struct no_args),
    .run = remove_run,
};

static int rm_work(struct cli *cli, const void *args, const char *operand, struct err *err)
{
    struct engine *engine;
    struct images *images;
    auto_done(image_removed) removed = {};
    auto_done(str) out = {};
    (void)args;
    if (cli_images(cli, &engine, &images, err) < 0 ||
        image_list_delete(images, operand, engine_image_users, engine, &removed, err) < 0)
        return -1;
    for (size_t i = 0; i < removed.untagged.len; i++) {
        auto_free char *name = image_familiar(removed.untagged.at[i]);
        str_addf(&out, "Untagged: %s\n", name);
    }
    for (size_t i = 0; i < removed.deleted.len; i++)
        str_addf(&out, "Deleted: %s\n", removed.deleted.at[i]);
    return say(&out, err);
}

static int rm_run(void *context, void *args, char **operands, struct err *err)
{
    (void)err;
    return operands_each(context, args, operands, rm_work, 0);
}

static const char *const rm_examples[] = {
    "ruche manifest rm app:1.0",
    "Remove a list",
    NULL,
};

const struct command manifest_rm_command = {
    .name = "manifest rm",
    .args = "LIST [LIST...]",
    .summary = "Remove lists",
    .text = "Images of a list that have names of their own stay.",
    .examples = rm_examples,
    .operands = OPERANDS_IMAGES,
    .least = 1,
    .most = -1,
    .args_size = sizeof(struct no_args),
    .run = rm_run,
};

/* ---- push ---- */

struct push_args {
    struct registry_args registry;
    bool purge;
    bool quiet;
};

/* clang-format off */
static const struct option push_table[] = {
    OPTION_BOOL(push_args, purge, 'p', "purge", "Remove the list here when it is there"),
    OPTION_BOOL(push_args, quiet, 'q', "quiet", "Show no progress"),
    REGISTRY_OPTIONS(push_args, registry),
    OPTION_END,
};
/* clang-format on */
static const struct option *const push_options[] = { push_table, NULL };

static int push_work(struct cli *cli, struct push_args *args, char **operands, struct err *err)
{
    struct engine *engine;
    struct images *images;
    struct registry_options registry;
    auto_done(image_pushed) pushed = {};
    auto_done(image_removed) removed = {};
    auto_done(progress) progress = {};
    if (cli_images(cli, &engine, &images, err) < 0 ||
        registry_args_read(&args->registry, &registry, err) < 0)
        return -1;
    const struct image_push_options options = {
        .registry = &registry,
        .destination = operands[1],
    };
    progress_init(&progress, args->quiet);
    struct image_watch watch = progress_watch(&progress);
    int result = image_push(images, operands[0], &options, &watch, &pushed, err);
    progress_clear(&progress);
    if (result < 0)
        return -1;
    if (args->purge &&
        image_list_delete(images, operands[0], engine_image_users, engine, &removed, err) < 0)
        return -1;
    return say_line(pushed.digest, err);
}

static int push_run(void *context, void *args_, char **operands, struct err *err)
{
    struct push_args *args = args_;
    int result = push_work(context, args, operands, err);
    registry_args_done(&args->registry);
    return result;
}

static const char *const push_examples[] = {
    "ruche manifest push registry.example.org/app:1.0",
    "A list and its images to the registry that its name says",
    "ruche manifest push app:1.0 registry.example.org/app:1.0",
    "Under another name",
    NULL,
};

const struct command manifest_push_command = {
    .name = "manifest push",
    .args = "[OPTIONS] LIST [DESTINATION]",
    .summary = "Push a list with its images to a registry",
    .text = "Prints the list's digest there.",
    .examples = push_examples,
    .options = push_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_IMAGES,
    .least = 1,
    .most = 2,
    .args_size = sizeof(struct push_args),
    .run = push_run,
};
