/* SPDX-License-Identifier: Apache-2.0 */
/* images, image ls, rmi, tag. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/number.h"
#include "cli/ago.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "engine/engine.h"
#include "image/image.h"

enum {
    ID_SHORT = 12,
    SIZE_TEXT = 16,
};

static int images_get(struct cli *cli, struct engine **ret_engine, struct images **ret_images,
                      struct err *err)
{
    if (cli_engine(cli, ret_engine, err) < 0)
        return -1;
    return engine_images(*ret_engine, ret_images, err);
}

/* ---- images ---- */

struct images_args {
    bool digests;
    bool no_trunc;
    bool quiet;
};

/* clang-format off */
static const struct option images_table[] = {
    OPTION_BOOL(images_args, digests, 0, "digests", "Show the digests of manifests"),
    OPTION_BOOL(images_args, no_trunc, 0, "no-trunc", "Do not shorten ids"),
    OPTION_BOOL(images_args, quiet, 'q', "quiet", "Show ids only"),
    OPTION_END,
};

static const struct column plain_columns[] = {
    { "REPOSITORY", 12 }, { "TAG", 8 }, { "IMAGE ID", 0 }, { "CREATED", 0 }, { "SIZE", 0 },
};
static const struct column digest_columns[] = {
    { "REPOSITORY", 12 }, { "TAG", 8 }, { "DIGEST", 12 }, { "IMAGE ID", 0 }, { "CREATED", 0 }, { "SIZE", 0 },
};
/* clang-format on */
static const struct option *const images_options[] = { images_table, NULL };

/* A name in short form, taken apart: "host:5000/a:tag" → "host:5000/a", "tag". What is not there is
 * "<none>". */
struct name_parts {
    char *repository;
    char *tag;
};

static void name_parts_done(struct name_parts *parts)
{
    free(parts->repository);
    free(parts->tag);
}

static void name_parts_init(struct name_parts *parts, const char *name)
{
    auto_free char *familiar = name ? image_familiar(name) : xstrdup("<none>");
    char *at = strchr(familiar, '@');
    if (at)
        *at = '\0';
    char *colon = strrchr(familiar, ':');
    bool tagged = colon && !strchr(colon, '/');
    if (tagged)
        *colon = '\0';
    parts->tag = xstrdup(tagged ? colon + 1 : "<none>");
    parts->repository = take_ptr(familiar);
}

/* What `images NAME` asks for: a repository, with any tag or one; or a pattern (fnmatch(3)) for
 * either. */
struct filter {
    const char *pattern; /* NULL: see name */
    char *name;          /* normal form in short, "" if all are wanted */
    bool tagged;
};

static int filter_init(struct filter *filter, const char *operand, struct err *err)
{
    *filter = (struct filter){};
    if (!operand)
        return 0;
    if (strpbrk(operand, "*?[")) {
        filter->pattern = operand;
        return 0;
    }
    auto_free char *normal = NULL;
    if (image_normal(operand, &normal, err) < 0)
        return -1;
    filter->name = image_familiar(normal);
    const char *colon = strrchr(operand, ':');
    filter->tagged = strchr(operand, '@') || (colon && !strchr(colon, '/'));
    return 0;
}

static void filter_done(struct filter *filter)
{
    free(filter->name);
}

static bool filter_passes(const struct filter *filter, const struct image_row *row)
{
    if (!filter->pattern && !filter->name)
        return true;
    if (!row->name)
        return false;
    auto_done(name_parts) parts = {};
    auto_free char *familiar = image_familiar(row->name);
    name_parts_init(&parts, row->name);
    if (filter->pattern)
        return fnmatch(filter->pattern, parts.repository, FNM_PATHNAME) == 0 ||
               fnmatch(filter->pattern, familiar, FNM_PATHNAME) == 0;
    if (filter->tagged)
        return strcmp(filter->name, familiar) == 0;
    auto_done(name_parts) wanted = {};
    name_parts_init(&wanted, filter->name);
    return strcmp(wanted.repository, parts.repository) == 0;
}

/* Newest first; RFC 3339 in UTC sorts as text does. */
static int row_compare(const void *a, const void *b)
{
    const struct image_row *left = a, *right = b;
    int order = strcmp(right->created ? right->created : "", left->created ? left->created : "");
    if (order == 0)
        order = strcmp(left->name ? left->name : "", right->name ? right->name : "");
    return order != 0 ? order : strcmp(left->id, right->id);
}

/* Owned by the caller. */
static char *id_shown(const struct images_args *args, const char *id)
{
    const char *colon = strchr(id, ':');
    if (args->no_trunc || !colon)
        return xstrdup(id);
    return xstrndup(colon + 1, strnlen(colon + 1, ID_SHORT));
}

static void row_add(const struct images_args *args, const struct image_row *row, int64_t now_s,
                    struct table *table)
{
    char size[SIZE_TEXT];
    auto_done(name_parts) parts = {};
    auto_done(str) created = {};
    auto_free char *id = id_shown(args, row->id);
    name_parts_init(&parts, row->name);
    ago_format(row->created, now_s, &created);

    table_add(table, parts.repository);
    table_add(table, parts.tag);
    if (args->digests)
        table_add(table, row->digest ? row->digest : "<none>");
    table_add(table, id);
    table_add(table, str_text(&created));
    table_add(table, size_format_decimal(row->size_bytes, size));
}

static int rows_print(const struct images_args *args, const struct filter *filter,
                      const struct image_rows *rows, struct err *err)
{
    int64_t now_s = time(NULL);
    auto_done(str) out = {};
    auto_done(table) table = { .columns = plain_columns, .n_columns = array_size(plain_columns) };
    if (args->digests) {
        table.columns = digest_columns;
        table.n_columns = array_size(digest_columns);
    }
    for (size_t i = 0; i < rows->len; i++) {
        if (!filter_passes(filter, &rows->at[i]))
            continue;
        if (!args->quiet) {
            row_add(args, &rows->at[i], now_s, &table);
            continue;
        }
        auto_free char *id = id_shown(args, rows->at[i].id);
        str_addf(&out, "%s\n", id);
    }
    if (!args->quiet && !args->no_trunc)
        return table_print(&table, err);
    if (!args->quiet)
        table_format(&table, 0, &out);
    return say(&out, err);
}

static int images_run(void *context, void *args, char **operands, struct err *err)
{
    struct engine *engine;
    struct images *images;
    auto_done(filter) filter = {};
    auto_done(image_rows) rows = {};
    if (filter_init(&filter, operands[0], err) < 0 ||
        images_get(context, &engine, &images, err) < 0 || images_list(images, &rows, err) < 0)
        return -1;
    if (rows.len > 1)
        qsort(rows.at, rows.len, sizeof(*rows.at), row_compare);
    return rows_print(args, &filter, &rows, err);
}

static const char images_text[] =
    "Lists the images on this machine, the newest first: all, those of a repository, one by its "
    "tag, or those that a pattern of *, ? and [] fits. The size is that of the unpacked layers.";

static const char *const images_examples[] = {
    "ruche images",
    "All images",
    "ruche images debian",
    "Those of one repository",
    "ruche images 'localhost:5000/*:1.*'",
    "Those that a pattern fits",
    "ruche images -q --no-trunc busybox:latest",
    "The id of an image",
    NULL,
};

const struct command images_command = {
    .name = "images",
    .args = "[OPTIONS] [REPOSITORY[:TAG]]",
    .summary = "List images",
    .text = images_text,
    .examples = images_examples,
    .options = images_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_IMAGES,
    .most = 1,
    .args_size = sizeof(struct images_args),
    .run = images_run,
};

static const char *const image_ls_examples[] = {
    "ruche image ls",
    "All images",
    NULL,
};

const struct command image_ls_command = {
    .name = "image ls",
    .args = "[OPTIONS] [REPOSITORY[:TAG]]",
    .summary = "List images (same as \"images\")",
    .text = images_text,
    .examples = image_ls_examples,
    .options = images_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_IMAGES,
    .most = 1,
    .args_size = sizeof(struct images_args),
    .run = images_run,
};

/* ---- rmi ---- */

struct rmi_args {
    bool force;
};

/* clang-format off */
static const struct option rmi_table[] = {
    OPTION_BOOL(rmi_args, force, 'f', "force",
        "Take all names of an id, also while containers use it; one that does not exist is no failure"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const rmi_options[] = { rmi_table, NULL };

static int removed_print(const struct image_removed *removed, struct err *err)
{
    auto_done(str) out = {};
    for (size_t i = 0; i < removed->untagged.len; i++) {
        auto_free char *name = image_familiar(removed->untagged.at[i]);
        str_add(&out, "Untagged: ");
        text_escape(&out, name, strlen(name));
        str_add_char(&out, '\n');
    }
    for (size_t i = 0; i < removed->deleted.len; i++)
        str_addf(&out, "Deleted: %s\n", removed->deleted.at[i]);
    return say(&out, err);
}

static int rmi_work(struct cli *cli, const void *args_, const char *operand, struct err *err)
{
    const struct rmi_args *args = args_;
    struct engine *engine;
    struct images *images;
    auto_done(image_removed) removed = {};
    enum image_remove_flags flags = args->force ? IMAGE_REMOVE_FORCE : 0;
    if (images_get(cli, &engine, &images, err) < 0 ||
        image_remove(images, operand, flags, engine_image_users, engine, &removed, err) < 0)
        return -1;
    return removed_print(&removed, err);
}

static int rmi_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct rmi_args *args = args_;
    (void)err;
    return operands_each(context, args, operands, rmi_work, args->force ? EACH_MISSING_IS_FINE : 0);
}

static const char *const rmi_examples[] = {
    "ruche rmi app:1.0",
    "Take a name from an image, and remove the image if it was the last one",
    "ruche rmi -f 4b825dc642cb",
    "Remove an image by its id, whatever its names",
    NULL,
};

const struct command rmi_command = {
    .name = "rmi",
    .args = "[OPTIONS] IMAGE [IMAGE...]",
    .summary = "Remove images",
    .text = "Takes names from images, and removes an image with its last name. One that containers "
            "use stays.",
    .examples = rmi_examples,
    .options = rmi_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_IMAGES,
    .least = 1,
    .most = -1,
    .args_size = sizeof(struct rmi_args),
    .run = rmi_run,
};

/* ---- tag ---- */

struct tag_args {
    char unused;
};

static int tag_run(void *context, void *args, char **operands, struct err *err)
{
    struct engine *engine;
    struct images *images;
    (void)args;
    if (images_get(context, &engine, &images, err) < 0)
        return -1;
    return image_tag(images, operands[0], operands[1], err);
}

static const char *const tag_examples[] = {
    "ruche tag app:1.0 app:latest",
    "Give an image one more name",
    "ruche tag app localhost:5000/team/app:1.0",
    "The name by which a registry would know it",
    NULL,
};

const struct command tag_command = {
    .name = "tag",
    .args = "IMAGE NEW_NAME",
    .summary = "Give an image one more name",
    .text = "Another image that has the new name loses it.",
    .examples = tag_examples,
    .operands = OPERANDS_IMAGES,
    .least = 2,
    .most = 2,
    .args_size = sizeof(struct tag_args),
    .run = tag_run,
};
