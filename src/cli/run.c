/* SPDX-License-Identifier: Apache-2.0 */
/* run, create, start: containers from an image, made and started. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/container_args.h"
#include "cli/explain.h"
#include "cli/image_get.h"
#include "cli/relay.h"
#include "engine/engine.h"

enum { CIDFILE_MODE = 0644, ID_SHORT = 12 };

/* ---- before there is a container ---- */

static int config_make(struct cli *cli, const struct container_args *args, char **operands,
                       bool will_start, struct container_config *config, struct err *err)
{
    struct engine *engine;
    auto_done(strings) warnings = {};
    if (container_args_config(args, operands, config, &warnings, err) < 0)
        return -1;
    if (will_start && (cli_engine(cli, &engine, err) < 0 ||
                       cli_guard(cli, config_exposes_program(engine, config), err) < 0))
        return -1;
    for (size_t i = 0; i < warnings.len; i++)
        warn_lines(warnings.at[i]);
    return 0;
}

static int plan_print(struct cli *cli, const struct container_args *args,
                      const struct container *container, struct err *err)
{
    struct explain explain;
    explain_init(&explain, args->explain ? args->explain : "", EXPLAIN_PLAN, STDERR_FILENO);
    return container_dry_run(cli->engine, container, explain_event, &explain, err);
}

static int dry_run(struct cli *cli, const struct container_args *args,
                   struct container_config *config, struct err *err)
{
    struct engine *engine;
    auto_drop(container) *container = NULL;
    if (cli_engine(cli, &engine, err) < 0 || container_prepare(engine, config, &container, err) < 0)
        return -1;
    return plan_print(cli, args, container, err);
}

/* ---- the container ---- */

/* It must be new, so that nobody takes another container's id for this one's. */
static int cidfile_open(const char *path, int *ret_fd, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, CIDFILE_MODE);
    if (fd < 0 && errno == EEXIST) {
        (void)err_set(err, ERR_EXISTS, "--cidfile: %s is there already", path);
        return err_hint(err, "remove it if its container is gone, or name another file");
    }
    if (fd < 0)
        return err_sys(err, "--cidfile %s", path);
    *ret_fd = fd;
    return 0;
}

/* The file tells the id of a container that there is: the record is made first. */
static int prepare_recorded(struct cli *cli, const struct container_args *args, int fd,
                            struct container_config *config, struct container **ret_container,
                            struct err *err)
{
    auto_drop(container) *container = NULL;
    struct engine *engine = cli->engine;
    if (image_get_prepare(cli, args, config, &container, err) < 0 ||
        container_record(engine, container, err) < 0)
        return -1;
    const char *id = container->config.id;
    if (fd_write_all(fd, id, strlen(id)) < 0) {
        struct err ignored = {};
        (void)err_sys(err, "write the container's id");
        (void)container_remove(engine, container, 0, &ignored); /* the first error is to be told */
        return -1;
    }
    *ret_container = take_ptr(container);
    return 0;
}

static int prepare_with_cidfile(struct cli *cli, const struct container_args *args,
                                struct container_config *config, struct container **ret_container,
                                struct err *err)
{
    auto_close int fd = -1;
    if (cidfile_open(args->cidfile, &fd, err) < 0)
        return -1;
    int result = prepare_recorded(cli, args, fd, config, ret_container, err);
    if (result < 0)
        (void)unlink(args->cidfile); /* it tells of nothing */
    return result;
}

static int prepare(struct cli *cli, const struct container_args *args,
                   struct container_config *config, struct container **ret_container,
                   struct err *err)
{
    struct engine *engine;
    if (cli_engine(cli, &engine, err) < 0)
        return -1;
    if (args->cidfile)
        return prepare_with_cidfile(cli, args, config, ret_container, err);
    return image_get_prepare(cli, args, config, ret_container, err);
}

static int create_run(void *context, void *args_, char **operands, struct err *err)
{
    struct cli *cli = context;
    const struct container_args *args = args_;
    auto_done(container_config) config = {};
    auto_drop(container) *container = NULL;
    if (config_make(cli, args, operands, false, &config, err) < 0)
        return -1;
    if (args->dry_run)
        return dry_run(cli, args, &config, err);
    if (prepare(cli, args, &config, &container, err) < 0)
        return -1;
    if (container->unmade && container_record(cli->engine, container, err) < 0)
        return -1;
    if (args->explain && plan_print(cli, args, container, err) < 0)
        return -1;
    return say_line(container->config.id, err);
}

/* ---- its start ---- */

/* It goes on with its log, as it would without us. One that removes itself has nobody left: it is
 * stopped, and gone when we end. */
static int end_unheard(struct engine *engine, const struct container *container,
                       struct relay *relay, struct attendance *attendance, struct err *err)
{
    struct err why = {};
    relay_release(relay);
    fd_close(&attendance->terminal); /* to it this is a hang-up */
    if (container->config.auto_remove && container_stop(engine, container, -1, &why) < 0)
        complain(why.text);
    return relay_unheard(relay, attendance, err);
}

static int attend(struct engine *engine, const struct container *container, struct relay *relay,
                  struct attendance *attendance, struct err *err)
{
    const struct container_config *config = &container->config;
    /* One that was made just now has the name that its monitor found for it. */
    const char *name = config->name ? config->name : config->id;
    int len = config->name ? INT_MAX : ID_SHORT;
    auto_free char *goes_on =
        xasprintf("container %.*s goes on; end it with \"ruche kill %.*s\"", len, name, len, name);
    enum relay_end end;
    int exit_code = 0;
    if (relay_run(relay, attendance, goes_on, &end, &exit_code, err) < 0)
        return -1;
    if (end == RELAY_UNHEARD)
        return end_unheard(engine, container, relay, attendance, err);
    return exit_code;
}

static int start_attached(struct engine *engine, struct container *container,
                          enum relay_flags flags, struct attendance *attendance, struct err *err)
{
    auto_done(relay) relay = { .signals = -1 };
    attendance->attached = true;
    attendance->stdin_open = flags & RELAY_STDIN;
    relay_size(&attendance->size);
    if (relay_init(&relay, flags, err) < 0)
        return -1;
    int result = container_start(engine, container, attendance, err);
    if (attendance->warnings)
        warn_lines(attendance->warnings);
    return result < 0 ? -1 : attend(engine, container, &relay, attendance, err);
}

static int start_detached(struct engine *engine, struct container *container,
                          struct attendance *attendance, struct err *err)
{
    int result = container_start(engine, container, attendance, err);
    if (attendance->warnings)
        warn_lines(attendance->warnings);
    return result;
}

#define ATTENDANCE_NONE                                                                            \
    {                                                                                              \
        .control = -1, .process = -1, .stdin_fd = -1, .terminal = -1, .out_fd = -1, .err_fd = -1   \
    }

static bool wants_signals(const char *sig_proxy)
{
    return !text_same(sig_proxy, "false");
}

static enum relay_flags run_flags(const struct container_args *args)
{
    return (args->stdin_open ? RELAY_STDIN : 0) | (args->terminal ? RELAY_TERMINAL : 0) |
           (wants_signals(args->sig_proxy) ? RELAY_SIGNALS : 0);
}

static int run_run(void *context, void *args_, char **operands, struct err *err)
{
    struct cli *cli = context;
    const struct container_args *args = args_;
    auto_done(container_config) config = {};
    auto_drop(container) *container = NULL;
    auto_done(attendance) attendance = ATTENDANCE_NONE;
    struct explain explain;
    if (config_make(cli, args, operands, !args->dry_run, &config, err) < 0)
        return -1;
    if (args->dry_run)
        return dry_run(cli, args, &config, err);
    enum relay_flags flags = args->detach ? 0 : run_flags(args);
    if (relay_check(flags, err) < 0)
        return -1;
    if (args->explain) {
        explain_init(&explain, args->explain, 0, STDERR_FILENO);
        attendance.listener = explain_event;
        attendance.listener_context = &explain;
    }
    if (prepare(cli, args, &config, &container, err) < 0)
        return -1;
    if (!args->detach)
        return start_attached(cli->engine, container, flags, &attendance, err);
    if (start_detached(cli->engine, container, &attendance, err) < 0)
        return -1;
    return say_line(container->config.id, err);
}

/* ---- start ---- */

struct start_args {
    bool attach;
    bool stdin_open;
    const char *sig_proxy;
    const char *explain;
};

static const char *const bool_words[] = { "true", "false", NULL };

/* clang-format off */
static const struct option start_table[] = {
    OPTION_BOOL(start_args, attach, 'a', "attach",
        "Show what it says, pass signals on, and end as it ends"),
    { OPTION_ROW(OPTIONAL, start_args, explain, const char *, 0, "explain", "FORMAT",
        "Print each step of the start with its time"), .choices = explain_words },
    OPTION_BOOL(start_args, stdin_open, 'i', "interactive",
        "As --attach, and pass standard input on if it was created with -i"),
    { OPTION_ROW(OPTIONAL, start_args, sig_proxy, const char *, 0, "sig-proxy", "BOOL",
        "Pass signals on to the process, true by default"), .choices = bool_words },
    OPTION_END,
};
/* clang-format on */
static const struct option *const start_options[] = { start_table, NULL };

static bool runs(const struct container *container)
{
    return container->state.status == CONTAINER_RUNNING ||
           container->state.status == CONTAINER_PAUSED;
}

static int start_one(struct cli *cli, const struct start_args *args, const char *operand,
                     bool attach, struct err *err)
{
    struct engine *engine;
    struct explain explain;
    auto_drop(container) *container = NULL;
    auto_done(attendance) attendance = ATTENDANCE_NONE;
    if (cli_engine(cli, &engine, err) < 0 || container_find(engine, operand, &container, err) < 0)
        return -1;
    if (runs(container) && !attach)
        return 0; /* as asked */
    if (args->explain) {
        explain_init(&explain, args->explain, 0, STDERR_FILENO);
        attendance.listener = explain_event;
        attendance.listener_context = &explain;
    }
    if (!attach)
        return start_detached(engine, container, &attendance, err);
    bool stdin_open = args->stdin_open && container->config.stdin_open;
    enum relay_flags flags = (stdin_open ? RELAY_STDIN : 0) |
                             (container->config.terminal ? RELAY_TERMINAL : 0) |
                             (wants_signals(args->sig_proxy) ? RELAY_SIGNALS : 0);
    if (relay_check(flags, err) < 0)
        return -1;
    return start_attached(engine, container, flags, &attendance, err);
}

static int start_work(struct cli *cli, const void *args, const char *operand, struct err *err)
{
    return start_one(cli, args, operand, false, err);
}

/* Before the first of them is started, for afterwards it is too late. */
static int start_guard(struct cli *cli, char **operands, struct err *err)
{
    struct engine *engine;
    struct err missing = {}; /* is told of later */
    bool exposed = false;
    if (cli_engine(cli, &engine, err) < 0)
        return -1;
    for (char **operand = operands; *operand; operand++) {
        auto_drop(container) *container = NULL;
        if (container_find(engine, *operand, &container, &missing) == 0)
            exposed = exposed || container_exposes_program(engine, container);
    }
    return cli_guard(cli, exposed, err);
}

static int start_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct start_args *args = args_;
    bool attached = args->attach || args->stdin_open;
    if (attached && operands[1])
        return err_set(err, ERR_USAGE, "only one container can be attached to at a time");
    if (start_guard(context, operands, err) < 0)
        return -1;
    if (!attached)
        return operands_each(context, args, operands, start_work, EACH_ECHO);
    return start_one(context, args, operands[0], true, err);
}

/* ---- commands ---- */

static const char run_text[] =
    "Creates a container from an image, starts it, and ends with its exit status. The output of "
    "the command is ours; standard input is passed on with -i, and -t gives it a terminal.\n"
    "\n"
    "A container is private unless options open it: it has a user namespace of its own, cannot "
    "gain privileges, has few capabilities and at most 2048 processes, and no network: there are "
    "no bridge networks yet, so that --network is none by default, or host, or another "
    "container's.\n"
    "\n"
    "Exit status: 125 if ruche itself failed, 126 if the command cannot be executed, 127 if it "
    "was not found, else the command's own, or 128 and the number of the signal that ended it.";

static const char *const run_examples[] = {
    "ruche run --rm busybox echo hello",
    "Run one command and leave nothing behind",
    "ruche run --rm -it busybox sh",
    "Work in a shell inside of a container",
    "ruche run -d --name web --network host -v ./site:/srv:ro busybox httpd -f -p 8080 -h /srv",
    "Run a server in the background, its files read-only",
    "ruche run --rm -v .:/src -w /src -u 1000:1000 gcc make",
    "Build the working directory with an image's tools, as an ordinary user",
    "ruche run --rm -m 256m --cpus 0.5 --pids-limit 64 busybox sh -c 'yes | head -c 1g | wc -c'",
    "Limit memory, CPU time and processes",
    "tar c . | ruche run --rm -i busybox tar t",
    "Feed a command through a pipe",
    "ruche run --rm --cap-drop ALL --tmpfs /tmp:size=16m --read-only busybox sh",
    "Close it further: no capabilities, nothing written but 16 MiB of memory",
    "ruche run --rm --rootfs ./rootfs:O /bin/sh -c 'rm -rf /etc'",
    "Run in a directory of the host and throw away what changes",
    "ruche run --rm --explain busybox true",
    "See each step of a start, and how long it took",
    NULL,
};

static const char create_text[] =
    "Makes a container as run does, prints its id, and does not start it.";

static const char *const create_examples[] = {
    "ruche create --name job -e MODE=fast busybox sh -c 'echo $MODE'",
    "Prepare a container, to be started later",
    "ruche start -a job",
    "Start it, and see what it says",
    "ruche create --cidfile job.id busybox true",
    "Keep the id in a file for scripts",
    NULL,
};

static const char start_text[] = "Starts containers that were created or have ended, as they were "
                                 "configured. Those that run already are fine. With -a or -i, for "
                                 "one container, its output is shown, and the exit status is its "
                                 "own.";

static const char *const start_examples[] = {
    "ruche start web",
    "Start a container in the background",
    "ruche start web db cache",
    "Start several",
    "ruche start -a job",
    "Start one, see what it says, and end with its exit status",
    "ruche start -i shell",
    "Go back to a shell that was created with -it",
    NULL,
};

const struct command run_command = {
    .name = "run",
    .also = COMMAND_ALSO("container run"),
    .args = "[OPTIONS] IMAGE [COMMAND [ARG...]]",
    .summary = "Create a container from an image and start it",
    .text = run_text,
    .examples = run_examples,
    .options = run_options,
    .operands = OPERANDS_IMAGES,
    .most = -1,
    .args_size = sizeof(struct container_args),
    .run = run_run,
};

const struct command create_command = {
    .name = "create",
    .also = COMMAND_ALSO("container create"),
    .args = "[OPTIONS] IMAGE [COMMAND [ARG...]]",
    .summary = "Create a container without starting it",
    .text = create_text,
    .examples = create_examples,
    .options = create_options,
    .operands = OPERANDS_IMAGES,
    .most = -1,
    .args_size = sizeof(struct container_args),
    .run = create_run,
};

const struct command start_command = {
    .name = "start",
    .also = COMMAND_ALSO("container start"),
    .args = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Start containers",
    .text = start_text,
    .examples = start_examples,
    .options = start_options,
    .flags = COMMAND_INTERSPERSED,
    .operands = OPERANDS_CONTAINERS,
    .least = 1,
    .most = -1,
    .args_size = sizeof(struct start_args),
    .run = start_run,
};
