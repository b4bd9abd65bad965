/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The files that say who one is to which registry: containers' auth.json, docker's config.json and
 * .dockercfg, and the credential helpers they name. A place is "host[:port]" or a namespace or a
 * repository below it, "host/a/b"; docker's registry is "docker.io".
 */
#include "base/str.h"
#include "image/credentials.h"
#include "image/registry_environment.h"

/* Where to look. */
struct auth {
    const struct registry_environment *environment;
    const char *authfile;          /* --authfile, or NULL */
    const struct strings *helpers; /* credential-helpers of registries.conf; NULL: none */
};

/* The credentials for a place, or the nearest above it. *ret_where, unless NULL: the file or helper
 * that has them, owned by the caller. Returns 1, or 0 if there are none. */
int auth_find(const struct auth *auth, const char *place, struct credentials *ret_credentials,
              char **ret_where, struct err *err);
/* Stores a name and password. *ret_where: the file or helper that has them now, owned by the caller.
 */
int auth_save(const struct auth *auth, const char *place, const char *username,
              const char *password, char **ret_where, struct err *err);
/* Forgets what auth_save stored. Returns 1, or 0 if there was nothing. */
int auth_remove(const struct auth *auth, const char *place, struct err *err);
/* Forgets all; *ret_places: which there were. */
int auth_remove_all(const struct auth *auth, struct strings *ret_places, struct err *err);
