/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Who one is to a registry, and docker's credential helpers: programs docker-credential-NAME that
 * keep secrets elsewhere and are asked on their standard streams. */
#include "base/err.h"
#include "image/registry_environment.h"

/* NULL: not there. */
struct credentials {
    char *username;
    char *password;
    char *identity_token;
    char *registry_token;
};

/* Secrets are overwritten. */
void credentials_done(struct credentials *credentials);

/* What the helper has for the server. Returns 1, or 0 if it has nothing. */
int credential_helper_get(const struct registry_environment *environment, const char *name,
                          const char *server, struct credentials *ret_credentials, struct err *err);
int credential_helper_store(const struct registry_environment *environment, const char *name,
                            const char *server, const char *username, const char *secret,
                            struct err *err);
/* Returns 1, or 0 if it had nothing. */
int credential_helper_erase(const struct registry_environment *environment, const char *name,
                            const char *server, struct err *err);
