/* SPDX-License-Identifier: Apache-2.0 */
/* From limits to files and values in the three layouts; nothing here touches the machine. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "kernel/cgroup.h"

static const char v1_text[] = "1 1 0:1 / /g/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
                              "2 1 0:2 / /g/memory rw - cgroup cgroup rw,memory\n"
                              "3 1 0:3 / /g/pids rw - cgroup cgroup rw,pids\n"
                              "4 1 0:4 / /g/devices rw - cgroup cgroup rw,devices\n"
                              "5 1 0:5 / /g/freezer rw - cgroup cgroup rw,freezer\n"
                              "6 1 0:6 / /g/blkio rw - cgroup cgroup rw,blkio\n"
                              "7 1 0:7 / /g/cpuset rw - cgroup cgroup rw,cpuset\n"
                              "8 1 0:8 / /g/net rw - cgroup cgroup rw,net_cls,net_prio\n"
                              "9 1 0:9 / /g/systemd rw - cgroup cgroup rw,name=systemd\n";
static const char hybrid_text[] = "1 1 0:1 / /g/memory rw - cgroup cgroup rw,memory\n"
                                  "2 1 0:2 / /g/pids rw - cgroup cgroup rw,pids\n"
                                  "3 1 0:3 / /g/devices rw - cgroup cgroup rw,devices\n"
                                  "4 1 0:4 / /g/freezer rw - cgroup cgroup rw,freezer\n"
                                  "5 1 0:5 / /g/unified rw - cgroup2 cgroup2 rw\n";
static const char v2_text[] = "1 1 0:1 / /g rw - cgroup2 cgroup2 rw\n";

static struct cgroup_host host;
static struct cgroup_plan plan;
static struct cgroup_limits limits;
static struct err err;

static void use(const char *mountinfo)
{
    cgroup_host_done(&host);
    cr_assert_eq(cgroup_host_parse(mountinfo, &host, &err), 0, "%s", err.text);
    if (host.v2 >= 0)
        host.base = xstrdup("");
}

static void setup(void)
{
    host = (struct cgroup_host){ .v2 = -1 };
}

static void teardown(void)
{
    cgroup_plan_done(&plan);
    cgroup_limits_done(&limits);
    cgroup_host_done(&host);
}

TestSuite(cgroup_plan, .init = setup, .fini = teardown);

static int make(unsigned flags)
{
    cgroup_plan_done(&plan);
    err = (struct err){};
    return cgroup_plan_make(&host, &limits, flags, &plan, &err);
}

static void must(unsigned flags)
{
    cr_assert_eq(make(flags), 0, "%s", err.text);
}

/* The nth value that goes to a file, NULL if none does. */
static const char *nth(const char *path, size_t n)
{
    for (size_t i = 0; i < plan.writes.len; i++) {
        const struct cgroup_write *at = &plan.writes.at[i];
        auto_free char *file = xasprintf("%s/%s", host.at[at->hierarchy].mount, at->file);
        if (strcmp(file, path) == 0 && n-- == 0)
            return at->value;
    }
    return NULL;
}

static void goes(const char *path, const char *value)
{
    const char *found = nth(path, 0);
    cr_assert_not_null(found, "nothing is written to %s", path);
    cr_assert_str_eq(found, value, "%s: %s", path, found);
}

static bool makes(const char *mount)
{
    for (size_t i = 0; i < host.len; i++)
        if (strcmp(host.at[i].mount, mount) == 0)
            return plan.hierarchies & (1U << i);
    return false;
}

static void refused(unsigned flags, enum err_kind kind, const char *part)
{
    cr_assert_eq(make(flags), -1, "was planned");
    cr_assert_eq(err.kind, kind, "%s", err.text);
    cr_assert_not_null(strstr(err.text, part), "%s", err.text);
}

#define SET(number)                                                                                \
    {                                                                                              \
        true, number                                                                               \
    }

Test(cgroup_plan, without_limits_makes_one_directory)
{
    use(hybrid_text);
    must(0);
    cr_assert_eq(plan.writes.len, 0);
    cr_assert_eq(plan.hierarchies, 1U << host.v2);
    use(v1_text);
    must(0);
    cr_assert_eq(__builtin_popcount(plan.hierarchies), 1);
    cr_assert(makes("/g/freezer"));
    use(v2_text);
    must(0);
    cr_assert_eq(plan.hierarchies, 1U);
    use("");
    must(0);
    cr_assert_eq(plan.hierarchies, 0U);
}

Test(cgroup_plan, hybrid_makes_what_is_asked_for)
{
    use(hybrid_text);
    limits.pids = (struct maybe_i64)SET(64);
    must(0);
    goes("/g/pids/pids.max", "64");
    cr_assert_eq(__builtin_popcount(plan.hierarchies), 2);
    cr_assert(makes("/g/pids") && makes("/g/unified"));
}

Test(cgroup_plan, everywhere_and_accounting)
{
    use(v1_text);
    must(CGROUP_EVERYWHERE);
    cr_assert_eq(__builtin_popcount(plan.hierarchies), 9);
    must(CGROUP_ACCOUNT);
    cr_assert(makes("/g/memory") && makes("/g/pids") && makes("/g/cpu,cpuacct") &&
              makes("/g/blkio"));
    cr_assert(!makes("/g/cpuset"));
    use(v2_text);
    must(CGROUP_ACCOUNT);
    cr_assert_eq(plan.writes.len, 3);
    for (size_t i = 0; i < plan.writes.len; i++) {
        cr_assert_null(plan.writes.at[i].value);
        cr_assert(plan.writes.at[i].flags & CGROUP_WRITE_MAY_MISS);
    }
}

Test(cgroup_plan, memory)
{
    limits.memory_bytes = (struct maybe_i64)SET(100 << 20);
    limits.memory_swap_bytes = (struct maybe_i64)SET(300 << 20);
    limits.memory_reservation_bytes = (struct maybe_i64)SET(50 << 20);
    use(v1_text);
    must(0);
    goes("/g/memory/memory.limit_in_bytes", "104857600");
    goes("/g/memory/memory.memsw.limit_in_bytes", "314572800");
    goes("/g/memory/memory.soft_limit_in_bytes", "52428800");
    cr_assert(plan.writes.at[0].set && plan.writes.at[0].set == plan.writes.at[1].set);
    use(v2_text);
    must(0);
    goes("/g/memory.max", "104857600");
    goes("/g/memory.swap.max", "209715200");
    goes("/g/memory.low", "52428800");
}

Test(cgroup_plan, a_limit_of_swap_that_may_miss)
{
    limits.memory_bytes = (struct maybe_i64)SET(100);
    limits.memory_swap_bytes = (struct maybe_i64)SET(200);
    limits.optional = CGROUP_OPTIONAL_SWAP;
    use(v1_text);
    must(0);
    cr_expect_eq(plan.writes.at[0].flags, 0);
    cr_expect_eq(plan.writes.at[1].flags, CGROUP_WRITE_MAY_MISS);
}

Test(cgroup_plan, no_limit_is_what_a_new_group_has)
{
    limits.memory_bytes = limits.memory_swap_bytes = limits.pids = (struct maybe_i64)SET(-1);
    limits.cpu_quota_us = limits.memory_reservation_bytes = (struct maybe_i64)SET(-1);
    limits.oom_kill_disable = (struct maybe_bool)SET(false);
    use(v1_text);
    must(0);
    cr_assert_eq(plan.writes.len, 0);
    must(CGROUP_JOIN);
    goes("/g/memory/memory.limit_in_bytes", "-1");
    goes("/g/memory/memory.memsw.limit_in_bytes", "-1");
    goes("/g/pids/pids.max", "max");
    goes("/g/cpu,cpuacct/cpu.cfs_quota_us", "-1");
    goes("/g/memory/memory.oom_control", "0");
    use(v2_text);
    must(CGROUP_UPDATE);
    goes("/g/memory.max", "max");
    goes("/g/memory.swap.max", "max");
    goes("/g/memory.low", "0");
    goes("/g/pids.max", "max");
    goes("/g/cpu.max", "max");
    cr_assert_null(nth("/g/memory.oom_control", 0));
}

Test(cgroup_plan, lifting_memory_lifts_swap_in_v1)
{
    limits.memory_bytes = (struct maybe_i64)SET(-1);
    use(v1_text);
    must(CGROUP_UPDATE);
    goes("/g/memory/memory.memsw.limit_in_bytes", "-1");
    goes("/g/memory/memory.limit_in_bytes", "-1");
}

Test(cgroup_plan, swap_needs_memory)
{
    limits.memory_swap_bytes = (struct maybe_i64)SET(100);
    use(v2_text);
    refused(0, ERR_INVALID, "memory limit with it");
    limits.memory_bytes = (struct maybe_i64)SET(101);
    refused(0, ERR_INVALID, "below the memory limit");
    use(v1_text);
    refused(0, ERR_INVALID, "below the memory limit");
    limits.memory_bytes = (struct maybe_i64)SET(100);
    use(v2_text);
    must(0);
    goes("/g/memory.swap.max", "0");
}

Test(cgroup_plan, cpu)
{
    limits.cpu_shares = (struct maybe_u64)SET(1024);
    limits.cpu_quota_us = (struct maybe_i64)SET(50000);
    limits.cpu_period_us = (struct maybe_u64)SET(100000);
    limits.cpu_burst_us = (struct maybe_u64)SET(10000);
    limits.cpu_idle = (struct maybe_i64)SET(0);
    use(v1_text);
    must(0);
    goes("/g/cpu,cpuacct/cpu.shares", "1024");
    goes("/g/cpu,cpuacct/cpu.cfs_quota_us", "50000");
    goes("/g/cpu,cpuacct/cpu.cfs_period_us", "100000");
    goes("/g/cpu,cpuacct/cpu.cfs_burst_us", "10000");
    goes("/g/cpu,cpuacct/cpu.idle", "0");
    use(v2_text);
    must(0);
    goes("/g/cpu.weight", "39");
    goes("/g/cpu.max", "50000 100000");
    cr_assert_null(nth("/g/cpu.max", 1));
    goes("/g/cpu.max.burst", "10000");
}

Test(cgroup_plan, cpu_weight_ends)
{
    static const struct {
        uint64_t shares;
        const char *weight;
    } rows[] = {
        { 0, "1" }, { 2, "1" }, { 262144, "10000" }, { UINT64_MAX, "10000" }, { 1000, "39" }
    };
    use(v2_text);
    for (size_t i = 0; i < array_size(rows); i++) {
        limits.cpu_shares = (struct maybe_u64)SET(rows[i].shares);
        must(0);
        goes("/g/cpu.weight", rows[i].weight);
    }
}

Test(cgroup_plan, period_alone)
{
    limits.cpu_period_us = (struct maybe_u64)SET(50000);
    use(v2_text);
    must(0);
    goes("/g/cpu.max", "max 50000");
    cr_assert_eq(plan.writes.at[0].flags, 0);
    limits.cpu_quota_us = (struct maybe_i64)SET(-1);
    must(0);
    goes("/g/cpu.max", "max 50000");
    limits.cpu_quota_us.set = false;
    must(CGROUP_UPDATE);
    cr_assert_eq(plan.writes.at[0].flags, CGROUP_WRITE_KEEP_QUOTA);
}

Test(cgroup_plan, of_v1_alone)
{
    static const struct {
        struct cgroup_limits limits;
        const char *file;
        const char *value;
    } rows[] = {
        { { .swappiness = SET(60) }, "/g/memory/memory.swappiness", "60" },
        { { .oom_kill_disable = SET(true) }, "/g/memory/memory.oom_control", "1" },
        { { .kernel_tcp_bytes = SET(4096) }, "/g/memory/memory.kmem.tcp.limit_in_bytes", "4096" },
        { { .rt_runtime_us = SET(950000) }, "/g/cpu,cpuacct/cpu.rt_runtime_us", "950000" },
        { { .rt_period_us = SET(1000000) }, "/g/cpu,cpuacct/cpu.rt_period_us", "1000000" },
        { { .net_class_id = SET(0x100001) }, "/g/net/net_cls.classid", "1048577" },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        limits = rows[i].limits;
        use(v1_text);
        must(0);
        goes(rows[i].file, rows[i].value);
        use(v2_text);
        refused(0, ERR_UNSUPPORTED, "v2 has no such limit");
    }
}

Test(cgroup_plan, cpuset)
{
    limits.cpus = "0-3,7";
    limits.mems = "0";
    use(v1_text);
    must(0);
    goes("/g/cpuset/cpuset.cpus", "0-3,7");
    goes("/g/cpuset/cpuset.mems", "0");
    use(v2_text);
    must(0);
    goes("/g/cpuset.cpus", "0-3,7");
    limits.cpus = "0\n1";
    refused(0, ERR_INVALID, "CPU list");
    limits.cpus = "";
    refused(0, ERR_INVALID, "CPU list");
}

Test(cgroup_plan, block_io)
{
    limits.io_weight = (struct maybe_u64)SET(500);
    *array_add(&limits.io_weights) = (struct cgroup_weight){ 8, 0, 10 };
    *array_add(&limits.io_throttles) = (struct cgroup_throttle){ CGROUP_WRITE_BPS, 8, 0, 1048576 };
    *array_add(&limits.io_throttles) = (struct cgroup_throttle){ CGROUP_READ_IOPS, 8, 16, 0 };
    use(v1_text);
    must(0);
    goes("/g/blkio/blkio.bfq.weight", "500");
    goes("/g/blkio/blkio.weight", "500");
    cr_assert_eq(plan.writes.at[0].flags, CGROUP_WRITE_OR_NEXT);
    cr_assert_eq(plan.writes.at[1].flags, 0);
    goes("/g/blkio/blkio.bfq.weight_device", "8:0 10");
    goes("/g/blkio/blkio.throttle.write_bps_device", "8:0 1048576");
    goes("/g/blkio/blkio.throttle.read_iops_device", "8:16 0");
    use(v2_text);
    must(0);
    goes("/g/io.bfq.weight", "500");
    goes("/g/io.weight", "4950");
    cr_assert_str_eq(nth("/g/io.bfq.weight", 1), "8:0 10");
    cr_assert_str_eq(nth("/g/io.weight", 1), "8:0 1");
    goes("/g/io.max", "8:0 wbps=1048576");
    cr_assert_str_eq(nth("/g/io.max", 1), "8:16 riops=max");
}

Test(cgroup_plan, block_io_ranges)
{
    use(v1_text);
    limits.io_weight = (struct maybe_u64)SET(9);
    refused(0, ERR_INVALID, "10 to 1000");
    limits.io_weight.value = 1001;
    refused(0, ERR_INVALID, "10 to 1000");
    limits.io_weight.set = false;
    *array_add(&limits.io_throttles) = (struct cgroup_throttle){ CGROUP_WRITE_BPS, -1, 0, 1 };
    refused(0, ERR_INVALID, "device number");
}

Test(cgroup_plan, hugepages)
{
    *array_add(&limits.hugepages) = (struct cgroup_hugepage){ "2MB", 4 << 20 };
    use(v2_text);
    must(0);
    goes("/g/hugetlb.2MB.max", "4194304");
    goes("/g/hugetlb.2MB.rsvd.max", "4194304");
    cr_assert_eq(plan.writes.at[1].flags, CGROUP_WRITE_MAY_MISS);
    use(v1_text);
    refused(0, ERR_UNSUPPORTED, "hugetlb");
    static const char *const bad[] = { "../x", "MB", "2", "2MBs", "2mb", NULL };
    use(v2_text);
    for (size_t i = 0; i < array_size(bad); i++) {
        limits.hugepages.at[0].size = bad[i];
        refused(0, ERR_INVALID, "hugepage");
    }
}

Test(cgroup_plan, network_and_rdma)
{
    *array_add(&limits.net_priorities) = (struct cgroup_priority){ "eth0", 5 };
    use(v1_text);
    must(0);
    goes("/g/net/net_prio.ifpriomap", "eth0 5");
    use(v2_text);
    refused(0, ERR_UNSUPPORTED, "network priority");
    limits.net_priorities.at[0].interface = "eth0 6\nlo";
    refused(0, ERR_INVALID, "interface name");
    limits.net_priorities.len = 0;
    *array_add(&limits.rdma) = (struct cgroup_rdma){ "mlx5_0", SET(3), SET(10000) };
    must(0);
    goes("/g/rdma.max", "mlx5_0 hca_handle=3 hca_object=10000");
}

Test(cgroup_plan, unified_files)
{
    struct pair pair[] = { { (char *)"memory.high", (char *)"1000" },
                           { (char *)"io.max", (char *)"8:0 rbps=1\n8:16 rbps=2\n" } };
    struct pairs pairs = { pair, 2 };
    limits.unified = &pairs;
    use(v2_text);
    must(0);
    goes("/g/memory.high", "1000");
    goes("/g/io.max", "8:0 rbps=1");
    cr_assert_str_eq(nth("/g/io.max", 1), "8:16 rbps=2");
    cr_assert_eq(plan.writes.at[0].controller, CGROUP_MEMORY);
    cr_assert_eq(plan.writes.at[1].controller, CGROUP_BLKIO);
    use(v1_text);
    refused(0, ERR_UNSUPPORTED, "unified memory.high");
    use(hybrid_text);
    refused(0, ERR_UNSUPPORTED, "invalid configuration: cgroup v1 has the memory controller");
    static const char *const bad[] = { "../memory.max",
                                       "a/b.c",
                                       ".memory",
                                       "memory",
                                       "",
                                       "cgroup.procs",
                                       "cgroup.kill",
                                       "cgroup.subtree_control",
                                       "memory.max\n",
                                       "memory max.x" };
    use(v2_text);
    for (size_t i = 0; i < array_size(bad); i++) {
        pair[0].key = (char *)bad[i];
        refused(0, ERR_INVALID, "unified");
    }
}

static void add_rule(bool allow, char type, int64_t major, int64_t minor)
{
    *array_add(&limits.device_rules) =
        (struct cgroup_device_rule){ allow, type, major, minor, CGROUP_DEVICE_ALL };
}

Test(cgroup_plan, devices)
{
    add_rule(false, 'a', -1, -1);
    add_rule(true, 'c', 1, 3);
    use(hybrid_text);
    must(0);
    cr_assert_eq(plan.devices, CGROUP_DEVICE_MEANS_V1);
    goes("/g/devices/devices.deny", "a");
    goes("/g/devices/devices.allow", "c 1:3 rwm");
    must(CGROUP_UPDATE);
    cr_assert_eq(plan.devices, CGROUP_DEVICE_MEANS_V1);
    cr_assert_eq(plan.writes.len, 0);
    use(v2_text);
    must(0);
    cr_assert_eq(plan.devices, CGROUP_DEVICE_MEANS_BPF);
    cr_assert_eq(plan.writes.len, 0);
}

Test(cgroup_plan, device_rules_that_v1_cannot_say)
{
    add_rule(true, 'c', 1, -1);
    add_rule(false, 'c', 1, 5);
    use(hybrid_text);
    must(0);
    cr_assert_eq(plan.devices, CGROUP_DEVICE_MEANS_BPF);
    use(v1_text);
    must(0);
    cr_assert_eq(plan.devices, CGROUP_DEVICE_MEANS_NONE);
    cr_assert(plan.dropped & (1U << CGROUP_DEVICES));
    limits.need_device_rules = true;
    refused(0, ERR_UNSUPPORTED, "device rules");
}

/* --- what cannot be had --- */

Test(cgroup_plan, names_what_is_missing)
{
    limits.pids = (struct maybe_i64)SET(5);
    use("1 1 0:2 / /g/memory rw - cgroup cgroup rw,memory\n");
    refused(0, ERR_UNSUPPORTED, "pids limit: there is no pids controller");
    use("");
    refused(0, ERR_UNSUPPORTED, "mount cgroup2");
    use(v2_text);
    free(take_ptr(host.base));
    refused(0, ERR_UNSUPPORTED, "Delegate=yes");
    use(hybrid_text);
    host.at[cgroup_host_find(&host, CGROUP_PIDS)].writable = false;
    refused(0, ERR_UNSUPPORTED, "/g/pids cannot be written");
}

Test(cgroup_plan, lifting_a_limit_that_cannot_be_is_fine)
{
    limits.pids = (struct maybe_i64)SET(-1);
    use("1 1 0:2 / /g/memory rw - cgroup cgroup rw,memory\n");
    must(CGROUP_UPDATE);
    cr_assert_eq(plan.writes.len, 0);
}

Test(cgroup_plan, leaves_out_what_is_optional)
{
    limits.pids = (struct maybe_i64)SET(5);
    limits.optional = 1U << CGROUP_PIDS;
    use(v2_text);
    free(take_ptr(host.base));
    must(0);
    cr_assert_eq(plan.hierarchies, 0U);
    cr_assert_eq(plan.dropped, 1U << CGROUP_PIDS);
    limits.memory_bytes = (struct maybe_i64)SET(5);
    refused(0, ERR_UNSUPPORTED, "memory limit");
}

Test(cgroup_plan, can_be_printed)
{
    limits.pids = (struct maybe_i64)SET(5);
    use(v2_text);
    must(0);
    auto_done(str) out = {};
    cgroup_plan_format(&host, &plan, "ruche/x", &out);
    cr_assert_str_eq(str_text(&out), "mkdir /g/ruche/x\nwrite \"5\" to /g/ruche/x/pids.max\n");
}

/* --- paths and mounts --- */

Test(cgroup_path, is_checked)
{
    static const char *const good[] = {
        "a", "/a", "ruche/0123", "/a/b.slice/c:d", "a..b/...", "é"
    };
    static const char *const bad[] = { "",       "/",   "//a", "a//b", "a/",      "..",
                                       "a/../b", "./a", "a/.", "a\nb", "a\033[1m" };
    for (size_t i = 0; i < array_size(good); i++)
        cr_assert_eq(cgroup_path_check(good[i], &err), 0, "%s: %s", good[i], err.text);
    for (size_t i = 0; i < array_size(bad); i++) {
        cr_assert_eq(cgroup_path_check(bad[i], &err), -1, "\"%s\"", bad[i]);
        cr_assert_eq(err.kind, ERR_INVALID);
        cr_assert_null(strpbrk(err.text, "\n\033"));
    }
    char name[260] = {};
    memset(name, 'x', 255);
    cr_assert_eq(cgroup_path_check(name, &err), 0);
    name[255] = 'x';
    cr_assert_eq(cgroup_path_check(name, &err), -1);
}

static const struct cgroup_mount *mount_named(const struct cgroup_mounts *mounts, const char *name)
{
    for (size_t i = 0; i < mounts->len; i++)
        if (strcmp(mounts->at[i].name, name) == 0)
            return &mounts->at[i];
    return NULL;
}

Test(cgroup_plan, mounts_of_v1)
{
    struct cgroup_mounts mounts;
    use(v1_text);
    cgroup_mount_plan(&host, NULL, &mounts);
    cr_assert_eq(mounts.at[0].type, CGROUP_MOUNT_TMPFS);
    cr_assert_str_eq(mounts.at[0].name, "");
    const struct cgroup_mount *cpu = mount_named(&mounts, "cpu,cpuacct");
    cr_assert_str_eq(cpu->fstype, "cgroup");
    cr_assert_str_eq(cpu->options, "cpu,cpuacct");
    cr_assert_str_eq(cpu->source, "/g/cpu,cpuacct");
    const struct cgroup_mount *link = mount_named(&mounts, "cpuacct");
    cr_assert_eq(link->type, CGROUP_MOUNT_LINK);
    cr_assert_str_eq(link->options, "cpu,cpuacct");
    cr_assert_str_eq(mount_named(&mounts, "systemd")->options, "name=systemd");
    cr_assert_null(mount_named(&mounts, "unified"));
    cgroup_mounts_done(&mounts);
}

Test(cgroup_plan, mounts_show_only_the_groups_own)
{
    struct cgroup_mounts mounts;
    use(hybrid_text);
    int pids = cgroup_host_find(&host, CGROUP_PIDS);
    struct cgroup cgroup = { .host = &host,
                             .path = (char *)"/ruche/x",
                             .hierarchies = 1U << pids | 1U << host.v2 };
    cgroup_mount_plan(&host, &cgroup, &mounts);
    cr_assert_eq(mounts.len, 3);
    cr_assert_str_eq(mount_named(&mounts, "pids")->source, "/g/pids/ruche/x");
    cr_assert_str_eq(mount_named(&mounts, "unified")->fstype, "cgroup2");
    cr_assert_null(mount_named(&mounts, "memory"));
    cgroup_mounts_done(&mounts);
    use(v2_text);
    cgroup_mount_plan(&host, NULL, &mounts);
    cr_assert_eq(mounts.len, 1);
    cr_assert_eq(mounts.at[0].type, CGROUP_MOUNT_V2);
    cr_assert_str_eq(mounts.at[0].name, "");
    cgroup_mounts_done(&mounts);
    use("");
    cgroup_mount_plan(&host, NULL, &mounts);
    cr_assert_eq(mounts.len, 0);
    cgroup_mounts_done(&mounts);
}
