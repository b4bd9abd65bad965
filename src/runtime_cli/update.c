/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/systemd.h"
#include "runtime/runtime.h"
#include "runtime_cli/container.h"

struct update_args {
    const char *resources;
    struct maybe_i64 blkio_weight;
    struct maybe_i64 cpu_period;
    struct maybe_i64 cpu_quota;
    struct maybe_i64 cpu_burst;
    struct maybe_i64 cpu_share;
    struct maybe_i64 cpu_rt_period;
    struct maybe_i64 cpu_rt_runtime;
    struct maybe_i64 cpu_idle;
    const char *cpuset_cpus;
    const char *cpuset_mems;
    struct maybe_i64 kernel_memory;
    struct maybe_i64 kernel_memory_tcp;
    struct maybe_i64 memory;
    struct maybe_i64 memory_reservation;
    struct maybe_i64 memory_swap;
    struct maybe_i64 pids_limit;
    const char *l3_cache_schema;
    const char *mem_bw_schema;
};

/* clang-format off */
static const struct option update_options[] = {
    OPTION_NUMBER(update_args, blkio_weight, 0, "blkio-weight", "WEIGHT", 0, 1000, "Weight of block I/O, 10 to 1000"),
    OPTION_NUMBER(update_args, cpu_burst, 0, "cpu-burst", "US", 0, INT64_MAX, "Microseconds of a period that may be saved up"),
    OPTION_NUMBER(update_args, cpu_idle, 0, "cpu-idle", "0|1", 0, 1, "Run only when nothing else does"),
    OPTION_NUMBER(update_args, cpu_period, 0, "cpu-period", "US", 0, INT64_MAX, "Period of the CPU quota in microseconds"),
    OPTION_NUMBER(update_args, cpu_quota, 0, "cpu-quota", "US", -1, INT64_MAX, "CPU time in a period in microseconds"),
    OPTION_NUMBER(update_args, cpu_rt_period, 0, "cpu-rt-period", "US", 0, INT64_MAX, "Period of the realtime runtime"),
    OPTION_NUMBER(update_args, cpu_rt_runtime, 0, "cpu-rt-runtime", "US", -1, INT64_MAX, "Realtime CPU time in a period"),
    OPTION_NUMBER(update_args, cpu_share, 0, "cpu-share", "SHARES", 0, INT64_MAX, "Weight of CPU time, 2 to 262144"),
    OPTION_TEXT(update_args, cpuset_cpus, 0, "cpuset-cpus", "LIST", "CPUs to run on (0-3,7)"),
    OPTION_TEXT(update_args, cpuset_mems, 0, "cpuset-mems", "LIST", "Memory nodes to use"),
    OPTION_SIZE(update_args, kernel_memory, 0, "kernel-memory", "SIZE", "Refused: the kernel has it no more"),
    OPTION_SIZE(update_args, kernel_memory_tcp, 0, "kernel-memory-tcp", "SIZE", "Memory of TCP buffers (cgroup v1)"),
    OPTION_TEXT(update_args, l3_cache_schema, 0, "l3-cache-schema", "SCHEMA", "Share of the L3 cache (Intel RDT)"),
    OPTION_TEXT(update_args, mem_bw_schema, 0, "mem-bw-schema", "SCHEMA", "Share of the memory bandwidth (Intel RDT)"),
    OPTION_SIZE(update_args, memory, 0, "memory", "SIZE", "Memory limit; -1 for none"),
    OPTION_SIZE(update_args, memory_reservation, 0, "memory-reservation", "SIZE", "What it is pressed down to when memory is short"),
    OPTION_SIZE(update_args, memory_swap, 0, "memory-swap", "SIZE", "Memory and swap together; -1 for no limit"),
    OPTION_NUMBER(update_args, pids_limit, 0, "pids-limit", "N", -1, INT64_MAX, "Number of processes; -1 for no limit"),
    OPTION_TEXT(update_args, resources, 'r', "resources", "FILE", "The limits as JSON, as linux.resources has them; \"-\" is the standard input"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const update_tables[] = { update_options, NULL };

enum { RESOURCES_MAX_BYTES = 1 << 20 };

static int resources_load(const char *path, struct spec_resources *ret_resources, struct err *err)
{
    auto_free char *text = NULL;
    size_t len;
    bool is_stdin = strcmp(path, "-") == 0;
    int found = is_stdin ? file_load_fd(STDIN_FILENO, RESOURCES_MAX_BYTES, &text, &len, err)
                         : file_load(AT_FDCWD, path, RESOURCES_MAX_BYTES, &text, &len, err);
    if (!is_stdin && found == 0)
        return err_set(err, ERR_NOT_FOUND, "%s: no such file or directory", path);
    if (found < 0 || spec_resources_parse(text, len, ret_resources, err) < 0)
        return err_wrap(err, "--resources");
    return 0;
}

static struct maybe_u64 positive(struct maybe_i64 number)
{
    return (struct maybe_u64){ number.set && number.value > 0, (uint64_t)number.value };
}

static void cpu_fill(const struct update_args *args, struct spec_cpu *cpu)
{
    cpu->shares = positive(args->cpu_share);
    cpu->quota = args->cpu_quota;
    cpu->burst = (struct maybe_u64){ args->cpu_burst.set, (uint64_t)args->cpu_burst.value };
    cpu->period = positive(args->cpu_period);
    cpu->realtime_runtime = args->cpu_rt_runtime;
    cpu->realtime_period = positive(args->cpu_rt_period);
    cpu->idle = args->cpu_idle;
    cpu->cpus = args->cpuset_cpus ? xstrdup(args->cpuset_cpus) : NULL;
    cpu->mems = args->cpuset_mems ? xstrdup(args->cpuset_mems) : NULL;
}

static int resources_fill(const struct update_args *args, struct spec_resources *resources,
                          struct err *err)
{
    if (args->kernel_memory.set)
        return err_set(err, ERR_UNSUPPORTED,
                       "--kernel-memory: the kernel has no such limit since 5.16; use --memory");
    resources->memory = xnew(struct spec_memory);
    resources->cpu = xnew(struct spec_cpu);
    resources->memory->limit = args->memory;
    resources->memory->swap = args->memory_swap;
    resources->memory->reservation = args->memory_reservation;
    resources->memory->kernel_tcp = args->kernel_memory_tcp;
    cpu_fill(args, resources->cpu);
    if (args->pids_limit.set && args->pids_limit.value) {
        resources->pids = xnew(struct spec_pids);
        resources->pids->limit = args->pids_limit;
    }
    if (args->blkio_weight.set && args->blkio_weight.value) {
        resources->block_io = xnew(struct spec_block_io);
        resources->block_io->weight = positive(args->blkio_weight);
    }
    return spec_resources_check(resources, "update: ", err);
}

static int rdt_check(const struct update_args *args, struct err *err)
{
    if (args->l3_cache_schema || args->mem_bw_schema)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s: the container has no group of resctrl that could be changed",
                       args->l3_cache_schema ? "--l3-cache-schema" : "--mem-bw-schema");
    return 0;
}

/* systemd first: what it rounds is then written as it was said. */
static int update_scope(const struct container *container, const struct spec_resources *resources,
                        struct err *err)
{
    const struct cgroup_host *host;
    struct systemd systemd = { .dbus.fd = -1 };
    struct cgroup_limits limits = {};
    if (!container->record.scope)
        return 0;
    if (container_cgroups(container, &host, err) < 0 || runtime_limits(resources, &limits, err) < 0)
        return -1;
    bool v2 = cgroup_host_find(host, CGROUP_MEMORY) < 0;
    int result = systemd_open(&systemd, err);
    if (result == 0)
        result = systemd_scope_update(&systemd, container->record.scope, &limits, v2, err);
    systemd_close(&systemd);
    cgroup_limits_done(&limits);
    return result;
}

static int update_cgroup(const struct container *container, const struct spec_resources *resources,
                         struct err *err)
{
    struct cgroup cgroup = {};
    int found = container_cgroup(container, &cgroup, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_UNSUPPORTED, "container %s has no cgroup to be limited by",
                       container->id);
    int result = container_spread(container, err);
    if (result == 0)
        result = update_scope(container, resources, err);
    if (result == 0)
        result = runtime_update(&cgroup, resources, err);
    cgroup_close(&cgroup);
    return result;
}

static int update_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct update_args *args = args_;
    auto_done(container) container = { .dir = -1 };
    auto_done(spec_resources) resources = {};
    enum container_status status;
    if (rdt_check(args, err) < 0 ||
        container_find(context, operands[0], CONTAINER_LOCK, &container, err) < 0 ||
        container_status(&container, &status, err) < 0)
        return -1;
    if (status == CONTAINER_STOPPED)
        return err_set(err, ERR_CONFLICT, "container not running");
    if (args->resources ? resources_load(args->resources, &resources, err) < 0
                        : resources_fill(args, &resources, err) < 0)
        return -1;
    /* Engines send the rules along that they began with; what a plugin allowed since stays. */
    for (size_t i = 0; i < resources.devices.len; i++) {
        free(resources.devices.at[i].type);
        free(resources.devices.at[i].access);
    }
    resources.devices.len = 0;
    return update_cgroup(&container, &resources, err);
}

/* clang-format off */
static const char *const update_examples[] = {
    "ruche-runtime update --memory 512m --pids-limit 100 web", "Limit what runs",
    NULL,
};

const struct command update_command = {
    .name = "update", .args = "[OPTIONS] ID", .summary = "Change the limits of a container",
    .examples = update_examples, .options = update_tables, .flags = COMMAND_INTERSPERSED, .least = 1, .most = 1,
    .args_size = sizeof(struct update_args), .run = update_run,
};
/* clang-format on */
