/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Descriptors handed to another process with a message (unix(7), SCM_RIGHTS) over a SEQPACKET
 * socket. Async-signal-safe; -1 with errno.
 */
#include <stddef.h>
#include <sys/types.h>

enum { HANDOVER_MAX = 32 }; /* descriptors in one message */

/* Sends one message with its descriptors, which stay the caller's. */
int handover_send(int socket, const void *data, size_t len, const int *fds, size_t n_fds);
/* Receives one. The descriptors are close-on-exec and the caller's; a message that has more of them
 * than fit, or is longer than `size`, is EMSGSIZE and closes them all. Returns its length; 0: the
 * other side is gone. */
ssize_t handover_receive(int socket, void *data, size_t size, int *fds, size_t fds_size,
                         size_t *ret_n_fds);
