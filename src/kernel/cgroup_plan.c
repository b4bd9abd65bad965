/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From limits to files and values. Most limits are a row: which member, whose controller, which
 * file in v1 and in v2, and how the number is written. A limit goes to the v1 hierarchy that has
 * its controller, or else to v2, where only trying tells whether the controller can be had
 * (cgroup_apply.c).
 */
#include <limits.h>
#include <string.h>

#include "base/mem.h"
#include "kernel/cgroup.h"
#include "kernel/cgroup_part.h"
#include "kernel/device_filter.h"

struct controller_row {
    char v1[12];
    char v2[8];
};

static const struct controller_row controller_rows[] = {
#define X(constant, v1, v2) { v1, v2 },
    CGROUP_CONTROLLERS(X)
#undef X
};

const char *cgroup_controller_v1(enum cgroup_controller controller)
{
    return controller_rows[controller].v1;
}

const char *cgroup_controller_v2(enum cgroup_controller controller)
{
    return controller_rows[controller].v2;
}

enum limit_type { LIMIT_I64, LIMIT_U64, LIMIT_BOOL };

/* How the value is written; what "none" is. */
enum limit_form {
    FORM_NUMBER, /* as it is */
    FORM_BYTES,  /* none: -1 in v1, "max" in v2 */
    FORM_COUNT,  /* none: "max" */
    FORM_LOW,    /* a protection in v2: none is 0 there */
    FORM_SWAP,   /* v2 has swap alone */
    FORM_SHARES, /* v2 has weights */
    FORM_PERIOD, /* v2 has quota and period in one file */
    FORM_QUOTA,
    FORM_BOOL,
};

/* Limits that restrict each other (struct cgroup_write). */
enum limit_set { SET_NONE, SET_MEMORY, SET_CPU, SET_RT };

struct limit_row {
    uint16_t offset;
    uint8_t type;
    uint8_t controller;
    uint8_t form;
    uint8_t set;
    char v1[30];
    char v2[18]; /* "": v2 has no such thing, `instead` says what it has */
    char name[32];
    char instead[64];
};

#define ROW(kind, member, want, own, f, s, v1_file, v2_file, text, other)                          \
    {                                                                                              \
        offsetof(struct cgroup_limits, member) + FIELD_CHECK(struct cgroup_limits, member, want),  \
            LIMIT_##kind, CGROUP_##own, FORM_##f, SET_##s, v1_file, v2_file, text, other           \
    }
#define I64(member, ...)  ROW(I64, member, struct maybe_i64, __VA_ARGS__)
#define U64(member, ...)  ROW(U64, member, struct maybe_u64, __VA_ARGS__)
#define BOOL(member, ...) ROW(BOOL, member, struct maybe_bool, __VA_ARGS__)

/* clang-format off */
static const struct limit_row limit_rows[] = {
    I64(memory_bytes, MEMORY, BYTES, MEMORY, "memory.limit_in_bytes", "memory.max",
        "memory limit", ""),
    I64(memory_swap_bytes, MEMORY, SWAP, MEMORY, "memory.memsw.limit_in_bytes", "memory.swap.max",
        "memory+swap limit", ""),
    I64(memory_reservation_bytes, MEMORY, LOW, NONE, "memory.soft_limit_in_bytes", "memory.low",
        "memory reservation", ""),
    I64(kernel_tcp_bytes, MEMORY, BYTES, NONE, "memory.kmem.tcp.limit_in_bytes", "",
        "kernel TCP memory limit", "there it is part of the memory limit"),
    U64(swappiness, MEMORY, NUMBER, NONE, "memory.swappiness", "",
        "swappiness", "set /proc/sys/vm/swappiness or limit the swap"),
    BOOL(oom_kill_disable, MEMORY, BOOL, NONE, "memory.oom_control", "",
        "disabling the OOM killer", "lower the OOM score adjustment"),
    U64(cpu_shares, CPU, SHARES, CPU, "cpu.shares", "cpu.weight", "CPU shares", ""),
    U64(cpu_period_us, CPU, PERIOD, CPU, "cpu.cfs_period_us", "cpu.max", "CPU period", ""),
    I64(cpu_quota_us, CPU, QUOTA, CPU, "cpu.cfs_quota_us", "cpu.max", "CPU quota", ""),
    U64(cpu_burst_us, CPU, NUMBER, CPU, "cpu.cfs_burst_us", "cpu.max.burst", "CPU burst", ""),
    I64(cpu_idle, CPU, NUMBER, CPU, "cpu.idle", "cpu.idle", "CPU idle", ""),
    U64(rt_period_us, CPU, NUMBER, RT, "cpu.rt_period_us", "", "realtime period",
        "use a CPU quota"),
    I64(rt_runtime_us, CPU, NUMBER, RT, "cpu.rt_runtime_us", "", "realtime runtime",
        "use a CPU quota"),
    I64(pids, PIDS, COUNT, NONE, "pids.max", "pids.max", "pids limit", ""),
    U64(net_class_id, NET_CLS, NUMBER, NONE, "net_cls.classid", "", "network class",
        "match the group's path in nftables"),
};
/* clang-format on */

/* --- where --- */

int cgroup_host_home(const struct cgroup_host *host)
{
    if (host->v2 >= 0 && host->base)
        return host->v2;
    int freezer = cgroup_host_find(host, CGROUP_FREEZER);
    if (freezer >= 0 && host->at[freezer].writable)
        return freezer;
    for (size_t i = 0; i < host->len; i++)
        if ((int)i != host->v2 && host->at[i].writable)
            return (int)i;
    return -1;
}

int cgroup_hint_absent(const struct cgroup_host *host, struct err *err)
{
    if (host->len == 0)
        return err_hint(err, "no cgroups are mounted; mount cgroup2 on /sys/fs/cgroup");
    if (host->v2 < 0)
        return err_hint(err, "cgroup v1 cannot be delegated: run as root, with /sys/fs/cgroup "
                             "mounted read-write");
    return err_hint(err, "no group has been delegated: start in one (systemd-run --user --scope -p "
                         "Delegate=yes …), or as root with /sys/fs/cgroup mounted read-write");
}

/* 0 where the limit may be left out. */
static int miss(struct cgroup_planner *planner, enum cgroup_controller controller)
{
    if (!(planner->limits->optional & (1U << controller)))
        return -1;
    planner->plan->dropped |= 1U << controller;
    *planner->err = (struct err){};
    return 0;
}

int cgroup_plan_v1_only(struct cgroup_planner *planner, enum cgroup_controller controller,
                        const char *limit, const char *instead)
{
    (void)err_set(planner->err, ERR_UNSUPPORTED,
                  "%s: the %s controller of cgroup v1 is not mounted, and v2 has no such limit; %s",
                  limit, cgroup_controller_v1(controller), instead);
    return miss(planner, controller);
}

int cgroup_plan_place(struct cgroup_planner *planner, enum cgroup_controller controller,
                      const char *limit, int *ret_hierarchy)
{
    const struct cgroup_host *host = planner->host;
    const char *name = cgroup_controller_v1(controller);
    int v1 = cgroup_host_find(host, controller);
    *ret_hierarchy = v1 >= 0 ? v1 : host->v2;
    if (v1 >= 0 && host->at[v1].writable)
        return 1;
    if (v1 < 0 && host->v2 >= 0 && host->base)
        return 1;

    if (v1 < 0 && host->v2 < 0 && host->len > 0) {
        (void)err_set(planner->err, ERR_UNSUPPORTED,
                      "%s: there is no %s controller in cgroup v1 here; mount it, or boot without "
                      "cgroup_disable=%s",
                      limit, name, name);
    } else if (v1 >= 0) {
        (void)err_set(planner->err, ERR_UNSUPPORTED,
                      "%s: the %s controller at %s cannot be written", limit, name,
                      host->at[v1].mount);
        (void)err_hint(planner->err, "cgroup v1 cannot be delegated: run as root, or boot with "
                                     "systemd.unified_cgroup_hierarchy=1");
    } else {
        (void)err_set(planner->err, ERR_UNSUPPORTED, "%s: no cgroup may be made here", limit);
        (void)cgroup_hint_absent(host, planner->err);
    }
    return miss(planner, controller);
}

struct cgroup_write *cgroup_plan_add(struct cgroup_planner *planner, int hierarchy,
                                     enum cgroup_controller controller, const char *limit,
                                     const char *file, char *value)
{
    struct cgroup_write *write = array_add(&planner->plan->writes);
    write->hierarchy = hierarchy;
    write->controller = controller;
    write->limit = limit;
    write->file = xstrdup(file);
    write->value = value;
    planner->plan->hierarchies |= 1U << hierarchy;
    return write;
}

bool cgroup_plan_is_v2(const struct cgroup_planner *planner, int hierarchy)
{
    return hierarchy == planner->host->v2;
}

/* --- rows --- */

/* Gives a number's text in *ret_text, and whether it stands for "none". False: it is not set. */
static bool limit_value(const struct limit_row *row, const struct cgroup_limits *limits,
                        char **ret_text, bool *ret_none)
{
    const void *at = (const char *)limits + row->offset;
    const struct maybe_i64 *i64 = at;
    const struct maybe_u64 *u64 = at;
    const struct maybe_bool *boolean = at;
    *ret_none = false;
    switch ((enum limit_type)row->type) {
    case LIMIT_I64:
        if (!i64->set)
            return false;
        *ret_none = i64->value < 0;
        *ret_text = xasprintf("%lld", i64->value < 0 ? -1LL : (long long)i64->value);
        return true;
    case LIMIT_U64:
        if (!u64->set)
            return false;
        *ret_text = xasprintf("%llu", (unsigned long long)u64->value);
        return true;
    case LIMIT_BOOL:
        if (!boolean->set)
            return false;
        *ret_none = !boolean->value;
        *ret_text = xstrdup(boolean->value ? "1" : "0");
        return true;
    }
    return false;
}

uint64_t cgroup_weight_of_shares(uint64_t shares)
{
    uint64_t from = shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
    return 1 + (from - 2) * 9999 / 262142;
}

static int check_swap(const struct cgroup_limits *limits, bool v2, struct err *err)
{
    const struct maybe_i64 *memory = &limits->memory_bytes;
    const struct maybe_i64 *both = &limits->memory_swap_bytes;
    bool unlimited = !memory->set || memory->value < 0;
    if (both->value < 0)
        return 0;
    if (unlimited && v2)
        return err_set(
            err, ERR_INVALID,
            "memory+swap limit: cgroup v2 limits swap alone; give a memory limit with it");
    if (!unlimited && both->value < memory->value)
        return err_set(err, ERR_INVALID,
                       "memory+swap limit: it must not be below the memory limit");
    return 0;
}

static char *swap_alone(const struct cgroup_limits *limits)
{
    int64_t both = limits->memory_swap_bytes.value;
    return both < 0 ? xstrdup("max")
                    : xasprintf("%lld", (long long)(both - limits->memory_bytes.value));
}

static char *quota_and_period(const struct cgroup_limits *limits)
{
    struct str out = {};
    if (limits->cpu_quota_us.value < 0)
        str_add(&out, "max");
    else
        str_addf(&out, "%lld", (long long)limits->cpu_quota_us.value);
    if (limits->cpu_period_us.set)
        str_addf(&out, " %llu", (unsigned long long)limits->cpu_period_us.value);
    return str_take(&out);
}

/* The value for the v2 file, fresh; plain is how v1 writes it. */
static char *value_v2(const struct limit_row *row, const struct cgroup_limits *limits,
                      const char *plain, bool none)
{
    switch ((enum limit_form)row->form) {
    case FORM_BYTES:
    case FORM_COUNT:
        return xstrdup(none ? "max" : plain);
    case FORM_LOW:
        return xstrdup(none ? "0" : plain);
    case FORM_SWAP:
        return swap_alone(limits);
    case FORM_SHARES:
        return xasprintf("%llu",
                         (unsigned long long)cgroup_weight_of_shares(limits->cpu_shares.value));
    case FORM_QUOTA:
        return quota_and_period(limits);
    case FORM_PERIOD:
        return xasprintf("max %s", plain);
    case FORM_NUMBER:
    case FORM_BOOL:
        break;
    }
    return xstrdup(plain);
}

/* A new group has no limits: "none" is what it begins with, but for realtime. */
static bool is_default(const struct cgroup_planner *planner, const struct limit_row *row, bool none)
{
    return none && row->form != FORM_NUMBER && !(planner->flags & (CGROUP_UPDATE | CGROUP_JOIN));
}

static bool quota_is_written(const struct cgroup_planner *planner)
{
    const struct maybe_i64 *quota = &planner->limits->cpu_quota_us;
    return quota->set && (quota->value >= 0 || (planner->flags & (CGROUP_UPDATE | CGROUP_JOIN)));
}

static bool is_nowhere(const struct cgroup_planner *planner, enum cgroup_controller controller)
{
    int v1 = cgroup_host_find(planner->host, controller);
    return v1 < 0 ? planner->host->v2 < 0 || !planner->host->base : !planner->host->at[v1].writable;
}

/* A row for a hierarchy that has been found; the number as v1 writes it. */
static int add_row(struct cgroup_planner *planner, const struct limit_row *row, int hierarchy,
                   char *plain, bool none)
{
    const struct cgroup_limits *limits = planner->limits;
    bool v2 = cgroup_plan_is_v2(planner, hierarchy);
    if (v2 && row->form == FORM_PERIOD && quota_is_written(planner))
        return 0; /* with the quota */
    if (row->form == FORM_SWAP && check_swap(limits, v2, planner->err) < 0)
        return -1;
    bool word = row->form == FORM_COUNT && none;
    char *value = v2 ? value_v2(row, limits, plain, none) : word ? xstrdup("max") : xstrdup(plain);
    struct cgroup_write *write = cgroup_plan_add(planner, hierarchy, row->controller, row->name,
                                                 v2 ? row->v2 : row->v1, value);
    write->set = row->set;
    if (v2 && row->form == FORM_PERIOD && (planner->flags & CGROUP_UPDATE))
        write->flags |= CGROUP_WRITE_KEEP_QUOTA;
    bool asks_nobody = row->form == FORM_SWAP && limits->optional & CGROUP_OPTIONAL_SWAP;
    if ((none && row->form != FORM_NUMBER) || asks_nobody)
        write->flags |= CGROUP_WRITE_MAY_MISS; /* what is not counted is not limited */
    return 0;
}

static int plan_row(struct cgroup_planner *planner, const struct limit_row *row)
{
    auto_free char *plain = NULL;
    bool none;
    int hierarchy;
    if (!limit_value(row, planner->limits, &plain, &none) || is_default(planner, row, none))
        return 0;
    bool nothing = none && row->form != FORM_NUMBER;
    if (nothing && is_nowhere(planner, row->controller))
        return 0;
    int found = cgroup_plan_place(planner, row->controller, row->name, &hierarchy);
    if (found <= 0)
        return found;
    bool v1_only = cgroup_plan_is_v2(planner, hierarchy) && !*row->v2;
    if (v1_only && nothing)
        return 0;
    if (v1_only)
        return cgroup_plan_v1_only(planner, row->controller, row->name, row->instead);
    return add_row(planner, row, hierarchy, plain, none);
}

/* --- devices --- */

static void add_device_writes(struct cgroup_planner *planner, int hierarchy,
                              const struct device_list *list)
{
    static const char name[] = "device rules";
    static const char *const files[] = { "devices.deny", "devices.allow" };
    (void)cgroup_plan_add(planner, hierarchy, CGROUP_DEVICES, name, files[list->allow],
                          xstrdup("a"));
    for (size_t i = 0; i < list->len; i++)
        (void)cgroup_plan_add(planner, hierarchy, CGROUP_DEVICES, name, files[!list->allow],
                              device_rule_format(&list->at[i]));
}

static int plan_devices(struct cgroup_planner *planner)
{
    const struct cgroup_limits *limits = planner->limits;
    const struct cgroup_host *host = planner->host;
    size_t n = limits->device_rules.len;
    if (!n)
        return 0;
    if (device_rules_check(limits->device_rules.at, n, planner->err) < 0)
        return -1;

    /* Measured: 16 writes to the v1 files cost 0.15 ms, loading and attaching a program 0.45. */
    int v1 = cgroup_host_find(host, CGROUP_DEVICES);
    bool v1_usable = v1 >= 0 && host->at[v1].writable;
    struct device_list list = {};
    if (v1_usable && device_list_make(limits->device_rules.at, n, &list)) {
        if (!(planner->flags & (CGROUP_UPDATE | CGROUP_JOIN)))
            add_device_writes(planner, v1, &list);
        device_list_done(&list);
        planner->plan->devices = CGROUP_DEVICE_MEANS_V1;
        planner->plan->hierarchies |= 1U << v1;
        return 0;
    }
    if (host->v2 >= 0 && host->base) {
        planner->plan->devices = CGROUP_DEVICE_MEANS_BPF;
        planner->plan->hierarchies |= 1U << host->v2;
        return 0;
    }
    if (!limits->need_device_rules) {
        planner->plan->dropped |= 1U << CGROUP_DEVICES;
        return 0;
    }
    if (v1_usable)
        return err_set(
            planner->err, ERR_UNSUPPORTED,
            "device rules: cgroup v1 has no exceptions to exceptions; put wider rules first "
            "and let narrower ones not take back a part of them");
    (void)err_set(planner->err, ERR_UNSUPPORTED,
                  "device rules: neither v1's devices controller nor cgroup v2");
    return cgroup_hint_absent(host, planner->err);
}

/* --- the whole --- */

/* A value of NULL: the file is looked for only, that its controller gets switched on. */
static void plan_accounting(struct cgroup_planner *planner)
{
    static const struct {
        uint8_t controller;
        char file[16];
    } counted[] = {
        { CGROUP_MEMORY, "memory.current" },
        { CGROUP_PIDS, "pids.current" },
        { CGROUP_BLKIO, "io.stat" },
        { CGROUP_CPUACCT, "" },
    };
    const struct cgroup_host *host = planner->host;
    bool v2_usable = host->v2 >= 0 && host->base;
    for (size_t i = 0; i < array_size(counted); i++) {
        int v1 = cgroup_host_find(host, counted[i].controller);
        /* CPU time is counted by v2's core. */
        if (v1 >= 0 && host->at[v1].writable &&
            !(v2_usable && counted[i].controller == CGROUP_CPUACCT))
            planner->plan->hierarchies |= 1U << v1;
        else if (v1 < 0 && v2_usable && *counted[i].file)
            cgroup_plan_add(planner, host->v2, counted[i].controller, "accounting", counted[i].file,
                            NULL)
                ->flags = CGROUP_WRITE_MAY_MISS;
    }
}

static void plan_directories(struct cgroup_planner *planner)
{
    const struct cgroup_host *host = planner->host;
    int home = cgroup_host_home(host);
    if (home >= 0)
        planner->plan->hierarchies |= 1U << home;
    if (planner->flags & CGROUP_ACCOUNT)
        plan_accounting(planner);
    for (size_t i = 0; i < host->len && (planner->flags & CGROUP_EVERYWHERE); i++)
        if ((int)i != host->v2 && host->at[i].writable)
            planner->plan->hierarchies |= 1U << i;
}

/* In v1 a memory limit cannot rise above memory+swap: lifting the one lifts the other. */
static int plan_lifted_swap(struct cgroup_planner *planner)
{
    const struct cgroup_limits *limits = planner->limits;
    int v1 = cgroup_host_find(planner->host, CGROUP_MEMORY);
    bool lifted = limits->memory_bytes.set && limits->memory_bytes.value < 0 &&
                  !limits->memory_swap_bytes.set;
    if (!lifted || v1 < 0 || !planner->host->at[v1].writable || !(planner->flags & CGROUP_UPDATE))
        return 0;
    struct cgroup_write *write = cgroup_plan_add(planner, v1, CGROUP_MEMORY, "memory+swap limit",
                                                 "memory.memsw.limit_in_bytes", xstrdup("-1"));
    write->set = SET_MEMORY;
    write->flags = CGROUP_WRITE_MAY_MISS;
    return 0;
}

static int plan_all(struct cgroup_planner *planner)
{
    if (plan_lifted_swap(planner) < 0)
        return -1;
    for (size_t i = 0; i < array_size(limit_rows); i++)
        if (plan_row(planner, &limit_rows[i]) < 0)
            return -1;
    if (cgroup_plan_lists(planner) < 0 || plan_devices(planner) < 0)
        return -1;
    if (!(planner->flags & CGROUP_UPDATE))
        plan_directories(planner);
    return 0;
}

int cgroup_plan_make(const struct cgroup_host *host, const struct cgroup_limits *limits,
                     unsigned flags, struct cgroup_plan *ret_plan, struct err *err)
{
    struct cgroup_plan plan = {};
    struct cgroup_planner planner = {
        .host = host, .limits = limits, .flags = flags, .plan = &plan, .err = err
    };
    if (plan_all(&planner) < 0) {
        cgroup_plan_done(&plan);
        return -1;
    }
    *ret_plan = plan;
    return 0;
}

void cgroup_plan_done(struct cgroup_plan *plan)
{
    for (size_t i = 0; i < plan->writes.len; i++) {
        free(plan->writes.at[i].file);
        free(plan->writes.at[i].value);
    }
    free(plan->writes.at);
    *plan = (struct cgroup_plan){};
}

void cgroup_plan_format(const struct cgroup_host *host, const struct cgroup_plan *plan,
                        const char *path, struct str *out)
{
    const char *base = *path == '/' || !host->base ? "" : host->base;
    const char *slash = *path == '/' ? "" : "/";
    for (size_t i = 0; i < host->len; i++)
        if (plan->hierarchies & (1U << i))
            str_addf(out, "mkdir %s%s%s%s\n", host->at[i].mount, base, slash, path);
    for (size_t i = 0; i < plan->writes.len; i++) {
        const struct cgroup_write *write = &plan->writes.at[i];
        if (!write->value)
            continue;
        str_addf(out, "write \"%s\" to %s%s%s%s/%s\n", write->value,
                 host->at[write->hierarchy].mount, base, slash, path, write->file);
    }
    if (plan->devices == CGROUP_DEVICE_MEANS_BPF)
        str_addf(out, "attach a device program to %s%s%s%s\n", host->at[host->v2].mount, base,
                 slash, path);
}

void cgroup_limits_done(struct cgroup_limits *limits)
{
    free(limits->io_weights.at);
    free(limits->io_throttles.at);
    free(limits->hugepages.at);
    free(limits->rdma.at);
    free(limits->net_priorities.at);
    free(limits->device_rules.at);
    *limits = (struct cgroup_limits){};
}
