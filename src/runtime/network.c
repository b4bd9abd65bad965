/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's network namespace. It takes the kernel as long as everything else a start makes,
 * so a process beside the child makes it, and the child enters it when it needs it. The two share
 * memory and descriptors. As long as all goes well the maker changes neither but for what it hands
 * over here: errno, which both have in one place, is set by what fails alone.
 */
#include <errno.h>
#include <sched.h>

#include "kernel/namespace.h"
#include "kernel/pidfd.h"
#include "runtime/start.h"

/* Its exit status is 0 or what went wrong. */
static int network_make(void *context)
{
    struct start *start = context;
    if (unshare(CLONE_NEWNET) < 0)
        return errno;
    return loopback_up(&start->network) < 0 ? errno : 0;
}

int child_network_begin(struct start *start, size_t i, struct err *err)
{
    (void)i;
    char *top = start->network_stack + START_NETWORK_STACK;
    start->network_maker = clone(network_make, top, CLONE_VM | CLONE_FILES, start);
    /* Where there may be no second process, there is one all the same. */
    if (start->network_maker < 0 && network_make(start) != 0)
        return step_fail(err, "make a network namespace", NULL);
    return 0;
}

int child_network_enter(struct start *start, size_t i, struct err *err)
{
    (void)i;
    if (start->network_maker < 0)
        return 0;
    int status = child_await(start->network_maker);
    if (status < 0 && errno == ECANCELED)
        return err_plain(err, ERR_SYSTEM, 0, "who was to make the network namespace was killed",
                         NULL);
    if (status > 0)
        errno = status;
    if (status != 0)
        return step_fail(err, "make a network namespace", NULL);
    if (setns(start->network, CLONE_NEWNET) < 0)
        return step_fail(err, "enter the network namespace", NULL);
    return 0;
}
