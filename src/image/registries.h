/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * registries.conf, version 2, with its drop-in files: which names are short for what, which
 * registries are somewhere else, blocked or not to be trusted by TLS, and their mirrors. A value:
 * nothing here is asked of a network.
 */
#include "base/err.h"
#include "base/field.h"
#include "base/str.h"
#include "image/reference.h"
#include "image/registry_environment.h"

enum mirror_use { MIRROR_ALL, MIRROR_DIGEST_ONLY, MIRROR_TAG_ONLY };

struct registries_mirror {
    char *location;
    bool insecure;
    enum mirror_use use;
};

/* One [[registry]]. */
struct registries_entry {
    char *prefix;   /* never NULL once loaded */
    char *location; /* NULL: names are not rewritten */
    bool insecure;
    bool blocked;
    bool mirror_by_digest_only;
    ARRAY_OF(registries_mirror) mirrors;
    char *file; /* that has it */
};

enum short_name_mode {
    SHORT_NAME_UNSET,
    SHORT_NAME_ENFORCING,
    SHORT_NAME_PERMISSIVE,
    SHORT_NAME_DISABLED
};

struct registries {
    ARRAY_OF(registries_entry) entries;
    struct strings search; /* unqualified-search-registries */
    bool search_set;
    enum short_name_mode mode;
    struct pairs aliases;   /* an empty value: none */
    struct strings helpers; /* credential-helpers */
};

/* Reads the files that apply to the user; none is fine. */
int registries_load(const struct registry_environment *environment,
                    struct registries *ret_registries, struct err *err);
/* Reads one more file over what there is. `file` is its name in errors. */
int registries_parse(struct registries *registries, const char *toml, size_t len, const char *file,
                     struct err *err);
void registries_done(struct registries *registries);

/* The [[registry]] that a name belongs to, or NULL; *ret_matched: how much of "host/repository" is
 * its prefix. */
const struct registries_entry *registries_find(const struct registries *registries,
                                               const struct reference *reference,
                                               size_t *ret_matched);
/* The same for a registry as a whole. */
const struct registries_entry *registries_find_host(const struct registries *registries,
                                                    const char *host);
/* Gives the reference with what was matched replaced by the location; its tag is not kept. */
int registries_rewrite(const struct registries_entry *entry, const char *location,
                       const struct reference *reference, size_t matched,
                       struct reference **ret_reference, struct err *err);

/* What registry_resolve gives. */
int registries_resolve(const struct registries *registries, const char *text,
                       struct strings *ret_candidates, struct err *err);
