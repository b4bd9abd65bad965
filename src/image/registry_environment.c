/* SPDX-License-Identifier: Apache-2.0 */
#include "image/registry_environment.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

/* What is empty counts as not set. */
static const char *env_text(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

/* The specification of XDG's base directories: a value that is no absolute path does not count. */
static const char *env_dir(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] == '/' ? value : NULL;
}

static const char *env_either(const char *name, const char *other)
{
    const char *value = env_text(name);
    return value ? value : env_text(other);
}

void registry_environment_read(struct registry_environment *ret_environment)
{
    *ret_environment = (struct registry_environment){
        .uid = geteuid(),
        .etc = "/etc",
        .run = "/run",
        .cache = "/var/cache",
        .home = env_dir("HOME"),
        .config_home = env_dir("XDG_CONFIG_HOME"),
        .cache_home = env_dir("XDG_CACHE_HOME"),
        .runtime_dir = env_dir("XDG_RUNTIME_DIR"),
        .registries_conf = env_text("CONTAINERS_REGISTRIES_CONF"),
        .authfile = env_text("REGISTRY_AUTH_FILE"),
        .docker_config = env_text("DOCKER_CONFIG"),
        .path = env_text("PATH"),
        .http_proxy = getenv("REQUEST_METHOD") ? env_text("http_proxy")
                                               : env_either("http_proxy", "HTTP_PROXY"),
        .https_proxy = env_either("https_proxy", "HTTPS_PROXY"),
        .no_proxy = env_either("no_proxy", "NO_PROXY"),
    };
}

char *registry_user_path(const struct registry_environment *environment, const char *name)
{
    if (environment->config_home)
        return xasprintf("%s/%s", environment->config_home, name);
    if (environment->home)
        return xasprintf("%s/.config/%s", environment->home, name);
    return NULL;
}

char *registry_cache_path(const struct registry_environment *environment, const char *name)
{
    if (environment->uid == 0)
        return environment->cache ? xasprintf("%s/%s", environment->cache, name) : NULL;
    if (environment->cache_home)
        return xasprintf("%s/%s", environment->cache_home, name);
    return environment->home ? xasprintf("%s/.cache/%s", environment->home, name) : NULL;
}

char *registry_system_path(const struct registry_environment *environment, const char *name)
{
    return xasprintf("%s/containers/%s", environment->etc, name);
}
