/* SPDX-License-Identifier: Apache-2.0 */
/* The other half of a plan: what a process is, what it may use, what it may call. */
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "../kernel/seccomp_simulate.h"
#include "kernel/namespace.h"
#include "planned.h"

TestSuite(plan_process, .init = set_up, .fini = tidy, .timeout = 600);

/* --- limits ----------------------------------------------------------------------------------- */

static const struct cgroup_limits *limits_of(const char *resources)
{
    auto_free char *json =
        xasprintf(CONFIG(PROCESS "," LINUX("", ",\"cgroupsPath\":\"/hive/one\",\"resources\":%s")),
                  resources);
    makes(json);
    return &plan.limits;
}

Test(plan_process, hands_limits_of_memory_and_processors_on)
{
    const struct cgroup_limits *limits = limits_of(
        "{\"memory\":{\"limit\":1000,\"swap\":2000,\"reservation\":500,\"kernelTCP\":10,"
        "\"swappiness\":7,"
        "\"disableOOMKiller\":true},\"cpu\":{\"shares\":512,\"quota\":50000,\"period\":100000,"
        "\"burst\":5,"
        "\"realtimeRuntime\":1,\"realtimePeriod\":2,\"cpus\":\"0-1\",\"mems\":\"0\",\"idle\":1},"
        "\"pids\":{\"limit\":-1}}");
    cr_expect(limits->memory_bytes.set && limits->memory_bytes.value == 1000);
    cr_expect(limits->memory_swap_bytes.set && limits->memory_swap_bytes.value == 2000);
    cr_expect(limits->memory_reservation_bytes.set &&
              limits->memory_reservation_bytes.value == 500);
    cr_expect(limits->kernel_tcp_bytes.set && limits->kernel_tcp_bytes.value == 10);
    cr_expect(limits->swappiness.set && limits->swappiness.value == 7);
    cr_expect(limits->oom_kill_disable.set && limits->oom_kill_disable.value);
    cr_expect(limits->cpu_shares.set && limits->cpu_shares.value == 512);
    cr_expect(limits->cpu_quota_us.set && limits->cpu_quota_us.value == 50000);
    cr_expect(limits->cpu_period_us.set && limits->cpu_period_us.value == 100000);
    cr_expect(limits->cpu_burst_us.set && limits->cpu_burst_us.value == 5);
    cr_expect(limits->rt_runtime_us.set && limits->rt_runtime_us.value == 1);
    cr_expect(limits->rt_period_us.set && limits->rt_period_us.value == 2);
    cr_expect(limits->cpu_idle.set && limits->cpu_idle.value == 1);
    cr_expect_str_eq(limits->cpus, "0-1");
    cr_expect_str_eq(limits->mems, "0");
    cr_expect(limits->pids.set && limits->pids.value == -1);
}

Test(plan_process, hands_limits_of_devices_and_the_rest_on)
{
    const struct cgroup_limits *limits = limits_of(
        "{\"devices\":[{\"allow\":false},{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":-1,"
        "\"access\":\"rw\"}],"
        "\"blockIO\":{\"weight\":20,\"weightDevice\":[{\"major\":8,\"minor\":1,\"weight\":30}],"
        "\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":100}],"
        "\"throttleWriteIOPSDevice\":[{\"major\":8,\"minor\":2,\"rate\":5}]},"
        "\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":9}],"
        "\"rdma\":{\"mlx5\":{\"hcaHandles\":3}},"
        "\"network\":{\"classID\":77,\"priorities\":[{\"name\":\"eth0\",\"priority\":4}]},"
        "\"unified\":{\"memory.high\":\"1\"}}");
    cr_assert_eq(limits->device_rules.len, 2);
    cr_expect(!limits->device_rules.at[0].allow && limits->device_rules.at[0].type == 'a');
    cr_expect(limits->device_rules.at[0].major == -1 &&
              limits->device_rules.at[0].access == CGROUP_DEVICE_ALL);
    cr_expect(limits->device_rules.at[1].allow && limits->device_rules.at[1].type == 'c');
    cr_expect(limits->device_rules.at[1].major == 1 && limits->device_rules.at[1].minor == -1);
    cr_expect_eq(limits->device_rules.at[1].access, CGROUP_DEVICE_READ | CGROUP_DEVICE_WRITE);
    cr_expect(limits->need_device_rules);
    cr_expect(limits->io_weight.set && limits->io_weight.value == 20);
    cr_assert_eq(limits->io_weights.len, 1);
    cr_expect_eq(limits->io_weights.at[0].weight, 30);
    cr_assert_eq(limits->io_throttles.len, 2);
    cr_expect(limits->io_throttles.at[0].kind == CGROUP_READ_BPS &&
              limits->io_throttles.at[0].rate == 100);
    cr_expect(limits->io_throttles.at[1].kind == CGROUP_WRITE_IOPS &&
              limits->io_throttles.at[1].minor == 2);
    cr_assert_eq(limits->hugepages.len, 1);
    cr_expect_str_eq(limits->hugepages.at[0].size, "2MB");
    cr_assert_eq(limits->rdma.len, 1);
    cr_expect(limits->rdma.at[0].handles.set && !limits->rdma.at[0].objects.set);
    cr_expect(limits->net_class_id.set && limits->net_class_id.value == 77);
    cr_assert_eq(limits->net_priorities.len, 1);
    cr_expect_str_eq(pairs_value(limits->unified, "memory.high"), "1");
}

Test(plan_process, asks_for_no_device_rules_where_there_are_none)
{
    const struct cgroup_limits *limits = limits_of("{}");
    cr_expect(!limits->need_device_rules && !limits->memory_bytes.set && !limits->pids.set);
}

Test(plan_process, says_which_limits_may_be_left_out)
{
    request.optional_limits = 1u << CGROUP_PIDS;
    cr_expect_eq(limits_of("{\"pids\":{\"limit\":5}}")->optional, 1u << CGROUP_PIDS);
}

/* --- the process ------------------------------------------------------------------------------ */

Test(plan_process, takes_the_process_over)
{
    request.flags = RUNTIME_MAKE_CWD;
    request.user = "bee:hive";
    makes(CONFIG(
        "\"process\":{\"args\":[\"a\",\"b\"],\"cwd\":\"/work\",\"env\":[\"X=1\",\"PATH=/bin\"],"
        "\"terminal\":true,\"consoleSize\":{\"height\":3,\"width\":4},\"noNewPrivileges\":true,"
        "\"user\":{\"uid\":5,\"gid\":6,\"umask\":18,\"additionalGids\":[7,8]},\"oomScoreAdj\":-5}"
        "," LINUX("", "")));
    const struct plan_process *process = &plan.process;
    cr_expect(strcmp(process->argv[1], "b") == 0 && !process->argv[2]);
    cr_expect(strcmp(process->env[0], "X=1") == 0 && !process->env[2] && !process->env[3]);
    cr_expect(process->home_missing && process->make_cwd && process->terminal &&
              process->no_new_privileges);
    cr_expect_str_eq(process->cwd, "/work");
    cr_expect_eq(process->console_size->width, 4);
    cr_expect_str_eq(process->user, "bee:hive");
    cr_expect(process->uid == 5 && process->gid == 6 && process->umask_set && process->umask == 18);
    cr_assert_eq(process->n_groups, 2);
    cr_expect_eq(process->groups[1], 8);
    cr_expect(process->oom_score_adj.set && process->oom_score_adj.value == -5);
}

Test(plan_process, makes_no_root_directory)
{
    request.flags = RUNTIME_MAKE_CWD;
    makes(CONFIG(PROCESS "," LINUX("", "")));
    cr_expect(!plan.process.make_cwd);
}

Test(plan_process, leaves_a_home_alone)
{
    makes(CONFIG("\"process\":{\"args\":[\"a\"],\"cwd\":\"/\",\"env\":[\"HOME=/"
                 "there\"],\"user\":{\"uid\":0,\"gid\":0}}," LINUX("", "")));
    cr_expect(!plan.process.home_missing);
}

#define CAPABLE(sets) PROCESS_AND("\"capabilities\":{" sets "}")

Test(plan_process, takes_capabilities_over)
{
    makes(CONFIG(
        CAPABLE("\"bounding\":[\"CAP_KILL\",\"CAP_CHOWN\"],\"permitted\":[\"CAP_KILL\"],"
                "\"effective\":[\"CAP_KILL\"],\"inheritable\":[\"CAP_CHOWN\"],"
                "\"ambient\":[\"CAP_KILL\",\"CAP_CHOWN\"]") "," LINUX("," USER_NS, "," MAPS("0"))));
    const struct capability_sets *sets = &plan.process.capabilities;
    cr_expect_eq(sets->bounding, CAPABILITY_BIT(KILL) | CAPABILITY_BIT(CHOWN));
    cr_expect_eq(sets->permitted, CAPABILITY_BIT(KILL));
    cr_expect_eq(sets->effective, CAPABILITY_BIT(KILL));
    cr_expect_eq(sets->inheritable, CAPABILITY_BIT(CHOWN));
    cr_expect_eq(sets->ambient, 0, "none is both permitted and inheritable");
    makes(CONFIG(PROCESS "," LINUX("", "")));
    cr_expect_eq(plan.process.capabilities.bounding, 0, "none are asked for, none are given");
    makes(CONFIG(CAPABLE("\"bounding\":[\"CAP_FLY\",\"CAP_KILL\"]") "," LINUX("", "")));
    cr_expect_eq(plan.process.capabilities.bounding, CAPABILITY_BIT(KILL) & capability_permitted());
    cr_expect_str_eq(plan.warning, "capability CAP_FLY is left out: it is not known");
}

/* Of the host's namespace nobody can hand on what he has not. */
Test(plan_process, grants_what_there_is_to_grant)
{
    static const char sets[] = "\"bounding\":[\"CAP_SYS_RESOURCE\",\"CAP_CHOWN\"],"
                               "\"permitted\":[\"CAP_SYS_RESOURCE\",\"CAP_CHOWN\"]";
    auto_free char *own =
        xasprintf(CONFIG(CAPABLE("%s") "," LINUX("," USER_NS, "," MAPS("0"))), sets);
    auto_free char *shared = xasprintf(CONFIG(CAPABLE("%s") "," LINUX("", "")), sets);
    makes(own);
    cr_expect_eq(plan.process.capabilities.permitted,
                 CAPABILITY_BIT(SYS_RESOURCE) | CAPABILITY_BIT(CHOWN));
    makes(shared);
    cr_expect_eq(plan.process.capabilities.permitted & ~capability_permitted(), 0);
}

Test(plan_process, takes_process_limits_over)
{
    makes(CONFIG(PROCESS_AND(
        "\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":10,\"hard\":20},"
        "{\"type\":\"RLIMIT_CORE\",\"soft\":0,\"hard\":18446744073709551615}]") "," LINUX("", "")));
    cr_assert_eq(plan.process.n_rlimits, 2);
    cr_expect_eq(plan.process.rlimits[0].resource, RLIMIT_NOFILE);
    cr_expect_eq(plan.process.rlimits[0].soft, 10);
    cr_expect_eq(plan.process.rlimits[0].hard, 20);
    cr_expect_eq(plan.process.rlimits[1].hard, RLIMIT_UNLIMITED);
    refuses(
        CONFIG(PROCESS_AND(
            "\"rlimits\":[{\"type\":\"RLIMIT_HONEY\",\"soft\":1,\"hard\":1}]") "," LINUX("", "")),
        ERR_INVALID, "RLIMIT_HONEY");
}

Test(plan_process, scopes_landlock_by_the_network)
{
    request.flags = RUNTIME_LANDLOCK;
    makes(CONFIG(PROCESS "," LINUX(",{\"type\":\"network\"}", "")));
    cr_expect(plan.process.landlock && !plan.process.landlock_scope);
    makes(CONFIG(PROCESS "," LINUX("", "")));
    cr_expect(plan.process.landlock && plan.process.landlock_scope,
              "the host's abstract sockets are in reach");
    request.flags = 0;
    makes(CONFIG(PROCESS "," LINUX("", "")));
    cr_expect(!plan.process.landlock);
}

Test(plan_process, plans_a_process_alone)
{
    makes(CONFIG(PROCESS ",\"mounts\":[" BIND("/srv", "") "]," LINUX(
        "," USER_NS, "," MAPS("0") ",\"cgroupsPath\":\"/h\"")));
    struct plan process = {};
    cr_assert_eq(plan_make_process(&request, &process, &err), 0, "%s", err.text);
    cr_expect(process.n_sources == 0 && process.n_mounts == 0 && !process.dev);
    cr_expect_eq(process.all_flags, CLONE_NEWNS | CLONE_NEWUSER);
    cr_expect_str_eq(process.cgroup, "/h");
    cr_expect_eq(process.maps.uid.len, 1);
    cr_expect_str_eq(process.process.argv[0], "a");
    plan_done(&process);
}

/* --- seccomp ---------------------------------------------------------------------------------- */

static int make_seccomp(const char *seccomp)
{
    auto_free char *json = xasprintf(CONFIG(PROCESS "," LINUX("", ",\"seccomp\":%s")), seccomp);
    return make(json);
}

static uint32_t verdict(int number, uint64_t a, uint64_t b)
{
    return simulate_call(&plan.process.seccomp, NATIVE, number, a, b);
}

Test(plan_process, compiles_a_profile)
{
    cr_assert_eq(
        make_seccomp("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,"
                     "\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\",\"SECCOMP_FILTER_FLAG_TSYNC\"],"
                     "\"syscalls\":[{\"names\":[\"read\",\"no_such_call\",\"write\"],\"action\":"
                     "\"SCMP_ACT_ALLOW\"},"
                     "{\"names\":[\"kill\"],\"action\":\"SCMP_ACT_ERRNO\"},"
                     "{\"names\":[\"mkdirat\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":17},"
                     "{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ALLOW\","
                     "\"args\":[{\"index\":0,\"value\":8,\"op\":\"SCMP_CMP_EQ\"}]},"
                     "{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\","
                     "\"args\":[{\"index\":0,\"value\":240,\"valueTwo\":16,\"op\":\"SCMP_CMP_"
                     "MASKED_EQ\"}]}]}"),
        0, "%s", err.text);
    cr_expect_eq(verdict(SYS_read, 0, 0), SECCOMP_RET_ALLOW);
    cr_expect_eq(verdict(SYS_write, 0, 0), SECCOMP_RET_ALLOW);
    cr_expect_eq(verdict(SYS_kill, 0, 0), REFUSED(EPERM));
    cr_expect_eq(verdict(SYS_mkdirat, 0, 0), REFUSED(EEXIST));
    cr_expect_eq(verdict(SYS_personality, 8, 0), SECCOMP_RET_ALLOW);
    cr_expect_eq(verdict(SYS_personality, 9, 0), REFUSED(ENOSYS));
    cr_expect_eq(verdict(SYS_clone, 0x13, 0), SECCOMP_RET_ALLOW, "(argument & 240) == 16");
    cr_expect_eq(verdict(SYS_clone, 0x23, 0), REFUSED(ENOSYS));
    cr_expect_eq(verdict(SYS_getpid, 0, 0), REFUSED(ENOSYS));
    cr_expect_eq(simulate_call(&plan.process.seccomp, AUDIT_ARCH_MIPS, SYS_read, 0, 0),
                 SECCOMP_RET_KILL_PROCESS);
    cr_expect_eq(plan.process.seccomp_flags, SECCOMP_FILTER_FLAG_LOG);
}

/* An argument that is named twice: any of the comparisons, as in other runtimes. */
Test(plan_process, takes_repeated_arguments_for_alternatives)
{
    cr_assert_eq(
        make_seccomp("{\"defaultAction\":\"SCMP_ACT_KILL_PROCESS\",\"syscalls\":[{\"names\":"
                     "[\"personality\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
                     "{\"index\":0,\"value\":8,\"op\":\"SCMP_CMP_EQ\"},"
                     "{\"index\":0,\"value\":0,\"op\":\"SCMP_CMP_EQ\"}]}]}"),
        0, "%s", err.text);
    cr_expect_eq(verdict(SYS_personality, 8, 0), SECCOMP_RET_ALLOW);
    cr_expect_eq(verdict(SYS_personality, 0, 0), SECCOMP_RET_ALLOW);
    cr_expect_eq(verdict(SYS_personality, 9, 0), SECCOMP_RET_KILL_PROCESS);
    cr_expect_eq(verdict(SYS_read, 0, 0), SECCOMP_RET_KILL_PROCESS);
    cr_expect_eq(verdict(4000, 0, 0), REFUSED(ENOSYS), "newer than the profile");
}

Test(plan_process, passes_over_a_listener_nobody_needs)
{
    cr_assert_eq(make_seccomp("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/run/x\","
                              "\"flags\":[\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]}"),
                 0, "%s", err.text);
    cr_expect(!plan.process.seccomp_notify);
    cr_expect_eq(plan.process.seccomp_flags, 0);
}

Test(plan_process, refuses_profiles_it_cannot_keep)
{
    static const char *const rows[][2] = {
        { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_HONEY\"]}",
          "/linux/seccomp/flags/0" },
        { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/x\",\"syscalls\":[{\"names\":"
          "[\"write\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}",
          "/linux/seccomp/syscalls/0: SCMP_ACT_NOTIFY cannot be used for the write syscall" },
        { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mount\"],\"action\":"
          "\"SCMP_ACT_NOTIFY\"}]}",
          "SCMP_ACT_NOTIFY" },
        { "{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", "SCMP_ACT_NOTIFY" },
        { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_ABACUS\"]}",
          "ABACUS" },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        cr_expect_eq(make_seccomp(rows[i][0]), -1, "%s", rows[i][0]);
        cr_expect(err.kind == ERR_UNSUPPORTED || err.kind == ERR_INVALID);
        cr_expect(strstr(err.text, rows[i][1]), "%s", err.text);
    }
}

Test(plan_process, filters_by_default_or_not_at_all)
{
    makes(CONFIG(PROCESS "," LINUX("", "")));
    cr_expect_eq(plan.process.seccomp.len, 0, "the configuration asks for none");
    request.seccomp = RUNTIME_SECCOMP_DEFAULT;
    makes(CONFIG(PROCESS "," LINUX("", "")));
    cr_expect_eq(verdict(SYS_read, 0, 0), SECCOMP_RET_ALLOW);
    cr_expect_neq(verdict(SYS_mount, 0, 0), SECCOMP_RET_ALLOW);
    makes(
        CONFIG(CAPABLE("\"bounding\":[\"CAP_SYS_ADMIN\"]") "," LINUX("," USER_NS, "," MAPS("0"))));
    cr_expect_eq(verdict(SYS_mount, 0, 0), SECCOMP_RET_ALLOW, "its capability is for that");
}

Test(plan_process, knows_where_its_programs_are_not)
{
    request.flags = RUNTIME_INIT;
    int result = make(CONFIG(PROCESS "," LINUX("", "")));
    cr_expect(result == 0 ? plan.process.init != NULL : strstr(err.text, "ruche-init") != NULL,
              "%s", err.text);
}
