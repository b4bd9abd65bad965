/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <poll.h>

TestSuite(logs, .init = world_open, .fini = world_close, .timeout = 600);

static void log_put(const struct container *container, const char *file, const char *text)
{
    auto_free char *directory = xasprintf("containers/%s/log", container->config.id);
    auto_free char *path = xasprintf("%s/%s", directory, file);
    must(dir_make_all(root_fd(), directory, 0700, &err));
    auto_close int fd = openat(root_fd(), path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(fd_write_all(fd, text, strlen(text)), 0);
}

static void log_rename(const struct container *container, const char *from, const char *to)
{
    auto_free char *source = xasprintf("containers/%s/log/%s", container->config.id, from);
    auto_free char *target = xasprintf("containers/%s/log/%s", container->config.id, to);
    cr_assert_eq(renameat(root_fd(), source, root_fd(), target), 0);
}

static char *slurp(int fd)
{
    char *text = NULL;
    size_t len = 0;
    cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
    must(file_load_fd(fd, 1 << 24, &text, &len, &err));
    return text;
}

static void assert_logs(const struct container *container, struct log_request request,
                        const char *out, const char *errors)
{
    auto_close int out_fd = open(world_path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    auto_close int err_fd = open(world_path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    must(container_logs(engine, container, &request, out_fd, err_fd, &err));
    auto_free char *out_text = slurp(out_fd);
    auto_free char *err_text = slurp(err_fd);
    cr_assert_str_eq(out_text, out);
    cr_assert_str_eq(err_text, errors);
}

#define AT(second) "2026-01-02T03:04:0" #second ".000000000Z "

static const struct log_request all = { .tail = -1 };

static const char sample[] = AT(1) "stdout F one\n" AT(2) "stderr F two\n" AT(
    3) "stdout P thr"
       "\n" AT(3) "stdout F ee\n" AT(4) "stdout F \n";

Test(logs, go_to_their_streams)
{
    auto_drop(container) *container = make("web");
    assert_logs(container, all, "", "");
    log_put(container, "current", sample);
    assert_logs(container, all, "one\nthree\n\n", "two\n");
}

Test(logs, have_times)
{
    auto_drop(container) *container = make("web");
    log_put(container, "current", sample);
    assert_logs(container, (struct log_request){ .tail = -1, .flags = LOG_TIMESTAMPS },
                AT(1) "one\n" AT(3) "three\n" AT(4) "\n", AT(2) "two\n");
}

Test(logs, keep_the_order_on_one_descriptor)
{
    auto_drop(container) *container = make("web");
    log_put(container, "current", sample);
    auto_close int fd = open(world_path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    must(container_logs(engine, container, &all, fd, fd, &err));
    auto_free char *text = slurp(fd);
    cr_assert_str_eq(text, "one\ntwo\nthree\n\n");
}

Test(logs, are_read_over_rotations)
{
    auto_drop(container) *container = make("web");
    log_put(container, "current.2", AT(1) "stdout F a\n" AT(1) "stdout P b");
    log_put(container, "current.2", "\n");
    log_put(container, "current.1", AT(2) "stdout F c\n");
    log_put(container, "current", AT(3) "stdout F d\n");
    assert_logs(container, all, "a\nbc\nd\n", "");
}

Test(logs, end_with_some_lines)
{
    auto_drop(container) *container = make("web");
    log_put(container, "current.1", AT(1) "stdout F a\n" AT(1) "stdout F b\n" AT(1) "stdout P c\n");
    log_put(container, "current", AT(2) "stdout F c\n" AT(2) "stdout F d\n" AT(2) "stdout P e\n");
    static const struct {
        int64_t tail;
        const char *out;
    } rows[] = { { 0, "" },
                 { 1, "e" },
                 { 2, "d\ne" },
                 { 4, "b\ncc\nd\ne" },
                 { 5, "a\nb\ncc\nd\ne" },
                 { 99, "a\nb\ncc\nd\ne" } };
    for (size_t i = 0; i < array_size(rows); i++)
        assert_logs(container, (struct log_request){ .tail = rows[i].tail }, rows[i].out, "");
}

Test(logs, are_of_a_time)
{
    auto_drop(container) *container = make("web");
    log_put(container, "current", sample);
    assert_logs(container, (struct log_request){ .tail = -1, .since = "2026-01-02T03:04:03Z" },
                "three\n\n", "");
    assert_logs(container, (struct log_request){ .tail = -1, .until = "1767323042" }, "one\n",
                "two\n");
    assert_logs(container,
                (struct log_request){
                    .tail = -1, .since = "2026-01-02T03:04:02Z", .until = "2026-01-02T03:04:03Z" },
                "three\n", "two\n");
    assert_logs(container, (struct log_request){ .tail = -1, .since = "1m" }, "", "");
    struct log_request bad = { .tail = -1, .since = "soon" };
    cr_assert_eq(container_logs(engine, container, &bad, 1, 2, &err), -1);
    cr_assert_eq(err.kind, ERR_INVALID);
}

Test(logs, survive_what_a_power_cut_left)
{
    auto_drop(container) *container = make("web");
    log_put(container, "current", "\n");
    log_put(container, "current",
            "garbage\n" AT(1) "stdlog F x\n" AT(1) "stdout X x\n" AT(1) "stdout F ok\n" AT(
                1) "stdout F");
    assert_logs(container, all, "ok\n", "");
}

Test(logs, may_be_large)
{
    auto_drop(container) *container = make("web");
    auto_done(str) text = {}, wanted = {};
    for (int i = 0; i < 50000; i++) {
        str_addf(&text, AT(1) "stdout F line %d\n", i);
        if (i >= 49900)
            str_addf(&wanted, "line %d\n", i);
    }
    log_put(container, "current", str_text(&text));
    assert_logs(container, (struct log_request){ .tail = 100 }, str_text(&wanted), "");
}

/* --- following --- */

struct follower {
    pid_t pid;
    int fd;
};

static struct follower follow(const struct container *container, struct log_request request)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    request.flags |= LOG_FOLLOW;
    pid_t pid = fork();
    if (pid == 0) {
        (void)signal(SIGPIPE, SIG_IGN);
        (void)close(ends[0]);
        _exit(container_logs(engine, container, &request, ends[1], ends[1], &err) < 0 ? 1 : 0);
    }
    (void)close(ends[1]);
    return (struct follower){ pid, ends[0] };
}

static void assert_says(const struct follower *follower, const char *wanted)
{
    char text[4096];
    size_t len = 0;
    while (len < strlen(wanted)) {
        struct pollfd ready = { .fd = follower->fd, .events = POLLIN };
        cr_assert_eq(poll(&ready, 1, 300000), 1, "nothing came after \"%.*s\"", (int)len, text);
        ssize_t n = read(follower->fd, text + len, sizeof(text) - len);
        cr_assert_gt(n, 0);
        len += (size_t)n;
    }
    cr_assert_eq(len, strlen(wanted));
    cr_assert_eq(memcmp(text, wanted, len), 0, "%.*s", (int)len, text);
}

static void assert_ends(const struct follower *follower)
{
    char byte;
    int status = 0;
    cr_assert_eq(read(follower->fd, &byte, 1), 0);
    cr_assert_eq(waitpid(follower->pid, &status, 0), follower->pid);
    cr_assert_eq(status, 0);
    (void)close(follower->fd);
}

Test(logs, are_followed_to_the_end)
{
    auto_drop(container) *container = make("web");
    struct run run = start(container, 0);
    struct follower follower = follow(container, all);
    (void)usleep(50000);
    log_put(container, "current", AT(1) "stdout F one\n"); /* the first makes the directory */
    assert_says(&follower, "one\n");
    log_put(container, "current", AT(1) "stdout P tw");
    (void)usleep(50000);
    log_put(container, "current", "o\n" AT(1) "stdout F !\n");
    assert_says(&follower, "two!\n");
    log_put(container, "current", AT(1) "stdout F last\n");
    reap(&run);
    assert_says(&follower, "last\n");
    assert_ends(&follower);
}

Test(logs, are_followed_over_rotations)
{
    auto_drop(container) *container = make("web");
    struct run run = start(container, 0);
    log_put(container, "current", AT(1) "stdout F old\n" AT(1) "stdout F one\n");
    struct follower follower = follow(container, (struct log_request){ .tail = 1 });
    assert_says(&follower, "one\n");
    log_put(container, "current", AT(1) "stdout F two\n");
    log_rename(container, "current", "current.1");
    log_put(container, "current", AT(1) "stdout F three\n");
    assert_says(&follower, "two\nthree\n");
    log_rename(container, "current.1", "current.2");
    log_rename(container, "current", "current.1");
    log_put(container, "current", AT(1) "stdout F four\n");
    assert_says(&follower, "four\n");
    reap(&run);
    assert_ends(&follower);
}

Test(logs, of_one_that_does_not_run_end_at_once)
{
    auto_drop(container) *container = make("web");
    log_put(container, "current", sample);
    struct follower follower = follow(container, all);
    assert_says(&follower, "one\ntwo\nthree\n\n");
    assert_ends(&follower);
}

Test(logs, end_when_nobody_reads)
{
    auto_drop(container) *container = make("web");
    struct run run = start(container, 0);
    struct follower follower = follow(container, all);
    (void)usleep(50000);
    (void)close(follower.fd);
    int status = 1;
    cr_assert_eq(waitpid(follower.pid, &status, 0), follower.pid);
    cr_assert_eq(status, 0);
    reap(&run);
}

Test(logs, end_at_a_time_to_come)
{
    auto_drop(container) *container = make("web");
    struct run run = start(container, 0);
    struct timespec now;
    char until[TIMESTAMP_SIZE];
    (void)clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec++;
    struct follower follower = follow(
        container, (struct log_request){ .tail = -1, .until = timestamp_format(now, until) });
    assert_ends(&follower);
    cr_assert_eq(status_of("web"), CONTAINER_RUNNING);
    reap(&run);
}

Test(logs, from_now_on)
{
    auto_drop(container) *container = make("web");
    struct run run = start(container, 0);
    log_put(container, "current", sample);
    struct follower follower = follow(container, (struct log_request){ .tail = 0 });
    (void)usleep(100000);
    log_put(container, "current", AT(1) "stdout F new\n");
    assert_says(&follower, "new\n");
    reap(&run);
    assert_ends(&follower);
}
