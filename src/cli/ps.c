/* SPDX-License-Identifier: Apache-2.0 */
/* ps: what it shows is a table of columns, of which some read the container's record when they are
 * asked for; which containers it shows is a table of filters, in ps_filter.c. */
#include "cli/ps.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/number.h"
#include "cli/ago.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/table.h"

enum {
    ID_SHORT = 12,
    COMMAND_SHORT = 20,
    MOUNT_SHORT = 15,
    SIZE_TEXT = 16,
    LAST_MAX = 1 << 30,
};

struct ps_args {
    bool all;
    bool quiet;
    bool no_trunc;
    bool latest;
    bool size;
    struct maybe_i64 last;
    const char *format;
    struct strings filters;
};

/* clang-format off */
static const struct option ps_table[] = {
    OPTION_BOOL(ps_args, all, 'a', "all", "Also show those that do not run"),
    OPTION_LIST(ps_args, filters, 'f', "filter", "KEY=VALUE", "Show only those that fit"),
    OPTION_TEXT(ps_args, format, 0, "format", "FORMAT", FORMAT_HELP),
    OPTION_NUMBER(ps_args, last, 'n', "last", "NUMBER", -1, LAST_MAX,
        "Show the last ones created, running or not"),
    OPTION_BOOL(ps_args, latest, 'l', "latest", "Show the last one created, running or not"),
    OPTION_BOOL(ps_args, no_trunc, 0, "no-trunc", "Do not shorten ids and commands"),
    OPTION_BOOL(ps_args, quiet, 'q', "quiet", "Show ids only"),
    OPTION_BOOL(ps_args, size, 's', "size", "Show how much disk their own files take"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const ps_options[] = { ps_table, NULL };

/* ---- what is read on demand ---- */

const struct container_config *ps_config(struct ps *ps, const struct container_state *state)
{
    struct err ignored;
    if (ps->container && strcmp(ps->container->config.id, state->id) == 0)
        return &ps->container->config;
    container_free(ps->container);
    ps->container = NULL;
    if (container_find(ps->engine, state->id, &ps->container, &ignored) < 0)
        return NULL; /* gone meanwhile, or broken: it has none of all that */
    return &ps->container->config;
}

static void ps_done(struct ps *ps)
{
    container_free(ps->container);
    for (size_t i = 0; i < ps->ancestors.len; i++)
        image_free(ps->ancestors.at[i].image);
    free(ps->ancestors.at);
    pairs_done(&ps->times);
    ps_images_done(&ps->images);
}

/* ---- columns ---- */

static int id_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct container_state *state = row->item;
    const struct ps *ps = row->context;
    (void)err;
    str_add_bytes(out, state->id, ps->no_trunc ? strlen(state->id) : strnlen(state->id, ID_SHORT));
    return 0;
}

/* Its record cannot be read. */
static bool ps_damaged(const struct container_state *state)
{
    return state->status == CONTAINER_UNKNOWN && state->error;
}

static int image_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct container_state *state = row->item;
    (void)err;
    if (state->image)
        ps_image_add(row->context, state, out);
    else
        str_add(out, ps_damaged(state) ? "<unknown>" : "<directory>");
    return 0;
}

/* In quotes, as docker has it, and as it may be shown. */
static int command_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct container_state *state = row->item;
    const struct ps *ps = row->context;
    auto_done(str) shortened = {};
    auto_done(str) shown = {};
    (void)err;
    text_shorten(&shortened, state->command ? state->command : "",
                 ps->no_trunc ? SIZE_MAX : COMMAND_SHORT);
    text_escape(&shown, str_text(&shortened), shortened.len);
    str_add_char(out, '"');
    for (const char *at = str_text(&shown); *at; at++) {
        if (*at == '"')
            str_add_char(out, '\\');
        str_add_char(out, *at);
    }
    str_add_char(out, '"');
    return 0;
}

static int created_at_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct container_state *state = row->item;
    (void)err;
    date_format(state->created, out);
    return 0;
}

static int running_for_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct container_state *state = row->item;
    const struct ps *ps = row->context;
    (void)err;
    ago_format(state->created, ps->now_s, out);
    return 0;
}

static int status_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct container_state *state = row->item;
    const struct ps *ps = row->context;
    (void)err;
    switch (state->status) {
    case CONTAINER_CREATED:
        str_add(out, "Created");
        break;
    case CONTAINER_RUNNING:
    case CONTAINER_PAUSED:
        str_add(out, "Up ");
        since_format(state->started, ps->now_s, out);
        if (state->status == CONTAINER_PAUSED)
            str_add(out, " (Paused)");
        break;
    case CONTAINER_EXITED:
        str_addf(out, "Exited (%" PRId64 ") ", state->exit_code);
        ago_format(state->finished, ps->now_s, out);
        break;
    case CONTAINER_UNKNOWN:
        str_add(out, ps_damaged(state) ? "Damaged record" : "Ended, nobody knows how");
        break;
    }
    return 0;
}

static int state_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct container_state *state = row->item;
    (void)err;
    str_add(out,
            state->status == CONTAINER_UNKNOWN ? "dead" : container_status_names[state->status]);
    return 0;
}

static int ports_add(const struct format_row *row, struct str *out, struct err *err)
{
    (void)row;
    (void)out; /* none is published */
    (void)err;
    return 0;
}

static int names_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct container_state *state = row->item;
    (void)err;
    str_add(out, state->name ? state->name : "");
    return 0;
}

static int label_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int labels_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct container_config *config = ps_config(row->context, row->item);
    auto_done(strings) labels = {};
    (void)err;
    for (size_t i = 0; config && i < config->labels.len; i++)
        strings_addf(&labels, "%s=%s", config->labels.at[i].key, config->labels.at[i].value);
    if (labels.len > 1)
        qsort(labels.at, labels.len, sizeof(*labels.at), label_order);
    for (size_t i = 0; i < labels.len; i++)
        str_addf(out, "%s%s", i > 0 ? "," : "", labels.at[i]);
    return 0;
}

static int label_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct container_config *config = ps_config(row->context, row->item);
    const char *value = config ? pairs_value(&config->labels, row->argument) : NULL;
    (void)err;
    str_add(out, value ? value : "");
    return 0;
}

static int mounts_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct ps *ps = row->context;
    const struct container_config *config = ps_config(row->context, row->item);
    size_t begin = out->len;
    (void)err;
    for (size_t i = 0; config && i < config->mounts.len; i++) {
        const char *source = config->mounts.at[i].source;
        if (!source)
            continue;
        if (out->len > begin)
            str_add_char(out, ',');
        text_shorten(out, source, ps->no_trunc ? SIZE_MAX : MOUNT_SHORT);
    }
    return 0;
}

static int local_volumes_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct container_config *config = ps_config(row->context, row->item);
    size_t n = 0;
    (void)err;
    for (size_t i = 0; config && i < config->mounts.len; i++)
        n += strcmp(config->mounts.at[i].type, "volume") == 0;
    str_addf(out, "%zu", n);
    return 0;
}

const char *ps_network(const struct container_config *config)
{
    return config->namespaces.network ? config->namespaces.network : "none";
}

static int networks_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct container_config *config = ps_config(row->context, row->item);
    (void)err;
    str_add(out, config ? ps_network(config) : "");
    return 0;
}

/* What its own layer takes, and with its image's. */
static int size_add(const struct format_row *row, struct str *out, struct err *err)
{
    const struct container_state *state = row->item;
    struct ps *ps = row->context;
    char own[SIZE_TEXT], whole[SIZE_TEXT];
    struct container_sizes sizes;
    const struct container_config *config = ps->sizes ? ps_config(ps, state) : NULL;
    if (!config) {
        str_add(out, "0B");
        return 0;
    }
    if (container_measure(ps->engine, config, &sizes, err) < 0)
        return -1;
    str_add(out, size_format_decimal(sizes.own_bytes, own));
    if (sizes.whole_bytes.set)
        str_addf(out, " (virtual %s)", size_format_decimal(sizes.whole_bytes.value, whole));
    return 0;
}

/* clang-format off */
#define PS_COLUMNS(X)                                                                        \
    X(ID, "CONTAINER ID", id_add, 0, 0)                                                      \
    X(Image, "IMAGE", image_add, 12, 0)                                                      \
    X(Command, "COMMAND", command_add, 8, FORMAT_QUOTED)                                     \
    X(CreatedAt, "CREATED AT", created_at_add, 0, 0)                                         \
    X(RunningFor, "CREATED", running_for_add, 0, 0)                                          \
    X(Status, "STATUS", status_add, 12, 0)                                                   \
    X(State, "STATE", state_add, 0, 0)                                                       \
    X(Ports, "PORTS", ports_add, 0, 0)                                                       \
    X(Names, "NAMES", names_add, 8, 0)                                                       \
    X(Size, "SIZE", size_add, 0, 0)                                                          \
    X(Labels, "LABELS", labels_add, 8, 0)                                                    \
    X(Label, NULL, label_add, 0, FORMAT_ARGUMENT)                                            \
    X(Mounts, "MOUNTS", mounts_add, 8, 0)                                                    \
    X(LocalVolumes, "LOCAL VOLUMES", local_volumes_add, 0, 0)                                \
    X(Networks, "NETWORKS", networks_add, 0, 0)

static const struct format_column ps_columns[] = { PS_COLUMNS(FORMAT_COLUMN) {} };
/* clang-format on */

static const char ps_raw[] =
    "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\n"
    "created_at: {{.CreatedAt}}\nstate: {{- pad .State 1 0}}\nstatus: {{- pad .Status 1 0}}\n"
    "names: {{.Names}}\nlabels: {{- pad .Labels 1 0}}\nports: {{- pad .Ports 1 0}}\n";

static int ps_print(const struct ps_args *args, struct ps *ps,
                    const struct container_states *states, size_t n, struct err *err)
{
    const struct format_list list = {
        .columns = ps_columns,
        .table = args->size ? "ID Image Command RunningFor Status Ports Names Size"
                            : "ID Image Command RunningFor Status Ports Names",
        .quiet = "ID",
        .raw = ps_raw,
    };
    enum format_flags flags =
        (args->quiet ? FORMAT_QUIET : 0) | (args->no_trunc ? FORMAT_WHOLE : 0);
    ps->sizes = args->size || (args->format && strstr(args->format, ".Size"));
    return format_print(&list, args->format, flags, states->at, n, sizeof(*states->at), ps, err);
}

/* Leaves those that pass, the first `last` of them; -1: all. */
static int states_filter(struct ps *ps, const struct filters *filters, int64_t last,
                         struct container_states *states, struct err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < states->len; i++) {
        int passes =
            last > 0 && n >= (uint64_t)last ? 0 : filters_pass(filters, &states->at[i], ps, err);
        if (passes < 0)
            return -1;
        struct container_state kept = states->at[n];
        if (passes == 0)
            continue;
        states->at[n++] = states->at[i];
        states->at[i] = kept;
    }
    for (size_t i = n; i < states->len; i++)
        container_state_done(&states->at[i]);
    states->len = n;
    return 0;
}

static int ps_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct ps_args *args = args_;
    auto_done(filters) filters = {};
    auto_done(container_states) states = {};
    auto_done(ps) ps = { .no_trunc = args->no_trunc, .now_s = time(NULL) };
    (void)operands;
    int64_t last = args->latest ? 1 : args->last.set ? args->last.value : -1;
    if (filters_parse(ps_filters, &args->filters, &filters, err) < 0)
        return -1;
    bool all = args->all || last > 0 || filters_value(&filters, "status") ||
               filters_value(&filters, "exited");
    if (cli_engine(context, &ps.engine, err) < 0 ||
        container_list(ps.engine, all ? CONTAINER_LIST_ALL : 0, &states, err) < 0 ||
        states_filter(&ps, &filters, last, &states, err) < 0)
        return -1;
    return ps_print(args, &ps, &states, states.len, err);
}

static const char *const ps_examples[] = {
    "ruche ps",
    "What runs",
    "ruche ps -a",
    "What runs and what has ended",
    "ruche ps -l --no-trunc",
    "The last one created, with its whole id and command",
    "ruche ps -a --filter status=exited --filter label=team=web",
    "Those that have ended, of one label",
    "ruche ps --format 'table {{.Names}}\\t{{.State}}\\t{{.Label \"team\"}}'",
    "Columns of one's own choice",
    "ruche rm $(ruche ps -aq)",
    "Remove all that do not run",
    NULL,
};

static const char ps_text[] =
    "Lists the containers that run, the newest first. An image is shown by the name it was asked "
    "for by, or by its id if that name means another one now, or none.\n\n"
    "Filters: id and name (a part or an extended regular expression), label (KEY or KEY=VALUE; of "
    "several all have to fit), status (created, running, paused, exited, dead), exited (a code), "
    "ancestor (an image, or one made from it), before and since (a container), volume (a source or "
    "a destination), network. Of several values of another key one has to fit; of different keys "
    "all. A status or an exit code also shows those that do not run.\n\n" FORMAT_TEXT PS_COLUMNS(
        FORMAT_NAME) "; Label as {{.Label \"key\"}}.";

const struct command ps_command = {
    .name = "ps",
    .also = COMMAND_ALSO("container ls", "container list", "container ps"),
    .args = "[OPTIONS]",
    .summary = "List containers",
    .text = ps_text,
    .examples = ps_examples,
    .options = ps_options,
    .flags = COMMAND_INTERSPERSED,
    .args_size = sizeof(struct ps_args),
    .run = ps_run,
};
