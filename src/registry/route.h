/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Requests' paths → rows of a table. A pattern is a path in which {name} stands for a repository, of
 * one component or more, and {tail} for exactly one; what they stand for is taken apart here and
 * judged by others.
 */
#include <stdbool.h>

#include "base/field.h"
#include "base/str.h"

struct request;

enum route_flags {
    ROUTE_WRITES = 1 << 0, /* refused by a server that is read-only */
    ROUTE_READS = 1 << 1,  /* documents, the store's index among them: `end` waits for its turn */
};

/* Handlers answer by answer.h. begin may be NULL; data is called for each piece of the body unless
 * there is an answer already, and NULL where a body means nothing. */
struct route {
    const char *method; /* "GET" is HEAD as well */
    const char *pattern;
    enum route_flags flags;
    void (*begin)(struct request *request);
    void (*data)(struct request *request, const char *at, size_t len);
    void (*end)(struct request *request);
};

/* What a request's path is about. */
struct place {
    const struct route *route;
    char *name;         /* what {name} stands for, or NULL */
    char *tail;         /* what {tail} stands for, or NULL */
    struct pairs query; /* decoded, in their order; a key may come twice */
};

enum route_result {
    ROUTE_FOUND,
    ROUTE_MALFORMED, /* no path, or encoded wrongly */
    ROUTE_UNKNOWN,   /* no row has that path */
    ROUTE_METHOD,    /* some have, with other methods */
};

/* Finds the row for "/path?query", which is as it came. The table's last row has no method. ret_place
 * is set if one is found; ret_methods gets those that the path has if it has another. */
enum route_result route_find(const struct route *routes, const char *method, const char *target,
                             struct place *ret_place, struct str *ret_methods);
void place_done(struct place *place);
/* The first value of a query's key, or NULL. */
const char *place_query(const struct place *place, const char *key);
/* Adds text as it may stand in a path or query: what is not letter, digit or one of "-._~/:" becomes
 * %XX. */
void url_encode(const char *text, struct str *out);
