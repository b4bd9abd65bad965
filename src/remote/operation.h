/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What ruche asks for: one request, from its message to DONE or FAILED. Each kind has a file; what
 * they have in common is here: descriptors, turns, and the endpoints, one after the other.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "remote/exchange.h"
#include "remote/remote.h"

struct client;
struct operation;

enum operation_flags {
    OPERATION_MIRRORED = 1 << 0,  /* mirrors are asked before the registry */
    OPERATION_TRANSFERS = 1 << 1, /* waits for its turn */
    OPERATION_ANYWHERE = 1 << 2,  /* wants no repository */
};

struct operation_kind {
    enum operation_flags flags;
    const char *noun; /* "blob", before texts[0] in errors; NULL: nothing */
    /* Begins at operation->endpoint: again for each that is tried. */
    int (*begin)(struct operation *operation, struct err *err);
    /* Releases what the kind keeps in `state`, before the operation goes; may be NULL. */
    void (*free)(struct operation *operation);
};

struct operation {
    struct client *client;
    const struct operation_kind *kind;
    uint64_t id;
    uint32_t op;
    uint32_t flags; /* enum remote_flags */
    uint64_t bytes;
    uint64_t offset;
    char *texts[REMOTE_TEXTS];
    int fds[REMOTE_FDS_MAX]; /* or -1 */
    struct endpoint *endpoint;
    size_t place; /* how many endpoints were looked at */
    bool waits;   /* for its turn */
    bool turn;    /* has it */
    void *state;  /* of its kind */
    struct exchange *exchange;
    struct operation *next;
};

/* Takes the descriptors, all of them. Whatever is wrong with the request is answered. */
void operation_receive(struct client *client, const struct remote_request *request, size_t len,
                       int *fds, size_t n_fds);
/* Without an answer. */
void operation_free(struct operation *operation);
/* The same, and the next one that waits has its turn. */
void operation_cancel(struct operation *operation);

/* ---- for the kinds ---- */

/* The last thing that is done with an operation. */
void operation_done(struct operation *operation, uint32_t detail);
/* The same; or another endpoint's turn. */
void operation_failed(struct operation *operation, const struct err *err);
/* operation_failed with what the exchange was answered. */
void operation_refused(struct operation *operation, const struct exchange *exchange);

/* It does not transfer any more, whatever else it does: the next one may. */
void operation_turn_over(struct operation *operation);

/* A fresh exchange in place of the one there was, at the endpoint, `done` being called with the
 * operation. To be started by the caller. */
struct exchange *operation_ask(struct operation *operation, const char *method, const char *url,
                               void (*done)(void *, struct exchange *, const struct err *));
/* "/v2/REPOSITORY/folder/name"; the caller's. */
char *operation_path(const struct operation *operation, const char *folder, const char *name);
/* Writes the document to the operation's first descriptor. */
int operation_document(const struct operation *operation, const void *at, size_t len,
                       struct err *err);

extern const struct operation_kind ping_kind;
extern const struct operation_kind manifest_kind;
extern const struct operation_kind blob_kind;
extern const struct operation_kind blob_head_kind;
extern const struct operation_kind upload_kind;
extern const struct operation_kind manifest_put_kind;
extern const struct operation_kind delete_kind;
extern const struct operation_kind tags_kind;
extern const struct operation_kind catalog_kind;
extern const struct operation_kind referrers_kind;
extern const struct operation_kind search_kind;
extern const struct operation_kind fetch_kind;
