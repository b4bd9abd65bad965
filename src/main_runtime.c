/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ruche-runtime: the OCI runtime alone. It runs a bundle (runtime-spec, bundle.md) as `runc run`
 * does, in the foreground, by the same steps as the engine's containers.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/option.h"
#include "cli/cli.h"
#include "cli/relay.h"
#include "engine/engine.h"
#include "kernel/pidfd.h"
#include "runtime/runtime.h"

static const char program[] = "ruche-runtime";

struct run_args {
    const char *bundle;
};

static const struct option run_options[] = {
    OPTION_TEXT(run_args, bundle, 'b', "bundle", "DIR",
                "Directory of config.json and the root file system (default \".\")"),
    OPTION_END,
};
static const struct option *const run_tables[] = { run_options, NULL };

/* A bundle that is being run. */
struct bundle {
    struct spec spec;
    struct runtime_rootfs rootfs;
    struct cgroup_host cgroups;
};

static void bundle_done(struct bundle *bundle)
{
    spec_done(&bundle->spec);
    strings_done(&bundle->rootfs.lower);
    cgroup_host_done(&bundle->cgroups);
}

static int bundle_load(const char *path, const char *id, struct bundle *bundle, struct err *err)
{
    auto_free char *absolute = realpath(path, NULL);
    auto_free char *text = NULL;
    size_t len;
    if (!absolute)
        return err_sys(err, "bundle %s", path);
    auto_free char *file = xasprintf("%s/config.json", absolute);
    int found = file_load(AT_FDCWD, file, SPEC_MAX_BYTES, &text, &len, err);
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "%s is not there; give a bundle with --bundle", file);
    if (found < 0 || spec_parse(text, len, &bundle->spec, err) < 0)
        return -1;
    struct spec *spec = &bundle->spec;
    if (!spec->root || !spec->linux)
        return err_set(err, ERR_INVALID, "%s: it has no root or no linux part", file);
    if (!spec->linux->cgroups_path)
        spec->linux->cgroups_path = xasprintf("ruche/%s", id);
    const char *root = spec->root->path;
    strings_addf(&bundle->rootfs.lower, "%s%s%s", root[0] == '/' ? "" : absolute,
                 root[0] == '/' ? "" : "/", root);
    return cgroup_host_detect(&bundle->cgroups, err);
}

static int attend(struct relay *relay, struct runtime_process *process, int *ret_exit_code,
                  struct err *err)
{
    struct attendance attendance = {
        .attached = true,
        .stdin_open = process->terminal >= 0,
        .control = process->pidfd,
        .process = process->pidfd,
        .stdin_fd = -1,
        .terminal = process->terminal,
        .out_fd = -1,
        .err_fd = -1,
    };
    return relay_run(relay, &attendance, ret_exit_code, err);
}

static void cgroup_end(const struct bundle *bundle)
{
    struct cgroup cgroup = {};
    struct err err = {};
    if (cgroup_open(&bundle->cgroups, bundle->spec.linux->cgroups_path, &cgroup, &err) != 1)
        return;
    if (cgroup_remove(&cgroup, 2000, &err) < 0)
        complain(err.text);
    cgroup_close(&cgroup);
}

static int run(void *context, void *args_, char **operands, struct err *err)
{
    (void)context;
    const struct run_args *args = args_;
    auto_done(bundle) bundle = {};
    auto_done(relay) relay = { .signals = -1 };
    struct runtime_process process = { .pidfd = -1, .terminal = -1 };
    int exit_code = 0;
    if (cgroup_path_check(operands[0], err) < 0 || strchr(operands[0], '/'))
        return err_set(err, ERR_INVALID,
                       "the id %s: letters, digits and _ + - . are what it may have", operands[0]);
    if (bundle_load(args->bundle ? args->bundle : ".", operands[0], &bundle, err) < 0)
        return -1;
    bool terminal = bundle.spec.process && bundle.spec.process->terminal;
    struct runtime_request request = {
        .spec = &bundle.spec,
        .rootfs = &bundle.rootfs,
        .cgroups = &bundle.cgroups,
        .seccomp = RUNTIME_SECCOMP_SPEC,
        .seccomp_cache = -1,
        .stdio = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO },
    };
    enum relay_flags flags = terminal ? RELAY_STDIN | RELAY_TERMINAL | RELAY_OUTPUT : RELAY_SIGNALS;
    if (relay_check(flags, err) < 0 || relay_init(&relay, flags, err) < 0 ||
        runtime_create(&request, &process, err) < 0)
        return -1;
    if (process.warning[0])
        warn_lines(process.warning);
    int result = attend(&relay, &process, &exit_code, err);
    cgroup_end(&bundle);
    runtime_process_done(&process);
    return result < 0 ? -1 : exit_code;
}

static const char *const run_examples[] = {
    "ruche-runtime run --bundle /srv/web web",
    "Run the bundle in /srv/web in the foreground",
    NULL,
};

static const struct command run_command = {
    .name = "run",
    .args = "[--bundle DIR] ID",
    .summary = "Run an OCI bundle in the foreground, and exit as its process does",
    .examples = run_examples,
    .options = run_tables,
    .least = 1,
    .most = 1,
    .args_size = sizeof(struct run_args),
    .run = run,
};

static int usage(const char *word)
{
    auto_done(str) text = {};
    struct err err = {};
    if (strcmp(word, "--version") == 0 || strcmp(word, "-v") == 0)
        return say_line("ruche-runtime version " RUCHE_VERSION "\nspec: " SPEC_VERSION, &err);
    command_help(&run_command, program, &text);
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return say(&text, &err);
    str_clear(&text);
    str_addf(&text, "unknown command: %s; there is run (see '%s --help')", word, program);
    complain(str_text(&text));
    return 1;
}

int main(int argc, char **argv)
{
    struct err err = {};
    struct run_args args = {};
    char **operands = NULL;
    auto_done(str) text = {};
    if (argc < 2 || strcmp(argv[1], run_command.name) != 0)
        return usage(argc < 2 ? "--help" : argv[1]);
    int help = option_parse(run_tables, 0, &args, argv + 2, &operands, &err);
    if (help == 1) {
        command_help(&run_command, program, &text);
        return say(&text, &err);
    }
    int status = -1;
    if (help == 0 && (!operands[0] || operands[1]))
        (void)err_set(&err, ERR_USAGE, "run needs exactly one argument: %s", run_command.args);
    else if (help == 0)
        status = run_command.run(NULL, &args, operands, &err);
    if (status >= 0)
        return status;
    complain(err.text);
    return err.kind == ERR_NO_COMMAND || err.kind == ERR_NOT_EXECUTABLE ? err_exit_status(&err) : 1;
}
