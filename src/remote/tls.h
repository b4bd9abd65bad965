/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Whom TLS trusts, and what to tell the user where it does not. libcurl makes the connections; the
 * system's authorities are added here beside those of an endpoint, and what the other side's
 * certificate said is kept for the error.
 */
#include <curl/curl.h>
#include <stdbool.h>

#include "base/mem.h"
#include "base/str.h"
#include "remote/setup.h"

/* The system's authorities. */
struct tls_roots;

/* Reads what is to be read before the process is confined. NULL if libcrypto fails. */
struct tls_roots *tls_roots_new(void);
void tls_roots_free(struct tls_roots *roots);
DROP(tls_roots);

/* One handshake, or several of one transfer. Shared by the transfer and its connection, which may
 * outlive it. */
struct tls_story {
    unsigned refs;
    struct tls_roots *roots;                  /* borrowed */
    bool spoken;                              /* the other side has answered in TLS */
    bool wants_certificate;                   /* of the client's */
    bool none_fits;                           /* of the identities */
    const struct remote_identity *identities; /* to choose from, borrowed */
    size_t n_identities;
    int error;          /* X509_V_ERR_…, or X509_V_OK */
    bool root_at_fault; /* error is about an authority, not about the server */
    char *issuer;       /* of the certificate at fault, or of the server's */
    char *names;        /* what the server's certificate is for */
    char *from;         /* validity of the certificate at fault */
    char *until;
};

struct tls_story *tls_story_new(struct tls_roots *roots);
void tls_story_unref(struct tls_story *story);

/* Makes the handle verify with the system's authorities besides those of CURLOPT_CAINFO_BLOB, or
 * not at all, and tell the story. */
void tls_prepare(CURL *easy, struct tls_story *story, bool verify);
/* Adds why the certificate was not accepted for the host: "its certificate …". */
void tls_explain(const struct tls_story *story, const char *host, struct str *out);
/* Whether an authority that is trusted would change it. */
bool tls_wants_authority(const struct tls_story *story);
