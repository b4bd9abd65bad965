/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ruche's side of ruche-transfer: the confined server, requests to it, and their events, which come
 * from a process that reads foreign bytes and are checked as such.
 */
#include <stdint.h>

#include "base/err.h"
#include "kernel/userns.h"
#include "transfer/transfer.h"

struct helper {
    struct userns userns;
    int control; /* of the server; -1: not open */
    bool idmap;  /* directories are handed over with their owners mapped */
};

/* Starts the server. directory is one of the file system that the others to be handed over lie on
 * too. program may be NULL: it is looked for. */
int helper_open(const char *program, int directory, struct helper *ret_helper, struct err *err);
/* Starts ruche-remote in the same way, with ids that own nothing. It is asked through
 * image/remote.h. */
int helper_open_remote(struct helper *ret_helper, struct err *err);
/* Ends it and all that it started, and waits until they are gone. */
void helper_close(struct helper *helper);

/* A descriptor by which the server's processes may work in the directory as its user namespace's
 * root. */
int helper_directory(const struct helper *helper, int directory, int *ret_fd, struct err *err);

/* The same of a detached mount that nobody else has, which stays the caller's and is changed for
 * it. */
int helper_mount(const struct helper *helper, int mount, struct err *err);

/* Hands in a request with its descriptors but the first, which is made here: gives our end of it.
 */
int helper_request(const struct helper *helper, const struct transfer_request *request,
                   const int *fds, size_t n_fds, int *ret_socket, struct err *err);
/* Receives the next event. Returns 1; -1 also if the process died. Texts are closed and at least
 * empty. */
int helper_event(int socket, struct transfer_event *ret_event, struct err *err);
/* One of the event's texts. */
const char *event_text(const struct transfer_event *event, size_t i);
/* The error of a TRANSFER_FAILED. */
void event_error(const struct transfer_event *event, struct err *err);
/* Answers a TRANSFER_DEVICE. */
int helper_answer(int socket, int errnum, struct err *err);
