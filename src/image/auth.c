/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files, of which the first that has something for a place counts:
 *
 *     --authfile, or else $REGISTRY_AUTH_FILE: that one, and no other
 *     $XDG_RUNTIME_DIR/containers/auth.json; of root without that, /run/containers/0/auth.json
 *     ~/.config/containers/auth.json
 *     $DOCKER_CONFIG/config.json, or ~/.docker/config.json
 *     ~/.dockercfg
 *
 * The first of these is the one that is written.
 *
 * What stands in registries.conf as credential-helpers is asked in its order, and the files are one
 * of them, by default the only one.
 */
#include "image/auth.h"

#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/secret.h"
#include "image/auth_file.h"

static const char files_helper[] = "containers-auth.json";
static const char docker_place[] = "docker.io";
static const char docker_server[] = "https://index.docker.io/v1/";

enum { PLACES_MAX = 5 };

/* ---- where ---- */

struct file_place {
    char *path;
    enum auth_file_flags flags;
    const char *named_by; /* an option: then it has to be there */
};

struct file_places {
    struct file_place at[PLACES_MAX];
    size_t len;
};

static void file_places_done(struct file_places *places)
{
    for (size_t i = 0; i < places->len; i++)
        free(places->at[i].path);
    *places = (struct file_places){};
}

/* Takes path, which may be NULL: no such place. */
static void place_add(struct file_places *places, char *path, enum auth_file_flags flags)
{
    if (path)
        places->at[places->len++] = (struct file_place){ .path = path, .flags = flags };
}

/* The first is the one that is written. */
static void file_places_fill(const struct auth *auth, struct file_places *places)
{
    const struct registry_environment *env = auth->environment;
    if (auth->authfile || env->authfile) {
        place_add(places, xstrdup(auth->authfile ? auth->authfile : env->authfile), 0);
        places->at[0].named_by = auth->authfile ? "--authfile" : NULL;
        return;
    }
    if (env->runtime_dir)
        place_add(places, xasprintf("%s/containers/auth.json", env->runtime_dir), 0);
    else if (env->uid == 0 || !(env->config_home || env->home))
        place_add(places, xasprintf("%s/containers/%u/auth.json", env->run, env->uid), 0);
    place_add(places, registry_user_path(env, "containers/auth.json"), 0);
    if (env->docker_config)
        place_add(places, xasprintf("%s/config.json", env->docker_config), 0);
    else if (env->home)
        place_add(places, xasprintf("%s/.docker/config.json", env->home), 0);
    if (env->home)
        place_add(places, xasprintf("%s/.dockercfg", env->home), AUTH_FILE_LEGACY);
}

/* Whether the i-th of the helpers, in their order, are the files; *ret_name: what it is called. */
static bool helper_at(const struct auth *auth, size_t i, const char **ret_name)
{
    bool none = !auth->helpers || auth->helpers->len == 0;
    size_t n = none ? 1 : auth->helpers->len;
    *ret_name = i >= n ? NULL : none ? files_helper : auth->helpers->at[i];
    return *ret_name && strcmp(*ret_name, files_helper) == 0;
}

/* ---- helpers ---- */

/* Helpers know registries, not what is below them. */
static char *place_server(const char *place)
{
    return xstrndup(place, strcspn(place, "/"));
}

/* docker gives its own registry to helpers by its old URL, others give it by its name. */
static int helper_get(const struct auth *auth, const char *name, const char *place,
                      struct credentials *ret_credentials, struct err *err)
{
    auto_free char *server = place_server(place);
    int found = 0;
    if (strcmp(server, docker_place) == 0)
        found = credential_helper_get(auth->environment, name, docker_server, ret_credentials, err);
    if (found == 0)
        found = credential_helper_get(auth->environment, name, server, ret_credentials, err);
    return found;
}

static int helper_save(const struct auth *auth, const char *name, const char *place,
                       const char *username, const char *password, struct err *err)
{
    auto_free char *server = place_server(place);
    if (strcmp(server, place) != 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "the credential helper %s keeps credentials of whole registries, not of %s",
                       name, place);
    bool docker = strcmp(server, docker_place) == 0;
    return credential_helper_store(auth->environment, name, docker ? docker_server : server,
                                   username, password, err);
}

static int helper_erase(const struct auth *auth, const char *name, const char *place,
                        struct err *err)
{
    auto_free char *server = place_server(place);
    struct credentials known = {};
    /* Most helpers take it for a success to erase what they have not. */
    int found = helper_get(auth, name, place, &known, err);
    credentials_done(&known);
    if (found <= 0)
        return found;
    if (strcmp(server, docker_place) == 0 &&
        credential_helper_erase(auth->environment, name, docker_server, err) < 0)
        return -1;
    return credential_helper_erase(auth->environment, name, server, err) < 0 ? -1 : 1;
}

static char *helper_title(const char *name)
{
    return xasprintf("the credential helper %s", name);
}

/* ---- finding ---- */

/* In one file. A helper named for the registry goes before an entry; one that is for all registries
 * is asked where there is none. */
static int file_find(const struct auth *auth, const struct file_place *at, const char *place,
                     struct credentials *ret_credentials, struct err *err)
{
    struct auth_file file = {};
    int found = auth_file_load(at->path, at->flags, &file, err);
    if (found <= 0)
        return found;
    const struct auth_entry *entry = auth_file_entry(&file, place);
    const char *helper = auth_file_helper(&file, place);
    bool for_all = helper && helper == file.store;
    found = 0;
    if (entry && (!helper || for_all))
        found = auth_entry_credentials(entry, at->path, ret_credentials, err);
    if (found == 0 && helper) {
        found = helper_get(auth, helper, place, ret_credentials, err);
        if (found < 0)
            (void)err_wrap(err, "%s", at->path);
    }
    auth_file_done(&file);
    return found;
}

static int files_find(const struct auth *auth, const char *place,
                      struct credentials *ret_credentials, char **ret_where, struct err *err)
{
    auto_done(file_places) places = {};
    file_places_fill(auth, &places);
    for (size_t i = 0; i < places.len; i++) {
        const struct file_place *at = &places.at[i];
        if (at->named_by && access(at->path, F_OK) < 0)
            return err_sys(err, "%s %s", at->named_by, at->path);
        int found = file_find(auth, at, place, ret_credentials, err);
        if (found > 0 && ret_where)
            *ret_where = xstrdup(at->path);
        if (found != 0)
            return found;
    }
    return 0;
}

int auth_find(const struct auth *auth, const char *place, struct credentials *ret_credentials,
              char **ret_where, struct err *err)
{
    const char *name;
    bool files = helper_at(auth, 0, &name);
    for (size_t i = 0; name; files = helper_at(auth, ++i, &name)) {
        int found = files ? files_find(auth, place, ret_credentials, ret_where, err)
                          : helper_get(auth, name, place, ret_credentials, err);
        if (found > 0 && !files && ret_where)
            *ret_where = helper_title(name);
        if (found < 0)
            return err_wrap(err, "credentials for %s", place);
        if (found > 0)
            return 1;
    }
    return 0;
}

/* ---- storing ---- */

static int file_entry_put(const char *path, const char *place, const char *username,
                          const char *password, struct err *err)
{
    auto_secret char *plain = xasprintf("%s:%s", username, password);
    auto_done(str) auth = {};
    base64_add(&auth, plain, strlen(plain));
    struct auth_change change = { .place = place, .auth = str_text(&auth) };
    int result = auth_file_change(path, &change, err);
    explicit_bzero(auth.at, auth.len);
    return result < 0 ? -1 : 0;
}

static int file_save_login(const struct auth *auth, const char *place, const char *username,
                           const char *password, char **ret_where, struct err *err)
{
    auto_done(file_places) places = {};
    struct auth_file file = {};
    file_places_fill(auth, &places);
    const char *path = places.at[0].path;
    if (auth_file_load(path, 0, &file, err) < 0)
        return -1;
    const char *helper = auth_file_helper(&file, place);
    int result;
    if (helper) {
        struct auth_change change = { .place = place, .auth = "" };
        result = helper_save(auth, helper, place, username, password, err);
        if (result == 0 && helper == file.store)
            result = auth_file_change(path, &change, err) < 0 ? -1 : 0;
        *ret_where = result == 0 ? helper_title(helper) : NULL;
    } else {
        result = file_entry_put(path, place, username, password, err);
        *ret_where = result == 0 ? xstrdup(path) : NULL;
    }
    auth_file_done(&file);
    return result;
}

int auth_save(const struct auth *auth, const char *place, const char *username,
              const char *password, char **ret_where, struct err *err)
{
    const char *name;
    /* It is found again in the same order, so the first is the one. */
    if (helper_at(auth, 0, &name))
        return file_save_login(auth, place, username, password, ret_where, err);
    if (helper_save(auth, name, place, username, password, err) < 0)
        return -1;
    *ret_where = helper_title(name);
    return 0;
}

/* ---- forgetting ---- */

static int file_remove(const struct auth *auth, const char *path, const char *place,
                       struct err *err)
{
    struct auth_file file = {};
    struct auth_change change = { .place = place };
    if (auth_file_load(path, 0, &file, err) < 0)
        return -1;
    const char *helper = auth_file_helper(&file, place);
    int erased = helper ? helper_erase(auth, helper, place, err) : 0;
    auth_file_done(&file);
    int removed = erased < 0 ? -1 : auth_file_change(path, &change, err);
    return removed < 0 ? -1 : removed > 0 || erased > 0;
}

int auth_remove(const struct auth *auth, const char *place, struct err *err)
{
    auto_done(file_places) places = {};
    const char *name;
    int any = 0;
    file_places_fill(auth, &places);
    bool files = helper_at(auth, 0, &name);
    for (size_t i = 0; name; files = helper_at(auth, ++i, &name)) {
        int removed = files ? file_remove(auth, places.at[0].path, place, err)
                            : helper_erase(auth, name, place, err);
        if (removed < 0)
            return -1;
        any = any || removed > 0;
    }
    return any;
}

/* The places a file knows of, whoever has their credentials. */
static int file_places_list(const char *path, struct strings *ret_places, struct err *err)
{
    struct auth_file file = {};
    if (auth_file_load(path, 0, &file, err) < 0)
        return -1;
    for (size_t i = 0; i < file.entries.len; i++) {
        const char *key = file.entries.at[i].key;
        strings_add(ret_places, auth_key_is(key, docker_place) ? docker_place : key);
    }
    for (size_t i = 0; i < file.helpers.len; i++)
        if (!strings_have(ret_places, file.helpers.at[i].key))
            strings_add(ret_places, file.helpers.at[i].key);
    auth_file_done(&file);
    return 0;
}

int auth_remove_all(const struct auth *auth, struct strings *ret_places, struct err *err)
{
    auto_done(file_places) places = {};
    auto_done(strings) known = {};
    const char *name;
    if (!helper_at(auth, 0, &name))
        return err_set(err, ERR_UNSUPPORTED,
                       "credentials are kept by the credential helper %s, which is not asked what "
                       "it has; name a registry",
                       name);
    file_places_fill(auth, &places);
    if (file_places_list(places.at[0].path, &known, err) < 0)
        return -1;
    for (size_t i = 0; i < known.len; i++) {
        int removed = file_remove(auth, places.at[0].path, known.at[i], err);
        if (removed < 0)
            return -1;
        if (removed > 0)
            strings_add(ret_places, known.at[i]);
    }
    return 0;
}
