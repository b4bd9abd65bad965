/* SPDX-License-Identifier: Apache-2.0 */
#include "image/certs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/str.h"

enum { IDENTITIES_MAX = 32, FILE_MAX_BYTES = 1 << 20, CA_MAX_BYTES = 8 << 20, FILES_MAX = 1000 };

void certs_done(struct certs *certs)
{
    free(certs->ca);
    for (size_t i = 0; i < certs->identities.len; i++) {
        free(certs->identities.at[i].cert);
        secret_free(certs->identities.at[i].key);
    }
    free(certs->identities.at);
    *certs = (struct certs){};
}

static int name_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A whole file that has a PEM block of the kind; `kind` ends it, as there are several of keys. */
static int pem_load(const char *directory, const char *name, const char *kind, char **ret_pem,
                    struct err *err)
{
    auto_free char *path = xasprintf("%s/%s", directory, name);
    auto_secret char *data = NULL;
    size_t len = 0;
    int found = file_load(AT_FDCWD, path, FILE_MAX_BYTES, &data, &len, err);
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "%s leads nowhere", path);
    const char *begin = strstr(data, "-----BEGIN ");
    if (strlen(data) != len || !begin || !strstr(begin, kind))
        return err_set(err, ERR_INVALID, "%s has no PEM block that ends in \"%s\"", path, kind);
    *ret_pem = take_ptr(data);
    return 0;
}

static int ca_add(const char *directory, const char *name, struct str *ca, struct err *err)
{
    auto_free char *pem = NULL;
    if (pem_load(directory, name, "CERTIFICATE-----", &pem, err) < 0)
        return -1;
    str_add(ca, pem);
    str_add_char(ca, '\n');
    if (ca->over)
        return err_set(err, ERR_INVALID, "%s: the authorities are larger than %d bytes", directory,
                       CA_MAX_BYTES);
    return 0;
}

/* The name with its ending replaced. */
static char *name_with(const char *name, const char *ending, const char *instead)
{
    return xasprintf("%.*s%s", (int)(strlen(name) - strlen(ending)), name, instead);
}

static int client_load(const char *directory, const struct strings *names, const char *name,
                       struct certs *certs, struct err *err)
{
    auto_free char *key = name_with(name, ".cert", ".key");
    if (certs->identities.len == IDENTITIES_MAX)
        return err_set(err, ERR_UNSUPPORTED, "%s: there are more than %d client certificates",
                       directory, IDENTITIES_MAX);
    if (!strings_have(names, key))
        return err_set(err, ERR_NOT_FOUND, "%s/%s has no key: %s is missing beside it", directory,
                       name, key);
    struct remote_identity *identity = array_add(&certs->identities);
    if (pem_load(directory, name, "CERTIFICATE-----", &identity->cert, err) < 0)
        return -1;
    return pem_load(directory, key, "KEY-----", &identity->key, err);
}

static int key_check(const char *directory, const struct strings *names, const char *name,
                     struct err *err)
{
    auto_free char *cert = name_with(name, ".key", ".cert");
    if (strings_have(names, cert))
        return 0;
    return err_set(err, ERR_NOT_FOUND, "%s/%s has no certificate: %s is missing beside it",
                   directory, name, cert);
}

static int files_load(const char *directory, const struct strings *names, struct certs *certs,
                      struct err *err)
{
    auto_done(str) ca = { .max_bytes = CA_MAX_BYTES };
    for (size_t i = 0; i < names->len; i++) {
        const char *name = names->at[i];
        int result = 0;
        if (text_ends(name, ".crt"))
            result = ca_add(directory, name, &ca, err);
        else if (text_ends(name, ".cert"))
            result = client_load(directory, names, name, certs, err);
        else if (text_ends(name, ".key"))
            result = key_check(directory, names, name, err);
        if (result < 0)
            return -1;
    }
    certs->ca = ca.len > 0 ? str_take(&ca) : NULL;
    return 0;
}

/* Returns 1, or 0 if there is no such directory, or one that the user must not look into. */
static int directory_load(const char *directory, struct certs *ret_certs, struct err *err)
{
    auto_done(strings) names = {};
    struct certs certs = {};
    int found = dir_list(AT_FDCWD, directory, &names, err);
    if (found < 0 && err->errnum == EACCES)
        return 0;
    if (found <= 0)
        return found;
    if (names.len > FILES_MAX)
        return err_set(err, ERR_INVALID, "%s: more than %d files", directory, FILES_MAX);
    if (names.len > 0)
        qsort(names.at, names.len, sizeof(*names.at), name_compare);
    if (files_load(directory, &names, &certs, err) < 0) {
        certs_done(&certs);
        return -1;
    }
    *ret_certs = certs;
    return 1;
}

int certs_load(const struct registry_environment *environment, const char *directory,
               const char *host, struct certs *ret_certs, struct err *err)
{
    *ret_certs = (struct certs){};
    if (directory) {
        int found = directory_load(directory, ret_certs, err);
        if (found == 0)
            return err_set(err, ERR_NOT_FOUND, "--cert-dir %s is not there, or cannot be read",
                           directory);
        return found < 0 ? err_wrap(err, "--cert-dir") : 0;
    }
    auto_free char *user = registry_user_path(environment, "containers/certs.d");
    auto_free char *system_ = registry_system_path(environment, "certs.d");
    auto_free char *docker = xasprintf("%s/docker/certs.d", environment->etc);
    const char *const places[] = { user, system_, docker };
    for (size_t i = 0; i < array_size(places); i++) {
        auto_free char *path = places[i] ? xasprintf("%s/%s", places[i], host) : NULL;
        int found = path ? directory_load(path, ret_certs, err) : 0;
        if (found != 0)
            return found < 0 ? err_wrap(err, "certificates for %s", host) : 0;
    }
    return 0;
}
