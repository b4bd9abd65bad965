/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of steps: run in their order, counted, timed; told as they were or would be. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "kernel/cgroup.h"
#include "runtime/start.h"

/* What the steps below have done, as a text: "a0 b0 b1 ". */
static struct str done;
static size_t fails_at = SIZE_MAX; /* which run of b fails */

static struct str told;

static void tidy(void)
{
    str_done(&done);
    str_done(&told);
}

TestSuite(step, .fini = tidy, .timeout = 600);

static int run_a(struct start *start, size_t i, struct err *err)
{
    (void)start;
    (void)err;
    str_addf(&done, "a%zu ", i);
    return 0;
}

static int run_b(struct start *start, size_t i, struct err *err)
{
    (void)start;
    if (i == fails_at)
        return err_set(err, ERR_CONFLICT, "b%zu", i);
    str_addf(&done, "b%zu ", i);
    return 0;
}

static size_t count_none(const struct plan *plan)
{
    (void)plan;
    return 0;
}

static size_t count_sources(const struct plan *plan)
{
    return plan->n_sources;
}

static void describe_b(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    (void)plan;
    str_addf(words, " %zu", i);
    str_addf(arguments, "number %zu", i);
}

static const struct step parent_table[] = {
    { "first", "call_a", "fixed", NULL, NULL, run_a },
    { "never", "call_n", NULL, count_none, NULL, run_a },
    { "each", "call_b", NULL, count_sources, describe_b, run_b },
    { "last", "call_a", NULL, NULL, NULL, run_a },
    {},
};
static const struct step child_table[] = {
    { "inside", "call_a", NULL, NULL, NULL, run_a },
    {},
};
static const struct steps parent_steps = { "parent", parent_table };
static const struct steps child_steps = { "child", child_table };
static const struct steps *const both[] = { &parent_steps, &child_steps };

static void listen(void *context, const struct runtime_event *event)
{
    (void)context;
    str_addf(&told, "%s: %s, %s%s\n", event->side, event->step, event->call,
             event->done ? "" : " -");
}

static struct runtime_request request = { .listener = listen };
static struct plan plan = { .request = &request, .n_sources = 3 };
static struct start start = { .plan = &plan };

Test(step, runs_all_in_their_order)
{
    struct err err = {};
    cr_assert_eq(steps_count(&parent_steps, &plan), 5);
    cr_assert_eq(steps_run(&parent_steps, &start, NULL, &err), 0);
    cr_expect_str_eq(str_text(&done), "a0 b0 b1 b2 a0 ");
}

Test(step, ends_with_the_one_that_fails)
{
    struct err err = {};
    struct stamp stamps[5] = {};
    fails_at = 1;
    cr_assert_eq(steps_run(&parent_steps, &start, stamps, &err), -1);
    cr_expect_str_eq(err.text, "b1");
    cr_expect_str_eq(str_text(&done), "a0 b0 ");
    for (size_t i = 0; i < 5; i++) {
        cr_expect_eq(stamps[i].begin_ns != 0, i <= 2, "step %zu", i);
        cr_expect_eq(stamps[i].end_ns != 0, i <= 2, "step %zu", i);
        cr_expect_eq(stamps[i].failed, i == 2, "step %zu", i);
    }
}

Test(step, stamps_its_times)
{
    struct err err = {};
    struct stamp stamps[5] = {};
    cr_assert_eq(steps_run(&parent_steps, &start, stamps, &err), 0);
    for (size_t i = 0; i < 5; i++) {
        cr_expect_neq(stamps[i].begin_ns, 0);
        cr_expect_leq(stamps[i].begin_ns, stamps[i].end_ns);
        cr_expect(i == 0 || stamps[i - 1].end_ns <= stamps[i].begin_ns);
    }
}

Test(step, tells_what_would_be_done)
{
    steps_tell(both, 2, &plan, NULL);
    cr_expect_str_eq(str_text(&told), "parent: first, call_a(fixed) -\n"
                                      "parent: each 0, call_b(number 0) -\n"
                                      "parent: each 1, call_b(number 1) -\n"
                                      "parent: each 2, call_b(number 2) -\n"
                                      "parent: last, call_a() -\n"
                                      "child: inside, call_a() -\n");
    cr_expect_str_eq(str_text(&done), "", "telling does nothing");
}

Test(step, tells_what_was_done_in_the_order_of_time)
{
    /* The child's one step lies between two of the parent's, of which one failed; the last two were never
     * reached. */
    const struct stamp stamps[] = { { 10, 11, false }, { 20, 21, true }, { 40, 0, false }, {}, {},
                                    { 30, 35, false } };
    steps_tell(both, 2, &plan, stamps);
    cr_expect_str_eq(str_text(&told), "parent: first, call_a(fixed)\n"
                                      "parent: each 0, call_b(number 0) -\n"
                                      "child: inside, call_a()\n"
                                      "parent: each 1, call_b(number 1) -\n");
}

Test(step, keeps_the_table_order_of_equal_times)
{
    const struct stamp stamps[] = { { 7, 8, false }, { 7, 8, false }, { 7, 8, false },
                                    { 7, 8, false }, { 7, 8, false }, { 7, 8, false } };
    steps_tell(both, 2, &plan, stamps);
    const char *first = strstr(str_text(&told), "each 0");
    const char *second = strstr(str_text(&told), "each 1");
    const char *inside = strstr(str_text(&told), "inside");
    cr_assert(first && second && inside);
    cr_expect(first < second && second < inside);
}

Test(step, tells_failures_with_and_without_a_name)
{
    struct err err = {};
    errno = ENOENT;
    cr_expect_eq(step_fail(&err, "open", "x"), -1);
    cr_expect_str_eq(err.text, "open \"x\": No such file or directory");
    cr_expect_eq(err.errnum, ENOENT);
    errno = EPERM;
    cr_expect_eq(step_fail(&err, "unshare", NULL), -1);
    cr_expect_str_eq(err.text, "unshare: Operation not permitted");
    errno = EPERM;
    cr_expect_eq(step_fail(&err, "unshare", ""), -1);
    cr_expect_str_eq(err.text, "unshare: Operation not permitted");
}

/* --- a whole start, not carried out ----------------------------------------------------------- */

static const char configuration[] =
    "{\"ociVersion\":\"1.3.0\",\"hostname\":\"hive\",\"domainname\":\"meadow\","
    "\"process\":{\"args\":[\"/bin/say\",\"a "
    "b\\n\"],\"cwd\":\"/work\",\"user\":{\"uid\":7,\"gid\":8},"
    "\"noNewPrivileges\":true,\"oomScoreAdj\":100,"
    "\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":10,\"hard\":20}],"
    "\"capabilities\":{\"bounding\":[\"CAP_KILL\"]}},"
    "\"mounts\":[{\"destination\":\"/"
    "proc\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"nosuid\"]},"
    "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"mode=755\"]},"
    "{\"destination\":\"/data\",\"source\":\"/srv/data\",\"options\":[\"rbind\",\"ro\"]}],"
    "\"linux\":{\"cgroupsPath\":\"/hive/one\",\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"},"
    "\"uidMappings\":[{\"containerID\":0,\"hostID\":100000,\"size\":65536}],"
    "\"gidMappings\":[{\"containerID\":0,\"hostID\":100000,\"size\":65536}],"
    "\"timeOffsets\":{\"boottime\":{\"secs\":5}},"
    "\"maskedPaths\":[\"/proc/kcore\"],\"readonlyPaths\":[\"/proc/sys\"],"
    "\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"user\"},{\"type\":\"pid\"},{\"type\":"
    "\"network\"},"
    "{\"type\":\"uts\"},{\"type\":\"ipc\"},{\"type\":\"time\"}]}}";

static struct spec spec;
static struct runtime_rootfs rootfs;
static struct cgroup_host host;

static void dry_run(const char *json)
{
    struct err err = {};
    cr_assert_eq(spec_parse(json, strlen(json), &spec, &err), 0, "%s", err.text);
    cr_assert_eq(
        cgroup_host_parse("41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", &host, &err), 0,
        "%s", err.text);
    strings_add(&rootfs.lower, "/store/top");
    strings_add(&rootfs.lower, "/store/base");
    rootfs.kind = ROOTFS_OVERLAY;
    rootfs.upper = "/store/upper";
    struct runtime_request dry = {
        .spec = &spec,
        .rootfs = &rootfs,
        .cgroups = &host,
        .seccomp = RUNTIME_SECCOMP_DEFAULT,
        .flags = RUNTIME_LANDLOCK | RUNTIME_MAKE_CWD | RUNTIME_MAP_OWNERS,
        .seccomp_cache = -1,
        .listener = listen,
    };
    cr_assert_eq(runtime_dry_run(&dry, &err), 0, "%s", err.text);
    spec_done(&spec);
    strings_done(&rootfs.lower);
    cgroup_host_done(&host);
}

/* Each is told, and behind the one before it. */
static void tells_in_order(const char *const *words, size_t n)
{
    const char *at = str_text(&told);
    for (size_t i = 0; i < n; i++) {
        const char *found = strstr(at, words[i]);
        cr_assert(found, "\"%s\" is not told, or not behind \"%s\", in:\n%s", words[i],
                  i ? words[i - 1] : "the beginning", str_text(&told));
        at = found;
    }
}

Test(step, tells_a_dry_run)
{
    static const char *const words[] = {
        "parent: make the cgroup, mkdir(",
        "parent: make a process in new namespaces: user mnt pid uts ipc, clone3(",
        "parent: map user and group ids, write(uid_map, gid_map: 0 100000 65536",
        "parent: limit nofile, prlimit(RLIMIT_NOFILE, 10, 20",
        "parent: set the out-of-memory score",
        "parent: make /dev, fsopen, fsmount, mknodat(",
        "parent: hand over and let go, sendmsg(",
        "parent: watch until the program is executed",
        "child: make namespaces: time, unshare(",
        "child: shift the clock boottime, write(timens_offsets, 5 s",
        "child: make a network namespace beside, clone, unshare(CLONE_NEWNET",
        "child: leave the caller's keys",
        "child: wait for the parent",
        "child: hide from the container",
        "child: become root of the user namespace",
        "child: lay the layers on each other: 2 and an upper one, fsopen, fsmount(overlay",
        "child: make file system proc for /proc",
        "child: enter the network namespace, waitid, setns(CLONE_NEWNET",
        "child: set sysctl net/ipv4/ip_forward, write(/proc/sys/net/ipv4/ip_forward, \"1\"",
        "child: change to the root file system, move_mount, pivot_root(",
        "child: mount proc on /proc",
        "child: mount tmpfs on /dev",
        "child: mount /srv/data on /data, mount or move_mount(rbind,ro",
        "child: set the host name, sethostname(\"hive\"",
        "child: set the domain name, setdomainname(\"meadow\"",
        "child: mask /proc/kcore",
        "child: make read-only /proc/sys",
        "child: close what the caller had open",
        "child: find the user 7:8",
        "child: take the streams",
        "child: make the working directory, mkdir(/work",
        "child: change to the working directory",
        "child: refuse new privileges",
        "child: restrict by Landlock",
        "child: bound the capabilities to KILL",
        "child: become the user 7:8",
        "child: change to it as the user",
        "child: limit the descriptors",
        "child: filter system calls",
        "child: execute /bin/say a b\\n, execve(/bin/say",
    };
    dry_run(configuration);
    tells_in_order(words, array_size(words));
    cr_expect(!strstr(str_text(&told), "/proc/not"), "nothing else is told");
}

/* Sources are cloned by whoever may: root beforehand, an ordinary user's child as root of its
 * namespace. */
Test(step, tells_who_clones_the_layers)
{
    dry_run(configuration);
    const char *side =
        geteuid() ? "child: clone mount /store/upper" : "parent: clone mount /store/upper";
    const char *const words[] = { side, "clone mount /store/top", "clone mount /store/base",
                                  "clone mount /srv/data" };
    tells_in_order(words, array_size(words));
    cr_expect_eq(strstr(str_text(&told), "MOUNT_ATTR_IDMAP") != NULL, geteuid() == 0);
}

Test(step, tells_nothing_that_is_not_asked_for)
{
    static const char *const absent[] = {
        "cgroup, ",  "map user", "become root of", "sysctl",  "child: mask", "read-only",
        "host name", "limit",    "shift",          "network", "place",       "clone device",
        "terminal",  "join",     "return to",      "score",   "device /dev", "ruche-init",
    };
    dry_run("{\"ociVersion\":\"1.3.0\",\"process\":{\"args\":[\"x\"],\"cwd\":\"/"
            "\",\"user\":{\"uid\":0,\"gid\":0}},"
            "\"linux\":{\"namespaces\":[{\"type\":\"mount\"}]}}");
    for (size_t i = 0; i < array_size(absent); i++)
        cr_expect(!strstr(str_text(&told), absent[i]), "%s is told in:\n%s", absent[i],
                  str_text(&told));
    cr_expect(strstr(str_text(&told), "keep mounts from the host"));
}
