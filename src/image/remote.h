/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ruche's side of ruche-remote, the registry client: one process for each registry that a command
 * talks to, operations handed to it, and their events, which come from a process that a stranger's
 * server talks to and are checked as such. No document is verified here, and none is parsed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/helper.h"
#include "image/image.h"
#include "remote/remote.h"
#include "remote/setup.h"

struct remote {
    struct helper helper;
    uint64_t last_id; /* of an operation */
    const struct image_watch *watch;
};

#define REMOTE_CLOSED                                                                              \
    {                                                                                              \
        .helper = {.userns = { .pid = -1 }, .control = -1 }                                        \
    }

/* Starts one and hands the setup over. watch, borrowed and perhaps NULL, is told its notes. */
int remote_open(const struct remote_setup *setup, const struct image_watch *watch,
                struct remote *ret_remote, struct err *err);
/* Ends it and all that is under way. */
void remote_close(struct remote *remote);
static inline void remote_done(struct remote *remote)
{
    remote_close(remote);
}

/* Fills in a request's head and one or two texts; NULL is an empty one. ERR_INVALID: one is too
 * long. */
int remote_request_init(struct remote_request *request, enum remote_op op, const char *first,
                        const char *second, struct err *err);
/* Hands a request in, with its descriptors, which stay the caller's. Gives its number in *ret_id. */
int remote_send(struct remote *remote, struct remote_request *request, const int *fds, size_t n_fds,
                uint64_t *ret_id, struct err *err);
/* Says that the operation is no longer wanted; nothing more comes of it but what is under way. */
void remote_cancel(struct remote *remote, uint64_t id);
/* Receives the next event, of whichever operation; notes are passed on to the watcher and not
 * given. Texts are closed and at least empty. Returns 1, or 0: it was a note. */
int remote_event(struct remote *remote, struct remote_event *ret_event, struct err *err);
/* One of the event's texts. */
const char *remote_text(const struct remote_event *event, size_t i);
/* The error of a REMOTE_FAILED. */
void remote_error(const struct remote_event *event, struct err *err);

/* What an operation found on its way, and how it ended. */
struct remote_answer {
    bool found;
    char *media_type; /* of a FOUND, may be empty */
    char *digest;     /* as the registry says, valid; or NULL */
    uint64_t size;
    bool size_known;
    uint32_t detail; /* of the DONE */
};
void remote_answer_done(struct remote_answer *answer);

/* Hands in a request and waits for its end, where nothing else is under way. */
int remote_ask(struct remote *remote, struct remote_request *request, const int *fds, size_t n_fds,
               struct remote_answer *ret_answer, struct err *err);
/* The same for an operation that gives a document, which is read whole. More than max_bytes is an
 * error. *ret_data ends in a zero byte. */
int remote_document(struct remote *remote, struct remote_request *request, size_t max_bytes,
                    char **ret_data, size_t *ret_len, struct remote_answer *ret_answer,
                    struct err *err);
