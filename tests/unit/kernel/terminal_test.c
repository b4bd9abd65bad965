/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/terminal.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"

/* A pair by the C library's way, where /dev/pts/ptmx itself may be closed to us. */
static void pair_open(int *ret_master, int *ret_peer)
{
    *ret_master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    cr_assert_geq(*ret_master, 0);
    cr_assert_eq(unlockpt(*ret_master), 0);
    *ret_peer = open(ptsname(*ret_master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    cr_assert_geq(*ret_peer, 0);
}

Test(terminal, raw_lets_every_byte_through)
{
    struct termios saved;
    struct termios now;
    char got[4] = "";
    int master;
    int peer;

    pair_open(&master, &peer);
    cr_assert_eq(terminal_raw(peer, &saved), 0);
    cr_assert(saved.c_lflag & ICANON);
    cr_assert_eq(write(master, "\3\r\4", 3), 3);
    cr_assert_eq(read(peer, got, 3), 3);
    cr_assert_eq(memcmp(got, "\3\r\4", 3), 0);
    cr_assert_eq(write(peer, "\n", 1), 1);
    cr_assert_eq(read(master, got, 4), 1); /* no carriage return, no echo of the above */
    cr_assert_eq(got[0], '\n');

    cr_assert_eq(terminal_restore(peer, &saved), 0);
    cr_assert_eq(tcgetattr(peer, &now), 0);
    cr_assert_eq(now.c_lflag, saved.c_lflag);
    cr_assert_eq(now.c_iflag, saved.c_iflag);
    cr_assert_eq(now.c_oflag, saved.c_oflag);
}

Test(terminal, sizes)
{
    const struct terminal_size want = { .rows = 33, .columns = 132 };
    struct terminal_size got = {};
    int master;
    int peer;

    pair_open(&master, &peer);
    cr_assert_eq(terminal_size_set(master, &want), 0);
    cr_assert_eq(terminal_size_get(peer, &got), 0);
    cr_assert_eq(got.rows, 33);
    cr_assert_eq(got.columns, 132);
}

Test(terminal, says_what_is_none)
{
    struct terminal_size size;
    struct termios saved;
    int fds[2];
    int peer;

    cr_assert_eq(pipe(fds), 0);
    cr_assert_eq(terminal_raw(fds[0], &saved), -1);
    cr_assert_eq(errno, ENOTTY);
    cr_assert_eq(terminal_size_get(fds[0], &size), -1);
    int root = open("/", O_RDONLY | O_DIRECTORY);
    cr_assert_eq(terminal_open(root, &fds[0], &peer), -1);
    cr_assert_eq(errno, ENOENT);
}

static void control_body(void *argument)
{
    int peer = *(int *)argument;

    child_assert(setsid() > 0);
    child_assert(open("/dev/tty", O_RDWR) < 0);
    child_assert(terminal_control(peer) == 0);
    int tty = open("/dev/tty", O_RDWR);
    child_assert(tty >= 0);
    child_assert(tcgetsid(tty) == getpid());
    child_assert(write(tty, "!", 1) == 1);
}

Test(terminal, opens_a_pair_without_a_path)
{
    int devpts = open("/dev/pts", O_RDONLY | O_DIRECTORY);
    char got = 0;
    int master = -1;
    int peer = -1;

    if (devpts < 0 || faccessat(devpts, "ptmx", R_OK | W_OK, AT_EACCESS) < 0)
        cr_skip_test("no devpts of our own here");
    cr_assert_eq(terminal_open(devpts, &master, &peer), 0, "%s", strerror(errno));
    cr_assert(isatty(peer));
    cr_assert(fcntl(master, F_GETFD) & FD_CLOEXEC);
    cr_assert(fcntl(peer, F_GETFD) & FD_CLOEXEC);
    cr_assert_eq(child_run(control_body, &peer), 0);
    cr_assert_eq(read(master, &got, 1), 1);
    cr_assert_eq(got, '!');
}
