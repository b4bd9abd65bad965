/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/number.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "engine/engine.h"

struct logs_args {
    bool follow;
    bool timestamps;
    const char *since;
    const char *until;
    const char *tail;
};

/* clang-format off */
static const struct option logs_table[] = {
    OPTION_BOOL(logs_args, follow, 'f', "follow", "Go on as more is written"),
    OPTION_TEXT(logs_args, since, 0, "since", "TIME",
        "Show what was written since then: 2026-01-02T15:04:05Z, or 10m before now"),
    OPTION_TEXT(logs_args, tail, 'n', "tail", "NUMBER",
        "Show so many lines from the end, or \"all\""),
    OPTION_BOOL(logs_args, timestamps, 't', "timestamps", "Show when each line was written"),
    OPTION_TEXT(logs_args, until, 0, "until", "TIME", "Show what was written before then"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const logs_options[] = { logs_table, NULL };

/* As docker: "all" and what is below 0 are all. */
static int tail_parse(const char *text, int64_t *ret_tail, struct err *err)
{
    *ret_tail = -1;
    if (!text || strcmp(text, "all") == 0)
        return 0;
    if (number_parse(text, INT64_MIN, INT64_MAX, "--tail", ret_tail, err) < 0)
        return err_hint(err, "give a number of lines, or \"all\"");
    if (*ret_tail < 0)
        *ret_tail = -1;
    return 0;
}

static int logs_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct logs_args *args = args_;
    struct engine *engine;
    auto_drop(container) *container = NULL;
    struct log_request request = {
        .flags = (args->follow ? LOG_FOLLOW : 0) | (args->timestamps ? LOG_TIMESTAMPS : 0),
        .since = args->since,
        .until = args->until,
    };
    if (tail_parse(args->tail, &request.tail, err) < 0 || cli_engine(context, &engine, err) < 0 ||
        container_find(engine, operands[0], &container, err) < 0)
        return -1;
    return container_logs(engine, container, &request, STDOUT_FILENO, STDERR_FILENO, err);
}

static const char *const logs_examples[] = {
    "ruche logs web",
    "All that a container has said",
    "ruche logs -f --tail 20 web",
    "Its last lines, and what comes",
    "ruche logs --since 1h --timestamps web",
    "The last hour, with times",
    "ruche logs web 2>/dev/null",
    "What it wrote to its standard output alone",
    NULL,
};

const struct command logs_command = {
    .name = "logs",
    .also = COMMAND_ALSO("container logs"),
    .args = "[OPTIONS] CONTAINER",
    .summary = "Show what a container has said",
    .text =
        "Prints the log of a container: what went to its standard output goes to ours, and what "
        "went to its standard error to ours. Of a container with a terminal, all goes to the "
        "standard output.",
    .examples = logs_examples,
    .options = logs_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_CONTAINERS,
    .least = 1,
    .most = 1,
    .args_size = sizeof(struct logs_args),
    .run = logs_run,
};
