/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/flow.h"

#include <errno.h>
#include <poll.h>

#include "base/mem.h"

int flow_wait(int in, int out, struct err *err)
{
    struct pollfd polls[] = { { in, POLLIN, 0 }, { out, 0, 0 } };
    if (out < 0)
        return 0; /* reading waits as well */
    while (poll(polls, array_size(polls), -1) < 0)
        if (errno != EINTR)
            return err_sys(err, "wait");
    if (!(polls[1].revents & POLLERR))
        return 0;
    errno = EPIPE;
    return err_sys(err, "hand it on");
}
