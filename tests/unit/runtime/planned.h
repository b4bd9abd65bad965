/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Plans from configurations in JSON. The state is each test file's own; the including file names
 * its suite with .init = set_up, .fini = tidy.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "runtime/plan.h"

static struct spec spec;
static struct runtime_rootfs rootfs;
static struct cgroup_host host;
static struct runtime_request request;
static struct plan plan;
static struct err err;

static const char v2_host[] = "41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";

static inline void use_host(const char *mountinfo)
{
    cgroup_host_done(&host);
    cr_assert_eq(cgroup_host_parse(mountinfo, &host, &err), 0, "%s", err.text);
    host.base = xstrdup(""); /* groups can be made at its top */
}

static inline void set_up(void)
{
    use_host(v2_host);
    strings_add(&rootfs.lower, "/store/rootfs");
    request = (struct runtime_request){ .spec = &spec,
                                        .rootfs = &rootfs,
                                        .cgroups = &host,
                                        .seccomp_cache = -1,
                                        .stdio = { 0, 1, 2 } };
}

static inline void clear(void)
{
    plan_done(&plan);
    spec_done(&spec);
    err = (struct err){};
}

static inline void tidy(void)
{
    clear();
    strings_done(&rootfs.lower);
    cgroup_host_done(&host);
}

#define PROCESS "\"process\":{\"args\":[\"a\",\"b\"],\"cwd\":\"/\",\"user\":{\"uid\":0,\"gid\":0}}"
#define MAPS(inside)                                                                               \
    "\"uidMappings\":[{\"containerID\":" inside ",\"hostID\":100000,\"size\":10}],"                \
    "\"gidMappings\":[{\"containerID\":" inside ",\"hostID\":200000,\"size\":10}]"
#define MOUNT_NS "{\"type\":\"mount\"}"
#define USER_NS  "{\"type\":\"user\"}"
/* A configuration with a mount namespace, and other namespaces and members of "linux" besides. */
#define LINUX(spaces, more) "\"linux\":{\"namespaces\":[" MOUNT_NS spaces "]" more "}"
#define CONFIG(members)     "{\"ociVersion\":\"1.3.0\"," members "}"

static inline int make(const char *json)
{
    clear();
    cr_assert_eq(spec_parse(json, strlen(json), &spec, &err), 0, "%s", err.text);
    return plan_make(&request, &plan, &err);
}

static inline void makes(const char *json)
{
    cr_assert_eq(make(json), 0, "%s: %s", json, err.text);
}

static inline void refuses(const char *json, enum err_kind kind, const char *text)
{
    cr_expect_eq(make(json), -1, "%s was planned", json);
    cr_expect_eq(err.kind, kind, "%s is %s: %s", json, err_kind_name(err.kind), err.text);
    cr_expect(strstr(err.text, text), "\"%s\" is not in \"%s\"", text, err.text);
}

#define PROCESS_AND(more)                                                                          \
    "\"process\":{\"args\":[\"a\"],\"cwd\":\"/\",\"user\":{\"uid\":0,\"gid\":0}," more "}"
#define BIND(source, more)                                                                         \
    "{\"destination\":\"/to\",\"source\":\"" source "\",\"type\":\"bind\",\"options\":[" more "]}"
