/* SPDX-License-Identifier: Apache-2.0 */
#include "image/registry.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "image/certs.h"
#include "image/registry_part.h"
#include "remote/remote.h"

static const char docker_place[] = "docker.io";
static const char docker_host[] = "registry-1.docker.io";

int registry_sources_load(struct registry_sources *sources, const struct registry_options *options,
                          struct err *err)
{
    *sources = (struct registry_sources){ .options = options };
    if (options->environment)
        sources->environment = *options->environment;
    else
        registry_environment_read(&sources->environment);
    sources->auth = (struct auth){
        .environment = &sources->environment,
        .authfile = options->authfile,
        .helpers = &sources->registries.helpers,
    };
    return registries_load(&sources->environment, &sources->registries, err);
}

void registry_sources_done(struct registry_sources *sources)
{
    registries_done(&sources->registries);
}

/* ---- endpoints ---- */

static char *text_copy(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

/* --creds */
static void creds_split(const char *creds, struct credentials *credentials)
{
    size_t len = strcspn(creds, ":");
    credentials->username = xstrndup(creds, len);
    credentials->password = xstrdup(creds[len] ? creds + len + 1 : "");
}

static int endpoint_credentials(const struct registry_sources *sources, const char *place,
                                struct remote_endpoint *endpoint, struct err *err)
{
    struct credentials found = {};
    const char *creds = sources->options->creds;
    if (creds && !endpoint->mirror)
        creds_split(creds, &found);
    else if (auth_find(&sources->auth, place, &found, NULL, err) < 0)
        return -1;
    endpoint->username = found.username;
    endpoint->password = found.password;
    endpoint->identity_token = found.identity_token;
    endpoint->registry_token = found.registry_token;
    return 0;
}

static int endpoint_certs(const struct registry_sources *sources, struct remote_endpoint *endpoint,
                          struct err *err)
{
    struct certs certs;
    if (certs_load(&sources->environment, sources->options->cert_dir, endpoint->name, &certs, err) <
        0)
        return -1;
    endpoint->ca = certs.ca;
    endpoint->identities.at = certs.identities.at;
    endpoint->identities.len = certs.identities.len;
    return 0;
}

/* Fills in what follows from the host; the endpoint has its kind already. */
static int endpoint_fill(const struct registry_sources *sources, const char *host,
                         const char *place, struct remote_endpoint *endpoint, struct err *err)
{
    const struct maybe_bool *verify = &sources->options->tls_verify;
    bool docker = strcmp(host, docker_place) == 0;
    endpoint->name = xstrdup(host);
    endpoint->url = xasprintf("https://%s", docker ? docker_host : host);
    if (verify->set)
        endpoint->insecure = !verify->value;
    if (endpoint_certs(sources, endpoint, err) < 0)
        return -1;
    return endpoint_credentials(sources, place, endpoint, err);
}

static int repository_fill(const struct registry_sources *sources,
                           const struct reference *reference, struct remote_endpoint *endpoint,
                           struct err *err)
{
    auto_free char *place = reference_repository(reference);
    endpoint->repository = xstrdup(reference->path);
    return endpoint_fill(sources, reference->domain, place, endpoint, err);
}

static int mirror_add(const struct registry_sources *sources, const struct registries_entry *entry,
                      const struct registries_mirror *mirror, const struct reference *reference,
                      size_t matched, struct remote_setup *setup, struct err *err)
{
    auto_drop(reference) *there = NULL;
    struct remote_endpoint *endpoint = array_add(&setup->endpoints);
    *endpoint = (struct remote_endpoint){
        .mirror = true,
        .only_tags = mirror->use == MIRROR_TAG_ONLY,
        .only_digests = mirror->use == MIRROR_DIGEST_ONLY || entry->mirror_by_digest_only,
        .insecure = mirror->insecure,
    };
    if (registries_rewrite(entry, mirror->location, reference, matched, &there, err) < 0)
        return -1;
    return repository_fill(sources, there, endpoint, err);
}

static int mirrors_add(const struct registry_sources *sources, const struct registries_entry *entry,
                       const struct reference *reference, size_t matched,
                       struct remote_setup *setup, struct err *err)
{
    for (size_t i = 0; i < entry->mirrors.len; i++)
        if (mirror_add(sources, entry, &entry->mirrors.at[i], reference, matched, setup, err) < 0)
            return -1;
    return 0;
}

/* The registry itself, which is the last that is asked. */
static int primary_add(const struct registry_sources *sources, const struct registries_entry *entry,
                       const char *location, const struct reference *reference, size_t matched,
                       struct remote_setup *setup, struct err *err)
{
    auto_drop(reference) *there = NULL;
    struct remote_endpoint *endpoint = array_add(&setup->endpoints);
    endpoint->insecure = entry && entry->insecure;
    if (location && registries_rewrite(entry, location, reference, matched, &there, err) < 0)
        return -1;
    return repository_fill(sources, there ? there : reference, endpoint, err);
}

static int fail_blocked(const struct registries_entry *entry, const char *name, struct err *err)
{
    return err_set(err, ERR_DENIED, "%s is blocked by [[registry]] \"%s\" in %s", name,
                   entry->prefix, entry->file);
}

/* ---- setups ---- */

static void setup_begin(const struct registry_sources *sources, struct remote_setup *setup)
{
    *setup = (struct remote_setup){
        .version = REMOTE_VERSION,
        .http_proxy = text_copy(sources->environment.http_proxy),
        .https_proxy = text_copy(sources->environment.https_proxy),
        .no_proxy = text_copy(sources->environment.no_proxy),
    };
}

static int setup_fill(const struct registry_sources *sources, const struct reference *reference,
                      enum registry_purpose purpose, struct remote_setup *setup, struct err *err)
{
    size_t matched = 0;
    bool pull = purpose == REGISTRY_PULL;
    const struct registries_entry *entry =
        registries_find(&sources->registries, reference, &matched);
    if (entry && entry->blocked) {
        auto_free char *name = reference_repository(reference);
        return fail_blocked(entry, name, err);
    }
    setup->push = !pull;
    if (entry && pull && mirrors_add(sources, entry, reference, matched, setup, err) < 0)
        return -1;
    const char *location = entry && pull ? entry->location : NULL;
    return primary_add(sources, entry, location, reference, matched, setup, err);
}

int registry_setup(const struct registry_options *options, const struct reference *reference,
                   enum registry_purpose purpose, struct remote_setup *ret_setup, struct err *err)
{
    auto_done(registry_sources) sources;
    if (registry_sources_load(&sources, options, err) < 0)
        return -1;
    setup_begin(&sources, ret_setup);
    int result = setup_fill(&sources, reference, purpose, ret_setup, err);
    if (result < 0)
        remote_setup_done(ret_setup);
    return result;
}

static char *place_host(const char *place)
{
    return xstrndup(place, strcspn(place, "/"));
}

static int setup_fill_host(const struct registry_sources *sources, const char *place,
                           struct remote_setup *setup, struct err *err)
{
    auto_free char *host = place_host(place);
    const struct registries_entry *entry = registries_find_host(&sources->registries, host);
    if (entry && entry->blocked)
        return fail_blocked(entry, host, err);
    struct remote_endpoint *endpoint = array_add(&setup->endpoints);
    endpoint->repository = xstrdup("");
    endpoint->insecure = entry && entry->insecure;
    return endpoint_fill(sources, host, place, endpoint, err);
}

int registry_setup_host(const struct registry_options *options, const char *place,
                        struct remote_setup *ret_setup, struct err *err)
{
    auto_done(registry_sources) sources;
    if (registry_sources_load(&sources, options, err) < 0)
        return -1;
    setup_begin(&sources, ret_setup);
    int result = setup_fill_host(&sources, place, ret_setup, err);
    if (result < 0)
        remote_setup_done(ret_setup);
    return result;
}

/* "https://", and the host with its port behind it. */
static int url_split(const char *url, char **ret_origin, char **ret_host, struct err *err)
{
    bool https = strncasecmp(url, "https://", 8) == 0;
    if (!https && strncasecmp(url, "http://", 7) != 0)
        return err_set(err, ERR_UNSUPPORTED, "archives are fetched by http and https only");
    const char *at = url + (https ? 8 : 7);
    size_t len = strcspn(at, "/?#");
    if (memchr(at, '@', len)) {
        err_set(err, ERR_UNSUPPORTED, "a URL with a user's name in it is not fetched");
        return err_hint(err, "download it by another program, or pipe it");
    }
    if (len == 0)
        return err_set(err, ERR_INVALID, "the URL names no host");
    *ret_host = xstrndup(at, len);
    *ret_origin = xasprintf("%s%s", https ? "https://" : "http://", *ret_host);
    return 0;
}

static int setup_fill_url(const struct registry_sources *sources, const char *url,
                          struct remote_setup *setup, struct err *err)
{
    const struct maybe_bool *verify = &sources->options->tls_verify;
    struct remote_endpoint *endpoint = array_add(&setup->endpoints);
    if (url_split(url, &endpoint->url, &endpoint->name, err) < 0)
        return -1;
    const struct registries_entry *entry =
        registries_find_host(&sources->registries, endpoint->name);
    if (entry && entry->blocked)
        return fail_blocked(entry, endpoint->name, err);
    endpoint->plain = strncasecmp(url, "http:", 5) == 0;
    endpoint->insecure = verify->set ? !verify->value : entry && entry->insecure;
    return endpoint_certs(sources, endpoint, err);
}

int registry_setup_url(const struct registry_options *options, const char *url,
                       struct remote_setup *ret_setup, struct err *err)
{
    auto_done(registry_sources) sources;
    if (registry_sources_load(&sources, options, err) < 0)
        return -1;
    setup_begin(&sources, ret_setup);
    int result = setup_fill_url(&sources, url, ret_setup, err);
    if (result < 0)
        remote_setup_done(ret_setup);
    return result;
}

int registry_resolve(const struct registry_options *options, const char *text,
                     struct strings *ret_candidates, struct err *err)
{
    auto_done(registry_sources) sources;
    if (registry_sources_load(&sources, options, err) < 0)
        return -1;
    return registries_resolve(&sources.registries, text, ret_candidates, err);
}

/* ---- places ---- */

static int fail_place(const char *text, struct err *err)
{
    auto_done(str) shown = { .max_bytes = 100 };
    text_escape(&shown, text, strlen(text));
    return err_set(err, ERR_INVALID,
                   "\"%s\" is no registry; one is a host, which has a '.' or a ':' in it or is "
                   "localhost, and perhaps a namespace behind a '/'",
                   str_text(&shown));
}

int registry_place(const char *text, char **ret_place, struct err *err)
{
    auto_drop(reference) *parsed = NULL;
    struct err ignored;
    const char *scheme = strstr(text, "://");
    bool url = scheme && (text_starts(text, "https://") || text_starts(text, "http://"));
    const char *begin = url ? scheme + 3 : text;
    size_t host_len = strcspn(begin, "/");
    size_t len = url ? host_len : strlen(begin);
    while (len > host_len && begin[len - 1] == '/')
        len--;
    auto_free char *name = xasprintf("%.*s%s", (int)len, begin, len == host_len ? "/x" : "");
    auto_free char *host = xstrndup(begin, host_len);
    bool docker = strcmp(host, docker_place) == 0 || strcmp(host, docker_host) == 0 ||
                  strcmp(host, "index.docker.io") == 0;
    const char *below = name + host_len;
    if (strchr(name, '@') || strchr(below, ':') || reference_parse(name, &parsed, &ignored) < 0 ||
        (!docker && strcmp(parsed->domain, host) != 0))
        return fail_place(text, err);
    *ret_place = xasprintf("%s%s", docker ? docker_place : host, len == host_len ? "" : below);
    return 0;
}
