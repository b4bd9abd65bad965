/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A request and its answer, without HTTP: server.c makes the one of what libmicrohttpd reads and
 * sends the other, handlers are in between. One thread works on a request.
 */
#include <stdbool.h>
#include <stdint.h>

#include "registry/route.h"

struct service;
struct turns;
struct upload;

struct answer {
    unsigned status; /* 0: none yet */
    struct pairs headers;
    struct str body;
    int fd; /* -1: body is the content; else a piece of this file is */
    uint64_t offset;
    uint64_t length;
};

struct request {
    struct service *service; /* what all requests work with */
    char *method;
    char *target;         /* "/path?query", as it came */
    struct pairs headers; /* as they came; what came twice is there twice */
    char *peer;           /* address, without port */
    struct place place;
    char *user;       /* who it is, if that was asked and told; or NULL */
    char *repository; /* the place's name as the store has it; NULL: it has no name */
    bool has_length;
    uint64_t length; /* of the body, as its header says */
    bool has_body;   /* length is not 0, or it comes in chunks */
    bool unread;     /* the body is not wanted */
    struct answer answer;
    /* the handlers' */
    struct upload *upload; /* that the body goes to */
    uint64_t upload_from;  /* its size before */
    struct str body;       /* of a manifest */
    bool holds_body;       /* one of the few that may be in memory */
    struct err failure;    /* of writing a part of the body; kind NONE: there was none */
};

/* What all requests work with, shared by threads; each member knows how. */
struct service {
    struct images *images;
    struct uploads *uploads;
    struct gate *gate; /* NULL: everybody may do everything */
    bool read_only;
    bool local; /* listens on loopback and asks nobody who he is: web pages are kept out */
    bool log_json;
    unsigned bodies;     /* how many manifests are in memory; atomic */
    struct turns *turns; /* of who reads documents */
};

/* The first header of that name, or NULL. */
const char *request_header(const struct request *request, const char *name);

/* The headers are there: finds the route, asks who it is, and lets the handler begin. Afterwards there
 * may be an answer. */
void request_begin(struct request *request);
/* A part of the body. */
void request_data(struct request *request, const char *at, size_t len);
/* The body is there: afterwards there is an answer. */
void request_end(struct request *request);
/* Releases what hangs from it, and what a request that was cut off holds. */
void request_done(struct request *request);
