/* SPDX-License-Identifier: Apache-2.0 */
#include "image/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/file.h"
#include "base/mem.h"

static const char docker_transport[] = "docker";
static const char https_port[] = ":443";

/* ---- which scope ---- */

static const struct policy_scope *scope_find(const struct policy *policy, const char *transport,
                                             const char *scope)
{
    for (size_t i = 0; i < policy->scopes.len; i++)
        if (strcmp(policy->scopes.at[i].transport, transport) == 0 &&
            strcmp(policy->scopes.at[i].scope, scope) == 0)
            return &policy->scopes.at[i];
    return NULL;
}

/* "*.b.c", "*.c" for the host a.b.c, whatever its port. */
static const struct policy_scope *wildcard_find(const struct policy *policy, const char *host)
{
    const struct policy_scope *found = NULL;
    auto_free char *rest = xstrndup(host, strcspn(host, ":"));
    for (const char *dot = strchr(rest, '.'); dot && !found; dot = strchr(dot + 1, '.')) {
        auto_free char *scope = xasprintf("*%s", dot);
        found = scope_find(policy, docker_transport, scope);
    }
    return found;
}

/* The name on that host, its repository, what is above that, the host. */
static const struct policy_scope *place_scope(const struct policy *policy, const char *domain,
                                              const struct reference *reference)
{
    auto_free char *place = xasprintf("%s/%s", domain, reference->path);
    const char *separator = reference->digest ? "@" : ":";
    auto_free char *name = xasprintf("%s%s%s", place, separator,
                                     reference->digest ? reference->digest : reference->tag);
    const struct policy_scope *found = scope_find(policy, docker_transport, name);
    char *slash;
    while (!found) {
        found = scope_find(policy, docker_transport, place);
        slash = strrchr(place, '/');
        if (!slash)
            break;
        *slash = '\0';
    }
    return found;
}

/* The most specific: the name, its repository, what is above that, its host, subdomains, all. */
static const struct policy_scope *name_scope(const struct policy *policy,
                                             const struct reference *reference)
{
    if (!reference)
        return scope_find(policy, "", "");
    const struct policy_scope *found = place_scope(policy, reference->domain, reference);
    if (!found && text_ends(reference->domain, https_port)) {
        size_t len = strlen(reference->domain) - strlen(https_port);
        auto_free char *host = xstrndup(reference->domain, len);
        found = place_scope(policy, host, reference); /* the same with a port that goes unsaid */
    }
    if (!found)
        found = wildcard_find(policy, reference->domain);
    if (!found)
        found = scope_find(policy, docker_transport, "");
    return found ? found : scope_find(policy, "", "");
}

static int fail_required(const struct policy *policy, const struct policy_scope *scope,
                         const struct reference *reference, const char *unsupported,
                         struct err *err)
{
    auto_free char *name =
        reference ? reference_repository(reference) : xstrdup("an image without a name");
    auto_free char *title =
        scope->transport[0] ? xasprintf("docker \"%s\"", scope->scope) : xstrdup("default");
    if (unsupported)
        return err_set(err, ERR_UNSUPPORTED,
                       "%s has to be signed in a way that is not supported, %s, as %s in %s wants",
                       name, unsupported, title, policy->file);
    return err_set(err, ERR_DENIED, "%s is rejected by the policy, %s in %s", name, title,
                   policy->file);
}

int policy_require(const struct policy *policy, const struct reference *reference,
                   const struct policy_scope **ret_scope, struct err *err)
{
    *ret_scope = NULL;
    if (!policy->file)
        return 0;
    const struct policy_scope *scope = name_scope(policy, reference);
    const char *unsupported = NULL;
    bool is_signed = false;
    if (!scope)
        return err_set(err, ERR_INVALID, "%s has no default", policy->file);
    for (size_t i = 0; i < scope->requirements.len; i++) {
        const struct policy_requirement *requirement = &scope->requirements.at[i];
        if (requirement->type == POLICY_REJECT)
            return fail_required(policy, scope, reference, NULL, err);
        if (requirement->unsupported)
            unsupported = requirement->unsupported;
        is_signed = is_signed || requirement->type == POLICY_SIGSTORE;
    }
    if (unsupported)
        return fail_required(policy, scope, reference, unsupported, err);
    *ret_scope = is_signed ? scope : NULL;
    return 0;
}

/* ---- which name ---- */

/* A name taken apart, with the tag only if it has one. */
struct name {
    struct reference *reference;
    char *repository;
    bool has_tag;
};

static void name_done(struct name *name)
{
    reference_free(name->reference);
    free(name->repository);
    *name = (struct name){};
}

static bool name_parse(const char *text, struct name *name)
{
    struct err ignored;
    auto_free char *before = xstrndup(text, strcspn(text, "@"));
    const char *slash = strrchr(before, '/');
    if (reference_parse(text, &name->reference, &ignored) < 0)
        return false;
    name->repository = reference_repository(name->reference);
    name->has_tag = strchr(slash ? slash : before, ':');
    return true;
}

/* The same tag, or by digest the same digest. */
static bool is_exact(const struct reference *asked, const struct name *name)
{
    const struct reference *other = name->reference;
    if (asked->digest || other->digest)
        return text_same(asked->digest, other->digest);
    return name->has_tag && text_same(asked->tag, other->tag);
}

static bool is_tag_or_repository(const struct reference *asked, const char *repository,
                                 const struct name *name)
{
    if (strcmp(repository, name->repository) != 0)
        return false;
    return asked->digest || is_exact(asked, name);
}

/* What is asked for, by the name it had where it was signed. */
static char *repository_remapped(const struct policy_identity *identity, const char *repository)
{
    size_t len = strlen(identity->prefix);
    bool below = text_starts(repository, identity->prefix) &&
                 (repository[len] == '/' || repository[len] == '\0');
    if (!below)
        return xstrdup(repository);
    return xasprintf("%s%s", identity->signed_prefix, repository + len);
}

static bool is_reference(const char *text, const struct name *name)
{
    auto_done(name) wanted = {};
    return name_parse(text, &wanted) && strcmp(wanted.repository, name->repository) == 0 &&
           is_exact(wanted.reference, name);
}

static bool is_in(const char *repository, const struct name *name)
{
    auto_done(name) wanted = {};
    return name_parse(repository, &wanted) && strcmp(wanted.repository, name->repository) == 0;
}

bool policy_takes(const struct policy_requirement *requirement, const struct reference *reference,
                  const char *signed_name)
{
    const struct policy_identity *identity = &requirement->identity;
    auto_free char *repository = reference_repository(reference);
    auto_free char *remapped = NULL;
    auto_done(name) name = {};
    if (!name_parse(signed_name, &name))
        return false;
    switch (identity->match) {
    case POLICY_MATCH_TAG_OR_REPOSITORY:
        return is_tag_or_repository(reference, repository, &name);
    case POLICY_MATCH_EXACT:
        return strcmp(repository, name.repository) == 0 && is_exact(reference, &name);
    case POLICY_MATCH_REPOSITORY:
        return strcmp(repository, name.repository) == 0;
    case POLICY_EXACT_REFERENCE:
        return is_reference(identity->reference, &name);
    case POLICY_EXACT_REPOSITORY:
        return is_in(identity->repository, &name);
    case POLICY_REMAP:
        remapped = repository_remapped(identity, repository);
        return is_tag_or_repository(reference, remapped, &name);
    }
    return false;
}

/* ---- keys ---- */

static int key_file(const char *pem, int *ret_fd, struct err *err)
{
    auto_close int fd = memfd_create("key", MFD_CLOEXEC);
    if (fd < 0 || fd_write_all(fd, pem, strlen(pem)) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return err_sys(err, "make a file in memory");
    *ret_fd = take_fd(fd);
    return 1;
}

int policy_key_open(const struct policy_requirement *requirement, size_t i, int *ret_fd,
                    struct err *err)
{
    const struct strings *paths = &requirement->key_paths;
    if (i >= paths->len + requirement->keys.len)
        return 0;
    if (i >= paths->len)
        return key_file(requirement->keys.at[i - paths->len], ret_fd, err);
    *ret_fd = open(paths->at[i], O_RDONLY | O_CLOEXEC);
    return *ret_fd < 0 ? err_sys(err, "open the key %s that the policy names", paths->at[i]) : 1;
}
