/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What making a container leaves alone: the caller's mounts, namespaces, streams, terminal and
 * memory. Each hostile thing is aimed at what belongs to the test alone.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "base/file.h"
#include "box.h"
#include "kernel/mount.h"
#include "kernel/namespace.h"
#include "runtime/start.h"

static struct box box;

static void tidy(void)
{
    box_close(&box);
}

TestSuite(create_host, .fini = tidy, .timeout = 600);

/* --- mounts ----------------------------------------------------------------------------------- */

/* As systemd sets hosts up: all mounts are shared. The box is on a file system of this namespace's
 * own. */
static void share_mounts(void)
{
    cr_assert_eq(unshare(CLONE_NEWNS), 0);
    cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    cr_assert_eq(mount("none", "/tmp", "tmpfs", 0, NULL), 0);
    cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_SHARED, NULL), 0);
}

static const enum box_flags kinds[] = { 0, BOX_OVERLAY, BOX_HOST_USERNS,
                                        BOX_OVERLAY | BOX_HOST_USERNS };

/* box_close compares the mounts; while the container runs they are the same as well. */
Test(create_host, mounts_nothing_on_a_host_that_shares)
{
    NEED_ROOT();
    share_mounts();
    for (size_t i = 0; i < array_size(kinds); i++) {
        OPEN_BOX(kinds[i]);
        auto_free char *data = xasprintf("%s/data", box.dir);
        box_mount_add(&box, "/data", "bind", data, "rbind");
        box_mount_add(&box, "/data/below", "tmpfs", "tmpfs", "");
        box_mount_add(&box, "/again", "bind", data, "bind,private");
        box_mount_add(&box, "/again/below", "tmpfs", "tmpfs", "");
        box_mount_add(&box, "/slave", "bind", data, "rbind,rslave");
        box_mount_add(&box, "/slave/below", "tmpfs", "tmpfs", "");
        box_script(&box, "sleep 100");
        cr_assert_eq(box_start(&box), 0, "kind %zu: %s", i, box.err.text);
        auto_free char *mounts = box_mounts(&box);
        cr_expect_str_eq(mounts, box.mounts, "kind %zu", i);
        box_stop(&box);
        box_close(&box);
    }
}

Test(create_host, tells_by_mountinfo_who_shares)
{
    NEED_ROOT();
    share_mounts();
    OPEN_BOX(0);
    auto_free char *data = xasprintf("%s/data", box.dir);
    box_mount_add(&box, "/default", "bind", data, "rbind");
    box_mount_add(&box, "/private", "bind", data, "rbind,rprivate");
    box_mount_add(&box, "/slave", "bind", data, "rbind,rslave");
    box_mount_add(&box, "/shared", "bind", data, "rbind,rshared");
    box_mount_add(&box, "/unbindable", "bind", data, "bind,unbindable");
    RUNS("cut -d' ' -f5-7 /proc/self/mountinfo");
    SAYS("/default rw,relatime,idmapped -\n");
    SAYS("/private rw,relatime,idmapped -\n");
    SAYS("/slave rw,relatime,idmapped master:");
    SAYS("/shared rw,relatime,idmapped shared:");
    SAYS("/unbindable rw,relatime,idmapped unbindable\n");
    SAYS("/ rw,nodev,relatime,idmapped -\n");
}

/* What the host mounts later comes along where that was asked for, and is gone when the host
 * unmounts it. */
Test(create_host, hands_later_mounts_to_slaves)
{
    NEED_ROOT();
    share_mounts();
    OPEN_BOX(0);
    auto_free char *data = xasprintf("%s/data", box.dir);
    auto_free char *below = xasprintf("%s/data/below", box.dir);
    box_mount_add(&box, "/slave", "bind", data, "rbind,rslave");
    box_mount_add(&box, "/private", "bind", data, "rbind");
    box_script(&box, "sleep 100");
    cr_assert_eq(box_start(&box), 0, "%s", box.err.text);
    cr_assert_eq(mount("none", below, "tmpfs", 0, NULL), 0);
    cr_assert_eq(box_exec(&box, "cut -d' ' -f5 /proc/self/mountinfo"), 0, "%s", box.err.text);
    SAYS("/slave/below\n");
    SAYS_NOT("/private/below\n");
    cr_assert_eq(umount(below), 0);
    cr_assert_eq(box_exec(&box, "cut -d' ' -f5 /proc/self/mountinfo"), 0, "%s", box.err.text);
    SAYS_NOT("/slave/below\n");
}

/* --- namespaces ------------------------------------------------------------------------------- */

static void own_namespaces(char text[static 512])
{
    size_t len = 0;
    for (int kind = 0; kind < NAMESPACE_COUNT; kind++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/proc/self/ns/%s", namespace_file(kind));
        ssize_t n = readlink(path, text + len, 500 - len);
        cr_assert(n > 0);
        len += (size_t)n;
    }
    ssize_t n = readlink("/proc/self/ns/pid_for_children", text + len, 500 - len);
    cr_assert(n > 0);
    text[len + (size_t)n] = '\0';
}

static int sethostname_own(void)
{
    if (unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID) < 0)
        return -1;
    return sethostname("other", 5);
}

/* A process with namespaces of its own, to be joined; gone with the test, and all that it made with
 * it. */
static pid_t other_start(void)
{
    int ends[2];
    char byte;
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || sethostname_own() < 0)
            _exit(1);
        pid_t first = fork();
        if (first == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            (void)!write(ends[1], "x", 1);
            for (;;)
                (void)pause();
        }
        (void)waitpid(first, NULL, 0);
        _exit(0);
    }
    (void)close(ends[1]);
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    (void)close(ends[0]);
    return pid;
}

static void join(enum spec_namespace_type type, pid_t pid, const char *file)
{
    struct spec_linux *part = box.spec.linux;
    for (size_t i = 0; i < part->namespaces.len; i++)
        if (part->namespaces.at[i].type == type)
            part->namespaces.at[i].path = xasprintf("/proc/%d/ns/%s", pid, file);
}

/* Whether it is made or not. */
Test(create_host, stays_in_its_own_namespaces)
{
    char before[512];
    char after[512];
    char inside[64];
    NEED_ROOT();
    OPEN_BOX(BOX_HOST_USERNS);
    pid_t other = other_start();
    join(SPEC_NAMESPACE_NETWORK, other, "net");
    join(SPEC_NAMESPACE_IPC, other, "ipc");
    join(SPEC_NAMESPACE_UTS, other, "uts");
    join(SPEC_NAMESPACE_PID, other, "pid_for_children");
    auto_free char *path = xasprintf("/proc/%d/ns/net", other);
    ssize_t n = readlink(path, inside, sizeof(inside) - 1);
    cr_assert(n > 0);
    inside[n] = '\0';

    own_namespaces(before);
    RUNS("hostname; readlink /proc/self/ns/net; echo $$");
    own_namespaces(after);
    cr_expect_str_eq(before, after);
    SAYS("other\n");
    SAYS(inside);
    SAYS("\n2\n"); /* beside the one that is there */

    box.request.user = "nobody-there";
    cr_expect_eq(box_run(&box), -1);
    own_namespaces(after);
    cr_expect_str_eq(before, after, "after a failure");

    free(box.spec.linux->namespaces.at[1].path);
    box.spec.linux->namespaces.at[1].path = xstrdup("/proc/self/ns/no-such");
    cr_expect_eq(box_run(&box), -1);
    own_namespaces(after);
    cr_expect_str_eq(before, after, "after one that could not be joined");
    cr_assert_eq(kill(other, SIGKILL), 0);
    cr_assert_eq(waitpid(other, NULL, 0), other);
}

/* --- streams and terminals -------------------------------------------------------------------- */

/* Were it given to the container's user, he would own the host's /dev/null. */
Test(create_host, gives_no_device_of_the_host_away)
{
    NEED_ROOT();
    OPEN_BOX(BOX_HOST_USERNS);
    struct stat status;
    auto_free char *node = xasprintf("%s/node", box.dir);
    auto_free char *file = xasprintf("%s/file", box.dir);
    cr_assert(mknod(node, S_IFCHR | 0666, makedev(1, 3)) == 0 && chmod(node, 0666) == 0);
    int null = open(node, O_RDWR | O_CLOEXEC);
    int log = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert(null >= 0 && log >= 0);
    box.request.user = "7:8";
    box_script(&box, "echo logged");
    box.request.stdio[0] = box.request.stdio[2] = null;
    box.request.stdio[1] = log;
    cr_assert_eq(runtime_create(&box.request, &box.process, &box.err), 0, "%s", box.err.text);
    box_stop(&box);
    cr_assert_eq(fstat(null, &status), 0);
    cr_expect_eq(status.st_uid, 0);
    cr_assert_eq(fstat(log, &status), 0);
    cr_expect_eq(status.st_uid, 0);
    (void)close(null);
    (void)close(log);
}

/* A pipe's end is the process's own, who may open it anew. */
Test(create_host, gives_pipes_away)
{
    NEED_ROOT();
    for (size_t i = 0; i < array_size(kinds); i += 2) {
        OPEN_BOX(kinds[i]);
        box.request.user = "7:8";
        RUNS("echo out >/dev/stdout; echo err >/dev/stderr; echo fd >/proc/self/fd/1");
        SAYS_ALL("out\nerr\nfd\n");
        box_close(&box);
    }
}

/* TIOCSTI is not the only way to speak for somebody at his terminal. */
Test(create_host, does_not_reach_the_callers_terminal)
{
    OPEN_BOX(0);
    char said[64] = "";
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    cr_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)setsid();
        int slave = open(ptsname(master), O_RDWR | O_CLOEXEC);
        if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
            _exit(99);
        box_script(&box, "echo hello >/dev/tty");
        int result = box_run(&box);
        _exit(result);
    }
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 1, "/dev/tty was opened");
    cr_expect_eq(read(master, said, sizeof(said) - 1), -1, "the caller's terminal got %s", said);
    (void)close(master);
}

/* --- the program that starts the others ------------------------------------------------------- */

static void init_open_in_child(const char *path)
{
    struct plan plan = { .process.init = (char *)path };
    struct start start = { .plan = &plan, .init = -1 };
    struct err err = {};
    const struct step *step = create_child_steps.at;
    while (step->run && strcmp(step->words, "open ruche-init") != 0)
        step++;
    if (!step->run || unshare(CLONE_NEWNS) < 0 || step->run(&start, 0, &err) < 0)
        _exit(99);
    auto_free char *again = xasprintf("/proc/self/fd/%d", start.init);
    if (open(again, O_WRONLY | O_CLOEXEC) >= 0 || errno != EROFS)
        _exit(98);
    (void)execveat(start.init, "",
                   (char *const[]){ (char *)"sh", (char *)"-c", (char *)"exit 7", NULL },
                   (char *const[]){ NULL }, AT_EMPTY_PATH);
    _exit(97);
}

/* It is /proc/1/exe of the container, and the host's file. */
Test(create_host, executes_its_init_where_it_cannot_be_written)
{
    NEED_ROOT();
    int status;
    pid_t pid = fork();
    if (pid == 0)
        init_open_in_child("/bin/busybox");
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 7, "%d", WEXITSTATUS(status));
}

/* --- failures before anything is made --------------------------------------------------------- */

Test(create_host, leaves_the_callers_streams_open_when_there_is_no_plan)
{
    OPEN_BOX(0);
    free(box.spec.process->cwd);
    box.spec.process->cwd = xstrdup("relative");
    cr_expect_eq(box_start(&box), -1);
    cr_expect_eq(runtime_exec(&box.request, 0, &box.process, &box.err), -1);
    cr_expect_eq(runtime_dry_run(&box.request, &box.err), -1);
    for (int fd = 0; fd < 3; fd++)
        cr_expect_neq(fcntl(fd, F_GETFD), -1, "%d was closed", fd);
    box.process.pidfd = box.process.terminal = -1;
}
