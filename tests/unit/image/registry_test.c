/* SPDX-License-Identifier: Apache-2.0 */
#include "image/registry.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "user.h"

#define ALICE "YWxpY2U6c2VjcmV0"
#define BOB   "Ym9iOndpdGg6Y29sb25z"
#define CERT  "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"

#define CONF "etc/containers/registries.conf"

static struct registry_options options_of(const struct user *user)
{
    return (struct registry_options){ .environment = &user->environment };
}

/* The endpoints in one line, "NAME REPOSITORY [mirror] [insecure] [tags] [digests] [USER]; …". */
static char *told(const struct remote_setup *setup)
{
    auto_done(str) text = {};
    for (size_t i = 0; i < setup->endpoints.len; i++) {
        const struct remote_endpoint *at = &setup->endpoints.at[i];
        str_addf(&text, "%s%s %s%s%s%s%s%s%s", i > 0 ? "; " : "", at->name, at->repository,
                 at->mirror ? " mirror" : "", at->insecure ? " insecure" : "",
                 at->only_tags ? " tags" : "", at->only_digests ? " digests" : "",
                 at->username ? " " : "", at->username ? at->username : "");
    }
    return str_take(&text);
}

static char *set_up(const struct registry_options *options, const char *name,
                    enum registry_purpose purpose)
{
    auto_drop(reference) *reference = NULL;
    auto_done(remote_setup) setup = {};
    struct err err = {};
    cr_assert_eq(reference_parse(name, &reference, &err), 0);
    cr_assert_eq(registry_setup(options, reference, purpose, &setup, &err), 0, "%s: %s", name,
                 err.text);
    return told(&setup);
}

static void expect_setup(const struct registry_options *options, const char *name,
                         enum registry_purpose purpose, const char *expected)
{
    auto_free char *text = set_up(options, name, purpose);
    cr_expect_str_eq(text, expected, "%s: \"%s\", not \"%s\"", name, text, expected);
}

Test(registry, without_any_file)
{
    auto_done(user) user;
    auto_done(remote_setup) setup = {};
    auto_drop(reference) *reference = NULL;
    struct err err = {};
    user_init(&user);
    user.environment.http_proxy = "http://p:1";
    user.environment.https_proxy = "http://p:2";
    user.environment.no_proxy = "b.io";
    struct registry_options options = options_of(&user);
    cr_assert_eq(reference_parse("busybox", &reference, &err), 0);
    cr_assert_eq(registry_setup(&options, reference, REGISTRY_PULL, &setup, &err), 0, "%s",
                 err.text);
    cr_assert_eq(setup.endpoints.len, 1);
    cr_expect_str_eq(setup.endpoints.at[0].url, "https://registry-1.docker.io");
    cr_expect_str_eq(setup.endpoints.at[0].name, "docker.io");
    cr_expect_str_eq(setup.endpoints.at[0].repository, "library/busybox");
    cr_expect_str_eq(setup.http_proxy, "http://p:1");
    cr_expect_str_eq(setup.https_proxy, "http://p:2");
    cr_expect_str_eq(setup.no_proxy, "b.io");
    cr_expect_not(setup.push);

    /* It is what ruche-remote takes. */
    auto_done(str) json = {};
    auto_done(remote_setup) again = {};
    remote_setup_format(&setup, &json);
    cr_assert_eq(remote_setup_parse(str_text(&json), json.len, &again, &err), 0, "%s", err.text);
    expect_setup(&options, "a.io:5000/x/y:1", REGISTRY_PUSH, "a.io:5000 x/y");
}

Test(registry, mirrors_and_rewrites_are_for_pulls)
{
    auto_done(user) user;
    user_init(&user);
    user_put(&user, CONF,
             "[[registry]]\nprefix = 'a.io/x'\nlocation = 'b.io/y'\ninsecure = true\n"
             "[[registry.mirror]]\nlocation = 'm.io:5000/cache'\ninsecure = true\n"
             "[[registry.mirror]]\nlocation = 'n.io'\npull-from-mirror = 'digest-only'\n"
             "[[registry.mirror]]\nlocation = 'docker.io/o'\npull-from-mirror = 'tag-only'\n"
             "[[registry]]\nlocation = 'c.io'\nmirror-by-digest-only = true\n"
             "[[registry.mirror]]\nlocation = 'm.io'\n"
             "[[registry]]\nprefix = '*.d.io'\ninsecure = true\n");
    struct registry_options options = options_of(&user);
    expect_setup(&options, "a.io/x/app:1", REGISTRY_PULL,
                 "m.io:5000 cache/app mirror insecure; n.io app mirror digests; "
                 "docker.io o/app mirror tags; b.io y/app insecure");
    expect_setup(&options, "a.io/x/app:1", REGISTRY_PUSH, "a.io x/app insecure");
    expect_setup(&options, "a.io/other", REGISTRY_PULL, "a.io other");
    expect_setup(&options, "c.io/x", REGISTRY_PULL, "m.io x mirror digests; c.io x");
    expect_setup(&options, "q.d.io/x", REGISTRY_PULL, "q.d.io x insecure");
}

Test(registry, tls_verify_goes_before_files)
{
    auto_done(user) user;
    user_init(&user);
    user_put(&user, CONF,
             "[[registry]]\nlocation = 'a.io'\ninsecure = true\n"
             "[[registry.mirror]]\nlocation = 'm.io'\n");
    struct registry_options options = options_of(&user);
    expect_setup(&options, "a.io/x", REGISTRY_PULL, "m.io x mirror; a.io x insecure");
    options.tls_verify = (struct maybe_bool){ .set = true, .value = true };
    expect_setup(&options, "a.io/x", REGISTRY_PULL, "m.io x mirror; a.io x");
    options.tls_verify.value = false;
    expect_setup(&options, "a.io/x", REGISTRY_PULL, "m.io x mirror insecure; a.io x insecure");
    expect_setup(&options, "b.io/x", REGISTRY_PULL, "b.io x insecure");
}

Test(registry, credentials_go_to_their_own_registry)
{
    auto_done(user) user;
    user_init(&user);
    user_put(&user, CONF,
             "[[registry]]\nprefix = 'a.io'\nlocation = 'b.io/deep'\n"
             "[[registry.mirror]]\nlocation = 'm.io'\n");
    user_put(&user, "home/.docker/config.json",
             "{\"auths\":{\"a.io\":{\"auth\":\"" BOB "\"},\"b.io/deep/x\":{\"auth\":\"" ALICE "\"},"
             "\"b.io\":{\"auth\":\"" BOB "\"}}}");
    struct registry_options options = options_of(&user);
    expect_setup(&options, "a.io/x", REGISTRY_PULL, "m.io x mirror; b.io deep/x alice");
    expect_setup(&options, "a.io/y", REGISTRY_PULL, "m.io y mirror; b.io deep/y bob");
    expect_setup(&options, "a.io/y", REGISTRY_PUSH, "a.io y bob");
    options.creds = "carol:with:colons";
    expect_setup(&options, "a.io/x", REGISTRY_PULL, "m.io x mirror; b.io deep/x carol");
    options.creds = "dan";
    expect_setup(&options, "c.io/x", REGISTRY_PULL, "c.io x dan");
}

Test(registry, password_of_creds)
{
    auto_done(user) user;
    auto_done(remote_setup) setup = {};
    struct err err = {};
    user_init(&user);
    struct registry_options options = options_of(&user);
    options.creds = "carol:with:colons";
    cr_assert_eq(registry_setup_host(&options, "a.io:5000", &setup, &err), 0, "%s", err.text);
    cr_expect_str_eq(setup.endpoints.at[0].username, "carol");
    cr_expect_str_eq(setup.endpoints.at[0].password, "with:colons");
    cr_expect_str_eq(setup.endpoints.at[0].url, "https://a.io:5000");
    cr_expect_str_eq(setup.endpoints.at[0].repository, "");
}

Test(registry, certificates)
{
    auto_done(user) user;
    auto_done(remote_setup) setup = {};
    auto_drop(reference) *reference = NULL;
    struct err err = {};
    user_init(&user);
    user_put(&user, "etc/docker/certs.d/a.io:5000/ca.crt", CERT);
    user_put(&user, CONF,
             "[[registry]]\nlocation = 'b.io'\n[[registry.mirror]]\nlocation = 'a.io:5000'\n");
    struct registry_options options = options_of(&user);
    cr_assert_eq(reference_parse("b.io/x", &reference, &err), 0);
    cr_assert_eq(registry_setup(&options, reference, REGISTRY_PULL, &setup, &err), 0, "%s",
                 err.text);
    cr_expect_not_null(setup.endpoints.at[0].ca);
    cr_expect_null(setup.endpoints.at[1].ca);
}

Test(registry, blocked)
{
    auto_done(user) user;
    user_init(&user);
    user_put(&user, CONF,
             "[[registry]]\nlocation = 'a.io/bad'\nblocked = true\n"
             "[[registry]]\nlocation = 'b.io'\nblocked = true\n");
    struct registry_options options = options_of(&user);
    static const char *const names[] = { "a.io/bad/x", "a.io/bad:1", "b.io/x", "b.io:443/x" };
    for (size_t i = 0; i < array_size(names); i++) {
        for (int purpose = REGISTRY_PULL; purpose <= REGISTRY_PUSH; purpose++) {
            auto_drop(reference) *reference = NULL;
            struct remote_setup setup = {};
            struct err err = {};
            cr_assert_eq(reference_parse(names[i], &reference, &err), 0);
            cr_assert_lt(registry_setup(&options, reference, purpose, &setup, &err), 0, "%s",
                         names[i]);
            cr_expect_eq(err.kind, ERR_DENIED);
            cr_expect_not_null(strstr(err.text, CONF), "%s", err.text);
            cr_expect_null(setup.endpoints.at);
        }
    }
    expect_setup(&options, "a.io/good", REGISTRY_PULL, "a.io good");
    struct remote_setup setup = {};
    struct err err = {};
    cr_expect_lt(registry_setup_host(&options, "b.io/ns", &setup, &err), 0);
}

Test(registry, places)
{
    static const struct {
        const char *text, *place;
    } rows[] = {
        { "a.io", "a.io" },
        { "a.io/", "a.io" },
        { "localhost", "localhost" },
        { "localhost:5000", "localhost:5000" },
        { "a.io:5000/ns/app", "a.io:5000/ns/app" },
        { "a.io/ns/", "a.io/ns" },
        { "https://a.io:5000/v2/", "a.io:5000" },
        { "http://a.io", "a.io" },
        { "docker.io", "docker.io" },
        { "index.docker.io", "docker.io" },
        { "registry-1.docker.io", "docker.io" },
        { "https://index.docker.io/v1/", "docker.io" },
        { "docker.io/me", "docker.io/me" },
        { "127.0.0.1:5000", "127.0.0.1:5000" },
        { "[::1]:5000", "[::1]:5000" },
    };
    static const char *const bad[] = { "",          "busybox",   "me/app",     "a.io/x:tag",
                                       "a.io/../x", "a.io:x",    "ftp://a.io", "https://",
                                       "a b.io",    "user@a.io", "a.io/@x",    "/",
                                       "..",        "a.io//x",   "a.io/UP" };
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_free char *place = NULL;
        struct err err = {};
        cr_assert_eq(registry_place(rows[i].text, &place, &err), 0, "%s: %s", rows[i].text,
                     err.text);
        cr_expect_str_eq(place, rows[i].place);
    }
    for (size_t i = 0; i < array_size(bad); i++) {
        char *place = NULL;
        struct err err = {};
        cr_expect_lt(registry_place(bad[i], &place, &err), 0, "\"%s\" is the place %s", bad[i],
                     place);
        cr_expect_null(place);
    }
}

Test(registry, resolves_by_the_users_files)
{
    auto_done(user) user;
    auto_done(strings) candidates = {};
    struct err err = {};
    user_init(&user);
    user_put(&user, CONF, "unqualified-search-registries = ['a.io']");
    struct registry_options options = options_of(&user);
    cr_assert_eq(registry_resolve(&options, "app", &candidates, &err), 0, "%s", err.text);
    cr_expect_str_eq(candidates.at[0], "a.io/app:latest");
}

Test(registry, logs_in_and_out)
{
    auto_done(user) user;
    user_init(&user);
    struct registry_options options = options_of(&user);
    auto_free char *name = NULL;
    auto_free char *where = NULL;
    struct err err = {};
    cr_expect_eq(registry_login_find(&options, "a.io", &name, &err), 0);
    cr_assert_eq(registry_login_save(&options, "a.io", "alice", "secret", &where, &err), 0, "%s",
                 err.text);
    cr_expect(text_ends(where, "run/containers/0/auth.json"), "%s", where);
    cr_assert_eq(registry_login_find(&options, "a.io", &name, &err), 1);
    cr_expect_str_eq(name, "alice");
    expect_setup(&options, "a.io/x", REGISTRY_PULL, "a.io x alice");
    cr_expect_eq(registry_logout(&options, "a.io", &err), 1);
    cr_expect_eq(registry_logout(&options, "a.io", &err), 0);
}

Test(registry, logout_tells_of_files_it_does_not_write)
{
    auto_done(user) user;
    user_init(&user);
    user_put(&user, "home/.docker/config.json", "{\"auths\":{\"a.io\":{\"auth\":\"" BOB "\"}}}");
    struct registry_options options = options_of(&user);
    struct err err = {};
    cr_expect_lt(registry_logout(&options, "a.io", &err), 0);
    cr_expect_eq(err.kind, ERR_CONFLICT);
    cr_expect_not_null(strstr(err.text, ".docker/config.json"), "%s", err.text);
    auto_free char *path = user_path(&user, "home/.docker/config.json");
    options.authfile = path;
    cr_expect_eq(registry_logout(&options, "a.io", &err), 1, "%s", err.text);
    auto_free char *absent = user_path(&user, "absent");
    options.authfile = absent;
    cr_expect_lt(registry_logout(&options, "a.io", &err), 0);
}

/* ---- the environment ---- */

Test(registry, environment)
{
    static const char *const names[] = { "HOME",          "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR",
                                         "http_proxy",    "HTTP_PROXY",      "https_proxy",
                                         "HTTPS_PROXY",   "no_proxy",        "NO_PROXY",
                                         "REQUEST_METHOD" };
    struct registry_environment environment;
    for (size_t i = 0; i < array_size(names); i++)
        cr_assert_eq(unsetenv(names[i]), 0);
    registry_environment_read(&environment);
    cr_expect_str_eq(environment.etc, "/etc");
    cr_expect_null(environment.home);
    cr_expect_null(environment.http_proxy);
    cr_assert_eq(setenv("HOME", "relative", 1), 0);
    cr_assert_eq(setenv("XDG_CONFIG_HOME", "", 1), 0);
    cr_assert_eq(setenv("HTTP_PROXY", "http://upper", 1), 0);
    cr_assert_eq(setenv("HTTPS_PROXY", "http://upper-s", 1), 0);
    cr_assert_eq(setenv("NO_PROXY", "upper", 1), 0);
    registry_environment_read(&environment);
    cr_expect_null(environment.home);
    cr_expect_null(environment.config_home);
    cr_expect_str_eq(environment.http_proxy, "http://upper");
    cr_expect_str_eq(environment.https_proxy, "http://upper-s");
    cr_expect_str_eq(environment.no_proxy, "upper");
    cr_assert_eq(setenv("http_proxy", "http://lower", 1), 0);
    cr_assert_eq(setenv("no_proxy", "lower", 1), 0);
    registry_environment_read(&environment);
    cr_expect_str_eq(environment.http_proxy, "http://lower");
    cr_expect_str_eq(environment.no_proxy, "lower");
    /* In a CGI program HTTP_PROXY is what a client sent as a header. */
    cr_assert_eq(unsetenv("http_proxy"), 0);
    cr_assert_eq(setenv("REQUEST_METHOD", "GET", 1), 0);
    registry_environment_read(&environment);
    cr_expect_null(environment.http_proxy);
}
