/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/setup.h"

#include <string.h>

#include "remote/remote.h"

static const struct field identity_fields[] = {
    FIELD_TEXT(remote_identity, cert, "cert", F_REQUIRED),
    FIELD_TEXT(remote_identity, key, "key", F_REQUIRED),
    FIELD_END,
};

static const struct field endpoint_fields[] = {
    FIELD_TEXT(remote_endpoint, url, "url", F_REQUIRED),
    FIELD_TEXT(remote_endpoint, name, "name", F_REQUIRED),
    FIELD_TEXT(remote_endpoint, repository, "repository", 0),
    FIELD_BOOL(remote_endpoint, mirror, "mirror", 0),
    FIELD_BOOL(remote_endpoint, only_tags, "onlyTags", 0),
    FIELD_BOOL(remote_endpoint, only_digests, "onlyDigests", 0),
    FIELD_BOOL(remote_endpoint, insecure, "insecure", 0),
    FIELD_BOOL(remote_endpoint, plain, "plain", 0),
    FIELD_TEXT(remote_endpoint, ca, "ca", 0),
    FIELD_ARRAY(remote_endpoint, identities, "identities", 0, remote_identity, identity_fields),
    FIELD_TEXT(remote_endpoint, username, "username", 0),
    FIELD_TEXT(remote_endpoint, password, "password", 0),
    FIELD_TEXT(remote_endpoint, identity_token, "identityToken", 0),
    FIELD_TEXT(remote_endpoint, registry_token, "registryToken", 0),
    FIELD_END,
};

static const struct field setup_fields[] = {
    FIELD_U32(remote_setup, version, "version", F_MUST),
    FIELD_ARRAY(remote_setup, endpoints, "endpoints", F_MUST, remote_endpoint, endpoint_fields),
    FIELD_TEXT(remote_setup, http_proxy, "httpProxy", 0),
    FIELD_TEXT(remote_setup, https_proxy, "httpsProxy", 0),
    FIELD_TEXT(remote_setup, no_proxy, "noProxy", 0),
    FIELD_U32(remote_setup, parallel, "parallel", 0),
    FIELD_U32(remote_setup, stall_seconds, "stallSeconds", 0),
    FIELD_MAYBE_U64(remote_setup, retries, "retries", 0),
    FIELD_BOOL(remote_setup, push, "push", 0),
    FIELD_LIST(remote_setup, mount_repositories, "mountRepositories", 0),
    FIELD_END,
};

int remote_setup_parse(const char *json, size_t len, struct remote_setup *ret_setup,
                       struct err *err)
{
    struct remote_setup setup = {};
    if (field_read(setup_fields, json, len, "setup", FIELD_UNKNOWN_IS_ERROR, &setup, err) < 0)
        return -1;
    if (setup.version != REMOTE_VERSION || setup.endpoints.len == 0) {
        remote_setup_done(&setup);
        return err_set(
            err, ERR_UNSUPPORTED,
            "ruche-remote is of another version than ruche; install both from one build");
    }
    *ret_setup = setup;
    return 0;
}

void remote_setup_format(const struct remote_setup *setup, struct str *out)
{
    field_write(setup_fields, setup, 0, out);
}

static void secret_wipe(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
}

void remote_setup_done(struct remote_setup *setup)
{
    for (size_t i = 0; i < setup->endpoints.len; i++) {
        struct remote_endpoint *endpoint = &setup->endpoints.at[i];
        for (size_t k = 0; k < endpoint->identities.len; k++)
            secret_wipe(endpoint->identities.at[k].key);
        secret_wipe(endpoint->password);
        secret_wipe(endpoint->identity_token);
        secret_wipe(endpoint->registry_token);
    }
    field_done(setup_fields, setup);
}
