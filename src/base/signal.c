/* SPDX-License-Identifier: Apache-2.0 */
#include "base/signal.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/mem.h"

enum { EXIT_SIGNAL = 128 };

/* Puts them into the set as the kernel has it, a bit a signal in the first 64: sigaddset refuses
 * those that the C library keeps for itself. */
static void add_realtime(sigset_t *set)
{
    uint64_t bits;

    memcpy(&bits, set, sizeof(bits));
    bits |= UINT64_MAX << (SIGNAL_RT_MIN - 1);
    memcpy(set, &bits, sizeof(bits));
}

void signal_set_sent(sigset_t *set)
{
    static const unsigned char sent[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGUSR1,
                                          SIGUSR2, SIGALRM, SIGTERM, SIGPWR };

    (void)sigemptyset(set);
    for (size_t i = 0; i < array_size(sent); i++)
        (void)sigaddset(set, sent[i]);
    add_realtime(set);
}

int signal_open(const sigset_t *set, int *ret_fd, struct err *err)
{
    if (sigprocmask(SIG_BLOCK, set, NULL) < 0)
        return err_sys(err, "block signals");
    int fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return err_sys(err, "signalfd");
    *ret_fd = fd;
    return 0;
}

void signal_release(void)
{
    sigset_t none;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

int signal_read(int fd)
{
    struct signalfd_siginfo info;
    ssize_t len;

    do
        len = read(fd, &info, sizeof(info));
    while (len < 0 && errno == EINTR);
    return len == sizeof(info) ? (int)info.ssi_signo : 0;
}

_Noreturn void signal_die(int signal)
{
    sigset_t set;
    struct sigaction plain = { .sa_handler = SIG_DFL };

    (void)sigaction(signal, &plain, NULL);
    (void)raise(signal);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, signal);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    _exit(EXIT_SIGNAL + signal); /* one whose default is to be ignored */
}

void signal_stop(void)
{
    (void)raise(SIGSTOP);
}
