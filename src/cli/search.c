/* SPDX-License-Identifier: Apache-2.0 */
/* search: what a registry says of its repositories. */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/filter.h"
#include "cli/format.h"
#include "cli/registry_options.h"
#include "image/remote_image.h"

enum { LIMIT = 25, LIMIT_MAX = 100 };

struct search_args {
    struct registry_args registry;
    struct maybe_i64 limit;
    const char *format;
    struct strings filters;
    bool no_trunc;
};

/* clang-format off */
static const struct option search_table[] = {
    OPTION_LIST(search_args, filters, 'f', "filter", "KEY=VALUE", "Show only those that fit"),
    OPTION_TEXT(search_args, format, 0, "format", "FORMAT",
        "How to print: json, table, or a Go template such as '{{.Name}}'"),
    OPTION_NUMBER(search_args, limit, 0, "limit", "NUMBER", 1, LIMIT_MAX,
        "How many at most, 25 by default"),
    OPTION_BOOL(search_args, no_trunc, 0, "no-trunc", "Do not shorten descriptions"),
    REGISTRY_OPTIONS(search_args, registry),
    OPTION_END,
};
/* clang-format on */
static const struct option *const search_options[] = { search_table, NULL };

/* ---- filters ---- */

static int stars_check(const char *value, struct err *err)
{
    int64_t stars;
    struct err ignored;
    if (number_parse(value, 0, INT64_MAX, "", &stars, &ignored) == 0)
        return 0;
    return err_set(err, ERR_USAGE, "\"%s\" is not a whole number", value);
}

static int stars_fits(const void *item, void *context, const char *value, struct err *err)
{
    const struct remote_hit *hit = item;
    int64_t least;
    (void)context;
    if (number_parse(value, 0, INT64_MAX, "stars", &least, err) < 0)
        return -1;
    return hit->stars >= least;
}

static int truth_check(const char *value, struct err *err)
{
    if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)
        return 0;
    return err_set(err, ERR_USAGE, "\"%s\" is neither true nor false", value);
}

static int official_fits(const void *item, void *context, const char *value, struct err *err)
{
    const struct remote_hit *hit = item;
    (void)context;
    (void)err;
    return hit->official == (strcmp(value, "true") == 0);
}

static const struct filter_key search_filters[] = {
    { "stars", stars_fits, stars_check, true, NULL },
    { "is-official", official_fits, truth_check, true, NULL },
    {},
};

/* ---- columns ---- */

static int name_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct remote_hit *hit = row->item;
    (void)err;
    str_add(out, hit->name);
    return 0;
}

static int description_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct remote_hit *hit = row->item;
    (void)err;
    str_add(out, hit->description ? hit->description : "");
    return 0;
}

static int stars_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct remote_hit *hit = row->item;
    (void)err;
    str_addf(out, "%" PRId64, hit->stars);
    return 0;
}

static int official_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct remote_hit *hit = row->item;
    (void)err;
    str_add(out, hit->official ? "[OK]" : "");
    return 0;
}

/* clang-format off */
#define SEARCH_COLUMNS(X)                                  \
    X(Name, "NAME", name_add, 0, 0)                        \
    X(Description, "DESCRIPTION", description_add, 20, 0)  \
    X(StarCount, "STARS", stars_add, 0, 0)                 \
    X(IsOfficial, "OFFICIAL", official_add, 0, 0)

static const struct format_column search_columns[] = { SEARCH_COLUMNS(FORMAT_COLUMN) {} };
/* clang-format on */

static const struct format_list search_list = {
    .columns = search_columns,
    .table = "Name Description StarCount IsOfficial",
};

/* ---- the command ---- */

static int hits_print(const struct search_args *args, const struct filters *filters,
                      struct remote_hits *hits, struct err *err)
{
    struct remote_hit *at = hits->hits.at;
    size_t n = 0;
    for (size_t i = 0; i < hits->hits.len; i++) {
        int fits = filters_pass(filters, &at[i], NULL, err);
        if (fits < 0)
            return -1;
        struct remote_hit other = at[n];
        if (fits == 0)
            continue;
        at[n++] = at[i];
        at[i] = other;
    }
    return format_print(&search_list, args->format, args->no_trunc ? FORMAT_WHOLE : 0, at, n,
                        sizeof(*at), NULL, err);
}

/* "host/words" searches there; what has no host, docker.io. */
static void words_split(const char *operand, char **ret_host, const char **ret_words)
{
    const char *slash = strchr(operand, '/');
    auto_free char *first = slash ? xstrndup(operand, (size_t)(slash - operand)) : NULL;
    bool host = first && (strchr(first, '.') || strchr(first, ':') || !strcmp(first, "localhost"));
    *ret_host = host ? take_ptr(first) : NULL;
    *ret_words = host ? slash + 1 : operand;
}

static int search_run(void *context, void *args_, char **operands, struct err *err)
{
    struct search_args *args = args_;
    struct registry_options registry;
    auto_done(filters) filters = {};
    auto_done(remote_hits) hits = {};
    auto_free char *host = NULL;
    const char *words;
    size_t limit = args->limit.set ? (size_t)args->limit.value : LIMIT;
    (void)context;
    words_split(operands[0], &host, &words);
    if (filters_parse(search_filters, &args->filters, &filters, err) < 0 ||
        registry_args_read(&args->registry, &registry, err) < 0)
        return -1;
    int result = image_remote_search(host, words, limit, &registry, &hits, err);
    registry_args_done(&args->registry);
    return result < 0 ? -1 : hits_print(args, &filters, &hits, err);
}

static const char search_text[] =
    "Asks docker.io, or the registry before the slash, for repositories that the words fit.\n\n"
    "Filters: stars (so many at least) and is-official (true or false).\n\n" FORMAT_TEXT
        SEARCH_COLUMNS(FORMAT_NAME) ".";

static const char *const search_examples[] = {
    "ruche search nginx",
    "Search docker.io",
    "ruche search --filter is-official=true --format '{{.Name}}' nginx",
    "Names alone",
    "ruche search localhost:5000/app",
    "Search another registry; one that has no search tells what it has",
    NULL,
};

const struct command search_command = {
    .name = "search",
    .args = "[OPTIONS] [HOST/]WORDS",
    .summary = "Search a registry for repositories",
    .text = search_text,
    .examples = search_examples,
    .options = search_options,
    .flags = COMMAND_INTERSPERSED,
    .least = 1,
    .most = 1,
    .args_size = sizeof(struct search_args),
    .run = search_run,
};
