/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The options of every command that talks to a registry. A command has struct registry_args in its
 * arguments and the rows in its table: REGISTRY_OPTIONS(pull_args, registry).
 */
#include "base/option.h"
#include "image/registry.h"

struct registry_args {
    const char *tls_verify;
    const char *creds;
    const char *authfile;
    const char *cert_dir;
    char *asked; /* what stands in for creds once the password was asked for */
};

extern const char *const registry_bool_words[];

/* Rows for the arguments' struct `s` with the registry_args `m`. */
#define REGISTRY_OPTIONS(s, m) REGISTRY_OPTIONS_OF(s, m, "", "the registry")
/* For a command of two registries: prefix is "src-", whose is "the source's registry". */
#define REGISTRY_OPTIONS_OF(s, m, prefix, whose)                                                   \
    REGISTRY_CONNECTION_OPTIONS(s, m, prefix, whose),                                              \
        OPTION_TEXT(s, m.creds, 0, prefix "creds", "USER[:PASSWORD]",                              \
                    "Whom to be to " whose "; without a password it is asked for")
/* The same without --creds, for `login`. */
#define REGISTRY_CONNECTION_OPTIONS(s, m, prefix, whose)                                           \
    { OPTION_ROW(OPTIONAL, s, m.tls_verify, const char *, 0, prefix "tls-verify", "BOOL",          \
                 "Verify the certificates of " whose "; false also allows plain HTTP"),            \
      .choices = registry_bool_words },                                                            \
        OPTION_TEXT(s, m.authfile, 0, prefix "authfile", "FILE",                                   \
                    "Where the credentials are, in place of auth.json and docker's config.json"),  \
        OPTION_TEXT(s, m.cert_dir, 0, prefix "cert-dir", "DIRECTORY",                              \
                    "Where *.crt, *.cert and *.key for " whose " are, in place of certs.d")

/* Of them only whether certificates are verified, for what is fetched from a server. */
#define SERVER_OPTION(s, m)                                                                        \
    {                                                                                              \
        OPTION_ROW(OPTIONAL, s, m.tls_verify, const char *, 0, "tls-verify", "BOOL",               \
                   "Verify the certificates of a server that a URL names"),                        \
            .choices = registry_bool_words                                                         \
    }

/* Checks them, and asks for a password where --creds has none. What is given borrows from args. */
int registry_args_read(struct registry_args *args, struct registry_options *ret_options,
                       struct err *err);
/* Overwrites and releases what was asked for. */
void registry_args_done(struct registry_args *args);
