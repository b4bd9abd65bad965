/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Programs started inside a fresh user namespace, holding only the descriptors they are given: how
 * whatever parses foreign bytes runs without the caller's privileges, and how an ordinary user
 * touches files of his subordinate ids.
 */
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "kernel/idmap.h"

/* A process waiting inside a new user namespace (and mount and pid namespace), maps written, until
 * released or closed. It dies with the thread that made it. */
struct userns {
    pid_t pid;
    int pidfd;
    int userns_fd; /* for mount_setattr's MOUNT_ATTR_IDMAP */
    int control;   /* ours of the socket pair the process waits on */
};

/* The program an entered namespace executes: argv[0] is a path, fds[i] becomes descriptor 3 + i. */
struct userns_program {
    const char *const *argv;
    const int *fds;
    size_t n_fds;
};

/* Makes the namespace and the waiting process. */
int userns_open(const struct id_maps *maps, struct userns *ret_userns, struct err *err);
/* Lets the process become uid 0 of its namespace and execute the program; stdin is /dev/null,
 * stdout and stderr stay, the environment is empty. Descriptors are handed over the socket, so they
 * may have been made after userns_open. */
int userns_exec(struct userns *userns, const struct userns_program *program, struct err *err);
/* Waits for the process to end. Gives its wait(2) status. */
int userns_wait(struct userns *userns, int *ret_status, struct err *err);
/* Kills the process, if it still runs, and all that it started, waits until they are gone and
 * closes all. */
void userns_close(struct userns *userns);
