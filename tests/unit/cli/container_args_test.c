/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/container_args.h"

#include <string.h>
#include <unistd.h>

#include "parsed.h"

Test(container_args, takes_image_and_command)
{
    auto_done(parsed) parsed = RUN("--rm", "-it", "debian:12", "ls", "-l", "--", "/");
    cr_assert_eq(parsed.result, 0, "%s", parsed.err.text);
    cr_expect_str_eq(parsed.config.image, "debian:12");
    ASSERT_LIST(parsed.config.command, "ls", "-l", "--", "/");
    cr_expect(parsed.config.auto_remove);
    cr_expect(parsed.config.terminal);
    cr_expect(parsed.config.stdin_open);
    cr_expect_not(parsed.config.init);
    cr_expect_null(parsed.config.name);
    cr_expect_null(parsed.config.hostname);
    cr_expect_eq(parsed.config.entrypoint.len, 0);
    cr_expect_eq(parsed.config.version, CONTAINER_CONFIG_VERSION);
    cr_expect_eq(parsed.warnings.len, 0);
}

Test(container_args, has_private_defaults)
{
    PARSE(parsed, "--name", "x1");
    cr_expect(parsed.config.no_new_privileges);
    cr_expect_not(parsed.config.privileged);
    cr_expect_null(parsed.config.seccomp);
    cr_expect_str_eq(parsed.config.namespaces.network, "none");
    cr_expect_null(parsed.config.namespaces.user);
    cr_expect_null(parsed.config.namespaces.pid);
    cr_expect_not(parsed.config.resources.pids_limit.set);
    cr_expect_not(parsed.config.stop_timeout_s.set);
    cr_expect_null(parsed.config.stop_signal);
}

Test(container_args, needs_an_image)
{
    auto_done(parsed) parsed = RUN("--rm");
    cr_assert_eq(parsed.result, -1);
    cr_expect_eq(parsed.err.kind, ERR_USAGE);
}

Test(container_args, replaces_and_clears_the_entrypoint)
{
    PARSE(replaced, "--entrypoint", "/bin/sh");
    ASSERT_LIST(replaced.config.entrypoint, "/bin/sh");
    PARSE(cleared, "--entrypoint", "");
    ASSERT_LIST(cleared.config.entrypoint, "");
}

Test(container_args, takes_a_directory_instead_of_an_image)
{
    auto_done(parsed) plain = RUN("--rootfs", "/srv//root/.", "sh", "-c", "id");
    cr_assert_eq(plain.result, 0, "%s", plain.err.text);
    cr_expect_str_eq(plain.config.rootfs, "/srv/root");
    cr_expect_not(plain.config.rootfs_overlay);
    cr_expect_null(plain.config.image);
    ASSERT_LIST(plain.config.command, "sh", "-c", "id");

    auto_free char *here = getcwd(NULL, 0);
    auto_free char *wanted = xasprintf("%s/root", here);
    auto_done(parsed) overlay = RUN("--rootfs", "root:O", "sh");
    cr_assert_eq(overlay.result, 0, "%s", overlay.err.text);
    cr_expect_str_eq(overlay.config.rootfs, wanted);
    cr_expect(overlay.config.rootfs_overlay);
}

Test(container_args, needs_a_command_for_a_directory)
{
    auto_done(parsed) none = RUN("--rootfs", "/srv");
    cr_expect_eq(none.result, -1);
    auto_done(parsed) cleared = RUN("--rootfs", "/srv", "--entrypoint", "");
    cr_expect_eq(cleared.result, -1);
    auto_done(parsed) entry = RUN("--rootfs", "/srv", "--entrypoint", "/bin/sh");
    cr_expect_eq(entry.result, 0, "%s", entry.err.text);
    auto_done(parsed) empty = RUN("--rootfs", ":O", "sh");
    cr_expect_eq(empty.result, -1);
}

Test(container_args, copies_what_is_said_of_the_process)
{
    PARSE(parsed, "-w", "/srv", "-u", "1000:100", "--group-add", "audio", "--group-add", "44",
          "--init", "--read-only", "--stop-signal", "usr1", "--stop-timeout", "3", "--name", "web",
          "-h", "host", "--domainname", "example");
    cr_expect_str_eq(parsed.config.workdir, "/srv");
    cr_expect_str_eq(parsed.config.user, "1000:100");
    ASSERT_LIST(parsed.config.groups, "audio", "44");
    cr_expect(parsed.config.init);
    cr_expect(parsed.config.readonly);
    cr_expect_str_eq(parsed.config.stop_signal, "SIGUSR1");
    cr_expect_eq(parsed.config.stop_timeout_s.value, 3);
    cr_expect_str_eq(parsed.config.name, "web");
    cr_expect_str_eq(parsed.config.hostname, "host");
    cr_expect_str_eq(parsed.config.domainname, "example");
}

Test(container_args, refuses_bad_words)
{
    REFUSE("--stop-signal", "--stop-signal", "NOPE");
    REFUSE("--stop-timeout", "--stop-timeout", "-2");
    REFUSE("--uts host", "--uts", "host", "--hostname", "x");
    REFUSE("--uts host", "--uts", "host", "--domainname", "x");
    REFUSE("--explain", "--explain=xml");
    REFUSE("--sig-proxy", "--sig-proxy=maybe");
    REFUSE("unknown flag: --publish", "--publish", "80:80");
    REFUSE("--detach-keys", "--detach-keys", "ctrl-p");
}

Test(container_args, knows_when_explain_has_a_word)
{
    PARSE(plain, "--explain");
    cr_expect_str_eq(plain.args.explain, "");
    PARSE(json, "--explain=json");
    cr_expect_str_eq(json.args.explain, "json");
    PARSE(none, "--rm");
    cr_expect_null(none.args.explain);
}
