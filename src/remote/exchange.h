/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One question to a registry and its answer, whatever it takes: authentication, redirects, plain
 * HTTP where that is allowed, and trying again what may work later. See exchange.c for the order.
 *
 * Who makes one fills in what it wants before exchange_start, is called once by `done`, and may
 * free it from there, but from none of the other callbacks.
 */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/str.h"
#include "remote/loop.h"

struct client;
struct endpoint;
struct tls_story;
struct token;

enum exchange_flags {
    EXCHANGE_SECRET_BODY = 1 << 0, /* goes to no other origin */
    EXCHANGE_OWN_AUTH = 1 << 1,    /* `authorization` is what it has to say, or nothing */
    EXCHANGE_PATIENT = 1 << 2,     /* the answer may be long in coming */
    EXCHANGE_ONCE = 1 << 3,        /* who asks tries again himself */
    EXCHANGE_ANONYMOUS = 1 << 4,   /* nobody is told who asks, but by a client certificate */
};

/* What is sent: bytes in memory, or part of a file. */
struct exchange_body {
    const char *at; /* borrowed */
    int file;       /* if at is NULL */
    uint64_t from;
    uint64_t len;
    bool present; /* else there is none, not even an empty one */
};

enum { DOCUMENT_MAX = 4 << 20, ERROR_BODY_MAX = 64 << 10, TOKEN_BODY_MAX = 64 << 10 };

struct exchange {
    struct client *client;
    struct endpoint *endpoint; /* on whose behalf */
    uint64_t id;               /* of the operation, for notes */

    /* asked */
    const char *method;
    char *url;           /* absolute, or the path at the endpoint */
    char *what;          /* "manifest latest", for errors; may be NULL */
    char *scope;         /* that a token needs, or NULL */
    char *authorization; /* sent to the origin of `url` only */
    struct strings headers;
    struct exchange_body body;
    enum exchange_flags flags;
    size_t document_max;
    /* Takes the body of a 2xx answer; without it, that becomes `document`. -1 ends the exchange. */
    int (*data)(void *context, struct exchange *exchange, const char *at, size_t len,
                struct err *err);
    /* Before each try: where body and headers begin this time. */
    void (*prepare)(void *context, struct exchange *exchange);
    /* Whether the last try has brought things forward: then it does not count as one. */
    bool (*advanced)(void *context);
    /* Bytes of the body that have left, for progress. */
    void (*sent)(void *context, uint64_t bytes);
    /* failure is NULL if there is an answer, of any status. */
    void (*done)(void *context, struct exchange *exchange, const struct err *failure);
    void *context;

    /* answered */
    long status;
    struct str document; /* or what came with an error */

    /* under way */
    CURL *easy;
    struct curl_slist *list;
    char said[CURL_ERROR_SIZE]; /* libcurl's words for what went wrong */
    bool in_network;
    char *now; /* the URL that is asked just now */
    struct tls_story *story;
    struct timer timer;
    struct timer stall;
    uint64_t stalls_ms; /* when it will have been without a byte for too long */
    struct err problem; /* kind ERR_NONE: none */
    size_t head_bytes;  /* of headers so far */
    uint64_t came;      /* of the answer's body so far, */
    uint64_t rate_came; /* and when its rate was looked at last */
    uint64_t rate_ms;   /* when it will be looked at next; 0: it has not begun to come */
    bool paused;
    bool cut; /* a body that nobody wants was not read to its end */
    uint64_t body_at;
    unsigned redirects;
    unsigned tries;
    unsigned challenged; /* how often it was asked who it is */
    bool plain;          /* has turned to plain HTTP already */
    struct token *token;
    uint64_t token_serial;        /* of its value that was sent */
    struct exchange *next_waiter; /* for the same token */
};

/* method and path or URL; the rest is as in {}. */
struct exchange *exchange_new(struct client *client, struct endpoint *endpoint, const char *method,
                              const char *url);
void exchange_free(struct exchange *exchange);
DROP(exchange);

void exchange_start(struct exchange *exchange);
void exchange_start_later(struct exchange *exchange, uint64_t delay_ms);
/* The same question once more, for who has found the answer wanting. */
void exchange_again(struct exchange *exchange);
/* Takes nothing more of the answer's body for now, or goes on; that is no stall. Going on may end the
 * exchange, so it is the last that a caller does with it. */
void exchange_pause(struct exchange *exchange, bool pause);
/* Adds "name: value". */
void exchange_header_add(struct exchange *exchange, const char *name, const char *value);
/* A header of the answer, or NULL. Valid until the exchange goes on. */
const char *exchange_header(const struct exchange *exchange, const char *name);
/* The header's value number i, or NULL. */
const char *exchange_header_at(const struct exchange *exchange, const char *name, size_t i);

/* For token.c: the token has come, or not. */
void exchange_token_came(struct exchange *exchange);
void exchange_token_failed(struct exchange *exchange, const struct err *failure);

/* For network.c's transfers. */
void exchange_ended(void *transfer, CURLcode code);
