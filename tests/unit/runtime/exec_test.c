/* SPDX-License-Identifier: Apache-2.0 */
/* Processes executed in a container that runs, and what the container can see of how they came to
 * be. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/file.h"
#include "box.h"
#include "kernel/capability.h"
#include "kernel/namespace.h"
#include "kernel/pidfd.h"

static struct box box;

static void tidy(void)
{
    box_close(&box);
}

TestSuite(exec, .fini = tidy, .timeout = 600);

static void starts(const char *script)
{
    box_script(&box, script);
    cr_assert_eq(box_start(&box), 0, "%s", box.err.text);
}

#define EXECUTES(script)                                                                           \
    do {                                                                                           \
        int status_ = box_exec(&box, script);                                                      \
        cr_assert_eq(status_, 0, "%d %s\n%s", status_, box.err.text, box.output);                  \
    } while (0)

/* Until the container's own process made the file. */
static void await(const char *name)
{
    auto_free char *path = xasprintf("%s/%s", box.root, name);
    for (int i = 0; i < 12000 && access(path, F_OK) < 0; i++)
        (void)nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
    cr_assert_eq(access(path, F_OK), 0, "%s", path);
}

Test(exec, gives_the_exit_code)
{
    OPEN_BOX(0);
    starts("sleep 100");
    cr_expect_eq(box_exec(&box, "exit 7"), 7);
    cr_expect_eq(box_exec(&box, "kill -9 $$"), BOX_KILLED + SIGKILL);
    cr_expect_eq(box_exec(&box, "exit 0"), 0);
}

Test(exec, joins_all_namespaces)
{
    static const enum box_flags kinds[] = { 0, BOX_HOST_USERNS };
    for (size_t i = 0; i < array_size(kinds); i++) {
        if (geteuid() && kinds[i] == BOX_HOST_USERNS)
            continue;
        OPEN_BOX(kinds[i]);
        struct spec_namespace *namespace = array_add(&box.spec.linux->namespaces);
        namespace->type = SPEC_NAMESPACE_TIME;
        starts("for i in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$i; done "
               ">/tmp/ns; "
               "cat /proc/self/cgroup >/tmp/cgroup; touch /tmp/ready; sleep 100");
        await("tmp/ready");
        EXECUTES("for i in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$i; "
                 "done >/tmp/ns2; "
                 "cat /proc/self/cgroup >/tmp/cgroup2; cat /tmp/ns; echo -; cat /tmp/ns2; echo -; "
                 "cat /tmp/cgroup; "
                 "echo -; cat /tmp/cgroup2");
        char *second = strstr(box.output, "-\n");
        char *third = second ? strstr(second + 2, "-\n") : NULL;
        char *fourth = third ? strstr(third + 2, "-\n") : NULL;
        cr_assert(fourth);
        *second = *third = *fourth = '\0';
        cr_expect_str_eq(box.output, second + 2);
        cr_expect_str_eq(third + 2, fourth + 2);
        box_stop(&box);
        box_close(&box);
    }
}

Test(exec, is_locked_in_as_the_container_is)
{
    OPEN_BOX(0);
    starts("sleep 100");
    EXECUTES("cat /proc/self/status");
    SAYS("\nNoNewPrivs:\t1\n");
    SAYS("\nSeccomp:\t2\n");
    SAYS("\nCapPrm:\t0000000000000021\n");
    SAYS("\nCapBnd:\t0000000000000021\n");
    SAYS("\nCapInh:\t0000000000000000\n");
    SAYS("\nGroups:\t \n");
}

Test(exec, is_in_the_containers_cgroup)
{
    NEED_ROOT();
    OPEN_BOX(0);
    box_namespace_drop(&box, SPEC_NAMESPACE_CGROUP); /* to see where it is */
    starts("sleep 100");
    EXECUTES("cat /proc/self/cgroup; echo; cat /proc/1/cgroup");
    SAYS("ruche-test-");
    char *second = strstr(box.output, "\n\n");
    cr_assert(second);
    second[1] = '\0';
    cr_expect_str_eq(box.output, second + 2);
}

Test(exec, is_the_user_it_is_to_be)
{
    NEED_ROOT();
    OPEN_BOX(0);
    starts("sleep 100");
    box.request.user = "bee";
    free(box.spec.process->cwd);
    box.spec.process->cwd = xstrdup("/tmp");
    EXECUTES("id -u; id -g; id -G; echo $HOME; pwd; echo works >/dev/stdout");
    SAYS_ALL("7\n8\n8 9\n/tmp\n/tmp\nworks\n");
}

Test(exec, tells_of_its_process)
{
    OPEN_BOX(0);
    starts("sleep 100");
    struct runtime_process process;
    struct runtime_request request = box.request;
    auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    request.flags = 0;
    request.stdio[0] = request.stdio[1] = request.stdio[2] = null;
    box_script(&box, "sleep 100");
    cr_assert_eq(runtime_exec(&request, box.process.pidfd, &process, &box.err), 0, "%s",
                 box.err.text);
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/status", process.pid);
    /* The kernel names a process after it closed what is closed by execve. */
    auto_free char *status = box_load(path);
    for (int i = 0; i < 1000 && !strstr(status, "Name:\ts"); i++) {
        (void)usleep(10000);
        free(status);
        status = box_load(path);
    }
    cr_expect(strstr(status, "\nNSpid:\t") && strstr(status, "Name:\ts"), "%s", status);
    cr_expect_neq(process.pid, box.process.pid);
    cr_expect_eq(pidfd_signal(process.pidfd, SIGKILL), 0);
    int ended;
    cr_expect_eq(pidfd_wait(process.pidfd, 0, &ended), 1, "it is a child of whoever executed it");
    runtime_process_done(&process);
}

Test(exec, inherits_nothing_of_the_caller)
{
    sigset_t blocked;
    OPEN_BOX(0);
    starts("sleep 100");
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGTERM);
    cr_assert(sigprocmask(SIG_BLOCK, &blocked, NULL) == 0 && signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    cr_assert_eq(setenv("SECRET_OF_THE_HOST", "1", 1), 0);
    int open_fds[20];
    for (size_t i = 0; i < array_size(open_fds); i++)
        open_fds[i] = open(box.dir, O_RDONLY | O_DIRECTORY);
    struct runtime_request request = box.request;
    request.flags = 0;
    box_command(&box, (const char *const[]){ "cat", "/proc/self/status", "/proc/self/stat", NULL });
    cr_assert_eq(box_exec_request(&box, &request), 0, "%s", box.err.text);
    SAYS("\nSigBlk:\t0000000000000000\n");
    SAYS("\nSigIgn:\t0000000000000000\n");
    /* The second made the network namespace. */
    SAYS("\n3 (cat) R 0 3 3 0 -1 ");
    box_command(&box, (const char *const[]){ "ls", "/proc/self/fd", NULL });
    cr_assert_eq(box_exec_request(&box, &request), 0, "%s", box.err.text);
    SAYS_ALL("0\n1\n2\n3\n");
    EXECUTES("env");
    SAYS_NOT("SECRET");
    for (size_t i = 0; i < array_size(open_fds); i++)
        (void)close(open_fds[i]);
    (void)sigprocmask(SIG_UNBLOCK, &blocked, NULL);
}

Test(exec, has_limits_of_its_own)
{
    OPEN_BOX(0);
    starts("sleep 100");
    struct spec_rlimit *limit = array_add(&box.spec.process->rlimits);
    limit->type = xstrdup("RLIMIT_NOFILE");
    limit->soft = 5;
    limit->hard = 6;
    box.spec.process->oom_score_adj = (struct maybe_i64){ true, 300 };
    EXECUTES("ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj");
    SAYS_ALL("5\n6\n300\n");
}

Test(exec, has_a_terminal)
{
    OPEN_BOX(0);
    starts("sleep 100");
    struct runtime_process process;
    struct runtime_request request = box.request;
    char said[1024] = "";
    size_t len = 0;
    ssize_t n;
    request.flags = 0;
    box.spec.process->terminal = true;
    box.spec.process->console_size = xnew(struct spec_console_size);
    *box.spec.process->console_size = (struct spec_console_size){ .height = 20, .width = 70 };
    box_script(&box,
               "tty; stty size; echo here >/dev/tty; cd /proc/self/fd; echo *; ls /dev/console");
    cr_assert_eq(runtime_exec(&request, box.process.pidfd, &process, &box.err), 0, "%s",
                 box.err.text);
    cr_assert_geq(process.terminal, 0);
    while (len + 1 < sizeof(said) &&
           (n = read(process.terminal, said + len, sizeof(said) - 1 - len)) > 0)
        len += (size_t)n;
    cr_expect_str_eq(said, "/dev/pts/0\r\n20 70\r\nhere\r\n0 1 2 3\r\nls: /dev/console: No such "
                           "file or directory\r\n");
    int status;
    cr_expect_eq(pidfd_wait(process.pidfd, 0, &status), 1);
    runtime_process_done(&process);
}

/* --- failures --------------------------------------------------------------------------------- */

static void fails(const char *script, enum err_kind kind, const char *text)
{
    cr_expect_eq(box_exec(&box, script), -1, "it did not fail: %s", text);
    cr_expect_eq(box.err.kind, kind, "%s: %s", err_kind_name(box.err.kind), box.err.text);
    cr_expect(strstr(box.err.text, text), "\"%s\" is not in \"%s\"", text, box.err.text);
    int status;
    pid_t left = waitpid(-1, &status, WNOHANG);
    cr_expect_eq(left, 0, "%d, %d: there is one process, the container's, %d", left, status,
                 box.process.pid);
}

Test(exec, says_why_it_failed)
{
    OPEN_BOX(0);
    starts("sleep 100");
    box.request.user = "wasp";
    for (int i = 0; i < 50; i++) /* who comes first, the one that fails or the one in between? */
        fails("true", ERR_NOT_FOUND, "no such user");
    box.request.user = NULL;
    free(box.spec.process->cwd);
    box.spec.process->cwd = xstrdup("/no/such/place");
    fails("true", ERR_SYSTEM, "working directory");
    free(box.spec.process->cwd);
    box.spec.process->cwd = xstrdup("/");
    struct runtime_request request = box.request;
    request.flags = 0;
    box_command(&box, (const char *const[]){ "no-such-program", NULL });
    cr_expect_eq(box_exec_request(&box, &request), -1);
    cr_expect_eq(box.err.kind, ERR_NO_COMMAND, "%s", box.err.text);
    cr_expect_eq(box_exec(&box, "exit 3"), 3, "and the next one works");
}

Test(exec, finds_no_container_that_has_ended)
{
    OPEN_BOX(0);
    starts("sleep 100");
    cr_assert_eq(pidfd_signal(box.process.pidfd, SIGKILL), 0);
    cr_assert_eq(pidfd_poll(box.process.pidfd, -1), 1);
    cr_expect_eq(box_exec(&box, "true"), -1);
    cr_expect(strstr(box.err.text, "join") || strstr(box.err.text, "cgroup"), "%s", box.err.text);
}

/* Outside of it there would be no limits. */
Test(exec, runs_in_no_other_cgroup)
{
    NEED_ROOT();
    OPEN_BOX(0);
    starts("sleep 100");
    auto_free char *group = box.spec.linux->cgroups_path;
    box.spec.linux->cgroups_path = xasprintf("%s-gone", group);
    cr_expect_eq(box_exec(&box, "true"), -1);
    cr_expect(strstr(box.err.text, "is gone"), "%s", box.err.text);
    free(box.spec.linux->cgroups_path);
    box.spec.linux->cgroups_path = xstrdup(group);
}

/* --- a hostile container ---------------------------------------------------------------------- */

/*
 * The container's process one stops the process that is made inside as soon as there is one, mostly
 * before it executes its program, and looks at all of it. The first and the
 * last line are the program's name, for a signal does not stop it within execve; what could be read
 * stands between.
 */
static const char watcher[] =
    ": >/tmp/watching; while :; do kill -STOP 3 2>/dev/null && break; done; cat /proc/3/comm "
    ">/tmp/seen; "
    "for f in exe cwd root fd/0 fd/1 fd/3 fd/4 fd/5 fd/6 fd/7 fd/8 fd/9 fd/10 fd/11 fd/12 fd/13 "
    "fd/14 fd/15 fd/16 fd/17 fd/18 fd/19 fd/20; do "
    "readlink /proc/3/$f && echo linked $f; done >>/tmp/seen 2>/dev/null; "
    "for f in environ maps mem auxv stack syscall exe; do "
    "head -c 1 /proc/3/$f >/dev/null 2>/dev/null && echo read $f; done >>/tmp/seen; "
    "cat /proc/3/comm >>/tmp/seen; : >/tmp/ready; kill -CONT 3; sleep 100";

/* Before we give up: with one processor the watcher runs at the wrong times. */
enum { WATCHES = 200 };

/* What was seen; "" when it came and went too fast: who is stopped goes on when all of it is there. */
static char *watch_once(void)
{
    auto_free char *ready = xasprintf("%s/tmp/ready", box.root);
    auto_free char *path = xasprintf("%s/tmp/seen", box.root);
    starts(watcher);
    await("tmp/watching");
    EXECUTES("echo hello");
    SAYS("hello\n");
    return access(ready, F_OK) == 0 ? box_load(path) : xstrdup("");
}

/* By a process with these capabilities, and without those flags. Gives what was seen of a process
 * that had not executed its program. */
static char *watch(enum box_flags flags, const char *const *capabilities, unsigned without)
{
    auto_free char *own = box_load("/proc/self/comm");
    for (int i = 0; i < WATCHES; i++) {
        if (!box_open(&box, flags))
            cr_skip_test("needs a static busybox, or root");
        box_capabilities(&box, capabilities);
        box.request.flags = (unsigned)box.request.flags & ~without;
        char *seen = watch_once();
        if (text_starts(seen, own) && text_ends(seen, own))
            return seen;
        free(seen);
        box_stop(&box);
        box_close(&box);
    }
    cr_skip_test("it was never seen in time, so nothing was tested");
    return NULL;
}

static void is_hidden(enum box_flags flags, const char *const *capabilities, unsigned without)
{
    auto_free char *own = box_load("/proc/self/comm");
    for (int i = 0; i < 3; i++) {
        auto_free char *seen = watch(flags, capabilities, without);
        cr_expect_eq(strlen(seen), 2 * strlen(own), "this was seen: %s", seen);
        box_stop(&box);
        box_close(&box);
    }
}

static const char *const few[] = { "CAP_KILL", NULL };

Test(exec, cannot_be_looked_at)
{
    is_hidden(0, few, RUNTIME_LANDLOCK);
}

Test(exec, cannot_be_looked_at_with_every_capability_of_its_namespace)
{
    const char *all[CAPABILITY_COUNT + 1] = {};
    for (int capability = 0; capability < CAPABILITY_COUNT; capability++)
        all[capability] = capability_name(capability);
    is_hidden(0, all, RUNTIME_LANDLOCK);
}

Test(exec, cannot_be_looked_at_in_the_hosts_user_namespace)
{
    NEED_ROOT();
    is_hidden(BOX_HOST_USERNS, few, RUNTIME_LANDLOCK);
}

/* Landlock keeps the container from what is not of its domain, whatever it may trace. */
Test(exec, cannot_be_looked_at_by_who_may_trace_the_host)
{
    NEED_ROOT();
    is_hidden(BOX_HOST_USERNS, (const char *const[]){ "CAP_KILL", "CAP_SYS_PTRACE", NULL }, 0);
}

/* Without Landlock nothing could be hidden from that one; but nothing of the caller's is open any
 * more. */
Test(exec, has_nothing_open_that_could_be_taken)
{
    NEED_ROOT();
    static const char *const capabilities[] = { "CAP_KILL", "CAP_SYS_PTRACE", NULL };
    bool seen_any = false;
    for (int i = 0; i < WATCHES && !seen_any; i++) {
        OPEN_BOX(BOX_HOST_USERNS);
        int fds[20];
        for (size_t n = 0; n < array_size(fds); n++)
            fds[n] = open(box.dir, O_RDONLY | O_DIRECTORY | (n % 2 ? O_CLOEXEC : 0));
        box_capabilities(&box, capabilities);
        box.request.flags &= ~(unsigned)RUNTIME_LANDLOCK;
        auto_free char *seen = watch_once();
        auto_free char *own = box_load("/proc/self/comm");
        seen_any = text_starts(seen, own) && text_ends(seen, own) && strstr(seen, "linked fd/0");
        cr_expect(!strstr(seen, strrchr(box.dir, '/')) && !strstr(seen, "cgroup"), "%s", seen);
        for (size_t n = 0; n < array_size(fds); n++)
            (void)close(fds[n]);
        box_stop(&box);
        box_close(&box);
    }
    if (!seen_any)
        cr_skip_test("it was never seen in time, so nothing was tested");
}

static void prepare(const char *script)
{
    box.request.seccomp = RUNTIME_SECCOMP_SPEC;
    box.request.flags &= ~(unsigned)RUNTIME_LANDLOCK;
    box_capabilities(&box, (const char *const[]){ "CAP_SYS_ADMIN", "CAP_KILL", NULL });
    auto_free char *whole = xasprintf("%s; touch /tmp/ready; sleep 100", script);
    starts(whole);
    await("tmp/ready");
}

Test(exec, hangs_on_no_fifo)
{
    OPEN_BOX(0);
    prepare("rm /etc/passwd /etc/group; mkfifo /etc/passwd /etc/group");
    box.request.user = "0";
    EXECUTES("echo ran");
    box.request.user = "bee";
    fails("true", ERR_NOT_FOUND, "no such user");
    box.request.user = "0:hive";
    fails("true", ERR_NOT_FOUND, "no such group");
}

/* A file of the host that the caller has open, and a name that leads to it. */
Test(exec, reads_no_file_of_the_callers)
{
    OPEN_BOX(0);
    auto_free char *path = xasprintf("%s/data/file", box.dir);
    struct err err = {};
    static const char line[] = "bee:x:0:0::/a/place/of/the/host:\n";
    cr_assert_eq(file_save(AT_FDCWD, path, line, strlen(line), 0644, 0, &err), 0, "%s", err.text);
    int fds[30];
    for (size_t i = 0; i < array_size(fds); i++)
        fds[i] = open(path, O_RDONLY); /* not close-on-exec */
    auto_free char *script =
        xasprintf("rm /etc/passwd; ln -s /proc/self/fd/%d /etc/passwd", fds[29]);
    prepare(script);
    box.request.user = "bee";
    fails("true", ERR_NOT_FOUND, "no such user");
    box.request.user = NULL;
    EXECUTES("echo $HOME");
    SAYS_ALL("/\n");
    for (size_t i = 0; i < array_size(fds); i++)
        (void)close(fds[i]);
}

Test(exec, takes_no_terminal_from_a_false_devpts)
{
    static const char *const scripts[] = {
        "umount /dev/pts; mkfifo /dev/pts/ptmx",
        "umount /dev/pts; rmdir /dev/pts; ln -s /proc/self/fd /dev/pts",
        "umount /dev/pts; rmdir /dev/pts; ln -s /no/such/place /dev/pts",
        "mount -t tmpfs none /dev/pts; ln -s /dev/null /dev/pts/ptmx",
        "mount -t tmpfs none /dev; mkdir /dev/pts; mkfifo /dev/pts/ptmx",
    };
    for (size_t i = 0; i < array_size(scripts); i++) {
        OPEN_BOX(0);
        prepare(scripts[i]);
        box.spec.process->terminal = true;
        fails("true", ERR_SYSTEM, "open a pseudo-terminal in /dev/pts");
        box_stop(&box);
        box_close(&box);
    }
}

Test(exec, enters_no_directory_of_the_callers)
{
    OPEN_BOX(0);
    int fds[30];
    for (size_t i = 0; i < array_size(fds); i++)
        fds[i] = open(box.dir, O_PATH | O_DIRECTORY); /* not close-on-exec */
    prepare("ln -s /proc/self/fd /fds");
    for (int n = 3; n < fds[29] + 10; n++) {
        free(box.spec.process->cwd);
        box.spec.process->cwd = xasprintf("/fds/%d", n);
        cr_expect_eq(box_exec(&box, "pwd; ls"), -1, "%s: %s", box.spec.process->cwd, box.output);
    }
    for (size_t i = 0; i < array_size(fds); i++)
        (void)close(fds[i]);
}

/* Its init has changed its own root; what is executed has the container's. */
Test(exec, has_the_containers_root)
{
    OPEN_BOX(0);
    box_capabilities(&box, (const char *const[]){ "CAP_SYS_CHROOT", NULL });
    auto_free char *directory = xasprintf("%s/jail", box.root);
    auto_free char *bin = xasprintf("%s/jail/bin", box.root);
    cr_assert(mkdir(directory, 0755) == 0 && mkdir(bin, 0755) == 0);
    box_file(&box, "/tmp/marker", "", 0644);
    starts("cp /bin/busybox /jail/bin/sh; touch /tmp/ready; exec chroot /jail /bin/sh -c 'while :; "
           "do :; done'");
    await("tmp/ready");
    EXECUTES("ls /tmp");
    SAYS("marker\n");
}
