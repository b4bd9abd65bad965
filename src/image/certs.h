/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Certificates for a registry, from directories called like it (containers-certs.d(5), docker's
 * certs.d). What they hold is not looked into, but for being PEM. */
#include "base/err.h"
#include "image/registry_environment.h"
#include "remote/setup.h"

/* PEM; NULL: none. */
struct certs {
    char *ca; /* all *.crt */
    ARRAY_OF(remote_identity)
    identities; /* each *.cert with its *.key, by name */
};

/* directory: --cert-dir, which has the files itself; NULL: the first there is of certs.d/HOST below
 * the user's configuration, /etc/containers and /etc/docker. */
int certs_load(const struct registry_environment *environment, const char *directory,
               const char *host, struct certs *ret_certs, struct err *err);
/* Keys are overwritten. */
void certs_done(struct certs *certs);
