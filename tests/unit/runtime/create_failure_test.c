/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts that fail, by what is asked for or by a system call that is refused: what is said, and
 * that nothing is left (box_close looks). And kernels that lack a call, for which there is another
 * way.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "box.h"
#include "kernel/capability.h"
#include "kernel/seccomp.h"

static struct box box;

static void tidy(void)
{
    box_close(&box);
}

TestSuite(create_failure, .fini = tidy, .timeout = 600);

static void fails(enum err_kind kind, const char *text)
{
    cr_expect_eq(box_run(&box), -1, "it did not fail: %s", text);
    cr_expect_eq(box.err.kind, kind, "%s: %s", err_kind_name(box.err.kind), box.err.text);
    cr_expect(strstr(box.err.text, text), "\"%s\" is not in \"%s\"", text, box.err.text);
    cr_expect_eq(box_groups(&box), 0, "a cgroup was left after: %s", text);
}

/* --- what is asked for ------------------------------------------------------------------------ */

static void program_is(const char *name)
{
    box_command(&box, (const char *const[]){ name, NULL });
}

Test(create_failure, says_why_a_program_is_not_executed)
{
    OPEN_BOX(0);
    box_file(&box, "/plain", "text\n", 0644);
    box_file(&box, "/text", "text\n", 0755);
    box_file(&box, "/script", "#!/no/such/shell\n", 0755);
    box_file(&box, "/dos", "#!/bin/sh\r\n", 0755);
    program_is("no-such-program");
    fails(ERR_NO_COMMAND, "PATH: \"no-such-program\"");
    cr_expect_eq(err_exit_status(&box.err), 127);
    program_is("/no/such/program");
    fails(ERR_NO_COMMAND, "no such file in the container");
    program_is("/plain");
    fails(ERR_NOT_EXECUTABLE, "not executable");
    cr_expect_eq(err_exit_status(&box.err), 126);
    program_is("/etc");
    fails(ERR_NOT_EXECUTABLE, "directory");
    program_is("/text");
    fails(ERR_NOT_EXECUTABLE, "neither a program nor a script");
    program_is("/script");
    fails(ERR_NO_COMMAND, "/no/such/shell");
    program_is("/dos");
    fails(ERR_NO_COMMAND, "carriage return");
}

Test(create_failure, names_what_is_wrong)
{
    OPEN_BOX(0);
    box.request.user = "wasp";
    fails(ERR_NOT_FOUND, "no such user in the container's /etc/passwd");
    box.request.user = "bee:wasps";
    fails(ERR_NOT_FOUND, "no such group");
    box.request.user = "70000";
    fails(ERR_SYSTEM, "set the user id (is it in the range of the user namespace?)");
    box.request.user = NULL;
    free(box.spec.process->cwd);
    box.spec.process->cwd = xstrdup("/etc/passwd");
    fails(ERR_SYSTEM, "working directory \"/etc/passwd\"");
    free(box.spec.process->cwd);
    box.spec.process->cwd = xstrdup("/");
    pairs_put(&box.spec.linux->sysctl, "net.ipv4.no_such_thing", "1");
    fails(ERR_SYSTEM, "set sysctl \"net/ipv4/no_such_thing\"");
    pairs_done(&box.spec.linux->sysctl);
    free(box.spec.hostname);
    box.spec.hostname =
        xstrdup("a-name-that-is-longer-than-the-sixty-four-bytes-a-kernel-has-for-a-host");
    fails(ERR_SYSTEM, "set the host name");
}

Test(create_failure, names_the_mount_that_is_wrong)
{
    OPEN_BOX(0);
    static const struct {
        const char *destination;
        const char *type;
        const char *source;
        const char *options;
        const char *text;
    } rows[] = {
        { "/m", "no-such-fs", "x", "", "no file system \"no-such-fs\"" },
        { "/m", "tmpfs", "x", "no-such-option", "unknown mount option \"no-such-option\"" },
        { "/m", "tmpfs", "x", "mode=honey", "unknown mount option \"mode=honey\"" },
        { "/m", "bind", "/no/such/source", "bind", "/no/such/source" },
        { "/etc/passwd/x", "tmpfs", "x", "", "open mount point \"etc/passwd/x\"" },
        { "/proc/no-such-file", "tmpfs", "x", "", "open mount point \"proc/no-such-file\"" },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        box_mount_add(&box, rows[i].destination, rows[i].type, rows[i].source, rows[i].options);
        cr_expect_eq(box_run(&box), -1, "%s", rows[i].text);
        cr_expect(strstr(box.err.text, rows[i].text), "\"%s\" is not in \"%s\"", rows[i].text,
                  box.err.text);
        box_mount_drop(&box, rows[i].destination);
    }
}

Test(create_failure, names_the_layer_that_is_not_there)
{
    OPEN_BOX(BOX_OVERLAY);
    strings_add(&box.rootfs.lower, "/no/such/layer");
    cr_expect_eq(box_run(&box), -1);
    cr_expect(strstr(box.err.text, "/no/such/layer"), "%s", box.err.text);
    strings_done(&box.rootfs.lower);
    strings_addf(&box.rootfs.lower, "%s/lower", box.dir);
    box.rootfs.upper = box.dir; /* holds no work/ */
    cr_expect_eq(box_run(&box), -1);
    cr_expect(strstr(box.err.text, "upper layer"), "%s", box.err.text);
}

Test(create_failure, takes_no_group_that_is_somebodys)
{
    NEED_ROOT();
    OPEN_BOX(0);
    box_script(&box, "sleep 100");
    cr_assert_eq(box_start(&box), 0, "%s", box.err.text);
    struct runtime_process second;
    struct err err = {};
    cr_expect_eq(runtime_create(&box.request, &second, &err), -1);
    cr_expect_eq(err.kind, ERR_CONFLICT, "%s", err.text);
    cr_expect_neq(box_groups(&box), 0, "the first one's group was removed");
    cr_expect_eq(box_exec(&box, "exit 3"), 3, "%s", box.err.text);
}

/* The child may have failed and gone before it is told to go on; its reason waits in the socket. */
Test(create_failure, loses_no_reason)
{
    OPEN_BOX(0);
    struct spec_namespace *namespace = array_add(&box.spec.linux->namespaces);
    namespace->type = SPEC_NAMESPACE_TIME;
    struct spec_time_offset *offset = array_add(&box.spec.linux->time_offsets);
    offset->key = xstrdup("boottime");
    offset->secs = INT64_MIN / 2;
    for (int i = 0; i < 200; i++) {
        cr_assert_eq(box_run(&box), -1);
        cr_assert(strstr(box.err.text, "set the clock offset"), "%s", box.err.text);
    }
}

static void tell_last(void *context, const struct runtime_event *event)
{
    struct str *last = context;
    str_clear(last);
    str_addf(last, "%s: %s %d", event->side, event->step, event->done);
}

Test(create_failure, tells_how_far_it_came)
{
    OPEN_BOX(0);
    auto_done(str) last = {};
    box.request.listener = tell_last;
    box.request.listener_context = &last;
    box.request.user = "wasp";
    cr_expect_eq(box_run(&box), -1);
    cr_expect_str_eq(str_text(&last), "child: find the user wasp 0");
    box.request.user = NULL;
    RUNS("true");
    cr_expect_str_eq(str_text(&last), "child: execute sh -c true 0");
}

/* --- system calls that are refused ------------------------------------------------------------ */

/* Puts a filter over this process and its children: the call, with that argument unless index is
 * -1, has the result. */
static void refuse(int number, int index, uint32_t argument, uint32_t action)
{
    struct sock_filter argument_is_it[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                 (uint32_t)offsetof(struct seccomp_data, args) + 8 * (uint32_t)index),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, argument, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_filter it[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct seccomp_filter filter = { it, array_size(it) };
    if (index >= 0)
        filter = (struct seccomp_filter){ argument_is_it, array_size(argument_is_it) };
    /* Not by no_new_privs, which the container would inherit and the tests look for. */
    cr_assert_eq(seccomp_filter_load(&filter, 0), 0, "%s", strerror(errno));
}

#define CALL(name)                                                                                 \
    {                                                                                              \
#name, SYS_##name                                                                          \
    }

static const struct {
    char name[24];
    int number;
} start_calls[] = {
    CALL(socketpair),
    CALL(clone3),
    CALL(open_tree),
    CALL(mount_setattr),
    CALL(sendmsg),
    CALL(recvmsg),
    CALL(keyctl),
    CALL(unshare),
    CALL(setresgid),
    CALL(setresuid),
    CALL(fsopen),
    CALL(fsconfig),
    CALL(fsmount),
    CALL(move_mount),
    CALL(pivot_root),
    CALL(umount2),
    CALL(symlinkat),
    CALL(sethostname),
    CALL(openat2),
    CALL(close_range),
    CALL(setsid),
    CALL(landlock_create_ruleset),
    CALL(landlock_restrict_self),
    CALL(seccomp),
    CALL(capset),
    CALL(setgroups),
    CALL(fchdir),
    CALL(execve),
    CALL(rt_sigprocmask),
    CALL(prctl),
    CALL(mknodat),
    CALL(fchown),
};

/* In a child, for a filter stays. Gives the result of the start, and its error in *err. */
static int run_refused(int number, uint32_t action, struct err *err)
{
    int ends[2];
    int status;
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        refuse(number, -1, 0, action);
        box_script(&box, "exit 3");
        int result = box_run(&box);
        (void)!write(ends[1], &box.err, sizeof(box.err));
        _exit(result < 0 ? 99 : result);
    }
    (void)close(ends[1]);
    cr_assert_eq(read(ends[0], err, sizeof(*err)), (ssize_t)sizeof(*err));
    (void)close(ends[0]);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status), "a signal ended the caller: %d", status);
    return WEXITSTATUS(status) == 99 ? -1 : WEXITSTATUS(status);
}

static void refuse_each(enum box_flags flags, int errnum)
{
    for (size_t i = 0; i < array_size(start_calls); i++) {
        const char *name = start_calls[i].name;
        struct err err = {};
        OPEN_BOX(flags);
        int result = run_refused(start_calls[i].number, SECCOMP_RET_ERRNO | (uint32_t)errnum, &err);
        /* Either it fails and says why, or it did not need the call. */
        cr_expect(result == -1 || result == 3, "%s: %d", name, result);
        cr_expect_eq(result == -1, err.text[0] != '\0', "%s: %s", name, err.text);
        cr_expect_eq(box_groups(&box), 0, "%s: a cgroup was left", name);
        box_close(&box);
    }
}

Test(create_failure, leaves_nothing_whichever_call_is_refused)
{
    NEED_ROOT();
    refuse_each(BOX_OVERLAY, EIO);
}

Test(create_failure, leaves_nothing_of_a_host_userns_whichever_call_is_refused)
{
    NEED_ROOT();
    refuse_each(BOX_HOST_USERNS, ENOMEM);
}

/* The child ends by the call: there is nobody to say why. */
Test(create_failure, survives_the_death_of_its_child)
{
    static const int numbers[] = { SYS_unshare, SYS_pivot_root, SYS_sethostname, SYS_capset,
                                   SYS_fchdir };
    NEED_ROOT();
    for (size_t i = 0; i < array_size(numbers); i++) {
        struct err err = {};
        OPEN_BOX(0);
        cr_expect_eq(run_refused(numbers[i], SECCOMP_RET_KILL_PROCESS, &err), -1);
        cr_expect(strstr(err.text, "killed before it started"), "%s", err.text);
        box_close(&box);
    }
}

/* --- older kernels ---------------------------------------------------------------------------- */

#ifndef FSCONFIG_SET_FD
#define FSCONFIG_SET_FD 5
#endif

/* Before 6.13 an overlay took no layers by descriptor. */
Test(create_failure, names_its_layers_where_it_must)
{
    NEED_ROOT();
    static const enum box_flags kinds[] = { BOX_OVERLAY, BOX_OVERLAY | BOX_HOST_USERNS };
    refuse(SYS_fsconfig, 1, FSCONFIG_SET_FD, SECCOMP_RET_ERRNO | EINVAL);
    for (size_t i = 0; i < array_size(kinds); i++) {
        OPEN_BOX(kinds[i]);
        RUNS("cat /from-below; touch /new; grep overlay /proc/self/mountinfo; ls -a / >/tmp/a; ls "
             "-a /.. >/tmp/b; "
             "[ \"$(cat /tmp/a)\" = \"$(cat /tmp/b)\" ] && echo alike; pwd");
        SAYS("below\n");
        SAYS("lowerdir=");
        SAYS_NOT("lowerdir+=");
        SAYS("alike\n/\n");
        auto_free char *path = xasprintf("%s/upper/upper/new", box.dir);
        cr_expect_eq(access(path, F_OK), 0);
        box.rootfs.upper = NULL;
        RUNS("cat /from-below; ! touch /more");
        SAYS("below\n");
        SAYS("Read-only file system");
        box.rootfs.flags = ROOTFS_TMPFS;
        RUNS("cat /from-below; touch /more");
        SAYS("below\n");
        box_close(&box);
    }
}

Test(create_failure, says_when_there_are_too_many_layers_to_name)
{
    NEED_ROOT();
    refuse(SYS_fsconfig, 1, FSCONFIG_SET_FD, SECCOMP_RET_ERRNO | EINVAL);
    OPEN_BOX(BOX_OVERLAY);
    for (int i = 0; i < 200; i++) {
        auto_free char *directory = xasprintf("%s/data/%d", box.dir, i);
        cr_assert_eq(mkdir(directory, 0755), 0);
        strings_add(&box.rootfs.lower, directory);
    }
    fails(ERR_SYSTEM, "mount the image's layers");
}

Test(create_failure, starts_without_landlock)
{
    NEED_ROOT();
    static const int errnums[] = { ENOSYS, EOPNOTSUPP };
    for (size_t i = 0; i < array_size(errnums); i++) {
        struct err err = {};
        OPEN_BOX(0);
        cr_expect_eq(run_refused(SYS_landlock_create_ruleset,
                                 SECCOMP_RET_ERRNO | (uint32_t)errnums[i], &err),
                     3, "%s", err.text);
        box_close(&box);
    }
}

Test(create_failure, makes_no_devices_with_landlock)
{
    NEED_ROOT();
    OPEN_BOX(BOX_HOST_USERNS);
    box_capabilities(&box, (const char *const[]){ "CAP_MKNOD", NULL });
    RUNS("! mknod /tmp/node c 1 3; mkfifo /tmp/fifo; mkdir /tmp/d; mv /tmp/fifo /tmp/d/fifo");
    SAYS("mknod: /tmp/node");
    box.request.flags &= ~(unsigned)RUNTIME_LANDLOCK;
    RUNS("mknod /tmp/node c 1 3");
}

Test(create_failure, starts_without_keys)
{
    NEED_ROOT();
    struct err err = {};
    OPEN_BOX(0);
    cr_expect_eq(run_refused(SYS_keyctl, SECCOMP_RET_ERRNO | ENOSYS, &err), 3, "%s", err.text);
}

/* Kernel before 6.15, and a filter around us that does not know it. */
Test(create_failure, clones_and_changes_mounts_in_two_calls)
{
    NEED_ROOT();
    enum { OPEN_TREE_ATTR = 467 };
    static const int errnums[] = { ENOSYS, EPERM };
    for (size_t i = 0; i < array_size(errnums); i++) {
        struct err err = {};
        OPEN_BOX(0);
        cr_expect_eq(run_refused(OPEN_TREE_ATTR, SECCOMP_RET_ERRNO | (uint32_t)errnums[i], &err), 3,
                     "%s", err.text);
        box_close(&box);
    }
}

/* --- filters of the specification ------------------------------------------------------------- */

static struct spec_seccomp_rule *rule_add(const char *const *names, enum spec_seccomp_action action)
{
    struct spec_seccomp_rule *rule = array_add(&box.spec.linux->seccomp->syscalls);
    rule->action = action;
    for (size_t i = 0; names[i]; i++)
        strings_add(&rule->names, names[i]);
    return rule;
}

static void use_profile(enum spec_seccomp_action action)
{
    box.request.seccomp = RUNTIME_SECCOMP_SPEC;
    box.spec.linux->seccomp = xnew(struct spec_seccomp);
    box.spec.linux->seccomp->default_action = action;
}

Test(create_failure, filters_as_the_specification_says)
{
    OPEN_BOX(0);
    use_profile(SECCOMP_ACTION_ALLOW);
    rule_add((const char *const[]){ "mkdir", "mkdirat", NULL }, SECCOMP_ACTION_ERRNO)->errno_ret =
        (struct maybe_u64){ true, EXDEV };
    RUNS("grep Seccomp: /proc/self/status; ! mkdir /tmp/x; touch /tmp/y");
    SAYS("Seccomp:\t2\n");
    SAYS("Invalid cross-device link");
}

/* A program needs no calls for the sake of whoever starts it, but write and execve. */
Test(create_failure, needs_little_of_a_filter)
{
    static const char *const calls[] = {
        "sendmsg",      "sendto",  "recvmsg", "close_range", "prctl",  "fcntl",      "dup2",
        "dup3",         "openat2", "fchdir",  "chdir",       "fchown", "setsid",     "prlimit64",
        "rt_sigaction", "capset",  "seccomp", "setgroups",   "access", "newfstatat", NULL
    };
    OPEN_BOX(0);
    box_command(&box, (const char *const[]){ "echo", "ran", NULL });
    use_profile(SECCOMP_ACTION_ALLOW);
    (void)rule_add(calls, SECCOMP_ACTION_KILL_PROCESS);
    /* busybox's own beginning wants one or the other of them: what counts is that it began. */
    int status = box_run(&box);
    cr_expect_neq(status, -1, "%s", box.err.text);
}

Test(create_failure, says_why_under_a_strict_filter)
{
    static const char *const calls[] = { "sendmsg", "sendto", "recvmsg", NULL };
    OPEN_BOX(0);
    use_profile(SECCOMP_ACTION_ALLOW);
    (void)rule_add(calls, SECCOMP_ACTION_KILL_PROCESS);
    program_is("/no/such/program");
    fails(ERR_NO_COMMAND, "/no/such/program");
}
