/* SPDX-License-Identifier: Apache-2.0 */
/* stop, kill, rm, wait, pause, unpause: each does one thing to every container that is named. */
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "engine/engine.h"
#include "kernel/signal_name.h"

enum { TIMEOUT_MAX_S = 1 << 30 };

static int find(struct cli *cli, const char *name, struct engine **ret_engine,
                struct container **ret_container, struct err *err)
{
    if (cli_engine(cli, ret_engine, err) < 0)
        return -1;
    return container_find(*ret_engine, name, ret_container, err);
}

/* ---- stop ---- */

struct stop_args {
    struct maybe_i64 timeout_s;
};

/* clang-format off */
static const struct option stop_table[] = {
    OPTION_NUMBER(stop_args, timeout_s, 0, "time", "SECONDS", 0, TIMEOUT_MAX_S,
        "Same as --timeout"),
    OPTION_NUMBER(stop_args, timeout_s, 't', "timeout", "SECONDS", 0, TIMEOUT_MAX_S,
        "Seconds it has before it is killed, instead of its own"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const stop_options[] = { stop_table, NULL };

static int stop_work(struct cli *cli, const void *args_, const char *operand, struct err *err)
{
    const struct stop_args *args = args_;
    struct engine *engine;
    auto_drop(container) *container = NULL;
    if (find(cli, operand, &engine, &container, err) < 0)
        return -1;
    return container_stop(engine, container, args->timeout_s.set ? args->timeout_s.value : -1, err);
}

static int stop_run(void *context, void *args, char **operands, struct err *err)
{
    (void)err;
    return operands_each(context, args, operands, stop_work, EACH_ECHO | EACH_AT_ONCE);
}

static const char *const stop_examples[] = {
    "ruche stop web",
    "Ask a container to stop; kill it if it has not within its time",
    "ruche stop -t 60 db cache",
    "Give two of them a minute, at the same time",
    "ruche stop $(ruche ps -q)",
    "Stop all that run",
    NULL,
};

const struct command stop_command = {
    .name = "stop",
    .also = COMMAND_ALSO("container stop"),
    .args = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Stop containers",
    .text = "Sends each container its stop signal (SIGTERM, unless it was created with another), "
            "and SIGKILL if it still runs when its time is over: 10 seconds, unless it was "
            "created with another. One that does not run is fine.",
    .examples = stop_examples,
    .options = stop_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_RUNNING,
    .least = 1,
    .most = -1,
    .args_size = sizeof(struct stop_args),
    .run = stop_run,
};

/* ---- kill ---- */

struct kill_args {
    const char *signal;
    int number; /* what it means; of no option */
};

/* clang-format off */
static const struct option kill_table[] = {
    OPTION_TEXT(kill_args, signal, 's', "signal", "SIGNAL", "Signal to send, KILL by default"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const kill_options[] = { kill_table, NULL };

static int kill_work(struct cli *cli, const void *args_, const char *operand, struct err *err)
{
    const struct kill_args *args = args_;
    struct engine *engine;
    auto_drop(container) *container = NULL;
    if (find(cli, operand, &engine, &container, err) < 0)
        return -1;
    return container_kill(engine, container, args->number, err);
}

static int kill_run(void *context, void *args_, char **operands, struct err *err)
{
    struct kill_args *args = args_;
    if (signal_parse(args->signal ? args->signal : "KILL", &args->number, err) < 0)
        return err_wrap(err, "--signal");
    return operands_each(context, args, operands, kill_work, EACH_ECHO);
}

static const char *const kill_examples[] = {
    "ruche kill web",
    "End a container at once",
    "ruche kill -s HUP web",
    "Tell a server to read its configuration again",
    NULL,
};

const struct command kill_command = {
    .name = "kill",
    .also = COMMAND_ALSO("container kill"),
    .args = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Send a signal to containers",
    .text = "Sends a signal to the first process of each container, which must run.",
    .examples = kill_examples,
    .options = kill_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_RUNNING,
    .least = 1,
    .most = -1,
    .args_size = sizeof(struct kill_args),
    .run = kill_run,
};

/* ---- rm ---- */

struct rm_args {
    bool force;
};

/* clang-format off */
static const struct option rm_table[] = {
    OPTION_BOOL(rm_args, force, 'f', "force",
        "Kill those that run; one that does not exist is no failure"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const rm_options[] = { rm_table, NULL };

static int rm_work(struct cli *cli, const void *args_, const char *operand, struct err *err)
{
    const struct rm_args *args = args_;
    struct engine *engine;
    auto_drop(container) *container = NULL;
    if (find(cli, operand, &engine, &container, err) < 0)
        return -1;
    return container_remove(engine, container, args->force ? CONTAINER_REMOVE_FORCE : 0, err);
}

static int rm_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct rm_args *args = args_;
    (void)err;
    return operands_each(context, args, operands, rm_work,
                         EACH_ECHO | (args->force ? EACH_MISSING_IS_FINE : 0));
}

static const char *const rm_examples[] = {
    "ruche rm job",
    "Remove a container that has ended",
    "ruche rm -f web",
    "Remove one that runs",
    "ruche rm $(ruche ps -aq)",
    "Remove all that do not run",
    NULL,
};

const struct command rm_command = {
    .name = "rm",
    .also = COMMAND_ALSO("container rm", "container remove"),
    .args = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Remove containers",
    .text = "Removes containers, what they wrote, and their logs.",
    .examples = rm_examples,
    .options = rm_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_CONTAINERS,
    .least = 1,
    .most = -1,
    .args_size = sizeof(struct rm_args),
    .run = rm_run,
};

/* ---- wait, pause, unpause: without options ---- */

struct no_args {
    char unused;
};

static int wait_work(struct cli *cli, const void *args, const char *operand, struct err *err)
{
    struct engine *engine;
    auto_drop(container) *container = NULL;
    int exit_code = 0;
    (void)args;
    if (find(cli, operand, &engine, &container, err) < 0 ||
        container_wait(engine, container, &exit_code, err) < 0)
        return -1;
    if (exit_code < 0)
        return err_set(err, ERR_SYSTEM, "%s: it has ended, and nobody knows its exit status",
                       operand);
    auto_free char *text = xasprintf("%d", exit_code);
    return say_line(text, err);
}

static int wait_run(void *context, void *args, char **operands, struct err *err)
{
    (void)err;
    return operands_each(context, args, operands, wait_work, 0);
}

static int pause_work(struct cli *cli, const void *args, const char *operand, struct err *err)
{
    struct engine *engine;
    auto_drop(container) *container = NULL;
    (void)args;
    if (find(cli, operand, &engine, &container, err) < 0)
        return -1;
    return container_pause(engine, container, err);
}

static int pause_run(void *context, void *args, char **operands, struct err *err)
{
    (void)err;
    return operands_each(context, args, operands, pause_work, EACH_ECHO);
}

static int unpause_work(struct cli *cli, const void *args, const char *operand, struct err *err)
{
    struct engine *engine;
    auto_drop(container) *container = NULL;
    (void)args;
    if (find(cli, operand, &engine, &container, err) < 0)
        return -1;
    return container_unpause(engine, container, err);
}

static int unpause_run(void *context, void *args, char **operands, struct err *err)
{
    (void)err;
    return operands_each(context, args, operands, unpause_work, EACH_ECHO);
}

static const char *const wait_examples[] = {
    "ruche wait job",
    "Wait for a container, and print its exit status",
    "test \"$(ruche wait job)\" = 0 && ruche logs job",
    "Go on only if it ended well",
    NULL,
};

static const char *const pause_examples[] = {
    "ruche pause web",
    "Freeze a container: it keeps its memory and gets no CPU time",
    NULL,
};

static const char *const unpause_examples[] = {
    "ruche unpause web",
    "Let it go on",
    NULL,
};

const struct command wait_command = {
    .name = "wait",
    .also = COMMAND_ALSO("container wait"),
    .args = "CONTAINER [CONTAINER...]",
    .summary = "Wait until containers have ended, and print their exit statuses",
    .examples = wait_examples,
    .operands = OPERANDS_RUNNING,
    .least = 1,
    .most = -1,
    .args_size = sizeof(struct no_args),
    .run = wait_run,
};

const struct command pause_command = {
    .name = "pause",
    .also = COMMAND_ALSO("container pause"),
    .args = "CONTAINER [CONTAINER...]",
    .summary = "Freeze all processes of containers",
    .examples = pause_examples,
    .operands = OPERANDS_RUNNING,
    .least = 1,
    .most = -1,
    .args_size = sizeof(struct no_args),
    .run = pause_run,
};

const struct command unpause_command = {
    .name = "unpause",
    .also = COMMAND_ALSO("container unpause"),
    .args = "CONTAINER [CONTAINER...]",
    .summary = "Let frozen containers go on",
    .examples = unpause_examples,
    .operands = OPERANDS_RUNNING,
    .least = 1,
    .most = -1,
    .args_size = sizeof(struct no_args),
    .run = unpause_run,
};
