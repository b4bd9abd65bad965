/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container told as docker tells it: the same keys, with what is true of ours. What docker's has
 * no place for stands under "Ruche". The answer is a value first, filled from configuration and
 * state, and written from tables.
 */
#include <string.h>

#include "base/template_value.h"
#include "engine/defaults.h"
#include "engine/logfile.h"
#include "engine/record_part.h"
#include "engine/subid.h"
#include "kernel/rlimit.h"

enum { INDENT = 4 };

static const char never[] = "0001-01-01T00:00:00Z"; /* docker's time of what has not happened */

struct inspect_state {
    char *status;
    bool running;
    bool paused;
    bool restarting;
    bool oom_killed;
    bool dead;
    int64_t pid;
    int64_t exit_code; /* -1: nobody knows */
    char *error;
    char *started;
    char *finished;
};

struct inspect_device {
    char *source;
    char *destination;
    char *access;
};

struct inspect_ulimit {
    char *name;
    int64_t hard;
    int64_t soft;
};

struct inspect_mount {
    char *type;
    char *source;
    char *destination;
    char *mode;
    bool writable;
    char *propagation;
};

struct inspect_log {
    char *type;
    struct pairs config;
};

struct inspect_restart {
    char *name;
    int64_t most;
};

struct inspect_host {
    struct strings binds;
    struct inspect_log log;
    char *network;
    struct pairs port_bindings;
    struct inspect_restart restart;
    bool auto_remove;
    struct strings cap_add;
    struct strings cap_drop;
    char *cgroup_namespace;
    struct strings groups;
    char *ipc;
    char *pid;
    bool privileged;
    bool readonly;
    struct strings security;
    char *uts;
    char *user;
    int64_t shm_size;
    char *runtime;
    struct pairs sysctls;
    struct pairs annotations;
    struct pairs tmpfs;
    int64_t cpu_shares;
    int64_t memory;
    int64_t nano_cpus;
    int64_t blkio_weight;
    int64_t cpu_period;
    int64_t cpu_quota;
    char *cpuset_cpus;
    char *cpuset_mems;
    int64_t memory_reservation;
    int64_t memory_swap;
    int64_t pids_limit;
    bool init;
    ARRAY_OF(inspect_device) devices;
    ARRAY_OF(inspect_ulimit) ulimits;
    struct strings masked;
    struct strings readonly_paths;
};

struct inspect_config {
    char *hostname;
    char *domainname;
    char *user;
    bool terminal;
    bool stdin_open;
    struct strings env;
    struct strings command;
    char *image;
    char *workdir;
    struct strings entrypoint;
    struct pairs labels;
    char *stop_signal;
    int64_t stop_timeout;
};

struct inspect_network {
    char *sandbox_id;
    struct pairs ports;
    struct pairs networks;
};

struct inspect_userns {
    char *mode;
    int64_t first;
    int64_t count;
};

struct inspect_rootfs {
    char *type;
    char *upper;
    struct strings layers;
};

struct inspect_ruche {
    struct inspect_userns userns;
    char *seccomp;
    bool no_new_privileges;
    char *cgroup;
    struct inspect_rootfs rootfs;
    int64_t monitor;
};

struct inspect {
    char *id;
    char *created;
    char *path;
    struct strings args;
    struct inspect_state state;
    char *image;
    char *resolv_conf;
    char *hostname;
    char *hosts;
    char *log;
    char *name;
    int64_t restarts;
    char *driver;
    char *platform;
    struct inspect_host host;
    struct maybe_u64 size_own;   /* only if asked for */
    struct maybe_u64 size_whole; /* with the image's */
    ARRAY_OF(inspect_mount) mounts;
    struct inspect_config config;
    struct inspect_network network;
    struct inspect_ruche ruche;
};

/* clang-format off */
static const struct field state_fields[] = {
    FIELD_TEXT(inspect_state, status, "Status", F_ALWAYS),
    FIELD_BOOL(inspect_state, running, "Running", F_ALWAYS),
    FIELD_BOOL(inspect_state, paused, "Paused", F_ALWAYS),
    FIELD_BOOL(inspect_state, restarting, "Restarting", F_ALWAYS),
    FIELD_BOOL(inspect_state, oom_killed, "OOMKilled", F_ALWAYS),
    FIELD_BOOL(inspect_state, dead, "Dead", F_ALWAYS),
    FIELD_I64(inspect_state, pid, "Pid", F_ALWAYS),
    FIELD_I64(inspect_state, exit_code, "ExitCode", F_ALWAYS),
    FIELD_TEXT(inspect_state, error, "Error", F_ALWAYS),
    FIELD_TEXT(inspect_state, started, "StartedAt", F_ALWAYS),
    FIELD_TEXT(inspect_state, finished, "FinishedAt", F_ALWAYS),
    FIELD_END,
};

static const struct field device_fields[] = {
    FIELD_TEXT(inspect_device, source, "PathOnHost", F_ALWAYS),
    FIELD_TEXT(inspect_device, destination, "PathInContainer", F_ALWAYS),
    FIELD_TEXT(inspect_device, access, "CgroupPermissions", F_ALWAYS),
    FIELD_END,
};

static const struct field ulimit_fields[] = {
    FIELD_TEXT(inspect_ulimit, name, "Name", F_ALWAYS),
    FIELD_I64(inspect_ulimit, hard, "Hard", F_ALWAYS),
    FIELD_I64(inspect_ulimit, soft, "Soft", F_ALWAYS),
    FIELD_END,
};

static const struct field mount_fields[] = {
    FIELD_TEXT(inspect_mount, type, "Type", F_ALWAYS),
    FIELD_TEXT(inspect_mount, source, "Source", F_ALWAYS),
    FIELD_TEXT(inspect_mount, destination, "Destination", F_ALWAYS),
    FIELD_TEXT(inspect_mount, mode, "Mode", F_ALWAYS),
    FIELD_BOOL(inspect_mount, writable, "RW", F_ALWAYS),
    FIELD_TEXT(inspect_mount, propagation, "Propagation", F_ALWAYS),
    FIELD_END,
};

static const struct field log_fields[] = {
    FIELD_TEXT(inspect_log, type, "Type", F_ALWAYS),
    FIELD_PAIRS(inspect_log, config, "Config", F_ALWAYS),
    FIELD_END,
};

static const struct field restart_fields[] = {
    FIELD_TEXT(inspect_restart, name, "Name", F_ALWAYS),
    FIELD_I64(inspect_restart, most, "MaximumRetryCount", F_ALWAYS),
    FIELD_END,
};

static const struct field host_fields[] = {
    FIELD_LIST(inspect_host, binds, "Binds", F_ALWAYS),
    FIELD_OBJECT(inspect_host, log, "LogConfig", F_ALWAYS, inspect_log, log_fields),
    FIELD_TEXT(inspect_host, network, "NetworkMode", F_ALWAYS),
    FIELD_PAIRS(inspect_host, port_bindings, "PortBindings", F_ALWAYS),
    FIELD_OBJECT(inspect_host, restart, "RestartPolicy", F_ALWAYS, inspect_restart, restart_fields),
    FIELD_BOOL(inspect_host, auto_remove, "AutoRemove", F_ALWAYS),
    FIELD_LIST(inspect_host, cap_add, "CapAdd", F_ALWAYS),
    FIELD_LIST(inspect_host, cap_drop, "CapDrop", F_ALWAYS),
    FIELD_TEXT(inspect_host, cgroup_namespace, "CgroupnsMode", F_ALWAYS),
    FIELD_LIST(inspect_host, groups, "GroupAdd", F_ALWAYS),
    FIELD_TEXT(inspect_host, ipc, "IpcMode", F_ALWAYS),
    FIELD_TEXT(inspect_host, pid, "PidMode", F_ALWAYS),
    FIELD_BOOL(inspect_host, privileged, "Privileged", F_ALWAYS),
    FIELD_BOOL(inspect_host, readonly, "ReadonlyRootfs", F_ALWAYS),
    FIELD_LIST(inspect_host, security, "SecurityOpt", F_ALWAYS),
    FIELD_TEXT(inspect_host, uts, "UTSMode", F_ALWAYS),
    FIELD_TEXT(inspect_host, user, "UsernsMode", F_ALWAYS),
    FIELD_I64(inspect_host, shm_size, "ShmSize", F_ALWAYS),
    FIELD_TEXT(inspect_host, runtime, "Runtime", F_ALWAYS),
    FIELD_PAIRS(inspect_host, sysctls, "Sysctls", 0),
    FIELD_PAIRS(inspect_host, annotations, "Annotations", 0),
    FIELD_PAIRS(inspect_host, tmpfs, "Tmpfs", 0),
    FIELD_I64(inspect_host, cpu_shares, "CpuShares", F_ALWAYS),
    FIELD_I64(inspect_host, memory, "Memory", F_ALWAYS),
    FIELD_I64(inspect_host, nano_cpus, "NanoCpus", F_ALWAYS),
    FIELD_I64(inspect_host, blkio_weight, "BlkioWeight", F_ALWAYS),
    FIELD_I64(inspect_host, cpu_period, "CpuPeriod", F_ALWAYS),
    FIELD_I64(inspect_host, cpu_quota, "CpuQuota", F_ALWAYS),
    FIELD_TEXT(inspect_host, cpuset_cpus, "CpusetCpus", F_ALWAYS),
    FIELD_TEXT(inspect_host, cpuset_mems, "CpusetMems", F_ALWAYS),
    FIELD_I64(inspect_host, memory_reservation, "MemoryReservation", F_ALWAYS),
    FIELD_I64(inspect_host, memory_swap, "MemorySwap", F_ALWAYS),
    FIELD_I64(inspect_host, pids_limit, "PidsLimit", F_ALWAYS),
    FIELD_BOOL(inspect_host, init, "Init", F_ALWAYS),
    FIELD_ARRAY(inspect_host, devices, "Devices", F_ALWAYS, inspect_device, device_fields),
    FIELD_ARRAY(inspect_host, ulimits, "Ulimits", F_ALWAYS, inspect_ulimit, ulimit_fields),
    FIELD_LIST(inspect_host, masked, "MaskedPaths", F_ALWAYS),
    FIELD_LIST(inspect_host, readonly_paths, "ReadonlyPaths", F_ALWAYS),
    FIELD_END,
};

static const struct field config_fields[] = {
    FIELD_TEXT(inspect_config, hostname, "Hostname", F_ALWAYS),
    FIELD_TEXT(inspect_config, domainname, "Domainname", F_ALWAYS),
    FIELD_TEXT(inspect_config, user, "User", F_ALWAYS),
    FIELD_BOOL(inspect_config, terminal, "Tty", F_ALWAYS),
    FIELD_BOOL(inspect_config, stdin_open, "OpenStdin", F_ALWAYS),
    FIELD_LIST(inspect_config, env, "Env", F_ALWAYS),
    FIELD_LIST(inspect_config, command, "Cmd", F_NULL),
    FIELD_TEXT(inspect_config, image, "Image", F_ALWAYS),
    FIELD_TEXT(inspect_config, workdir, "WorkingDir", F_ALWAYS),
    FIELD_LIST(inspect_config, entrypoint, "Entrypoint", F_NULL),
    FIELD_PAIRS(inspect_config, labels, "Labels", F_ALWAYS),
    FIELD_TEXT(inspect_config, stop_signal, "StopSignal", F_ALWAYS),
    FIELD_I64(inspect_config, stop_timeout, "StopTimeout", F_ALWAYS),
    FIELD_END,
};

static const struct field network_fields[] = {
    FIELD_TEXT(inspect_network, sandbox_id, "SandboxID", F_ALWAYS),
    FIELD_PAIRS(inspect_network, ports, "Ports", F_ALWAYS),
    FIELD_PAIRS(inspect_network, networks, "Networks", F_ALWAYS),
    FIELD_END,
};

static const struct field userns_fields[] = {
    FIELD_TEXT(inspect_userns, mode, "Mode", F_ALWAYS),
    FIELD_I64(inspect_userns, first, "FirstId", F_ALWAYS),
    FIELD_I64(inspect_userns, count, "Ids", F_ALWAYS),
    FIELD_END,
};

static const struct field rootfs_fields[] = {
    FIELD_TEXT(inspect_rootfs, type, "Type", F_ALWAYS),
    FIELD_TEXT(inspect_rootfs, upper, "Upper", 0),
    FIELD_LIST(inspect_rootfs, layers, "Layers", F_ALWAYS),
    FIELD_END,
};

static const struct field ruche_fields[] = {
    FIELD_OBJECT(inspect_ruche, userns, "UserNamespace", F_ALWAYS, inspect_userns, userns_fields),
    FIELD_TEXT(inspect_ruche, seccomp, "Seccomp", F_ALWAYS),
    FIELD_BOOL(inspect_ruche, no_new_privileges, "NoNewPrivileges", F_ALWAYS),
    FIELD_TEXT(inspect_ruche, cgroup, "Cgroup", F_ALWAYS),
    FIELD_OBJECT(inspect_ruche, rootfs, "RootFs", F_ALWAYS, inspect_rootfs, rootfs_fields),
    FIELD_I64(inspect_ruche, monitor, "MonitorPid", F_ALWAYS),
    FIELD_END,
};

static const struct field inspect_fields[] = {
    FIELD_TEXT(inspect, id, "Id", F_ALWAYS),
    FIELD_TEXT(inspect, created, "Created", F_ALWAYS),
    FIELD_TEXT(inspect, path, "Path", F_ALWAYS),
    FIELD_LIST(inspect, args, "Args", F_ALWAYS),
    FIELD_OBJECT(inspect, state, "State", F_ALWAYS, inspect_state, state_fields),
    FIELD_TEXT(inspect, image, "Image", F_ALWAYS),
    FIELD_TEXT(inspect, resolv_conf, "ResolvConfPath", F_ALWAYS),
    FIELD_TEXT(inspect, hostname, "HostnamePath", F_ALWAYS),
    FIELD_TEXT(inspect, hosts, "HostsPath", F_ALWAYS),
    FIELD_TEXT(inspect, log, "LogPath", F_ALWAYS),
    FIELD_TEXT(inspect, name, "Name", F_ALWAYS),
    FIELD_I64(inspect, restarts, "RestartCount", F_ALWAYS),
    FIELD_TEXT(inspect, driver, "Driver", F_ALWAYS),
    FIELD_TEXT(inspect, platform, "Platform", F_ALWAYS),
    FIELD_OBJECT(inspect, host, "HostConfig", F_ALWAYS, inspect_host, host_fields),
    FIELD_MAYBE_U64(inspect, size_own, "SizeRw", 0),
    FIELD_MAYBE_U64(inspect, size_whole, "SizeRootFs", 0),
    FIELD_ARRAY(inspect, mounts, "Mounts", F_ALWAYS, inspect_mount, mount_fields),
    FIELD_OBJECT(inspect, config, "Config", F_ALWAYS, inspect_config, config_fields),
    FIELD_OBJECT(inspect, network, "NetworkSettings", F_ALWAYS, inspect_network, network_fields),
    FIELD_OBJECT(inspect, ruche, "Ruche", F_ALWAYS, inspect_ruche, ruche_fields),
    FIELD_END,
};
/* clang-format on */

static char *text_or(const char *text, const char *otherwise)
{
    return xstrdup(text ? text : otherwise);
}

/* --- the parts --- */

static void fill_state(struct inspect_state *to, const struct container_state *from)
{
    bool unknown = from->status == CONTAINER_UNKNOWN;
    *to = (struct inspect_state){
        .status = xstrdup(container_status_names[from->status]),
        .running = state_is_running(from),
        .paused = from->status == CONTAINER_PAUSED,
        .oom_killed = from->oom_killed,
        .dead = unknown,
        .pid = state_is_running(from) ? from->pid : 0,
        .exit_code = unknown ? -1 : from->exit_code,
        .error = text_or(from->error, ""),
        .started = text_or(from->started, never),
        .finished = text_or(from->finished, never),
    };
}

static char *options_join(const struct strings *options)
{
    struct str joined = {};
    for (size_t i = 0; i < options->len; i++)
        if (strcmp(options->at[i], "create-source") != 0)
            str_addf(&joined, "%s%s", joined.len > 0 ? "," : "", options->at[i]);
    return str_take(&joined);
}

static const char *propagation_of(const struct strings *options)
{
    static const char words[][12] = {
        "private", "rprivate", "slave", "rslave", "shared", "rshared"
    };
    for (size_t i = 0; i < array_size(words); i++)
        if (strings_have(options, words[i]))
            return words[i];
    return "rprivate";
}

static void add_mount(struct inspect *to, const struct container_mount *from)
{
    bool bind = strcmp(from->type, "bind") == 0;
    auto_free char *options = options_join(&from->options);
    struct inspect_mount *mount = array_add(&to->mounts);
    *mount = (struct inspect_mount){
        .type = xstrdup(from->type),
        .source = text_or(from->source, ""),
        .destination = xstrdup(from->destination),
        .mode = xstrdup(options),
        .writable = !strings_have(&from->options, "ro") &&
                    !strings_have(&from->options, "readonly") &&
                    !strings_have(&from->options, "rro"),
        .propagation = xstrdup(bind ? propagation_of(&from->options) : ""),
    };
    if (!bind)
        pairs_put(&to->host.tmpfs, from->destination, options);
    else
        strings_addf(&to->host.binds, "%s:%s%s%s", mount->source, from->destination,
                     options[0] ? ":" : "", options);
}

static void add_ulimit(struct inspect_host *to, const char *text)
{
    struct rlimit_pair pair;
    if (rlimit_parse(text, &pair, NULL) < 0)
        return; /* such a container does not start */
    const char *name = strchr(text, '=');
    struct inspect_ulimit *ulimit = array_add(&to->ulimits);
    ulimit->name = xstrndup(text, name ? (size_t)(name - text) : strlen(text));
    ulimit->hard = (int64_t)pair.hard; /* none is docker's -1 */
    ulimit->soft = (int64_t)pair.soft;
}

static void add_paths(struct strings *to, const struct container_config *from,
                      const char (*paths)[DEFAULT_PATH_SIZE], size_t n)
{
    if (from->privileged || strings_have(&from->unmask, "ALL"))
        return;
    for (size_t i = 0; i < n; i++)
        if (!strings_have(&from->unmask, paths[i]))
            strings_add(to, paths[i]);
}

static void fill_security(struct inspect_host *to, const struct container_config *from)
{
    if (from->no_new_privileges)
        strings_add(&to->security, "no-new-privileges");
    if (from->seccomp)
        strings_addf(&to->security, "seccomp=%s", from->seccomp);
    for (size_t i = 0; i < from->unmask.len; i++)
        strings_addf(&to->security, "unmask=%s", from->unmask.at[i]);
    strings_copy(&to->cap_add, &from->cap_add);
    strings_copy(&to->cap_drop, &from->cap_drop);
    add_paths(&to->masked, from, default_masked, DEFAULT_MASKED);
    add_paths(&to->readonly_paths, from, default_readonly, DEFAULT_READONLY);
}

static void fill_resources(struct inspect_host *to, const struct container_config *config)
{
    const struct container_resources *from = &config->resources;
    to->cpu_shares = from->cpu_shares.value;
    to->memory = from->memory_bytes.value;
    to->memory_reservation = from->memory_reservation_bytes.value;
    to->memory_swap = from->memory_swap_bytes.value;
    to->nano_cpus = from->nano_cpus.value;
    to->blkio_weight = from->blkio_weight.value;
    to->cpu_period = from->cpu_period_us.value;
    to->cpu_quota = from->cpu_quota_us.value;
    to->cpuset_cpus = text_or(from->cpuset_cpus, "");
    to->cpuset_mems = text_or(from->cpuset_mems, "");
    to->pids_limit = from->pids_limit.set ? from->pids_limit.value : DEFAULT_PIDS;
    to->shm_size = config->shm_size_bytes.set ? config->shm_size_bytes.value : DEFAULT_SHM_BYTES;
    for (size_t i = 0; i < config->ulimits.len; i++)
        add_ulimit(to, config->ulimits.at[i]);
}

static void fill_host(struct inspect_host *to, const struct container_config *from)
{
    const struct container_namespaces *namespaces = &from->namespaces;
    to->log.type = xstrdup("k8s-file"); /* the name by which others know this format */
    auto_free char *size = xasprintf("%dm", LOG_FILE_MAX_BYTES >> 20);
    auto_free char *files = xasprintf("%d", LOG_FILES);
    pairs_put(&to->log.config, "max-size", size);
    pairs_put(&to->log.config, "max-file", files);
    to->restart.name = xstrdup("no");
    to->network = text_or(namespaces->network, "none");
    to->cgroup_namespace = text_or(namespaces->cgroup, from->privileged ? "host" : "private");
    to->ipc = text_or(namespaces->ipc, "private");
    to->pid = text_or(namespaces->pid, "");
    to->uts = text_or(namespaces->uts, "");
    to->user = text_or(namespaces->user, "");
    to->auto_remove = from->auto_remove;
    to->privileged = from->privileged;
    to->readonly = from->readonly;
    to->init = from->init;
    to->runtime = xstrdup("ruche");
    strings_copy(&to->groups, &from->groups);
    pairs_copy(&to->sysctls, &from->sysctls);
    pairs_copy(&to->annotations, &from->annotations);
    for (size_t i = 0; i < from->devices.len; i++) {
        struct inspect_device *device = array_add(&to->devices);
        device->source = xstrdup(from->devices.at[i].source);
        device->destination = xstrdup(from->devices.at[i].destination);
        device->access = text_or(from->devices.at[i].access, "rwm");
    }
    fill_security(to, from);
    fill_resources(to, from);
}

static void fill_config(struct inspect_config *to, const struct container_config *from)
{
    *to = (struct inspect_config){
        .hostname =
            from->hostname ? xstrdup(from->hostname) : xstrndup(from->id, CONTAINER_ID_SHORT_LEN),
        .domainname = text_or(from->domainname, ""),
        .user = text_or(from->user, ""),
        .terminal = from->terminal,
        .stdin_open = from->stdin_open,
        .image = text_or(from->image, ""),
        .workdir = text_or(from->workdir, ""),
        .stop_signal = text_or(from->stop_signal, "SIGTERM"),
        .stop_timeout =
            from->stop_timeout_s.set ? from->stop_timeout_s.value : DEFAULT_STOP_TIMEOUT_S,
    };
    strings_copy(&to->env, &from->env);
    strings_copy(&to->command, &from->command);
    strings_copy(&to->entrypoint, &from->entrypoint);
    pairs_copy(&to->labels, &from->labels);
}

static void fill_ruche(struct inspect_ruche *to, const struct engine *engine,
                       const struct container *container)
{
    const struct container_config *config = &container->config;
    const struct container_state *state = &container->state;
    bool layered = !config->rootfs || config->rootfs_overlay;
    bool custom = config->seccomp && strcmp(config->seccomp, "unconfined") != 0;
    to->userns = (struct inspect_userns){
        .mode = text_or(state->userns, ""),
        .first = state->subid,
        .count = state->subid > 0 ? SUBID_COUNT : 0,
    };
    to->seccomp = xstrdup(custom                                  ? "custom"
                          : config->seccomp || config->privileged ? "unconfined"
                                                                  : "default");
    to->no_new_privileges = config->no_new_privileges;
    to->cgroup = text_or(state->cgroup, "");
    to->rootfs.type = xstrdup(layered ? "overlay" : "directory");
    to->rootfs.upper =
        layered ? xasprintf("%s/containers/%s/upper", engine->root, config->id) : NULL;
    strings_copy(&to->rootfs.layers, &config->layers);
    if (config->rootfs)
        strings_add(&to->rootfs.layers, config->rootfs);
    to->monitor = state_is_running(state) ? state->monitor_pid : 0;
}

static void fill_command(struct inspect *to, const struct container_config *from)
{
    for (size_t i = 0; i < from->entrypoint.len; i++)
        strings_add(&to->args, from->entrypoint.at[i]);
    for (size_t i = 0; i < from->command.len; i++)
        strings_add(&to->args, from->command.at[i]);
    if (to->args.len == 0)
        return;
    to->path = to->args.at[0];
    to->args.len--;
    memmove(to->args.at, to->args.at + 1, (to->args.len + 1) * sizeof(*to->args.at));
}

static void inspect_fill(struct inspect *inspect, const struct engine *engine,
                         const struct container *container, const struct container_sizes *sizes)
{
    const struct container_config *config = &container->config;
    const char *run = engine->run;
    *inspect = (struct inspect){
        .id = xstrdup(config->id),
        .created = text_or(config->created, ""),
        .image = text_or(config->image_id, ""),
        .resolv_conf = xasprintf("%s/containers/%s/resolv.conf", run, config->id),
        .hostname = xasprintf("%s/containers/%s/hostname", run, config->id),
        .hosts = xasprintf("%s/containers/%s/hosts", run, config->id),
        .log = xasprintf("%s/containers/%s/log/current", engine->root, config->id),
        .name = xasprintf("/%s", config->name ? config->name : ""),
        .driver = xstrdup("overlay"),
        .platform = xstrdup("linux"),
    };
    if (sizes) {
        inspect->size_own = (struct maybe_u64){ true, sizes->own_bytes };
        inspect->size_whole = sizes->whole_bytes;
    }
    fill_command(inspect, config);
    fill_state(&inspect->state, &container->state);
    fill_host(&inspect->host, config);
    for (size_t i = 0; i < config->mounts.len; i++)
        add_mount(inspect, &config->mounts.at[i]);
    fill_config(&inspect->config, config);
    fill_ruche(&inspect->ruche, engine, container);
}

void container_inspect(struct engine *engine, const struct container *container,
                       const struct container_sizes *sizes, struct str *out)
{
    struct inspect inspect;
    inspect_fill(&inspect, engine, container, sizes);
    field_write(inspect_fields, &inspect, INDENT, out);
    field_done(inspect_fields, &inspect);
}

void container_inspect_value(struct engine *engine, const struct container *container,
                             const struct container_sizes *sizes, struct pool *pool,
                             struct value *ret_value)
{
    struct inspect inspect;
    inspect_fill(&inspect, engine, container, sizes);
    *ret_value = value_of_fields(inspect_fields, &inspect, pool);
    field_done(inspect_fields, &inspect);
}
