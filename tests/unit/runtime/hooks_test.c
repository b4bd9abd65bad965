/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks that are run: when, where, with what, and what becomes of the container if they fail. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "box.h"
#include "runtime/hooks.h"

static struct box box;
static struct oci_state state;

static void tidy(void)
{
    box_close(&box);
}

TestSuite(hooks, .fini = tidy, .timeout = 600);

/* Hooks from JSON in which @ stands for the box's directory. */
static void use_hooks(const char *json)
{
    static char version[] = "1.3.0";
    static char id[] = "bee";
    auto_done(str) text = {};
    for (; *json; json++)
        if (*json == '@')
            str_add(&text, box.dir);
        else
            str_add_char(&text, *json);
    if (box.spec.hooks) {
        field_done(spec_hooks_fields, box.spec.hooks);
        free(box.spec.hooks);
    }
    box.spec.hooks = xnew(struct spec_hooks);
    cr_assert_eq(field_read(spec_hooks_fields, text.at, text.len, "hooks", FIELD_UNKNOWN_IS_ERROR,
                            box.spec.hooks, &box.err),
                 0, "%s", box.err.text);
    state = (struct oci_state){ .oci_version = version, .id = id, .bundle = box.dir };
    box.request.state = &state;
}

#define SH(script)                                                                                 \
    "{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\",\"" script                                      \
    "\"],\"env\":[\"PATH=/bin:/usr/bin\"]}"

static char *said(const char *name)
{
    auto_free char *path = xasprintf("%s/%s", box.dir, name);
    return box_load(path);
}

static bool is_there(const char *name)
{
    auto_free char *path = xasprintf("%s/%s", box.dir, name);
    return access(path, F_OK) == 0;
}

static const enum box_flags kinds[] = { 0, BOX_HOST_USERNS };

Test(hooks, run_in_their_order_and_namespaces)
{
    for (size_t i = 0; i < array_size(kinds); i++) {
        OPEN_BOX(kinds[i]);
        NEED_ROOT();
        auto_free char *order = xasprintf("%s/order", box.dir);
        cr_assert(close(open(order, O_CREAT | O_WRONLY, 0666)) == 0 && chmod(order, 0666) == 0);
        cr_assert_eq(chmod(box.dir, 0777), 0);
        use_hooks(
            "{\"startContainer\":[{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\",\"echo "
            "inside\"]}],"
            "\"createContainer\":[" SH(
                "echo container $(readlink /proc/self/ns/uts) "
                ">>@/order") "],\"createRuntime\":[" SH("echo runtime "
                                                        "$(readlink "
                                                        "/proc/self/"
                                                        "ns/uts) "
                                                        ">>@/order") "," SH("echo again "
                                                                            ">>@/order") "],"
                                                                                         "\"p"
                                                                                         "res"
                                                                                         "tar"
                                                                                         "t\""
                                                                                         ":"
                                                                                         "[" SH(
                                                                                             "echo "
                                                                                             "first"
                                                                                             " >>@/"
                                                                                             "orde"
                                                                                             "r") "]}");
        RUNS("echo program; readlink /proc/self/ns/uts");
        SAYS_NOT("inside"); /* what a hook says is not the program's */
        auto_free char *text = said("order");
        char host[64] = "";
        cr_assert(readlink("/proc/self/ns/uts", host, sizeof(host) - 1) > 0);
        auto_free char *container = xstrdup(strchr(box.output, '\n') + 1);
        container[strcspn(container, "\n")] = '\0';
        auto_free char *expected =
            xasprintf("first\nruntime %s\nagain\ncontainer %s\n", host, container);
        cr_expect_str_eq(text, expected);
        box_close(&box);
    }
}

/* The place of the root file system on the host is what hooks know of it. */
Test(hooks, see_the_container_from_outside_and_mount_into_it)
{
    OPEN_BOX(BOX_HOST_USERNS);
    box_mount_add(&box, "/tmp", "tmpfs", "tmpfs", "");
    use_hooks("{\"createContainer\":[" SH(
        "mkdir @/root/tmp/made && mount -t tmpfs tmpfs @/root/tmp/made && echo hook "
        ">@/root/tmp/made/file && ls @/root/proc/1/status >@/seen") "]}");
    RUNS("cat /tmp/made/file; ls /; grep -c tmp/made /proc/self/mountinfo");
    SAYS("hook\n");
    SAYS("1\n");
    auto_free char *seen = said("seen");
    cr_expect(strstr(seen, "/root/proc/1/status"), "%s", seen);
}

/* The root is the host's as long as there are hooks to come, and a link of the image's still begins
 * at the container's. */
Test(hooks, let_no_link_lead_mounts_to_the_host)
{
    OPEN_BOX(BOX_HOST_USERNS);
    auto_free char *outside = xasprintf("%s/data", box.dir);
    auto_free char *below = xasprintf("%s/sub", outside);
    auto_free char *inside = xasprintf("root%s", outside);
    auto_close int dir = open(box.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(dir_make_all(dir, inside, 0755, &box.err), 0, "%s", box.err.text);
    fd_close(&dir);
    box_link(&box, outside, "/link");
    box_mount_add(&box, "/link", "tmpfs", "tmpfs", "");
    box_mount_add(&box, "/link/sub", "tmpfs", "tmpfs", "");
    use_hooks("{\"createContainer\":[" SH("true") "]}");
    RUNS("grep -c /data/sub /proc/self/mountinfo");
    SAYS("1\n");
    cr_expect(access(below, F_OK) < 0, "a directory was made on the host");
    box_close(&box);
}

Test(hooks, get_the_state)
{
    NEED_ROOT();
    OPEN_BOX(BOX_HOST_USERNS);
    use_hooks("{\"createRuntime\":[" SH(
        "cat >@/runtime; readlink /proc/self/cwd >@/cwd") "],\"createContainer\":[" SH("cat "
                                                                                       ">@/"
                                                                                       "contain"
                                                                                       "er") "]"
                                                                                             ","
                                                                                             "\"sta"
                                                                                             "rtCon"
                                                                                             "taine"
                                                                                             "r\":["
                                                                                             "{\"pa"
                                                                                             "th\":"
                                                                                             "\"/"
                                                                                             "bin/"
                                                                                             "sh\","
                                                                                             "\"arg"
                                                                                             "s\":["
                                                                                             "\"sh"
                                                                                             "\","
                                                                                             "\"-"
                                                                                             "c\","
                                                                                             "\"rea"
                                                                                             "d x; "
                                                                                             "echo "
                                                                                             "$x "
                                                                                             ">/"
                                                                                             "tmp/"
                                                                                             "state"
                                                                                             "; "
                                                                                             "echo "
                                                                                             "$A$"
                                                                                             "PATH "
                                                                                             ">/"
                                                                                             "tmp/"
                                                                                             "env\""
                                                                                             "],"
                                                                                             "\"env"
                                                                                             "\":["
                                                                                             "\"A="
                                                                                             "b\"]}"
                                                                                             "]}");
    RUNS("cat /tmp/state /tmp/env; exit 0");
    SAYS("\"status\":\"created\"");
    SAYS("\"pid\":1}");
    SAYS("\nb");
    auto_free char *cwd = said("cwd");
    auto_free char *expected = xasprintf("%s\n", box.dir);
    cr_expect_str_eq(cwd, expected);
    auto_free char *runtime = said("runtime");
    auto_free char *container = said("container");
    struct oci_state read = {};
    cr_assert_eq(oci_state_parse(runtime, strlen(runtime), &read, &box.err), 0, "%s", box.err.text);
    cr_expect_str_eq(read.id, "bee");
    cr_expect_str_eq(read.status, "creating");
    cr_expect_str_eq(read.bundle, box.dir);
    cr_expect(read.pid.set && read.pid.value > 1);
    oci_state_done(&read);
    cr_assert_eq(oci_state_parse(container, strlen(container), &read, &box.err), 0, "%s",
                 box.err.text);
    cr_expect_eq(read.pid.value, 1, "as the container sees it");
    oci_state_done(&read);
}

Test(hooks, end_a_start_that_they_refuse)
{
    static const char *const names[] = { "prestart", "createRuntime", "createContainer",
                                         "startContainer" };
    OPEN_BOX(0);
    for (size_t i = 0; i < array_size(names); i++) {
        auto_free char *json = xasprintf(
            "{\"%s\":[{\"path\":\"/bin/true\"},{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\","
            "\"echo why; echo not >&2; exit 7\"]}]}",
            names[i]);
        use_hooks(json);
        cr_expect_eq(box_run_script(&box, "echo program"), -1, "%s", names[i]);
        auto_free char *begin = xasprintf(
            "error running %s hook #1: error running hook /bin/sh: exit status 7: why not",
            names[i]);
        cr_expect_str_eq(box.err.text, begin);
        SAYS_NOT("program");
    }
}

Test(hooks, are_killed_in_time_with_what_they_started)
{
    struct timespec begin, end;
    OPEN_BOX(0);
    use_hooks("{\"createRuntime\":[{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\",\"sleep 50 & "
              "sleep 50\"],"
              "\"timeout\":1}]}");
    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    cr_expect_eq(box_run_script(&box, "echo program"), -1);
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    cr_expect(strstr(box.err.text, "no end within 1 s, killed"), "%s", box.err.text);
    cr_expect(end.tv_sec - begin.tv_sec < 45);
}

Test(hooks, that_are_not_there_are_named)
{
    OPEN_BOX(0);
    use_hooks("{\"createRuntime\":[{\"path\":\"/no/such\"}]}");
    cr_expect_eq(box_run_script(&box, "true"), -1);
    cr_expect(strstr(box.err.text, "/no/such: exit status 127: No such file"), "%s", box.err.text);
}

Test(hooks, leave_a_container_alone_that_has_no_state)
{
    OPEN_BOX(0);
    use_hooks("{\"createRuntime\":[{\"path\":\"/bin/false\"}]}");
    box.request.state = NULL;
    RUNS("true");
}

/* Longer than a pipe holds; and what it says as well. */
Test(hooks, take_and_say_much)
{
    OPEN_BOX(0);
    use_hooks("{\"createRuntime\":[" SH("cat >@/much; head -c 300000 /dev/zero; exit 0") "]}");
    auto_free char *long_text = xmalloc(200001);
    memset(long_text, 'x', 200000);
    long_text[200000] = '\0';
    pairs_put(&state.annotations, "much", long_text);
    RUNS("true");
    auto_free char *much = said("much");
    cr_expect(strlen(much) > 200000);
    pairs_done(&state.annotations);
}

/* As the command line runs those of the end. */
Test(hooks, run_alone)
{
    OPEN_BOX(0);
    use_hooks("{\"poststop\":[" SH("cat >@/stop") "," SH("exit 3") "," SH("touch @/behind") "," SH(
        "exit 4") "]}");
    state.status = (char *)"stopped";
    cr_expect_eq(hooks_run(&box.spec, HOOK_POSTSTART, &state, &box.err), 0);
    cr_expect_eq(hooks_run(&box.spec, HOOK_POSTSTOP, &state, &box.err), -1);
    cr_expect(strstr(box.err.text, "error running poststop hook #1"), "%s", box.err.text);
    cr_expect(strstr(box.err.text, "error running poststop hook #3"), "%s", box.err.text);
    auto_free char *text = said("stop");
    cr_expect(strstr(text, "\"status\":\"stopped\"") && strstr(text, "\"pid\":0}"), "%s", text);
    cr_expect(is_there("behind"), "runtime.md, Lifecycle 13");
}
