/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files, each of which replaces what those before it say of the same thing:
 *
 *     $CONTAINERS_REGISTRIES_CONF, else the user's registries.conf, else /etc/containers'
 *     /etc/containers/registries.conf.d/(any).conf, by name; not if the user's own file was read
 *     the user's registries.conf.d/(any).conf, by name
 *     podman's own short-name-aliases.conf, for aliases alone
 */
#include "image/registries.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/toml.h"

enum { DROP_INS_MAX = 1000, TEXT_SHOWN_MAX = 100 };

static const char conf_name[] = "registries.conf";
static const char drop_in_name[] = "registries.conf.d";
static const char aliases_name[] = "containers/short-name-aliases.conf";
static const char default_domain[] = "docker.io";

/* ---- one file ---- */

/* As a file has it, before it is checked. */
struct registries_file {
    struct registries own;
    bool v1;                 /* [registries.search] and its like */
    bool storage_helper_set; /* of a storage that ruche has not */
};

static const char *const mirror_use_words[] = { "all", "digest-only", "tag-only", "", NULL };
static const char *const mode_words[] = { "", "enforcing", "permissive", "disabled", NULL };

static const struct field mirror_fields[] = {
    FIELD_TEXT(registries_mirror, location, "location", F_REQUIRED),
    FIELD_BOOL(registries_mirror, insecure, "insecure", 0),
    FIELD_ENUM(registries_mirror, use, "pull-from-mirror", 0, mirror_use, mirror_use_words),
    FIELD_END,
};

static const struct field entry_fields[] = {
    FIELD_TEXT(registries_entry, prefix, "prefix", 0),
    FIELD_TEXT(registries_entry, location, "location", 0),
    FIELD_BOOL(registries_entry, insecure, "insecure", 0),
    FIELD_BOOL(registries_entry, blocked, "blocked", 0),
    FIELD_BOOL(registries_entry, mirror_by_digest_only, "mirror-by-digest-only", 0),
    FIELD_ARRAY(registries_entry, mirrors, "mirror", 0, registries_mirror, mirror_fields),
    FIELD_END,
};

static const struct field file_fields[] = {
    FIELD_ARRAY(registries_file, own.entries, "registry", 0, registries_entry, entry_fields),
    FIELD_LIST(registries_file, own.search, "unqualified-search-registries", 0),
    FIELD_SEEN(registries_file, own.search_set, "unqualified-search-registries"),
    FIELD_ENUM(registries_file, own.mode, "short-name-mode", 0, short_name_mode, mode_words),
    FIELD_PAIRS(registries_file, own.aliases, "aliases", 0),
    FIELD_LIST(registries_file, own.helpers, "credential-helpers", 0),
    FIELD_SEEN(registries_file, v1, "registries"),
    FIELD_SEEN(registries_file, storage_helper_set, "additional-layer-store-auth-helper"),
    FIELD_END,
};

/* Of what a program has recorded nothing else counts. */
static const struct field recorded_fields[] = {
    FIELD_PAIRS(registries_file, own.aliases, "aliases", 0),
    FIELD_END,
};

static void entry_done(struct registries_entry *entry)
{
    free(entry->file);
    entry->file = NULL;
    field_done(entry_fields, entry);
}

void registries_done(struct registries *registries)
{
    struct registries_file file = { .own = *registries };
    for (size_t i = 0; i < registries->entries.len; i++)
        free(registries->entries.at[i].file);
    field_done(file_fields, &file);
    *registries = (struct registries){};
}

/* ---- whether it makes sense ---- */

static void slashes_trim(char *text)
{
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '/')
        text[--len] = '\0';
}

/* Whether a name begins with the host, and not with what would be a repository on docker.io. */
static bool has_host(const char *name, const struct reference *parsed)
{
    return strcmp(parsed->domain, default_domain) != 0 || text_starts(name, "docker.io/") ||
           text_starts(name, "index.docker.io/");
}

/* host[:port] or host[:port]/repository, and nothing behind it. */
static bool location_valid(const char *location)
{
    auto_drop(reference) *parsed = NULL;
    struct err ignored;
    const char *slash = strrchr(location, '/');
    auto_free char *name = slash ? xstrdup(location) : xasprintf("%s/x", location);
    if (strchr(location, '@') || (slash && strchr(slash, ':')))
        return false;
    return reference_parse(name, &parsed, &ignored) == 0 && has_host(name, parsed);
}

static int location_check(const char *location, const char *key, const char *file, struct err *err)
{
    if (strstr(location, "://"))
        return err_set(err, ERR_INVALID, "%s: %s \"%s\" is a URL; leave its scheme out", file, key,
                       location);
    if (!location_valid(location))
        return err_set(err, ERR_INVALID,
                       "%s: %s \"%s\" is not of the form host[:port][/repository]; a host has a "
                       "'.' or a ':' in it, or is localhost",
                       file, key, location);
    return 0;
}

static bool is_wildcard(const char *prefix)
{
    return text_starts(prefix, "*.");
}

static int prefix_check(const char *prefix, const char *file, struct err *err)
{
    if (strstr(prefix, "://"))
        return err_set(err, ERR_INVALID, "%s: prefix \"%s\" is a URL; leave its scheme out", file,
                       prefix);
    const char *rest = is_wildcard(prefix) ? prefix + 2 : prefix;
    bool bad = is_wildcard(prefix) && (!rest[0] || strpbrk(rest, "/:"));
    if (bad || strchr(rest, '*'))
        return err_set(err, ERR_INVALID,
                       "%s: prefix \"%s\": a '*' may only stand for subdomains of a host alone, as "
                       "in *.example.com",
                       file, prefix);
    return 0;
}

static int mirrors_check(const struct registries_entry *entry, const char *file, struct err *err)
{
    for (size_t i = 0; i < entry->mirrors.len; i++) {
        struct registries_mirror *mirror = &entry->mirrors.at[i];
        slashes_trim(mirror->location);
        if (location_check(mirror->location, "location of a mirror", file, err) < 0)
            return -1;
        if (strcmp(mirror_use_words[mirror->use], "") == 0)
            mirror->use = MIRROR_ALL;
        if (mirror->use != MIRROR_ALL && entry->mirror_by_digest_only)
            return err_set(err, ERR_INVALID,
                           "%s: registry \"%s\" has both mirror-by-digest-only and a mirror with "
                           "pull-from-mirror; one of them says it all",
                           file, entry->prefix);
    }
    return 0;
}

/* An empty text is as if it were absent. */
static void text_empty_drop(char **text)
{
    if (*text)
        slashes_trim(*text);
    if (*text && !**text) {
        free(*text);
        *text = NULL;
    }
}

static int entry_check(struct registries_entry *entry, const char *file, struct err *err)
{
    text_empty_drop(&entry->prefix);
    text_empty_drop(&entry->location);
    if (!entry->prefix && !entry->location)
        return err_set(err, ERR_INVALID, "%s: a [[registry]] has neither prefix nor location",
                       file);
    if (entry->location && location_check(entry->location, "location", file, err) < 0)
        return -1;
    if (!entry->prefix)
        entry->prefix = xstrdup(entry->location);
    if (prefix_check(entry->prefix, file, err) < 0)
        return -1;
    if (!entry->location && !is_wildcard(entry->prefix))
        return err_set(err, ERR_INVALID, "%s: registry \"%s\" has no location", file,
                       entry->prefix);
    entry->file = xstrdup(file);
    return mirrors_check(entry, file, err);
}

static int aliases_check(const struct pairs *aliases, const char *file, struct err *err)
{
    for (size_t i = 0; i < aliases->len; i++) {
        const struct pair *alias = &aliases->at[i];
        if (alias->value[0] && !(strchr(alias->value, '/') && location_valid(alias->value)))
            return err_set(err, ERR_INVALID,
                           "%s: alias \"%s\" = \"%s\": it must be a name with a host and without "
                           "a tag",
                           file, alias->key, alias->value);
    }
    return 0;
}

static int file_check(struct registries_file *file, const char *name, struct err *err)
{
    struct registries *own = &file->own;
    if (file->v1)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s: [registries.search], [registries.insecure] and [registries.block] are "
                       "of version 1 of the format, which is not read; use "
                       "unqualified-search-registries and [[registry]]",
                       name);
    for (size_t i = 0; i < own->search.len; i++) {
        slashes_trim(own->search.at[i]);
        if (location_check(own->search.at[i], "unqualified-search-registries:", name, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < own->entries.len; i++) {
        if (entry_check(&own->entries.at[i], name, err) < 0)
            return -1;
        for (size_t j = 0; j < i; j++)
            if (strcmp(own->entries.at[i].prefix, own->entries.at[j].prefix) == 0)
                return err_set(err, ERR_INVALID, "%s: registry \"%s\" is there twice", name,
                               own->entries.at[i].prefix);
    }
    return aliases_check(&own->aliases, name, err);
}

/* ---- one over the other ---- */

static void entries_merge(struct registries *registries, struct registries *from)
{
    for (size_t i = 0; i < from->entries.len; i++) {
        struct registries_entry *entry = NULL;
        for (size_t j = 0; j < registries->entries.len && !entry; j++)
            if (strcmp(registries->entries.at[j].prefix, from->entries.at[i].prefix) == 0)
                entry = &registries->entries.at[j];
        if (entry)
            entry_done(entry);
        else
            entry = array_add(&registries->entries);
        *entry = from->entries.at[i];
        from->entries.at[i] = (struct registries_entry){};
    }
}

static void registries_merge(struct registries *registries, struct registries *from)
{
    entries_merge(registries, from);
    if (from->search_set) {
        strings_copy(&registries->search, &from->search);
        registries->search_set = true;
    }
    if (from->mode != SHORT_NAME_UNSET)
        registries->mode = from->mode;
    if (from->helpers.len > 0)
        strings_copy(&registries->helpers, &from->helpers);
    for (size_t i = 0; i < from->aliases.len; i++)
        pairs_put(&registries->aliases, from->aliases.at[i].key, from->aliases.at[i].value);
}

int registries_parse(struct registries *registries, const char *toml, size_t len, const char *file,
                     struct err *err)
{
    struct registries_file read = {};
    auto_done(str) json = {};
    if (toml_to_json(toml, len, file, &json, err) < 0 ||
        field_read(file_fields, str_text(&json), json.len, file, FIELD_UNKNOWN_IS_ERROR, &read,
                   err) < 0)
        return -1;
    int result = file_check(&read, file, err);
    if (result == 0)
        registries_merge(registries, &read.own);
    registries_done(&read.own);
    return result;
}

/* Returns 1, or 0 if there is no such file. */
static int file_read(struct registries *registries, const char *path, struct err *err)
{
    auto_free char *data = NULL;
    size_t len = 0;
    int found = path ? file_load(AT_FDCWD, path, TOML_BYTES_MAX, &data, &len, err) : 0;
    if (found <= 0)
        return found;
    return registries_parse(registries, data, len, path, err) < 0 ? -1 : 1;
}

static int name_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int drop_ins_read(struct registries *registries, const char *directory, struct err *err)
{
    auto_done(strings) names = {};
    if (!directory || dir_list(AT_FDCWD, directory, &names, err) < 0)
        return directory ? -1 : 0;
    if (names.len > DROP_INS_MAX)
        return err_set(err, ERR_INVALID, "%s: more than %d files", directory, DROP_INS_MAX);
    if (names.len > 0)
        qsort(names.at, names.len, sizeof(*names.at), name_compare);
    for (size_t i = 0; i < names.len; i++) {
        auto_free char *path = xasprintf("%s/%s", directory, names.at[i]);
        struct stat stat_;
        /* Directories are passed over, whatever they are called. */
        if (!text_ends(names.at[i], ".conf") || stat(path, &stat_) < 0 || S_ISDIR(stat_.st_mode))
            continue;
        if (file_read(registries, path, err) < 0)
            return -1;
    }
    return 0;
}

/* What podman has found out by asking its user. */
static int recorded_read(const struct registry_environment *environment,
                         struct registries *registries, struct err *err)
{
    struct registries_file read = {};
    auto_free char *path = registry_cache_path(environment, aliases_name);
    auto_free char *data = NULL;
    auto_done(str) json = {};
    size_t len = 0;
    int found = path ? file_load(AT_FDCWD, path, TOML_BYTES_MAX, &data, &len, err) : 0;
    if (found <= 0)
        return found;
    if (toml_to_json(data, len, path, &json, err) < 0 ||
        field_read(recorded_fields, str_text(&json), json.len, path, 0, &read, err) < 0)
        return -1;
    int result = aliases_check(&read.own.aliases, path, err);
    if (result == 0)
        registries_merge(registries, &read.own);
    registries_done(&read.own);
    return result;
}

static int files_read(const struct registry_environment *environment, struct registries *registries,
                      struct err *err)
{
    auto_free char *system_file = registry_system_path(environment, conf_name);
    auto_free char *system_dir = registry_system_path(environment, drop_in_name);
    auto_free char *user_file = registry_user_path(environment, "containers/registries.conf");
    auto_free char *user_dir = registry_user_path(environment, "containers/registries.conf.d");
    const char *given = environment->registries_conf;
    int found = file_read(registries, given ? given : user_file, err);
    if (found == 0 && given)
        return err_set(err, ERR_NOT_FOUND,
                       "CONTAINERS_REGISTRIES_CONF names %s, which is not there", given);
    bool user_only = found > 0 && !given;
    if (found == 0)
        found = file_read(registries, system_file, err);
    if (found < 0 || (!user_only && drop_ins_read(registries, system_dir, err) < 0))
        return -1;
    if (drop_ins_read(registries, user_dir, err) < 0)
        return -1;
    return recorded_read(environment, registries, err);
}

int registries_load(const struct registry_environment *environment,
                    struct registries *ret_registries, struct err *err)
{
    struct registries registries = {};
    if (files_read(environment, &registries, err) < 0) {
        registries_done(&registries);
        return -1;
    }
    *ret_registries = registries;
    return 0;
}

/* ---- which one ---- */

/* How much of "host/repository:tag@digest" the prefix is, or 0. It ends where a part of the name
 * does. A host without a port is not that host with one, unless any_port. */
static size_t prefix_match(const char *prefix, const char *name, bool any_port)
{
    size_t matched = strlen(prefix);
    bool host_alone = !strchr(prefix, '/');
    if (is_wildcard(prefix)) {
        const char *suffix = prefix + 1;
        size_t host_len = strcspn(name, "/:");
        size_t suffix_len = strlen(suffix);
        if (host_len <= suffix_len || memcmp(name + host_len - suffix_len, suffix, suffix_len) != 0)
            return 0;
        matched = host_len;
    } else if (!text_starts(name, prefix)) {
        return 0;
    }
    char next = name[matched];
    if (next == ':' && host_alone)
        return any_port ? matched : 0;
    return next == '\0' || next == '/' || next == ':' || next == '@' ? matched : 0;
}

/* The name without a port that is implied anyway. Owned by the caller. */
static char *port_drop(const char *name)
{
    static const char *const implied[] = { ":443", ":80" };
    size_t host_len = strcspn(name, "/:");
    for (size_t i = 0; i < array_size(implied); i++) {
        const char *behind = name + host_len + strlen(implied[i]);
        if (text_starts(name + host_len, implied[i]) && (*behind == '/' || *behind == '\0'))
            return xasprintf("%.*s%s", (int)host_len, name, behind);
    }
    return xstrdup(name);
}

/* What is blocked must not be had by adding a port, nor by leaving one out that is implied. */
static size_t entry_match(const struct registries_entry *entry, const char *name)
{
    size_t matched = prefix_match(entry->prefix, name, entry->blocked);
    if (matched > 0 || !entry->blocked)
        return matched;
    auto_free char *prefix = port_drop(entry->prefix);
    auto_free char *bare = port_drop(name);
    return prefix_match(prefix, bare, false);
}

static const struct registries_entry *name_find(const struct registries *registries,
                                                const char *name, size_t *ret_matched)
{
    const struct registries_entry *found = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < registries->entries.len; i++) {
        const struct registries_entry *entry = &registries->entries.at[i];
        size_t matched = entry_match(entry, name);
        if (matched == 0 || strlen(entry->prefix) <= longest)
            continue;
        found = entry;
        longest = strlen(entry->prefix);
        *ret_matched = matched;
    }
    return found;
}

const struct registries_entry *registries_find(const struct registries *registries,
                                               const struct reference *reference,
                                               size_t *ret_matched)
{
    auto_free char *repository = reference_repository(reference);
    auto_free char *name = xasprintf(
        "%s%s%s%s%s", repository, reference->tag ? ":" : "", reference->tag ? reference->tag : "",
        reference->digest ? "@" : "", reference->digest ? reference->digest : "");
    return name_find(registries, name, ret_matched);
}

const struct registries_entry *registries_find_host(const struct registries *registries,
                                                    const char *host)
{
    size_t ignored;
    return name_find(registries, host, &ignored);
}

int registries_rewrite(const struct registries_entry *entry, const char *location,
                       const struct reference *reference, size_t matched,
                       struct reference **ret_reference, struct err *err)
{
    auto_free char *repository = reference_repository(reference);
    size_t len = strlen(repository);
    auto_free char *name =
        xasprintf("%s%s", location, repository + (matched < len ? matched : len));
    auto_drop(reference) *there = NULL;
    if (reference_parse(name, &there, err) < 0)
        return err_wrap(err, "%s: registry \"%s\"", entry->file, entry->prefix);
    if (!has_host(name, there))
        return err_set(err, ERR_INVALID,
                       "%s: registry \"%s\" makes \"%s\" of %s, which has no host", entry->file,
                       entry->prefix, name, repository);
    *ret_reference = take_ptr(there);
    return 0;
}

/* ---- short names ---- */

/* How long the name is that a tag or a digest stands behind. */
static size_t name_len(const char *text)
{
    size_t len = strcspn(text, "@");
    for (size_t i = len; i > 0 && text[i - 1] != '/'; i--)
        if (text[i - 1] == ':')
            len = i - 1;
    return len;
}

static int candidate_add(const char *name, const char *tail, struct strings *candidates,
                         struct err *err)
{
    auto_drop(reference) *reference = NULL;
    auto_free char *text = xasprintf("%s%s", name, tail);
    if (reference_parse(text, &reference, err) < 0)
        return -1;
    char *repository = reference_repository(reference);
    strings_addf(candidates, "%s%s%s%s%s", repository, reference->tag ? ":" : "",
                 reference->tag ? reference->tag : "", reference->digest ? "@" : "",
                 reference->digest ? reference->digest : "");
    free(repository);
    return 0;
}

static int fail_ambiguous(const char *text, const struct strings *candidates, struct err *err)
{
    auto_done(str) names = { .max_bytes = 600 };
    for (size_t i = 0; i < candidates->len; i++) {
        auto_free char *familiar = reference_familiar(candidates->at[i]);
        bool hub = strcmp(familiar, candidates->at[i]) != 0;
        str_addf(&names, "%s%s%s", i > 0 ? ", " : "", hub ? "docker.io/" : "", familiar);
    }
    (void)err_set(err, ERR_INVALID, "\"%s\" may be %s%s", text, str_text(&names),
                  names.over ? "…" : "");
    return err_hint(err, "write which, or give it an alias in registries.conf");
}

int registries_resolve(const struct registries *registries, const char *text,
                       struct strings *ret_candidates, struct err *err)
{
    auto_drop(reference) *reference = NULL;
    struct strings candidates = {};
    if (reference_parse(text, &reference, err) < 0)
        return -1;
    size_t len = name_len(text);
    auto_free char *name = xstrndup(text, len);
    const char *alias = pairs_value(&registries->aliases, name);
    bool is_short = !has_host(text, reference);
    bool all = registries->mode == SHORT_NAME_PERMISSIVE || registries->mode == SHORT_NAME_DISABLED;
    int result = 0;
    if (is_short && alias && alias[0]) {
        result = candidate_add(alias, text + len, &candidates, err);
    } else if (is_short && registries->search.len > 0) {
        for (size_t i = 0; i < registries->search.len && result == 0; i++) {
            auto_free char *whole = xasprintf("%s/%s", registries->search.at[i], name);
            result = candidate_add(whole, text + len, &candidates, err);
        }
    } else {
        result = candidate_add(name, text + len, &candidates, err);
    }
    if (result == 0 && candidates.len > 1 && !all)
        result = fail_ambiguous(text, &candidates, err);
    if (result < 0)
        strings_done(&candidates);
    else
        *ret_candidates = candidates;
    return result;
}
