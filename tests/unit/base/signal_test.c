/* SPDX-License-Identifier: Apache-2.0 */
#include "base/signal.h"

#include <criterion/criterion.h>
#include <unistd.h>

#include "base/mem.h"

static int open_sent(void)
{
    sigset_t set;
    struct err err = {};
    int fd = -1;
    signal_set_sent(&set);
    cr_assert_eq(signal_open(&set, &fd, &err), 0, "%s", err.text);
    return fd;
}

Test(signal, reads_what_was_sent)
{
    auto_close int fd = open_sent();
    cr_expect_eq(signal_read(fd), 0);
    cr_assert_eq(kill(getpid(), SIGTERM), 0);
    cr_assert_eq(kill(getpid(), SIGRTMIN + 3), 0);
    int first = signal_read(fd);
    int second = signal_read(fd);
    cr_expect_eq(first + second, SIGTERM + SIGRTMIN + 3);
    cr_expect_eq(signal_read(fd), 0);
}

Test(signal, leaves_job_control_and_faults_alone)
{
    static const int others[] = { SIGTSTP, SIGCONT, SIGTTIN, SIGTTOU,  SIGCHLD,
                                  SIGSEGV, SIGABRT, SIGURG,  SIGWINCH, SIGPIPE };
    sigset_t set;
    signal_set_sent(&set);
    for (size_t i = 0; i < array_size(others); i++)
        cr_expect_eq(sigismember(&set, others[i]), 0, "%d", others[i]);
    cr_expect_eq(sigismember(&set, SIGINT), 1);
    cr_expect_eq(sigismember(&set, SIGRTMAX), 1);
    cr_expect_eq(sigismember(&set, SIGRTMIN), 1);
    cr_expect_eq(sigismember(&set, SIGSYS), 0);
}

Test(signal, ends_by_a_signal_that_was_read, .signal = SIGHUP)
{
    auto_close int fd = open_sent();
    (void)kill(getpid(), SIGHUP);
    signal_die(signal_read(fd));
}

Test(signal, ends_even_if_it_is_ignored, .signal = SIGUSR1)
{
    (void)signal(SIGUSR1, SIG_IGN);
    auto_close int fd = open_sent();
    signal_die(SIGUSR1);
}
