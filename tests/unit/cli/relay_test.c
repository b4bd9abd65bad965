/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/relay.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/engine.h"

enum { MUCH = 1 << 20 };

/* A process as container_exec gives it: its streams are pipes to us. */
static void attend_program(const char *script, struct attendance *attendance)
{
    int in[2], out[2], err[2];
    cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
    cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
    cr_assert_eq(pipe2(err, O_CLOEXEC), 0);
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        sigset_t none;
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        (void)dup2(in[0], 0);
        (void)dup2(out[1], 1);
        (void)dup2(err[1], 2);
        (void)execl("/bin/sh", "sh", "-c", script, NULL);
        _exit(99);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    (void)close(err[1]);
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    cr_assert_geq(pidfd, 0);
    *attendance = (struct attendance){
        .attached = true,
        .control = pidfd,
        .process = pidfd,
        .stdin_fd = in[1],
        .terminal = -1,
        .out_fd = out[0],
        .err_fd = err[0],
    };
}

/* Our own descriptor, instead of what the test was given. */
static void put_in_place(int fd, int place)
{
    cr_assert_eq(dup2(fd, place), place);
    (void)close(fd);
}

static char *file_text(int fd, size_t *ret_len)
{
    struct err err = {};
    char *text = NULL;
    cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
    cr_assert_eq(file_load_fd(fd, 8 * MUCH, &text, ret_len, &err), 0, "%s", err.text);
    return text;
}

static int relay_to(const char *script, enum relay_flags flags, enum relay_end *ret_end,
                    int *ret_unheard)
{
    struct err err = {};
    int exit_code = -1;
    auto_done(attendance) attendance = {};
    auto_done(relay) state = { .signals = -1 };
    cr_assert_eq(relay_init(&state, flags, &err), 0, "%s", err.text);
    attend_program(script, &attendance);
    cr_assert_eq(relay_run(&state, &attendance, "it goes on", ret_end, &exit_code, &err), 0, "%s",
                 err.text);
    *ret_unheard = attendance.unheard;
    return exit_code;
}

static int relay(const char *script, enum relay_flags flags)
{
    enum relay_end end;
    int unheard;
    int exit_code = relay_to(script, flags, &end, &unheard);
    cr_assert_eq(end, RELAY_ENDED);
    cr_assert_eq(unheard, 0);
    return exit_code;
}

Test(relay, copies_both_streams_and_gives_the_status)
{
    int out = memfd_create("out", 0), err = memfd_create("err", 0);
    int saved_err = dup(STDERR_FILENO);
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(err, STDERR_FILENO);
    int status = relay("echo to out; echo to err >&2; exit 7", RELAY_OUTPUT);
    (void)dup2(saved_err, STDERR_FILENO);
    cr_expect_eq(status, 7);
    size_t len;
    auto_free char *out_text = file_text(out, &len);
    auto_free char *err_text = file_text(err, &len);
    cr_expect_str_eq(out_text, "to out\n");
    cr_expect_str_eq(err_text, "to err\n");
}

/* More than pipes hold, both ways at once: whoever waits for the other would wait for ever. */
Test(relay, copies_much_both_ways, .timeout = 600)
{
    int in = memfd_create("in", 0), out = memfd_create("out", 0);
    auto_free char *much = xmalloc(MUCH);
    for (size_t i = 0; i < MUCH; i++)
        much[i] = (char)('a' + i % 23);
    cr_assert_eq(fd_write_all(in, much, MUCH), 0);
    cr_assert_eq(lseek(in, 0, SEEK_SET), 0);
    put_in_place(in, STDIN_FILENO);
    (void)dup2(out, STDOUT_FILENO);
    cr_expect_eq(relay("cat; exit 3", RELAY_OUTPUT | RELAY_STDIN), 3);
    size_t len;
    auto_free char *text = file_text(out, &len);
    cr_assert_eq(len, MUCH);
    cr_expect_eq(memcmp(text, much, MUCH), 0);
}

Test(relay, closes_stdin_at_its_end, .timeout = 600)
{
    put_in_place(open("/dev/null", O_RDONLY), STDIN_FILENO);
    cr_expect_eq(relay("read x; exit $(($? + 40))", RELAY_STDIN), 41);
}

Test(relay, bears_that_nobody_reads_stdin, .timeout = 600)
{
    put_in_place(open("/dev/zero", O_RDONLY), STDIN_FILENO);
    cr_expect_eq(relay("exec <&-; sleep 0.2; exit 5", RELAY_STDIN | RELAY_SIGNALS), 5);
}

Test(relay, ends_when_nobody_reads_the_output, .timeout = 600)
{
    int ends[2], unheard;
    enum relay_end end;
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    (void)close(ends[0]);
    put_in_place(ends[1], STDOUT_FILENO);
    /* Its own writes fail then, as they would without us. */
    (void)relay_to("trap '' PIPE; while echo y; do :; done 2>/dev/null; sleep 300",
                   RELAY_OUTPUT | RELAY_SIGNALS, &end, &unheard);
    cr_expect_eq(end, RELAY_UNHEARD);
    cr_expect_eq(unheard, EPIPE);
}

Test(relay, ends_by_sigpipe_then, .signal = SIGPIPE)
{
    struct err err = {};
    struct relay relay = { .signals = -1 };
    const struct attendance attendance = { .unheard = EPIPE };
    (void)relay_unheard(&relay, &attendance, &err);
}

Test(relay, says_what_else_keeps_it_from_writing)
{
    struct err err = {};
    struct relay relay = { .signals = -1 };
    const struct attendance attendance = { .unheard = ENOSPC };
    cr_expect_eq(relay_unheard(&relay, &attendance, &err), -1);
    cr_expect_not_null(strstr(err.text, "No space left"), "%s", err.text);
}

/* The script is the one who asks: it takes no notice itself. */
Test(relay, leaves_at_the_third_request, .timeout = 600)
{
    int unheard;
    enum relay_end end;
    auto_free char *script =
        xasprintf("trap '' INT TERM; while sleep 0.05; do kill -INT %d; kill -TERM %d; done",
                  (int)getpid(), (int)getpid());
    cr_expect_eq(relay_to(script, RELAY_SIGNALS, &end, &unheard), 1);
    cr_expect_eq(end, RELAY_LEFT);
}

Test(relay, passes_signals_on, .timeout = 600)
{
    int out = memfd_create("out", 0);
    (void)dup2(out, STDOUT_FILENO);
    auto_free char *script = xasprintf("trap 'echo got; exit 8' USR1; kill -USR1 %d; "
                                       "while :; do sleep 0.05; done",
                                       (int)getpid());
    cr_expect_eq(relay(script, RELAY_OUTPUT | RELAY_SIGNALS), 8);
    size_t len;
    auto_free char *text = file_text(out, &len);
    cr_expect_str_eq(text, "got\n");
}

Test(relay, ends_by_a_signal_it_does_not_pass_on, .signal = SIGTERM, .timeout = 600)
{
    auto_free char *script = xasprintf("kill -TERM %d; sleep 1", (int)getpid());
    (void)relay(script, RELAY_OUTPUT);
}

Test(relay, does_not_wait_for_children_of_the_process, .timeout = 600)
{
    int out = memfd_create("out", 0);
    (void)dup2(out, STDOUT_FILENO);
    cr_expect_eq(relay("sleep 300 & echo $!; exit 2", RELAY_OUTPUT), 2);
    size_t len;
    auto_free char *text = file_text(out, &len);
    pid_t child = (pid_t)strtol(text, NULL, 10);
    cr_expect_gt(child, 0);
    cr_expect_eq(kill(child, SIGKILL), 0, "it lives");
}

Test(relay, tells_a_signal_as_the_shell_does)
{
    cr_expect_eq(relay("kill -KILL $$", RELAY_OUTPUT), 137);
}

Test(relay, wants_a_terminal_where_keys_are_read)
{
    struct err err = {};
    put_in_place(open("/dev/null", O_RDONLY), STDIN_FILENO);
    cr_expect_eq(relay_check(RELAY_STDIN | RELAY_TERMINAL, &err), -1);
    cr_expect_not_null(strstr(err.text, "not a TTY"));
    cr_expect_eq(relay_check(RELAY_TERMINAL, &err), 0);
    cr_expect_eq(relay_check(RELAY_STDIN, &err), 0);
}
