/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime_cli/container.h"

/* A root of its own, which goes with the test. */
struct box {
    char root[32];
    struct program program;
};

static void box_open(struct box *box)
{
    struct err err = {};
    strcpy(box->root, "/tmp/ruche-rt-XXXXXX");
    cr_assert_not_null(mkdtemp(box->root));
    box->program = (struct program){ .args.root = box->root, .root_fd = -1 };
    cr_assert_eq(root_open(&box->program, false, &err), 1, "%s", err.text);
}

static void box_close(struct box *box)
{
    struct err err = {};
    fd_close(&box->program.root_fd);
    cr_assert_eq(tree_remove(AT_FDCWD, box->root, &err), 0, "%s", err.text);
    free(box->program.root);
}

static struct record sample(pid_t pid, uint64_t start)
{
    return (struct record){
        .oci_version = xstrdup("1.3.0"),
        .id = xstrdup("web"),
        .pid = pid,
        .pid_start = start,
        .bundle = xstrdup("/srv/web"),
        .rootfs = xstrdup("/srv/web/rootfs"),
        .created = xstrdup("2026-01-02T03:04:05.000000006Z"),
        .owner = 7,
    };
}

Test(container, takes_the_ids_runc_takes)
{
    struct err err = {};
    static const char *const good[] = { "a", "web-1", "A_b+c.d", "...", "0", "-x" };
    for (size_t i = 0; i < array_size(good); i++)
        cr_assert_eq(container_id_check(good[i], &err), 0, "%s: %s", good[i], err.text);
    char longest[1026];
    memset(longest, 'a', sizeof(longest));
    longest[1024] = '\0';
    cr_assert_eq(container_id_check(longest, &err), 0);
}

Test(container, refuses_all_other_ids)
{
    char long_one[1026];
    memset(long_one, 'a', sizeof(long_one));
    long_one[1025] = '\0';
    const char *const bad[] = { "",     ".",     "..",  "a/b", "../a", "a\nb",  "a b",
                                "\xc3", "a\x1b", "a:b", "~a",  "a*",   long_one };
    for (size_t i = 0; i < array_size(bad); i++) {
        struct err err = {};
        cr_assert_eq(container_id_check(bad[i], &err), -1, "%s", bad[i]);
        cr_assert_eq(err.kind, ERR_INVALID);
        cr_assert_null(strchr(err.text, '\n'));
        cr_assert_null(strchr(err.text, '\x1b'));
    }
}

Test(container, keeps_its_record)
{
    auto_done(str) text = {};
    struct err err = {};
    struct record record = sample(42, UINT64_MAX);
    record.cgroup = xstrdup("/a/b");
    record.cgroup_parents = 1;
    record.shares_pids = record.poststop = true;
    pairs_put(&record.annotations, "k", "v\n\"");
    record_format(&record, &text);
    struct record again = {};
    cr_assert_eq(record_parse(text.at, text.len, &again, &err), 0, "%s", err.text);
    cr_assert_eq(again.version, 1);
    cr_assert_str_eq(again.id, "web");
    cr_assert_eq(again.pid, 42);
    cr_assert_eq(again.pid_start, UINT64_MAX);
    cr_assert_str_eq(again.cgroup, "/a/b");
    cr_assert_eq(again.cgroup_parents, 1);
    cr_assert(again.shares_pids && again.poststop && !again.poststart);
    cr_assert_str_eq(pairs_value(&again.annotations, "k"), "v\n\"");
    record_done(&record);
    record_done(&again);
}

Test(container, refuses_a_record_cut_short_or_newer)
{
    auto_done(str) text = {};
    struct record record = sample(42, 1);
    record_format(&record, &text);
    record_done(&record);
    for (size_t len = 0; len + 1 < text.len; len++) {
        struct err err = {};
        cr_assert_eq(record_parse(text.at, len, &record, &err), -1, "%zu bytes", len);
    }
    struct err err = {};
    char *version = strstr(text.at, "\"version\":1");
    cr_assert_not_null(version);
    version[sizeof("\"version\":") - 1] = '2';
    cr_assert_eq(record_parse(text.at, text.len, &record, &err), -1);
    cr_assert_eq(err.kind, ERR_UNSUPPORTED);
}

Test(container, is_made_once)
{
    struct box box;
    struct err err = {};
    struct container first = {};
    struct container second = {};
    box_open(&box);
    cr_assert_eq(container_make(&box.program, "web", &first, &err), 0, "%s", err.text);
    cr_assert_eq(container_make(&box.program, "web", &second, &err), -1);
    cr_assert_eq(err.kind, ERR_EXISTS);
    container_done(&first);
    box_close(&box);
}

Test(container, is_not_there_before_its_record_is)
{
    struct box box;
    struct err err = {};
    struct container made = {};
    struct container found = {};
    box_open(&box);
    cr_assert_eq(container_open(&box.program, "web", 0, &found, &err), 0);
    cr_assert_eq(container_make(&box.program, "web", &made, &err), 0, "%s", err.text);
    container_unlock(&made);
    cr_assert_eq(container_open(&box.program, "web", 0, &found, &err), 0);
    cr_assert_eq(container_open(&box.program, "web", CONTAINER_LOCK | CONTAINER_TORN, &found, &err),
                 1);
    cr_assert_null(found.record.id);
    container_done(&found);
    made.record = sample(1, 1);
    cr_assert_eq(container_save(&made, &err), 0, "%s", err.text);
    cr_assert_eq(container_open(&box.program, "web", 0, &found, &err), 1);
    cr_assert_str_eq(found.record.bundle, "/srv/web");
    container_done(&found);
    cr_assert_eq(container_forget(&made, &err), 0, "%s", err.text);
    cr_assert_eq(container_open(&box.program, "web", CONTAINER_TORN, &found, &err), 0);
    container_done(&made);
    box_close(&box);
}

/* A pid that now is another process's is told by the time that began. */
Test(container, does_not_take_a_reused_pid_for_its_process)
{
    struct box box;
    struct err err = {};
    struct container made = {};
    enum container_status status;
    uint64_t start;
    int pidfd = -1;
    box_open(&box);
    cr_assert_eq(container_make(&box.program, "web", &made, &err), 0, "%s", err.text);
    cr_assert_eq(process_start(getpid(), &start, &err), 1, "%s", err.text);
    made.record = sample(getpid(), start);
    cr_assert_eq(container_status(&made, &status, &err), 0, "%s", err.text);
    cr_assert_eq(status, CONTAINER_RUNNING);
    cr_assert_eq(container_process(&made, &pidfd, &err), 1);
    fd_close(&pidfd);
    made.record.pid_start = start - 1;
    cr_assert_eq(container_status(&made, &status, &err), 0, "%s", err.text);
    cr_assert_eq(status, CONTAINER_STOPPED);
    cr_assert_eq(container_process(&made, &pidfd, &err), 0);
    container_done(&made);
    box_close(&box);
}

Test(container, counts_a_zombie_as_ended)
{
    struct err err = {};
    uint64_t start;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    siginfo_t info;
    cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    cr_assert_eq(process_start(pid, &start, &err), 0);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    cr_assert_eq(process_start(pid, &start, &err), 0);
}

Test(container, is_created_as_long_as_its_socket_is_there)
{
    struct box box;
    struct err err = {};
    struct container made = {};
    enum container_status status;
    uint64_t start;
    box_open(&box);
    cr_assert_eq(container_make(&box.program, "web", &made, &err), 0, "%s", err.text);
    cr_assert_eq(process_start(getpid(), &start, &err), 1);
    made.record = sample(getpid(), start);
    int fd = openat(made.dir, CONTAINER_SOCKET, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    fd_close(&fd);
    cr_assert_eq(container_status(&made, &status, &err), 0, "%s", err.text);
    cr_assert_eq(status, CONTAINER_CREATED);
    container_done(&made);
    box_close(&box);
}
