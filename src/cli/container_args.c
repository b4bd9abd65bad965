/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/container_args.h"

#include <string.h>

#include "base/mem.h"
#include "cli/environment.h"
#include "cli/explain.h"
#include "cli/isolation.h"
#include "cli/limit.h"
#include "cli/path.h"
#include "cli/volume.h"
#include "engine/engine.h"
#include "kernel/signal_name.h"

enum { STOP_TIMEOUT_MAX_S = 1 << 30 };

static const char *const private_words[] = { "private", "host", NULL };
static const char *const bool_words[] = { "true", "false", NULL };
static const char *const pull_words[] = { "always", "missing", "never", NULL };

/* clang-format off */
static const struct option shared_options[] = {
    OPTION_LIST(container_args, annotations, 0, "annotation", "KEY=VALUE",
        "Add an annotation for the runtime"),
    OPTION_NUMBER(container_args, blkio_weight, 0, "blkio-weight", "WEIGHT", 0, 1000,
        "Share of block I/O, 10 to 1000; 0 is the default"),
    OPTION_LIST(container_args, cap_add, 0, "cap-add", "CAPABILITY",
        "Add a Linux capability (ALL: all of them)"),
    OPTION_LIST(container_args, cap_drop, 0, "cap-drop", "CAPABILITY",
        "Drop a Linux capability (ALL: all of them)"),
    OPTION_CHOICE(container_args, cgroupns, 0, "cgroupns", "MODE", private_words,
        "Cgroup namespace"),
    OPTION_TEXT(container_args, cidfile, 0, "cidfile", "FILE",
        "Write the container's id to a new file"),
    OPTION_NUMBER(container_args, cpu_period_us, 0, "cpu-period", "MICROSECONDS", 0, 1000000,
        "Period in which --cpu-quota counts, 1000 to 1000000"),
    OPTION_NUMBER(container_args, cpu_quota_us, 0, "cpu-quota", "MICROSECONDS", -1, INT64_C(1) << 40,
        "CPU time in each --cpu-period; -1: no limit"),
    OPTION_NUMBER(container_args, cpu_shares, 'c', "cpu-shares", "SHARES", 0, 262144,
        "Share of CPU time against other containers, 2 to 262144; 0 is the default, 1024"),
    OPTION_NANO(container_args, nano_cpus, 0, "cpus", "NUMBER", "CPUs it may use, such as 1.5"),
    OPTION_TEXT(container_args, cpuset_cpus, 0, "cpuset-cpus", "LIST",
        "CPUs it may run on, such as 0-3,5"),
    OPTION_TEXT(container_args, cpuset_mems, 0, "cpuset-mems", "LIST",
        "Memory nodes it may use, such as 0,1"),
    OPTION_LIST(container_args, devices, 0, "device", "DEVICE[:PATH][:rwm]",
        "Let it use a device of the host"),
    OPTION_TEXT(container_args, domainname, 0, "domainname", "NAME", "NIS domain name"),
    OPTION_BOOL(container_args, dry_run, 0, "dry-run", "Print what would be done, and do nothing"),
    OPTION_TEXT(container_args, entrypoint, 0, "entrypoint", "COMMAND",
        "Replace the image's entrypoint; \"\": none"),
    OPTION_LIST(container_args, env, 'e', "env", "KEY[=VALUE]",
        "Set a variable; without a value, to what it is here"),
    OPTION_LIST(container_args, env_files, 0, "env-file", "FILE",
        "Read variables from a file, one KEY=VALUE a line"),
    { OPTION_ROW(OPTIONAL, container_args, explain, const char *, 0, "explain", "FORMAT",
        "Print each step of the start, with its time if it is made"), .choices = explain_words },
    OPTION_LIST(container_args, groups, 0, "group-add", "GROUP",
        "Add a supplementary group, by name or number"),
    OPTION_TEXT(container_args, hostname, 'h', "hostname", "NAME",
        "Host name; the id's first twelve digits by default"),
    OPTION_BOOL(container_args, init, 0, "init",
        "Run a small init as process 1, which reaps processes and forwards signals"),
    OPTION_BOOL(container_args, stdin_open, 'i', "interactive", "Pass standard input on"),
    OPTION_TEXT(container_args, ipc, 0, "ipc", "MODE",
        "IPC namespace, and /dev/shm: private (or shareable), host, none or container:NAME"),
    OPTION_LIST(container_args, labels, 'l', "label", "KEY[=VALUE]", "Add a label"),
    OPTION_LIST(container_args, label_files, 0, "label-file", "FILE",
        "Read labels from a file, one KEY=VALUE a line"),
    OPTION_SIZE(container_args, memory_bytes, 'm', "memory", "BYTES", "Memory limit, such as 512m"),
    OPTION_SIZE(container_args, memory_reservation_bytes, 0, "memory-reservation", "BYTES",
        "Memory it keeps when the host is short of it"),
    OPTION_SIZE(container_args, memory_swap_bytes, 0, "memory-swap", "BYTES",
        "Limit of memory and swap together (default twice --memory); -1: swap without limit"),
    OPTION_LIST(container_args, mounts, 0, "mount", "KEY=VALUE[,...]",
        "Mount a directory or file (type=bind,src=,dst=) or a tmpfs (type=tmpfs,dst=)"),
    OPTION_TEXT(container_args, name, 0, "name", "NAME", "Name of the container"),
    OPTION_TEXT(container_args, network, 0, "net", "MODE", "Same as --network"),
    OPTION_TEXT(container_args, network, 0, "network", "MODE",
        "Network: none (the default: there are no bridge networks yet), host or container:NAME"),
    OPTION_TEXT(container_args, pid, 0, "pid", "MODE",
        "PID namespace: private, host or container:NAME"),
    OPTION_NUMBER(container_args, pids_limit, 0, "pids-limit", "NUMBER", -1, 1 << 22,
        "Processes and threads at most, 2048 by default; 0 or -1: no limit"),
    OPTION_TEXT(container_args, platform, 0, "platform", "OS/ARCH[/VARIANT]",
        "Of an image for several platforms, the one for this"),
    OPTION_BOOL(container_args, privileged, 0, "privileged",
        "Give all capabilities and devices, and protect nothing of the host"),
    OPTION_CHOICE(container_args, pull, 0, "pull", "WHEN", pull_words,
        "Pull the image; if it is missing by default"),
    OPTION_BOOL(container_args, quiet, 'q', "quiet", "Show no progress of a pull"),
    OPTION_BOOL(container_args, readonly, 0, "read-only", "Make the root file system read-only"),
    OPTION_BOOL(container_args, remove, 0, "rm", "Remove the container when it ends"),
    OPTION_TEXT(container_args, rootfs, 0, "rootfs", "DIRECTORY[:O]",
        "Use a directory instead of an image; with :O, changes to it are thrown away"),
    OPTION_LIST(container_args, security, 0, "security-opt", "OPTION",
        "seccomp=FILE|unconfined, no-new-privileges[=false] or unmask=ALL|PATH[:PATH...]"),
    OPTION_SIZE(container_args, shm_size_bytes, 0, "shm-size", "BYTES",
        "Size of /dev/shm, 64m by default"),
    OPTION_TEXT(container_args, stop_signal, 0, "stop-signal", "SIGNAL",
        "Signal that asks it to stop"),
    OPTION_NUMBER(container_args, stop_timeout_s, 0, "stop-timeout", "SECONDS", 0, STOP_TIMEOUT_MAX_S,
        "Seconds it has to stop before it is killed, 10 by default"),
    OPTION_LIST(container_args, sysctls, 0, "sysctl", "KEY=VALUE",
        "Set a kernel parameter of its namespaces"),
    OPTION_CHOICE(container_args, timens, 0, "time", "MODE", private_words, "Time namespace"),
    OPTION_LIST(container_args, tmpfs, 0, "tmpfs", "PATH[:OPTIONS]",
        "Mount a tmpfs, such as /run:size=64m,mode=755"),
    OPTION_BOOL(container_args, terminal, 't', "tty", "Give it a terminal"),
    OPTION_LIST(container_args, ulimits, 0, "ulimit", "NAME=SOFT[:HARD]",
        "Set a resource limit, such as nofile=1024:4096"),
    OPTION_TEXT(container_args, user, 'u', "user", "USER[:GROUP]",
        "User of the process, by name or number"),
    OPTION_TEXT(container_args, userns, 0, "userns", "MODE",
        "User namespace: private, host or container:NAME"),
    OPTION_CHOICE(container_args, uts, 0, "uts", "MODE", private_words,
        "UTS namespace: that of the host name"),
    REGISTRY_OPTIONS(container_args, registry),
    OPTION_LIST(container_args, volumes, 'v', "volume", "SOURCE:PATH[:OPTIONS]",
        "Mount a directory or file of the host; it is made if it is not there"),
    OPTION_TEXT(container_args, workdir, 'w', "workdir", "PATH",
        "Working directory of the process"),
    OPTION_END,
};

static const struct option run_only_options[] = {
    OPTION_BOOL(container_args, detach, 'd', "detach", "Leave it running, and print its id"),
    { OPTION_ROW(OPTIONAL, container_args, sig_proxy, const char *, 0, "sig-proxy", "BOOL",
        "Pass signals on to the process, true by default"), .choices = bool_words },
    OPTION_END,
};
/* clang-format on */

const struct option *const run_options[] = { run_only_options, shared_options, NULL };
const struct option *const create_options[] = { shared_options, NULL };

static char *copy_or_null(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

static int rootfs_set(const char *text, struct container_config *config, struct err *err)
{
    bool overlay = text_ends(text, ":O");
    auto_free char *path = xstrndup(text, strlen(text) - (overlay ? 2 : 0));
    if (path[0] == '\0')
        return err_set(err, ERR_INVALID, "--rootfs: no directory was given");
    config->rootfs_overlay = overlay;
    return path_absolute(path, "--rootfs", &config->rootfs, err);
}

/* IMAGE and COMMAND, or with --rootfs COMMAND alone. */
static int operands_set(const struct container_args *args, char *const *operands,
                        struct container_config *config, struct err *err)
{
    bool cleared = args->entrypoint && !args->entrypoint[0];
    if (args->rootfs) {
        if (rootfs_set(args->rootfs, config, err) < 0)
            return -1;
    } else if (!operands[0]) {
        return err_set(err, ERR_USAGE, "no image was given; name one, or a directory by --rootfs");
    } else {
        config->image = xstrdup(*operands++);
        config->platform = copy_or_null(args->platform);
    }
    /* An empty first word stands for "none, not even the image's", as in docker's own
     * configurations. */
    if (args->entrypoint)
        strings_add(&config->entrypoint, args->entrypoint);
    for (; *operands; operands++)
        strings_add(&config->command, *operands);
    if (args->rootfs && config->command.len == 0 && (!args->entrypoint || cleared))
        return err_set(err, ERR_USAGE,
                       "--rootfs: no command was given, and a directory has none of its own");
    return 0;
}

static int names_set(const struct container_args *args, struct container_config *config,
                     struct err *err)
{
    bool host_uts = text_same(args->uts, "host");
    if (host_uts && (args->hostname || args->domainname))
        return err_set(err, ERR_USAGE, "--uts host: the host's name cannot be changed by %s",
                       args->hostname ? "--hostname" : "--domainname");
    config->name = copy_or_null(args->name);
    config->hostname = copy_or_null(args->hostname);
    config->domainname = copy_or_null(args->domainname);
    return 0;
}

static int stop_set(const struct container_args *args, struct container_config *config,
                    struct err *err)
{
    char buffer[SIGNAL_NAME_SIZE];
    int signal;
    config->stop_timeout_s = args->stop_timeout_s;
    if (!args->stop_signal)
        return 0;
    if (signal_parse(args->stop_signal, &signal, err) < 0)
        return err_wrap(err, "--stop-signal");
    config->stop_signal = xstrdup(signal_format(signal, buffer));
    return 0;
}

static int process_set(const struct container_args *args, struct container_config *config,
                       struct err *err)
{
    config->user = copy_or_null(args->user);
    strings_copy(&config->groups, &args->groups);
    config->terminal = args->terminal;
    config->stdin_open = args->stdin_open;
    config->auto_remove = args->remove;
    config->init = args->init;
    config->readonly = args->readonly;
    config->workdir = copy_or_null(args->workdir);
    return stop_set(args, config, err);
}

static int environment_set(const struct container_args *args, struct container_config *config,
                           struct err *err)
{
    if (environment_read(&args->env_files, &args->env, &config->env, err) < 0)
        return -1;
    if (labels_read(&args->label_files, &args->labels, &config->labels, err) < 0)
        return -1;
    return annotations_read(&args->annotations, &config->annotations, err);
}

static int config_fill(const struct container_args *args, char *const *operands,
                       struct container_config *config, struct strings *warnings, struct err *err)
{
    if (operands_set(args, operands, config, err) < 0 || names_set(args, config, err) < 0 ||
        process_set(args, config, err) < 0 || environment_set(args, config, err) < 0)
        return -1;
    if (volumes_set(args, config, warnings, err) < 0 || limits_set(args, config, err) < 0)
        return -1;
    return isolation_set(args, config, err);
}

int container_args_config(const struct container_args *args, char *const *operands,
                          struct container_config *ret_config, struct strings *warnings,
                          struct err *err)
{
    struct container_config config = { .version = CONTAINER_CONFIG_VERSION };
    if (config_fill(args, operands, &config, warnings, err) < 0) {
        container_config_done(&config);
        *ret_config = (struct container_config){};
        return -1;
    }
    *ret_config = config;
    return 0;
}
