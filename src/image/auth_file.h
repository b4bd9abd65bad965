/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One file of credentials: docker's format, which containers' auth.json shares. Reading it is by
 * field tables, for what is known of it; changing it keeps whatever else is in it.
 */
#include "base/err.h"
#include "base/field.h"
#include "image/credentials.h"

/* An entry of "auths". */
struct auth_entry {
    char *key;
    char *auth; /* base64 of USER:PASSWORD */
    char *username;
    char *password;
    char *identity_token;
    char *registry_token;
};

struct auth_file {
    ARRAY_OF(auth_entry) entries;
    struct pairs helpers; /* "credHelpers" */
    char *store;          /* "credsStore" */
};

enum auth_file_flags {
    AUTH_FILE_LEGACY = 1 << 0, /* .dockercfg: the entries alone */
};

/* Returns 1, or 0 if there is no such file; an empty one is one without entries. Errors quote
 * nothing of it. */
int auth_file_load(const char *path, enum auth_file_flags flags, struct auth_file *ret_file,
                   struct err *err);
/* Secrets are overwritten. */
void auth_file_done(struct auth_file *file);

/* The key a place goes by, or one above it: the longest; NULL: none. Keys that are URLs are hosts,
 * and docker's registry has several names. */
const struct auth_entry *auth_file_entry(const struct auth_file *file, const char *place);
/* The helper that has the credentials of a place ("credHelpers", else "credsStore"), or NULL. */
const char *auth_file_helper(const struct auth_file *file, const char *place);
/* Whether a key of the file is that place, and not only one above it. */
bool auth_key_is(const char *key, const char *place);
/* Gives what an entry says, which may be nothing: 0. Returns 1 if it says something. `path` is the
 * file's, for errors. */
int auth_entry_credentials(const struct auth_entry *entry, const char *path,
                           struct credentials *ret_credentials, struct err *err);

/* What is put for a place. */
struct auth_change {
    const char *place; /* NULL: all of them, where nothing is put */
    const char *auth;  /* base64; NULL: the entry goes; "": it stays, empty, as a helper has it */
};

/* Changes one entry: under a lock, beside, synced, renamed, mode 0600, directories made. Returns 1,
 * or 0 if there was nothing to change. */
int auth_file_change(const char *path, const struct auth_change *change, struct err *err);
