/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The registry client: who it talks to (endpoints), by what (loop, network), and what is under way.
 * One thread but for libcurl's resolver; everything below is reached from here.
 */
#include "remote/challenge.h"
#include "remote/channel.h"
#include "remote/loop.h"
#include "remote/network.h"
#include "remote/setup.h"
#include "remote/tls.h"

struct operation;
struct token;

/* One place of the setup, and what has been learnt of it. */
struct endpoint {
    const struct remote_endpoint *config;
    char *base;        /* scheme, host and port that are asked */
    bool may_be_plain; /* HTTP will do where TLS is not spoken */
    bool met;          /* it has answered */
    struct challenge challenge;
    struct token *tokens;
};

struct client {
    struct remote_setup setup;
    struct endpoint *endpoints;
    size_t n_endpoints;
    size_t preferred; /* the endpoint that gave the last manifest */
    struct loop loop;
    struct network network;
    struct tls_roots *roots;
    struct watch control;
    struct channel channel;
    bool ended; /* ruche has closed the control socket */
    struct operation *operations;
    size_t n_operations;
    uint32_t transferring; /* operations that have their turn among setup.parallel */
};

/* Takes the setup, checked here. The loop and the channel are there already. On failure client_done
 * releases what was made. */
int client_init(struct client *client, struct remote_setup *setup, struct err *err);
/* Operations end unanswered. */
void client_done(struct client *client);
