/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/limit.h"

#include <string.h>

#include "parsed.h"

Test(limit, reads_memory)
{
    PARSE(parsed, "-m", "512m", "--memory-swap", "1g", "--memory-reservation", "64MiB");
    const struct container_resources *resources = &parsed.config.resources;
    cr_expect_eq(resources->memory_bytes.value, 512 << 20);
    cr_expect_eq(resources->memory_swap_bytes.value, 1 << 30);
    cr_expect_eq(resources->memory_reservation_bytes.value, 64 << 20);
    PARSE(alone, "-m", "512m");
    cr_expect_eq(alone.config.resources.memory_swap_bytes.value, 1 << 30);
    PARSE(unlimited, "-m", "1g", "--memory-swap", "-1");
    cr_expect_eq(unlimited.config.resources.memory_swap_bytes.value, -1);
    PARSE(none, "-m", "0");
    cr_expect_not(none.config.resources.memory_bytes.set);
}

Test(limit, refuses_bad_memory)
{
    REFUSE("--memory", "-m", "lots");
    REFUSE("--memory", "-m", "-1");
    REFUSE("--memory-reservation", "--memory-reservation", "-1");
    REFUSE("--memory too", "--memory-swap", "1g");
    REFUSE("below --memory", "-m", "1g", "--memory-swap", "512m");
    REFUSE("above --memory", "-m", "1g", "--memory-reservation", "2g");
}

Test(limit, reads_cpu)
{
    PARSE(cpus, "--cpus", "1.5", "-c", "512", "--cpuset-cpus", "0-3,5", "--cpuset-mems", "0");
    const struct container_resources *resources = &cpus.config.resources;
    cr_expect_eq(resources->nano_cpus.value, 1500000000);
    cr_expect_eq(resources->cpu_shares.value, 512);
    cr_expect_str_eq(resources->cpuset_cpus, "0-3,5");
    cr_expect_str_eq(resources->cpuset_mems, "0");
    PARSE(quota, "--cpu-quota", "50000", "--cpu-period", "100000");
    cr_expect_eq(quota.config.resources.cpu_quota_us.value, 50000);
    cr_expect_eq(quota.config.resources.cpu_period_us.value, 100000);
    PARSE(unlimited, "--cpu-quota", "-1", "--cpu-shares", "0");
    cr_expect_eq(unlimited.config.resources.cpu_quota_us.value, -1);
    cr_expect_not(unlimited.config.resources.cpu_shares.set);
}

Test(limit, refuses_bad_cpu)
{
    REFUSE("--cpus", "--cpus", "0.001");
    REFUSE("--cpus", "--cpus", "-1");
    REFUSE("--cpu-quota", "--cpus", "1", "--cpu-quota", "50000");
    REFUSE("--cpu-period", "--cpus", "1", "--cpu-period", "50000");
    REFUSE("--cpu-quota", "--cpu-quota", "10");
    REFUSE("--cpu-period", "--cpu-period", "10");
    REFUSE("--cpu-period", "--cpu-period", "2000000");
    REFUSE("--cpu-shares", "--cpu-shares", "1");
    REFUSE("--cpuset-cpus", "--cpuset-cpus", "0-");
    REFUSE("--cpuset-cpus", "--cpuset-cpus", "3-1");
    REFUSE("--cpuset-cpus", "--cpuset-cpus", "0,,1");
    REFUSE("--cpuset-cpus", "--cpuset-cpus", "0,1,");
    REFUSE("--cpuset-cpus", "--cpuset-cpus", "99999999999999999999");
    REFUSE("--cpuset-cpus", "--cpuset-cpus", "0\n1");
    REFUSE("--cpuset-mems", "--cpuset-mems", "a");
}

Test(limit, reads_numbers)
{
    PARSE(parsed, "--pids-limit", "64", "--blkio-weight", "500", "--shm-size", "1g");
    cr_expect_eq(parsed.config.resources.pids_limit.value, 64);
    cr_expect_eq(parsed.config.resources.blkio_weight.value, 500);
    cr_expect_eq(parsed.config.shm_size_bytes.value, 1 << 30);
    PARSE(none, "--pids-limit", "-1", "--blkio-weight", "0");
    cr_expect_eq(none.config.resources.pids_limit.value, -1);
    cr_expect_not(none.config.resources.blkio_weight.set);
    REFUSE("--pids-limit", "--pids-limit", "-2");
    REFUSE("--blkio-weight", "--blkio-weight", "9");
    REFUSE("--blkio-weight", "--blkio-weight", "1001");
    REFUSE("--shm-size", "--shm-size", "0");
    REFUSE("--shm-size", "--shm-size", "-1");
}

Test(limit, reads_ulimits)
{
    PARSE(parsed, "--ulimit", "nofile=1024:2048", "--ulimit", "CORE=-1", "--ulimit",
          "RLIMIT_NOFILE=5");
    ASSERT_LIST(parsed.config.ulimits, "nofile=5", "core=-1");
    REFUSE("--ulimit", "--ulimit", "nofile");
    REFUSE("--ulimit", "--ulimit", "nofile=2:1");
    REFUSE("--ulimit", "--ulimit", "files=1");
}

Test(limit, reads_sysctls)
{
    PARSE(parsed, "--sysctl", "net.ipv4.ip_forward=1", "--sysctl", "net.ipv4.ip_forward=0",
          "--sysctl", "kernel.msgmax=");
    cr_assert_eq(parsed.config.sysctls.len, 2);
    cr_expect_str_eq(pairs_value(&parsed.config.sysctls, "net.ipv4.ip_forward"), "0");
    cr_expect_str_eq(pairs_value(&parsed.config.sysctls, "kernel.msgmax"), "");
    REFUSE("--sysctl", "--sysctl", "net.ipv4.ip_forward");
    REFUSE("--sysctl", "--sysctl", "=1");
    REFUSE("--sysctl", "--sysctl", "../kernel=1");
    REFUSE("--sysctl", "--sysctl", "net..ip=1");
    REFUSE("--sysctl", "--sysctl", "net.ip.=1");
    REFUSE("--sysctl", "--sysctl", "net/ipv4=1");
}
