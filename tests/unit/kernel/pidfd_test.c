/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/pidfd.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include "child.h"

static pid_t sleeper(void)
{
    pid_t pid = fork();

    if (pid == 0)
        for (;;)
            (void)pause();
    return pid;
}

Test(pidfd, signals_and_reaps)
{
    pid_t pid = sleeper();
    int fd = pidfd_of(pid);
    int status = -1;

    cr_assert_geq(fd, 0);
    cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    cr_assert_eq(pidfd_signal(fd, 0), 0);
    cr_assert_eq(pidfd_poll(fd, 0), 0);
    cr_assert_eq(pidfd_poll(fd, 20), 0);
    cr_assert_eq(pidfd_wait(fd, WNOHANG, &status), 0);
    cr_assert_eq(status, -1);

    cr_assert_eq(pidfd_signal(fd, SIGTERM), 0);
    cr_assert_eq(pidfd_poll(fd, -1), 1);
    cr_assert_eq(pidfd_wait(fd, 0, &status), 1);
    cr_assert(WIFSIGNALED(status));
    cr_assert_eq(WTERMSIG(status), SIGTERM);

    cr_assert_eq(pidfd_wait(fd, 0, &status), -1);
    cr_assert_eq(errno, ECHILD);
    cr_assert_eq(pidfd_signal(fd, SIGTERM), -1);
    cr_assert_eq(errno, ESRCH);
    close(fd);
}

Test(pidfd, gives_exit_status)
{
    pid_t pid = fork();
    int status;

    if (pid == 0)
        _exit(42);
    int fd = pidfd_of(pid);
    cr_assert_eq(pidfd_wait(fd, 0, &status), 1);
    cr_assert(WIFEXITED(status));
    cr_assert_eq(WEXITSTATUS(status), 42);
    cr_assert_eq(pidfd_of(pid), -1);
    cr_assert_eq(errno, ESRCH);
    cr_assert_eq(pidfd_poll(fd, 0), 1);
    close(fd);
    cr_assert_eq(pidfd_poll(fd, 0), -1);
    cr_assert_eq(errno, EBADF);
}

static void on_alarm(int number)
{
    (void)number;
}

Test(pidfd, keeps_its_time_when_interrupted)
{
    pid_t pid = sleeper();
    int fd = pidfd_of(pid);
    struct sigaction action = { .sa_handler = on_alarm };
    struct itimerval every = { .it_interval.tv_usec = 10000, .it_value.tv_usec = 10000 };
    struct timespec start;
    struct timespec end;

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    clock_gettime(CLOCK_MONOTONIC, &start);
    cr_assert_eq(pidfd_poll(fd, 120), 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    long took_ms = (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000;
    cr_assert_geq(took_ms, 118, "%ld ms", took_ms); /* begun anew each time it would never end */
    every = (struct itimerval){};
    setitimer(ITIMER_REAL, &every, NULL);
    cr_assert_eq(pidfd_signal(fd, SIGKILL), 0);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    close(fd);
}
