/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What an endpoint is told about who asks: bearer tokens, each for a scope, had from the realm that
 * the endpoint names, and kept until they expire; or user name and password.
 */
#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

struct client;
struct endpoint;
struct exchange;
struct token;

/* What to send with a request to the endpoint's own origin. Returns 1: *ret_header is set, and the
 * caller's, or NULL for nothing; 0: a token is being fetched, and the exchange will be called. */
int token_authorize(struct exchange *exchange, char **ret_header, struct err *err);
/* The endpoint has answered 401 to what token_authorize gave: reads its challenge. False: there is
 * nothing else to say. */
bool token_challenged(struct exchange *exchange);
/* The exchange goes away and waits no longer. */
void token_forget(struct exchange *exchange);
void tokens_free(struct endpoint *endpoint);

/* For the tests: the answer of a realm. *ret_token is the caller's. */
int token_parse(const char *json, size_t len, char **ret_token, uint32_t *ret_seconds,
                struct err *err);
/* Adds the scopes of `more` that are not yet in the list `scope`, a blank between them. */
void scope_add(struct strings *scopes, const char *more);
/* Whether a realm may be told credentials: it is as secure as its endpoint. */
bool realm_secure_enough(const char *realm, const struct endpoint *endpoint);
