/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Whom a registry client talks to, and as whom: all that ruche found in the user's files
 * (registries.conf, auth.json, certs.d, the environment), so that the client reads none of them. It
 * travels as JSON in a sealed file and is never written to a disk.
 */
#include "base/field.h"

/* Who a client is to TLS: a certificate, its authorities perhaps behind it, and its key. */
struct remote_identity {
    char *cert; /* PEM */
    char *key;  /* PEM */
};

/* One place a repository can be had from: a mirror, or the registry itself. */
struct remote_endpoint {
    char *url;  /* scheme, host, port: "https://registry.example:5000" */
    char *name; /* host and port as the user knows them, for messages */
    char *
        repository; /* "library/busybox", as it is called there; empty for SEARCH, CATALOG, FETCH */
    bool mirror;    /* asked for pulls only, and another is tried where it fails */
    bool only_tags; /* a mirror that is asked for tags, or for digests, only */
    bool only_digests;
    bool insecure; /* certificates are not verified, and plain HTTP is tried where TLS is not
                           spoken */
    bool plain;    /* the plain HTTP of its url is what the user wrote */
    char *ca;      /* PEM: authorities besides the system's, or NULL */
    ARRAY_OF(remote_identity)
    identities;     /* the first that the other side takes, by the authorities it names */
    char *username; /* NULL: anonymous */
    char *password;
    char *identity_token; /* an OAuth2 refresh token in place of a password */
    char *registry_token; /* a bearer token to be used as it is */
};

struct remote_setup {
    uint32_t version; /* REMOTE_VERSION */
    ARRAY_OF(remote_endpoint)
    endpoints;        /* in the order in which they are tried; the registry
                                                * itself is the last */
    char *http_proxy; /* as the environment has them; NULL: none */
    char *https_proxy;
    char *no_proxy;
    uint32_t parallel; /* operations that transfer at a time; 0: the default, which is 6 */
    uint32_t
        stall_seconds; /* after which a transfer without a byte is tried anew; 0: the default */
    struct maybe_u64 retries; /* how often in a row something is asked again in vain; default: 5 */
    bool push;                /* tokens are asked for pushing too */
    struct strings mount_repositories; /* repositories that tokens should also read */
};

int remote_setup_parse(const char *json, size_t len, struct remote_setup *ret_setup,
                       struct err *err);
void remote_setup_format(const struct remote_setup *setup, struct str *out);
/* Passwords are overwritten. */
void remote_setup_done(struct remote_setup *setup);
