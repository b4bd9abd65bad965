/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "cli/ago.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "engine/engine.h"

enum {
    ID_SHORT = 12,
    COMMAND_SHORT = 20,
    LAST_MAX = 1 << 30,
};

struct ps_args {
    bool all;
    bool quiet;
    bool no_trunc;
    bool latest;
    struct maybe_i64 last;
};

/* clang-format off */
static const struct option ps_table[] = {
    OPTION_BOOL(ps_args, all, 'a', "all", "Also show those that do not run"),
    OPTION_NUMBER(ps_args, last, 'n', "last", "NUMBER", -1, LAST_MAX,
        "Show the last ones created, running or not"),
    OPTION_BOOL(ps_args, latest, 'l', "latest", "Show the last one created, running or not"),
    OPTION_BOOL(ps_args, no_trunc, 0, "no-trunc", "Do not shorten ids and commands"),
    OPTION_BOOL(ps_args, quiet, 'q', "quiet", "Show ids only"),
    OPTION_END,
};

static const struct column ps_columns[] = {
    { "CONTAINER ID", 0 },
    { "IMAGE", 12 },
    { "COMMAND", 8 },
    { "CREATED", 0 },
    { "STATUS", 12 },
    { "PORTS", 0 },
    { "NAMES", 8 },
};
/* clang-format on */
static const struct option *const ps_options[] = { ps_table, NULL };

static void status_format(const struct container_state *state, int64_t now_s, struct str *out)
{
    switch (state->status) {
    case CONTAINER_CREATED:
        str_add(out, "Created");
        return;
    case CONTAINER_RUNNING:
    case CONTAINER_PAUSED:
        str_add(out, "Up ");
        since_format(state->started, now_s, out);
        if (state->status == CONTAINER_PAUSED)
            str_add(out, " (Paused)");
        return;
    case CONTAINER_EXITED:
        str_addf(out, "Exited (%" PRId64 ") ", state->exit_code);
        ago_format(state->finished, now_s, out);
        return;
    case CONTAINER_UNKNOWN:
        str_add(out, "Ended, nobody knows how");
        return;
    }
}

/* In quotes, as docker has it, and as it may be shown. */
static void command_format(const char *command, bool whole, struct str *out)
{
    auto_done(str) shortened = {};
    auto_done(str) shown = {};
    text_shorten(&shortened, command ? command : "", whole ? SIZE_MAX : COMMAND_SHORT);
    text_escape(&shown, str_text(&shortened), shortened.len);
    str_add_char(out, '"');
    for (const char *at = str_text(&shown); *at; at++) {
        if (*at == '"')
            str_add_char(out, '\\');
        str_add_char(out, *at);
    }
    str_add_char(out, '"');
}

static void row_add(const struct ps_args *args, const struct container_state *state, int64_t now_s,
                    struct table *table)
{
    auto_done(str) command = {};
    auto_done(str) created = {};
    auto_done(str) status = {};
    auto_free char *id = xstrndup(state->id, args->no_trunc ? strlen(state->id) : ID_SHORT);
    command_format(state->command, args->no_trunc, &command);
    ago_format(state->created, now_s, &created);
    status_format(state, now_s, &status);

    table_add(table, id);
    table_add(table, state->image ? state->image : "<directory>");
    table_add_shown(table, str_text(&command));
    table_add(table, str_text(&created));
    table_add(table, str_text(&status));
    table_add(table, "");
    table_add(table, state->name ? state->name : "");
}

static int ids_print(const struct ps_args *args, const struct container_states *states, size_t n,
                     struct err *err)
{
    auto_done(str) out = {};
    for (size_t i = 0; i < n; i++)
        str_addf(&out, "%.*s\n", args->no_trunc ? (int)strlen(states->at[i].id) : ID_SHORT,
                 states->at[i].id);
    return say(&out, err);
}

static int rows_print(const struct ps_args *args, const struct container_states *states, size_t n,
                      struct err *err)
{
    auto_done(table) table = { .columns = ps_columns, .n_columns = array_size(ps_columns) };
    int64_t now_s = time(NULL);
    for (size_t i = 0; i < n; i++)
        row_add(args, &states->at[i], now_s, &table);
    if (!args->no_trunc)
        return table_print(&table, err);
    auto_done(str) out = {};
    table_format(&table, 0, &out);
    return say(&out, err);
}

static int ps_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct ps_args *args = args_;
    struct engine *engine;
    auto_done(container_states) states = {};
    (void)operands;
    int64_t last = args->latest ? 1 : args->last.set ? args->last.value : -1;
    enum container_list_flags flags = args->all || last > 0 ? CONTAINER_LIST_ALL : 0;
    if (cli_engine(context, &engine, err) < 0 || container_list(engine, flags, &states, err) < 0)
        return -1;
    size_t n = last > 0 && (uint64_t)last < states.len ? (size_t)last : states.len;
    return args->quiet ? ids_print(args, &states, n, err) : rows_print(args, &states, n, err);
}

static const char *const ps_examples[] = {
    "ruche ps",
    "What runs",
    "ruche ps -a",
    "What runs and what has ended",
    "ruche ps -l --no-trunc",
    "The last one created, with its whole id and command",
    "ruche rm $(ruche ps -aq)",
    "Remove all that do not run",
    NULL,
};

const struct command ps_command = {
    .name = "ps",
    .args = "[OPTIONS]",
    .summary = "List containers",
    .text = "Lists the containers that run, the newest first.",
    .examples = ps_examples,
    .options = ps_options,
    .flags = COMMAND_INTERSPERSED,
    .args_size = sizeof(struct ps_args),
    .run = ps_run,
};
