/* SPDX-License-Identifier: Apache-2.0 */
/* images, image ls: the rows of the store's index; what they do not have (labels, layers) is read
 * from an image only when a filter or a column asks for it. */
#include "cli/image_list.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/number.h"
#include "cli/ago.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/filter.h"
#include "cli/format.h"
#include "engine/timestamp.h"

enum { SIZE_TEXT = 16 };

struct images_args {
    bool all;
    bool digests;
    bool no_trunc;
    bool quiet;
    bool tree;
    const char *format;
    struct strings filters;
};

/* clang-format off */
static const struct option images_table[] = {
    OPTION_BOOL(images_args, all, 'a', "all",
        "Show all images, as is the default: none is hidden, for there are none in between"),
    OPTION_BOOL(images_args, digests, 0, "digests", "Show the digests of manifests"),
    OPTION_LIST(images_args, filters, 'f', "filter", "KEY=VALUE", "Show only those that fit"),
    OPTION_TEXT(images_args, format, 0, "format", "FORMAT", FORMAT_HELP),
    OPTION_BOOL(images_args, no_trunc, 0, "no-trunc", "Do not shorten ids"),
    OPTION_BOOL(images_args, quiet, 'q', "quiet", "Show ids only"),
    OPTION_BOOL(images_args, tree, 0, "tree", "Show the layers, and which images share them"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const images_options[] = { images_table, NULL };

struct listing {
    struct images *images;
    bool whole_ids;
    int64_t now_s;
    struct pairs times; /* names given to before and since, and their creation */
};

static void listing_done(struct listing *listing)
{
    pairs_done(&listing->times);
}

/* ---- names ---- */

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

static bool pattern_fits(const char *pattern, const char *name)
{
    auto_done(name_parts) parts = {};
    if (!name)
        return false;
    auto_free char *familiar = image_familiar(name);
    name_parts_init(&parts, name);
    return fnmatch(pattern, parts.repository, FNM_PATHNAME) == 0 ||
           fnmatch(pattern, familiar, FNM_PATHNAME) == 0;
}

/* What `images NAME` asks for: a repository, with any tag or one; or a pattern (fnmatch(3)) for
 * either. */
static int operand_fits(const char *operand, const char *name, struct err *err)
{
    auto_done(name_parts) wanted = {};
    auto_done(name_parts) parts = {};
    auto_free char *normal = NULL;
    if (strpbrk(operand, "*?["))
        return pattern_fits(operand, name);
    if (image_normal(operand, &normal, err) < 0)
        return -1;
    if (!name)
        return 0;
    const char *colon = strrchr(operand, ':');
    if (strchr(operand, '@') || (colon && !strchr(colon, '/')))
        return strcmp(normal, name) == 0;
    name_parts_init(&wanted, normal);
    name_parts_init(&parts, name);
    return strcmp(wanted.repository, parts.repository) == 0;
}

/* One of them is enough; none at all lets everything through. */
static int operands_fit(char *const *operands, const char *name, struct err *err)
{
    int fits = operands[0] == NULL;
    for (; *operands && fits == 0; operands++)
        fits = operand_fits(*operands, name, err);
    return fits;
}

/* ---- filters ---- */

static int dangling_check(const char *value, struct err *err)
{
    if (strcmp(value, "true") == 0 || strcmp(value, "1") == 0 || strcmp(value, "false") == 0 ||
        strcmp(value, "0") == 0)
        return 0;
    return err_set(err, ERR_USAGE, "\"%s\" is neither true nor false", value);
}

static int dangling_fits(const void *item, void *context, const char *value, struct err *err)
{
    const struct image_row *row = item;
    bool wanted = value[0] == 't' || value[0] == '1';
    (void)context;
    (void)err;
    return wanted == (row->name == NULL);
}

static int label_fits(const void *item, void *context, const char *value, struct err *err)
{
    const struct image_row *row = item;
    const struct listing *listing = context;
    auto_drop(image) *image = NULL;
    int found = image_find(listing->images, row->digest, &image, err);
    if (found <= 0)
        return found;
    return filter_label_fits(&image->oci.config.labels, value);
}

/* When another image was made; stays the listing's. */
static int time_find(struct listing *listing, const char *name, const char **ret_time,
                     struct err *err)
{
    auto_drop(image) *image = NULL;
    *ret_time = pairs_value(&listing->times, name);
    if (*ret_time)
        return 0;
    int found = image_find(listing->images, name, &image, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "no image %s here", name);
    pairs_put(&listing->times, name, image->oci.created ? image->oci.created : "");
    *ret_time = pairs_value(&listing->times, name);
    return 0;
}

static int before_fits(const void *item, void *context, const char *value, struct err *err)
{
    const struct image_row *row = item;
    const char *then;
    if (time_find(context, value, &then, err) < 0)
        return -1;
    return strcmp(row->created ? row->created : "", then) < 0;
}

static int since_fits(const void *item, void *context, const char *value, struct err *err)
{
    const struct image_row *row = item;
    const char *then;
    if (time_find(context, value, &then, err) < 0)
        return -1;
    return strcmp(row->created ? row->created : "", then) > 0;
}

static int until_check(const char *value, struct err *err)
{
    struct timespec then;
    return timestamp_parse_any(value, (struct timespec){ .tv_sec = INT32_MAX }, "a time", &then,
                               err);
}

static int until_fits(const void *item, void *context, const char *value, struct err *err)
{
    const struct image_row *row = item;
    const struct listing *listing = context;
    struct timespec then, made;
    if (timestamp_parse_any(value, (struct timespec){ .tv_sec = listing->now_s }, "a time", &then,
                            err) < 0)
        return -1;
    return row->created && timestamp_parse(row->created, &made) == 0 &&
           timestamp_compare(made, then) < 0;
}

static int reference_fits(const void *item, void *context, const char *value, struct err *err)
{
    const struct image_row *row = item;
    (void)context;
    (void)err;
    return pattern_fits(value, row->name);
}

/* clang-format off */
static const struct filter_key images_filters[] = {
    { "dangling", dangling_fits, dangling_check, false, NULL },
    { "label", label_fits, NULL, true, NULL },
    { "before", before_fits, NULL, true, NULL },
    { "since", since_fits, NULL, true, NULL },
    { "reference", reference_fits, NULL, false, NULL },
    { "until", until_fits, until_check, true, NULL },
    {},
};
/* clang-format on */

/* ---- columns ---- */

char *image_id_shown(const char *id, bool whole)
{
    const char *colon = strchr(id, ':');
    if (whole || !colon)
        return xstrdup(id);
    return xstrndup(colon + 1, strnlen(colon + 1, IMAGE_ID_SHORT));
}

static int id_add(const struct format_row *at, struct str *out, struct err *err)
{
    const struct image_row *row = at->item;
    const struct listing *listing = at->context;
    auto_free char *id = image_id_shown(row->id, listing->whole_ids);
    (void)err;
    str_add(out, id);
    return 0;
}

static int repository_add(const struct format_row *at, struct str *out, struct err *err)
{
    const struct image_row *row = at->item;
    auto_done(name_parts) parts = {};
    (void)err;
    name_parts_init(&parts, row->name);
    str_add(out, parts.repository);
    return 0;
}

static int tag_add(const struct format_row *at, struct str *out, struct err *err)
{
    const struct image_row *row = at->item;
    auto_done(name_parts) parts = {};
    (void)err;
    name_parts_init(&parts, row->name);
    str_add(out, parts.tag);
    return 0;
}

static int digest_add(const struct format_row *at, struct str *out, struct err *err)
{
    const struct image_row *row = at->item;
    (void)err;
    str_add(out, row->digest ? row->digest : "<none>");
    return 0;
}

static int created_since_add(const struct format_row *at, struct str *out, struct err *err)
{
    const struct image_row *row = at->item;
    const struct listing *listing = at->context;
    (void)err;
    ago_format(row->created, listing->now_s, out);
    return 0;
}

static int created_at_add(const struct format_row *at, struct str *out, struct err *err)
{
    const struct image_row *row = at->item;
    (void)err;
    date_format(row->created, out);
    return 0;
}

static int size_add(const struct format_row *at, struct str *out, struct err *err)
{
    const struct image_row *row = at->item;
    char size[SIZE_TEXT];
    (void)err;
    str_add(out, size_format_decimal(row->size_bytes, size));
    return 0;
}

/* docker counts these for `system df -v` alone, and so do we. */
static int uncounted_add(const struct format_row *at, struct str *out, struct err *err)
{
    (void)at;
    (void)err;
    str_add(out, "N/A");
    return 0;
}

/* clang-format off */
#define IMAGES_COLUMNS(X)                                                                    \
    X(ID, "IMAGE ID", id_add, 0, 0)                                                          \
    X(Repository, "REPOSITORY", repository_add, 12, 0)                                       \
    X(Tag, "TAG", tag_add, 8, 0)                                                             \
    X(Digest, "DIGEST", digest_add, 12, 0)                                                   \
    X(CreatedSince, "CREATED", created_since_add, 0, 0)                                      \
    X(CreatedAt, "CREATED AT", created_at_add, 0, 0)                                         \
    X(Size, "SIZE", size_add, 0, 0)                                                          \
    X(VirtualSize, "SIZE", size_add, 0, 0)                                                   \
    X(Containers, "CONTAINERS", uncounted_add, 0, 0)                                         \
    X(SharedSize, "SHARED SIZE", uncounted_add, 0, 0)                                        \
    X(UniqueSize, "UNIQUE SIZE", uncounted_add, 0, 0)

static const struct format_column images_columns[] = { IMAGES_COLUMNS(FORMAT_COLUMN) {} };
/* clang-format on */

static const char raw_plain[] = "repository: {{.Repository}}\ntag: {{.Tag}}\nimage_id: {{.ID}}\n"
                                "created_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n";
static const char raw_digests[] =
    "repository: {{.Repository}}\ntag: {{.Tag}}\ndigest: {{.Digest}}\nimage_id: {{.ID}}\n"
    "created_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n";

static int listing_print(const struct images_args *args, struct listing *listing,
                         const struct image_rows *rows, struct err *err)
{
    const struct format_list list = {
        .columns = images_columns,
        .table = args->digests ? "Repository Tag Digest ID CreatedSince Size"
                               : "Repository Tag ID CreatedSince Size",
        .quiet = "ID",
        .raw = args->digests ? raw_digests : raw_plain,
    };
    enum format_flags flags =
        (args->quiet ? FORMAT_QUIET : 0) | (args->no_trunc ? FORMAT_WHOLE : 0);
    return format_print(&list, args->format, flags, rows->at, rows->len, sizeof(*rows->at), listing,
                        err);
}

/* ---- the command ---- */

/* Newest first; RFC 3339 in UTC sorts as text does. */
static int row_compare(const void *a, const void *b)
{
    const struct image_row *left = a, *right = b;
    int order = strcmp(right->created ? right->created : "", left->created ? left->created : "");
    if (order == 0)
        order = strcmp(left->name ? left->name : "", right->name ? right->name : "");
    return order != 0 ? order : strcmp(left->id, right->id);
}

/* Moves the rows that are shown to the front, in their order. Gives how many. */
static int rows_choose(struct listing *listing, const struct filters *filters,
                       char *const *operands, struct image_rows *rows, size_t *ret_n,
                       struct err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < rows->len; i++) {
        int fits = operands_fit(operands, rows->at[i].name, err);
        if (fits > 0)
            fits = filters_pass(filters, &rows->at[i], listing, err);
        if (fits < 0)
            return -1;
        struct image_row other = rows->at[n];
        if (fits == 0)
            continue;
        rows->at[n++] = rows->at[i];
        rows->at[i] = other;
    }
    *ret_n = n;
    return 0;
}

static int tree_check(const struct images_args *args, struct err *err)
{
    if (!args->tree || (!args->quiet && !args->format && !args->digests))
        return 0;
    return err_set(err, ERR_USAGE, "--tree does not go with --quiet, --format or --digests");
}

static int images_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct images_args *args = args_;
    size_t n;
    auto_done(filters) filters = {};
    auto_done(image_rows) rows = {};
    auto_done(listing) listing = { .whole_ids = args->no_trunc, .now_s = time(NULL) };
    if (tree_check(args, err) < 0 ||
        filters_parse(images_filters, &args->filters, &filters, err) < 0 ||
        operands_fit(operands, NULL, err) < 0 ||
        cli_images(context, NULL, &listing.images, err) < 0 ||
        images_list(listing.images, &rows, err) < 0)
        return -1;
    if (rows.len > 1)
        qsort(rows.at, rows.len, sizeof(*rows.at), row_compare);
    if (rows_choose(&listing, &filters, operands, &rows, &n, err) < 0)
        return -1;
    const struct image_rows chosen = { rows.at, n };
    if (args->tree)
        return image_tree_print(listing.images, &chosen, args->no_trunc, err);
    return listing_print(args, &listing, &chosen, err);
}

static const char images_text[] =
    "Lists the images on this machine, the newest first: all, those of a repository, one by its "
    "tag, or those that a pattern of *, ? and [] fits. The size is that of the unpacked layers.\n\n"
    "Filters: dangling (true: those without a name), label (KEY or KEY=VALUE; of several all have "
    "to fit), before and since (an image), until (a time, or a duration before now), reference (a "
    "pattern). Of several references one has to fit; of different keys all.\n\n" FORMAT_TEXT
        IMAGES_COLUMNS(FORMAT_NAME) ".\n\n"
                                    "With --tree each layer stands below the one it lies on, with "
                                    "its size as it is packed and the "
                                    "images that end with it.";

static const char *const images_examples[] = {
    "ruche images",
    "All images",
    "ruche images debian",
    "Those of one repository",
    "ruche images 'localhost:5000/*:1.*'",
    "Those that a pattern fits",
    "ruche images -q --no-trunc busybox:latest",
    "The id of an image",
    "ruche images --filter dangling=true --format '{{.ID}} {{.Size}}'",
    "Those without a name, in one's own form",
    "ruche images --tree",
    "Which images share which layers",
    NULL,
};

const struct command images_command = {
    .name = "images",
    .also = COMMAND_ALSO("image ls", "image list"),
    .args = "[OPTIONS] [REPOSITORY[:TAG]...]",
    .summary = "List images",
    .text = images_text,
    .examples = images_examples,
    .options = images_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_IMAGES,
    .most = -1,
    .args_size = sizeof(struct images_args),
    .run = images_run,
};
