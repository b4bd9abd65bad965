/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/spec.h"

#include <string.h>

#include "json_value.h"

/* clang-format off */
/* What `runc spec` prints, in kind. */
static const char minimal[] = JSON({
    "ociVersion": "1.0.2-dev",
    "process": {
        "terminal": true,
        "user": { "uid": 0, "gid": 0 },
        "args": ["sh"],
        "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
        "cwd": "/",
        "capabilities": {
            "bounding": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
            "effective": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
            "permitted": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
            "ambient": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
        },
        "rlimits": [{ "type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024 }],
        "noNewPrivileges": true
    },
    "root": { "path": "rootfs", "readonly": true },
    "hostname": "runc",
    "mounts": [
        { "destination": "/proc", "type": "proc", "source": "proc" },
        {
            "destination": "/dev",
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]
        },
        {
            "destination": "/sys",
            "type": "sysfs",
            "source": "sysfs",
            "options": ["nosuid", "noexec", "nodev", "ro"]
        }
    ],
    "linux": {
        "resources": { "devices": [{ "allow": false, "access": "rwm" }] },
        "namespaces": [
            { "type": "pid" }, { "type": "network" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" }
        ],
        "maskedPaths": ["/proc/kcore", "/proc/keys", "/sys/firmware"],
        "readonlyPaths": ["/proc/bus", "/proc/sys", "/proc/sysrq-trigger"]
    }
});

/* Each member that the specification has for Linux, with a value that is neither 0 nor false. */
static const char complete[] = JSON({
    "ociVersion": "1.3.0",
    "process": {
        "terminal": true,
        "consoleSize": { "height": 25, "width": 80 },
        "user": {
            "uid": 4294967295,
            "gid": 5,
            "umask": 18,
            "additionalGids": [4294967294, 0, 7],
            "username": "nobody"
        },
        "args": ["sh", "-c", "echo \"\u00e9\\\n\""],
        "env": ["A=1", "EMPTY="],
        "cwd": "/srv",
        "capabilities": {
            "bounding": ["CAP_CHOWN"],
            "effective": ["CAP_KILL"],
            "inheritable": ["CAP_SETUID"],
            "permitted": ["CAP_SETGID"],
            "ambient": ["CAP_FOWNER"]
        },
        "rlimits": [
            { "type": "RLIMIT_NOFILE", "hard": 1048576, "soft": 1024 },
            { "type": "RLIMIT_CORE", "hard": 9007199254740993, "soft": 0 }
        ],
        "noNewPrivileges": true,
        "apparmorProfile": "unconfined",
        "oomScoreAdj": -998,
        "scheduler": {
            "policy": "SCHED_DEADLINE",
            "nice": -5,
            "flags": ["SCHED_FLAG_RECLAIM"],
            "runtime": 1000000,
            "deadline": 2000000,
            "period": 3000000
        },
        "selinuxLabel": "system_u:system_r:container_t:s0",
        "ioPriority": { "class": "IOPRIO_CLASS_IDLE", "priority": 4 },
        "execCPUAffinity": { "initial": "0-1", "final": "0,1" }
    },
    "root": { "path": "/bundle/rootfs", "readonly": true },
    "hostname": "hive",
    "domainname": "example.org",
    "mounts": [{
        "destination": "/data",
        "type": "none",
        "source": "/srv/data",
        "options": ["rbind", "ridmap"],
        "uidMappings": [{ "containerID": 1, "hostID": 100000, "size": 65536 }],
        "gidMappings": [{ "containerID": 2, "hostID": 200000, "size": 65535 }]
    }],
    "hooks": {
        "prestart": [{ "path": "/bin/a" }],
        "createRuntime": [{ "path": "/bin/b", "args": ["b", "-x"], "env": ["B=1"], "timeout": 10 }],
        "createContainer": [{ "path": "/bin/c" }],
        "startContainer": [{ "path": "/bin/d" }],
        "poststart": [{ "path": "/bin/e" }],
        "poststop": [{ "path": "/bin/f" }, { "path": "/bin/g" }]
    },
    "annotations": { "org.example.key": "value", "empty": "" },
    "linux": {
        "uidMappings": [{ "containerID": 0, "hostID": 100000, "size": 65536 }],
        "gidMappings": [{ "containerID": 0, "hostID": 200000, "size": 65536 }],
        "sysctl": { "net.ipv4.ip_forward": "1" },
        "resources": {
            "devices": [
                { "allow": false },
                { "allow": true, "type": "c", "major": 10, "minor": -1, "access": "rw" }
            ],
            "memory": {
                "limit": 536870912,
                "reservation": 268435456,
                "swap": -1,
                "kernel": -1,
                "kernelTCP": 1048576,
                "swappiness": 0,
                "disableOOMKiller": false,
                "useHierarchy": true,
                "checkBeforeUpdate": true
            },
            "cpu": {
                "shares": 1024,
                "quota": 100000,
                "burst": 5000,
                "period": 200000,
                "realtimeRuntime": 950000,
                "realtimePeriod": 1000000,
                "cpus": "0-1",
                "mems": "0",
                "idle": 0
            },
            "pids": { "limit": 0 },
            "blockIO": {
                "weight": 10,
                "leafWeight": 20,
                "weightDevice": [{ "major": 8, "minor": 0, "weight": 500, "leafWeight": 300 }],
                "throttleReadBpsDevice": [{ "major": 8, "minor": 1, "rate": 600 }],
                "throttleWriteBpsDevice": [{ "major": 8, "minor": 2, "rate": 700 }],
                "throttleReadIOPSDevice": [{ "major": 8, "minor": 3, "rate": 800 }],
                "throttleWriteIOPSDevice": [{ "major": 8, "minor": 4, "rate": 900 }]
            },
            "hugepageLimits": [{ "pageSize": "2MB", "limit": 9223372036854771712 }],
            "network": { "classID": 1048577, "priorities": [{ "name": "eth0", "priority": 500 }] },
            "rdma": { "mlx5_1": { "hcaHandles": 3, "hcaObjects": 10000 }, "mlx4_0": { "hcaObjects": 0 } },
            "unified": { "memory.high": "1073741824", "cgroup.max.depth": "3" }
        },
        "cgroupsPath": "/hive/cell",
        "namespaces": [
            { "type": "pid" },
            { "type": "network", "path": "/var/run/netns/a" },
            { "type": "mount" },
            { "type": "ipc" },
            { "type": "uts" },
            { "type": "user" },
            { "type": "cgroup" },
            { "type": "time" }
        ],
        "devices": [
            {
                "path": "/dev/fuse",
                "type": "c",
                "major": 10,
                "minor": 229,
                "fileMode": 438,
                "uid": 0,
                "gid": 4294967295
            },
            { "path": "/dev/pipe", "type": "p" }
        ],
        "netDevices": { "eth0": { "name": "container_eth0" }, "ens4": {} },
        "seccomp": {
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": 38,
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32"],
            "flags": ["SECCOMP_FILTER_FLAG_LOG"],
            "listenerPath": "/run/agent.sock",
            "listenerMetadata": "data",
            "syscalls": [
                { "names": ["getcwd", "chmod"], "action": "SCMP_ACT_ALLOW" },
                {
                    "names": ["personality"],
                    "action": "SCMP_ACT_TRACE",
                    "errnoRet": 65535,
                    "args": [{ "index": 5, "value": 4294967295, "valueTwo": 1, "op": "SCMP_CMP_MASKED_EQ" }]
                }
            ]
        },
        "rootfsPropagation": "rslave",
        "maskedPaths": ["/proc/kcore"],
        "readonlyPaths": ["/proc/sys"],
        "mountLabel": "system_u:object_r:container_file_t:s0",
        "intelRdt": {
            "closID": "gold",
            "schemata": ["L3:0=ffff", "MB:0=100"],
            "l3CacheSchema": "L3:0=7f0;1=1f",
            "memBwSchema": "MB:0=20;1=70",
            "enableMonitoring": true
        },
        "memoryPolicy": { "mode": "MPOL_INTERLEAVE", "nodes": "2-3", "flags": ["MPOL_F_STATIC_NODES"] },
        "personality": { "domain": "LINUX32" },
        "timeOffsets": { "monotonic": { "secs": -7, "nanosecs": 999999999 }, "boottime": { "secs": 1 } }
    }
});

/* clang-format on */

static char *spec_round(const char *text, size_t len, struct err *err)
{
    auto_done(spec) spec = {};
    struct str out = {};

    if (spec_parse(text, len, &spec, err) < 0)
        return NULL;
    spec_format(&spec, &out);
    return str_take(&out);
}

static void rounds(const char *text)
{
    struct err err = {};
    auto_free char *result = spec_round(text, strlen(text), &err);

    cr_assert_not_null(result, "%s", err.text);
    json_value_same(result, text);
}

Test(spec, keeps_what_runc_writes)
{
    rounds(minimal);
}

Test(spec, keeps_every_member)
{
    rounds(complete);
}

/* clang-format off */
Test(spec, keeps_numbers_of_64_bits)
{
    rounds(JSON({
        "ociVersion": "1.3.0",
        "linux": { "resources": { "memory": { "limit": 9223372036854775807, "swap": -9223372036854775807 } } }
    }));

    /* Beyond what jansson's numbers hold, so looked for as text. */
    static const char text[] = JSON({
        "ociVersion": "1.3.0",
        "process": {
            "args": ["a"],
            "cwd": "/",
            "rlimits": [{ "type": "RLIMIT_CORE", "hard": 18446744073709551615, "soft": 18446744073709551614 }]
        }
    });
    struct err err = {};
    auto_free char *result = spec_round(text, strlen(text), &err);
    cr_assert_not_null(result, "%s", err.text);
    cr_assert_not_null(strstr(result, "\"hard\":18446744073709551615,"), "%s", result);
    cr_assert_not_null(strstr(result, "\"soft\":18446744073709551614}"), "%s", result);
}
/* clang-format on */

Test(spec, formats_into_one_line)
{
    struct err err = {};
    auto_free char *result = spec_round(complete, strlen(complete), &err);

    cr_assert_not_null(result, "%s", err.text);
    cr_assert_null(strchr(result, '\n'));
}

Test(spec, fills_in_the_members)
{
    struct err err = {};
    auto_done(spec) spec = {};

    cr_assert_eq(spec_parse(complete, strlen(complete), &spec, &err), 0, "%s", err.text);
    const struct spec_process *process = spec.process;
    cr_assert_eq(process->user.uid, UINT32_MAX);
    cr_assert_eq(process->user.additional_gids.len, 3);
    cr_assert_eq(process->user.additional_gids.at[0], UINT32_MAX - 1);
    cr_assert_eq(process->user.additional_gids.at[2], 7);
    cr_assert_eq(process->user.umask.value, 022);
    cr_assert_eq(process->scheduler->policy, SCHEDULER_DEADLINE);
    cr_assert_eq(process->io_priority->class, IO_CLASS_IDLE);
    cr_assert_eq(process->oom_score_adj.value, -998);

    const struct spec_linux *linux = spec.linux;
    cr_assert_eq(linux->resources->memory->limit.value, 512 << 20);
    cr_assert(linux->resources->memory->swappiness.set);
    cr_assert(linux->resources->memory->disable_oom_killer.set);
    cr_assert_not(linux->resources->memory->disable_oom_killer.value);
    cr_assert_not(linux->resources->devices.at[0].major.set);
    cr_assert_eq(linux->resources->devices.at[1].minor.value, -1);
    cr_assert_eq(linux->memory_policy->mode, MEMORY_POLICY_INTERLEAVE);
    cr_assert_eq(linux->personality->domain, PERSONALITY_LINUX32);
    cr_assert_eq(linux->seccomp->syscalls.at[1].args.at[0].op, SECCOMP_OPERATOR_MASKED_EQ);
}

Test(spec, reads_maps_of_objects_by_their_keys)
{
    struct err err = {};
    auto_done(spec) spec = {};

    cr_assert_eq(spec_parse(complete, strlen(complete), &spec, &err), 0, "%s", err.text);
    const struct spec_linux *linux = spec.linux;
    cr_assert_eq(linux->time_offsets.len, 2);
    cr_assert_str_eq(linux->time_offsets.at[0].key, "monotonic");
    cr_assert_eq(linux->time_offsets.at[0].secs, -7);
    cr_assert_eq(linux->time_offsets.at[0].nanosecs, 999999999);
    cr_assert_str_eq(linux->time_offsets.at[1].key, "boottime");
    cr_assert_str_eq(linux->net_devices.at[0].key, "eth0");
    cr_assert_str_eq(linux->net_devices.at[0].name, "container_eth0");
    cr_assert_null(linux->net_devices.at[1].name);
    cr_assert_eq(linux->resources->rdma.len, 2);
    cr_assert_str_eq(linux->resources->rdma.at[0].key, "mlx5_1");
    cr_assert_eq(linux->resources->rdma.at[0].hca_handles.value, 3);
    cr_assert_not(linux->resources->rdma.at[1].hca_handles.set);
}

Test(spec, finds_namespaces)
{
    struct err err = {};
    auto_done(spec) spec = {};

    cr_assert_eq(spec_parse(minimal, strlen(minimal), &spec, &err), 0, "%s", err.text);
    cr_assert_eq(spec_namespace_find(&spec, SPEC_NAMESPACE_UTS), &spec.linux->namespaces.at[3]);
    cr_assert_null(spec_namespace_find(&spec, SPEC_NAMESPACE_USER));
    cr_assert_null(spec_namespace_find(&(struct spec){}, SPEC_NAMESPACE_UTS));
}

Test(spec, writes_its_version_where_none_is_set)
{
    struct spec spec = {};
    auto_done(str) out = {};

    spec_format(&spec, &out);
    cr_assert_str_eq(str_text(&out), "{\"ociVersion\":\"1.3.0\"}");
    cr_assert_null(spec.oci_version);
}

/* clang-format off */
Test(spec, passes_what_it_does_not_know)
{
    struct err err = {};
    static const char text[] = JSON({
        "ociVersion": "1.7.0+later",
        "windows": { "layerFolders": [] },
        "process": null,
        "linux": { "newThing": { "deep": [1.5, null] }, "devices": null, "seccomp": null }
    });
    auto_free char *result = spec_round(text, strlen(text), &err);

    cr_assert_not_null(result, "%s", err.text);
    json_value_same(result, JSON({ "ociVersion": "1.7.0+later", "linux": {} }));
}
/* clang-format on */

Test(spec, names_the_place_of_each_wrong_type)
{
    static const char *const none[] = { NULL };

    cr_assert_geq(json_swap_all(complete, "config.json", spec_round, none), 290);
}

Test(spec, refuses_every_beginning_of_a_document)
{
    json_cut_all(complete, spec_round);
}

struct refusal {
    const char *text;
    const char *error;
};

static void refuses(const struct refusal *refusals, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct err err = {};
        auto_free char *result = spec_round(refusals[i].text, strlen(refusals[i].text), &err);

        cr_assert_null(result, "passed: %s", refusals[i].text);
        cr_assert_str_eq(err.text, refusals[i].error);
    }
}

/* Made texts here already: handed on to JSON, true would have become 1. */
#define PROCESS(...)                                                                               \
    "{\"ociVersion\":\"1.3.0\",\"process\":{\"cwd\":\"/\",\"args\":[\"a\"]," #__VA_ARGS__ "}}"
#define LINUX(...) "{\"ociVersion\":\"1.3.0\",\"linux\":{" #__VA_ARGS__ "}}"
#define REFUSES(...)                                                                               \
    do {                                                                                           \
        static const struct refusal refusals[] = { __VA_ARGS__ };                                  \
        refuses(refusals, array_size(refusals));                                                   \
    } while (0)

/* clang-format off */
Test(spec, refuses_versions_of_other_formats)
{
    REFUSES(
        { JSON({}), "config.json: /ociVersion: missing" },
        { JSON({ "ociVersion": null }), "config.json: /ociVersion: missing" },
        { JSON({ "ociVersion": "" }), "config.json: /ociVersion: no version such as 1.3.0" },
        { JSON({ "ociVersion": "1.3" }), "config.json: /ociVersion: no version such as 1.3.0" },
        { JSON({ "ociVersion": "1..3" }), "config.json: /ociVersion: no version such as 1.3.0" },
        { JSON({ "ociVersion": "1.3.0x" }), "config.json: /ociVersion: no version such as 1.3.0" },
        { JSON({ "ociVersion": "1.3.0.1" }), "config.json: /ociVersion: no version such as 1.3.0" },
        { JSON({ "ociVersion": "2.0.0" }), "config.json: /ociVersion: only versions 1.x are understood" },
        { JSON({ "ociVersion": "11.0.0" }), "config.json: /ociVersion: only versions 1.x are understood" },
    );
}

Test(spec, refuses_processes_that_cannot_start)
{
    REFUSES(
        { JSON({ "ociVersion": "1.3.0", "process": { "args": ["a"] } }), "config.json: /process/cwd: missing" },
        { JSON({ "ociVersion": "1.3.0", "process": { "cwd": "/" } }), "config.json: /process/args: there is no command" },
        { JSON({ "ociVersion": "1.3.0", "process": { "cwd": "srv", "args": ["a"] } }), "config.json: /process/cwd: the path is not absolute" },
        { PROCESS("user": { "uid": -1 }), "config.json: /process/user/uid: -1 is not from 0 to 4294967295" },
        { PROCESS("user": { "gid": 4294967296 }), "config.json: /process/user/gid: 4294967296 is not from 0 to 4294967295" },
        { PROCESS("user": { "umask": 512 }), "config.json: /process/user/umask: 512 is not from 0 to 511" },
        { PROCESS("user": { "additionalGids": [0, -5] }), "config.json: /process/user/additionalGids/1: -5 is not from 0 to 4294967295" },
        { PROCESS("oomScoreAdj": 1001), "config.json: /process/oomScoreAdj: 1001 is not from -1000 to 1000" },
        { PROCESS("ioPriority": { "class": "IOPRIO_CLASS_RT", "priority": 8 }), "config.json: /process/ioPriority/priority: 8 is not from 0 to 7" },
        { PROCESS("ioPriority": { "priority": 1 }), "config.json: /process/ioPriority/class: missing" },
        { PROCESS("scheduler": { "policy": "SCHED_FAST" }), "config.json: /process/scheduler/policy: \"SCHED_FAST\" is not one of SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_ISO, SCHED_IDLE, SCHED_DEADLINE" },
        { PROCESS("rlimits": [{ "type": "NOFILE", "hard": 1, "soft": 1 }]), "config.json: /process/rlimits/0/type: no name such as RLIMIT_NOFILE" },
        { PROCESS("rlimits": [{ "type": "RLIMIT_", "hard": 1, "soft": 1 }]), "config.json: /process/rlimits/0/type: no name such as RLIMIT_NOFILE" },
        { PROCESS("rlimits": [{ "type": "RLIMIT_As", "hard": 1, "soft": 1 }]), "config.json: /process/rlimits/0/type: no name such as RLIMIT_NOFILE" },
        { PROCESS("rlimits": [{ "type": "RLIMIT_AS", "hard": 1 }]), "config.json: /process/rlimits/0/soft: missing" },
        { PROCESS("rlimits": [{ "type": "RLIMIT_AS", "hard": 18446744073709551616, "soft": 1 }]), "config.json: /process/rlimits/0/hard: 18446744073709551616 is not from 0 to 18446744073709551615" },
        { PROCESS("rlimits": [{ "type": "RLIMIT_AS", "hard": 1, "soft": 1 }, { "type": "RLIMIT_AS", "hard": 2, "soft": 2 }]), "config.json: /process/rlimits/1: RLIMIT_AS is there already" },
    );
}

Test(spec, refuses_mounts_and_hooks_that_cannot_be)
{
    REFUSES(
        { JSON({ "ociVersion": "1.3.0", "root": {} }), "config.json: /root/path: missing" },
        { JSON({ "ociVersion": "1.3.0", "root": { "path": "" } }), "config.json: /root/path: the path is empty" },
        { JSON({ "ociVersion": "1.3.0", "mounts": [{}] }), "config.json: /mounts/0/destination: missing" },
        { JSON({ "ociVersion": "1.3.0", "mounts": [{ "destination": "" }] }), "config.json: /mounts/0/destination: the path is empty" },
        { JSON({ "ociVersion": "1.3.0", "mounts": [{ "destination": "/a", "gidMappings": [{ "containerID": 0, "hostID": 1, "size": 1 }] }] }), "config.json: /mounts/0: uidMappings and gidMappings need each other" },
        { JSON({ "ociVersion": "1.3.0", "mounts": [{ "destination": "/a", "uidMappings": [{ "containerID": 0, "hostID": 1 }] }] }), "config.json: /mounts/0/uidMappings/0/size: missing" },
        { LINUX("gidMappings": [{ "containerID": 0, "size": 1 }]), "config.json: /linux/gidMappings/0/hostID: missing" },
        { LINUX("uidMappings": [{ "hostID": 0, "size": 1 }]), "config.json: /linux/uidMappings/0/containerID: missing" },
        { JSON({ "ociVersion": "1.3.0", "hooks": { "poststart": [{ "path": "/a" }, { "path": "b" }] } }), "config.json: /hooks/poststart/1/path: the path is not absolute" },
        { JSON({ "ociVersion": "1.3.0", "hooks": { "prestart": [{ "path": "/a", "timeout": 0 }] } }), "config.json: /hooks/prestart/0/timeout: 0 is no number of seconds above 0" },
        { JSON({ "ociVersion": "1.3.0", "annotations": { "": "a" } }), "config.json: /annotations: a key is empty" },
        { JSON({ "ociVersion": "1.3.0", "annotations": { "a/b~c": 1 } }), "config.json: /annotations/a~1b~0c: expected a string, found a number" },
    );
}

Test(spec, refuses_namespaces_and_devices_that_cannot_be)
{
    REFUSES(
        { LINUX("namespaces": [{ "type": "net" }]), "config.json: /linux/namespaces/0/type: \"net\" is not one of pid, network, mount, ipc, uts, user, cgroup, time" },
        { LINUX("namespaces": [{}]), "config.json: /linux/namespaces/0/type: missing" },
        { LINUX("namespaces": [{ "type": "uts" }, { "type": "pid" }, { "type": "uts" }]), "config.json: /linux/namespaces/2: uts is there already" },
        { LINUX("namespaces": [{ "type": "uts", "path": "" }]), "config.json: /linux/namespaces/0/path: the path is not absolute; leave it out for a new namespace" },
        { LINUX("devices": [{ "path": "/dev/a", "type": "c", "major": 1 }]), "config.json: /linux/devices/0: needs both major and minor" },
        { LINUX("devices": [{ "path": "/dev/a", "type": "cc", "major": 1, "minor": 1 }]), "config.json: /linux/devices/0/type: none of c, b, u, p" },
        { LINUX("devices": [{ "path": "/dev/a", "type": "", "major": 1, "minor": 1 }]), "config.json: /linux/devices/0/type: none of c, b, u, p" },
        { LINUX("devices": [{ "path": "dev/a", "type": "p" }]), "config.json: /linux/devices/0/path: the path is not absolute" },
        { LINUX("devices": [{ "path": "/dev/a", "type": "b", "major": 4096, "minor": 1 }]), "config.json: /linux/devices/0/major: 4096 is not from 0 to 4095" },
        { LINUX("devices": [{ "path": "/dev/a", "type": "b", "major": 1, "minor": 1048576 }]), "config.json: /linux/devices/0/minor: 1048576 is not from 0 to 1048575" },
        { LINUX("devices": [{ "path": "/dev/a", "type": "b", "major": -1, "minor": 1 }]), "config.json: /linux/devices/0/major: -1 is not from 0 to 4095" },
        { LINUX("devices": [{ "path": "/dev/a", "type": "p", "uid": 4294967296 }]), "config.json: /linux/devices/0/uid: 4294967296 is not from 0 to 4294967295" },
        { LINUX("timeOffsets": { "realtime": {} }), "config.json: /linux/timeOffsets: \"realtime\" is neither boottime nor monotonic" },
        { LINUX("timeOffsets": { "boottime": { "nanosecs": 1000000000 } }), "config.json: /linux/timeOffsets/boottime/nanosecs: a second or more" },
        { LINUX("timeOffsets": { "boottime": { "secs": "1" } }), "config.json: /linux/timeOffsets/boottime/secs: expected a number, found a string" },
        { LINUX("timeOffsets": { "boottime": [] }), "config.json: /linux/timeOffsets/boottime: expected an object, found an array" },
    );
}

Test(spec, refuses_resources_that_cannot_be)
{
    REFUSES(
        { LINUX("resources": { "devices": [{ "type": "c" }] }), "config.json: /linux/resources/devices/0/allow: missing" },
        { LINUX("resources": { "devices": [{ "allow": true, "type": "p" }] }), "config.json: /linux/resources/devices/0/type: none of a, b, c" },
        { LINUX("resources": { "devices": [{ "allow": true, "type": "" }] }), "config.json: /linux/resources/devices/0/type: none of a, b, c" },
        { LINUX("resources": { "devices": [{ "allow": true, "access": "rx" }] }), "config.json: /linux/resources/devices/0/access: of other letters than r, w, m" },
        { LINUX("resources": { "devices": [{ "allow": true, "major": -2 }] }), "config.json: /linux/resources/devices/0/major: -2 is not from -1 to 4294967295" },
        { LINUX("resources": { "blockIO": { "weight": 65536 } }), "config.json: /linux/resources/blockIO/weight: 65536 is not from 0 to 65535" },
        { LINUX("resources": { "blockIO": { "weightDevice": [{ "major": 8, "minor": 0 }] } }), "config.json: /linux/resources/blockIO/weightDevice/0: neither weight nor leafWeight" },
        { LINUX("resources": { "blockIO": { "throttleReadBpsDevice": [{ "major": 8, "minor": 0 }] } }), "config.json: /linux/resources/blockIO/throttleReadBpsDevice/0/rate: missing" },
        { LINUX("resources": { "hugepageLimits": [{ "pageSize": "2M", "limit": 1 }] }), "config.json: /linux/resources/hugepageLimits/0/pageSize: no size such as 2MB" },
        { LINUX("resources": { "hugepageLimits": [{ "pageSize": "02MB", "limit": 1 }] }), "config.json: /linux/resources/hugepageLimits/0/pageSize: no size such as 2MB" },
        { LINUX("resources": { "hugepageLimits": [{ "pageSize": "2", "limit": 1 }] }), "config.json: /linux/resources/hugepageLimits/0/pageSize: no size such as 2MB" },
        { LINUX("resources": { "rdma": { "mlx5_1": {} } }), "config.json: /linux/resources/rdma: \"mlx5_1\" has neither hcaHandles nor hcaObjects" },
        { LINUX("resources": { "unified": { "../memory.max": "1" } }), "config.json: /linux/resources/unified: \"../memory.max\" is no file of a cgroup" },
        { LINUX("resources": { "unified": { "sub/memory.max": "1" } }), "config.json: /linux/resources/unified: \"sub/memory.max\" is no file of a cgroup" },
        { LINUX("resources": { "unified": { "..": "1" } }), "config.json: /linux/resources/unified: \"..\" is no file of a cgroup" },
        { LINUX("resources": { "unified": { "memory": "1" } }), "config.json: /linux/resources/unified: \"memory\" is no file of a cgroup" },
        { LINUX("resources": { "network": { "classID": 4294967296 } }), "config.json: /linux/resources/network/classID: 4294967296 is not from 0 to 4294967295" },
    );
}

Test(spec, refuses_other_values_that_cannot_be)
{
    REFUSES(
        { LINUX("rootfsPropagation": "rpublic"), "config.json: /linux/rootfsPropagation: none of private, shared, slave, unbindable" },
        { LINUX("rootfsPropagation": ""), "config.json: /linux/rootfsPropagation: none of private, shared, slave, unbindable" },
        { LINUX("maskedPaths": ["/proc/kcore", ""]), "config.json: /linux/maskedPaths/1: the path is not absolute" },
        { LINUX("readonlyPaths": ["proc"]), "config.json: /linux/readonlyPaths/0: the path is not absolute" },
        { LINUX("personality": {}), "config.json: /linux/personality/domain: missing" },
        { LINUX("personality": { "domain": "LINUX", "flags": ["ADDR_NO_RANDOMIZE"] }), "config.json: /linux/personality/flags/0: no flag is defined" },
        { LINUX("memoryPolicy": {}), "config.json: /linux/memoryPolicy/mode: missing" },
        { LINUX("intelRdt": { "closID": "../info" }), "config.json: /linux/intelRdt/closID: no name of a directory" },
        { LINUX("intelRdt": { "closID": ".." }), "config.json: /linux/intelRdt/closID: no name of a directory" },
        { LINUX("intelRdt": { "closID": "" }), "config.json: /linux/intelRdt/closID: no name of a directory" },
        { LINUX("intelRdt": { "l3CacheSchema": "L3:0=1\nMB:0=1" }), "config.json: /linux/intelRdt/l3CacheSchema: more than one line" },
        { LINUX("intelRdt": { "memBwSchema": "L3:0=1" }), "config.json: /linux/intelRdt/memBwSchema: not one line that begins with MB:" },
        { LINUX("intelRdt": { "memBwSchema": "MB:0=1\n" }), "config.json: /linux/intelRdt/memBwSchema: not one line that begins with MB:" },
        { LINUX("intelRdt": { "schemata": ["L3:0=1", "a\nb"] }), "config.json: /linux/intelRdt/schemata/1: more than one line" },
        { LINUX("seccomp": { "defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1 }), "config.json: /linux/seccomp/defaultErrnoRet: SCMP_ACT_ALLOW returns no errno; use SCMP_ACT_ERRNO" },
    );
}

Test(spec, takes_the_special_values)
{
    rounds(LINUX("intelRdt": { "closID": "/" }));
    rounds(LINUX("rootfsPropagation": "private"));
    rounds(LINUX("rootfsPropagation": "unbindable"));
    rounds(LINUX("resources": { "hugepageLimits": [{ "pageSize": "1GB", "limit": 0 }] }));
    rounds(LINUX("resources": { "memory": {}, "cpu": {}, "pids": {} }));
    rounds(LINUX("devices": [{ "path": "/dev/a", "type": "u", "major": 4095, "minor": 1048575 }]));
    rounds(JSON({ "ociVersion": "1.3.0", "mounts": [{ "destination": "relative" }] }));
}
/* clang-format on */

Test(spec, limits_the_size_of_documents)
{
    struct err err = {};
    struct spec spec = {};
    size_t len = SPEC_MAX_BYTES + 1;
    char *text = malloc(len);

    memset(text, ' ', len);
    memcpy(text, minimal, strlen(minimal));
    cr_assert_eq(spec_parse(text, len, &spec, &err), -1);
    cr_assert_str_eq(err.text, "config.json: larger than 16 MiB");
    cr_assert_eq(spec_parse(text, len - 1, &spec, &err), 0, "%s", err.text);
    spec_done(&spec);
    free(text);
}

Test(spec, leaves_nothing_behind_on_failure)
{
    struct err err = {};
    struct spec spec;

    memset(&spec, 0x5a, sizeof(spec));
    cr_assert_eq(spec_parse("{", 1, &spec, &err), -1);
    for (size_t i = 0; i < sizeof(spec); i++)
        cr_assert_eq(((unsigned char *)&spec)[i], 0x5a, "set, though it failed");
}

/* clang-format off */
Test(spec, reads_a_process_alone)
{
    static const char text[] = JSON({ "args": ["ls"], "cwd": "/", "user": { "uid": 3 } });
    static const char wrong[] = JSON({ "args": ["ls"], "cwd": "tmp" });
    struct err err = {};
    auto_done(spec_process) process = {};

    cr_assert_eq(spec_process_parse(text, strlen(text), &process, &err), 0, "%s", err.text);
    cr_assert_eq(process.user.uid, 3);
    cr_assert_eq(spec_process_parse(wrong, strlen(wrong), &process, &err), -1);
    cr_assert_str_eq(err.text, "process: /cwd: the path is not absolute");
    cr_assert_eq(process.user.uid, 3);
}

Test(spec, reads_resources_alone)
{
    static const char text[] = JSON({ "pids": { "limit": -1 }, "memory": { "limit": 0 } });
    static const char wrong[] = JSON({ "devices": [{ "allow": true, "type": "x" }] });
    struct err err = {};
    auto_done(spec_resources) resources = {};

    cr_assert_eq(spec_resources_parse(text, strlen(text), &resources, &err), 0, "%s", err.text);
    cr_assert_eq(resources.pids->limit.value, -1);
    cr_assert(resources.memory->limit.set);
    cr_assert_not(resources.memory->swap.set);
    cr_assert_eq(spec_resources_parse(wrong, strlen(wrong), &resources, &err), -1);
    cr_assert_str_eq(err.text, "resources: /devices/0/type: none of a, b, c");
}
/* clang-format on */
