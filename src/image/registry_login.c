/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in to a registry, and out of it. */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "image/registry_part.h"
#include "image/remote.h"

int registry_login_check(const struct registry_options *options, const char *place, struct err *err)
{
    auto_done(remote_setup) setup = {};
    struct remote remote = REMOTE_CLOSED;
    struct remote_request request;
    auto_done(remote_answer) answer = {};
    if (registry_setup_host(options, place, &setup, err) < 0 ||
        remote_open(&setup, NULL, &remote, err) < 0)
        return -1;
    int result = remote_request_init(&request, REMOTE_PING, NULL, NULL, err);
    if (result == 0)
        result = remote_ask(&remote, &request, NULL, 0, &answer, err);
    remote_close(&remote);
    return result;
}

int registry_login_find(const struct registry_options *options, const char *place, char **ret_user,
                        struct err *err)
{
    auto_done(registry_sources) sources;
    struct credentials found = {};
    if (registry_sources_load(&sources, options, err) < 0)
        return -1;
    int result = auth_find(&sources.auth, place, &found, NULL, err);
    if (result > 0)
        *ret_user = xstrdup(found.username ? found.username : "<token>");
    credentials_done(&found);
    return result;
}

int registry_login_save(const struct registry_options *options, const char *place, const char *user,
                        const char *password, char **ret_where, struct err *err)
{
    auto_done(registry_sources) sources;
    if (registry_sources_load(&sources, options, err) < 0)
        return -1;
    return auth_save(&sources.auth, place, user, password, ret_where, err);
}

/* Whoever logs out does not want to stay logged in by a file that is only read. */
static int elsewhere_check(const struct auth *auth, const char *place, struct err *err)
{
    struct credentials left = {};
    auto_free char *where = NULL;
    if (strchr(place, '/'))
        return 0; /* what is found may be for all of the registry */
    int found = auth_find(auth, place, &left, &where, err);
    credentials_done(&left);
    if (found <= 0)
        return found;
    (void)err_set(err, ERR_CONFLICT, "credentials for %s are in %s, which is left alone", place,
                  where);
    return err_hint(err, "name that file by --authfile to have them forgotten there");
}

int registry_logout(const struct registry_options *options, const char *place, struct err *err)
{
    auto_done(registry_sources) sources;
    if (registry_sources_load(&sources, options, err) < 0)
        return -1;
    if (options->authfile && access(options->authfile, F_OK) < 0)
        return err_sys(err, "--authfile %s", options->authfile);
    int removed = auth_remove(&sources.auth, place, err);
    if (removed < 0 || elsewhere_check(&sources.auth, place, err) < 0)
        return -1;
    return removed;
}

int registry_logout_all(const struct registry_options *options, struct strings *ret_places,
                        struct err *err)
{
    auto_done(registry_sources) sources;
    if (registry_sources_load(&sources, options, err) < 0)
        return -1;
    return auth_remove_all(&sources.auth, ret_places, err);
}
