/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * HTTP by libmicrohttpd: a thread a connection, so that a client that is slow, or waits for a disk,
 * keeps nobody else waiting; of connections there are only so many, in all and for each address.
 */
#include "registry/request.h"

struct server;

/* A certificate chain and its key, PEM; NULL: no TLS. Borrowed until the server is stopped. */
struct server_tls {
    const char *certificate;
    const char *key;
};

/* Serves what comes to the listening socket, which is taken. */
int server_start(struct service *service, int listener, const struct server_tls *tls,
                 struct server **ret_server, struct err *err);
/* Takes no more connections. */
void server_quiesce(struct server *server);
/* How many requests are under way. */
unsigned server_busy(const struct server *server);
/* Ends all connections, whatever is under way. */
void server_stop(struct server *server);
