/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime_cli/handover.h"

Test(handover, wants_a_socket_for_a_terminal_nobody_copies)
{
    struct err err = {};
    struct handover none = {};
    struct handover with = { .console_socket = "/s" };
    cr_assert_eq(console_check(&none, true, true, &err), -1);
    cr_assert_eq(console_check(&with, true, true, &err), 0);
    cr_assert_eq(console_check(&with, false, true, &err), -1);
    cr_assert_eq(console_check(&with, true, false, &err), -1);
    cr_assert_eq(console_check(&none, true, false, &err), 0);
    cr_assert_eq(console_check(&none, false, true, &err), 0);
}

/* Criterion's own are in the way: those above 2 are laid out anew in a child. */
static int in_child(unsigned n_open, int64_t n_asked, const char *activated)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct err err = {};
        unsigned count = 0;
        auto_done(strings) env = {};
        char own[16];
        (void)close_range(3, ~0U, 0);
        for (unsigned i = 0; i < n_open; i++)
            if (open("/dev/null", O_RDONLY) < 0)
                _exit(200);
        (void)snprintf(own, sizeof(own), "%d", getpid());
        if (activated) {
            (void)setenv("LISTEN_FDS", activated, 1);
            (void)setenv("LISTEN_PID", own, 1);
        }
        struct handover handover = { .preserve_fds = { n_asked >= 0, n_asked } };
        if (preserved_take(&handover, NULL, 0, &count, &err) < 0)
            _exit(100);
        for (unsigned i = 0; i < n_open; i++)
            if ((fcntl(3 + (int)i, F_GETFD) >= 0) != (i < count))
                _exit(101);
        preserved_announce(&env);
        bool told = strings_have(&env, "LISTEN_PID=1");
        _exit((int)count + (told ? 50 : 0));
    }
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status);
}

Test(handover, keeps_what_is_open)
{
    cr_assert_eq(in_child(2, -1, NULL), 0);
    cr_assert_eq(in_child(3, 1, NULL), 1);
    cr_assert_eq(in_child(0, -1, NULL), 0);
    cr_assert_eq(in_child(2, 2, NULL), 2);
    cr_assert_eq(in_child(1, 2, NULL), 100);
    cr_assert_eq(in_child(1, 0, "1"), 51);
    cr_assert_eq(in_child(3, 2, "1"), 53);
    cr_assert_eq(in_child(2, 2, "1"), 100);
}

Test(handover, writes_the_pid_whole)
{
    struct err err = {};
    char dir[] = "/tmp/ruche-pid-XXXXXX";
    char *text = NULL;
    size_t len;
    cr_assert_not_null(mkdtemp(dir));
    auto_free char *path = xasprintf("%s/pid", dir);
    cr_assert_eq(pid_file_write(path, 12345, &err), 0, "%s", err.text);
    cr_assert_eq(pid_file_write(path, 42, &err), 0, "%s", err.text);
    cr_assert_eq(file_load(AT_FDCWD, path, 100, &text, &len, &err), 1);
    cr_assert_str_eq(text, "42");
    free(text);
    auto_free char *nowhere = xasprintf("%s/no/pid", dir);
    cr_assert_eq(pid_file_write(nowhere, 1, &err), -1);
    cr_assert_not_null(strstr(err.text, nowhere));
    cr_assert_eq(tree_remove(AT_FDCWD, dir, &err), 0);
}

Test(handover, hands_a_terminal_over_to_a_path_of_any_length)
{
    struct err err = {};
    char dir[] = "/tmp/ruche-console-XXXXXX";
    cr_assert_not_null(mkdtemp(dir));
    char deep[120];
    memset(deep, 'd', sizeof(deep));
    deep[sizeof(deep) - 1] = '\0';
    auto_free char *below = xasprintf("%s/%s", dir, deep);
    cr_assert_eq(mkdir(below, 0700), 0);
    int dirfd = open(below, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/s", dirfd);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(listener, 1), 0);

    int pair[2];
    cr_assert_eq(pipe(pair), 0);
    auto_free char *path = xasprintf("%s/s", below);
    cr_assert_eq(console_send(path, pair[1], &err), 0, "%s", err.text);

    char name[32] = {};
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec data = { name, sizeof(name) - 1 };
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
    };
    int connection = accept(listener, NULL, NULL);
    cr_assert_gt(recvmsg(connection, &message, 0), 0);
    cr_assert_str_eq(name, "/dev/ptmx");
    int got;
    memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(got));
    cr_assert_eq(write(got, "x", 1), 1);
    cr_assert_eq(read(pair[0], name, 1), 1);
    cr_assert_eq(name[0], 'x');
    cr_assert_eq(tree_remove(AT_FDCWD, dir, &err), 0);
}
