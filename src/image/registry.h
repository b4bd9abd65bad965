/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * From the name of an image to whom a registry client talks: what the user's files say of registries,
 * mirrors, certificates and credentials (docs/formats/registries.md), read anew by each call. Nothing
 * here talks to a network; credential helpers are run.
 */
#include "base/err.h"
#include "base/field.h"
#include "base/str.h"
#include "image/reference.h"
#include "image/registry_environment.h"
#include "remote/setup.h"

/* What the command line says; {}: nothing. Texts are borrowed. */
struct registry_options {
    const struct registry_environment *environment; /* NULL: the process's */
    struct maybe_bool tls_verify; /* --tls-verify; unset: as registries.conf has it */
    const char *creds;            /* --creds USER:PASSWORD, for the registry, not its mirrors */
    const char *authfile;         /* --authfile */
    const char *cert_dir;         /* --cert-dir: instead of certs.d */
};

enum registry_purpose {
    REGISTRY_PULL, /* what only reads: mirrors are asked, and names rewritten */
    REGISTRY_PUSH, /* what also writes or deletes: neither */
};

/* What a name that a user wrote may mean, in the order in which it is to be tried: normal forms, with
 * the digest behind the tag where both were given. A name with a host means one; a short one what
 * [aliases] say, else the one at the only unqualified-search-registry, or docker.io where there is
 * none. With several of these the name is an error that lists them (ERR_INVALID), unless the user's
 * short-name-mode says to try them all. At least one is given. */
int registry_resolve(const struct registry_options *options, const char *text,
                     struct strings *ret_candidates, struct err *err);

/* Gives whom to talk to about the reference's repository. ERR_DENIED: it is blocked. Released by
 * remote_setup_done. */
int registry_setup(const struct registry_options *options, const struct reference *reference,
                   enum registry_purpose purpose, struct remote_setup *ret_setup, struct err *err);
/* The same for a registry as a whole, "docker.io" or "host:5000", with the credentials of the place
 * if it has a namespace behind it; no mirrors, no repository. */
int registry_setup_host(const struct registry_options *options, const char *place,
                        struct remote_setup *ret_setup, struct err *err);

/* The same for what a URL leads to, http://… or https://…: no mirrors, no repository, no credentials.
 * ERR_INVALID: it is none. */
int registry_setup_url(const struct registry_options *options, const char *url,
                       struct remote_setup *ret_setup, struct err *err);

/* Makes what people write for a registry a place: "host[:port]" or "host[:port]/namespace", as names
 * have them; "docker.io" for docker's. A URL is taken for its host. Owned by the caller. */
int registry_place(const char *text, char **ret_place, struct err *err);

/* Asks the registry whether it takes the credentials: those of --creds, else those that are stored.
 * ERR_DENIED: it does not. */
int registry_login_check(const struct registry_options *options, const char *place,
                         struct err *err);
/* Who is logged in: the name that is stored for the place. Returns 1, or 0 if there is none. */
int registry_login_find(const struct registry_options *options, const char *place, char **ret_user,
                        struct err *err);
/* Stores the name and password for the place, or gives them to the credential helper that the file
 * names. *ret_where: the file or the helper, for the user; owned by the caller. */
int registry_login_save(const struct registry_options *options, const char *place, const char *user,
                        const char *password, char **ret_where, struct err *err);
/* Forgets them. Returns 1, or 0 if there were none. ERR_CONFLICT: they are in a file that is only
 * read. */
int registry_logout(const struct registry_options *options, const char *place, struct err *err);
/* Forgets those of all places; *ret_places: which. */
int registry_logout_all(const struct registry_options *options, struct strings *ret_places,
                        struct err *err);
