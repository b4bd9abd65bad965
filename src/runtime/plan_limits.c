/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "runtime/plan_part.h"

/* 0 stands for "not said" where nothing could run with it: so callers of runc write what they
 * leave out. */
static struct maybe_i64 said(struct maybe_i64 value)
{
    return value.value ? value : (struct maybe_i64){};
}

static struct maybe_u64 said_u64(struct maybe_u64 value)
{
    return value.value ? value : (struct maybe_u64){};
}

static void limits_memory(const struct spec_memory *memory, struct cgroup_limits *limits)
{
    limits->memory_bytes = said(memory->limit);
    limits->memory_swap_bytes = said(memory->swap);
    limits->memory_reservation_bytes = said(memory->reservation);
    limits->kernel_tcp_bytes = said(memory->kernel_tcp);
    limits->swappiness = memory->swappiness;
    limits->oom_kill_disable = memory->disable_oom_killer;
}

static void limits_cpu(const struct spec_cpu *cpu, struct cgroup_limits *limits)
{
    limits->cpu_shares = said_u64(cpu->shares);
    limits->cpu_quota_us = said(cpu->quota);
    limits->cpu_period_us = said_u64(cpu->period);
    limits->cpu_burst_us = cpu->burst;
    limits->cpu_idle = cpu->idle;
    limits->rt_runtime_us = said(cpu->realtime_runtime);
    limits->rt_period_us = said_u64(cpu->realtime_period);
    limits->cpus = cpu->cpus && *cpu->cpus ? cpu->cpus : NULL;
    limits->mems = cpu->mems && *cpu->mems ? cpu->mems : NULL;
}

static void limits_throttle(const struct spec_throttle_device *at, size_t len,
                            enum cgroup_throttle_kind kind, struct cgroup_limits *limits)
{
    for (size_t i = 0; i < len; i++) {
        struct cgroup_throttle *throttle = array_add(&limits->io_throttles);
        *throttle = (struct cgroup_throttle){ kind, at[i].major, at[i].minor, at[i].rate };
    }
}

static void limits_io(const struct spec_block_io *io, struct cgroup_limits *limits)
{
    limits->io_weight = said_u64(io->weight);
    for (size_t i = 0; i < io->weight_device.len; i++) {
        const struct spec_weight_device *device = &io->weight_device.at[i];
        if (!device->weight.value)
            continue; /* its leaves alone */
        struct cgroup_weight *weight = array_add(&limits->io_weights);
        *weight = (struct cgroup_weight){ device->major, device->minor, device->weight.value };
    }
    limits_throttle(io->throttle_read_bps_device.at, io->throttle_read_bps_device.len,
                    CGROUP_READ_BPS, limits);
    limits_throttle(io->throttle_write_bps_device.at, io->throttle_write_bps_device.len,
                    CGROUP_WRITE_BPS, limits);
    limits_throttle(io->throttle_read_iops_device.at, io->throttle_read_iops_device.len,
                    CGROUP_READ_IOPS, limits);
    limits_throttle(io->throttle_write_iops_device.at, io->throttle_write_iops_device.len,
                    CGROUP_WRITE_IOPS, limits);
}

static int limits_devices(const struct spec_resources *resources, struct cgroup_limits *limits,
                          struct err *err)
{
    for (size_t i = 0; i < resources->devices.len; i++) {
        const struct spec_device_rule *from = &resources->devices.at[i];
        struct cgroup_device_rule *rule = array_add(&limits->device_rules);
        rule->allow = from->allow;
        rule->type = from->type ? from->type[0] : 'a';
        rule->major = from->major.set && from->major.value >= 0 ? from->major.value : -1;
        rule->minor = from->minor.set && from->minor.value >= 0 ? from->minor.value : -1;
        rule->access = CGROUP_DEVICE_ALL;
        if (from->access && !strchr(from->access, 'a') &&
            cgroup_device_access_parse(from->access, &rule->access, err) < 0)
            return -1;
    }
    limits->need_device_rules = limits->device_rules.len > 0;
    return 0;
}

void plan_limits_allow_defaults(struct cgroup_limits *limits)
{
    /* Nodes may be made: what is behind them is another question. Then those that every container
     * has, its terminals among them. */
    static const struct {
        char type;
        unsigned char access;
        short major;
        short minor;
    } rows[] = {
        { 'c', CGROUP_DEVICE_MKNOD, -1, -1 }, { 'b', CGROUP_DEVICE_MKNOD, -1, -1 },
        { 'c', CGROUP_DEVICE_ALL, 1, 3 },     { 'c', CGROUP_DEVICE_ALL, 1, 5 },
        { 'c', CGROUP_DEVICE_ALL, 1, 7 },     { 'c', CGROUP_DEVICE_ALL, 1, 8 },
        { 'c', CGROUP_DEVICE_ALL, 1, 9 },     { 'c', CGROUP_DEVICE_ALL, 5, 0 },
        { 'c', CGROUP_DEVICE_ALL, 5, 1 },     { 'c', CGROUP_DEVICE_ALL, 5, 2 },
        { 'c', CGROUP_DEVICE_ALL, 136, -1 },
    };
    for (size_t i = 0; limits->need_device_rules && i < array_size(rows); i++) {
        struct cgroup_device_rule *rule = array_add(&limits->device_rules);
        *rule = (struct cgroup_device_rule){ true, rows[i].type, rows[i].major, rows[i].minor,
                                             rows[i].access };
    }
}

static void limits_lists(const struct spec_resources *resources, struct cgroup_limits *limits)
{
    for (size_t i = 0; i < resources->hugepage_limits.len; i++) {
        const struct spec_hugepage *from = &resources->hugepage_limits.at[i];
        struct cgroup_hugepage *hugepage = array_add(&limits->hugepages);
        *hugepage = (struct cgroup_hugepage){ from->page_size, from->limit };
    }
    for (size_t i = 0; i < resources->rdma.len; i++) {
        const struct spec_rdma *from = &resources->rdma.at[i];
        struct cgroup_rdma *rdma = array_add(&limits->rdma);
        *rdma = (struct cgroup_rdma){ from->key, from->hca_handles, from->hca_objects };
    }
    if (!resources->network)
        return;
    limits->net_class_id = resources->network->class_id;
    for (size_t i = 0; i < resources->network->priorities.len; i++) {
        const struct spec_interface_priority *from = &resources->network->priorities.at[i];
        struct cgroup_priority *priority = array_add(&limits->net_priorities);
        *priority = (struct cgroup_priority){ from->name, from->priority };
    }
}

int plan_limits_make(const struct spec_resources *resources, struct cgroup_limits *ret_limits,
                     struct err *err)
{
    if (resources->memory)
        limits_memory(resources->memory, ret_limits);
    if (resources->cpu)
        limits_cpu(resources->cpu, ret_limits);
    if (resources->pids)
        ret_limits->pids = said(resources->pids->limit);
    if (resources->block_io)
        limits_io(resources->block_io, ret_limits);
    limits_lists(resources, ret_limits);
    ret_limits->unified = &resources->unified;
    return limits_devices(resources, ret_limits, err);
}
