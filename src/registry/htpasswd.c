/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/htpasswd.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/field.h"
#include "base/secret.h"
#include "base/str.h"

enum { ENTRIES_MAX = 10000, LINE_MAX_LEN = 1024, CREDENTIALS_MAX = 4096 };

struct htpasswd {
    struct pairs entries; /* user: hash */
};

static const char *const hash_prefixes[] = { "$2y$", "$2b$", "$2a$", "$y$", "$7$", "$6$", "$5$" };

static bool hash_is_good(const char *hash)
{
    for (size_t i = 0; i < array_size(hash_prefixes); i++)
        if (text_starts(hash, hash_prefixes[i]))
            return true;
    return false;
}

/* What crypt(3) makes of it, "" if it can make nothing. False: it is not the hash of that. */
static bool password_fits(const char *password, const char *hash)
{
    auto_free struct crypt_data *data = xnew(struct crypt_data);
    const char *made = crypt_r(password, hash, data);
    size_t len = strlen(hash);
    bool fits = made && strlen(made) == len && CRYPTO_memcmp(made, hash, len) == 0;
    OPENSSL_cleanse(data, sizeof(*data));
    return fits;
}

/* ---- the file ---- */

static int line_parse(struct htpasswd *htpasswd, struct view line, size_t number, struct err *err)
{
    struct view user;
    while (line.len > 0 && strchr(" \t\r", line.at[line.len - 1]))
        line.len--;
    if (line.len == 0 || line.at[0] == '#')
        return 0;
    if (line.len > LINE_MAX_LEN || memchr(line.at, '\0', line.len) ||
        !view_cut(&line, ':', &user) || user.len == 0)
        return err_set(err, ERR_INVALID, "line %zu is not of the form user:hash", number);
    auto_free char *name = xstrndup(user.at, user.len);
    auto_free char *hash = xstrndup(line.at, line.len);
    if (!hash_is_good(hash)) {
        err_set(err, ERR_INVALID, "line %zu has a hash that is no bcrypt", number);
        return err_hint(err, "make it with htpasswd -B");
    }
    if (pairs_value(&htpasswd->entries, name))
        return err_set(err, ERR_INVALID, "line %zu has a user once more", number);
    if (htpasswd->entries.len == ENTRIES_MAX)
        return err_set(err, ERR_INVALID, "it has more than %d users", ENTRIES_MAX);
    pairs_put(&htpasswd->entries, name, hash);
    return 0;
}

int htpasswd_parse(const char *text, size_t len, struct htpasswd **ret_htpasswd, struct err *err)
{
    auto_drop(htpasswd) *htpasswd = xnew(struct htpasswd);
    struct view rest = { text, len };
    struct view line;
    bool more = true;
    for (size_t number = 1; more; number++) {
        more = view_cut(&rest, '\n', &line);
        if (line_parse(htpasswd, line, number, err) < 0)
            return -1;
    }
    if (htpasswd->entries.len == 0) {
        err_set(err, ERR_INVALID, "it has no users");
        return err_hint(err, "make one with htpasswd -B -c FILE USER");
    }
    *ret_htpasswd = take_ptr(htpasswd);
    return 0;
}

void htpasswd_free(struct htpasswd *htpasswd)
{
    if (!htpasswd)
        return;
    pairs_done(&htpasswd->entries);
    free(htpasswd);
}

bool htpasswd_check(const struct htpasswd *htpasswd, const char *user, const char *password)
{
    const char *hash = pairs_value(&htpasswd->entries, user);
    if (hash)
        return password_fits(password, hash);
    (void)password_fits(password, htpasswd->entries.at[0].value);
    return false;
}

/* ---- the header ---- */

bool basic_parse(const char *header, char **ret_user, char **ret_password)
{
    static const char scheme[] = "Basic ";
    auto_secret char *both = NULL;
    size_t len = 0;
    if (!header || strncasecmp(header, scheme, sizeof(scheme) - 1) != 0)
        return false;
    const char *encoded = header + sizeof(scheme) - 1;
    if (strlen(encoded) > CREDENTIALS_MAX ||
        !base64_decode(encoded, strlen(encoded), &both, &len) || strlen(both) != len)
        return false;
    const char *colon = strchr(both, ':');
    if (!colon)
        return false;
    *ret_user = xstrndup(both, (size_t)(colon - both));
    *ret_password = xstrdup(colon + 1);
    return true;
}
