/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Where a user's files on registries lie. Everything that reads them is told by this value, so that
 * tests have directories of their own. */
#include <stdint.h>

#include "base/str.h"

/* Texts are borrowed; NULL: not set. */
struct registry_environment {
    uint32_t uid;
    const char *etc;             /* "/etc" */
    const char *run;             /* "/run" */
    const char *cache;           /* "/var/cache" */
    const char *home;            /* $HOME */
    const char *config_home;     /* $XDG_CONFIG_HOME */
    const char *cache_home;      /* $XDG_CACHE_HOME */
    const char *runtime_dir;     /* $XDG_RUNTIME_DIR */
    const char *registries_conf; /* $CONTAINERS_REGISTRIES_CONF */
    const char *authfile;        /* $REGISTRY_AUTH_FILE */
    const char *docker_config;   /* $DOCKER_CONFIG, a directory */
    const char *path;            /* $PATH, where credential helpers are looked for */
    const char *http_proxy;      /* $http_proxy, $HTTP_PROXY; the latter is a request's header
                                     where $REQUEST_METHOD is set */
    const char *https_proxy;     /* $https_proxy, $HTTPS_PROXY */
    const char *no_proxy;        /* $no_proxy, $NO_PROXY */
};

/* Reads the process's environment. */
void registry_environment_read(struct registry_environment *ret_environment);

/* The path of a file of the user's configuration, "containers/auth.json" below $XDG_CONFIG_HOME or
 * ~/.config; NULL: he has no such directory. Owned by the caller. */
char *registry_user_path(const struct registry_environment *environment, const char *name);
/* A file that programs keep for themselves, "containers/short-name-aliases.conf": below /var/cache of
 * root, $XDG_CACHE_HOME or ~/.cache of others; NULL as above. Owned by the caller. */
char *registry_cache_path(const struct registry_environment *environment, const char *name);
/* Below /etc/containers. Owned by the caller. */
char *registry_system_path(const struct registry_environment *environment, const char *name);
