/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/isolation.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "parsed.h"

Test(isolation, reads_capabilities)
{
    PARSE(parsed, "--cap-add", "net_raw", "--cap-add", "CAP_NET_RAW", "--cap-add", "SYS_TIME",
          "--cap-drop", "all");
    ASSERT_LIST(parsed.config.cap_add, "CAP_NET_RAW", "CAP_SYS_TIME");
    ASSERT_LIST(parsed.config.cap_drop, "ALL");
    REFUSE("--cap-add", "--cap-add", "FLY");
    REFUSE("--cap-drop", "--cap-drop", "");
}

Test(isolation, reads_privileged)
{
    PARSE(parsed, "--privileged");
    cr_expect(parsed.config.privileged);
    cr_expect_not(parsed.config.no_new_privileges);
    PARSE(both, "--privileged", "--security-opt", "no-new-privileges");
    cr_expect(both.config.no_new_privileges);
}

Test(isolation, reads_no_new_privileges)
{
    PARSE(off, "--security-opt", "no-new-privileges=false");
    cr_expect_not(off.config.no_new_privileges);
    PARSE(colon, "--security-opt", "no-new-privileges:false", "--security-opt",
          "no-new-privileges:true");
    cr_expect(colon.config.no_new_privileges);
    REFUSE("no-new-privileges", "--security-opt", "no-new-privileges=perhaps");
}

Test(isolation, reads_seccomp)
{
    char path[] = "/tmp/ruche-isolation-XXXXXX";
    static const char profile[] = " {\"defaultAction\": \"SCMP_ACT_ALLOW\"}\n";
    auto_close int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(fd_write_all(fd, profile, strlen(profile)), 0);
    auto_free char *option = xasprintf("seccomp=%s", path);

    PARSE(from_file, "--security-opt", option);
    cr_expect_str_eq(from_file.config.seccomp, profile);
    PARSE(unconfined, "--security-opt", option, "--security-opt", "seccomp=unconfined");
    cr_expect_str_eq(unconfined.config.seccomp, "unconfined");
    PARSE(builtin, "--security-opt", "seccomp:unconfined", "--security-opt", "seccomp=builtin");
    cr_expect_null(builtin.config.seccomp);

    cr_assert_eq(ftruncate(fd, 0), 0);
    REFUSE("no seccomp profile", "--security-opt", option);
    (void)unlink(path);
    REFUSE("no profile", "--security-opt", option);
    REFUSE("seccomp", "--security-opt", "seccomp");
    REFUSE("seccomp", "--security-opt", "seccomp=");
}

Test(isolation, reads_unmask)
{
    PARSE(paths, "--security-opt", "unmask=/proc/kcore:/sys/firmware");
    ASSERT_LIST(paths.config.unmask, "/proc/kcore", "/sys/firmware");
    PARSE(all, "--security-opt", "unmask=all");
    ASSERT_LIST(all.config.unmask, "ALL");
    PARSE(docker, "--security-opt", "systempaths=unconfined");
    ASSERT_LIST(docker.config.unmask, "ALL");
    REFUSE("unmask", "--security-opt", "unmask");
    REFUSE("unmask", "--security-opt", "unmask=proc");
    REFUSE("unmask", "--security-opt", "unmask=/proc/kcore:");
}

Test(isolation, refuses_what_it_does_not_know)
{
    REFUSE("apparmor=unconfined", "--security-opt", "apparmor=unconfined");
    REFUSE("label", "--security-opt", "label=disable");
    REFUSE("not supported", "--security-opt", "seccompx=unconfined");
    REFUSE("not supported", "--security-opt", "");
}

Test(isolation, reads_namespaces)
{
    PARSE(parsed, "--userns", "host", "--pid", "container:db", "--ipc=private", "--uts", "host",
          "--cgroupns", "private", "--time", "host", "--network", "container:db");
    const struct container_namespaces *namespaces = &parsed.config.namespaces;
    cr_expect_str_eq(namespaces->user, "host");
    cr_expect_str_eq(namespaces->pid, "container:db");
    cr_expect_str_eq(namespaces->ipc, "private");
    cr_expect_str_eq(namespaces->uts, "host");
    cr_expect_str_eq(namespaces->cgroup, "private");
    cr_expect_str_eq(namespaces->time, "host");
    cr_expect_str_eq(namespaces->network, "container:db");
    PARSE(alias, "--net", "host");
    cr_expect_str_eq(alias.config.namespaces.network, "host");
}

Test(isolation, refuses_namespaces_that_there_are_not)
{
    REFUSE("--network", "--network", "bridge");
    REFUSE("--network", "--network", "mynet");
    REFUSE("--network", "--network", "container:");
    REFUSE("--userns", "--userns", "keep-id");
    REFUSE("--userns", "--userns", "container:");
    REFUSE("--pid", "--pid", "none");
    REFUSE("--pid", "--pid", "container:");
    REFUSE("--ipc", "--ipc", "container:");
    REFUSE("--uts", "--uts", "container:db");
    REFUSE("--cgroupns", "--cgroupns", "");
}
