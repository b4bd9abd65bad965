/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/limit.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/container_args.h"
#include "engine/engine.h"
#include "kernel/rlimit.h"

enum {
    CPU_PERIOD_LEAST_US = 1000, /* the kernel's own bounds: Documentation/scheduler/sched-bwc.rst */
    CPU_QUOTA_LEAST_US = 1000,
    NANO_CPUS_LEAST = 10000000, /* a quota of 1000 us in a period of 100000 us */
    BLKIO_WEIGHT_LEAST = 10,
    CPU_SHARES_LEAST = 2,
    CPUSET_HIGHEST = 8191, /* NR_CPUS at most */
};

/* 0 asks for the default, as if the option were not there. */
static struct maybe_i64 unless_zero(struct maybe_i64 number)
{
    number.set = number.set && number.value != 0;
    return number;
}

/* A size that may not be -1. */
static int size_check(const char *flag, struct maybe_i64 size, struct err *err)
{
    if (!size.set || size.value >= 0)
        return 0;
    return err_set(err, ERR_INVALID, "%s: -1 is not a size; leave it out for no limit", flag);
}

static int memory_set(const struct container_args *args, struct container_resources *resources,
                      struct err *err)
{
    struct maybe_i64 memory = unless_zero(args->memory_bytes);
    struct maybe_i64 swap = unless_zero(args->memory_swap_bytes);
    struct maybe_i64 reservation = unless_zero(args->memory_reservation_bytes);
    if (size_check("--memory", memory, err) < 0 ||
        size_check("--memory-reservation", reservation, err) < 0)
        return -1;
    if (swap.set && !memory.set)
        return err_set(err, ERR_USAGE,
                       "--memory-swap: it counts memory and swap together; give --memory too");
    if (swap.set && swap.value >= 0 && swap.value < memory.value)
        return err_set(err, ERR_INVALID,
                       "--memory-swap: it counts memory and swap together, and is below --memory");
    if (reservation.set && memory.set && reservation.value > memory.value)
        return err_set(err, ERR_INVALID, "--memory-reservation: it is above --memory");
    if (memory.set && !swap.set)
        swap = (struct maybe_i64){ true, container_swap_default(memory.value) };
    resources->memory_bytes = memory;
    resources->memory_swap_bytes = swap;
    resources->memory_reservation_bytes = reservation;
    return 0;
}

static int below_check(const char *flag, struct maybe_i64 number, int64_t least, struct err *err)
{
    if (!number.set || number.value < 0 || number.value >= least)
        return 0;
    return err_set(err, ERR_INVALID, "%s: %lld is below %lld, the least there can be", flag,
                   (long long)number.value, (long long)least);
}

/* "0-3,5": numbers and rising ranges. */
static bool cpuset_valid(const char *text)
{
    do {
        char *end;
        if (!isdigit((unsigned char)*text))
            return false;
        unsigned long first = strtoul(text, &end, 10);
        unsigned long last = first;
        if (*end == '-') {
            if (!isdigit((unsigned char)end[1]))
                return false;
            last = strtoul(end + 1, &end, 10);
        }
        if (last < first || last > CPUSET_HIGHEST)
            return false;
        text = end;
    } while (*text++ == ',');
    return text[-1] == '\0';
}

static int cpuset_set(const char *flag, const char *text, char **ret_set, struct err *err)
{
    if (!text || !text[0])
        return 0;
    if (!cpuset_valid(text))
        return err_set(err, ERR_INVALID, "%s: \"%s\" is no list such as 0-3,5", flag, text);
    *ret_set = xstrdup(text);
    return 0;
}

static int cpu_set(const struct container_args *args, struct container_resources *resources,
                   struct err *err)
{
    resources->nano_cpus = unless_zero(args->nano_cpus);
    resources->cpu_shares = unless_zero(args->cpu_shares);
    resources->cpu_quota_us = unless_zero(args->cpu_quota_us);
    resources->cpu_period_us = unless_zero(args->cpu_period_us);
    if (resources->nano_cpus.set && resources->nano_cpus.value < NANO_CPUS_LEAST)
        return err_set(err, ERR_INVALID, "--cpus: 0.01 is the least there can be");
    if (resources->nano_cpus.set && (resources->cpu_quota_us.set || resources->cpu_period_us.set))
        return err_set(err, ERR_USAGE, "--cpus is a quota by itself; leave out --%s",
                       resources->cpu_quota_us.set ? "cpu-quota" : "cpu-period");
    if (below_check("--cpu-shares", resources->cpu_shares, CPU_SHARES_LEAST, err) < 0 ||
        below_check("--cpu-quota", resources->cpu_quota_us, CPU_QUOTA_LEAST_US, err) < 0 ||
        below_check("--cpu-period", resources->cpu_period_us, CPU_PERIOD_LEAST_US, err) < 0)
        return -1;
    if (cpuset_set("--cpuset-cpus", args->cpuset_cpus, &resources->cpuset_cpus, err) < 0)
        return -1;
    return cpuset_set("--cpuset-mems", args->cpuset_mems, &resources->cpuset_mems, err);
}

/* One limit a resource; the last one counts. */
static int ulimits_set(const struct strings *ulimits, struct strings *ret_ulimits, struct err *err)
{
    for (size_t i = 0; i < ulimits->len; i++) {
        struct rlimit_pair pair;
        if (rlimit_parse(ulimits->at[i], &pair, err) < 0)
            return err_wrap(err, "--ulimit");
        const char *value = strchr(ulimits->at[i], '=') + 1;
        auto_free char *entry = xasprintf("%s=%s", rlimit_name(pair.resource), value);
        strings_put(ret_ulimits, entry);
    }
    return 0;
}

/* Letters, digits and _-. in parts between dots, as sysctl(8) has them: a path may come from it. */
static bool sysctl_key_valid(const char *key, size_t len)
{
    bool part = false;
    for (size_t i = 0; i < len; i++) {
        if (key[i] == '.' && !part)
            return false;
        part = key[i] != '.';
        if (part && !isalnum((unsigned char)key[i]) && !strchr("_-:", key[i]))
            return false;
    }
    return part;
}

static int sysctls_set(const struct strings *sysctls, struct pairs *ret_sysctls, struct err *err)
{
    for (size_t i = 0; i < sysctls->len; i++) {
        const char *text = sysctls->at[i];
        size_t len = strcspn(text, "=");
        if (text[len] == '\0' || !sysctl_key_valid(text, len))
            return err_set(err, ERR_INVALID,
                           "--sysctl: \"%s\" is not of the form net.ipv4.ip_forward=1", text);
        auto_free char *key = xstrndup(text, len);
        pairs_put(ret_sysctls, key, text + len + 1);
    }
    return 0;
}

int limits_set(const struct container_args *args, struct container_config *config, struct err *err)
{
    struct container_resources *resources = &config->resources;
    resources->pids_limit = args->pids_limit;
    resources->blkio_weight = unless_zero(args->blkio_weight);
    if (below_check("--blkio-weight", resources->blkio_weight, BLKIO_WEIGHT_LEAST, err) < 0)
        return -1;
    config->shm_size_bytes = args->shm_size_bytes;
    if (config->shm_size_bytes.set && config->shm_size_bytes.value <= 0)
        return err_set(err, ERR_INVALID, "--shm-size: it must be above 0");
    if (memory_set(args, resources, err) < 0 || cpu_set(args, resources, err) < 0)
        return -1;
    if (ulimits_set(&args->ulimits, &config->ulimits, err) < 0)
        return -1;
    return sysctls_set(&args->sysctls, &config->sysctls, err);
}
