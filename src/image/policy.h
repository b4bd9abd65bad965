/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The user's policy of trust, containers-policy.json(5): which images are taken, which not, and which
 * if they are signed by whom. A value that says what must hold; whoever pulls or runs an image sees
 * to it that it does.
 */
#include "base/err.h"
#include "base/field.h"
#include "base/str.h"
#include "image/reference.h"
#include "image/registry_environment.h"

enum policy_type { POLICY_NONE, POLICY_ACCEPT, POLICY_REJECT, POLICY_SIGSTORE, POLICY_GPG };

/* Which name must have been signed, for the name that is asked for. */
enum policy_match {
    POLICY_MATCH_TAG_OR_REPOSITORY, /* matchRepoDigestOrExact */
    POLICY_MATCH_EXACT,
    POLICY_MATCH_REPOSITORY,
    POLICY_EXACT_REFERENCE,
    POLICY_EXACT_REPOSITORY,
    POLICY_REMAP,
};

struct policy_identity {
    enum policy_match match;
    char *reference;
    char *repository;
    char *prefix;
    char *signed_prefix;
};

/* One requirement. Signed by: any of the keys, for a name that the identity takes. */
struct policy_requirement {
    enum policy_type type;
    struct strings key_paths; /* PEM files */
    struct strings keys;      /* PEM itself */
    struct policy_identity identity;
    const char *unsupported; /* what of it ruche cannot see to; NULL: nothing */
};

/* All of them must hold. */
struct policy_scope {
    char *transport; /* "docker"; "": the default of all */
    char *scope;     /* "": the default of the transport */
    ARRAY_OF(policy_requirement) requirements;
};

struct policy {
    char *file; /* where it stands; NULL: there is none, and anything is taken */
    ARRAY_OF(policy_scope) scopes;
};

/* Reads the file named by --policy (NULL: none), else the user's, else /etc/containers'. No file is
 * fine but where --policy names it. */
int policy_load(const struct registry_environment *environment, const char *path,
                struct policy *ret_policy, struct err *err);
/* Unknown or missing keys are errors, which begin with `file`. */
int policy_parse(const char *json, size_t len, const char *file, struct policy *ret_policy,
                 struct err *err);
void policy_done(struct policy *policy);

/* What must hold for an image from a registry, or for one without a name (reference is NULL):
 * *ret_scope, borrowed from the policy, has the
 * requirements, of which those of the type POLICY_SIGSTORE are the caller's to see to; NULL: nothing
 * has to hold. ERR_DENIED: such images are not taken. ERR_UNSUPPORTED: they would have to be signed
 * in a way that ruche does not know. */
int policy_require(const struct policy *policy, const struct reference *reference,
                   const struct policy_scope **ret_scope, struct err *err);
/* Whether a name that was signed is one that the requirement takes for the name that is asked for. */
bool policy_takes(const struct policy_requirement *requirement, const struct reference *reference,
                  const char *signed_name);
/* Opens the i-th of the requirement's keys for reading, PEM inside. Returns 1, or 0: there are no
 * more. */
int policy_key_open(const struct policy_requirement *requirement, size_t i, int *ret_fd,
                    struct err *err);
