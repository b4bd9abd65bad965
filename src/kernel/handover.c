/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/handover.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Room for the descriptors, aligned as the kernel wants it. */
union ancillary {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(HANDOVER_MAX * sizeof(int))];
};

int handover_send(int socket, const void *data, size_t len, const int *fds, size_t n_fds)
{
    union ancillary ancillary = {};
    struct iovec part = { (void *)data, len };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    if (n_fds > HANDOVER_MAX) {
        errno = EMSGSIZE;
        return -1;
    }
    if (n_fds > 0) {
        ancillary.align.cmsg_level = SOL_SOCKET;
        ancillary.align.cmsg_type = SCM_RIGHTS;
        ancillary.align.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(&ancillary.align), fds, n_fds * sizeof(int));
        message.msg_control = &ancillary;
        message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

ssize_t handover_receive(int socket, void *data, size_t size, int *fds, size_t fds_size,
                         size_t *ret_n_fds)
{
    union ancillary ancillary = {};
    int all[HANDOVER_MAX];
    size_t n_fds = 0;
    struct iovec part = { data, size };
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &ancillary,
        .msg_controllen = sizeof(ancillary),
    };

    ssize_t len;
    do
        len = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (len < 0 && errno == EINTR);
    if (len <= 0)
        return len;
    if (message.msg_controllen >= CMSG_LEN(0) && ancillary.align.cmsg_type == SCM_RIGHTS) {
        n_fds = (ancillary.align.cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(all, CMSG_DATA(&ancillary.align), n_fds * sizeof(int));
    }
    if (n_fds > fds_size || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
        for (size_t i = 0; i < n_fds; i++)
            (void)close(all[i]); /* nobody else knows of them */
        errno = EMSGSIZE;
        return -1;
    }
    if (n_fds > 0)
        memcpy(fds, all, n_fds * sizeof(int));
    *ret_n_fds = n_fds;
    return len;
}
