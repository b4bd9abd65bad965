/* SPDX-License-Identifier: Apache-2.0 */
/* Containers really made, and what a process in one of them is and sees. As root or as an ordinary
 * user. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "box.h"
#include "kernel/capability.h"
#include "kernel/pidfd.h"
#include "kernel/rlimit.h"

static struct box box;

static void tidy(void)
{
    box_close(&box);
}

TestSuite(create, .fini = tidy, .timeout = 600);

/* --- how it ends ------------------------------------------------------------------------------ */

Test(create, gives_the_exit_code)
{
    OPEN_BOX(0);
    cr_expect_eq(box_run_script(&box, "exit 0"), 0);
    cr_expect_eq(box_run_script(&box, "exit 7"), 7);
    cr_expect_eq(box_run_script(&box, "exit 255"), 255);
}

Test(create, ends_by_a_signal)
{
    OPEN_BOX(0);
    box_script(&box, "sleep 100");
    cr_assert_eq(box_start(&box), 0, "%s", box.err.text);
    int status;
    cr_assert_eq(pidfd_signal(box.process.pidfd, SIGKILL), 0);
    cr_assert_eq(pidfd_wait(box.process.pidfd, 0, &status), 1);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    runtime_process_done(&box.process);
}

Test(create, tells_of_its_process)
{
    OPEN_BOX(0);
    box_script(&box, "sleep 100");
    cr_assert_eq(box_start(&box), 0, "%s", box.err.text);
    cr_expect_eq(kill(box.process.pid, 0), 0);
    cr_expect_eq(box.process.terminal, -1);
    cr_expect_eq(box.process.in_cgroup, geteuid() == 0);
    cr_expect_eq(fcntl(box.process.pidfd, F_GETFD), FD_CLOEXEC);
    if (geteuid() == 0)
        cr_expect_neq(box_groups(&box), 0);
    box_stop(&box);
    cr_expect_eq(box_groups(&box), 0);
}

/* --- what it sees ----------------------------------------------------------------------------- */

static const enum box_flags kinds[] = { 0, BOX_OVERLAY, BOX_HOST_USERNS,
                                        BOX_OVERLAY | BOX_HOST_USERNS };

static bool is_known_mount(const char *path)
{
    static const char *const known[] = {
        "/",         "/proc",         "/dev",         "/dev/pts",  "/sys",
        "/proc/sys", "/sys/firmware", "/proc/kcore",  "/dev/null", "/dev/zero",
        "/dev/full", "/dev/random",   "/dev/urandom", "/dev/tty"
    };
    for (size_t i = 0; i < array_size(known); i++)
        if (strcmp(known[i], path) == 0)
            return true;
    return false;
}

/* Layers are attached below the old root: should it not go, "/.." shows it, and mountinfo lists it.
 */
Test(create, shows_nothing_of_the_host)
{
    for (size_t i = 0; i < array_size(kinds); i++) {
        if (geteuid() && (kinds[i] & BOX_HOST_USERNS))
            continue;
        OPEN_BOX(kinds[i]);
        RUNS("ls -a / >/tmp/a; ls -a /.. >/tmp/b; cmp -s /tmp/a /tmp/b || [ \"$(cat /tmp/a)\" = "
             "\"$(cat /tmp/b)\" ] || "
             "echo different; cat /tmp/b");
        SAYS_NOT("different");
        SAYS_NOT("home\n");
        SAYS("\nbin\ndev\n");
        RUNS("cat /proc/self/mountinfo");
        struct view rest = view_of(box.output);
        struct view line;
        while (view_cut(&rest, '\n', &line)) {
            char path[256] = "";
            cr_assert_eq(sscanf(line.at, "%*s %*s %*s %*s %255s", path), 1);
            cr_expect(is_known_mount(path), "kind %zu: %s is mounted", i, path);
        }
        if (kinds[i] & BOX_OVERLAY)
            SAYS_NOT(box.dir);
        box_close(&box);
    }
}

Test(create, has_namespaces_of_its_own)
{
    static const char *const names[] = { "mnt", "pid", "ipc", "uts", "net", "cgroup", "user" };
    OPEN_BOX(0);
    for (size_t i = 0; i < array_size(names); i++) {
        char path[64];
        char own[64] = "";
        (void)snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
        cr_assert(readlink(path, own, sizeof(own) - 1) > 0);
        auto_free char *script = xasprintf("readlink %s", path);
        RUNS(script);
        SAYS(names[i]);
        SAYS_NOT(own);
    }
}

Test(create, is_process_one)
{
    OPEN_BOX(0);
    RUNS("echo $$; ls -d /proc/[0-9]*");
    SAYS("1\n/proc/1\n");
    SAYS_NOT("/proc/3");
}

Test(create, has_a_loopback_interface_alone)
{
    OPEN_BOX(0);
    RUNS("ls /sys/class/net; ip addr");
    SAYS("lo\n");
    SAYS("127.0.0.1");
    SAYS_NOT("eth0");
}

Test(create, has_names_of_its_own)
{
    OPEN_BOX(0);
    box.spec.domainname = xstrdup("meadow");
    RUNS("hostname; cat /proc/sys/kernel/domainname");
    SAYS_ALL("box\nmeadow\n");
}

Test(create, has_the_environment_it_is_given)
{
    OPEN_BOX(0);
    strings_add(&box.spec.process->env, "BEE=a b");
    cr_assert_eq(setenv("SECRET_OF_THE_HOST", "1", 1), 0);
    RUNS("env | sort");
    SAYS_ALL("BEE=a b\nHOME=/root\nPATH=/bin\nPWD=/\nSHLVL=1\n");
}

/* --- what it is ------------------------------------------------------------------------------- */

Test(create, is_locked_in)
{
    for (size_t i = 0; i < array_size(kinds); i++) {
        if (geteuid() && (kinds[i] & BOX_HOST_USERNS))
            continue;
        OPEN_BOX(kinds[i]);
        RUNS("cat /proc/self/status");
        SAYS("\nNoNewPrivs:\t1\n");
        SAYS("\nSeccomp:\t2\n");
        SAYS("\nCapInh:\t0000000000000000\n");
        SAYS("\nCapPrm:\t0000000000000021\n");
        SAYS("\nCapEff:\t0000000000000021\n");
        SAYS("\nCapBnd:\t0000000000000021\n");
        SAYS("\nCapAmb:\t0000000000000000\n");
        SAYS("\nGroups:\t \n");
        box_close(&box);
    }
}

Test(create, is_locked_in_as_far_as_it_is_asked)
{
    OPEN_BOX(0);
    box.spec.process->no_new_privileges = false;
    RUNS("cat /proc/self/status");
    SAYS("\nNoNewPrivs:\t0\n");
    SAYS("\nSeccomp:\t2\n");
    box.request.seccomp = RUNTIME_SECCOMP_SPEC;
    RUNS("cat /proc/self/status");
    SAYS("\nSeccomp:\t0\n");
    box_capabilities(&box, (const char *const[]){ NULL });
    RUNS("cat /proc/self/status");
    SAYS("\nCapPrm:\t0000000000000000\n");
    SAYS("\nCapBnd:\t0000000000000000\n");
}

Test(create, has_no_capabilities_as_a_user_unless_ambient)
{
    NEED_ROOT();
    OPEN_BOX(0);
    box.request.user = "bee";
    RUNS("cat /proc/self/status");
    SAYS("\nCapPrm:\t0000000000000000\n");
    SAYS("\nCapEff:\t0000000000000000\n");
    SAYS("\nCapBnd:\t0000000000000021\n");
    strings_add(&box.spec.process->capabilities->inheritable, "CAP_KILL");
    strings_add(&box.spec.process->capabilities->ambient, "CAP_KILL");
    RUNS("cat /proc/self/status");
    SAYS("\nCapPrm:\t0000000000000020\n");
    SAYS("\nCapEff:\t0000000000000020\n");
    SAYS("\nCapAmb:\t0000000000000020\n");
}

Test(create, may_have_every_capability_there_is)
{
    for (size_t i = 0; i < array_size(kinds); i += 2) {
        const char *names[CAPABILITY_COUNT + 1] = {};
        char expected[64];
        if (geteuid() && (kinds[i] & BOX_HOST_USERNS))
            continue;
        OPEN_BOX(kinds[i]);
        for (int capability = 0; capability < CAPABILITY_COUNT; capability++)
            names[capability] = capability_name(capability);
        box_capabilities(&box, names);
        uint64_t all = kinds[i] & BOX_HOST_USERNS ? capability_permitted() : capability_all();
        (void)snprintf(expected, sizeof(expected), "\nCapEff:\t%016llx\n", (unsigned long long)all);
        RUNS("cat /proc/self/status");
        SAYS(expected);
        box_close(&box);
    }
}

Test(create, is_the_user_it_is_to_be)
{
    NEED_ROOT();
    OPEN_BOX(0);
    box.request.user = "bee";
    RUNS("id -u; id -g; id -G; echo $HOME");
    SAYS_ALL("7\n8\n8 9\n/tmp\n");
    box.request.user = "bee:hive";
    RUNS("id -u; id -g; id -G");
    SAYS_ALL("7\n8\n8\n");
    box.request.user = "1234:4321";
    RUNS("id -u; id -g; id -G; echo $HOME");
    SAYS_ALL("1234\n4321\n4321\n/\n");
    struct strings more = {};
    strings_add(&more, "swarm");
    strings_add(&more, "77");
    box.request.groups = &more;
    RUNS("id -G");
    SAYS_ALL("4321 9 77\n");
    box.request.groups = NULL;
    box.request.user = NULL;
    box.spec.process->user.uid = 5;
    box.spec.process->user.gid = 6;
    RUNS("id -u; id -g; id -G");
    SAYS_ALL("5\n6\n6\n");
    strings_done(&more);
}

/* What the image says and the user namespace has not is told; the rest comes. */
Test(create, tells_of_groups_it_cannot_have)
{
    NEED_ROOT();
    OPEN_BOX(0);
    box.request.user = "bee";
    box_file(&box, "/etc/group", "hive:x:8:\nfar:x:4000000000:bee\nswarm:x:9:bee\n", 0644);
    RUNS("id -G");
    SAYS_ALL("8 9\n");
    cr_expect_str_eq(box.process.warning,
                     "group 4000000000 of the container's /etc/group left out: "
                     "not in its user namespace");
    auto_done(str) many = {};
    for (unsigned i = 0; i < 50; i++)
        str_addf(&many, "far%u:x:%u:bee\n", i, 4000000000U + i);
    box_file(&box, "/etc/group", str_text(&many), 0644);
    RUNS("id -G");
    SAYS_ALL("8\n");
    cr_expect_str_eq(
        box.process.warning,
        "groups 4000000000, 4000000001, 4000000002, 4000000003, 4000000004, 4000000005 "
        "and 44 more of the container's /etc/group left out: not in its user namespace");
    box_file(&box, "/etc/group", "swarm:x:9:bee\n", 0644);
    RUNS("id -G");
    SAYS_ALL("8 9\n");
    cr_expect_str_eq(box.process.warning, "");
}

Test(create, is_mapped_to_ids_of_its_own)
{
    OPEN_BOX(0);
    RUNS("cat /proc/self/uid_map");
    char expected[64];
    (void)snprintf(expected, sizeof(expected), "%10u %10u %10u\n", 0,
                   geteuid() ? geteuid() : BOX_UID, geteuid() ? 1 : BOX_IDS);
    SAYS_ALL(expected);
}

/* Nothing of its session, its terminal, its signals, its descriptors. */
Test(create, inherits_nothing_of_the_caller)
{
    sigset_t blocked;
    OPEN_BOX(0);
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGTERM);
    cr_assert(sigprocmask(SIG_BLOCK, &blocked, NULL) == 0 && signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    int open_fds[20];
    for (size_t i = 0; i < array_size(open_fds); i++) {
        open_fds[i] = open(box.dir, O_RDONLY | O_DIRECTORY); /* not close-on-exec */
        cr_assert_geq(open_fds[i], 0);
    }
    box_command(&box, (const char *const[]){ "cat", "/proc/self/status", "/proc/self/stat", NULL });
    cr_assert_eq(box_run(&box), 0, "%s", box.err.text);
    SAYS("\nSigBlk:\t0000000000000000\n");
    SAYS("\nSigIgn:\t0000000000000000\n");
    SAYS("\n1 (cat) R 0 1 1 0 -1 "); /* its own group and session, no terminal */
    box_command(&box, (const char *const[]){ "ls", "/proc/self/fd", NULL });
    cr_assert_eq(box_run(&box), 0, "%s", box.err.text);
    SAYS_ALL("0\n1\n2\n3\n"); /* the last one is ls's own */
    for (size_t i = 0; i < array_size(open_fds); i++)
        (void)close(open_fds[i]);
    (void)sigprocmask(SIG_UNBLOCK, &blocked, NULL);
}

/* In a child, whose own 0, 1 and 2 are the pipes, and become those of the container in that order.
 */
static void run_with_streams(int pipes[3][2], const int order[3])
{
    pid_t pid = fork();
    if (pid == 0) {
        for (int fd = 0; fd < 3; fd++)
            (void)dup2(pipes[fd][1], fd);
        memcpy(box.request.stdio, order, sizeof(box.request.stdio));
        box_script(&box, "echo in >&0; echo out >&1; echo err >&2");
        int result = runtime_create(&box.request, &box.process, &box.err);
        int status = 0;
        _exit(result < 0 || pidfd_wait(box.process.pidfd, 0, &status) < 0 || status);
    }
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect_eq(status, 0);
}

Test(create, takes_streams_of_any_number)
{
    static const int orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 2, 0 },
                                     { 2, 0, 1 }, { 1, 1, 1 }, { 2, 2, 0 } };
    static const char *const texts[] = { "in\n", "out\n", "err\n" };
    int pipes[3][2];
    OPEN_BOX(0);
    for (int fd = 0; fd < 3; fd++)
        cr_assert_eq(pipe2(pipes[fd], O_CLOEXEC | O_NONBLOCK), 0);
    for (size_t i = 0; i < array_size(orders); i++) {
        run_with_streams(pipes, orders[i]);
        for (int fd = 0; fd < 3; fd++) {
            char said[64] = "";
            auto_done(str) expected = {};
            for (int stream = 0; stream < 3; stream++)
                if (orders[i][stream] == fd)
                    str_add(&expected, texts[stream]);
            (void)!read(pipes[fd][0], said, sizeof(said) - 1);
            cr_expect_str_eq(said, str_text(&expected), "order %zu, %d", i, fd);
        }
        box_stop(&box);
    }
    for (int fd = 0; fd < 3; fd++)
        cr_assert(close(pipes[fd][0]) == 0 && close(pipes[fd][1]) == 0);
}

/* Then what is opened next has their numbers: the socket to the child among them. */
Test(create, works_for_a_caller_without_streams)
{
    OPEN_BOX(BOX_OVERLAY);
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        for (int fd = 0; fd < 3; fd++)
            (void)close(fd);
        for (int i = 0; i < 3; i++)
            box.request.stdio[i] = ends[1];
        box_script(&box, "echo in >&0; echo out; echo err >&2");
        int result = runtime_create(&box.request, &box.process, &box.err);
        int status = 0;
        _exit(result < 0 || pidfd_wait(box.process.pidfd, 0, &status) < 0 || status);
    }
    int status;
    char said[64] = "";
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect_eq(status, 0);
    cr_assert(read(ends[0], said, sizeof(said) - 1) > 0);
    cr_expect_str_eq(said, "in\nout\nerr\n");
    (void)close(ends[0]);
    (void)close(ends[1]);
}

Test(create, has_the_umask_it_is_given_or_the_callers)
{
    OPEN_BOX(0);
    RUNS("umask");
    SAYS_ALL("0022\n");
    (void)umask(077);
    free(box.spec.process->cwd);
    box.spec.process->cwd = xstrdup("/made/below");
    RUNS("umask; stat -c %a /made /made/below /dev /dev/null /dev/zero");
    SAYS_ALL("0077\n755\n755\n755\n666\n666\n"); /* what is made before it is nobody's business */
    box.spec.process->user.umask = (struct maybe_u64){ true, 027 };
    RUNS("umask");
    SAYS_ALL("0027\n");
    (void)umask(022);
}

/* --- limits ----------------------------------------------------------------------------------- */

static void limit_add(const char *type, uint64_t soft, uint64_t hard)
{
    struct spec_rlimit *limit = array_add(&box.spec.process->rlimits);
    limit->type = xstrdup(type);
    limit->soft = soft;
    limit->hard = hard;
}

Test(create, is_limited)
{
    OPEN_BOX(0);
    limit_add("RLIMIT_NOFILE", 100, 200);
    limit_add("RLIMIT_CORE", 0, 0);
    limit_add("RLIMIT_FSIZE", 512, 1024);
    RUNS("ulimit -n; ulimit -Hn; ulimit -c; ulimit -Hc; ulimit -f; ulimit -Hf");
    SAYS_ALL("100\n200\n0\n0\n1\n2\n");
    cr_expect_str_eq(box.process.warning, "");
}

/* Fewer than the start itself needs. */
Test(create, is_limited_to_a_few_descriptors)
{
    OPEN_BOX(BOX_OVERLAY);
    limit_add("RLIMIT_NOFILE", 4, 5);
    RUNS("ulimit -n; ulimit -Hn");
    SAYS_ALL("4\n5\n");
    cr_expect_str_eq(box.process.warning, "");
}

Test(create, says_which_limit_cannot_be_raised)
{
    OPEN_BOX(0);
    limit_add("RLIMIT_NPROC", RLIMIT_UNLIMITED, RLIMIT_UNLIMITED);
    limit_add("RLIMIT_RTPRIO", 99, 99);
    RUNS("true");
    bool may = capability_permitted() & CAPABILITY_BIT(SYS_RESOURCE);
    cr_expect_eq(strstr(box.process.warning, "limit rtprio cannot be raised") != NULL, !may, "%s",
                 box.process.warning);
}

Test(create, has_its_score_for_want_of_memory)
{
    OPEN_BOX(0);
    box.spec.process->oom_score_adj = (struct maybe_i64){ true, 500 };
    RUNS("cat /proc/self/oom_score_adj");
    SAYS_ALL("500\n");
    cr_expect_str_eq(box.process.warning, "");
}

Test(create, has_a_limit_of_processes)
{
    NEED_ROOT();
    OPEN_BOX(0);
    box.spec.linux->resources = xnew(struct spec_resources);
    box.spec.linux->resources->pids = xnew(struct spec_pids);
    box.spec.linux->resources->pids->limit = (struct maybe_i64){ true, 4 };
    cr_expect_neq(box_run_script(&box, "for i in 1 2 3 4 5 6; do sleep 2 & done"), 0);
    SAYS("can't fork");
    cr_expect_eq(box_groups(&box), 0);
}

Test(create, sees_its_own_cgroup_alone)
{
    NEED_ROOT();
    OPEN_BOX(0);
    box_mount_add(&box, "/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,ro");
    RUNS("cat /proc/self/cgroup; find /sys/fs/cgroup -type d");
    SAYS_NOT("ruche-test");
    SAYS("0::/\n");
    RUNS("grep cgroup /proc/self/mountinfo; ! mkdir /sys/fs/cgroup/more");
    SAYS(" - cgroup2 ");
    SAYS_NOT(" rw,nosuid");
}

/* --- the clock, sysctls ----------------------------------------------------------------------- */

Test(create, has_its_sysctls)
{
    OPEN_BOX(0);
    auto_free char *before = box_load("/proc/sys/kernel/shmmax");
    pairs_put(&box.spec.linux->sysctl, "kernel.shmmax", "4096");
    pairs_put(&box.spec.linux->sysctl, "net.ipv4.ip_forward", "1");
    pairs_put(&box.spec.linux->sysctl, "net/ipv4/conf/lo/forwarding", "0");
    /* Which of them may be written when depends on whether the id maps are there. */
    for (int i = 0; i < 20; i++) {
        RUNS("cat /proc/sys/kernel/shmmax /proc/sys/net/ipv4/ip_forward "
             "/proc/sys/net/ipv4/conf/lo/forwarding");
        SAYS_ALL("4096\n1\n0\n");
    }
    auto_free char *after = box_load("/proc/sys/kernel/shmmax");
    cr_expect_str_eq(before, after);
}

Test(create, has_its_own_clock)
{
    OPEN_BOX(0);
    struct spec_namespace *namespace = array_add(&box.spec.linux->namespaces);
    namespace->type = SPEC_NAMESPACE_TIME;
    struct spec_time_offset *offset = array_add(&box.spec.linux->time_offsets);
    offset->key = xstrdup("boottime");
    offset->secs = 1000000000;
    RUNS("cut -d. -f1 /proc/uptime; tr -s ' ' </proc/self/timens_offsets");
    SAYS("boottime 1000000000 0\n");
    cr_expect_geq(strtoll(box.output, NULL, 10), 1000000000);
}
