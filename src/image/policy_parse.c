/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a policy. What is not known in it makes all of it an error, as its format wants: it might
 * have been what keeps an image away. What is known and cannot be seen to is kept, and an error for
 * the images it is about.
 */
#include <fcntl.h>
#include <string.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/policy.h"

enum { FILE_MAX_BYTES = 4 << 20, NAME_SHOWN_MAX = 200 };

static const char *const type_words[] = { "",         "insecureAcceptAnything",
                                          "reject",   "sigstoreSigned",
                                          "signedBy", NULL };
static const char *const match_words[] = {
    "matchRepoDigestOrExact", "matchExact", "matchRepository", "exactReference", "exactRepository",
    "remapIdentity",          NULL
};

/* A requirement as it stands there. */
struct requirement_text {
    enum policy_type type;
    char *key_type;
    char *key_path;
    char *key_data;
    struct strings key_paths;
    struct strings key_datas;
    struct policy_identity *identity;
    bool fulcio;
    bool pki;
    bool rekor;
};

static const struct field identity_fields[] = {
    FIELD_ENUM(policy_identity, match, "type", F_REQUIRED, policy_match, match_words),
    FIELD_TEXT(policy_identity, reference, "dockerReference", 0),
    FIELD_TEXT(policy_identity, repository, "dockerRepository", 0),
    FIELD_TEXT(policy_identity, prefix, "prefix", 0),
    FIELD_TEXT(policy_identity, signed_prefix, "signedPrefix", 0),
    FIELD_END,
};

static const struct field requirement_fields[] = {
    FIELD_ENUM(requirement_text, type, "type", F_REQUIRED, policy_type, type_words),
    FIELD_TEXT(requirement_text, key_type, "keyType", 0),
    FIELD_TEXT(requirement_text, key_path, "keyPath", 0),
    FIELD_TEXT(requirement_text, key_data, "keyData", 0),
    FIELD_LIST(requirement_text, key_paths, "keyPaths", 0),
    FIELD_LIST(requirement_text, key_datas, "keyDatas", 0),
    FIELD_POINTER(requirement_text, identity, "signedIdentity", 0, policy_identity,
                  identity_fields),
    FIELD_SEEN(requirement_text, fulcio, "fulcio"),
    FIELD_SEEN(requirement_text, pki, "pki"),
    FIELD_SEEN(requirement_text, rekor, "rekorPublicKeyPath"),
    FIELD_SEEN(requirement_text, rekor, "rekorPublicKeyData"),
    FIELD_SEEN(requirement_text, rekor, "rekorPublicKeyPaths"),
    FIELD_SEEN(requirement_text, rekor, "rekorPublicKeyDatas"),
    FIELD_END,
};

struct reader {
    const char *file;
    struct policy *policy;
    struct err *err;
};

static void requirement_done(struct policy_requirement *requirement)
{
    strings_done(&requirement->key_paths);
    strings_done(&requirement->keys);
    field_done(identity_fields, &requirement->identity);
}

void policy_done(struct policy *policy)
{
    for (size_t i = 0; i < policy->scopes.len; i++) {
        struct policy_scope *scope = &policy->scopes.at[i];
        for (size_t j = 0; j < scope->requirements.len; j++)
            requirement_done(&scope->requirements.at[j]);
        free(scope->requirements.at);
        free(scope->transport);
        free(scope->scope);
    }
    free(policy->scopes.at);
    free(policy->file);
    *policy = (struct policy){};
}

/* ---- identities ---- */

static bool is_repository(const char *name)
{
    auto_drop(reference) *parsed = NULL;
    struct err ignored;
    const char *slash = strrchr(name, '/');
    return slash && !strchr(slash, ':') && !strchr(name, '@') &&
           reference_parse(name, &parsed, &ignored) == 0;
}

static bool is_whole_name(const char *name)
{
    auto_drop(reference) *parsed = NULL;
    struct err ignored;
    const char *slash = strrchr(name, '/');
    return (strchr(name, '@') || (slash && strchr(slash, ':'))) &&
           reference_parse(name, &parsed, &ignored) == 0;
}

/* A host, or a host and what is below it. */
static bool is_prefix(const char *name)
{
    auto_free char *below = xasprintf("%s/x", name);
    return is_repository(below);
}

/* Each type has the keys that are its own, and no others. */
static const char *identity_fault(const struct policy_identity *identity)
{
    bool reference = identity->match == POLICY_EXACT_REFERENCE;
    bool repository = identity->match == POLICY_EXACT_REPOSITORY;
    bool remap = identity->match == POLICY_REMAP;
    if (reference != !!identity->reference)
        return "dockerReference and exactReference belong together";
    if (repository != !!identity->repository)
        return "dockerRepository and exactRepository belong together";
    if (remap != !!identity->prefix || remap != !!identity->signed_prefix)
        return "prefix, signedPrefix and remapIdentity belong together";
    if (reference && !is_whole_name(identity->reference))
        return "dockerReference is no name with a tag or digest";
    if (repository && !is_repository(identity->repository))
        return "dockerRepository is no name without a tag";
    if (remap && (!is_prefix(identity->prefix) || !is_prefix(identity->signed_prefix)))
        return "prefix and signedPrefix are no hosts or repositories";
    return NULL;
}

/* ---- requirements ---- */

static bool key_add(struct strings *keys, const char *base64)
{
    auto_free char *pem = NULL;
    size_t len = 0;
    if (!base64_decode(base64, strlen(base64), &pem, &len) || strlen(pem) != len || len == 0)
        return false;
    strings_add_taken(keys, take_ptr(pem));
    return true;
}

static const char *keys_take(struct requirement_text *text, struct policy_requirement *requirement)
{
    for (size_t i = 0; i < text->key_datas.len; i++)
        if (!key_add(&requirement->keys, text->key_datas.at[i]))
            return "keyDatas has one that is no key in base64";
    if (text->key_data && !key_add(&requirement->keys, text->key_data))
        return "keyData is no key in base64";
    strings_copy(&requirement->key_paths, &text->key_paths);
    if (text->key_path)
        strings_add(&requirement->key_paths, text->key_path);
    return NULL;
}

static const char *signed_fault(struct requirement_text *text,
                                struct policy_requirement *requirement)
{
    int n = !!text->key_path + !!text->key_data + (text->key_paths.len > 0) +
            (text->key_datas.len > 0) + text->fulcio + text->pki;
    if (n != 1)
        return "it has to have exactly one of keyPath, keyPaths, keyData and keyDatas";
    if (text->identity) {
        requirement->identity = *text->identity;
        *text->identity = (struct policy_identity){};
    }
    if (requirement->type == POLICY_GPG) {
        requirement->unsupported = "GPG keys (signedBy)";
        return NULL; /* its keys are a keyring, in another form */
    }
    if (text->key_type)
        return "keyType belongs to signedBy";
    if (text->fulcio || text->pki || text->rekor)
        requirement->unsupported = "fulcio, pki and rekor (sigstoreSigned)";
    const char *fault = identity_fault(&requirement->identity);
    return fault ? fault : keys_take(text, requirement);
}

static const char *requirement_fault(struct requirement_text *text,
                                     struct policy_requirement *requirement)
{
    requirement->type = text->type;
    if (text->type == POLICY_NONE)
        return "its type is empty";
    if (text->type == POLICY_SIGSTORE || text->type == POLICY_GPG)
        return signed_fault(text, requirement);
    bool more = text->key_type || text->key_path || text->key_data || text->key_paths.len > 0 ||
                text->key_datas.len > 0 || text->identity || text->fulcio || text->pki ||
                text->rekor;
    return more ? "it has keys that do not belong to its type" : NULL;
}

static int requirement_read(const struct reader *reader, const char *what, const json_t *value,
                            struct policy_requirement *requirement)
{
    struct requirement_text text = {};
    char *json = json_is_object(value) ? json_dumps(value, 0) : NULL;
    if (!json)
        return err_set(reader->err, ERR_INVALID, "%s: it is no object", what);
    int result = field_read(requirement_fields, json, strlen(json), what, FIELD_UNKNOWN_IS_ERROR,
                            &text, reader->err);
    free(json);
    if (result < 0)
        return -1;
    const char *fault = requirement_fault(&text, requirement);
    field_done(requirement_fields, &text);
    return fault ? err_set(reader->err, ERR_INVALID, "%s: %s", what, fault) : 0;
}

/* ---- scopes ---- */

/* "FILE: docker \"SCOPE\"" */
static char *scope_title(const struct reader *reader, const char *transport, const char *scope)
{
    auto_done(str) title = { .max_bytes = NAME_SHOWN_MAX };
    if (!transport[0])
        return xasprintf("%s: default", reader->file);
    text_escape(&title, transport, strlen(transport));
    str_add(&title, " \"");
    text_escape(&title, scope, strlen(scope));
    str_add_char(&title, '"');
    return xasprintf("%s: %s", reader->file, str_text(&title));
}

/* A host with subdomains before it may be "*.example.com", and nothing else has a '*'. */
static bool scope_valid(const char *transport, const char *scope)
{
    if (strcmp(transport, "docker") != 0 || !strchr(scope, '*'))
        return true;
    return text_starts(scope, "*.") && scope[2] && !strpbrk(scope + 2, "*/");
}

static int scope_read(const struct reader *reader, const char *transport, const char *scope,
                      const json_t *value)
{
    auto_free char *title = scope_title(reader, transport, scope);
    size_t i;
    json_t *item;
    if (!json_is_array(value) || json_array_size(value) == 0)
        return err_set(reader->err, ERR_INVALID,
                       "%s: it has to be an array of requirements, with "
                       "one at least",
                       title);
    if (!scope_valid(transport, scope))
        return err_set(reader->err, ERR_INVALID,
                       "%s: a '*' may only stand for subdomains, as in "
                       "*.example.com",
                       title);
    struct policy_scope *row = array_add(&reader->policy->scopes);
    row->transport = xstrdup(transport);
    row->scope = xstrdup(scope);
    json_array_foreach(value, i, item)
    {
        auto_free char *what = xasprintf("%s: requirement %zu", title, i + 1);
        if (requirement_read(reader, what, item, array_add(&row->requirements)) < 0)
            return -1;
    }
    return 0;
}

static int transports_read(const struct reader *reader, json_t *transports)
{
    const char *transport, *scope;
    json_t *scopes, *value;
    if (transports && !json_is_object(transports))
        return err_set(reader->err, ERR_INVALID, "%s: transports is no object", reader->file);
    json_object_foreach(transports, transport, scopes)
    {
        if (!json_is_object(scopes) || !transport[0])
            return err_set(reader->err, ERR_INVALID, "%s: transports has one that is no object",
                           reader->file);
        json_object_foreach(scopes, scope, value)
        {
            if (scope_read(reader, transport, scope, value) < 0)
                return -1;
        }
    }
    return 0;
}

static int root_read(const struct reader *reader, json_t *root)
{
    const char *key;
    json_t *value;
    if (!json_is_object(root))
        return err_set(reader->err, ERR_INVALID, "%s: it is no object", reader->file);
    json_object_foreach(root, key, value)
    {
        if (strcmp(key, "default") == 0 || strcmp(key, "transports") == 0)
            continue;
        auto_done(str) shown = { .max_bytes = NAME_SHOWN_MAX };
        text_escape(&shown, key, strlen(key));
        return err_set(reader->err, ERR_INVALID, "%s: unknown key \"%s\"", reader->file,
                       str_text(&shown));
    }
    value = json_object_get(root, "default");
    if (!value)
        return err_set(reader->err, ERR_INVALID, "%s: \"default\" is missing", reader->file);
    if (scope_read(reader, "", "", value) < 0)
        return -1;
    return transports_read(reader, json_object_get(root, "transports"));
}

int policy_parse(const char *json, size_t len, const char *file, struct policy *ret_policy,
                 struct err *err)
{
    struct policy policy = {};
    struct document document;
    const struct reader reader = { .file = file, .policy = &policy, .err = err };
    if (document_open(&document, json, len, file, err) < 0)
        return -1;
    int result = root_read(&reader, document.root);
    document_close(&document);
    if (result < 0) {
        policy_done(&policy);
        return -1;
    }
    policy.file = xstrdup(file);
    *ret_policy = policy;
    return 0;
}

/* Returns 1, or 0 if there is no such file. */
static int file_read(const char *path, struct policy *ret_policy, struct err *err)
{
    auto_free char *data = NULL;
    size_t len = 0;
    int found = path ? file_load(AT_FDCWD, path, FILE_MAX_BYTES, &data, &len, err) : 0;
    if (found <= 0)
        return found;
    return policy_parse(data, len, path, ret_policy, err) < 0 ? -1 : 1;
}

int policy_load(const struct registry_environment *environment, const char *path,
                struct policy *ret_policy, struct err *err)
{
    auto_free char *user = registry_user_path(environment, "containers/policy.json");
    auto_free char *system_ = registry_system_path(environment, "policy.json");
    *ret_policy = (struct policy){};
    if (path) {
        int found = file_read(path, ret_policy, err);
        if (found == 0)
            return err_set(err, ERR_NOT_FOUND, "--policy %s is not there", path);
        return found < 0 ? err_wrap(err, "--policy") : 0;
    }
    int found = file_read(user, ret_policy, err);
    if (found == 0)
        found = file_read(system_, ret_policy, err);
    return found < 0 ? err_wrap(err, "policy of trust") : 0;
}
