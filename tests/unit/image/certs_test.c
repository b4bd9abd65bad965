/* SPDX-License-Identifier: Apache-2.0 */
#include "image/certs.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "user.h"

#define CERT(text) "-----BEGIN CERTIFICATE-----\n" text "\n-----END CERTIFICATE-----\n"
#define KEY(text)  "-----BEGIN EC PRIVATE KEY-----\n" text "\n-----END EC PRIVATE KEY-----\n"

static void load(const struct user *user, const char *directory, const char *host,
                 struct certs *certs)
{
    struct err err = {};
    cr_assert_eq(certs_load(&user->environment, directory, host, certs, &err), 0, "%s", err.text);
}

static void fails(const struct user *user, const char *directory, const char *words)
{
    struct certs certs = {};
    struct err err = {};
    cr_assert_lt(certs_load(&user->environment, directory, "a.io", &certs, &err), 0);
    cr_expect_not_null(strstr(err.text, words), "\"%s\" does not say \"%s\"", err.text, words);
    cr_expect_null(certs.ca);
    cr_expect_eq(certs.identities.len, 0);
}

Test(certs, none)
{
    auto_done(user) user;
    auto_done(certs) certs = {};
    user_init(&user);
    load(&user, NULL, "a.io", &certs);
    cr_expect_null(certs.ca);
    cr_expect_eq(certs.identities.len, 0);
}

Test(certs, first_directory_there_is)
{
    static const char *const places[] = { "etc/docker/certs.d/a.io:5000/x.crt",
                                          "etc/containers/certs.d/a.io:5000/x.crt",
                                          "home/.config/containers/certs.d/a.io:5000/x.crt" };
    auto_done(user) user;
    user_init(&user);
    for (size_t i = 0; i < array_size(places); i++) {
        auto_done(certs) certs = {};
        auto_free char *pem = xasprintf(CERT("%s"), places[i]);
        user_put(&user, places[i], pem);
        load(&user, NULL, "a.io:5000", &certs);
        cr_assert_not_null(certs.ca, "%s", places[i]);
        cr_expect_not_null(strstr(certs.ca, places[i]), "%s", certs.ca);
    }
    auto_done(certs) other = {};
    load(&user, NULL, "a.io", &other);
    cr_expect_null(other.ca);
}

Test(certs, all_of_a_directory)
{
    auto_done(user) user;
    auto_done(certs) certs = {};
    user_init(&user);
    user_put(&user, "certs/b.crt", CERT("second"));
    user_put(&user, "certs/a.crt", CERT("first"));
    user_put(&user, "certs/client.cert", CERT("mine"));
    user_put(&user, "certs/client.key", KEY("secret"));
    user_put(&user, "certs/another.cert", CERT("also mine"));
    user_put(&user, "certs/another.key", KEY("as secret"));
    user_put(&user, "certs/README", "not read");
    auto_free char *directory = user_path(&user, "certs");
    load(&user, directory, "a.io", &certs);
    cr_expect_str_eq(certs.ca, CERT("first") "\n" CERT("second") "\n");
    cr_assert_eq(certs.identities.len, 2);
    cr_expect_str_eq(certs.identities.at[0].cert, CERT("also mine"));
    cr_expect_str_eq(certs.identities.at[0].key, KEY("as secret"));
    cr_expect_str_eq(certs.identities.at[1].cert, CERT("mine"));
    cr_expect_str_eq(certs.identities.at[1].key, KEY("secret"));
}

Test(certs, what_is_missing_or_wrong)
{
    auto_done(user) user;
    user_init(&user);
    auto_free char *directory = user_path(&user, "certs");
    fails(&user, directory, "--cert-dir");
    user_put(&user, "certs/client.cert", CERT("mine"));
    fails(&user, directory, "certs/client.cert has no key: client.key is missing");
    user_put(&user, "certs/client.key", CERT("no key"));
    fails(&user, directory, "client.key has no PEM block");
    user_put(&user, "certs/client.key", KEY("secret"));
    user_put(&user, "certs/other.key", KEY("secret"));
    fails(&user, directory, "other.key has no certificate: other.cert is missing");
    user_remove(&user, "certs/other.key");
    for (int i = 0; i < 32; i++) {
        auto_free char *cert = xasprintf("certs/%d.cert", i);
        auto_free char *key = xasprintf("certs/%d.key", i);
        user_put(&user, cert, CERT("one of many"));
        user_put(&user, key, KEY("secret"));
    }
    fails(&user, directory, "more than 32 client certificates");
    user_remove(&user, "certs");
    user_put(&user, "certs/ca.crt", "\x30\x82");
    fails(&user, directory, "ca.crt has no PEM block");
    user_remove(&user, "certs/ca.crt");
    auto_free char *link = user_path(&user, "certs/ca.crt");
    cr_assert_eq(symlink("nowhere", link), 0);
    fails(&user, directory, "ca.crt leads nowhere");
}

Test(certs, sizes_are_bounded)
{
    auto_done(user) user;
    auto_done(str) large = {};
    user_init(&user);
    str_add(&large, CERT("x"));
    for (size_t i = 0; i < (2 << 20) / 16; i++)
        str_add(&large, "0123456789abcdef");
    user_put(&user, "certs/ca.crt", str_text(&large));
    auto_free char *directory = user_path(&user, "certs");
    fails(&user, directory, "ca.crt");
}
